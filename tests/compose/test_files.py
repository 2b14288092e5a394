"""Files beside a mail: written as their name says, typed, and with nothing a spreadsheet runs."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from decimal import Decimal
from email import message_from_bytes, policy
from enum import Enum

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.errors import InputError

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1+1",
    '=HYPERLINK("http://x")',
]


def attached(name, content):
    message = lab.render(
        "report", to="b@example.com", title="t", summary="s", attachments={name: content}
    )
    raw = message.as_bytes(policy=policy.SMTP)
    (part,) = message_from_bytes(raw, policy=policy.default).iter_attachments()
    assert part.get_filename() == name
    return part.get_content_type(), part.get_payload(decode=True)


FRAME = pd.DataFrame(
    {
        "Stück": [1, 2],
        "note": ["a,b", None],
        "day": pd.to_datetime(["2026-01-02", None]),
        "ok": [True, False],
        "price": [1.5, float("nan")],
    },
    index=[7, 9],
)


class TestFrames:
    """A DataFrame is written as the name says."""

    def test_csv(self):
        """Text in UTF-8 with CRLF (RFC 4180), without row numbers."""
        kind, data = attached("a.csv", FRAME)
        assert kind == "text/csv"
        assert data.decode() == (
            'Stück,note,day,ok,price\r\n1,"a,b",2026-01-02,True,1.5\r\n2,,,False,\r\n'
        )

    def test_an_index_that_says_something_is_columns(self):
        """What the rows are about is not lost, and levels of columns are one name."""
        sales = pd.DataFrame({"region": ["N", "N", "S"], "kind": ["a", "b", "a"], "n": [1, 2, 3]})
        pivot = sales.pivot_table(index=["region", "kind"], values=["n"], aggfunc=["sum"])
        before = pivot.copy(deep=True)
        expected = "region,kind,sum n\r\nN,a,1\r\nN,b,2\r\nS,a,3\r\n"
        assert attached("a.csv", pivot)[1].decode() == expected
        book = openpyxl.load_workbook(io.BytesIO(attached("a.xlsx", pivot)[1]))
        assert [cell.value for cell in book.active[2]] == ["N", "a", 1]
        read = pd.read_parquet(io.BytesIO(attached("a.parquet", pivot)[1]))
        assert list(read.columns) == ["region", "kind", "sum n"]
        assert json.loads(attached("a.json", pivot)[1])[0] == {
            "region": "N",
            "kind": "a",
            "sum n": 1,
        }
        pd.testing.assert_frame_equal(pivot, before)

    def test_a_series_is_a_table(self):
        """With its index, where that is more than row numbers; a name that is there twice stays."""
        counts = pd.Series(["N", "N", "S"], name="region").value_counts()
        assert attached("a.csv", counts)[1] == b"region,count\r\nN,2\r\nS,1\r\n"
        assert attached("a.csv", pd.Series([1.5]))[1] == b"value\r\n1.5\r\n"
        assert attached("a.csv", pd.Series({"x": 1}))[1] == b"index,value\r\nx,1\r\n"
        twice = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="a"))
        assert attached("a.csv", twice)[1] == b"a,a\r\nx,1\r\n"

    def test_odd_columns_are_written_in_a_workbook(self):
        """Days as names of columns, arrays in cells."""
        odd = pd.DataFrame({pd.Timestamp("2026-01-01"): [np.array([1, 2]), np.int64(3)]})
        book = openpyxl.load_workbook(io.BytesIO(attached("a.xlsx", odd)[1]))
        assert [cell.value for cell in book.active["A"]] == ["2026-01-01", "[1, 2]", 3]

    def test_tsv_and_json(self):
        """Tabs, and a list of objects."""
        assert attached("a.tsv", FRAME[["Stück", "ok"]]) == (
            "text/tab-separated-values", "Stück\tok\r\n1\tTrue\r\n2\tFalse\r\n".encode(),
        )  # fmt: skip
        kind, data = attached("a.json", FRAME[["Stück", "note"]])
        assert (kind, json.loads(data)) == (
            "application/json", [{"Stück": 1, "note": "a,b"}, {"Stück": 2, "note": None}],
        )  # fmt: skip

    def test_xlsx_is_a_workbook(self):
        """Another library reads numbers, dates, truth values and texts as what they are."""
        kind, data = attached("A.XLSX", FRAME)
        assert kind == XLSX
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert rows == [
            ["Stück", "note", "day", "ok", "price"],
            [1, "a,b", dt.datetime(2026, 1, 2), True, 1.5],  # noqa: DTZ001
            [2, None, None, False, None],
        ]

    def test_xlsx_takes_whatever_a_cell_holds(self):
        """Nothing stops it: zones, old dates, large numbers, infinities, lists, controls."""
        cells = [
            dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), dt.date(1700, 1, 1), dt.date(2026, 1, 2),
            10**20, float("inf"), Decimal("1.5"), [1, 2], b"x", "a\0b\x0b", np.int64(7), "x" * 40_000,
            pd.Timedelta("1h"), pd.NA, None, "ü\u2028\ud7ff",
        ]  # fmt: skip
        _, data = attached("a.xlsx", pd.DataFrame({"x": pd.Series(cells, dtype=object)}))
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        values = [row[0].value for row in sheet.iter_rows(min_row=2)]
        assert values[0] == dt.datetime(2026, 1, 2, 3)  # noqa: DTZ001
        assert values[1] == "1700-01-01"
        assert values[3:7] == [str(10**20), "inf", 1.5, "[1, 2]"]
        assert len(values[10]) == 32_767

    def test_parquet(self):
        """It is read back as the frame it was."""
        kind, data = attached("a.parquet", FRAME)
        assert kind == "application/vnd.apache.parquet"
        pd.testing.assert_frame_equal(
            pd.read_parquet(io.BytesIO(data)), FRAME.reset_index(drop=True)
        )

    @pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet", "a.json"])
    def test_made_again_it_is_the_same(self, name):
        """A journal knows a message by its content: no date or id of the making is in a file."""
        assert attached(name, FRAME) == attached(name, FRAME)

    @pytest.mark.parametrize("name", ["a", "a.txt", "a.pdf", "a.xls"])
    def test_another_ending_is_refused(self, name):
        """A frame is never put under a label that it is not."""
        with pytest.raises(InputError, match="a DataFrame is not written as"):
            attached(name, FRAME)

    def test_what_parquet_cannot_hold_is_a_sentence(self):
        """The reason of the library in one line."""
        with pytest.raises(InputError, match="the DataFrame cannot be written"):
            attached("a.parquet", pd.DataFrame({"x": [1, "a", [2]]}, dtype=object))

    def test_a_sheet_has_its_limits(self):
        """More than Excel opens is refused before it is written."""
        with pytest.raises(InputError, match=r"more than a sheet holds; attach it as \.parquet"):
            attached("a.xlsx", pd.DataFrame(np.zeros((1, 16_385))))


class TestFormulas:
    """A spreadsheet runs nothing that came as data."""

    @pytest.mark.parametrize("text", FORMULAS)
    def test_csv(self, text):
        """A text that begins as a formula gets an apostrophe, in cells and names alike."""
        _, data = attached("a.csv", pd.DataFrame({text: [text], "n": [-1]}))
        head, row = pd.read_csv(io.BytesIO(data), header=None).to_numpy().tolist()
        assert head[0].startswith("'")
        assert row[0].startswith("'")
        assert str(row[1]) == "-1"

    @pytest.mark.parametrize("sign", [";", "\t", "\n", '; "'])
    @pytest.mark.parametrize("made", [str, lambda text: [text]])
    def test_csv_parted_otherwise(self, made, sign):
        """A formula does not begin in the middle of a cell, where others part cells otherwise."""
        _, data = attached("a.csv", pd.DataFrame({"n": [1], "x": [made(f"ann{sign}=1+1;2")]}))
        assert b"=1+1;2" in data
        cells = re.split(r"[;,\t\r\n]", data.decode())
        assert not [cell for cell in cells if cell.strip(' "').startswith("=")]

    @pytest.mark.parametrize("sign", [",", ";", ", ", "\t", "\n"])
    def test_tsv_parted_otherwise(self, sign):
        """A file parted by tabs is one parted by commas for others."""
        _, data = attached("a.tsv", pd.DataFrame({"n": [1], "x": [f"ann{sign}=1+1"]}))
        assert b"=1+1" in data
        cells = re.split(r"[;,\t\r\n]", data.decode())
        assert not [cell for cell in cells if cell.strip(' "').startswith("=")]

    def test_members_of_an_enum_of_texts(self):
        """They are written as pandas writes them: by their value."""

        class Colour(str, Enum):  # noqa: UP042  # many have these
            RED = "red"

        frame = pd.DataFrame({"x": pd.Series([Colour.RED], dtype=object)})
        assert attached("a.csv", frame)[1] == b"x\r\nred\r\n"

    @pytest.mark.parametrize("text", FORMULAS)
    def test_xlsx(self, text):
        """A text is a text in the file, with no formula and no link."""
        _, data = attached("a.xlsx", pd.DataFrame({text: [text]}))
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        for cell in (sheet["A1"], sheet["A2"]):
            assert cell.data_type == "s"
            assert cell.hyperlink is None

    @given(st.lists(st.text(), min_size=1, max_size=4))
    def test_any_text_is_written(self, texts):
        """Whatever a cell holds: a CSV that no line break or formula escapes from, or a sentence."""
        try:
            _, data = attached("a.csv", pd.DataFrame({"x": texts}))
        except InputError as error:
            assert "cannot be written" in str(error)  # noqa: PT017  # half characters
            return
        found = pd.read_csv(
            io.StringIO(data.decode(), newline=""), dtype=str, keep_default_na=False
        )
        assert len(found) <= len(texts)
        assert not any(cell[:1] in "=+-@" for cell in found["x"] if cell)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.ics", "text/calendar"), ("a.md", "text/markdown"), ("a.svg", "image/svg+xml"),
        ("a.zip", "application/zip"), ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)  # fmt: skip
def test_types_follow_the_name(name, kind):
    """What is known by its ending is called so."""
    assert attached(name, b"x")[0] == kind


@pytest.mark.parametrize("given", ["a.csv", [("a", b"x")], 3])
def test_attachments_are_given_by_name(given):
    """Anything else is a sentence."""
    with pytest.raises(InputError, match=r"attachments: is a .*; give them by name"):
        lab.render("report", to="b@example.com", title="t", summary="s", attachments=given)


@pytest.mark.parametrize("name", ["=?utf-8?q?=2e=2e/x?=.txt", "x" * 300, 3])
def test_a_name_that_means_something_else_is_refused(name):
    """No encoded word, no endless name."""
    with pytest.raises(InputError, match="is no file name"):
        lab.render("report", to="b@example.com", title="t", summary="s", attachments={name: b"x"})
