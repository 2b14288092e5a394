"""Captured mail as files that others read: Maildirs, spreadsheets, Parquet."""

from __future__ import annotations

import base64
import csv
import errno
import mailbox
import os
import secrets

import pandas as pd
import pyarrow as pa
import pytest
from inbox.mails import lines, stored
from pyarrow import parquet

import smtp_lab as lab
from smtp_lab.archive import Archive

TABLES = (
    "messages", "recipients", "attachments", "links", "codes", "sessions", "commands", "headers",
    "parts",
)  # fmt: skip


def opened(path, *raws):
    archive = Archive(path)
    if raws:
        archive.add([stored(raw) for raw in raws])
    return lab.Inbox(archive)


class TestMaildir:
    def test_nothing_is_written_over(self, tmp_path):
        """Mail of the same second and number from two archives stands side by side."""
        line = b"From a@example.com Mon Apr  3 12:34:56 2023\n"
        for name in ("one", "two"):
            (tmp_path / name).write_bytes(line + f"Subject: {name}\n\nx\n".encode())
            inbox = opened(tmp_path / f"{name}.sqlite3")
            inbox.read(tmp_path / name)
            inbox.to_maildir(tmp_path / "both")
        inbox.to_maildir(tmp_path / "both")
        found = mailbox.Maildir(tmp_path / "both", create=False)
        assert sorted(m["Subject"] for m in found) == ["one", "two", "two"]
        assert list((tmp_path / "both" / "tmp").iterdir()) == []

    @pytest.mark.parametrize("links", [True, False])
    def test_a_name_that_is_taken_stays(self, tmp_path, monkeypatch, links):
        """Where chance gives a name twice, an error says so, also where files have no links."""
        monkeypatch.setattr(secrets, "token_hex", lambda _: "same")
        if not links:
            monkeypatch.setattr(os, "link", refuse)
        inbox = opened(tmp_path / "a.sqlite3", lines("Subject: a", "", "x"))
        inbox.to_maildir(tmp_path / "box")
        with pytest.raises(lab.InputError, match="is there already"):
            inbox.to_maildir(tmp_path / "box")
        (file,) = (tmp_path / "box" / "new").iterdir()
        assert file.read_bytes() == inbox[0].raw

    def test_mail_of_one_moment_keeps_its_order(self, tmp_path):
        """Names are in the order of the messages."""
        raws = [lines(f"Subject: {n}", "", "x") for n in range(12)]
        opened(tmp_path / "a.sqlite3", *raws).to_maildir(tmp_path / "box")
        other = opened(tmp_path / "b.sqlite3")
        other.read(tmp_path / "box")
        assert [message.raw for message in other] == raws


def refuse(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


FORMULAS = ("a;=1+1;b", "a\t=1+1", "a; +1", 'a;"=1+1"', "a;\u200b@x", "a;\uff1d1", ";=1", "a;\t-1")


class TestSheets:
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_no_cell_is_a_formula_whatever_parts_them(self, tmp_path, separator):
        """A spreadsheet of another language begins a cell at a semicolon: none is a formula."""
        shown = [f"=?utf-8?b?{base64.b64encode(x.encode()).decode()}?=" for x in FORMULAS]
        raws = [
            lines(f"Subject: {x}", f"To: bob@example.org, {x} <e@example.org>", "") for x in shown
        ]
        raws.append(lines("To: bob@example.org, =?utf-8?q?=3D1+1?= <e@example.org>", ""))
        path = opened(tmp_path / "a.sqlite3", *raws).to_csv(tmp_path / "a.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
        assert len(cells) > 9
        assert [
            x for x in cells if x.lstrip(' \t\r\n\u200b\ufeff"')[:1] in tuple("=+-@\uff1d")
        ] == []

    def test_a_table_of_many_lines_is_none_either(self, tmp_path):
        """A header over several lines begins no formula in the second."""
        raw = lines("Subject: a", "X: a", "\t=1+1", "")
        path = opened(tmp_path / "a.sqlite3", raw).to_csv(tmp_path / "a.csv", "headers")
        text = path.read_text(encoding="utf-8-sig")
        assert "\t'=1+1" in text
        assert len(pd.read_csv(path)) == 2

    def test_pandas_reads_it_back(self, tmp_path):
        """Numbers, moments and texts are there again, each in its column."""
        raw = lines("Subject: Grüße; a,b", 'To: "=1" <a@example.org>, b@example.org', "")
        inbox = opened(tmp_path / "a.sqlite3", raw)
        found = pd.read_csv(inbox.to_csv(tmp_path / "a.csv"), parse_dates=["received_at"])
        assert list(found.columns) == list(inbox.to_frame().columns)
        assert found["id"].tolist() == [1]
        assert found["received_at"].iloc[0] == inbox.to_frame()["received_at"].iloc[0]
        assert found["subject"].iloc[0] == "Grüße; a,b"
        assert found["to"].iloc[0] == "'=1 <a@example.org>; b@example.org"


class TestParquet:
    @pytest.mark.parametrize("table", TABLES)
    def test_its_types_do_not_depend_on_the_mail(self, tmp_path, table):
        """Days with mail and without can be put together."""
        some = lines(
            "Subject: a", "To: a@example.org", "Cc: c@example.org", "", "see https://x.example.com"
        )
        files = [
            opened(tmp_path / f"{n}.sqlite3", *raws).to_parquet(tmp_path / f"{n}.parquet", table)
            for n, raws in enumerate(([], [some], [b"x"]))
        ]
        found = [parquet.read_table(file) for file in files]
        assert found[0].schema.equals(found[1].schema)
        assert found[1].schema.equals(found[2].schema)
        assert len(pa.concat_tables(found)) == sum(map(len, found))

    def test_lists_are_lists_of_texts(self, tmp_path):
        """Also where every one of them is empty, and in what a search found."""
        inbox = opened(tmp_path / "a.sqlite3", b"x", lines("Subject: a", ""))
        schema = parquet.read_schema(inbox.search("subject:a").to_parquet(tmp_path / "a.parquet"))
        for name in ("rcpt_to", "to", "cc", "attachments", "mailboxes", "tags"):
            assert schema.field(name).type == pa.list_(pa.string())
        assert schema.names == list(inbox.to_frame().columns)
