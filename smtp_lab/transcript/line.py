"""One line of a dialogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ("REPLY", "Direction", "Line", "printable")

Direction = Literal["C", "S", "*"]
"""Who spoke: the client, the server, or ``*`` for a note about the connection itself."""

REPLY = re.compile(r"[2-5][0-9]{2}[ -]")
"""How a line of a reply begins."""

# C0 and C1 controls, and the characters that turn the direction of text around.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Make *text* safe for a terminal or a log line: control characters become ``\\xNN``."""
    return _UNPRINTABLE.sub(
        lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a dialogue.

    Attributes:
        direction: ``C`` client to server, ``S`` server to client, ``*`` a note.
        text: What was said, secrets masked, without the line end.
        stage: ``oauth``, ``connect``, ``greeting``, ``ehlo``, ``starttls``, ``tls``, ``auth``,
            ``mail``, ``rcpt``, ``data`` or ``quit``.
        at: Seconds since the dialogue began.
        tls: Whether the line travelled encrypted.
    """

    direction: Direction
    text: str
    stage: str
    at: float
    tls: bool = False
