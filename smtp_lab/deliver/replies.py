"""What both ways of talking to a server share: replies read within bounds, dots doubled."""

from __future__ import annotations

import re

__all__ = ("EndlessReplyError", "NoReplyError", "Replies", "Reply", "stuffed")

_MAX_LINE = 8_192  # octets; RFC 5321 section 4.5.3.1.5 asks for 512
_MAX_REPLY = 65_536
_MAX_LINES = 1_000  # of one reply
_CODE = re.compile(rb"[2-5][0-9]{2}(?=[ -]|\r?\Z)")

Reply = tuple[int, bytes]
"""A code and the whole answer, its lines joined by line feeds."""


class NoReplyError(Exception):
    """A line that is no reply; `args` holds it."""


class EndlessReplyError(Exception):
    """A line, or a reply, without an end in sight."""


class Replies:
    """Puts what a server says together to replies (RFC 5321 section 4.2)."""

    __slots__ = ("_lines", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def rest(self) -> bytes:
        """What came behind the last line feed."""
        return self._rest

    def split(self, data: bytes) -> list[bytes]:
        """The lines that are whole with *data*, without their line feeds.

        `check` says whether what is left over has grown too long.
        """
        lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        self._rest = lines.pop()
        return lines

    def check(self) -> None:
        """Look at what is left over.

        Raises:
            EndlessReplyError: It is longer than any line of a reply.
        """
        if len(self._rest) > _MAX_LINE:
            raise EndlessReplyError

    def take(self, line: bytes) -> Reply | None:
        """The reply that ends with *line*, or None where more lines belong to it.

        Raises:
            NoReplyError: It is no line of a reply.
            EndlessReplyError: The line or the reply is too long.
        """
        if len(line) > _MAX_LINE:
            raise EndlessReplyError
        if _CODE.match(line) is None:
            raise NoReplyError(line)
        more = line[3:4] == b"-"
        if not more and not self._lines:  # nearly all there are
            return int(line[:3]), line
        self._lines.append(line)
        self._size += len(line)
        if self._size > _MAX_REPLY or len(self._lines) > _MAX_LINES:
            raise EndlessReplyError
        if more:
            return None
        said = b"\n".join(self._lines)
        self._lines, self._size = [], 0
        return int(line[:3]), said


def stuffed(raw: bytes) -> bytes:
    """*raw* as DATA wants it: dots doubled (RFC 5321 section 4.5.2), a dot at the end.

    Lines must end in CR LF, or a dot behind a bare LF would not be doubled.
    """
    start = b"." if raw[:1] == b"." else b""
    end = b".\r\n" if not raw or raw.endswith(b"\r\n") else b"\r\n.\r\n"
    return b"".join((start, raw.replace(b"\n.", b"\n.."), end))
