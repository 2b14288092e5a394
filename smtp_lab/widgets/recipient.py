"""The field for who gets a test mail, with the contacts the policy of the book offers."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from smtp_lab.config import ProfileBook
from smtp_lab.errors import SmtpLabError
from smtp_lab.widgets.rows import LAYOUT, STYLE, Note
from smtp_lab.widgets.words import _

__all__ = ("Recipient",)


class Recipient(w.VBox):
    """One address, or none for the sender's own.

    Args:
        label: What the field is called.
        usual: What stands below it.

    Attributes:
        input: The field.
        note: The line below it.
    """

    def __init__(self, label: str = "", usual: str = "") -> None:
        self.input = w.Combobox(
            description=label or _("Send test to"),
            ensure_option=False,
            style=STYLE,
            layout=LAYOUT,
        )
        self.note = Note(usual or _("Empty: the sender."))
        super().__init__([self.input, self.note])
        self.add_class("smtp-lab-row")
        self.add_class("smtp-lab-at-to")

    @property
    def to(self) -> str | None:
        """The address, or None for the sender's own."""
        return self.input.value.strip() or None

    def suggest(self, book: ProfileBook, name: str) -> None:
        """Offer the contacts that the policy allows for the profile *name*."""
        try:
            contacts = book.suggest(name) if name else ()
        except SmtpLabError:
            contacts = ()
        self.input.options = tuple(contact.address for contact in contacts)

    def on_typed(self, listener: Callable[[], None]) -> None:
        """Call *listener* when something was typed."""
        self.input.observe(lambda _change: self._typed(listener), "value")

    def _typed(self, listener: Callable[[], None]) -> None:
        self.note.say("")
        listener()
