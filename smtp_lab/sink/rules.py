"""Rules: which mail belongs to which mailbox, and which tags it gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from smtp_lab.archive import StoredMessage
from smtp_lab.archive.labels import label, labels
from smtp_lab.errors import InputError
from smtp_lab.sink.door import DOORS

__all__ = ("Rule", "Rules", "checked")

_HEADER = 65_536  # octets of a header that are looked at
_VALUE = 2_000  # characters of a header's value
_FIELDS = 100  # headers of one name
_PATTERN = 1_000  # characters
_NAMED = re.compile(r"([!-9;-~]+):[ \t]*(.+)", re.ASCII)
_CONDITIONS = ("recipient", "login", "header", "door")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True)
class Rule:
    """Puts the messages it fits into a mailbox, or gives them tags, or both.

    It fits where each condition that is given holds. In a pattern ``*`` stands for any text, every
    other character for itself; capitals and small letters are the same. All rules that fit count: a
    message to two classes is in the mailboxes of both.

    Attributes:
        recipient: Pattern of an address; one of the envelope's recipients is enough.
        login: Pattern of the name of a login that was accepted.
        header: A header's name and a pattern of its value, such as ``X-Project: demo*``. Looked at
            are the first 64 KiB of the header, and 2,000 characters of a value, decoded.
        door: Which of the sink's doors it came through: ``starttls``, ``implicit`` or ``plain``.
        mailbox: The mailbox, 1 to 100 characters; see ``sink.mailbox(name)``.
        tags: The tags, each 1 to 100 characters; one alone may be given as text.

    Raises:
        InputError: One of them cannot be used, or there is no condition or no effect.
    """

    recipient: str | None = None
    login: str | None = None
    header: str | None = None
    door: str | None = None
    mailbox: str | None = None
    tags: Collection[str] = ()
    _fits: tuple[Callable[[StoredMessage], bool], ...] = field(
        default=(), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.mailbox is not None:
            object.__setattr__(self, "mailbox", label("mailbox", self.mailbox))
        object.__setattr__(self, "tags", labels("tags", self.tags))
        given = [name for name in _CONDITIONS if getattr(self, name) is not None]
        if not given:
            fix = f"give one of {', '.join(_CONDITIONS)}"
            raise InputError.of("rule", "has no condition", fix)
        if not self.mailbox and not self.tags:
            raise InputError.of("rule", "does nothing", "give a mailbox or tags")
        object.__setattr__(self, "_fits", tuple(_MADE[name](getattr(self, name)) for name in given))

    def __reduce__(self) -> tuple[Any, ...]:
        given = (self.recipient, self.login, self.header, self.door, self.mailbox, self.tags)
        return type(self), given

    def fits(self, message: StoredMessage) -> bool:
        """Whether *message* meets each condition."""
        return all(fits(message) for fits in self._fits)


class Rules:
    """All rules of a sink.

    Args:
        rules: In any order.
    """

    def __init__(self, rules: Collection[Rule]) -> None:
        self._rules = tuple(rules)

    def label(self, message: StoredMessage) -> None:
        """Give *message* the mailboxes and tags of every rule that fits."""
        mailboxes: dict[str, None] = {}
        tags: dict[str, None] = {}
        for rule in self._rules:
            if rule.fits(message):
                mailboxes |= {rule.mailbox: None} if rule.mailbox else {}
                tags |= dict.fromkeys(rule.tags)
        message.mailboxes, message.tags = tuple(mailboxes), tuple(tags)


def checked(given: Any) -> tuple[Rule, ...]:
    """The rules a sink was given.

    Raises:
        InputError: They are no rules.
    """
    fix = 'give a list such as [lab.Rule(recipient="*@example.com", mailbox="class-a")]'
    if isinstance(given, str) or not isinstance(given, Collection):
        raise InputError.of("rules", "is no list of rules", fix)
    for rule in given:
        if not isinstance(rule, Rule):
            raise InputError.of("rules", f"holds a {type(rule).__name__}", fix)
    return tuple(given)


class _Pattern:
    """A text in which ``*`` stands for any text; tried in time that grows with the text only."""

    def __init__(self, field: str, text: Any) -> None:
        if not isinstance(text, str) or not text.strip():
            raise InputError.of(field, "is no pattern", "give one such as *@example.com")
        if len(text) > _PATTERN:
            raise InputError.of(field, "is too long", f"give at most {_PATTERN:,} characters")
        self._first, *self._rest = text.strip().casefold().split("*")

    def fits(self, text: str) -> bool:
        """Whether all of *text* is what the pattern says."""
        text = text.casefold()
        if not self._rest:
            return text == self._first
        if not text.startswith(self._first):
            return False
        at = len(self._first)
        *middle, last = self._rest
        for piece in middle:
            at = text.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return len(text) - at >= len(last) and text.endswith(last)


def _by_recipient(text: Any) -> Callable[[StoredMessage], bool]:
    pattern = _Pattern("recipient", text)
    return lambda message: any(pattern.fits(address) for address in message.rcpt_to)


def _by_login(text: Any) -> Callable[[StoredMessage], bool]:
    pattern = _Pattern("login", text)
    return lambda message: message.session.login_ok is True and pattern.fits(message.session.login)


def _by_door(name: Any) -> Callable[[StoredMessage], bool]:
    if name not in DOORS:
        fix = f"its doors are {', '.join(DOORS)}"
        raise InputError.of("door", f"{name!r} is no door of the sink", fix)
    return lambda message: message.session.door == name


def _by_header(text: Any) -> Callable[[StoredMessage], bool]:
    named = _NAMED.fullmatch(text.strip()) if isinstance(text, str) else None
    if named is None:
        fix = "give one such as X-Project: demo*"
        raise InputError.of("header", "is no name and pattern of a header", fix)
    pattern = _Pattern("header", named[2])
    lines = re.compile(
        rb"^" + re.escape(named[1].encode()) + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)",
        re.IGNORECASE | re.MULTILINE,
    )
    return lambda message: any(pattern.fits(value) for value in _values(lines, message.raw))


def _values(lines: re.Pattern[bytes], raw: bytes) -> Iterator[str]:
    """What the headers of *raw* that *lines* finds say."""
    # A message that is read only where a rule asks for a header.
    from smtp_lab.inbox.mime import decode_bytes, decode_words

    start = raw[:_HEADER]
    end = _EMPTY_LINE.search(start)
    for found in islice(lines.finditer(start[: end.start()] if end else start), _FIELDS):
        # Twice as much: encoded words are longer than what they mean.
        yield decode_words(decode_bytes(found[1][: 4 * _VALUE]))[:_VALUE]


_MADE = {
    "recipient": _by_recipient,
    "login": _by_login,
    "header": _by_header,
    "door": _by_door,
}
