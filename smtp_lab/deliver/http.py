"""One HTTPS client for token endpoints and Microsoft Graph: bounded, verified, and quiet.

`requests` does the work. What it would do on its own is switched off: no password from ``.netrc``,
no redirect followed, no answer without an end, no request line or header in a log or an exception.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json import loads
from typing import TYPE_CHECKING, Any

from smtp_lab.config.paths import expanded
from smtp_lab.deliver.addresses import resolve
from smtp_lab.errors import InputError
from smtp_lab.transcript import MASK

if TYPE_CHECKING:
    import requests

__all__ = ("Answer", "NoAnswerError", "Web", "authorities")

LIMIT = 8_000_000  # octets of an answer that is not asked for as a whole message
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PIECE = 65_536


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The status code (RFC 9110 section 15).
        reason: The words beside it.
        headers: The headers, their names in lower case.
        body: The body; never part of a repr, for there may be a token in it.
    """

    status: int
    reason: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            found = loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class NoAnswerError(OSError):
    """There was no whole answer.

    Attributes:
        cause: Name and text of what went wrong, such as ``TimeoutError: timed out``.
        said: Whether any of the request may have reached the server.
    """

    def __init__(self, cause: str, *, said: bool) -> None:
        self.cause, self.said = cause, said
        super().__init__(cause)


def authorities() -> str:
    """The PEM file, or folder, of the authorities that are trusted.

    It is the one ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or ``SSL_CERT_FILE`` names, in this
    order, else certifi's.

    Raises:
        InputError: What the variable names cannot be used.
    """
    import certifi

    for name in _VARIABLES:
        if not (given := os.environ.get(name)):
            continue
        path = expanded(given)
        reason = ""
        try:
            if path.is_dir() and name != "SSL_CERT_FILE":
                return str(path)
            path.read_bytes()
            ssl.create_default_context(cafile=path)
        except ssl.SSLError:
            reason = f"{given} holds no certificate"
        except OSError as error:
            reason = f"{given} cannot be read ({error.strerror})"
        if reason:
            raise InputError.of(name, reason, "name a PEM file of authorities, or unset it")
        return str(path)
    return certifi.where()


class Web:
    """Requests to one service over connections that are kept open between them.

    Args:
        timeout: Seconds to wait for a connection and for each piece of an answer.
        on_connected: Told how each new connection is encrypted, such as ``TLSv1.3 with ...``;
            empty when it is not.
        on_said: Called when a request begins to leave.
    """

    def __init__(
        self,
        timeout: float,
        *,
        on_connected: Callable[[str], None] = lambda _: None,
        on_said: Callable[[], None] = lambda: None,
    ) -> None:
        self._timeout, self._verify = timeout, authorities()
        self._on_connected, self._on_said = on_connected, on_said
        self._said = False
        self._socket: Any = None
        self._end = math.inf
        self._session = _session(self)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def ask(  # noqa: PLR0913  # a request has these parts
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
        limit: int = LIMIT,
        quiet: bool = False,
    ) -> Answer:
        """Send one request and read its whole answer.

        Args:
            method: Such as ``POST``.
            url: Where to; a redirect from there is an answer, not followed.
            headers: What to say beside the body.
            body: The body.
            seconds: How long all of it may take.
            limit: Octets of an answer that are read; a longer one is none.
            quiet: Whether *url* is a secret itself, so that urllib3 must not log its path.

        Raises:
            NoAnswerError: There was no whole answer. It holds nothing of the request.
        """
        self._said = False
        stopped = False
        cause = ""
        self._end = time.monotonic() + seconds  # before the timer, which is not to be early
        timer = threading.Timer(max(seconds, 0.001), self._cut)
        timer.daemon = True
        timer.start()
        logger = logging.getLogger("urllib3.connectionpool")
        muffler = _Muffler()
        if quiet:
            logger.addFilter(muffler)
        try:
            return self._ask(method, url, dict(headers), body, limit)
        except KeyboardInterrupt:
            stopped = True
        except Exception as error:  # noqa: BLE001  # requests lets some of urllib3's errors through
            cause = _cause(error)
        finally:
            timer.cancel()
            logger.removeFilter(muffler)
            del url, headers, body  # a traceback with locals shows none
        # Raised out here: the frames of the first error hold the headers.
        if stopped:
            raise KeyboardInterrupt
        if time.monotonic() >= self._end:
            cause = "TimeoutError: timed out"
        raise NoAnswerError(cause, said=self._said)

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, limit: int
    ) -> Answer:
        from requests.utils import get_environ_proxies

        with self._session.request(
            method,
            url,
            headers=headers
            | {"Accept-Encoding": "identity"},  # no bomb, and sizes are what they are
            data=body,
            timeout=self._timeout,
            allow_redirects=False,
            proxies=get_environ_proxies(url),
            verify=self._verify,
            stream=True,
        ) as response:
            whole = bytearray()
            for piece in response.raw.stream(_PIECE, decode_content=False):
                whole += piece
                if len(whole) > limit:
                    raise _TooLongError(f"the answer is longer than {limit:,} octets")
            if time.monotonic() >= self._end:  # cut off: it only looks as if that were all
                raise TimeoutError("timed out")
            return Answer(
                status=response.status_code,
                reason=str(response.reason or ""),
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(whole),
            )

    def _cut(self) -> None:
        """End what takes too long; reading from the other thread fails at once."""
        if self._socket is not None:
            # Not close(): the descriptor belongs to the thread that reads.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    # --- what the connections tell ------------------------------------------------------------

    def connecting(self, host: str, port: int) -> None:
        """A connection is about to be opened: the name must be known in time, or it is not."""
        with contextlib.suppress(UnicodeError):  # urllib3 has an error of its own for it
            resolve(host, port, max(0.001, min(self._timeout, self._end - time.monotonic())))

    def connected(self, opened: Any) -> None:
        """A connection was opened."""
        self._socket = opened
        if time.monotonic() >= self._end:  # there was nothing to cut yet
            raise TimeoutError("timed out")
        try:
            tls = f"{opened.version()} with {opened.cipher()[0]}"
        except (AttributeError, TypeError):
            tls = ""
        self._on_connected(tls)

    def saying(self) -> None:
        """A request begins to leave."""
        self._said = True
        self._on_said()


class _TooLongError(Exception):
    """An answer without an end."""


class _Muffler(logging.Filter):
    """Takes the address out of what urllib3 logs of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                MASK if isinstance(a, str) and (a[:1] == "/" or "://" in a) else a
                for a in record.args
            )
        return True


def _session(web: Web) -> requests.Session:
    """A session whose connections tell *web* what they do and print nothing.

    The classes are made here, since `requests` is loaded when it is first used.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        debuglevel = 0  # http.client would print every header, whatever was set for everyone

        def connect(self) -> None:
            web.connecting(self.host, self.port)
            super().connect()
            web.connected(self.sock)

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is None:
                self.connect()  # here, or a request would count as said to a server never reached
            web.saying()
            super().putrequest(*args, **kwargs)

    class Secured(HTTPSConnection):
        debuglevel = 0

        def connect(self) -> None:
            web.connecting(self.host, self.port)
            super().connect()
            web.connected(self.sock)

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            web.saying()
            super().putrequest(*args, **kwargs)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    pools = {"http": PlainPool, "https": SecuredPool}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    session = requests.Session()
    session.trust_env = False  # no .netrc; proxies and authorities are given with each request
    session.headers["User-Agent"] = "smtp_lab"
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


def _cause(error: BaseException) -> str:
    """Name and text of what lies at the bottom of *error*, without what lies above it.

    What `requests` and `urllib3` wrap around it names the whole URL.
    """
    found: BaseException | None = None
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        at = waiting.pop(0)
        if not isinstance(at, BaseException) or at in seen:
            continue
        seen.append(at)
        if isinstance(at, OSError | _TooLongError) and type(at).__module__ not in _WRAPPERS:
            found = at
        waiting += [*at.args, getattr(at, "reason", None), at.__cause__, at.__context__]
    if isinstance(found, _TooLongError):
        return f"ValueError: {found}"
    if found is not None:
        return f"{type(found).__name__}: {found}"
    return f"{type(error).__name__}: the connection failed"


_WRAPPERS = ("requests.exceptions", "urllib3.exceptions")
