"""Other ways into the same server: mail ports only, throttled, and never with a password."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from smtp_lab.config import NoAuth, Profile, Provider, SmtpConnection
from smtp_lab.config.catalogue import provider_at
from smtp_lab.config.connection import Security
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.checkup import Checkup, Stage, Suggestion
from smtp_lab.deliver.dialogue import mask_of
from smtp_lab.deliver.stages import Round
from smtp_lab.errors import InputError
from smtp_lab.transcript import Mask

__all__ = ("MAIL_PORTS", "USUAL", "other_ways", "with_others")

MAIL_PORTS = frozenset({25, 465, 587, 2465, 2525, 2587})
"""The only ports other than its own that a server is asked at: 25 (RFC 5321), 465 and 587
(RFC 8314), and those providers have beside them."""

USUAL: tuple[tuple[int, Security], ...] = (
    (465, "implicit"),
    (587, "starttls"),
    (2525, "starttls"),
    (25, "starttls"),
)
"""Where a server of no known provider may listen, best first (RFC 8314 section 3.3)."""

_MOST = 8  # other endpoints
_AT_ONCE = 4
_PATIENCE = 10.0  # seconds for an answer of another endpoint


def with_others(checkup: Checkup, account: Account) -> Checkup:
    """Add what became of the other endpoints of the same host."""
    begun = time.perf_counter()
    profiles, refusal = [], ""
    for connection in other_ways(account.smtp, provider_at(account.smtp.host)):
        changed = account.profile.replace(connection=connection)
        try:
            account.book.policy.check(changed, ())
            account.book.throttle.take("test", changed)
        except InputError as error:
            refusal = str(error)
            continue
        profiles.append(changed)
    mask = mask_of(account)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tried = list(pool.map(lambda changed: _glance(changed, mask), profiles))
    answering = [
        Suggestion(_what_answers(changed, account.smtp), changed)
        for changed, other in zip(profiles, tried, strict=True)
        if other.ok
    ]
    facts = {
        f"{other.endpoint} with {changed.connection.security}": (
            "answers" if other.ok else f"failed at {other.failed_at}"
        )
        for changed, other in zip(profiles, tried, strict=True)
        if isinstance(changed.connection, SmtpConnection)
    }
    if refusal:
        facts["left out"] = refusal
    sentence = f"{len(answering)} of {len(tried)} other ways into the same host answer."
    stage = Stage(
        "others",
        "passed" if tried else "skipped",
        sentence if tried else refusal or "No other way into this host is known.",
        seconds=time.perf_counter() - begun,
        facts=facts,
    )
    return replace(
        checkup,
        stages=(*checkup.stages, stage),
        suggestions=tuple(answering),
        others=tuple(tried),
    )


def other_ways(own: SmtpConnection, known: Provider | None) -> list[SmtpConnection]:
    """Other endpoints of the very host of *own*, at mail ports only."""
    ways = USUAL
    if known is not None:
        host = own.host.casefold().removesuffix(".")
        ways = tuple((e.port, e.security) for e in known.endpoints if e.at(host))
    found = [
        (port, security)
        for port, security in dict.fromkeys(ways)
        if port in MAIL_PORTS and (port, security) != (own.port, own.security)
    ]
    return [own.replace(port=port, security=security) for port, security in found[:_MOST]]


def _glance(profile: Profile, mask: Mask) -> Checkup:
    """See whether a mail server answers there, with TLS and without a login."""
    connection = profile.connection
    assert isinstance(connection, SmtpConnection)  # noqa: S101  # other_ways() made it
    bare = connection.replace(auth=NoAuth(), timeout=min(connection.timeout, _PATIENCE))
    return Round(profile, bare, until="ehlo again", mask=mask).checkup()


def _what_answers(profile: Profile, own: SmtpConnection) -> str:
    to = profile.connection
    assert isinstance(to, SmtpConnection)  # noqa: S101  # other_ways() made it
    changes = [name for name in ("port", "security") if getattr(to, name) != getattr(own, name)]
    change = f"change {' and '.join(changes)} to use it"
    again = " and give the password again" if own.secrets and not to.secrets else ""
    return f"Port {to.port} with {to.security} answers; {change}{again}."
