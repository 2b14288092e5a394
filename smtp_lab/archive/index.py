"""What is known of messages beyond their envelope, so that a search need not read them.

It is made by a reader, behind the writer's back, in the order of the messages' numbers: one number
says how far it is. It can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from smtp_lab.archive import fulltext, schema
from smtp_lab.archive.fold import fold
from smtp_lab.archive.language import All, Any_, Node, Not, Term
from smtp_lab.archive.reading import heads_query, within
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.rows import dialogue, message_of, session_of
from smtp_lab.archive.searching import Ground, messages_that, sessions_that
from smtp_lab.archive.store import Archive

__all__ = ("Index",)

_KEY = "contents"
_LOCK = 0x736D7471  # any number that is ours: the advisory lock of those who keep contents
_SESSIONS = 500  # looked at in one go

Said = list[dict[str, Any]]


class Index:
    """The contents of an archive's messages.

    Args:
        archive: Whose messages.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._indexed: bool | None = None

    # --- making it ----------------------------------------------------------------------------

    def upto(self) -> int:
        """The number of the last message that was read for it, and all before that one."""
        f = schema.facts
        rows = self._archive.rows(sa.select(f.c.value).where(f.c.key == _KEY))
        return int(rows[0]["value"]) if rows else 0

    def unread(self, after: int, limit: int, octets: int) -> list[tuple[StoredMessage, Said]]:
        """The next messages after number *after*, each with what was said since the one before.

        Args:
            after: A number.
            limit: This many at the most.
            octets: No more than these in all, unless one alone has more.
        """
        m, r = schema.messages, schema.raws
        last = self._archive.as_far_as(heads_query(after, limit), octets)
        query = heads_query(after, None).where(m.c.id <= last)
        query = query.join(r, r.c.message_id == m.c.id).add_columns(r.c.said, r.c.raw)
        return [(message_of(row), dialogue([row["said"]])) for row in self._archive.rows(query)]

    def ended(self) -> list[tuple[StoredSession, Said, bool]]:
        """Some sessions that have ended and were not read.

        Returns:
            Each with what was said after its last message, and whether it had none.
        """
        e, s = schema.endings, schema.sessions
        read = sa.exists().where(e.c.session_id == s.c.id)
        over = s.c.ended_at.is_not(None)
        empty = sa.select(s).where(s.c.first_message.is_(None), over, ~read)
        gone_on = sa.select(s).join(e, e.c.session_id == s.c.id).where(~e.c.complete, over)
        return [
            (session_of(row), dialogue([row["said"]]), row["first_message"] is None)
            for query in (empty, gone_on)
            for row in self._archive.rows(query.order_by(s.c.id).limit(_SESSIONS))
        ]

    def keep(
        self, upto: int, contents: Sequence[Mapping[str, Any]], sessions: Iterable[str]
    ) -> None:
        """Keep what messages say.

        Args:
            upto: All messages up to this number have been read.
            contents: A row of the table ``contents`` for each that was new.
            sessions: Over which they came.

        Raises:
            ArchiveError: It cannot be written.
        """
        f, m, t, e = schema.facts, schema.messages, schema.contents, schema.endings
        with self._archive.writing() as connection:
            _one_at_a_time(connection)
            numbers = [row["message_id"] for row in contents]
            there = sa.select(m.c.id).where(m.c.id.in_(numbers))
            kept = sa.select(t.c.message_id).where(t.c.message_id.in_(numbers))
            new = set(connection.execute(there).scalars()) - set(connection.execute(kept).scalars())
            if rows := [dict(row) for row in contents if row["message_id"] in new]:
                connection.execute(sa.insert(t), rows)
            ids = sorted(set(sessions))
            known = connection.execute(sa.select(e.c.session_id).where(e.c.session_id.in_(ids)))
            nothing = dict.fromkeys(("marks", "login", "mail_from", "rcpt", "text"), "")
            ids = sorted(set(ids) - set(known.scalars()))
            if ids:
                opened = [{"session_id": n, "complete": False, **nothing} for n in ids]
                connection.execute(sa.insert(e), opened)
            _advance(connection, f, upto)

    def keep_endings(self, endings: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Keep how sessions ended: a row of the table ``endings`` for each, None for a good end.

        Raises:
            ArchiveError: It cannot be written.
        """
        e, s = schema.endings, schema.sessions
        with self._archive.writing() as connection:
            _one_at_a_time(connection)
            ids = list(endings)
            connection.execute(sa.delete(e).where(e.c.session_id.in_(ids)))
            there = set(connection.execute(sa.select(s.c.id).where(s.c.id.in_(ids))).scalars())
            rows = [
                {"session_id": n, "complete": True, **row}
                for n, row in endings.items()
                if row is not None and n in there
            ]
            if rows:
                connection.execute(sa.insert(e), rows)

    # --- asking it ----------------------------------------------------------------------------

    def messages(self, node: Node, after: int = 0, mailbox: str | None = None) -> list[int]:
        """The numbers, above *after*, of the messages that are as *node* says, in order.

        Of a *mailbox*, only its messages.
        """
        return [
            row["id"]
            for row in self._archive.rows(messages_that(node, self._ground(node), after, mailbox))
        ]

    def sessions(self, node: Node) -> list[str]:
        """The ids of the sessions without a good end that are as *node* says, oldest first."""
        return [row["id"] for row in self._archive.rows(sessions_that(node))]

    def sessions_of(self, numbers: Sequence[int]) -> set[str]:
        """The ids of the sessions over which these messages came."""
        m = schema.messages
        query = sa.select(m.c.session_id).where(m.c.id.in_(numbers)).distinct()
        return {row["session_id"] for row in self._archive.rows(query)}

    def marks(self, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """What ``has:`` and ``is:`` find of these messages, some hundreds at the most.

        One that nobody has read yet is left out.
        """
        t = schema.contents
        query = sa.select(t.c.message_id, t.c.marks).where(t.c.message_id.in_(numbers))
        return {row["message_id"]: tuple(row["marks"].split()) for row in self._archive.rows(query)}

    def ended_badly(self) -> int:
        """How many sessions without a good end are known, to see that there is another."""
        e = schema.endings
        count = sa.select(sa.func.count().label("n")).select_from(e).where(e.c.complete)
        return int(self._archive.rows(count)[0]["n"])

    def details(
        self,
        after: int = 0,
        limit: int | None = None,
        mailbox: str | None = None,
        only: Sequence[int] | None = None,
    ) -> dict[int, str]:
        """What is kept of the parts, links and codes of messages, as JSON, by their number.

        Args:
            after: Only of messages with a number above this.
            limit: Of this many at the most.
            mailbox: Only of those in this mailbox.
            only: Only of those with one of these numbers, some hundreds at the most.
        """
        m, t = schema.messages, schema.contents
        query = sa.select(m.c.id, t.c.details).join(t, t.c.message_id == m.c.id)
        query = query.where(m.c.id > after).order_by(m.c.id).limit(limit)
        if only is not None:
            query = query.where(m.c.id.in_(only))
        return {row["id"]: row["details"] for row in self._archive.rows(within(query, mailbox))}

    def _ground(self, node: Node) -> Ground:
        engine = self._archive.url.get_backend_name()
        if self._indexed is None:
            self._indexed = engine == "sqlite" and bool(self._archive.rows(_FULLTEXT))
        asked = set(_fields(node))
        t, b = schema.tags, schema.mailboxes
        return Ground(
            engine,
            self._indexed,
            self._names(t.c.tag) if "tag" in asked else {},
            self._names(b.c.mailbox) if "mailbox" in asked else {},
        )

    def _names(self, column: sa.Column[str]) -> dict[str, list[str]]:
        """Every label there is, by what it is folded: no engine folds as `fold` does."""
        found: dict[str, list[str]] = {}
        for row in self._archive.rows(sa.select(column.label("label")).distinct()):
            found.setdefault(fold(row["label"]), []).append(row["label"])
        return found


_FULLTEXT: sa.Select[Any] = (
    sa.select(sa.column("name"))
    .where(sa.column("type") == "table", sa.column("name") == fulltext.TABLE)
    .select_from(sa.table("sqlite_master"))
)


def _fields(node: Node) -> Iterator[str]:
    match node:
        case Term(field):
            yield field
        case Not(of):
            yield from _fields(of)
        case All(of) | Any_(of):
            for part in of:
                yield from _fields(part)


def _one_at_a_time(connection: sa.Connection) -> None:
    """Of two that read the same messages, one waits; writers of mail do not (SQLite has one)."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _advance(connection: sa.Connection, f: sa.Table, upto: int) -> None:
    known = connection.execute(sa.select(f.c.value).where(f.c.key == _KEY)).scalar()
    if known is None:
        connection.execute(sa.insert(f).values(key=_KEY, value=str(upto)))
    elif int(known) < upto:
        connection.execute(sa.update(f).where(f.c.key == _KEY).values(value=str(upto)))
