"""Where the time of a dialogue went, stage by stage, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from smtp_lab.show import NO_MATH
from smtp_lab.transcript.line import Line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Span", "Waterfall")

_LABEL, _BAR, _FIGURE, _ROW = 110, 400, 90, 22  # of the picture, in its own units
_WIDTH = _LABEL + _BAR + _FIGURE
_TEXT_WIDTH = 40  # characters of a bar in a terminal


@dataclass(frozen=True, slots=True)
class Span:
    """One stage of a dialogue.

    Attributes:
        stage: Its name, as in `Line.stage`; a stage that comes again is a span of its own.
        start: Seconds since the dialogue began.
        duration: Seconds, from the last line of the stage before to the last line of this one.
        lines: How many lines it has.
    """

    stage: str
    start: float
    duration: float
    lines: int


class Waterfall:
    """The stages of a dialogue as bars, one below the other, on a common scale of time.

    The wait for a line counts for the stage of that line. The picture is SVG in the colours of the
    page around it, light or dark; in a terminal the bars are text.

    Args:
        lines: The lines of the dialogue, in order.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        spans: list[Span] = []
        end = 0.0
        for line in lines:
            wait = max(0.0, line.at - end)
            if spans and spans[-1].stage == line.stage:
                last = spans.pop()
                spans.append(Span(last.stage, last.start, last.duration + wait, last.lines + 1))
            else:
                spans.append(Span(line.stage, end, wait, 1))
            end = max(end, line.at)
        self.spans = tuple(spans)
        self.seconds = end

    @property
    def sentence(self) -> str:
        """What took longest, in a sentence."""
        if not self.spans:
            return "Nothing was said."
        if not self.seconds:
            return "No time passed."
        longest = max(self.spans, key=lambda span: span.duration)
        share = longest.duration / self.seconds
        return (
            f"{longest.stage} took longest: {longest.duration:.3f} of {self.seconds:.3f} s "
            f"({share:.0%})."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a stage, in order.

        Columns: ``stage`` (str), ``start_ms`` and ``duration_ms`` (float, milliseconds), ``lines``
        (int64).
        """
        import pandas as pd

        rows = [(s.stage, s.start * 1000, s.duration * 1000, s.lines) for s in self.spans]
        types = {"stage": "str", "start_ms": "float64", "duration_ms": "float64", "lines": "int64"}
        return pd.DataFrame(rows, columns=list(types)).astype(types).round(3)

    def __repr__(self) -> str:
        return f"<Waterfall of {len(self.spans)} stages: {self.sentence}>"

    def __str__(self) -> str:
        rows = []
        for span in self.spans:
            start, width = (round(part * _TEXT_WIDTH) for part in self._parts(span))
            bar = " " * min(start, _TEXT_WIDTH - 1) + "█" * max(width, 0)
            bar = bar[:_TEXT_WIDTH] if width else f"{bar[: _TEXT_WIDTH - 1]}▏"
            rows.append(f"{span.stage:<10} {bar:<{_TEXT_WIDTH}} {span.duration:8.3f} s")
        return "\n".join([*rows, self.sentence])

    def _repr_svg_(self) -> str:
        return self._as_svg(str)

    def _as_svg(self, say: Callable[[str], str]) -> str:
        height = _ROW * len(self.spans) + 4
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'width="100%" style="max-width:{_WIDTH}px;font:12px sans-serif" '
            f'aria-label="{escape(say(self.sentence))}">'
            f"<title>{escape(say('Where the time went'))}</title>"
            f"<desc>{escape(self._described(say))}</desc>"
            f"{''.join(self._bar(row, span) for row, span in enumerate(self.spans))}</svg>"
        )

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The picture as HTML; *say* gives each sentence as its reader is to see it."""
        return (
            f'<div class="smtp-lab-waterfall {NO_MATH}"><p>{escape(say(self.sentence))}</p>'
            f"{self._as_svg(say)}</div>"
        )

    def _described(self, say: Callable[[str], str]) -> str:
        """The picture in words."""
        parts = [f"{s.stage} from {s.start:.3f} s for {s.duration:.3f} s" for s in self.spans]
        return "; ".join(map(say, parts))

    def _parts(self, span: Span) -> tuple[float, float]:
        """Start and width of a bar, as parts of the whole time."""
        whole = self.seconds or 1.0
        return span.start / whole, span.duration / whole

    def _bar(self, row: int, span: Span) -> str:
        start, width = self._parts(span)
        top, text = row * _ROW + 4, row * _ROW + 17
        name, took = escape(span.stage), f"{span.duration:.3f} s"
        return (
            f'<text x="{_LABEL - 8}" y="{text}" text-anchor="end" fill="currentColor">{name}</text>'
            f'<rect x="{_LABEL + start * _BAR:.1f}" y="{top}" width="{max(width * _BAR, 1):.1f}" '
            f'height="{_ROW - 6}" rx="2" fill="var(--jp-brand-color1,#1976d2)">'
            f"<title>{name}: {took}</title></rect>"
            f'<text x="{_LABEL + _BAR + 8}" y="{text}" fill="currentColor" '
            f'style="font-variant-numeric:tabular-nums">{took}</text>'
        )
