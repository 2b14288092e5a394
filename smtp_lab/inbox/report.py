"""What did come, for a test that waited for something else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from smtp_lab.archive import Archive
from smtp_lab.inbox import frames
from smtp_lab.inbox.summary import heads_after
from smtp_lab.transcript import printable

__all__ = ("what_came",)

_MESSAGES, _SESSIONS = 10, 5
_WIDTH = 46  # characters of a cell


def what_came(
    archive: Archive, mailbox: str | None, since: int, marked: Collection[int] = ()
) -> str:
    """The newest messages after number *since*, and the last sessions, as text.

    Args:
        archive: Where they are.
        mailbox: Only messages in this mailbox.
        since: A number.
        marked: Messages that are marked with a star.
    """
    numbers = [number for number in archive.ids(mailbox) if number > since]
    shown = numbers[-_MESSAGES:]
    table = frames.messages(heads_after(archive, 0, only=shown)) if shown else None
    rows: list[Sequence[str]] = []
    for row in table.to_dict("records") if table is not None else ():
        star = "*" if row["id"] in marked else ""
        when = f"{row['received_at']:%H:%M:%S}"
        to = ", ".join(row["rcpt_to"])
        rows.append((f"{star}{row['id']}", when, row["mail_from"] or "<>", to, row["subject"]))
    if rows:
        more = f" (the last {len(rows)} of {len(numbers)})" if len(numbers) > len(rows) else ""
        lines = [f"What came{more}:", *_aligned(("id", "time", "from", "to", "subject"), rows)]
    else:
        lines = ["Nothing came."]
    sessions = archive.last_sessions(_SESSIONS)
    if sessions:
        told = frames.sessions(sessions)
        cells = [
            (f"{r['started_at']:%H:%M:%S}", r["peer"], r["outcome"], r["stage"], r["last_reply"])
            for r in told.to_dict("records")
        ]
        lines += [
            "The last sessions:",
            *_aligned(("time", "peer", "outcome", "stage", "last reply"), cells),
        ]
    else:
        lines.append("Nobody connected.")
    return "\n".join(lines)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[_cell(text) for text in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  "
        + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cell(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"
