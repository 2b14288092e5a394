"""What the tests of the archive share."""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa

from smtp_lab.archive import StoredMessage, StoredSession

WHEN = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def a_session(**changes):
    values = {"id": uuid.uuid4().hex, "started_at": WHEN, "door": "starttls", "peer": "127.0.0.1:9"}
    return StoredSession(**(values | changes))


def a_message(raw=b"Subject: x\r\n\r\nhi\r\n", **changes):
    values = {
        "raw": raw,
        "mail_from": "ann@example.com",
        "rcpt_to": ("bob@example.org",),
        "received_at": WHEN,
        "session": a_session(),
    }
    return StoredMessage(**(values | changes))


def one_sentence(error):
    """The text of a caught error, which is one sentence."""
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    assert text.endswith(".")
    return text


@contextlib.contextmanager
def outside(url):
    """A connection to an archive as another program would have it, each statement by itself."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout=10000")
        yield connection


@contextlib.contextmanager
def locked(archive):
    """Holds the write lock of an archive from a connection of its own."""
    with outside(archive.url) as connection:
        if archive.url.get_backend_name() == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("LOCK TABLE counters IN EXCLUSIVE MODE")
        yield
        connection.exec_driver_sql("COMMIT")
