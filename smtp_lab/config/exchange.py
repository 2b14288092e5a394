"""Profiles in and out of a book, as TOML and as environment variables; secrets never travel."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtp_lab.config.bookedit import rewrite
from smtp_lab.config.bookfile import BookData, parse
from smtp_lab.config.builtin import NAME
from smtp_lab.config.environment import PREFIX, Overlay
from smtp_lab.config.given import each_of, must_be
from smtp_lab.config.hiding import hiding
from smtp_lab.config.profile import Profile
from smtp_lab.config.secrets import SECRET_FIELDS
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from smtp_lab.config.book import ProfileBook

__all__ = ("Imported", "export_env", "export_toml", "import_env", "import_toml")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        names: The profiles that were saved.
        left_out: What else stood there and was not taken: it belongs to a whole book.
    """

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"Imported {', '.join(self.names) or 'nothing'}."
        return said + (f" Left out: {', '.join(self.left_out)}." if self.left_out else "")


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
        InputError: A name cannot be told from the rest of a variable.
    """
    lines = []
    for name, profile in _chosen(book, names).items():
        body = {key: value for key, value in profile.to_dict().items() if key != "name"}
        for path, value in _leaves(body):
            lines.append(f"{_variable('profiles', name, *path)}={shlex.quote(_text(value))}")
    return "\n".join([*lines, ""]) if lines else ""


@hiding
def import_toml(book: ProfileBook, text: str, *, replace: bool = False) -> Imported:
    """Save the profiles in *text* in *book*.

    Args:
        book: Where they go.
        text: What `export_toml` gave, or any book.
        replace: Whether profiles of the same name are replaced.

    Returns:
        Their names, and what else *text* holds: a policy, contacts and the rest stay as they are.

    Raises:
        ConfigFileError: *text* cannot be used.
        InputError: A name is taken; nothing was saved.
    """
    must_be(text, str, "text")
    data = parse(text, Path("the imported text"))
    names = _save(book, data.profiles, replace=replace)
    return Imported(names, tuple(key for key in data.to_dict() if key != "profiles"))


@hiding
def import_env(book: ProfileBook, lines: str, *, replace: bool = False) -> Imported:
    """Save the profiles that *lines*, as `export_env` gives them, describe; see `import_toml`."""
    must_be(lines, str, "lines")
    given: dict[str, str] = {}
    left_out: list[str] = []
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
        last = variable.lower().rpartition("__")[2]
        secret = last in SECRET_FIELDS and "__CONNECTION__" not in variable.upper()
        if variable.upper().startswith(f"{PREFIX}PROFILES__") and not secret:
            given[variable] = value
        elif variable.upper().startswith(PREFIX):
            left_out.append(variable)
    found = parse("", Path("the imported lines"), Overlay(given)).profiles
    return Imported(_save(book, found, replace=replace), tuple(left_out))


def _save(book: ProfileBook, found: Mapping[str, Profile], *, replace: bool) -> tuple[str, ...]:
    # The environment knows no case: a name comes back as the book has it.
    here = {name.lower(): name for name in book}
    taken = [name for name in found if name.lower() in here]
    if taken and not replace:
        are = "is" if len(taken) == 1 else "are"
        fix = "rename it, or import with replace=True"
        raise InputError.of("name", f"{', '.join(taken)} {are} taken", fix)
    profiles = [p.replace(name=here.get(name.lower(), name)) for name, p in found.items()]
    book.save_all(profiles)
    return tuple(p.name for p in profiles)


def _variable(*path: str) -> str:
    """The variable of a field, for `Overlay` to read back."""
    variable = PREFIX + "__".join(path).upper()
    if tuple(variable.removeprefix(PREFIX).lower().split("__")) != tuple(p.lower() for p in path):
        fix = "rename the profile, or export it as TOML"
        problem = f"{path[1]!r} has underscores that cannot be told from those between the parts"
        raise InputError.of("name", f"{problem} of a variable", fix)
    return variable


def _chosen(book: ProfileBook, names: Iterable[str] | None) -> dict[str, Profile]:
    if names is None:
        names = [name for name in book if name != NAME]
    wanted = each_of(names, str, "names")
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
