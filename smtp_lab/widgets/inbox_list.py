"""The newest mail of an inbox in a notebook, kept up to date while the cell is there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.errors import SmtpLabError
from smtp_lab.inbox import Found, Inbox
from smtp_lab.transcript import printable

__all__ = ("InboxList",)

_SHOWN = 200  # choices of the list: a page is no place for a hundred thousand
_WIDTH = 120  # characters of a line


class InboxList(w.VBox):
    """A list of the newest messages, a field to search in, and a preview of the one chosen.

    Args:
        inbox: The inbox.
        every: Seconds between two looks at it; 0 looks only when `refresh` is called.
    """

    def __init__(self, inbox: Inbox, *, every: float = 0.5) -> None:
        self.inbox = inbox
        self.query = w.Text(
            placeholder="search, such as from:ann has:attachment",
            continuous_update=False,
            layout=w.Layout(width="30em"),
            tooltip="The language is described in docs/search.md",
        )
        self.count = w.HTML()
        self.messages = w.Select(options=(), rows=10, layout=w.Layout(width="100%"))
        self.shown = w.HTML()
        self._marker = -1
        self._every = every
        self._ended = threading.Event()
        self._busy = threading.Lock()
        self.query.observe(lambda _: self.refresh(), "value")
        self.messages.observe(self._show, "value")
        super().__init__([w.HBox([self.query, self.count]), self.messages, self.shown])
        self.refresh()
        if every:
            threading.Thread(target=self._watch, name="smtp-lab-inbox", daemon=True).start()

    def refresh(self) -> None:
        """Show what is there now."""
        with self._busy:
            self._marker = self.inbox.marker()
            try:
                found = self.inbox.search(self.query.value)
            except SmtpLabError as error:
                self.count.value = f'<span role="alert">{escape(str(error))}</span>'
                return
            numbers = found.numbers()
            newest = Found(self.inbox.archive, self.query.value, numbers[-_SHOWN:]).to_frame()
            rows = newest[["id", "received_at", "from", "subject"]].itertuples(index=False)
            options = [(_line(*row), row[0]) for row in rows][::-1]
            chosen = self.messages.value
            self.messages.unobserve(self._show, "value")
            self.messages.options = options  # which chooses the first
            if chosen in {number for _, number in options}:
                self.messages.value = chosen
            self.messages.observe(self._show, "value")
            if self.messages.value != chosen:
                self._show({"new": self.messages.value})
            self.count.value = f'<span role="status">{len(numbers):,} messages</span>'

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            try:
                if self.inbox.marker() != self._marker:
                    self.refresh()
            except SmtpLabError as error:
                self.count.value = f'<span role="alert">{escape(str(error))}</span>'

    def _show(self, change: Mapping[str, Any]) -> None:
        number = change["new"]
        try:
            self.shown.value = "" if number is None else self.inbox.get(number)._repr_html_()
        except SmtpLabError as error:
            self.shown.value = f'<p role="alert">{escape(str(error))}</p>'

    def close(self) -> None:
        """End looking at the inbox, and take the list away."""
        self._ended.set()
        super().close()


def _line(number: int, received: Any, sender: str, subject: str) -> str:
    cells = (f"{number:>6}", f"{received:%H:%M:%S}", sender or "<>", subject)
    return printable("  ".join(cells))[:_WIDTH]
