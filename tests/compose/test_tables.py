"""DataFrames as tables: readable, aligned, escaped, and never too long."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from smtp_lab.compose.language import language_of
from smtp_lab.compose.tables import MAX_ROWS, html_table, text_table
from smtp_lab.errors import InputError


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
        ([1, 2], "1, 2"),
        (("a", [1.5, None]), "a, [1.5, ]"),
        ({"b", "a"}, "a, b"),
        ({"a": 1, "b": 2.5}, "a: 1, b: 2.5"),
        (
            list(range(30)),
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, …",
        ),
        (np.array([1.5, 2.0]), "1.5, 2"),
        (np.array([[1, 2], [3, 4]]), "[1, 2], [3, 4]"),
        (b"x", "x"),
        (b"\x00\xff", "00 ff"),
        (-0.0, "0.00"),
        (-0.001, "0.00"),
        (1e20, "1.00e+20"),
        (1 + 2j, "1.00+2.00j"),
        (Decimal("NaN"), ""),
        (time(9, 30), "09:30:00"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=1, hours=2), "1 d 02:00:00"),
        (timedelta(seconds=-1.5), "-00:00:01.5"),
        (pd.Timedelta(0), "00:00:00"),
        (np.timedelta64(90, "s"), "00:01:30"),
        (np.datetime64("2026-01-02T03:04", "ns"), "2026-01-02 03:04"),
        (pd.Interval(0, 1.5), "(0, 1.5]"),
        (
            pd.Interval(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-02-01"), "left"),
            "[2026-01-01, 2026-02-01)",
        ),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        (Markup("<b>x</b>"), "<b>x</b>"),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value),
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
        (pd.Series([3.0, None]), "right", ["3", ""]),
        (pd.Series([3.0, 4.0]), "right", ["3.00", "4.00"]),
        (pd.Series([3.0, np.inf]), "right", ["3.00", "inf"]),
        (pd.Series([2025.0, None]), "right", ["2025", ""]),
        (pd.Series([2025, 2026]), "right", ["2025", "2026"]),
        (pd.Categorical([2025, 2026]), "left", ["2025", "2026"]),
        (pd.Series([Decimal("1.50"), None], dtype=object), "right", ["1.50", ""]),
        (pd.to_timedelta(["1D", None]), "right", ["1 d", ""]),
        (pd.period_range("2026-01", periods=2, freq="M"), "left", ["2026-01", "2026-02"]),
        (pd.cut([0.5, 1.5], [0, 1, 2]), "left", ["(0, 1]", "(1, 2]"]),
        (pd.Series([1 + 2j, None]), "right", ["1.00+2.00j", ""]),
        (pd.Series([1000, None], dtype="int64[pyarrow]"), "right", ["1,000", ""]),
        (pd.Series([1.5, None], dtype="double[pyarrow]"), "right", ["1.50", ""]),
        (pd.Series([True, None], dtype="bool[pyarrow]"), "left", ["yes", ""]),
        (pd.Series(["x", None], dtype="string[pyarrow]"), "left", ["x", ""]),
        (pd.Series([date(2026, 1, 2), None], dtype="date32[pyarrow]"), "left", ["2026-01-02", ""]),
        (
            pd.Series([pd.Timestamp("2026-01-02"), None], dtype="timestamp[ns][pyarrow]"),
            "left",
            ["2026-01-02", ""],
        ),
        (pd.Series([pd.Timedelta("1D"), None], dtype="duration[s][pyarrow]"), "right", ["1 d", ""]),
        (
            pd.Series([Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
            "right",
            ["1.50", ""],
        ),
        (
            pd.Series([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
            "left",
            ["1, 2", ""],
        ),
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


@pytest.mark.parametrize("index", [None, [7, 9], pd.array([7, 9], dtype="Int64")], ids=str)
def test_row_numbers_are_not_shown(index):
    """Only the columns are in the table; `index=True` shows them all the same."""
    frame = pd.DataFrame({"a": ["x", "y"]}, index=index)
    assert Table(frame).rows == [["a"], ["x"], ["y"]]
    assert len(Table(frame, index=True).rows[1]) == 2


@pytest.mark.parametrize(
    ("rows", "limit", "shown", "more"),
    [
        (3, 3, 3, ""),
        (4, 3, 3, "and 1 more"),
        (0, 3, 0, "No data"),
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
        ([("a", "b"), ("a", "c")], ["a, b", "a, c"]),
        ([None, ""], ["", ""]),
        ([pd.Timestamp("2026-01-01"), pd.Period("2026Q1")], ["2026-01-01", "2026Q1"]),
        ([2026, 1.5], ["2026", "1.5"]),
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
    """No rows are no error: the heading stands alone, and nobody thinks that something is lost."""
    assert Table(frame).rows == ([head] if head else [])
    lines = text_table(frame).splitlines()
    assert lines[:-1] == (["  ".join(head), "  ".join("-" for _ in head)] if head else [])
    assert Table(frame).after == lines[-1] == "No data"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("paid", "12,345"), ("volcano", "12,345"), ("customerId", "12345"), ("customer_id", "12345"),
        ("Kundennummer", "12345"), ("Baujahr", "12345"), ("FY", "12345"), ("番号", "12345"),
    ],
)  # fmt: skip
def test_an_identifier_is_told_from_an_amount_by_its_name(name, shown):
    """A name that only happens to end in the same letters is one of an amount."""
    assert Table(pd.DataFrame({name: [12345]})).rows[1] == [shown]
    assert Table(pd.DataFrame({name: [12345.0, None]})).rows[1] == [shown]


def test_a_gap_beyond_the_limit_makes_whole_numbers_of_a_column_too():
    """What is not shown decides as well: a column of counts shows counts."""
    frame = pd.DataFrame({"n": [3.0] * 9 + [None]})
    assert Table(frame, max_rows=2).rows[1:] == [["3"], ["3"]]


SALES = pd.DataFrame(
    {"region": ["N", "N", "S"], "kind": ["a", "b", "a"], "n": [1, 2, 3], "v": [1.5, 2.5, 3.5]}
)


def test_a_level_of_the_index_has_a_format_of_its_own():
    """It is named as a column is; a column of the same name comes first."""
    shares = pd.Index([0.125, 0.5], name="share")
    assert Table(pd.DataFrame({"n": [3, 4]}, shares), formats={"share": ".1%"}).rows == [
        ["share", "n"],
        ["12.5%", "3"],
        ["50.0%", "4"],
    ]
    same = pd.DataFrame({"share": [0.25]}, shares[:1])
    assert Table(same, formats={"share": ".0%"}).rows[1] == ["0.125", "25%"]
    with pytest.raises(InputError) as caught:
        html_table(same, formats={"shore": ".0%"})
    assert str(caught.value) == "formats: the table has no column 'shore'; it has share."


def test_an_index_that_says_something_is_shown():
    """What `groupby`, `pivot_table` and `describe` put there is what the rows are about."""
    assert [row[0] for row in Table(SALES[["n"]].describe()).rows[:3]] == ["", "count", "mean"]
    assert [row[0] for row in Table(SALES[["v"]].quantile([0.125, 0.5])).rows] == [
        "",
        "0.125",
        "0.5",
    ]
    frame = SALES.groupby("region")[["n"]].sum()
    assert Table(frame).rows == [["region", "n"], ["N", "3"], ["S", "3"]]
    assert Table(frame, index=False).rows == [["n"], ["3"], ["3"]]
    assert text_table(frame).splitlines()[2] == "N       3"


def test_a_series_is_a_table():
    """Its index names its values; row numbers are left out."""
    assert Table(SALES["region"].value_counts()).rows == [
        ["region", "count"],
        ["N", "2"],
        ["S", "1"],
    ]
    assert Table(pd.Series([1, 2], index=["x", "y"])).rows == [["", ""], ["x", "1"], ["y", "2"]]
    assert Table(SALES["n"]).rows == [["n"], ["1"], ["2"], ["3"]]


def test_levels_of_rows_and_columns_are_told_once():
    """A name over several rows or columns spans them in HTML, and leaves blanks in the text."""
    frame = SALES.pivot_table(index=["region", "kind"], values=["n", "v"], aggfunc=["sum", "max"])
    frame.columns.names = ["what", None]
    html = html_table(frame)
    assert html.count('scope="rowgroup" rowspan="2"') == 1
    assert html.count('scope="colgroup" colspan="2"') == 2
    assert text_table(frame) == (
        "        what  sum        max\n"
        "region  kind    n     v    n     v\n"
        "------  ----  ---  ----  ---  ----\n"
        "N       a       1  1.50    1  1.50\n"
        "        b       2  2.50    2  2.50\n"
        "S       a       3  3.50    3  3.50"
    )


def test_a_heading_spans_only_what_stands_under_its_own():
    """Two groups that have a level of one name stay two."""
    columns = pd.MultiIndex.from_tuples([("A", "x", 1), ("B", "x", 1)])
    assert "colspan" not in html_table(pd.DataFrame([[1, 2]], columns=columns))


def test_numbers_in_lists_do_not_run_together_in_german():
    """Where a comma is for decimals, a semicolon parts; formats have the signs of the language."""
    frame = pd.DataFrame({"l": [[1.5, 2.5]], "i": [pd.Interval(0.5, 1)], "n": [1234.5]})
    text = text_table(frame, language=language_of("de"), formats={"n": "{:,.1f} €"})
    assert text.splitlines()[2] == "1,5; 2,5  (0,5; 1]  1.234,5 €"


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
