"""SPF: which servers may send for a domain (RFC 7208), counted and bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smtp_lab.domain.questions import Questions

__all__ = ("Spf", "look_up_spf", "spf_records")

LOOKUPS = 10
"""Terms that ask DNS, at most (RFC 7208 section 4.6.4)."""

_TERM = re.compile(r"([-+?~]?)([a-z][a-z0-9_.\-]*)(?:([:=/])(.*))?", re.IGNORECASE | re.DOTALL)
_MECHANISMS = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}
_ASKING = {"include", "a", "mx", "ptr", "exists"}


@dataclass
class Spf:
    """What a domain's SPF record comes to.

    Attributes:
        record: The record itself.
        lookups: How many terms ask DNS, those of included records too; counting stops soon after
            `LOOKUPS`.
        end: The qualifier of ``all``: ``-``, ``~``, ``?`` or ``+``; empty when there is none.
        errors: Why a receiver would find no result in it (``permerror``).
        includes: The domains whose records were followed.
        ptr: Whether it uses ``ptr``.
        open: Terms that were not followed, since they depend on the mail.
    """

    record: str
    lookups: int = 0
    end: str = ""
    errors: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    ptr: bool = False
    open: list[str] = field(default_factory=list)


def spf_records(questions: Questions, domain: str) -> list[str]:
    """The SPF records among the TXT records of *domain* (RFC 7208 section 4.5).

    Raises:
        OSError: DNS gave no answer.
    """
    return [
        text for text in questions.texts(domain) if re.match(r"v=spf1(?: |\Z)", text, re.IGNORECASE)
    ]


def look_up_spf(questions: Questions, record: str) -> Spf:
    """Read *record* and follow what it includes.

    Raises:
        OSError: DNS gave no answer.
    """
    found = Spf(record)
    found.end = _read(questions, found, record)
    if found.lookups > LOOKUPS:
        found.errors.append(f"it takes more than {LOOKUPS} questions to DNS")
    return found


def _read(questions: Questions, found: Spf, record: str) -> str:
    """Read one record; give the qualifier it ends in."""
    end, redirect = "", ""
    for text in record.split()[1:]:
        term = _TERM.fullmatch(text)
        if term is None:
            found.errors.append(f"{text[:80]!r} is no term")
        elif term[3] == "=":  # a modifier; one that nobody knows is left alone (section 6)
            redirect = term[4] if term[2].casefold() == "redirect" else redirect
        elif term[2].casefold() == "all":
            return term[1] or "+"  # what comes behind is never looked at (section 5.1)
        else:
            _count(questions, found, term[2].casefold(), term[4] or "")
        if found.lookups > LOOKUPS:
            return end
    if redirect:
        found.lookups += 1
        end = _follow(questions, found, redirect)
    return end


def _count(questions: Questions, found: Spf, name: str, target: str) -> None:
    """Count the mechanism *name*, and follow it where it includes another record."""
    if name not in _MECHANISMS:
        found.errors.append(f"{name[:80]!r} is no mechanism")
    if name in _ASKING:
        found.lookups += 1
        found.ptr |= name == "ptr"
    if name == "include":
        _follow(questions, found, target)


def _follow(questions: Questions, found: Spf, target: str) -> str:
    """Read the record of *target*, unless there have been too many."""
    if found.lookups > LOOKUPS:
        return ""
    if "%" in target:
        found.open.append(target)  # a macro: it depends on the mail (section 7)
        return ""
    if not target:
        found.errors.append("an include names no domain")
        return ""
    found.includes.append(target)
    records = spf_records(questions, target)
    if len(records) != 1:
        count = "several SPF records" if records else "no SPF record"
        found.errors.append(f"{target} has {count}")
        return ""
    return _read(questions, found, records[0])
