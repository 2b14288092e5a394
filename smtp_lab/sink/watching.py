"""Functions that are called for every message a sink has captured."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smtp_lab.archive import Archive
from smtp_lab.errors import ArchiveError, InputError
from smtp_lab.transcript import printable

if TYPE_CHECKING:
    from smtp_lab.inbox import Captured

__all__ = ("Watcher", "Watchers")

_log = logging.getLogger("smtp_lab.sink")


class Watcher:
    """A function that is called with each message, one after the other, in a thread of its own.

    It can still be called like the function itself, so that ``@sink.on_message`` leaves a name that
    is useful. The thread is there only while there is something to do.

    Args:
        function: What is called with a `Captured`.
        archive: Where the messages are; those that are in it already are not for this one.
    """

    def __init__(self, function: Callable[[Captured], object], archive: Archive) -> None:
        if not callable(function):
            fix = "give a function of one argument, the message"
            raise InputError.of("callback", f"is a {type(function).__name__}", fix)
        functools.update_wrapper(self, function)
        self._function, self._archive = function, archive
        self._after = archive.last_id()
        self._told: deque[tuple[int, int]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._active = True

    def __call__(self, message: Captured) -> Any:
        """Call the function, as if it had never been given to the sink."""
        return self._function(message)

    @property
    def name(self) -> str:
        """What the function is called."""
        return getattr(self._function, "__qualname__", None) or repr(self._function)

    @property
    def active(self) -> bool:
        """Whether it is still called."""
        return self._active

    def off(self) -> None:
        """Call it no more; doing so twice does nothing."""
        with self._changed:
            self._active = False
            self._told.clear()

    def replaces(self, other: Watcher) -> bool:
        """Whether this is *other* again, as from a notebook's cell that is run once more."""
        mine, its = self._function, other._function
        places = [
            (getattr(f, "__module__", None), getattr(f, "__qualname__", "<")) for f in (mine, its)
        ]
        return places[0] == places[1] and "<" not in places[0][1]

    def tell(self, first: int, last: int) -> None:
        """Say that the messages with these numbers and all between are committed."""
        with self._changed:
            if not self._active or last <= self._after:
                return
            first = max(first, self._after + 1)
            if self._told and self._told[-1][1] == first - 1:
                first = self._told.pop()[0]
            self._told.append((first, last))
            if self._thread is None:
                name = f"smtp-lab-{self.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # no more threads: the next message finds what is left
                    self._thread = None

    def wait(self, seconds: float) -> bool:
        """Wait until it was called for all it was told of; say whether that came to be."""
        if threading.current_thread() is self._thread:
            return False
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, seconds)

    def _run(self) -> None:
        # Reading mail takes modules that a sink alone has no use for.
        from smtp_lab.inbox import Captured

        while (told := self._next()) is not None:
            first, last = told
            try:
                # One at a time: a message may be large.
                while self._active and (
                    some := self._archive.messages(after=first - 1, upto=last, limit=1)
                ):
                    first = some[0].id + 1
                    self._call(Captured(some[0], self._archive))
            except ArchiveError as error:
                _log.error(
                    "%s was not called for %d messages: %s", self.name, last - first + 1, error
                )

    def _next(self) -> tuple[int, int] | None:
        with self._changed:
            if self._told:
                return self._told.popleft()
            self._thread = None
            self._changed.notify_all()
            return None

    def _call(self, message: Captured) -> None:
        try:
            self._function(message)
        except BaseException as error:  # noqa: BLE001  # a function that fails ends nothing but itself
            # The text may be that of a mail.
            text = printable(" ".join(str(error).split()))
            said = f"{type(error).__name__}: {text}".strip(": ")
            _log.error("%s failed on message %d: %s", self.name, message.id, said)


class Watchers:
    """Those who want to hear of each message; any thread may ask for anything."""

    def __init__(self) -> None:
        self._all: tuple[Watcher, ...] = ()
        self._lock = threading.Lock()

    def add(self, watcher: Watcher) -> None:
        """Tell *watcher* from now on; one it replaces is told no more."""
        with self._lock:
            for other in self._all:
                if other is not watcher and watcher.replaces(other):
                    other.off()
            kept = [one for one in self._all if one.active and one is not watcher]
            self._all = (*kept, watcher)

    def tell(self, first: int, last: int) -> None:
        """Tell everybody of the messages with these numbers; waits for nobody."""
        for watcher in self._all:
            watcher.tell(first, last)

    def wait(self, seconds: float) -> None:
        """Wait until all are through, for so many seconds at the most."""
        end = time.monotonic() + seconds
        for watcher in self._all:
            watcher.wait(max(0.0, end - time.monotonic()))
