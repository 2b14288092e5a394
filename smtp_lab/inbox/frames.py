"""What is known of messages and sessions as DataFrames: the columns, and how they are filled.

Every table has the same columns of the same types, with rows and without. A text that is not there
is empty, a number or a moment that is not there is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtp_lab.archive.reading import Head
from smtp_lab.archive.records import StoredSession, micros
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.reading import refusals

if TYPE_CHECKING:
    import pandas as pd

__all__ = (
    "COMMANDS",
    "DETAILS",
    "HEADERS",
    "LISTS",
    "MESSAGES",
    "RECIPIENTS",
    "SESSIONS",
    "commands",
    "detailed",
    "frame",
    "headers",
    "messages",
    "recipients",
    "sessions",
)

_MOMENT = "datetime64[us, UTC]"
_REPLY = re.compile(r"([2-5][0-9]{2})(?:[ -]|$)")

MESSAGES = {
    "id": "int64",
    "received_at": _MOMENT,
    "mail_from": "str",
    "rcpt_to": "object",
    "from": "str",
    "to": "object",
    "cc": "object",
    "subject": "str",
    "date": _MOMENT,
    "size": "int64",
    "attachments": "object",
    "message_id": "str",
    "tls_version": "str",
    "login": "str",
    "ehlo": "str",
    "peer": "str",
    "door": "str",
}
LISTS = ("rcpt_to", "to", "cc", "attachments")
RECIPIENTS = {
    "id": "int64",
    "received_at": _MOMENT,
    "recipient": "str",
    "domain": "str",
    "kind": "str",
}
SESSIONS = {
    "id": "str",
    "started_at": _MOMENT,
    "ended_at": _MOMENT,
    "door": "str",
    "peer": "str",
    "ehlo": "str",
    "tls_version": "str",
    "tls_cipher": "str",
    "login": "str",
    "mechanism": "str",
    "login_ok": "boolean",
    "lines": "int64",
    "last_reply": "str",
    "outcome": "str",
    "refusals": "int64",
    "stage": "str",
}
COMMANDS = {
    "session": "str",
    "n": "int64",
    "at": _MOMENT,
    "seconds": "float64",
    "direction": "str",
    "stage": "str",
    "text": "str",
    "code": "Int64",
    "tls": "bool",
}
HEADERS = {"id": "int64", "n": "int64", "name": "str", "value": "str", "raw": "str"}
_PARTS = {
    "id": "int64",
    "path": "str",
    "type": "str",
    "role": "str",
    "charset": "str",
    "encoding": "str",
    "disposition": "str",
    "name": "str",
    "content_id": "str",
    "size": "int64",
    "sha256": "str",
}
_ATTACHMENTS = ("id", "name", "type", "size", "sha256", "role", "content_id", "path")
DETAILS: dict[str, dict[str, str]] = {
    "parts": _PARTS,
    "attachments": {name: _PARTS[name] for name in _ATTACHMENTS},
    "links": {"id": "int64", "url": "str", "text": "str", "where": "str"},
    "codes": {"id": "int64", "code": "str", "context": "str"},
}
"""The columns of what the archive's index keeps of each message."""


def frame(columns: Mapping[str, str], values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The table with *columns*, a type for each, that hold *values*.

    Moments are given as microseconds since 1970.
    """
    import pandas as pd

    return pd.DataFrame({name: _column(values[name], kind) for name, kind in columns.items()})


def _column(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    if kind != _MOMENT:
        return pd.Series(values, dtype=kind)
    missing = np.iinfo(np.int64).min  # NaT, for numpy
    given = np.array([missing if x is None else x for x in values], dtype="int64")
    return pd.Series(pd.DatetimeIndex(given.view("datetime64[us]"), tz="UTC"))


def _turned(rows: Sequence[Sequence[Any]], names: Iterable[str]) -> dict[str, Sequence[Any]]:
    names = list(names)
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def messages(heads: Sequence[Head]) -> pd.DataFrame:
    """A row for each message that has a summary."""
    there = [head for head in heads if head.summary]
    said = json.loads(f"[{','.join([head.summary for head in there])}]")
    names = ("from", "to", "cc", "subject", "date", "attachments", "message_id")
    values: dict[str, Any] = _turned(there, Head._fields) | _turned(said, names)
    values["rcpt_to"] = json.loads(f"[{','.join(values['rcpt_to'])}]")
    for name in ("to", "cc", "attachments", "rcpt_to"):
        values[name] = list(values[name])
    return frame(MESSAGES, values)


def recipients(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each recipient of the messages in *table*, the envelope's and the headers'."""
    rows: list[tuple[int, int, str, str, str]] = []
    received = table["received_at"].dt.tz_localize(None).astype("int64").tolist()
    lists = [table[name].tolist() for name in ("rcpt_to", "to", "cc")]
    for number, moment, *given in zip(table["id"].tolist(), received, *lists, strict=True):
        for kind, shown in zip(("rcpt", "to", "cc"), given, strict=True):
            for text in shown:
                address = text.rpartition("<")[2].removesuffix(">") if text.endswith(">") else text
                _, at, domain = address.rpartition("@")
                rows.append((number, moment, address, domain.lower() if at else "", kind))
    return frame(RECIPIENTS, _turned(rows, RECIPIENTS))


def sessions(found: Sequence[StoredSession]) -> pd.DataFrame:
    """A row for each session."""
    rows = []
    for session in found:
        said = session.transcript.get("lines", [])
        refused = refusals(said)
        about = [getattr(session, name) for name in list(SESSIONS)[3:11]]
        last = next((x["text"] for x in reversed(said) if x["direction"] == "S"), "")
        outcome = _outcome(session, said, refused)
        stage = refused[-1]["stage"] if refused else said[-1]["stage"] if said else ""
        ended = micros(session.ended_at) if session.ended_at else None
        begun = (session.id, micros(session.started_at), ended, *about)
        rows.append((*begun, len(said), last, outcome, len(refused), stage))
    return frame(SESSIONS, _turned(rows, SESSIONS))


def _outcome(session: StoredSession, said: Sequence[Any], refused: Sequence[Any]) -> str:
    accepted = any(
        x["stage"] == "data" and x["direction"] == "S" and x["text"][:3] == "250" for x in said
    )
    if accepted or session.door in ("graph", "import"):
        return "partly" if refused else "mail"
    if session.login_ok is False and refused and refused[-1]["stage"] == "auth":
        return "login refused"
    if refused:
        return "refused"
    if session.ended_at is None:
        return "open"
    return "nothing" if said and said[-1]["text"][:3] == "221" else "dropped"


def commands(found: Sequence[StoredSession]) -> pd.DataFrame:
    """A row for each line of each session."""
    rows = []
    for session in found:
        start = session.started_at
        for n, line in enumerate(session.transcript.get("lines", []), 1):
            at = micros(start + timedelta(seconds=line["at"]))
            reply = _REPLY.match(line["text"]) if line["direction"] == "S" else None
            code = int(reply[1]) if reply else None
            about = (line["direction"], line["stage"], line["text"], code, bool(line["tls"]))
            rows.append((session.id, n, at, line["at"], *about))
    return frame(COMMANDS, _turned(rows, COMMANDS))


def headers(found: Iterable[Captured]) -> pd.DataFrame:
    """A row for each header of each message."""
    rows = [
        (message.id, n, name, value, raw.decode("utf-8", "replace"))
        for message in found
        for n, ((name, value), (_, raw)) in enumerate(
            zip(message.headers, message.raw_headers, strict=True), 1
        )
    ]
    return frame(HEADERS, _turned(rows, HEADERS))


def detailed(kind: str, details: Mapping[int, str]) -> pd.DataFrame:
    """A row for each of one *kind* of things (see `DETAILS`) that messages have.

    Args:
        kind: Which things.
        details: What the index keeps of each message, by its number.
    """
    wanted = DETAILS[kind]
    kept = "parts" if kind == "attachments" else kind
    every = json.loads(f"[{','.join(details.values())}]")
    rows = [
        (number, *row)
        for number, said in zip(details, every, strict=True)
        for row in said[kept]
        if kind != "attachments" or row[2] in ("attachment", "inline")
    ]
    return frame(wanted, _turned(rows, DETAILS[kept]))
