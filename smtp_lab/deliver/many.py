"""Many messages through one profile: several connections, stop, resume, and an outcome for each."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from email.message import Message
from typing import Any, Self

from smtp_lab.config import GraphConnection, OAuth2, Profile, ProfileBook
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.arguments import check_flag, check_number
from smtp_lab.deliver.dialogue import Entry
from smtp_lab.deliver.dsn import Dsn, check_dsn
from smtp_lab.deliver.job import Job
from smtp_lab.deliver.journal import Journal, key_of
from smtp_lab.deliver.outcome import Deliveries
from smtp_lab.deliver.outgoing import Outgoing, prepare
from smtp_lab.deliver.pump import Plan, Pump
from smtp_lab.errors import InputError, Problem, SendingInterrupted, TokenError
from smtp_lab.transcript import Transcript

__all__ = ("Batch", "send_many")

_LOOK = 0.1  # seconds between two calls of progress


class Batch:
    """Messages on their way through one profile, in the background.

    Everything is checked when the batch is made: no connection is opened unless every message can
    be sent as it is and policy allows every recipient.

        >>> batch = lab.Batch(messages, "team").start()
        >>> batch.stop()  # what was handed over is waited for, nothing else is begun
        >>> batch.resume().wait()  # sends what is unsent, and nothing twice

    A message is sent again only where nothing of it can have been accepted: after a refusal that
    may pass (4xx), or when the connection was lost before its end had left. When it was lost after
    that, the outcome is ``unknown``, and the message is not sent again unless asked.

    Args:
        messages: `email.message.EmailMessage` objects, each with its recipients in To, Cc and Bcc,
            or what `prepare` made of them.
        profile: A profile, or the name of one in the book; by default that of *activity*, or the
            book's default.
        connections: How many connections are used at most, 1 to 100. The others are opened when
            the first has logged in.
        activity: What the mail is about, see `ProfileBook.activities`.
        book: Whose profiles and policy hold; by default the default book.
        retries: How often a message is tried again, 0 to 10.
        pause: Seconds before the first of these tries, doubled for each further one.
        dsn: The reports the server is asked for; one that does not offer DSN gets no message.
        journal: A file that remembers what was handed over, so that the same messages can be given
            again after a crash: those that were accepted are not sent twice. A message is known by
            its Message-ID, or by its place and content.

    Raises:
        InputError: Something cannot be sent as it is, or policy forbids it; every message with a
            problem is named by its place, counted from 0.
    """

    def __init__(  # noqa: PLR0913  # each is a choice of its own, all but the first two by name
        self,
        messages: Iterable[Message[Any, Any] | Outgoing],
        profile: Profile | str | None = None,
        *,
        connections: int = 4,
        activity: str | None = None,
        book: ProfileBook | None = None,
        retries: int = 2,
        pause: float = 5.0,
        dsn: Dsn | None = None,
        journal: str | os.PathLike[str] | None = None,
    ) -> None:
        check_number("connections", connections, 1, 100, whole=True)
        check_number("retries", retries, 0, 10, whole=True)
        check_dsn(dsn)
        if journal is not None and not isinstance(journal, str | os.PathLike):
            raise InputError.of("journal", f"is a {type(journal).__name__}", "give a path")
        check_number("pause", pause, 0, 3600)
        self._account = Account.of(profile, activity=activity, book=book)
        if isinstance(self._account.connection, GraphConnection):
            fix = "send each with lab.send()"
            raise InputError.of("profile", "goes through Graph, which takes one at a time", fix)
        self._plan = Plan(connections, retries, float(pause), dsn)
        self._journal_path = journal
        self._jobs = _jobs(messages, self._account, keyed=journal is not None)
        self._pump: Pump | None = None
        # Not the thread itself is waited for: until Python 3.13 a join() that is interrupted from
        # the keyboard takes a thread for ended that still runs.
        self._ended = threading.Event()
        self._ended.set()
        self._error: BaseException | None = None
        self._stopped = False
        self._done_before = 0
        self._seconds, self._begun = 0.0, 0.0

    @property
    def total(self) -> int:
        """How many messages there are."""
        return len(self._jobs)

    @property
    def done(self) -> int:
        """How many are settled, for good or ill."""
        return self._done_before + (self._pump.settled if self._pump else 0)

    @property
    def running(self) -> bool:
        """Whether it is being sent."""
        return not self._ended.is_set()

    @property
    def outcomes(self) -> Deliveries:
        """What has become of each message so far."""
        finished = self.done == self.total
        ended = self._pump is not None and not (self.running or self._stopped or finished)
        failure = self._pump.failure if self._pump and ended else None
        now = time.perf_counter()
        return Deliveries(
            [job.outcome(failure) for job in self._jobs],
            profile=self._account.profile.name,
            endpoint=self._account.connection.endpoint,
            seconds=self._seconds + (now - self._begun if self.running else 0.0),
            failure=failure,
            stopped=self._stopped and not finished,
        )

    def start(self) -> Self:
        """Begin to send in the background."""
        return self.resume()

    def resume(self, *, unknown: bool = False) -> Self:
        """Send what is unsent; the rest stays as it is.

        Args:
            unknown: Send those again, too, of which nobody knows whether they arrived.

        Raises:
            InputError: It is running, or the journal cannot be used.
        """
        check_flag("unknown", unknown)
        if self.running:
            raise InputError.of("batch", "is running", "wait for it with wait(), or stop() it")
        if isinstance(self._account.smtp.auth, OAuth2):
            with contextlib.suppress(TokenError):  # the outcomes tell
                Entry.of(self._account, Transcript())
        journal = Journal(self._journal_path) if self._journal_path is not None else None
        if journal is not None:
            self._recall(journal)
        jobs = [job for job in self._jobs if job.reopen(unknown=unknown)]
        self._done_before = self.total - len(jobs)
        self._stopped, self._error = False, None
        self._pump = pump = Pump(self._account, jobs, self._plan, journal)
        self._begun = time.perf_counter()
        thread = threading.Thread(
            target=self._run, args=(pump, journal), name="smtp-lab-batch", daemon=True
        )
        self._ended.clear()
        thread.start()
        return self

    def stop(self) -> None:
        """End soon; what has been handed over is waited for. Call `wait` for the end."""
        self._stopped = True
        if self._pump is not None and self.running:
            self._pump.stop()

    def wait(self, timeout: float | None = None) -> Deliveries:
        """Wait until it has ended, or for *timeout* seconds, and give the outcomes so far."""
        self.joined(timeout)
        if self._error is not None and not self.running:
            raise self._error
        return self.outcomes

    def joined(self, timeout: float | None = None) -> bool:
        """Wait as `wait` does, and say only whether it has ended."""
        check_number("timeout", timeout, 0, threading.TIMEOUT_MAX, none=True)
        return self._ended.wait(timeout)

    def _run(self, pump: Pump, journal: Journal | None) -> None:
        try:
            pump.run()
        except BaseException as error:  # noqa: BLE001  # wait() raises it
            self._error = error
        finally:
            if journal is not None:
                journal.close()
            self._seconds += time.perf_counter() - self._begun
            self._ended.set()

    def _recall(self, journal: Journal) -> None:
        """Take over what *journal* knows of earlier runs."""
        for job in self._jobs:
            for address, (state, reply) in journal.known.get(job.key, {}).items():
                if address in job.left:
                    job.recall(address, state, reply)

    def __repr__(self) -> str:
        how = "running" if self.running else "stopped" if self._stopped else "at rest"
        return f"<Batch {how}: {self.done:,} of {self.total:,} done>"


def send_many(  # noqa: PLR0913  # each is a choice of its own, all but the first two by name
    messages: Iterable[Message[Any, Any] | Outgoing],
    profile: Profile | str | None = None,
    *,
    connections: int = 4,
    activity: str | None = None,
    book: ProfileBook | None = None,
    progress: Callable[[int, int], object] | None = None,
    retries: int = 2,
    pause: float = 5.0,
    dsn: Dsn | None = None,
    journal: str | os.PathLike[str] | None = None,
) -> Deliveries:
    """Send *messages* and wait for the end; see `Batch` for what each argument means.

    Args:
        messages: As for `Batch`.
        profile: A profile, or the name of one in the book; by default that of *activity*.
        connections: How many connections are used at most.
        activity: What the mail is about.
        book: Whose profiles and policy hold.
        progress: Called now and then with how many messages are done and how many there are.
        retries: How often a message is tried again after a failure that may pass.
        pause: Seconds before the first of these tries.
        dsn: The reports the server is asked for.
        journal: A file that lets the same call go on after a crash.

    Returns:
        An `Outcome` for each message. Servers that refuse are an answer, not an error: see `ok`,
        `failed` and `unsent`.

    Raises:
        InputError: Something cannot be sent as it is, or policy forbids it; no connection was
            opened.
        SendingInterrupted: Ctrl-C or the stop button of a notebook. It is a KeyboardInterrupt whose
            `batch` holds the outcomes so far and can be resumed.
    """
    if progress is not None and not callable(progress):
        fix = "give a function of two numbers: how many are done, and how many there are"
        raise InputError.of("progress", f"is a {type(progress).__name__}", fix)
    batch = Batch(
        messages,
        profile,
        connections=connections,
        activity=activity,
        book=book,
        retries=retries,
        pause=pause,
        dsn=dsn,
        journal=journal,
    )
    return _follow(batch, progress)


def _follow(batch: Batch, progress: Callable[[int, int], object] | None) -> Deliveries:
    """Run *batch* to its end in the foreground."""
    try:
        batch.start()
        while not batch.joined(_LOOK):
            if progress is not None:
                progress(batch.done, batch.total)
        if progress is not None:
            progress(batch.done, batch.total)
        return batch.wait()
    except KeyboardInterrupt:
        batch.stop()
        with contextlib.suppress(KeyboardInterrupt):  # once is enough
            batch.wait()
        raise SendingInterrupted(batch) from None
    except BaseException:
        batch.stop()  # progress failed
        batch.wait()
        raise


def _jobs(
    messages: Iterable[Message[Any, Any] | Outgoing], account: Account, *, keyed: bool
) -> list[Job]:
    if not isinstance(messages, Iterable):
        raise InputError.of("messages", f"is a {type(messages).__name__}", "give a list of them")
    if isinstance(messages, Message | Outgoing | str | bytes):
        raise InputError.of("messages", "is a single one", "give a list, or use lab.send()")
    jobs: list[Job] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, message in enumerate(messages):
        try:
            made = message if isinstance(message, Outgoing) else prepare(message, account.profile)
            allowed = account.allowed(made.rcpt_to)
        except InputError as error:
            problems += [
                Problem(f"messages[{number}].{p.field}", p.problem, p.fix) for p in error.problems
            ]
            continue
        key = key_of(message, number, made, seen) if keyed else ""
        jobs.append(Job(number, made if allowed == made.rcpt_to else made.to(allowed), key))
    if problems:
        raise InputError(*problems)
    return jobs
