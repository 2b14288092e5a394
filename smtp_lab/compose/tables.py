"""DataFrames as tables that survive a mail client: escaped, styled inline, never too long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from smtp_lab.compose.budget import budget
from smtp_lab.compose.cells import Format, check_formats, column_texts, heading, is_number
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
    """A frame as texts: lines of headings, columns of cells, and the side each stands on."""

    heads: list[list[str]]
    columns: list[list[str]]
    right: list[bool]
    names: int  # how many columns at the left are names of rows
    more: str

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return list(zip(*self.columns, strict=True))


def html_table(
    frame: pd.DataFrame,
    *,
    max_rows: int = MAX_ROWS,
    index: bool = False,
    formats: Mapping[Any, Format] | None = None,
    language: Language | None = None,
) -> Markup:
    """Give *frame* as an HTML table.

    Args:
        frame: Column names and cells may hold anything: all of it is escaped. A pandas Styler and a
            table of great_tables are taken as they are styled.
        max_rows: Rows beyond this many are counted, not shown.
        index: Whether the index stands at the left, each level in a column of its own.
        formats: How a column is shown, by its name: a format specification such as ``.1f``, a
            text with one field such as ``"{:,} €"``, or a function.
        language: Of numbers and words; by default that of the mail.

    Raises:
        InputError: It is no table, or a format does not fit.
    """
    from smtp_lab.compose.styled import styled_html

    if (styled := styled_html(frame)) is not None:
        # Its text is read from the HTML: what a style hides is to be hidden there, too.
        return Markup(styled)  # noqa: S704  # its cells were escaped
    grid = _grid(frame, max_rows, index, formats, language)
    heads = _head(grid)
    starts = [
        f'<th scope="row" style="{_ROW_NAME}">'
        if n < grid.names
        else f'<td style="{_CELL}{"right" if right else "left"}">'
        for n, right in enumerate(grid.right)
    ]
    # Each cell on a line of its own: lines beyond 998 octets would have to be encoded, which takes
    # longer than all of this and makes the mail longer.
    ends = ["</th>\n" if n < grid.names else "</td>\n" for n in range(len(starts))]
    # Escaped column by column, put together once: this is most of what a mail costs.
    cells = [
        [f"{start}{escape(cell)}{end}" for cell in column]
        for start, column, end in zip(starts, grid.columns, ends, strict=True)
    ]
    body = "".join(f"<tr>\n{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    more = f'<p style="margin:8px 0 0">{escape(grid.more)}</p>' if grid.more else ""
    table = (
        f'<table class="data" cellpadding="0" cellspacing="0" style="{_TABLE}">'
        f"<thead>{heads}</thead><tbody>{body}</tbody></table>{more}"
    )
    return _noted(table, partial(_as_text, grid))


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
    index: bool = False,
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
    widths = [
        max(_width(text) for text in (*(head[n] for head in grid.heads), *column))
        for n, column in enumerate(grid.columns)
    ]
    lines = [
        "  ".join(map(_padded, row, widths, grid.right)).rstrip()
        for row in (*grid.heads, *grid.rows)
    ]
    lines.insert(len(grid.heads), "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *([grid.more] if grid.more else [])])


def _grid(
    frame: Any,
    max_rows: int,
    index: bool,
    formats: Mapping[Any, Format] | None,
    language: Language | None,
) -> _Grid:
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    if not isinstance(frame, pd.DataFrame):
        problem = f"is a {type(frame).__name__}"
        raise InputError.of("table", problem, "give a DataFrame, a Styler or a great_tables.GT")
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 0:
        raise InputError.of("max_rows", f"{max_rows!r} is no number of rows", "give 0 or more")
    language = language or budget().language or ENGLISH
    formats = formats or {}
    check_formats(formats, list(frame.columns))
    shown = frame.head(max_rows)
    names = _index_columns(shown) if index else []
    data = [column for _, column in shown.items()]
    hows: list[Format | None] = [None] * len(names)
    hows += [formats.get(name) for name in frame.columns]
    hidden = len(frame) - len(shown)
    return _Grid(
        heads=_heads(frame, names),
        columns=[
            column_texts(column, how, language)
            for column, how in zip([*names, *data], hows, strict=True)
        ],
        right=[False] * len(names) + [is_number(column) for column in data],
        names=len(names),
        more=language.more(hidden) if hidden > 0 else "",
    )


def _index_columns(frame: pd.DataFrame) -> list[pd.Series[Any]]:
    import pandas as pd

    index = frame.index
    levels = [index.get_level_values(n) for n in range(index.nlevels)]
    return [pd.Series(level.array, name=level.name) for level in levels]


def _heads(frame: pd.DataFrame, names: list[pd.Series[Any]]) -> list[list[str]]:
    """One line of headings for each level of the columns, the names of the index in the last."""
    levels = frame.columns.nlevels
    blank = [""] * len(names)
    lines = [[*blank, *map(heading, frame.columns.get_level_values(n))] for n in range(levels)]
    lines[-1][: len(names)] = ["" if one.name is None else heading(one.name) for one in names]
    return lines


def _head(grid: _Grid) -> str:
    """The rows of headings; a heading above several columns spans them."""
    rows = []
    for number, head in enumerate(grid.heads):
        last = number == len(grid.heads) - 1
        cells: list[str] = []
        at = 0
        while at < len(head):
            end = at + 1
            while not last and end < len(head) and at >= grid.names and head[end] == head[at]:
                end += 1
            side = "center" if end - at > 1 else "right" if grid.right[at] else "left"
            span = f' colspan="{end - at}"' if end - at > 1 else ""
            text = escape(head[at])
            cells.append(f'<th scope="col"{span} style="{_HEAD}{side}">{text}</th>\n')
            at = end
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return "".join(rows)


def _width(text: str) -> int:
    """How many columns of a terminal *text* takes: East Asian signs are two wide."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap
