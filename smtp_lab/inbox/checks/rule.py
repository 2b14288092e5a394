"""What a rule is, and where the rules are found."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal, NamedTuple

from smtp_lab.inbox.checks.mail import Mail

__all__ = ("SEVERITIES", "Hit", "Rule", "Severity", "all_rules", "rule")

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""``error``: it is wrong. ``warning``: someone will see or suffer it. ``note``: worth knowing."""


class Hit(NamedTuple):
    """One thing that a rule found.

    Attributes:
        where: The header, line, part or tag.
        why: What is wrong there, a sentence without its full stop.
        fix: What to do about it, a sentence without its full stop.
    """

    where: str
    why: str
    fix: str


Look = Callable[[Mail], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to look for.

    Attributes:
        name: How it is called in tables, such as ``date-missing``.
        severity: How bad it is.
        finds: What it finds, in a few words.
        source: The RFC or page that says so.
        look: Finds it in a mail; never raises, whatever the mail.
        about: Whom it concerns: ``client`` rules run when a client is asked for, or by name.
    """

    name: str
    severity: Severity
    finds: str
    source: str
    look: Look
    about: str = ""


_FOUND: dict[str, Rule] = {}


def rule(
    name: str, severity: Severity, finds: str, source: str, *, about: str = ""
) -> Callable[[Look], Look]:
    """Make a rule of a function; see `Rule`."""

    def made(look: Look) -> Look:
        if name in _FOUND and _FOUND[name].look.__module__ != look.__module__:
            raise ValueError(f"two rules are called {name}")
        _FOUND[name] = Rule(name, severity, finds, source, look, about)
        return look

    return made


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule in the folder, by severity and then by file."""
    from smtp_lab.inbox.checks import rules

    for module in sorted(m.name for m in pkgutil.iter_modules(rules.__path__)):
        import_module(f"{rules.__name__}.{module}")
    return tuple(sorted(_FOUND.values(), key=lambda found: SEVERITIES.index(found.severity)))
