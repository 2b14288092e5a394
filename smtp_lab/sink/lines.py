"""What a client has sent and nobody has looked at yet."""

from __future__ import annotations

__all__ = ("LONGEST", "TOO_LONG", "Lines")

LONGEST = 12_288
"""Octets of any line without its end: what AUTH may need (RFC 4954 section 4)."""

TOO_LONG = b"\n"
"""Stands for a line that was too long to be kept."""


class Lines:
    """Octets that wait, given out as lines or as pieces of a message."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False  # the rest of a line that is too long

    def __len__(self) -> int:
        return len(self._held)

    def __bool__(self) -> bool:
        return self._skipping or bool(self._held)

    def add(self, data: bytes) -> None:
        """Put *data* behind what waits."""
        self._held += data

    def put_back(self, data: bytes) -> None:
        """Put *data* in front of what waits."""
        self._held[:0] = data

    def clear(self) -> None:
        """Forget all of it."""
        self._held.clear()
        self._skipping = False

    def line(self) -> bytes | None:
        """The next line, its end included; None when there is no whole one yet; or `TOO_LONG`."""
        end = self._held.find(b"\n")
        if end < 0:
            if len(self._held) > LONGEST + 1:  # one for a CR
                self._held.clear()
                self._skipping = True
            return None
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        if self._skipping or len(line.rstrip(b"\r\n")) > LONGEST:
            self._skipping = False
            return TOO_LONG
        return line

    def piece(self) -> bytes:
        """What belongs to the message that comes, as far as it can be told from here."""
        end = self._held.find(b"\r\n.\r\n")
        piece = bytes(self._held[: end + 5] if end >= 0 else self._held)
        del self._held[: len(piece)]
        return piece
