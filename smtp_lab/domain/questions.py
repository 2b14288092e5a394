"""Questions to DNS: so many, and so long, at most."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ("Questions", "tags_of")

_EACH = 5.0  # seconds
_ALL = 20.0  # seconds
_MOST = 60
_LONGEST = 8_000  # characters of a TXT record that are looked at


class Questions:
    """Asks about a domain.

    Args:
        resolver: Who answers; by default the system's resolver.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver
        self._end = time.monotonic() + _ALL
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._missing: set[str] = set()

    def ask(self, name: str, kind: str) -> list[Any]:
        """The records of *name*; none when there are none, or no such name.

        Raises:
            OSError: DNS gave no answer, or the time is up.
        """
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer
        from dns.resolver import Resolver as SystemResolver

        key = (name.casefold().rstrip("."), kind)
        if key in self._known:
            return self._known[key]
        left = self._end - time.monotonic()
        if left <= 0 or len(self._known) >= _MOST:
            raise TimeoutError(f"DNS was asked for long enough; {name} is left out")
        found: list[Any] = []
        problem, missing = "", False
        try:
            self._resolver = self._resolver or SystemResolver()
            found = list(
                self._resolver.resolve(f"{key[0]}.", kind, lifetime=min(_EACH, left), search=False)
            )
        except NXDOMAIN:
            missing = True
        except NoAnswer:
            pass
        except (DNSException, UnicodeError, ValueError) as error:
            problem = f"{name} {kind}: {type(error).__name__}"
        if problem:
            raise OSError(f"DNS gave no answer for {problem}")
        self._known[key] = found
        # A name that is there for one kind of record is there: some servers deny it for others.
        (self._missing.add if missing else self._missing.discard)(key[0])
        return found

    def is_missing(self, name: str) -> bool:
        """Whether the last answer about *name* was that there is no such name (RFC 8020)."""
        return name.casefold().rstrip(".") in self._missing

    def texts(self, name: str) -> list[str]:
        """The TXT records of *name*, the pieces of each joined (RFC 7208 section 3.3).

        Raises:
            OSError: As for `ask`.
        """
        found = (b"".join(record.strings) for record in self.ask(name, "TXT"))
        return [text.decode("utf-8", "replace")[:_LONGEST] for text in found]


def tags_of(record: str) -> dict[str, str]:
    """The ``name=value`` pairs of a record separated by semicolons, names in lower case."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().casefold(): value.strip() for name, sign, value in pairs if sign}
