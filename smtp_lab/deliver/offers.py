"""What a server offers, beside what the profile wants and what is known of the provider."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.config import Advice, NoAuth, OAuth2, Profile, Provider, SmtpConnection
from smtp_lab.config.connection import is_loopback
from smtp_lab.deliver.wire import Client
from smtp_lab.transcript import MASK

__all__ = ("compare", "offered", "on_greeting", "on_plain_hello")

_USUAL_SIZE = 10_000_000  # octets; less keeps many an attachment out
_OPTIONAL = ("8bitmime", "smtputf8", "pipelining", "dsn", "chunking")


def offered(client: Client) -> dict[str, str]:
    """The extensions of the last EHLO, as facts to show."""
    if not client.does_esmtp:
        return {"extensions": "none: the server knows HELO only"}
    features = client.esmtp_features
    named = ", ".join(name.upper() for name in _OPTIONAL if name in features)
    missing = ", ".join(name.upper() for name in _OPTIONAL if name not in features)
    size = size_of(client)
    # Inside TLS nobody offers it again.
    tls = {"STARTTLS": "offered" if "starttls" in features else "not offered"}
    return ({} if client.transcript.tls else tls) | {
        "logins": ", ".join(logins(client)) or "none",
        "largest message": f"{size:,} octets" if size else "no limit is named",
        "also offered": named or "nothing",
        "not offered": missing or "nothing",
    }


def logins(client: Client) -> tuple[str, ...]:
    """The SASL mechanisms of the last EHLO; what cannot be the name of one is not shown."""
    offered = client.esmtp_features.get("auth", "").upper().split()
    # RFC 4422 section 3.1. In capitals a mask would not know an echoed secret again.
    return tuple(
        dict.fromkeys(m if re.fullmatch(r"[A-Z0-9_-]{1,20}", m) else MASK for m in offered)
    )


def size_of(client: Client) -> int:
    """The largest message the server takes, in octets; 0 for no limit (RFC 1870 section 4)."""
    said = client.esmtp_features.get("size", "")
    return int(said) if re.fullmatch(r"[0-9]{1,18}", said) else 0


def on_greeting(connection: SmtpConnection, text: str) -> Iterator[Advice]:
    """What there is to say of the greeting *text*."""
    named = text.split(maxsplit=1)[0].casefold().rstrip(".") if text.split() else ""
    wanted = connection.host.casefold().rstrip(".")
    # RFC 5321 section 4.2: the greeting begins with the server's domain.
    if "." in named and named != wanted and not is_loopback(connection.host):
        yield Advice(
            "other_name",
            "connection.host",
            "note",
            f"the server calls itself {named[:253]}; with providers that is usual, with your own"
            " server it may be another machine than you think",
            "RFC 5321 section 4.2",
        )


def on_plain_hello(
    connection: SmtpConnection, client: Client, known: Provider | None
) -> Iterator[Advice]:
    """What there is to say of an EHLO before any encryption."""
    has_tls = client.has_extn("starttls")
    local = is_loopback(connection.host)
    if connection.security == "tls-if-offered" and not has_tls and not local:
        yield Advice(
            "no_starttls",
            "connection.security",
            "warning",
            "the server offers no encryption, or someone between took the offer away; no login is"
            " possible this way",
            "RFC 3207 section 6",
        )
    if connection.security == "none" and has_tls:
        yield Advice(
            "starttls_unused",
            "connection.security",
            "note",
            "the server offers encryption; choose starttls",
            "RFC 8314 section 3",
        )
    if logins(client) and connection.security != "none":
        usual = known is not None and bool(known.auth_before_tls)
        yield Advice(
            "login_before_tls",
            "connection.security",
            "note" if usual or local else "warning",
            "the server offers a login before encryption, so a program that is set up badly would"
            " send its password in the clear; smtp_lab does not",
            "RFC 4954 section 4",
        )


def compare(
    profile: Profile, connection: SmtpConnection, client: Client, known: Provider | None, *, to: str
) -> Iterator[Advice]:
    """What the EHLO that counts offers, against what a mail of *profile* needs."""
    yield from _on_logins(connection, client, known)
    yield from _on_size(client, known)
    if not (profile.address + to).isascii() and not client.has_extn("smtputf8"):
        yield Advice(
            "no_smtputf8",
            "sender",
            "warning",
            "an address is not ASCII, and the server offers no SMTPUTF8; use another address, or"
            " another server",
            "RFC 6531 section 3.1",
        )
    if not client.has_extn("8bitmime"):
        yield Advice(
            "no_8bitmime",
            "connection.host",
            "note",
            "the server offers no 8BITMIME; mail that lab.render() makes needs none",
            "RFC 6152",
        )


def _on_logins(
    connection: SmtpConnection, client: Client, known: Provider | None
) -> Iterator[Advice]:
    has, auth = logins(client), connection.auth
    listed = ", ".join(has) or "none"
    if isinstance(auth, NoAuth):
        if has:
            yield Advice(
                "login_offered",
                "connection.auth",
                "note",
                f"the server offers a login ({listed}); many take mail for others only after one",
                "RFC 4954",
            )
        return
    mine = ("XOAUTH2", "OAUTHBEARER") if isinstance(auth, OAuth2) else _PASSWORD
    wanted = mine if auth.mechanism == "auto" else (auth.mechanism,)
    if not set(wanted) & set(has):
        other = "OAuth 2.0" if {"XOAUTH2", "OAUTHBEARER"} & set(has) else ""
        if isinstance(auth, OAuth2):
            other = "a password" if set(_PASSWORD) & set(has) else ""
        fits = ", ".join(m for m in mine if m in has)
        fix = f"; choose {fits} or auto" if fits else f"; log in with {other}" if other else ""
        yield Advice(
            "mechanism",
            "connection.auth.mechanism",
            "warning",
            f"the profile wants {' or '.join(wanted)}, the server offers {listed}{fix}",
            "RFC 4954 section 3",
        )
    if known is not None and (gone := [m for m in known.auth if m.upper() not in has]):
        yield Advice(
            "other_logins",
            "connection.auth",
            "note",
            f"{known.name} was known to offer {', '.join(gone)} too",
            known.origin,
        )


_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5")


def _on_size(client: Client, known: Provider | None) -> Iterator[Advice]:
    size = size_of(client)
    if 0 < size < _USUAL_SIZE:
        yield Advice(
            "small",
            "connection.host",
            "warning" if size < 1_000_000 else "note",
            f"the server takes messages of {size:,} octets at most; an attachment grows by a third"
            " on its way",
            "RFC 1870, RFC 2045 section 6.8",
        )
    limit = known.message_size_limit if known is not None else 0
    if size and limit and size != limit:
        yield Advice(
            "other_size",
            "connection.host",
            "note",
            f"{size:,} octets are allowed, {limit:,} were known of {known.name if known else ''}",
            known.origin if known else "",
        )


def on_old_tls(connection: SmtpConnection, known: Provider | None) -> Iterator[Advice]:
    """What there is to say of the oldest TLS version that is accepted."""
    if known is not None and known.tls_min and connection.min_tls < known.tls_min:
        yield Advice(
            "tls_min",
            "connection.min_tls",
            "note",
            f"{known.name} takes TLS {known.tls_min} at least; older versions need not be allowed",
            known.origin,
        )
