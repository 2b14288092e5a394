"""Requests to Microsoft Graph: with a token, patient where it asks for patience, written down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from smtp_lab.config import GraphConnection, Secret
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.http import LIMIT, Answer, NoAnswerError, Web
from smtp_lab.deliver.oauth.token import AccessToken, TokenClaims
from smtp_lab.transcript import Mask, Transcript, printable

__all__ = ("Failure", "Graph", "TokenSource", "failure")

TokenSource = Callable[[bool, Transcript], AccessToken]
"""Gives an access token for Graph and notes how it was had.

Asked with True it gives another one than before, since Graph refused that.
"""

WHOLE = 10  # all of it may take this many times the wait for one answer, as with SMTP
TRIES = 5
_BUSY = (429, 503, 504)
_GATEWAY = (502, 504)  # said by what stands before Exchange, which may have done it all the same
_SHOWN = 500  # characters of an error's text
_ID = 80  # characters: longer than any mailbox a path names
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

sleep = time.sleep


class Failure(Exception):  # noqa: N818  # it never leaves this folder: a Delivery or an error does
    """Graph did not do what was asked.

    Attributes:
        diagnosis: What went wrong.
        status: The status code of the answer, 0 when there was none.
        unknown: Whether mail may have left all the same, since the answer to that was lost.
    """

    def __init__(self, diagnosis: Diagnosis, status: int = 0, *, unknown: bool = False) -> None:
        self.diagnosis, self.status, self.unknown = diagnosis, status, unknown
        super().__init__(diagnosis.raw)


def failure(text: str, status: int = 0, *, unknown: bool = False) -> Failure:
    """The failure that *text*, as ``403 ErrorAccessDenied: ...``, stands for."""
    found = diagnose(printable(text), on="graph", provider="microsoft_graph")
    return Failure(found, status, unknown=unknown)


class Graph:
    """A conversation with Graph about one mailbox.

    Args:
        connection: Which cloud, which mailbox, and how long to wait.
        token: Where tokens come from.
        transcript: Gets every request and answer; no token.
        more: Seconds the whole may take beyond what is usual, for what is large.
    """

    def __init__(
        self,
        connection: GraphConnection,
        token: TokenSource,
        transcript: Transcript,
        *,
        more: float = 0.0,
    ) -> None:
        self.connection, self.transcript = connection, transcript
        self.origin = f"https://{connection.endpoint}"
        # Only a user who logged in is "me"; the application by itself has to name the mailbox.
        whose = "me" if connection.password else f"users/{quote(connection.user, safe='@')}"
        self.mailbox = f"/v1.0/{whose}"
        self.tls = ""
        self._source = token
        self._bearer: Secret | None = None
        self.claims: TokenClaims | None = None
        self._fresh = False
        self._hidden: list[Secret] = []
        self._mask = Mask()
        self._line = ""
        self._end = time.monotonic() + connection.timeout * WHOLE + more
        self._web = Web(connection.timeout, on_connected=self._connected, on_said=self._said)

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def extend(self) -> None:
        """Allow one more wait, for tidying up when the time is over."""
        self._end = max(self._end, time.monotonic() + self.connection.timeout)

    def hide(self, secret: str) -> None:
        """Keep *secret* out of the transcript from now on."""
        self._hidden.append(Secret(secret))
        self._mask = Mask("", *(hidden.reveal() for hidden in self._hidden))

    def masked(self, text: str) -> str:
        """*text* without the secrets that are known here."""
        return self._mask(text)

    # --- requests -----------------------------------------------------------------------------

    def ask(  # noqa: PLR0913  # a request has these parts
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        limit: int = LIMIT,
        wanted: tuple[int, ...] = (200,),
        sends: bool = False,
    ) -> Answer:
        """Ask Graph for something, and wait and repeat as it says.

        Args:
            method: Such as ``POST``.
            path: On the host of this cloud, quoted.
            body: The body.
            kind: Its media type.
            headers: What to say besides.
            limit: Octets of an answer that are read.
            wanted: Status codes that mean success.
            sends: Whether mail leaves when it succeeds. It is repeated only where Graph said that
                it was not done.

        Raises:
            Failure: The answer was another, or there was none.
        """
        said = {"Content-Type": kind} if body is not None else {}
        said |= headers or {}

        def once() -> Answer:
            self._line = f"{method} {_readable(path)}"
            return self._answer(method, self.origin + path, said, body, limit, sends=sends)

        self._get_token(fresh=False)
        answer = self._patiently(once, sends=sends)
        if answer.status == 401 and not self._fresh:
            self._fresh = True  # whatever was wrong with the first, a second refusal is final
            self._get_token(fresh=True)
            answer = self._patiently(once, sends=sends)
        return self._checked(answer, wanted, sends=sends)

    def put(self, url: str, piece: bytes, span: str) -> Answer:
        """Upload one *piece* to an address that Graph gave, without a token.

        The address is a secret: whoever knows it may write to the draft.

        Args:
            url: The address.
            piece: The octets.
            span: Which they are, as Content-Range has it (RFC 9110 section 14.4).

        Raises:
            Failure: It was not taken.
        """
        said = {"Content-Type": "application/octet-stream", "Content-Range": span}
        host = urlsplit(url).netloc

        def once() -> Answer:
            self._line = f"PUT {host} {span}"
            return self._answer("PUT", url, said, piece, LIMIT, upload=True)

        return self._checked(self._patiently(once), (200, 201, 202))

    def _answer(  # noqa: PLR0913  # as ask()
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        limit: int,
        *,
        sends: bool = False,
        upload: bool = False,
    ) -> Answer:
        self.transcript.stage = "graph"
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._lost("TimeoutError: timed out", unknown=False)
        cause, said = "", False
        try:
            answer = self._web.ask(
                method,
                url,
                headers=headers if upload else {**headers, **self._authorization()},
                body=body,
                seconds=left,
                limit=limit,
                quiet=upload,
            )
        except NoAnswerError as error:
            cause, said = self.masked(error.cause), error.said
        if cause:
            raise self._lost(cause, unknown=sends and said)
        self.transcript.add("S", self.masked(f"{answer.status} {answer.reason[:100]}").rstrip())
        if request_id := answer.headers.get("request-id", ""):
            self.transcript.add("*", self.masked(f"request-id {request_id[:100]}"))
        return answer

    def _lost(self, cause: str, *, unknown: bool) -> Failure:
        self.transcript.add("*", cause)
        if unknown:
            return failure(f"AnswerLost: {cause}", unknown=True)
        return Failure(diagnose(cause, on="exception", port=443))

    def _patiently(self, once: Callable[[], Answer], *, sends: bool = False) -> Answer:
        answer = once()
        for tried in range(1, TRIES):
            wait = _wait(answer, tried, sends=sends)
            if wait is None:
                break
            left = self._end - time.monotonic()
            if wait >= left:
                self.transcript.add("*", f"not waiting {wait:g} s: {left:.0f} s are left")
                break
            self.transcript.add("*", f"waiting {wait:g} s before trying again")
            sleep(wait)
            answer = once()
        return answer

    def _checked(self, answer: Answer, wanted: tuple[int, ...], *, sends: bool = False) -> Answer:
        if answer.status in wanted:
            return answer
        said = self.masked(_error(answer))
        if said:
            self.transcript.add("S", said)
        text = f"{answer.status} {said or self.masked(answer.reason[:100])}".strip()
        raise failure(text, answer.status, unknown=sends and answer.status in _GATEWAY)

    # --- the token ----------------------------------------------------------------------------

    def _get_token(self, *, fresh: bool) -> None:
        if self._bearer is not None and not fresh:
            return
        self.transcript.stage = "oauth"
        self.transcript.add("*", f"getting {'another' if fresh else 'an'} access token")
        token = self._source(fresh, self.transcript)
        self._bearer, self.claims = token.value, token.claims
        self.hide(self._bearer.reveal())
        if not fresh:
            self.transcript.stage = "connect"
            self.transcript.add("*", f"connecting to {self.connection.endpoint}")

    def _authorization(self) -> dict[str, str]:
        assert self._bearer is not None  # noqa: S101  # ask() has got one
        return {"Authorization": f"Bearer {self._bearer.reveal()}"}

    # --- what the connection tells ------------------------------------------------------------

    def _connected(self, tls: str) -> None:
        self.tls, self.transcript.tls = tls, bool(tls)
        self.transcript.add("*", f"{tls}, certificate verified")

    def _said(self) -> None:
        self.transcript.add("C", self.masked(self._line))


def _readable(path: str) -> str:
    """*path* for people; the ids of messages are too long to be read."""
    where, mark, query = path.partition("?")
    steps = [f"{step[:12]}…" if len(step) > _ID else unquote(step) for step in where.split("/")]
    return f"{'/'.join(steps)}{mark}{unquote(query)}"[:300]


def _wait(answer: Answer, tried: int, *, sends: bool) -> float | None:
    """Seconds until *answer* may be another one; None where it will stay.

    Retry-After is a number, here also a fractional one, or a moment (RFC 9110 section 10.2.3).
    """
    if answer.status not in _BUSY:
        return None
    given = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        return float(given)
    moment = _moment(given)
    if moment is not None:
        # Against the server's own clock: ours may be wrong.
        now = _moment(answer.headers.get("date", "")) or datetime.now(UTC)
        return max(0.0, (moment - now).total_seconds())
    # Without Retry-After only "too many requests" says that nothing was done.
    return None if sends and answer.status != 429 else float(2 ** (tried - 1))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error(answer: Answer) -> str:
    """``Code: message`` of an error, with the codes inside it; or the beginning of its text."""
    error: Any = answer.json.get("error")
    if not isinstance(error, dict):
        return " ".join(answer.body[: _SHOWN * 4].decode("utf-8", "replace").split())[:_SHOWN]
    codes: list[str] = []
    at: Any = error
    for _ in range(5):  # deeper ones say nothing new
        if not isinstance(at, dict):
            break
        if isinstance(at.get("code"), str) and at["code"] not in codes:
            codes.append(at["code"])
        at = at.get("innerError") or at.get("innererror")
    message = " ".join(str(error.get("message") or "").split())
    first = f"{codes[0] if codes else 'error'}: {message}"
    return " ".join([first[:_SHOWN], *(f"({code[:100]})" for code in codes[1:])])
