"""DataFrames as tables: readable, aligned, escaped, and never too long."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from smtp_lab.compose.tables import MAX_ROWS, html_table, text_table


class Table(HTMLParser):
    """The cells of an HTML table, row by row, and how they are aligned."""

    def __init__(self, frame: pd.DataFrame, **options: int) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.sides: list[list[str]] = []
        self.tags: set[str] = set()
        self.after = ""
        self._in = ""
        self.feed(str(html_table(frame, **options)))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._in = tag
        if tag == "tr":
            self.rows.append([])
            self.sides.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.sides[-1].append(re.search(r"text-align:(\w+)", dict(attrs)["style"])[1])

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in in ("td", "th"):
            self.rows[-1][-1] += data
        elif self._in == "p":
            self.after += data


def only(cell: object) -> str:
    """What a table shows for *cell* alone, the same in HTML and text."""
    frame = pd.DataFrame({"x": pd.Series([cell], dtype=object)})
    (shown,) = Table(frame).rows[1]
    lines = text_table(frame).splitlines()
    assert " ".join(lines[2:]) == shown
    return shown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, ""),
        (float("nan"), ""),
        (np.nan, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (np.datetime64("NaT"), ""),
        (0, "0"),
        (1234567, "1,234,567"),
        (-1234, "-1,234"),
        (np.int64(1000), "1,000"),
        (1234.5, "1,234.50"),
        (-0.005, "-0.01"),
        (np.float32(1.5), "1.50"),
        (Fraction(1, 3), "0.33"),
        (Decimal("1.50"), "1.50"),
        (float("inf"), "inf"),
        (True, "yes"),
        (False, "no"),
        (np.bool_(True), "yes"),
        (np.bool_(False), "no"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04"),
        (pd.Timestamp("2026-01-02 03:04:05"), "2026-01-02 03:04"),
        (pd.Period("2026-01"), "2026-01"),
        ("text", "text"),
        ("two\nlines\tand  spaces ", "two lines and spaces"),
        ("", ""),
        ([1, 2], "[1, 2]"),
        (b"x", "b'x'"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        (Markup("<b>x</b>"), "<b>x</b>"),
    ],
    ids=repr,
)
def test_a_cell_is_shown_as_people_write_it(cell, shown):
    """Missing values are empty; numbers, truth values and dates have one form in either table."""
    assert only(cell) == shown


@pytest.mark.parametrize(
    ("column", "side", "cells"),
    [
        (pd.Series([1, 2000]), "right", ["1", "2,000"]),
        (pd.Series([1.5, None]), "right", ["1.50", ""]),
        (pd.array([1000, None], dtype="Int64"), "right", ["1,000", ""]),
        (pd.array([1.25, None], dtype="Float64"), "right", ["1.25", ""]),
        (pd.Series([True, False]), "left", ["yes", "no"]),
        (pd.array([True, None], dtype="boolean"), "left", ["yes", ""]),
        (pd.Series(["x", None]), "left", ["x", ""]),
        (pd.Series(["x", None], dtype=object), "left", ["x", ""]),
        (pd.Categorical(["x", None]), "left", ["x", ""]),
        (pd.Categorical([1000, None]), "left", ["1,000", ""]),
        (pd.to_datetime(["2026-01-02", None]), "left", ["2026-01-02", ""]),
        (pd.to_datetime(["2026-01-02", None], utc=True), "left", ["2026-01-02", ""]),
        (pd.Series([1, "x"], dtype=object), "left", ["1", "x"]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_a_column_is_aligned_by_its_type(column, side, cells):
    """Numbers stand to the right, all else to the left, head and cells alike, in both tables."""
    frame = pd.DataFrame({"a long name": column, "z": ["|", "|"]})
    table = Table(frame)
    assert [row[0] for row in table.rows[1:]] == cells
    assert {row[0] for row in table.sides} == {side}
    lines = text_table(frame).splitlines()
    width = len("a long name") if side == "left" else max(map(len, ["a long name", *cells]))
    width = max(width, *map(len, cells))
    for line, cell in zip(lines[2:], cells, strict=True):
        assert line == f"{cell.rjust(width) if side == 'right' else cell.ljust(width)}  |"


def test_the_text_is_aligned():
    """Columns are as wide as their widest cell, under a ruled heading, without trailing spaces."""
    frame = pd.DataFrame({"item": ["tea", "coffee"], "sold": [5, 1200], "share": [0.5, 99.5]})
    assert text_table(frame) == (
        "item     sold  share\n------  -----  -----\ntea         5   0.50\ncoffee  1,200  99.50"
    )


def test_the_index_is_not_shown():
    """Only the columns are in the table."""
    frame = pd.DataFrame({"a": ["x"]}, index=["hidden"])
    assert "hidden" not in html_table(frame)
    assert "hidden" not in text_table(frame)


@pytest.mark.parametrize(
    ("rows", "limit", "shown", "more"),
    [
        (3, 3, 3, ""),
        (4, 3, 3, "and 1 more"),
        (0, 3, 0, ""),
        (2, 0, 0, "and 2 more"),
        (1234 + 5, 5, 5, "and 1,234 more"),
    ],
)
def test_rows_beyond_the_limit_are_counted(rows, limit, shown, more):
    """A long frame is cut at the limit, and both tables say how much was left out."""
    frame = pd.DataFrame({"n": range(rows)})
    table = Table(frame, max_rows=limit)
    assert (len(table.rows) - 1, table.after) == (shown, more)
    lines = text_table(frame, max_rows=limit).splitlines()
    assert len(lines) == 2 + shown + bool(more)
    assert not more or lines[-1] == more


def test_the_limit_is_fifty_unless_told():
    """Without a limit of one's own, a mail has fifty rows."""
    frame = pd.DataFrame({"n": range(60)})
    assert MAX_ROWS == 50
    assert len(Table(frame).rows) == 51
    assert text_table(frame).endswith("\nand 10 more")


HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><h1>x",
    '" onmouseover="x',
    "&lt;",
    "a\nb\r\nc",
    "{{ 7 }}",
    Markup("<i>x</i>"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_text(text):
    """In a cell as in a column's name, a text makes no tag and no line of its own."""
    frame = pd.DataFrame({text: pd.Series([text], dtype=object), "n": [1]})
    table = Table(frame)
    said = " ".join(text.split())
    assert table.rows == [[said, "n"], [said, "1"]]
    assert table.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert len(text_table(frame).splitlines()) == 3


@given(
    st.lists(
        st.tuples(
            st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans())
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_frame_is_a_table(columns):
    """Whatever names and cells hold, there are as many cells as columns, and a line a row."""
    frame = pd.DataFrame(
        [[cell for _, cell in columns]], columns=[name for name, _ in columns], dtype=object
    )
    table = Table(frame)
    assert [len(row) for row in table.rows] == [len(columns)] * 2
    assert table.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert text_table(frame).count("\n") == 2


def test_two_columns_of_one_name_are_both_shown():
    """Each column keeps its own cells and side when names repeat."""
    frame = pd.DataFrame([[1, "x"], [2000, "y"]], columns=["a", "a"])
    table = Table(frame)
    assert table.rows == [["a", "a"], ["1", "x"], ["2,000", "y"]]
    assert table.sides == [["right", "left"]] * 3
    assert text_table(frame).splitlines()[2:] == ["    1  x", "2,000  y"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([1, 2], ["1", "2"]),
        ([("a", "b"), ("a", "c")], ["('a', 'b')", "('a', 'c')"]),
        ([None, ""], ["nan", ""]),
    ],
)
def test_a_name_that_is_no_text_is_shown_as_one(names, shown):
    """Numbers, tuples and missing names make a heading."""
    frame = pd.DataFrame([[1, 2]], columns=pd.Index(names, tupleize_cols=False))
    assert Table(frame).rows[0] == shown


@pytest.mark.parametrize(
    ("frame", "head"),
    [
        (pd.DataFrame(), []),
        (pd.DataFrame(columns=["a", "b"]), ["a", "b"]),
        (pd.DataFrame({"a": pd.Series(dtype="int64")}), ["a"]),
    ],
    ids=["nothing", "names", "typed"],
)
def test_an_empty_frame_is_a_table_without_rows(frame, head):
    """No rows are no error: the heading stands alone."""
    assert Table(frame).rows == [head]
    lines = text_table(frame).splitlines()
    assert lines[:1] == (["  ".join(head)] if head else lines[:1])
    assert len(lines) <= 2
    assert Table(frame).after == ""


def test_the_html_is_marked_as_such():
    """A template does not escape the table a second time."""
    table = html_table(pd.DataFrame({"a": ["<"]}))
    assert isinstance(table, Markup)
    assert "&lt;" in table
    assert "&amp;lt;" not in table


def test_the_frame_is_not_changed():
    """Showing a frame leaves it as it was."""
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None]})
    before = frame.copy(deep=True)
    html_table(frame)
    text_table(frame)
    pd.testing.assert_frame_equal(frame, before)
