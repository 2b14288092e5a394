"""A message as a readable text in which what differs each time is masked: what snapshots hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from smtp_lab.inbox.mime import decode_words, unfold
from smtp_lab.transcript import printable

if TYPE_CHECKING:
    from smtp_lab.inbox.captured import Captured

__all__ = ("SECTIONS", "normal")

SECTIONS = ("headers", "text", "html", "attachments")

_LONGEST = 500_000  # characters of a body
_HEADERS = 1_000
# Headers whose values are new each time, and say nothing of what was written.
_MASKED = {
    *("date", "message-id", "received", "x-received", "dkim-signature", "arc-seal"),
    *("arc-message-signature", "arc-authentication-results", "authentication-results"),
    *("received-spf", "return-path", "delivered-to", "resent-date", "resent-message-id"),
    *("x-google-dkim-signature", "x-originating-ip", "feedback-id", "x-ms-exchange-organization"),
}
_IDS = {"in-reply-to", "references", "content-id"}
_BOUNDARY = re.compile(r'(boundary=)(?:"[^"]*"|[^;\s]+)', re.IGNORECASE)
_ANGLE = re.compile(r"<[^<>\s]{1,900}>")
_UUID = re.compile(
    r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-zA-Z])"
)
_MOMENT = re.compile(
    r"(?<!\d)\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
)
_MAIL_MOMENT = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d{1,2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d(?::\d\d)?"
    r"(?: [+-]\d{4}| GMT| UTC)?"
)
_CID = re.compile(r"cid:[^\"'\s)>]{1,998}", re.IGNORECASE)
_BREAKS = re.compile(
    r"(?=<(?:html|head|body|table|tbody|thead|tr|td|th|div|p|ul|ol|li|h[1-6]|style|title|meta|br|hr"
    r"|img|section|header|footer)[\s/>])",
    re.IGNORECASE,
)


def normal(message: Captured) -> dict[str, list[str]]:
    """The lines of each of `SECTIONS`, masked; never raises.

    Dates, ids, boundaries, signatures and trace headers are masked, so that two mails made from the
    same data come out the same.
    """
    named = (file.content_id for file in message.attachments if file.content_id)
    cids = {cid: f"cid:<picture {number}>" for number, cid in enumerate(named, 1)}

    def called(found: re.Match[str]) -> str:
        return cids.get(found[0][4:], "cid:<id>")

    html = _CID.sub(called, message.html[:_LONGEST])
    return {
        "headers": list(_headers(message)),
        "text": _lines(message.text[:_LONGEST]),
        "html": [*_html(html)],
        "attachments": list(_files(message)),
    }


def mask(text: str) -> str:
    """*text* with moments and UUIDs masked."""
    return _UUID.sub("<uuid>", _MAIL_MOMENT.sub("<date>", _MOMENT.sub("<date>", text)))


def _headers(message: Captured) -> Iterator[str]:
    items = message._parsed[0].raw_items()  # noqa: SLF001  # as they were written
    written = [(str(name), unfold(str(value))) for name, value in islice(items, _HEADERS)]
    for name, value in sorted(written, key=lambda item: item[0].lower()):
        low = name.lower()
        if low in _MASKED:
            shown = "<masked>"
        else:
            shown = _BOUNDARY.sub(r"\1<boundary>", decode_words(value))
            shown = _ANGLE.sub("<id>", shown) if low in _IDS else mask(shown)
        yield printable(f"{name.title()}: {shown}")


def _lines(text: str) -> list[str]:
    lines = [printable(mask(line.rstrip())) for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _html(html: str) -> Iterator[str]:
    """The markup, a line for each block: a changed cell is a changed line."""
    for line in _lines(_BREAKS.sub("\n", html)):
        if shown := re.sub(r"[ \t]+", " ", line).strip():
            yield shown


def _files(message: Captured) -> Iterator[str]:
    for file in message.attachments:
        how = "inline" if file.inline else "attached"
        digest = sha256(file.content).hexdigest()[:16]
        size = f"{len(file.content)} octets"
        name = file.name or "unnamed"
        yield printable(f"{name} {file.type} {size} {how} sha256:{digest}")
