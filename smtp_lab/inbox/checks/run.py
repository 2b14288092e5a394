"""Holds messages against rules, within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.options import Options
from smtp_lab.inbox.checks.rule import SEVERITIES, Hit, Rule, all_rules
from smtp_lab.transcript import printable

if TYPE_CHECKING:
    from smtp_lab.inbox.captured import Captured

__all__ = ("Finding", "check_many")

_SHOWN = 20
_COUNTED = 10_000
_SECONDS = 5.0  # for one message offline; each rule is bounded by itself too
_WHERE, _WHY = 120, 400  # characters


class Finding(NamedTuple):
    """A row of the table."""

    id: int
    rule: str
    severity: str
    where: str
    why: str
    fix: str


def check_many(messages: Iterable[Captured], options: Options) -> Iterator[Finding]:
    """What the rules that *options* want find in each of *messages*, the worst first."""
    rules = _wanted(options)
    for message in messages:
        yield from _check_one(message, options, rules)


def _check_one(message: Captured, options: Options, rules: Sequence[Rule]) -> list[Finding]:
    mail = Mail(message, options)
    end = time.monotonic() + _SECONDS
    found: list[Finding] = []
    for rule in rules:
        if time.monotonic() > end and not options.asker:
            why = (
                f"checking took more than {_SECONDS:.0f} seconds and was stopped before {rule.name}"
            )
            found.append(_row(message.id, _STOPPED, Hit("message", why, "look at its .raw")))
            break
        found += _hits(message.id, rule, mail)
    return sorted(found, key=lambda row: SEVERITIES.index(row.severity))


def _wanted(options: Options) -> list[Rule]:
    if options.rules:
        return [
            rule
            for rule in all_rules()
            if any(fnmatchcase(rule.name, pattern) for pattern in options.rules)
        ]
    if options.named:
        return [rule for rule in all_rules() if rule.about == "client"]
    return [rule for rule in all_rules() if rule.about != "client" or rule.severity == "warning"]


def _hits(number: int, rule: Rule, mail: Mail) -> Iterator[Finding]:
    hits = rule.look(mail)
    yield from (_row(number, rule, hit) for hit in islice(hits, _SHOWN))
    more = sum(1 for _ in islice(hits, _COUNTED))
    if more:
        count = f"{more:,}" if more < _COUNTED else f"{more:,} or more"
        yield _row(number, rule, Hit("…", f"and {count} more of this kind", ""))


def _row(number: int, rule: Rule, hit: Hit) -> Finding:
    # A fix may name a domain or a key, and so be what a stranger wrote.
    where, why, fix = _cut(hit.where, _WHERE), _cut(hit.why, _WHY), _cut(hit.fix, _WHY)
    return Finding(number, rule.name, rule.severity, where, why, fix)


def _cut(text: str, most: int) -> str:
    text = printable(text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _nothing(_: Mail) -> Iterator[Hit]:
    return iter(())


_STOPPED = Rule(
    "check-stopped", "warning", "It took too long to check", "a bound of ours", _nothing
)
