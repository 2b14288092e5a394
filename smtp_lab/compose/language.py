"""The language of a mail: its words, its numbers and its dates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from math import inf
from numbers import Integral
from typing import Any

from markupsafe import Markup, escape

from smtp_lab.errors import InputError

__all__ = ("ENGLISH", "Language", "Texts", "language_of", "languages", "text_tag")

_FIELD = re.compile(r"\{(\w+)\}")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_NOTHING = re.compile(r"-[0,.]*0%?")
_LONGEST = 1e15  # a float holds no more digits


@cache
def _words() -> dict[str, dict[str, str]]:
    text = files("smtp_lab.compose").joinpath("languages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def languages() -> list[str]:
    """The languages the shipped templates are written in, as BCP 47 tags."""
    return list(_words())


def language_of(tag: str) -> Language:
    """The language called *tag*, such as ``de``, ``fr`` or ``pt-BR``.

    Raises:
        InputError: It is not known.
    """
    found = _language(tag) if isinstance(tag, str) else None
    if found is None:
        fix = f"give a tag such as fr or pt-BR; texts ship in {', '.join(languages())}"
        raise InputError.of("language", f"{tag!r} is not known", fix)
    return found


@cache
def _language(tag: str) -> Language | None:
    return Language(tag) if _TAG.fullmatch(tag) and _in_cldr(tag) else None


def _in_cldr(tag: str) -> bool:
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def text_tag(tag: str, known: Iterable[str]) -> str | None:
    """Which of the *known* languages has the texts for *tag*: that of Austria are the German ones.

    Returns:
        None where none of them has.
    """
    return next((one for one in (tag, tag.partition("-")[0]) if one in known), None)


class Language:
    """How numbers and dates are written, after the Unicode CLDR as Babel has it.

    Args:
        tag: One that `language_of` takes. Those of `languages` have words, too.

    Attributes:
        tag: As given.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        known = text_tag(tag, _words())
        self._spoken = _words()[known] if known else {}

    @cached_property
    def _locale(self) -> Any:
        from babel import Locale

        return Locale.parse(self.tag, sep="-")

    @cached_property
    def _signs(self) -> dict[int, int | str | None] | None:
        """What to put for the comma and the point of English, or None where they are the same."""
        if self.tag == "en":
            return None
        from babel.numbers import get_decimal_symbol, get_group_symbol

        signs = (get_group_symbol(self._locale), get_decimal_symbol(self._locale))
        return None if signs == (",", ".") else dict(zip(map(ord, ",."), signs, strict=True))

    @cached_property
    def _threes(self) -> bool:
        """Whether thousands are parted as in English; India parts lakhs."""
        grouping: tuple[int, int] = self._locale.decimal_formats[None].grouping
        return self.tag == "en" or grouping == (3, 3)

    def own(self, english: str) -> str:
        """A number as Python writes it, with the signs of the language."""
        if english[:1] == "-" and _NOTHING.fullmatch(english):
            english = english[1:]  # what rounds to nothing has no sign
        if "," in english and not self._threes:
            english = _in_lakhs(english)
        return english.translate(self._signs) if self._signs else english

    @property
    def between(self) -> str:
        """What stands between the items of a list, so that no number runs into the next."""
        return "; " if self._signs and self._signs[ord(".")] == "," else ", "

    def whole(self, number: Any) -> str:
        """A whole number, its thousands separated."""
        return self.own(f"{int(number):,}")

    def decimal(self, number: Any, digits: int = 2) -> str:
        """A number with *digits* decimals."""
        # A Decimal is an amount, which a float may not hold; a Fraction cannot be formatted before
        # Python 3.12.
        exact = number if isinstance(number, Decimal) else float(number)
        if isinstance(exact, float) and _LONGEST <= abs(exact) < inf:
            return self.own(f"{exact:.{digits}e}")  # its digits beyond are noise
        return self.own(f"{exact:,.{digits}f}")

    def plain(self, number: Any) -> str:
        """A number with the decimals it has: 93, 2.5."""
        if isinstance(number, Integral):
            return self.whole(number)
        if isinstance(number, Decimal):
            return self.own(f"{number:,}")
        return self.own(f"{float(number):,.12g}")

    def truth(self, value: Any) -> str:
        """Yes or no.

        Raises:
            InputError: Nobody wrote these words in the language.
        """
        if not self._spoken:
            problem = f"there are no words for yes and no in {self.tag!r}"
            fix = f"give the column a format, or write in one of {', '.join(languages())}"
            raise InputError.of("language", problem, fix)
        return self._spoken["yes" if value else "no"]

    def more(self, count: int) -> str:
        """That there are *count* more than are shown.

        Raises:
            InputError: Nobody wrote these words in the language.
        """
        if not self._spoken:
            problem = f"there are no words for rows that are not shown in {self.tag!r}"
            fix = f"raise max_rows, or write in one of {', '.join(languages())}"
            raise InputError.of("language", problem, fix)
        return self._spoken["more"].format(count=self.whole(count))

    def empty(self) -> str:
        """That a table holds nothing.

        Raises:
            InputError: Nobody wrote these words in the language.
        """
        if not self._spoken:
            problem = f"there are no words for an empty table in {self.tag!r}"
            fix = f"leave the table out, or write in one of {', '.join(languages())}"
            raise InputError.of("language", problem, fix)
        return self._spoken["empty"]

    def date(self, day: date) -> str:
        """A day in words, such as January 2, 2026."""
        from babel.dates import format_date

        return str(format_date(day, "long", locale=self._locale))

    def moment(self, moment: datetime) -> str:
        """A day and a time, with its zone where it has one."""
        from babel.dates import format_time

        zone = f" {moment.tzname()}" if moment.tzinfo else ""
        clock: time = moment.time()
        said = format_time(clock, "HH:mm", locale=self._locale)
        form = str(self._locale.datetime_formats["medium"])
        return f"{form.replace('{0}', said).replace('{1}', self.date(moment))}{zone}"


def _in_lakhs(english: str) -> str:
    """*english* grouped as in India: the last three digits, then two by two."""
    whole, point, rest = english.replace(",", "").partition(".")
    parted = re.sub(r"(?<=\d)(?=(?:\d\d)+\d{3}$)|(?<=\d)(?=\d{3}$)", ",", whole)
    return f"{parted}{point}{rest}"


ENGLISH = Language("en")


class Texts:
    """The texts of a template in one language; ``t("hello", name=…)`` gives one of them.

    Args:
        texts: By name; ``{name}`` in a text is filled with the argument of that name.
        where: What to call the texts in an error.
    """

    def __init__(self, texts: Mapping[str, str], where: str) -> None:
        self._texts, self._where = texts, where

    def __call__(self, key: str, **values: Any) -> str:
        """Give the text called *key*.

        Values that are `markupsafe.Markup` stay HTML, all else is a text.

        Raises:
            InputError: There is no such text, or a value it needs was not given.
        """
        if key not in self._texts:
            raise InputError.of(self._where, f"has no text {key!r}", "add it in each language")
        text = self._texts[key]
        lost = [name for name in _FIELD.findall(text) if name not in values]
        if lost:
            problem = f"the text {key!r} needs {lost[0]!r}"
            raise InputError.of(self._where, problem, f"call t({key!r}, {lost[0]}=…)")
        html = any(isinstance(value, Markup) for value in values.values())
        if not html:
            return _FIELD.sub(lambda found: str(values[found[1]]), text)
        return Markup(  # noqa: S704  # all of it is escaped here
            _FIELD.sub(lambda found: str(escape(values[found[1]])), str(escape(text)))
        )
