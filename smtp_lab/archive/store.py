"""Opening, reading and writing an archive."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import index
from pathlib import Path

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.address import file_of, make_private, name_of, url_of
from smtp_lab.archive.connect import engine_for
from smtp_lab.archive.fetched import add_fetched
from smtp_lab.archive.forking import PATIENCE, Gate, look_after
from smtp_lab.archive.labels import add_tags, labels, remove_tags
from smtp_lab.archive.migrations import migrate, version_of
from smtp_lab.archive.pen import Synchronous, pen_for
from smtp_lab.archive.place import network_file_system
from smtp_lab.archive.reading import Reader
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.retention import Retention, aged, prune, remove
from smtp_lab.errors import ArchiveError, ArchiveUnavailableError, InputError

__all__ = ("LOCK_TIMEOUT", "Archive")

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another program that has locked an archive."""


class Archive(Reader):
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

    Attributes:
        swift: Whether it is a file on this machine: `add` takes no time worth mentioning then, but
            for the disk.

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
        number = isinstance(lock_timeout, int | float) and not isinstance(lock_timeout, bool)
        if not number or not 0 <= lock_timeout <= 3600:
            problem = f"{lock_timeout!r} is not between 0 and 3600"
            raise InputError.of("lock_timeout", problem, "give seconds to wait")
        self._create = create
        self._lock, self._gate = threading.Lock(), Gate()
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
        self.swift = self._file is not None and not shared
        with self._telling("opened"):
            self._prepare()
        self._seen = self._identity()
        look_after(self)

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

    def before_fork(self) -> None:
        """Close every connection, and let nobody open one: a fork must not copy it."""
        self._held = self._lock.acquire(timeout=PATIENCE)
        self._closed = self._gate.shut() and self._held
        if self._closed:
            self._pen.close()
            self._engine.dispose()

    def after_fork(self, *, in_child: bool) -> None:
        """Let everybody go on; what could not be closed is of no use in the forked process."""
        if in_child:
            self._lock, self._gate = threading.Lock(), Gate()
            if not self._closed:
                self._left = self._engine, self._pen  # never closed here: they are the parent's
                self._lost = True
            return
        self._gate.open()
        if self._held:
            self._lock.release()

    # --- writing ------------------------------------------------------------------------------

    def add(
        self,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession] = (),
        *,
        wait: bool = True,
    ) -> list[int]:
        """Store *messages* with their sessions, and *sessions*, in one transaction.

        When this returns, they are committed.

        Args:
            messages: To be numbered in this order.
            sessions: Without a message, or at their end.
            wait: Whether to wait for others who write; where it is `swift` there is a choice.

        Returns:
            The numbers of the messages.

        Raises:
            ArchiveFullError: There is no room; nothing was stored.
            ArchiveUnavailableError: It is locked, or its server does not answer.
            ArchiveError: Nothing was stored.
        """
        if not self._lock.acquire(blocking=wait):
            raise ArchiveUnavailableError(f"The archive {self.name} is being written.")
        try:
            with self._telling("written"):
                self._look_after_file()
                return self._pen.write(messages, sessions, wait=wait)
        finally:
            self._lock.release()

    def move_log(self) -> None:
        """Move what is in SQLite's log into the file, as far as nobody has to wait for that.

        Others write meanwhile. What they wrote is left; with the next commit that waits it is moved
        too, and the log begins anew.

        Raises:
            ArchiveError: It cannot be written.
        """
        with self._telling("written"), self._connected() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def fetched(self, mailbox: str) -> frozenset[str]:
        """The names, in *mailbox*, of the messages that were fetched from it."""
        t = schema.fetched
        rows = self.rows(sa.select(t.c.name).where(t.c.mailbox == mailbox))
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

    def prune(
        self, retention: Retention, *, now: datetime | None = None, everywhere: bool = False
    ) -> int:
        """Let go of what *retention* does not keep.

        Args:
            retention: The limits.
            now: The moment an age is counted from; by default this one.
            everywhere: Whether to look at the age of every message. By default the first one that
                is young enough ends the search: mail that arrives is in order, and this is quick.

        Returns:
            How many messages went.

        Raises:
            ArchiveError: It cannot be written.
        """
        gone = 0
        if everywhere and retention.age is not None:
            with self.writing() as connection:
                gone = remove(connection, aged(connection, retention.age, now=now))
        while retention:
            with self.writing() as connection:
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
            with self.writing() as connection:
                connection.execute(_SUMMARIZE, rows)

    def add_tags(self, ids: Iterable[int], tags: str | Iterable[str]) -> None:
        """Give each of *tags* to the messages with these numbers.

        One it has already, and a message that is gone, are passed over.

        Raises:
            InputError: A tag is no text of 1 to 100 characters.
            ArchiveError: It cannot be written; nothing was changed.
        """
        self._label(add_tags, ids, labels("tags", tags))

    def remove_tags(self, ids: Iterable[int], tags: str | Iterable[str]) -> None:
        """Take each of *tags* from the messages with these numbers, where they have it.

        Raises:
            InputError: A tag is no text of 1 to 100 characters.
            ArchiveError: It cannot be written; nothing was changed.
        """
        self._label(remove_tags, ids, labels("tags", tags))

    def _label(
        self,
        change: Callable[[sa.Connection, Sequence[int], Sequence[str]], None],
        ids: Iterable[int],
        tags: Sequence[str],
    ) -> None:
        # A cell of a DataFrame is no int, and no database knows it.
        numbers = [index(number) for number in ids]
        if numbers and tags:
            with self.writing() as connection:
                change(connection, numbers, tags)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, for what is built on an archive: all that is done in it, or nothing.

        Raises:
            ArchiveError: It cannot be written.
        """
        with self._lock, self._telling("written"), self._writing() as connection:
            yield connection

    def remove(self, ids: Iterable[int]) -> int:
        """Let go of the messages with these numbers; their sessions stay until retention.

        Returns:
            How many there were.

        Raises:
            ArchiveError: It cannot be written; nothing was changed.
        """
        numbers = sorted({index(number) for number in ids})
        with self.writing() as connection:
            return remove(connection, numbers)

    # --- its place ----------------------------------------------------------------------------

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
        with self._connected() as connection:
            connection.exec_driver_sql(begin)
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(sa.exc.DBAPIError):  # a full disk has ended it already
                    connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def _prepare(self) -> None:
        with self._connected() as connection:
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
