"""The sink's event loop in a thread of its own, its two ports, and their orderly end."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from smtp_lab.archive import Archive, Retention
from smtp_lab.archive.pen import Synchronous
from smtp_lab.archive.writer import Writer
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import PortInUseError, SinkError
from smtp_lab.sink.behind import Behind
from smtp_lab.sink.credentials import Credentials
from smtp_lab.sink.door import Door
from smtp_lab.sink.doorman import Doorman
from smtp_lab.sink.protocol import LabProtocol
from smtp_lab.sink.tls import LabAuthority

__all__ = ("HOST", "Server", "Settings")

HOST = "127.0.0.1"
_HOSTS = (HOST, "::1")
_GRACE = 5.0  # seconds a message on its way may still take when the sink stops
_GOODBYE = 1.0  # seconds a client may take to close its side


class Settings(NamedTuple):
    """What makes one running server different from another: equal settings, same server."""

    archive: sa.URL  # whole: two archives may differ in what the URL asks for
    port: int
    tls_port: int
    users: tuple[tuple[str, Secret], ...] | None
    login_required: bool
    max_size: int
    synchronous: Synchronous
    lock_timeout: float
    retention: Retention


class Server:
    """A running pair of doors that write to one archive.

    Args:
        settings: Ports and logins; port 0 takes a free one.
        archive: Where mail goes.
        authority: Whose certificate the doors show.
        on_stop: Called with the server once it has ended.
        holding: Something that must live as long as the server, such as a temporary folder.

    Raises:
        PortInUseError: A port that was asked for is taken; nothing was started.
    """

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        authority: LabAuthority,
        *,
        on_stop: Callable[[Server], None],
        holding: object = None,
    ) -> None:
        self.settings = settings
        self._on_stop, self._holding = on_stop, holding
        context = authority.server_context()
        listening = _listen(settings.port, "port")
        try:
            secured = _listen(settings.tls_port, "tls_port")
        except BaseException:
            _close(listening)
            raise
        self.port: int
        self.tls_port: int
        self.port, self.tls_port = (sockets[0].getsockname()[1] for sockets in (listening, secured))
        _silence_aiosmtpd()
        self._writer = Writer(archive, retention=settings.retention)
        self._behind = Behind(archive, self._writer)
        credentials = Credentials(dict(settings.users) if settings.users else None)
        self._doors = [
            (
                Door(
                    name,
                    context,
                    credentials,
                    login_required=settings.login_required,
                    max_size=settings.max_size,
                    archive=self._writer,
                ),
                sockets,
            )
            for name, sockets in (("starttls", listening), ("implicit", secured))
        ]
        self._loop = asyncio.new_event_loop()
        self._stopping = threading.Lock()
        self._servers: list[asyncio.Server] = []
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name=f"smtp-lab-sink-{self.port}", daemon=True
        )
        self._thread.start()
        started.wait()
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        """Whether it still takes connections."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Take no more connections, finish messages on their way, store everything, and end."""
        with self._stopping:
            if not self.running:
                return
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_GRACE * 3)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._behind.close()
            self._writer.close()
            atexit.unregister(self.stop)
            self._on_stop(self)
            self._holding = None

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        started.set()
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> None:
        for door, sockets in self._doors:
            for sock in sockets:
                made: type[LabProtocol | Doorman] = Doorman if door.implicit else LabProtocol
                server = await self._loop.create_server(partial(made, door, self._loop), sock=sock)
                self._servers.append(server)

    async def _shut(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*(protocol.shut(_GRACE) for protocol in self._connected()))
        await self._emptied()
        # What is left does not read, or does not answer the end of TLS: its session is kept all
        # the same.
        for protocol in self._connected():
            protocol.abort()
        await self._emptied()

    def _connected(self) -> list[LabProtocol | Doorman]:
        return [protocol for door, _ in self._doors for protocol in door.open]

    async def _emptied(self) -> None:
        # A connection leaves its door's set when it is lost, after its session went to the writer.
        end = self._loop.time() + _GOODBYE
        while self._connected() and self._loop.time() < end:
            await asyncio.sleep(0.01)


class _ErrorsOnly(logging.Filter):
    """Lets errors through and nothing below, whatever level the logger is set to later."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


def _silence_aiosmtpd() -> None:
    # aiosmtpd logs some failed logins with the secret in them, and what a client does wrong as
    # warnings, which would land in a notebook's output. The transcript has both, masked.
    log = logging.getLogger("mail.log")
    if not any(isinstance(present, _ErrorsOnly) for present in log.filters):
        log.addFilter(_ErrorsOnly())


def _listen(port: int, name: str) -> list[socket.socket]:
    """Listen on *port* of every loopback address, all on the same number."""
    for _ in range(20):
        sockets: list[socket.socket] = []
        try:
            for host in _HOSTS:
                taken = sockets[0].getsockname()[1] if sockets else port
                if sock := _bind(host, taken):
                    sockets.append(sock)
        except OSError as error:
            _close(sockets)
            if error.errno == errno.EADDRINUSE and port == 0:
                continue  # free for IPv4, taken for IPv6: another number
            raise _explained(error, port, name) from None
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


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.close()


def _explained(error: OSError, port: int, name: str) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            HOST, port, f"stop the program that has it, or leave {name} out for a free port"
        )
    if error.errno == errno.EACCES:
        return SinkError(
            f"Port {port} needs administrator rights; "
            f"give {name} a number above 1023, or 0 for a free one."
        )
    return SinkError(
        f"Port {port} cannot be opened ({error.strerror}); leave {name} out for a free port."
    )
