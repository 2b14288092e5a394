"""Cells of tables as other programs can take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from smtp_lab.formulas import guarded, guarded_for_csv

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ("as_arrow", "for_sheets", "plain")

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CELL = 32_000  # characters; Excel takes 32,767


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """*table* without control characters."""
    return _changed(table, _cleaned)


def for_sheets(table: pd.DataFrame, *, excel: bool = False) -> pd.DataFrame:
    """*table* for a spreadsheet: no formulas, no control characters, no lists.

    Args:
        table: The table.
        excel: Whether times lose their zone and long texts their end, which Excel does not know;
            there a cell is a cell, whatever is in it.
    """

    def safe(cell: Any) -> Any:
        text = "; ".join(guarded(str(one)) for one in cell) if isinstance(cell, list) else cell
        if not isinstance(text, str):
            return text
        text = _cleaned(text)
        text = f"{text[:_CELL]}…" if excel and len(text) > _CELL else text
        return guarded(text) if excel else guarded_for_csv(text)

    made = _changed(table, safe)
    if excel:
        for name in made.columns:
            if str(made[name].dtype).startswith("datetime64"):
                made[name] = made[name].dt.tz_localize(None)
    return made


def as_arrow(table: pd.DataFrame) -> pa.Schema:
    """The schema of *table*, whose objects are lists of texts; the same whatever is in it."""
    import pyarrow as pa

    schema = pa.Schema.from_pandas(table, preserve_index=False)
    for at, name in enumerate(schema.names):
        if table[name].dtype == "object":
            schema = schema.set(at, pa.field(name, pa.list_(pa.string())))
    return schema


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
