"""What a table shows of a message beside its envelope: read once, kept in the archive.

Reading a message takes several times as long as storing it (``docs/performance.md``), so it is not
done when the message comes in but after it: by the sink when nothing else is to do, or by whoever
asks for a table first.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from smtp_lab.archive import Archive, StoredMessage
from smtp_lab.archive.records import from_micros, micros
from smtp_lab.errors import ArchiveError
from smtp_lab.inbox.captured import Captured

__all__ = ("rows_after", "summarize_some")

_READER = 1
"""Raised by one when the same message would be summarized in another way."""

_HEADS = 5000
_RAWS = 50  # messages read with their bytes at once


def rows_after(
    archive: Archive, after: int, mailbox: str | None = None
) -> dict[int, dict[str, Any]]:
    """A row of the table for some messages with a number above *after*; empty when there is none.

    Of a *mailbox*, only its messages. What had to be read for it is kept in the archive, if that
    can be written.
    """
    heads = archive.heads(_READER, after=after, limit=_HEADS, mailbox=mailbox)
    missing = [head.id for head, summary in heads if not summary]
    made = _summaries(archive, missing, mailbox)
    rows = {}
    for head, kept in heads:
        summary = kept or made.get(head.id)
        if summary:  # else the message was let go in between
            rows[head.id] = _row(head, json.loads(summary))
    return rows


def summarize_some(archive: Archive, after: int, most: int) -> tuple[int, bool]:
    """Summarize up to *most* messages with a number above *after* that nobody has read yet.

    Returns:
        The number up to which all are summarized, and whether there may be more.

    Raises:
        ArchiveError: It cannot be read.
    """
    heads = archive.heads(_READER, after=after, limit=most)
    _summaries(archive, [head.id for head, summary in heads if not summary])
    return (heads[-1][0].id if heads else after), len(heads) == most


def _summaries(
    archive: Archive, numbers: Sequence[int], mailbox: str | None = None
) -> dict[int, str]:
    made = {}
    for start in range(0, len(numbers), _RAWS):
        some = numbers[start : start + _RAWS]
        found = archive.messages(after=some[0] - 1, upto=some[-1], mailbox=mailbox)
        new = {stored.id: _summary(Captured(stored)) for stored in found}
        with contextlib.suppress(ArchiveError):  # read-only, full or locked: read again next time
            archive.summarize(_READER, new)
        made.update(new)
    return made


def _summary(message: Captured) -> str:
    date = message.date
    return json.dumps(
        {
            "from": message.sender,
            "to": message.addresses("To"),
            "cc": message.addresses("Cc"),
            "subject": message.subject,
            "date": micros(date) if date else None,
            "attachments": [a.name or a.type for a in message.attachments if not a.inline],
            "message_id": message.header("Message-ID"),
        }
    )


def _row(head: StoredMessage, summary: dict[str, Any]) -> dict[str, Any]:
    session, date = head.session, summary["date"]
    return summary | {
        "received_at": head.received_at,
        "mail_from": head.mail_from,
        "rcpt_to": list(head.rcpt_to),
        "date": from_micros(date) if date is not None else None,
        "size": head.size,
        "tls_version": session.tls_version,
        "login": session.login if session.login_ok else "",
        "ehlo": session.ehlo,
        "peer": session.peer,
        "door": session.door,
    }
