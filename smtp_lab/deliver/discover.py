"""Which provider keeps a mailbox: by its domain, and by asking the network when told to."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote

from smtp_lab.config.address import check_address
from smtp_lab.config.catalogue import Endpoint, Provider, providers
from smtp_lab.config.catalogue import provider_for as provider_of_facts
from smtp_lab.config.connection import Security
from smtp_lab.deliver.arguments import check_kind, check_resolver
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ("Way", "provider_for")

Way = Literal["mx", "srv", "autoconfig"]
"""A way to ask: the domain's MX records, its SRV records (RFC 6186, RFC 8314), or the file mail
programs look for (Thunderbird's autoconfig)."""

WAYS: tuple[Way, ...] = ("mx", "srv", "autoconfig")
_TIMEOUT = 5.0  # seconds, for each question
_MOST = 100_000  # octets of an autoconfig file
_SOCKETS: dict[str, Security] = {"SSL": "implicit", "STARTTLS": "starttls", "plain": "none"}

Fetch = Callable[[str], bytes | None]
"""Gets the body of an https address, or None when there is none."""


def provider_for(
    address: str,
    *,
    ask: Way | Sequence[Way] = (),
    resolver: Resolver | None = None,
    fetch: Fetch | None = None,
) -> Provider | None:
    """The provider that keeps the mailbox *address*; None when nobody knows.

    Without *ask* only the facts are looked at, and nothing leaves this machine.

    Args:
        address: The mail address.
        ask: Ways to ask the network, tried in order when the facts do not know the domain.
        resolver: Who answers DNS questions; by default the system's resolver.
        fetch: Who fetches addresses; by default https without redirects.

    Returns:
        A provider of the facts, or one made of what the domain publishes.

    Raises:
        InputError: *address* is no address, or *ask* names no way.
    """
    check_resolver(resolver)
    if fetch is not None and not callable(fetch):
        fix = "give a function of an address, or leave it out"
        raise InputError.of("fetch", f"is a {type(fetch).__name__}", fix)
    domain = check_address(address).rpartition("@")[2].encode("idna").decode()
    found = provider_of_facts(address)
    check_kind("ask", ask, str | Sequence, f"give some of {', '.join(WAYS)}", none=False)
    ways = (ask,) if isinstance(ask, str) else tuple(ask)
    for way in ways:
        if way not in WAYS:
            raise InputError.of(
                "ask", f"{way!r} is no way to ask", f"give some of {', '.join(WAYS)}"
            )
    for way in ways:
        if found is not None:
            break
        if way == "mx":
            found = _by_mx(domain, resolver)
        elif way == "srv":
            found = _by_srv(domain, resolver)
        else:
            found = _by_autoconfig(address, domain, fetch or _fetch)
    return found


def _by_mx(domain: str, resolver: Resolver | None) -> Provider | None:
    answers = sorted(_answers(domain, "MX", resolver), key=lambda record: record.preference)
    for record in answers:
        host = record.exchange.to_text(omit_final_dot=True).lower()
        # The longest name that fits: olc.protection.outlook.com before protection.outlook.com.
        fitting = [
            (len(name), candidate)
            for candidate in providers()
            for name in candidate.mx
            if host == name or host.endswith(f".{name}")
        ]
        if fitting:
            return max(fitting, key=lambda pair: pair[0])[1]
    return None


def _by_srv(domain: str, resolver: Resolver | None) -> Provider | None:
    endpoints = []
    for service, security in (("_submissions", "implicit"), ("_submission", "starttls")):
        records = _answers(f"{service}._tcp.{domain}", "SRV", resolver)
        for record in sorted(records, key=lambda r: (r.priority, -r.weight)):
            host = record.target.to_text(omit_final_dot=True)
            if host not in ("", "."):  # RFC 2782: a lone dot says that there is no such service
                endpoints.append(Endpoint(host, record.port, cast(Security, security)))
    return _made(domain, endpoints, "the domain's SRV records (RFC 6186, RFC 8314)")


def _by_autoconfig(address: str, domain: str, fetch: Fetch) -> Provider | None:
    for url in (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={quote(address)}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    ):
        body = fetch(url)
        if body and (found := _made(domain, list(_in_autoconfig(body)), url)):
            return found
    return None


def _in_autoconfig(body: bytes) -> Iterator[Endpoint]:
    # A document type could define entities that unfold without end.
    if len(body) > _MOST or b"<!DOCTYPE" in body:
        return
    try:
        tree = ET.fromstring(body)  # noqa: S314  # no document type, and not large
    except ET.ParseError:
        return
    for server in tree.iterfind("emailProvider/outgoingServer[@type='smtp']"):
        host, port = server.findtext("hostname", "").strip(), server.findtext("port", "").strip()
        security = _SOCKETS.get(server.findtext("socketType", "").strip())
        if host and security and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535:
            yield Endpoint(host, int(port), security)


def _made(domain: str, endpoints: list[Endpoint], source: str) -> Provider | None:
    if not endpoints:
        return None
    return Provider(
        id=domain,
        name=domain,
        kind="mailbox",
        domains=(domain,),
        endpoints=tuple(endpoints),
        auth=(),
        username="usually the whole mail address",
        password="the password of the mailbox",  # noqa: S106  # words about it
        password_kind="account_password",  # noqa: S106
        docs_url=f"https://{domain}/",
        sources=(source,),
        confidence="published by the domain",
        unsure=("user name and password are a guess",),
        as_of="now",
    )


def _answers(name: str, kind: str, resolver: Resolver | None) -> list[Any]:
    from dns.exception import DNSException
    from dns.resolver import Resolver as SystemResolver

    try:
        return list((resolver or SystemResolver()).resolve(name, kind, lifetime=_TIMEOUT))
    except DNSException:
        return []


def _fetch(url: str) -> bytes | None:
    import requests

    try:
        with requests.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                return None
            return bytes(answer.raw.read(_MOST + 1, decode_content=True))
    except (requests.RequestException, OSError, ValueError):
        return None
