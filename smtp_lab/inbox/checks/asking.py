"""Trying links: only public addresses, only the one that was checked, bounded in every way.

A link in a captured mail is written by a stranger. Followed blindly it would reach services of this
machine and its network (SSRF). So a name is resolved here, every address it has must be public, and
the connection goes to that very address, whatever DNS says a moment later. The same holds for each
redirect.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

__all__ = ("Answer", "Asker", "is_public")

REDIRECTS = 5
LINKS = 100
_EACH = 5.0  # seconds
_ALL = 120.0  # seconds
_PORTS = {80, 443, 8080, 8443}

# Beside what Python's ipaddress calls private: networks that lead to IPv4 addresses in disguise.
_DISGUISED = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of trying a link.

    Attributes:
        status: The HTTP status at the end, or 0.
        problem: Why there is none, or empty.
        asked: Whether a server was asked at all.
        url: Where the redirects led.
    """

    status: int = 0
    problem: str = ""
    asked: bool = True
    url: str = ""


def is_public(address: str) -> bool:
    """Whether *address* is one of the Internet at large."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        # ISATAP (RFC 5214) carries an IPv4 address in its last four octets.
        if ip.packed[8:12] in (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"):
            return False
        if any(ip in network for network in _DISGUISED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Asker:
    """Tries links, each once.

    Args:
        resolve: Gives the addresses of a host.
        allowed: Says whether one may be connected to.
        ports: Which may be connected to; None for any.
    """

    def __init__(
        self,
        resolve: Callable[[str, int], list[str]] = _resolve,
        allowed: Callable[[str], bool] = is_public,
        ports: set[int] | None = _PORTS,
    ) -> None:
        self._resolve, self._allowed, self._ports = resolve, allowed, ports
        self._known: dict[str, Answer] = {}
        self._end = 0.0

    def ask(self, url: str) -> Answer:
        """Try *url*, an http or https address; never raises."""
        url = url.partition("#")[0]
        if url not in self._known:
            self._end = self._end or time.monotonic() + _ALL
            if len(self._known) >= LINKS:
                return Answer(problem=f"{LINKS} links were tried already", asked=False)
            if time.monotonic() > self._end:
                return Answer(problem="links were tried for long enough", asked=False)
            self._known[url] = self._follow(url)
        return self._known[url]

    def _follow(self, url: str) -> Answer:
        for _ in range(REDIRECTS + 1):
            try:
                answer, target = self._once(url)
            except (OSError, ValueError, UnicodeError) as error:
                return Answer(problem=_reason(error), url=url)
            if not target:
                return answer
            url = urljoin(url, target)
        return Answer(problem=f"there are more than {REDIRECTS} redirects", url=url)

    def _once(self, url: str) -> tuple[Answer, str]:
        """Ask for *url* itself: what came of it, and where it redirects to."""
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in ("http", "https") or not host:
            return Answer(problem="it leads to something that is no web address", url=url), ""
        if self._ports is not None and port not in self._ports:
            return Answer(problem=f"port {port} is not one of the web", asked=False, url=url), ""
        addresses = self._resolve(host, port)
        if not addresses or not all(map(self._allowed, addresses)):
            problem = f"{host} is an address of a private network, which is not tried"
            return Answer(problem=problem, asked=False, url=url), ""
        status, target = self._request("HEAD", parts, host, port, addresses[0])
        if status in (403, 404, 405, 501):  # some servers know no HEAD
            status, target = self._request("GET", parts, host, port, addresses[0])
        if status in (301, 302, 303, 307, 308) and target:
            return Answer(status, url=url), target
        return Answer(status, url=url), ""

    def _request(
        self, verb: str, parts: SplitResult, host: str, port: int, address: str
    ) -> tuple[int, str]:
        from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
        from urllib3.exceptions import HTTPError

        left = max(0.1, min(_EACH, self._end - time.monotonic()))
        common: dict[str, Any] = {
            "timeout": Timeout(total=left),
            "retries": False,
            "maxsize": 1,
        }
        pool: HTTPConnectionPool
        if parts.scheme == "https":
            context = ssl.create_default_context()
            pool = HTTPSConnectionPool(
                address,
                port,
                ssl_context=context,
                server_hostname=host,
                assert_hostname=host,
                **common,
            )
        else:
            pool = HTTPConnectionPool(address, port, **common)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        shown = host if port in (80, 443) else f"{host}:{port}"
        try:
            reply = pool.urlopen(
                verb,
                target,
                headers={"Host": shown, "User-Agent": "smtp_lab link check"},
                redirect=False,
                preload_content=False,
            )
            found = reply.status, reply.headers.get("Location", "")
            reply.close()
        except HTTPError as error:
            raise OSError(_reason(error)) from None
        finally:
            pool.close()
        return found


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    name = type(error).__name__
    known = {
        "SSLError": "its certificate is not trusted",
        "NewConnectionError": "nothing answers there",
        "ConnectTimeoutError": "nothing answered in time",
        "ReadTimeoutError": "nothing answered in time",
        "ProtocolError": "the answer is no HTTP",
    }
    return known.get(name, str(error)[:120] if type(error) is OSError else f"it failed: {name}")
