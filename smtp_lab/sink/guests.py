"""Who is in the house, and what all of them together hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from smtp_lab.sink.limits import Limits

__all__ = ("Guest", "Guests")

_SILENT = 1.0  # seconds after which a client that has spoken may lose its place to another
_MANY = 64  # connections: more than that are not looked at for each group of messages
_LATELY = 0.002  # seconds


class Guest(Protocol):
    """A connection."""

    def silent(self) -> float:
        """For how many seconds nothing has come; infinite before the first word, 0 while busy."""

    def make_room(self) -> None:
        """Leave at once: somebody else needs the place."""

    def heard(self, lately: float) -> bool:
        """Whether something came in the last *lately* seconds."""


class Guests:
    """All connections to a sink, by address.

    A flood of connections that say nothing must not keep others out, and a crowd at work must not
    be disturbed: when the house is full, those who are silent make room.

    Args:
        limits: How many there may be, and what they may hold.

    Attributes:
        held: Octets of messages that are on their way.
        most: How many there may be.
        writers: Those who have just come or begun a message, and have not sent the whole of one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._from: defaultdict[str, dict[Guest, None]] = defaultdict(dict)
        self._count = 0
        # A dot in three octets is stuffed.
        self.most = max(limits.unfinished, limits.message * 4 // 3)
        self.held = 0
        self.writers: set[Guest] = set()

    def enter(self, guest: Guest, host: str) -> bool:
        """Count *guest*, who comes from *host*, unless there is no room; `leave` ends it."""
        peers = self._from.get(host, {})
        room = len(peers) < self._limits.connections_per_peer or _make_room(peers)
        if room and self._count >= self._limits.connections:
            room = _make_room(guest for peers in self._from.values() for guest in peers)
        if room:
            self._from[host][guest] = None
            self._count += 1
            self.writers.add(guest)
        return room

    def leave(self, guest: Guest, host: str) -> None:
        """Count *guest* no longer; doing so twice does nothing."""
        self.writers.discard(guest)
        peers = self._from.get(host, {})
        if guest in peers:
            del peers[guest]
            self._count -= 1
            if not peers:
                del self._from[host]

    def writing(self) -> bool:
        """Whether another message is about to be there."""
        if not self.writers or self._count > _MANY:
            return False
        return any(guest.heard(_LATELY) for guest in self.writers)


def _make_room(guests: Iterable[Guest]) -> bool:
    # Of two that are equally silent the first is longer there.
    longest = max(guests, key=lambda guest: guest.silent())
    if longest.silent() < _SILENT:
        return False
    longest.make_room()
    return True
