"""Captured mail: looked at, searched, waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtp_lab.archive import Archive, Retention, StoredSession
from smtp_lab.archive.labels import label
from smtp_lab.archive.language import Node, understand
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.inbox import frames
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.filling import fill
from smtp_lab.inbox.found import Found
from smtp_lab.inbox.given import number as a_number
from smtp_lab.inbox.given import numbers
from smtp_lab.inbox.growing import Growing
from smtp_lab.inbox.importing import read_mail
from smtp_lab.inbox.summary import heads_after
from smtp_lab.inbox.view import View
from smtp_lab.inbox.waiting import Waiting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Inbox",)

_DETAILS = 20_000


class Inbox(View, Waiting):
    """The reading side of an archive.

    ``inbox[-1]`` is the newest message, ``len(inbox)`` how many there are, and `to_frame` all of
    them as a table. It always shows what is there now; nothing needs to be refreshed.

    Args:
        archive: What to read.
        mailbox: Only what a `Rule` of a sink has put into this mailbox; by default all mail.

    Raises:
        InputError: *mailbox* is no text of 1 to 100 characters, or *archive* no archive.
    """

    def __init__(self, archive: Archive, *, mailbox: str | None = None) -> None:
        if not isinstance(archive, Archive):
            fix = "use lab.Inbox.open(path), or the inbox of a sink"
            raise InputError.of("archive", f"is a {type(archive).__name__}", fix)
        self.archive = archive
        self.mailbox = mailbox if mailbox is None else label("mailbox", mailbox)
        self._messages = Growing(archive, self.mailbox, self._read_messages)
        self._kept: dict[str, Growing] = {}

    @classmethod
    def open(cls, where: str | Path, *, mailbox: str | None = None) -> Inbox:
        """Open the archive at *where*, a path or a SQLAlchemy URL.

        Args:
            where: The path or URL.
            mailbox: Only what is in this mailbox; by default all mail.

        Raises:
            ArchiveError: It is not there, or cannot be opened.
            InputError: *where* is neither a path nor a URL.
        """
        try:
            if not isinstance(where, str | PathLike):
                fix = "give a path or a URL"
                raise InputError.of("where", f"is a {type(where).__name__}", fix)
            return cls(Archive(where, create=False), mailbox=mailbox)
        finally:
            del where  # there may be a password in it: a traceback with locals shows none

    # --- as a sequence ------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.archive.count(self.mailbox)

    def __iter__(self) -> Iterator[Captured]:
        for batch in self.archive.batches(mailbox=self.mailbox):
            yield from (Captured(stored, self.archive) for stored in batch)

    def numbers(self) -> list[int]:
        """The numbers of all messages, as in the column ``id``, oldest first."""
        return self.archive.ids(self.mailbox)

    def get(self, number: int) -> Captured:
        """The message whose ``id`` is *number*.

        Raises:
            InputError: It is no number.
            UnknownNameError: There is none.
        """
        number = a_number("number", number)
        found = self.archive.messages(only=number, mailbox=self.mailbox) if number > 0 else []
        if not found:
            problem = f"number {number} is not in {self._where}"
            raise UnknownNameError.of("message", problem, "see inbox.to_frame()")
        return Captured(found[0], self.archive)

    # --- searching ----------------------------------------------------------------------------

    def search(self, query: str = "", *, since: int = 0) -> Found:
        """The messages that match *query*, and the sessions without one that do.

        The language is described in ``docs/search.md``: fields (``from:ann``, ``subject:"report
        7"``, ``has:attachment``, ``is:refused``, ``larger:1M``, ``after:2026-03-04``), words,
        quotes, ``-``, ``OR`` and parentheses.

        Args:
            query: What is looked for; empty for all.
            since: Only messages behind this `marker`, and no sessions.

        Raises:
            InputError: The query cannot be understood; says where.
            ArchiveError: What is new could not be read or kept.
        """
        return self._search(query, understand(query), a_number("since", since))

    def _search(self, query: str, node: Node, after: int = 0) -> Found:
        index = fill(self.archive)
        numbers = index.messages(node, after, self.mailbox)
        sessions = [] if self.mailbox or after else index.sessions(node)
        return Found(self.archive, query, numbers, sessions)

    def marker(self) -> int:
        """A mark behind the newest message, for `since` and `wait_for`."""
        return self.archive.last_id()

    def since(self, marker: int) -> Found:
        """The messages that came in after *marker* was set.

        Raises:
            InputError: It is no number.
        """
        after = a_number("marker", marker)
        return Found(self.archive, "", self.archive.ids(self.mailbox, after))

    def tag(self, which: str | Iterable[int], tags: str | Iterable[str]) -> int:
        """Give *tags* to messages.

        Args:
            which: A query, or the numbers of messages.
            tags: One or several.

        Returns:
            How many messages *which* stands for.

        Raises:
            InputError: The query cannot be understood, or a tag is none.
        """
        numbers = self._which(which)
        self.archive.add_tags(numbers, tags)
        return len(numbers)

    def untag(self, which: str | Iterable[int], tags: str | Iterable[str]) -> int:
        """Take *tags* from messages; the arguments are those of `tag`."""
        numbers = self._which(which)
        self.archive.remove_tags(numbers, tags)
        return len(numbers)

    def _which(self, which: str | Iterable[int]) -> list[int]:
        if isinstance(which, str):
            return self.search(which).numbers()
        return sorted(numbers("which", which).intersection(self.archive.ids(self.mailbox)))

    # --- letting go ---------------------------------------------------------------------------

    def clear(self, which: str | Iterable[int] = "") -> int:
        """Let go of messages for good; sessions stay until retention takes them.

        Args:
            which: A query, or the numbers of messages; by default all.

        Returns:
            How many went.

        Raises:
            InputError: The query cannot be understood.
            ArchiveError: It cannot be written; nothing was changed.
        """
        everything = isinstance(which, str) and not which.strip()
        return self.archive.remove(self.numbers() if everything else self._which(which))

    def retain(self, retention: Retention) -> int:
        """Let go of what *retention* does not keep, and give how many messages went.

        It is for the whole archive, whatever mailbox this is. A sink does it by itself, see
        `Sink`'s *retention*.

        Raises:
            InputError: It is no `Retention`.
            ArchiveError: It cannot be written.
        """
        if not isinstance(retention, Retention):
            problem = f"is a {type(retention).__name__}"
            raise InputError.of("retention", problem, "give lab.Retention(count=…)")
        return self.archive.prune(retention, everywhere=True)

    def read(self, path: str | Path) -> list[int]:
        """Take in mail from files: ``.eml``, mbox, Maildir, ZIP, or a folder of these but ZIPs.

        All of it or nothing: what cannot be read to its end stores no message. A ZIP that `to_zip`
        wrote brings envelopes and times along, an mbox what stands in its From lines; of other mail
        the envelope is not known and stays empty. In a folder links are not followed, and what
        systems and mail servers put beside mail is passed over.

        Args:
            path: The file or folder; a leading ``~`` is the home folder.

        Returns:
            The numbers the messages got.

        Raises:
            InputError: There is no mail in it, or it cannot be read.
            ArchiveError: It could not be stored; what was is taken away again, or the sentence says
                which messages are left.
        """
        return read_mail(self.archive, path, self.mailbox)

    # --- as tables ----------------------------------------------------------------------------

    def refresh(self) -> pd.DataFrame:
        """The rows of `to_frame` that are new since the last table, mailboxes and tags left out.

        However many messages there are, only the new ones are read.
        """
        return self._messages.refresh()

    def _table(self) -> pd.DataFrame:
        return self._messages.whole()

    def _read_messages(self, after: int) -> tuple[Sequence[int], pd.DataFrame]:
        heads = heads_after(self.archive, after, self.mailbox)
        return [head.id for head in heads], frames.messages(heads)

    def _details(self, kind: str) -> pd.DataFrame:
        return self._growing(kind, partial(self._read_details, kind)).whole()

    def _read_details(self, kind: str, after: int) -> tuple[Sequence[int], pd.DataFrame]:
        details = fill(self.archive).details(after, _DETAILS, self.mailbox)
        return list(details), frames.detailed(kind, details)

    def _headers(self) -> pd.DataFrame:
        return self._growing("headers", self._read_headers).whole()

    def _read_headers(self, after: int) -> tuple[Sequence[int], pd.DataFrame]:
        batches = self.archive.batches(after=after, mailbox=self.mailbox)
        found = next(batches, [])
        return [stored.id for stored in found], frames.headers(map(Captured, found))

    def _growing(self, kind: str, read: Any) -> Growing:
        if kind not in self._kept:
            self._kept[kind] = Growing(self.archive, self.mailbox, read)
        return self._kept[kind]

    def _sessions(self) -> list[StoredSession]:
        return self.archive.sessions(self.mailbox)

    # --- how it shows itself ------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{f'{self.mailbox} of ' if self.mailbox else ''}{self.archive.name}"

    def _held(self, count: int) -> str:
        return (
            f"The inbox holds {count} messages"
            if count
            else "The inbox is empty; send a test first"
        )

    def __repr__(self) -> str:
        return f"<Inbox of {len(self)} messages in {self._where}>"
