"""Text a person can copy or keep as a file."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from smtp_lab.widgets.words import _

__all__ = ("TextView",)


class TextView(anywidget.AnyWidget):
    """A text with a button that copies it.

    Args:
        label: What a screen reader calls it.
        file_name: With a name there is a button that keeps it as a file, too.
        shown: Whether the text itself is shown, rather than the buttons alone.

    Attributes:
        text: The text.
    """

    _esm = Path(__file__).parent / "text_view.js"
    _css = Path(__file__).parent / "text_view.css"

    text = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    file_name = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(default_value=True).tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self, text: str = "", *, label: str, file_name: str = "", shown: bool = True
    ) -> None:
        copy = _("Copy") if shown else _("Copy as text")
        words = {"copy": copy, "save": _("Save as file"), "copied": _("Copied.")}
        super().__init__(text=text, label=label, file_name=file_name, shown=shown, words=words)
