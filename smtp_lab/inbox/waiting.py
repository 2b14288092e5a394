"""Waiting for mail, by the messages' numbers: nothing that comes is missed or counted twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from inspect import isawaitable, iscoroutinefunction
from typing import Literal, overload

from smtp_lab.archive import Archive, StoredMessage
from smtp_lab.archive.language import Node, understand
from smtp_lab.errors import ExpectationError, InputError
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.filling import fill
from smtp_lab.inbox.given import number, seconds
from smtp_lab.inbox.report import what_came

__all__ = ("Waiting", "What")

What = str | Callable[[Captured], object]
"""A query, or a function that is given a message and says whether it is one."""

_SOON, _LATER = 0.01, 0.1  # seconds between two looks, at first and at last


class Waiting:
    """What an inbox can wait for."""

    archive: Archive
    mailbox: str | None

    @overload
    def wait_for(  # type: ignore[overload-overlap]  # 1 is a number too
        self, what: What = "", count: Literal[1] = 1, *, timeout: float = 10, since: int = 0
    ) -> Captured: ...
    @overload
    def wait_for(
        self, what: What = "", *, count: int, timeout: float = 10, since: int = 0
    ) -> list[Captured]: ...
    def wait_for(
        self, what: What = "", count: int = 1, *, timeout: float = 10, since: int = 0
    ) -> Captured | list[Captured]:
        """Wait until *count* messages are there.

        Args:
            what: A query, or a function that is given a message and says whether it is one.
            count: How many.
            timeout: Seconds to wait at the most.
            since: Only messages behind this `marker`; by default those that are there count too.

        Returns:
            The message, or a list of the first *count* where that is not 1.

        Raises:
            ExpectationError: They did not come in time; an AssertionError that shows what did.
            InputError: The query cannot be understood, or an argument is none.
        """
        watch, timeout = _Watch(self, what, count, since), seconds("timeout", timeout)
        for nap in watch.naps(timeout):
            time.sleep(nap)
        return watch.came(timeout)

    async def wait_for_async(
        self,
        what: What = "",
        count: int = 1,
        *,
        timeout: float = 10,  # noqa: ASYNC109  # the same as wait_for
        since: int = 0,
    ) -> Captured | list[Captured]:
        """Wait like `wait_for`, without holding up the event loop."""
        watch, timeout = _Watch(self, what, count, since), seconds("timeout", timeout)
        naps = watch.naps(timeout)
        # The database is asked in a thread.
        while (nap := await asyncio.to_thread(next, naps, None)) is not None:
            await asyncio.sleep(nap)
        return watch.came(timeout)

    def assert_none(self, what: What = "", *, within: float = 1, since: int = 0) -> None:
        """See that no such message is there, and that none comes for some time.

        Args:
            what: A query, or a function that is given a message and says whether it is one.
            within: Seconds to wait.
            since: Only messages behind this `marker` count; by default all that are there.

        Raises:
            ExpectationError: One is there, or came; an AssertionError that shows it.
            InputError: The query cannot be understood, or an argument is none.
        """
        watch, within = _Watch(self, what, 1, since), seconds("within", within)
        for nap in watch.naps(within):
            time.sleep(nap)
        watch.came_not(within)

    async def assert_none_async(
        self, what: What = "", *, within: float = 1, since: int = 0
    ) -> None:
        """See to it like `assert_none`, without holding up the event loop."""
        watch, within = _Watch(self, what, 1, since), seconds("within", within)
        naps = watch.naps(within)
        while (nap := await asyncio.to_thread(next, naps, None)) is not None:
            await asyncio.sleep(nap)
        watch.came_not(within)


class _Watch:
    """Looks at each message once, in the order of their numbers."""

    def __init__(self, inbox: Waiting, what: What, count: int, since: int) -> None:
        if not isinstance(what, str) and (not callable(what) or iscoroutinefunction(what)):
            is_async = "an async function" if callable(what) else f"a {type(what).__name__}"
            raise InputError.of("what", f"is {is_async}", "give a query, or a plain function")
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError.of("count", f"{count!r} is no number of messages", "give 1 or more")
        self._archive, self._mailbox = inbox.archive, inbox.mailbox
        self._what, self._count = what, count
        self._node: Node | None = understand(what) if isinstance(what, str) else None
        self._since = self._seen = number("since", since)
        self._found: list[int] = []

    def naps(self, seconds: float) -> Iterator[float]:
        """How long to sleep before the next look, until enough came or the time is over."""
        end = time.monotonic() + seconds
        nap = _SOON
        while True:
            self._look()
            left = end - time.monotonic()
            if len(self._found) >= self._count or left <= 0:
                return
            yield min(nap, left)
            nap = min(nap * 1.5, _LATER)

    def _look(self) -> None:
        last = self._archive.last_id()
        if last <= self._seen:
            return
        if self._node is not None:
            new = fill(self._archive, last).messages(self._node, self._seen, self._mailbox)
            # What is beyond is looked at the next time, when it is read.
            self._found += [one for one in new if one <= last]
        elif callable(self._what):
            some = self._archive.batches(after=self._seen, upto=last, mailbox=self._mailbox)
            messages = (Captured(stored, self._archive) for batch in some for stored in batch)
            self._found += [message.id for message in messages if self._is_one(message)]
        self._seen = last

    def _is_one(self, message: Captured) -> bool:
        assert callable(self._what)  # noqa: S101  # the caller has looked
        said = self._what(message)
        if isawaitable(said):  # it would count as true for each
            if isinstance(said, Coroutine):
                said.close()
            raise InputError.of("what", "gives no answer but an awaitable", "give a plain function")
        return bool(said)

    def came(self, timeout: float) -> Captured | list[Captured]:
        """The messages; raises where there are too few."""
        wanted = self._found[: self._count]
        found = [Captured(stored, self._archive) for stored in self._read(wanted)]
        if len(found) >= self._count:
            return found[0] if self._count == 1 else found
        how = f"{len(found)} of {self._count} messages" if self._count > 1 else "No message"
        raise self._error(f"{how}{self._asked} came within {timeout:g} s.")

    def came_not(self, within: float) -> None:
        """Raises where one came."""
        if self._found:
            what = f"A message{self._asked} is there, though none should have come"
            raise self._error(f"{what} within {within:g} s.")

    def _read(self, numbers: list[int]) -> Iterator[StoredMessage]:
        for batch in self._archive.batches(among=numbers):
            yield from batch

    @property
    def _asked(self) -> str:
        if callable(self._what):
            return f" for which {getattr(self._what, '__name__', 'the function')} is true"
        return f" that matches {self._what}" if self._what.strip() else ""

    def _error(self, sentence: str) -> ExpectationError:
        table = what_came(self._archive, self._mailbox, self._since, self._found)
        return ExpectationError(sentence, table)
