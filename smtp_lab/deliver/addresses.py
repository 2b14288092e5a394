"""From a name to addresses, and whether there is a way to them; both in bounded time."""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import dataclass
from ipaddress import ip_address

__all__ = ("Address", "is_address", "resolve", "way_to")

_MOST = 8


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a server.

    Attributes:
        host: The address, with its zone where it has one.
        port: The port.
        kind: ``IPv4`` or ``IPv6``.
    """

    host: str
    port: int
    kind: str

    @property
    def family(self) -> socket.AddressFamily:
        """The family of sockets that lead there."""
        return socket.AF_INET6 if self.kind == "IPv6" else socket.AF_INET

    def __str__(self) -> str:
        return self.host


def is_address(host: str) -> bool:
    """Whether *host* is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def resolve(host: str, port: int, within: float) -> tuple[Address, ...]:
    """The addresses of *host*, eight at most, in the order the system would try them.

    Raises:
        OSError: There is none, or nobody answered *within* that many seconds.
        UnicodeError: The name cannot be written in DNS.
    """
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()
    if is_address(host):
        _ask(host, port, answers)  # nobody needs to be asked
    else:
        # The system's resolver cannot be told how long to wait.
        threading.Thread(target=_ask, args=(host, port, answers), daemon=True).start()
    try:
        found = answers.get(timeout=within)
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution") from None
    if isinstance(found, Exception):
        raise found
    return tuple(dict.fromkeys(found))[:_MOST]


def _ask(host: str, port: int, answers: queue.SimpleQueue[list[Address] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put([_address(family, where) for family, _, _, _, where in found])
    except (OSError, UnicodeError) as error:
        answers.put(error)


def _address(family: int, where: tuple[object, ...]) -> Address:
    zone = f"%{where[3]}" if family == socket.AF_INET6 and where[3:] and where[3] else ""
    kind = "IPv6" if family == socket.AF_INET6 else "IPv4"
    return Address(f"{where[0]}{zone}", int(str(where[1])), kind)


def way_to(address: Address) -> OSError | None:
    """Why there is no way from this machine to *address*; None when there is one.

    Nothing is sent: to connect a datagram socket only asks the system for the way (POSIX connect).
    """
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as asking:
            asking.connect((address.host, address.port))
    except OSError as error:
        return error
    return None
