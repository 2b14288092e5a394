"""A mail for each row of a DataFrame: which one, all rows checked, then sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as w

from smtp_lab.config.paths import expanded
from smtp_lab.deliver import Batch
from smtp_lab.errors import InputError, Problem
from smtp_lab.language import told
from smtp_lab.show import NO_MATH
from smtp_lab.widgets import notebook
from smtp_lab.widgets.batch_panel import BatchPanel
from smtp_lab.widgets.drawers import choice
from smtp_lab.widgets.letter import Letter, Merge
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.quiet_html import QuietHtml
from smtp_lab.widgets.rows import Note, text_field
from smtp_lab.widgets.words import _, n_

__all__ = ("MergeBox",)

_NONE = ""
_CELL = re.compile(r"rows\[(\d+)\](?:\.(.*))?", re.DOTALL)
_LIKELY = ("email", "e-mail", "mail", "address", "to")


class MergeBox(w.VBox):
    """The table of a mail merge, what is wrong with its rows, and the sending of it.

    Args:
        check: Checks the rows; what Check the rows does.

    Attributes:
        frame: The choice of a DataFrame.
        to: The choice of its column with addresses.
        name: The choice of its column with names.
        key: The choice of its column a journal knows rows by.
        journal: The field for the path of a journal.
        note: What is wrong with these.
        problems: What is wrong with the rows.
        batch: What is ready to be sent, or None.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self.batch: Batch | None = None
        self.frame = choice(_("Rows from"), [(_("no table"), _NONE)])
        self.to = choice(_("Column of addresses"), [(_("none"), _NONE)])
        self.name = choice(_("Column of names"), [(_("none"), _NONE)])
        self.key = choice(_("Column of keys"), [(_("none"), _NONE)])
        self.journal = text_field(_("Journal"), "monday.journal")
        self.note = Note(_("A file that knows what was sent: after a restart only the rest goes."))
        self.check_button = button(
            _("Check the rows"), check, _("Make every mail, and send none of them"), "primary"
        )
        self.problems = QuietHtml()
        self.place = w.VBox()
        bar = w.HBox([self.check_button])
        bar.add_class("smtp-lab-bar")
        self._choices = w.VBox([self.to, self.name, self.key, self.journal, self.note, bar])
        self._choices.add_class("smtp-lab-row")
        self._choices.add_class("smtp-lab-at-merge")
        super().__init__([self.frame, self._choices, self.problems, self.place])
        self.frame.observe(lambda _change: self._picked(), "value")
        for field in (self.to, self.name, self.key, self.journal):
            field.observe(lambda _change: self.forget(), "value")
        self.look()

    def look(self) -> None:
        """Look again for DataFrames in the notebook."""
        notebook.offer(self.frame, notebook.frames(), (_("no table"), _NONE))
        self._picked()

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the table that is chosen; empty where none is."""
        return frozenset(self._columns())

    def merge(self, letter: Letter) -> Merge:
        """What is to be made of *letter*.

        Raises:
            InputError: There is no table, or no column of addresses.
        """
        frame = notebook.frames().get(self.frame.value)
        if frame is None:
            raise InputError.of("frame", "there is no table", "choose a DataFrame of the notebook")
        if not self.to.value:
            raise InputError.of("to", "no column is chosen", "choose the one with the addresses")
        journal = self.journal.value.strip()
        path = expanded(journal, "journal") if journal else None
        return Merge(
            letter, frame, self.to.value, self.name.value or None, self.key.value or None, path
        )

    def show_batch(self, batch: Batch) -> None:
        """Show that every row is fine, and the button that sends."""
        self.batch = batch
        said = n_("{n} mail is ready.", "{n} mails are ready.", batch.total)
        self.problems.html = f'<p class="smtp-lab-good" role="status">✔ {escape(said)}</p>'
        self.place.children = [BatchPanel(batch)]

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show what is wrong with which row."""
        self.forget()
        heads = (_("Row"), _("Column"), _("What is wrong"), _("What to do"))
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(problem)) + "</tr>"
            for problem in problems
        )
        label = escape(_("What is wrong with the rows"))
        self.problems.html = (
            f'<table class="{NO_MATH} smtp-lab-table" role="alert" aria-label="{label}">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def forget(self) -> None:
        """Take away what is no longer what the panel says; what is being sent stays."""
        if self.batch is not None and self.batch.running:
            return
        self.batch = None
        self.problems.html = ""
        self.place.children = []

    def code(self, indent: str = "    ") -> list[str]:
        """The arguments of `render_each` that say which rows."""
        lines = [f"{indent}{self.frame.value},", f"{indent}to={self.to.value!r},"]
        for word, field in (("name", self.name), ("key", self.key)):
            if field.value:
                lines.append(f"{indent}{word}={field.value!r},")
        return lines

    def _columns(self) -> list[str]:
        frame = notebook.frames().get(self.frame.value)
        return [] if frame is None else [str(column) for column in frame.columns]

    def _picked(self) -> None:
        columns = self._columns()
        self._choices.layout.display = "" if columns else "none"
        options = [(_("none"), _NONE), *((name, name) for name in columns)]
        for field in (self.to, self.name, self.key):
            before = field.value
            if list(field.options) != options:
                field.options = options
                field.value = before if before in columns else _NONE
        if columns and not self.to.value:
            self.to.value = next((c for c in columns if c.casefold() in _LIKELY), _NONE)
        self.forget()


def _cells(problem: Problem) -> tuple[str, str, str, str]:
    found = _CELL.fullmatch(problem.field)
    row, column = (found[1], found[2] or "") if found else ("", problem.field)
    return row, column, told(problem.problem), told(problem.fix)
