"""A token for a profile: the one that is kept, or a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from smtp_lab.config import Profile
from smtp_lab.config.tokens import Kept, Tokens
from smtp_lab.deliver.arguments import check_flag, check_kind
from smtp_lab.deliver.diagnosis import diagnose
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.oauth.request import TokenRequest
from smtp_lab.deliver.oauth.token import AccessToken, token_of
from smtp_lab.errors import InputError, TokenError
from smtp_lab.transcript import Transcript

if TYPE_CHECKING:
    from smtp_lab.deliver.oauth.http import Http

__all__ = ("access_token", "asking", "distrust", "giver", "keep", "telling")


@hushed
def access_token(
    profile: Profile, *, refresh: bool = False, transcript: Transcript | None = None
) -> AccessToken:
    """Give a token to log in with through *profile*.

    Args:
        profile: One whose connection has `OAuth2` as auth, or a `GraphConnection`; its secrets
            known.
        refresh: Get a new one even where one is kept that is good for five minutes at least.
        transcript: Gets a note for each exchange with the token endpoint, at the stage ``oauth``.

    Raises:
        InputError: Something is missing, or a person must log in first (`log_in`).
        TokenError: None was given; its `diagnosis` says why.
    """
    check_kind("profile", profile, Profile, "give a smtp_lab.Profile", none=False)
    check_flag("refresh", refresh)
    check_kind("transcript", transcript, Transcript, "give a Transcript, or leave it out")
    asked = TokenRequest.of(profile)
    transcript = Transcript() if transcript is None else transcript
    transcript.stage = "oauth"
    tokens = Tokens()
    before = _of(asked, tokens)
    if before and not refresh and token_of(before).fresh:
        return _told(before, transcript, kept_before=True)
    with tokens.held():
        kept = _of(asked, tokens)
        if kept and kept != before and token_of(kept).fresh:  # somebody was quicker
            return _told(kept, transcript, kept_before=True)
        if asked.interactive and not _of_use(kept):
            raise _nobody_logged_in(asked, expired=kept is not None)
        if kept and asked.interactive and not kept.renewable:
            return _told(kept, transcript, kept_before=True)
        fresh = _ask(asked, tokens, kept, transcript)
        keep(asked, tokens, fresh, transcript)
    return _told(fresh, transcript, kept_before=False)


def distrust(profile: Profile) -> None:
    """Use the token kept for *profile* no more: a server refused it.

    Where it took a person to get it, it stays: it may have been refused for another reason.
    """
    asked, tokens = TokenRequest.of(profile), Tokens()
    with tokens.held():
        kept = tokens.get(asked.key)
        if kept and (kept.renewable or not asked.interactive):
            tokens.keep(asked.key, replace(kept, expires_at=0.0))


def keep(asked: TokenRequest, tokens: Tokens, kept: Kept, transcript: Transcript) -> None:
    """Keep a token that was had; what is worth knowing of that is noted."""
    reason = tokens.keep(asked.key, replace(kept, given=asked.given))
    if reason:
        transcript.add("*", f"the token is kept in the memory of this kernel only: {reason}")


@contextmanager
def asking(asked: TokenRequest, transcript: Transcript) -> Iterator[Http]:
    """A session with whoever gives tokens to *asked*.

    Raises:
        TokenError: There was no token; the reason is diagnosed.
    """
    from smtp_lab.deliver.oauth.http import Http

    http = Http(
        asked.timeout, lambda text: transcript.add("*", text), tuple(asked.secrets.values())
    )
    try:
        with telling(asked, http):
            yield http
    finally:
        http.close()


@contextmanager
def telling(asked: TokenRequest, http: Http) -> Iterator[None]:
    """Turn what goes wrong while *http* is asked into a TokenError; logs stay discreet."""
    from smtp_lab.deliver.oauth.http import NoAnswerError, discreet

    giver(asked)  # loads its library, whose loggers must be there to be quieted
    reason = ""
    with discreet(http):
        try:
            yield
        except NoAnswerError as error:
            reason = str(error) or "no reason was given"
    if reason:
        http.note(f"no token: {reason}")
        found = diagnose(reason, provider=asked.provider, on="oauth")
        raise TokenError(asked.netloc, found)


def giver(asked: TokenRequest) -> ModuleType:
    """The module that speaks with whoever gives tokens to *asked*."""
    if asked.microsoft:
        from smtp_lab.deliver.oauth import microsoft

        return microsoft
    from smtp_lab.deliver.oauth import others

    return others


def _ask(asked: TokenRequest, tokens: Tokens, kept: Kept | None, transcript: Transcript) -> Kept:
    """Get a new token: by what is kept, and else by what the profile has."""
    with asking(asked, transcript) as http:
        if kept and kept.renewable and asked.grant in _BY_REFRESHING:
            try:
                found: Kept | None = giver(asked).renew(asked, http, kept)
            finally:
                if http.error == "invalid_grant":  # it will be refused for ever
                    tokens.keep(asked.key, None)
            if found:
                return found
        if asked.interactive:
            raise _nobody_logged_in(asked, expired=True)
        made: Kept = giver(asked).fetch(asked, http)
        return made


_BY_REFRESHING = ("refresh_token", "device_code", "authorization_code")


def _of(asked: TokenRequest, tokens: Tokens) -> Kept | None:
    """What is kept for *asked*, had by the same secrets."""
    kept = tokens.get(asked.key)
    return kept if kept and kept.given == asked.given else None


def _of_use(kept: Kept | None) -> bool:
    return kept is not None and (kept.renewable or not token_of(kept).expired)


def _told(kept: Kept, transcript: Transcript, *, kept_before: bool) -> AccessToken:
    token = token_of(kept)
    what = "using the token that is kept" if kept_before else "got a token"
    transcript.add("*", f"{what} ({token.claims})")
    return token


def _nobody_logged_in(asked: TokenRequest, *, expired: bool) -> InputError:
    problem = (
        f"is over: the login of {asked.user} has expired"
        if expired
        else f"is {asked.grant}, and nobody has logged in as {asked.user} yet"
    )
    return InputError.of(f"{asked.path}.grant", problem, f'call lab.log_in("{asked.profile}")')
