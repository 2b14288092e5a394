"""DNS answers from a table, a function or the network, each asked for once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ("Answers", "Dns")

Dns = Any
"""Where answers come from.

A table such as ``{"example.com": {"TXT": ["v=spf1 -all"]}}``, a function of name and kind that
gives such a list, a `dns.resolver.Resolver`, or ``"online"`` for the system's.
"""

_KEPT = 10_000
_PIECE = 255  # octets of one string of a TXT record (RFC 1035 section 3.3)


class Answers:
    """Stands where a `dns.resolver.Resolver` does, and remembers what it was told.

    Args:
        source: See `Dns`. Names and kinds that a table does not have are answered with nothing.

    Raises:
        InputError: *source* is none of them.
    """

    def __init__(self, source: Dns) -> None:
        self._resolver: Resolver | None = None
        self._given: Callable[[str, str], Iterable[str]] | None = None
        if source == "online":
            from dns.resolver import Resolver as SystemResolver

            self._resolver = SystemResolver()
        elif hasattr(source, "resolve"):
            self._resolver = source
        elif isinstance(source, Mapping):
            table = {
                (str(name).casefold().rstrip("."), str(kind).upper()): _listed(values)
                for name, kinds in source.items()
                for kind, values in kinds.items()
            }
            self._given = lambda name, kind: table.get((name, kind), [])
        elif callable(source):
            self._given = source
        else:
            raise InputError.of(
                "dns",
                f"is a {type(source).__name__}",
                'give a table {name: {kind: [answers]}}, a function, a resolver or "online"',
            )
        self._known: dict[tuple[str, str], Any] = {}

    def resolve(self, name: str, kind: str, *, lifetime: float, search: bool = False) -> Any:
        """The records of *name*, as `dns.resolver.Resolver.resolve` gives them.

        Raises:
            DNSException: There are none, or there is no answer; the same each time.
        """
        from dns.exception import DNSException

        key = (name.casefold().rstrip("."), kind)
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            try:
                self._known[key] = self._ask(*key, lifetime, search)
            except DNSException as error:
                self._known[key] = error.with_traceback(None)
        found = self._known[key]
        if isinstance(found, Exception):
            # A copy: with the frames it goes through it would keep the mail they are about.
            raise copy(found)
        return found

    def _ask(self, name: str, kind: str, lifetime: float, search: bool) -> Any:
        from dns.resolver import NoAnswer

        if self._resolver is not None:
            return self._resolver.resolve(f"{name}.", kind, lifetime=lifetime, search=search)
        assert self._given is not None  # noqa: S101  # one of the two is there
        found = [_record(kind, text) for text in self._given(name, kind)]
        if not found:
            raise NoAnswer
        return found


def _listed(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else [str(value) for value in values]


def _record(kind: str, text: str) -> Any:
    from dns.rdata import from_text
    from dns.rdataclass import IN
    from dns.rdatatype import TXT as TXT_KIND
    from dns.rdtypes.ANY.TXT import TXT

    if kind != "TXT":
        return from_text(IN, kind, text)
    data = text.encode()
    pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    return TXT(IN, TXT_KIND, pieces or [b""])
