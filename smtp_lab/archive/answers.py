"""Who waits for something to be stored, and how each of them hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import NamedTuple

from smtp_lab.archive.records import StoredMessage, StoredSession

__all__ = (
    "Job",
    "Outcome",
    "answer_all",
    "call_in",
    "log_failure",
    "resolve",
    "settle",
    "sorted_out",
    "wake",
)

_log = logging.getLogger("smtp_lab.archive")

Outcome = int | BaseException
"""The number of a message, 0 for a session, or what kept it out."""


class Job(NamedTuple):
    """One thing to be stored.

    Attributes:
        item: It.
        answer: Called with the outcome.
        loop: In whose thread, or None for any.
        size: Octets it takes, about.
    """

    item: StoredMessage | StoredSession
    answer: Callable[[Outcome], None]
    loop: asyncio.AbstractEventLoop | None
    size: int


def sorted_out(jobs: Iterable[Job]) -> tuple[list[StoredMessage], list[StoredSession]]:
    """The messages and the sessions among *jobs*, each in their order."""
    return (
        [job.item for job in jobs if isinstance(job.item, StoredMessage)],
        [job.item for job in jobs if isinstance(job.item, StoredSession)],
    )


def answer_all(
    outcomes: Iterable[tuple[Job, Outcome]], here: asyncio.AbstractEventLoop | None = None
) -> None:
    """Answer all of a group; each event loop, but *here* that of this thread, is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in outcomes:
        if job.loop is None or job.loop is here:
            try:
                job.answer(outcome)
            except Exception:  # noqa: BLE001  # one that stumbles must not keep it from others
                _log.exception("what became of a message could not be told")
        else:
            loops.setdefault(job.loop, []).append((job, outcome))
    for loop, own in loops.items():
        call_in(loop, answer_all, own, loop)


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> bool:
    """Call *function* in the thread of *loop*; say whether there is one."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop has ended: nobody waits there any more
        return False
    return True


def wake(waiting: asyncio.Future[None]) -> None:
    """End a wait for room."""
    if not waiting.done():
        waiting.set_result(None)


def settle(answer: asyncio.Future[int], outcome: Outcome) -> None:
    """Give *outcome* to a coroutine."""
    if answer.done():  # whoever waited gave up
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def resolve(future: Future[int], outcome: Outcome) -> None:
    """Give *outcome* to a thread."""
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def log_failure(outcome: Outcome) -> None:
    """Log an outcome nobody waits for, if it is a failure."""
    if isinstance(outcome, BaseException):
        _log.error("a session could not be stored: %s", outcome)
