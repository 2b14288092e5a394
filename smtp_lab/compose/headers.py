"""Headers beyond the usual ones, and the way out of a mailing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import Policy
from typing import Any

from smtp_lab.compose.trouble import one_line
from smtp_lab.config.address import check_address
from smtp_lab.errors import InputError

__all__ = ("add_headers", "add_unsubscribe", "check_header_name")

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,70}")
_OWN = {
    *("from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version"),
    *("return-path", "received", "dkim-signature", "list-unsubscribe", "list-unsubscribe-post"),
}
_LONGEST_LINE = 998  # octets (RFC 5322 section 2.1.1)
_MOST = 2_000  # characters of a value
_LONGEST = 900  # characters of a link: it stands on one line


def check_header_name(field: str, name: Any) -> None:
    """Refuse *name* where it is none of a header that anybody may set.

    Raises:
        InputError: It is no name, or that of a header with an argument of its own.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError.of(field, f"{name!r} is no name of a header", "use letters and -")
    if name.lower() in _OWN or name.lower().startswith(("content-", "resent-")):
        raise InputError.of(field, f"{name} is set by smtp_lab itself", "leave it out")


def add_headers(message: EmailMessage, made: Mapping[str, str], given: Any) -> None:
    """Put *made* and *given*, texts by name, into *message*; what is given wins.

    Raises:
        InputError: A name or value cannot be used, or is set by an argument of its own.
    """
    if not isinstance(given, Mapping):
        problem = f"is a {type(given).__name__}"
        raise InputError.of("headers", problem, 'give them by name: {"X-Report": "weekly"}')
    names = {name.lower() for name in given if isinstance(name, str)}
    kept = {name: value for name, value in made.items() if name.lower() not in names}
    for name, value in {**kept, **given}.items():
        check_header_name("headers", name)
        field = f"headers[{name!r}]"
        if not isinstance(value, str):
            raise InputError.of(field, f"is a {type(value).__name__}", "give a text")
        line = one_line(field, value)
        if len(line) > _MOST:
            raise InputError.of(field, f"has more than {_MOST:,} characters", "shorten it")
        if name in message:
            raise InputError.of(field, "is there twice", "give it once")
        try:
            message[name] = line
        except (ValueError, LookupError, AttributeError) as error:
            raise InputError.of(field, f"cannot be written ({error})", "change it") from None
        folded = message[name].fold(policy=message.policy)
        if max(map(len, folded.splitlines())) > _LONGEST_LINE:
            raise InputError.of(field, "holds a word that is too long for a line", "shorten it")


class Links(str):
    """Links in angle brackets, which must not be encoded: no program would find them (RFC 2369)."""

    __slots__ = ()
    name = "List-Unsubscribe"
    defects = ()
    max_count = 1

    def fold(self, *, policy: Policy) -> str:
        """The header as it is written, a link a line."""
        end = policy.linesep
        return f"{self.name}: {f',{end} '.join(self.split(', '))}{end}"


def add_unsubscribe(message: EmailMessage, where: Any) -> None:
    """Let the reader's mail program offer a way out: RFC 2369, and one click after RFC 8058.

    One click needs an ``https`` link, which must work without a page to confirm it, and a DKIM
    signature that covers both headers.

    Args:
        message: Gets the headers.
        where: An ``https`` link, a mail address, or both in a list.

    Raises:
        InputError: It is neither.
    """
    given = [where] if isinstance(where, str) else where
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= 2:
        fix = "give an https link, a mail address, or a list of the two"
        raise InputError.of("unsubscribe", f"{where!r} is no way out", fix)
    links = []
    for one in given:
        text = one_line("unsubscribe", str(one))
        if text.startswith("https://"):
            if not re.fullmatch(r"https://[^\s/<>,]+[^\s<>,]*", text) or not text.isascii():
                fix = "give one of ASCII without blanks, commas and angle brackets"
                raise InputError.of("unsubscribe", f"{text!r} is no link", fix)
            links.append(text)
        else:
            address = check_address(text.removeprefix("mailto:"), "unsubscribe")
            links.append(f"mailto:{address}?subject=unsubscribe")
    if long := [link for link in links if len(link) > _LONGEST]:
        problem = f"{long[0][:60]}… is longer than {_LONGEST} characters"
        raise InputError.of("unsubscribe", problem, "give a shorter link")
    message["List-Unsubscribe"] = Links(", ".join(f"<{link}>" for link in links))
    if any(link.startswith("https:") for link in links):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
