"""A profile book as TOML: read, with the line of whatever is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smtp_lab.config.builtin import NAME, LabProfile
from smtp_lab.config.environment import Overlay
from smtp_lab.config.hiding import hiding
from smtp_lab.config.policy import Contact, Policy
from smtp_lab.config.profile import Profile, check_name
from smtp_lab.config.secrets import SECRET_FIELDS, secret_variable
from smtp_lab.config.tomltext import statements
from smtp_lab.errors import ConfigFileError, InputError, Problem

__all__ = ("BookData", "activity_name", "build", "flag", "parse", "read")

_KEYS = ("default", "builtin", "lab", "policy", "activities", "contacts", "profiles")
_TABLES = ("lab", "policy", "activities", "profiles")


@dataclass
class BookData:
    """What a book holds.

    Attributes:
        default: Name of the default profile, or None.
        builtin: Whether the built-in profile ``lab`` is there.
        lab: What was changed about it.
        policy: The rules for recipients.
        activities: Names of profiles by activity.
        contacts: The people one writes to.
        profiles: The profiles by name.
    """

    default: str | None = None
    builtin: bool = True
    lab: LabProfile = field(default_factory=LabProfile)
    policy: Policy = field(default_factory=Policy)
    activities: dict[str, str] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    profiles: dict[str, Profile] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The book as the file has it: defaults are left out."""
        data: dict[str, Any] = {}
        if self.default:
            data["default"] = self.default
        if not self.builtin:
            data["builtin"] = False
        for key in ("lab", "policy"):
            if said := getattr(self, key).model_dump(
                mode="json", exclude_defaults=True, exclude_none=True
            ):
                data[key] = said
        if self.activities:
            data["activities"] = dict(self.activities)
        if self.contacts:
            data["contacts"] = [
                c.model_dump(mode="json", exclude_defaults=True) for c in self.contacts
            ]
        if self.profiles:
            data["profiles"] = {name: _body(profile) for name, profile in self.profiles.items()}
        return data


def read(path: Path) -> str:
    """The text of the book at *path*; empty when there is no file.

    Raises:
        ConfigFileError: It cannot be read or is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    raise ConfigFileError(str(path), None, [Problem("", reason, "mend it or choose another file")])


@hiding
def parse(text: str, path: Path, overlay: Overlay | None = None) -> BookData:
    """Read a book from *text*.

    Args:
        text: TOML.
        path: Where it stands, for errors.
        overlay: What the environment says; it wins.

    Raises:
        ConfigFileError: The text cannot be used; the error names the line.
        InputError: A value of the environment cannot be used.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError:
        problem = Problem("", "is nested too deeply", "write tables such as [profiles.team]")
        raise ConfigFileError(str(path), None, [problem]) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r" \(at .*\)\Z", "", str(error))
        number = (
            int(line[1]) if line else max(1, len(text.rstrip("\n").split("\n")))
        )  # "at end of document"
        problem = Problem(
            "", f"this is not TOML ({reason[:1].lower()}{reason[1:]})", "mend the line"
        )
        raise ConfigFileError(str(path), number, [problem]) from None
    data = overlay.over(data) if overlay else data
    try:
        return build(data)
    except InputError as error:
        at = error.problems[0].field.split(".")
        # The file was read without the environment before: what is wrong now comes from there.
        if overlay and overlay.blamed(*at):
            raise InputError(*(_in_environment(p, overlay) for p in error.problems)) from None
        problems = [Problem(_said(p.field), p.problem, p.fix) for p in error.problems]
        raise ConfigFileError(str(path), _line_of(text, at), problems) from None


def _in_environment(problem: Problem, overlay: Overlay) -> Problem:
    at = problem.field.split(".")
    if variable := overlay.variable(*at):
        return Problem(variable, problem.problem, problem.fix)
    nearby = overlay.blamed(*at) or problem.field
    return Problem(nearby, f"{_said(problem.field)} {problem.problem}", problem.fix)


def _body(profile: Profile) -> dict[str, Any]:
    return {key: value for key, value in profile.to_dict().items() if key != "name"}


def build(data: Mapping[str, Any]) -> BookData:
    """The book that *data*, as TOML gives it, describes.

    Raises:
        InputError: Something cannot be used; the field is named by its whole path.
    """
    for key in data:
        if key not in _KEYS:
            fix = f"known are {', '.join(_KEYS)}; profiles stand in tables such as [profiles.team]"
            raise InputError.of(key, "is not a known key", fix)
    for key in _TABLES:
        if not isinstance(data.get(key, {}), Mapping):
            raise InputError.of(key, "is not a table", f"write it as [{key}]")
    book = BookData(builtin=flag(data.get("builtin", True), "builtin"))
    book.lab = _within("lab", lambda: LabProfile(**data.get("lab", {})))
    book.policy = _within("policy", lambda: Policy(**data.get("policy", {})))
    book.contacts = tuple(_contacts(data.get("contacts", [])))
    for name, body in _untwinned("profiles", data):
        book.profiles[name] = _within(f"profiles.{name}", lambda n=name, b=body: _profile(n, b))
    # The built-in profile may be named even where it is switched off: the book passes over it then.
    names = [*book.profiles, NAME]
    for activity, profile in _untwinned("activities", data):
        _within(f"activities.{activity}", lambda a=activity: activity_name(a))
        book.activities[activity] = _known(f"activities.{activity}", profile, names)
    if (default := data.get("default")) is not None:
        book.default = _known("default", default, names)
    return book


def _untwinned(key: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What stands in the table *key*; names that differ in nothing but capitals are refused."""
    seen: dict[str, str] = {}
    for name, value in data.get(key, {}).items():
        if twin := seen.get(name.lower()):
            problem = f"differs from {twin!r} in nothing but capitals"
            raise InputError.of(f"{key}.{name}", problem, "rename one of them")
        seen[name.lower()] = name
        yield name, value


def _known(field_name: str, profile: Any, names: list[str]) -> str:
    if profile not in names:
        problem = f"names {profile!r}, which is no profile"
        raise InputError.of(field_name, problem, "name one that is there")
    return str(profile)


def _within(path: str, make: Any) -> Any:
    try:
        return make()
    except InputError as error:
        problems = [
            Problem(f"{path}.{p.field}".rstrip("."), p.problem, p.fix) for p in error.problems
        ]
        raise InputError(*problems) from None


def flag(value: Any, name: str) -> bool:
    """Read a setting that is true or false, from the file or the environment.

    Raises:
        InputError: It is neither; *name* is named.
    """
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    try:
        return known[value.strip().lower() if isinstance(value, str) else value]
    except (KeyError, TypeError):
        raise InputError.of(name, "is neither true nor false", "write one of them") from None


def activity_name(value: str) -> str:
    """Give *value* back when it can be the name of an activity."""
    try:
        return check_name(value)
    except ValueError as error:
        problem, _, fix = str(error).partition("; ")
        problem = problem.replace("a profile name", "the name of an activity")
        raise InputError.of("", problem, fix) from None


def _contacts(data: Any) -> Iterator[Contact]:
    if not isinstance(data, list):
        raise InputError.of("contacts", "is not a list of tables", "write each as [[contacts]]")
    for number, entry in enumerate(data):
        if not isinstance(entry, Mapping):
            raise InputError.of("contacts", "is not a list of tables", "write each as [[contacts]]")
        yield _within(f"contacts.{number}", lambda e=entry: Contact(**e))


def _profile(name: str, body: Any) -> Profile:
    if not isinstance(body, Mapping):
        raise InputError.of("", "is not a table", f"write it as [profiles.{name}]")
    if name.lower() == NAME:
        raise InputError.of(
            "", "is the name of the built-in profile", "choose another name, or write [lab]"
        )
    if "name" in body:
        fix = f"take the line out; the name stands in [profiles.{name}]"
        raise InputError.of("name", "is not a known field", fix)
    connection = body.get("connection")
    auth = connection.get("auth") if isinstance(connection, Mapping) else None
    for path, table in (("connection", connection), ("connection.auth", auth)):
        for key in SECRET_FIELDS:
            if isinstance(table, Mapping) and key in table:
                raise InputError.of(
                    f"{path}.{key}",
                    "stands in the file, where anyone who gets the file can read it",
                    "take the line out, change the secret, and give it in a form or as "
                    + secret_variable(name, key),
                )
    return Profile(name=name, **body)


def _said(path: str) -> str:
    """``profiles.team.sender`` as a person says it."""
    first, _, rest = path.partition(".")
    if first != "profiles" or not rest:
        return path
    name, _, inner = rest.partition(".")
    return f"profile {name}, {inner}".removesuffix(", ")


def _line_of(text: str, path: list[str]) -> int | None:
    """The line of the key at *path*, or of the nearest table around it."""
    best: tuple[int, int] | None = None
    for one in statements(text):
        here = list(one.path)
        if one.header and path[: len(here)] != here:
            here = here[: len(here) - len(one.header) + 1]
        if path[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), text.count("\n", 0, one.start) + 1)
    return best[1] if best else None
