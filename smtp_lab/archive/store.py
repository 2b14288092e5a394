"""Reading and writing an archive, one transaction at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from smtp_lab.archive import schema
from smtp_lab.errors import ArchiveError

__all__ = ("Archive", "StoredMessage", "StoredSession", "from_micros", "micros")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware *moment*."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """The moment, in UTC, that `micros` turned into *value*."""
    return _EPOCH + timedelta(microseconds=value)


@dataclass
class StoredSession:
    """One connection to a sink, whether or not a message came of it.

    Attributes:
        id: 32 hexadecimal digits.
        started_at: When the client connected, in UTC.
        ended_at: When the connection ended, or None while it lasts.
        door: ``starttls`` or ``implicit``: which of the sink's ports it came through.
        peer: Address and port of the client.
        ehlo: The name the client gave itself.
        tls_version: Such as ``TLSv1.3``; empty when the connection was never encrypted.
        tls_cipher: The cipher, or empty.
        login: The user name of the last login, or empty.
        mechanism: The mechanism of the last login, or empty.
        login_ok: Whether the last login was accepted; None when there was none.
        transcript: The dialogue as `Transcript.to_dict` gives it.
    """

    id: str
    started_at: datetime
    door: str
    peer: str
    ended_at: datetime | None = None
    ehlo: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    login: str = ""
    mechanism: str = ""
    login_ok: bool | None = None
    transcript: dict[str, Any] = field(default_factory=dict)


@dataclass
class StoredMessage:
    """One message as it came over the wire.

    Attributes:
        raw: The bytes between ``354`` and the final dot, dot-stuffing undone, nothing else changed.
        mail_from: The envelope sender, empty for the null sender ``<>``.
        rcpt_to: The envelope recipients in the order they were given.
        mail_options: Parameters of MAIL FROM, such as ``BODY=8BITMIME``.
        received_at: When the last byte had arrived, in UTC.
        session: The connection it came over.
        id: Its number in the archive; 0 before it is stored.
        size: Its length in octets.
    """

    raw: bytes
    mail_from: str
    rcpt_to: tuple[str, ...]
    received_at: datetime
    session: StoredSession
    mail_options: tuple[str, ...] = ()
    id: int = 0
    size: int = 0


class Archive:
    """Captured mail in a database.

    Args:
        where: A SQLAlchemy URL such as ``sqlite:////path/mail.sqlite3``, or the path of a SQLite
            file, which is made when it is not there, readable by its owner only.

    Raises:
        ArchiveError: It cannot be opened, or a newer smtp_lab wrote it.
    """

    def __init__(self, where: str | Path) -> None:
        self.url = _url_of(str(where))
        self._lock = threading.Lock()
        if self._file:
            _make_private(self._file)
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
            self._prepare()

    def __repr__(self) -> str:
        return f"<Archive {self.name}>"

    @property
    def name(self) -> str:
        """Where the archive is, without a password."""
        return str(self._file or self.url.render_as_string(hide_password=True))

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
        known = {s.id: s for s in [*(m.session for m in messages), *sessions]}
        with self._lock, self._telling("written"), self._writing() as connection:
            for session in known.values():
                self._put_session(connection, session)
            return [self._put_message(connection, message) for message in messages]

    def count(self) -> int:
        """How many messages there are."""
        return int(self._scalar(sa.select(sa.func.count()).select_from(schema.messages)))

    def last_id(self) -> int:
        """The number of the newest message; 0 when there is none."""
        return int(self._scalar(sa.select(sa.func.max(schema.messages.c.id))) or 0)

    def ids(self) -> list[int]:
        """The numbers of all messages, oldest first."""
        return [
            row[0]
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
        return [_message_of(row._mapping) for row in self._rows(query)]  # noqa: SLF001  # SQLAlchemy's own public name

    def sessions(self) -> list[StoredSession]:
        """All sessions, oldest first, also those no message came of."""
        query = sa.select(schema.sessions).order_by(schema.sessions.c.started_at)
        return [_session_of(row._mapping) for row in self._rows(query)]  # noqa: SLF001

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).all()

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self._telling("read"), self._engine.connect() as connection:
            return connection.execute(query).scalar()

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

    @staticmethod
    def _put_session(connection: sa.Connection, session: StoredSession) -> None:
        row = asdict(session) | {
            "started_at": micros(session.started_at),
            "ended_at": micros(session.ended_at) if session.ended_at else None,
        }
        t = schema.sessions
        if not connection.execute(sa.update(t).where(t.c.id == session.id).values(row)).rowcount:
            connection.execute(sa.insert(t).values(row))

    @staticmethod
    def _put_message(connection: sa.Connection, message: StoredMessage) -> int:
        row = {
            "session_id": message.session.id,
            "received_at": micros(message.received_at),
            "mail_from": message.mail_from,
            "rcpt_to": list(message.rcpt_to),
            "mail_options": list(message.mail_options),
            "size": len(message.raw),
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
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _session_of(row: Any, prefix: str = "") -> StoredSession:
    values = {c.name: row[prefix + c.name] for c in schema.sessions.c}
    values["started_at"] = from_micros(values["started_at"])
    values["ended_at"] = from_micros(values["ended_at"]) if values["ended_at"] else None
    return StoredSession(**values)


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
    )
