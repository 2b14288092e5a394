"""What is odd about a profile without being wrong: said, never refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from smtp_lab.config.address import parse_sender
from smtp_lab.config.auth import BasicAuth, OAuth2
from smtp_lab.config.catalogue import Provider, provider_at, provider_near
from smtp_lab.config.connection import GraphConnection, SmtpConnection, is_loopback
from smtp_lab.config.profile import Profile

__all__ = ("Advice", "advise")

_USUAL = {
    25: "starttls",
    587: "starttls",
    2525: "starttls",
    2587: "starttls",
    465: "implicit",
    2465: "implicit",
}


_READING = {110: "POP3", 143: "IMAP", 993: "IMAP", 995: "POP3"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to think about.

    Attributes:
        id: Short name of the rule.
        field: Dotted name of the field it is about.
        severity: ``warning`` for what will probably fail or harm, ``note`` for the rest.
        text: What is odd, and what to do.
        source: Where that comes from.
    """

    id: str
    field: str
    severity: Literal["warning", "note"]
    text: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


def advise(profile: Profile) -> tuple[Advice, ...]:
    """Everything there is to say about *profile*, without asking the network."""
    connection = profile.connection
    if isinstance(connection, GraphConnection):
        return tuple(_on_graph(profile, connection))
    known = provider_at(connection.host)
    found = [
        *(*_on_encryption(connection), *_on_port(connection)),
        *(*_on_copies(profile), *_on_name(profile)),
    ]
    if known is None:
        found += _on_host(connection)
    else:
        found += [
            *_on_endpoint(connection, known),
            *_on_login(connection, known),
            *_on_sender(profile, known),
        ]
    return tuple(found)


def _on_name(profile: Profile) -> Iterator[Advice]:
    name = parse_sender(profile.sender).display_name
    if "@" in name and name.casefold() != profile.address.casefold():
        yield Advice(
            "name_is_an_address",
            "sender",
            "warning",
            f"the name {name!r} looks like an address, but the mail comes from {profile.address};"
            " many servers take that for a forgery",
            "RFC 5322 section 3.4, RFC 7489 appendix A.6",
        )


def _on_copies(profile: Profile) -> Iterator[Advice]:
    if profile.save_to_sent:
        yield Advice(
            "no_copy",
            "save_to_sent",
            "note",
            "an SMTP server keeps no copy by itself; only Microsoft Graph can",
            "RFC 5321 knows no such thing",
        )


def _on_encryption(connection: SmtpConnection) -> Iterator[Advice]:
    local = is_loopback(connection.host)
    if connection.security != "none" and not connection.verify:
        yield Advice(
            "unverified",
            "connection.verify",
            "warning",
            "the certificate is not checked, so whoever stands between can read the password;"
            " switch the check on, or name a CA file",
            "RFC 8314 section 4",
        )
    if connection.security != "none" and connection.min_tls in ("1.0", "1.1"):
        yield Advice(
            "old_tls",
            "connection.min_tls",
            "warning",
            f"TLS {connection.min_tls} is broken and was retired;"
            " use 1.2 unless you are looking at an old server",
            "RFC 8996",
        )
    if connection.security == "none" and not local:
        yield Advice(
            "plain",
            "connection.security",
            "warning",
            "everything is sent in plain text; choose starttls, or implicit on port 465",
            "RFC 8314 section 3",
        )
    if connection.security == "tls-if-offered" and not local:
        yield Advice(
            "opportunistic",
            "connection.security",
            "note",
            "someone between can take the offer of encryption away unnoticed;"
            " starttls insists on it",
            "RFC 3207 section 6",
        )


def _on_port(connection: SmtpConnection) -> Iterator[Advice]:
    if is_loopback(connection.host):
        return
    usual = _USUAL.get(connection.port)
    given = "starttls" if connection.security == "tls-if-offered" else connection.security
    if usual and given != usual and not (given == "none" and connection.port in (25, 2525)):
        yield Advice(
            "port_and_security",
            "connection.security",
            "warning",
            f"port {connection.port} usually goes with {usual}, not with {connection.security}",
            "RFC 8314 sections 3.3 and 7.3",
        )
    if reads := _READING.get(connection.port):
        yield Advice(
            "reading_port",
            "connection.port",
            "warning",
            f"port {connection.port} is for reading mail ({reads}), not for sending;"
            " use 587 or 465",
            "RFC 8314 section 3.2, RFC 6409 section 3.1",
        )
    if connection.port == 25:
        yield Advice(
            "port_25",
            "connection.port",
            "warning",
            "port 25 is for mail between servers: blocked on Google Cloud,"
            " discouraged on Azure and dropped by most home networks; use 587 or 465",
            "https://cloud.google.com/compute/docs/tutorials/sending-mail, https://learn.microsoft.com/azure/virtual-network/troubleshoot-outbound-smtp-connectivity",
        )


def _on_host(connection: SmtpConnection) -> Iterator[Advice]:
    """What a host that is no known server of anyone may be instead."""
    near = None if is_loopback(connection.host) else provider_near(connection.host)
    if near is not None:
        offered = dict.fromkeys(f"{e.host} on {e.port} with {e.security}" for e in near.endpoints)
        yield Advice(
            "no_such_endpoint",
            "connection.host",
            "warning",
            f"{near.name} is not known to take mail for sending at {connection.host};"
            f" it does at {', '.join(offered)}",
            near.origin,
        )


def _on_endpoint(connection: SmtpConnection, known: Provider) -> Iterator[Advice]:
    host = connection.host.casefold().removesuffix(".")
    same = [e for e in known.endpoints if e.host == host or "{region}" in e.host]
    security = "starttls" if connection.security == "tls-if-offered" else connection.security
    if any((e.port, e.security) == (connection.port, security) for e in same):
        return
    offered = ", ".join(dict.fromkeys(f"{e.port} with {e.security}" for e in same))
    yield Advice(
        "no_such_endpoint",
        "connection.port",
        "warning",
        f"{known.name} is not known to listen on {connection.port} with {connection.security};"
        f" it offers {offered}",
        known.origin,
    )


def _on_login(connection: SmtpConnection, known: Provider) -> Iterator[Advice]:
    auth = connection.auth
    if isinstance(auth, BasicAuth):
        if known.password_kind.split("|")[0] != "account_password":
            yield Advice(
                "password_kind",
                "connection.auth.password",
                "note",
                f"{known.name} wants this as password: {known.password}",
                known.origin,
            )
        for fact in known.dated:
            yield Advice("dated", "connection.auth", "note", str(fact), fact.source)
    if isinstance(auth, OAuth2) and not known.oauth:
        yield Advice(
            "no_oauth",
            "connection.auth",
            "warning",
            f"{known.name} is not known to take OAuth 2.0; log in with {known.password}",
            known.origin,
        )
    if (
        "ip" in known.password_kind.split("|")
        or "allow list" in f"{known.from_rule} {known.precondition}"
    ):
        yield Advice(
            "allow_list",
            "connection.host",
            "note",
            f"{known.name} may want the address you send from on its allow list",
            known.origin,
        )


def _on_sender(profile: Profile, known: Provider) -> Iterator[Advice]:
    if not known.from_rule or known.from_rule == "any":
        return
    if known.kind != "mailbox":
        yield Advice(
            "sender_rule",
            "sender",
            "note",
            f"{known.name} accepts as sender of {profile.address} only this: {known.from_rule}",
            known.origin,
        )
    elif "@" in profile.username and profile.address.casefold() != profile.username.casefold():
        yield Advice(
            "sender_is_not_login",
            "sender",
            "warning",
            f"the recipient will see {profile.address}, the login is {profile.username};"
            f" {known.name} accepts: {known.from_rule}",
            known.origin,
        )


def _on_graph(profile: Profile, connection: GraphConnection) -> Iterator[Advice]:
    if not profile.save_to_sent:
        yield Advice(
            "always_copy",
            "save_to_sent",
            "note",
            "Microsoft Graph keeps a copy in Sent Items of every message it is given as MIME;"
            " that cannot be switched off",
            "https://learn.microsoft.com/graph/api/user-sendmail",
        )
    if profile.address.casefold() != connection.user.casefold():
        yield Advice(
            "sender_is_not_login",
            "sender",
            "warning",
            f"mail leaves from the mailbox {connection.user};"
            f" to send as {profile.address} it needs"
            " the permission Send As",
            "https://learn.microsoft.com/graph/outlook-send-mail-from-other-user",
        )
    if connection.password:
        yield Advice(
            "ropc",
            "connection.password",
            "note",
            "a user's password works only without multi-factor authentication"
            " and is being withdrawn; leave it empty to act as the application",
            "https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc",
        )
