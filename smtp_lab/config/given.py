"""What a book was given, held against what it can use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from smtp_lab.errors import InputError

__all__ = ("each_of", "must_be")

_T = TypeVar("_T")


def must_be(value: object, kind: type, field: str) -> None:
    """Refuse what was given for *field* and is no *kind*, a text or a class that is public.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, kind):
        if kind is str:
            problem = f"is a {type(value).__name__}, not a text"
            raise InputError.of(field, problem, "give a text")
        problem = f"is a {type(value).__name__}, not a {kind.__name__}"
        raise InputError.of(field, problem, f"give a smtp_lab.{kind.__name__}")


def each_of(values: Iterable[_T], kind: type[_T], field: str) -> list[_T]:
    """All *values* that were given for *field*, each of them a *kind*.

    Raises:
        InputError: One of them is something else, or there is no list but one of them alone.
    """
    # A text and a model can be gone through, too: letter by letter, field by field.
    if isinstance(values, kind) or not isinstance(values, Iterable):
        problem = f"is a {type(values).__name__}, not a list"
        raise InputError.of(field, problem, "give a list")
    found = list(values)
    for value in found:
        must_be(value, kind, field)
    return found
