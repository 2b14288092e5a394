"""What is known about mail services: where they listen, how one logs in, what they allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from html import escape
from typing import Any

from smtp_lab.config.address import check_address
from smtp_lab.config.auth import BasicAuth, OAuth2
from smtp_lab.config.connection import GraphConnection, Security, SmtpConnection, is_loopback
from smtp_lab.config.hiding import hiding
from smtp_lab.config.oauth import oauth_login
from smtp_lab.config.profile import Profile
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.facts import load
from smtp_lab.show import NO_MATH

__all__ = (
    "DatedFact",
    "Endpoint",
    "Guide",
    "Provider",
    "provider",
    "provider_at",
    "provider_for",
    "provider_near",
    "providers",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way into a provider.

    Attributes:
        host: The server; ``{region}`` stands for the region where there are several.
        port: Its port.
        security: ``starttls``, ``implicit`` or ``none``.
        region: The region it belongs to, or empty.
        plan: The plan it belongs to, or empty.
        stream: The kind of mail it takes, or empty.
        note: What to know about it, or empty.
    """

    host: str
    port: int
    security: Security
    region: str = ""
    plan: str = ""
    stream: str = ""
    note: str = ""

    def at(self, host: str) -> bool:
        """Whether it is an endpoint of *host*, a name in lower case."""
        before, region, after = self.host.partition("{region}")
        return host == self.host or bool(
            region and host.startswith(before) and host.endswith(after)
        )


@dataclass(frozen=True, slots=True)
class DatedFact:
    """Something that holds from a day on.

    Attributes:
        date: ISO 8601.
        fact: What holds.
        source: Where that is said.
    """

    date: str
    fact: str
    source: str

    def __str__(self) -> str:
        return f"{self.date}: {self.fact}"


@dataclass(frozen=True)
class Provider:
    """A mail service; each attribute is a fact of ``facts/providers.toml`` with its sources.

    Attributes:
        id: Short name, such as ``gmail``.
        name: What it is called.
        kind: ``mailbox``, ``esp`` (a sending service), ``relay``, ``bridge``, ``sandbox`` or
            ``http_api``.
        domains: Mail domains whose mailboxes it keeps.
        endpoints: Where it listens, best first.
        auth: SASL mechanisms it offers.
        username: What the user name is.
        password: What the password is.
        password_kind: ``app_password``, ``api_key``, ``smtp_credential``, ``account_password``,
            ``oauth2`` or ``ip``; several joined by ``|``, the best first.
        docs_url: Its own help.
        sources: Where the facts come from.
        confidence: How sure they are.
        unsure: Which of them are not confirmed.
        as_of: The month they were true, such as ``2026-11``.
        mx: Names the MX hosts of domains it keeps mail for end in.
        from_rule: Which senders it accepts, or empty.
        limits: What it allows, in words.
        message_size_limit: In octets; 0 where it is not known.
        recipients_per_message: 0 where it is not known.
        dated: Facts that hold from a day on.
        regions: Names that may stand for ``{region}`` in a host.
        oauth: Endpoints, scopes and grants for OAuth 2.0; empty where there is none.
        wire: Reply texts as its servers send them.
        tls_min: The oldest TLS version it takes, or empty.
    """

    id: str
    name: str
    kind: str
    domains: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    auth: tuple[str, ...]
    username: str
    password: str
    password_kind: str
    docs_url: str
    sources: tuple[str, ...]
    confidence: str
    unsure: tuple[str, ...]
    as_of: str
    mx: tuple[str, ...] = ()
    from_rule: str = ""
    limits: tuple[str, ...] = ()
    message_size_limit: int = 0
    size_note: str = ""
    recipients_per_message: int = 0
    dated: tuple[DatedFact, ...] = ()
    lifecycle: str = ""
    regions: tuple[str, ...] = ()
    host_template: str = ""
    oauth: Mapping[str, Any] = field(default_factory=dict)
    wire: Mapping[str, Any] = field(default_factory=dict)
    tls_min: str = ""
    tls_note: str = ""
    implicit_tls: bool | None = None
    auth_before_tls: bool | None = None
    precondition: str = ""
    api_url: str = ""
    api_url_me: str = ""
    steps: tuple[str, ...] = ()

    @hiding
    def profile(
        self,
        name: str | None = None,
        *,
        user: str,
        sender: str | None = None,
        region: str | None = None,
        oauth: bool = False,
        **more: Any,
    ) -> Profile:
        """A profile for an account with this provider; only the secret is left to type.

        Args:
            name: What to call it; by default the provider's id.
            user: The login name; for a mailbox the address.
            sender: Who sends, as ``Name <address>``; by default *user*.
            region: For a provider with regions, which one.
            oauth: Log in with OAuth 2.0 instead of a password.
            **more: What else the login needs: ``client_id`` for OAuth 2.0, where an application
                of Microsoft logs in as itself also ``grant="client_credentials"`` and
                ``tenant_id``; ``tenant_id`` and ``client_id`` for Microsoft Graph.

        Raises:
            InputError: *user* is no address and no *sender* was given, the region is missing or
                not known, or the provider has no OAuth 2.0.
        """
        if sender is None:
            sender = check_address(user, "user")
        connection: SmtpConnection | GraphConnection
        if self.kind == "http_api":
            connection = GraphConnection(**({"user": user} | more))
        else:
            best = self._endpoint(region)
            connection = SmtpConnection(
                host=self._host(best.host, region),
                port=best.port,
                security=best.security,
                auth=self._auth(user, more, oauth=oauth or self.password_kind.startswith("oauth2")),
            )
        return Profile(name=name or self.id, sender=sender, connection=connection)

    def _endpoint(self, region: str | None) -> Endpoint:
        """The best endpoint, of *region* where the provider has some by the name."""
        first = self.endpoints[0]
        if region is None or "{region}" in first.host:
            return first
        wanted = region.casefold()
        if found := [e for e in self.endpoints if e.region.casefold() == wanted]:
            return found[0]
        known = ", ".join(dict.fromkeys(e.region for e in self.endpoints if e.region))
        fix = f"known are {known}" if known else f"leave it out: {self.name} has no regions"
        raise InputError.of("region", f"{region!r} is not known", fix)

    def _host(self, host: str, region: str | None) -> str:
        if "{region}" not in host:
            return host
        known = f"give one such as {', '.join(self.regions[:3])}"
        if not region:
            raise InputError.of(
                "region", f"is missing, and {self.name} has a server for each", known
            )
        if self.regions and region not in self.regions:
            close = get_close_matches(region, self.regions, n=1)
            raise InputError.of(
                "region",
                f"{region!r} is not known",
                f"did you mean {close[0]!r}?" if close else known,
            )
        return host.replace("{region}", region)

    def _auth(self, user: str, more: dict[str, Any], *, oauth: bool) -> BasicAuth | OAuth2:
        if not oauth:
            return BasicAuth(**({"username": user} | more))
        return oauth_login(self.name, self.oauth, user, more)

    @property
    def zones(self) -> frozenset[str]:
        """The domains its own servers are in, as far as the facts say."""
        hosts = [e.host for e in self.endpoints if "{region}" not in e.host]
        around = [h.partition(".")[2] for h in hosts if h.count(".") > 1 and not is_loopback(h)]
        return frozenset((*self.domains, *self.mx, *around))

    @property
    def origin(self) -> str:
        """Where to read more, and when the facts were true."""
        if self.docs_url:
            return f"Its own help: {self.docs_url} (looked up {self.as_of})"
        return f"From {', '.join(self.sources)} (looked up {self.as_of})"

    def guide(self) -> Guide:
        """The way to what the form asks for: steps where we have them, else what the facts hold."""
        return Guide(self)

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain data."""
        return next(
            deepcopy(entry) for entry in load("providers")["provider"] if entry["id"] == self.id
        )

    def __repr__(self) -> str:
        return f"<Provider {self.id}: {self.name}>"

    def __str__(self) -> str:
        return str(self.guide())

    def _repr_html_(self) -> str:
        return self.guide()._repr_html_()


@dataclass(frozen=True)
class Guide:
    """How to set up an account with a provider, to be shown beside the form.

    Attributes:
        provider: Whose it is.
    """

    provider: Provider

    @property
    def complete(self) -> bool:
        """Whether the steps lead all the way, rather than naming what the facts hold."""
        return bool(self.provider.steps)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps, in order."""
        of = self.provider
        if of.steps:
            return of.steps
        found = []
        for first in of.endpoints[:1]:
            found.append(f"Server {first.host}, port {first.port}, security {first.security}.")
            same = [e for e in of.endpoints[1:] if e.host == first.host]
            others = dict.fromkeys(f"port {e.port} with {e.security}" for e in same)
            if others:
                found.append(f"The same server also listens on {', '.join(others)}.")
        found += [f"User name: {of.username}.", f"Password: {of.password}."]
        found += [f"First: {of.precondition}."] * bool(of.precondition)
        found += [f"Sender: {of.from_rule}."] * bool(of.from_rule)
        return tuple(found)

    def __str__(self) -> str:
        of = self.provider
        lines = [of.name, *(f"{n}. {step}" for n, step in enumerate(self.steps, 1))]
        lines += [str(fact) for fact in of.dated]
        lines += [f"Limit: {limit}" for limit in of.limits]
        return "\n".join([*lines, of.origin])

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The guide as HTML; *say* gives each text as its reader is to see it."""
        of = self.provider
        steps = "".join(f"<li>{escape(say(step))}</li>" for step in self.steps)
        dated = "".join(
            f"<li><b>{escape(d.date)}</b>: {escape(say(d.fact))}</li>" for d in of.dated
        )
        limits = "".join(f"<li>{escape(say(limit))}</li>" for limit in of.limits)
        return (
            f'<div class="{NO_MATH}"><h4>{escape(of.name)}</h4><ol>{steps}</ol>'
            + (f"<p>{escape(say('Dates to know'))}</p><ul>{dated}</ul>" if dated else "")
            + (f"<p>{escape(say('Limits'))}</p><ul>{limits}</ul>" if limits else "")
            + f"<p>{escape(say(of.origin))}</p></div>"
        )


@cache
def providers() -> tuple[Provider, ...]:
    """All providers that are known, in the order of the facts."""
    facts = load("providers")
    return tuple(_of(entry, facts["as_of"]) for entry in facts["provider"])


def provider(name: str) -> Provider:
    """The provider called *name*: its id or its name, in any case.

    Raises:
        UnknownNameError: There is none; the closest are named.
        InputError: *name* is no text.
    """
    if not isinstance(name, str):
        raise InputError.of("provider", f"is a {type(name).__name__}", "give the name of one")
    wanted = name.strip().casefold()
    for candidate in providers():
        if wanted in (candidate.id, candidate.name.casefold()):
            return candidate
    names = [candidate.id for candidate in providers()]
    close = get_close_matches(wanted, names, n=3)
    fix = (
        f"did you mean {' or '.join(map(repr, close))}?"
        if close
        else f"known are {', '.join(names)}"
    )
    raise UnknownNameError.of("provider", f"{name!r} is not known", fix)


def provider_for(address: str) -> Provider | None:
    """The provider that keeps the mailbox *address*, by its domain; None when the facts do not say.

    Nothing is asked of the network.

    Raises:
        InputError: *address* is no address.
    """
    domain = check_address(address).rpartition("@")[2].casefold()
    for candidate in providers():
        if any(domain == known or domain.endswith(f".{known}") for known in candidate.domains):
            return candidate
    return None


def provider_at(host: str) -> Provider | None:
    """The provider whose server *host* is; None when the facts do not say.

    This machine is nobody's: a bridge listens here, and so do the sink and much else.
    """
    if is_loopback(host):
        return None
    wanted = host.casefold().removesuffix(".")
    for candidate in providers():
        if any(endpoint.at(wanted) for endpoint in candidate.endpoints):
            return candidate
    return None


def provider_near(host: str) -> Provider | None:
    """The provider in whose domains *host* lies, be it none of its servers for sending; or None."""
    wanted = host.casefold().removesuffix(".")
    for candidate in providers():
        if any(wanted == known or wanted.endswith(f".{known}") for known in candidate.zones):
            return candidate
    return None


def _of(entry: Mapping[str, Any], as_of: str) -> Provider:
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    facts["endpoints"] = tuple(Endpoint(**endpoint) for endpoint in facts.pop("endpoint"))
    facts["dated"] = tuple(DatedFact(**fact) for fact in facts.get("dated", ()))
    facts["steps"] = facts.pop("guide", ())
    return Provider(**{"as_of": as_of} | facts)
