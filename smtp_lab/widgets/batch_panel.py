"""The panel on a batch: how far it is, a button that stops and resumes it, and what came of it."""

from __future__ import annotations

import threading
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.deliver import Batch
from smtp_lab.errors import SmtpLabError
from smtp_lab.language import told
from smtp_lab.widgets.given import check_batch
from smtp_lab.widgets.said import told_error
from smtp_lab.widgets.turns import in_turn
from smtp_lab.widgets.words import _, number

__all__ = ("BatchPanel",)

_LOOK = 0.2  # seconds between two looks at the batch


class BatchPanel(w.VBox):
    """A progress bar and a button for a `Batch`.

    The button starts the batch, stops it, and sends what is left. The panel follows the batch,
    whoever started it.

    Args:
        batch: The batch.

    Raises:
        InputError: *batch* is something else.
    """

    def __init__(self, batch: Batch) -> None:
        check_batch(batch, none=False)
        self.batch = batch
        self.bar = w.IntProgress(
            min=0,
            max=max(1, batch.total),
            layout=w.Layout(width="24em"),
            tooltip=_("messages done"),
        )
        self.count = w.HTML()
        self.button = w.Button()
        self.result = w.HTML()
        self.button.on_click(self._press)
        super().__init__([w.HBox([self.bar, self.count, self.button]), self.result])
        self.refresh()
        if batch.running:
            self._follow()

    @in_turn
    def refresh(self) -> None:
        """Show how the batch is now."""
        batch = self.batch
        self.bar.value = batch.done
        count = _("{done} of {total} done").format(
            done=number(batch.done), total=number(batch.total)
        )
        self.count.value = f'<span role="status">{escape(count)}</span>'
        if batch.running:
            self._label(_("Stop"), _("End soon: what was handed over is waited for"), "warning")
            self.result.value = ""
            return
        outcomes = batch.outcomes
        fresh = not (batch.done or any(o.attempts or o.failure for o in outcomes))
        self._label(_("Start") if fresh else _("Resume"), _("Send what is unsent"), "primary")
        self.button.disabled = not outcomes.unsent
        self.bar.bar_style = "success" if outcomes.ok else "" if fresh else "danger"
        self.result.value = "" if fresh else outcomes.as_html(told)

    @in_turn
    def _press(self, _button: Any) -> None:
        if self.batch.running:
            self.batch.stop()
            self.button.disabled = True  # until it has ended
            return
        try:
            self.batch.resume()
        except SmtpLabError as error:
            self._say(told_error(error))
            return
        self._follow()

    def _follow(self) -> None:
        threading.Thread(target=self._watch, name="smtp-lab-panel", daemon=True).start()

    def _watch(self) -> None:
        while not self.batch.joined(_LOOK):
            self.refresh()
        self.refresh()
        try:
            self.batch.wait()
        except Exception as error:  # noqa: BLE001  # there is nobody else to tell
            self._say(f"{type(error).__name__}: {told(str(error))}")

    def _label(self, text: str, tooltip: str, style: str) -> None:
        self.button.description, self.button.tooltip = text, tooltip
        self.button.button_style = style
        self.button.disabled = False

    @in_turn
    def _say(self, text: str) -> None:
        self.result.value = f'<p role="alert">{escape(text)}</p>'
