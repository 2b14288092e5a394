"""What follows DATA or BDAT: collected in large pieces, and looked at once."""

from __future__ import annotations

import re

__all__ = ("Chunks", "Dotted", "header_exceeds")

# Expressions, which find a line end and a dot in half the time that bytes.find takes.
_DOT, _END = re.compile(rb"\r\n\."), re.compile(rb"\r\n\.\r\n")
_ENDING = 5  # octets of the end
# Lines that can stand in a header: a name and a colon, or the continuation of a line.
_HEADER = re.compile(rb"(?>(?:[!-9;-~]+[ \t]*:|[ \t])[^\n]*(?:\n|\Z))*+")


class Dotted:
    """The message after DATA, up to the dot.

    Only CR LF dot CR LF ends it (RFC 5321 section 4.1.1.4): anything looser lets one message
    smuggle in another. Bare CR and LF are kept as they came.

    Args:
        most: Octets a message may have; of a larger one nothing is kept.
    """

    ready = False  # nothing but its end says that it is complete

    def __init__(self, most: int) -> None:
        self._most = most
        self._enough = most + _ENDING  # octets, all else being no stuffed dots
        # The CR LF in front makes a dot in the first line an end like any other.
        self._held = bytearray(b"\r\n")
        self._stuffed = False  # there may be a dot to be taken out
        self._dropped = False

    def __len__(self) -> int:
        return len(self._held) - 2

    def feed(self, data: bytes) -> bytes | None:
        """Take *data*; give what follows the end of the message, or None before that."""
        held = self._held
        start = max(0, len(held) - _ENDING + 1)
        held += data
        dot = _DOT.search(held, start)
        end = _END.search(held, dot.start()) if dot else None
        if dot and end:
            self._stuffed |= dot.start() < end.start()
            rest = bytes(held[end.end() :])
            del held[end.start() + 2 :]
            return rest
        self._stuffed |= dot is not None
        if self._dropped or (len(held) > self._enough and self._too_large()):
            self.drop()
        return None

    def _too_large(self) -> bool:
        # Counted anew only when as many octets are there as the dots counted before allow.
        self._enough = self._most + self._held.count(b"\r\n.") + _ENDING
        return len(self._held) > self._enough

    def drop(self) -> None:
        """Keep nothing of it: it is read to its end, and that is all."""
        self._dropped = True
        del self._held[: 1 - _ENDING]

    def message(self) -> bytes | None:
        """The message, dot-stuffing undone; None when it was larger than allowed, or dropped."""
        held, self._held = self._held, bytearray(b"\r\n")
        if self._dropped:
            return None
        if self._stuffed:
            held = held.replace(b"\r\n.", b"\r\n")
        # Freed before it is copied, a large message is in memory twice and not three times.
        found = bytes(memoryview(held)[2:])
        return found if len(found) <= self._most else None


class Chunks:
    """The message after BDAT: pieces of announced length, nothing in them special (RFC 3030).

    Args:
        most: Octets a message may have; of a larger one nothing is kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self._wanted = 0
        self._dropped = False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def ready(self) -> bool:
        """Whether the piece that was announced is there."""
        return not self._wanted

    @property
    def dropped(self) -> bool:
        """Whether it is larger than allowed, or was dropped."""
        return self._dropped

    def expect(self, octets: int) -> None:
        """Say that the next piece has *octets*."""
        self._wanted = octets
        if len(self._held) + octets > self._most:
            self.drop()

    def feed(self, data: bytes) -> bytes | None:
        """Take *data*; give what follows the piece, or None before its end."""
        piece, rest = data[: self._wanted], data[self._wanted :]
        self._wanted -= len(piece)
        if not self._dropped:
            self._held += piece
        return None if self._wanted else rest

    def drop(self) -> None:
        """Keep nothing of it: it is read to its end, and that is all."""
        self._dropped = True
        self._held.clear()

    def message(self) -> bytes | None:
        """All pieces in one; None when they were larger than allowed, or dropped."""
        held, self._held = self._held, bytearray()
        return None if self._dropped else bytes(held)


def header_exceeds(raw: bytes, most: int) -> bool:
    """Whether the header of *raw* has more than *most* octets.

    It ends where a line cannot belong to one: a message without a header is all body.
    """
    if len(raw) <= most:
        return False
    # A little further, so that the name of a field that begins before the limit is seen whole.
    found = _HEADER.match(raw, 0, most + 1_000)
    return found is not None and found.end() > most
