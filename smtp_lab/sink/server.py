"""The sink's event loop in a thread of its own, its doors, and their orderly end."""

from __future__ import annotations

import asyncio
import atexit
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from smtp_lab.archive import Archive
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.writer import Writer
from smtp_lab.errors import SinkError, SmtpLabError
from smtp_lab.sink.behind import Behind
from smtp_lab.sink.credentials import Credentials
from smtp_lab.sink.door import DOORS, Door
from smtp_lab.sink.doorman import Doorman
from smtp_lab.sink.forking import FORKED, release
from smtp_lab.sink.guests import Guests
from smtp_lab.sink.ports import HOST, close, listen
from smtp_lab.sink.protocol import LabProtocol
from smtp_lab.sink.rules import Rules
from smtp_lab.sink.settings import Settings
from smtp_lab.sink.temporary import TemporaryFolder
from smtp_lab.sink.tls import LabAuthority
from smtp_lab.sink.watching import Watchers

__all__ = ("Server",)

_START = 10.0  # seconds until the doors are open
_GRACE = 5.0  # seconds a message on its way may still take when the sink stops
_WATCHERS = 5.0  # seconds functions that are called for each message may still take
_GOODBYE = 1.0  # seconds a client may take to close its side


class Server:
    """Running doors that write to one archive.

    Args:
        settings: What was asked for.
        archive: Where mail goes.
        authority: Whose certificate the doors show.
        on_stop: Called with the server once it has ended.
        told: Called after each commit with the first and the last number of the messages in it; by
            default the *watchers* are told.
        holding: A temporary folder that must live as long as the server.

    Raises:
        PortInUseError: A port that was asked for is taken; nothing was started.
        SinkError: It cannot listen.

    Attributes:
        settings: What was asked for.
        said: Why it has ended, where it did so by itself; else empty.
        watchers: Who wants to hear of each message.
        port: The port of the STARTTLS door; 0 where it is not open.
        tls_port: The port of the implicit TLS door, or 0.
        plain_port: The port of the plain door, or 0.
    """

    port: int
    tls_port: int
    plain_port: int

    def __init__(  # noqa: PLR0913  # all but the first three by name
        self,
        settings: Settings,
        archive: Archive,
        authority: LabAuthority,
        *,
        on_stop: Callable[[Server], None],
        told: Callable[[int, int], None] | None = None,
        holding: TemporaryFolder | None = None,
    ) -> None:
        self.settings, self.said = settings, ""
        self._on_stop, self._holding = on_stop, holding
        self.watchers, self._forked = Watchers(), False
        context = authority.server_context(settings.host)
        sockets = _listen_at(settings)
        self.port, self.tls_port, self.plain_port = (
            sockets[door][0].getsockname()[1] if door in sockets else 0 for door in DOORS
        )
        _silence_aiosmtpd()
        guests = Guests(settings.limits)
        writer = partial(_Sorter, rules=Rules(settings.rules)) if settings.rules else Writer
        self._writer = writer(
            archive,
            retention=settings.retention,
            told=told or self.watchers.tell,
            more=guests.writing,
        )
        self._behind = Behind(archive, self._writer)
        self._doors = self._made_doors(sockets, context, guests)
        self._loop = _new_loop()
        self._stopping = threading.Lock()
        self._servers: list[asyncio.Server] = []
        opened: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(opened,), name=f"smtp-lab-sink-{self.port}", daemon=True
        )
        self._thread.start()
        try:
            opened.result(_START)
        except BaseException as error:
            self._give_up(sockets)
            if isinstance(error, SmtpLabError) or not isinstance(error, Exception):
                raise
            said = f"{type(error).__name__}: {error}".strip(": ")
            raise SinkError(
                f"The sink could not open its doors ({said}); start it again, or leave its ports "
                "out for free ones."
            ) from None
        atexit.register(self.stop)

    def _made_doors(
        self, sockets: dict[str, list[socket.socket]], context: ssl.SSLContext, guests: Guests
    ) -> list[tuple[Door, list[socket.socket]]]:
        settings = self.settings
        credentials = Credentials(settings.users_or_judge)
        return [
            (
                Door(
                    door,
                    None if door == "plain" else context,
                    credentials,
                    login_required=door in settings.login_required,
                    limits=settings.limits,
                    guests=guests,
                    archive=self._writer,
                    offers=settings.offers,
                    mechanisms=settings.mechanisms,
                ),
                listening,
            )
            for door, listening in sockets.items()
        ]

    def _give_up(self, sockets: dict[str, list[socket.socket]]) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        for some in sockets.values():
            close(some)
        self._behind.close()
        self._writer.close()

    @property
    def running(self) -> bool:
        """Whether it still takes connections."""
        return not self._forked and self._thread.is_alive()

    @property
    def connected(self) -> int:
        """How many clients are connected now."""
        return sum(len(door.open) for door, _ in self._doors)

    def forked(self) -> None:
        """Let go of the ports and connections: this process is a copy of the one that has them."""
        self._forked, self.said, self._stopping = True, FORKED, threading.Lock()
        release(*filter(None, (self.port, self.tls_port, self.plain_port)))

    def settle(self, patience: float) -> None:
        """Wait until the session of every client that has left is stored.

        Args:
            patience: Seconds to wait at most, where a client stays.
        """
        waiting = asyncio.run_coroutine_threadsafe(self._emptied(patience), self._loop)
        end = time.monotonic() + patience
        with suppress(TimeoutError):
            waiting.result(patience + 1)
        while not self._writer.idle(0) and time.monotonic() < end:
            time.sleep(0.005)

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
        self.watchers.wait(_WATCHERS)

    def _run(self, opened: Future[None]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._open())
        except BaseException as error:  # noqa: BLE001  # whoever started it raises it
            opened.set_exception(error)
        else:
            opened.set_result(None)
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

    async def _emptied(self, patience: float = _GOODBYE) -> None:
        # A connection leaves its door's set when it is lost, after its session went to the writer.
        end = self._loop.time() + patience
        while self._connected() and self._loop.time() < end:
            await asyncio.sleep(0.01)


def _listen_at(settings: Settings) -> dict[str, list[socket.socket]]:
    """The listening sockets of each door that is asked for: all of them, or none and an error."""
    opened: dict[str, list[socket.socket]] = {}
    try:
        for door, (name, port) in zip(DOORS, settings.ports.items(), strict=True):
            if door not in settings.doors:
                continue
            # Without encryption nothing leaves this machine, a password least of all.
            host = HOST if door == "plain" else settings.host
            opened[door] = listen(port, name, host)
    except BaseException:
        for sockets in opened.values():
            close(sockets)
        raise
    return opened


def _new_loop() -> asyncio.AbstractEventLoop:
    """An event loop: uvloop's, which is quicker, where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class _Sorter(Writer):
    """A writer that gives each message the mailboxes and tags of the sink's rules."""

    def __init__(self, archive: Archive, *, rules: Rules, **more: Any) -> None:
        super().__init__(archive, **more)
        self._rules = rules

    def offer(self, item: StoredMessage | StoredSession, *args: Any, **more: Any) -> bool:
        """As `Writer.offer`."""
        if isinstance(item, StoredMessage):
            self._rules.label(item)
        return super().offer(item, *args, **more)


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
