"""A message of a batch: what has become of it so far, and what an end of a transaction means."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Literal

from smtp_lab.deliver.delivery import Recipient
from smtp_lab.deliver.outcome import Outcome, State
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.pipeline import Transaction
from smtp_lab.deliver.replies import Reply
from smtp_lab.deliver.trail import Failure, Opening, Trail

__all__ = ("Job", "Ruling")

Ruling = Literal["done", "now", "elsewhere", "later"]
"""What is to be done about the recipients that are left: nothing, since there are none; send to
them at once; at once over another connection; or after a pause, which counts as a failed try."""

_MOST_TRAILS = 10  # a message that fails more often has been seen to fail


class Job:
    """One message, its recipients, and what became of each.

    Attributes:
        number: Its place in the batch.
        key: What the journal knows it by.
        outgoing: The message, or None once nobody is left to send it to.
        left: The recipients who are still to get it.
        settled: What became of the others.
        tries: How many tries have failed in this run.
        attempts: How many transactions there were.
        reply: The last answer to the whole message, or empty.
    """

    __slots__ = (
        "_failure",
        "_last",
        "_order",
        "_states",
        "_trails",
        "attempts",
        "begun",
        "ended",
        "key",
        "left",
        "message_id",
        "number",
        "outgoing",
        "reply",
        "settled",
        "tries",
    )

    def __init__(self, number: int, outgoing: Outgoing, key: str = "") -> None:
        self.number, self.key = number, key
        self.outgoing: Outgoing | None = outgoing
        self.message_id = outgoing.message_id
        self.left = self._order = outgoing.rcpt_to
        self.settled: dict[str, Recipient] = {}
        self._states: dict[str, State] = {}
        self._last: dict[str, tuple[int, str]] = {}
        self._failure: Failure | None = None
        self._trails: list[Trail] = []
        self.tries = self.attempts = 0
        self.begun = self.ended = 0.0
        self.reply = ""

    # --- what became of it --------------------------------------------------------------------

    def settle(self, transaction: Transaction, trail: Trail) -> Ruling:
        """Take the end of *transaction*."""
        self._note(transaction)
        text = trail.opening.text
        if transaction.end is not None:
            self.reply = f"{transaction.end[0]} {text(transaction.end[1])}"
        taken = transaction.end is not None and transaction.end[0] // 100 == 2
        more: list[str] = []
        deciding: Reply | None = None
        left = set(self.left).difference(transaction.to)
        for place, address in enumerate(transaction.to):
            reply = _reply_for(transaction, place)
            if reply[0] // 100 == 2:
                reply = transaction.rcpt[place]
                self._set(address, "accepted", Recipient(address, True, reply[0], text(reply[1])))
                continue
            deciding = deciding or reply
            of_rcpt = place < len(transaction.rcpt) and reply is transaction.rcpt[place]
            if _final(reply, to_mail=reply is transaction.mail, crowded=of_rcpt and taken):
                self._set(address, "refused", Recipient(address, False, reply[0], text(reply[1])))
            else:
                self._last[address] = (reply[0], text(reply[1]))
                left.add(address)
                more += [address] if reply[0] in (452, 552) and taken else []
        if deciding is not None:
            self._fail("reply", f"{deciding[0]} {' '.join(text(deciding[1]).split())}", trail)
        self.left = tuple(address for address in self.left if address in left)
        if not self.left:
            return "done"
        if more:
            return "now"
        mail = transaction.mail
        # A server may limit the messages of a connection.
        spent = mail is not None and mail[0] in (421, 452) and trail.before > 0
        return "elsewhere" if spent else "later"

    def lose(
        self, transaction: Transaction, trail: Trail, why: str, *, handed_over: bool
    ) -> Ruling:
        """Take the end of the connection in the middle of *transaction*."""
        self._note(transaction)
        if handed_over:
            why = f"AnswerLostError: {why.partition(': ')[2] or why}"
        transaction.log.append((self.ended, "*", "data", why.encode()))
        self._fail("exception", trail.opening.mask(why), trail)
        if handed_over:
            text = trail.opening.text
            left = set(self.left)
            for address, reply in zip(transaction.to, transaction.rcpt, strict=True):
                if reply[0] // 100 == 2:
                    self._set(address, "unknown", Recipient(address))
                elif _final(reply, crowded=True):
                    self._set(
                        address, "refused", Recipient(address, False, reply[0], text(reply[1]))
                    )
                else:
                    self._last[address] = (reply[0], text(reply[1]))
                    continue
                left.discard(address)
            self.left = tuple(address for address in self.left if address in left)
            return "later" if self.left else "done"
        # What waited behind another message is not to blame for the loss.
        return "later" if transaction.end_at or not trail.before else "elsewhere"

    def refuse(self, error: OSError, opening: Opening, before: int) -> None:
        """Note that this server cannot take the message: nothing was said about it."""
        now = time.perf_counter()
        said = opening.mask(f"{type(error).__name__}: {error}")
        self._fail("exception", said, Trail(opening, before, [(now, "*", "mail", said.encode())]))
        for address in self.left:
            self._set(address, "refused", Recipient(address, False, 0, said.partition(": ")[2]))
        self.left = ()
        self.begun = self.begun or now
        self.ended = now

    def recall(self, address: str, state: State, reply: str) -> None:
        """Take over what a journal knows of an earlier run."""
        code = int(reply[:3]) if reply[:3].isdigit() else 0
        accepted = state == "accepted"
        self._set(address, state, Recipient(address, accepted, code if accepted else 0, reply[4:]))
        self.left = tuple(one for one in self.left if one != address)

    def accepted(self, among: Iterable[str]) -> tuple[str, ...]:
        """Those of *among* it was accepted for."""
        return tuple(address for address in among if self._states.get(address) == "accepted")

    def reopen(self, *, unknown: bool) -> bool:
        """Make ready for another run; say whether there is anybody to send it to."""
        if unknown:
            doubtful = {a for a, state in self._states.items() if state == "unknown"}
            for address in doubtful:
                del self._states[address], self.settled[address]
            left = doubtful.union(self.left)
            self.left = tuple(address for address in self._order if address in left)
        self.tries = 0
        return bool(self.left)

    def release(self) -> None:
        """Let go of the message once nobody can be left to send it to."""
        if not self.left and "unknown" not in self._states.values():
            self.outgoing = None

    def outcome(self, failure: Failure | None = None) -> Outcome:
        """What became of it; *failure* is why the whole batch ended, if it did early."""
        recipients, states = [], []
        for address in self._order:
            found = self.settled.get(address)
            if found is None:
                code, said = self._last.get(address, (0, ""))
                found = Recipient(address, False, code, said)
            recipients.append(found)
            states.append(self._states.get(address, "unsent"))
        done = all(state == "accepted" for state in states)
        return Outcome(
            number=self.number,
            message_id=self.message_id,
            recipients=tuple(recipients),
            states=tuple(states),
            reply=self.reply,
            seconds=max(0.0, self.ended - self.begun),
            attempts=self.attempts,
            failure=None if done else self._failure or failure,
        )

    # --- notes --------------------------------------------------------------------------------

    def _note(self, transaction: Transaction) -> None:
        self.attempts += 1
        self.begun = self.begun or transaction.begun
        self.ended = time.perf_counter()

    def _set(self, address: str, state: State, recipient: Recipient) -> None:
        self._states[address], self.settled[address] = state, recipient

    def _fail(self, kind: Literal["reply", "exception"], said: str, trail: Trail) -> None:
        if len(self._trails) < _MOST_TRAILS:
            self._trails.append(trail)
        else:
            self._trails[-1] = trail
        self._failure = Failure(kind, said, tuple(self._trails))


def _reply_for(transaction: Transaction, place: int) -> Reply:
    """The answer that decided about the recipient at *place*."""
    mail, rcpt = transaction.mail, transaction.rcpt
    if mail is not None and mail[0] // 100 != 2:
        return mail
    if place < len(rcpt) and rcpt[place][0] // 100 != 2:
        return rcpt[place]
    if transaction.end is not None:
        return transaction.end
    if transaction.data is not None and transaction.data[0] != 354:
        return transaction.data
    # A 421 about one recipient ends it for those that follow, and for those before.
    return rcpt[-1]


def _final(reply: Reply, *, to_mail: bool = False, crowded: bool = False) -> bool:
    """Whether sending again cannot help; *crowded* means that other recipients were accepted."""
    if reply[0] // 100 == 4:
        return False
    if to_mail and reply[0] == 503:
        return False  # it has an earlier transaction in mind; the next try begins with RSET
    # RFC 5321 section 4.5.3.1.10: 552 about a recipient may mean that there were too many.
    return not (crowded and reply[0] == 552)
