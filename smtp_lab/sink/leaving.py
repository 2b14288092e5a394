"""How a client comes too early, and how it is seen off."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

__all__ = ("Leaving", "speaks")

_ENOUGH = 1_048_576  # octets

if sys.platform != "win32":
    import fcntl
    import termios


class Leaving(asyncio.Protocol):
    """Takes a connection's place in its last moments: hears the client, and does nothing.

    Closed while the client still sends, a connection is reset, and the client may never read why.

    Args:
        was: Whose connection it is.
        transport: The connection.
    """

    def __init__(self, was: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._was, self._transport = was, transport
        self._heard = 0

    @classmethod
    def see_off(cls, transport: asyncio.Transport, was: asyncio.Protocol) -> None:
        """End what is said on *transport*, the connection of *was*, and wait for its end."""
        if transport.can_write_eof():
            transport.set_protocol(cls(was, transport))
            transport.write_eof()
        else:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Listen for so long, and no longer."""
        self._heard += len(data)
        if self._heard > _ENOUGH:
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whose connection it was."""
        self._was.connection_lost(error)


def speaks(transport: asyncio.BaseTransport) -> bool:
    """Whether the client has said something already (before the greeting: RFC 5321, 4.3.1).

    On Windows nobody can tell without taking it out of the socket; there nobody speaks.
    """
    sock = transport.get_extra_info("socket")
    if sys.platform == "win32" or sock is None:
        return False
    waiting = b"\0\0\0\0"
    with suppress(OSError):
        waiting = fcntl.ioctl(sock.fileno(), termios.FIONREAD, waiting)
    return waiting != b"\0\0\0\0"
