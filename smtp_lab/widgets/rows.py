"""One field of the form with the line below it, which helps, advises, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any, Literal

import ipywidgets as w

from smtp_lab.widgets.fields import Field
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.words import _

__all__ = ("Note", "Row", "text_field")

STYLE, LAYOUT = {"description_width": "12em"}, {"width": "38em", "max_width": "100%"}


class Note(w.HTML):
    """The line below a field. Its place is kept, so that nothing jumps when it says something."""

    def __init__(self, usual: str = "") -> None:
        self._usual = usual
        super().__init__()
        self.add_class("smtp-lab-note")
        self.say("")

    def say(self, text: str, kind: Literal["wrong", "warn", "quiet"] = "wrong") -> None:
        """Show *text*, or what usually stands there."""
        role = ' role="alert"' if kind == "wrong" else ""
        self.value = (
            f'<span class="smtp-lab-{kind}"{role}>{escape(text)}</span>'
            if text
            else escape(self._usual)
        )
        self.wrong = bool(text) and kind == "wrong"


class Row(w.VBox):
    """A field and its line.

    Args:
        field: What it is.

    Attributes:
        field: See above.
        input: What is typed or chosen in.
        note: The line below.
        mark: The CSS class by which the focus is put there.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.input = _input(field)
        self.note = Note(_(field.help) if field.help else "")
        self.mark = f"smtp-lab-at-{re.sub('[^a-z0-9]+', '-', field.key.lower())}"
        self._locked = ""
        super().__init__([self.input, self.note])
        self.add_class("smtp-lab-row")
        self.add_class(self.mark)

    @property
    def shown(self) -> bool:
        """Whether the field applies, and is shown."""
        return bool(self.layout.display != "none")

    @shown.setter
    def shown(self, shown: bool) -> None:
        self.layout.display = "" if shown else "none"
        if not shown:
            self.note.say("")

    def lock(self, why: str) -> None:
        """Let nothing be typed, and say *why*; with an empty text, let it be typed again."""
        self.input.disabled = bool(why)
        if why or self._locked:
            self._locked = why
            self.note.say(why, "quiet")

    def say(self, text: str, kind: Literal["wrong", "warn", "quiet"] = "wrong") -> None:
        """Say *text* below the field, or, when it is empty, what is to be said of it otherwise."""
        self.note.say(text, kind) if text else self.note.say(self._locked, "quiet")

    def put(self, value: Any) -> None:
        """Show *value*, of a field that is no secret."""
        if self.input.value != value:
            self.input.value = value

    def on_typed(self, listener: Callable[[], None]) -> None:
        """Call *listener* when something was typed or chosen."""
        if isinstance(self.input, SecretBox):
            self.input.on_change(listener)
        else:
            self.input.observe(lambda _change: listener(), "value")


def text_field(label: str, hint: str = "", **more: Any) -> w.Text:
    """A field for a line of text."""
    return w.Text(description=label, placeholder=hint, style=STYLE, layout=LAYOUT, **more)


def _input(field: Field) -> Any:
    label = _(field.label)
    if field.kind == "secret":
        return SecretBox(label)
    if field.kind == "key":
        return SecretBox(label, rows=4, pick=_("or take it from a file:"))
    if field.kind == "choice":
        options = [(_(name), value) for name, value in field.choices]
        return w.Dropdown(
            description=label, options=options, value=field.start, style=STYLE, layout=LAYOUT
        )
    if field.kind == "flag":
        return w.Checkbox(
            description=label,
            value=field.start,
            indent=True,
            style=STYLE,
            layout=LAYOUT,
        )
    kind = w.Textarea if field.kind == "area" else w.Text
    return kind(
        description=label, value=field.start, placeholder=field.hint, style=STYLE, layout=LAYOUT
    )
