"""An SMTP client that writes down every line, trusts no server, and tries a password once."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
import warnings
from collections import deque
from collections.abc import Iterator

from smtp_lab.config import BasicAuth, OAuth2, SmtpConnection
from smtp_lab.config.connection import is_loopback
from smtp_lab.deliver import sasl
from smtp_lab.deliver.certificates import Tls
from smtp_lab.deliver.dialling import dial
from smtp_lab.deliver.replies import EndlessReplyError, NoReplyError, Replies
from smtp_lab.deliver.terms import Terms
from smtp_lab.transcript import MASK, Mask, Transcript, printable

__all__ = ("AnswerLostError", "Client", "PlainTextLoginError", "TokenRefusedError")

_GOODBYE = 2.0  # seconds for QUIT, which changes nothing any more
_PIECE = 65_536
_WHOLE = 10  # the whole dialogue may take this many times the wait for one answer

_TLS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class PlainTextLoginError(OSError):
    """A password would have crossed the network unencrypted; it was not sent."""


class AnswerLostError(smtplib.SMTPServerDisconnected):
    """The whole message had been handed over, and no answer came: it may have arrived."""


class TokenRefusedError(smtplib.SMTPAuthenticationError):
    """The server refused the token and said why.

    Attributes:
        challenge: What it said of the token before its reply, decoded.
    """

    def __init__(self, code: int, text: bytes, challenge: str) -> None:
        super().__init__(code, text)
        self.challenge = challenge


class Client(smtplib.SMTP):
    """One connection to the server of *connection*.

    `smtplib` does the commands; reading is done here, since it would wait without end for a
    server that dribbles, and so is TLS, since smtplib checks no certificate unless told to.

    Args:
        connection: Where to, and how.
        transcript: Gets every line.
        mask: Hides secrets a server might echo.

    Attributes:
        tls: How the connection is encrypted, or why it could not be; None before that was tried.
    """

    def __init__(self, connection: SmtpConnection, transcript: Transcript, mask: Mask) -> None:
        name = connection.ehlo_name or "[127.0.0.1]"
        super().__init__(local_hostname=name, timeout=connection.timeout)
        self.connection, self.transcript = connection, transcript
        self.mask = mask
        self.tls: Tls | None = None
        self._end = time.monotonic() + (connection.total_timeout or connection.timeout * _WHOLE)
        self._replies = Replies()
        self._lines: deque[bytes] = deque()
        self._hidden = False

    @property
    def mask(self) -> Mask:
        """What hides secrets a server might echo; set another when there are more."""
        return self._mask

    @mask.setter
    def mask(self, mask: Mask) -> None:
        self._mask = self.transcript.mask = mask

    # --- the dialogue -------------------------------------------------------------------------

    def begin(self) -> None:
        """Connect, greet, and encrypt as the connection's security asks.

        Raises:
            OSError: Whatever went wrong; every smtplib, ssl and socket error is one.
        """
        self.reach()
        if self.connection.security == "implicit":
            self.encrypt()
        self.greet()
        self.hello()
        if self.wants_starttls:
            self.encrypt()
            self.hello()  # RFC 3207 section 4.2: what was said before TLS counts for nothing

    @property
    def wants_starttls(self) -> bool:
        """Whether STARTTLS comes after the first EHLO, which must have been said."""
        security = self.connection.security
        return security == "starttls" or (
            security == "tls-if-offered" and self.has_extn("starttls")
        )

    def reach(self, address: str | None = None, within: float | None = None) -> None:
        """Connect to the server, or to one *address* of it, and wait *within* seconds at most."""
        self.transcript.add("*", f"connecting to {address or self.connection.endpoint}")
        patience = within or self.connection.connect_timeout
        where = (address or self.connection.host, self.connection.port)
        self.sock = dial(*where, lambda: self._time_left(patience))
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.transcript.add("*", f"connected to {self.sock.getpeername()[0]}")

    def encrypt(self) -> None:
        """Encrypt as the connection's security has it: from the first byte, or with STARTTLS."""
        if self.connection.security == "implicit":
            self._encrypt()
        else:
            self._start_tls()

    def greet(self) -> str:
        """Wait for the server's greeting, and give its text."""
        self.transcript.stage = "greeting"
        code, text = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        return text.decode("utf-8", "replace")

    def hello(self) -> None:
        """Say EHLO, or HELO where that is not known."""
        self.transcript.stage = "ehlo"
        code, text = self.ehlo()
        if code not in (250, 421):  # 421 says that the server closes, whatever was asked
            code, text = self.helo()
        if code != 250:
            raise smtplib.SMTPHeloError(code, text)

    def log_in(self, auth: BasicAuth | OAuth2, login: sasl.Login) -> None:
        """Log in with exactly one attempt.

        Raises:
            PlainTextLoginError: The connection is not encrypted and leaves this machine.
            smtplib.SMTPAuthenticationError: The server refused.
            smtplib.SMTPNotSupportedError: It offers no mechanism that fits.
        """
        self.transcript.stage = "auth"
        if not self.transcript.tls and not is_loopback(self.connection.host):
            raise PlainTextLoginError("the connection is not encrypted")
        offered = self.esmtp_features.get("auth", "").upper().split()
        if not offered:
            raise smtplib.SMTPNotSupportedError("SMTP AUTH extension not supported by server.")
        mechanism = sasl.choose(auth, offered)
        if mechanism is None:
            raise smtplib.SMTPException("No suitable authentication method found.")
        code, text, why = self._exchange(mechanism, login.begin(mechanism))
        if code != 235 and why:
            raise TokenRefusedError(code, text, why)
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)

    def _exchange(self, mechanism: str, steps: sasl.Steps) -> tuple[int, bytes, str]:
        """Go through *steps*: the last reply, and what the server said of a token it refuses."""
        first, why = next(steps), ""
        command = f"AUTH {mechanism}"
        whole = f"{command} {sasl.to_text(first)}" if first is not None else command
        early = first is not None and sasl.fits(whole)
        code, text = self._secretly(whole, f"{command} ") if early else self.docmd(command)
        if code == 334 and first is not None and not early:
            code, text = self._secretly(sasl.to_text(first))
        while code == 334:
            refused = mechanism in sasl.BEARER  # what follows the token is why, and no secret
            why = self._explained(text) if refused else ""
            try:
                answer = sasl.to_text(steps.send(text) or b"")
            except StopIteration:
                return *self.docmd("*"), why  # RFC 4954 section 4: this ends the exchange
            code, text = self.docmd(answer) if refused else self._secretly(answer)
        return code, text, why

    def _explained(self, challenge: bytes) -> str:
        """What a challenge after the token says; it is noted in the transcript."""
        why = printable(self._mask(sasl.from_text(challenge)))
        self.transcript.add("*", f"the server says of the token: {why}")
        return why

    def command(self, line: bytes) -> tuple[int, bytes]:
        """Say *line*, ended by CR LF, and give the answer."""
        self.send(line)
        return self.getreply()

    def hand_over(self, terms: Terms) -> tuple[int, str]:
        """Send DATA and the message of *terms*; give the server's final answer."""
        self.transcript.stage = "data"
        code, text = self.docmd("DATA")
        if code < 400 and code != 354:
            raise smtplib.SMTPDataError(code, text)  # 250 before the message accepts nothing
        if code != 354:
            return code, text.decode("utf-8", "replace")
        if self._unread:  # an answer to a message that was not said yet
            raise smtplib.SMTPDataError(code, text)
        self.transcript.add("*", f"the message: {terms.size:,} octets")
        with self._hiding():
            self.send(terms.body)
        try:
            code, text = self.getreply()
        except smtplib.SMTPServerDisconnected as error:
            raise AnswerLostError(str(error)) from error
        except smtplib.SMTPResponseException as error:
            raise AnswerLostError("the answer has no end") from error
        if code < 400 and code // 100 != 2:
            raise AnswerLostError("what was answered is no answer to a message")
        return code, text.decode("utf-8", "replace")

    def hand_on(self) -> tuple[socket.socket, bytes]:
        """Give the open connection away: its socket, and what was read but not used."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        sock, self.sock = self.sock, None
        return sock, self._unread

    def leave(self) -> None:
        """Say goodbye and close; a server that has hung up already is no matter."""
        if self.sock is not None:
            self.transcript.stage = "quit"
            self._end = min(self._end, time.monotonic() + _GOODBYE)
            with contextlib.suppress(OSError):
                self.docmd("QUIT")
        self.close()

    # --- encryption ---------------------------------------------------------------------------

    def _start_tls(self) -> None:
        self.transcript.stage = "starttls"
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server.")
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        if early := self._unread:
            # Whoever stands between could have put it there; it must not count as said under TLS.
            self.transcript.add("*", f"dropped {len(early)} octets that came before encryption")
            self._replies, self._lines = Replies(), deque()
        self._encrypt()
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False

    def _encrypt(self) -> None:
        assert self.sock is not None  # noqa: S101  # begin() has connected
        context = ssl.create_default_context(cafile=self.connection.trusted)
        with warnings.catch_warnings():
            # Python warns of the old versions; whoever allows them has been warned by advice().
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = _TLS[self.connection.min_tls]
        if self.connection.min_tls in ("1.0", "1.1"):
            # OpenSSL 3 refuses these versions at its usual security level.
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        if not self.connection.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock.settimeout(self._time_left())
        self.transcript.stage = "tls"
        self.sock = secured = context.wrap_socket(
            self.sock, server_hostname=self.connection.host, do_handshake_on_connect=False
        )
        try:
            secured.do_handshake()
        except ssl.SSLError as error:
            self._note_tls(secured, error)
            raise
        self.transcript.tls = True
        self._note_tls(secured)

    def _note_tls(self, secured: ssl.SSLSocket, error: ssl.SSLError | None = None) -> None:
        self.tls = Tls.of(secured, self.connection.host, error)
        for note in self.tls.notes:
            self.transcript.add("*", note)

    # --- bytes --------------------------------------------------------------------------------

    def send(self, s: bytes | str) -> None:  # type: ignore[override]  # smtplib's is wider than used
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        if not self._hidden:
            self.transcript.add("C", data.decode("utf-8", "replace").rstrip("\r\n"))
        try:
            # In pieces: what is large may take longer than one answer, as long as it moves.
            for start in range(0, len(data), _PIECE):
                self.sock.settimeout(self._time_left())
                self.sock.sendall(data[start : start + _PIECE])
        except OSError as error:
            raise self._lost(error) from error

    def putcmd(self, cmd: str, args: str = "") -> None:
        # smtplib has some of its words in small letters; RFC 5321 shows them in capitals.
        super().putcmd(cmd.upper() if cmd.isalpha() else cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        try:
            while True:
                line = self._read_line()
                self.transcript.add("S", line.decode("utf-8", "replace").rstrip("\r"))
                if (reply := self._replies.take(line)) is not None:
                    code, said = reply
                    return code, b"\n".join(one[4:].strip() for one in said.split(b"\n"))
        except EndlessReplyError:
            self.close()
            raise smtplib.SMTPResponseException(500, "Line too long.") from None
        except NoReplyError:
            self.close()
            if self.transcript.stage == "greeting":
                raise smtplib.SMTPConnectError(-1, line.strip()) from None
            said_instead = self._mask(line.decode("utf-8", "replace").strip())[:80]
            raise smtplib.SMTPServerDisconnected(
                f"Connection unexpectedly closed: no reply code in {said_instead!r}"
            ) from None

    @property
    def _unread(self) -> bytes:
        """What came and was not used."""
        return b"\n".join([*self._lines, self._replies.rest])

    def _read_line(self) -> bytes:
        while not self._lines:
            self._replies.check()
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
            try:
                self.sock.settimeout(self._time_left())
                piece = self.sock.recv(4096)
            except OSError as error:
                raise self._lost(error) from error
            if not piece:
                self.close()
                raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
            self._lines.extend(self._replies.split(piece))
        return self._lines.popleft()

    def _lost(self, error: OSError) -> smtplib.SMTPServerDisconnected:
        self.close()
        # One that has greeted and then falls silent is another failure than one that never spoke
        # SMTP at all.
        stalled = isinstance(error, TimeoutError) and self.transcript.stage != "greeting"
        what = "The server stopped answering" if stalled else "Connection unexpectedly closed"
        return smtplib.SMTPServerDisconnected(f"{what}: {error}")

    def _time_left(self, patience: float | None = None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(patience or self.connection.timeout, left)

    def _secretly(self, command: str, shown: str = "") -> tuple[int, bytes]:
        self.transcript.add("C", f"{shown}{MASK}")
        with self._hiding():
            self.send(f"{command}\r\n")
        return self.getreply()

    @contextlib.contextmanager
    def _hiding(self) -> Iterator[None]:
        self._hidden = True
        try:
            yield
        finally:
            self._hidden = False
