"""How many messages a second the sink takes, beside other servers, on this machine.

    python benchmarks/ingest.py                  what is promised: 10 connections, used again
    python benchmarks/ingest.py --all            every number of connections, size and way
    python benchmarks/ingest.py --maildev PATH   MailDev too, where it is installed (its script)

The client is Postfix's smtp-source. All servers take turns inside each repetition, and each run
gets a server of its own, so that what the machine does meanwhile hits all of them alike: read the
ratios (the median of those inside each repetition), not the figures. Client and server share the
machine. smtp-sink, written in C, keeps nothing at all.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVERS = Path(__file__).with_name("servers.py")
SIZES = {"1K": 1024, "4K": 4096, "20K": 20_480, "1M": 1_048_576}
MESSAGES = {"1K": 12_000, "4K": 10_000, "20K": 6_000, "1M": 250}
OURS = ("full", "normal", "full-asyncio", "normal-asyncio")
# At least so many times stock aiosmtpd: 10 connections, used again.
BARS = {
    "full": {"4K": 3.0, "20K": 3.5, "1M": 3.5},
    "normal": {"4K": 4.5, "20K": 4.0, "1M": 3.5},
    "normal-asyncio": {"4K": 2.0, "20K": 2.5, "1M": 3.5},
}


@dataclass
class Run:
    """What one server did in one run: messages a second, CPU and memory."""

    rate: float
    cpu: float  # milliseconds a message
    peak: float  # MB


@dataclass(frozen=True)
class Case:
    """What the client does."""

    connections: int
    size: str
    reuse: bool

    def __str__(self) -> str:
        way = "used again" if self.reuse else "one a message"
        return f"{self.connections} connections, {way}, {self.size}"

    @property
    def messages(self) -> int:
        """How many are sent."""
        return (
            MESSAGES[self.size] // (1 if self.reuse else 2) // (4 if self.connections == 1 else 1)
        )


@contextlib.contextmanager
def serving(name: str, maildev: str | None) -> Iterator[tuple[int, int]]:
    """A running server: its process and its port."""
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]  # for those that cannot choose
        if name == "smtp-sink":
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            command = ["smtp-sink", *user, f"127.0.0.1:{port}", "500"]
        elif name == "maildev":
            command = ["node", str(maildev), "--smtp", str(port), "--ip", "127.0.0.1"]
            command += ["--disable-web", "--silent", "--mail-directory", folder]
        else:
            command = [sys.executable, str(SERVERS), name, folder]
            port = 0
        env = os.environ | {"SMTP_LAB_DATA": folder}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        try:
            if port:
                wait_for(port)
            else:
                assert process.stdout is not None  # noqa: S101
                port = int(process.stdout.readline())
            yield process.pid, port
        finally:
            process.kill()
            process.communicate()


def wait_for(port: int) -> None:
    """Wait until somebody answers at *port*."""
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
            if sock.recv(3) == b"220":
                return
        time.sleep(0.05)
    sys.exit(f"nobody answers at port {port}")


def used(pid: int) -> float:
    """Seconds of CPU a process has had."""
    cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, case: Case, maildev: str | None) -> Run:
    """One run of one server."""
    source = ["smtp-source", "-4", "-s", str(case.connections), "-l", str(SIZES[case.size])]
    source += ["-f", "ann@example.com", "-t", "bob@example.org"] + ["-d"] * case.reuse
    with serving(name, maildev) as (pid, port):
        target = f"inet:127.0.0.1:{port}"
        warm = str(10 * case.connections)
        subprocess.run([*source, "-m", warm, target], check=True, capture_output=True, timeout=120)
        before, start = used(pid), time.perf_counter()
        command = [*source, "-m", str(case.messages), target]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        seconds, cpu = time.perf_counter() - start, used(pid) - before
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    return Run(case.messages / seconds, cpu * 1000 / case.messages, peak)


def compare(case: Case, names: list[str], repetitions: int, maildev: str | None) -> bool:
    """Run all servers in turn, print a table, and say whether every promise was kept."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(repetitions):
        order = [*names]
        random.shuffle(order)
        for name in order:
            runs[name].append(measure(name, case, maildev))
    print(f"\n{case} ({case.messages} messages, {repetitions} times)")
    print(
        f"{'server':16} {'msg/s':>8} {'x stock':>8} {'x smtp-sink':>12} {'CPU ms':>8} {'MB':>6}  promised"
    )
    kept = True
    for name in names:
        ratios = {
            other: statistics.median(
                a.rate / b.rate for a, b in zip(runs[name], runs[other], strict=True)
            )
            for other in ("stock", "smtp-sink")
        }
        middle = [
            statistics.median(getattr(r, what) for r in runs[name])
            for what in ("rate", "cpu", "peak")
        ]
        bar = (
            BARS.get(name, {}).get(case.size)
            if (case.connections, case.reuse) == (10, True)
            else None
        )
        said = ""
        if bar is not None:
            kept &= ratios["stock"] >= bar
            said = f"{bar} {'kept' if ratios['stock'] >= bar else 'MISSED'}"
        print(
            f"{name:16} {middle[0]:8.0f} {ratios['stock']:8.2f} {ratios['smtp-sink']:12.2f} "
            f"{middle[1]:8.3f} {middle[2]:6.0f}  {said}"
        )
    return kept


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="every case, not only what is promised")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--sizes", default="4K,20K,1M")
    parser.add_argument("--servers", default="", help="only these of ours, such as full,normal")
    parser.add_argument("--maildev", help="the path of MailDev's script")
    options = parser.parse_args()
    if not (shutil.which("smtp-source") and shutil.which("smtp-sink")):
        sys.exit("smtp-source and smtp-sink are missing; Debian: apt-get install postfix")
    ours = [name for name in options.servers.split(",") if name] or list(OURS)
    names = ["stock", "smtp-sink", *ours, *(["maildev"] if options.maildev else [])]
    if not options.maildev:
        print("MailDev is not measured; npm install maildev, and give --maildev its bin/maildev.js")
    cases = [Case(10, size, reuse=True) for size in options.sizes.split(",")]
    if options.all:
        cases = [
            Case(n, size, reuse) for size in SIZES for reuse in (True, False) for n in (1, 10, 50)
        ]
    kept = [compare(case, names, options.repetitions, options.maildev) for case in cases]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
