"""What makes one running sink different from another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from smtp_lab.archive import Retention
from smtp_lab.archive.pen import Synchronous
from smtp_lab.archive.retention import THROW_AWAY
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError
from smtp_lab.sink.credentials import Credentials, Login
from smtp_lab.sink.door import DOORS, MECHANISMS, OFFERS, PORTS
from smtp_lab.sink.exposure import address, generated, is_local, on_hub
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.rules import Rule, checked

__all__ = ("Settings", "Users")

Users = Mapping[str, str | Secret] | Callable[[Login], bool] | Literal["any"] | None
"""Passwords by user name, a function that decides, ``any`` for any login, or None for what fits
where the sink can be reached from."""

_BY_DEFAULT = Retention()  # told from one that was given by which object it is


class Settings(NamedTuple):
    """What a server is made from: equal settings, same server."""

    archive: sa.URL | None  # whole: two archives may differ in what the URL asks for
    host: str
    port: int
    tls_port: int
    plain_port: int
    doors: tuple[str, ...]
    users: tuple[tuple[str, Secret], ...] | Callable[[Login], bool] | None
    login_required: frozenset[str]
    limits: Limits
    offers: tuple[str, ...]
    mechanisms: tuple[str, ...]
    synchronous: Synchronous
    lock_timeout: float
    retention: Retention
    rules: tuple[Rule, ...]
    process: bool

    @classmethod
    def of(  # noqa: PLR0913  # the arguments of a sink
        cls,
        *,
        host: str | None,
        port: int,
        tls_port: int,
        plain_port: int,
        doors: Collection[str] | None,
        users: Users,
        login_required: bool | Mapping[str, bool] | None,
        max_size: int | None,
        limits: Limits | None,
        offers: Collection[str] | None,
        without: Collection[str],
        mechanisms: Collection[str] | None,
        synchronous: Synchronous,
        lock_timeout: float,
        retention: Retention | None,
        rules: Collection[Rule],
        process: bool | None,
    ) -> Settings:
        """Settings from the arguments of a `Sink`, all but where its archive is; see `at`.

        Raises:
            InputError: One of them cannot be used.
        """
        _check_ports(port=port, tls_port=tls_port, plain_port=plain_port)
        if retention is not None and not isinstance(retention, Retention):
            fix = "give lab.Retention(count=…, age=…, bytes=…), or None"
            raise InputError.of("retention", f"is a {type(retention).__name__}", fix)
        if process is not None and not isinstance(process, bool):
            fix = "give True, False, or None for what fits"
            raise InputError.of("process", "says neither yes nor no", fix)
        host = address(host)
        if users is None and login_required is not False and (on_hub() or not is_local(host)):
            users = generated()
        if users == "any":
            users = None
        by_default = not Credentials(users).open
        return cls(
            archive=None,
            host=host,
            port=port,
            tls_port=tls_port,
            plain_port=plain_port,
            doors=_doors(doors),
            users=tuple((n, s if isinstance(s, Secret) else Secret(s)) for n, s in users.items())
            if isinstance(users, Mapping)
            else users,
            login_required=_required(login_required, by_default=by_default),
            limits=_limits(max_size, limits),
            offers=_offers(offers, without),
            mechanisms=_chosen("mechanisms", mechanisms, MECHANISMS),
            synchronous=synchronous,
            lock_timeout=lock_timeout,
            retention=_BY_DEFAULT if retention is None else retention,
            rules=checked(rules),
            process=in_notebook() if process is None else process,
        )

    def at(self, archive: sa.URL, *, temporary: bool) -> Settings:
        """These settings for an *archive*, which may be a temporary one."""
        retention = self.retention
        if retention is _BY_DEFAULT:
            retention = THROW_AWAY if temporary else Retention()
        return self._replace(archive=archive, retention=retention)

    @property
    def ports(self) -> dict[str, int]:
        """The ports that were asked for, by their names, in the order of `DOORS`."""
        return {name: getattr(self, name) for name in PORTS.values()}

    @property
    def users_or_judge(self) -> Mapping[str, str | Secret] | Callable[[Login], bool] | None:
        """Who may log in, as `Credentials` wants it."""
        return dict(self.users) if isinstance(self.users, tuple) else self.users


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    # Asked for without an import: where there is a kernel, IPython is there already.
    ipython: Any = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def _check_ports(**ports: Any) -> None:
    taken: dict[int, str] = {}
    for name, number in ports.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65535:
            problem = f"{number!r} is not between 0 and 65535"
            raise InputError.of(name, problem, "0 takes a free port")
        if number in taken:
            problem = f"is {number}, the same as {taken[number]}"
            raise InputError.of(name, problem, "give another number, or 0")
        if number:
            taken[number] = name


def _doors(given: Any) -> tuple[str, ...]:
    doors = tuple(_chosen("doors", given, DOORS))
    if not doors:
        raise InputError.of("doors", "are none", f"give some of {', '.join(DOORS)}")
    return doors


def _required(given: Any, *, by_default: bool) -> frozenset[str]:
    if given is None:
        given = by_default
    if isinstance(given, bool):
        return frozenset(DOORS if given else ())
    if not isinstance(given, Mapping) or not all(isinstance(v, bool) for v in given.values()):
        fix = 'give True, False, or either for a door, such as {"plain": False}'
        raise InputError.of("login_required", "says neither yes nor no", fix)
    for door in given:
        if door not in DOORS:
            fix = f"its doors are {', '.join(DOORS)}"
            raise InputError.of("login_required", f"{door!r} is no door of the sink", fix)
    return frozenset(door for door in DOORS if given.get(door, by_default))


def _limits(max_size: Any, limits: Any) -> Limits:
    if limits is not None and not isinstance(limits, Limits):
        fix = "give Limits(recipients=10), for example, or None"
        raise InputError.of("limits", f"is a {type(limits).__name__}", fix)
    if max_size is None:
        return limits or Limits()
    if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
        raise InputError.of("max_size", f"{max_size!r} is no number of octets", "give 1 or more")
    if limits is not None:
        raise InputError.of("max_size", "is given twice", "give it as Limits(message=…) alone")
    return replace(Limits(), message=max_size)


def _offers(offers: Any, without: Any) -> tuple[str, ...]:
    left_out = set(_chosen("without", without, OFFERS))
    if "CHUNKING" in left_out:
        left_out.add("BINARYMIME")  # which needs it (RFC 3030 section 3)
    return tuple(o for o in _chosen("offers", offers, OFFERS) if o not in left_out)


def _chosen(name: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Those of *known* that are *given*, in any case; all of them for None."""
    if given is None:
        return known
    if isinstance(given, str) or not isinstance(given, Collection):
        fix = f"give a list of some of {', '.join(known)}"
        raise InputError.of(name, "is no list of names", fix)
    by_name = {one.casefold(): one for one in known}
    for one in given:
        if str(one).casefold() not in by_name:
            fix = f"known are {', '.join(known)}"
            raise InputError.of(name, f"{str(one)!r} is not known to the sink", fix)
    wanted = {by_name[str(one).casefold()] for one in given}
    return tuple(one for one in known if one in wanted)
