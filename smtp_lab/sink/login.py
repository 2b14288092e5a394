"""Logging in at the sink: PLAIN, LOGIN, CRAM-MD5, XOAUTH2 and OAUTHBEARER."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, b64encode
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword

from smtp_lab.sink.commands import syntax_of
from smtp_lab.sink.credentials import Login
from smtp_lab.sink.esmtp import Esmtp
from smtp_lab.sink.lines import TOO_LONG

__all__ = ("LoginEsmtp",)

_REFUSED = AuthResult(
    success=False, handled=False, message="535 5.7.8 Error: authentication failed"
)
_HANDLED = AuthResult(success=False, handled=True)
_SCOPE = "https://mail.example.com/"


class LoginEsmtp(Esmtp):
    """`Esmtp` with every mechanism clients use, named in any case, prompts as real servers have."""

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    @syntax_of(SMTP.smtp_AUTH)
    async def smtp_AUTH(self, arg: str | None) -> None:
        """Log in (RFC 4954)."""
        mechanism, *rest = (arg or "").split(None, 1) or [""]
        await super().smtp_AUTH(" ".join([mechanism.upper(), *rest]))

    async def challenge_auth(
        self,
        challenge: str | bytes,
        encode_to_b64: bool = True,
        log_client_response: bool = False,  # noqa: ARG002  # a login is never logged here
    ) -> Any:
        """Ask the client; give its answer, or MISSING after a reply that says what is wrong."""
        asked = challenge.encode() if isinstance(challenge, str) else challenge
        await self.push(b"334 " + (b64encode(asked) if encode_to_b64 else asked))
        line = await self.answer()
        if line is TOO_LONG:
            await self.push("500 5.5.6 Authentication exchange line is too long")
            return MISSING
        answer = line.strip()
        if answer == b"*":
            await self.push("501 5.7.0 Auth aborted")
            return MISSING
        return await self._decoded(answer)

    async def auth_PLAIN(self, _server: Any, args: list[str]) -> AuthResult:
        """RFC 4616."""
        said = await self._first(args, "")
        if said is MISSING:
            return _HANDLED
        parts: list[bytes] = said.split(b"\0")
        if len(parts) != 3:
            await self.push("501 5.5.2 Can't split auth value")
            return _HANDLED
        return await self.judge("PLAIN", LoginPassword(parts[1], parts[2]))

    async def auth_LOGIN(self, _server: Any, args: list[str]) -> AuthResult:
        """The one that was never a standard (draft-murchison-sasl-login)."""
        user = await self._first(args, self.AuthLoginUsernameChallenge)
        if user is MISSING:
            return _HANDLED
        password = await self.challenge_auth(self.AuthLoginPasswordChallenge)
        if password is MISSING:
            return _HANDLED
        return await self.judge("LOGIN", LoginPassword(user, password))

    async def auth_CRAM__MD5(self, _server: Any, args: list[str]) -> AuthResult:
        """RFC 2195: the password signs a challenge and does not travel."""
        if len(args) > 1:
            await self.push("501 5.7.0 CRAM-MD5 takes no initial response")
            return _HANDLED
        asked = f"<{secrets.token_hex(8)}.{int(time.time())}@{self.hostname}>".encode()
        said = await self.challenge_auth(asked)
        if said is MISSING:
            return _HANDLED
        user, _, digest = said.rpartition(b" ")

        def proves(password: str) -> bool:
            right = hmac.new(password.encode(), asked, hashlib.md5).hexdigest()
            return hmac.compare_digest(right.encode(), digest.lower())

        return await self.judge("CRAM-MD5", Login("CRAM-MD5", _text(user), proves))

    async def auth_XOAUTH2(self, _server: Any, args: list[str]) -> AuthResult:
        """Google's and Microsoft's way to send a token (developers.google.com/gmail/imap)."""
        said = await self._first(args, "")
        if said is MISSING:
            return _HANDLED
        found = dict(part.partition(b"=")[::2] for part in said.split(b"\1") if part)
        failure = {"status": "400", "schemes": "Bearer", "scope": _SCOPE}
        return await self._bearer("XOAUTH2", found.get(b"user", b""), found, failure)

    async def auth_OAUTHBEARER(self, _server: Any, args: list[str]) -> AuthResult:
        """RFC 7628."""
        said = await self._first(args, "")
        if said is MISSING:
            return _HANDLED
        head, _, rest = said.partition(b"\1")
        user = next((p[2:] for p in head.split(b",") if p.startswith(b"a=")), b"")
        found = dict(part.partition(b"=")[::2] for part in rest.split(b"\1") if part)
        user = user.replace(b"=2C", b",").replace(b"=3D", b"=")
        return await self._bearer(
            "OAUTHBEARER", user, found, {"status": "invalid_token", "scope": _SCOPE}
        )

    async def _bearer(
        self, mechanism: str, user: bytes, found: dict[bytes, bytes], failure: dict[str, str]
    ) -> AuthResult:
        kind, _, token = found.get(b"auth", b"").partition(b" ")
        if user and token and kind.lower() == b"bearer":
            login = Login(mechanism, _text(user), lambda s: hmac.compare_digest(s.encode(), token))
            result = await self.judge(mechanism, login)
            if result.success:
                return result
        # The client learns why, says that it has read it, and only then is refused.
        if await self.challenge_auth(json.dumps(failure)) is MISSING:
            return _HANDLED
        return _REFUSED

    async def judge(self, mechanism: str, said: LoginPassword | Login) -> AuthResult:
        """Whether who *said* this may come in."""
        return self._authenticate(mechanism, said)

    async def _first(self, args: list[str], challenge: str) -> Any:
        """The initial response, or the answer to *challenge* where there was none."""
        if len(args) == 1:
            return await self.challenge_auth(challenge)
        return b"" if args[1] == "=" else await self._decoded(args[1].encode("utf-8", "replace"))

    async def _decoded(self, answer: bytes) -> Any:
        try:
            return b64decode(answer, validate=True)
        except ValueError:
            await self.push("501 5.5.2 Can't decode base64")
            return MISSING


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
