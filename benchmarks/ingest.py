"""How many messages a second the sink takes, beside other servers, as ratios.

    python benchmarks/ingest.py                  what is promised: 10 connections, used again
    python benchmarks/ingest.py --all            each number of connections, size, and way
    python benchmarks/ingest.py busy start       in a busy notebook; until the first 220
    python benchmarks/ingest.py growth           at a million stored messages (takes minutes)
    python benchmarks/ingest.py --quick          a look at each of the parts named, in a minute

The client is Postfix's smtp-source (Debian: ``apt-get install postfix``), which shares the machine
with the server. All servers take turns in each round, in another order, and each run gets a server
of its own: what the machine does meanwhile hits all of them alike. A ratio is the median of those
inside a round. smtp-sink, in C, keeps nothing; stock aiosmtpd keeps messages in a list; ours has
each message on disk before it answers, at NORMAL all but for a loss of power.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving import Run, Running, serving, tool

from smtp_lab.sink.tls import LabAuthority

SIZES = {"1K": 1024, "4K": 4096, "20K": 20_480, "1M": 1_048_576}
MESSAGES = {"1K": 12_000, "4K": 12_000, "20K": 6_000, "1M": 300}
OURS = ("full", "normal", "full-asyncio", "normal-asyncio")
# At least so many times stock aiosmtpd: 10 connections, used again.
BARS = {
    "full": {"4K": 3.0, "20K": 3.5, "1M": 3.5},
    "normal": {"4K": 4.5, "20K": 4.0, "1M": 3.5},
    "normal-asyncio": {"4K": 2.0, "20K": 2.5, "1M": 3.5},
}
WARM = 600  # messages before it counts


@dataclass(frozen=True)
class Case:
    """What the client does."""

    connections: int
    size: str
    reuse: bool = True

    def __str__(self) -> str:
        way = "used again" if self.reuse else "one a message"
        return f"{self.connections} connections, {way}, {self.size}"

    def run(self, name: str, options: argparse.Namespace) -> Run:
        """One run of one server."""
        count = (
            MESSAGES[self.size] // (1 if self.reuse else 3) // (4 if self.connections == 1 else 1)
        )
        if name == "maildev":  # waits a tenth of a second before each greeting
            count = count // 5 if self.reuse else 20 * self.connections
        if options.quick:
            count = min(count, 300)
        own = tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix="tmp-")
        with own as folder:
            LabAuthority(Path(folder) / "ca")  # as wherever a sink ran before
            with serving(name, options.maildev, folder) as server:
                self.send(server, min(WARM, count))
                return self.send(server, count)

    def send(self, server: Running, count: int) -> Run:
        """Send *count* messages to *server*."""
        return server.send(
            max(count, self.connections),
            connections=self.connections,
            octets=SIZES[self.size],
            reuse=self.reuse,
        )


def in_turn(names: list[str], rounds: int, run: Callable[[str], Run]) -> dict[str, list[Run]]:
    """The runs of each server, one a round."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            runs[name].append(run(name))
    return runs


def ratio(runs: dict[str, list[Run]], name: str, other: str, what: str = "rate") -> float:
    """The median of the ratio inside a round."""
    pairs = zip(runs[name], runs[other], strict=True)
    return statistics.median(getattr(a, what) / max(getattr(b, what), 1e-9) for a, b in pairs)


def middle(runs: list[Run], what: str = "rate") -> float:
    """The median."""
    return statistics.median(getattr(run, what) for run in runs)


def rates(options: argparse.Namespace) -> None:
    """Print a table for each case: who takes how many messages a second."""
    names = ["stock", "smtp-sink", *options.servers, *(["maildev"] if options.maildev else [])]
    ways = (True, False) if options.all else (True,)
    counts = (1, 10, 50) if options.all else (10,)
    sizes = SIZES if options.all and not options.quick else options.sizes
    for case in [Case(n, size, way) for size in sizes for way in ways for n in counts]:
        runs = in_turn(names, options.rounds, lambda name: case.run(name, options))  # noqa: B023
        most = 60 + 3 * case.connections * SIZES[case.size] / 1e6
        print(f"\n{case} ({options.rounds} rounds; memory of ours: goal at most {most:.0f} MB)")
        print(
            f"{'':16}{'msg/s':>8}{'x stock':>9}{'x smtp-sink':>13}"
            f"{'CPU ms':>8}{'/ stock':>9}{'MB':>6}"
        )
        for name in names:
            bar = BARS.get(name, {}).get(case.size) if case == Case(10, case.size) else None
            goal = f"   (goal: at least {bar} x stock)" if bar else ""
            print(
                f"{name:16}{middle(runs[name]):8,.0f}{ratio(runs, name, 'stock'):9.2f}"
                f"{ratio(runs, name, 'smtp-sink'):13.2f}{middle(runs[name], 'cpu'):8.3f}"
                f"{ratio(runs, name, 'stock', 'cpu'):9.2f}{middle(runs[name], 'peak'):6.0f}{goal}",
                flush=True,
            )


def busy(options: argparse.Namespace) -> None:
    """Print what is left of the rate while a cell of the notebook is at work."""
    names = [f"{how}-{where}" for where in ("thread", "process") for how in ("idle", "busy")]
    count = 40 if options.quick else 300

    def run(name: str) -> Run:
        with serving(name) as server:
            case = Case(10, "4K")
            case.send(server, 100 if name == "busy-thread" else WARM)
            return case.send(server, count if name == "busy-thread" else 20 * count)

    runs = in_turn(names, options.rounds, run)
    print(f"\na kernel with a sink, {Case(10, '4K')}, FULL ({options.rounds} rounds)")
    for where, goal in (("thread", ""), ("process", "   (goal: at least 0.5 in a notebook)")):
        share = ratio(runs, f"busy-{where}", f"idle-{where}")
        print(
            f"sink in a {where:8} idle {middle(runs[f'idle-{where}']):7,.0f}/s, "
            f"busy {middle(runs[f'busy-{where}']):7,.0f}/s: {share:.2f}{goal}",
            flush=True,
        )


def start(options: argparse.Namespace) -> None:
    """Print how long it takes to the first 220, Python's own start taken off."""
    spent: dict[str, list[float]] = {"python": [], "first": [], "again": []}
    for _ in range(options.rounds if options.quick else 3 * options.rounds):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        spent["python"].append(time.perf_counter() - begin)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("first", "again"):
                begin = time.perf_counter()
                with serving("full", folder=folder):
                    spent[name].append(time.perf_counter() - begin)
    own = statistics.median(spent["python"])
    print(f"\nfrom nothing to the first 220, beyond Python's own {own * 1000:.0f} ms")
    for name, what in (("first", "in an empty folder"), ("again", "in one that was used")):
        extra = [a - b for a, b in zip(spent[name], spent["python"], strict=True)]
        print(f"{what:24}{statistics.median(extra) * 1000:6.0f} ms   (goal: below 500 ms)")


def growth(options: argparse.Namespace) -> None:
    """Print the rate at many stored messages as a share of the rate at a thousand."""
    sizes = {"a thousand": 1_000, f"{options.stored:,}": options.stored}
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix="tmp-") as where:
        folders = {name: Path(where) / str(size) for name, size in sizes.items()}
        for name, size in sizes.items():
            folders[name].mkdir()
            _fill(folders[name] / "mail.sqlite3", size)

        def run(name: str) -> Run:
            with serving("full", folder=str(folders[name])) as server:
                case = Case(10, "4K")
                case.send(server, WARM)
                return case.send(server, 300 if options.quick else 6_000)

        many, few = f"{options.stored:,}", "a thousand"
        runs = in_turn(list(sizes), options.rounds, run)
        print(
            f"\n{Case(10, '4K')}, FULL: {middle(runs[few]):,.0f}/s at {few} stored messages, "
            f"{middle(runs[many]):,.0f}/s at {many}: {ratio(runs, many, few):.2f} "
            f"(goal: at least 0.8)",
            flush=True,
        )


def _fill(file: Path, size: int) -> None:
    from smtp_lab.archive import Archive, StoredMessage, StoredSession, session_id

    archive = Archive(file)
    for begin in range(0, size, 1000):
        now = datetime.now(UTC)
        session = StoredSession(session_id(), now, "plain", "127.0.0.1:50123", ehlo="a.example")
        raw = b"Subject: a message\r\n\r\n" + b"x" * 400 + b"\r\n"
        message = StoredMessage(raw, "ann@example.com", ("bob@example.org",), now, session)
        archive.add([message] * min(1000, size - begin))
    archive.close()


def _maildev(given: str) -> str:
    """The path of MailDev's script; empty, and the reason said, where there is none."""
    found = given or shutil.which("maildev") or "node_modules/.bin/maildev"
    if not shutil.which("node"):
        print("left out: MailDev, which needs Node.js")
    elif not Path(found).exists():
        print("left out: MailDev; npm install maildev@2.1.0, or give --maildev its path")
    else:
        return found
    return ""


PARTS = {"rates": rates, "busy": busy, "start": start, "growth": growth}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--all", action="store_true", help="every case, not only what is promised")
    parser.add_argument("--quick", action="store_true", help="one round, few messages")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default="4K,20K,1M", help=f"some of {','.join(SIZES)}")
    parser.add_argument("--servers", default=",".join(OURS), help="which of ours")
    parser.add_argument("--stored", type=int, default=1_000_000, help="messages, for growth")
    parser.add_argument("--maildev", default="", help="the path of MailDev's script")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    for name in ("smtp-sink", "smtp-source"):
        if not tool(name):
            sys.exit(f"{name} is not installed; on Debian and Ubuntu: apt-get install postfix")
    options.servers, options.sizes = options.servers.split(","), options.sizes.split(",")
    if options.quick:
        options.rounds, options.stored = 1, min(options.stored, 5_000)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the begin")
    parts = options.parts or ["rates"]
    options.maildev = _maildev(options.maildev) if "rates" in parts else ""
    for part in parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()
