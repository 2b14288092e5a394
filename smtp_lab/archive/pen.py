"""The connection that writes: one transaction a group, through the driver itself.

SQLAlchemy's own way costs half as much again (``docs/performance.md``), so what is written for each
message goes to the driver beneath it. All else goes through SQLAlchemy.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal, Protocol

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.rows import Known, Rows
from smtp_lab.archive.trouble import busy

__all__ = ("TABLES", "Pen", "PostgresPen", "SqlitePen", "Synchronous", "pen_for", "statements")

TABLES = ("sessions", "messages", "raws", "tags", "mailboxes")
"""What a transaction fills, each where there is something for it."""

Synchronous = Literal["FULL", "NORMAL"]
"""FULL: what is answered survives a loss of power; NORMAL: the end of the process, but a loss of
power may take the last moments with it."""


class Pen(Protocol):
    """Writes groups of messages and sessions over a connection of its own."""

    def write(
        self,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession],
        *,
        wait: bool = True,
    ) -> list[int]:
        """Store all of them in one transaction, or none; give the messages' numbers.

        Args:
            messages: To be numbered in this order.
            sessions: Those that ended.
            wait: Whether there is time to wait for a lock, or to tidy up. PostgreSQL is always
                waited for.
        """

    def close(self) -> None:
        """Close the connection; writing opens it anew."""


def pen_for(engine: sa.Engine, synchronous: Synchronous, patience: float) -> Pen:
    """The pen for *engine*."""
    kind = SqlitePen if engine.dialect.name == "sqlite" else PostgresPen
    return kind(engine, synchronous, patience)


def _taken(engine: sa.Engine) -> sa.PoolProxiedConnection:
    """A connection made ready by *engine*, which no longer knows it."""
    taken = engine.raw_connection()
    taken.detach()
    return taken


def statements(place: str) -> dict[str, str]:
    """The statement that stores a row, by table, with *place* for each value."""
    made = {}
    for name in TABLES:
        table = schema.metadata.tables[name]
        names = [column.name for column in table.c]
        values = ", ".join([place] * len(names))
        made[table.name] = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})"  # noqa: S608
    changed = [f"{c.name} = excluded.{c.name}" for c in schema.sessions.c if c.name not in _OWN]
    changed += ["first_message = coalesce(sessions.first_message, excluded.first_message)"]
    changed += ["said = sessions.said || excluded.said"]
    made["sessions"] += f" ON CONFLICT (id) DO UPDATE SET {', '.join(changed)}"
    return made


_OWN = ("id", "first_message", "said")
_LARGE = 2**18  # octets
_ROWS = 32  # of one statement: of so many lengths the driver keeps all statements ready


class SqlitePen:
    """Writes to a SQLite file.

    Args:
        engine: Whose connections are ready for use; one is taken out of it.
        synchronous: How far a commit goes.
        patience: Seconds to wait for another program's lock.
    """

    _sql = statements("?")

    def __init__(self, engine: sa.Engine, synchronous: Synchronous, patience: float) -> None:
        self._engine, self._synchronous, self._patience = engine, synchronous, patience
        self._taken: sa.PoolProxiedConnection | None = None
        self._connection: sqlite3.Connection | None = None
        self._known = Known()
        self._moved = 0  # pages of the log, of which on a commit moves them into the file
        self._waited = True

    def write(
        self,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession],
        *,
        wait: bool = True,
    ) -> list[int]:
        """Store all of them in one transaction, or none; give the messages' numbers."""
        db = self._connection or self._open()
        if wait is not self._waited:
            # Moving the log takes a hundred times as long as a commit.
            db.execute(f"PRAGMA wal_autocheckpoint={self._moved if wait else 0}")
            self._waited = wait
        self._begin(db, self._patience if wait else 0.0)
        try:
            number = 0
            if messages:
                octets = sum([len(message.raw) for message in messages])
                db.execute(
                    "UPDATE counters "
                    "SET last = last + ?, messages = messages + ?, bytes = bytes + ?",
                    (len(messages), len(messages), octets),
                )
                (last,) = db.execute("SELECT last FROM counters").fetchone()
                number = last - len(messages) + 1
            rows = Rows.of(messages, sessions, number, self._known)
            if rows.sessions:
                db.executemany(self._sql["sessions"], rows.sessions)
            if messages:
                self._insert(db, "messages", rows.messages)
                self._insert(db, "raws", [row for row in rows.raws if len(row[-1]) < _LARGE])
                for own, said, raw in (row for row in rows.raws if len(row[-1]) >= _LARGE):
                    self._insert_large(db, own, said, raw)
            for name in ("tags", "mailboxes"):
                if labels := getattr(rows, name):
                    db.executemany(self._sql[name], labels)
            db.execute("COMMIT")
        except BaseException:
            self._known.forget()
            if db.in_transaction:  # a full disk has ended it already
                db.execute("ROLLBACK")
            raise
        return list(range(number, number + len(messages)))

    def _insert(self, db: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Store *rows*, many with one statement.

        For each statement the driver lets go of Python's lock and must get it back from the
        sink's event loop, which costs more than the statement.
        """
        if not rows:
            return
        sql, one = self._sql[table], f", ({', '.join('?' * len(rows[0]))})"
        for at in range(0, len(rows), _ROWS):
            part = rows[at : at + _ROWS]
            db.execute(sql + one * (len(part) - 1), list(chain.from_iterable(part)))

    @staticmethod
    def _insert_large(db: sqlite3.Connection, number: int, said: str, raw: bytes) -> None:
        """Store a large message, of which an INSERT would make two copies and keep one of them."""
        sql = "INSERT INTO raws (message_id, said, raw) VALUES (?, ?, zeroblob(?))"
        db.execute(sql, (number, said, len(raw)))
        with db.blobopen("raws", "raw", number) as blob:
            blob.write(raw)

    def _begin(self, db: sqlite3.Connection, patience: float) -> None:
        """Take the write lock, which another program may have for *patience* seconds.

        SQLite's own waiting sleeps up to a tenth of a second at a time: of two programs that write
        all the time one would hardly ever get its turn.
        """
        end = time.monotonic() + patience
        nap = 0.0005
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not busy(error) or time.monotonic() >= end:
                    raise
                time.sleep(nap * (0.5 + random.random()))  # noqa: S311  # no secret depends on it
                nap = min(nap * 1.2, 0.01)
            else:
                return

    def _open(self) -> sqlite3.Connection:
        self._taken = _taken(self._engine)
        db = self._taken.dbapi_connection
        assert isinstance(db, sqlite3.Connection)  # noqa: S101  # the only driver there is
        db.isolation_level = None
        db.execute("PRAGMA busy_timeout=0")
        normal = 1
        if self._synchronous == "FULL" and db.execute("PRAGMA synchronous").fetchone() == (normal,):
            db.execute("PRAGMA synchronous=FULL")
        (self._moved,) = db.execute("PRAGMA wal_autocheckpoint").fetchone()
        self._connection, self._waited = db, True
        return db

    def close(self) -> None:
        """Close the connection; writing opens it anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._known.forget()


class PostgresPen:
    """Writes to PostgreSQL; the arguments are those of `SqlitePen`.

    Two round trips a group: the counters, whose row is locked until the commit is there to be read,
    and then all rows together with the COMMIT (libpq's pipeline mode).
    """

    _sql = statements("%s")

    def __init__(self, engine: sa.Engine, synchronous: Synchronous, patience: float) -> None:
        self._engine, self._synchronous, self._patience = engine, synchronous, patience
        self._taken: sa.PoolProxiedConnection | None = None
        self._connection: Any = None
        self._known = Known()

    def write(
        self,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession],
        *,
        wait: bool = True,  # it can be nothing else
    ) -> list[int]:
        """Store all of them in one transaction, or none; give the messages' numbers."""
        fresh = self._connection is None
        db = self._connection or self._open()
        try:
            number = self._begin(db, messages)
        except Exception:
            lost = db.closed
            self.close()
            if fresh or not lost:
                raise
            # The server was started anew since the last group; nothing was sent of this one.
            return self.write(messages, sessions, wait=wait)
        try:
            rows = Rows.of(messages, sessions, number, self._known)
            with db.pipeline(), db.cursor() as cursor:
                for name in TABLES:
                    if values := getattr(rows, name):
                        cursor.executemany(self._sql[name], values)
                cursor.execute("COMMIT")
        except BaseException:
            # Whatever state the connection is in, the next group begins with a new one.
            self.close()
            raise
        return list(range(number, number + len(messages)))

    @staticmethod
    def _begin(db: Any, messages: Sequence[StoredMessage]) -> int:
        octets = sum([len(message.raw) for message in messages])
        with db.pipeline():
            db.execute("BEGIN")
            last = db.execute(
                "UPDATE counters SET last = last + %s, messages = messages + %s, "
                "bytes = bytes + %s RETURNING last",
                (len(messages), len(messages), octets),
            )
            return int(last.fetchone()[0]) - len(messages) + 1

    def _open(self) -> Any:
        self._taken = _taken(self._engine)
        db: Any = self._taken.dbapi_connection
        db.autocommit = True  # BEGIN and COMMIT are said by the pen
        db.prepare_threshold = 0
        db.execute(f"SET lock_timeout = {int(self._patience * 1000) or 1}")
        db.execute(f"SET synchronous_commit = {'on' if self._synchronous == 'FULL' else 'off'}")
        self._connection = db
        return db

    def close(self) -> None:
        """Close the connection; writing opens it anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._known.forget()
