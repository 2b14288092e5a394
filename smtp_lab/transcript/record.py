"""A dialogue as it happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from smtp_lab.errors import InputError
from smtp_lab.transcript.html import as_html
from smtp_lab.transcript.line import REPLY, Direction, Line, printable
from smtp_lab.transcript.mask import MASK, Mask
from smtp_lab.transcript.meanings import explain
from smtp_lab.transcript.waterfall import Waterfall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Transcript",)

_ARROWS = {"C": "→", "S": "←", "*": "·"}
_TOGETHER = 8  # lines of a reply over which a secret may be spread and is still found


def masked_together(texts: Sequence[str], mask: Mask) -> list[str]:
    """Lines of one reply with the secrets hidden of which each holds a piece."""
    codes = [text[:4] if REPLY.match(text) else "" for text in texts]
    bodies = [text[len(code) :] for code, text in zip(codes, texts, strict=True)]
    starts = [sum(len(body) + 1 for body in bodies[:n]) for n in range(len(bodies))]
    for start, end in reversed(mask.spans("\n".join(bodies))):
        for n, begin in enumerate(starts):
            low, high = max(start - begin, 0), min(end - begin, len(bodies[n]))
            if low < high:
                bodies[n] = bodies[n][:low] + MASK + bodies[n][high:]
    return [code + body for code, body in zip(codes, bodies, strict=True)]


def _checked(lines: Iterable[Line]) -> Iterator[Line]:
    fix = "give the lines of another transcript"
    if not isinstance(lines, Iterable):
        raise InputError.of("lines", f"is a {type(lines).__name__}", fix)
    for line in lines:
        if not isinstance(line, Line):
            raise InputError.of("lines", f"holds a {type(line).__name__}", fix)
        yield line


class Transcript:
    """A dialogue as it happened.

    It is iterable, shows itself annotated in a notebook and as plain text in a terminal, and turns
    into a DataFrame with `to_frame`; `waterfall` is a picture of where the time went.

    Args:
        lines: What was said so far.
        started_at: When it began; by default now.

    Raises:
        InputError: *lines* holds something else than lines.

    Attributes:
        stage: The stage of the next line.
        tls: Whether the next line travels encrypted.
        mask: Hides secrets in what is added, also where a server spreads one over the lines of a
            reply; None when what is added is masked already.
    """

    def __init__(self, lines: Iterable[Line] = (), *, started_at: datetime | None = None) -> None:
        self._lines = list(_checked(lines))
        self.started_at = started_at or datetime.now(UTC)
        self.mask: Mask | None = None
        self.stage = "connect"
        self.tls = False
        self._begin = time.perf_counter()

    def add(self, direction: Direction, text: str) -> None:
        """Record one line at the current `stage`, now; without `mask`, *text* is masked already."""
        at = time.perf_counter() - self._begin
        text = self.mask(text) if self.mask else text
        plain = text.isascii() and text.isprintable()  # nearly every line is
        shown = text if plain else printable(text)
        self._lines.append(Line(direction, shown, self.stage, at, self.tls))
        if self.mask and direction == "S":
            self._mask_across(self.mask)

    def _mask_across(self, mask: Mask) -> None:
        """Hide a secret of which each of the last lines holds a piece."""
        first = len(self._lines)
        while (
            first
            and len(self._lines) - first < _TOGETHER
            and self._lines[first - 1].direction == "S"
        ):
            first -= 1
        together = masked_together([line.text for line in self._lines[first:]], mask)
        for n, text in enumerate(together, first):
            self._lines[n] = replace(self._lines[n], text=text)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines so far, in order."""
        return tuple(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Line:
        return self._lines[index]

    def __repr__(self) -> str:
        return f"<Transcript of {len(self)} lines>"

    def __str__(self) -> str:
        return "\n".join(map(_as_text, self._lines, self._waits()))

    def annotated(self, *, width: int = 68) -> str:
        """The dialogue as text with the meaning of each line beside it, from column *width* on."""
        rows = zip(self._lines, self._waits(), self._meanings(), strict=True)
        return "\n".join(
            f"{_as_text(line, wait):<{width}}  {meaning}".rstrip() for line, wait, meaning in rows
        )

    def waterfall(self) -> Waterfall:
        """Where the time went, stage by stage, as a picture."""
        return Waterfall(self._lines)

    def _waits(self) -> list[float]:
        """Seconds between each line and the one before; for the first one since the start."""
        return [b - a for a, b in pairwise([0.0, *(line.at for line in self._lines)])]

    def _meanings(self) -> list[str]:
        return [explain(line, before) for before, line in pairwise([None, *self._lines]) if line]

    def to_dict(self) -> dict[str, Any]:
        """The dialogue as JSON-ready data: ``started_at`` (ISO 8601, UTC) and ``lines``."""
        return {
            "started_at": self.started_at.isoformat(),
            "lines": [asdict(line) for line in self._lines],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Transcript:
        """Build a transcript again from what `to_dict` gave."""
        return cls(
            [Line(**line) for line in data["lines"]],
            started_at=datetime.fromisoformat(data["started_at"]),
        )

    def to_frame(self) -> pd.DataFrame:
        """The dialogue as a DataFrame, one row a line.

        Columns: ``direction``, ``stage``, ``text``, ``meaning`` (str), ``at_ms`` and ``wait_ms``
        (float, milliseconds since the start and since the line before), ``tls`` (bool).
        """
        import pandas as pd

        at = pd.Series([line.at * 1000 for line in self._lines], dtype="float64")
        return pd.DataFrame(
            {
                "direction": pd.Series([line.direction for line in self._lines], dtype="str"),
                "stage": pd.Series([line.stage for line in self._lines], dtype="str"),
                "text": pd.Series([line.text for line in self._lines], dtype="str"),
                "meaning": pd.Series(self._meanings(), dtype="str"),
                "at_ms": at.round(3),
                "wait_ms": at.diff().fillna(at).round(3),
                "tls": pd.Series([line.tls for line in self._lines], dtype="bool"),
            }
        )

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The dialogue as a table; *say* gives each text as its reader is to see it."""
        return as_html(list(zip(self._lines, self._waits(), self._meanings(), strict=True)), say)


def _as_text(line: Line, wait: float) -> str:
    lock = "~" if line.tls and line.direction != "*" else " "
    return f"{line.at:8.3f} s {wait:+8.3f} {_ARROWS[line.direction]}{lock} {line.text}"
