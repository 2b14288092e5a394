"""Bounds: what one client may take of time, memory and patience."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from typing import cast

from smtp_lab.sink.body import Chunks, Dotted
from smtp_lab.sink.guests import Guests
from smtp_lab.sink.leaving import Leaving
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.login import LoginEsmtp

__all__ = ("Bounded",)

_PATIENCE = 2.0  # seconds a client may take to notice that it was sent away


class Bounded(LoginEsmtp):
    """`LoginEsmtp` within `Limits`."""

    loop: asyncio.AbstractEventLoop
    beneath: asyncio.Transport | None = None  # what implicit TLS stands on

    def bind(self, limits: Limits, guests: Guests) -> None:
        """Begin to count, for a client that has just come."""
        self.limits, self.guests = limits, guests
        self.host, self.welcome = "", True
        self._commands = self._errors = self._overshoot = self._failed_logins = 0
        self._heard = self.loop.time()  # when something came last
        self._end = self._heard + limits.total
        self._held = 0  # octets of a message that is on its way
        self._crowded = False  # that message was dropped for want of room
        self._cut: asyncio.TimerHandle | None = None

    @abstractmethod
    def reply(self, text: str) -> None:
        """Send a reply."""

    @property
    def busy(self) -> bool:
        """Whether a message is on its way."""
        return self._body is not None or self._task is not None

    def admit(self, host: str) -> bool:
        """Count a client that comes from *host*; say whether there is room."""
        self.host = host
        self.welcome = self.guests.enter(self, host)
        return self.welcome

    def gone(self) -> None:
        """Count it no longer."""
        self.guests.leave(self, self.host)
        self.hold(0)

    # --- its end ------------------------------------------------------------------------------

    async def shut(self, grace: float) -> None:
        """End the connection: a message on its way is finished, for up to *grace* seconds."""
        end = self.loop.time() + grace
        while self.busy and self.loop.time() < end:
            await asyncio.sleep(0.01)
        if self._cut is not None:
            self.abort()
        elif self.transport is not None:
            self.reply("421 4.3.2 The sink is closing")
            self.close()

    def close(self) -> None:
        """Close the connection; a client that does not take note is cut off."""
        if not self._leaving:
            self._cut = self.loop.call_later(_PATIENCE, self.abort)
        super().close()

    def abort(self) -> None:
        """End the connection at once."""
        # Not the encrypted transport: closed twice, it no longer knows what it stood on.
        transport = self._original_transport or self.beneath or self.transport
        if transport is not None:
            cast(asyncio.Transport, transport).abort()

    def dismiss(self, reply: str) -> None:
        """Send *reply* and end the connection, in a way that lets the client read it."""
        self.reply(reply)
        if self.transport is None or self._leaving:
            return
        self._leaving = True
        self._waiting.clear()
        self._body = None
        self._cut = self.loop.call_later(_PATIENCE, self.abort)
        Leaving.see_off(self.transport, self)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody has to be cut off any more."""
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(error)

    # --- room ---------------------------------------------------------------------------------

    def silent(self) -> float:
        """For how many seconds nothing has come; infinite before the first word, 0 while busy."""
        if self._task is not None and self._answer is None:
            return 0.0
        return self.loop.time() - self._heard if self._commands else math.inf

    def heard(self, lately: float) -> bool:
        """Whether something came in the last *lately* seconds."""
        return self.loop.time() - self._heard < lately

    def make_room(self) -> None:
        """Leave at once: somebody else needs the place."""
        self.guests.leave(self, self.host)
        if self.transport is None:  # in a handshake
            self.abort()
        else:
            self.reply("421 4.3.2 Error: others need this place")
            self.close()

    def hold(self, octets: int) -> bool:
        """Count *octets* of a message that is here; say whether all clients' are within bounds."""
        guests = self.guests
        guests.held += octets - self._held
        self._held = octets
        return guests.held <= guests.most

    def oversize(self) -> str:
        """The reply to a message that was dropped on its way."""
        self.guests.writers.discard(self)
        if self._crowded:
            self._crowded = False
            return "452 4.3.1 Error: too much mail at once, try again"
        return "552 5.3.4 Error: message larger than the sink takes"

    def begin_mail(self, address: str, options: list[str]) -> str:
        """Count the client among those who have a message to send."""
        self.guests.writers.add(self)
        return super().begin_mail(address, options)

    # --- time -------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        self._heard = self.loop.time()
        deadline = self._heard + (duration or self._timeout_duration)
        # Without a call: this is done for each command.
        self._deadline = deadline if deadline < self._end else self._end  # noqa: FURB136
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def progress(self, body: Dotted | Chunks, octets: int) -> None:
        """Give the client time for what it has sent, and look at what all have sent."""
        self._heard = self.loop.time()
        limits = self.limits
        earned = self._deadline + octets / limits.rate
        self._deadline = min(self._heard + limits.idle, earned, self._end)
        if not self.hold(len(body)):
            self._crowded = True
            body.drop()
            self.hold(0)

    def timed_out(self) -> None:
        """Say so, and end a connection that has taken too long."""
        self.reply("421 4.4.2 Error: timeout")
        self.close()

    # --- patience -----------------------------------------------------------------------------

    def weigh(self, reply: str) -> None:
        """Count a reply that refuses; too many of them end the session."""
        limits = self.limits
        if reply.startswith("452 4.5.3"):
            # Who pipelines hears of the limit after the last of them: as many again are forgiven.
            self._overshoot += 1
            self._errors += self._overshoot > limits.recipients
        elif reply[0] == "5":  # 451 and 452 tell of a lack of ours, such as a full disk
            self._errors += 1
        if self._errors >= limits.errors or self._failed_logins >= limits.logins:
            self._errors = self._failed_logins = 0
            self.dismiss("421 4.7.0 Error: too many errors")
