"""What a personalised mail with a table costs, against redmail, as ratios.

Both make the same content: a greeting by name, a table of 20 rows and five columns that is another
one for each mail, and the text around it, down to the octets that would leave. Ours escapes every
value, moves the styles into the tags and adds a text part; redmail does neither, and gets the text
part only in the row that says so. The runs are interleaved, round by round, and each ratio is the
median over the rounds. Goal: a mail costs less than redmail's without a text part.

Run it with ``make benchmarks``; without redmail our own rows are shown alone.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import time
from collections.abc import Callable

import pandas as pd

import smtp_lab as lab

ROWS = 20
WORDS = "<p>Dear {{ name }},</p><p>here is what was sold.</p>{{ sales }}<p>Kind regards</p>"
PAGE = (
    "<html><head><style>body { font-family: Helvetica; } p { margin: 0 0 12px; color: #1f2933; }"
    f"</style></head><body>{WORDS}</body></html>"
)
PEER = "redmail, HTML alone, nothing escaped or inlined"


class Bench:
    """The content, and who makes a mail of it.

    Attributes:
        frames: A table for each mail of a round.
        template: Ours, with a page, styles and no text of its own.
        people: The rows of a mail merge.
    """

    def __init__(self, mails: int) -> None:
        days = pd.date_range("2026-01-01", periods=ROWS)
        self.frames = [
            pd.DataFrame(
                {
                    "region": [f"North & <South> {n}"] * ROWS,
                    "day": days,
                    "orders": range(n, n + ROWS),
                    "revenue": [n + 0.5] * ROWS,
                    "paid": [True, False] * (ROWS // 2),
                }
            )
            for n in range(mails)
        ]
        self.template = lab.Template(PAGE, subject="Sales for {{ name }}")
        self.people = pd.DataFrame(
            {
                "email": [f"u{n}@example.com" for n in range(mails)],
                "name": [f"User {n} <&>" for n in range(mails)],
                "sales": pd.Series(self.frames, dtype=object),
            }
        )

    def render(self) -> None:
        """Each by itself."""
        for number, frame in enumerate(self.frames):
            lab.render(
                self.template,
                to=f"u{number}@example.com",
                sender="ann@example.com",
                stamped=True,
                name=f"User {number} <&>",
                sales=frame,
            ).as_bytes()

    def shipped(self) -> None:
        """The shipped report, with its card, its rules for phones and for the dark."""
        for number, frame in enumerate(self.frames):
            lab.render(
                "report",
                to=f"u{number}@example.com",
                sender="ann@example.com",
                stamped=True,
                title=f"User {number} <&>",
                summary="Here is what was sold.",
                table=frame,
            ).as_bytes()

    def merge(self) -> None:
        """As a mail merge: the rows checked before."""
        for message in lab.render_each(self.template, self.people, to="email"):
            message.as_bytes()

    def redmail(self, *, text: bool) -> Callable[[], None]:
        """redmail, with or without a text part."""
        from redmail import EmailSender

        sender = EmailSender(host="localhost", port=25)
        body = "Dear {{ name }},\n\nhere is what was sold.\n\n{{ sales }}\n\nKind regards\n"

        def run() -> None:
            for number, frame in enumerate(self.frames):
                sender.get_message(
                    sender="ann@example.com",
                    receivers=[f"u{number}@example.com"],
                    subject=f"Sales for User {number}",
                    html=WORDS,
                    text=body if text else None,
                    body_tables={"sales": frame},
                    body_params={"name": f"User {number} <&>"},
                ).as_bytes()

        return run


def main() -> None:
    """Print a table, and the ratio the goal is about."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mails", type=int, default=1000, help="mails a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    bench = Bench(options.mails)
    cases: dict[str, Callable[[], None]] = {
        "render, text part included": bench.render,
        "render, the shipped report": bench.shipped,
        "render_each, rows checked": bench.merge,
    }
    if importlib.util.find_spec("redmail"):
        cases[PEER] = bench.redmail(text=False)
        cases["redmail, HTML and a text of its own"] = bench.redmail(text=True)
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(options.rounds + 1):
        for name, case in cases.items():
            gc.collect()
            begun = time.process_time()
            case()
            if number:  # the first round fills caches
                seconds[name].append(time.process_time() - begun)
    print(f"\n{options.mails:,} mails with a table of {ROWS} rows, {options.rounds} rounds\n")
    print(f"{'':48}  CPU ms/mail  / redmail")
    for name, taken in seconds.items():
        cost = f"{statistics.median(taken) / options.mails * 1000:11.2f}"
        print(f"{name:48}  {cost}  {_ratio(taken, seconds.get(PEER))}")
    if PEER in seconds:
        ratio = _ratio(seconds["render, text part included"], seconds[PEER]).strip()
        print(f"\n{ratio} of redmail's cost (goal: less than 1)")


def _ratio(taken: list[float], peer: list[float] | None) -> str:
    if not peer:
        return ""
    return f"{statistics.median(a / b for a, b in zip(taken, peer, strict=True)):9.2f}"


if __name__ == "__main__":
    main()
