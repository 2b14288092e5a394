"""DataFrames as tables that survive a mail client: escaped, styled inline, never too long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from smtp_lab.compose.budget import MOST_CHARACTERS, budget
from smtp_lab.compose.cells import (
    Format,
    as_meant,
    check_formats,
    column_texts,
    heading,
    is_number,
)
from smtp_lab.compose.flat import says_something
from smtp_lab.compose.html import marked, text_of
from smtp_lab.compose.language import ENGLISH, Language
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("MAX_ROWS", "html_table", "text_table")

MAX_ROWS = 50

_TABLE = "border-collapse:collapse;font-size:14px;line-height:1.4"
_HEAD = "border-bottom:2px solid #8a94a0;padding:6px 12px;font-weight:600;text-align:"
_CELL = "border-bottom:1px solid #d5dae0;padding:6px 12px;text-align:"
_ROW_NAME = "border-bottom:1px solid #d5dae0;padding:6px 12px;font-weight:600;text-align:left"


@dataclass(frozen=True)
class _Grid:
    """A frame as texts: lines of headings, columns of cells, and the side each stands on.

    Attributes:
        names: How many columns at the left are names of rows.
        note: What stands below: that there are more rows, or none.
    """

    heads: list[list[str]]
    columns: list[list[str]]
    right: list[bool]
    names: int
    note: str

    @cached_property
    def runs(self) -> list[list[int]]:
        """For each name of a row how many rows it stands for; 0 where the one above does.

        The last level names each row by itself.
        """
        return [
            _runs(list(zip(*self.columns[: level + 1], strict=True)))
            for level in range(self.names - 1)
        ]

    @cached_property
    def spans(self) -> list[list[int]]:
        """For each heading above the last line how many columns it stands over; 0 as in `runs`."""
        paths = list(zip(*self.heads, strict=True))
        own = len(paths) - self.names
        return [
            [1] * self.names
            + (_runs([path[: level + 1] for path in paths[self.names :]]) if own else [])
            for level in range(len(self.heads) - 1)
        ]


def _runs(paths: Sequence[Any]) -> list[int]:
    """At the first of several equal ones how many they are, at the others 0."""
    lengths = [len(list(equal)) for _, equal in groupby(paths)]
    return [n for length in lengths for n in (length, *[0] * (length - 1))]


def html_table(
    frame: pd.DataFrame,
    *,
    max_rows: int = MAX_ROWS,
    index: bool | None = None,
    formats: Mapping[Any, Format] | None = None,
    language: Language | None = None,
) -> Markup:
    """Give *frame* as an HTML table.

    Args:
        frame: Column names and cells may hold anything: all of it is escaped. A pandas Styler and a
            table of great_tables are taken as they are styled.
        max_rows: Rows beyond this many are counted, not shown.
        index: Whether the index stands at the left, each level in a column of its own; by default
            it does where it is more than row numbers: it has a name, as `groupby` and
            `pivot_table` give it, or holds something else.
        formats: How a column, or a level of the index, is shown, by its name: a format
            specification such as ``.1f``, a text with one field such as ``"{:,} €"``, or a
            function.
        language: Of numbers and words; by default that of the mail.

    Raises:
        InputError: It is no table, or a format does not fit.
    """
    from smtp_lab.compose.styled import styled_html

    if (styled := styled_html(frame)) is not None:
        # Its text is read from the HTML: what a style hides is to be hidden there, too.
        return Markup(styled)  # noqa: S704  # its cells were escaped
    grid = _grid(frame, max_rows, index, formats, language)
    note = f'<p style="margin:8px 0 0">{escape(grid.note)}</p>' if grid.note else ""
    if not grid.columns:
        return _noted(note, partial(_as_text, grid))
    body = "".join(f"<tr>\n{''.join(row)}</tr>" for row in zip(*_cells(grid), strict=True))
    table = (
        f'<table class="data" cellpadding="0" cellspacing="0" style="{_TABLE}">'
        f"<thead>{_head(grid)}</thead><tbody>{body}</tbody></table>{note}"
    )
    return _noted(table, partial(_as_text, grid))


def _cells(grid: _Grid) -> list[list[str]]:
    """The cells of each column, escaped column by column: this is most of what a mail costs.

    Each is on a line of its own: lines beyond 998 octets would have to be encoded, which takes
    longer than all of this and makes the mail longer.
    """
    made = []
    for n, column in enumerate(grid.columns):
        if n < grid.names:
            runs = grid.runs[n] if n < grid.names - 1 else [1] * len(column)
            made.append([_row_name(cell, run) for cell, run in zip(column, runs, strict=True)])
        else:
            start = f'<td style="{_CELL}{"right" if grid.right[n] else "left"}">'
            made.append([f"{start}{escape(cell)}</td>\n" for cell in column])
    return made


def _row_name(cell: str, run: int) -> str:
    """A name of *run* rows; nothing where the one above stands for this row, too."""
    if not run:
        return ""
    spans = f'rowgroup" rowspan="{run}' if run > 1 else "row"
    return f'<th scope="{spans}" style="{_ROW_NAME}">{escape(cell)}</th>\n'


def _noted(table: str, as_text: Callable[[], str]) -> Markup:
    """*table*, noted for the text part where one is to be made from the HTML."""
    if (tables := budget().tables) is None:
        return Markup(table)  # noqa: S704  # every cell was escaped
    tables.append(as_text)
    return Markup(marked(table, len(tables) - 1))  # noqa: S704


def text_table(
    frame: pd.DataFrame,
    *,
    max_rows: int = MAX_ROWS,
    index: bool | None = None,
    formats: Mapping[Any, Format] | None = None,
    language: Language | None = None,
) -> str:
    """Give *frame* as a table of plain text with aligned columns; see `html_table`.

    Raises:
        InputError: It is no table, or a format does not fit.
    """
    from smtp_lab.compose.styled import styled_html

    if (styled := styled_html(frame)) is not None:
        return text_of(f"<html><body>{styled}</body></html>").strip("\n")
    return _as_text(_grid(frame, max_rows, index, formats, language))


def _as_text(grid: _Grid) -> str:
    """*grid* in aligned columns.

    Raises:
        InputError: The widest cells make it longer than a template may write.
    """
    if not grid.columns:
        return grid.note
    heads = [_first(head, spans) for head, spans in zip(grid.heads, grid.spans, strict=False)]
    heads.append(grid.heads[-1])
    columns = [_first(column, runs) for column, runs in zip(grid.columns, grid.runs, strict=False)]
    columns += grid.columns[len(columns) :]
    widths = [
        max(_width(text) for text in (*(head[n] for head in heads), *column))
        for n, column in enumerate(columns)
    ]
    length = (len(heads) + len(columns[0])) * sum(width + 2 for width in widths)
    if length > MOST_CHARACTERS:
        problem = f"would have more than {MOST_CHARACTERS:,} characters as text"
        raise InputError.of("table", problem, "show fewer rows, or shorter cells")
    rows = zip(*columns, strict=True)
    lines = ["  ".join(map(_padded, row, widths, grid.right)).rstrip() for row in (*heads, *rows)]
    lines.insert(len(heads), "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *([grid.note] if grid.note else [])])


def _first(texts: list[str], runs: list[int]) -> list[str]:
    """*texts* without those that the one before them stands for."""
    return [text if run else "" for text, run in zip(texts, runs, strict=True)]


def _grid(
    frame: Any,
    max_rows: int,
    index: bool | None,
    formats: Mapping[Any, Format] | None,
    language: Language | None,
) -> _Grid:
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        problem = f"is a {type(frame).__name__}"
        raise InputError.of("table", problem, "give a DataFrame, a Styler or a great_tables.GT")
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 0:
        raise InputError.of("max_rows", f"{max_rows!r} is no number of rows", "give 0 or more")
    language = language or budget().language or ENGLISH
    formats = formats or {}
    columns = list(frame.columns)
    check_formats(formats, [*columns, *frame.index.names])
    if index is None:
        index = says_something(frame.index)
    hidden = max(len(frame) - max_rows, 0)
    shown = frame.head(max_rows) if hidden else frame
    names = _index_columns(shown) if index else []
    data = [as_meant(column) for _, column in frame.items()]
    if hidden:
        data = [column.head(max_rows) for column in data]
    # A name keeps its decimals: the quantile 0.125 is not 0.12.
    of_levels = {name: how for name, how in formats.items() if name not in columns}
    hows: list[Format | None] = [
        of_levels.get(name.name, language.plain if name.dtype.kind == "f" else None)
        for name in names
    ]
    hows += [formats.get(name) for name in columns]
    texts = [
        column_texts(column, how, language)
        for column, how in zip([*names, *data], hows, strict=True)
    ]
    note = language.more(hidden) if hidden else ""
    return _Grid(
        heads=_heads(frame, names, language),
        columns=texts,
        right=[False] * len(names) + [is_number(column) for column in data],
        names=len(names),
        note=note if len(frame) and texts else language.empty(),
    )


def _index_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    import pandas as pd

    index = frame.index
    levels = [index.get_level_values(n) for n in range(index.nlevels)]
    return [as_meant(pd.Series(level.array, name=level.name)) for level in levels]


def _heads(frame: pd.DataFrame, names: list[pd.Series[Any]], language: Language) -> list[list[str]]:
    """One line of headings for each level of the columns, the names of the index in the last.

    The name of an upper level stands at its left, where the index leaves a place.
    """
    columns = frame.columns
    lines = []
    for n in range(columns.nlevels):
        titles = [heading(name, language) for name in columns.get_level_values(n)]
        blank = [""] * len(names)
        blank[-1:] = [heading(columns.names[n], language)] if names else []
        lines.append([*blank, *titles])
    lines[-1][: len(names)] = [heading(one.name, language) for one in names]
    return lines


def _head(grid: _Grid) -> str:
    """The rows of headings; a heading above several columns spans them."""
    rows = []
    for number, head in enumerate(grid.heads):
        spans = grid.spans[number] if number < len(grid.spans) else [1] * len(head)
        cells = [
            _heading(text, span, right)
            for text, span, right in zip(head, spans, grid.right, strict=True)
            if span
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return "".join(rows)


def _heading(text: str, span: int, right: bool) -> str:
    side = "center" if span > 1 else "right" if right else "left"
    wide = f'colgroup" colspan="{span}' if span > 1 else "col"
    return f'<th scope="{wide}" style="{_HEAD}{side}">{escape(text)}</th>\n'


def _width(text: str) -> int:
    """How many columns of a terminal *text* takes: East Asian signs are two wide."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap
