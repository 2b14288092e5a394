"""What was captured, as mail itself: a digest of messages, a hand-out of dialogues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from functools import partial
from itertools import islice, pairwise
from typing import Any, Protocol, runtime_checkable

from smtp_lab.compose.language import text_tag
from smtp_lab.compose.message import render
from smtp_lab.errors import InputError
from smtp_lab.language import LANGUAGES, told
from smtp_lab.transcript import Transcript, explain, printable

__all__ = ("digest", "handout")

_MOST_LINES = 400  # of one dialogue
_MOST_DIALOGUES = 50
_EXCERPT = 240  # characters of a message's text
_WHO = {"C": "client", "S": "server", "*": "note"}


class Message(Protocol):
    """What a digest says of a message; `Captured` is one."""

    @property
    def subject(self) -> str:
        """The Subject, decoded."""

    @property
    def sender(self) -> str:
        """The From header, decoded."""

    @property
    def rcpt_to(self) -> Sequence[str]:
        """The envelope recipients."""

    @property
    def received_at(self) -> datetime:
        """When it came, in UTC."""

    @property
    def size(self) -> int:
        """Its octets."""

    @property
    def text(self) -> str:
        """Its text part."""

    @property
    def attachments(self) -> Sequence[Any]:
        """Its files, each with a ``name``."""


@runtime_checkable
class HasTranscript(Protocol):
    """Whatever was said on a connection: a `Delivery`, a `Captured`."""

    @property
    def transcript(self) -> Transcript:
        """The dialogue."""


def digest(
    messages: Iterable[Message],
    *,
    to: str | Sequence[str],
    title: str | None = None,
    limit: int = 50,
    **options: Any,
) -> EmailMessage:
    """Make a mail that tells what was captured; all of it stays text, whatever it holds.

    Args:
        messages: An `Inbox`, or some of its messages; the newest are those at the end.
        to: Who gets the digest.
        title: Its heading and subject; by default what it is, in its language.
        limit: How many messages it shows at most, the newest first; the others are counted.
        **options: As for `render`, such as ``language`` or ``profile``.

    Returns:
        A message ready for `send`.

    Raises:
        InputError: Something cannot be used, see `render`.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise InputError.of("limit", f"{limit!r} is no number of messages", "give 1 to 1000")
    _check_many("messages", messages, "give an Inbox, or a list of captured messages")
    held: Any = messages if hasattr(messages, "__getitem__") else list(messages)
    count = len(held)
    newest = [held[-n] for n in range(1, min(limit, count) + 1)]
    return render(
        "inbox_digest",
        to=to,
        **_given("title", title),
        count=count,
        hidden=count - len(newest),
        messages=[_told(message) for message in newest],
        **options,
    )


def _told(message: Message) -> dict[str, Any]:
    try:
        names = ", ".join(str(file.name) for file in message.attachments)
        return {
            "subject": printable(message.subject),
            "sender": printable(message.sender),
            "recipients": ", ".join(map(printable, message.rcpt_to)) or "-",
            "at": message.received_at,
            "size": message.size,
            "files": printable(names),
            "text": _excerpt(message.text),
        }
    except AttributeError as error:
        problem = f"holds a {type(message).__name__}, which has no {error.name}"
        raise InputError.of("messages", problem, "give captured messages") from None


def _check_many(field: str, given: Any, fix: str) -> None:
    """Refuse what is one thing, or many of another kind."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes) or _is_table(given):
        raise InputError.of(field, f"is a {type(given).__name__}", fix)


def _is_table(given: Any) -> bool:
    return isinstance(given, Mapping) or hasattr(given, "columns")


def _given(field: str, text: Any) -> dict[str, Any]:
    """*text* as data of a template that does without it, too."""
    if text is None:
        return {}
    if not isinstance(text, str):
        raise InputError.of(field, f"is a {type(text).__name__}", "give a text")
    return {field: text}


def _excerpt(text: str) -> str:
    short = " ".join(text[: _EXCERPT * 4].split())
    return printable(short if len(short) <= _EXCERPT else short[:_EXCERPT] + "…")


def handout(
    dialogues: Transcript | HasTranscript | Mapping[str, Any] | Iterable[Any],
    *,
    to: str | Sequence[str],
    title: str | None = None,
    introduction: str | None = None,
    **options: Any,
) -> EmailMessage:
    """Make a hand-out for a training: dialogues line by line, each with its meaning beside it.

    The page itself, to print or to put on a screen, is the message's HTML part:
    ``handout(…).get_body(("html",)).get_content()``.

    Args:
        dialogues: A `Transcript`, a `Delivery` or a `Captured`, several of them, or several by
            heading. Secrets in them are masked already.
        to: Who gets it.
        title: Its heading and subject; by default what it is, in its language.
        introduction: What stands above the dialogues.
        **options: As for `render`, such as ``language`` or ``profile``.

    Returns:
        A message ready for `send`.

    Raises:
        InputError: There is no dialogue, or something cannot be used, see `render`.
    """
    named: list[tuple[str, Any]]
    if isinstance(dialogues, Mapping):
        named = [(str(heading), one) for heading, one in dialogues.items()]
    elif isinstance(dialogues, Transcript | HasTranscript):
        named = [("", dialogues)]
    else:
        fix = "give a Transcript, a Delivery, a captured message, or several of them"
        _check_many("dialogues", dialogues, fix)
        named = [("", one) for one in islice(dialogues, _MOST_DIALOGUES + 1)]
    if not 1 <= len(named) <= _MOST_DIALOGUES:
        problem = f"are {len(named)}" if named else "are none"
        raise InputError.of("dialogues", problem, f"give 1 to {_MOST_DIALOGUES} of them")
    # What it says itself is in the language of whoever reads it, not of whoever sits here.
    language = str(options.get("language", "en"))
    say = partial(told, name=text_tag(language, LANGUAGES) or "en")
    talks = [_talk(number, heading, one, say) for number, (heading, one) in enumerate(named, 1)]
    data = _given("title", title) | _given("introduction", introduction)
    return render("handout", to=to, dialogues=talks, **data, **options)


def _talk(number: int, heading: str, one: Any, say: Callable[[str], str]) -> dict[str, Any]:
    transcript = one if isinstance(one, Transcript) else getattr(one, "transcript", None)
    if not isinstance(transcript, Transcript):
        problem = f"holds a {type(one).__name__}"
        raise InputError.of("dialogues", problem, "give transcripts, deliveries or messages")
    subject = str(getattr(one, "subject", "") or "")
    lines = [
        {
            "who": _WHO[line.direction],
            "said": printable(say(line.text) if line.direction == "*" else line.text),
            "means": say(explain(line, before)),
        }
        for before, line in islice(pairwise([None, *transcript]), _MOST_LINES)
        if line is not None
    ]
    return {
        "heading": printable(heading or subject) or f"{number}",
        "sentence": printable(say(str(getattr(one, "sentence", "") or ""))),
        "lines": lines,
        "hidden": max(0, len(transcript) - _MOST_LINES),
    }
