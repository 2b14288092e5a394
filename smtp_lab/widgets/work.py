"""What takes long: done in a thread, shown while it lasts, and stopped by a button."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.widgets.turns import TURN
from smtp_lab.widgets.words import _

__all__ = ("Work",)


class Work(w.HBox):
    """One thing at a time that is being done.

    What it comes to is handed over by the thread that did it. Stopping does not wait: the thread is
    left to its own timeouts and what it comes to is dropped, since a server may take its time to
    notice.

    Attributes:
        running: Whether something is being done.
    """

    def __init__(self) -> None:
        self.label = w.HTML()
        self.label.add_class("smtp-lab-live")
        self.stop_button = w.Button(description=_("Stop"), tooltip=_("Wait for it no longer"))
        self.stop_button.layout.display = "none"
        self.stop_button.on_click(lambda _button: self.stop())
        self.running = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._turn = 0
        self._stopped: Callable[[], None] = lambda: None
        self._busy: Callable[[bool], None] = lambda _now: None
        super().__init__([self.label, self.stop_button])
        self.add_class("smtp-lab-bar")

    def on_busy(self, listener: Callable[[bool], None]) -> None:
        """Call *listener* with True when something begins, and with False when it is over."""
        self._busy = listener

    def start(
        self,
        doing: str,
        act: Callable[[], Any],
        done: Callable[[Any], None],
        *,
        failed: Callable[[Exception], None],
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with *act*; while something else is being done nothing happens.

        Args:
            doing: What is shown meanwhile.
            act: What takes long.
            done: Gets what it came to.
            failed: Gets what it raised.
            stopped: Called when it was stopped.
        """
        with self._lock:
            if self.running:
                return
            self.running, self._turn, self._stopped = True, self._turn + 1, stopped
            self._over = over = threading.Event()
            turn = self._turn
        self._busy(True)
        self.stop_button.layout.display = ""
        self._show(doing, 0)

        def run() -> None:
            try:
                found = act()
            except Exception as error:  # noqa: BLE001  # there is nobody else to tell
                then = partial(failed, error)
            else:
                then = partial(done, found)
            self._end(turn, then, failed)

        threading.Thread(target=run, name="smtp-lab-work", daemon=True).start()
        threading.Thread(
            target=self._tick, args=(doing, over), name="smtp-lab-clock", daemon=True
        ).start()

    def stop(self) -> None:
        """Wait for it no longer."""
        self._end(self._turn, self._stopped, lambda _error: None)

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is being done; give whether that is so after *timeout* seconds."""
        return self._over.wait(timeout)

    def _end(
        self, turn: int, then: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        with TURN:
            with self._lock:
                if not self.running or turn != self._turn:
                    return
                self.running = False
                over = self._over
            try:
                self._show_end(then, failed)
            finally:
                over.set()

    def _show_end(self, then: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self.stop_button.layout.display = "none"
        self.label.value = ""
        try:
            then()
        except Exception as error:  # noqa: BLE001  # what is wrong with showing it is said, too
            failed(error)
        finally:
            # Not before what it came to is shown: nobody is to press again for want of an answer.
            if not self.running:
                self._busy(False)

    def _tick(self, doing: str, over: threading.Event) -> None:
        begun = time.monotonic()
        while not over.wait(1):
            with self._lock:
                if not self.running or self._over is not over:
                    return
                self._show(doing, time.monotonic() - begun)

    def _show(self, doing: str, seconds: float) -> None:
        # The time is for the eyes: a screen reader would repeat the whole sentence each second.
        since = f' <span aria-hidden="true">{seconds:.0f} s</span>' if seconds >= 1 else ""
        self.label.value = (
            f'<progress aria-label="{escape(doing)}"></progress> {escape(doing)}{since}'
        )
