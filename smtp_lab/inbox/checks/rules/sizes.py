"""Sizes beyond which a mail is cut or refused."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_CLIPPED = 102 * 1024
_REFUSED = 25 * 1024 * 1024


@rule(
    "gmail-clipping",
    "warning",
    "Gmail cuts the HTML off",
    "https://github.com/hteumeuleu/email-bugs/issues/41",
)
def gmail_clipping(mail: Mail) -> Iterator[Hit]:
    """At 102 KiB; what is behind, often the footer, hides behind a link."""
    html = mail.message.html
    size = len(html.encode("utf-8", "replace")) if len(html) * 4 > _CLIPPED else 0
    if size > _CLIPPED:
        why = f"it has {size:,} octets, and Gmail shows {_CLIPPED:,}"
        yield Hit("HTML", why, "take out what is not needed: comments, unused styles, data: images")


@rule(
    "message-large",
    "warning",
    "It is larger than most servers take",
    "https://support.google.com/mail/answer/6584",
)
def message_large(mail: Mail) -> Iterator[Hit]:
    """25 MiB as it travels, base64 and all."""
    if mail.message.size > _REFUSED:
        why = f"it has {mail.message.size:,} octets; many servers take {_REFUSED:,}"
        yield Hit("message", why, "link to the files instead")
