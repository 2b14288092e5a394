"""The process a sink runs in beside a notebook, from the inside.

It is told what to do over its standard input and answers over its standard output, each message a
pickle. Nothing of that is on its command line or in its environment. It ends when it is told to,
and when nobody is there to tell it any more: the pipe ends with whoever holds its other side, and
where somebody else has kept that open, it has another parent all of a sudden.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import queue
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from smtp_lab.archive import Archive
from smtp_lab.errors import SinkError, SmtpLabError
from smtp_lab.sink.credentials import Login, Undecided
from smtp_lab.sink.outbox import Outbox
from smtp_lab.sink.server import Server
from smtp_lab.sink.settings import Settings
from smtp_lab.sink.tls import LabAuthority

__all__ = ("Start", "ask_parent", "main")

_LOOK = 0.5  # seconds between two looks whether the parent lives
_PATIENCE = 60.0  # seconds after which nobody waits for an answer any more


class Start(NamedTuple):
    """What it is told first.

    Attributes:
        settings: Of the server.
        parent: The number of the process that may tell it more.
        authority: The folder of the lab CA.
        folder: Of a temporary archive, which is removed should nobody else be there to do it.
    """

    settings: Settings
    parent: int
    authority: Any
    folder: str | None


class _Questions:
    """Logins that the function in the parent decides about."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._numbers = itertools.count()
        self._open: dict[int, tuple[Login, queue.SimpleQueue[bool | None]]] = {}

    def ask(self, login: Login) -> bool:
        """Let the parent decide, and wait for it."""
        number, answer = next(self._numbers), queue.SimpleQueue[bool | None]()
        self._open[number] = login, answer
        try:
            self._outbox.send(("judge", number, login.mechanism, login.username))
            decided = answer.get(timeout=_PATIENCE)
        except queue.Empty:
            decided = None
        finally:
            del self._open[number]
        if decided is None:
            raise Undecided
        return decided

    def prove(self, number: int, secret: str) -> None:
        """Say whether the client of question *number* knows *secret*; what it said stays here."""
        if found := self._open.get(number):
            self._outbox.send(("proved", number, found[0].proves(secret)))

    def settle(self, number: int, decided: bool | None) -> None:
        """Take the parent's decision; None where it has none."""
        if found := self._open.get(number):
            found[1].put(decided)


_questions: _Questions | None = None


def ask_parent(login: Login) -> bool:
    """Stands in the child for a function that is in the parent."""
    assert _questions is not None  # noqa: S101  # main has made it
    return _questions.ask(login)


class _Reports(logging.Handler):
    """Lets the parent log what is logged here."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._outbox.report((record.name, record.levelno, self.format(record)))


def main() -> None:
    """Run a server until told to stop, or until nobody is there to tell."""
    # An interrupt is meant for what runs in the notebook.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    source, outbox = sys.stdin.buffer, Outbox(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # whoever prints something must not be taken for an answer
    start: Start = pickle.load(source)  # noqa: S301  # from our own parent
    logging.getLogger().addHandler(_Reports(outbox))
    warnings.simplefilter("ignore")  # the parent has seen the same archive, and has said it
    try:
        archive, server = _opened(start, outbox)
    except Exception as error:  # noqa: BLE001  # the parent raises it
        outbox.send(("failed", error if isinstance(error, SmtpLabError) else _unexpected(error)))
    else:
        outbox.send(("ready", (server.port, server.tls_port, server.plain_port)))
        alone = _wait(source, start.parent, ending, partial(_answer, server, outbox))
        server.stop()
        archive.close()
        if alone and start.folder:
            shutil.rmtree(start.folder, ignore_errors=True)
    outbox.close()
    # Not by the long way: a thread waits for the parent's next word and cannot be woken.
    os._exit(0)


def _opened(start: Start, outbox: Outbox) -> tuple[Archive, Server]:
    global _questions  # noqa: PLW0603  # one process, one server
    _questions = _Questions(outbox)
    settings = start.settings
    assert settings.archive is not None  # noqa: S101  # Sink has put it there
    archive = Archive(
        settings.archive.render_as_string(hide_password=False),
        synchronous=settings.synchronous,
        lock_timeout=settings.lock_timeout,
    )
    server = Server(
        settings,
        archive,
        LabAuthority(start.authority),
        on_stop=lambda _: None,
        told=outbox.tell,
    )
    return archive, server


def _unexpected(error: Exception) -> SinkError:
    said = f"{type(error).__name__}: {error}".strip(": ")
    return SinkError(f"The sink's process could not start ({said}).")


def _answer(server: Server, outbox: Outbox, what: str, number: int, patience: float) -> None:
    if what == "settle":
        server.settle(patience)
    outbox.send(("answered", number, server.connected))


def _wait(
    source: BinaryIO,
    parent: int,
    ending: threading.Event,
    answer: Callable[[str, int, float], None],
) -> bool:
    """Wait for the end; say whether it came because the parent is gone."""
    orderly = threading.Event()
    args = source, orderly, ending, answer
    threading.Thread(target=_hear, args=args, name="smtp-lab-parent", daemon=True).start()
    while not ending.wait(_LOOK):
        # Windows has no new parent for an orphan.
        if sys.platform != "win32" and os.getppid() != parent:
            break
    return not orderly.is_set()


def _hear(
    source: BinaryIO,
    orderly: threading.Event,
    ending: threading.Event,
    answer: Callable[[str, int, float], None],
) -> None:
    assert _questions is not None  # noqa: S101  # there since the server is
    try:
        while True:
            kind, *rest = pickle.load(source)  # noqa: S301  # from our own parent
            if kind == "stop":
                orderly.set()
                break
            if kind in ("settle", "count"):
                # Others have something to say meanwhile.
                args = kind, *rest
                threading.Thread(target=answer, args=args, name="smtp-lab-answer").start()
            elif kind == "proves":
                _questions.prove(*rest)
            elif kind == "judged":
                _questions.settle(*rest)
    except (EOFError, OSError, pickle.UnpicklingError):
        pass  # nobody is there any more
    ending.set()
