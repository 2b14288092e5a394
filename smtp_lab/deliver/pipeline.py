"""One connection's share of a batch, without any socket: what to say next, what an answer means.

Where the server offers PIPELINING, MAIL, every RCPT and DATA leave together, DATA last (RFC 2920
section 3.1); a message travels together with the commands of the one after it. Elsewhere the same
machine says one command at a time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from smtp_lab.deliver.replies import EndlessReplyError, NoReplyError, Replies, Reply

__all__ = ("Entry", "Kind", "Pipeline", "Transaction")

_STAGE = {"mail": "mail", "rcpt": "rcpt", "data": "data", "end": "data", "empty": "data"}

Kind = Literal["rset", "mail", "rcpt", "data", "end", "empty"]
"""What an answer is about: a command, the end of a message, or that of an empty one."""

Entry = tuple[float, Literal["C", "S", "*"], str, bytes]
"""A line as it passed: when (`time.perf_counter`), who spoke, the stage, and the octets."""


class Transaction:
    """A message on its way to some of its recipients, over one connection.

    Attributes:
        number: Whose it is; the machine does not look at it.
        to: The recipients of this transaction.
        commands: MAIL and each RCPT, ended by CR LF.
        body: The message with its dots doubled, ended by the final dot.
        size: How many octets the message has without these dots.
        mail: The answer to MAIL, or None.
        rcpt: The answers to RCPT so far.
        data: The answer to DATA, or None.
        end: The answer to the message, or None.
        end_at: How many octets the connection must have sent for the final dot to be out; 0 while
            the message has not been given to it.
        begun: When its first command was said.
        log: What passed.
    """

    __slots__ = (
        "begun",
        "body",
        "commands",
        "data",
        "end",
        "end_at",
        "log",
        "mail",
        "number",
        "rcpt",
        "size",
        "to",
    )

    def __init__(
        self, number: int, to: tuple[str, ...], commands: Sequence[bytes], body: bytes, size: int
    ) -> None:
        self.number, self.to, self.commands = number, to, commands
        self.body, self.size = body, size
        self.mail: Reply | None = None
        self.rcpt: list[Reply] = []
        self.data: Reply | None = None
        self.end: Reply | None = None
        self.end_at = 0
        self.begun = 0.0
        self.log: list[Entry] = []

    @property
    def wanted(self) -> bool:
        """Whether the server took the sender and at least one recipient."""
        mail = self.mail
        if mail is None or mail[0] // 100 != 2:
            return False
        return any([code // 100 == 2 for code, _ in self.rcpt])  # noqa: C419  # four times faster


class Pipeline:
    """The client's end of one open, logged-in connection.

    Args:
        more: Gives the next transaction, or None when there is none for now.
        leaving: Is told of a transaction whose message is put into the outbox.
        grouped: Whether the server offers PIPELINING.

    Attributes:
        outbox: What is to be written, in order; whoever writes empties it.
        queued: How many octets were ever put there.
        sent: How many of them the connection has taken; kept by whoever writes.
        finished: Transactions that have come to their end; whoever reads takes them.
        over: Why nothing more can be said here, or empty.
        halted: Set it and no further message is handed over.
        answered_at: When the last whole answer came.
        now: When the last octets came.
    """

    def __init__(
        self,
        more: Callable[[], Transaction | None],
        leaving: Callable[[Transaction], None] | None = None,
        *,
        grouped: bool,
    ) -> None:
        self._more, self._leaving, self._grouped = more, leaving, grouped
        self.outbox: list[bytes] = []
        self.queued = self.sent = 0
        self.finished: list[Transaction] = []
        self.over = ""
        self.halted = False
        self.answered_at = self.now = time.perf_counter()
        self._waiting: deque[tuple[Kind, Transaction]] = deque()
        self._open: list[Transaction] = []
        self._replies = Replies()
        self._clear = False  # whether RSET must come before the next MAIL

    @property
    def idle(self) -> bool:
        """Whether no answer is awaited."""
        return not self._waiting

    @property
    def open(self) -> tuple[Transaction, ...]:
        """The transactions that have begun and not come to their end."""
        return tuple(self._open)

    def handed_over(self, transaction: Transaction) -> bool:
        """Whether the server may have all of *transaction*: its final dot has left."""
        return 0 < transaction.end_at <= self.sent

    def proceed(self) -> None:
        """Begin the next transaction if nothing is under way."""
        if not self._waiting and not self.over and (transaction := self._more()) is not None:
            self._begin(transaction)

    def receive(self, data: bytes) -> None:
        """Take what the server said."""
        self.now = time.perf_counter()
        replies = self._replies
        try:
            for line in replies.split(data):
                if self.over:
                    return
                if (reply := replies.take(line)) is not None:
                    self._answer(*reply)
            replies.check()
        except EndlessReplyError:
            self.over = "SMTPResponseException: (500, 'Line too long.')"
        except NoReplyError as error:
            self._rubbish(f"no reply code in {error.args[0]!r}")
        if not self.over:
            self.proceed()

    # --- answers ------------------------------------------------------------------------------

    def _answer(self, code: int, said: bytes) -> None:
        if not self._waiting:
            # A server that leaves says so unasked (RFC 5321 section 3.8).
            if code == 421:
                self.over = "SMTPServerDisconnected: Connection unexpectedly closed"
                return
            self._rubbish(f"an answer to nothing: {said!r}")
            return
        self.answered_at = self.now
        kind, transaction = self._waiting.popleft()
        if kind == "rset":
            transaction.log.append((self.now, "S", "mail", said))
        else:
            transaction.log.append((self.now, "S", _STAGE[kind], said))
            self._HANDLERS[kind](self, transaction, (code, said))
        if code == 421 and not self.over:
            self.over = "SMTPServerDisconnected: Connection unexpectedly closed"

    def _on_mail(self, transaction: Transaction, reply: Reply) -> None:
        transaction.mail = reply
        if reply[0] // 100 not in (2, 4, 5):
            self._rubbish(f"not an answer to MAIL: {reply[1]!r}")
        elif reply[0] == 421:
            self._finish(transaction)
        elif not self._grouped:
            if reply[0] // 100 == 2:
                self._say(transaction, "rcpt", transaction.commands[1])
            else:
                self._finish(transaction)

    def _on_rcpt(self, transaction: Transaction, reply: Reply) -> None:
        transaction.rcpt.append(reply)
        if reply[0] // 100 not in (2, 4, 5):
            self._rubbish(f"not an answer to RCPT: {reply[1]!r}")
        elif reply[0] == 421:
            self._finish(transaction)
        elif not self._grouped:
            if len(transaction.rcpt) < len(transaction.to):
                self._say(transaction, "rcpt", transaction.commands[len(transaction.rcpt) + 1])
            elif transaction.wanted:
                self._say(transaction, "data", b"DATA\r\n")
            else:
                self._clear = True
                self._finish(transaction)

    def _on_data(self, transaction: Transaction, reply: Reply) -> None:
        transaction.data = reply
        if reply[0] == 354:
            self._hand_over(transaction)
        elif reply[0] // 100 in (4, 5):
            self._clear = True
            self._finish(transaction)
        else:
            self._rubbish(f"not an answer to DATA: {reply[1]!r}")

    def _on_end(self, transaction: Transaction, reply: Reply) -> None:
        early = self.sent < transaction.end_at
        if reply[0] // 100 not in (2, 4, 5) or (early and reply[0] // 100 == 2):
            # Nobody can have taken a message whose end has not left this machine.
            self._rubbish(f"not an answer to the message: {reply[1]!r}")
            return
        transaction.end = reply
        self._finish(transaction)
        if early:
            self.over = "SMTPServerDisconnected: Connection unexpectedly closed"

    def _on_empty(self, transaction: Transaction, _reply: Reply) -> None:
        self._finish(transaction)

    _HANDLERS: dict[Kind, Callable[[Pipeline, Transaction, Reply], None]] = {  # noqa: RUF012
        "mail": _on_mail,
        "rcpt": _on_rcpt,
        "data": _on_data,
        "end": _on_end,
        "empty": _on_empty,
    }

    def _rubbish(self, what: str) -> None:
        self.over = f"SMTPServerDisconnected: Connection unexpectedly closed: {what}"

    # --- words --------------------------------------------------------------------------------

    def _hand_over(self, transaction: Transaction) -> None:
        now = self.now
        if self.halted:
            self.over = "stopped"
            return
        if transaction.wanted:
            body = transaction.body
            transaction.log.append(
                (now, "*", "data", f"the message: {transaction.size:,} octets".encode())
            )
            self._waiting.append(("end", transaction))
            self._put(body)
            transaction.end_at = self.queued
            if self._leaving is not None:
                self._leaving(transaction)
        elif transaction.mail is not None and transaction.mail[0] // 100 == 2:
            # RFC 2920 section 3.1: a server may say 354 although it refused every recipient; an
            # empty message then goes to nobody.
            transaction.log.append((now, "C", "data", b"."))
            self._waiting.append(("empty", transaction))
            self._put(b".\r\n")
        else:
            # It refused the sender and still waits for a message: for whom, only it knows.
            self._rubbish("354 although the sender was refused")
            return
        if self._grouped and (following := self._more()) is not None:
            self._begin(following)

    def _begin(self, transaction: Transaction) -> None:
        transaction.begun = time.perf_counter()
        self._open.append(transaction)
        if self._clear:
            self._clear = False
            self._waiting.append(("rset", transaction))
            transaction.log.append((transaction.begun, "C", "mail", b"RSET"))
            self._put(b"RSET\r\n")
        if not self._grouped:
            self._say(transaction, "mail", transaction.commands[0])
            return
        say, log, begun = self._waiting.append, transaction.log.append, transaction.begun
        kind: Kind = "mail"
        for command in transaction.commands:
            say((kind, transaction))
            log((begun, "C", kind, command))
            kind = "rcpt"
        say(("data", transaction))
        log((begun, "C", "data", b"DATA"))
        self._put(b"".join(transaction.commands) + b"DATA\r\n")

    def _say(self, transaction: Transaction, kind: Kind, command: bytes) -> None:
        self._waiting.append((kind, transaction))
        transaction.log.append((time.perf_counter(), "C", kind, command))
        self._put(command)

    def _put(self, data: bytes) -> None:
        self.outbox.append(data)
        self.queued += len(data)

    def _finish(self, transaction: Transaction) -> None:
        self._open.remove(transaction)
        self.finished.append(transaction)
