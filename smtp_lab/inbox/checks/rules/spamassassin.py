"""SpamAssassin's opinion, when it is installed and asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_SECONDS = 60
_MOST = 5_000_000  # octets
_LINE = re.compile(
    r"^\s{0,3}(-?\d{1,4}(?:\.\d)?)\s+([A-Z][A-Z0-9_]{2,60})\s+(.{0,200})$", re.MULTILINE
)


@rule(
    "spamassassin",
    "warning",
    "SpamAssassin counts something against it (with spamassassin=True)",
    "https://spamassassin.apache.org",
)
def spamassassin(mail: Mail) -> Iterator[Hit]:
    """Local tests only: nothing is asked of the network."""
    if not mail.options.spamassassin:
        return
    program = shutil.which("spamassassin")
    if program is None:
        yield Hit(
            "message", "spamassassin is not installed", "on Debian: apt-get install spamassassin"
        )
        return
    if mail.message.size > _MOST:
        yield Hit("message", f"it is larger than {_MOST:,} octets and was not asked about", "")
        return
    try:
        done = subprocess.run(  # noqa: S603  # its own program, the mail on its input
            [program, "--local", "--test-mode"],
            input=mail.raw,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Hit("message", f"spamassassin did not answer ({type(error).__name__})", "")
        return
    report = done.stdout.decode("utf-8", "replace").rpartition("Content analysis details:")[2]
    for points, name, text in _LINE.findall(report):
        if float(points) > 0:
            yield Hit(
                "message", f"{points} points, {name}: {text.strip()}", "see its documentation"
            )
