"""What is put on a message beside its envelope: tags, and the mailboxes it belongs to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from smtp_lab.archive import schema
from smtp_lab.errors import InputError

__all__ = ("LONGEST", "add_tags", "label", "labels", "remove_tags")

LONGEST = 100
"""Characters of a tag, or of a mailbox's name."""


def label(field: str, text: Any) -> str:
    """A tag or the name of a mailbox, in the one form in which it is kept (Unicode's NFC).

    Raises:
        InputError: *text*, the value of *field*, cannot be one.
    """
    if not isinstance(text, str):
        raise InputError.of(field, f"is a {type(text).__name__}", "give a text, such as class-a")
    kept = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(kept) <= LONGEST:
        fix = f"give 1 to {LONGEST} characters"
        raise InputError.of(field, "is empty" if not kept else "is too long", fix)
    if not kept.isprintable():
        fix = "leave them out"
        raise InputError.of(field, "holds characters that cannot be shown", fix)
    return kept


def labels(field: str, given: Any) -> tuple[str, ...]:
    """Tags or names of mailboxes, each once, from one text or several.

    Raises:
        InputError: *given*, the value of *field*, is neither, or one of them cannot be used.
    """
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        fix = 'give a list of texts, such as ["class-a"]'
        raise InputError.of(field, f"is a {type(given).__name__}", fix)
    return tuple(dict.fromkeys(label(field, one) for one in given))


# SQLAlchemy has no word of its own for it that both engines share.
_ADD = sa.text(
    "INSERT INTO tags (message_id, tag) SELECT id, :tag FROM messages WHERE id = :n "
    "ON CONFLICT DO NOTHING"
)


def add_tags(connection: sa.Connection, ids: Sequence[int], tags: Sequence[str]) -> None:
    """Give *tags* to the messages with the numbers *ids*, in the transaction of *connection*."""
    connection.execute(_ADD, [{"n": n, "tag": tag} for n in ids for tag in tags])


def remove_tags(connection: sa.Connection, ids: Sequence[int], tags: Sequence[str]) -> None:
    """Take *tags* from the messages with the numbers *ids*, in the transaction of *connection*."""
    t = schema.tags
    one = sa.and_(t.c.message_id == sa.bindparam("n"), t.c.tag == sa.bindparam("label"))
    connection.execute(sa.delete(t).where(one), [{"n": n, "label": x} for n in ids for x in tags])
