"""The language of a search: from text to what is asked for, or a sentence that names the place.

``docs/search.md`` is its description.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from smtp_lab.archive.fold import fold
from smtp_lab.archive.records import micros
from smtp_lab.errors import InputError

__all__ = ("FIELDS", "HAS", "IS", "All", "Any_", "Node", "Not", "Term", "understand")

HAS = ("attachment", "inline", "html", "text", "link", "code", "login")
IS = ("refused", "bounce", "tagged", "complex")
_TLS = ("yes", "no", "1.0", "1.1", "1.2", "1.3")

_LONGEST = 4_000  # characters of a query
_WORD = 1_000  # of what one word of it looks for, folded: each is compared with all of a mail
_TERMS = 200
_DEPTH = 50
_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2}
_UNITS |= {"g": 1024**3, "gb": 1024**3}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]{0,2})", re.IGNORECASE)
_AGO = re.compile(r"([0-9]{1,6})([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FIELD = re.compile(r"([A-Za-z][A-Za-z-]*):")
_BLANK = " \t\r\n\u00a0\u3000"


@dataclass(frozen=True)
class Term:
    """One thing that is asked for.

    Attributes:
        field: One of `FIELDS`, or ``text`` for a word without one.
        value: What it must hold: folded text, octets, microseconds since 1970, or a word.
        name: Of a header, folded.
    """

    field: str
    value: Any
    name: str = ""


@dataclass(frozen=True)
class Not:
    """What must not be so."""

    of: Node


@dataclass(frozen=True)
class All:
    """What must all be so; nothing asks for everything."""

    of: tuple[Node, ...]


@dataclass(frozen=True)
class Any_:  # noqa: N801  # typing has the other name
    """What must be so in one way at least."""

    of: tuple[Node, ...]


Node = Term | Not | All | Any_


def understand(query: str, now: datetime | None = None) -> Node:
    """What *query* asks for.

    Args:
        query: In the language of ``docs/search.md``; an empty one asks for everything.
        now: The moment an age such as ``after:2h`` is counted from.

    Raises:
        InputError: It cannot be understood; says where.
    """
    if not isinstance(query, str):
        raise InputError.of("query", f"is a {type(query).__name__}", "give a text")
    if len(query) > _LONGEST:
        raise InputError.of("query", f"is longer than {_LONGEST:,} characters", "ask for less")
    return _Reader(query, now or datetime.now(UTC)).read()


class _Reader:
    """Reads a query from left to right."""

    def __init__(self, query: str, now: datetime) -> None:
        self._query, self._now = query, now
        self._at = self._depth = self._terms = 0

    def read(self) -> Node:
        self._skip()
        if self._at == len(self._query):
            return All(())
        node = self._either()
        if self._at < len(self._query):
            raise self._wrong(self._at, "there is a ) that closes nothing", 'quote it: ")"')
        return node

    # --- how terms stand together -------------------------------------------------------------

    def _either(self) -> Node:
        found = [self._both()]
        while (at := self._at) < len(self._query) and self._keyword("OR"):
            if self._ends():
                raise self._wrong(at, "OR has nothing behind it", "say what else may be")
            found.append(self._both())
        return found[0] if len(found) == 1 else Any_(tuple(found))

    def _both(self) -> Node:
        found: list[Node] = []
        while not self._ends():
            at = self._at
            if self._keyword("OR", take=False):
                break
            if self._keyword("AND"):
                if not found or self._ends() or self._keyword("OR", take=False):
                    raise self._wrong(
                        at, "AND needs something on either side", 'or quote it: "AND"'
                    )
                continue
            found.append(self._one())
        if not found:
            if self._keyword("OR", take=False):
                raise self._wrong(self._at, "OR has nothing before it", 'or quote it: "OR"')
            raise self._wrong(self._at, "there is nothing between ( and )", "leave them out")
        return found[0] if len(found) == 1 else All(tuple(found))

    def _one(self) -> Node:
        at = self._at
        if self._peek() in "-!" and self._peek(1) not in _BLANK:
            self._at += 1
            if self._ends():
                raise self._wrong(at, "a - has nothing behind it", 'or quote it: "-"')
            return Not(self._deeper(at, self._one))
        if self._keyword("NOT"):
            if self._ends() or self._keyword("OR", take=False):
                raise self._wrong(at, "NOT has nothing behind it", 'or quote it: "NOT"')
            return Not(self._deeper(at, self._one))
        if self._peek() == "(":
            self._at += 1
            self._skip()
            node = self._deeper(at, self._either)
            if self._peek() != ")":
                raise self._wrong(at, "a ( is never closed", "add a )")
            self._at += 1
            self._skip()
            return node
        self._terms += 1
        if self._terms > _TERMS:
            raise self._wrong(at, f"there are more than {_TERMS} words", "ask for less")
        node = self._term()
        self._skip()
        return node

    def _deeper(self, at: int, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._wrong(at, f"it is more than {_DEPTH} deep", "ask for less")
        node = read()
        self._depth -= 1
        return node

    def _keyword(self, word: str, *, take: bool = True) -> bool:
        end = self._at + len(word)
        there = self._query.startswith(word, self._at)
        if not there or self._query[end : end + 1] not in {"", "(", ")", *_BLANK}:
            return False
        if take:
            self._at = end
            self._skip()
        return True

    # --- one term -----------------------------------------------------------------------------

    def _term(self) -> Term:
        at = self._at
        found = _FIELD.match(self._query, self._at)
        if found is None:
            return self._words("text", at)
        name = found[1].lower()
        self._at = found.end()
        nothing = self._peek() == "" or self._peek() in f"{_BLANK}()"
        if name not in FIELDS:
            # http://… and Re: are words.
            if nothing or self._query.startswith("//", self._at):
                self._at = at
                return self._words("text", at)
            near = difflib.get_close_matches(name, FIELDS, 1)
            fix = f"did you mean {near[0]}:?" if near else f'quote it to look for it: "{name}:…"'
            raise self._wrong(at, f"there is no field {name}:", fix)
        if nothing:
            raise self._wrong(at, f"{name}: has nothing behind it", f"write {_EXAMPLES[name]}")
        return FIELDS[name](self, name, at)

    def _words(self, field: str, at: int) -> Term:
        return Term(field, self._folded(self._value(), at))

    def _header(self, field: str, at: int) -> Term:
        name = self._value(until=":")
        if self._peek() != ":":
            return Term(field, "", self._folded(name, at))
        self._at += 1
        blank = self._peek() == "" or self._peek() in f"{_BLANK}()"
        value = "" if blank else self._folded(self._value(), at)
        return Term(field, value, self._folded(name, at))

    def _named(self, field: str, at: int) -> Term:
        """A header that has a field of its own."""
        return Term("header", self._folded(self._value(), at), field)

    def _choice(self, field: str, at: int) -> Term:
        choices = {"has": HAS, "is": IS, "tls": _TLS}[field]
        value = fold(self._value())
        value = value.removeprefix("tlsv") if field == "tls" else value
        value = {"attachments": "attachment"}.get(value, value)
        if value not in choices:
            what = f"{field}:{value} is not known"
            raise self._wrong(
                at, what, f"say {field}: and {', '.join(choices[:-1])} or {choices[-1]}"
            )
        return Term(field, value)

    def _octets(self, field: str, at: int) -> Term:
        value = self._value()
        found = _SIZE.fullmatch(value.strip())
        if found is None or found[2].lower() not in _UNITS:
            raise self._wrong(
                at, f"{field}:{value} gives no size", "write one such as 500K or 1.5M"
            )
        # No database knows a larger number, and no mail is as large.
        return Term(field, min(int(float(found[1]) * _UNITS[found[2].lower()]), 2**62))

    def _moment(self, field: str, at: int) -> Term:
        value = self._value()
        try:
            if found := _AGO.fullmatch(value):
                ago = timedelta(seconds=int(found[1]) * _SECONDS[found[2].lower()])
                return Term(field, micros(self._now - ago))
            moment = datetime.fromisoformat(value)
            return Term(field, micros(moment.replace(tzinfo=moment.tzinfo or UTC)))
        except (ValueError, OverflowError):
            fix = "write a date such as 2026-03-04 or 2026-03-04T05:06, or an age such as 2h or 7d"
            raise self._wrong(at, f"{field}:{value} gives no moment", fix) from None

    def _folded(self, value: str, at: int) -> str:
        folded = fold(value)
        if not folded:
            raise self._wrong(at, "there is nothing to look for", "write what to look for")
        if len(folded) > _WORD:
            raise self._wrong(at, f"more than {_WORD:,} characters are looked for", "ask for less")
        return folded

    def _value(self, until: str = "") -> str:
        if self._peek() == '"':
            return self._quoted()
        begin = self._at
        while self._peek() and self._peek() not in f"{_BLANK}(){until}":
            self._at += 1
        return self._query[begin : self._at]

    def _quoted(self) -> str:
        begin = self._at
        self._at += 1
        letters = []
        while (letter := self._peek()) != '"':
            if not letter:
                raise self._wrong(begin, "a quote is never closed", 'add a " at its end')
            if letter == "\\" and self._peek(1) in ('"', "\\"):
                self._at += 1
                letter = self._peek()
            letters.append(letter)
            self._at += 1
        self._at += 1
        return "".join(letters)

    # --- where it is --------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._query[at : at + 1]

    def _skip(self) -> None:
        while self._peek() and self._peek() in _BLANK:
            self._at += 1

    def _ends(self) -> bool:
        self._skip()
        return self._peek() in ("", ")")

    def _wrong(self, at: int, problem: str, fix: str) -> InputError:
        return InputError.of("query", f"at character {at + 1}, {problem}", fix)


FIELDS: dict[str, Callable[[_Reader, str, int], Term]] = {
    **dict.fromkeys(
        ("from", "to", "cc", "bcc", "reply-to", "sender", "rcpt", "addressed", "subject", "body"),
        _Reader._words,  # noqa: SLF001  # of this module
    ),
    **dict.fromkeys(("file", "login", "tag", "mailbox"), _Reader._words),  # noqa: SLF001
    "message-id": _Reader._named,  # noqa: SLF001
    "header": _Reader._header,  # noqa: SLF001
    **dict.fromkeys(("has", "is", "tls"), _Reader._choice),  # noqa: SLF001
    **dict.fromkeys(("larger", "smaller"), _Reader._octets),  # noqa: SLF001
    **dict.fromkeys(("after", "before"), _Reader._moment),  # noqa: SLF001
}
"""How what stands behind each field is read."""

_EXAMPLES = {name: f"{name}:ann" for name in FIELDS} | {
    "subject": 'subject:"report 7"',
    "body": "body:invoice",
    "file": "file:.pdf",
    "header": "header:X-Mailer:smtp_lab",
    "has": "has:attachment",
    "is": "is:refused",
    "tls": "tls:1.3",
    "larger": "larger:1M",
    "smaller": "smaller:20K",
    "after": "after:2026-03-04",
    "before": "before:2h",
    "tag": "tag:seen",
    "mailbox": "mailbox:team",
}
