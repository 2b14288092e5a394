"""The panel on a batch as one of several panels: which batch of the notebook, and how far it is."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from smtp_lab.deliver import Batch
from smtp_lab.widgets import as_code, notebook
from smtp_lab.widgets.batch_panel import BatchPanel
from smtp_lab.widgets.desk import Desk
from smtp_lab.widgets.panel import Panel, button
from smtp_lab.widgets.rows import LAYOUT, STYLE
from smtp_lab.widgets.words import N_, _

__all__ = ("BatchTab",)


class BatchTab(Panel):
    """A `BatchPanel` on one of the batches of the notebook.

    Args:
        desk: What it shares with other panels; its `batch` is shown first.
    """

    id = "batch"
    title = N_("Many mails")

    def __init__(self, *, desk: Desk) -> None:
        says = self.make_says()
        self._found: dict[str, Batch] = {}
        self.which = w.Dropdown(description=_("Batch"), options=[], style=STYLE, layout=LAYOUT)
        self.again = button(_("Look again"), self.look, _("Look for batches in the notebook"))
        self.place = w.VBox()
        top = w.HBox([self.which, self.again])
        top.add_class("smtp-lab-bar")
        super().__init__(desk, [top, says, self.place])
        self.which.observe(lambda _change: self._show(), "value")
        self.look()

    def look(self) -> None:
        """Look for batches among the variables of the notebook; what Look again does."""
        self._found = {
            name: value for name, value in notebook.variables().items() if isinstance(value, Batch)
        }
        given: Any = self.desk.batch
        if given is not None and given not in self._found.values():
            self._found = {_("the batch that was given"): given} | self._found
        before = self.which.value
        self.which.options = list(self._found)
        self.which.value = before if before in self._found else next(iter(self._found), None)
        self._show()

    def code(self) -> str:
        """The lines that make a batch, and show it."""
        return f"{as_code.IMPORT}\n\nbatch = lab.Batch(messages)\nlab.BatchPanel(batch)"

    def _show(self) -> None:
        batch = self._found.get(self.which.value or "")
        if batch is None:
            self.say(_("No batch yet: make one with lab.Batch(…), then look again."))
            self.place.children = ()
            return
        self.say("")
        shown = self.place.children[:1]
        if not shown or shown[0].batch is not batch:
            self.place.children = (BatchPanel(batch),)
