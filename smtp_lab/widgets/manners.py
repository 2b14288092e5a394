"""The part of a panel that only the page can do: focus, and what screen readers are told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from smtp_lab.widgets.words import language

__all__ = ("Manners",)

_NUMBERS = count(1)


class Manners(anywidget.AnyWidget):
    """Invisible; one in each panel.

    It makes the panel a named region, ties each note to its field (``aria-describedby``,
    ``aria-invalid``), announces what is said, keeps a double click from being two on a button that
    does something once (``smtp-lab-once``), keeps plain keys from being shortcuts of the notebook,
    moves the focus, and tells whether it is in a page. ipywidgets has no way to do any of this from
    Python.

    Args:
        label: The name of the panel.
        on_shown: Called when the panel comes into a page.

    Attributes:
        target: The CSS class of what is to have the focus, and a number that makes it news.
    """

    _esm = Path(__file__).parent / "manners.js"
    _css = Path(__file__).parent / "manners.css"

    label = traitlets.Unicode().tag(sync=True)
    language = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str, on_shown: Callable[[], None]) -> None:
        self._on_shown = on_shown
        self._views: set[str] = set()
        super().__init__(label=label, language=language())
        self.on_msg(self._heard)

    @property
    def shown(self) -> bool:
        """Whether it is in any page."""
        return bool(self._views)

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        view = str(content.get("view"))
        if content.get("type") == "gone":
            self._views.discard(view)
        elif content.get("type") == "shown":
            self._views.add(view)
            self._on_shown()

    def point_at(self, name: str, *, gently: bool = False) -> None:
        """Move the focus to the first field or button in what has the CSS class *name*.

        Args:
            name: See above.
            gently: Only where nobody went on elsewhere: after something that took its time.
        """
        self.target = f"{name} {next(_NUMBERS)}{' gently' * gently}"
