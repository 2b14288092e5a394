"""What a cell that is busy with Python costs a sink, in a thread and in a process of its own.

Postfix's smtp-source sends 4 KiB messages over ten connections that are used again, while the
program that holds the sink does nothing, or runs a loop in its main thread as a long cell does. All
four take turns inside each round; read the ratios (the median of those inside each round), not the
figures. The goal: in a process, as it is in a notebook, at least half of the idle rate. With a
function given to ``on_message`` the busy program is told of every message as well.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

GOAL = 0.5
HOLDER = """
import sys, threading
import smtp_lab
process, busy, told = (word in sys.argv for word in ("process", "busy", "told"))
with smtp_lab.Sink(sys.argv[1] + "/mail.sqlite3", process=process) as sink:
    if told:
        sink.on_message(lambda message: message.size)
    print(sink.plain_port, flush=True)
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    n = 0
    while busy and not over.is_set():
        n += 1
    over.wait()
"""
CASES = ("thread idle", "thread busy", "process idle", "process busy", "process busy told")


def measure(case: str, messages: int) -> float:
    """Messages a second."""
    with tempfile.TemporaryDirectory(prefix="busy-") as folder:
        command = [sys.executable, "-c", HOLDER, folder, *case.split()]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert holder.stdout is not None  # noqa: S101  # a pipe
            port = int(holder.stdout.readline())
            begin = time.perf_counter()
            source = ["smtp-source", "-4", "-d", "-s", "10", "-l", "4096", "-m", str(messages)]
            source += ["-f", "ann@example.com", "-t", "bob@example.org", f"inet:127.0.0.1:{port}"]
            subprocess.run(source, check=True, capture_output=True, timeout=600)
            return messages / (time.perf_counter() - begin)
        finally:
            holder.communicate(timeout=60)


def main() -> None:
    """Measure, and say whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=6_000)
    options = parser.parse_args()
    if not shutil.which("smtp-source"):
        sys.exit("smtp-source is missing; Debian: apt-get install postfix")
    rates: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(options.rounds):
        for case in random.sample(CASES, len(CASES)):
            # A thread beside a busy one is so slow that fewer will do.
            few = case == "thread busy"
            rates[case].append(measure(case, options.messages // 20 if few else options.messages))
    print(f"{'the sink in a …':20} {'msg/s':>8} {'/ idle':>8}")
    ratios = {}
    for case in CASES:
        idle = rates[f"{case.split()[0]} idle"]
        ratios[case] = statistics.median(a / b for a, b in zip(rates[case], idle, strict=True))
        print(f"{case:20} {statistics.median(rates[case]):8,.0f} {ratios[case]:8.2f}")
    found = ratios["process busy"]
    print(f"\na busy notebook keeps {found:.2f} of its idle rate (goal: {GOAL})")
    sys.exit(found < GOAL)


if __name__ == "__main__":
    main()
