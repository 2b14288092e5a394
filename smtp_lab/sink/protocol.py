r"""aiosmtpd's protocol, with what a lab needs mended: bulk DATA, AUTH on both doors, a transcript.

What stock aiosmtpd 1.4.6 does differently, and why it is changed here:

* it refuses lines over 1000 octets and keeps one object a line; here DATA is read in large pieces;
* it neither offers nor takes AUTH over implicit TLS (aiosmtpd issues 274 and 281);
* it limits an AUTH line to 512 octets, RFC 4954 asks for 12,288;
* it compares mechanism names by case and prompts ``User Name\\0`` where servers say ``Username:``;
* it shares one dict of command limits among all connections;
* it shows the text of an exception to the client, and stumbles over some addresses;
* it repeats a line it does not know, which may be a password, in its reply.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import re
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from aiosmtpd.smtp import (
    MISSING,
    SMTP,
    AuthResult,
    Envelope,
    LoginPassword,
    Session,
    TLSSetupException,
)

from smtp_lab.archive.records import StoredMessage, StoredSession, session_id
from smtp_lab.errors import ArchiveError, ArchiveFullError
from smtp_lab.sink.door import Door
from smtp_lab.transcript import MASK, Direction, Transcript

__all__ = ("LabProtocol",)

_log = logging.getLogger("smtp_lab.sink")

_TERMINATOR = b"\r\n.\r\n"
_AUTH_LINE = 12_288  # octets, RFC 4954 section 4
_STAGES = {"HELO": "ehlo", "EHLO": "ehlo", "STARTTLS": "starttls", "AUTH": "auth", "MAIL": "mail"}
_STAGES |= {"RCPT": "rcpt", "DATA": "data", "QUIT": "quit"}
# What is shown of an AUTH line; anything else in that place may be the secret itself.
_MECHANISMS = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"}
_MECHANISMS |= {"XOAUTH2", "OAUTHBEARER", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS"}
_MOST_LINES = 10_000  # of a transcript: a client that never stops must not fill the memory
# aiosmtpd's answers to a line that it gave to no command.
_UNKNOWN = re.compile(
    r'500 (?:Error: command "(.*)" not recognized|Command line|Error: bad)', re.DOTALL
)
# C0 and C1 controls, and the characters that turn the direction of text around.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class LabProtocol(SMTP):
    """One connection to the sink."""

    # Also the most that is buffered of a line without an end.
    line_length_limit = 65_536
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.door = door
        self.busy = False
        self._after_auth = False
        self.beneath: asyncio.Transport | None = None  # what implicit TLS stands on
        self.record = StoredSession(session_id(), datetime.now(UTC), door.name, "")
        self.transcript = Transcript(started_at=self.record.started_at)
        self._stored = 0  # how many lines of it are in the archive
        # An instance's own dict: SMTP.__init__ clears the one it finds.
        self.command_size_limits = collections.defaultdict(lambda: self.command_size_limit)
        super().__init__(
            _Handler(),
            hostname="localhost",
            ident="ESMTP smtp_lab sink",
            data_size_limit=door.max_size,
            enable_SMTPUTF8=True,
            tls_context=None if door.implicit else door.context,
            auth_require_tls=not door.implicit,
            auth_required=False,  # set below: here it would warn that the implicit door has no TLS
            authenticator=self._check_login,
            timeout=300,
            loop=loop,
        )
        self._auth_required = door.login_required
        self.command_size_limits["AUTH"] = _AUTH_LINE
        self._smtp_methods = {
            verb: self._recorded(verb, method) for verb, method in self._smtp_methods.items()
        }

    # --- the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.door.open.add(self)
        secured = transport.get_extra_info("ssl_object")
        if secured:
            self.record.tls_version, self.record.tls_cipher = secured.version(), secured.cipher()[0]
            self.transcript.tls = True
            self._note("*", f"{secured.version()} with {secured.cipher()[0]}")
        if not self.record.peer:
            host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
            self.record.peer = f"{host}:{port}"
        if self._original_transport is None:
            self.transcript.stage = "greeting"
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.door.open:
            self.door.open.discard(self)
            self.record.ended_at = datetime.now(UTC)
            self.door.archive.note(self._snapshot())
        super().connection_lost(error)

    async def shut(self, grace: float) -> None:
        """End the connection: a message on its way is finished, for up to *grace* seconds."""
        end = self.loop.time() + grace
        while self.busy and self.loop.time() < end:
            await asyncio.sleep(0.01)
        # One that said QUIT is closing already; asyncio trips over a word after that. One that
        # reads nothing is not waited for.
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            with suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(self.push("421 4.3.2 The sink is closing"), 1)
            if self.transport is not None:
                self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        # Not the encrypted transport: closed twice, it no longer knows what it stood on.
        transport = self._original_transport or self.beneath or self.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    def turned_away(self, transport: asyncio.BaseTransport, reason: object) -> None:
        """Keep the session of a client that never got as far as the greeting."""
        host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
        self.record.peer, self.record.ended_at = f"{host}:{port}", datetime.now(UTC)
        self._note("*", f"the TLS handshake failed: {reason}")
        self.door.archive.note(self._snapshot())

    def _snapshot(self) -> StoredSession:
        """The session as it stands, with the lines that are not stored yet."""
        lines = self.transcript.lines[self._stored :]
        return replace(self.record, transcript={"first": self._stored, "lines": lines})

    # --- the transcript ---------------------------------------------------------------------

    def _recorded(
        self, verb: str, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        @wraps(getattr(SMTP, f"smtp_{verb}"))  # HELP looks for what aiosmtpd hung on its methods
        async def run(arg: str | None) -> None:
            self._after_auth = verb == "AUTH"
            self.transcript.stage = _STAGES.get(verb, self.transcript.stage)
            self._note("C", _masked(verb, arg))
            await method(arg)

        return run

    async def push(self, status: Any) -> None:
        text = status.decode("utf-8", "replace") if isinstance(status, bytes) else status
        if unknown := _UNKNOWN.match(text):
            verb = unknown[1] or ""
            # A client that goes on after a refused AUTH, or one whose AUTH was not understood,
            # says its password here.
            self._after_auth |= not verb or verb.startswith("AUTH")
            self._note("C", MASK if self._after_auth else verb)
            if verb:
                status = text = "500 5.5.1 Error: command not recognized"
        for line in text.split("\r\n"):
            self._note("S", line)
        await super().push(status)

    def _note(self, direction: Direction, text: str) -> None:
        if len(self.transcript) < _MOST_LINES:
            self.transcript.add(direction, text)
        elif len(self.transcript) == _MOST_LINES:
            self.transcript.add("*", "more was said than is kept here")

    def _create_session(self) -> Session:
        return _Session(self.loop)

    # --- encryption ---------------------------------------------------------------------------

    async def smtp_STARTTLS(self, arg: str) -> None:
        if self._tls_protocol is not None or self.door.implicit:
            await self.push("503 5.5.1 Error: TLS is already active")
            return
        await super().smtp_STARTTLS(arg)

    # --- logging in -------------------------------------------------------------------------

    async def smtp_AUTH(self, arg: str) -> None:
        mechanism, *rest = (arg or "").split(None, 1) or [""]
        await super().smtp_AUTH(" ".join([mechanism.upper(), *rest]))

    async def challenge_auth(
        self,
        challenge: str | bytes,
        encode_to_b64: bool = True,
        log_client_response: bool = False,  # noqa: ARG002  # a login is never logged here
    ) -> Any:
        asked = challenge.encode() if isinstance(challenge, str) else challenge
        await self.push(b"334 " + (b64encode(asked) if encode_to_b64 else asked))
        try:
            answer = (await self._reader.readline()).strip()
        except ValueError:  # longer than any line may be: no base64 either
            answer = b"-"
        self._note("C", MASK)
        if answer == b"*":
            await self.push("501 5.7.0 Auth aborted")
            return MISSING
        try:
            return b64decode(answer, validate=True)
        except ValueError:
            await self.push("501 5.5.2 Can't decode base64")
            return MISSING

    def _check_login(
        self, _server: Any, _session: Any, _envelope: Any, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        self.record.login = _clean(login.login.decode("utf-8", "replace"))
        self.record.mechanism = mechanism
        self.record.login_ok = self.door.credentials.accept(login.login, login.password)
        if self.record.login_ok:
            return AuthResult(success=True, auth_data=LoginPassword(login.login, b""))
        message = "535 5.7.8 Error: authentication failed"
        return AuthResult(success=False, handled=False, message=message)

    # --- the message ------------------------------------------------------------------------

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # An address nobody can see whole is refused with 553, like one nobody can read.
        if not _UNSEEN.search(arg or ""):
            with suppress(IndexError, AttributeError):  # where the standard library's parser trips
                return super()._getaddr(arg)
        return None, None

    async def smtp_DATA(self, arg: str | None) -> None:
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self.busy = True
        try:
            data = await self._read_data()
            if data is None:
                reply = "552 5.3.4 Error: message larger than the sink takes"
            else:
                self._note("*", f"the message: {len(data):,} octets")
                reply = await self._keep(self.envelope, data)
            self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's
            await self.push(reply)
        finally:
            self.busy = False

    async def _read_data(self) -> bytes | None:
        """The message, dot-stuffing undone; None when it was larger than allowed.

        Only CR LF dot CR LF ends it (RFC 5321 section 4.1.1.4): anything looser lets one message
        smuggle in another.
        """
        buffer, large = bytearray(b"\r\n"), False
        while True:
            # More than the reader ever holds: it is empty afterwards, so feed_data below puts
            # pipelined commands back in their place.
            piece = await self._reader.read(1 << 22)
            if not piece:
                raise ConnectionResetError("the client left in the middle of a message")
            start = max(0, len(buffer) - len(_TERMINATOR) + 1)
            buffer += piece
            end = buffer.find(_TERMINATOR, start)
            if end >= 0:
                break
            # A stuffed dot comes at most once in three octets.
            if len(buffer) > self.door.max_size * 4 // 3 + len(_TERMINATOR):
                large = True
                del buffer[: -len(_TERMINATOR) + 1]
            self._reset_timeout()
        rest = bytes(buffer[end + len(_TERMINATOR) :])
        if rest:
            self._reader.feed_data(rest)
        # The leading CR LF was ours; the last line's own is kept.
        data = bytes(buffer[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        return None if large or len(data) > self.door.max_size else data

    async def _keep(self, envelope: Envelope, data: bytes) -> str:
        message = StoredMessage(
            raw=data,
            mail_from="" if envelope.mail_from == "<>" else _clean(envelope.mail_from or ""),
            rcpt_to=tuple(map(_clean, envelope.rcpt_tos)),
            mail_options=tuple(map(_clean, envelope.mail_options)),
            received_at=datetime.now(UTC),
            session=self._snapshot(),
            lines=len(self.transcript) + 1,  # the answer is the next one
        )
        said = len(self.transcript)
        try:
            number = await self.door.archive.store(message)
        except ArchiveError as error:
            _log.error("a message was refused: %s", error)  # the sentence says it all
            self._note("*", f"not stored: {error}")
            code = "452 4.3.1" if isinstance(error, ArchiveFullError) else "451 4.3.0"
            return f"{code} Error: the message could not be stored"
        except Exception:  # noqa: BLE001  # whatever it is, the client must hear that it failed
            _log.exception("a message was refused")
            return "451 4.3.0 Error: the message could not be stored"
        self._stored = said
        return f"250 2.0.0 Ok: kept as number {number}"

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, ConnectionError):
            raise error
        if isinstance(error, TLSSetupException):
            # The client's doing, and a lesson: it belongs in the transcript, not in a log.
            self._note("*", f"the TLS handshake failed: {error.__cause__}")
            return ""  # never sent: aiosmtpd closes the connection after this error
        _log.error("the sink stumbled in session %s", self.record.id, exc_info=error)
        return "451 4.3.0 Error: the sink stumbled over this command"


class _Session(Session):
    # A plain attribute in place of a deprecated property that logs a warning at each login.
    login_data: Any = None


class _Handler:
    """aiosmtpd's hooks that change what is recorded or said."""

    async def handle_EHLO(  # aiosmtpd's name
        self, server: LabProtocol, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        server.record.ehlo = _clean(hostname)
        return [*responses[:-1], "250-ENHANCEDSTATUSCODES", "250-PIPELINING", responses[-1]]

    async def handle_HELO(
        self, server: LabProtocol, session: Any, _envelope: Any, hostname: str
    ) -> str:
        session.host_name = hostname
        server.record.ehlo = _clean(hostname)
        return f"250 {server.hostname}"

    async def handle_MAIL(
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address == "<>":  # only a sender may be null (RFC 5321 section 4.5.5)
            return "553 5.1.3 Error: a recipient needs an address"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient ok"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:
        return "221 2.0.0 Bye"


def _masked(verb: str, arg: str | None) -> str:
    if not arg:
        return verb
    if verb != "AUTH":
        return f"{verb} {_clean(arg)}"
    mechanism, *rest = arg.split(None, 1)
    if mechanism.upper() not in _MECHANISMS:
        return f"AUTH {MASK}"
    return f"AUTH {mechanism} {MASK}" if rest else f"AUTH {mechanism}"


def _clean(text: str) -> str:
    """Octets that were not UTF-8 become the replacement character: the archive holds text."""
    return (
        text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\u2400")
    )
