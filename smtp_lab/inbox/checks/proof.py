"""What proves a sender: DKIM on the untouched bytes, SPF, and DMARC from both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from smtp_lab.domain.dkim import read_key
from smtp_lab.domain.dmarc import aligned, look_up_dmarc
from smtp_lab.domain.questions import Questions, tags_of
from smtp_lab.domain.verdict import Verdict, judge_spf
from smtp_lab.inbox.checks.asking import is_public
from smtp_lab.inbox.checks.mail import Mail

__all__ = ("Dmarced", "Signature", "dmarc", "signatures", "spf")

SIGNATURES = 10
_LONGEST = 8_000  # octets of a signature
_MOST = 30_000_000  # octets of a message
_LINES = 500_000  # dkimpy makes a list of them
_SHORTEST = 1_024  # bits of a key (RFC 8301 section 3.2)
_BLANKS = re.compile(rb"[ \t]++")
_CHANGED = "the body is not the one that was signed"
_MANY_BLANKS = 5_000  # dkimpy needs the square of a run's length


@dataclass(frozen=True, slots=True)
class Signature:
    """What became of one DKIM signature.

    Attributes:
        where: Which one.
        domain: Who signed, its ``d=``.
        state: ``holds``, ``broken``, ``invalid``, ``no key``, or ``unknown`` when nobody was asked.
        why: Why it does not hold.
        partial: Whether its ``l=`` leaves a part of the body open.
    """

    where: str
    domain: str
    state: str
    why: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Dmarced:
    """What DMARC comes to.

    Attributes:
        domain: The domain of From.
        policy: What it asks for; empty when it has no record.
        passed: Whether SPF or DKIM proves the domain.
        why: Why not.
    """

    domain: str
    policy: str
    passed: bool
    why: str = ""


def _questions(mail: Mail) -> Questions | None:
    answers: Any = mail.options.answers
    return Questions(answers) if answers is not None else None


def _once(mail: Mail, name: str, make: Any) -> Any:
    """Work something out once for each mail."""
    kept = mail.__dict__.setdefault("_proofs", {})
    if name not in kept:
        kept[name] = make(mail)
    return kept[name]


def signatures(mail: Mail) -> list[Signature]:
    """Each DKIM signature of *mail* and whether it holds; never raises."""
    found: list[Signature] = _once(mail, "dkim", _signatures)
    return found


def spf(mail: Mail) -> Verdict | None:
    """What SPF says; None when nobody may be asked, or it came from a private address."""
    found: Verdict | None = _once(mail, "spf", _spf)
    return found


def dmarc(mail: Mail) -> Dmarced | None:
    """What DMARC comes to; None when nobody may be asked, or From names no domain."""
    found: Dmarced | None = _once(mail, "dmarc", _dmarc)
    return found


def _signatures(mail: Mail) -> list[Signature]:
    written = mail.written("DKIM-Signature")[:SIGNATURES]
    if not written:
        return []
    too_large = len(mail.raw) > _MOST or mail.raw.count(b"\n") > _LINES
    if too_large or any(len(run[0]) > _MANY_BLANKS for run in _BLANKS.finditer(mail.raw)):
        why = "the message is too large, or has too many blanks in a row, to verify it here"
        return [Signature("DKIM-Signature", "", "unknown", why)]
    questions = _questions(mail)
    return [_signature(mail, index, value, questions) for index, value in enumerate(written)]


def _signature(mail: Mail, index: int, value: str, questions: Questions | None) -> Signature:
    where = f"DKIM-Signature {index + 1}"
    tags = tags_of(value)
    domain, selector = tags.get("d", "").lower(), tags.get("s", "")
    partial = "l" in tags
    problem = _problem(value, tags)
    if problem:
        return Signature(where, domain, "invalid", problem, partial)
    asked: list[str] = []
    state, why = _verified(mail, index, questions, asked)
    if state == "broken" and questions is not None and asked and not asked[-1]:
        why = f"{selector}._domainkey.{domain} has no key"
        return Signature(where, domain, "no key", why, partial)
    if questions is not None and asked:
        key = read_key(asked[-1])
        useless = key.problem or ("it was taken back" if key.revoked else "")
        if not useless and key.kind == "rsa" and key.bits < _SHORTEST:
            useless = f"it has {key.bits} bits"
        if useless:
            why = f"the key {selector}._domainkey.{domain} is of no use: {useless}"
            return Signature(where, domain, "no key", why, partial)
    return Signature(where, domain, state, why, partial)


def _problem(value: str, tags: dict[str, str]) -> str:
    """What is wrong with a signature by itself."""
    if len(value) > _LONGEST:
        return f"it is longer than {_LONGEST:,} octets"
    missing = [tag for tag in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(tag)]
    if missing:
        return f"it has no {missing[0]}="
    if "sha1" in tags["a"].lower():
        return "it uses sha1, which counts for nothing (RFC 8301)"
    if "from" not in (name.strip().lower() for name in tags["h"].split(":")):
        return "it does not sign From"
    return ""


def _verified(
    mail: Mail, index: int, questions: Questions | None, asked: list[str]
) -> tuple[str, str]:
    """Let dkimpy verify the signature; what DNS said of its key is put into *asked*."""
    import dkim

    def key_of(name: bytes, timeout: float = 5) -> bytes:  # noqa: ARG001  # dkimpy gives it
        assert questions is not None  # noqa: S101  # only then it is called
        texts = questions.texts(name.decode("ascii", "replace").rstrip("."))
        asked.append(texts[0] if texts else "")
        return asked[-1].encode()

    try:
        message = dkim.DKIM(mail.raw, minkey=_SHORTEST)
        if questions is None:
            return _body_only(message, index)
        if message.verify(index, dnsfunc=key_of):
            return "holds", ""
    except dkim.ValidationError as error:
        changed = "body hash" in str(error)
        return ("broken", _CHANGED) if changed else ("invalid", str(error)[:200])
    except OSError as error:
        return "unknown", str(error)[:200]
    # dkimpy raises whatever a stranger's header makes its parsing run into.
    except (
        dkim.DKIMException,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
    ) as error:
        return "invalid", f"it cannot be read ({type(error).__name__})"
    return "broken", "the headers are not those that were signed, or the key is another"


def _body_only(message: Any, index: int) -> tuple[str, str]:
    """Without a key only the hash of the body can be held against it."""
    import hashlib
    from base64 import b64decode

    from dkim.canonicalization import CanonicalizationPolicy

    signature, _, _ = message.verify_headerprep(index)
    policy = CanonicalizationPolicy.from_c_value(signature.get(b"c", b"simple/simple"))
    body = policy.canonicalize_body(message.body)
    if b"l" in signature:
        body = body[: int(signature[b"l"])]
    wanted = b64decode(re.sub(rb"\s+", b"", signature[b"bh"]))
    if hashlib.sha256(body).digest() != wanted:
        return "broken", _CHANGED
    return "unknown", "nobody was asked for its key"


def _spf(mail: Mail) -> Verdict | None:
    questions = _questions(mail)
    peer = mail.message.session.peer.rpartition(":")[0].strip("[]")
    ip = mail.options.ip or (peer if is_public(peer) else "")
    if questions is None or not ip:
        return None
    return judge_spf(questions, ip, mail.message.mail_from, mail.message.session.ehlo)


def _dmarc(mail: Mail) -> Dmarced | None:
    questions, domain = _questions(mail), mail.from_domain
    if questions is None or not domain:
        return None
    try:
        policy = look_up_dmarc(questions, domain)
        if policy is None:
            return Dmarced(domain, "", passed=False)
        signed = [s.domain for s in signatures(mail) if s.state == "holds"]
        if any(aligned(questions, domain, by, strict=policy.strict_dkim) for by in signed):
            return Dmarced(domain, policy.policy, passed=True)
        verdict = spf(mail)
        sent = verdict.domain.lower() if verdict and verdict.result == "pass" else ""
        if sent and aligned(questions, domain, sent, strict=policy.strict_spf):
            return Dmarced(domain, policy.policy, passed=True)
    except OSError as error:
        return Dmarced(domain, "", passed=False, why=str(error))
    by_dkim = f"DKIM holds for {', '.join(signed)}" if signed else "no DKIM signature holds"
    if verdict is None:
        by_spf = "SPF was not judged"
    else:
        by_spf = f"SPF is {verdict.result} for {verdict.domain or 'nobody'}"
    return Dmarced(domain, policy.policy, passed=False, why=f"{by_dkim}, {by_spf}")
