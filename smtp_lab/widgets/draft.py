"""A profile while somebody works on it: it need not be valid yet, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smtp_lab.config import NoAuth, Profile, Secret, SmtpConnection
from smtp_lab.config.hiding import hiding
from smtp_lab.errors import InputError
from smtp_lab.language import told_problem
from smtp_lab.widgets.fields import FIELDS, Field, owners
from smtp_lab.widgets.said import told_named

__all__ = ("Draft",)

_BY_KEY = {one.key: one for one in FIELDS}
_NEEDED = {"authorization_code": "auth_url", "device_code": "device_url"}


def _fresh() -> dict[str, Any]:
    return {one.key: one.start for one in FIELDS if not one.secret}


@dataclass(repr=False)
class Draft:
    """What stands in the form.

    A field that does not apply keeps what it had. A secret is good only for the server it was typed
    for: with another host, port, token URL or client it is not there, and back again it is.

    Attributes:
        start: The profile it began as, or None for a new one.
        values: What stands in each field that is no secret, by key.
    """

    start: Profile | None = None
    values: dict[str, Any] = field(default_factory=_fresh)

    def __post_init__(self) -> None:
        self._base = _fresh()
        self._secrets: dict[str, tuple[tuple[Any, ...], Secret]] = {}
        self._awaited: frozenset[str] = frozenset()
        self._typed = False
        if self.start is not None:
            self._base |= _values(self.start)
        self.values = dict(self._base)
        if self.start is not None:
            known = _secrets(self.start)
            self._secrets = {key: (self._bound_to(key), known[key]) for key in known}

    def __repr__(self) -> str:
        return f"<Draft of {self.values['name'] or 'a new profile'}>"

    # --- what applies -------------------------------------------------------------------------

    def applies(self, key: str) -> bool:
        """Whether the field *key* is of use to this profile."""
        one = _BY_KEY[key]
        return one.owner in owners(self.values) and one.when(self.values)

    @property
    def changed(self) -> bool:
        """Whether anything differs from what it began as."""
        return self._typed or self.values != self._base

    def revert(self) -> None:
        """Take everything back."""
        self.__post_init__()

    # --- secrets ------------------------------------------------------------------------------

    def secret(self, key: str) -> Secret | None:
        """The secret of the field *key*, where it was typed for the server that stands here now."""
        bound, secret = self._secrets.get(key, ((), None))
        return secret if bound == self._bound_to(key) else None

    def elsewhere(self, key: str) -> bool:
        """Whether there is a secret for the field *key*, but for another server.

        It stays so when the profile was saved without it, until it is typed.
        """
        known = key in self._secrets or key in self._awaited
        return known and self.secret(key) is None

    @property
    def awaited(self) -> list[str]:
        """The fields that are shown whose secret was for another server."""
        return [one.key for one in FIELDS if self.applies(one.key) and self.elsewhere(one.key)]

    def await_again(self, keys: Iterable[str]) -> None:
        """Go on to ask for the secrets of the fields *keys*: it was saved without them."""
        self._awaited = frozenset(keys)

    @hiding
    def type_secret(self, key: str, secret: Secret) -> None:
        """Keep what was typed into the field *key*."""
        self._secrets[key] = (self._bound_to(key), secret)
        self._typed = True

    def _bound_to(self, key: str) -> tuple[Any, ...]:
        # As `Profile.connection.binding`, which cannot be asked while the profile is not valid.
        names = ["connection.host", "connection.port"]
        if _BY_KEY[key].owner == "graph":
            names = ["connection.cloud", "connection.tenant_id", "connection.client_id"]
        elif _BY_KEY[key].owner == "oauth2":
            names += ["connection.auth.token_url", "connection.auth.client_id"]
        return tuple(str(self.values[name]).strip() for name in names)

    # --- the profile --------------------------------------------------------------------------

    @hiding
    def profile(self) -> Profile:
        """The profile as the fields have it.

        Raises:
            InputError: It cannot be built; every bad field is named.
        """
        data: dict[str, Any] = {"connection": {}}
        for one in FIELDS:
            if one.owner in owners(self.values) and (value := self._given(one)) is not None:
                at = data
                *above, last = one.path.split(".")
                for name in above:
                    at = at.setdefault(name, {})
                at[last] = value
        try:
            return Profile(**data)
        finally:
            data.clear()

    def problems(self) -> dict[str, str]:
        """What is wrong with each field, by key; empty when nothing is."""
        try:
            self.profile()
        except InputError as error:
            return self.placed(error)[0]
        return {}

    def placed(self, error: InputError) -> tuple[dict[str, str], list[str]]:
        """The sentences of *error* by key, and those that belong to no field that is shown."""
        found: dict[str, str] = {}
        rest: list[str] = []
        for problem in error.problems:
            sentence = told_problem(problem.problem, problem.fix)
            path = problem.field.removeprefix(f"profiles.{self.values['name']}.")
            if path == "connection.auth" and problem.problem.startswith("grant "):
                path = f"connection.auth.{_NEEDED.get(self.values['connection.auth.grant'], '')}"
            key = self.key_of(path)
            if key is None:
                rest.append(told_named(problem))
            else:
                found[key] = f"{found[key]} {sentence}" if key in found else sentence
        return found, rest

    def key_of(self, path: str) -> str | None:
        """The field that is shown for the dotted name *path*, or the nearest to it."""
        near = {"connection": "connection.type", "connection.auth.password": "connection.password"}
        for wanted in (path, f"{path}.type", near.get(path, "")):
            for one in FIELDS:
                if one.path == wanted and self.applies(one.key):
                    return one.key
        return None

    def _given(self, one: Field) -> Any:
        if one.secret:
            return self.secret(one.key)
        # What does not apply is as it was: it may not even be right, and nobody can see it.
        shown = self.applies(one.key)
        value = self.values[one.key] if shown else self._base[one.key]
        optional = one.key.endswith("timeout")
        return None if optional and not str(value).strip() else value


def _values(profile: Profile) -> Mapping[str, Any]:
    return {
        one.key: _shown(value)
        for one in FIELDS
        if not one.secret and (value := _at(profile, one)) is not _NOTHING
    }


def _secrets(profile: Profile) -> dict[str, Secret]:
    found = {one.key: _at(profile, one) for one in FIELDS if one.secret}
    return {key: value for key, value in found.items() if isinstance(value, Secret)}


_NOTHING = object()


def _at(profile: Profile, one: Field) -> Any:
    """The value of the field *one*, where *profile* has it."""
    connection = profile.connection
    if one.key == "connection.auth":
        auth = connection.auth if isinstance(connection, SmtpConnection) else NoAuth()
        return auth.type if isinstance(connection, SmtpConnection) else _NOTHING
    smtp = isinstance(connection, SmtpConnection)
    mine = {"profile", "smtp" if smtp else "graph"}
    if isinstance(connection, SmtpConnection):
        mine.add(connection.auth.type)
    at: Any = profile
    for name in one.path.split(".") if one.owner in mine else ("",):
        at = getattr(at, name, _NOTHING)
    return at


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, bool):
        return value
    return f"{value:g}" if isinstance(value, float) else str(value)
