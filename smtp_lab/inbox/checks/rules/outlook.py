"""What Outlook packs up so that only Outlook can open it."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_TYPES = {"application/ms-tnef", "application/vnd.ms-tnef"}


@rule("tnef-attached", "warning", "Files are hidden in a winmail.dat", "Microsoft, MS-OXTNEF")
def tnef_attached(mail: Mail) -> Iterator[Hit]:
    """Other programs show a file winmail.dat, and neither formatting nor the files in it."""
    for file in mail.message.attachments:
        if file.type in _TYPES or file.name.strip().lower() == "winmail.dat":
            why = f"{file.name[:60] or file.type!r} can be opened by Outlook alone"
            yield Hit("attachments", why, "send it as HTML or plain text, not as rich text")
