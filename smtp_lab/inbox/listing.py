"""An inbox, or what a search found in it, a page at a time: the newest first."""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from datetime import datetime
from typing import NamedTuple

from smtp_lab.archive.index import Index
from smtp_lab.archive.language import All, understand
from smtp_lab.archive.reading import Head
from smtp_lab.archive.records import from_micros
from smtp_lab.inbox.found import Found
from smtp_lab.inbox.inbox import Inbox
from smtp_lab.inbox.summary import heads_after
from smtp_lab.transcript import printable

__all__ = ("PAGE", "Listing", "Row")

PAGE = 50
"""Rows of a page."""

_LONGEST = 300  # characters of a cell


class Row(NamedTuple):
    """A line of the list; every text is printable and short.

    Attributes:
        id: The message's number.
        received_at: In UTC.
        sender: The header From, or the envelope sender where there is none.
        to: The envelope recipients, or the header To where they are not known.
        subject: Decoded.
        size: In octets.
        files: How many are attached.
        refused: Whether something was refused before it; not known before the index has read it.
        tags: In the order of the alphabet.
    """

    id: int
    received_at: datetime
    sender: str
    to: str
    subject: str
    size: int
    files: int
    refused: bool
    tags: tuple[str, ...]


class Listing:
    """The messages of an inbox that match a query, newest first.

    Without a query and a tag nothing but their numbers is read, however many there are; a page
    reads its rows.

    Args:
        inbox: Whose messages.
        query: In the language of ``docs/search.md``; empty for all.
        tag: Only messages with this tag; empty for all.

    Attributes:
        query: What is asked for, the tag included.

    Raises:
        InputError: The query cannot be understood.
        ArchiveError: The archive cannot be read.
    """

    def __init__(self, inbox: Inbox, query: str = "", tag: str = "") -> None:
        understand(query)  # by itself: its places are those of what was typed
        self.inbox = inbox
        self.query = _both(query.strip(), tag)
        self._lock = threading.Lock()
        self._seen = self._state()
        found = self._ask(0)
        self._numbers, self._sessions = found.numbers(), found.refused()

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions without a message that match, oldest first."""
        return self._sessions[:]

    def found(self) -> Found:
        """All of it, to be exported, checked or looked at as tables."""
        return Found(self.inbox.archive, self.query, self._numbers, self._sessions)

    def look(self) -> bool:
        """Take in what came and what was let go since the last look.

        Returns:
            Whether anything did; the list may be the same nevertheless.

        Raises:
            ArchiveError: The archive cannot be read.
        """
        with self._lock:
            seen, before = self._state(), self._seen
            if seen == before:
                return False
            found = self._ask(before.last)
            archive, mailbox = self.inbox.archive, self.inbox.mailbox
            new = len(archive.ids(mailbox, before.last))
            if before.total + new != seen.total:
                left = set(archive.ids(mailbox))
                self._numbers = [number for number in self._numbers if number in left]
            last = self._numbers[-1] if self._numbers else 0
            self._numbers += [number for number in found.numbers() if number > last]
            if seen.ended != before.ended or seen.read != before.read:
                self._sessions = self._asked_sessions()
            self._seen = seen
            return True

    def place(self, number: int) -> int:
        """How many rows are above message *number*, or where it would be."""
        return len(self._numbers) - bisect_right(self._numbers, number)

    def page(self, start: int, size: int = PAGE) -> list[Row]:
        """The rows from *start* on, counted from the newest, which is 0.

        Raises:
            ArchiveError: The archive cannot be read.
        """
        end = len(self._numbers) - start
        numbers = self._numbers[max(0, end - size) : max(0, end)]
        if not numbers:
            return []
        archive = self.inbox.archive
        heads = heads_after(archive, 0, only=numbers)
        marks, tags = Index(archive).marks(numbers), archive.tags(numbers)
        return [
            _row(head, marks.get(head.id, ()), tags.get(head.id, ()))
            for head in reversed(heads)
            if head.summary
        ]

    def _ask(self, after: int) -> Found:
        if self.query:
            return self.inbox.search(self.query, since=after)
        archive, mailbox = self.inbox.archive, self.inbox.mailbox
        sessions = [] if after else self._asked_sessions()
        return Found(archive, "", archive.ids(mailbox, after), sessions)

    def _asked_sessions(self) -> list[str]:
        if self.inbox.mailbox is not None:
            return []
        node = understand(self.query) if self.query else All(())
        return Index(self.inbox.archive).sessions(node)

    def _state(self) -> _State:
        archive, index = self.inbox.archive, Index(self.inbox.archive)
        count = archive.count(self.inbox.mailbox)
        return _State(archive.last_id(), count, index.upto(), index.ended_badly())


class _State(NamedTuple):
    """What is another when there is anything new."""

    last: int
    total: int
    read: int
    ended: int


def _both(query: str, tag: str) -> str:
    if not tag:
        return query
    quoted = tag.replace("\\", "\\\\").replace('"', '\\"')
    return f'tag:"{quoted}" ({query})' if query else f'tag:"{quoted}"'


def _row(head: Head, marks: tuple[str, ...], tags: tuple[str, ...]) -> Row:
    sender, to, _cc, subject, _date, files, _message_id = json.loads(head.summary)
    rcpt = json.loads(head.rcpt_to)
    return Row(
        head.id,
        from_micros(head.received_at),
        _cell(sender or head.mail_from or "<>"),
        _cell(", ".join(rcpt or to)),
        _cell(subject),
        head.size,
        len(files),
        "refused" in marks,
        tuple(map(_cell, tags)),
    )


def _cell(text: str) -> str:
    shown = printable(text.replace("\t", " "))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
