"""What a table shows of a message beside its envelope: read once, kept in the archive.

Reading a message takes several times as long as storing it (``docs/performance.md``), so it is not
done when the message comes in but after it: by the sink when nothing else is to do, or by whoever
asks for a table first.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence

from smtp_lab.archive import Archive
from smtp_lab.archive.reading import Head
from smtp_lab.archive.records import micros
from smtp_lab.errors import ArchiveError
from smtp_lab.inbox.captured import Captured

__all__ = ("READER", "heads_after", "summary_of")

READER = 3
"""Raised by one when the same message would be summarized in another way."""

_HEADS = 20_000


def heads_after(
    archive: Archive,
    after: int,
    mailbox: str | None = None,
    only: Sequence[int] | None = None,
) -> list[Head]:
    """Some messages with a number above *after*, each with its summary; empty when there is none.

    What had to be read for it is kept in the archive, if that can be written.

    Args:
        archive: Whose messages.
        after: A number.
        mailbox: Only those in this mailbox.
        only: Only those with these numbers.
    """
    heads = archive.heads(READER, after=after, limit=_HEADS, mailbox=mailbox, only=only)
    made = _summaries(archive, [head.id for head in heads if not head.summary])
    # One without a summary was let go in between: it stays in the list, so that nobody asks anew.
    return [h if h.summary else h._replace(summary=made.get(h.id, "")) for h in heads]


def _summaries(archive: Archive, numbers: Sequence[int]) -> dict[int, str]:
    made: dict[int, str] = {}
    for found in archive.batches(among=numbers):
        new = {stored.id: summary_of(Captured(stored)) for stored in found}
        with contextlib.suppress(ArchiveError):  # read-only, full or locked: read again next time
            archive.summarize(READER, new)
        made.update(new)
    return made


def summary_of(message: Captured) -> str:
    """From, To, Cc, subject, date, names of attachments and Message-ID of *message*, as JSON."""
    date = message.date
    return json.dumps(
        [
            message.sender,
            message.addresses("To"),
            message.addresses("Cc"),
            message.subject,
            micros(date) if date else None,
            [part.name or part.type for part in message.parts if part.role == "attachment"],
            message.header("Message-ID"),
        ],
        ensure_ascii=False,
    )
