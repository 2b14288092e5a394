"""What a template can do with a value: tables, pictures, numbers, dates."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import wraps
from numbers import Integral, Number, Real
from typing import Any

from jinja2 import Undefined, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from smtp_lab.compose.asked import ASKED
from smtp_lab.compose.budget import MOST_ITEMS, budget
from smtp_lab.compose.cells import Format
from smtp_lab.compose.content import image_type, is_figure
from smtp_lab.compose.failure import describe
from smtp_lab.compose.language import ENGLISH, Language
from smtp_lab.compose.tables import MAX_ROWS, html_table, text_table
from smtp_lab.config.address import parse_sender
from smtp_lab.errors import InputError

__all__ = ("FILTERS", "now", "show")


_MOST_DIGITS = 30
_MOST_CELLS = 200_000  # of one table: the clock is not looked at while it is made


def show(value: Any, html: bool) -> str:
    """The form of a value that is no text, where a template just names it.

    Raises:
        InputError: It is empty, or needs words: a figure has no form without its alternative text.
        jinja2.UndefinedError: It was not given.
    """
    if isinstance(value, Undefined):
        return str(value)  # raises
    if hasattr(value, "__html__"):
        return Markup(value.__html__())  # noqa: S704  # the protocol says that it is escaped
    if _is_table(value):
        return _shown(html_table if html else text_table, value, MAX_ROWS, None, None)
    if is_figure(value) or (isinstance(value, bytes) and image_type(value)):
        fix = "write {{ name | picture('what it shows') }}"
        raise InputError.of("picture", "has no alternative text", fix)
    _filled(value)
    return str(value)


def _filled(value: Any) -> Any:
    """*value*, which must not be empty: None, NaN, NaT or NA."""
    # NA is asked for by its name first: whether it equals itself it does not know.
    empty = value is None or str(value) in ("NaT", "<NA>")
    if empty or (isinstance(value, Number) and value != value):  # noqa: PLR0124  # NaN
        fix = "give it a value, or write {{ name | default('…', true) }}"
        raise InputError.of("a value", f"is empty ({value})", fix)
    return value


def _is_table(value: Any) -> bool:
    module = type(value).__module__.partition(".")[0]
    return (module == "pandas" and type(value).__name__ in ("DataFrame", "Styler", "Series")) or (
        module == "great_tables"
    )


@pass_eval_context
def _table(  # each is a choice of its own, all but the first two by name
    context: EvalContext,
    frame: Any,
    max_rows: int = MAX_ROWS,
    index: bool | None = None,
    formats: Mapping[Any, Format] | None = None,
) -> str:
    """A table, as HTML or as text, whichever part it stands in."""
    make = html_table if context.autoescape else text_table
    return _shown(make, frame, max_rows, index, formats)


def _text_table(
    frame: Any,
    *,
    max_rows: int = MAX_ROWS,
    index: bool | None = None,
    formats: Mapping[Any, Format] | None = None,
) -> str:
    """A table as text, wherever it stands."""
    return _shown(text_table, frame, max_rows, index, formats)


def _shown(
    make: Callable[..., str],
    frame: Any,
    max_rows: int,
    index: bool | None,
    formats: Mapping[Any, Format] | None,
) -> str:
    """What *make*, `html_table` or `text_table`, says for *frame*, which has not too many cells."""
    budget().look()
    shape = getattr(frame, "shape", None) or (0,)
    if type(max_rows) is int and min(shape[0], max_rows) * math.prod(shape[1:]) > _MOST_CELLS:
        problem = f"shows more than {_MOST_CELLS:,} cells"
        raise InputError.of("table", problem, "show fewer rows, max_rows=…")
    return make(frame, max_rows=max_rows, index=index, formats=formats)


@pass_eval_context
def _picture(context: EvalContext, content: Any, alt: str = "", width: int | None = None) -> str:
    """A picture in HTML, its alternative text in the text part."""
    if not isinstance(alt, str) or not alt.strip():
        fix = "write {{ name | picture('what it shows') }}"
        raise InputError.of("picture", "has no alternative text", fix)
    if width is not None and (isinstance(width, bool) or not isinstance(width, int) or width < 1):
        raise InputError.of("picture", f"{width!r} is no width", "give pixels, such as 536")
    if not context.autoescape:
        return f"[{' '.join(alt.split())}]"
    pictures = budget().pictures
    if pictures is None:
        raise InputError.of("picture", "can only be shown in a mail", "render a template")
    shown: Markup = pictures.shown(content, alt, width)
    return shown


def _language() -> Language:
    return budget().language or ENGLISH


def _number(value: Any, digits: int | None = None) -> str:
    """A number as the mail's language writes it."""
    if digits is not None and (type(digits) is not int or not 0 <= digits <= _MOST_DIGITS):
        fix = f"give 0 to {_MOST_DIGITS}"
        raise InputError.of("number", f"{digits!r} is no number of decimals", fix)
    whole = isinstance(_filled(value), Integral) and digits is None
    return (
        _language().whole(value)
        if whole
        else _language().decimal(value, 2 if digits is None else digits)
    )


def _said(value: Any) -> Any:
    """A number or a date as the mail's language writes it, all of its decimals; a text as it is."""
    if isinstance(value, bool):
        return _language().truth(value)
    if isinstance(value, Real | Decimal):
        return _language().plain(_filled(value))
    return _date(value) if isinstance(value, date) else value


def _date(value: Any) -> str:
    """A day, or a day and a time, in words of the mail's language."""
    _filled(value)
    if isinstance(value, datetime):
        return _language().moment(value)
    if isinstance(value, date):
        return _language().date(value)
    raise InputError.of("date", f"{value!r} is no date", "give a datetime.date or datetime")


def _utc(value: Any) -> str:
    """A moment as iCalendar writes it in UTC (RFC 5545 section 3.3.5)."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        fix = "give a datetime with tzinfo, such as ZoneInfo('Europe/Berlin')"
        raise InputError.of("start and end", f"{value!s} has no time zone", fix)
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _ics(value: Any) -> str:
    """A text as iCalendar escapes it (RFC 5545 section 3.3.11), never more than one line."""
    text = re.sub(r"([\\;,])", r"\\\1", str(value))
    return re.sub(r"[\x00-\x1f\x7f]", " ", re.sub(r"\r\n|[\r\n]", r"\\n", text))


def _digest(value: Any) -> str:
    """A short name for a text: always the same for the same one."""
    return hashlib.sha256(str(value).encode("utf-8", "replace")).hexdigest()[:32]


@pass_eval_context
def _lines(context: EvalContext, text: Any) -> str:
    """A text whose line breaks are kept; Outlook knows no ``white-space: pre-line``."""
    said = text if isinstance(text, str) else show(text, False)
    return Markup("<br>\n").join(said.splitlines()) if context.autoescape else said


def _records(rows: Any) -> Any:
    """A DataFrame as a list with a dict for each row; any other list as it is."""
    if not hasattr(rows, "to_dict"):
        return rows
    if getattr(rows, "size", 0) > MOST_ITEMS:
        problem = f"has more than {MOST_ITEMS:,} cells"
        raise InputError.of("records", problem, "take the rows and columns that are shown")
    return rows.to_dict("records")


def _address(text: Any) -> str:
    """The bare address in ``Name <address>``."""
    return parse_sender(str(text)).addr_spec


def now() -> datetime:
    """The moment, in UTC; templates call it."""
    return datetime.now(UTC)


def _url(value: Any) -> str:
    """A link that leads to the web or to a mail address, and nowhere else.

    Raises:
        InputError: It is none: ``javascript:`` has no business in a mail.
    """
    text = str(value)
    if not re.fullmatch(r"(?:https?://[^\s/]|mailto:[^\s@]+@)[^\s\x00-\x1f\x7f<>\"]*", text):
        raise InputError.of(
            "link", f"{text[:80]!r} is no link", "give one that begins with https://"
        )
    return text


def _given(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, which then raises for a variable that is missing as any use of it does."""
    before = int(getattr(function, "jinja_pass_arg", None) is not None)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if isinstance(args[before], Undefined):
            str(args[before])  # raises
        return function(*args, **kwargs)

    return call


_FILTERS: dict[str, Callable[..., Any]] = {
    "address": _address,
    "date": _date,
    "digest": _digest,
    "failure": describe,
    "ics": _ics,
    "lines": _lines,
    "number": _number,
    "picture": _picture,
    "records": _records,
    "said": _said,
    "table": _table,
    "text_table": _text_table,
    "url": _url,
    "utc": _utc,
}
FILTERS = {name: _given(function) for name, function in (_FILTERS | ASKED).items()}
"""What a template can do with a value, by name."""
