"""What a search looks through: made of a message or a session once, and kept in the archive."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from smtp_lab.archive.fold import fold, fold_lines
from smtp_lab.archive.records import StoredSession
from smtp_lab.inbox.attached import attached_to
from smtp_lab.inbox.captured import Captured

__all__ = ("content_of", "ending_of", "refusals")

_BODY = 500_000  # characters of each body
_REFUSED = re.compile(r"[45][0-9]{2}(?:[ -]|$)")
_PATH = re.compile(r"^(MAIL FROM|RCPT TO):\s*<([^<>\r\n]*)>", re.IGNORECASE)
_ROUTINE = re.compile(r"(?:220|221|250|334|354)[ -]")

Said = Sequence[dict[str, Any]]


def refusals(said: Said) -> list[dict[str, Any]]:
    """The lines in *said* with which the server refused something (RFC 5321, 4.2.1: 4xx, 5xx)."""
    return [x for x in said if x["direction"] == "S" and _REFUSED.match(x["text"])]


def content_of(message: Captured, said: Said) -> dict[str, Any]:
    """The row of the table ``contents`` for *message*.

    Args:
        message: The message.
        said: What was said since the message before it.
    """
    session = message.session
    login = session.login if session.login_ok else ""
    addresses = {
        column: fold_lines([_with_brackets(a) for a in message.addresses(header)])
        for column, header in _ADDRESSES
    }
    addresses["mail_from"] = fold(f"<{message.mail_from}>")
    addresses["rcpt"] = fold_lines([f"<{address}>" for address in message.rcpt_to])
    subject = fold(message.subject)
    parts = message.parts
    names = [part.name for part in parts if part.role in ("attachment", "inline")]
    paragraphs = _paragraphs(message)
    for inner in attached_to(message):
        names += [file.name for file in inner.attachments]
        paragraphs += [inner.subject, *_paragraphs(inner)]
    files = fold_lines(names)
    body = fold_lines(paragraphs)
    before = "\n".join(filter(None, [*addresses.values(), subject, files]))
    links, codes = message.links, message.codes
    details = {
        "parts": [list(vars(part).values()) for part in parts],
        "links": [list(vars(link).values()) for link in links],
        "codes": [list(vars(code).values()) for code in codes],
    }
    marks = {part.role for part in parts} - {"multipart"}
    marks |= {"link"} if links else set()
    marks |= {"code"} if codes else set()
    marks |= {"login"} if login else set()
    marks |= {"refused"} if refusals(said) else set()
    marks |= {"bounce"} if not message.mail_from else set()
    marks |= {"complex"} if message.too_complex else set()
    return {
        **addresses,
        "message_id": message.id,
        "marks": _marks(marks),
        "login": fold(login),
        "subject": subject,
        "files": files,
        "details": json.dumps(details, ensure_ascii=False),
        "headers": json.dumps(
            [[fold(name), fold(value)] for name, value in message.headers], ensure_ascii=False
        ),
        "body_at": len(before) + 1,
        "text": f"{before}\n{body}",
    }


def _paragraphs(message: Captured) -> list[str]:
    # Programs break the lines of a text anywhere: a phrase goes on over the end of one.
    return [*_PARAGRAPH.split(message.text[:_BODY]), *message.words_of_html.split("\n")]


_PARAGRAPH = re.compile(r"\n(?:[ \t]*\n)+")
_ADDRESSES = (
    ("from", "From"),
    ("to", "To"),
    ("cc", "Cc"),
    ("bcc", "Bcc"),
    ("reply_to", "Reply-To"),
)


def ending_of(session: StoredSession, said: Said, *, empty: bool) -> dict[str, Any] | None:
    """The row of the table ``endings`` for a session; None when there is nothing to tell.

    Args:
        session: The session.
        said: What was said after its last message.
        empty: Whether no message came of it.
    """
    refused = bool(refusals(said))
    if not empty and not refused:
        return None
    named: dict[str, list[str]] = {"MAIL FROM": [], "RCPT TO": []}
    for line in said:
        if line["direction"] == "C" and (found := _PATH.match(line["text"])):
            named[found[1].upper()].append(f"<{found[2]}>")
    marks = {"refused"} if refused else set()
    marks |= {"bounce"} if "<>" in named["MAIL FROM"] else set()
    marks |= {"login"} if session.login and session.login_ok else set()
    # What every session says would be found in every one.
    told = [
        line["text"]
        for line in said
        if line["direction"] != "S" or not _ROUTINE.match(line["text"])
    ]
    return {
        "marks": _marks(marks),
        "login": fold(session.login),
        "mail_from": fold_lines(named["MAIL FROM"]),
        "rcpt": fold_lines(named["RCPT TO"]),
        "text": fold_lines([session.ehlo, session.login, *told]),
    }


def _with_brackets(address: str) -> str:
    return address if address.endswith(">") else f"<{address}>"


def _marks(words: set[str]) -> str:
    return f" {' '.join(sorted(words))} "
