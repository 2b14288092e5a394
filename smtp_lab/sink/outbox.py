"""What a sink's process has to say to its parent: in order, and without keeping anyone waiting."""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, BinaryIO

__all__ = ("Outbox",)

_PAUSE = 0.01  # seconds between two notices of new mail: the parent has other things to do
_REPORTS = 1_000  # that may wait, should the parent not listen


class Outbox:
    """Writes messages to a pipe in a thread of its own.

    Args:
        pipe: Where they go, each as a pickle.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._waiting: deque[Any] = deque()
        self._kept: list[tuple[int, int]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="smtp-lab-outbox", daemon=True)
        self._thread.start()

    def send(self, message: Any) -> None:
        """Send *message* after all that waits."""
        with self._changed:
            self._waiting.append(message)
            self._changed.notify()

    def report(self, record: tuple[str, int, str]) -> None:
        """Send what was logged; when very much waits already, it is dropped."""
        if len(self._waiting) < _REPORTS:
            self.send(("log", *record))

    def tell(self, first: int, last: int) -> None:
        """Say that the messages with these numbers and all between are stored."""
        with self._changed:
            if self._kept and self._kept[-1][1] == first - 1:
                first = self._kept.pop()[0]
            self._kept.append((first, last))
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        # Without the parent there is nobody to tell: it all ends when that is noticed.
        with suppress(OSError, ValueError):
            while messages := self._next():
                for message in messages:
                    pickle.dump(message, self._pipe)
                self._pipe.flush()
                if messages[0][0] == "kept" and not self._closing:
                    time.sleep(_PAUSE)

    def _next(self) -> list[Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._kept or self._closing)
            messages: list[Any] = [("kept", self._kept)] if self._kept else []
            messages += self._waiting
            self._kept = []
            self._waiting.clear()
            return messages
