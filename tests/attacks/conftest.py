"""What every attack must leave behind: a sink that answers, and no mail but what was accepted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sink.conftest import each_loop  # noqa: F401  # a fixture
from sink.talk import Talk

import smtp_lab as lab


class Target:
    """A sink to attack.

    Args:
        sink: It.

    Attributes:
        accepted: The messages it may keep, in order.
    """

    def __init__(self, sink) -> None:
        self.sink = sink
        self.accepted: list[bytes] = []

    def raws(self):
        return [message.raw for message in self.sink.archive.messages()]

    def check(self) -> None:
        """It takes mail as ever, and kept what it accepted and nothing else."""
        with Talk(self.sink, door="plain") as client:
            assert client.greeting.startswith("220 ")
            client.hello()
            assert client.mail(b"after\r\n").startswith("250")
        assert self.raws() == [*self.accepted, b"after\r\n"]


@pytest.fixture
def attacked(new_sink):
    """attacked(**limits) gives a sink within these bounds; it is looked at when the test ends."""
    made = []

    def make(users=None, login_required=None, **limits):
        sink = new_sink(users=users, login_required=login_required, limits=lab.Limits(**limits))
        made.append(Target(sink))
        return made[-1]

    yield make
    for target in made:
        target.check()


ALONE = """
import sys, time
import smtp_lab as lab
sink = lab.Sink(sys.argv[1]).start()
print(sink.plain_port, flush=True)
sys.stdin.read()
"""


class Alone:
    """A sink in a process of its own, so that its memory can be seen."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.process = subprocess.Popen(
            [sys.executable, "-c", ALONE, archive],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.plain_port = int(self.process.stdout.readline())
        self.port = self.tls_port = 0

    def peak(self) -> int:
        """The most memory it ever had, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1000

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            assert self.process.wait(20) == 0
        finally:
            if self.process.poll() is None:
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.stdout.close()


@pytest.fixture
def alone(tmp_path):
    """A sink in a process of its own; afterwards it answers and had less than 250 MB."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is read from /proc, which is not here")
    running = Alone(tmp_path / "mail.sqlite3")
    yield running
    try:
        with Talk(running, door="plain") as client:
            client.hello()
            assert client.mail(b"after\r\n").startswith("250")
        assert running.peak() < 250
    finally:
        running.stop()
