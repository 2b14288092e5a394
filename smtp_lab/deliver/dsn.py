"""Which reports a server is asked to send back about a message (RFC 3461)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from smtp_lab.errors import InputError

__all__ = ("Dsn", "Event")

Event = Literal["success", "failure", "delay"]
"""What a report is wanted about."""

_PRINTABLE = re.compile(r"[!-~]{1,100}")
_ESCAPED = re.compile(r"[+=]")


@dataclass(frozen=True, slots=True)
class Dsn:
    """The delivery status notifications that are asked for.

    A server that does not offer DSN is not given the message: a wish is never dropped silently.

    Attributes:
        notify: When to report: some of ``success``, ``failure`` and ``delay``; an empty one asks
            for no report at all, not even on failure (``NOTIFY=NEVER``).
        ret: Whether a report about a failure holds the ``full`` message or its ``hdrs`` only.
        envid: A text of your own that comes back in the report; up to 100 printable ASCII
            characters without spaces.

    Raises:
        InputError: A value that RFC 3461 section 4 does not know.
    """

    notify: Sequence[Event] = ("failure",)
    ret: Literal["hdrs", "full"] = "hdrs"
    envid: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.notify, str | Iterable):
            fix = "choose from success, failure and delay, or give () for never"
            raise InputError.of("dsn.notify", f"is a {type(self.notify).__name__}", fix)
        if not isinstance(self.envid, str):
            fix = "give a text, or leave it empty"
            raise InputError.of("dsn.envid", f"is a {type(self.envid).__name__}", fix)
        notify = (self.notify,) if isinstance(self.notify, str) else tuple(self.notify)
        if unknown := [event for event in notify if event not in get_args(Event)]:
            fix = "choose from success, failure and delay, or give () for never"
            raise InputError.of("dsn.notify", f"knows no {unknown[0]!r}", fix)
        if self.ret not in ("hdrs", "full"):
            raise InputError.of("dsn.ret", f"{self.ret!r} is unknown", "choose hdrs or full")
        if self.envid and not (_PRINTABLE.fullmatch(self.envid) and len(_xtext(self.envid)) <= 100):
            problem = "is not up to 100 printable ASCII characters without spaces"
            raise InputError.of("dsn.envid", problem, "shorten it, or leave it empty")
        object.__setattr__(self, "notify", cast("tuple[Event, ...]", tuple(dict.fromkeys(notify))))

    @property
    def for_mail(self) -> tuple[str, ...]:
        """The parameters of MAIL."""
        envid = (f"ENVID={_xtext(self.envid)}",) if self.envid else ()
        return (f"RET={self.ret.upper()}", *envid)

    @property
    def for_rcpt(self) -> tuple[str, ...]:
        """The parameters of each RCPT."""
        return (f"NOTIFY={','.join(self.notify).upper() or 'NEVER'}",)


def _xtext(text: str) -> str:
    """*text* as RFC 3461 section 4 writes it."""
    return _ESCAPED.sub(lambda found: f"+{ord(found[0]):02X}", text)


def check_dsn(dsn: object) -> None:
    """Refuse what is neither a `Dsn` nor None.

    Raises:
        InputError: It is something else.
    """
    if dsn is not None and not isinstance(dsn, Dsn):
        fix = 'give one such as smtp_lab.Dsn(notify=("failure",))'
        raise InputError.of("dsn", f"is a {type(dsn).__name__}, not a Dsn", fix)
