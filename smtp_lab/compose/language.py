"""The language of a mail: its words, its numbers and its dates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from smtp_lab.errors import InputError

__all__ = ("ENGLISH", "Language", "Texts", "language_of", "languages")

_FIELD = re.compile(r"\{(\w+)\}")


@cache
def _words() -> dict[str, dict[str, str]]:
    text = files("smtp_lab.compose").joinpath("languages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def languages() -> list[str]:
    """The languages the shipped templates are written in, as BCP 47 tags."""
    return list(_words())


@cache
def language_of(tag: str) -> Language:
    """The language called *tag*, such as ``de``.

    Raises:
        InputError: It is not known.
    """
    if tag not in _words():
        known = ", ".join(languages())
        raise InputError.of("language", f"{tag!r} is not known", f"known are {known}")
    return Language(tag)


class Language:
    """How numbers and dates are written, after the Unicode CLDR as Babel has it.

    Args:
        tag: One of `languages`.

    Attributes:
        tag: As given.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag

    @cached_property
    def _locale(self) -> Any:
        from babel import Locale

        return Locale.parse(self.tag, sep="-")

    @cached_property
    def _signs(self) -> dict[int, int] | None:
        """What to put for the comma and the point of English, or None where they are the same."""
        if self.tag == "en":
            return None
        from babel.numbers import get_decimal_symbol, get_group_symbol

        signs = (get_group_symbol(self._locale), get_decimal_symbol(self._locale))
        return None if signs == (",", ".") else str.maketrans(",.", "".join(signs))

    def _own(self, english: str) -> str:
        return english.translate(self._signs) if self._signs else english

    def whole(self, number: Any) -> str:
        """A whole number, its thousands separated."""
        return self._own(f"{int(number):,}")

    def decimal(self, number: Any, digits: int = 2) -> str:
        """A number with *digits* decimals."""
        # A Decimal is an amount, which a float may not hold; a Fraction cannot be formatted before
        # Python 3.12.
        exact = number if isinstance(number, Decimal) else float(number)
        return self._own(f"{exact:,.{digits}f}")

    def truth(self, value: Any) -> str:
        """Yes or no."""
        return _words()[self.tag]["yes" if value else "no"]

    def more(self, count: int) -> str:
        """That there are *count* more than are shown."""
        return _words()[self.tag]["more"].format(count=self.whole(count))

    def date(self, day: date) -> str:
        """A day in words, such as January 2, 2026."""
        from babel.dates import format_date

        return str(format_date(day, "long", locale=self._locale))

    def moment(self, moment: datetime) -> str:
        """A day and a time, with its zone where it has one."""
        from babel.dates import format_time

        zone = f" {moment.tzname()}" if moment.tzinfo else ""
        clock: time = moment.time()
        return f"{self.date(moment)}, {format_time(clock, 'HH:mm', locale=self._locale)}{zone}"


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
