"""How many clients came to an archive's sinks, and which were the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.archive.reading import Reader

__all__ = ("Came", "Tally", "messages_by_session", "newest", "tally")


class Tally(NamedTuple):
    """What is in an archive, in numbers.

    Attributes:
        messages: How many there are.
        octets: Of all raw messages.
        sessions: How many there are.
        refused: Of these, the ones that ended with something refused, as far as they were read.
    """

    messages: int
    octets: int
    sessions: int
    refused: int


class Came(NamedTuple):
    """What can change of a session, so that two looks can be compared.

    Attributes:
        id: The session's.
        ended_at: Microseconds since 1970, or None while it lasts.
        first_message: Number of its first message, or None.
    """

    id: str
    ended_at: int | None
    first_message: int | None


def tally(archive: Reader) -> Tally:
    """Count what is in *archive*; however much there is, nothing is read of a message.

    Raises:
        ArchiveError: It cannot be read.
    """
    c, e, s = schema.counters, schema.endings, schema.sessions
    sessions = sa.select(sa.func.count()).select_from(s).scalar_subquery()
    refused = sa.select(sa.func.count()).select_from(e).where(e.c.marks.contains(" refused "))
    query = sa.select(c.c.messages, c.c.bytes, sessions.label("s"), refused.scalar_subquery())
    return Tally(*(int(count) for count in archive.rows(query)[0].values()))


def newest(archive: Reader, skip: int, limit: int) -> list[Came]:
    """The sessions that began last, newest first, without the newest *skip*, *limit* at the most.

    Raises:
        ArchiveError: It cannot be read.
    """
    s = schema.sessions
    query = (
        sa.select(s.c.id, s.c.ended_at, s.c.first_message)
        .order_by(s.c.started_at.desc(), s.c.id.desc())
        .limit(limit)
        .offset(skip)
    )
    return [Came(*row.values()) for row in archive.rows(query)]


def messages_by_session(archive: Reader, ids: Sequence[Came]) -> dict[str, int]:
    """How many messages came over each of some sessions; one without any is left out.

    Raises:
        ArchiveError: It cannot be read.
    """
    m = schema.messages
    with_mail = [came for came in ids if came.first_message is not None]
    if not with_mail:
        return {}
    # A session has no index of its messages, but it knows the first.
    since = min(came.first_message or 0 for came in with_mail)
    query = (
        sa.select(m.c.session_id, sa.func.count().label("n"))
        .where(m.c.id >= since, m.c.session_id.in_([came.id for came in with_mail]))
        .group_by(m.c.session_id)
    )
    return {row["session_id"]: row["n"] for row in archive.rows(query)}
