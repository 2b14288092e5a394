"""The tables of an archive, for every engine SQLAlchemy speaks.

Times are whole microseconds since 1970 in UTC: the same number on every engine, sorted and compared
without a time zone in sight. The raw bytes stand in a table of their own, so that listing a hundred
thousand messages does not read them.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

__all__ = ("VERSION", "facts", "fetched", "lines", "messages", "metadata", "raws", "sessions")

VERSION = 2
"""Raised by one with every change of the tables, together with a migration."""

metadata = MetaData()

facts = Table(
    "smtp_lab",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
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
)

# A line each, so that a long session is written once and not again with each of its messages.
lines = Table(
    "lines",
    metadata,
    Column("session_id", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("direction", String(1), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("text", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("tls", Boolean, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    # Integer, not BigInteger: only so does SQLite number the rows itself.
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session_id", String(32), ForeignKey("sessions.id"), nullable=False, index=True),
    Column("received_at", BigInteger, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("rcpt_to", JSON, nullable=False),
    Column("mail_options", JSON, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    sqlite_autoincrement=True,
)

raws = Table(
    "raws",
    metadata,
    Column("message_id", Integer, ForeignKey("messages.id"), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)

# What was fetched from a mailbox, so that it is not fetched again. Since version 2.
fetched = Table(
    "fetched",
    metadata,
    Column("mailbox", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("message_id", Integer, ForeignKey("messages.id"), nullable=False),
)
