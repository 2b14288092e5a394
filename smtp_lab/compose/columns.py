"""How large a DataFrame, a Series or an array would be that a template asks for."""

from __future__ import annotations

from math import prod
from typing import Any

from smtp_lab.compose.budget import MOST_CHARACTERS, MOST_ITEMS, TooMuchError, budget

__all__ = ("check_arithmetic", "check_reading", "is_data", "taken")

_MOST_CELLS = 10 * MOST_ITEMS  # of a result: eight octets each
_ADDS_UP = {"mean", "median", "prod", "std", "sum", "var"}  # what puts texts together, too
_OPERATORS = {"+", "-", "/"}  # that leave a number in a cell about as long as it was
_TEXTS = "it works with a column of texts"
_LARGE = f"it makes a table of more than {_MOST_CELLS:,} cells"


def is_data(value: Any) -> bool:
    """Whether *value* is of pandas or numpy, and no single number or date."""
    root = (type(value).__module__ or "").partition(".")[0]
    return root in ("numpy", "pandas") and bool(getattr(value, "shape", ()))


def check_arithmetic(operator: str, left: Any, right: Any) -> None:
    """Refuse ``left operator right``, one of them data, where the result would be too large.

    Texts in cells may only be put together, and only as many as one text could hold.

    Raises:
        TooMuchError: It would.
    """
    cells = _cells(left, right)
    if cells > _MOST_CELLS:
        raise TooMuchError(_LARGE)
    budget().look()
    budget().make(cells)
    held = [(one, weight) for one in (left, right) if (weight := _weight(one)) is not None]
    if not held:
        return
    texts = sum(characters for _, (characters, _) in held)
    if operator not in _OPERATORS and (texts or operator != "*"):
        raise TooMuchError(_TEXTS if texts else "it works with a column of objects")
    # A cell that is joined with several, and a single text, comes as often as there are results.
    length = sum(sum(weight) * cells // max(1, _size(one)) for one, weight in held)
    length += sum(len(one) * cells for one in (left, right) if isinstance(one, str | bytes))
    if length > MOST_ITEMS:
        raise TooMuchError(f"it makes a column with more than {MOST_ITEMS:,} characters")
    budget().make(length)


def check_reading(name: str, of: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Refuse the call of the method *name* of *of*, which is data, where it would make too much.

    Raises:
        TooMuchError: It would.
    """
    if name == "value_counts" and ("bins" in named or len(given) > 3):  # the 4th
        raise TooMuchError("it asks value_counts for bins")
    if name == "cumsum" or name in _ADDS_UP:
        texts = (_weight(of) or (0, 0))[0]
        if texts and (name == "cumsum" or texts > MOST_ITEMS):
            raise TooMuchError(_TEXTS)
    if name in ("fillna", "strftime"):
        told = (one for one in (*given, *named.values()) if isinstance(one, str))
        if max(map(len, told), default=0) * _size(of) > 10 * MOST_CHARACTERS:
            raise TooMuchError(_TEXTS)


def taken(name: str, made: Any) -> None:
    """Take *made*, data that the method *name* gave, from the budget; ``get`` makes nothing.

    Raises:
        TooMuchError: All that was made is too much.
    """
    if name != "get":
        budget().make(_size(made))


def _cells(left: Any, right: Any) -> int:
    """The most cells that ``left operator right`` has: labels that are not the same are joined."""
    if not (is_data(left) and is_data(right)):
        return max(_size(left), _size(right))
    if not (hasattr(left, "index") and hasattr(right, "index")):
        return _broadcast(left.shape, right.shape)
    if left.ndim != right.ndim:
        frame, series = (left, right) if left.ndim > right.ndim else (right, left)
        return len(frame) * _joined(frame.columns, series.index)
    rows = _joined(left.index, right.index)
    return rows * _joined(left.columns, right.columns) if left.ndim > 1 else rows


def _joined(one: Any, other: Any) -> int:
    if one is other or one.equals(other):
        return len(one)
    return len(one) + len(other) if one.is_unique and other.is_unique else len(one) * len(other)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return prod(map(max, longer, (1,) * (len(longer) - len(shorter)) + shorter))


def _size(value: Any) -> int:
    """How many cells are in *value*."""
    return prod(value.shape) if is_data(value) else 1


def _weight(value: Any) -> tuple[int, int] | None:
    """How many characters and how many octets of numbers are in the objects of *value*.

    None where it holds no objects: numbers and dates have eight octets each.
    """
    if not is_data(value):
        return None
    columns = [value]
    if hasattr(value, "iloc") and value.ndim > 1:
        columns = [value.iloc[:, n] for n in range(value.shape[1])]
    objects = [one for one in columns if getattr(one.dtype, "kind", "O") in "OSU"]
    if not objects:
        return None
    texts = digits = 0
    for column in objects:
        cells = column.ravel() if hasattr(column, "ravel") else column
        for cell in cells.tolist():
            if isinstance(cell, str | bytes | list | tuple):
                texts += len(cell)
            elif isinstance(cell, int):
                digits += cell.bit_length() >> 3
    return texts, digits
