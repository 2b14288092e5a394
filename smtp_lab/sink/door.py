"""What the connections through one of the sink's two ports share."""

from __future__ import annotations

import ssl
from typing import Any

from smtp_lab.archive.writer import Writer
from smtp_lab.sink.credentials import Credentials

__all__ = ("Door",)


class Door:
    """One way into the sink, and what every connection through it shares.

    Args:
        name: ``starttls`` or ``implicit``.
        context: The TLS context: offered after STARTTLS, or spoken from the first byte.
        credentials: Who may log in.
        login_required: Whether mail is refused without a login.
        max_size: Largest message, in octets.
        archive: Writes what comes through.
    """

    def __init__(  # noqa: PLR0913  # one value for each thing a door shares
        self,
        name: str,
        context: ssl.SSLContext,
        credentials: Credentials,
        *,
        login_required: bool,
        max_size: int,
        archive: Writer,
    ) -> None:
        self.name, self.context, self.credentials = name, context, credentials
        self.login_required, self.max_size, self.archive = login_required, max_size, archive
        self.open: set[Any] = set()

    @property
    def implicit(self) -> bool:
        """Whether TLS is spoken from the first byte."""
        return self.name == "implicit"
