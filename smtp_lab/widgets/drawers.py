"""What a panel asks before it does something: a name, a folder, a secret, a confirmation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import LAYOUT, STYLE, text_field
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.words import _
from smtp_lab.widgets.work import Work

__all__ = ("Drawer", "choice", "name_field", "pasted")


class Drawer(w.VBox):
    """A place below the buttons where one question at a time is asked.

    Args:
        point: Moves the focus to what has a CSS class.
        hush: Takes away what the panel said, which was about another question.
        home: The class of what has the focus when nothing is asked any more.
    """

    def __init__(
        self, point: Callable[[str], None], hush: Callable[[], None], home: str = "smtp-lab-cards"
    ) -> None:
        self._point, self._hush, self._home = point, hush, home
        self.yes: w.Button | None = None
        self.no: w.Button | None = None
        self._pressed = w.Button()
        super().__init__([])
        self.add_class("smtp-lab-drawer")

    @property
    def asking(self) -> bool:
        """Whether something is asked."""
        return bool(self.children)

    def ask(
        self,
        title: str,
        fields: Sequence[w.Widget],
        do: str,
        act: Callable[[], Any],
        *,
        danger: bool = False,
    ) -> None:
        """Ask for *fields*, with a button *do* that does *act*, and one that does nothing.

        The focus goes to the first field; where there is none, to the button that does nothing.
        Once pressed, *do* is dead, also for a second click that was on its way already; where the
        question stays, since *act* failed, it can be pressed again.

        Args:
            title: The question.
            fields: What is to be filled in.
            do: What the button is called.
            act: What it does. Where it gives a `Work` that has only begun, the button stays dead
                until that is over.
            danger: Whether something is lost by it.
        """
        self._hush()
        style = "danger" if danger else "primary"
        yes: w.Button = button(do, lambda: self._answered(yes, act), style=style)
        yes.add_class("smtp-lab-once")
        self.yes = yes
        self.no = button(_("Cancel"), self._cancel)
        bar = w.HBox([self.yes, self.no])
        bar.add_class("smtp-lab-bar")
        bar.add_class("smtp-lab-answers")
        self.no.add_class("smtp-lab-cancel")
        box = w.VBox([w.HTML(f"<h3>{escape(title)}</h3>"), *fields, bar])
        box.add_class("smtp-lab-box")
        self.children = [box]
        if fields:
            fields[0].add_class("smtp-lab-first")
        self._point("smtp-lab-first" if fields else "smtp-lab-cancel")

    def _answered(self, yes: w.Button, act: Callable[[], Any]) -> None:
        asked = self.asking and self.yes is yes
        if yes.disabled or not asked:
            return
        yes.disabled, self._pressed = True, yes
        begun = act()
        if not (isinstance(begun, Work) and begun.running):
            self.wake()

    def wake(self) -> None:
        """Let the question that is asked be answered again."""
        self._pressed.disabled = False

    def _cancel(self) -> None:
        self._hush()
        self.shut()

    def show(self, title: str, fields: Sequence[w.Widget]) -> None:
        """Show *fields* with a button that puts them away."""
        self._hush()
        self.yes, self.no = None, button(_("Close"), self._cancel, mark="smtp-lab-cancel")
        box = w.VBox([w.HTML(f"<h3>{escape(title)}</h3>"), *fields, self.no])
        box.add_class("smtp-lab-box")
        self.children = [box]

    def shut(self) -> None:
        """Ask nothing any more."""
        self.children = []
        self._point(self._home)


def choice(label: str, options: Sequence[tuple[str, str]], value: str | None = None) -> w.Dropdown:
    """A field to choose in."""
    start = value if value is not None else options[0][1]
    return w.Dropdown(
        description=label, options=list(options), value=start, style=STYLE, layout=LAYOUT
    )


def pasted(label: str) -> SecretBox:
    """A field for text that may hold a secret: it is in no saved notebook."""
    return SecretBox(
        label,
        rows=6,
        masked=False,
        pick=_("or take it from a file:"),
        kept_words=_("Taken. Paste again to take something else."),
    )


def name_field(value: str) -> w.Text:
    """A field for the name of a profile."""
    return text_field(_("New name"), value=value)
