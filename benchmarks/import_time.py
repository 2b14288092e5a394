"""What ``import smtp_lab`` costs, as a share of ``import pandas``: the goal is below a quarter.

Each import runs in a fresh interpreter, the two in turn, and the time of an interpreter that
imports nothing is taken off. Run it with ``make benchmarks``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
CASES = {"nothing": "pass", "smtp_lab": "import smtp_lab", "pandas": "import pandas"}


def seconds(code: str) -> float:
    """Wall-clock seconds of one interpreter that runs *code*."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin


def main() -> None:
    """Print the medians and their ratio."""
    for code in CASES.values():
        seconds(code)  # the first run compiles and fills the file cache
    runs = [{name: seconds(code) for name, code in CASES.items()} for _ in range(ROUNDS)]
    cost = {
        name: statistics.median(run[name] - run["nothing"] for run in runs)
        for name in ("smtp_lab", "pandas")
    }
    for name, median in cost.items():
        print(
            f"import {name:<9} {median * 1000:7.1f} ms (median of {ROUNDS}, bare interpreter off)"
        )
    print(f"ratio            {cost['smtp_lab'] / cost['pandas']:7.3f} (goal: below 0.25)")


if __name__ == "__main__":
    main()
