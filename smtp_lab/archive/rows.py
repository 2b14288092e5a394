"""What becomes of a message and a session in the tables, and of the tables again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from smtp_lab.archive.records import StoredMessage, StoredSession, from_micros, micros

__all__ = ("Known", "Rows", "dialogue", "message_of", "piece", "session_of")

_ABOUT = ("door", "peer", "ehlo", "tls_version", "tls_cipher", "login", "mechanism", "login_ok")
_about = attrgetter("ended_at", *_ABOUT)
_line = attrgetter("direction", "stage", "text", "at", "tls")
_LINE = ("direction", "stage", "text", "at", "tls")
_MANY = 20_000  # sessions that are remembered: those that never ended must not fill the memory

# One encoder for all: json.dumps would make one for each value.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def piece(transcript: dict[str, Any]) -> str:
    """The lines of *transcript*, as the tables keep them; empty when there is none."""
    lines = transcript.get("lines")
    if not lines:
        return ""
    first = transcript.get("first", 0)
    if isinstance(lines[0], str):
        return f"[{first},{','.join(lines)}]\n"
    cells = [[x[name] for name in _LINE] if isinstance(x, dict) else _line(x) for x in lines]
    return _json([first, *cells]) + "\n"


def _names(texts: tuple[str, ...]) -> str:
    if len(texts) == 1 and (one := texts[0]).isprintable() and '"' not in one and "\\" not in one:
        return f'["{one}"]'
    return _json(texts)


def dialogue(pieces: Iterable[str], upto: int | None = None) -> list[dict[str, Any]]:
    """The lines in *pieces*, or the first *upto*, in order; one that was kept twice is one."""
    found: dict[int, list[Any]] = {}
    for text in pieces:
        for line in text.splitlines():
            first, *cells = json.loads(line)
            found.update(enumerate(cells, first))
    return [_line_of(found[n]) for n in sorted(found) if upto is None or n < upto]


def _line_of(cells: list[Any]) -> dict[str, Any]:
    line = dict(zip(_LINE, cells, strict=True))
    if isinstance(line["at"], int):
        line["at"] /= 1_000_000  # whole microseconds
    return line


class Known:
    """What is in the row of each session that goes on, so that it is written when it changes."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}

    def forget(self) -> None:
        """Write each session anew: what was thought to be stored may not be."""
        self._rows.clear()

    def with_message(self, session: StoredSession, number: int) -> tuple[Any, ...] | None:
        """The row to write for *session*, which message *number* came over; None for none."""
        about, row = _about(session), self._rows.get(session.id)
        if row is None:
            if len(self._rows) >= _MANY:
                self.forget()
            self._rows[session.id] = [about, number]
            return _session(session, first=number)
        row[1] = number
        if row[0] == about:
            return None
        row[0] = about
        return _session(session)

    def alone(self, session: StoredSession) -> tuple[Any, ...]:
        """The row to write for *session* itself, at its end."""
        row = self._rows.pop(session.id, None)
        last = row[1] if row and session.ended_at else None
        return _session(session, last=last, said=piece(session.transcript))


def _session(
    session: StoredSession, first: int | None = None, last: int | None = None, said: str = ""
) -> tuple[Any, ...]:
    ended = micros(session.ended_at) if session.ended_at else None
    about = [getattr(session, name) for name in _ABOUT]
    return (session.id, micros(session.started_at), ended, *about, first, last, said)


@dataclass
class Rows:
    """The rows of one transaction, each in the order of its table's columns."""

    sessions: list[tuple[Any, ...]] = field(default_factory=list)
    messages: list[tuple[Any, ...]] = field(default_factory=list)
    raws: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[int, str]] = field(default_factory=list)
    mailboxes: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession],
        number: int,
        known: Known,
    ) -> Rows:
        """The rows of *messages*, the first of which gets *number*, and of *sessions*."""
        rows = cls()
        for message in messages:
            session = message.session
            row = known.with_message(session, number)
            if row is not None:
                rows.sessions.append(row)
            options = message.mail_options
            rows.messages.append(
                (
                    number,
                    session.id,
                    micros(message.received_at),
                    message.mail_from,
                    _names(message.rcpt_to),
                    _json(options) if options else "[]",
                    _json(message.rcpt_options) if any(message.rcpt_options) else "[]",
                    len(message.raw),
                    message.lines,
                )
            )
            rows.raws.append((number, piece(session.transcript), message.raw))
            if message.tags or message.mailboxes:
                rows.tags += [(number, tag) for tag in message.tags]
                rows.mailboxes += [(number, mailbox) for mailbox in message.mailboxes]
            number += 1
        rows.sessions += [known.alone(session) for session in sessions]
        return rows


def session_of(row: Any, prefix: str = "") -> StoredSession:
    """The session in *row*, whose columns' names begin with *prefix*."""
    values = {name: row[prefix + name] for name in ("id", *_ABOUT)}
    ended = row[prefix + "ended_at"]
    return StoredSession(
        **values,
        started_at=from_micros(row[prefix + "started_at"]),
        ended_at=from_micros(ended) if ended is not None else None,
    )


def message_of(row: Any) -> StoredMessage:
    """The message in *row*, its session's columns called ``s_…``."""
    received = from_micros(row["received_at"])
    # A session may be gone where somebody's retention took it for abandoned.
    gone = row["s_id"] is None
    return StoredMessage(
        raw=bytes(row.get("raw", b"")),
        mail_from=row["mail_from"],
        rcpt_to=tuple(row["rcpt_to"]),
        mail_options=tuple(row["mail_options"]),
        rcpt_options=tuple(map(tuple, row["rcpt_options"])),
        received_at=received,
        session=StoredSession(row["session_id"], received, "", "")
        if gone
        else session_of(row, "s_"),
        id=row["id"],
        size=row["size"],
        lines=row["lines"],
    )
