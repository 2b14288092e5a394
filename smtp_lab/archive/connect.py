"""Connections to an archive, made ready for use."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from smtp_lab.archive.address import name_of
from smtp_lab.archive.trouble import busy
from smtp_lab.errors import ArchiveError

__all__ = ("engine_for",)

# What libpq would leave to the system, which waits for minutes (its manual, 34.1.2).
_BOUNDS = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}


def engine_for(url: sa.URL, patience: float, *, shared: bool) -> sa.Engine:
    """The engine for *url*.

    Args:
        url: A SQLite file or a PostgreSQL database.
        patience: Seconds to wait for a lock.
        shared: Whether the file lies on a network file system. A write-ahead log needs memory that
            all its users share, which there is none of between machines.

    Raises:
        ArchiveError: The driver is not installed.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if not sqlite:
        url = url.update_query_dict({k: v for k, v in _BOUNDS.items() if k not in url.query})
    # Every statement stands alone unless a transaction is begun by its name: SQLite's driver would
    # begin a deferred one, which fails with "database is locked" where two processes write.
    try:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=not sqlite)
    except ImportError:
        raise ArchiveError(
            f"The archive {name_of(url)} needs the driver psycopg; "
            'install it with: pip install "smtp_lab[postgres]".'
        ) from None
    except ArgumentError as error:
        raise ArchiveError(f"The archive {name_of(url)} cannot be opened ({error}).") from None
    ready = _sqlite(patience, shared=shared) if sqlite else _postgres(patience)
    sa.event.listen(engine, "connect", ready)
    return engine


def _postgres(patience: float) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(patience * 1000) or 1}")
        connection.execute("SET timezone = 'UTC'")
        connection.commit()

    return prepare


def _sqlite(patience: float, *, shared: bool) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
        # Of a new file: a large message takes half the time that it takes in pages of 4 KiB.
        connection.execute("PRAGMA page_size=16384")
        _set_journal(connection, "DELETE" if shared else "WAL", patience)
        # A log that is deleted is gone for good only once its folder is synced: EXTRA does that.
        # Else NORMAL: what must survive a loss of power is written by the pen, which sets it.
        connection.execute(f"PRAGMA synchronous={'EXTRA' if shared else 'NORMAL'}")
        # 16 MiB: fewer and longer pauses to move the log into the file.
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA wal_autocheckpoint={2**24 // page}")
        connection.execute("PRAGMA journal_size_limit=67108864")

    return prepare


def _set_journal(connection: Any, mode: str, patience: float) -> None:
    """Set the journal, however many programs open a new archive at the same moment.

    SQLite does not wait here, whatever its busy timeout: two that switch at once would wait for
    each other.
    """
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            if not busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
