"""A search without an index, as plainly as it can be said: what every engine must agree with."""

from __future__ import annotations

import re

from smtp_lab.archive.fold import fold
from smtp_lab.archive.language import All, Any_, Not, Term
from smtp_lab.archive.records import micros
from smtp_lab.inbox import Captured
from smtp_lab.inbox.attached import attached_to
from smtp_lab.inbox.plain import words_of


def matches(node, message: Captured) -> bool:
    match node:
        case Not(of):
            return not matches(of, message)
        case All(of):
            return all(matches(part, message) for part in of)
        case Any_(of):
            return any(matches(part, message) for part in of)
        case Term():
            return _term(node, message)
    raise AssertionError(node)


def _term(term: Term, message: Captured) -> bool:  # noqa: PLR0911  # one for each kind of field
    value = term.value
    if term.field in ("larger", "smaller"):
        return message.size > value if term.field == "larger" else message.size < value
    if term.field in ("after", "before"):
        at = micros(message.received_at)
        return at >= value if term.field == "after" else at < value
    if term.field == "tls":
        version = message.session.tls_version
        return {"yes": bool(version), "no": not version}.get(value, version == f"TLSv{value}")
    if term.field == "tag":
        return value in [fold(tag) for tag in message.tags]
    if term.field == "mailbox":
        return value in [fold(name) for name in message.mailboxes]
    if term.field == "header":
        return any(
            fold(name) == term.name and value in fold(said) for name, said in message.headers
        )
    if term.field in ("has", "is"):
        return value in _marks(message)
    return any(value in text for text in _texts(term.field, message))


def _texts(field: str, message: Captured) -> list[str]:
    def header(name):
        found = message.addresses(name)
        return [fold(a if a.endswith(">") else f"<{a}>") for a in found]

    session = message.session
    all_of_them = [message, *attached_to(message)]
    texts = {
        "from": [*header("From"), fold(f"<{message.mail_from}>")],
        "sender": [fold(f"<{message.mail_from}>")],
        "to": header("To"),
        "cc": header("Cc"),
        "bcc": header("Bcc"),
        "reply-to": header("Reply-To"),
        "rcpt": [fold(f"<{address}>") for address in message.rcpt_to],
        "subject": [fold(message.subject)],
        "file": [fold(a.name) for some in all_of_them for a in some.attachments],
        "login": [fold(session.login) if session.login_ok else ""],
        "body": [
            fold(paragraph)
            for some in all_of_them
            for paragraph in (
                *re.split(r"\n[ \t]*\n", some.text),
                *words_of(some.html).split("\n"),
                *([] if some is message else [some.subject]),
            )
        ],
    }
    texts["addressed"] = [
        text for name in ("from", "to", "cc", "bcc", "reply-to", "rcpt") for text in texts[name]
    ]
    texts["text"] = [
        text for name in ("addressed", "subject", "file", "body") for text in texts[name]
    ]
    return texts[field]


def _marks(message: Captured) -> set[str]:
    marks = {"attachment" for a in message.attachments if not a.inline}
    marks |= {"inline" for a in message.attachments if a.inline}
    marks |= {"html"} if message.html else set()
    marks |= {"text"} if message.text else set()
    marks |= {"link"} if message.links else set()
    marks |= {"code"} if message.codes else set()
    marks |= {"login"} if message.session.login_ok else set()
    marks |= {"bounce"} if not message.mail_from else set()
    marks |= {"tagged"} if message.tags else set()
    marks |= {"complex"} if message.too_complex else set()
    said = message.transcript.to_dict()["lines"]
    marks |= (
        {"refused"} if any(x["direction"] == "S" and x["text"][0] in "45" for x in said) else set()
    )
    return marks
