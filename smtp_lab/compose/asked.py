"""What the shipped templates ask of their data, beyond that it is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import inf
from numbers import Real
from typing import Any

from smtp_lab.errors import InputError

__all__ = ("ASKED",)


def _moment(value: Any, field: str, after: datetime | None = None) -> datetime:
    """A moment with its time zone, and not before *after*.

    Raises:
        InputError: It is none.
    """
    if value is None or str(value) == "NaT":
        raise InputError.of(field, "is empty", "give a datetime with tzinfo")
    if not isinstance(value, datetime):
        fix = "give a datetime with tzinfo, such as datetime(2026, 1, 9, 9, tzinfo=UTC)"
        raise InputError.of(field, f"is a {type(value).__name__}", fix)
    if value.tzinfo is None:
        fix = "give a datetime with tzinfo, such as ZoneInfo('Europe/Berlin')"
        raise InputError.of(field, f"{value!s} has no time zone", fix)
    if after is not None and value <= after:
        problem = f"{value!s} is not after the start, {after!s}"
        raise InputError.of(field, problem, "let it end later")
    return value


def _positive(value: Any, field: str) -> Any:
    """A number above nothing.

    Raises:
        InputError: It is none.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 < float(value) < inf:
        raise InputError.of(field, f"{value!r} is no number above 0", "give one, such as 30")
    return value


def _one_of(value: Any, field: str, *known: str) -> str:
    """One of the words *known*.

    Raises:
        InputError: It is none of them.
    """
    if value not in known:
        fix = f"known are {', '.join(known)}"
        raise InputError.of(field, f"{value!r} is not known", fix)
    return str(value)


def _wanted(field: str, other: str) -> str:
    """Where neither *field* nor *other* was given.

    Raises:
        InputError: Always.
    """
    raise InputError.of(field, f"is missing, and {other}, too", "give one of them, or both")


ASKED: dict[str, Callable[..., Any]] = {
    "moment": _moment,
    "one_of": _one_of,
    "positive": _positive,
    "wanted": _wanted,
}
"""Filters of the shipped templates that refuse what would make no sense in a mail."""
