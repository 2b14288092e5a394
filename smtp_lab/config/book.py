"""All profiles of a person, by name, in one TOML file."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomlkit

from smtp_lab.config.paths import config_file, write_private
from smtp_lab.config.profile import Profile
from smtp_lab.config.secrets import KERNEL, SecretStore
from smtp_lab.errors import ConfigFileError, InputError, Problem, UnknownNameError

__all__ = ("ProfileBook",)

_HEADER = "Mail accounts of smtp_lab. Passwords are never kept here."


class ProfileBook(Mapping[str, Profile]):
    """The profiles in one TOML file, by name.

    It is a mapping: ``book["team"]``, ``len(book)``, ``for name in book``. Passwords are not in
    the file; they come from the environment or from the memory of the running kernel.

    Attributes:
        path: The file, which need not exist yet.
        secrets: The `SecretStore` the passwords come from.
    """

    def __init__(self, path: Path, *, secrets: SecretStore | None = None) -> None:
        self.path = path
        self.secrets = KERNEL if secrets is None else secrets
        self._profiles: dict[str, Profile] = {}
        self._text = ""
        self.reload()

    @classmethod
    def open(cls, path: str | Path | None = None) -> ProfileBook:
        """Open the book at *path*.

        Args:
            path: A TOML file; by default what ``SMTP_LAB_CONFIG`` names, or ``smtp_lab.toml`` in
                the user's config folder. A file that is not there is an empty book.

        Raises:
            ConfigFileError: The file is there and cannot be used; it is left as it is.
        """
        return cls(Path(path).expanduser() if path is not None else config_file())

    def reload(self) -> None:
        """Read the file again.

        Raises:
            ConfigFileError: It cannot be used; the profiles read before stay.
        """
        text = self._read()
        try:
            self._profiles, self._text = _profiles_in(text, self.path), text
        except ConfigFileError as error:
            del text  # a password may stand in it: a traceback with locals shows none
            raise error.with_traceback(None)  # noqa: B904  # it is the error itself

    def __getitem__(self, name: str) -> Profile:
        try:
            profile = self._profiles[name]
        except KeyError:
            raise UnknownNameError.of(
                "profile", f"{name!r} is not in {self.path}", self._known(name)
            ) from None
        secret = self.secrets.get(name, profile.connection.endpoint)
        return profile.with_password(secret) if secret else profile

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def __repr__(self) -> str:
        return f"<ProfileBook {str(self.path)!r}: {', '.join(self) or 'no profiles yet'}>"

    def save(self, profile: Profile) -> None:
        """Write *profile* under its name and keep its password in memory.

        Comments, order and everything else in the file stay as they are.

        Raises:
            ConfigFileError: The file was changed elsewhere since it was read, or cannot be
                written; nothing was changed.
        """
        if self._read() != self._text:
            problem = Problem(
                "", "was changed elsewhere since it was read", "call reload() and save again"
            )
            raise ConfigFileError(str(self.path), None, [problem])
        document = tomlkit.parse(self._text)
        if not self._text:
            document.add(tomlkit.comment(_HEADER))
            document.add(tomlkit.nl())
        tables = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        body = {key: value for key, value in profile.to_dict().items() if key != "name"}
        if profile.name in tables:
            _update(tables[profile.name], body)
        else:
            tables[profile.name] = body
        text = tomlkit.dumps(document)
        profiles = self._reread(text, profile)
        try:
            write_private(self.path, text.encode())
        except OSError as error:
            problem = Problem(
                "",
                f"cannot be written ({error.strerror})",
                "choose another file with SMTP_LAB_CONFIG",
            )
            raise ConfigFileError(str(self.path), None, [problem]) from None
        before = self._profiles.get(profile.name)
        if before and before.connection.endpoint != profile.connection.endpoint:
            self.secrets.forget(profile.name)
        self._profiles, self._text = profiles, text
        if profile.password:
            self.secrets.put(profile.name, profile.connection.endpoint, profile.password)

    def _reread(self, text: str, profile: Profile) -> dict[str, Profile]:
        """Read *text* before it is written: it must say what was there, with *profile* in it."""
        wanted = self._profiles | {profile.name: profile.with_password(None)}
        with contextlib.suppress(ConfigFileError):
            if (found := _profiles_in(text, self.path)) == wanted:
                return found
        fix = f"write the profiles as tables such as [profiles.{profile.name}] and save again"
        problem = Problem("", "is written in a way that cannot be changed line by line", fix)
        raise ConfigFileError(str(self.path), None, [problem])

    def _read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            reason = (
                "is not UTF-8 text"
                if isinstance(error, UnicodeDecodeError)
                else f"cannot be read ({error.strerror})"
            )
            raise ConfigFileError(
                str(self.path), None, [Problem("", reason, "mend it or choose another file")]
            ) from None

    def _known(self, name: str) -> str:
        close = get_close_matches(name, list(self), n=1)
        if close:
            return f"did you mean {close[0]!r}?"
        return f"known are {', '.join(self)}" if self._profiles else "save a profile first"


def _profiles_in(text: str, path: Path) -> dict[str, Profile]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r" \(at .*\)\Z", "", str(error))
        raise ConfigFileError(
            str(path),
            int(line[1]) if line else max(1, len(text.splitlines())),  # "at end of document"
            [Problem("", f"this is not TOML ({reason[:1].lower()}{reason[1:]})", "mend the line")],
        ) from None
    for key in data:
        if key != "profiles":
            problem = Problem(
                key, "is not a known key", "profiles stand in tables such as [profiles.team]"
            )
            raise ConfigFileError(str(path), _line_of(text, [key]), [problem])
    if not isinstance(data.get("profiles", {}), dict):
        fix = "profiles stand in tables such as [profiles.team]"
        problem = Problem("profiles", "is not a table", fix)
        raise ConfigFileError(str(path), _line_of(text, ["profiles"]), [problem])
    found: dict[str, Profile] = {}
    for name, body in data.get("profiles", {}).items():
        try:
            found[name] = _profile_of(name, body)
        except InputError as error:
            first = error.problems[0]
            at = ["profiles", name, *(part for part in first.field.split(".") if part)]
            problems = [
                Problem(f"profile {name}, {p.field}".removesuffix(", "), p.problem, p.fix)
                for p in error.problems
            ]
            raise ConfigFileError(str(path), _line_of(text, at), problems) from None
    return found


def _profile_of(name: str, body: Any) -> Profile:
    if not isinstance(body, dict):
        raise InputError.of("", "is not a table", f"write it as [profiles.{name}]")
    if "name" in body:
        fix = f"take the line out; the name stands in [profiles.{name}]"
        raise InputError.of("name", "is not a known field", fix)
    auth = (
        body.get("connection", {}).get("auth", {})
        if isinstance(body.get("connection"), dict)
        else {}
    )
    if isinstance(auth, dict) and "password" in auth:
        raise InputError.of(
            "connection.auth.password",
            "stands in the file, where anyone who gets the file can read it",
            f"take the line out, change the password, and give it in a form or as {SecretStore.variable(name)}",
        )
    return Profile(name=name, **body)


def _line_of(text: str, path: list[str]) -> int | None:
    """The line of the key at *path*, or of the nearest table around it."""
    best: tuple[int, int] | None = None
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[{1,2}([^\]]+)\]", line):
            table = [part.strip(" \"'") for part in header[1].split(".")]
            here = table
        elif key := re.match(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=", line):
            here = table + [part.strip(" \"'") for part in key[1].split(".")]
        else:
            continue
        if path[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None


def _update(table: Any, body: dict[str, Any]) -> None:
    """Make *table* say what *body* says, leaving comments and order in place."""
    for key in [key for key in table if key not in body]:
        del table[key]
    for key, value in body.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _update(table[key], value)
        elif table.get(key) != value:
            table[key] = value
