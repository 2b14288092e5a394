"""The reading side of an archive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from operator import index
from typing import Any, NamedTuple

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.address import name_of
from smtp_lab.archive.forking import Gate
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.rows import dialogue, message_of, session_of
from smtp_lab.archive.trouble import telling
from smtp_lab.errors import ArchiveError

__all__ = ("Head", "Reader", "heads_query", "within")

_VALUES = 500
_BATCH, _OCTETS = 200, 16 * 2**20  # messages with their raw bytes


class Head(NamedTuple):
    """What a table shows of a message, as it stands in the archive.

    Attributes:
        id: Its number.
        received_at: Microseconds since 1970.
        mail_from: The envelope sender.
        rcpt_to: The envelope recipients, as JSON.
        size: In octets.
        summary: As it was kept; empty where there is none.
        session: The id of its session.
        tls_version: And what else is known of the session, empty where it is gone.
        login: The user who was let in.
        ehlo: The client's name of itself.
        peer: Its address and port.
        door: Which door it came through.
    """

    id: int
    received_at: int
    mail_from: str
    rcpt_to: str
    size: int
    summary: str
    session: str
    tls_version: str
    login: str
    ehlo: str
    peer: str
    door: str


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
        return int(self._scalar(within(sa.select(sa.func.count()).select_from(m), mailbox)))

    def last_id(self, mailbox: str | None = None) -> int:
        """The number of the newest message; 0 when there is none."""
        m = schema.messages
        newest = sa.select(sa.func.max(m.c.id)).select_from(m)
        return int(self._scalar(within(newest, mailbox)) or 0)

    def ids(self, mailbox: str | None = None, after: int = 0) -> list[int]:
        """The numbers of all messages, or of those above *after*, oldest first."""
        m = schema.messages
        query = sa.select(m.c.id).select_from(m).where(m.c.id > after).order_by(m.c.id)
        return [row["id"] for row in self.rows(within(query, mailbox))]

    def messages(  # noqa: PLR0913  # each narrows it down in another way, all by name
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        octets: int | None = None,
        only: int | None = None,
        among: Sequence[int] | None = None,
        mailbox: str | None = None,
    ) -> list[StoredMessage]:
        """Messages with their raw bytes, oldest first.

        Args:
            after: Only those with a number above this.
            upto: Only those with a number up to this.
            limit: This many at the most.
            octets: No more than these in all, unless the first alone has more.
            only: Just the one with this number.
            among: Only those with one of these numbers, some hundreds at the most.
            mailbox: Only those in this mailbox.
        """
        m, r = schema.messages, schema.raws
        query = heads_query(after, limit, mailbox)
        query = query.join(r, r.c.message_id == m.c.id).add_columns(r.c.raw)
        if upto is not None:
            query = query.where(m.c.id <= upto)
        if only is not None:
            query = query.where(m.c.id == only)
        if among is not None:
            query = query.where(m.c.id.in_(among))
        if octets is not None:
            last = self.as_far_as(query, octets)
            query = query.where(m.c.id <= last)
        return [message_of(row) for row in self.rows(query)]

    def batches(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        among: Sequence[int] | None = None,
        mailbox: str | None = None,
    ) -> Iterator[list[StoredMessage]]:
        """The same, in batches that do not take much memory; *among* may be of any length."""
        values = None if among is None else sorted(among)
        for start in range(0, 1 if values is None else len(values), _VALUES):
            some = None if values is None else values[start : start + _VALUES]
            last = after if some is None else max(after, some[0] - 1)
            while found := self.messages(
                after=last, upto=upto, limit=_BATCH, octets=_OCTETS, among=some, mailbox=mailbox
            ):
                yield found
                last = found[-1].id

    def as_far_as(self, query: sa.Select[Any], octets: int) -> int:
        """The number of the last message of *query* that is within *octets*."""
        m = schema.messages
        last = 0
        for row in self.rows(query.with_only_columns(m.c.id, m.c.size)):
            octets -= row["size"]
            if last and octets < 0:
                break
            last = row["id"]
        return last

    def heads(
        self,
        reader: int,
        *,
        after: int = 0,
        limit: int | None = None,
        mailbox: str | None = None,
        only: Sequence[int] | None = None,
    ) -> list[Head]:
        """Messages without their raw bytes, oldest first, with what is kept by `summarize`.

        Args:
            reader: Whose summaries.
            after: Only messages with a number above this.
            limit: This many at the most.
            mailbox: Only those in this mailbox.
            only: Only those with one of these numbers, some hundreds at the most.
        """
        m, k, s = schema.messages, schema.summaries, schema.sessions
        login = sa.case((s.c.login_ok, s.c.login), else_="")
        query = (
            sa.select(
                *(m.c.id, m.c.received_at, m.c.mail_from, sa.cast(m.c.rcpt_to, sa.String)),
                *(m.c.size, sa.func.coalesce(k.c.summary, ""), m.c.session_id),
                *(
                    sa.func.coalesce(x, "")
                    for x in (s.c.tls_version, login, s.c.ehlo, s.c.peer, s.c.door)
                ),
            )
            .select_from(m)
            .outerjoin(s, s.c.id == m.c.session_id)
            .outerjoin(k, sa.and_(k.c.message_id == m.c.id, k.c.reader == reader))
            .where(m.c.id > after)
            .order_by(m.c.id)
            .limit(limit)
        )
        if only is not None:
            query = query.where(m.c.id.in_(only))
        with self._telling("read"), self._connected() as connection:
            return list(map(Head._make, connection.execute(within(query, mailbox))))

    def tags(self, ids: Iterable[int] | None = None) -> dict[int, tuple[str, ...]]:
        """The tags of each message that has any, in the order of the alphabet.

        Args:
            ids: The messages' numbers; by default all messages.
        """
        return self._labels(schema.tags.c.message_id, schema.tags.c.tag, ids)

    def tag_names(self) -> list[str]:
        """Every tag that any message has, in the order of the alphabet."""
        query = sa.select(schema.tags.c.tag).distinct()
        return sorted(row["tag"] for row in self.rows(query))

    def mailboxes(self, ids: Iterable[int] | None = None) -> dict[int, tuple[str, ...]]:
        """The mailboxes of each message that is in any, in the order of the alphabet.

        Args:
            ids: The messages' numbers; by default all messages.
        """
        return self._labels(schema.mailboxes.c.message_id, schema.mailboxes.c.mailbox, ids)

    def sessions(
        self, mailbox: str | None = None, only: Sequence[str] | None = None
    ) -> list[StoredSession]:
        """All sessions, oldest first, also those no message came of.

        Args:
            mailbox: Only those a message in this mailbox came of.
            only: Only those with one of these ids, some hundreds at the most.
        """
        m, r, s = schema.messages, schema.raws, schema.sessions
        query = sa.select(s).order_by(s.c.started_at)
        said = sa.select(m.c.session_id, r.c.said).join(r, r.c.message_id == m.c.id)
        if mailbox is not None:
            some = within(sa.select(m.c.session_id).select_from(m), mailbox)
            query, said = query.where(s.c.id.in_(some)), said.where(m.c.session_id.in_(some))
        rows = self.rows(query if only is None else query.where(s.c.id.in_(only)))
        if only is not None:
            # A session has no index of its messages, but it knows the first.
            firsts = [row["first_message"] for row in rows if row["first_message"]]
            since = min(firsts, default=2**62)
            said = said.where(m.c.session_id.in_(only), m.c.id >= since)
        pieces: dict[str, list[str]] = {row["id"]: [] for row in rows}
        for row in self.rows(said.order_by(m.c.id)):
            pieces.setdefault(row["session_id"], []).append(row["said"])
        found = []
        for row in rows:
            session = session_of(row)
            lines = dialogue([*pieces[session.id], row["said"]])
            session.transcript = _transcript(session, lines)
            found.append(session)
        return found

    def last_sessions(self, count: int) -> list[StoredSession]:
        """The *count* sessions that began last, oldest first."""
        s = schema.sessions
        newest = sa.select(s.c.id).order_by(s.c.started_at.desc()).limit(count)
        return self.sessions(only=[row["id"] for row in self.rows(newest)])

    def transcript(self, session: StoredSession, upto: int | None = None) -> dict[str, Any]:
        """The dialogue of *session*, or its first *upto* lines, as `Transcript.to_dict`."""
        m, r, s = schema.messages, schema.raws, schema.sessions
        rows = self.rows(sa.select(s).where(s.c.id == session.id))
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
        pieces = [row["said"] for row in self.rows(query)] if own["first_message"] else []
        return _transcript(session, dialogue([*pieces, own["said"]], upto))

    def rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """What *query* finds, for what is built on an archive.

        Raises:
            ArchiveError: It cannot be read.
        """
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
            rows = list(self.rows(query))
        else:
            wanted = sorted({index(one) for one in ids})
            # Engines have a limit on the values of one statement.
            parts = [wanted[at : at + _VALUES] for at in range(0, len(wanted), _VALUES)]
            rows = [row for part in parts for row in self.rows(query.where(number.in_(part)))]
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


def heads_query(after: int, limit: int | None, mailbox: str | None = None) -> sa.Select[Any]:
    """The query for messages with their sessions, as `message_of` wants them."""
    m, s = schema.messages, schema.sessions
    query = (
        sa.select(m, *[column.label(f"s_{column.name}") for column in s.c if column.name != "said"])
        .select_from(m)
        .outerjoin(s, s.c.id == m.c.session_id)
        .where(m.c.id > after)
        .order_by(m.c.id)
        .limit(limit)
    )
    return within(query, mailbox)


def within(query: sa.Select[Any], mailbox: str | None) -> sa.Select[Any]:
    """Only what *query* finds of messages in *mailbox*."""
    if mailbox is None:
        return query
    b = schema.mailboxes
    there = sa.and_(b.c.message_id == schema.messages.c.id, b.c.mailbox == mailbox)
    return query.join(b, there)


def _transcript(session: StoredSession, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"started_at": session.started_at.isoformat(), "lines": lines}
