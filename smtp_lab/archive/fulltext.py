"""The index that finds a text in many: letters in threes, on each engine in its own way.

It only makes searching quick. What is found is decided by comparing text with text, so that an
engine without such an index, and a word shorter than three letters, give the same answer, slower.
"""

from __future__ import annotations

import warnings

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

__all__ = ("SHORTEST", "TABLE", "WITHOUT", "make")

TABLE = "contents_fts"
SHORTEST = 3
"""Letters a word must have for the index to know it."""

# The text stands in the table already (external content); places within it are not needed.
_SQLITE = f"""
CREATE VIRTUAL TABLE {TABLE} USING fts5(
    text, content='contents', content_rowid='message_id', detail=none, columnsize=0,
    tokenize='trigram case_sensitive 1'
);;
CREATE TRIGGER contents_added AFTER INSERT ON contents BEGIN
    INSERT INTO {TABLE} (rowid, text) VALUES (new.message_id, new.text);
END;;
CREATE TRIGGER contents_gone AFTER DELETE ON contents BEGIN
    INSERT INTO {TABLE} ({TABLE}, rowid, text) VALUES ('delete', old.message_id, old.text);
END
"""  # noqa: S608  # of our own names
_CLASS = (
    "SELECT quote_ident(n.nspname) FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace "
    "WHERE o.opcname = 'gin_trgm_ops'"
)

WITHOUT = (
    "Searches of this archive have no index and read every message: its role may not create the "
    "extension pg_trgm, or the server does not have it. Somebody who may can add both at any time: "
    "CREATE EXTENSION pg_trgm; CREATE INDEX ix_contents_text ON contents USING gin (text "
    "gin_trgm_ops);"
)
"""What is told where PostgreSQL will not have the index."""


def make(connection: sa.Connection) -> None:
    """Make the index beside the new table ``contents``, as far as the engine can."""
    if connection.dialect.name == "sqlite":
        _try(connection, *_SQLITE.split(";;"))  # SQLite may be built without FTS5
        return
    where = connection.exec_driver_sql(_CLASS).scalar()
    if where is None:
        # Whoever may make tables may mostly have it too (PostgreSQL's manual, F.33: trusted).
        if not _try(connection, "CREATE EXTENSION pg_trgm WITH SCHEMA public"):
            warnings.warn(WITHOUT, stacklevel=2)
            return
        where = connection.exec_driver_sql(_CLASS).scalar()
    how = f"USING gin (text {where}.gin_trgm_ops)"
    _try(connection, f"CREATE INDEX ix_contents_text ON contents {how}")


def _try(connection: sa.Connection, *statements: str) -> bool:
    connection.exec_driver_sql("SAVEPOINT fulltext")
    try:
        for statement in statements:
            connection.exec_driver_sql(statement)
    except DBAPIError:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT fulltext")
        return False
    finally:
        connection.exec_driver_sql("RELEASE SAVEPOINT fulltext")
    return True
