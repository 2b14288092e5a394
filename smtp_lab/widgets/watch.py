"""Looking again and again at what may change by itself, as long as somebody sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from smtp_lab.widgets.unexpected import unexpected

__all__ = ("Watch",)

_SHARE = 5.0  # looking may take one part in so many of the time


class Watch:
    """Looks in a thread of its own.

    Args:
        look: What is done; it tells itself what went wrong.
        seen: Whether anybody sees what comes of it; when nobody does, the thread ends.
        every: Seconds between two looks; more where looking takes long.
        name: Of the thread.
    """

    def __init__(
        self, look: Callable[[], None], seen: Callable[[], bool], *, every: float, name: str
    ) -> None:
        self._look, self._seen, self._every, self._name = look, seen, every, name
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._going = False

    def begin(self) -> None:
        """Begin to look, unless it goes on already or was ended."""
        with self._lock:
            if self._going or self._ended.is_set():
                return
            self._going = True
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def end(self) -> None:
        """Look no more, for good."""
        self._ended.set()

    def _run(self) -> None:
        pause = self._every
        while not self._ended.wait(pause):
            with self._lock:
                if not self._seen():
                    self._going = False
                    return
            begun = time.monotonic()
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  # one look that fails must not be the last
                unexpected(error)
            pause = max(self._every, _SHARE * (time.monotonic() - begun))
