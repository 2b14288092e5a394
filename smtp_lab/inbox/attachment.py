"""A file in a captured message."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from smtp_lab.inbox.files import safe_name, save_all

__all__ = ("Attachment",)


@dataclass(frozen=True)
class Attachment:
    """A part of a message that is a file rather than its text.

    Attributes:
        name: As the sender wrote it, made printable; do not use it as a path.
        type: Such as ``image/png``.
        content: The decoded bytes.
        content_id: What ``cid:`` links in the HTML call it, or empty.
        inline: Whether it belongs to the HTML rather than beside it.
        written: Its name as it came, with marks that turn text around or are not seen; not to be
            shown.
    """

    name: str
    type: str
    content: bytes
    content_id: str = ""
    inline: bool = False
    written: str = field(default="", repr=False)

    @property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return sha256(self.content).hexdigest()

    def save(self, folder: str | Path) -> Path:
        """Write it into *folder* under a safe name, and give the file; see `save_attachments`.

        Raises:
            InputError: The folder cannot be written.
        """
        return save_all([(self.safe_name, self.type, self.content)], folder)[0]

    @property
    def safe_name(self) -> str:
        """A name for a file: never empty, a path, hidden, or reserved on Windows."""
        return safe_name(self.written or self.name, self.type)

    def __repr__(self) -> str:
        return f"<Attachment {self.name!r} {self.type} {len(self.content):,} octets>"
