"""The sessions of a sink, newest first, a page at a time, and the dialogue of the one chosen."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets

from smtp_lab.archive import Archive
from smtp_lab.inbox.visits import Came, Visit, dialogue_of, newest, visits
from smtp_lab.transcript import printable
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.replay import Replay
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.words import N_, _, number

__all__ = ("PAGE", "Sessions", "SessionsTable")

PAGE = 20
"""Rows of a page."""

_LINES = 1_000  # of a dialogue that are shown
_NONE = "–"  # noqa: RUF001  # as in print
_WIDTH = 80  # characters of a cell: a client may call itself what it likes

_COLUMNS = (
    N_("Time"),
    N_("Client"),
    N_("EHLO name"),
    "TLS",
    N_("Logged in as"),
    N_("Messages"),
    N_("How it ended"),
)
_OUTCOMES = {
    "mail": ("good", N_("mail accepted")),
    "partly": ("warn", N_("mail accepted, something refused")),
    "login refused": ("wrong", N_("login refused")),
    "refused": ("wrong", N_("refused")),
    "open": ("quiet", N_("still open")),
    "nothing": ("quiet", N_("left without mail")),
    "dropped": ("warn", N_("broken off")),
}


class SessionsTable(anywidget.AnyWidget):
    """A table of which one row is chosen.

    Args:
        on_choose: Called with the id of the row that was chosen.

    Attributes:
        rows: An id, the cells and a kind for each.
        chosen: The id at hand.
    """

    _esm = Path(__file__).parent / "sessions_table.js"
    _css = Path(__file__).parent / "sessions_table.css"

    rows = traitlets.List().tag(sync=True)
    columns = traitlets.List().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)

    def __init__(self, on_choose: Callable[[str], None]) -> None:
        self._on_choose = on_choose
        super().__init__(label=_("Sessions"), columns=[_(name) for name in _COLUMNS])
        self.on_msg(self._heard)

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        number = content.get("id")
        if content.get("type") == "choose" and number in [row["id"] for row in self.rows]:
            self.set_state({"chosen": number})
            self._on_choose(str(number))


class Sessions(w.VBox):
    """Who came to a sink, a page at a time.

    Args:
        archive: Gives the archive to look at.
        try_to: Does something, and says what goes wrong.

    Attributes:
        table: The rows of this page.
        replay: The dialogue of the one chosen, or None.
    """

    def __init__(
        self, archive: Callable[[], Archive], try_to: Callable[[Callable[[], Any]], Any]
    ) -> None:
        self._archive, self._try_to = archive, try_to
        self._came: list[Came] | None = None
        self._total = self._skip = 0
        self.table = SessionsTable(lambda number: self._try_to(lambda: self.show_one(number)))
        self.where = w.HTML()
        self.newer = button(_("Newer"), lambda: self._turn(-PAGE), _("Later sessions"))
        self.older = button(_("Older"), lambda: self._turn(PAGE), _("Earlier sessions"))
        self.none = w.HTML("<p>" + escape(_("Nobody has connected yet.")) + "</p>")
        pager = w.HBox([self.newer, self.older, self.where])
        pager.add_class("smtp-lab-bar")
        self.pager = pager
        self.shown = w.VBox()
        self.replay: Replay | None = None
        super().__init__([self.none, self.table, pager, self.shown])
        self._arrange()

    def look(self, total: int) -> None:
        """Show what is there now, of *total* sessions; nothing is read where nothing changed."""
        self._total = total
        self._skip = max(0, min(self._skip, (total - 1) // PAGE * PAGE))
        came = newest(self._archive(), self._skip, PAGE)
        if came != self._came or any(one.ended_at is None for one in came):
            rows = [_row(visit) for visit in visits(self._archive(), came)]
            if rows != self.table.rows:
                self.table.rows = rows
        self._came = came
        self._arrange()

    def begin_anew(self) -> None:
        """Forget what was shown: it is another archive."""
        self._came, self._skip, self._total = None, 0, 0
        self.table.rows, self.table.chosen = [], ""
        self._clear()
        self._arrange()

    def show_one(self, session: str) -> None:
        """Show the dialogue of the session with the id *session*."""
        said, cut = dialogue_of(self._archive(), session, _LINES)
        self._clear()
        self.replay = Replay(said)
        left_out = _("Only the last {n} lines are shown.").format(n=number(_LINES)) if cut else ""
        title = _("What was said in the session of {time}").format(
            time=_time_of(self.table.rows, session)
        )
        self.shown.children = [
            w.HTML(f"<h3>{escape(title)}</h3>{escape(left_out)}"),
            self.replay,
            TextView(
                said.annotated(),
                label=_("The dialogue as text"),
                file_name="smtp_lab_session.txt",
                shown=False,
            ),
        ]

    def _clear(self) -> None:
        for part in self.shown.children:
            part.close()
        self.shown.children, self.replay = [], None

    def _turn(self, by: int) -> None:
        self._skip = max(0, self._skip + by)
        self._try_to(lambda: self.look(self._total))

    def _arrange(self) -> None:
        rows = len(self.table.rows)
        self.none.layout.display = "none" if rows else ""
        self.table.layout.display = "" if rows else "none"
        self.pager.layout.display = "" if self._total > PAGE else "none"
        self.newer.disabled = self._skip == 0
        self.older.disabled = self._skip + PAGE >= self._total
        where = _("{first} to {last} of {total}").format(
            first=number(self._skip + 1), last=number(self._skip + rows), total=number(self._total)
        )
        self.where.value = f'<span class="smtp-lab-quiet">{escape(where)}</span>'


def _row(visit: Visit) -> dict[str, Any]:
    kind, outcome = _OUTCOMES.get(visit.outcome, ("quiet", visit.outcome))
    ended = _(outcome)
    if visit.refusal:
        ended = f"{ended}: {visit.refusal}"
    mark = {None: "", True: "✔ ", False: "✘ "}[visit.login_ok]
    cells = (
        f"{visit.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
        visit.peer,
        visit.ehlo,
        visit.tls_version.replace("TLSv", "TLS ") or _NONE,
        f"{mark}{visit.login}" if visit.login_ok is not None else _NONE,
        number(visit.messages),
        ended,
    )
    return {"id": visit.id, "kind": kind, "cells": [printable(cell)[:_WIDTH] for cell in cells]}


def _time_of(rows: list[dict[str, Any]], number: str) -> str:
    return next((row["cells"][0] for row in rows if row["id"] == number), "")
