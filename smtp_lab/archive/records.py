"""What an archive holds: messages, and the connections they came over."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

__all__ = ("StoredMessage", "StoredSession", "from_micros", "micros", "session_id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware *moment*."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The moment, in UTC, that `micros` turned into *value*."""
    return _EPOCH + timedelta(microseconds=value)


def session_id() -> str:
    """A new id for a session: 32 hexadecimal digits that begin with the time.

    Ids made one after the other lie beside each other in an index, so that it costs the same to add
    one to a million as to a thousand (the reason for UUID version 7 too, RFC 9562 section 5.7).
    """
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


@dataclass
class StoredSession:
    """One connection to a sink, or one look into a mailbox, whether or not a message came of it.

    Attributes:
        id: 32 hexadecimal digits, as `session_id` gives them.
        started_at: When the client connected, in UTC.
        ended_at: When the connection ended, or None while it lasts.
        door: ``starttls``, ``implicit`` or ``plain``: which of the sink's ports it came through;
            ``graph`` for what was fetched from a mailbox.
        peer: Address and port of the client, or the host mail was fetched from.
        ehlo: The name the client gave itself.
        tls_version: Such as ``TLSv1.3``; empty when the connection was never encrypted. How mail
            travelled before it was fetched is not known.
        tls_cipher: The cipher, or empty.
        login: The user name of the last login, or empty.
        mechanism: The mechanism of the last login, or empty.
        login_ok: Whether the last login was accepted; None when there was none.
        transcript: The dialogue as `Transcript.to_dict` gives it. When it is stored, ``first`` says
            which line the ``lines`` begin with: those before it are stored already. They may be
            `Line` objects then, or the JSON of each as the tables keep it.
    """

    id: str
    started_at: datetime
    door: str
    peer: str
    ended_at: datetime | None = None
    ehlo: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    login: str = ""
    mechanism: str = ""
    login_ok: bool | None = None
    transcript: dict[str, Any] = field(default_factory=dict)


@dataclass
class StoredMessage:
    """One message as it came over the wire.

    Attributes:
        raw: The bytes between ``354`` and the final dot, dot-stuffing undone, nothing else changed;
            or what a mailbox gave.
        mail_from: The envelope sender, empty for the null sender ``<>`` and where it is not known.
        rcpt_to: The envelope recipients in the order they were given, or the mailbox.
        mail_options: Parameters of MAIL FROM, such as ``BODY=8BITMIME``, ``SIZE=80``, ``RET=HDRS``.
        rcpt_options: Parameters of RCPT TO, such as ``NOTIFY=NEVER``, for each recipient in turn.
        received_at: When the last byte had arrived, or the mailbox had got it, in UTC.
        session: The connection it came over.
        id: Its number in the archive; 0 before it is stored.
        size: Its length in octets.
        lines: How many lines of the dialogue lead up to it, the answer to it included.
        mailboxes: Those it is stored in; what is read from an archive has none, see
            `Archive.mailboxes`.
        tags: Those it is stored with; what is read has none, see `Archive.tags`.
    """

    raw: bytes
    mail_from: str
    rcpt_to: tuple[str, ...]
    received_at: datetime
    session: StoredSession
    mail_options: tuple[str, ...] = ()
    rcpt_options: tuple[tuple[str, ...], ...] = ()
    id: int = 0
    size: int = 0
    lines: int = 0
    mailboxes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @cached_property
    def flags(self) -> frozenset[str]:
        """What is odd about the octets, none of which was changed.

        ``bare_cr``, ``bare_lf``: a CR or LF that is no line end (RFC 5321 section 2.3.8), as used
        to smuggle mail; ``nul``; ``long_line``: more than 1,000 octets (section 4.5.3.1.6).
        """
        found = {"nul"} if b"\0" in self.raw else set()
        pairs = self.raw.count(b"\r\n")
        found |= {"bare_cr"} if self.raw.count(b"\r") > pairs else set()
        found |= {"bare_lf"} if self.raw.count(b"\n") > pairs else set()
        return frozenset(found | ({"long_line"} if _has_long_line(self.raw) else set()))


def _has_long_line(raw: bytes) -> bool:
    start = 0
    while len(raw) - start > 1000:
        start = raw.rfind(b"\n", start, start + 1000) + 1
        if not start:
            return True
    return False
