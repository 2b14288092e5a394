"""Cells of tables as other programs can take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("for_sheets", "plain")

# A spreadsheet takes what begins so for a formula (OWASP, "CSV Injection"), wide forms too.
_FORMULA = re.compile("^[\\s\u200b\ufeff]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CELL = 32_000  # characters; Excel takes 32,767


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """*table* without control characters."""
    return _changed(table, _cleaned)


def for_sheets(table: pd.DataFrame, *, excel: bool = False) -> pd.DataFrame:
    """*table* for a spreadsheet: no formulas, no control characters, no lists.

    Args:
        table: The table.
        excel: Whether times lose their zone and long texts their end, which Excel does not know.
    """

    def safe(cell: Any) -> Any:
        text = "; ".join(map(str, cell)) if isinstance(cell, list) else cell
        if not isinstance(text, str):
            return text
        text = _cleaned(text)
        text = f"{text[:_CELL]}…" if excel and len(text) > _CELL else text
        return f"'{text}" if _FORMULA.match(text) else text

    made = _changed(table, safe)
    if excel:
        for name in made.columns:
            if str(made[name].dtype).startswith("datetime64"):
                made[name] = made[name].dt.tz_localize(None)
    return made


def _changed(table: pd.DataFrame, change: Any) -> pd.DataFrame:
    made = {
        name: table[name].map(change)
        if str(table[name].dtype) in ("object", "str")
        else table[name]
        for name in table.columns
    }
    return table.assign(**made)


def _cleaned(cell: Any) -> Any:
    if isinstance(cell, list):
        return [_cleaned(one) for one in cell]
    return _CONTROLS.sub("\ufffd", cell) if isinstance(cell, str) else cell
