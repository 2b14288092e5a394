"""SPF and DMARC, as a receiver reckons them, with the DNS answers it is given."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.proof import dmarc, spf
from smtp_lab.inbox.checks.rule import Hit, rule


@rule("spf-fails", "warning", "SPF does not allow the server (with dns)", "RFC 7208 section 8")
def spf_fails(mail: Mail) -> Iterator[Hit]:
    """The envelope sender's domain says who may send for it."""
    verdict = spf(mail)
    if verdict is not None and verdict.result in ("fail", "softfail", "permerror"):
        why = f"{verdict.result} for {verdict.domain}: {verdict.why}"
        yield Hit("MAIL FROM", why, f"add the server to the SPF record of {verdict.domain}")


@rule("spf-open", "note", "SPF says nothing (with dns)", "RFC 7208 section 2.6")
def spf_open(mail: Mail) -> Iterator[Hit]:
    """There is no record, it takes no side, DNS did not answer, or no address was given."""
    if mail.options.answers is None:
        return
    verdict = spf(mail)
    if verdict is None:
        why = "it came from this machine or a private network, which SPF does not know"
        yield Hit("MAIL FROM", why, 'give the server\'s public address: check(ip="192.0.2.1")')
    elif verdict.result in ("none", "neutral", "temperror"):
        why = f"{verdict.result} for {verdict.domain or 'nobody'}: {verdict.why or 'no SPF record'}"
        yield Hit("MAIL FROM", why, "publish an SPF record")


@rule("dmarc-fails", "warning", "DMARC does not hold (with dns)", "RFC 9989 section 5")
def dmarc_fails(mail: Mail) -> Iterator[Hit]:
    """Neither SPF nor DKIM proves the domain of From."""
    proof = dmarc(mail)
    if proof is not None and proof.policy and not proof.passed:
        why = f"{proof.why}; {proof.domain} asks for {proof.policy}"
        yield Hit("From", why, "sign for the domain of From, or send with its envelope sender")


@rule("dmarc-missing", "note", "The domain of From has no DMARC record (with dns)", "RFC 9989")
def dmarc_missing(mail: Mail) -> Iterator[Hit]:
    """Gmail and Yahoo want one of whoever sends much."""
    proof = dmarc(mail)
    if proof is not None and not proof.policy:
        why = proof.why or f"{proof.domain} has no DMARC record"
        yield Hit("From", why, "publish one: v=DMARC1; p=none; rua=mailto:…")
