"""The settings of a sink as a form has them: texts and ticks, and the sink they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from smtp_lab.archive import Retention
from smtp_lab.archive.address import name_of, url_of
from smtp_lab.archive.retention import THROW_AWAY
from smtp_lab.config import Secret
from smtp_lab.config.hiding import hiding
from smtp_lab.config.paths import data_dir, tilde
from smtp_lab.errors import ArchiveError, InputError, Problem
from smtp_lab.sink import Limits, Sink
from smtp_lab.sink.door import DOORS, MECHANISMS, OFFERS, PORTS
from smtp_lab.sink.exposure import generated, on_hub
from smtp_lab.sink.ports import HOST
from smtp_lab.widgets import as_code

__all__ = ("DoorDraft", "SinkDraft")

_OTHERS = ("host", "synchronous", "lock_timeout", "rules", "process")
_TEMPORARY = ":temporary:"
_LONGEST = timedelta(days=36_500)  # a hundred years: no date is before the calendar begins


@dataclass(frozen=True)
class DoorDraft:
    """A door: whether it is open, at which port, and whether mail wants a login."""

    open: bool = True
    port: str = "0"
    login: bool = False


@dataclass(frozen=True)
class SinkDraft:
    """What somebody asked for in a form, right or wrong.

    Attributes:
        doors: By the name of each.
        who: Who may log in: anybody, those of *users*, one that is made (on a JupyterHub), or whom
            a *judge* lets in.
        users: Names with passwords, None where none was typed yet.
        judge: A function that decides, which only code can give.
        offers: Extensions.
        mechanisms: Of SASL.
        max_size: Octets of a message, as text.
        where: Which archive: this user's, one that is gone with the sink, or that at *address*.
        address: A path or URL; a Secret, since a URL may hold a password.
        count: Messages that are kept, as text; empty for no limit.
        days: Their age, likewise.
        octets: Octets of all, likewise.
        others: Settings of the sink this began with that the form does not show.
    """

    doors: dict[str, DoorDraft] = field(default_factory=lambda: {n: DoorDraft() for n in DOORS})
    who: Literal["any", "listed", "made", "judge"] = "any"
    users: tuple[tuple[str, Secret | None], ...] = ()
    judge: Callable[..., bool] | None = None
    offers: frozenset[str] = frozenset(OFFERS)
    mechanisms: frozenset[str] = frozenset(MECHANISMS)
    max_size: str = str(Limits().message)
    where: Literal["mine", "temporary", "other"] = "mine"
    address: Secret | None = None
    count: str = ""
    days: str = ""
    octets: str = ""
    others: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def fresh(cls) -> SinkDraft:
        """What a new sink begins with."""
        if not on_hub():
            return cls()
        return cls(doors={name: DoorDraft(login=True) for name in DOORS}, who="made")

    @classmethod
    def of(cls, sink: Sink) -> SinkDraft:
        """The settings of *sink*."""
        s = sink.settings
        doors = {
            door: DoorDraft(
                door in s.doors, str(getattr(s, PORTS[door])), login=door in s.login_required
            )
            for door in DOORS
        }
        usual = THROW_AWAY if sink.temporary else Retention()
        kept = s.retention if s.retention != usual else Retention()
        users = s.users if isinstance(s.users, tuple) else ()
        made = on_hub() and dict(users) == generated()
        listed: Any = "made" if made else "listed" if users else "judge" if s.users else "any"
        others = [(name, getattr(s, name)) for name in _OTHERS]
        return cls(
            doors=doors,
            who=listed,
            users=() if made else users,
            judge=s.users if callable(s.users) else None,
            offers=frozenset(s.offers),
            mechanisms=frozenset(s.mechanisms),
            max_size=str(s.limits.message),
            **_place(sink),
            count=str(kept.count or ""),
            days=f"{kept.age / timedelta(days=1):g}" if kept.age else "",
            octets=str(kept.bytes or ""),
            others=(*others, ("limits", s.limits)),
        )

    @hiding
    def sink(self) -> Sink:
        """The sink it stands for, not started.

        Raises:
            InputError: A field cannot be used; ``archive`` and the names of `Sink`'s arguments,
                ``count``, ``days`` and ``octets`` are what fields are called.
        """
        asked = self._asked()
        try:
            return Sink(self._archive(), **asked)
        except ArchiveError as error:
            problem, _semicolon, fix = str(error).rstrip(".").partition("; ")
        raise InputError.of("archive", problem, fix)

    def code(self) -> str:
        """The lines that make and start the same sink; for passwords they ask."""
        given = list(self._arguments())
        inside = "".join(f"\n    {one}," for one in given) + "\n" if given[1:] else "".join(given)
        imports = ["from getpass import getpass", ""] if "getpass(" in inside else []
        imports += ["from datetime import timedelta", ""] if "timedelta(" in inside else []
        return "\n".join([*imports, as_code.IMPORT, "", f"sink = lab.Sink({inside}).start()"])

    # --- how it is put ------------------------------------------------------------------------

    def _asked(self) -> dict[str, Any]:
        wrong: list[Problem] = []
        asked: dict[str, Any] = {name: value for name, value in self.others if name != "limits"}
        for door, name in PORTS.items():
            asked[name] = _number(name, self.doors[door].port, wrong, least=0)
        size = _number("max_size", self.max_size, wrong)
        asked["retention"] = self._retention(wrong)
        users = self._users(wrong)
        if wrong:
            raise InputError(*wrong)
        limits = dict(self.others).get("limits", Limits())
        return asked | {
            "doors": [door for door in DOORS if self.doors[door].open],
            "users": users,
            "login_required": {door: self.doors[door].login for door in DOORS},
            "limits": replace(limits, message=size),
            "offers": sorted(self.offers),
            "mechanisms": sorted(self.mechanisms),
        }

    def _users(self, wrong: list[Problem]) -> Any:
        if self.who == "judge":
            return self.judge
        if self.who != "listed":
            return "any" if self.who == "any" else None
        names = [name.strip() for name, _password in self.users]
        if not names:
            wrong.append(Problem("users", "there is nobody in the list", "add a user"))
        for name, password in self.users:
            if not name.strip():
                wrong.append(Problem("users", "a user has no name", "type one, or take it away"))
            elif names.count(name.strip()) > 1:
                wrong.append(Problem("users", f"{name.strip()} is there twice", "take one away"))
            elif not password:
                wrong.append(Problem("users", f"{name.strip()} has no password", "type one"))
        del wrong[8:]
        return {name.strip(): password for name, password in self.users}

    def _retention(self, wrong: list[Problem]) -> Retention | None:
        count = _number("count", self.count, wrong) or None if self.count.strip() else None
        octets = _number("octets", self.octets, wrong) or None if self.octets.strip() else None
        age = None
        if self.days.strip():
            try:
                age = timedelta(days=float(self.days))
            except ValueError:
                age = timedelta()
            except OverflowError:
                age = timedelta.max
            if age <= timedelta():
                wrong.append(Problem("days", "is no number above zero", "give days, such as 30"))
                return None
            if age > _LONGEST:
                problem = f"is more than {_LONGEST.days}"
                wrong.append(Problem("days", problem, "leave it empty to keep all"))
                return None
        if count is None and octets is None and age is None:
            return None
        return Retention(count=count, age=age, bytes=octets)

    def _archive(self) -> str | None:
        if self.where == "temporary":
            return _TEMPORARY
        if self.where == "mine":
            return None
        address = self.address.reveal().strip() if self.address else ""
        if not address:
            raise InputError.of("archive", "no path or URL is given", "type one")
        return address

    def _arguments(self) -> Iterator[str]:
        if self.where == "temporary":
            yield repr(_TEMPORARY)
        elif self.where == "other" and self.address:
            yield repr(named(self.address))
        others = dict(self.others)
        if (host := others.get("host", HOST)) != HOST:
            yield f"host={host!r}"
        yield from self._door_arguments()
        if left_out := [one for one in OFFERS if one not in self.offers]:
            yield f"without={left_out!r}"
        if len(self.mechanisms) != len(MECHANISMS):
            yield f"mechanisms={[one for one in MECHANISMS if one in self.mechanisms]!r}"
        yield from self._limit_arguments()
        if rules := others.get("rules"):
            yield f"rules=[{', '.join(f'lab.{rule!r}' for rule in rules)}]"

    def _door_arguments(self) -> Iterator[str]:
        opened = [door for door in DOORS if self.doors[door].open]
        for door in opened:
            if port := _read(self.doors[door].port):
                yield f"{PORTS[door]}={port}"
        if len(opened) != len(DOORS):
            yield f"doors={opened!r}"
        yield from self._login_arguments(opened)

    def _limit_arguments(self) -> Iterator[str]:
        if (size := _read(self.max_size)) not in (None, Limits().message):
            yield f"max_size={size}"
        if kept := self._retention([]):
            given = {"count": kept.count, "age": kept.age, "bytes": kept.bytes}
            shown = (f"{n}={_plain(value)}" for n, value in given.items() if value)
            yield f"retention=lab.Retention({', '.join(shown)})"

    def _login_arguments(self, opened: list[str]) -> Iterator[str]:
        if self.who == "listed":
            names = [name.strip() for name, _password in self.users]
            asked = (f"{name!r}: getpass({f'Password of {name}: '!r})" for name in names)
            yield f"users={{{', '.join(asked)}}}"
        elif self.who == "judge":
            yield f"users={getattr(self.judge, '__name__', 'decide')}"
        elif self.who == "any" and on_hub():
            yield 'users="any"'
        usual = self.who != "any"
        doors = {door: self.doors[door].login for door in opened}
        if any(wanted != usual for wanted in doors.values()):
            same = len(set(doors.values())) == 1
            yield f"login_required={next(iter(doors.values())) if same else doors!r}"


def named(address: Secret) -> str:
    """The path or URL *address* without a password, as people write it."""
    try:
        return tilde(name_of(url_of(address.reveal().strip())))
    except ArchiveError:
        return "…"


def _place(sink: Sink) -> dict[str, Any]:
    if sink.temporary:
        return {"where": "temporary"}
    url = sink.archive.url
    if url == sa.URL.create("sqlite", database=str(data_dir() / "mail.sqlite3")):
        return {"where": "mine"}
    text = url.render_as_string(hide_password=False)
    plain = url.get_backend_name() == "sqlite" and not url.query and url.database
    return {"where": "other", "address": Secret(plain or text)}


def _read(text: str) -> int | None:
    text = text.strip().replace("_", "").replace(",", "")
    whole = text.isascii() and text.removeprefix("-").isdigit() and len(text) < 16
    return int(text) if whole else None


def _plain(value: object) -> str:
    if isinstance(value, timedelta):
        return f"timedelta(days={value / timedelta(days=1):g})"
    return repr(value)


def _number(name: str, text: str, wrong: list[Problem], *, least: int = 1) -> int:
    found = _read(text)
    if found is not None and found >= least:
        return found
    fix = "give one, such as 0 for a free port" if not least else "give one, such as 1000000"
    problem = "is no whole number" if found is None else f"is less than {least}"
    wrong.append(Problem(name, problem, fix))
    return 0
