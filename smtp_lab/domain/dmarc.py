"""DMARC: what a domain asks to be done with mail that is not proven to be its own (RFC 9989).

RFC 9989 took the place of RFC 7489. To find the organization's domain it walks up the DNS tree
instead of using a list of public suffixes, and so is done here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smtp_lab.domain.questions import Questions, tags_of

__all__ = ("Dmarc", "aligned", "look_up_dmarc", "organizational_domain")

_LABELS = 7  # RFC 9989 section 4.10: a long name is cut to so many


@dataclass(frozen=True, slots=True)
class Dmarc:
    """The policy that holds for a domain.

    Attributes:
        domain: Where its record stands.
        record: The record.
        inherited: Whether it stands at a domain above.
        policy: ``none``, ``quarantine`` or ``reject``.
        given: What the record says as policy, when that is another thing.
        reports: Where reports go, or empty.
        testing: Whether the domain says that it only tries (``t=y``).
        strict_dkim: Whether a DKIM signature must be of the very domain of From.
        strict_spf: The same for the envelope sender.
        old: Tags that RFC 9989 dropped, such as ``pct``.
    """

    domain: str
    record: str
    inherited: bool
    policy: str
    given: str
    reports: str
    testing: bool
    strict_dkim: bool
    strict_spf: bool
    old: tuple[str, ...]


def dmarc_records(questions: Questions, domain: str) -> list[str]:
    """The DMARC records of *domain* itself.

    Raises:
        OSError: DNS gave no answer.
    """
    texts = questions.texts(f"_dmarc.{domain}")
    return [t for t in texts if t.partition(";")[0].replace(" ", "") == "v=DMARC1"]


def look_up_dmarc(questions: Questions, domain: str) -> Dmarc | None:
    """The policy that holds for mail from *domain*; None when there is none.

    Raises:
        OSError: DNS gave no answer.
    """
    found = dict(_walk(questions, domain))
    where = domain
    if domain not in found:
        where = _organization(domain, found)
        if where not in found:  # the record of a public suffix holds for what is below it
            where = next((name for name, tags in found.items() if tags.get("psd") == "y"), "")
    tags = found.get(where)
    if tags is None:
        return None
    inherited = where != domain
    given = (tags.get("sp") if inherited else None) or tags.get("p", "")
    policy = given.casefold()
    return Dmarc(
        domain=where,
        record=dmarc_records(questions, where)[0],
        inherited=inherited,
        policy=policy if policy in ("none", "quarantine", "reject") else "none",
        given=given,
        reports=tags.get("rua", ""),
        testing=tags.get("t", "").casefold() == "y",
        strict_dkim=tags.get("adkim", "").casefold() == "s",
        strict_spf=tags.get("aspf", "").casefold() == "s",
        old=tuple(name for name in ("pct", "rf", "ri") if name in tags),
    )


def organizational_domain(questions: Questions, domain: str) -> str:
    """The domain of the organization that *domain* belongs to (RFC 9989 section 4.10).

    Raises:
        OSError: DNS gave no answer.
    """
    return _organization(domain, dict(_walk(questions, domain)))


def aligned(questions: Questions, domain: str, other: str, *, strict: bool) -> bool:
    """Whether *other* counts as *domain*: the same, or of the same organization when not *strict*.

    Raises:
        OSError: DNS gave no answer.
    """
    if domain == other or strict:
        return domain == other
    return organizational_domain(questions, domain) == organizational_domain(questions, other)


def _walk(questions: Questions, domain: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The records from *domain* upwards; a name with none, or several, has none."""
    for name in _names(domain):
        records = dmarc_records(questions, name)
        if len(records) == 1:
            tags = tags_of(records[0])
            yield name, tags
            if tags.get("psd") in ("y", "n"):
                return


def _names(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield domain
    above = labels[-_LABELS:] if len(labels) > _LABELS else labels[1:]
    for start in range(len(above)):
        yield ".".join(above[start:])


def _organization(domain: str, found: dict[str, dict[str, str]]) -> str:
    for name, tags in found.items():
        if tags.get("psd") == "n":
            return name
        if tags.get("psd") == "y" and name != domain:
            labels = domain.split(".")
            return ".".join(labels[-(name.count(".") + 2) :])
    return min(found, key=lambda name: name.count("."), default=domain)
