"""The messages in an mbox file, in the forms in which programs write one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.utils import parsedate_tz
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ("Entry", "begins_mbox", "entries", "in_utc")

_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_MARK = b"\xef\xbb\xbf"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_FROM = re.compile(
    r"From (?P<sender>.*?)\b(?P<when>(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +)?"
    rf"(?:(?:{_MONTHS}) +[0-9]|[0-9]{{1,2}} +(?:{_MONTHS}) ).*)"
)
_LONGEST = 64 * 2**10  # octets of a line that stands before a message
_CHUNK = 2**20
_BLANK = (b"\n", b"\r\n")
_HEAD = 64 * 2**10  # octets that are searched for a date
# What mail programs of Europe and Japan wrote; RFC 5322 knows those of America.
_HOURS = {
    **dict.fromkeys(("CET", "MET", "BST", "WEST"), 1),
    **dict.fromkeys(("CEST", "MEST", "EET"), 2),
    "EEST": 3,
    "JST": 9,
}
_ZONE = re.compile(rf"\b(?:{'|'.join(_HOURS)})\b")


class Entry(NamedTuple):
    """A message out of an mbox.

    Attributes:
        raw: Its octets, lines ended by CRLF.
        moment: When it came: what the line before it says, else its header Date, else None.
        sender: The address in the line before it, or empty.
    """

    raw: bytes
    moment: datetime | None
    sender: str


def in_utc(moment: datetime) -> datetime | None:
    """*moment* in UTC, taken for UTC without a zone; None where no mail can have come then."""
    try:
        found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
    return found if 1970 <= found.year < 9999 else None


def begins_mbox(path: Path, *, dated: bool) -> bool:
    """Whether the file at *path* begins with a line of an mbox; *dated*: one with a date in it."""
    with path.open("rb") as file:
        line = _first(file)
    return line.startswith(b"From ") and (not dated or _said(line)[1] is not None)


def entries(path: Path, check: Callable[[int], None]) -> Iterator[Entry]:
    """The messages of the mbox at *path*, one after the other.

    A message begins at a line that begins with From, has a date in it and stands behind a blank
    line. Where the first of them has no date, none needs one. Content-Length is not looked at:
    whoever writes a mail could hide the next one with it.

    Args:
        path: The file.
        check: Is told how many octets a message has so far; may raise.
    """
    with path.open("rb") as file:
        before = _first(file)
        dated = _said(before)[1] is not None
        # Not line by line: a mail of a million lines would take a hundred times its size, and long.
        held, at, more = bytearray(), 0, True
        while more:
            chunk = file.read(_CHUNK)
            held += chunk
            more = bool(chunk)
            while (cut := _cut(held, at, dated=dated, whole=not more)).line:
                yield _entry(before, held[: cut.at])
                del held[: cut.at + len(cut.line)]
                before, at = cut.line, 0
            at = cut.at
            check(len(held))
        yield _entry(before, held)


class _Cut(NamedTuple):
    """Where the next message begins, with the line before it; without, where to go on looking."""

    at: int
    line: bytes = b""


def _cut(held: bytearray, at: int, *, dated: bool, whole: bool) -> _Cut:
    """Look from *at* on for the line that begins a message; *whole*: nothing follows *held*."""
    while (found := held.find(b"\nFrom ", at)) >= 0:
        end = held.find(b"\n", found + 1) + 1
        if not end and not whole and len(held) - found < _LONGEST:
            return _Cut(found)
        line = bytes(held[found + 1 : end or len(held)])
        if _ends_blank(held, found + 1) and (not dated or _said(line)[1] is not None):
            return _Cut(found + 1, line)
        at = found + 1
    return _Cut(max(at, len(held) - len(b"\nFrom")))


def _ends_blank(held: bytearray, end: int) -> bool:
    """Whether a blank line ends at *end*."""
    line = bytes(held[max(end - 3, 0) : end])
    return line.endswith((b"\n\n", b"\n\r\n")) or (end == len(line) and line in _BLANK)


def _first(file: BinaryIO) -> bytes:
    line = file.readline(_LONGEST).removeprefix(_MARK)
    while line and not line.strip():
        line = file.readline(_LONGEST)
    return line


def _entry(before: bytes, held: bytearray) -> Entry:
    # The blank line at the end belongs to the From line behind.
    if _ends_blank(held, len(held)):
        del held[-2 if held.endswith(b"\r\n") else -1 :]
    raw = bytes(held)
    del held[:]
    # Not with an expression: its pieces would take a hundred times as much.
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    raw = _QUOTED.sub(rb"\1", raw)
    sender, moment = _said(before)
    return Entry(raw, moment or _date(raw), sender)


def _said(line: bytes) -> tuple[str, datetime | None]:
    """The sender and the moment in a line that begins with From."""
    text = line.decode("utf-8", "replace").strip() if len(line) <= _LONGEST else ""
    found = _FROM.fullmatch(text)
    moment = _moment(found["when"]) if found else None
    sender = found["sender"].strip() if found and moment else text[5:].partition(" ")[0]
    # Google Takeout writes a number of its own @xxx.
    known = "@" in sender and sender.isprintable() and not sender.endswith("@xxx")
    return sender if known else "", moment


def _date(raw: bytes) -> datetime | None:
    head = raw[:_HEAD].partition(b"\r\n\r\n")[0]
    return _moment(str(message_from_bytes(head).get("Date", "")))


def _moment(text: str) -> datetime | None:
    # It knows the year before and behind the zone, and times without seconds.
    try:
        said = parsedate_tz(_ZONE.sub(lambda zone: f"+{_HOURS[zone[0]]:02d}00", text))
        if said is None:
            return None
        return in_utc(datetime(*said[:6], tzinfo=timezone(timedelta(seconds=said[9] or 0))))
    except (ValueError, OverflowError):
        return None
