"""How large a value would be that a template asks for, known before memory is taken for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Sized
from numbers import Integral, Rational
from string import Formatter
from typing import Any, SupportsIndex

from jinja2.utils import Namespace

from smtp_lab.compose.budget import MOST_CHARACTERS, MOST_ITEMS, TooMuchError, budget
from smtp_lab.compose.columns import check_arithmetic, check_reading, is_data, taken

__all__ = (
    "check_binop",
    "check_call",
    "check_filter",
    "check_method",
    "check_written",
    "ending",
    "listed",
    "sized",
)

_MOST_NESTED = 2 * MOST_ITEMS  # things in a list and in all the lists in it
_WIDEST = 10_000  # of a padding, a precision or a batch
_HOLDERS = (list, tuple, dict, Namespace)
_ITEM, _HOLDER = 3, 24  # what a thing in a list, and a list in a list, take: eight octets each
_MANY = 100  # things in a list that is worth remembering
_TOO_LONG = f"it makes a value longer than {MOST_ITEMS:,}"
_TOO_NESTED = f"it nests lists to more than {_MOST_NESTED:,} things"
_TOO_WIDE = f"it pads a value to more than {_WIDEST:,} characters"
_MOST_WRAPPED = 10**10  # characters that are moved: a line that is broken is copied each time
_FIVE_DIGITS = re.compile(r"\d{5}")
# The flags, the width and the precision of a format in the manner of C, and the sign itself.
_PERCENT = re.compile(r"[-#0 +]*(\*|\d*)(?:\.(\*|\d*))?%?")
# Filters whose result may be as long as an argument says.
_WIDE = {"batch", "center", "indent", "round", "slice", "tojson", "truncate", "wordwrap"}
# Filters that write out what they are given.
_WRITE = {
    *("address", "digest", "ics", "lines", "url"),
    *("capitalize", "center", "e", "escape", "forceescape", "format", "indent", "join", "lower"),
    *("pprint", "replace", "string", "striptags", "title", "tojson", "trim", "truncate", "upper"),
    *("urlencode", "urlize", "wordcount", "wordwrap", "xmlattr"),
}
# Methods of a text or a number whose result may be as long as an argument says.
_PADDING = {"center", "ljust", "rjust", "to_bytes", "zfill"}


def check_binop(operator: str, left: Any, right: Any) -> None:
    """Refuse ``left operator right`` where the result would be too long.

    Raises:
        TooMuchError: It would.
    """
    if is_data(left) or is_data(right):
        check_arithmetic(operator, left, right)
    elif operator == "%":
        if isinstance(left, str | bytes):
            _check_percent(left)
            _check_fields(left, "%", right if isinstance(right, tuple) else (right,))
    elif operator == "**":
        if isinstance(left, Rational) and isinstance(right, Integral) and abs(int(right)) > 1:
            _check_size(max(_bits(left.numerator), _bits(left.denominator)) * abs(int(right)))
    elif operator == "+":
        if isinstance(left, Sequence) and isinstance(right, Sized):
            _check_size(len(left) + len(right))
    elif operator == "*":
        _check_times(left, right)


def _check_times(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _check_size(_bits(left) + _bits(right))
    for many, times in ((left, right), (right, left)):
        if isinstance(many, Sequence) and isinstance(times, SupportsIndex):
            _check_size(len(many) * times.__index__())


def check_method(name: str, of: Any, given: tuple[Any, ...]) -> None:
    """Refuse the call of the method *name* of *of*, a text or a number, with what is *given*.

    Raises:
        TooMuchError: The result would be too long.
    """
    for value in given:
        check_written(value)
    if name in _PADDING:
        _check_widths(given)
    elif name == "expandtabs":
        widths = [abs(one) for one in given if isinstance(one, int)] or [8]
        _check_size(len(of) + of.count(b"\t" if isinstance(of, bytes) else "\t") * max(widths))
    elif name == "replace" and len(given) > 1:
        _check_replace(of, given[0], given[1])
    elif name == "join" and given:
        _check_join(of, given[0])
    elif name == "translate" and given and isinstance(given[0], dict):
        longest = max((len(one) for one in given[0].values() if isinstance(one, Sized)), default=1)
        _check_size(len(of) * longest)
    elif name in ("format", "format_map"):
        values = given[0].values() if name == "format_map" and isinstance(given[0], dict) else given
        _check_braces(of, list(values))
        _check_fields(of, "{", values)


def check_call(name: str, of: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Refuse the call of the method *name* of *of* where it is known to make as much as is asked.

    Raises:
        TooMuchError: It would.
    """
    forms = (*given, *named.values()) if name == "strftime" else ()
    if any(isinstance(one, str) and len(one) > _WIDEST for one in forms):
        raise TooMuchError(_TOO_WIDE)
    # Methods for dates and texts are those of an accessor, which has the column as an attribute.
    for data in (of, getattr(of, "_parent", None)):
        if is_data(data):
            check_reading(name, data, given, named)


def check_filter(name: str, values: tuple[Any, ...]) -> None:
    """Refuse Jinja's filter *name* where the result would be too long.

    Args:
        name: Of the filter.
        values: The value it stands behind, and its arguments.

    Raises:
        TooMuchError: It would.
    """
    if name in _WRITE:
        for value in values:
            check_written(value)
    if name in _WIDE:
        _check_widths(values[1:])
    if name in ("indent", "wordwrap", "urlize"):
        _check_lines(name, values)
    elif name == "replace" and len(values) > 2:
        _check_replace(*values[:3])
    elif name == "format":
        _check_percent(str(values[0]))
        _check_fields(str(values[0]), "%", values[1:])
    elif name == "join":
        _check_join(str(values[1]) if len(values) > 1 else "", values[0])
    elif name in ("pprint", "tojson"):
        by = values[1] if name == "tojson" and len(values) > 1 else 1
        _check_indented(values[0], len(by) if isinstance(by, str) else by or 0)
    elif name == "sum" and any(isinstance(one, list | tuple) for one in values[1:]):
        raise TooMuchError("it adds up lists")


def check_written(value: Any) -> None:
    """Refuse a list and the like that would be too long when it is written out.

    Raises:
        TooMuchError: It would.
    """
    if not isinstance(value, _HOLDERS):
        return
    length = 0
    for one in _nested(value):
        length += _length(one)
        if length > MOST_CHARACTERS:
            raise TooMuchError(_TOO_LONG)


def listed(pieces: Any) -> Any:
    """What is handed out one by one, all of it: its length must be known before it is joined.

    Raises:
        TooMuchError: It has no end, or one that is far away.
    """
    if not isinstance(pieces, Iterator):
        return pieces
    return list(_counted(pieces))


def ending(items: Any) -> Any:
    """*items*, which raise `TooMuchError` where they are handed out one by one without end."""
    return _counted(items) if isinstance(items, Iterator) else items


def _counted(items: Iterator[Any]) -> Iterator[Any]:
    for number, one in enumerate(items):
        budget().look()
        _check_size(number)
        yield one


def sized(value: Any, by: str = "", *, anew: bool = False) -> Any:
    """Take *value*, which a template made, from the budget, and give it back.

    A list that was taken before is the same one: it was only read again.

    Args:
        value: What came of an expression.
        by: The method that gave it.
        anew: Whether the lists in it were made with it, as the rows of a table are.

    Raises:
        TooMuchError: It is too long by itself, or all that was made is.
    """
    if isinstance(value, str | bytes):
        _check_size(len(value))
        budget().make(len(value))
    elif isinstance(value, int):
        budget().make(_bits(value) >> 3)
    elif isinstance(value, list | tuple | dict):
        if not budget().known(value):
            _check_size(len(value))
            things = _things(value)
            inside = value.values() if isinstance(value, dict) else value
            holders = sum(1 for one in inside if isinstance(one, _HOLDERS))
            taking = _ITEM * len(value) + _HOLDER * holders
            if anew:  # pandas makes even the texts in its rows anew
                texts = (len(one) for one in _nested(value) if isinstance(one, str | bytes))
                taking = _ITEM * things + 2 * _HOLDER * holders + sum(texts)
            budget().make(taking)
    elif isinstance(value, Namespace):
        _things(value)
    elif is_data(value):
        taken(by, value)
    return value


def _things(value: Any) -> int:
    """How many things are in *value* and all the lists in it, which is remembered.

    Raises:
        TooMuchError: Lists hold one another too often to be written.
    """
    count, changing, holders = 0, False, [value]
    while holders:
        one = holders.pop()
        inside = _inside(one)
        changing = changing or isinstance(one, Namespace)
        known = 0 if isinstance(one, Namespace) or len(inside) < _MANY else budget().known(one)
        count += known or len(inside) + 1
        if count > _MOST_NESTED:
            raise TooMuchError(_TOO_NESTED)
        if not known:
            holders += [other for other in inside if isinstance(other, _HOLDERS)]
    if not changing and len(value) >= _MANY:
        budget().know(value, count)
    return count


def _inside(holder: Any) -> Any:
    if isinstance(holder, Namespace):
        return object.__getattribute__(holder, "_Namespace__attrs").values()
    return holder.values() if isinstance(holder, dict) else holder


def _nested(value: Any) -> Iterator[Any]:
    """All that *value* holds; lists that hold one another too often to be written are refused."""
    left, holders = _MOST_NESTED, [value]
    while holders:
        one = holders.pop()
        inside = _inside(one)
        if isinstance(one, dict):
            yield from one
        left -= len(inside) + 1
        if left < 0:
            raise TooMuchError(_TOO_NESTED)
        for other in inside:
            if isinstance(other, _HOLDERS):
                holders.append(other)
            else:
                yield other


def _length(value: Any) -> int:
    """About how long *value* is when it is written; no list of ours."""
    if isinstance(value, str | bytes):
        return len(value) + 4
    if isinstance(value, int):
        return _bits(value) // 3 + 4
    return 10_000 if isinstance(value, Sized) else 40


def _bits(value: Any) -> int:
    return int(value).bit_length()


def _check_percent(text: str | bytes) -> None:
    """Refuse a format in the manner of C with a width of five digits, or one from elsewhere."""
    said = text.decode("latin-1") if isinstance(text, bytes) else text
    at = said.find("%") + 1
    while at:
        form = _PERCENT.match(said, _behind_name(said, at))
        if form is None or any(one == "*" or len(one or "") > 4 for one in form.groups()):
            raise TooMuchError(_TOO_WIDE)
        at = said.find("%", form.end()) + 1


def _behind_name(text: str, at: int) -> int:
    """Where the name in brackets ends that begins at *at*; brackets may be part of it."""
    deep = 0
    while at < len(text):
        deep += {"(": 1, ")": -1}.get(text[at], 0)
        if not deep:
            return at + (text[at] == ")")
        at += 1
    return at


def _check_braces(text: str, given: Iterable[Any]) -> None:
    """Refuse a format with a width of five digits, also one that comes from another value."""
    try:
        forms = [form for _, name, form, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        return  # what is no format is said when it is used
    for form in forms:
        if _FIVE_DIGITS.search(form or ""):
            raise TooMuchError(_TOO_WIDE)
        if "{" in (form or ""):
            _check_widths(tuple(given))
            if any(isinstance(one, str) and _FIVE_DIGITS.search(one) for one in given):
                raise TooMuchError(_TOO_WIDE)


def _check_fields(text: str | bytes, sign: str, given: Iterable[Any]) -> None:
    """Refuse a format that has so many fields that all of them would be too long."""
    said = text.decode("latin-1") if isinstance(text, bytes) else text
    longest = 40
    for value in given:
        check_written(value)
        inside = value.values() if isinstance(value, dict) else (value,)
        longest = max(longest, *map(_length, inside), 0)
    widest = max((int(one) for one in re.findall(r"(?<!\d)\d{1,4}(?!\d)", said)), default=0)
    if said.count(sign) * max(longest, widest) > MOST_CHARACTERS:
        raise TooMuchError(_TOO_LONG)


def _check_widths(given: tuple[Any, ...]) -> None:
    for value in given:
        if isinstance(value, Integral) and abs(int(value)) > _WIDEST:
            raise TooMuchError(_TOO_WIDE)


def _check_indented(value: Any, by: int) -> None:
    """Refuse to write each thing on a line of its own, *by* further in for each list around it."""
    holders = [(value, 1)] if isinstance(value, _HOLDERS) else []
    length = 0
    while holders:
        one, deep = holders.pop()
        inside = _inside(one)
        length += (len(inside) + 1) * deep * by
        _check_size(length)
        holders += [(other, deep + 1) for other in inside if isinstance(other, _HOLDERS)]


def _check_lines(name: str, values: tuple[Any, ...]) -> None:
    """Refuse to put something long before, into or behind each of many lines or links."""
    text = str(values[0])
    added = max(
        (
            len(one) if isinstance(one, str) else one
            for one in values[1:]
            if isinstance(one, str | int)
        ),
        default=4,
    )
    lines = text.count("\n") + 1
    if name == "urlize":
        lines = len(text) // 8
    elif name == "wordwrap":
        wide = next((one for one in values[1:] if type(one) is int and one > 0), 79)
        lines += len(text) // wide
        added = max((len(one) for one in values[1:] if isinstance(one, str)), default=1)
        if len(max(text.splitlines(), key=len, default="")) ** 2 // wide > _MOST_WRAPPED:
            raise TooMuchError(_TOO_LONG)
    _check_size(len(text) + lines * added if added > 8 else 0)


def _check_replace(text: Any, old: Any, new: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    times = text.count(old) if old else len(text) + 1
    _check_size(len(text) + times * max(0, len(new) - len(old)))


def _check_join(between: Any, pieces: Any) -> None:
    if isinstance(pieces, Sequence) and not isinstance(pieces, str | bytes):
        length = sum(len(piece) for piece in pieces if isinstance(piece, str))
        _check_size(length + len(between) * len(pieces))
    elif isinstance(pieces, str):
        _check_size(len(pieces) * (1 + len(between)))


def _check_size(length: int) -> None:
    if length > MOST_ITEMS:
        raise TooMuchError(_TOO_LONG)
