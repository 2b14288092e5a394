"""Captured mail as a sequence of messages and as DataFrames."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index as whole
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from smtp_lab.archive import Archive
from smtp_lab.archive.labels import label
from smtp_lab.errors import UnknownNameError
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.summary import rows_after

if TYPE_CHECKING:
    import pandas as pd

    from smtp_lab.inbox.checks.findings import Findings

__all__ = ("Inbox",)

_BATCH = 200
_TEXT = (
    "mail_from",
    "from",
    "subject",
    "message_id",
    "tls_version",
    "login",
    "ehlo",
    "peer",
    "door",
)
_LISTS = ("rcpt_to", "to", "cc", "attachments", "mailboxes", "tags")


class Inbox:
    """The reading side of an archive.

    ``inbox[-1]`` is the newest message, ``len(inbox)`` how many there are, and `to_frame` all of
    them as a table. It always shows what is there now; nothing needs to be refreshed.

    Args:
        archive: What to read.
        mailbox: Only what a `Rule` of a sink has put into this mailbox; by default all mail.

    Raises:
        InputError: *mailbox* is no text of 1 to 100 characters.
    """

    def __init__(self, archive: Archive, *, mailbox: str | None = None) -> None:
        self.archive = archive
        self.mailbox = mailbox if mailbox is None else label("mailbox", mailbox)
        self._rows: dict[int, dict[str, Any]] = {}

    @classmethod
    def open(cls, where: str | Path, *, mailbox: str | None = None) -> Inbox:
        """Open the archive at *where*, a path or a SQLAlchemy URL.

        Args:
            where: The path or URL.
            mailbox: Only what is in this mailbox; by default all mail.

        Raises:
            ArchiveError: It is not there, or cannot be opened.
        """
        try:
            return cls(Archive(where, create=False), mailbox=mailbox)
        finally:
            del where  # there may be a password in it: a traceback with locals shows none

    def __len__(self) -> int:
        return self.archive.count(self.mailbox)

    def __iter__(self) -> Iterator[Captured]:
        after = 0
        while batch := self.archive.messages(after=after, limit=_BATCH, mailbox=self.mailbox):
            yield from (Captured(stored, self.archive) for stored in batch)
            after = batch[-1].id

    @overload
    def __getitem__(self, index: int) -> Captured: ...
    @overload
    def __getitem__(self, index: slice) -> list[Captured]: ...
    def __getitem__(self, index: int | slice) -> Captured | list[Captured]:
        ids = self.archive.ids(self.mailbox)
        if isinstance(index, slice):
            return [self.get(number) for number in ids[index]]
        try:
            return self.get(ids[index])
        except IndexError:
            held = f"holds {len(ids)} messages" if ids else "is empty; send a test first"
            raise IndexError(f"The inbox {held}, so there is no [{index}].") from None

    def get(self, number: int) -> Captured:
        """The message whose ``id`` is *number*.

        Raises:
            UnknownNameError: There is none.
        """
        number = whole(number)  # a cell of a DataFrame is no int, and no database knows it
        known = 0 < number < 2**63
        found = self.archive.messages(only=number, mailbox=self.mailbox) if known else []
        if not found:
            problem = f"number {number} is not in {self._where}"
            raise UnknownNameError.of("message", problem, "see inbox.to_frame()")
        return Captured(found[0], self.archive)

    def to_frame(self) -> pd.DataFrame:
        """All messages, one row each, oldest first.

        Columns:
            id (int64), received_at (datetime64[us, UTC]), mail_from (str), rcpt_to (list of str),
            from (str), to and cc (lists of str), subject (str), date (datetime64[us, UTC], NaT
            where the header gives none), size (int64, octets), attachments (list of names),
            message_id, tls_version, login, ehlo, peer, door (str), mailboxes and tags (lists of
            str). A text that is not there is empty, never NaN. Of mail that was fetched from a
            mailbox, door is ``graph``, and peer and tls_version tell how it was fetched.
        """
        import pandas as pd

        self._read_new()
        # One that came in since is in the next table.
        ids = [number for number in self.archive.ids(self.mailbox) if number in self._rows]
        labels = {"mailboxes": self.archive.mailboxes(), "tags": self.archive.tags()}
        rows = [
            self._rows[number] | {name: found.get(number, ()) for name, found in labels.items()}
            for number in ids
        ]
        return pd.DataFrame(
            {
                "id": pd.Series(ids, dtype="int64"),
                "received_at": _moments(rows, "received_at"),
                **{
                    name: _column(rows, name)
                    for name in ("mail_from", "rcpt_to", "from", "to", "cc", "subject")
                },
                "date": _moments(rows, "date"),
                "size": pd.Series([row["size"] for row in rows], dtype="int64"),
                "attachments": _column(rows, "attachments"),
                **{
                    name: _column(rows, name)
                    for name in _TEXT
                    if name not in ("mail_from", "from", "subject")
                },
                **{name: _column(rows, name) for name in labels},
            }
        )

    def sessions(self) -> pd.DataFrame:
        """All connections, one row each, oldest first, also those no message came of.

        Of one *mailbox*: those its messages came over.

        Columns:
            id (str), started_at and ended_at (datetime64[us, UTC], NaT while it lasts), door, peer,
            ehlo, tls_version, tls_cipher, login, mechanism (str), login_ok (boolean, missing where
            there was no login), lines (int64, of the transcript), last_reply (str).
        """
        import pandas as pd

        found = [vars(session) for session in self.archive.sessions(self.mailbox)]
        spoken = [session["transcript"].get("lines", []) for session in found]
        names = ("door", "peer", "ehlo", "tls_version", "tls_cipher", "login", "mechanism")
        replies = [
            next((x["text"] for x in reversed(s) if x["direction"] == "S"), "") for s in spoken
        ]
        return pd.DataFrame(
            {
                "id": pd.Series([row["id"] for row in found], dtype="str"),
                "started_at": _moments(found, "started_at"),
                "ended_at": _moments(found, "ended_at"),
                **{name: pd.Series([row[name] for row in found], dtype="str") for name in names},
                "login_ok": pd.Series([row["login_ok"] for row in found], dtype="boolean"),
                "lines": pd.Series([len(s) for s in spoken], dtype="int64"),
                "last_reply": pd.Series(replies, dtype="str"),
            }
        )

    def check(self, **asked: Any) -> Findings:
        """Hold all messages against the rules of ``docs/checks.md``.

        Args:
            **asked: As for `Captured.check`: client, rules, links, dns, ip, spamassassin.

        Returns:
            A DataFrame with id (int64, the message's), rule, severity, where, why and fix (str).

        Raises:
            InputError: An argument cannot be used.
        """
        from smtp_lab.inbox.checks.findings import checked

        return checked(self, several=True, **asked)

    def _read_new(self) -> None:
        last = self.archive.last_id(self.mailbox)  # what comes in meanwhile is in the next table
        while (after := max(self._rows, default=0)) < last:
            new = rows_after(self.archive, after, self.mailbox)
            if not new:
                break
            self._rows |= new

    @property
    def _where(self) -> str:
        return f"{f'{self.mailbox} of ' if self.mailbox else ''}{self.archive.name}"

    def __repr__(self) -> str:
        return f"<Inbox of {len(self)} messages in {self._where}>"

    def _repr_html_(self) -> str:
        import pandas as pd

        shown = self.to_frame()[["id", "received_at", "from", "rcpt_to", "subject", "size"]]
        # pandas escapes every cell of a plain DataFrame; a Styler would not.
        with pd.option_context("display.html.use_mathjax", False):  # pandas' own way
            html: str = shown.tail(20).to_html(index=False, notebook=True)
        return html


def _moments(rows: list[dict[str, Any]], name: str) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(pd.to_datetime([row[name] for row in rows], utc=True)).astype(
        "datetime64[us, UTC]"
    )


def _column(rows: list[dict[str, Any]], name: str) -> pd.Series[Any]:
    import pandas as pd

    if name in _LISTS:
        # Copies: whoever changes a cell changes a table, not what the next one is made of.
        return pd.Series([list(row[name]) for row in rows], dtype="object")
    return pd.Series([row[name] for row in rows], dtype="str")
