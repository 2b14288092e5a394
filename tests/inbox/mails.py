"""Captured messages without a sink: raw bytes as an archive would give them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser

from smtp_lab.archive import StoredMessage, StoredSession
from smtp_lab.inbox import Captured

WHEN = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def stored(raw: bytes = b"", **changes) -> StoredMessage:
    session = StoredSession(
        f"{abs(hash(raw)):032x}"[:32],
        WHEN,
        "starttls",
        "127.0.0.1:9",
        ehlo="client.example",
        tls_version="TLSv1.3",
        login="ann",
        login_ok=True,
    )
    values = {
        "raw": raw,
        "mail_from": "ann@example.com",
        "rcpt_to": ("bob@example.org",),
        "received_at": WHEN,
        "session": session,
    }
    return StoredMessage(**(values | changes))


def captured(raw: bytes | str = b"", **changes) -> Captured:
    return Captured(stored(raw.encode() if isinstance(raw, str) else raw, **changes))


def lines(*texts: str | bytes) -> bytes:
    return b"".join((t.encode() if isinstance(t, str) else t) + b"\r\n" for t in texts)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """The tags in *html* with their attributes, as a browser would read them."""
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return parser.found


def text_of(html: str) -> str:
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return "".join(parser.text)


def page(preview: str) -> str:
    """The mail's document, inside both frames of a preview."""
    around = _inside(preview)
    assert around.startswith('<!doctype html><html><head><meta charset="utf-8"><meta http-equiv=')
    inner = around.partition("<body>")[2].removesuffix("</body></html>")
    return _inside(inner)


def _inside(frame: str) -> str:
    """The document inside a frame."""
    ((tag, attributes),) = tags(frame)
    assert tag == "iframe"
    assert attributes["srcdoc"] is not None
    assert attributes["sandbox"] == ""
    found = re.fullmatch(r'<iframe [^<>]*srcdoc="([^"]*)"></iframe>', frame, re.DOTALL)
    assert found, "the frame holds more than its attributes"
    assert unescape(found[1]) == attributes["srcdoc"]
    return attributes["srcdoc"]
