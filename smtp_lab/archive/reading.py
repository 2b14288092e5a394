"""The reading side of an archive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from operator import index
from typing import Any

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.address import name_of
from smtp_lab.archive.forking import Gate
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.rows import dialogue, message_of, session_of
from smtp_lab.archive.trouble import telling
from smtp_lab.errors import ArchiveError

__all__ = ("Reader",)

_VALUES = 500


class Reader:
    """What can be asked of an archive; every question opens and ends a look of its own.

    Where a *mailbox* can be named, None stands for all messages, in a mailbox or in none.
    """

    url: sa.URL
    _engine: sa.Engine
    _gate: Gate
    _lost = False  # by a fork

    def count(self, mailbox: str | None = None) -> int:
        """How many messages there are."""
        m = schema.messages
        return int(self._scalar(_within(sa.select(sa.func.count()).select_from(m), mailbox)))

    def last_id(self, mailbox: str | None = None) -> int:
        """The number of the newest message; 0 when there is none."""
        m = schema.messages
        newest = sa.select(sa.func.max(m.c.id)).select_from(m)
        return int(self._scalar(_within(newest, mailbox)) or 0)

    def ids(self, mailbox: str | None = None) -> list[int]:
        """The numbers of all messages, oldest first."""
        m = schema.messages
        query = _within(sa.select(m.c.id).select_from(m), mailbox).order_by(m.c.id)
        return [row["id"] for row in self._rows(query)]

    def messages(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        only: int | None = None,
        mailbox: str | None = None,
    ) -> list[StoredMessage]:
        """Messages with their raw bytes, oldest first.

        Args:
            after: Only those with a number above this.
            upto: Only those with a number up to this.
            limit: This many at the most.
            only: Just the one with this number.
            mailbox: Only those in this mailbox.
        """
        m, r = schema.messages, schema.raws
        query = _heads(after, limit, mailbox)
        query = query.join(r, r.c.message_id == m.c.id).add_columns(r.c.raw)
        if upto is not None:
            query = query.where(m.c.id <= upto)
        if only is not None:
            query = query.where(m.c.id == only)
        return [message_of(row) for row in self._rows(query)]

    def heads(
        self,
        reader: int,
        *,
        after: int = 0,
        limit: int | None = None,
        mailbox: str | None = None,
    ) -> list[tuple[StoredMessage, str]]:
        """Messages without their raw bytes, oldest first, with what is kept by `summarize`.

        Args:
            reader: Whose summaries.
            after: Only messages with a number above this.
            limit: This many at the most.
            mailbox: Only those in this mailbox.

        Returns:
            Each message, ``raw`` left empty, and its summary, empty where there is none.
        """
        m, k = schema.messages, schema.summaries
        mine = sa.and_(k.c.message_id == m.c.id, k.c.reader == reader)
        query = _heads(after, limit, mailbox).outerjoin(k, mine).add_columns(k.c.summary)
        return [(message_of(row), row["summary"] or "") for row in self._rows(query)]

    def tags(self, ids: Iterable[int] | None = None) -> dict[int, tuple[str, ...]]:
        """The tags of each message that has any, in the order of the alphabet.

        Args:
            ids: The messages' numbers; by default all messages.
        """
        return self._labels(schema.tags.c.message_id, schema.tags.c.tag, ids)

    def mailboxes(self, ids: Iterable[int] | None = None) -> dict[int, tuple[str, ...]]:
        """The mailboxes of each message that is in any, in the order of the alphabet.

        Args:
            ids: The messages' numbers; by default all messages.
        """
        return self._labels(schema.mailboxes.c.message_id, schema.mailboxes.c.mailbox, ids)

    def sessions(self, mailbox: str | None = None) -> list[StoredSession]:
        """All sessions, oldest first, also those no message came of.

        Args:
            mailbox: Only those a message in this mailbox came of.
        """
        m, r, s = schema.messages, schema.raws, schema.sessions
        query = sa.select(s).order_by(s.c.started_at)
        said = sa.select(m.c.session_id, r.c.said).join(r, r.c.message_id == m.c.id)
        if mailbox is not None:
            some = _within(sa.select(m.c.session_id).select_from(m), mailbox)
            query, said = query.where(s.c.id.in_(some)), said.where(m.c.session_id.in_(some))
        rows = self._rows(query)
        pieces: dict[str, list[str]] = {row["id"]: [] for row in rows}
        for row in self._rows(said.order_by(m.c.id)):
            pieces.setdefault(row["session_id"], []).append(row["said"])
        found = []
        for row in rows:
            session = session_of(row)
            lines = dialogue([*pieces[session.id], row["said"]])
            session.transcript = _transcript(session, lines)
            found.append(session)
        return found

    def transcript(self, session: StoredSession, upto: int | None = None) -> dict[str, Any]:
        """The dialogue of *session*, or its first *upto* lines, as `Transcript.to_dict`."""
        m, r, s = schema.messages, schema.raws, schema.sessions
        rows = self._rows(sa.select(s).where(s.c.id == session.id))
        if not rows:
            return _transcript(session, [])
        own = rows[0]
        query = (
            sa.select(r.c.said)
            .join(m, m.c.id == r.c.message_id)
            .where(m.c.session_id == session.id, m.c.id >= (own["first_message"] or 0))
            .order_by(m.c.id)
        )
        if own["last_message"] is not None:
            query = query.where(m.c.id <= own["last_message"])
        pieces = [row["said"] for row in self._rows(query)] if own["first_message"] else []
        return _transcript(session, dialogue([*pieces, own["said"]], upto))

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._telling("read"), self._connected() as connection:
            return connection.execute(query).mappings().all()

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self._telling("read"), self._connected() as connection:
            return connection.execute(query).scalar()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with self._gate.passed(), self._engine.connect() as connection:
            yield connection

    def _labels(
        self, number: sa.ColumnElement[int], label: sa.ColumnElement[str], ids: Iterable[int] | None
    ) -> dict[int, tuple[str, ...]]:
        query: Any = sa.select(number.label("n"), label.label("label")).order_by(number)
        if ids is None:
            rows = list(self._rows(query))
        else:
            wanted = sorted({index(one) for one in ids})
            # Engines have a limit on the values of one statement.
            parts = [wanted[at : at + _VALUES] for at in range(0, len(wanted), _VALUES)]
            rows = [row for part in parts for row in self._rows(query.where(number.in_(part)))]
        found: dict[int, list[str]] = {}
        for row in rows:
            found.setdefault(row["n"], []).append(row["label"])
        # Sorted here: every server has an order of letters of its own.
        return {n: tuple(sorted(texts)) for n, texts in found.items()}

    def _telling(self, what: str) -> contextlib.AbstractContextManager[None]:
        if self._lost:
            raise ArchiveError(
                f"The archive {name_of(self.url)} was in use when this process was forked, and "
                "cannot be used here; open it in a process that is started anew, as "
                'multiprocessing does with "spawn".'
            )
        return telling(self.url, what)


def _heads(after: int, limit: int | None, mailbox: str | None) -> sa.Select[Any]:
    m, s = schema.messages, schema.sessions
    query = (
        sa.select(m, *[column.label(f"s_{column.name}") for column in s.c if column.name != "said"])
        .select_from(m)
        .outerjoin(s, s.c.id == m.c.session_id)
        .where(m.c.id > after)
        .order_by(m.c.id)
        .limit(limit)
    )
    return _within(query, mailbox)


def _within(query: sa.Select[Any], mailbox: str | None) -> sa.Select[Any]:
    """Only what *query* finds of messages in *mailbox*."""
    if mailbox is None:
        return query
    b = schema.mailboxes
    there = sa.and_(b.c.message_id == schema.messages.c.id, b.c.mailbox == mailbox)
    return query.join(b, there)


def _transcript(session: StoredSession, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"started_at": session.started_at.isoformat(), "lines": lines}
