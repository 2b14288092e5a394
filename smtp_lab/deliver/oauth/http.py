"""HTTP for tokens: bounded, verified, without redirects, and silent about what it carries."""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from smtp_lab.config.paths import expanded
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError
from smtp_lab.transcript import Mask, printable

__all__ = ("Answer", "Http", "NoAnswerError", "authority", "discreet")

_MOST = 1_000_000  # octets of an answer; a token's has a few thousand
_SHOWN = 4_000  # characters of an error
_WHOLE = 10  # an answer as a whole may take this many times the wait for a piece of it
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

    The environment's proxies are used; a ``.netrc`` is not, since a password from there has no
    business at a token endpoint, and no redirect is followed, since it would carry secrets along.

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
        self._verify = str(authority())
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Silent())
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
        self._session.close()

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
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = _named(error)
        except ValueError as error:  # what cannot be a URL or a header
            problem = type(error).__name__
        took = f"{time.monotonic() - began:.2f} s"
        if answer is None:
            self.note(f"{what}: no answer, after {took}")
            raise NoAnswerError(self._shown(problem))
        self.note(f"{what}: HTTP {answer.status_code} in {took}")
        return self._usable(method, answer)

    def _exchange(self, method: str, url: str, asked: dict[str, Any]) -> Answer:
        end = time.monotonic() + self._timeout * _WHOLE
        headers = {"Accept-Encoding": "identity", **(asked.pop("headers") or {})}
        with self._session.request(
            method,
            url,
            **asked,
            headers=headers,
            timeout=self._timeout,
            verify=self._verify,
            proxies=get_environ_proxies(url),
            allow_redirects=False,
            stream=True,
        ) as response:
            if isinstance(shown := response.request.headers.get("Authorization"), str):
                self.hide([Secret(shown.rpartition(" ")[2])])
            body = bytearray()
            # read1() gives what is there: a server that dribbles meets the end of the time.
            while piece := response.raw.read1(65_536, decode_content=True):
                body += piece
                if len(body) > _MOST:
                    raise OSError("the answer is larger than a token's")
                if time.monotonic() > end:
                    raise TimeoutError("timed out")
            return Answer(
                response.status_code, dict(response.headers), body.decode("utf-8", "replace")
            )

    def _usable(self, method: str, answer: Answer) -> Answer:
        """Give *answer* back when the libraries know what to do with it."""
        said = _object(answer.text)
        self.hide(Secret(said[n]) for n in _PRIVATE if said and isinstance(said.get(n), str))
        kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
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


def authority() -> Path:
    """The certificates to verify by: the environment's, as requests and OpenSSL name them.

    Raises:
        InputError: There is such a file or folder by name only.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if not (given := os.environ.get(name)):
            continue
        path = expanded(given)
        reason = ""
        try:
            if path.is_dir() and name != "SSL_CERT_FILE":
                return path
            path.read_bytes()
            ssl.create_default_context(cafile=path)
        except ssl.SSLError:
            reason = f"{given} holds no certificate"
        except OSError as error:
            reason = f"{given} cannot be read ({error.strerror})"
        if reason:
            raise InputError.of(name, reason, "name a PEM file of authorities, or unset it")
        return path
    return Path(certifi.where())


class _QuietHttp(HTTPConnection):
    debuglevel = 0  # http.client can be told to print all that is sent; here it prints nothing


class _QuietHttps(HTTPSConnection):
    debuglevel = 0


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _QuietHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _QuietHttps


class _Silent(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager


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


def _named(error: BaseException) -> str:
    """What lies under the wrappings of *error*, by its class and its words."""
    found, seen = error, {id(error)}
    while True:
        inner = [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]
        deeper = next(
            (e for e in inner if isinstance(e, BaseException) and id(e) not in seen), None
        )
        if deeper is None:
            return f"{type(found).__name__}: {found}"
        seen.add(id(deeper))
        found = deeper
