"""Logging in as a person, for accounts whose token nobody else can get."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import parse_qs, urlsplit

from smtp_lab.config import Profile, ProfileBook, Secret
from smtp_lab.config.auth import check_url
from smtp_lab.config.tokens import Kept, Tokens
from smtp_lab.deliver.account import Account, find_profile
from smtp_lab.deliver.arguments import check_number, check_text
from smtp_lab.deliver.diagnosis import diagnose
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.oauth.flow import CodeFlow, DeviceFlow
from smtp_lab.deliver.oauth.get import asking, giver, keep, telling
from smtp_lab.deliver.oauth.request import TokenRequest
from smtp_lab.deliver.oauth.token import TokenClaims, token_of
from smtp_lab.errors import InputError, TokenError
from smtp_lab.show import NO_MATH
from smtp_lab.transcript import Transcript, printable

__all__ = ("LogIn", "log_in", "log_out")

_REDIRECT = "http://localhost"
"""Where a login ends that no server waits for (RFC 8252 section 7.3); the address is pasted."""


class LogIn:
    """A login that waits for a person; it shows what to do.

    With a device code: open `url`, type `code`, and call `wait`. With an authorization code: open
    `url`, agree, and give the address of the page that then does not load to `finish`.

    Attributes:
        profile: Name of the profile.
        url: The page to open.
        code: What to type there; empty where nothing is typed.
        expires_at: Until when that is possible, in UTC; None where nobody said.
        transcript: What was asked of whom, so far.
        claims: What the token says of itself, once it is there.
    """

    def __init__(self, asked: TokenRequest, flow: DeviceFlow | CodeFlow, said: Transcript) -> None:
        self.profile, self.transcript = asked.profile, said
        self.url, self.code = printable(flow.url), ""
        self.expires_at: datetime | None = None
        self.claims: TokenClaims | None = None
        self._asked, self._flow = asked, flow
        self._next = time.monotonic()
        if isinstance(flow, DeviceFlow):
            self.code = printable(flow.code)
            self.expires_at = datetime.now(UTC) + timedelta(seconds=flow.seconds)
            self._next += flow.interval()

    @property
    def done(self) -> bool:
        """Whether the token is there, and kept."""
        return self.claims is not None

    @hushed
    def poll(self) -> bool:
        """Ask once whether the person has come; sooner than the server likes it is not asked.

        Returns:
            Whether the token is there now.

        Raises:
            InputError: This login waits for no code.
            TokenError: It was refused, or it is too late.
        """
        flow = self._flow
        if not isinstance(flow, DeviceFlow):
            raise InputError.of("login", "waits for an address", "call finish() with it")
        if self.done or time.monotonic() < self._next:
            return self.done
        with telling(self._asked, flow.http):
            kept = flow.poll()
        self._next = time.monotonic() + flow.interval()
        if kept:
            self._keep(kept)
        return self.done

    @hushed
    def wait(self, timeout: float | None = None) -> TokenClaims:
        """Wait until the person has come.

        Args:
            timeout: Seconds; by default as long as the code is good. It can be called again.

        Raises:
            InputError: This login waits for no code.
            TokenError: Nobody came in time, or it was refused.
        """
        check_number("timeout", timeout, 0, threading.TIMEOUT_MAX, none=True)
        end = time.monotonic() + timeout if timeout is not None else None
        while not self.poll():
            now = time.monotonic()
            over = self.expires_at is not None and datetime.now(UTC) > self.expires_at
            if over or (end is not None and now >= end):
                error = "expired_token" if over else "authorization_pending"
                found = diagnose(f'{{"error":"{error}"}}', on="oauth")
                raise TokenError(self._asked.netloc, found)
            pause = max(self._next - now, 0.01)
            time.sleep(min(pause, end - now) if end is not None else pause)
        return self._known()

    @hushed
    def finish(self, address: str | Secret) -> TokenClaims:
        """Take the *address* of the page the login ended on; it holds a code that works once.

        Raises:
            InputError: The address is not of this login, or holds no code.
            TokenError: The person declined, or the code was refused.
        """
        flow = self._flow
        if not isinstance(flow, CodeFlow):
            raise InputError.of("login", "waits for a code to be typed", "call wait()")
        if self.done:
            raise InputError.of("login", "is done", "begin a new one with lab.log_in()")
        answer = _parameters(address)
        if answer.get("state") != flow.state:
            problem = "is not of this login: its state is another one"
            raise InputError.of("address", problem, "open the url of this login, and paste again")
        if "error" in answer:
            shown = ", ".join(answer[n] for n in ("error", "error_description") if n in answer)
            found = diagnose(printable(shown), provider=self._asked.provider, on="oauth")
            raise TokenError(self._asked.netloc, found)
        if not answer.get("code"):
            raise InputError.of("address", "holds no code", "paste it whole, up to its last letter")
        with telling(self._asked, flow.http):
            kept = flow.finish(answer)
        self._keep(kept)
        return self._known()

    def _keep(self, kept: Kept) -> None:
        tokens = Tokens()
        with tokens.held():
            keep(self._asked, tokens, kept, self.transcript)
        self.claims = token_of(kept).claims

    def _known(self) -> TokenClaims:
        assert self.claims is not None  # noqa: S101  # both callers have kept the token
        return self.claims

    @property
    def _steps(self) -> tuple[str, ...]:
        if self.done:
            return (f"Profile {self.profile} is logged in: {self.claims}.",)
        if self.code:
            until = f"until {self.expires_at:%H:%M} UTC" if self.expires_at else ""
            return ("Open {url}", f"type {self.code} {until}".strip(), "call wait().")
        last = "give the address of the last page, which need not load, to finish()."
        return ("Open {url}", "log in and agree", last)

    def __str__(self) -> str:
        return ", ".join(self._steps).replace("{url}", self.url)

    def __repr__(self) -> str:
        return f"<LogIn of {self.profile}: {'done' if self.done else 'waiting'}>"

    def _repr_html_(self) -> str:
        link = escape(self.url)
        if _is_safe(self.url):
            link = f'<a href="{link}" target="_blank" rel="noopener noreferrer">{link}</a>'
        items = "".join(f"<li>{escape(step)}</li>" for step in self._steps).replace("{url}", link)
        return f'<ol class="{NO_MATH}" aria-label="Log in">{items}</ol>'


@hushed
def log_in(
    profile: Profile | str | None = None,
    *,
    book: ProfileBook | None = None,
    redirect_uri: str = _REDIRECT,
) -> LogIn:
    """Begin to log in as the person whose mailbox it is, for a profile with OAuth 2.0.

    Args:
        profile: A profile with the grant ``device_code`` or ``authorization_code``, or the name of
            one in the book; by default the book's default.
        book: By default the default book.
        redirect_uri: For ``authorization_code``: what the application is registered with.

    Returns:
        A LogIn, which says what to do; afterwards `send` works until the login ends or `log_out`.

    Raises:
        InputError: The profile has no such grant, or something is missing.
        TokenError: The server could not be asked, or refused.
    """
    check_text("redirect_uri", redirect_uri, "give the address it is registered with", none=False)
    asked = TokenRequest.of(Account.of(profile, book=book).profile)
    if not asked.interactive:
        problem = f"is {asked.grant}, for which nobody logs in"
        raise InputError.of(f"{asked.path}.grant", problem, "just send")
    said = Transcript()
    said.stage = "oauth"
    with asking(asked, said) as http:
        flow: DeviceFlow | CodeFlow
        if asked.grant == "device_code":
            flow = giver(asked).begin_device(asked, http)
        else:
            flow = giver(asked).begin_code(asked, http, redirect_uri)
    return LogIn(asked, flow, said)


@hushed
def log_out(profile: Profile | str | None = None, *, book: ProfileBook | None = None) -> None:
    """Drop the tokens that are kept for *profile*, or all there are.

    They stay good at the server until they expire; what ends them sooner is in its settings.

    Args:
        profile: A profile, or the name of one in the book; None for all accounts.
        book: By default the default book.

    Raises:
        InputError: The file they are in cannot be used.
    """
    tokens = Tokens()
    if profile is None:
        tokens.clear()
        return
    if not isinstance(profile, Profile):
        profile, _ = find_profile(profile, book=book)
    tokens.forget(profile.name, profile.connection.binding, profile.username)


def _parameters(address: str | Secret) -> Mapping[str, str]:
    """What stands behind the question mark of *address*; of a name that repeats, nothing."""
    text = address.reveal() if isinstance(address, Secret) else address
    if not isinstance(text, str):
        raise InputError.of("address", "is no text", "paste the address of the last page")
    try:
        query = urlsplit(text.strip().strip("\"'<>")).query
    except ValueError:
        query = ""
    found = parse_qs(query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _is_safe(url: str) -> bool:
    try:
        return check_url(url) == url
    except ValueError:
        return False
