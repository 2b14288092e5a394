"""The part of a panel that only the page can do: focus, and what screen readers are told."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import anywidget
import traitlets

from smtp_lab.widgets.words import language

__all__ = ("Manners",)

_NUMBERS = count(1)


class Manners(anywidget.AnyWidget):
    """Invisible; one in each panel.

    It makes the panel a named region, ties each note to its field (``aria-describedby``,
    ``aria-invalid``), announces what is said, keeps plain keys from being shortcuts of the
    notebook, and moves the focus. ipywidgets has no way to do any of this from Python.

    Args:
        label: The name of the panel.

    Attributes:
        target: The CSS class of what is to have the focus, and a number that makes it news.
    """

    _esm = Path(__file__).parent / "manners.js"
    _css = Path(__file__).parent / "manners.css"

    label = traitlets.Unicode().tag(sync=True)
    language = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str) -> None:
        super().__init__(label=label, language=language())

    def point_at(self, name: str) -> None:
        """Move the focus to the first field or button in what has the CSS class *name*."""
        self.target = f"{name} {next(_NUMBERS)}"
