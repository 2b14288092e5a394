"""Opening, reading and writing an archive."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.address import file_of, make_private, name_of, url_of
from smtp_lab.archive.connect import engine_for
from smtp_lab.archive.fetched import add_fetched
from smtp_lab.archive.migrations import migrate, version_of
from smtp_lab.archive.pen import Synchronous, pen_for
from smtp_lab.archive.place import network_file_system
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.retention import Retention, prune
from smtp_lab.archive.rows import dialogue, message_of, session_of
from smtp_lab.archive.trouble import telling
from smtp_lab.errors import ArchiveError, InputError

__all__ = ("LOCK_TIMEOUT", "Archive")

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another program that has locked an archive."""


class Archive:
    """Captured mail in a database.

    Messages are numbered in the order of their commits, from 1, without gaps, and a number is never
    used twice, however many sinks write at once: whoever has seen number 7 has been able to see all
    below it. Only retention takes messages away.

    Args:
        where: A URL, ``sqlite:////path/mail.sqlite3`` or ``postgresql+psycopg://host/database``, or
            the path of a SQLite file, which is made when it is not there, readable by its owner
            only. A password that is not in the URL is found as libpq does (``PGPASSWORD``,
            ``~/.pgpass``).
        create: Whether a SQLite file that is not there is made.
        synchronous: ``FULL`` to have every commit on disk before it is answered; ``NORMAL`` is
            quicker and survives the end of the process, but a loss of power may take the last
            moments with it (SQLite's ``synchronous``, PostgreSQL's ``synchronous_commit``).
        lock_timeout: Seconds to wait for another program that has locked it.

    Raises:
        ArchiveError: It cannot be opened, is not there, or a newer smtp_lab wrote it.
        InputError: A setting cannot be used.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        create: bool = True,
        synchronous: Synchronous = "FULL",
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        try:
            self.url = url_of(str(where))
        finally:
            del where  # there may be a password in it: a traceback with locals shows none
        if synchronous not in ("FULL", "NORMAL"):
            problem = f"{synchronous!r} is neither FULL nor NORMAL"
            raise InputError.of("synchronous", problem, "FULL survives a loss of power")
        if isinstance(lock_timeout, bool) or not 0 <= lock_timeout <= 3600:
            problem = f"{lock_timeout!r} is not between 0 and 3600"
            raise InputError.of("lock_timeout", problem, "give seconds to wait")
        self._create = create
        self._lock = threading.Lock()
        self._file = file_of(self.url)
        if self._file and create:
            make_private(self._file)
        elif self._file and not self._file.exists():
            raise ArchiveError(f"The archive {self.name} is not there; check the path.")
        shared = network_file_system(self._file) if self._file else ""
        if shared:
            warnings.warn(
                f"The archive {self.name} lies on a network file system ({shared}): it is slow "
                "there, and safe only where file locks work; choose a folder on this machine, or "
                "set SMTP_LAB_DATA to one.",
                stacklevel=2,
            )
        self._engine = engine_for(self.url, lock_timeout, shared=bool(shared))
        self._pen = pen_for(self._engine, synchronous, lock_timeout)
        with self._telling("opened"):
            self._prepare()
        self._seen = self._identity()

    def __repr__(self) -> str:
        return f"<Archive {self.name}>" if hasattr(self, "url") else "<Archive without an address>"

    @property
    def name(self) -> str:
        """Where the archive is, without a password and whatever else the URL asks for."""
        return name_of(self.url)

    def close(self) -> None:
        """Close every connection; using the archive again opens them anew."""
        with self._lock:
            self._pen.close()
        self._engine.dispose()

    # --- writing ------------------------------------------------------------------------------

    def add(
        self, messages: Sequence[StoredMessage], sessions: Sequence[StoredSession] = ()
    ) -> list[int]:
        """Store *messages* with their sessions, and *sessions*, in one transaction.

        When this returns, they are committed.

        Returns:
            The numbers of the messages.

        Raises:
            ArchiveFullError: There is no room; nothing was stored.
            ArchiveUnavailableError: It is locked, or its server does not answer.
            ArchiveError: Nothing was stored.
        """
        with self._lock, self._telling("written"):
            self._look_after_file()
            return self._pen.write(messages, sessions)

    def fetched(self, mailbox: str) -> frozenset[str]:
        """The names, in *mailbox*, of the messages that were fetched from it."""
        t = schema.fetched
        rows = self._rows(sa.select(t.c.name).where(t.c.mailbox == mailbox))
        return frozenset(row["name"] for row in rows)

    def add_fetched(self, message: StoredMessage, mailbox: str, name: str) -> int | None:
        """Store what was fetched from *mailbox*, where it is called *name*, unless it is there.

        Returns:
            Its number, or None when it was there already.

        Raises:
            ArchiveError: It was not stored.
        """
        with self._lock, self._telling("written"):
            self._look_after_file()
            with self._writing() as connection:
                return add_fetched(connection, message, mailbox, name)

    def prune(self, retention: Retention, *, now: datetime | None = None) -> int:
        """Let go of what *retention* does not keep.

        Args:
            retention: The limits.
            now: The moment an age is counted from; by default this one.

        Returns:
            How many messages went.

        Raises:
            ArchiveError: It cannot be written.
        """
        gone = 0
        while retention:
            with self._lock, self._telling("written"), self._writing() as connection:
                some = prune(connection, retention, now=now)
            gone += some
            if not some:
                break
        return gone

    def summarize(self, reader: int, summaries: Mapping[int, str]) -> None:
        """Keep what a reader made of messages, so that nobody needs to read them again for it.

        Args:
            reader: Which reader, and which version of it: others' summaries are not its own.
            summaries: By the message's number; those of messages that are gone are left out.

        Raises:
            ArchiveError: It cannot be written.
        """
        rows = [{"n": n, "reader": reader, "said": summaries[n]} for n in sorted(summaries)]
        if rows:
            with self._lock, self._telling("written"), self._writing() as connection:
                connection.execute(_SUMMARIZE, rows)

    # --- reading ------------------------------------------------------------------------------

    def count(self) -> int:
        """How many messages there are."""
        return int(self._scalar(sa.select(sa.func.count()).select_from(schema.messages)))

    def last_id(self) -> int:
        """The number of the newest message; 0 when there is none."""
        return int(self._scalar(sa.select(sa.func.max(schema.messages.c.id))) or 0)

    def ids(self) -> list[int]:
        """The numbers of all messages, oldest first."""
        return [
            row["id"]
            for row in self._rows(sa.select(schema.messages.c.id).order_by(schema.messages.c.id))
        ]

    def messages(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        only: int | None = None,
    ) -> list[StoredMessage]:
        """Messages with their raw bytes, oldest first.

        Args:
            after: Only those with a number above this.
            upto: Only those with a number up to this.
            limit: This many at the most.
            only: Just the one with this number.
        """
        m, r = schema.messages, schema.raws
        query = _heads(after, limit).join(r, r.c.message_id == m.c.id).add_columns(r.c.raw)
        if upto is not None:
            query = query.where(m.c.id <= upto)
        if only is not None:
            query = query.where(m.c.id == only)
        return [message_of(row) for row in self._rows(query)]

    def heads(
        self, reader: int, *, after: int = 0, limit: int | None = None
    ) -> list[tuple[StoredMessage, str]]:
        """Messages without their raw bytes, oldest first, with what is kept by `summarize`.

        Args:
            reader: Whose summaries.
            after: Only messages with a number above this.
            limit: This many at the most.

        Returns:
            Each message, ``raw`` left empty, and its summary, empty where there is none.
        """
        m, k = schema.messages, schema.summaries
        mine = sa.and_(k.c.message_id == m.c.id, k.c.reader == reader)
        query = _heads(after, limit).outerjoin(k, mine).add_columns(k.c.summary)
        return [(message_of(row), row["summary"] or "") for row in self._rows(query)]

    def sessions(self) -> list[StoredSession]:
        """All sessions, oldest first, also those no message came of."""
        m, r, s = schema.messages, schema.raws, schema.sessions
        rows = self._rows(sa.select(s).order_by(s.c.started_at))
        pieces: dict[str, list[str]] = {row["id"]: [] for row in rows}
        said = sa.select(m.c.session_id, r.c.said).join(r, r.c.message_id == m.c.id)
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
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).scalar()

    # --- its place ----------------------------------------------------------------------------

    def _telling(self, what: str) -> contextlib.AbstractContextManager[None]:
        return telling(self.url, what)

    def _identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        with contextlib.suppress(OSError):
            found = os.stat(self._file)  # noqa: PTH116  # once a commit: the quicker of two ways
            return found.st_dev, found.st_ino
        return None

    def _look_after_file(self) -> None:
        """Begin anew where someone took the file away: what goes into it would be lost."""
        if self._file is not None and self._identity() != self._seen:
            self._pen.close()
            self._engine.dispose()
            make_private(self._file)
            self._seen = self._identity()
            self._prepare()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        begin = "BEGIN IMMEDIATE" if self._file else "BEGIN"
        with self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(sa.exc.DBAPIError):  # a full disk has ended it already
                    connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def _prepare(self) -> None:
        with self._engine.connect() as connection:
            version = version_of(connection)
        if version is not None and version > schema.VERSION:
            raise ArchiveError(
                f"The archive {self.name} was written by a newer smtp_lab (schema {version}, "
                f"known here is {schema.VERSION}); update smtp_lab or choose another archive."
            )
        if version == schema.VERSION:
            return
        if not self._create and self._file and not os.access(self._file, os.W_OK):
            what = "holds no captured mail" if version is None else "is of an older smtp_lab"
            raise ArchiveError(
                f"The archive {self.name} {what} and cannot be changed; check the path, or open it "
                "once with the right to write."
            )
        with self._writing() as connection:
            migrate(connection)


# SQLAlchemy has no word of its own for it that both engines share.
_SUMMARIZE = sa.text(
    "INSERT INTO summaries (message_id, reader, summary) "
    "SELECT id, :reader, :said FROM messages WHERE id = :n "
    "ON CONFLICT (message_id) DO UPDATE SET reader = excluded.reader, summary = excluded.summary"
)


def _heads(after: int, limit: int | None) -> sa.Select[Any]:
    m, s = schema.messages, schema.sessions
    return (
        sa.select(m, *[column.label(f"s_{column.name}") for column in s.c if column.name != "said"])
        .select_from(m)
        .outerjoin(s, s.c.id == m.c.session_id)
        .where(m.c.id > after)
        .order_by(m.c.id)
        .limit(limit)
    )


def _transcript(session: StoredSession, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"started_at": session.started_at.isoformat(), "lines": lines}
