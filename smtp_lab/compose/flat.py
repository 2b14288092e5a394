"""Frames as a spreadsheet has them: one line of names, and what the rows are about in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtp_lab.compose.cells import heading

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("flat", "is_frame", "says_something")


def is_frame(value: Any) -> bool:
    """Whether *value* is a DataFrame or a Series, or can do what these do."""
    return hasattr(value, "to_csv") and (hasattr(value, "columns") or hasattr(value, "to_frame"))


def says_something(index: pd.Index[Any]) -> bool:
    """Whether *index* is more than the numbers of rows: it has a name, or holds none."""
    named = any(name is not None for name in index.names)
    return named or (len(index) > 0 and index.dtype.kind not in "iu")


def flat(frame: Any) -> Any:
    """*frame* or a Series as one table: an index that says something is columns, levels are one.

    It is *frame* itself where there is nothing to do, and never changed.
    """
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        return frame
    titles = [_title(name) for name in frame.columns]
    if titles != list(frame.columns):
        frame = frame.set_axis(pd.Index(titles, tupleize_cols=False), axis="columns")
    return frame.reset_index(allow_duplicates=True) if says_something(frame.index) else frame


def _title(name: Any) -> Any:
    """The name of a column: that of several levels with blanks between, that of a day as a day."""
    if isinstance(name, tuple):
        return " ".join(filter(None, map(heading, name)))
    return heading(name) if hasattr(name, "strftime") else name
