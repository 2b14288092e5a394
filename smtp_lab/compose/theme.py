"""Colours and letters of the shipped templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from smtp_lab.errors import InputError

__all__ = ("theme_of", "themes")

_VALUE = re.compile(r"#[0-9a-fA-F]{3,8}|[\w%., '-]{1,200}")


@cache
def _known() -> dict[str, dict[str, str]]:
    text = files("smtp_lab.compose").joinpath("themes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def themes() -> list[str]:
    """The names of the themes that ship."""
    return list(_known())


def theme_of(theme: Mapping[str, str] | str | None) -> dict[str, str]:
    """The values of *theme*: the name of one that ships, or some values of one's own.

    Raises:
        InputError: It has a name or value that a theme cannot have.
    """
    plain = _known()["plain"]
    if theme is None:
        return _marked_plain()
    if isinstance(theme, str):
        if theme not in _known():
            raise InputError.of(
                "theme", f"{theme!r} is not known", f"known are {', '.join(themes())}"
            )
        return _marked({**plain, **_known()[theme]})
    if not isinstance(theme, Mapping):
        raise InputError.of("theme", f"is a {type(theme).__name__}", "give a name or a dict")
    for name, value in theme.items():
        if name not in plain:
            raise InputError.of("theme", f"has no {name!r}", f"it has {', '.join(plain)}")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InputError.of(
                f"theme[{name!r}]", f"{value!r} is no colour or font", "give one such as #0a7f5a"
            )
    return _marked({**plain, **theme})


@cache
def _marked_plain() -> dict[str, str]:
    return _marked(_known()["plain"])


def _marked(values: Mapping[str, str]) -> dict[str, str]:
    # CSS knows no &#39;; a value has no sign that would end the style it stands in.
    return {name: Markup(value) for name, value in values.items()}  # noqa: S704
