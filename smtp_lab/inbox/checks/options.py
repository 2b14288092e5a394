"""What a check is asked to do beside looking at the message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from typing import Any

from smtp_lab.domain.answers import Answers, Dns
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.inbox.checks.asking import Asker

__all__ = ("Options", "client_data")

USUAL = (
    *("apple-mail", "gmail.desktop-webmail", "gmail.ios", "gmail.android", "outlook", "yahoo"),
)
"""Whose support is looked at when no client is named."""


@cache
def client_data() -> dict[str, Any]:
    """``facts/mail_clients.json``: which client shows what, by caniemail.com."""
    text = files("smtp_lab.facts").joinpath("mail_clients.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


@dataclass
class Options:
    """How to check; made by `of`.

    Attributes:
        clients: Names of mail clients such as ``outlook.windows``.
        named: Whether they were asked for.
        rules: Patterns of names of rules; empty for the usual ones.
        answers: Who answers questions to DNS; None asks nobody.
        ip: The address mail is taken to come from.
        asker: Who tries links; None tries none.
        spamassassin: Whether SpamAssassin is asked.
    """

    clients: tuple[str, ...] = ()
    named: bool = False
    rules: tuple[str, ...] = ()
    answers: Answers | None = None
    ip: str = ""
    asker: Asker | None = None
    spamassassin: bool = False
    known: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(  # noqa: PLR0913  # they are the arguments of check()
        cls,
        *,
        client: str | Sequence[str] | None = None,
        rules: str | Sequence[str] = (),
        links: str = "offline",
        dns: Dns | None = None,
        ip: str | None = None,
        spamassassin: bool = False,
        names: Iterable[str] = (),
    ) -> Options:
        """Read the arguments of ``check()``.

        Raises:
            InputError: One of them cannot be used.
        """
        if links not in ("offline", "online"):
            raise InputError.of("links", f"{links!r} is not known", 'give "offline" or "online"')
        try:
            ip = str(ip_address(str(ip))) if ip else ""
        except ValueError:
            fix = "give one such as 192.0.2.1"
            raise InputError.of("ip", f"{ip!r} is no IP address", fix) from None
        patterns = _names("rules", rules)
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                fix = "docs/checks.md has them all; * stands for anything"
                raise UnknownNameError.of("rules", f"no rule is called {pattern!r}", fix)
        return cls(
            clients=_clients(client),
            named=client is not None,
            rules=patterns,
            answers=Answers(dns) if dns is not None else None,
            ip=ip,
            asker=Asker() if links == "online" else None,
            spamassassin=spamassassin,
        )


def _names(field: str, given: str | Sequence[str]) -> tuple[str, ...]:
    """What is *given* for *field*, a name or several."""
    fix = "give a name, or a list of them"
    if not isinstance(given, Iterable):
        raise InputError.of(field, f"is a {type(given).__name__}", fix)
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str):
            raise InputError.of(field, f"holds a {type(name).__name__}", fix)
    return names


def _clients(asked: str | Sequence[str] | None) -> tuple[str, ...]:
    known = client_data()["clients"]
    wanted = USUAL if asked is None else _names("client", asked)
    found: list[str] = []
    for name in wanted:
        matching = [
            client
            for client in known
            if name.casefold() in ("all", client, client.partition(".")[0])
        ]
        if not matching:
            families = ", ".join(sorted({client.partition(".")[0] for client in known}))
            raise UnknownNameError.of("client", f"{name!r} is not known", f"known are {families}")
        found += matching
    return tuple(dict.fromkeys(found))
