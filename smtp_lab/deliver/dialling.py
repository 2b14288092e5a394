"""From a host to an open connection, in bounded time."""

from __future__ import annotations

import socket
from collections.abc import Callable

from smtp_lab.deliver.addresses import resolve

__all__ = ("dial",)


def dial(host: str, port: int, time_left: Callable[[], float]) -> socket.socket:
    """Connect to the first address of *host* that answers, IPv6 or IPv4.

    `socket.create_connection` would give each address the whole time again, and wait for a name
    as long as the system likes.

    Raises:
        OSError: There is no address, nobody told of one in time, or none takes the connection.
        UnicodeError: The name cannot be written in DNS.
    """
    failure: OSError = OSError(f"{host} has no address")
    for address in resolve(host, port, time_left()):
        sock: socket.socket | None = None
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            sock.settimeout(time_left())
            sock.connect((address.host, address.port))
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise failure
