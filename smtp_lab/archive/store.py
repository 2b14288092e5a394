"""Reading and writing an archive, one transaction at a time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from smtp_lab.archive import schema
from smtp_lab.archive.records import StoredMessage, StoredSession, from_micros, micros
from smtp_lab.errors import ArchiveError

__all__ = ("Archive",)


class Archive:
    """Captured mail in a database.

    Args:
        where: A SQLAlchemy URL such as ``sqlite:////path/mail.sqlite3``, or the path of a SQLite
            file, which is made when it is not there, readable by its owner only.
        create: Whether a SQLite file that is not there is made.

    Raises:
        ArchiveError: It cannot be opened, is not there, or a newer smtp_lab wrote it.
    """

    def __init__(self, where: str | Path, *, create: bool = True) -> None:
        self.url = _url_of(str(where))
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        if self._file and create:
            _make_private(self._file)
        elif self._file and not self._file.exists():
            raise ArchiveError(f"The archive {self.name} is not there; check the path.")
        # Every statement stands alone unless `_writing` opens a transaction: SQLite's driver would
        # begin a deferred one, which fails with "database is locked" where two processes write.
        try:
            self._engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        except (ArgumentError, ImportError) as error:  # an unknown engine, a driver not installed
            raise ArchiveError(
                f"The archive {self.name} cannot be opened ({error}); "
                "install the driver its URL names, or give the path of a file."
            ) from None
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        with self._telling("opened"):
            if create or self._file is None or os.access(self._file, os.W_OK):
                self._prepare()
            self._seen = self._identity()

    def __repr__(self) -> str:
        return f"<Archive {self.name}>"

    @property
    def name(self) -> str:
        """Where the archive is, without a password and whatever else the URL asks for."""
        return str(self._file or self.url.set(query={}).render_as_string(hide_password=True))

    @property
    def _file(self) -> Path | None:
        if self.url.get_backend_name() != "sqlite" or not self.url.database:
            return None
        return Path(self.url.database)

    def close(self) -> None:
        """Close every connection; using the archive again opens them anew."""
        self._engine.dispose()

    def add(
        self, messages: Sequence[StoredMessage], sessions: Sequence[StoredSession] = ()
    ) -> list[int]:
        """Store *messages* with their sessions, and *sessions*, in one transaction.

        When this returns, they are committed to disk.

        Returns:
            The numbers of the messages.

        Raises:
            ArchiveError: Nothing was stored.
        """
        with self._lock, self._telling("written"):
            self._look_after_file()
        with self._lock, self._telling("written"), self._writing() as connection:
            numbers = []
            for message in messages:
                _put_session(connection, message.session)
                numbers.append(_put_message(connection, message))
            for session in sessions:
                _put_session(connection, session)
            return numbers

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
        t = schema.fetched
        with self._lock, self._telling("written"):
            self._look_after_file()
        with self._lock, self._telling("written"), self._writing() as connection:
            same = sa.and_(t.c.mailbox == mailbox, t.c.name == name)
            if connection.execute(sa.select(t.c.message_id).where(same)).first() is not None:
                return None
            _put_session(connection, message.session)
            number = _put_message(connection, message)
            connection.execute(sa.insert(t).values(mailbox=mailbox, name=name, message_id=number))
            return number

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
        self, *, after: int = 0, limit: int | None = None, only: int | None = None
    ) -> list[StoredMessage]:
        """Messages with their raw bytes, oldest first.

        Args:
            after: Only those with a number above this.
            limit: This many at the most.
            only: Just the one with this number.
        """
        m, s, r = schema.messages, schema.sessions, schema.raws
        query = (
            sa.select(m, r.c.raw, *[column.label(f"s_{column.name}") for column in s.c])
            .join(r, r.c.message_id == m.c.id)
            .join(s, s.c.id == m.c.session_id)
            .where(m.c.id > after if only is None else m.c.id == only)
            .order_by(m.c.id)
            .limit(limit)
        )
        return [_message_of(row) for row in self._rows(query)]

    def sessions(self) -> list[StoredSession]:
        """All sessions, oldest first, also those no message came of."""
        query = sa.select(schema.sessions).order_by(schema.sessions.c.started_at)
        found = [_session_of(row) for row in self._rows(query)]
        spoken: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows(sa.select(schema.lines).order_by(schema.lines.c.n)):
            spoken.setdefault(row["session_id"], []).append(_line_of(row))
        for session in found:
            session.transcript = _transcript(session, spoken.get(session.id, []))
        return found

    def transcript(self, session: StoredSession, upto: int | None = None) -> dict[str, Any]:
        """The dialogue of *session*, or its first *upto* lines, as `Transcript.to_dict`."""
        t = schema.lines
        query = sa.select(t).where(t.c.session_id == session.id).order_by(t.c.n).limit(upto)
        lines = [_line_of(row) for row in self._rows(query)]
        return _transcript(session, lines)

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def _identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        with contextlib.suppress(OSError):
            found = self._file.stat()
            return found.st_dev, found.st_ino
        return None

    def _look_after_file(self) -> None:
        """Begin anew where someone took the file away: what goes into it would be lost."""
        if self._file is not None and self._identity() != self._seen:
            self._engine.dispose()
            _make_private(self._file)
            self._seen = self._identity()
            self._prepare()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        begin = "BEGIN IMMEDIATE" if self._engine.dialect.name == "sqlite" else "BEGIN"
        with self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise ArchiveError(f"The archive {self.name} cannot be {what}: {error.orig}.") from None

    def _prepare(self) -> None:
        with self._writing() as connection:
            schema.metadata.create_all(connection)
            version = connection.execute(
                sa.select(schema.facts.c.value).where(schema.facts.c.key == "schema")
            ).scalar()
            if version is None:
                connection.execute(
                    sa.insert(schema.facts).values(key="schema", value=str(schema.VERSION))
                )
            elif int(version) > schema.VERSION:
                raise ArchiveError(
                    f"The archive {self.name} was written by a newer smtp_lab (schema {version}, "
                    f"known here is {schema.VERSION}); update smtp_lab or choose another archive."
                )
            elif int(version) < schema.VERSION:
                # From 1 to 2 a table was added, which create_all has just done.
                connection.execute(
                    sa.update(schema.facts)
                    .where(schema.facts.c.key == "schema")
                    .values(value=str(schema.VERSION))
                )


def _put_session(connection: sa.Connection, session: StoredSession) -> None:
    row = {c.name: getattr(session, c.name) for c in schema.sessions.c}
    row["started_at"] = micros(session.started_at)
    row["ended_at"] = micros(session.ended_at) if session.ended_at else None
    t, lines = schema.sessions, schema.lines
    if not connection.execute(sa.update(t).where(t.c.id == session.id).values(row)).rowcount:
        connection.execute(sa.insert(t).values(row))
    first = session.transcript.get("first", 0)
    new = [
        {"session_id": session.id, "n": n, **line}
        for n, line in enumerate(session.transcript.get("lines", ()), first)
    ]
    if new:
        # A client that left while its message was written has some lines stored already.
        connection.execute(
            sa.delete(lines).where(lines.c.session_id == session.id, lines.c.n >= first)
        )
        connection.execute(sa.insert(lines), new)


def _put_message(connection: sa.Connection, message: StoredMessage) -> int:
    row = {
        "session_id": message.session.id,
        "received_at": micros(message.received_at),
        "mail_from": message.mail_from,
        "rcpt_to": list(message.rcpt_to),
        "mail_options": list(message.mail_options),
        "size": len(message.raw),
        "lines": message.lines,
    }
    key = connection.execute(sa.insert(schema.messages).values(row)).inserted_primary_key
    assert key is not None  # noqa: S101  # an autoincrement table always gives one
    connection.execute(sa.insert(schema.raws).values(message_id=key[0], raw=message.raw))
    return int(key[0])


def _url_of(where: str) -> sa.URL:
    if "://" in where:
        try:
            url = sa.make_url(where)
        except (ArgumentError, ValueError):
            # The text is not shown: there may be a password in it.
            raise ArchiveError(
                "The archive's address is no URL; give one such as "
                "sqlite:////folder/mail.sqlite3, or the path of a file."
            ) from None
    else:
        # Not put together as text: a path may hold ? or %, which mean something in a URL.
        url = sa.URL.create("sqlite", database=where)
    if url.get_backend_name() != "sqlite":
        return url
    file = url.database or ""
    if file in ("", ":memory:") or file.startswith("file:"):
        raise ArchiveError(
            "An archive in memory cannot be shared by the threads of a sink; "
            'give the path of a file, or ":temporary:" to a Sink.'
        )
    with contextlib.suppress(RuntimeError):  # a ~name of nobody stands for itself
        file = str(Path(file).expanduser())
    # Absolute: one file has one name, and keeps it when the working folder changes.
    return url.set(database=os.path.abspath(file))  # noqa: PTH100  # also for what is not there


def _make_private(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(
            f"The archive {file} cannot be opened ({reason}); choose another file, "
            "or another folder with SMTP_LAB_DATA."
        ) from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=10000")
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _switch_to_wal(connection: Any) -> None:
    """Turn the write-ahead log on, however many programs open a new archive at the same moment.

    SQLite does not wait here, whatever its busy timeout: two that switch at once would wait for
    each other.
    """
    end = time.monotonic() + 10
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _session_of(row: Any, prefix: str = "") -> StoredSession:
    values = {c.name: row[prefix + c.name] for c in schema.sessions.c}
    values["started_at"] = from_micros(values["started_at"])
    values["ended_at"] = from_micros(values["ended_at"]) if values["ended_at"] else None
    return StoredSession(**values)


def _line_of(row: Any) -> dict[str, Any]:
    return {c.name: row[c.name] for c in schema.lines.c if c.name not in ("session_id", "n")}


def _transcript(session: StoredSession, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"started_at": session.started_at.isoformat(), "lines": lines}


def _message_of(row: Any) -> StoredMessage:
    return StoredMessage(
        raw=bytes(row["raw"]),
        mail_from=row["mail_from"],
        rcpt_to=tuple(row["rcpt_to"]),
        mail_options=tuple(row["mail_options"]),
        received_at=from_micros(row["received_at"]),
        session=_session_of(row, "s_"),
        id=row["id"],
        size=row["size"],
        lines=row["lines"],
    )
