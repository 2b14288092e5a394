"""What every panel is: a part of the page with a name, what it says, and the same as code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, ClassVar

import ipywidgets as w

from smtp_lab.config.paths import tilde
from smtp_lab.errors import ConfigFileError, InputError, SmtpLabError
from smtp_lab.widgets.desk import Desk
from smtp_lab.widgets.manners import Manners
from smtp_lab.widgets.ordering import in_order
from smtp_lab.widgets.said import told_error
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.unexpected import unexpected
from smtp_lab.widgets.words import _
from smtp_lab.widgets.work import Work

__all__ = ("Panel", "button", "unfold")


def button(
    name: str, press: Callable[[], object], tooltip: str = "", style: str = "", *, mark: str = ""
) -> w.Button:
    """A button called *name* that does *press*; *mark* is a CSS class to find it by."""
    made = w.Button(description=name, tooltip=tooltip, button_style=style)
    made.on_click(lambda _made: press())
    if mark:
        made.add_class(mark)
    return made


def unfold(opener: w.Button, parts: Iterable[w.Widget], *, shown: bool) -> None:
    """Show *parts*, which *opener* shows and puts away, or put them away."""
    for part in parts:
        part.layout.display = "" if shown else "none"
    (opener.add_class if shown else opener.remove_class)("smtp-lab-open")


class Panel(w.VBox):
    """A panel, usable alone and beside others on one `Desk`.

    To add one: derive from this class, give it `id`, `title` and `code`, and name it in
    ``smtp_lab.widgets.panels.PANELS``.

    Args:
        desk: What it shares with others.
        body: What it shows.

    Attributes:
        id: Short name.
        title: For its tab, for the catalogues.
        needs_book: Whether it shows what is in the book, and watches it when it is alone.
        names: What the fields of an error are called in it, for the catalogues, where that is not
            what the form calls them.
        status: What it said last.
        work: What it is doing that takes long.
    """

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs_book: ClassVar[bool] = True
    names: ClassVar[Mapping[str, str]] = {}
    status: w.HTML
    work: Work

    def __init__(self, desk: Desk, body: Sequence[w.Widget]) -> None:
        self.desk = desk
        self.manners = Manners(_(self.title), self.on_shown)
        self._stale = w.HBox(
            [w.HTML(), button(_("Reload"), self._reload, _("Read the file again"))],
            layout=w.Layout(display="none"),
        )
        self._stale.add_class("smtp-lab-banner")
        self.code_button = button(
            _("Show as code"), self._toggle_code, _("The lines that do the same in Python")
        )
        self.code_button.add_class("smtp-lab-opens")
        self.code_view = TextView(label=_("The same as code"))
        self.code_view.layout.display = "none"
        super().__init__([self.manners, self._stale, *body, self.code_button, self.code_view])
        self.add_class("smtp-lab-panel")
        in_order(self)
        desk.on("stale", self._show_stale)
        if self.needs_book:
            desk.watch(self.manners)

    def on_shown(self) -> None:
        """Look at what others may change; done when the panel comes into a page."""
        if self.needs_book:
            self.desk.watching.begin()

    def close(self) -> None:
        """Take the panel away."""
        if hasattr(self, "manners"):  # one that could not be made is closed when it is let go
            self.desk.unwatch(self.manners)
        super().close()

    def arrive(self) -> None:
        """Put the focus where one begins; done when another panel leads here."""

    def make_says(self) -> w.HBox:
        """Make the line that tells what the panel is doing, and what it says, for its body."""
        self.status, self.work = w.HTML(), Work()
        self.status.add_class("smtp-lab-live")
        line = w.HBox([self.work, self.status])
        line.add_class("smtp-lab-says")
        return line

    def code(self) -> str:
        """The lines of Python that do what the panel does now."""
        raise NotImplementedError

    @property
    def marker(self) -> str:
        """What a tab of this panel shows after its title."""
        return ""

    # --- saying -------------------------------------------------------------------------------

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say *text*; empty: nothing any more."""
        mark = "smtp-lab-wrong" if wrong else "smtp-lab-said"
        role = ' role="alert"' if wrong else ""
        self.status.value = f'<span class="{mark}"{role}>{escape(text)}</span>' if text else ""

    def try_to(self, action: Callable[[], Any]) -> Any:
        """Do *action*; what it cannot do is said in the panel: a notebook would not show it."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001  # an error in a handler shows nowhere else
            self.tell_error(error)
        return None

    def tell_error(self, error: Exception) -> None:
        """Say what went wrong."""
        if isinstance(error, InputError) and not isinstance(error, ConfigFileError):
            self.show_problems(error)
        elif isinstance(error, SmtpLabError):
            self.say(told_error(error), wrong=True)
        else:
            self.say(unexpected(error), wrong=True)

    def show_problems(self, error: InputError) -> None:
        """Say what cannot be used; a form says it at its fields."""
        self.say(told_error(error, self.names), wrong=True)

    # --- the same as code ---------------------------------------------------------------------

    def show_code(self) -> None:
        """Bring the lines up to date where they are shown."""
        if self.code_view.layout.display != "none":
            self.code_view.text = self.code()

    def _toggle_code(self) -> None:
        shown = self.code_view.layout.display == "none"
        unfold(self.code_button, [self.code_view], shown=shown)
        self.code_button.description = _("Hide the code") if shown else _("Show as code")
        self.show_code()

    # --- other people's changes ---------------------------------------------------------------

    def _show_stale(self, stale: bool) -> None:
        text = _("{file} was changed elsewhere.").format(file=tilde(self.desk.book.path))
        self._stale.children[0].value = f'<span role="alert">{escape(text)}</span>' if stale else ""
        self._stale.layout.display = "" if stale else "none"

    def _reload(self) -> None:
        self.try_to(self.desk.reload)
