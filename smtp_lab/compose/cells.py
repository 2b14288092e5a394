"""What a table shows for a value: numbers, dates and texts as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from numbers import Integral, Real
from string import Formatter
from typing import TYPE_CHECKING, Any

from smtp_lab.compose.language import ENGLISH, Language
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = (
    "Format",
    "as_meant",
    "check_formats",
    "column_texts",
    "heading",
    "is_number",
    "one_line",
)

Format = str | Callable[[Any], Any]
"""A format specification such as ``.1f`` or ``%d %b``, a text with one field such as
``"{:,.0f} €"``, or a function that gives the text of a cell."""

# Digits of these are a name, not an amount: 2024 is no 2,024. German puts words together.
_NAMES = re.compile(
    r"(?:^|[\W_]|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:years?|yr|id|no|nr|number|code|zip|postcode|plz|fy)\W*$"
    r"|(?:jahre?|nummer|nr|plz|code)\W*$|年$|年度$|番号$",
    re.IGNORECASE,
)
_MIDNIGHT = time()
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_MOST_ITEMS = 20  # of a list in a cell
_DEEPEST = 3  # lists in lists
_MOST_BYTES = 16
_TINY = 1e-9  # what is smaller is what calculating leaves
_EXACT = 2**53  # a float holds whole numbers to here


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
    values = [
        None if gone or _is_nan(value) else value
        for value, gone in zip(column.tolist(), column.isna().tolist(), strict=True)
    ]
    show = (
        _custom(how, column.name, language) if how is not None else _usual(column, values, language)
    )
    return ["" if value is None else show(value) for value in values]


def _usual(column: pd.Series[Any], values: list[Any], language: Language) -> Callable[[Any], str]:
    """What shows the *values* of *column* where no format was asked for."""
    given = [value for value in values if value is not None]
    show: Callable[[Any], str]
    match column.dtype.kind:
        case "b":
            show = language.truth
        case "i" | "u":
            show = str if _is_name(column.name, given) else language.whole
        case "f":
            show = partial(language.decimal, digits=_digits(given))
        case "M":
            show = _minute if any(map(_has_time, given)) else _day
        case _:
            show = _Any(language, grouped=not _is_name(column.name, given))
    return show


def _digits(values: list[Any]) -> int:
    """With how many decimals *values* are shown: shares and probabilities have what they need."""
    sizes = [abs(float(value)) for value in values]
    smallest = min((size for size in sizes if size >= _TINY), default=1.0)
    if max(sizes, default=0.0) > 1 or smallest >= 0.005:
        return 2
    return math.ceil(-math.log10(smallest))


def as_meant(column: pd.Series[Any]) -> pd.Series[Any]:
    """*column* with whole numbers where pandas made floats of them, as it does for a gap in them.

    A column that is called a year or an identifier holds whole numbers, too.
    """
    import numpy as np

    if column.dtype.kind != "f" or not isinstance(column.dtype, np.dtype):
        return column
    values = column.to_numpy()
    given = values[~np.isnan(values)]
    if len(given) == len(values) and not _NAMES.search(str(column.name)):
        return column
    whole = np.abs(given).max(initial=0) <= _EXACT and not (given % 1).any()
    return column.astype("Int64") if whole else column


def is_number(column: pd.Series[Any]) -> bool:
    """Whether *column* holds numbers or spans of time, which stand to the right."""
    kind = column.dtype.kind
    if kind != "O" or column.dtype == "category":
        return kind in "iufcm"
    if column.dtype == "str":
        return False
    given = column[column.notna()].tolist()
    return bool(given) and all(
        isinstance(value, Real | Decimal) and not isinstance(value, bool) for value in given
    )


def heading(name: Any, language: Language = ENGLISH) -> str:
    """The name of a column or row in one line, as a cell; one that is missing is empty."""
    return _Any(language, grouped=False, exact=True)(name)


def one_line(text: str) -> str:
    """*text* without line breaks and repeated blanks."""
    return " ".join(text.split())


class _Any:
    """Shows a value by what it is itself, where the column does not say.

    Args:
        language: Of numbers and words.
        grouped: Whether whole numbers are grouped.
        exact: Whether other numbers keep the decimals they have, and midnight is but a day.
        depth: In how many lists the value is.
    """

    def __init__(
        self, language: Language, *, grouped: bool, exact: bool = False, depth: int = 0
    ) -> None:
        self._language, self._grouped, self._exact = language, grouped, exact
        self._depth = depth

    def __call__(self, cell: Any) -> str:
        if type(cell).__module__ == "numpy":
            cell = _of_numpy(cell)
        match cell:
            case str():
                text = one_line(cell)
            case bool():
                text = self._language.truth(cell)
            case Integral() | Real() | Decimal():
                text = "" if _is_nan(cell) else self._number(cell)
            case complex():
                parts = f"{cell.real:,.2f}", f"{cell.imag:+,.2f}"
                text = f"{''.join(map(self._language.own, parts))}j"
            case datetime() | date() | timedelta():
                text = self._of_time(cell)
            case bytes() | bytearray() | memoryview():
                text = _of_bytes(bytes(cell))
            case list() | tuple() | set() | frozenset() | Mapping():
                text = self._items(cell)
            case _:
                text = self._other(cell)
        return text

    def _number(self, cell: Any) -> str:
        if isinstance(cell, Integral) or (not self._grouped and self._exact and cell % 1 == 0):
            return self._language.whole(cell) if self._grouped else str(int(cell))
        return self._language.plain(cell) if self._exact else self._language.decimal(cell)

    def _of_time(self, cell: date | timedelta) -> str:
        if cell != cell:  # noqa: PLR0124  # NaT is a datetime
            return ""
        if isinstance(cell, timedelta):
            return _span(cell)
        with_time = isinstance(cell, datetime) and (not self._exact or _has_time(cell))
        return _minute(cell) if with_time else _day(cell)

    def _items(self, cell: Any) -> str:
        if self._depth == _DEEPEST:
            return "…"
        inner = _Any(self._language, grouped=True, exact=True, depth=self._depth + 1)
        if isinstance(cell, Mapping):
            items = [f"{one_line(str(name))}: {inner(value)}" for name, value in _few(cell.items())]
        else:
            items = [inner(value) for value in _few(cell)]
        if isinstance(cell, set | frozenset):
            items.sort()  # a set has another order each time
        if len(cell) > _MOST_ITEMS:
            items.append("…")
        listed = self._language.between.join(items)
        return f"[{listed}]" if self._depth else listed

    def _other(self, cell: Any) -> str:
        if cell is None or str(cell) in ("<NA>", "NaT"):
            return ""
        if hasattr(cell, "closed_left"):  # an Interval
            inner = _Any(self._language, grouped=self._grouped, exact=True)
            ends = self._language.between.join(map(inner, (cell.left, cell.right)))
            return f"{'[' if cell.closed_left else '('}{ends}{']' if cell.closed_right else ')'}"
        return one_line(str(cell))


def _few(items: Iterable[Any]) -> list[Any]:
    return list(islice(items, _MOST_ITEMS))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | Decimal) and value != value  # noqa: PLR0124


def _of_numpy(cell: Any) -> Any:
    """A value of numpy as Python has it; what it counts in nanoseconds would become a number."""
    import pandas as pd

    kind = cell.dtype.kind if hasattr(cell, "dtype") else ""
    if getattr(cell, "ndim", 0):
        return cell.tolist()
    if kind in "mM" and kind:
        return pd.Timestamp(cell) if kind == "M" else pd.Timedelta(cell)
    return cell.item() if hasattr(cell, "item") else cell


def _of_bytes(data: bytes) -> str:
    """Octets as the text they are, else their first ones in hexadecimal."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return one_line(text)
    return data[:_MOST_BYTES].hex(" ") + (" …" if len(data) > _MOST_BYTES else "")


def _span(span: timedelta) -> str:
    """A span of time such as ``2 d``, ``1 d 02:03:04`` or ``-00:00:01.5``."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    seconds, micros = span.seconds, span.microseconds
    days = f"{span.days} d" if span.days else ""
    if days and not seconds and not micros:
        return f"{sign}{days}"
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if micros:
        clock += f".{micros:06}".rstrip("0")
    return sign + " ".join(filter(None, (days, clock)))


_TOO_WIDE = re.compile(r"\d{5}")


class _Local(Formatter):
    """Formats numbers as Python does, with the signs of a language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        """See `string.Formatter`."""
        text = format(value, format_spec)
        number = isinstance(value, Real | Decimal) and format_spec
        return self._language.own(text) if number else text


def _custom(how: Format, column: Any, language: Language) -> Callable[[Any], str]:
    local = _Local(language)

    def show(cell: Any) -> str:
        try:
            if callable(how):
                return one_line(str(how(cell)))
            if how[:1] == "%" or "{" not in how:
                return local.format_field(cell, how)
            return one_line(local.format(how, cell))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            problem = f"{how!r} does not fit a {type(cell).__name__} ({error})"
            fix = "give a format such as .1f, %d %b %Y or {:,} €"
            raise InputError.of(f"formats[{column!r}]", problem, fix) from None

    if not (callable(how) or isinstance(how, str)):
        problem = f"is a {type(how).__name__}"
        raise InputError.of(f"formats[{column!r}]", problem, "give a format such as .1f")
    if isinstance(how, str) and not _only_the_cell(how):
        problem = f"{how!r} is more than the form of a cell"
        raise InputError.of(f"formats[{column!r}]", problem, "give a format such as .1f or {:,} €")
    return show


def _only_the_cell(how: str) -> bool:
    """Whether *how* names nothing but the cell itself: attributes lead to all there is.

    Nor may it make the cell 10,000 characters wide.
    """
    if how[:1] == "%" or "{" not in how:
        return not _TOO_WIDE.search(how)
    try:
        fields = [(name, spec) for _, name, spec, _ in Formatter().parse(how) if name is not None]
    except ValueError:
        return True  # what does not fit is said when it is used
    return all(
        name in ("", "0") and "{" not in (spec or "") and not _TOO_WIDE.search(spec or "")
        for name, spec in fields
    )


def check_formats(formats: Mapping[Any, Format], columns: list[Any]) -> None:
    """Refuse *formats* of what is not among *columns*, those of a frame and of its index."""
    for name in formats:
        if name not in columns:
            given = [str(one) for one in dict.fromkeys(columns) if one is not None]
            known = ", ".join(given[:20])
            raise InputError.of("formats", f"the table has no column {name!r}", f"it has {known}")


def _is_name(name: Any, given: list[Any]) -> bool:
    """Whether whole numbers are names: years, or those of a column called so."""
    if _NAMES.search(str(name)):
        return True
    return bool(given) and all(
        isinstance(value, Integral)
        and type(value).__name__ not in ("bool", "timedelta64")  # numpy's span is an Integral
        and _FIRST_YEAR <= int(value) <= _LAST_YEAR
        for value in given
    )


def _has_time(moment: Any) -> bool:
    return isinstance(moment, datetime) and moment.time() != _MIDNIGHT


def _day(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d"))


def _minute(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d %H:%M"))
