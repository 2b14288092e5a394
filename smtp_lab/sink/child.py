"""A sink in a process of its own, as seen from the process it belongs to."""

from __future__ import annotations

import atexit
import io
import itertools
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from smtp_lab.archive import Archive
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import SinkError
from smtp_lab.sink.credentials import Login
from smtp_lab.sink.forking import FORKED, let_go
from smtp_lab.sink.inside import Start, ask_parent
from smtp_lab.sink.settings import Settings
from smtp_lab.sink.temporary import TemporaryFolder
from smtp_lab.sink.tls import LabAuthority
from smtp_lab.sink.watching import Watchers

__all__ = ("ChildServer",)

_log = logging.getLogger("smtp_lab.sink")

_START = 30.0  # seconds until it listens
_WATCHERS = 5.0  # seconds functions that are called for each message may still take
_END = 20.0  # seconds until it has finished what was on its way
_PATIENCE = 10.0  # seconds until it says whether a client knows a secret

# All else comes over the pipe, where nobody else can read it.
_CODE = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from smtp_lab.sink.inside import main; main()"
)
# What it has no use for, and may be a secret; PYTHONINSPECT would keep it from ending.
_NOT_FOR_IT = ("SMTP_LAB_", "JUPYTERHUB_", "JPY_", "PYTHONINSPECT", "PYTHONSTARTUP")


class _Pickler(pickle.Pickler):
    """Lets a `Secret` through, which no other pickler does: the pipe has two ends and no third."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Secret):
            return Secret, (value.reveal(),)
        return NotImplemented


class ChildServer:
    """Running doors in another process, which ends with this one; see `Server`.

    What a cell of a notebook does, however long, does not keep it from taking mail.

    Args:
        settings: What was asked for.
        archive: Where mail goes; the process opens it for itself.
        authority: Whose certificate the doors show.
        on_stop: Called with the server once it has ended.
        holding: A temporary folder that must live as long as the server.

    Raises:
        PortInUseError: A port that was asked for is taken; nothing was started.
        SinkError: The process cannot be started.
    """

    port: int
    tls_port: int
    plain_port: int

    def __init__(
        self,
        settings: Settings,
        archive: Archive,  # noqa: ARG002  # as `Server`
        authority: LabAuthority,
        *,
        on_stop: Callable[[ChildServer], None],
        holding: TemporaryFolder | None = None,
    ) -> None:
        self.settings, self.said = settings, ""
        self.watchers = Watchers()
        self._on_stop, self._holding = on_stop, holding
        self._writing, self._stopping = threading.Lock(), threading.Lock()
        self._proofs: dict[int, queue.SimpleQueue[bool]] = {}
        self._numbers, self._asked = itertools.count(), dict[int, queue.SimpleQueue[int]]()
        self._ready: Future[tuple[int, int, int]] = Future()
        self._ending = self._forked = False
        self._process = _spawned()
        self._reader = threading.Thread(
            target=self._listen, name=f"smtp-lab-child-{self._process.pid}", daemon=True
        )
        self._reader.start()
        folder = str(holding.path) if holding else None
        sent = settings._replace(users=ask_parent) if callable(settings.users) else settings
        try:
            with suppress(OSError):  # it has ended: why is told by what it said last
                self._send([p for p in sys.path if p] + [str(Path(__file__).parents[2])])
                self._send(Start(sent, os.getpid(), authority.folder, folder))
            self.port, self.tls_port, self.plain_port = self._ready.result(_START)
        except TimeoutError:
            self._abandon()
            raise SinkError(_unstarted(f"did not start within {_START:.0f} s")) from None
        except BaseException:
            self._abandon()
            raise
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        """Whether it still takes connections."""
        return not self._forked and self._reader.is_alive() and not self._ending

    def settle(self, patience: float) -> None:
        """Wait until the session of every client that has left is stored."""
        self._ask("settle", patience)

    @property
    def connected(self) -> int:
        """How many clients are connected now."""
        return self._ask("count", 0.0)

    def _ask(self, what: str, patience: float) -> int:
        """Ask the process for *what*, and give the number it answers, or nought in time."""
        number, answer = next(self._numbers), queue.SimpleQueue[int]()
        self._asked[number] = answer
        try:
            self._send((what, number, patience))
            return answer.get(timeout=patience + 1)
        except (OSError, ValueError, queue.Empty):
            return 0  # it has ended, or is slow to answer
        finally:
            del self._asked[number]

    def stop(self) -> None:
        """Take no more connections, finish messages on their way, store everything, and end."""
        with self._stopping:
            if not self.running:
                return
            self._ending = True
            with suppress(OSError):
                self._send(("stop",))
            self._reader.join(_END)
            self._abandon()
            self._over()
        self.watchers.wait(_WATCHERS)

    def forked(self) -> None:
        """Let go of the pipe: this process is a copy of the one the sink belongs to."""
        self._forked, self.said = True, FORKED
        self._writing, self._stopping = threading.Lock(), threading.Lock()
        let_go(
            p.fileno() for p in (self._process.stdin, self._process.stdout) if p and not p.closed
        )

    # --- the pipe -----------------------------------------------------------------------------

    def _send(self, message: Any) -> None:
        held = io.BytesIO()
        _Pickler(held).dump(message)
        assert self._process.stdin is not None  # noqa: S101  # a pipe
        with self._writing:
            self._process.stdin.write(held.getbuffer())
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # a pipe
        try:
            while True:
                kind, *rest = pickle.load(self._process.stdout)  # noqa: S301  # our own child
                self._hear(kind, rest)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            pass
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END)
        if not self._ready.done():
            how = _ended(self._process.returncode)
            self._ready.set_exception(SinkError(_unstarted(f"{how} before it had started")))
        elif not self._ending:
            self._ending = True
            self.said = f"The sink's process {_ended(self._process.returncode)}"
            _log.error("%s, and takes no more mail; start it again with sink.start()", self.said)
            threading.Thread(target=self._over, name="smtp-lab-over").start()

    def _hear(self, kind: str, rest: list[Any]) -> None:
        match kind:
            case "ready":
                self._ready.set_result(rest[0])
            case "failed":
                self._ending = True
                self._ready.set_exception(rest[0])
            case "kept":
                for first, last in rest[0]:
                    self.watchers.tell(first, last)
            case "log":
                name, level, text = rest
                logging.getLogger(name).log(level, "%s", text)
            case "judge":
                args = tuple(rest)
                threading.Thread(target=self._judge, args=args, name="smtp-lab-login").start()
            case "answered":
                if asked := self._asked.get(rest[0]):
                    asked.put(rest[1])
            case "proved":
                self._proved(*rest)

    def _proved(self, number: int, proved: bool) -> None:
        if answer := self._proofs.get(number):
            answer.put(proved)

    def _judge(self, number: int, mechanism: str, username: str) -> None:
        """Ask the function that decides; what the client said stays in the other process."""
        answer = self._proofs[number] = queue.SimpleQueue()

        def proves(secret: str) -> bool:
            self._send(("proves", number, secret))
            return answer.get(timeout=_PATIENCE)

        judge = self.settings.users
        assert callable(judge)  # noqa: S101  # else nobody would ask
        decided: bool | None = None
        try:
            decided = bool(judge(Login(mechanism, username, proves)))
        except Exception:  # noqa: BLE001  # whatever it is, the client is told to try again
            _log.exception("the function that decides on logins failed")
        finally:
            del self._proofs[number]
            with suppress(OSError, ValueError):  # it has ended meanwhile
                self._send(("judged", number, decided))

    # --- the process --------------------------------------------------------------------------

    def _abandon(self) -> None:
        """See to it that nothing of the process is left, whatever it is doing."""
        if self._reader.is_alive() and self._process.poll() is None and not self._ready.done():
            self._process.kill()
        self._reader.join(1.0)
        if self._process.poll() is None:
            self._process.kill()
            self._reader.join(5.0)
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes

    def _over(self) -> None:
        self._close()
        atexit.unregister(self.stop)
        self._on_stop(self)
        self._holding = None


def _spawned() -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_FOR_IT)}
    # Its own group: an interrupt or a kill of the kernel's is not for it.
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        own = {"creationflags": flags}
    try:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and code
            [sys.executable or "", "-P", "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            **own,
        )
    except (OSError, ValueError) as error:  # ValueError: there is no name of an interpreter
        raise SinkError(_unstarted(f"cannot be started ({error})")) from None


def _unstarted(what: str) -> str:
    return f"The sink's process {what}; Sink(process=False) runs it in a thread of this one."


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return "has ended by itself" if not code else f"has ended with exit code {code}"
