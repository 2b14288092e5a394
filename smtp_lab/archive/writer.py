"""One thread that writes: whatever waits becomes one transaction (group commit)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from smtp_lab.archive.records import StoredMessage, StoredSession
from smtp_lab.archive.retention import Retention
from smtp_lab.archive.store import Archive
from smtp_lab.errors import ArchiveError, ArchiveUnavailableError

__all__ = ("Writer",)

_log = logging.getLogger("smtp_lab.archive")

_GROUP = 256  # items of one transaction
_GROUP_BYTES = 32 * 2**20
_WAITING_BYTES = 64 * 2**20
_TIDY = 0.5  # seconds between two looks at the retention while mail comes in
_TIDY_IDLE = 60.0  # and while none does
_TIDY_BYTES = 64 * 2**20  # or so much mail

_Outcome = int | BaseException


class _Job(NamedTuple):
    item: StoredMessage | StoredSession
    answer: Callable[[_Outcome], None]
    loop: asyncio.AbstractEventLoop | None  # whose thread the answer is given in
    size: int


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
    """

    def __init__(
        self,
        archive: Archive,
        *,
        waiting: int = 1000,
        retention: Retention | None = None,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        self._archive, self._waiting, self._retention = archive, waiting, retention or Retention()
        self._told = told
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._closing = self._ended = False
        self._dropped = 0
        lock = threading.Lock()
        self._work, self._room = threading.Condition(lock), threading.Condition(lock)
        self._patient: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
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
        while not self.offer(item, partial(_settle, answer), loop):
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
                once for all of a group, or in the writer's own thread.
            loop: A running event loop, or None.

        Returns:
            Whether it was taken.
        """
        with self._work:
            if self._full():
                return False
            self._add(_Job(item, answer, loop, _size(item)))
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
        with self._work:
            while self._full():
                self._room.wait()
            self._add(_Job(item, partial(_resolve, future), None, _size(item)))
        return future

    def note(self, session: StoredSession) -> None:
        """Give the writer a session that ended; nobody waits for the answer.

        It is taken beyond the bound, since nobody is there to be kept waiting, up to ten times as
        many; more than that are dropped, and the log says so.
        """
        with self._work:
            if len(self._jobs) < 10 * self._waiting and not self._ended:
                self._add(_Job(session, _log_failure, None, _size(session)))
            else:
                self._dropped += 1

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._thread.join()

    @property
    def newest(self) -> int:
        """The number of the last message this writer stored; 0 before the first."""
        return self._newest

    def idle(self, seconds: float) -> bool:
        """Whether nothing came in for *seconds*."""
        return not self._jobs and time.monotonic() - self._wrote > seconds

    def _full(self) -> bool:
        return len(self._jobs) >= self._waiting or self._bytes >= _WAITING_BYTES

    def _add(self, job: _Job) -> None:
        if self._ended:
            raise ArchiveError("The archive is written no more: its sink has stopped.")
        self._jobs.append(job)
        self._bytes += job.size
        self._work.notify()

    async def _when_room(self, loop: asyncio.AbstractEventLoop) -> None:
        room: asyncio.Future[None] = loop.create_future()
        with self._work:
            if not self._full():
                return
            self._patient.append((loop, room))
        await room

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while jobs := self._next():
            self._write(jobs)
            self._wrote = time.monotonic()
            self._untidy += sum(job.size for job in jobs)
            if self._untidy > _TIDY_BYTES or time.monotonic() - self._tidied > _TIDY:
                self._tidy()

    def _next(self) -> list[_Job]:
        """What is written next, in the order it came; empty when all is done."""
        with self._work:
            while not self._jobs and not self._closing:
                if not self._work.wait(_TIDY if self._untidy else self._idle):
                    self._work.release()
                    try:
                        self._tidy()
                    finally:
                        self._work.acquire()
            jobs: list[_Job] = []
            octets = 0
            while self._jobs and len(jobs) < _GROUP and octets < _GROUP_BYTES:
                jobs.append(self._jobs.popleft())
                octets += jobs[-1].size
            self._bytes -= octets
            self._ended = not jobs
            self._room.notify_all()
            patient, self._patient = self._patient, []
            dropped, self._dropped = self._dropped, 0
        for loop, room in patient:
            _call(loop, _wake, room)
        if dropped:
            _log.error("%d sessions were not kept: the archive is too slow", dropped)
        return jobs

    def _write(self, jobs: list[_Job]) -> None:
        messages = [job for job in jobs if isinstance(job.item, StoredMessage)]
        sessions = [job for job in jobs if isinstance(job.item, StoredSession)]
        try:
            numbers = self._archive.add(
                [job.item for job in messages if isinstance(job.item, StoredMessage)],
                [job.item for job in sessions if isinstance(job.item, StoredSession)],
            )
        except ArchiveUnavailableError as error:
            _answer([(job, error) for job in jobs])
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            if len(jobs) == 1:
                _answer([(jobs[0], error)])
                return
            # One that cannot be stored must not keep the others out: each by itself.
            for job in jobs:
                self._write([job])
        else:
            if numbers:
                self._newest = numbers[-1]
                if self._told is not None:
                    self._told(numbers[0], numbers[-1])
            done: list[tuple[_Job, _Outcome]] = [*zip(messages, numbers, strict=True)]
            _answer(done + [(job, 0) for job in sessions])

    def _tidy(self) -> None:
        self._tidied, self._untidy = time.monotonic(), 0
        try:
            self._archive.prune(self._retention)
        except ArchiveError as error:
            _log.error("old mail could not be let go: %s", error)  # the sentence says it all


def _size(item: StoredMessage | StoredSession) -> int:
    return len(item.raw) + 1000 if isinstance(item, StoredMessage) else 1000


def _answer(outcomes: list[tuple[_Job, _Outcome]]) -> None:
    """Answer all of a group; each event loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[_Job, _Outcome]]] = {}
    for job, outcome in outcomes:
        if job.loop is None:
            job.answer(outcome)
        else:
            loops.setdefault(job.loop, []).append((job, outcome))
    for loop, own in loops.items():
        _call(loop, _answer_here, own)


def _answer_here(outcomes: list[tuple[_Job, _Outcome]]) -> None:
    for job, outcome in outcomes:
        job.answer(outcome)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits there any more
        loop.call_soon_threadsafe(function, *args)


def _wake(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _settle(answer: asyncio.Future[int], outcome: _Outcome) -> None:
    if answer.done():  # whoever waited gave up
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _resolve(future: Future[int], outcome: _Outcome) -> None:
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _log_failure(outcome: _Outcome) -> None:
    if isinstance(outcome, BaseException):
        _log.error("a session could not be stored: %s", outcome)
