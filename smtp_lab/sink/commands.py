"""The commands that aiosmtpd carries out line by line, carried out by `Driver`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from aiosmtpd.smtp import MISSING, SMTP, TLSSetupException

from smtp_lab.sink.body import Chunks, Dotted
from smtp_lab.sink.driver import Driver
from smtp_lab.sink.replies import DONE

__all__ = ("Commands", "Refused", "syntax_of")

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Refused(Exception):  # noqa: N818  # an answer, no error of ours
    """A command that cannot be carried out.

    Args:
        reply: What the client is told.
    """

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def syntax_of(stock: Callable[..., Any]) -> Callable[[_Command], _Command]:
    """Let HELP tell of a command what it tells of aiosmtpd's own."""

    def decorate(own: _Command) -> _Command:
        vars(own).update({k: v for k, v in vars(stock).items() if k.startswith("__smtp_syntax")})
        return own

    return decorate


class Commands(Driver):
    """`Driver` with EHLO, QUIT, STARTTLS and DATA; all others are aiosmtpd's own."""

    @syntax_of(SMTP.smtp_EHLO)
    async def smtp_EHLO(self, hostname: str | None) -> None:
        """Greet the client; its many lines travel in one packet."""
        self._corked = []
        try:
            await super().smtp_EHLO(hostname)
        finally:
            said, self._corked = self._corked, None
            self.write(b"".join(said))

    @syntax_of(SMTP.smtp_QUIT)
    async def smtp_QUIT(self, arg: str | None) -> None:
        """End the session."""
        if arg:
            await self.push("501 Syntax: QUIT")
            return
        status = await self._call_handler_hook("QUIT")
        await self.push("221 Bye" if status is MISSING else status)
        self._handler_coroutine.cancel()
        self.close()

    @syntax_of(SMTP.smtp_STARTTLS)
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """Encrypt the connection (RFC 3207), once."""
        if self._tls_protocol is not None:
            await self.push("503 Error: TLS is already active")
            return
        await super().smtp_STARTTLS(arg)
        # A client that leaves ends the wait for the handshake without an error.
        if self._tls_protocol is not None and (self.session is None or self.session.ssl is None):
            raise TLSSetupException from ConnectionResetError("the client left")

    def check_order(self) -> None:
        """Refuse a command that must wait for EHLO or for a login.

        Raises:
            Refused: It must; the words are those of aiosmtpd's own checks.
        """
        assert self.session is not None  # noqa: S101  # there since the greeting
        if not self.session.host_name:
            raise Refused("503 Error: send HELO first")
        if self._auth_required and not self.session.authenticated:
            raise Refused("530 5.7.0 Authentication required")

    @syntax_of(SMTP.smtp_DATA)
    async def smtp_DATA(self, arg: str | None) -> None:
        """Take a message that ends with a dot."""
        try:
            reply = self.begin_data(arg)
        except Refused as refused:
            reply = refused.reply
        await self.push(reply)

    def begin_data(self, arg: str | None) -> str:
        """Wait for a message that ends with a dot; give the reply.

        Raises:
            Refused: It is not the time for it.
        """
        self.check_order()
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        if not self.envelope.rcpt_tos:
            raise Refused("503 Error: need RCPT command")
        if arg:
            raise Refused("501 Syntax: DATA")
        self._body = Dotted(self.data_size_limit or 1 << 62)
        return DONE["DATA"]

    async def received(self, body: Dotted | Chunks) -> None:
        """A whole message, or a piece of one, is there."""
        data = body.message()
        status = self.oversize() if data is None else await self.deliver(data)
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
        await self.push(status)

    def oversize(self) -> str:
        """The reply to a message that was dropped on its way."""
        return "552 Error: Too much mail data"

    async def deliver(self, data: bytes) -> str:
        """Take a whole message; give the reply."""
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        self.envelope.content = self.envelope.original_content = data
        status = await self._call_handler_hook("DATA")
        return "250 OK" if status is MISSING else status
