"""Settings from the environment: they win over the file, and forms show them as locked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from smtp_lab.config.secrets import SECRET_FIELDS, secret_variable
from smtp_lab.errors import InputError, Problem

__all__ = ("PREFIX", "Overlay", "is_locked")

PREFIX = "SMTP_LAB_"
_ALONE = ("config", "data", "language", "locked", "secrets_file", "update_snapshots")
"""Settings that are about no part of a book."""

_SECTIONS = ("activities", "builtin", "default", "lab", "policy", "profiles")


def is_locked() -> bool:
    """Whether ``SMTP_LAB_LOCKED`` forbids saving: forms show, nothing is written."""
    return os.environ.get(f"{PREFIX}LOCKED", "").strip().lower() not in (
        *("", "0", "false", "no", "off"),
    )


class Overlay:
    """What the environment says about a book.

    A variable names the path of a field, parts joined by two underscores:
    ``SMTP_LAB_PROFILES__TEAM__CONNECTION__PORT`` is ``profiles.team.connection.port``. Lists are
    separated by commas.

    Args:
        environ: The variables; by default those of this process.
        names: Of profiles that are known: one that holds two underscores is recognised.

    Attributes:
        unknown: A sentence for each variable that begins as ours do and means nothing here.

    Raises:
        InputError: A variable names a section there is none of.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, *, names: Iterable[str] = ()
    ) -> None:
        names = sorted((name.lower() for name in names), key=len, reverse=True)
        self._given: dict[tuple[str, ...], tuple[str, str]] = {}
        self.unknown: list[str] = []
        for variable, value in sorted((os.environ if environ is None else environ).items()):
            path = _path(variable, names)
            if not variable.upper().startswith(PREFIX) or path in {(name,) for name in _ALONE}:
                continue
            if path[0] not in _SECTIONS:
                known = _SECTIONS if path[1:] else (*_ALONE, *_SECTIONS)
                problem = Problem(variable, "is not a known setting", _meant(path[0], known))
                if path[1:]:
                    raise InputError(problem)
                self.unknown.append(str(problem))  # whose it is nobody knows: no reason to stop
                continue
            if path == ("default",) and not value:
                continue  # as if it were not set: nobody means a profile without a name
            # Secrets are the business of SecretStore. The end tells: a name may hold underscores.
            secret = path[-1].lstrip("_")
            if path[0] != "profiles" or secret not in SECRET_FIELDS:
                self._given[path] = (variable, value)
            elif path[2:3] == ("connection",):
                fix = f"set {secret_variable(path[1], secret)}"
                raise InputError.of(variable, "is not where a secret is given", fix)

    def __bool__(self) -> bool:
        return bool(self._given)

    def variable(self, *path: str) -> str | None:
        """The variable that gives the field at *path*, or None: then it is not locked."""
        wanted = tuple(part.lower() for part in path)
        return next((variable for at, (variable, _) in self._given.items() if at == wanted), None)

    def naming(self, profile: str) -> str | None:
        """The variable that makes *profile* the default, or that of an activity; or None."""
        return next(
            (
                variable
                for path, (variable, value) in self._given.items()
                if (path == ("default",) or path[0] == "activities") and value == profile
            ),
            None,
        )

    def locked(self, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """The fields below *path* that are given, each with its variable."""
        start = tuple(part.lower() for part in path)
        for at, (variable, _) in self._given.items():
            if at[: len(start)] == start:
                yield at[len(start) :], variable

    def blamed(self, *path: str) -> str | None:
        """The variable that gives the field at *path*, or else one nearby, such as its sibling."""
        for length in range(len(path), 0, -1):
            for _, variable in self.locked(*path[:length]):
                return variable
        return None

    def as_written(
        self,
        start: tuple[str, ...],
        new: dict[str, Any],
        effective: Mapping[str, Any],
        written: Mapping[str, Any],
    ) -> dict[str, Any]:
        """*new* as the file is to have it: what is given here stays there as it was *written*.

        Args:
            start: The path of the three.
            new: What is to be saved; changed in place.
            effective: What is there now, the environment included.
            written: What the file has.

        Raises:
            InputError: *new* changes what is given here.
        """
        for path, variable in self.locked(*start):
            if _at(new, path) != _at(effective, path):
                raise InputError.of(".".join(path), f"is given by {variable}", "change it there")
            _put(new, path, _at(written, path))
        return new

    def over(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """*data*, as a file gives it, with the environment's values in place."""
        merged: dict[str, Any] = _copy(data)
        for path, (variable, value) in self._given.items():
            at = merged
            for part in path[:-1]:
                at = at.setdefault(_as_written(at, part), {})
                if not isinstance(at, dict):
                    raise InputError.of(
                        variable, "goes deeper than the field it names", "see docs/settings.md"
                    )
            at[_as_written(at, path[-1])] = value
        return merged


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {PREFIX}{close[0].upper()}?"
    return f"known are {', '.join(known)}"


def _path(variable: str, names: Iterable[str]) -> tuple[str, ...]:
    """The path that *variable* names; for one that is not ours, whatever comes out."""
    rest = variable.upper().removeprefix(PREFIX).lower()
    for name in names:
        if rest.startswith(f"profiles__{name}__"):
            return "profiles", name, *rest.removeprefix(f"profiles__{name}__").split("__")
    return tuple(rest.split("__"))


def _as_written(table: Mapping[str, Any], part: str) -> str:
    # The environment knows no case; the file does.
    return next((key for key in table if key.lower() == part), part)


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    at: Any = data
    for part in path[:-1]:
        at = at.setdefault(part, {})
    at.pop(path[-1], None)
    if value is not None:
        at[path[-1]] = value


def _copy(data: Any) -> Any:
    return {key: _copy(value) for key, value in data.items()} if isinstance(data, Mapping) else data
