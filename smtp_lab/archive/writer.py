"""Writing an archive: whatever waits becomes one transaction (group commit).

There is a thread that writes. But two threads that are both busy in Python get in each other's way
so much that a message costs twice as much. So what comes from an event loop is written in that
loop where the archive is a file of this machine whose disk is quick: that takes less than waking
the thread. A commit costs much the same for one message and for ten, so it waits a moment for those
that are just coming. The thread writes everything else: large messages, what would have to wait for
another program's lock, all of it where the disk or a server is waited for, and whatever went wrong
in the loop. It also moves SQLite's log into the file, most of it while loops go on writing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from smtp_lab.archive.answers import (
    Job,
    Outcome,
    answer_all,
    call_in,
    log_failure,
    resolve,
    settle,
    sorted_out,
    wake,
)
from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.retention import Retention
from smtp_lab.archive.store import Archive
from smtp_lab.errors import ArchiveError, ArchiveUnavailableError

__all__ = ("Writer",)

_log = logging.getLogger("smtp_lab.archive")

_GROUP = 256  # items of one transaction
_GROUP_BYTES = 32 * 2**20
_WAITING_BYTES = 64 * 2**20
_HERE_BYTES = 2**18  # more than this at once would keep an event loop from its other clients
_LOG_BYTES = 16 * 2**20  # written in a loop before the thread moves SQLite's log into the file
_MORE = 0.001  # seconds a commit to the disk waits for messages that are about to be there
_QUICK = 0.004  # seconds a group may take on the average to be written in an event loop
_LATE = 0.012  # one that took longer counts as this much: one hiccup proves nothing
_TIDY = 0.5  # seconds between two looks at the retention while mail comes in
_TIDY_IDLE = 60.0  # and while none does
_TIDY_BYTES = 64 * 2**20  # or so much mail


class Writer:
    """Takes messages and sessions from any thread and answers when they are committed.

    At most *waiting* items and 64 MiB wait (and one message more, however large): who brings more
    is kept waiting, without holding up an event loop.

    Args:
        archive: Where they go.
        waiting: How many may wait.
        retention: How much the archive keeps; by default everything.
        told: Called after each commit with the first and the last number of the messages in it;
            it must not wait.
        more: Says in an event loop whether another message is about to be there. Where each commit
            waits for the disk, it waits for that first, a millisecond at most.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        waiting: int = 1000,
        retention: Retention | None = None,
        told: Callable[[int, int], None] | None = None,
        more: Callable[[], bool] | None = None,
    ) -> None:
        self._archive, self._waiting, self._retention = archive, waiting, retention or Retention()
        self._told, self._more = told, more
        self._jobs: deque[Job] = deque()
        self._bytes = 0
        self._closing = self._ended = False
        self._dropped = 0
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._patient: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._busy = False  # somebody writes
        self._turn: asyncio.AbstractEventLoop | None = None  # which will write next
        self._pace = _LATE  # seconds a group takes, on the average
        self._logged = 0  # octets written in event loops, and the log not moved
        self._moved = False  # but for what came meanwhile, which the thread's next group brings
        self._since = 0.0  # when a loop began to wait for more
        self._stuck = False  # a loop could not write what waits
        age = self._retention.age
        self._idle = min(_TIDY_IDLE, max(_TIDY, age.total_seconds() / 10)) if age else _TIDY_IDLE
        self._tidied, self._untidy = time.monotonic(), 0
        self._wrote, self._newest = 0.0, 0
        self._thread = threading.Thread(target=self._run, name="smtp-lab-writer", daemon=True)
        self._thread.start()

    # --- for those who bring something --------------------------------------------------------

    async def store(self, item: StoredMessage | StoredSession) -> int:
        """Store *item*, and wait until it is committed; for code in an event loop.

        What was taken is stored even when whoever waits gives up.

        Returns:
            The number of the message; 0 for a session.

        Raises:
            ArchiveFullError: There is no room for it.
            ArchiveError: It could not be stored.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        while not self.offer(item, partial(settle, answer), loop):
            await self._when_room(loop)
        return await answer

    def offer(
        self,
        item: StoredMessage | StoredSession,
        answer: Callable[[int | BaseException], None],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> bool:
        """Give *item* to the writer if there is room; never waits.

        Args:
            item: What to store.
            answer: Called with its number (0 for a session) or the error, in the thread of *loop*,
                or in the writer's own.
            loop: The event loop that runs in this thread, or None.

        Returns:
            Whether it was taken.
        """
        with self._lock:
            if self._full():
                return False
            self._add(item, answer, loop)
        return True

    def put(self, item: StoredMessage | StoredSession) -> Future[int]:
        """Give *item* to the writer from a thread, which waits while there is no room.

        Returns:
            A future that has the number of the message (0 for a session) once it is committed, or
            the `ArchiveError` that kept it out.
        """
        future: Future[int] = Future()
        # Running from the start: a client that leaves cannot cancel what is being written.
        future.set_running_or_notify_cancel()
        with self._lock:
            while self._full():
                self._room.wait()
            self._add(item, partial(resolve, future), None)
        return future

    def note(self, session: StoredSession, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Give the writer a session that ended; nobody waits for the answer.

        It is taken beyond the bound, since nobody is there to be kept waiting, up to ten times as
        many; more than that are dropped, and the log says so.

        Args:
            session: What to store.
            loop: The event loop that runs in this thread, or None.
        """
        with self._lock:
            if len(self._jobs) < 10 * self._waiting and not self._ended:
                self._add(session, log_failure, loop)
            else:
                self._dropped += 1

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._thread.join()

    @property
    def newest(self) -> int:
        """The number of the last message this writer stored; 0 before the first."""
        return self._newest

    def idle(self, seconds: float) -> bool:
        """Whether nothing came in for *seconds*."""
        return not self._jobs and not self._busy and time.monotonic() - self._wrote > seconds

    def _full(self) -> bool:
        return len(self._jobs) >= self._waiting or self._bytes >= _WAITING_BYTES

    def _add(
        self,
        item: StoredMessage | StoredSession,
        answer: Callable[[Outcome], None],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        if self._ended:
            raise ArchiveError("The archive is written no more: its sink has stopped.")
        size = len(item.raw) + 1000 if isinstance(item, StoredMessage) else 1000
        self._jobs.append(Job(item, answer, loop, size))
        self._bytes += size
        # Whoever writes looks again, and so does a loop whose turn it is, unless it has ended.
        if not self._busy and (self._turn is None or self._turn.is_closed()):
            self._choose(loop)

    async def _when_room(self, loop: asyncio.AbstractEventLoop) -> None:
        room: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if not self._full():
                return
            self._patient.append((loop, room))
        await room

    # --- who writes ---------------------------------------------------------------------------

    def _choose(self, here: asyncio.AbstractEventLoop | None) -> None:
        """Let somebody write what waits; *here* is the event loop of this thread."""
        loop = self._jobs[0].loop if self._jobs and self._suits_a_loop() else None
        if loop is not None and loop is here:
            loop.call_soon(self._here, loop)
        elif loop is None or not call_in(loop, self._here, loop):
            loop = None
            self._work.notify()
        self._turn = loop

    def _suits_a_loop(self) -> bool:
        return (
            self._archive.swift
            and self._pace < _QUICK
            and not self._moved
            and self._bytes < _HERE_BYTES
            and not self._stuck
            and not self._closing
        )

    def _take(self) -> list[Job]:
        """What is written next, in the order it came."""
        jobs: list[Job] = []
        octets = 0
        while self._jobs and len(jobs) < _GROUP and octets < _GROUP_BYTES:
            jobs.append(self._jobs.popleft())
            octets += jobs[-1].size
        self._bytes -= octets
        self._busy = bool(jobs)
        self._room.notify_all()
        for loop, room in self._patient:
            call_in(loop, wake, room)
        self._patient.clear()
        return jobs

    def _free(self, here: asyncio.AbstractEventLoop | None) -> None:
        """Let the next one write."""
        with self._lock:
            self._busy = False
            if self._jobs or self._closing:
                self._choose(here)
            dropped, self._dropped = self._dropped, 0
        if dropped:
            _log.error("%d sessions were not kept: the archive is too slow", dropped)

    # --- in an event loop ---------------------------------------------------------------------

    def _here(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what waits, unless that takes too long."""
        with self._lock:
            if not self._full() and self._worth_waiting():
                loop.call_soon(self._here, loop)
                return
            self._since = 0.0
            if self._turn is loop:
                self._turn = None
            if self._busy or not self._jobs:
                return
            if not self._suits_a_loop():
                self._work.notify()
                return
            jobs = self._take()
        begin = time.monotonic()
        try:
            numbers = self._archive.add(*sorted_out(jobs), wait=False)
        except Exception:  # noqa: BLE001  # the thread will meet it again, and deal with it
            with self._lock:
                self._jobs.extendleft(reversed(jobs))
                self._bytes += sum(job.size for job in jobs)
                self._stuck = True
        else:
            self._stored(jobs, numbers, begin, loop)
        finally:
            self._free(loop)

    def _worth_waiting(self) -> bool:
        """Whether the group is about to grow: syncing it costs the same, however large it is."""
        awaited = (isinstance(job.item, StoredMessage) for job in self._jobs)
        if self._more is None or (not self._more() and any(awaited)):
            return False  # for sessions alone nobody waits: the next message may take them along
        now = time.monotonic()
        self._since = self._since or now
        return now - self._since < _MORE

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while self._write_next():
            if self._untidy > _TIDY_BYTES or time.monotonic() - self._tidied > _TIDY:
                self._tidy()

    def _write_next(self) -> bool:
        """Wait for something to write, and write it; false when all is done."""
        # In a function of its own, so that nothing of it is kept while the thread waits.
        jobs = self._next()
        if jobs:
            self._logged, self._moved = 0, False  # by now, or with this commit
            self._write(jobs)
            self._free(None)
        return bool(jobs)

    def _next(self) -> list[Job]:
        """What the thread writes next; empty when all is done."""
        with self._lock:
            while self._busy or (not self._closing and (self._turn or not self._jobs)):
                if self._logged >= _LOG_BYTES and not self._moved:
                    self._move()
                elif not self._work.wait(_TIDY if self._retention else None):
                    self._work.release()
                    try:
                        if self._untidy or time.monotonic() - self._tidied > self._idle:
                            self._tidy()
                    finally:
                        self._work.acquire()
            jobs = self._take()
            self._ended, self._stuck = not jobs, False
        return jobs

    def _move(self) -> None:
        """Move SQLite's log while event loops go on writing to it."""
        self._work.release()
        try:
            self._archive.move_log()
        except ArchiveError as error:
            _log.error("the log could not be moved: %s", error)  # the sentence says it all
        finally:
            self._work.acquire()
            self._moved = True

    def _write(self, jobs: list[Job]) -> None:
        begin = time.monotonic()
        try:
            numbers = self._archive.add(*sorted_out(jobs))
        except ArchiveUnavailableError as error:
            answer_all([(job, error) for job in jobs])
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            if len(jobs) == 1:
                answer_all([(jobs[0], error)])
                return
            # One that cannot be stored must not keep the others out: each by itself.
            for job in jobs:
                self._write([job])
        else:
            self._stored(jobs, numbers, begin, None)

    def _stored(
        self,
        jobs: list[Job],
        numbers: list[int],
        begin: float,
        here: asyncio.AbstractEventLoop | None,
    ) -> None:
        """Answer all of *jobs*."""
        octets = sum([job.size for job in jobs])
        self._wrote = time.monotonic()
        if octets < _HERE_BYTES:
            self._pace += (min(self._wrote - begin, _LATE) - self._pace) / 16
        self._untidy += octets
        self._logged += octets if here else 0
        if self._logged >= _LOG_BYTES and not self._moved:
            with self._lock:
                self._work.notify()
        if numbers:
            self._newest = numbers[-1]
            if self._told is not None:
                self._told(numbers[0], numbers[-1])
        left = iter(numbers)
        done: list[tuple[Job, Outcome]]
        done = [(job, next(left) if isinstance(job.item, StoredMessage) else 0) for job in jobs]
        answer_all(done, here)

    def _tidy(self) -> None:
        self._tidied, self._untidy = time.monotonic(), 0
        try:
            self._archive.prune(self._retention)
        except ArchiveError as error:
            _log.error("old mail could not be let go: %s", error)  # the sentence says it all
