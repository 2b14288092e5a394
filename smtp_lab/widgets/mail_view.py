"""One message to read, and its files to keep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from smtp_lab.inbox import Captured
from smtp_lab.widgets import mail_tabs
from smtp_lab.widgets.turns import TURN
from smtp_lab.widgets.words import _, n_

__all__ = ("MailView",)

_WHOLE = -1  # the number of the file that is the message itself


class MailView(anywidget.AnyWidget):
    """A message: its headers, a tab for each way to look at it, its files, codes and links.

    What is shown is sent to the page and is no part of the widget's state, which a notebook saves.
    A tab is filled when it is first opened.

    Args:
        failed: Gets what went wrong.

    Attributes:
        message: What is shown, or None.
    """

    _esm = Path(__file__).parent / "mail_view.js"
    _css = Path(__file__).parent / "mail_view.css"

    words = traitlets.Dict().tag(sync=True)
    tabs = traitlets.Dict().tag(sync=True)

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        tabs = {name: _(title) for name, (title, _fill) in mail_tabs.TABS.items()}
        super().__init__(words=_words(), tabs=tabs)
        self._failed = failed
        self.message: Captured | None = None
        self._shown: dict[str, Any] = {}
        self.show_html("")
        self.on_msg(self._heard)

    def show_message(self, message: Captured) -> None:
        """Show *message*."""
        self.message = message
        files = [
            {"n": n, "label": _sized(file.safe_name, len(file.content))}
            for n, file in enumerate(message.attachments[:100])
        ]
        whole = _sized(f"message_{message.id}.eml", message.size)
        self._put(
            mail=message.id,
            head=mail_tabs.above(message),
            below=mail_tabs.below(message),
            files=[*files, {"n": _WHOLE, "label": whole}],
        )

    def show_html(self, html: str) -> None:
        """Show *html*, in which everything of mail is escaped, and no message."""
        self.message = None
        self._put(mail=0, head=html, below="", files=[])

    def read(self) -> None:
        """Move the focus to the tabs."""
        self.send({"type": "focus"})

    def _put(self, **shown: Any) -> None:
        self._shown = {"type": "message", **shown}
        self.send(self._shown)

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        message, kind = self.message, content.get("type")
        if kind == "ready":
            self.send(self._shown)
        elif message is None or content.get("mail") != message.id:
            return  # another one was chosen meanwhile
        elif kind == "tab" and content.get("tab") in mail_tabs.TABS:
            # Some checks take a moment, and hostile mail takes more than one.
            threading.Thread(
                target=self._fill, args=(message, content), name="smtp-lab-tab", daemon=True
            ).start()
        elif kind == "file":
            self._give(message, content.get("file"))

    def _fill(self, message: Captured, asked: dict[str, Any]) -> None:
        try:
            shown = mail_tabs.tab(message, asked["tab"], asked)
        except Exception as error:  # noqa: BLE001  # there is nobody else to tell
            with TURN:
                self._failed(error)
            return
        self.send({"type": "tab", "mail": message.id, "key": asked.get("key"), **shown})

    def _give(self, message: Captured, which: Any) -> None:
        files = message.attachments
        if which == _WHOLE:
            name, content = f"message_{message.id}.eml", message.raw
        elif isinstance(which, int) and 0 <= which < len(files):
            name, content = files[which].safe_name, files[which].content
        else:
            return
        self.send({"type": "file", "name": name}, [content])


def _sized(name: str, octets: int) -> str:
    size = n_("{n} octet", "{n} octets", octets)
    return f"{name} ({size})"


def _words() -> dict[str, str]:
    return {
        "views": _("Ways to look at the message"),
        "files": _("Files to keep"),
        "width": _("Width"),
        "full": _("full width"),
        "desktop": _("desktop (960 px)"),
        "phone": _("phone (375 px)"),
        "dark": _("dark"),
        "loading": _("Loading …"),
    }
