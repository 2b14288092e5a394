"""A search as SQL: the same question to every engine, and so the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from smtp_lab.archive import fulltext, schema
from smtp_lab.archive.language import All, Any_, Node, Not, Term
from smtp_lab.archive.reading import within

__all__ = ("Ground", "messages_that", "sessions_that")

_COLUMNS = {
    "to": ("to",),
    "cc": ("cc",),
    "bcc": ("bcc",),
    "reply-to": ("reply_to",),
    "from": ("from", "mail_from"),
    "sender": ("mail_from",),
    "rcpt": ("rcpt",),
    "addressed": ("from", "mail_from", "to", "cc", "bcc", "reply_to", "rcpt"),
    "subject": ("subject",),
    "file": ("files",),
    "text": ("text",),
}
"""In which columns of ``contents`` a field looks. What stands in them stands in ``text`` too."""

_OF_A_SESSION = {
    "from": ("mail_from",),
    "sender": ("mail_from",),
    "to": ("rcpt",),
    "rcpt": ("rcpt",),
    "addressed": ("mail_from", "rcpt"),
    "login": ("login",),
    "text": ("text",),
}

_THREES = 50  # more of them leave hardly anything out, and take their time
_Clause = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Ground:
    """What a search stands on.

    Attributes:
        engine: ``sqlite`` or ``postgresql``.
        indexed: Whether SQLite has the full-text index.
        tags: Every tag as it is kept, by what it is folded.
        mailboxes: The same for the names of mailboxes.
    """

    engine: str
    indexed: bool = False
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mailboxes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def messages_that(
    node: Node, ground: Ground, after: int = 0, mailbox: str | None = None
) -> sa.Select[Any]:
    """The query for the numbers of the messages that are as *node* says, in order.

    Args:
        node: What is asked for.
        ground: Where.
        after: Only messages with a number above this.
        mailbox: Only those in this mailbox.
    """
    m, t, s = schema.messages, schema.contents, schema.sessions
    query = (
        sa.select(m.c.id)
        .select_from(m)
        .outerjoin(t, t.c.message_id == m.c.id)
        .outerjoin(s, s.c.id == m.c.session_id)
        .where(m.c.id > after, _joined(node, partial(_of_message, ground)))
        .order_by(m.c.id)
    )
    return within(query, mailbox)


def sessions_that(node: Node) -> sa.Select[Any]:
    """The query for the ids of the sessions whose end is as *node* says, oldest first."""
    e, s = schema.endings, schema.sessions
    return (
        sa.select(s.c.id)
        .select_from(e)
        .join(s, s.c.id == e.c.session_id)
        .where(e.c.complete, _joined(node, _of_session))
        .order_by(s.c.started_at, s.c.id)
    )


def _joined(node: Node, leaf: Callable[[Term], _Clause]) -> _Clause:
    match node:
        case Not(of):
            return sa.not_(_joined(of, leaf))
        case All(of):
            return sa.and_(sa.true(), *[_joined(part, leaf) for part in of])
        case Any_(of):
            return sa.or_(*[_joined(part, leaf) for part in of])
    return leaf(node)


def _of_message(ground: Ground, term: Term) -> _Clause:
    t = schema.contents
    if term.field in _PLAIN:
        return _PLAIN[term.field](term.value)
    match term.field:
        case "body":
            found = sa.func.substr(t.c.text, t.c.body_at + 1).contains(term.value, autoescape=True)
            return sa.and_(*_quick(term.value, indexed=ground.indexed), found)
        case "header":
            return _has_header(term, ground.engine)
        case "tag":
            return _labelled(schema.tags, "tag", ground.tags.get(term.value, ()))
        case "mailbox":
            return _labelled(schema.mailboxes, "mailbox", ground.mailboxes.get(term.value, ()))
    columns = [t.c[name] for name in _COLUMNS[term.field]]
    found = sa.or_(*[column.contains(term.value, autoescape=True) for column in columns])
    return sa.and_(*_quick(term.value, indexed=ground.indexed), found)


def _is(word: str) -> _Clause:
    if word == "tagged":
        return sa.exists().where(schema.tags.c.message_id == schema.messages.c.id)
    return _marked(schema.contents.c.marks, word)


_PLAIN: dict[str, Callable[[Any], _Clause]] = {
    "has": _is,
    "is": _is,
    "login": lambda value: schema.contents.c.login.contains(value, autoescape=True),
    "larger": lambda value: sa.and_(schema.messages.c.size > value),
    "smaller": lambda value: sa.and_(schema.messages.c.size < value),
    "after": lambda value: sa.and_(schema.messages.c.received_at >= value),
    "before": lambda value: sa.and_(schema.messages.c.received_at < value),
    "tls": lambda value: _encrypted(schema.sessions.c.tls_version, value),
}
"""Fields that look at one column in one way."""


def _of_session(term: Term) -> _Clause:
    e, s = schema.endings, schema.sessions
    match term.field:
        case "has" | "is":
            return _marked(e.c.marks, term.value)
        case "after":
            return sa.and_(s.c.started_at >= term.value)
        case "before":
            return sa.and_(s.c.started_at < term.value)
        case "tls":
            return _encrypted(s.c.tls_version, term.value)
    columns = [e.c[name] for name in _OF_A_SESSION.get(term.field, ())]
    found = [column.contains(term.value, autoescape=True) for column in columns]
    return sa.or_(sa.false(), *found)


def _quick(value: str, *, indexed: bool) -> list[_Clause]:
    """What the full-text index can say beforehand: nothing that it leaves out holds *value*."""
    if len(value) < fulltext.SHORTEST:
        return []
    t = schema.contents
    if not indexed:
        return [t.c.text.contains(value, autoescape=True)]  # PostgreSQL's index knows LIKE
    threes = list(dict.fromkeys(value[at : at + 3] for at in range(len(value) - 2)))[:_THREES]
    wanted = " ".join('"' + three.replace('"', '""') + '"' for three in threes)
    fts = sa.table(fulltext.TABLE, sa.column("rowid"))
    here = sa.literal_column(fulltext.TABLE).op("MATCH")(wanted)
    # Of the messages, not of their contents: so SQLite begins with what the index knows, and does
    # not look at every message.
    return [schema.messages.c.id.in_(sa.select(fts.c.rowid).where(here))]


def _labelled(table: sa.Table, column: str, names: Sequence[str]) -> _Clause:
    some = sa.select(table.c.message_id).where(table.c[column].in_(names))
    return schema.messages.c.id.in_(some)


def _marked(marks: sa.ColumnElement[str], word: str) -> _Clause:
    return marks.contains(f" {word} ", autoescape=True)


def _encrypted(version: sa.ColumnElement[str], wanted: str) -> _Clause:
    known = sa.func.coalesce(version, "")
    if wanted in ("yes", "no"):
        return known == "" if wanted == "no" else known != ""
    return known == ("TLSv1" if wanted == "1.0" else f"TLSv{wanted}")


def _has_header(term: Term, engine: str) -> _Clause:
    """Headers are kept as JSON, pairs of name and value: each engine takes it apart by itself."""
    t = schema.contents
    # Before anything is taken apart; within JSON some letters are written otherwise.
    said = [json.dumps(part, ensure_ascii=False)[1:-1] for part in (term.name, term.value) if part]
    quick = [t.c.headers.contains(part, autoescape=True) for part in said]
    name: sa.ColumnElement[Any]
    value: sa.ColumnElement[Any]
    if engine == "sqlite":
        pairs = sa.func.json_each(t.c.headers).table_valued("value", name="pairs")
        name, value = (sa.func.json_extract(pairs.c.value, f"$[{n}]") for n in (0, 1))
    else:
        whole = sa.cast(t.c.headers, sa.JSON)
        pairs = sa.func.json_array_elements(whole).table_valued("value", name="pairs")
        name, value = (pairs.c.value.op("->>")(sa.literal_column(str(n))) for n in (0, 1))
    same = sa.and_(
        name == term.name, sa.cast(value, sa.String).contains(term.value, autoescape=True)
    )
    return sa.and_(*quick, sa.select(sa.literal(1)).select_from(pairs).where(same).exists())
