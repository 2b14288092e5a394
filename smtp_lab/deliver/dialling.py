"""From a host to an open connection."""

from __future__ import annotations

import socket
from collections.abc import Callable

__all__ = ("dial",)


def dial(host: str, port: int, time_left: Callable[[], float]) -> socket.socket:
    """Connect to the first address of *host* that answers, IPv6 or IPv4.

    `socket.create_connection` would give each address the whole time again.
    """
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(time_left())
            sock.connect(address)
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise failure
