"""A page of an inbox as a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from smtp_lab.inbox.listing import Row
from smtp_lab.widgets.words import _, language, n_, number

__all__ = ("MailList",)

Counts = tuple[int, int]
"""How many errors and how many warnings checks found in a message."""


class MailList(anywidget.AnyWidget):
    """One page of messages, of which one or several are chosen.

    The rows are sent to the page and are no part of the widget's state, which a notebook saves.

    Args:
        on_choose: Gets the numbers of the chosen messages, that of the last one at the end.
        on_turn: Gets ``newest``, ``newer``, ``older`` or ``oldest``: the page that is wanted.
        on_enter: Called when a message is to be read.
        on_delete: Called when the chosen messages are to be deleted.

    Attributes:
        chosen: The numbers of the chosen messages.
    """

    _esm = Path(__file__).parent / "mail_list.js"
    _css = Path(__file__).parent / "mail_list.css"

    label = traitlets.Unicode().tag(sync=True)
    language = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        *,
        on_choose: Callable[[list[int]], None],
        on_turn: Callable[[str], None],
        on_enter: Callable[[], None],
        on_delete: Callable[[], None],
    ) -> None:
        super().__init__(label=_("Messages"), language=language(), words=_words())
        self._on_choose, self._on_turn = on_choose, on_turn
        self._on_enter, self._on_delete = on_enter, on_delete
        self.chosen: list[int] = []
        self._page: dict[str, Any] = {}
        self._marks: dict[int, list[tuple[str, str]]] = {}
        self.on_msg(self._heard)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the messages on the page, from above."""
        return [mail["id"] for mail in self._page.get("rows", ())]

    def show(  # noqa: PLR0913  # what there is to say of a page, mostly by name
        self,
        rows: Sequence[Row],
        start: int,
        total: int,
        *,
        found: Mapping[int, Counts],
        nothing: str,
        turned: bool = False,
    ) -> None:
        """Show *rows*.

        Args:
            rows: Of this page.
            start: How many messages are above.
            total: How many there are in all.
            found: What checks found, as far as it is known.
            nothing: What is said where there is none.
            turned: Whether it is another page than before, which begins at its top.
        """
        where = _("{first} to {last} of {total}").format(
            first=number(start + 1), last=number(start + len(rows)), total=number(total)
        )
        self._marks = {row.id: _marks(row) for row in rows}
        self._page = {
            "type": "page",
            "rows": [self._as_shown(row, found.get(row.id)) for row in rows],
            "start": start,
            "total": total,
            "where": where if rows else "",
            "nothing": nothing,
        }
        self.send(self._page | {"turned": turned})

    def judge(self, number: int, found: Counts) -> None:
        """Mark message *number* with what checks found."""
        for mail in self._page["rows"]:
            if mail["id"] == number:
                mail["marks"] = [*self._marks[number], *_judged(found)]
                self.send({"type": "marks", "id": number, "marks": mail["marks"]})

    def choose(self, numbers: Iterable[int]) -> None:
        """Have these messages chosen, and no others; nobody is told."""
        self.chosen = list(numbers)
        self.send(self._page | {"chosen": self.chosen})

    def _as_shown(self, row: Row, found: Counts | None) -> dict[str, Any]:
        return {
            "id": row.id,
            "at": int(row.received_at.timestamp() * 1000),
            "utc": f"{row.received_at:%Y-%m-%d %H:%M:%S} UTC",
            "from": row.sender,
            "to": row.to,
            "subject": row.subject,
            "size": row.size,
            "octets": n_("{n} octet", "{n} octets", row.size),
            "tags": row.tags,
            "marks": [*self._marks[row.id], *(_judged(found) if found else ())],
        }

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        match content.get("type"):
            case "ready":
                if self._page:
                    self.send(self._page | {"chosen": self.chosen})
            case "choose":
                numbers = [n for n in content.get("numbers", ()) if isinstance(n, int)]
                at = content.get("at")
                self.chosen = sorted(numbers, key=lambda number: number == at)
                self._on_choose(self.chosen)
            case "page":
                self._on_turn(str(content.get("to")))
            case "enter":
                self._on_enter()
            case "delete":
                self._on_delete()


def _marks(row: Row) -> list[tuple[str, str]]:
    marks = []
    if row.files:
        marks.append(("files", n_("{n} file", "{n} files", row.files)))
    if row.refused:
        marks.append(("refused", _("something was refused before it")))
    return marks


def _judged(found: Counts) -> list[tuple[str, str]]:
    errors, warnings = found
    marks = []
    if errors:
        marks.append(("errors", n_("{n} error found", "{n} errors found", errors)))
    if warnings:
        marks.append(("warnings", n_("{n} warning found", "{n} warnings found", warnings)))
    return marks


def _words() -> dict[str, str]:
    return {
        "newest": _("Newest"),
        "newer": _("Newer"),
        "older": _("Older"),
        "oldest": _("Oldest"),
        "marks": _("Marks"),
        "from": _("From"),
        "to": _("To"),
        "subject": _("Subject"),
        "time": _("Time"),
        "size": _("Size"),
        "no_subject": _("(no subject)"),
    }
