"""Tokens of everyone but Microsoft, by Authlib."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import JWTBearerGrant
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from smtp_lab.config.secrets import Secret
from smtp_lab.config.tokens import Kept
from smtp_lab.deliver.oauth.flow import CodeFlow, DeviceFlow
from smtp_lab.deliver.oauth.http import Http, NoAnswerError
from smtp_lab.deliver.oauth.request import TokenRequest
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import PreparedRequest

__all__ = ("begin_code", "begin_device", "fetch", "renew")

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PAUSE = 5.0  # seconds, RFC 8628 section 3.2 and 3.5


class _Client(OAuth2Client):  # type: ignore[misc]  # Authlib publishes no types
    client_auth_class = OAuth2ClientAuth


def fetch(asked: TokenRequest, http: Http) -> Kept:
    """Get a token without anybody.

    Raises:
        NoAnswerError: There was none.
        InputError: The private key cannot be used.
    """
    if asked.grant == "service_account":
        # The assertion says who asks: no client authentication beside it (RFC 7523 section 2.1).
        assertion = _assertion(asked)
        return _answered(
            asked, http, grant_type=_JWT, assertion=assertion, scope=None, auth=_nobody
        )
    if asked.grant == "refresh_token":
        return renew(asked, http, Kept(Secret(""), refresh=asked.secrets["refresh_token"]))
    return _answered(asked, http, grant_type="client_credentials")


def renew(asked: TokenRequest, http: Http, kept: Kept) -> Kept:
    """Get a new token by the refresh token that was *kept* (RFC 6749 section 6).

    Raises:
        NoAnswerError: It was refused.
    """
    refresh = kept.refresh.reveal() if kept.refresh else None
    fresh = _answered(asked, http, grant_type="refresh_token", refresh_token=refresh)
    return fresh if fresh.refresh else _with_refresh(fresh, kept.refresh)


def begin_device(asked: TokenRequest, http: Http) -> DeviceFlow:
    """Begin to log in with a code that a person types elsewhere (RFC 8628).

    Raises:
        NoAnswerError: It was refused.
    """
    form = {"client_id": asked.client_id, "scope": " ".join(asked.scopes)}
    secret = asked.secret("client_secret")
    auth = OAuth2ClientAuth(asked.client_id, secret, _basic) if secret else None
    said = http.post(asked.device_url, data=form, auth=auth).json()
    pause = [_number(said.get("interval")) or _PAUSE]
    with _telling(http):
        # Some, such as Google, call the address verification_url.
        url = said.get("verification_uri") or said["verification_url"]
        code, device_code = said["user_code"], said["device_code"]

    def poll() -> Kept | None:
        try:
            return _answered(asked, http, grant_type=_DEVICE, device_code=device_code, scope=None)
        except NoAnswerError:
            if http.error not in ("authorization_pending", "slow_down"):
                raise
        if http.error == "slow_down":
            pause[0] += _PAUSE
        return None

    return DeviceFlow(
        url=str(url),
        code=str(code),
        seconds=_number(said.get("expires_in")) or 300.0,
        interval=lambda: pause[0],
        poll=poll,
        http=http,
    )


def begin_code(asked: TokenRequest, http: Http, redirect_uri: str) -> CodeFlow:
    """Begin to log in on a page whose last address is pasted; with PKCE (RFC 7636)."""
    verifier = generate_token(64)
    client = _Client(
        http,
        asked.client_id,
        scope=" ".join(asked.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    url, state = client.create_authorization_url(
        asked.auth_url, code_verifier=verifier, login_hint=asked.user
    )

    def finish(answer: Mapping[str, str]) -> Kept:
        return _answered(
            asked,
            http,
            grant_type="authorization_code",
            code=answer["code"],
            code_verifier=verifier,
            redirect_uri=redirect_uri,
        )

    return CodeFlow(url=url, state=state, finish=finish, http=http)


def _answered(asked: TokenRequest, http: Http, **sent: Any) -> Kept:
    """Ask the token endpoint; *sent* are the grant's own parameters."""
    secret = asked.secret("client_secret")
    client = _Client(
        http,
        asked.client_id,
        secret,
        token_endpoint_auth_method=_basic if secret else "none",
        scope=" ".join(asked.scopes),
    )
    with _telling(http):
        answer = client.fetch_token(asked.token_url, **sent)
        kind = str(answer.get("token_type", "bearer"))
        if kind.casefold() != "bearer":
            raise NoAnswerError(http.mask(f"the token is of the type {kind}, not Bearer"))
        seconds = _number(answer.get("expires_in"))
        refresh = answer.get("refresh_token")
        return Kept(
            Secret(_text(answer["access_token"])),
            expires_at=time.time() + seconds if seconds else None,
            scope=str(answer.get("scope", "")),
            refresh=Secret(_text(refresh)) if refresh else None,
        )


@contextmanager
def _telling(http: Http) -> Iterator[None]:
    """Turn what Authlib raises, and what an answer lacks, into the answer itself."""
    reason = ""
    try:
        yield
    except AuthlibBaseError:
        reason = http.refusal
    except KeyError as error:
        reason = f"the answer holds no {error.args[0]}"
    except (ValueError, TypeError) as error:
        reason = f"{type(error).__name__} in what was answered"
    if reason:
        raise NoAnswerError(reason)


def _basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[Any, ...]:
    # RFC 6749 section 2.3.1: both are form-encoded first, which Authlib leaves out.
    both = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(both.encode()).decode()}"
    return uri, headers, body


def _nobody(request: PreparedRequest) -> PreparedRequest:
    return request


def _assertion(asked: TokenRequest) -> str:
    """A signed statement of who asks for whom (RFC 7523 section 3), as Google wants it."""
    problem = ""
    try:
        key = RSAKey.import_key(asked.secrets["service_account_key"].reveal())
        return str(
            JWTBearerGrant.sign(
                key,
                issuer=asked.client_id,
                audience=asked.token_url,
                subject=asked.user,
                claims={"scope": " ".join(asked.scopes)},
                header={"alg": "RS256"},
            )
        )
    except (JoseError, ValueError, TypeError):
        problem = "is no PEM of an RSA private key without a password"
    fix = "give the field private_key of the service account's file, from -----BEGIN on"
    raise InputError.of(f"{asked.path}.service_account_key", problem, fix)


def _with_refresh(kept: Kept, refresh: Secret | None) -> Kept:
    return Kept(kept.value, kept.expires_at, kept.scope, refresh=refresh)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise TypeError("no token")
    return value


def _number(value: object) -> float | None:
    """Seconds, which some send as text; None for what are none."""
    try:
        found = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        return None
    return found if 0 < found < 1e9 else None
