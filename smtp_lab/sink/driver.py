"""aiosmtpd's commands, driven straight from what arrives.

Stock aiosmtpd 1.4.6 runs a task and a stream reader for each connection and wakes them for each
line; that is most of what a message costs it. Here a command runs at once when its line is there,
in the call that brought the line, and becomes a task only when it really waits.
"""

from __future__ import annotations

import asyncio
import collections
from abc import abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from aiosmtpd.smtp import ALLOWED_BEFORE_STARTTLS, SMTP, TLSSetupException

from smtp_lab.sink.begun import Begun, begin
from smtp_lab.sink.body import Chunks, Dotted
from smtp_lab.sink.lines import LONGEST, TOO_LONG, Lines
from smtp_lab.sink.together import Together

__all__ = ("Driver",)

_ENOUGH = 262_144  # octets that may wait unread behind a command that is not done
_TURN = 20  # commands of one client before others get their turn


class Driver(SMTP):
    """One connection: lines in, replies out, and what happens in between bounded.

    Its hooks and replies are those of aiosmtpd's ``SMTP``; ``docs/aiosmtpd.md`` lists what differs.
    A command begins outside of a task: a hook may wait for anything, but finds no current task
    before it has waited once.
    """

    transport: asyncio.Transport | None
    together: Together | None = None
    _handler_coroutine: Any

    def _set_out(self) -> None:
        """What each connection starts with."""
        self._waiting = Lines()
        self._body: Dotted | Chunks | None = None
        self._task: Any = None  # what a command waits for; it can be cancelled
        self._later: asyncio.Handle | None = None  # commands that wait for their turn
        self._answer: asyncio.Future[bytes] | None = None
        self._corked: list[bytes] | None = None  # replies that are sent in one piece
        self._stuffed = False  # the client does not read what it is told
        self._full = False  # more than enough waits to be looked at
        self._half = False  # the client has said all it will say
        self._leaving = False  # all is said
        self._deadline = 0.0
        # An instance's own: aiosmtpd has one dict for all, which any client changes for the others.
        self.command_size_limits = collections.defaultdict(lambda: self.command_size_limit)

    # --- the transport ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or go on after STARTTLS with nothing of what was said before it (RFC 3207)."""
        self._set_rset_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        self.session = self._create_session()
        self.session.peer = transport.get_extra_info("peername")
        secured = self._original_transport is not None
        self.transport = cast(asyncio.Transport, transport)
        if secured:
            self._waiting.clear()
            assert self._tls_protocol is not None  # noqa: S101  # STARTTLS has made it
            self.session.ssl = self._tls_protocol._extra  # noqa: SLF001  # as aiosmtpd does
            hook = self._handle_hooks.get("STARTTLS")
            self._tls_handshake_okay = hook is None or hook(self, self.session, self.envelope)
        else:
            self._set_out()
            # Stands for aiosmtpd's task: it ends with the connection.
            self._handler_coroutine = self.loop.create_future()
        self._reset_timeout()
        if not secured:
            self.greet()

    def greet(self) -> None:
        """Say who is there."""
        self._run(self.push(f"220 {self.hostname} {self.__ident__}"))

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        """Forget everything; a command that still waits is told."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self._later is not None:
            self._later.cancel()
        if self._original_transport is not None:
            self._original_transport.close()
        self._handler_coroutine.cancel()
        if self.together is not None and self.transport is not None:
            self.together.forget(self.transport)
        self.transport = None
        self._body = None
        self._waiting.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.cancel()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """Close; a client that has said all it will say still hears what becomes of it."""
        assert self.session is not None  # noqa: S101  # there since the greeting
        self._send_rest()
        busy = self._later is not None or (self._task is not None and self._answer is None)
        self._half = busy and self.session.ssl is None  # TLS knows no such thing
        return self._half

    def pause_writing(self) -> None:
        """Do no more while the client does not read what it was told."""
        self._stuffed = True

    def resume_writing(self) -> None:
        """Go on."""
        self._stuffed = False
        self._pump()

    def close(self) -> None:
        """Close the connection once what was said is sent; closing twice does nothing."""
        # Closed a second time, a TLS transport forgets what it stood on.
        if self.transport is not None and not self._leaving:
            self._send_rest()
            self._leaving = True
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what has come: a piece of a message, or commands."""
        waiting = self._waiting
        if self._task is None and self._later is None and not waiting.held and not waiting.skipping:
            if self._body is not None:
                self._collect(data)
                if waiting.held:
                    self._pump()
                return
            if not self._stuffed and data.find(b"\n") == len(data) - 1 < LONGEST:
                self._command(data)
                if self._body is not None and self._body.ready:
                    self._pump()
                return
        waiting.add(data)
        if self._answer is not None:
            self._give_answer()
        elif self._task is None and self._later is None:
            self._pump()
        if len(waiting) > _ENOUGH and not self._full and self.transport is not None:
            self._full = True
            self.transport.pause_reading()

    # --- commands -----------------------------------------------------------------------------

    def _pump(self) -> None:
        """Run the commands that are there, until one waits or it is others' turn."""
        self._later = None
        turn = _TURN
        while self._task is None and not self._stuffed and self.transport is not None:
            if self._leaving:
                self._waiting.clear()
                break
            if self._body is not None:
                if not self._waiting and not self._body.ready:
                    break
                self._collect(self._waiting.piece())
            elif not turn and self._waiting:
                self._later = self.loop.call_soon(self._pump)
                break
            elif (line := self._waiting.line()) is None:
                break
            elif line is TOO_LONG:
                self.too_long()
            else:
                self._command(line)
            turn -= turn > 0
        if self._full and len(self._waiting) <= _ENOUGH and self.transport is not None:
            self._full = False
            self.transport.resume_reading()
        if self._half and self._task is None and self._later is None:
            self.close()

    def _command(self, line: bytes) -> None:
        line = line.rstrip(b"\r\n")
        verb, _, rest = line.partition(b" ")
        try:
            command = verb.upper().decode("ascii")
        except UnicodeDecodeError:
            command = ""
        if not command:
            self.garbled("500 Error: bad syntax")
            return
        arg = None
        if rest:
            try:
                arg = (
                    rest.strip().decode("utf-8", "surrogateescape")
                    if self.enable_SMTPUTF8
                    else rest.strip().decode("ascii")
                )
            except UnicodeDecodeError:
                self.garbled("500 Error: strict ASCII mode")
                return
        try:
            doing = self.obey(command, arg, len(line))
        except Exception as error:  # noqa: BLE001  # the client hears of it, and no more
            doing = self._stumbled(error)
        if doing is not None:
            self._run(doing)

    def obey(self, command: str, arg: str | None, length: int) -> Coroutine[Any, Any, None] | None:
        """What carries out one command; see aiosmtpd's ``_handle_client``, whose checks these are.

        Args:
            command: The verb, in capitals.
            arg: What follows it.
            length: Octets of the line.
        """
        assert self.session is not None  # noqa: S101  # there since the greeting
        most = (
            self.command_size_limits[command]
            if self.session.extended_smtp
            else self.command_size_limit
        )
        if length > most:
            return self.push("500 Command line too long")
        if not self._tls_handshake_okay and command != "QUIT":
            return self.push("554 Command refused due to lack of security")
        if (
            self.require_starttls
            and not self._tls_protocol
            and command not in ALLOWED_BEFORE_STARTTLS
        ):
            return self.push("530 Must issue a STARTTLS command first")
        method = self._smtp_methods.get(command)
        if method is None:
            return self.push(f'500 Error: command "{command}" not recognized')
        self._reset_timeout()
        doing: Coroutine[Any, Any, None] = method(arg)
        return doing

    def too_long(self) -> None:
        """Answer a line that was too long to be kept."""
        self.garbled("500 Command line too long")

    def garbled(self, reply: str) -> None:
        """Answer a line in which no command can be found."""
        self._run(self.push(reply))

    async def push(self, status: Any) -> None:
        """Send a reply; a client that does not read is waited for before its next command."""
        data = status.encode("utf-8", "replace") if isinstance(status, str) else status
        self.write(data + b"\r\n")

    def write(self, data: bytes, *, soon: bool = False) -> None:
        """Send *data*, unless the connection is ending.

        Args:
            data: Whole lines.
            soon: Whether it may wait for what others are to be told in this turn of the loop.
        """
        if self._corked is not None:
            self._corked.append(data)
        elif self.transport is None or self._leaving:
            return
        elif soon and self.together is not None:
            self.together.add(self.transport, data)
        else:
            self._send_rest()
            self.transport.write(data)

    def _send_rest(self) -> None:
        """Send what waits to be sent with what others are told."""
        if self.together is not None and self.transport is not None:
            self.together.send(self.transport)

    # --- messages -----------------------------------------------------------------------------

    def _collect(self, data: bytes) -> None:
        body = self._body
        assert body is not None  # noqa: S101  # callers have looked
        rest = body.feed(data)
        if rest is None:
            self.progress(body, len(data))
            return
        self._body = None
        if rest:
            self._waiting.put_back(rest)
        try:
            self.take(body)
        except Exception as error:  # noqa: BLE001  # as in _command
            self._run(self._stumbled(error))

    def progress(self, body: Dotted | Chunks, octets: int) -> None:  # noqa: ARG002  # for subclasses
        """Another *octets* of a message are there, and more must come."""
        self._reset_timeout()

    def take(self, body: Dotted | Chunks) -> None:
        """Deal with a whole message, or a piece of one."""
        self._run(self.received(body))

    @abstractmethod
    async def received(self, body: Dotted | Chunks) -> None:
        """A whole message, or a piece of one, is there."""

    # --- answers to a challenge ---------------------------------------------------------------

    async def answer(self) -> bytes:
        """The client's next line, whatever it is, its end included; or `TOO_LONG`."""
        line = self._waiting.line()
        if line is not None:
            return line
        self._answer = self.loop.create_future()
        try:
            return await self._answer
        finally:
            self._answer = None

    def _give_answer(self) -> None:
        assert self._answer is not None  # noqa: S101  # callers have looked
        line = None if self._answer.done() else self._waiting.line()
        if line is not None:
            self._reset_timeout()
            self._answer.set_result(line)

    # --- running ------------------------------------------------------------------------------

    def _run(self, command: Coroutine[Any, Any, None]) -> None:
        """Run *command* as far as it goes; what waits becomes a task."""
        try:
            begun = begin(command)
        except Exception as error:  # noqa: BLE001  # the client hears of it, and no more
            self._run(self._stumbled(error))
            return
        if begun is not None:
            self._task = self.loop.create_task(self._finish(begun))

    async def _finish(self, command: Begun) -> None:
        try:
            await command
        except asyncio.CancelledError:
            pass  # the client left
        except Exception as error:  # noqa: BLE001  # as in _run
            await self._stumbled(error)
        self._task = None
        self._pump()

    async def _stumbled(self, error: Exception) -> None:
        """Tell the client that something went wrong; see aiosmtpd's ``_handle_client``."""
        if isinstance(error, ConnectionResetError):
            self.close()
            return
        try:
            status = await self.handle_exception(error)
        except Exception as inner:  # noqa: BLE001  # a handler's own
            status = "500 Error: Cannot describe error"
            with suppress(Exception):
                status = f"500 Error: ({type(inner).__name__}) {inner}"
        if isinstance(error, TLSSetupException):
            self._task = None  # this one, which is about to end by itself
            self.close()
            # Nobody else says so: as far as TLS knows there never was a connection.
            self.connection_lost(error)
            return
        await self.push(status)

    # --- time ---------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        # The timer is set anew only when it goes off: most of the time nothing needs doing.
        self._deadline = self.loop.time() + (duration or self._timeout_duration)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        now = self.loop.time()
        # While a command is at work, or a handshake, the client is not the one to wait for.
        working = self.transport is None or (self._task is not None and self._answer is None)
        if now < self._deadline:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
        elif working:
            self._timeout_handle = self.loop.call_at(now + 1, self._timeout_cb)
        else:
            self.timed_out()

    def timed_out(self) -> None:
        """End a connection that has taken too long."""
        self.close()
