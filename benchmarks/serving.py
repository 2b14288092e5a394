"""Servers to measure, each in a process of its own, and a client to measure them with."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ("HOST", "Run", "Running", "first_line", "serving", "tool")

HOST = "127.0.0.1"
SERVERS = Path(__file__).with_name("servers.py")
SENDER, TO = "ann@example.com", "bob@example.org"


@dataclass
class Run:
    """What one server did in one run: messages a second, CPU and memory."""

    rate: float
    cpu: float  # milliseconds a message
    peak: float  # MB


@dataclass
class Running:
    """A server that runs."""

    pid: int
    port: int

    def send(self, messages: int, *, connections: int, octets: int, reuse: bool) -> Run:
        """Send *messages* with smtp-source."""
        command = [tool("smtp-source"), "-4", "-s", str(connections), "-l", str(octets)]
        command += ["-f", SENDER, "-t", TO, "-m", str(messages), *(["-d"] * reuse)]
        before, begin = self._cpu(), time.perf_counter()
        subprocess.run(
            [*command, f"inet:{HOST}:{self.port}"], check=True, capture_output=True, timeout=900
        )
        seconds, cpu = time.perf_counter() - begin, self._cpu() - before
        return Run(messages / seconds, cpu * 1000 / messages, self._peak())

    def _cpu(self) -> float:
        """Seconds of CPU it has had."""
        cells = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")

    def _peak(self) -> float:
        """The most memory it ever had, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000


@contextlib.contextmanager
def serving(name: str, maildev: str = "", folder: str = "") -> Iterator[Running]:
    """Run a server, which writes to *folder* or to one that is gone afterwards.

    Args:
        name: ``smtp-sink``, ``maildev``, or a name that `servers` knows.
        maildev: The path of MailDev's script.
        folder: An empty one, or one with an archive.
    """
    with contextlib.ExitStack() as stack:
        # Beside this file: the folder for temporary files may lie in memory.
        own = tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix="tmp-")
        folder = folder or stack.enter_context(own)
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]  # for those that cannot choose
        if name == "smtp-sink":
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            command = [tool(name), *user, f"{HOST}:{port}", "500"]
        elif name == "maildev":
            command = ["node", maildev, "--smtp", str(port), "--ip", HOST, "--disable-web"]
            command += ["--silent", "--mail-directory", folder]
        else:
            command, port = [sys.executable, str(SERVERS), name, folder], 0
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"SMTP_LAB_DATA": folder},
        )
        stack.callback(_end, process)
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        port = port or int(process.stdout.readline())
        first_line(port)
        yield Running(process.pid, port)


def first_line(port: int) -> None:
    """Wait for the greeting at *port*."""
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 5) as sock:
            if sock.recv(4) == b"220 ":
                return
        time.sleep(0.05)
    sys.exit(f"nobody answers at port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101  # it is a pipe
    process.stdin.close()  # the sink ends with its input, and its child with it
    try:
        process.wait(0.2 if "smtp-sink" in str(process.args) else 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    process.stdout.close()


def tool(name: str) -> str:
    """The path of *name*, which is seldom on the path of a plain user; empty without it."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])) or ""
