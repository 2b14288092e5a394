"""What becomes of archives when their process is forked.

SQLite: "Do not open an SQLite database connection, then fork(), then try to use that database
connection in the child process" ("How To Corrupt An SQLite Database File", 2.6), and what the
library remembers of its locks is copied too, though the locks are not (fcntl(2)). A connection to a
server, shared by two processes, mixes up what both say. So all connections are closed for the
moment of the fork, and each side opens its own when it needs one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet

__all__ = ("PATIENCE", "Gate", "look_after")

PATIENCE = 1.0
"""Seconds to wait for those who are just using an archive."""


class Gate:
    """Through which everybody goes who uses a connection, and which is shut now and then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be inside, once it is open."""
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def shut(self) -> bool:
        """Let nobody in any more, and wait for those inside; say whether they are all out."""
        with self._changed:
            self._shut = True
            return self._changed.wait_for(lambda: not self._inside, PATIENCE)

    def open(self) -> None:
        """Let everybody in again."""
        with self._changed:
            self._shut = False
            self._changed.notify_all()


class Forkable(Protocol):
    """An archive."""

    def before_fork(self) -> None:
        """Close what must not be copied, and keep everybody from opening it."""

    def after_fork(self, *, in_child: bool) -> None:
        """Let everybody go on."""


_all: WeakSet[Forkable] = WeakSet()
_closed: list[Forkable] = []
_turn = threading.Lock()  # of two threads that fork at once


def look_after(archive: Forkable) -> None:
    """See *archive* through every fork of this process."""
    _all.add(archive)


def _before() -> None:
    _turn.acquire()
    _closed.extend(_all)
    for archive in _closed:
        archive.before_fork()


def _after_in_parent() -> None:
    while _closed:
        _closed.pop().after_fork(in_child=False)
    _turn.release()


def _after_in_child() -> None:
    while _closed:
        _closed.pop().after_fork(in_child=True)
    _turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
