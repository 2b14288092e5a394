"""The HTTP of tokens, as msal and Authlib use it, over `Web`; silent about what it carries."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from smtp_lab.config.secrets import Secret
from smtp_lab.deliver.http import NoAnswerError as Unanswered
from smtp_lab.deliver.http import Web
from smtp_lab.transcript import Mask, printable

__all__ = ("Answer", "Http", "NoAnswerError", "discreet")

_MOST = 1_000_000  # octets of an answer; a token's has a few thousand
_SHOWN = 4_000  # characters of an error
_WHOLE = 10  # a request as a whole may take this many times the wait for a piece of its answer
_OPEN = {
    *("grant_type", "scope", "client_id", "redirect_uri", "client_info", "username"),
    *("client_assertion_type", "claims", "resource", "audience"),
}
"""What is sent and is no secret."""
_PRIVATE = ("access_token", "refresh_token", "id_token", "device_code")
"""What is answered and is a secret."""
_TALKERS = ("msal", "authlib", "joserfc", "urllib3", "requests", "charset_normalizer")


class NoAnswerError(Exception):
    """There was no answer that could be used; its text, masked, says why."""


class Answer:
    """What a server answered, with as much of requests' response as its users look at."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.status_code, self.headers, self.text = status, headers, text

    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """Say nothing: what cannot be used never became an answer."""


class Http:
    """A session with whoever gives tokens; msal and Authlib talk through it.

    Args:
        timeout: Seconds to connect, and to wait for each piece of an answer.
        note: Gets a line for each exchange: method, host, what for, status, seconds.
        secrets: What must not come back in a message.
    """

    def __init__(
        self, timeout: float, note: Callable[[str], None], secrets: Iterable[Secret] = ()
    ) -> None:
        self._timeout, self.note = timeout, note
        self._secrets = list(secrets)
        self._web = Web(timeout)
        self.refusal = self.error = ""
        """The last answer that was an error, masked, and its code (RFC 6749 section 5.2)."""

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for *url*.

        Raises:
            NoAnswerError: There is no answer that could be used.
        """
        return self._ask("GET", url, params=params, headers=headers)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
    ) -> Answer:
        """Send the form *data* to *url*.

        Raises:
            NoAnswerError: There is no answer that could be used.
        """
        sent = {name: value for name, value in (data or {}).items() if name not in _OPEN}
        self.hide(Secret(value) for value in sent.values() if isinstance(value, str))
        return self._ask("POST", url, params=params, data=data, headers=headers, auth=auth)

    def close(self) -> None:
        """End the session."""
        self._web.close()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Let *secrets* appear in no message from here on."""
        self._secrets += [secret for secret in secrets if secret not in self._secrets]

    def mask(self, text: str) -> str:
        """Give *text* back without any secret that was sent or answered."""
        return Mask("", *(secret.reveal() for secret in self._secrets))(text)

    def _ask(self, method: str, url: str, **asked: Any) -> Answer:
        self.refusal = self.error = ""
        began = time.monotonic()
        what = f"{method} {urlsplit(url).netloc} ({_purpose(url, asked.get('data'))})"
        answer, problem = None, ""
        try:
            answer = self._exchange(method, url, asked)
        except Unanswered as error:
            problem = error.cause
        except (requests.RequestException, ValueError) as error:  # no URL or no header
            problem = type(error).__name__
        took = f"{time.monotonic() - began:.2f} s"
        if answer is None:
            self.note(f"{what}: no answer, after {took}")
            raise NoAnswerError(self._shown(problem))
        self.note(f"{what}: HTTP {answer.status_code} in {took}")
        return self._usable(method, answer)

    def _exchange(self, method: str, url: str, asked: dict[str, Any]) -> Answer:
        made = requests.Request(method, url, **asked).prepare()
        if isinstance(shown := made.headers.get("Authorization"), str):
            self.hide([Secret(shown.rpartition(" ")[2])])
        body = made.body.encode() if isinstance(made.body, str) else None
        answer = self._web.ask(
            method,
            made.url or url,
            headers={name: str(value) for name, value in made.headers.items()},
            body=body,
            seconds=self._timeout * _WHOLE,
            limit=_MOST,
        )
        return Answer(answer.status, answer.headers, answer.body.decode("utf-8", "replace"))

    def _usable(self, method: str, answer: Answer) -> Answer:
        """Give *answer* back when the libraries know what to do with it."""
        said = _object(answer.text)
        self.hide(Secret(said[n]) for n in _PRIVATE if said and isinstance(said.get(n), str))
        kind = answer.headers.get("content-type", "no type").partition(";")[0]
        fault = f"HTTP {answer.status_code}"
        if said and "error" in said:
            shown = {k: v for k, v in said.items() if k not in _PRIVATE}
            fault = json.dumps(shown, ensure_ascii=False)
            self.refusal, self.error = self._shown(fault), str(said["error"])
            fine = answer.status_code < 500
        elif answer.status_code == 404 and method == "GET":
            self.refusal, fine = fault, True  # msal knows that some servers lack some pages
        elif 300 <= answer.status_code < 400:
            fault += " leads elsewhere, and secrets are sent nowhere else"
            fine = False
        elif said is None:
            fault += f" with {kind} instead of JSON"
            fine = False
        else:
            fine = answer.status_code < 400
        if not fine:
            raise NoAnswerError(self._shown(fault))
        return answer

    def _shown(self, text: str) -> str:
        return self.mask(printable(text))[:_SHOWN]


class _Masking(logging.Filter):
    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._http.mask(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


@contextmanager
def discreet(http: Http) -> Iterator[None]:
    """Keep the secrets of *http* out of what its libraries log meanwhile, at any level."""
    names = [n for n in (*logging.root.manager.loggerDict,) if n.partition(".")[0] in _TALKERS]
    masking, loggers = _Masking(http), [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(masking)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(masking)


def _purpose(url: str, data: Mapping[str, str] | None) -> str:
    grant = (data or {}).get("grant_type")
    return grant.rpartition(":")[2] if grant else urlsplit(url).path.rpartition("/")[2]


def _object(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
