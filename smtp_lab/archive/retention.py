"""How much an archive keeps, and how it lets go of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.records import micros
from smtp_lab.errors import InputError

__all__ = ("THROW_AWAY", "Retention", "aged", "prune", "remove")

_OF_MESSAGES = (schema.summaries, schema.tags, schema.mailboxes, schema.contents, schema.raws)
_AT_ONCE = 500  # messages let go in one transaction: nobody waits long for the lock
_FORGOTTEN = timedelta(days=7)  # a session without an end this old was cut off with its sink


@dataclass(frozen=True)
class Retention:
    """How much an archive keeps: the oldest messages go first, each limit by itself.

    A session goes with the last of its messages; one no message came of, when it is beyond the age
    or older than the newest *count* sessions. A sink looks after it twice a second, so that for a
    moment there may be more. What is let go makes room in the file; the file does not shrink.

    Attributes:
        count: This many messages at the most.
        age: None received longer ago than this. A sink looks at the oldest numbers only: mail that
            was read from files stays behind younger mail until `Inbox.retain` finds it.
        bytes: This many octets of raw messages in all, at the most.

    Raises:
        InputError: A limit is not above nought.
    """

    count: int | None = None
    age: timedelta | None = None
    bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("count", "bytes"):
            number = getattr(self, name)
            if number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise InputError.of(name, f"{number!r} is no limit", "give 1 or more, or None")
        if self.age is None:
            return
        if not isinstance(self.age, timedelta) or self.age <= timedelta():
            raise InputError.of("age", f"{self.age!r} is no age", "give a timedelta above nought")

    def __bool__(self) -> bool:
        return self != Retention()


THROW_AWAY = Retention(count=100_000, bytes=2**30)
"""What a temporary archive keeps: its folder may lie in memory."""


def prune(connection: sa.Connection, retention: Retention, *, now: datetime | None = None) -> int:
    """Let go of what *retention* does not keep, `_AT_ONCE` messages at the most.

    Args:
        connection: In a transaction that may write.
        retention: The limits.
        now: The moment an age is counted from.

    Returns:
        How many messages went.
    """
    c, m = schema.counters, schema.messages
    # Locked like a writer does it: two that prune, or one that prunes and one that writes, take
    # turns (on SQLite the transaction itself is the lock).
    kept = connection.execute(sa.select(c).with_for_update()).mappings().one()
    oldest = connection.execute(
        sa.select(m.c.id, m.c.size, m.c.received_at).order_by(m.c.id).limit(_AT_ONCE)
    ).all()
    moment = now or datetime.now(UTC)
    since = _since(moment, retention.age)
    count, octets, gone = kept["messages"], kept["bytes"], 0
    for row in oldest:
        old = since is not None and row.received_at < since
        if not (old or _over(retention.count, count) or _over(retention.bytes, octets)):
            break
        count, octets, gone = count - 1, octets - row.size, gone + 1
    if gone:
        last = oldest[gone - 1].id
        for table in _OF_MESSAGES:
            connection.execute(sa.delete(table).where(table.c.message_id <= last))
        connection.execute(sa.delete(m).where(m.c.id <= last))
        connection.execute(sa.update(c).values(messages=count, bytes=octets))
    _prune_sessions(connection, retention, since, moment)
    return gone


def aged(connection: sa.Connection, age: timedelta, *, now: datetime | None = None) -> list[int]:
    """The numbers of all messages received longer ago than *age*, wherever they are."""
    m = schema.messages
    since = _since(now or datetime.now(UTC), age)
    if since is None:
        return []
    return list(connection.scalars(sa.select(m.c.id).where(m.c.received_at < since)))


def _since(moment: datetime, age: timedelta | None) -> int | None:
    """What came before it is beyond *age*; None where nothing can be."""
    if age is None:
        return None
    try:
        return micros(moment - age)
    except OverflowError:  # before the year 1
        return None


def remove(connection: sa.Connection, ids: Sequence[int]) -> int:
    """Let go of the messages with the numbers *ids*, in the transaction of *connection*.

    Returns:
        How many there were.
    """
    c, m = schema.counters, schema.messages
    kept = connection.execute(sa.select(c).with_for_update()).mappings().one()
    count = octets = 0
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        about = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(m.c.size), 0))
        found = connection.execute(about.where(m.c.id.in_(some))).one()
        count, octets = count + int(found[0]), octets + int(found[1])
        for table in _OF_MESSAGES:
            connection.execute(sa.delete(table).where(table.c.message_id.in_(some)))
        connection.execute(sa.delete(m).where(m.c.id.in_(some)))
    left = {"messages": kept["messages"] - count, "bytes": kept["bytes"] - octets}
    connection.execute(sa.update(c).values(**left))
    return count


def _over(limit: int | None, value: int) -> bool:
    return limit is not None and value > limit


def _prune_sessions(
    connection: sa.Connection, retention: Retention, since: int | None, now: datetime
) -> None:
    m, s = schema.messages, schema.sessions
    oldest = connection.execute(
        sa.select(m.c.id, m.c.received_at).order_by(m.c.id).limit(1)
    ).first()
    if oldest is None:
        first = connection.execute(sa.select(schema.counters.c.last)).scalar_one() + 1
        begun = micros(now)
    else:
        first, begun = oldest.id, oldest.received_at
    since = since or 0
    if retention.count:
        newest = sa.select(s.c.started_at).order_by(s.c.started_at.desc())
        limit = connection.execute(newest.limit(1).offset(retention.count)).scalar()
        since = max(since, limit + 1 if limit is not None else 0)
    # One without an end may still go on, here or at another sink; after days it does not.
    over = sa.or_(s.c.ended_at.is_not(None), s.c.started_at < micros(now - _FORGOTTEN))
    left = sa.exists().where(m.c.session_id == s.c.id, m.c.id >= first)
    empty = sa.and_(s.c.first_message.is_(None), s.c.started_at < since)
    emptied = sa.case(
        (s.c.first_message >= first, sa.false()),
        (s.c.last_message.is_not(None), s.c.last_message < first),
        # Its sink did not live to say which was the last.
        else_=sa.and_(s.c.first_message.is_not(None), ~left),
    )
    # By the index: all that may go began before the first message that stays, or before the limit.
    early = s.c.started_at <= max(begun, since)
    gone = connection.execute(sa.delete(s).where(early, over, sa.or_(empty, emptied)))
    if gone.rowcount:
        e = schema.endings
        alive = sa.exists().where(s.c.id == e.c.session_id)
        connection.execute(sa.delete(e).where(~alive))
