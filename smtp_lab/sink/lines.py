"""What a client has sent and nobody has looked at yet."""

from __future__ import annotations

__all__ = ("LONGEST", "TOO_LONG", "Lines")

LONGEST = 12_288
"""Octets of any line without its end: what AUTH may need (RFC 4954 section 4)."""

TOO_LONG = b"\n"
"""Stands for a line that was too long to be kept."""


class Lines:
    """Octets that wait, given out as lines or as pieces of a message.

    Attributes:
        held: They.
        skipping: Whether the rest of a line that is too long is still to come.
    """

    def __init__(self) -> None:
        self.held = bytearray()
        self.skipping = False

    def __len__(self) -> int:
        return len(self.held)

    def __bool__(self) -> bool:
        return self.skipping or bool(self.held)

    def add(self, data: bytes) -> None:
        """Put *data* behind what waits."""
        self.held += data

    def put_back(self, data: bytes) -> None:
        """Put *data* in front of what waits."""
        self.held[:0] = data

    def clear(self) -> None:
        """Forget all of it."""
        self.held.clear()
        self.skipping = False

    def line(self) -> bytes | None:
        """The next line, its end included; None when there is no whole one yet; or `TOO_LONG`."""
        end = self.held.find(b"\n")
        if end < 0:
            if len(self.held) > LONGEST + 1:  # one for a CR
                self.held.clear()
                self.skipping = True
            return None
        line = bytes(self.held[: end + 1])
        del self.held[: end + 1]
        if self.skipping or len(line.rstrip(b"\r\n")) > LONGEST:
            self.skipping = False
            return TOO_LONG
        return line

    def piece(self) -> bytes:
        """What belongs to the message that comes, as far as it can be told from here."""
        end = self.held.find(b"\r\n.\r\n")
        piece = bytes(self.held[: end + 5] if end >= 0 else self.held)
        del self.held[: len(piece)]
        return piece
