"""What a table shows for a value: numbers, dates and texts as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from string import Formatter
from typing import TYPE_CHECKING, Any

from smtp_lab.compose.language import ENGLISH, Language
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Format", "column_texts", "heading", "is_number", "one_line")

Format = str | Callable[[Any], Any]
"""A format specification such as ``.1f`` or ``%d %b``, a text with one field such as
``"{:,.0f} €"``, or a function that gives the text of a cell."""

# Digits of these are a name, not an amount: 2024 is no 2,024.
_NAMES = re.compile(
    r"(?:^|[\W_]|(?<=[a-z]))"
    r"(?:years?|id|no|nr|number|code|zip|postcode|plz|jahre?|nummer|fy)\W*$|年$|年度$|番号$",
    re.IGNORECASE,
)
_MIDNIGHT = time()
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


def column_texts(
    column: pd.Series[Any], how: Format | None = None, language: Language = ENGLISH
) -> list[str]:
    """What is shown for each cell of *column*.

    Args:
        column: Any column; a missing value is shown as nothing.
        how: Its format; by default whole numbers are grouped (but not years and identifiers),
            others have two decimals, and dates are those of ISO 8601, without a time where all
            of them are at midnight.
        language: Whose signs separate thousands and decimals.

    Raises:
        InputError: A value cannot be shown in the format.
    """
    missing = column.isna().tolist()
    values = column.tolist()
    show: Callable[[Any], str]
    kind = column.dtype.kind
    if how is not None:
        show = _custom(how, column.name)
    elif kind == "b":
        show = language.truth
    elif kind in "iu":
        plain = _is_name(column.name, values, missing)
        show = str if plain else language.whole
    elif kind == "f":
        show = language.decimal
    elif kind == "M":
        show = _minute if any(map(_has_time, values)) else _day
    else:
        show = _Any(language, grouped=not _NAMES.search(str(column.name)))
    return ["" if gone else show(value) for value, gone in zip(values, missing, strict=True)]


def is_number(column: pd.Series[Any]) -> bool:
    """Whether *column* holds numbers, which stand to the right."""
    return column.dtype.kind in "iufc"


def heading(name: Any) -> str:
    """The name of a column or row in one line, as a cell."""
    return one_line(str(name))


def one_line(text: str) -> str:
    """*text* without line breaks and repeated blanks."""
    return " ".join(text.split())


class _Any:
    """Shows a value by what it is itself, where the column does not say."""

    def __init__(self, language: Language, *, grouped: bool) -> None:
        self._language, self._grouped = language, grouped

    def __call__(self, cell: Any) -> str:
        if type(cell).__module__ == "numpy":
            cell = cell.item()
        match cell:
            case str():
                text = one_line(cell)
            case bool():
                text = self._language.truth(cell)
            case Integral():
                text = self._language.whole(cell) if self._grouped else str(int(cell))
            case Real() | Decimal():
                text = self._language.decimal(cell)
            case datetime():
                text = _minute(cell)
            case date():
                text = cell.isoformat()
            case _:
                text = one_line(str(cell))
        return text


_TOO_WIDE = re.compile(r"\d{5}")


def _custom(how: Format, column: Any) -> Callable[[Any], str]:
    def show(cell: Any) -> str:
        try:
            if callable(how):
                return one_line(str(how(cell)))
            if how[:1] == "%" or "{" not in how:
                return format(cell, how)
            return one_line(how.format(cell))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            problem = f"{how!r} does not fit a {type(cell).__name__} ({error})"
            fix = "give a format such as .1f, %d %b %Y or {:,} €"
            raise InputError.of(f"formats[{column!r}]", problem, fix) from None

    if not (callable(how) or isinstance(how, str)):
        problem = f"is a {type(how).__name__}"
        raise InputError.of(f"formats[{column!r}]", problem, "give a format such as .1f")
    if isinstance(how, str) and (_TOO_WIDE.search(how) or not _only_the_cell(how)):
        problem = f"{how!r} is more than the form of a cell"
        raise InputError.of(f"formats[{column!r}]", problem, "give a format such as .1f or {:,} €")
    return show


def _only_the_cell(how: str) -> bool:
    """Whether *how* names nothing but the cell itself: attributes lead to all there is."""
    try:
        fields = [(name, spec) for _, name, spec, _ in Formatter().parse(how) if name is not None]
    except ValueError:
        return True  # what does not fit is said when it is used
    return all(name in ("", "0") and "{" not in (spec or "") for name, spec in fields)


def check_formats(formats: Mapping[Any, Format], columns: list[Any]) -> None:
    """Refuse *formats* of columns a frame does not have."""
    for name in formats:
        if name not in columns:
            known = ", ".join(map(str, columns[:20]))
            raise InputError.of("formats", f"the table has no column {name!r}", f"it has {known}")


def _is_name(name: Any, values: list[Any], missing: list[bool]) -> bool:
    """Whether the whole numbers of a column are names: years, or those of a column called so."""
    if _NAMES.search(str(name)):
        return True
    given = [value for value, gone in zip(values, missing, strict=True) if not gone]
    return bool(given) and min(given) >= _FIRST_YEAR and max(given) <= _LAST_YEAR


def _has_time(moment: Any) -> bool:
    return bool(moment == moment and moment.time() != _MIDNIGHT)  # noqa: PLR0124  # NaT


def _day(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d"))


def _minute(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d %H:%M"))
