"""Numbers and times as people give them: checked, with a sentence for whatever is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from operator import index
from typing import Any

from smtp_lab.errors import InputError

__all__ = ("number", "numbers", "seconds")

_LAST = 2**63 - 1  # the largest number any database knows


def number(field: str, given: Any) -> int:
    """*given* as a whole number, and where it is beyond all there are, as the last of them.

    A cell of a DataFrame is no int, and no database knows it.

    Raises:
        InputError: It is none; the message names *field*.
    """
    try:
        found = index(given)
    except TypeError:
        raise InputError.of(field, f"{given!r} is no whole number", "give one such as 1") from None
    return max(min(found, _LAST), -_LAST)


def numbers(field: str, given: Any) -> set[int]:
    """*given* as numbers of messages.

    Raises:
        InputError: It is no list of them; the message names *field*.
    """
    if not isinstance(given, Iterable):
        fix = "give a query, or a list of numbers of messages"
        raise InputError.of(field, f"is a {type(given).__name__}", fix)
    return {number(field, one) for one in given}


def seconds(field: str, given: Any) -> float:
    """*given* as seconds to wait; below nought is not at all.

    Raises:
        InputError: It is no number; the message names *field*.
    """
    if isinstance(given, bool) or not isinstance(given, Real) or math.isnan(float(given)):
        raise InputError.of(field, f"{given!r} is no number of seconds", "give one such as 10")
    return float(given)
