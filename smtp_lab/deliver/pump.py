"""The engine of a batch: connections in one thread, each kept busy, none ever waited for."""

from __future__ import annotations

import contextlib
import heapq
import selectors
import smtplib
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from smtp_lab.deliver.account import Account
from smtp_lab.deliver.diagnosis import diagnose
from smtp_lab.deliver.dialogue import Entry, mask_of, open_up
from smtp_lab.deliver.dsn import Dsn
from smtp_lab.deliver.job import Job, Ruling
from smtp_lab.deliver.journal import Journal
from smtp_lab.deliver.link import Link
from smtp_lab.deliver.pipeline import Transaction
from smtp_lab.deliver.terms import TooBigError, agree
from smtp_lab.deliver.trail import Failure, Opening, Trail
from smtp_lab.deliver.wire import Client
from smtp_lab.transcript import Mask, Transcript

__all__ = ("Plan", "Pump")

_CUT_SHORT = "SMTPServerDisconnected: Connection unexpectedly closed: the batch was cut short"
_TICK = 0.25  # seconds between two looks at the clock


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch is sent.

    Attributes:
        connections: How many connections at most.
        retries: How often a message is tried again after a failure that may pass, and how often a
            connection is opened again after one that was of no use.
        pause: Seconds before that, doubled each time.
        dsn: The reports that are wanted.
    """

    connections: int
    retries: int
    pause: float
    dsn: Dsn | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A connection that could not be opened.

    Attributes:
        error: Why not.
        stage: How far it came.
        opening: What was said.
    """

    error: Exception
    stage: str
    opening: Opening

    @property
    def temporary(self) -> bool:
        """Whether the server asked to come back later."""
        error = self.error
        return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code // 100 == 4

    def failure(self, mask: Mask) -> Failure:
        """The same for whoever asks later."""
        error, trails = self.error, (Trail(self.opening, 0, ()),)
        found = diagnose(error, port=self.opening.port)
        found = replace(found, raw=mask(found.raw))
        if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
            text = error.smtp_error
            said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            reply = f"{error.smtp_code} {' '.join(said.split())}"
            return Failure("reply", mask(reply), trails, found)
        return Failure("exception", mask(f"{type(error).__name__}: {error}"), trails, found)


class Pump:
    """Sends *jobs*; `run` ends when each is settled, or nothing more can be done.

    Args:
        account: Through which server.
        jobs: What is to be sent.
        plan: How.
        journal: Where it is noted.

    Attributes:
        failure: Why it ended before everything was tried, or None.
        settled: How many jobs are.
    """

    def __init__(
        self, account: Account, jobs: Iterable[Job], plan: Plan, journal: Journal | None = None
    ) -> None:
        self._account, self._plan, self._journal = account, plan, journal
        self._mask = mask_of(account)
        self._port = account.smtp.port
        self._jobs = {job.number: job for job in jobs}
        self._queue = deque(self._jobs)
        self._later: list[tuple[float, int]] = []
        self._links: set[Link] = set()
        self._arrived: deque[Link | _Refusal] = deque()
        self._lock = threading.Lock()
        self._ended = False
        self._opening = 0
        self._wanted = plan.connections
        self._proven = self._barred = self._stopping = self._over = False
        self._failures, self._failed_at, self._open_after = 0, 0.0, 0.0
        self._looked_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self.failure: Failure | None = None
        self.settled = 0

    def stop(self) -> None:
        """End soon: what has been handed over is waited for, nothing else is begun."""
        self._stopping = True
        self._ring()

    def run(self) -> None:
        """Send until there is nothing left to do."""
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        try:
            while not self._done():
                self._turn()
            self._over = True
            while self._links:
                self._turn()
        finally:
            with self._lock:
                self._ended = True
            for arrived in self._arrived:
                if isinstance(arrived, Link):
                    arrived.close()
            # Whatever ended it: what had been handed over must not count as unsent.
            for link in tuple(self._links):
                with contextlib.suppress(Exception):
                    self._drop(link, _CUT_SHORT)
                link.close()
            if self._journal is not None:
                self._journal.sync()
            self._selector.close()
            self._ear.close()
            self._bell.close()

    # --- one turn -----------------------------------------------------------------------------

    def _done(self) -> bool:
        if self.settled == len(self._jobs):
            return True
        if self._stopping:
            return not self._links
        return self._barred and not self._links and not self._opening

    def _turn(self) -> None:
        now = time.perf_counter()
        while self._later and self._later[0][0] <= now:
            self._queue.append(heapq.heappop(self._later)[1])
        self._open_more(now)
        while self._arrived:
            self._welcome(self._arrived.popleft())
        for link in tuple(self._links):
            self._feed(link)
        self._flush()
        for key, _ in self._selector.select(self._patience(now)):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(4096)
            else:
                key.data.read()
                self._reap(key.data)
        now = time.perf_counter()
        if now > self._looked_at + _TICK:
            self._looked_at = now
            for link in tuple(self._links):
                if link.overdue(now):
                    self._drop(
                        link, "SMTPServerDisconnected: The server stopped answering: timed out"
                    )

    def _patience(self, now: float) -> float:
        due = self._later[0][0] - now if self._later else _TICK
        return min(_TICK, max(0.0, due))

    def _feed(self, link: Link) -> None:
        if self._stopping:
            link.pipeline.halted = True
            if not any(transaction.end_at for transaction in link.pipeline.open):
                self._drop(link, "stopped")
        elif link.pipeline.idle and not link.left_at:
            if link.retiring or self._over:
                link.leave()
            else:
                link.pipeline.proceed()

    def _flush(self) -> None:
        dirty = [link for link in self._links if link.dirty]
        # What is about to leave is in the journal before it leaves.
        if self._journal is not None:
            self._journal.sync()
        for link in dirty:
            before = link.interest
            link.write()
            if link.interest != before:
                self._selector.modify(link.sock, link.interest, link)
            if link.lost:
                self._reap(link)

    def _reap(self, link: Link) -> None:
        """Take what a connection has finished, and the connection if it is finished itself."""
        finished = link.pipeline.finished
        for transaction in finished:
            self._settle(link, transaction)
        finished.clear()
        why = link.lost or link.pipeline.over
        if why and link in self._links:
            self._drop(link, why)

    # --- messages -----------------------------------------------------------------------------

    def _next(self, link: Link) -> Transaction | None:
        """The next transaction for *link*."""
        while self._queue and not (self._stopping or link.retiring):
            job = self._jobs[self._queue.popleft()]
            outgoing = job.outgoing
            assert outgoing is not None  # noqa: S101  # it is given up only with its last recipient
            if job.left != outgoing.rcpt_to:
                outgoing = outgoing.to(job.left)
            try:
                terms = agree(outgoing, link.offers, self._plan.dsn)
            except (TooBigError, smtplib.SMTPNotSupportedError) as error:
                job.refuse(error, link.opening, link.served)
                self.settled += 1
                continue
            return Transaction(job.number, job.left, terms.commands, terms.body, terms.size)
        return None

    def _leaving(self, transaction: Transaction) -> None:
        if self._journal is not None:
            job = self._jobs[transaction.number]
            accepted = [
                a for a, r in zip(transaction.to, transaction.rcpt, strict=True) if r[0] // 100 == 2
            ]
            self._journal.handed_over(job.key, accepted)

    def _settle(self, link: Link, transaction: Transaction) -> None:
        job = self._jobs[transaction.number]
        trail = Trail(link.opening, link.served, transaction.log)
        ruling = job.settle(transaction, trail)
        if ruling == "elsewhere":
            link.retiring = True
        else:
            self._failures = self._failures if link.served else 0
            link.served += 1
        if self._journal is not None and transaction.end_at:
            self._journal.answered(job.key, job.accepted(transaction.to), transaction.to, job.reply)
        self._rule(job, ruling)

    def _rule(self, job: Job, ruling: Ruling) -> None:
        if ruling == "later":
            job.tries += 1
            if job.tries <= self._plan.retries:
                due = time.perf_counter() + self._plan.pause * 2 ** (job.tries - 1)
                heapq.heappush(self._later, (due, job.number))
                return
        elif ruling != "done":
            self._queue.appendleft(job.number)
            return
        job.release()
        self.settled += 1

    # --- connections --------------------------------------------------------------------------

    def _drop(self, link: Link, why: str) -> None:
        """Give up *link*, and find out what that means for what was under way."""
        self._links.discard(link)
        self._selector.unregister(link.sock)
        link.close()
        pipeline = link.pipeline
        for transaction in reversed(pipeline.open):
            job = self._jobs[transaction.number]
            handed_over = pipeline.handed_over(transaction)
            if why == "stopped" and not handed_over:
                self._queue.appendleft(job.number)
                continue
            ruling = job.lose(
                transaction,
                Trail(link.opening, link.served, transaction.log),
                why,
                handed_over=handed_over,
            )
            if self._journal is not None and transaction.end_at and not handed_over:
                self._journal.answered(job.key, (), transaction.to, "")
            self._rule(job, ruling)
        if not (link.served or link.left_at or self._stopping):
            trail = Trail(link.opening, 0, ((time.perf_counter(), "*", "mail", why.encode()),))
            failure = Failure("exception", self._mask(why), (trail,))
            self._failed(failure, link.opening.at)

    def _open_more(self, now: float) -> None:
        waiting = len(self._queue) + len(self._later)
        busy = sum(not link.pipeline.idle for link in self._links)
        most = self._wanted if self._proven else 1
        usable = sum(not (link.retiring or link.left_at) for link in self._links)
        room = min(most, waiting + busy) - usable - self._opening
        if room <= 0 or self._stopping or self._barred or now < self._open_after:
            return
        for _ in range(room):
            self._opening += 1
            threading.Thread(target=self._open, name="smtp-lab-opening", daemon=True).start()

    def _open(self) -> None:
        """Open a connection, in a thread of its own: names, TLS and logins take their time."""
        at, transcript = time.perf_counter(), Transcript()
        client = Client(self._account.smtp, transcript, self._mask)
        arrived: Link | _Refusal
        try:
            entry = Entry.of(self._account, transcript)
            self._mask = client.mask = entry.mask
            open_up(client, self._account, entry)
            opening = Opening.of(transcript, at, self._mask, self._port)
            arrived = Link(client, opening, self._next, self._leaving)
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch must hear of it
            client.close()
            transcript.add("*", self._mask(f"{type(error).__name__}: {error}"))
            arrived = _Refusal(
                error, transcript.stage, Opening.of(transcript, at, self._mask, self._port)
            )
        with self._lock:
            if not self._ended:
                self._arrived.append(arrived)
                self._ring()
            elif isinstance(arrived, Link):
                arrived.close()

    def _welcome(self, arrived: Link | _Refusal) -> None:
        self._opening -= 1
        if isinstance(arrived, _Refusal):
            # A password is tried once: where it was refused, no connection is opened again. A
            # server nobody has reached yet is not waited for, unless it asks for that itself.
            if arrived.stage in ("auth", "oauth") or not (self._proven or arrived.temporary):
                self._barred = True
            self._failed(arrived.failure(self._mask), arrived.opening.at)
            return
        self._proven = True
        self._links.add(arrived)
        self._selector.register(arrived.sock, arrived.interest, arrived)
        arrived.begin()
        self._reap(arrived)

    def _failed(self, failure: Failure, opened_at: float) -> None:
        """Note that a connection was of no use."""
        self.failure = failure
        if opened_at < self._failed_at:
            return  # several lost together are one failure
        self._failed_at = now = time.perf_counter()
        self._failures += 1
        self._open_after = now + self._plan.pause * 2 ** (self._failures - 1)
        if self._failures > self._plan.retries:
            # Those that are open go on; without any, this is the end.
            self._failures = 0
            self._wanted = len(self._links)
            self._barred = self._barred or not self._links

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._bell.send(b".")
