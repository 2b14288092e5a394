"""The tables of an archive, for every engine SQLAlchemy speaks.

Times are whole microseconds since 1970 in UTC: the same number on every engine, sorted and compared
without a time zone in sight. The raw bytes stand in a table of their own, so that listing a hundred
thousand messages does not read them.

What a client and the sink said is kept in pieces: with each message what led up to it, with the
session what came after the last one. A piece is a line of JSON: the number of its first line, then
each line as direction, stage, text, seconds and whether it was encrypted. A piece needs no row of
its own, and no index: the messages of a session are those between its first and its last that name
it. (Rows for lines and an index on the session made a commit two to three times as dear.)

There are no foreign keys: a message and its session are written in one transaction by one piece of
code, and a check of each row would cost a look into another table.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

__all__ = (
    "VERSION",
    "contents",
    "counters",
    "empty_sessions",
    "endings",
    "facts",
    "fetched",
    "mailboxes",
    "messages",
    "metadata",
    "raws",
    "sessions",
    "summaries",
    "tags",
)

VERSION = 5
"""Raised by one with every change of the tables, together with a step in `migrations`."""

metadata = MetaData()

facts = Table(
    "smtp_lab",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

# One row. Whoever writes messages changes it first, which makes writers take turns on every engine
# and gives numbers in the order of the commits: a reader that has seen number 7 never misses a 6.
counters = Table(
    "counters",
    metadata,
    Column("last", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("door", String(16), nullable=False),
    Column("peer", String(64), nullable=False),
    Column("ehlo", String, nullable=False),
    Column("tls_version", String(16), nullable=False),
    Column("tls_cipher", String(64), nullable=False),
    Column("login", String, nullable=False),
    Column("mechanism", String(32), nullable=False),
    Column("login_ok", Boolean),
    Column("first_message", BigInteger),
    Column("last_message", BigInteger),  # once the session has ended, where it is known
    Column("said", String, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    # On SQLite an INTEGER key is the row's own number: no index beside the table.
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("session_id", String(32), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("rcpt_to", JSON, nullable=False),
    Column("mail_options", JSON, nullable=False),
    Column("rcpt_options", JSON, nullable=False, server_default="[]"),
    Column("size", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
)

raws = Table(
    "raws",
    metadata,
    Column(
        "message_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    # Before the raw bytes: what stands after a large value is slow to reach on SQLite.
    Column("said", String, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

# What a reader made of a message, as JSON; it can be made again at any time.
summaries = Table(
    "summaries",
    metadata,
    Column(
        "message_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("reader", Integer, nullable=False),
    Column("summary", String, nullable=False),
)

# What was fetched from a mailbox, so that it is not fetched again, also when it was let go.
fetched = Table(
    "fetched",
    metadata,
    Column("mailbox", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("message_id", BigInteger, nullable=False),
)

# What was put on messages by a rule or by hand; most have nothing here. The rows of a table without
# row numbers lie in the order of the key itself.
tags = Table(
    "tags",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tag", String(100), primary_key=True),
    Index("ix_tags_tag", "tag", "message_id"),
    sqlite_with_rowid=False,
)

# The mailboxes a message belongs to: none, or one, or several, as its recipients may.
mailboxes = Table(
    "mailboxes",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("mailbox", String(100), primary_key=True),
    Index("ix_mailboxes_mailbox", "mailbox", "message_id"),
    sqlite_with_rowid=False,
)

# What a message says, folded as `fold` does it, made behind the writer's back: what a search looks
# through. Columns of addresses have a line for each, which ends with ``<address>``.
contents = Table(
    "contents",
    metadata,
    Column(
        "message_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("marks", String, nullable=False),  # words with a space on either side
    Column("login", String, nullable=False),
    Column("from", String, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("to", String, nullable=False),
    Column("cc", String, nullable=False),
    Column("bcc", String, nullable=False),
    Column("reply_to", String, nullable=False),
    Column("rcpt", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("files", String, nullable=False),
    Column("details", String, nullable=False),  # JSON: its parts, links and codes, not folded
    Column("headers", String, nullable=False),  # JSON: pairs of name and value
    Column("body_at", Integer, nullable=False),  # where in the text the body begins
    # All of the above that is text, and the body. Last: it is large.
    Column("text", String, nullable=False),
)

# The end of a session, from its last message on, in which something was refused, or the whole of
# one that no message came of. A row that is not complete stands for a session that may go on.
endings = Table(
    "endings",
    metadata,
    Column("session_id", String(32), primary_key=True),
    Column("complete", Boolean, nullable=False),
    Column("marks", String, nullable=False),
    Column("login", String, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("rcpt", String, nullable=False),
    Column("text", String, nullable=False),
)

# Found without looking at all sessions. No cost for a session that begins with its first message.
_empty, _open = sessions.c.first_message.is_(None), ~endings.c.complete
empty_sessions = Index(
    "ix_sessions_empty", sessions.c.id, sqlite_where=_empty, postgresql_where=_empty
)
Index("ix_endings_open", endings.c.session_id, sqlite_where=_open, postgresql_where=_open)
