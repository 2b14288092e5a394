"""What is done a moment after somebody typed, and not at every key."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ("Later",)

_PAUSE = 0.3  # seconds without another key


class Later:
    """Does something in a thread of its own, once, when nobody has asked for it for a moment.

    What is asked for while it is being done is done after it: the last state is always seen.

    Args:
        do: What to do. It tells whoever waits for it; nobody else hears what it raises.
    """

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do
        self._lock = threading.Lock()  # one at a time
        self._state = threading.Lock()
        self._asked = 0
        self._timer: threading.Timer | None = None
        self._settled = threading.Event()
        self._settled.set()

    def ask(self) -> None:
        """Ask for it."""
        with self._state:
            self._asked += 1
            self._settled.clear()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(_PAUSE, self._run, (self._asked,))
            self._timer.daemon = True
            self._timer.name = "smtp-lab-later"
            self._timer.start()

    def wait(self, timeout: float) -> bool:
        """Wait until everything asked for is done; whether that is so after *timeout* seconds."""
        return self._settled.wait(timeout)

    def _run(self, number: int) -> None:
        with self._lock:
            try:
                if number == self._asked:
                    self._do()
            finally:
                with self._state:
                    if number == self._asked:
                        self._settled.set()
