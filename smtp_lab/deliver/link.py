"""One open connection of a batch: its socket, and the pipeline that says what goes over it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from smtp_lab.deliver.pipeline import Pipeline, Transaction
from smtp_lab.deliver.trail import Opening
from smtp_lab.deliver.wire import Client

__all__ = ("Link",)

_CLOSED = "SMTPServerDisconnected: Connection unexpectedly closed"
_GOODBYE = 2.0  # seconds to wait for the answer to QUIT, at most
_PIECE = 65_536
_WHOLE = 10  # a message may take this many times the wait for one answer, as a dialogue may


class Link:
    """A connection after its login; it never blocks.

    Args:
        client: Who opened it; the socket is taken over.
        opening: How it was opened.
        more: Gives the next transaction.
        leaving: Is told of each message that is about to leave.

    Attributes:
        pipeline: What goes over it.
        offers: The server's extensions.
        served: How many transactions came to their end here.
        retiring: Whether it takes no more messages.
        left_at: When QUIT was said, or 0.
        lost: Why the connection is of no more use, or empty.
        interest: What the selector is to watch for.
    """

    def __init__(
        self,
        client: Client,
        opening: Opening,
        more: Callable[[Link], Transaction | None],
        leaving: Callable[[Transaction], None],
    ) -> None:
        self.opening = opening
        self.offers = client.esmtp_features
        self.timeout = client.connection.timeout
        self.whole = client.connection.total_timeout or self.timeout * _WHOLE
        self.served = 0
        self.retiring = False
        self.left_at = 0.0
        self.lost = ""
        self.sock, self._early = client.hand_on()
        self.sock.setblocking(False)
        self.secured = isinstance(self.sock, ssl.SSLSocket)
        self.pipeline = Pipeline(lambda: more(self), leaving, grouped="pipelining" in self.offers)
        self._unsent = b""
        self._moved_at = time.perf_counter()
        self.interest = selectors.EVENT_READ

    def begin(self) -> None:
        """Take what came before there was anybody to take it."""
        if self._early:
            self.pipeline.receive(self._early)
        if self.secured:
            self.read()

    @property
    def dirty(self) -> bool:
        """Whether there is something to write."""
        return bool(self.pipeline.outbox or self._unsent)

    def read(self) -> bool:
        """Take what has come, and say whether there was anything; `lost` says why no more will."""
        pipeline, anything = self.pipeline, False
        while not (self.lost or pipeline.over):
            try:
                data = self.sock.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:
                self.lost = f"{_CLOSED}: {error}"
                break
            if not data or self.left_at:
                self.lost = _CLOSED
                break
            anything = True
            pipeline.receive(data)
            # A socket under TLS may hold more than the selector can see.
            if not self.secured:
                break
        return anything

    def write(self) -> None:
        """Write as much as the connection takes."""
        pipeline = self.pipeline
        if pipeline.outbox:
            self._unsent = b"".join([self._unsent, *pipeline.outbox])
            pipeline.outbox.clear()
        view, done = memoryview(self._unsent), 0
        self.interest = selectors.EVENT_READ
        try:
            while done < len(view):
                count = self.sock.send(view[done:])
                done += count
                pipeline.sent += count
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.interest = selectors.EVENT_READ | selectors.EVENT_WRITE
        except ssl.SSLWantReadError:
            pass  # goes on when the server has said something
        except OSError as error:
            while self.read():  # a server that hangs up may have said why
                pass
            self.lost = self.lost or f"{_CLOSED}: {error}"
        if done:
            self._moved_at = time.perf_counter()
            self._unsent = self._unsent[done:]

    def overdue(self, now: float) -> bool:
        """Whether one answer, or a whole message, has been waited for too long."""
        if self.left_at:
            return now > self.left_at + min(self.timeout, _GOODBYE)
        if self.pipeline.idle:
            return False
        since = max(self.pipeline.answered_at, self._moved_at)
        begun = self.pipeline.open[0].begun if self.pipeline.open else since
        return now > since + self.timeout or now > begun + self.whole

    def leave(self) -> None:
        """Say goodbye; the connection is closed when the server has answered."""
        self.left_at = time.perf_counter()
        self.pipeline.outbox.append(b"QUIT\r\n")

    def close(self) -> None:
        """Close at once."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.sock.close()
