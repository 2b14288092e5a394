"""What is said in a session, noted in passing and made into lines when somebody needs them."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from smtp_lab.sink.door import MECHANISMS
from smtp_lab.transcript import MASK, Direction, printable

__all__ = ("SessionLog", "legible")

_MOST = 10_000  # lines between two messages: who never stops must not fill the memory
_now = time.monotonic_ns

# What is shown of an AUTH line.
_SHOWN = {*MECHANISMS, "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM", "GSSAPI"}
_SHOWN |= {"EXTERNAL", "ANONYMOUS"}
_STAGES = {"HELO": "ehlo", "EHLO": "ehlo", "STARTTLS": "starttls", "AUTH": "auth", "MAIL": "mail"}
_STAGES |= {"RCPT": "rcpt", "DATA": "data", "BDAT": "data", "QUIT": "quit"}


class SessionLog:
    """The dialogue of one session.

    Args:
        started_at: When it began, in UTC.

    Attributes:
        stage: As in `smtp_lab.transcript.Line`.
    """

    __slots__ = ("_begin", "_first", "_noted", "_tls", "stage", "started_at")

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.stage = "greeting"
        self._tls = "false"
        self._begin = _now()
        self._first = 0  # the number of the first line that is held
        self._noted: list[str] = []  # as the archive keeps it

    @property
    def tls(self) -> bool:
        """Whether what is noted from now on travelled encrypted."""
        return self._tls == "true"

    @tls.setter
    def tls(self, encrypted: bool) -> None:
        self._tls = "true" if encrypted else "false"

    def note(self, direction: Direction, text: str) -> None:
        """Note one line; *text* must be masked already."""
        noted = self._noted
        if len(noted) >= _MOST:
            if len(noted) > _MOST:
                return
            direction, text = "*", "more was said than is kept here"
        if not text.isprintable():
            text = printable(text)
        if '"' in text or "\\" in text:
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        # Written by hand, since it is done for each line that is said.
        at = (_now() - self._begin) // 1000
        noted.append(f'["{direction}","{self.stage}","{text}",{at},{self._tls}]')

    def exchange(self, verb: str, said: str, reply: str) -> None:
        """Note a command and the reply; both are printable, without quotes and backslashes."""
        self.stage = stage = _STAGES[verb]
        noted = self._noted
        if len(noted) > _MOST - 2:
            self.note("C", said)
            self.note("S", reply)
            return
        end = f"{(_now() - self._begin) // 1000},{self._tls}]"
        noted.append(f'["C","{stage}","{said}",{end}')
        noted.append(f'["S","{stage}","{reply}",{end}')

    def plain(self, direction: Direction, text: str) -> None:
        """Note one line that is printable, without quotes and backslashes."""
        if len(self._noted) >= _MOST:
            self.note(direction, text)
            return
        at = (_now() - self._begin) // 1000
        self._noted.append(f'["{direction}","{self.stage}","{text}",{at},{self._tls}]')

    def command(self, verb: str, arg: str | None) -> None:
        """Note a command; of a login the mechanism at the most, which may be the secret itself."""
        self.stage = _STAGES.get(verb, self.stage)
        self.note("C", _shown(verb, arg))

    def __len__(self) -> int:
        return self._first + len(self._noted)

    def held(self) -> dict[str, Any]:
        """The lines that are held, as the archive wants them."""
        return {"first": self._first, "lines": self._noted[:]}

    def forget(self, before: int) -> None:
        """Hold the lines before number *before* no longer: they are stored."""
        del self._noted[: before - self._first]
        self._first = before


def _shown(verb: str, arg: str | None) -> str:
    if not arg:
        return verb
    if verb != "AUTH":
        return f"{verb} {arg}" if arg.isprintable() else f"{verb} {legible(arg)}"
    mechanism, *rest = arg.split(None, 1)
    if mechanism.upper() not in _SHOWN:
        return f"AUTH {MASK}"
    return f"AUTH {mechanism} {MASK}" if rest else f"AUTH {mechanism}"


def legible(text: str) -> str:
    """Octets that were not UTF-8 become the replacement character: the archive holds text."""
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\u2400")
    )
