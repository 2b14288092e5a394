r"""One connection to the sink: aiosmtpd's protocol with a lab's needs, and a record of it all.

What stock aiosmtpd 1.4.6 does differently, and why it is changed here and in the modules below:

* it wakes a task for each line; here a command runs when its line comes (`driver`);
* it refuses lines over 1000 octets and keeps one object a line; here DATA is read in large pieces;
* it knows no BDAT, no DSN parameters and no limits (`esmtp`);
* it neither offers nor takes AUTH over implicit TLS (aiosmtpd issues 274 and 281), and of the
  mechanisms only PLAIN and LOGIN (`login`);
* it limits an AUTH line to 512 octets, RFC 4954 asks for 12,288;
* it compares mechanism names by case and prompts ``User Name\0`` where servers say ``Username:``;
* it shares one dict of command limits among all connections;
* it shows the text of an exception to the client, and stumbles over some addresses;
* it repeats a line it does not know, which may be a password, in its reply.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session, TLSSetupException, _AuthMechAttr

from smtp_lab.archive.records import StoredMessage, StoredSession, session_id
from smtp_lab.errors import ArchiveError, ArchiveFullError
from smtp_lab.sink.body import Chunks, Dotted, header_exceeds
from smtp_lab.sink.commands import syntax_of
from smtp_lab.sink.credentials import Login, Undecided
from smtp_lab.sink.door import Door
from smtp_lab.sink.hooks import Hooks
from smtp_lab.sink.leaving import speaks
from smtp_lab.sink.lines import LONGEST
from smtp_lab.sink.log import SessionLog, legible
from smtp_lab.sink.replies import DONE
from smtp_lab.sink.spoken import Spoken
from smtp_lab.sink.together import Together

__all__ = ("LabProtocol",)

_log = logging.getLogger("smtp_lab.sink")

_PARAMETERS: dict[str, tuple[str, ...]]
_PARAMETERS = {"SIZE": ("SIZE",), "8BITMIME": ("BODY",), "BINARYMIME": ("BINARYMIME",)}
_PARAMETERS |= {"SMTPUTF8": ("SMTPUTF8",), "AUTH": ("AUTH",)}
_PARAMETERS |= {"DSN": ("RET", "ENVID", "NOTIFY", "ORCPT")}
_HEADER = "552 5.3.4 Error: the header is larger than the sink takes"
_REFUSED = "535 5.7.8 Error: authentication failed"
_UNDECIDED = "454 4.7.0 Temporary authentication failure"  # RFC 4954 section 4.7


class _Storing:
    """Stands where a command's task is, while the archive is at work."""

    def cancel(self) -> None:
        """Do nothing: what was taken is stored, whoever leaves."""


_STORING = _Storing()


class LabProtocol(Spoken):
    """One connection to the sink."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        if not door.template:
            door.template = self._prepared(door, loop)
        # aiosmtpd looks at every attribute of its class for each connection anew; what it finds is
        # the same for all.
        vars(self).update(door.template)
        self.door, self.loop = door, loop
        if door.together is None:
            door.together = Together(loop)
        self.together = door.together
        self._smtp_methods = {verb: getattr(self, f"smtp_{verb}") for verb in door.verbs}
        self._auth_methods = {
            name: _AuthMechAttr(getattr(self, f"auth_{name.replace('-', '__')}"), is_builtin=True)
            for name in door.mechanisms
        }
        self.beneath: asyncio.Transport | None = None  # what implicit TLS stands on
        self.record = StoredSession(session_id(), datetime.now(UTC), door.name, "")
        self.log = SessionLog(self.record.started_at)
        self.bind(door.limits, door.guests)

    def _prepared(self, door: Door, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
        super().__init__(
            Hooks(),
            hostname="localhost",
            ident="ESMTP smtp_lab sink",
            data_size_limit=door.limits.message,
            enable_SMTPUTF8="SMTPUTF8" in door.offers,
            tls_context=door.context if door.encrypts else None,
            auth_require_tls=door.encrypts,
            timeout=door.limits.idle,
            loop=loop,
        )
        self._auth_required = door.login_required  # given above, it would warn of the plain door
        self.most_recipients = door.limits.recipients
        self.keywords = frozenset(p for o in door.offers for p in _PARAMETERS.get(o, ()))
        self.command_size_limit = 2048  # as Postfix (line_length_limit)
        return dict(vars(self))

    # --- the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session, or go on with it after STARTTLS."""
        self.door.open.add(self)
        if secured := transport.get_extra_info("ssl_object"):
            self.record.tls_version, self.record.tls_cipher = secured.version(), secured.cipher()[0]
            self.log.tls = True
            self.log.note("*", f"{secured.version()} with {secured.cipher()[0]}")
        if not self.record.peer:
            self.enter(transport)
        super().connection_made(transport)

    def _set_out(self) -> None:
        super()._set_out()
        self.command_size_limits["AUTH"] = LONGEST

    def enter(self, transport: asyncio.BaseTransport) -> bool:
        """Note who comes; say whether there is room."""
        host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
        self.record.peer = f"{host}:{port}"
        return self.admit(host)

    def greet(self) -> None:
        """Say who is there, unless the client has spoken first or there is no room."""
        assert self.transport is not None  # noqa: S101  # connection_made has it
        if not self.welcome:
            self.dismiss("421 4.7.0 Error: too many connections")
        elif not self.log.tls and speaks(self.transport):
            self.dismiss("554 5.5.0 Error: the client spoke before the greeting")
        else:
            super().greet()

    def connection_lost(self, error: Exception | None) -> None:
        """End the session and keep it."""
        if self in self.door.open:
            self.door.open.discard(self)
            self._ended()
        super().connection_lost(error)

    def turned_away(self, reason: str) -> None:
        """Keep the session of a client that never got as far as the greeting."""
        self.log.note("*", reason)
        self._ended()

    def _ended(self) -> None:
        self.record.ended_at = datetime.now(UTC)
        self.gone()
        self.door.archive.note(self._snapshot(), self.loop)

    def _snapshot(self) -> StoredSession:
        """The session as it stands, with the lines that are not stored yet."""
        # dataclasses.replace() costs as much as all else that is done with a command.
        made = StoredSession.__new__(StoredSession)
        vars(made).update(vars(self.record), transcript=self.log.held())
        return made

    def _create_session(self) -> Session:
        return _Session(self.loop)

    # --- encryption and logging in ------------------------------------------------------------

    @syntax_of(SMTP.smtp_STARTTLS)
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """Encrypt the connection, once (RFC 3207)."""
        if self.door.implicit:
            await self.push("503 5.5.1 Error: TLS is already active")
        elif self._waiting:
            # Whoever stands between could have put it there, to be taken for said under TLS.
            self.dismiss("554 5.5.0 Error: commands behind STARTTLS")
        else:
            await super().smtp_STARTTLS(arg)

    async def judge(self, mechanism: str, said: LoginPassword | Login) -> AuthResult:
        """Whether who *said* this may come in; it is recorded."""
        login = (
            said
            if isinstance(said, Login)
            else Login.by_password(mechanism, said.login, said.password)
        )
        self.record.login, self.record.mechanism = legible(login.username), mechanism
        self.record.login_ok = False
        try:
            self.record.login_ok = await self.door.credentials.accept(login)
        except Undecided:
            return AuthResult(success=False, handled=False, message=_UNDECIDED)
        if self.record.login_ok:
            name = login.username.encode("utf-8", "replace")
            return AuthResult(success=True, auth_data=LoginPassword(name, b""))
        self._failed_logins += 1
        return AuthResult(success=False, handled=False, message=_REFUSED)

    # --- the message ------------------------------------------------------------------------

    def add_recipient(self, address: str, options: list[str]) -> str:
        """Put *address* into the envelope; give the reply."""
        if address == "<>":  # only a sender may be null (RFC 5321 section 4.5.5)
            return "553 5.1.3 Error: a recipient needs an address"
        assert self.envelope is not None  # noqa: S101  # there since the greeting
        self.envelope.rcpt_tos.append(address)
        self.envelope.rcpt_options.append(tuple(options))  # type: ignore[arg-type]  # one for each
        return DONE["RCPT"]

    def take(self, body: Dotted | Chunks) -> None:
        """Give a whole message to the archive, without waiting where that can be done."""
        if isinstance(body, Chunks):
            super().take(body)
            return
        self.guests.writers.discard(self)
        data = body.message()
        if data is None:
            self._finish_message(self.oversize())
        elif header_exceeds(data, self.door.limits.header):
            self._finish_message(_HEADER)
        else:
            message = self._message(data)
            self.hold(len(data))
            self._task = _STORING
            try:
                taken = self.door.archive.offer(message, partial(self._stored, message), self.loop)
            except ArchiveError as error:
                self._stored(message, error)
                return
            if not taken:
                self._task = None
                self._run(self._store(message))

    async def deliver(self, data: bytes) -> str:
        """Give a message that came in pieces to the archive; the reply says what became of it."""
        self.guests.writers.discard(self)
        if header_exceeds(data, self.door.limits.header):
            return _HEADER
        message = self._message(data)
        self.hold(len(data))
        try:
            outcome: int | BaseException = await self.door.archive.store(message)
        except Exception as error:  # noqa: BLE001  # whatever it is, the client must hear of it
            outcome = error
        self.hold(0)
        return self._outcome(message, outcome)

    async def _store(self, message: StoredMessage) -> None:
        """Store *message* once there is room for it."""
        try:
            outcome: int | BaseException = await self.door.archive.store(message)
        except Exception as error:  # noqa: BLE001  # as above
            outcome = error
        self._finish_message(self._outcome(message, outcome))

    def _stored(self, message: StoredMessage, outcome: int | BaseException) -> None:
        self._task = None
        if self.transport is not None:
            self._finish_message(self._outcome(message, outcome))
            if self._waiting or self._full or self._half:
                self._pump()

    def _finish_message(self, reply: str) -> None:
        self.hold(0)
        self._set_post_data_state()
        if reply[0] == "2":
            self.affirm(reply)
        else:
            self.reply(reply, soon=True)

    def _message(self, data: bytes) -> StoredMessage:
        envelope, log = self.envelope, self.log
        assert envelope is not None  # noqa: S101  # there since the greeting
        log.plain("*", f"the message: {len(data):,} octets")
        return StoredMessage(
            raw=data,
            mail_from="" if envelope.mail_from == "<>" else legible(envelope.mail_from or ""),
            rcpt_to=tuple(map(legible, envelope.rcpt_tos)),
            mail_options=tuple(map(legible, envelope.mail_options)),
            rcpt_options=tuple(
                [tuple(map(legible, o)) if o else () for o in envelope.rcpt_options]
            ),
            received_at=datetime.now(UTC),
            session=self._snapshot(),
            lines=len(log) + 1,  # the answer is the next one
        )

    def _outcome(self, message: StoredMessage, outcome: int | BaseException) -> str:
        """The reply to *message*, whose number or error is *outcome*."""
        if isinstance(outcome, int):
            self.log.forget(message.lines - 1)
            return f"250 2.0.0 Ok: kept as number {outcome}"
        if isinstance(outcome, ArchiveError):
            _log.error("a message was refused: %s", outcome)  # the sentence says it all
            self.log.note("*", f"not stored: {outcome}")
            code = "452 4.3.1" if isinstance(outcome, ArchiveFullError) else "451 4.3.0"
            return f"{code} Error: the message could not be stored"
        _log.error("a message was refused", exc_info=outcome)
        return "451 4.3.0 Error: the message could not be stored"

    async def handle_exception(self, error: Exception) -> str:
        """Say nothing of *error* to the client; it is logged."""
        if isinstance(error, TLSSetupException):
            # The client's doing, and a lesson: it belongs in the transcript, not in a log.
            self.log.note("*", f"the TLS handshake failed: {error.__cause__}")
            return ""  # never sent: the connection is closed after this error
        _log.error("the sink stumbled in session %s", self.record.id, exc_info=error)
        return "451 4.3.0 Error: the sink stumbled over this command"


class _Session(Session):
    # A plain attribute in place of a deprecated property that logs a warning at each login.
    login_data: Any = None
