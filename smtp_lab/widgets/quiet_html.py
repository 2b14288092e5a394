"""HTML that is in the page and in no saved notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

__all__ = ("QuietHtml",)


class QuietHtml(anywidget.AnyWidget):
    """Shows HTML that travels as a message and is no part of widget state.

    The ``value`` of an ``ipywidgets.HTML`` is kept in a notebook that is saved with widget state;
    what a mail says need not be. A page that is opened later asks for it, and gets it as long as
    the kernel lives.

    Attributes:
        html: What it shows. Whatever comes from mail is escaped in it, or in a frame that runs
            nothing.
    """

    _esm = Path(__file__).parent / "quiet_html.js"

    def __init__(self) -> None:
        self._html = ""
        super().__init__()
        self.on_msg(self._asked)

    @property
    def html(self) -> str:
        """See above."""
        return self._html

    @html.setter
    def html(self, html: str) -> None:
        if html != self._html:
            self._html = html
            self._tell()

    def _tell(self) -> None:
        self.send({"type": "html", "html": self._html})

    def _asked(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("type") == "ready":
            self._tell()

    def __repr__(self) -> str:
        return f"<QuietHtml, {len(self._html):,} characters>"
