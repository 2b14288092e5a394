"""Calendar objects as RFC 5545 wants their lines."""

from __future__ import annotations

import re

__all__ = ("as_calendar", "method_of")


def as_calendar(text: str) -> str:
    """*text* without blank lines, each line folded to 75 octets (RFC 5545 section 3.1)."""
    lines = (_folded(line) for line in text.splitlines() if line.strip())
    return "\r\n".join(lines) + "\r\n"


def method_of(text: str) -> str:
    """The METHOD of the calendar object *text*: ``REQUEST`` asks for an answer."""
    found = re.search(r"^METHOD:([A-Z]+)\s*$", text, re.MULTILINE)
    return found[1] if found else "PUBLISH"


def _folded(line: str) -> str:
    """*line* in pieces of at most 75 octets, none of which cuts a character in two."""
    pieces, piece, size = [], "", 0
    for char in line:
        width = len(char.encode())
        if size + width > 75:
            pieces.append(piece)
            piece, size = " ", 1
        piece += char
        size += width
    return "\r\n".join([*pieces, piece])
