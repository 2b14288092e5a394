"""The doctor: what works between here and a sent mail, stage by stage, and what to change.

There is one connection and at most one login, so that a wrong password counts once against a
lock-out. The health of a profile is about test mails: it is left alone unless one is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from smtp_lab.config import GraphConnection, Profile, ProfileBook
from smtp_lab.config.address import check_addresses
from smtp_lab.config.catalogue import provider_at
from smtp_lab.deliver.account import Account, find_profile
from smtp_lab.deliver.arguments import check_flag, check_resolver
from smtp_lab.deliver.checkup import Checkup
from smtp_lab.deliver.dialogue import Entry, log_in, mask_of
from smtp_lab.deliver.dns_checks import Names, domain_stages
from smtp_lab.deliver.graph_stages import on_graph
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.other_ways import with_others
from smtp_lab.deliver.sending import make_test, note_test
from smtp_lab.deliver.stages import STAGES, Round
from smtp_lab.deliver.wire import Client
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ("doctor",)


@hushed
def doctor(  # noqa: PLR0913  # all but the first by name
    profile: Profile | str | None = None,
    *,
    until: str = "rcpt",
    to: str | Sequence[str] | None = None,
    send: bool = False,
    others: bool = False,
    dns: bool = False,
    dkim_selector: str | None = None,
    book: ProfileBook | None = None,
    resolver: Resolver | None = None,
) -> Checkup:
    """Go through everything a mail of *profile* needs, stage by stage, and say what to change.

    The stages are ``name``, ``address``, ``tcp``, ``greeting``, ``ehlo``, ``tls``, ``certificate``,
    ``ehlo again``, ``auth``, ``mail`` and ``rcpt``; implicit TLS puts ``tls`` and ``certificate``
    before the greeting. The first that fails ends it. Nothing is sent unless *send* is set: after
    RCPT all is taken back (RSET). It counts as a test for the throttle, and takes ten times the
    connection's timeout at most. Of Microsoft Graph only its two hosts are looked at.

    Args:
        profile: A profile, or the name of one in the book; by default the book's default.
        until: The last stage to do. Before ``auth`` no password is needed.
        to: Who would get a mail; by default the profile's own address.
        send: Whether a test mail is sent over the same connection, in one more stage, ``data``.
        others: Whether other mail ports of the same host are tried, up to TLS and without a login,
            eight at most; those that answer are `Checkup.suggestions`.
        dns: Whether the records of the sender's domain are looked at as well, see `check_domain`.
        dkim_selector: For *dns*: which DKIM key.
        book: Whose profiles, policy and throttle hold; by default the default book.
        resolver: For *dns*: who answers DNS questions; by default the system's resolver.

    Returns:
        A Checkup. A server that refuses is an answer, not an error: see `Checkup.ok`.

    Raises:
        InputError: The profile or an argument cannot be used, policy forbids it, or there were too
            many tests; no connection was opened.
    """
    for name, flag in (("send", send), ("others", others), ("dns", dns)):
        check_flag(name, flag)
    check_resolver(resolver)
    last = _stage_named(until, send=send)
    chosen, book = find_profile(profile, book=book)
    names = _names(chosen, dkim_selector, dns=dns)
    if isinstance(chosen.connection, GraphConnection):
        checkup = _on_graph(chosen, book, send=send, others=others)
    else:
        account = Account.of(chosen, book=book, ready=False)
        checkup = _on_smtp(account, last, to, send=send)
        checkup = with_others(checkup, account) if others else checkup
    if names is None:
        return checkup
    return replace(checkup, stages=(*checkup.stages, *domain_stages(names, resolver)))


def _on_graph(profile: Profile, book: ProfileBook, *, send: bool, others: bool) -> Checkup:
    if send or others:
        name = "send" if send else "others"
        raise InputError.of(name, "is not for Microsoft Graph", "leave it out")
    return on_graph(profile, book)


def _stage_named(name: str, *, send: bool) -> str:
    found = str(name).strip().casefold().replace("-", " ").replace("_", " ")
    if found not in STAGES:
        # As one word each, which a shell takes without quotes.
        known = [stage.replace(" ", "-") for stage in STAGES]
        raise InputError.of("until", f"{name!r} is no stage", f"give one of {', '.join(known)}")
    if send and found != "rcpt":
        raise InputError.of("until", f"is {found!r}, but send wants every stage", "leave one out")
    return found


def _names(profile: Profile, dkim_selector: str | None, *, dns: bool) -> Names | None:
    if dkim_selector is not None and not dns:
        raise InputError.of("dkim_selector", "is given, but dns is not", "give dns=True too")
    if not dns:
        return None
    domain = profile.address.rpartition("@")[2]
    user, _, login = profile.username.rpartition("@")
    with suppress(InputError):  # a login need not be an address
        return Names.of(domain, dkim_selector, login if user else None)
    return Names.of(domain, dkim_selector, None)


def _on_smtp(
    account: Account, until: str, to: str | Sequence[str] | None, *, send: bool
) -> Checkup:
    profile, known = account.profile, provider_at(account.smtp.host)
    outgoing = None
    if until in ("mail", "rcpt"):
        recipients = check_addresses(to if to is not None else profile.address)
        outgoing = make_test(account, recipients)
    else:
        account.allowed(())  # what the policy says of the connection holds all the same
    account.book.throttle.take("test", profile)

    def enter(client: Client) -> None:
        account.check_login()
        entry = Entry.of(account, client.transcript, refresh=True)
        client.mask = entry.mask
        log_in(client, account, entry)

    its_round = Round(
        profile,
        account.smtp,
        until=until,
        mask=mask_of(account),
        known=known,
        advice=profile.advice(),
        log_in=enter,
        outgoing=outgoing,
        send=send,
    )
    checkup = its_round.checkup()
    if send:
        failed = checkup.failed
        found = failed.diagnosis.id if failed and failed.diagnosis else ""
        ok = None if checkup.unknown else checkup.ok
        note_test(account, ok=ok, diagnosis=found, sentence=checkup.sentence)
    return checkup
