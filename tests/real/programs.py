"""Programs that a test starts and ends: by the process id it got, with a bound on every wait."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from support import missing

T = TypeVar("T")

SBIN = ("/usr/sbin", "/usr/lib/postfix/sbin")
PATIENCE = 20  # seconds; a wait ends as soon as what is waited for is there


def program(name: str, package: str) -> str:
    """Give the path of a system program; PATH of an ordinary user does not lead there."""
    for folder in (*SBIN, *os.environ.get("PATH", "").split(":")):
        if os.access(Path(folder, name), os.X_OK):
            return str(Path(folder, name))
    return missing(name, f"on Debian: apt-get install {package}")


def need_root() -> None:
    """Without root rights the test is `missing` something: mail servers change their user."""
    if os.geteuid() != 0:
        missing("a mail server of one's own", "its programs start as root only: run as root")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_for(what: Callable[[], T], name: str) -> T:
    """Ask *what* until it gives something; fail the test when it never does."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        if time.monotonic() > end:
            pytest.fail(f"waited {PATIENCE} s for {name} in vain")
        time.sleep(0.02)
    return found


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Log:
    """A log file that is read from where it stood when it was last marked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = 0

    def mark(self) -> None:
        self._mark = len(self._all())

    def _all(self) -> str:
        return self.path.read_text("utf-8", "replace") if self.path.exists() else ""

    def __str__(self) -> str:
        return self._all()[self._mark :]

    def wait_for(self, *words: str) -> str:
        """The first line since the mark that holds all *words*."""

        def look() -> str:
            lines = str(self).splitlines()
            return next((line for line in lines if all(word in line for word in words)), "")

        return wait_for(look, f"{words} in {self.path.name}")


class Program:
    """One program in the foreground, in a process group of its own."""

    def __init__(self, *command: str, output: Path, env: dict[str, str] | None = None) -> None:
        self._output = output
        with output.open("ab") as to:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=to,
                stderr=to,
                start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **(env or {})},
            )

    def wait_for_port(self, port: int) -> None:
        def look() -> bool:
            if self._process.poll() is not None:
                said = self._output.read_text("utf-8", "replace")
                pytest.fail(f"{self._process.args} ended with {self._process.returncode}:\n{said}")
            return answers(port)

        wait_for(look, f"port {port}")

    def end(self) -> None:
        """End the program and the children it may have left in its group."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
