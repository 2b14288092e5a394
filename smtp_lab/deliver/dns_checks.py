"""What the DNS says of a sender's domain: where its mail goes, and how its mail is proven."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from smtp_lab.config import Advice
from smtp_lab.config.address import check_address
from smtp_lab.deliver.arguments import check_resolver, check_text
from smtp_lab.deliver.checkup import Checkup, Stage, State
from smtp_lab.domain.dkim import read_key
from smtp_lab.domain.dmarc import aligned, dmarc_records, look_up_dmarc
from smtp_lab.domain.questions import Questions
from smtp_lab.domain.spf import LOOKUPS, look_up_spf, spf_records
from smtp_lab.errors import InputError
from smtp_lab.transcript import Transcript

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ("Names", "check_domain", "domain_stages")

_ENDS = {
    "-": "everyone else is refused",
    "~": "everyone else is suspicious",
    "?": "nothing is said of anyone else",
    "+": "everyone may send",
    "": "nothing is said of anyone else",
}
_BULK = "https://support.google.com/a/answer/81126"


def check_domain(
    domain: str,
    *,
    dkim_selector: str | None = None,
    login: str | None = None,
    resolver: Resolver | None = None,
) -> Checkup:
    """Look at the DNS records that make other servers believe mail from *domain*.

    The stages are ``mx`` (where answers and bounces go, RFC 5321 section 5.1 and RFC 7505), ``spf``
    (RFC 7208), ``dkim`` (RFC 6376 and RFC 8301) and ``dmarc`` (RFC 9989, which took the place of
    RFC 7489: the organization's domain is found by walking up the tree, not by a list of public
    suffixes). It takes twenty seconds and sixty questions at most.

    Args:
        domain: The domain of the From address, or an address.
        dkim_selector: Which DKIM key; it stands as ``s=`` in the DKIM-Signature of a sent mail.
            DNS has no way to ask for all there are.
        login: The domain of the login or of the envelope sender, where it is another one: whether
            it counts as *domain* is shown at ``dmarc``.
        resolver: Who answers DNS questions; by default the system's resolver.

    Raises:
        InputError: *domain* is no domain, or *dkim_selector* no selector.
    """
    check_resolver(resolver)
    names = Names.of(domain, dkim_selector, login)
    return Checkup(names.domain, names.domain, domain_stages(names, resolver), Transcript())


@dataclass(frozen=True, slots=True)
class Names:
    """What to look at, as DNS writes it.

    Attributes:
        domain: The domain of the From address.
        selector: Which DKIM key, or None.
        login: The domain of the login; the same when there is no other.
    """

    domain: str
    selector: str | None
    login: str

    @classmethod
    def of(cls, domain: str, dkim_selector: str | None, login: str | None) -> Names:
        """Check the names, see `check_domain`.

        Raises:
            InputError: One of them is none.
        """
        check_text("domain", domain, "give one such as example.com", none=False)
        check_text("dkim_selector", dkim_selector, "give one such as mail2026, or leave it out")
        check_text("login", login, "give an address, or leave it out")
        name = _domain(domain, "domain")
        selector = None if dkim_selector is None else _selector(dkim_selector)
        return cls(name, selector, _domain(login, "login") if login else name)


def domain_stages(names: Names, resolver: Resolver | None) -> tuple[Stage, ...]:
    """The stages of `check_domain`."""
    name, selector, other = names.domain, names.selector, names.login
    ask = Questions(resolver)
    dkim = Stage("dkim", "skipped", "A key can be looked up only by its selector.")
    if selector is not None:
        dkim = _stage("dkim", lambda: _dkim(ask, f"{selector}._domainkey.{name}"))
    return (
        _stage("mx", lambda: _mx(ask, name)),
        _stage("spf", lambda: _spf(ask, name)),
        dkim,
        _stage("dmarc", lambda: _dmarc(ask, name, other)),
    )


@dataclass
class _Found:
    """What a look at one kind of record came to."""

    sentence: str
    failed: bool = False
    skipped: bool = False
    facts: dict[str, str] = field(default_factory=dict)
    advice: list[Advice] = field(default_factory=list)

    def add(self, name: str, severity: Literal["warning", "note"], text: str, source: str) -> None:
        self.advice.append(Advice(name, "sender", severity, text, source))


def _stage(name: str, look: Callable[[], _Found]) -> Stage:
    begun = time.perf_counter()
    try:
        found = look()
    except OSError as error:
        found = _Found(f"{error}; try again, or another network.", failed=True)
    warned = any(advice.severity == "warning" for advice in found.advice)
    state: State = "failed" if found.failed else "warned" if warned else "passed"
    state = "skipped" if found.skipped else state
    return Stage(
        name,
        state,
        found.sentence,
        seconds=time.perf_counter() - begun,
        facts=found.facts,
        advice=tuple(sorted(found.advice, key=lambda a: a.severity != "warning")),
    )


def _mx(ask: Questions, domain: str) -> _Found:
    records = sorted(ask.ask(domain, "MX"), key=lambda record: record.preference)
    hosts = [record.exchange.to_text(omit_final_dot=True) for record in records]
    facts = {"MX": ", ".join(hosts) or "none"}
    if hosts and set(hosts) <= {".", "", "@"}:
        sentence = (
            f"{domain} says that it takes no mail (a null MX): no answer and no bounce arrives, and"
            " servers may refuse mail from it (RFC 7505 section 4.2)."
        )
        return _Found(sentence, failed=True, facts=facts)
    best = hosts[0] if hosts else domain
    reachable = bool(ask.ask(best, "A") or ask.ask(best, "AAAA"))
    if not reachable and ask.is_missing(domain):
        sentence = f"There is no such domain as {domain} in the DNS; look for a typing error."
        return _Found(sentence, failed=True)
    if not reachable:
        what = f"its MX {best} has no address" if hosts else "it has neither MX nor address"
        sentence = f"{domain} takes no mail: {what} (RFC 5321 section 5.1)."
        return _Found(sentence, failed=True, facts=facts)
    if not hosts:
        found = _Found(f"{domain} has no MX; its address stands in.", facts=facts)
        found.add("no_mx", "warning", "publish an MX record", "RFC 5321 section 5.1")
        return found
    return _Found(f"Mail to {domain} goes to {best}.", facts=facts)


def _spf(ask: Questions, domain: str) -> _Found:
    records = spf_records(ask, domain)
    if not records and ask.is_missing(domain):
        return _nothing(domain)
    if not records:
        found = _Found(f"{domain} has no SPF record: no server is named that may send for it.")
        found.add(
            "no_spf",
            "warning",
            "publish the SPF record your provider names; large mailbox providers ask for SPF or"
            " DKIM of every sender",
            _BULK,
        )
        return found
    if len(records) > 1:
        facts = {f"record {n}": text for n, text in enumerate(records, 1)}
        sentence = f"{domain} has {len(records)} SPF records, so none counts"
        rule = "join them into one (RFC 7208 section 4.5)"
        return _Found(f"{sentence}; {rule}.", failed=True, facts=facts)
    spf = look_up_spf(ask, records[0])
    facts = {
        "record": spf.record,
        "questions": f"{spf.lookups} of {LOOKUPS}",
        "ends in": f"{spf.end}all: {_ENDS[spf.end]}" if spf.end else f"no all: {_ENDS['']}",
    }
    if spf.includes:
        facts["includes"] = ", ".join(dict.fromkeys(spf.includes))
    if spf.errors:
        wrong = "; ".join(dict.fromkeys(spf.errors))
        sentence = f"The SPF record of {domain} counts for nothing: {wrong} (RFC 7208 section 4.6)."
        return _Found(sentence, failed=True, facts=facts)
    found = _Found(f"{domain} has one SPF record: {_ENDS[spf.end]}.", facts=facts)
    if spf.end in ("+", "?", ""):
        text = "end it in ~all or -all, or it protects nobody"
        found.add("spf_open", "warning", text, "RFC 7208 section 5.1")
    if spf.ptr:
        found.add("spf_ptr", "note", "ptr is not to be used any more", "RFC 7208 section 5.5")
    if spf.open:
        text = f"{', '.join(spf.open)} depends on the mail and was not followed"
        found.add("spf_macro", "note", text, "RFC 7208 section 7")
    return found


def _dkim(ask: Questions, name: str) -> _Found:
    records = ask.texts(name)
    if not records:
        sentence = f"There is no DKIM key at {name}; look at s= and d= in a DKIM-Signature."
        return _Found(sentence, failed=True)
    key = read_key(records[0])
    facts = {"record": records[0], "kind": key.kind, "bits": str(key.bits)}
    if key.revoked:
        sentence = f"The DKIM key at {name} was taken back: its p= is empty (RFC 6376)."
        return _Found(sentence, failed=True, facts=facts)
    problem = key.problem
    if key.kind == "rsa" and 0 < key.bits < 1024:
        problem = f"{key.bits} bits are too short to count (RFC 8301)"
    if problem:
        return _Found(f"The DKIM key at {name} is of no use: {problem}.", failed=True, facts=facts)
    found = _Found(f"There is a DKIM key of {key.bits} bits ({key.kind}) at {name}.", facts=facts)
    if key.kind == "rsa" and key.bits < 2048:
        text = f"{key.bits} bits count, but 2048 should be used"
        found.add("dkim_short", "warning", text, "RFC 8301 section 3.2")
    if len(records) > 1:
        text = f"{len(records)} records stand there; which one counts is not defined"
        found.add("dkim_several", "warning", text, "RFC 6376 section 3.6.2.2")
    if key.testing:
        text = "the domain says that it only tries (t=y): a signature may count as none"
        found.add("dkim_testing", "note", text, "RFC 6376 section 3.6.1")
    return found


def _dmarc(ask: Questions, domain: str, login: str) -> _Found:
    own = dmarc_records(ask, domain)
    if len(own) > 1:
        facts = {f"record {n}": text for n, text in enumerate(own, 1)}
        sentence = f"{domain} has {len(own)} DMARC records, so none counts"
        return _Found(f"{sentence}; leave one (RFC 9989).", failed=True, facts=facts)
    dmarc = look_up_dmarc(ask, domain)
    if dmarc is None and ask.is_missing(domain):
        return _nothing(domain)
    if dmarc is None:
        found = _Found(f"There is no DMARC record for {domain}, nor above it.")
        text = (
            f"publish v=DMARC1; p=none at _dmarc.{domain} for a start; large mailbox providers ask"
            " for it of whoever sends much"
        )
        found.add("no_dmarc", "warning", text, _BULK)
        return found
    facts = {"record": dmarc.record, "stands at": f"_dmarc.{dmarc.domain}"}
    facts |= {"policy": dmarc.policy, "reports go to": dmarc.reports or "nobody"}
    where = f", inherited from {dmarc.domain}" if dmarc.inherited else ""
    found = _Found(f"The DMARC policy of {domain} is {dmarc.policy}{where}.", facts=facts)
    if dmarc.given.casefold() != dmarc.policy:
        text = "it names no policy of none, quarantine and reject, so none is taken"
        found.add("dmarc_policy", "warning", text, "RFC 9989 section 4.7")
    elif dmarc.policy == "none" or dmarc.testing:
        text = "it only watches; quarantine or reject protect the domain"
        found.add("dmarc_watching", "note", text, "RFC 9989 section 4.7")
    if not dmarc.reports:
        text = "without rua= nobody learns who sends in the name of the domain"
        found.add("dmarc_silent", "note", text, "RFC 9990")
    if dmarc.old:
        text = f"{', '.join(dmarc.old)} is no longer looked at"
        found.add("dmarc_old", "note", text, "RFC 9989")
    if login != domain:
        _on_alignment(ask, found, domain, login, dmarc.strict_dkim, dmarc.strict_spf)
    return found


def _nothing(domain: str) -> _Found:
    return _Found(f"There is no domain {domain}, and so no record of it.", skipped=True)


def _on_alignment(  # noqa: PLR0913, PLR0917  # two domains, and two answers about them
    ask: Questions, found: _Found, domain: str, login: str, dkim: bool, spf: bool
) -> None:
    for what, strict in (("signed", dkim), ("enveloped", spf)):
        fits = aligned(ask, domain, login, strict=strict)
        mode = "strict" if strict else "relaxed"
        found.facts[f"mail {what} as {login}"] = (
            f"{'counts' if fits else 'does not count'} ({mode})"
        )
        if not fits:
            found.add(
                f"not_aligned_{what}",
                "note",
                f"mail {what} as {login} does not count as {domain}: it must be {what} as {domain}"
                " to pass",
                "RFC 9989 section 4.4",
            )


# --- names ----------------------------------------------------------------------------------------


def _domain(text: str, field: str) -> str:
    name = text.strip().rpartition("@")[2].rstrip(".")
    fix = "give one such as example.com"
    literal = name.startswith("[")
    try:
        ip_address(name)
        literal = True
    except ValueError:
        pass
    if literal:
        raise InputError.of(field, f"{name!r} is an address", fix)
    try:
        check_address(f"postmaster@{name}")
        return name.encode("idna").decode().casefold()
    except (InputError, UnicodeError):
        raise InputError.of(field, f"{name!r} is no domain", fix) from None


def _selector(text: str) -> str:
    labels = text.strip().casefold().split(".")
    good = all(_is_label(label) for label in labels) and len(text) <= 120
    if not good:
        fix = "give what stands behind s= in a DKIM-Signature, such as mail2026"
        raise InputError.of("dkim_selector", f"{text!r} is no selector", fix)
    return ".".join(labels)


def _is_label(label: str) -> bool:
    plain = label.replace("-", "").replace("_", "")
    return 0 < len(label) <= 63 and plain.isascii() and plain.isalnum()
