"""Commands as nearly everyone writes them, read at a glance."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ("ADDRESS", "Seen", "glance")

_LONGEST = 400  # octets of a line: a thousand of them are remembered
# Else a line may hold a password, which is not to be remembered.
_BEGIN = frozenset((b"MAIL ", b"mail ", b"RCPT ", b"rcpt ", b"DATA\r", b"data\r"))

ADDRESS = (
    r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>"
)
"""An address as nearly everyone writes it; nothing in it needs quotes or a backslash."""

_LINE = re.compile(
    rf"(?:(MAIL) (FROM: ?{ADDRESS}((?: [A-Z0-9=.,+:;@-]+)*))"
    rf"|(RCPT) (TO: ?{ADDRESS}((?: [A-Z0-9=.,+:;@-]+)*))"
    r"|(DATA))\r\n\Z",
    re.IGNORECASE | re.ASCII,
)


class Seen(NamedTuple):
    """A command that was read.

    Attributes:
        verb: ``MAIL``, ``RCPT`` or ``DATA``.
        address: The sender or recipient, else empty.
        given: The parameters behind it, as they were written.
        noted: The line, in capitals only the verb; it is printable, without quotes and backslashes.
    """

    verb: str
    address: str
    given: str
    noted: str


def glance(line: bytes) -> Seen | None:
    """What *line* says, if that can be told at a glance; its end is part of it."""
    return _read(line) if line[:5] in _BEGIN and len(line) <= _LONGEST else None


# Senders and recipients come again and again, and one DATA is like another.
@lru_cache(1024)
def _read(line: bytes) -> Seen | None:
    found = _LINE.match(line.decode("latin-1"))
    if found is None:
        return None
    if found[1]:
        return Seen("MAIL", found[3], found[4], f"MAIL {found[2]}")
    if found[5]:
        return Seen("RCPT", found[7], found[8], f"RCPT {found[6]}")
    return Seen("DATA", "", "", "DATA")
