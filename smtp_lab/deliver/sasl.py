"""The ways to log in: what a client answers to each challenge (SASL, RFC 4422; in SMTP, RFC 4954).

A mechanism is a generator: it gives what to say first (None where the server speaks first), gets
the server's challenge, and gives the next answer.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smtp_lab.config import BasicAuth, OAuth2, SmtpConnection
from smtp_lab.config.secrets import Secret

if TYPE_CHECKING:
    from smtp_lab.deliver.oauth.token import AccessToken

__all__ = ("BEARER", "Login", "Steps", "choose", "encoded", "fits", "from_text", "to_text")

Steps = Generator[bytes | None, bytes, None]

BEARER = ("XOAUTH2", "OAUTHBEARER")
"""Mechanisms that log in with a token; a challenge after it says why it was refused."""

_COMMAND = 512  # octets of a command with its line end (RFC 5321 section 4.5.3.1.4)


@dataclass(frozen=True, slots=True)
class Login:
    """What a login is made of.

    Attributes:
        user: The login name.
        secret: The password or the token.
        host: The server, and its `port`, which OAUTHBEARER names.
        port: The port.
    """

    user: str
    secret: Secret
    host: str
    port: int

    @classmethod
    def of(cls, connection: SmtpConnection, token: AccessToken | None = None) -> Login:
        """The login of *connection*; with OAuth 2.0 its secret is the *token*."""
        auth = connection.auth
        if isinstance(auth, OAuth2) and token is not None:
            return cls(auth.user, token.value, connection.host, connection.port)
        if isinstance(auth, BasicAuth):
            password = auth.password or Secret("")
            return cls(auth.username, password, connection.host, connection.port)
        return cls("", Secret(""), connection.host, connection.port)

    def begin(self, mechanism: str) -> Steps:
        """The steps of *mechanism*, one of those `choose` gives."""
        return _MECHANISMS[mechanism](self)


def choose(auth: BasicAuth | OAuth2, offered: Sequence[str]) -> str | None:
    """The mechanism for *auth*: the wanted one, or the first the server has *offered*.

    One is chosen, and no other is tried after it: a wrong password or token counts once.
    """
    if auth.mechanism != "auto":
        wanted: tuple[str, ...] = (auth.mechanism,)
    else:
        wanted = BEARER if isinstance(auth, OAuth2) else ("PLAIN", "LOGIN", "CRAM-MD5")
    return next((mechanism for mechanism in wanted if mechanism in offered), None)


def fits(command: str) -> bool:
    """Whether *command* with its initial response may be sent in one line.

    RFC 4954 section 4 leaves AUTH under the limit of every command; what is longer goes in a line
    of its own, after an empty challenge, where servers take 12,288 octets. Some servers that take
    tokens do insist: Postfix has ``smtpd_sasl_response_limit`` for the second way only.
    """
    return len(command) + 2 <= _COMMAND


def encoded(login: Login) -> tuple[str, ...]:
    """What each mechanism that sends a token puts on the wire: a mask must know it."""
    return tuple(to_text(next(login.begin(name)) or b"") for name in BEARER)


def to_text(answer: bytes) -> str:
    """An answer as it travels."""
    return b64encode(answer).decode()


def from_text(text: bytes) -> str:
    """A challenge as people read it; what is not in base64 as it stands."""
    try:
        return b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return text.decode("utf-8", "replace")


def _plain(login: Login) -> Steps:
    yield f"\0{login.user}\0{login.secret.reveal()}".encode()  # RFC 4616


def _login(login: Login) -> Steps:
    yield None
    yield login.user.encode()
    yield login.secret.reveal().encode()


def _cram_md5(login: Login) -> Steps:
    # RFC 2195: the password signs the server's challenge and does not travel itself.
    challenge = b64decode((yield None) or b"")
    digest = hmac.new(login.secret.reveal().encode(), challenge, "md5").hexdigest()
    yield f"{login.user} {digest}".encode()


def _xoauth2(login: Login) -> Steps:
    # developers.google.com/workspace/gmail/imap/xoauth2-protocol
    yield f"user={login.user}\1auth=Bearer {login.secret.reveal()}\1\1".encode()
    yield b""


def _oauthbearer(login: Login) -> Steps:
    # RFC 7628 section 3.1; the user stands in a GS2 header, where two characters are written
    # otherwise (RFC 5801 section 4).
    user = login.user.replace("=", "=3D").replace(",", "=2C")
    where = f"host={login.host}\1port={login.port}"
    yield f"n,a={user},\1{where}\1auth=Bearer {login.secret.reveal()}\1\1".encode()
    yield b"\1"  # RFC 7628 section 3.2.3


_MECHANISMS: dict[str, Callable[[Login], Steps]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "XOAUTH2": _xoauth2,
    "OAUTHBEARER": _oauthbearer,
}
