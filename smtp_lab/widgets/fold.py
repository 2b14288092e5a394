"""A part of a panel that is shown or put away by a button."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as w

from smtp_lab.widgets.panel import button, unfold

__all__ = ("Fold",)


class Fold(w.VBox):
    """A button and what it shows.

    Args:
        title: What the button is called.
        parts: What is shown.
        unfolded: Whether it is shown at first.
    """

    def __init__(self, title: str, parts: Sequence[w.Widget], *, unfolded: bool = False) -> None:
        self.button = button(title, lambda: self.unfold(not self.unfolded))
        self.button.add_class("smtp-lab-opens")
        self.box = w.VBox(list(parts))
        self.box.add_class("smtp-lab-box")
        super().__init__([self.button, self.box])
        self.unfold(unfolded)

    @property
    def unfolded(self) -> bool:
        """Whether it is shown."""
        return bool(self.box.layout.display != "none")

    def unfold(self, shown: bool) -> None:
        """Show it, or put it away."""
        unfold(self.button, [self.box], shown=shown)
