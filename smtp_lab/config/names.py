"""Names of profiles: which are free, and which one was meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path

from smtp_lab.config.builtin import NAME
from smtp_lab.errors import InputError, UnknownNameError

__all__ = ("free_name", "must_be_free", "unknown")

_LONGEST = 50


def must_be_free(name: str, names: Iterable[str]) -> None:
    """Refuse *name* where one of *names* is the same without regard to case.

    The environment knows no case: two such profiles would share their variables, and with them
    their passwords.

    Raises:
        InputError: It is taken, or it is that of the built-in profile.
    """
    for other in (*names, NAME):
        if other.lower() == name.lower():
            why = "" if other == name else f": it differs from {other!r} in nothing but capitals"
            raise InputError.of("name", f"{name!r} is taken{why}", "choose another name")


def free_name(name: str, names: Collection[str]) -> str:
    """``NAME_copied``, or the first of ``NAME_copied2`` … that is not among *names*."""
    taken = {other.lower() for other in names}
    endings = ["_copied", *(f"_copied{n}" for n in range(2, len(taken) + 3))]
    found = (f"{name[: _LONGEST - len(ending)]}{ending}" for ending in endings)
    return next(one for one in found if one.lower() not in taken)


def unknown(name: str, names: Collection[str], path: Path) -> UnknownNameError:
    """The error for a *name* that is not among *names*, those of the book at *path*."""
    if not names:
        return UnknownNameError.of("profile", "none is configured", f"save one in {path} first")
    close = get_close_matches(str(name), list(names), n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
    return UnknownNameError.of("profile", f"{name!r} is not in {path}", fix)
