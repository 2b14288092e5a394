"""Make an archive of many messages with its index: ``python tests/browser/many_mails.py PATH COUNT``.

Of a hundred thousand messages few are distinct: each of those is read once, and what was read is
kept for all that are the same. (Reading each would take a minute, and is what other tests are for.)
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from smtp_lab.archive import Archive, StoredMessage, StoredSession
from smtp_lab.archive.index import Index
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.reading import content_of
from smtp_lab.inbox.summary import READER, summary_of

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DISTINCT = 10
BATCH = 10_000


def message(number: int) -> StoredMessage:
    """Message *number*, from 1 on: one in ten has *needle* in its subject."""
    kind = number % DISTINCT
    subject = f"needle {kind}" if kind == 7 else f"straw {kind}"
    raw = f"From: ann{kind}@example.com\r\nSubject: {subject}\r\n\r\nhello {kind}\r\n"
    session = StoredSession(f"{number // BATCH:032x}", WHEN, "plain", "127.0.0.1:9")
    received = WHEN + timedelta(seconds=number)
    return StoredMessage(
        raw.encode(), f"ann{kind}@example.com", ("bob@example.org",), received, session
    )


def main(path: str, count: int) -> None:
    """Fill the archive at *path* with *count* messages."""
    archive = Archive(path, synchronous="NORMAL")
    index = Index(archive)
    kinds = [Captured(message(number)) for number in range(DISTINCT)]
    contents = [content_of(kind, []) for kind in kinds]
    summaries = [summary_of(kind) for kind in kinds]
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        archive.add([message(number) for number in numbers])
        archive.summarize(READER, {n: summaries[n % DISTINCT] for n in numbers})
        index.keep(
            numbers[-1],
            [contents[n % DISTINCT] | {"message_id": n} for n in numbers],
            [message(numbers[0]).session.id],
        )
    archive.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
