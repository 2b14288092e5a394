"""What the connections through one of the sink's two ports share."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.sink.credentials import Credentials

__all__ = ("Door",)

Keep = Callable[[StoredMessage | StoredSession], "Future[int]"]
"""Hands something to the archive's writer."""


class Door:
    """One way into the sink, and what every connection through it shares.

    Args:
        name: ``starttls`` or ``implicit``.
        context: The TLS context: offered after STARTTLS, or spoken from the first byte.
        credentials: Who may log in.
        login_required: Whether mail is refused without a login.
        max_size: Largest message, in octets.
        keep: Hands messages and sessions to the archive.
    """

    def __init__(  # noqa: PLR0913  # one value for each thing a door shares
        self,
        name: str,
        context: ssl.SSLContext,
        credentials: Credentials,
        *,
        login_required: bool,
        max_size: int,
        keep: Keep,
    ) -> None:
        self.name, self.context, self.credentials = name, context, credentials
        self.login_required, self.max_size, self.keep = login_required, max_size, keep
        self.open: set[Any] = set()

    @property
    def implicit(self) -> bool:
        """Whether TLS is spoken from the first byte."""
        return self.name == "implicit"
