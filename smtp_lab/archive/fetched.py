"""Mail that was fetched from a mailbox, each message once."""

from __future__ import annotations

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.pen import TABLES, statements
from smtp_lab.archive.records import StoredMessage
from smtp_lab.archive.rows import Known, Rows

__all__ = ("add_fetched",)


def add_fetched(
    connection: sa.Connection, message: StoredMessage, mailbox: str, name: str
) -> int | None:
    """Store *message* in the transaction of *connection*, unless it was fetched before.

    Returns:
        Its number, or None when it was there already.
    """
    c, t = schema.counters, schema.fetched
    # Locked before anyone looks: of two that fetch the same at once, one sees the other's.
    last = connection.execute(sa.select(c.c.last).with_for_update()).scalar_one()
    same = sa.and_(t.c.mailbox == mailbox, t.c.name == name)
    if connection.execute(sa.select(t.c.message_id).where(same)).first() is not None:
        return None
    number = int(last) + 1
    size = c.c.bytes + len(message.raw)
    counted = {"last": number, "messages": c.c.messages + 1, "bytes": size}
    connection.execute(sa.update(c).values(**counted))
    rows = Rows.of([message], (), number, Known())
    sql = statements("?" if connection.dialect.name == "sqlite" else "%s")
    for table in TABLES:
        if values := getattr(rows, table):
            connection.exec_driver_sql(sql[table], values)
    connection.execute(sa.insert(t).values(mailbox=mailbox, name=name, message_id=number))
    return number
