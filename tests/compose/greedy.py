"""Fills the templates it is given, as JSON by name, in little memory, and says what came of each.

Run as a program by `test_sizes`: what takes memory all the same is a failure there, and no more.
"""

from __future__ import annotations

import array
import collections
import gc
import itertools
import json
import resource
import sys
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

import smtp_lab as lab

ROOM = 800_000_000  # octets, beyond what is in use when it begins


class Odd:
    """Gives what no template should be able to take apart."""

    def endless(self):
        return itertools.count()


def sales() -> pd.DataFrame:
    rows = range(2_000)
    return pd.DataFrame(
        {
            "a": ["x" * 1_000 for _ in rows],
            "n": rows,
            "whole": pd.Series([7 for _ in rows], dtype=object),
            "form": ["%1000000d" for _ in rows],
            "price": [Decimal("1.5") for _ in rows],
        }
    )


def data() -> dict[str, object]:
    text = "b" * 900_000
    return {
        "big": text,
        "lines": "\n" * 900_000,
        "tabs": "\t" * 900_000,
        "words": "b " * 400_000,
        "links": "www.example.com " * 50_000,
        "many": list(range(100_000)),
        "day": datetime(2026, 1, 2, tzinfo=UTC),
        "ten9": np.int64(10**9),
        "half": Fraction(1, 3),
        "amount": Decimal("1.5"),
        "queue": collections.deque([1] * 1000),
        "array": array.array("b", [1] * 1000),
        "octets": bytearray(1000),
        "odd": Odd(),
        "frame": pd.DataFrame({"a": range(1000)}),
        "fill": {98: text},
        "sales": sales(),
        "wide": pd.DataFrame({"n": range(100_000)}),
        "thin": pd.DataFrame({"t": ["y" * 20_000] + ["z"] * 20_000}),
        "d": {"rows": list(range(100_000)), "dicts": [{"a": n} for n in range(4_000)]},
    }


def main() -> None:
    lab.Template("{{ x | join }}{{ f }}").fill({"x": [1], "f": pd.DataFrame({"a": [1]})})
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    given, said = data(), {}
    for name, html in json.load(sys.stdin).items():
        try:
            said[name] = f"filled: {lab.Template(html).fill(given).text[:60]}"
        except lab.InputError as error:
            said[name] = str(error)
        except BaseException as error:  # noqa: BLE001  # what is raw is what is looked for
            said[name] = f"raw: {type(error).__name__}: {str(error)[:80]}"
        gc.collect()  # what an error held on to is no part of the next one's room
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
