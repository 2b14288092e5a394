"""What a public function was given, held against what it can use."""

from __future__ import annotations

from types import UnionType
from typing import Any

from smtp_lab.errors import InputError

__all__ = ("check_flag", "check_kind", "check_number", "check_resolver", "check_text")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False: ``"no"`` would count as yes.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, bool):
        raise InputError.of(name, f"is a {_kind(value)}", "give True or False")


def check_number(  # noqa: PLR0913  # all but the first four by name
    name: str, value: Any, least: float, most: float, *, whole: bool = False, none: bool = False
) -> None:
    """Refuse what is no number from *least* to *most*, a *whole* one, or None where that is one.

    Raises:
        InputError: It is something else.
    """
    if value is None and none:
        return
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        shown = repr(value) if isinstance(value, int | float) else f"a {_kind(value)}"
        fix = "give a whole number" if whole else "give a number"
        raise InputError.of(name, f"{shown} is not between {least:,} and {most:,}", fix)


def check_text(name: str, value: object, fix: str, *, none: bool = True) -> None:
    """Refuse what is no text, or None where that is one; *fix* says what to give.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, str) and not (none and value is None):
        raise InputError.of(name, f"is a {_kind(value)}, not a text", fix)


def check_kind(
    name: str,
    value: object,
    kind: type | UnionType | tuple[type, ...],
    fix: str,
    *,
    none: bool = True,
) -> None:
    """Refuse what is no *kind*, or None where that is one; *fix* says what to give.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, kind) and not (none and value is None):
        raise InputError.of(name, f"is a {_kind(value)}", fix)


def check_resolver(resolver: object) -> None:
    """Refuse what answers no DNS questions.

    Raises:
        InputError: It has no method ``resolve``.
    """
    if resolver is not None and not callable(getattr(resolver, "resolve", None)):
        fix = "give a dns.resolver.Resolver, or leave it out"
        raise InputError.of("resolver", f"is a {_kind(resolver)}", fix)


def _kind(value: object) -> str:
    return "NoneType" if value is None else type(value).__name__
