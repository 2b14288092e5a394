"""Tokens of Microsoft, by msal: an application of its own for each request.

msal remembers refusals for a minute, so that an application made earlier would go on refusing
after the mistake was mended.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msal

from smtp_lab.config.secrets import Secret
from smtp_lab.config.tokens import Kept
from smtp_lab.deliver.oauth.flow import CodeFlow, DeviceFlow
from smtp_lab.deliver.oauth.http import Http, NoAnswerError
from smtp_lab.deliver.oauth.request import TokenRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("begin_code", "begin_device", "fetch", "renew")

_ADDED = {"openid", "profile", "offline_access"}  # msal asks for these by itself


def fetch(asked: TokenRequest, http: Http) -> Kept:
    """Get a token without anybody.

    Raises:
        NoAnswerError: There was none.
    """
    with _application(asked, http) as (app, cache):
        if asked.grant == "client_credentials":
            answer = app.acquire_token_for_client(list(asked.scopes))
        elif asked.grant == "password":
            answer = app.acquire_token_by_username_password(
                asked.user, asked.secret("password"), _scopes(asked)
            )
        else:
            answer = app.acquire_token_by_refresh_token(
                asked.secret("refresh_token"), _scopes(asked)
            )
        return _kept(answer, cache, http)


def renew(asked: TokenRequest, http: Http, kept: Kept) -> Kept | None:
    """Get a new token by what msal has *kept*; None where that holds no account.

    Raises:
        NoAnswerError: It was refused.
    """
    with _application(asked, http, kept.msal) as (app, cache):
        accounts = app.get_accounts()
        if not accounts:
            return None
        answer = app.acquire_token_silent_with_error(
            _scopes(asked), accounts[0], force_refresh=True
        )
        return _kept(answer, cache, http) if answer else None


def begin_device(asked: TokenRequest, http: Http) -> DeviceFlow:
    """Begin to log in with a code that a person types elsewhere (RFC 8628).

    Raises:
        NoAnswerError: It was refused.
    """
    with _application(asked, http) as (app, cache):
        flow = app.initiate_device_flow(_scopes(asked))
        if "user_code" not in flow:
            raise NoAnswerError(http.refusal)
        http.hide([Secret(flow["device_code"])])

    def poll() -> Kept | None:
        flow["interval"] = max(1, flow["interval"])  # msal asks without end where it is 0
        flow.pop("latest_attempt_at", None)  # the pauses are ours
        with _telling(http):
            answer = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
            if answer.get("error") in ("authorization_pending", "slow_down"):
                return None
            return _kept(answer, cache, http)

    return DeviceFlow(
        url=flow.get("verification_uri") or flow.get("verification_url", ""),
        code=flow["user_code"],
        seconds=flow["expires_in"],
        interval=lambda: float(flow["interval"]),
        poll=poll,
        http=http,
    )


def begin_code(asked: TokenRequest, http: Http, redirect_uri: str) -> CodeFlow:
    """Begin to log in on a page whose last address is pasted; with PKCE (RFC 7636).

    Raises:
        NoAnswerError: Microsoft could not be asked.
    """
    with _application(asked, http) as (app, cache):
        flow = app.initiate_auth_code_flow(
            _scopes(asked), redirect_uri=redirect_uri, login_hint=asked.user
        )

    def finish(answer: Mapping[str, str]) -> Kept:
        with _telling(http):
            return _kept(app.acquire_token_by_auth_code_flow(flow, dict(answer)), cache, http)

    return CodeFlow(url=flow["auth_uri"], state=flow["state"], finish=finish, http=http)


@contextmanager
def _application(
    asked: TokenRequest, http: Http, kept: Secret | None = None
) -> Iterator[tuple[Any, msal.SerializableTokenCache]]:
    cache = msal.SerializableTokenCache()
    if kept:
        cache.deserialize(kept.reveal())
    settings: dict[str, Any] = {
        "authority": f"https://{asked.netloc}/{asked.tenant}",
        # The host is one of Microsoft's already; asking another one about it adds nothing.
        "instance_discovery": False,
        "http_client": http,
        "token_cache": cache,
    }
    secret = asked.secret("client_secret")
    with _telling(http):
        if secret and asked.grant != "device_code":  # which msal gives to public clients only
            app = msal.ConfidentialClientApplication(
                asked.client_id, client_credential=secret, **settings
            )
        else:
            app = msal.PublicClientApplication(asked.client_id, **settings)
        yield app, cache


@contextmanager
def _telling(http: Http) -> Iterator[None]:
    """Turn what msal raises into the answer behind it; its warnings are for programmers."""
    reason = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ValueError, KeyError, RuntimeError, TypeError) as error:
            reason = http.refusal or f"{type(error).__name__} in what was answered"
    if reason:
        raise NoAnswerError(reason)


def _kept(answer: Mapping[str, Any], cache: msal.SerializableTokenCache, http: Http) -> Kept:
    if "access_token" not in answer or "error" in answer:
        raise NoAnswerError(http.refusal or "the answer holds no access_token")
    return Kept(
        Secret(answer["access_token"]),
        expires_at=time.time() + float(answer.get("expires_in", 0)),
        scope=str(answer.get("scope", "")),
        msal=Secret(cache.serialize()),
    )


def _scopes(asked: TokenRequest) -> list[str]:
    return [scope for scope in asked.scopes if scope not in _ADDED]
