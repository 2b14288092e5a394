"""Listening sockets, on this machine's own addresses unless somebody asks for another."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

from smtp_lab.errors import PortInUseError, SinkError

__all__ = ("HOST", "close", "explained", "listen")

HOST = "127.0.0.1"
_HOSTS = (HOST, "::1")


def listen(port: int, name: str, host: str = HOST) -> list[socket.socket]:
    """Listen on *port* of every loopback address, all on the same number.

    Args:
        port: The number; 0 takes a free one.
        name: What it is called in an error.
        host: Another address to listen on, and on that alone.

    Raises:
        PortInUseError: Somebody else has it.
        SinkError: It cannot be opened.
    """
    for _ in range(20):
        sockets: list[socket.socket] = []
        try:
            for address in _HOSTS if host == HOST else (host,):
                taken = sockets[0].getsockname()[1] if sockets else port
                if sock := _bind(address, taken):
                    sockets.append(sock)
            if not sockets:
                raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))  # noqa: TRY301
        except OSError as error:
            close(sockets)
            if error.errno == errno.EADDRINUSE and port == 0:
                continue  # free for IPv4, taken for IPv6: another number
            raise explained(error, port, name, host) from None
        return sockets
    raise SinkError("No port was free on both 127.0.0.1 and ::1; stop some programs and try again.")


def _bind(host: str, port: int) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # With the protocol named, asyncio turns Nagle's algorithm off for what it accepts.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError:
        return None  # this machine knows no IPv6
    try:
        # Not on Windows: there it would let two programs share the port.
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(100)
    except OSError as error:
        sock.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
            return None  # IPv6 is there but switched off
        raise
    return sock


def close(sockets: list[socket.socket]) -> None:
    """Close all of *sockets*."""
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.close()


def explained(error: OSError, port: int, name: str, host: str = HOST) -> Exception:
    """The error to raise where *port*, the value of *name*, cannot be listened on at *host*."""
    if error.errno == errno.EADDRNOTAVAIL and host != HOST:
        return SinkError(
            f"This machine has no address {host}; give host one that it has, or leave it out for "
            "this machine only."
        )
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            host, port, f"stop the program that has it, or leave {name} out for a free port"
        )
    if error.errno == errno.EACCES:
        return SinkError(
            f"Port {port} needs administrator rights; "
            f"give {name} a number above 1023, or 0 for a free one."
        )
    return SinkError(
        f"Port {port} cannot be opened ({error.strerror}); leave {name} out for a free port."
    )
