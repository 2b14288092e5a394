"""Headers that must be there, must be there once, and must be written as agreed (RFC 5322)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from email.utils import parsedate_tz

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule
from smtp_lab.inbox.mime import decode_words, octets, read_date

_ONCE = (  # noqa: SIM905  # a list of words reads best like this
    "Date From Sender Reply-To To Cc Bcc Message-ID In-Reply-To References Subject "
    "MIME-Version "
    "Content-Type Content-Transfer-Encoding List-Unsubscribe List-Unsubscribe-Post"
).split()
_ID = re.compile(r"<[^<>@\s]{1,900}@[^<>@\s]{1,900}>")
_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAY = re.compile(rf"\s*({'|'.join(_DAYS)})[a-z]{{0,6}},", re.IGNORECASE)
_DAY = timedelta(days=1)


@rule("date-missing", "error", "There is no Date", "RFC 5322 section 3.6")
def date_missing(mail: Mail) -> Iterator[Hit]:
    """Servers add one or call it spam; readers sort it anywhere."""
    if not mail.has("Date"):
        yield Hit("headers", "there is no Date header", "let the program that writes it add one")


@rule("date-invalid", "error", "The Date is no date", "RFC 5322 section 3.3")
def date_invalid(mail: Mail) -> Iterator[Hit]:
    """Something stands there that gives no moment."""
    for value in mail.written("Date"):
        if read_date(value) is None:
            why = f"{decode_words(value)[:60]!r} is no date"
            yield Hit("Date", why, "write it as Tue, 03 Mar 2026 10:00:00 +0100")


@rule("date-weekday", "error", "The Date names another day of the week", "RFC 5322 section 3.3")
def date_weekday(mail: Mail) -> Iterator[Hit]:
    """It must be the day the date falls on; filters take a wrong one for forged."""
    for value in mail.written("Date"):
        said = _WEEKDAY.match(value)
        weekday = _weekday(value)
        if said and weekday and said[1].title() != weekday:
            why = f"it says {said[1]}, and the day is a {weekday}"
            yield Hit("Date", why, "let a library write it")


def _weekday(value: str) -> str:
    parts = parsedate_tz(value) if len(value) < 200 else None
    try:
        return _DAYS[date(*parts[:3]).weekday()] if parts else ""
    except ValueError:
        return ""  # date-invalid tells


@rule("date-off", "warning", "The Date is far from when it came", "RFC 5322 section 3.6.1")
def date_off(mail: Mail) -> Iterator[Hit]:
    """Readers sort by it; a Date ahead of time keeps a mail on top, or makes it spam."""
    moment = mail.message.date
    if moment is None:
        return
    ahead = moment - mail.message.received_at
    if ahead > _DAY or ahead < -30 * _DAY:
        side = "ahead of" if ahead > _DAY else "behind"
        why = f"it says {moment:%Y-%m-%d}, {abs(ahead.days):,} days {side} the clock here"
        yield Hit("Date", why, "take the time of sending")


@rule("from-missing", "error", "There is no From", "RFC 5322 section 3.6")
def from_missing(mail: Mail) -> Iterator[Hit]:
    """Every mail has an author."""
    if not mail.has("From"):
        yield Hit("headers", "there is no From header", "name the author in From")


@rule("sender-missing", "error", "From has several authors and no Sender", "RFC 5322 section 3.6.2")
def sender_missing(mail: Mail) -> Iterator[Hit]:
    """Who of them sent it must be said; DMARC is not made for it either."""
    authors = mail.addresses("From")
    if len(authors) > 1 and not mail.has("Sender"):
        yield Hit("From", f"it names {len(authors)} authors and there is no Sender", "name one")


@rule("message-id-missing", "warning", "There is no Message-ID", "RFC 5322 section 3.6.4")
def message_id_missing(mail: Mail) -> Iterator[Hit]:
    """Answers cannot be threaded, and some receivers refuse it."""
    if not mail.has("Message-ID"):
        yield Hit(
            "headers", "there is no Message-ID header", "make one with email.utils.make_msgid()"
        )


@rule("message-id-invalid", "warning", "The Message-ID is badly written", "RFC 5322 section 3.6.4")
def message_id_invalid(mail: Mail) -> Iterator[Hit]:
    """It is one ``<left@right>``."""
    for value in mail.written("Message-ID"):
        if not _ID.fullmatch(value.strip()):
            why = f"{decode_words(value)[:80]!r} is not of the form <left@right>"
            yield Hit("Message-ID", why, "make one with email.utils.make_msgid()")


@rule(
    "subject-missing", "warning", "There is no Subject, or an empty one", "RFC 5322 section 3.6.5"
)
def subject_missing(mail: Mail) -> Iterator[Hit]:
    """It may be left out, but readers see nothing in the list."""
    if not mail.message.subject.strip():
        yield Hit("Subject", "there is nothing in it", "say in a few words what it is about")


@rule("to-missing", "note", "There is neither To, Cc nor Bcc", "RFC 5322 section 3.6.3")
def to_missing(mail: Mail) -> Iterator[Hit]:
    """It is allowed; filters do not like it."""
    if not any(mail.has(name) for name in ("To", "Cc", "Bcc")):
        yield Hit(
            "headers",
            "nobody is named as recipient",
            "name them in To, or write To: undisclosed-recipients:;",
        )


@rule("header-twice", "error", "A header is there more than once", "RFC 5322 section 3.6")
def header_twice(mail: Mail) -> Iterator[Hit]:
    """Programs differ in which one they take: what was checked is not what is shown."""
    counted = Counter(name.lower() for name, _ in mail.items)
    for name in _ONCE:
        if counted[name.lower()] > 1:
            why = f"it is there {counted[name.lower()]} times, and only once is allowed"
            yield Hit(name, why, "set it instead of adding it")


@rule("header-invalid", "error", "A line among the headers is none", "RFC 5322 section 2.2")
def header_invalid(mail: Mail) -> Iterator[Hit]:
    """The first line that is no header ends them: the rest is body."""
    for name, _ in mail.items:
        if not _NAME.fullmatch(name):
            yield Hit(
                decode_words(name)[:60] or "headers",
                "its name holds characters that a name cannot have",
                "use letters, digits and hyphens",
            )
    if any(type(d).__name__ == "MissingHeaderBodySeparatorDefect" for d in mail.root.defects):
        yield Hit(
            "headers",
            "a line without a colon stands among them, and what follows it is body",
            "fold long headers with a blank at the start of each line",
        )


@rule("header-8bit", "warning", "A header holds bytes beyond ASCII", "RFC 5322 section 2.2")
def header_8bit(mail: Mail) -> Iterator[Hit]:
    """Only servers with SMTPUTF8 take them (RFC 6532), and only as UTF-8."""
    for name, value in mail.items:
        if value.isascii():
            continue
        try:
            octets(value).decode("utf-8")
            why = "it holds UTF-8 as it is, which only servers with SMTPUTF8 pass on"
        except UnicodeDecodeError:
            why = "it holds bytes that are not even UTF-8"
        yield Hit(name, why, "write it as encoded words (RFC 2047)")
