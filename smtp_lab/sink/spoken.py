"""What the client and the sink say to each other, each line of it noted."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from smtp_lab.sink import replies
from smtp_lab.sink.bounded import Bounded
from smtp_lab.sink.commands import Refused
from smtp_lab.sink.door import Door
from smtp_lab.sink.glance import Seen, glance
from smtp_lab.sink.log import SessionLog
from smtp_lab.transcript import MASK

__all__ = ("Spoken",)

# Browsers and proxies that were led here: their next lines may be anybody's commands.
_HTTP = {"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE", "PATCH", "TRACE"}

# With these one comes to send a message; after any other nobody waits for it.
_ON_THE_WAY = {"EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT"}


class Spoken(Bounded):
    """`Bounded` with a record of what is said.

    Most of what is said are three commands in the same few words: those are read at a glance and
    carried out in one go, unless anything stands against it. All else goes the long way.
    """

    door: Door
    log: SessionLog
    _verb = ""
    _after_auth = False

    def _command(self, line: bytes) -> None:
        seen, done = glance(line), False
        if seen is not None and self.door.enhanced:
            try:
                done = self._done_at_once(seen)
            except Refused:
                pass  # the long way leads to the same, and to the words for it
            except Exception as error:  # noqa: BLE001  # the client hears of it, and no more
                self._commands += 1
                self.log.note("C", seen.noted)
                self._run(self._stumbled(error))
                return
        if not done:
            super()._command(line)

    def _done_at_once(self, seen: Seen) -> bool:
        """Carry out what was *seen*; False, and nothing done, where there is more to it."""
        assert self.session is not None  # noqa: S101  # there since the greeting
        verb = seen.verb
        if self._commands >= self.limits.commands or (
            seen.given and not self.session.extended_smtp
        ):
            return False
        if verb == "MAIL":
            self.check_mail()
            self.begin_mail(seen.address, self.mail_options(seen.given))
        elif verb == "RCPT":
            self.check_rcpt()
            self.add_recipient(seen.address, self.rcpt_options(seen.given))
        else:
            self.begin_data(None)
        self._verb = verb
        self._commands += 1
        self._after_auth = False
        self._reset_timeout()
        reply = replies.DONE[verb]
        self.log.exchange(verb, seen.noted, reply)
        self.write(reply.encode() + b"\r\n", soon=True)
        return True

    def obey(self, command: str, arg: str | None, length: int) -> Coroutine[Any, Any, None] | None:
        """Note the command, and carry it out where the limits allow."""
        self._verb = command
        self._commands += 1
        if self._commands > self.limits.commands:
            self.dismiss("421 4.7.0 Error: too many commands")
            return None
        if command not in self._smtp_methods:
            self._unknown(command)
            return None
        self._after_auth = command == "AUTH"
        if command not in _ON_THE_WAY:
            self.guests.writers.discard(self)
        self.log.command(command, arg)
        return super().obey(command, arg, length)

    def _unknown(self, command: str) -> None:
        # A client that goes on after a refused AUTH, or one whose AUTH was not understood, says its
        # password here.
        self._after_auth |= command.startswith("AUTH")
        http = command in _HTTP or command.endswith(":")
        hidden = self._after_auth or not (http or command.isalpha())
        self.log.note("C", MASK if hidden else command)
        if http:
            self.dismiss("421 4.7.0 Error: this is no web server")
        else:
            self.reply("500 5.5.1 Error: command not recognized")

    def garbled(self, reply: str) -> None:
        """Answer a line in which no command can be found; it may be a password."""
        self._verb = ""
        self.log.note("C", MASK)
        self.reply(reply)

    def affirm(self, text: str) -> None:
        """Note and send one of our own good replies, which is complete; soon is soon enough."""
        if not self.door.enhanced:
            self.reply(text, soon=True)
            return
        self.log.plain("S", text)
        self.write(text.encode() + b"\r\n", soon=True)

    async def push(self, status: Any) -> None:
        """Send a reply, with everything that belongs to it."""
        self.reply(status if isinstance(status, str) else status.decode("utf-8", "replace"))

    def reply(self, text: str, *, soon: bool = False) -> None:
        """Note the reply and send it; after too many errors the session ends with it."""
        if text[5:6] != ".":
            text = replies.with_code(text, self._verb)
        if not self.door.enhanced:
            text = replies.plain(text)
        for line in text.split("\r\n") if "\n" in text else (text,):
            self.log.note("S", line)
        self.write(f"{text}\r\n".encode("utf-8", "replace"), soon=soon)
        if text[0] > "3" and not self._leaving:
            self.weigh(text)

    async def answer(self) -> bytes:
        """The client's answer to a challenge; none of it is shown."""
        line = await super().answer()
        self.log.note("C", MASK)
        return line
