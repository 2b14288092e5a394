"""The files of a mail: from a path, or made of a variable of the notebook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as w

from smtp_lab.compose.content import check_file_name
from smtp_lab.config.paths import expanded
from smtp_lab.errors import InputError
from smtp_lab.widgets import notebook
from smtp_lab.widgets.drawers import choice
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import Note, text_field
from smtp_lab.widgets.said import told_by_field
from smtp_lab.widgets.words import _

__all__ = ("AttachmentsBox",)

_FILE = ""
_ENDINGS = {"table": (".csv", ".xlsx", ".json"), "picture": (".png",)}


@dataclass(frozen=True)
class _File:
    """A file that goes with the mail: from *path*, or else of the *variable*."""

    name: str
    path: str = ""
    variable: str = ""

    @property
    def content(self) -> Any:
        """What `render` makes the file of."""
        if self.path:
            return expanded(self.path, "attachments")
        there = notebook.variables()
        if self.variable not in there:
            problem = f"the notebook has no {self.variable} any more"
            raise InputError.of("attachments", problem, "run its cell again, or remove the file")
        return there[self.variable]

    @property
    def code(self) -> str:
        """The same as an expression."""
        return f"pathlib.Path({self.path!r})" if self.path else self.variable


class AttachmentsBox(w.VBox):
    """The list of files, and what adds one.

    Args:
        changed: Called when the list is another.

    Attributes:
        source: Where the next one comes from.
        path: Its path.
        form: What a DataFrame is written as.
        note: What is wrong.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._files: list[_File] = []
        self.source = choice(_("File from"), [(_("a path"), _FILE)])
        self.path = text_field(_("Path of the file"), "figures/orders.pdf")
        self.form = choice(_("Written as"), [(".csv", ".csv")])
        self.add_button = button(_("Attach"), self.add, _("Put this file into the mail"))
        self.list = w.VBox()
        self.note = Note()
        bar = w.HBox([self.add_button])
        bar.add_class("smtp-lab-bar")
        super().__init__([self.source, self.path, self.form, bar, self.note, self.list])
        self.add_class("smtp-lab-row")
        self.add_class("smtp-lab-at-attachments")
        self.source.observe(lambda _change: self._fit(), "value")
        self.look()

    def look(self) -> None:
        """Look again at what the notebook has."""
        there = {
            name: value
            for name, value in notebook.offered().items()
            if notebook.kind_of(value) in _ENDINGS
        }
        notebook.offer(self.source, there, (_("a path"), _FILE))
        self._fit()

    def add(self) -> None:
        """Put the file into the mail; what Attach does."""
        try:
            self._add(self._next())
        except InputError as error:
            self.note.say(" ".join(told_by_field(error).values()))

    def content(self) -> dict[str, Any]:
        """The files by name, as `render` takes them.

        Raises:
            InputError: A variable is gone.
        """
        return {file.name: file.content for file in self._files}

    @property
    def code(self) -> str:
        """The same as an expression; empty where there are none."""
        inside = ", ".join(f"{file.name!r}: {file.code}" for file in self._files)
        return f"{{{inside}}}" if inside else ""

    def _next(self) -> _File:
        if self.source.value != _FILE:
            variable = str(self.source.value)
            return _File(f"{variable}{self.form.value}", variable=variable)
        path = self.path.value.strip()
        if not path:
            raise InputError.of("attachments", "the path is empty", "give that of a file")
        if not expanded(path, "attachments").is_file():
            raise InputError.of("attachments", f"there is no file {path}", "check the path")
        return _File(Path(path).name, path=path)

    def _add(self, file: _File) -> None:
        check_file_name("attachments", file.name)
        if any(one.name == file.name for one in self._files):
            raise InputError.of("attachments", f"{file.name} is there already", "remove it first")
        self._files.append(file)
        self.path.value = ""
        self._show()

    def _remove(self, file: _File) -> None:
        self._files.remove(file)
        self._show()

    def _show(self) -> None:
        rows = []
        for file in self._files:
            name = w.HTML(f"<span>{escape(file.name)}</span>")
            title = _("Remove {name}").format(name=file.name)
            row = w.HBox([name, button(title, lambda file=file: self._remove(file))])  # type: ignore[misc]
            row.add_class("smtp-lab-bar")
            rows.append(row)
        self.list.children = rows
        self.note.say("")
        self._changed()

    def _fit(self) -> None:
        of_path = self.source.value == _FILE
        self.path.layout.display = "" if of_path else "none"
        kind = "" if of_path else notebook.kind_of(notebook.variables().get(self.source.value))
        endings = _ENDINGS.get(kind, ())
        self.form.layout.display = "" if len(endings) > 1 else "none"
        if endings and tuple(self.form.options) != tuple((e, e) for e in endings):
            self.form.options = [(ending, ending) for ending in endings]
