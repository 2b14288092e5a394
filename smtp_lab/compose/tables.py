"""DataFrames as tables that survive a mail client: escaped, styled inline, never too long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("html_table", "text_table")

MAX_ROWS = 50

_TABLE = "border-collapse:collapse;font-size:14px;line-height:1.4"
_HEAD = "border-bottom:2px solid #8a94a0;padding:6px 12px;font-weight:600"
_CELL = "border-bottom:1px solid #d5dae0;padding:6px 12px"


def html_table(frame: pd.DataFrame, *, max_rows: int = MAX_ROWS) -> Markup:
    """Give *frame* as an HTML table; its index is not shown.

    Args:
        frame: Column names and cells may hold anything: all of it is escaped.
        max_rows: Rows beyond this many are counted, not shown.
    """
    columns = list(frame.columns)
    sides = ["right" if _is_number(frame.iloc[:, n]) else "left" for n in range(len(columns))]
    head = Markup("").join(
        Markup('<th scope="col" style="{};text-align:{}">{}</th>').format(
            _HEAD, side, _heading(name)
        )
        for name, side in zip(columns, sides, strict=True)
    )
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td style="{};text-align:{}">{}</td>').format(_CELL, side, _shown(cell))
                for cell, side in zip(row, sides, strict=True)
            )
        )
        for row in frame.head(max_rows).itertuples(index=False, name=None)
    )
    table = Markup(
        '<table cellpadding="0" cellspacing="0" style="{}"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table>"
    ).format(_TABLE, head, rows)
    return Markup("").join([table, _more(frame, max_rows, Markup("<p>{}</p>").format)])


def text_table(frame: pd.DataFrame, *, max_rows: int = MAX_ROWS) -> str:
    """Give *frame* as a table of plain text with aligned columns."""
    numbers = [_is_number(frame.iloc[:, n]) for n in range(len(frame.columns))]
    cells = [
        [_heading(name) for name in frame.columns],
        *(
            [_shown(cell) for cell in row]
            for row in frame.head(max_rows).itertuples(index=False, name=None)
        ),
    ]
    widths = [max(len(row[n]) for row in cells) for n in range(len(frame.columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + str(_more(frame, max_rows, "\n{}".format))


def _more(frame: pd.DataFrame, max_rows: int, wrap: Callable[[str], Any]) -> Any:
    hidden = len(frame) - max_rows
    return wrap(f"and {hidden:,} more") if hidden > 0 else ""


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column)) and not is_bool_dtype(column)


def _heading(name: Any) -> str:
    return " ".join(str(name).split())  # in one line, as a cell


def _shown(cell: Any) -> str:
    import pandas as pd

    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    match cell:
        case _ if pd.api.types.is_bool(cell):  # numpy's too
            text = "yes" if cell else "no"
        case Integral():
            text = f"{cell:,}"
        case Real():
            text = f"{float(cell):,.2f}"  # a Fraction cannot be formatted before Python 3.12
        case datetime():
            text = f"{cell:%Y-%m-%d %H:%M}"
        case date():
            text = cell.isoformat()
        case _:
            text = " ".join(str(cell).split())
    return text
