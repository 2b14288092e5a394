"""How an archive of an older version becomes one of this version, a step for each version."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from smtp_lab.archive import fulltext, schema
from smtp_lab.archive.address import name_of
from smtp_lab.archive.rows import piece
from smtp_lab.errors import ArchiveError

__all__ = ("migrate", "version_of")

_LOCK = 0x736D7470  # any number that is ours: the advisory lock of those who make tables


def version_of(connection: sa.Connection) -> int | None:
    """The version of the archive behind *connection*; None where there is none yet."""
    if not sa.inspect(connection).has_table(schema.facts.name):
        return None
    f = schema.facts
    value = connection.execute(sa.select(f.c.value).where(f.c.key == "schema")).scalar()
    return int(value) if value is not None else None


def migrate(connection: sa.Connection) -> None:
    """Make the tables, or bring those of an older version up to date.

    All of it happens in the transaction *connection* is in: whole or not at all.
    """
    if connection.dialect.name == "postgresql":
        # Of two sinks that open a new archive at the same moment, one waits here.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    version = version_of(connection)
    if version is None:
        _leave_others_alone(connection)
        schema.metadata.create_all(connection)
        fulltext.make(connection)
        connection.execute(sa.insert(schema.counters).values(last=0, messages=0, bytes=0))
        connection.execute(sa.insert(schema.facts).values(key="schema", value="0"))
    for step in range(version or schema.VERSION, schema.VERSION):
        _STEPS[step](connection)
    f = schema.facts
    connection.execute(sa.update(f).where(f.c.key == "schema").values(value=str(schema.VERSION)))


def _leave_others_alone(connection: sa.Connection) -> None:
    there = set(sa.inspect(connection).get_table_names()) & set(schema.metadata.tables)
    if there:
        raise ArchiveError(
            f"The database {name_of(connection.engine.url)} has a table {min(there)} of another "
            "program; choose another database, or a schema of its own."
        )


def _from_1(connection: sa.Connection) -> None:
    """What is fetched from a mailbox was not known."""
    schema.fetched.create(connection)


def _from_2(connection: sa.Connection) -> None:
    """Lines of a dialogue had a row each, messages were numbered by the engine."""
    run = connection.exec_driver_sql
    postgres = connection.dialect.name == "postgresql"
    for table in ("messages", "raws", "lines", "fetched") if postgres else ():
        for known in sa.inspect(connection).get_foreign_keys(table):
            run(f"ALTER TABLE {table} DROP CONSTRAINT {known['name']}")
    run("ALTER TABLE messages ADD COLUMN rcpt_options JSON NOT NULL DEFAULT '[]'")
    run("ALTER TABLE sessions ADD COLUMN first_message BIGINT")
    run("ALTER TABLE sessions ADD COLUMN last_message BIGINT")
    run("ALTER TABLE sessions ADD COLUMN said VARCHAR NOT NULL DEFAULT ''")
    run("ALTER TABLE raws ADD COLUMN said VARCHAR NOT NULL DEFAULT ''")
    mine = "FROM messages WHERE session_id = sessions.id"
    run(
        f"UPDATE sessions SET first_message = (SELECT min(id) {mine}), "  # noqa: S608
        f"last_message = (SELECT max(id) {mine})"
    )
    run("DROP INDEX ix_messages_session_id")
    _gather_lines(connection)
    run("DROP TABLE lines")
    schema.counters.create(connection)
    schema.summaries.create(connection)
    last = "SELECT max(id) FROM messages"
    if postgres:
        last = "SELECT last_value FROM messages_id_seq WHERE is_called"
        for table, key in (("messages", "id"), ("raws", "message_id"), ("fetched", "message_id")):
            run(f"ALTER TABLE {table} ALTER COLUMN {key} DROP DEFAULT")
            run(f"ALTER TABLE {table} ALTER COLUMN {key} TYPE BIGINT")
    elif sa.inspect(connection).has_table("sqlite_sequence"):
        # The newest number may be that of a message that is gone; it is not used again.
        last = "SELECT seq FROM sqlite_sequence WHERE name = 'messages'"
    run(
        f"INSERT INTO counters (last, messages, bytes) SELECT coalesce(({last}), 0), count(*), "  # noqa: S608
        "coalesce(sum(size), 0) FROM messages"
    )


def _gather_lines(connection: sa.Connection) -> None:
    old = sa.Table("lines", sa.MetaData(), autoload_with=connection)
    s = schema.sessions
    ids = connection.execute(sa.select(old.c.session_id).distinct()).scalars().all()
    for number in ids:
        query = sa.select(old).where(old.c.session_id == number).order_by(old.c.n)
        found = connection.execute(query).mappings().all()
        lines = [dict(row) for row in found]
        said = piece({"first": lines[0]["n"], "lines": lines})
        connection.execute(sa.update(s).where(s.c.id == number).values(said=said))


def _from_3(connection: sa.Connection) -> None:
    """There were no tags and no mailboxes."""
    schema.tags.create(connection)
    schema.mailboxes.create(connection)


def _from_4(connection: sa.Connection) -> None:
    """Nothing was kept to search in."""
    schema.contents.create(connection)
    fulltext.make(connection)
    schema.endings.create(connection)
    schema.empty_sessions.create(connection)


_STEPS: dict[int, Callable[[sa.Connection], None]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
"""By the version they begin with. A step is never changed once it was released."""
