"""Profiles in and out of a book, as TOML and as environment variables; secrets never travel."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtp_lab.config._model import hiding
from smtp_lab.config.bookfile import BookData, parse, rewrite
from smtp_lab.config.builtin import NAME
from smtp_lab.config.environment import PREFIX, Overlay
from smtp_lab.config.profile import Profile
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from smtp_lab.config.book import ProfileBook

__all__ = ("export_env", "export_toml", "import_env", "import_toml")


def export_toml(book: ProfileBook, names: Iterable[str] | None = None) -> str:
    """Profiles of *book* as the text of a book of its own.

    Args:
        book: Where they are.
        names: Which ones; by default all but the built-in one.

    Raises:
        UnknownNameError: There is no profile of one of the *names*.
    """
    return rewrite("", BookData(profiles=_chosen(book, names)))


def export_env(book: ProfileBook, names: Iterable[str] | None = None) -> str:
    """Profiles of *book* as lines ``NAME=value`` that a shell can read.

    The environment knows no case: names come back in small letters.

    Raises:
        UnknownNameError: There is no profile of one of the *names*.
        InputError: A name cannot be told from the rest of a variable, or from another name.
    """
    lines = []
    chosen = _chosen(book, names)
    if len({name.lower() for name in chosen}) < len(chosen):
        fix = "rename one of them, or export as TOML"
        raise InputError.of("name", "differs in nothing but capitals between two profiles", fix)
    for name, profile in chosen.items():
        body = {key: value for key, value in profile.to_dict().items() if key != "name"}
        for path, value in _leaves(body):
            lines.append(f"{_variable('profiles', name, *path)}={shlex.quote(_text(value))}")
    return "\n".join([*lines, ""]) if lines else ""


@hiding
def import_toml(book: ProfileBook, text: str, *, replace: bool = False) -> list[str]:
    """Save the profiles in *text* in *book*.

    Args:
        book: Where they go.
        text: What `export_toml` gave, or any book.
        replace: Whether profiles of the same name are replaced.

    Returns:
        Their names.

    Raises:
        ConfigFileError: *text* cannot be used.
        InputError: A name is taken; nothing was saved.
    """
    return _save(book, parse(text, Path("the imported text")).profiles, replace=replace)


@hiding
def import_env(book: ProfileBook, lines: str, *, replace: bool = False) -> list[str]:
    """Save the profiles that *lines*, as `export_env` gives them, describe; see `import_toml`."""
    given: dict[str, str] = {}
    try:
        words = shlex.split(lines, comments=True)
    except ValueError as error:
        raise InputError.of("the lines", f"cannot be read ({error})", "close every quote") from None
    variable = ""
    for word in words:
        # Of a word that cannot be used nothing is quoted: it may be a part of a password.
        where = f"after {variable}" if variable else "at the beginning"
        name, equals, value = word.partition("=")
        if word == "export":
            continue
        if not equals or not re.fullmatch(r"[A-Za-z0-9_]+", name):
            fix = "give each as NAME=value, with quotes around a value that holds spaces"
            raise InputError.of("the lines", f"hold something else than NAME=value {where}", fix)
        variable = name
        if variable.upper().startswith(f"{PREFIX}PROFILES__"):
            given[variable] = value
    found = parse("", Path("the imported lines"), Overlay(given)).profiles
    return _save(book, found, replace=replace)


def _save(book: ProfileBook, found: Mapping[str, Profile], *, replace: bool) -> list[str]:
    taken = [name for name in found if name in book]
    if taken and not replace:
        are = "is" if len(taken) == 1 else "are"
        fix = "rename it, or import with replace=True"
        raise InputError.of("name", f"{', '.join(taken)} {are} taken", fix)
    book.save_all(found.values())
    return list(found)


def _variable(*path: str) -> str:
    """The variable of a field, for `Overlay` to read back."""
    variable = PREFIX + "__".join(path).upper()
    if tuple(variable.removeprefix(PREFIX).lower().split("__")) != tuple(p.lower() for p in path):
        fix = "rename the profile, or export it as TOML"
        problem = f"{path[1]!r} has underscores that cannot be told from those between the parts"
        raise InputError.of("name", f"{problem} of a variable", fix)
    return variable


def _chosen(book: ProfileBook, names: Iterable[str] | None) -> dict[str, Profile]:
    wanted = [name for name in book if name != NAME] if names is None else list(names)
    if NAME in wanted:
        raise InputError.of("names", f"{NAME} is built in and every book has it", "leave it out")
    return {name: book[name].without_secrets() for name in wanted}


def _leaves(
    data: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
