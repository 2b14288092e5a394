"""Captured mail as files, and mail from files."""

from __future__ import annotations

import csv
import json
import mailbox
import os
import zipfile
from datetime import UTC, datetime
from urllib.parse import quote

import pandas as pd
import pytest
from inbox.mails import WHEN, captured, lines, stored
from openpyxl import load_workbook

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.inbox.files import safe_name

NAMES = {
    "report.pdf": "report.pdf",
    "Grüße 東京.txt": "Grüße 東京.txt",
    "../../etc/passwd": "passwd",
    "..\\..\\windows\\system32\\x.dll": "x.dll",
    "/etc/passwd": "passwd",
    "C:\\x.txt": "x.txt",
    "C:x.txt": "C_x.txt",
    "..": "attachment",
    ".": "attachment",
    "": "attachment",
    "...": "attachment",
    ".bashrc": "bashrc",
    ".pdf": "pdf",
    "a/": "attachment",
    "CON": "_CON",
    "con.txt": "_con.txt",
    "NUL.tar.gz": "_NUL.tar.gz",
    "COM1 .txt": "_COM1.txt",
    "lpt9": "_lpt9",
    "com¹.txt": "_com¹.txt",
    "CONSOLE.txt": "CONSOLE.txt",
    "a\x00b.txt": "ab.txt",
    "a\r\nb.txt": "a__b.txt",
    "exe\u202egpj.exe": "exegpj.exe",
    'a<b>:"|?*.txt': "a_b______.txt",
    "trailing. . .": "trailing",
    "a\ud800b": "a_b",
    "stream.txt:evil": "stream.txt_evil",
    "  spaces   in.txt ": "spaces in.txt",
}


class TestNames:
    @pytest.mark.parametrize(("given", "safe"), NAMES.items(), ids=map(repr, NAMES))
    def test_a_name_is_made_safe(self, given, safe):
        """No path, nothing hidden, nothing reserved, nothing unseen."""
        assert safe_name(given) == safe

    def test_a_long_name_keeps_its_ending(self):
        """A name is cut to what every file system takes, in whole letters."""
        name = safe_name("東" * 500 + ".pdf")
        assert name.endswith("東.pdf")
        assert len(name.encode()) <= 150
        assert len(safe_name("x." + "y" * 500).encode()) <= 150

    def test_one_without_a_name_gets_the_ending_of_its_type(self):
        """A picture without a name is a picture still."""
        assert safe_name("", "image/png") == "attachment.png"
        assert safe_name("", "../evil") == "attachment"

    def test_nothing_is_written_outside_or_over(self, tmp_path):
        """Files of the same name stand beside each other, also beside what was there."""
        raw = b"Content-Type: multipart/mixed; boundary=b\n\n"
        for name in (*NAMES, "report.pdf", "REPORT.pdf", "report.pdf"):
            header = f'Content-Disposition: attachment; filename="{name}"'.encode(
                "utf-8", "replace"
            )
            raw += (
                b"--b\n"
                + header.replace(b"\\", b"\\\\").replace(b"\n", b" ")
                + b"\n\n"
                + repr(name).encode()
                + b"\n"
            )
        folder = tmp_path / "deep" / "files"
        folder.mkdir(parents=True)
        (folder / "report.pdf").write_text("mine")
        (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
        message = captured(
            raw + b"--b\nContent-Disposition: attachment; filename=link.txt\n\nx\n--b--\n"
        )
        saved = message.save_attachments(folder)
        assert len(saved) == len(set(saved)) == len(message.attachments)
        assert {path.parent for path in saved} == {folder}
        assert (folder / "report.pdf").read_text() == "mine"
        assert not (tmp_path / "outside.txt").exists()
        assert [p.name for p in saved if p.read_bytes() == b"'report.pdf'"] == [
            "report (2).pdf",
            "report (3).pdf",
            "report (4).pdf",
        ]
        assert message.attachments[0].save(folder).name == "report (5).pdf"

    def test_a_folder_that_is_none_is_told(self, tmp_path):
        """The folder cannot be made: a sentence says so."""
        (tmp_path / "file").write_text("x")
        message = captured(b"Content-Disposition: attachment; filename=a\n\nx")
        with pytest.raises(lab.InputError, match=r"^folder: .* cannot be written"):
            message.save_attachments(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("x\u202ecod.exe", "xcod.exe"),
        ("a\u200bb.txt", "ab.txt"),
        ("tab\there.txt", "tab here.txt"),
        ("\u202e", "attachment.bin"),
    ],
)
def test_marks_that_turn_text_around_are_left_out_of_a_file_name(tmp_path, name, file):
    """They are shown as they would be written, and no part of the name of a file."""
    written = quote(name)
    raw = lines(
        "Content-Type: application/octet-stream",
        *(f"Content-Disposition: attachment; filename*=utf-8''{written}", "", "x"),
    )
    message = captured(raw)
    assert "\u202e" not in message.attachments[0].name
    assert [path.name for path in message.save_attachments(tmp_path / "all")] == [file]
    assert message.attachments[0].save(tmp_path / "one").name == file


RAWS = [
    lines(
        "Subject: one",
        "From: ann@example.com",
        "",
        "From the start",
        ">From quoted",
        ".",
        "",
        "end",
    ),
    b"no headers at all, no line end",
    lines("Subject: three", "", "", "", ""),
    b"Subject: octets\r\n\r\n\xff\xfe\r\n",
]


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "made.sqlite3")
    archive.add(
        [
            stored(
                raw,
                mail_from=f"{n}@example.com",
                rcpt_to=(f"r{n}@example.org",),
                tags=("x",) * (n == 1),
            )
            for n, raw in enumerate(RAWS)
        ]
    )
    yield lab.Inbox(archive)
    archive.close()


@pytest.fixture
def other(archive_url):
    archive = Archive(archive_url)
    yield lab.Inbox(archive)
    archive.close()


class TestMessages:
    def test_eml_is_what_was_received(self, inbox, tmp_path, other):
        """Each file holds the octets as they came; they can be read in again."""
        files = inbox.to_eml(tmp_path / "out")
        assert [file.name for file in files] == [f"{n:08d}.eml" for n in range(1, 5)]
        assert [file.read_bytes() for file in files] == RAWS
        assert other.read(tmp_path / "out") == [1, 2, 3, 4]
        assert [message.raw for message in other] == RAWS
        with pytest.raises(lab.InputError, match="is there already"):
            inbox.to_eml(tmp_path / "out")
        assert other.read(files[0]) == [5]

    def test_mbox_is_read_by_others_and_by_us(self, inbox, tmp_path, other):
        """Lines that begin with From are quoted and come back; lines end with LF in the file."""
        path = inbox.to_mbox(tmp_path / "mail.mbox")
        assert len(mailbox.mbox(path, create=False)) == 4
        other.read(path)
        assert [message.raw for message in other] == [
            raw if raw.endswith(b"\r\n") else raw + b"\r\n" for raw in RAWS
        ]
        assert other[0].mail_from == "0@example.com"
        assert other[0].received_at == WHEN.replace(microsecond=0)

    def test_maildir_is_read_by_others_and_by_us(self, inbox, tmp_path, other):
        """A Maildir has the octets as they came, and the time of arrival."""
        path = inbox.to_maildir(tmp_path / "maildir")
        found = mailbox.Maildir(path, create=False)
        assert sorted(m["Subject"] or "" for m in found) == ["", "octets", "one", "three"]
        other.read(path)
        assert sorted(message.raw for message in other) == sorted(RAWS)
        assert abs((other[0].received_at - WHEN).total_seconds()) < 0.01

    def test_zip_brings_everything_along(self, inbox, tmp_path, other):
        """Octets, envelopes, times and tags come back as they were."""
        path = inbox.to_zip(tmp_path / "mail.zip")
        assert zipfile.ZipFile(path).testzip() is None
        other.read(path)
        for before, after in zip(inbox, other, strict=True):
            for name in ("raw", "mail_from", "rcpt_to", "received_at", "tags"):
                assert getattr(after, name) == getattr(before, name)
        assert set(other.to_frame()["door"]) == {"import"}
        assert other.sessions()["outcome"].tolist() == ["mail"]

    def test_a_search_can_be_exported(self, inbox, tmp_path):
        """What was found is written, and nothing else."""
        assert [f.name for f in inbox.search("subject:three").to_eml(tmp_path / "out")] == [
            "00000003.eml"
        ]

    def test_imported_mail_goes_into_the_mailbox(self, inbox, tmp_path, archive_url):
        """An inbox of one mailbox reads mail into that."""
        inbox.to_zip(tmp_path / "mail.zip")
        archive = Archive(archive_url)
        team = lab.Inbox(archive, mailbox="team")
        assert team.read(tmp_path / "mail.zip") == [1, 2, 3, 4]
        assert len(team) == 4
        archive.close()

    @pytest.mark.parametrize(
        "kind", ["nothing", "empty", "folder", "zip", "broken zip", "no zip of ours"]
    )
    def test_what_cannot_be_read_is_told(self, other, tmp_path, kind):
        """A sentence names the path; nothing is stored."""
        path = tmp_path / "thing"
        if kind == "empty":
            path.touch()
        elif kind == "folder":
            path.mkdir()
        elif kind == "zip":
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("readme.txt", "x")
        elif kind == "broken zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("a.eml", b"x" * 1000)
            data = bytearray(path.read_bytes())
            data[35:40] = b"\xff\xff\xff\xff\xff"
            path.write_bytes(bytes(data))
        elif kind == "no zip of ours":
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("../../a.eml", b"Subject: x\r\n\r\n")
                file.writestr("envelopes.json", '[{"file": 7}]')
            assert other.read(path) == [1]
            assert not list(tmp_path.parent.glob("*.eml"))
            return
        with pytest.raises(lab.InputError, match=r"^path: "):
            other.read(path)
        assert len(other) == 0

    def test_a_zip_that_unpacks_to_too_much_is_refused(self, other, tmp_path, monkeypatch):
        """A message beyond the bound is not held in memory."""
        monkeypatch.setattr("smtp_lab.inbox.importing._LARGEST", 1000)
        path = tmp_path / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a.eml", bytes(2000))
        with pytest.raises(lab.InputError, match="is larger than"):
            other.read(path)

    def test_half_a_file_is_never_left(self, inbox, tmp_path, monkeypatch):
        """When writing fails in the middle what was there stays, and nothing else."""
        path = tmp_path / "mail.zip"
        path.write_text("old")
        monkeypatch.setattr(
            zipfile.ZipFile,
            "writestr",
            lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")),
        )
        with pytest.raises(lab.InputError, match="No space left"):
            inbox.to_zip(path)
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =cmd|'/c calc'!A1", "a=1"]


@pytest.fixture
def evil(tmp_path):
    archive = Archive(tmp_path / "evil.sqlite3")
    words = [f"=?utf-8?b?{__import__('base64').b64encode(e.encode()).decode()}?=" for e in EVIL]
    archive.add(
        [
            stored(
                lines(f"Subject: {w}", "X: \x01\x02", f"To: {w}", "", "hi"),
                mail_from="=1@example.com",
            )
            for w in words
        ]
    )
    yield lab.Inbox(archive)
    archive.close()


class TestTables:
    def test_csv_holds_no_formula(self, evil, tmp_path):
        """What a spreadsheet would calculate has an apostrophe in front."""
        path = evil.to_csv(tmp_path / "mail.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["mail_from"] for row in rows} == {"'=1@example.com"}
        shown = [row["subject"] for row in rows]
        assert all(text.startswith("'") for text in shown[:-1])
        assert shown[-1] == "a=1"
        assert rows[0]["rcpt_to"] == "bob@example.org"

    def test_excel_holds_no_formula(self, evil, tmp_path):
        """Sheets for each table, no live formula in any of them, times without a zone."""
        book = load_workbook(evil.to_excel(tmp_path / "mail.xlsx"))
        assert book.sheetnames == [
            "messages",
            "recipients",
            "attachments",
            "links",
            "codes",
            "sessions",
        ]
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n", "d", "b"}
        assert book["messages"]["B2"].value == WHEN.replace(tzinfo=None, microsecond=890_000)

    def test_json_and_parquet_keep_values(self, evil, tmp_path):
        """Values are as they are; only what other programs choke on is replaced."""
        rows = json.loads(evil.to_json(tmp_path / "mail.json").read_text(encoding="utf-8"))
        assert rows[0]["subject"] == "=1+1"
        assert rows[0]["received_at"].startswith("2026-03-04T05:06:07.890123")
        frame = pd.read_parquet(evil.to_parquet(tmp_path / "mail.parquet"))
        assert frame["rcpt_to"].iloc[0].tolist() == ["bob@example.org"]
        assert frame["received_at"].iloc[0] == pd.Timestamp(WHEN)
        assert frame["subject"].tolist()[0] == "=1+1"
        text = evil.to_csv(tmp_path / "headers.csv", "headers").read_text(encoding="utf-8")
        assert "\x01" not in text

    def test_an_empty_inbox_can_be_exported(self, tmp_path):
        """Without mail there are files with columns and no rows."""
        inbox = lab.Inbox(Archive(tmp_path / "none.sqlite3"))
        assert len(pd.read_csv(inbox.to_csv(tmp_path / "a.csv"))) == 0
        assert len(pd.read_parquet(inbox.to_parquet(tmp_path / "a.parquet"))) == 0
        assert json.loads(inbox.to_json(tmp_path / "a.json").read_text()) == []
        assert load_workbook(inbox.to_excel(tmp_path / "a.xlsx"))["messages"].max_row == 1

    def test_a_table_nobody_has(self, inbox, tmp_path):
        """A name that is no table is told with those that are."""
        with pytest.raises(
            lab.InputError, match=r"^table: 'mail' is none; choose one of messages, recipients"
        ):
            inbox.to_csv(tmp_path / "x.csv", "mail")

    @pytest.mark.parametrize(
        ("package", "way"), [("pyarrow", "to_parquet"), ("openpyxl", "to_excel")]
    )
    def test_a_missing_package_is_told(self, inbox, tmp_path, monkeypatch, package, way):
        """What is not installed is named with the way to get it."""
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(lab.InputError, match=rf"needs {package}.*smtp_lab\[tables\]"):
            getattr(inbox, way)(tmp_path / "x")


class TestRelease:
    def test_it_goes_to_whom_it_may_and_as_it_came(self, inbox, sink):
        """The octets arrive as they are, for the recipients that were given, whatever the headers say."""
        delivery = lab.release(
            inbox[0], to=["bob@example.org", "Eve@example.net"],
            allow=["@Example.org", "eve@example.net"], profile=sink.profile(),
        )  # fmt: skip
        assert delivery.ok
        (arrived,) = sink.inbox
        assert arrived.raw == RAWS[0]
        assert arrived.rcpt_to == ("bob@example.org", "Eve@example.net")
        assert arrived.mail_from == "lab@example.com"

    def test_a_lone_line_feed_cannot_smuggle(self, sink):
        """What ends no line becomes a line end: no second message can hide behind it."""
        evil = captured(b"Subject: x\r\n\r\nhi\n.\nMAIL FROM:<evil@example.com>\r\n")
        lab.release(evil, to="bob@example.org", allow=["@example.org"], profile=sink.profile())
        (arrived,) = sink.inbox
        assert arrived.raw == b"Subject: x\r\n\r\nhi\r\n.\r\nMAIL FROM:<evil@example.com>\r\n"

    @pytest.mark.parametrize(
        "allow", [[], ["@example.com"], ["example.org"], ["@ample.org"], ["bob@example"]]
    )
    def test_nobody_else_gets_it(self, inbox, sink, allow):
        """A recipient that is not on the list stops all of it, before any connection."""
        with pytest.raises(lab.InputError, match=r"^to: bob@example\.org is not allowed"):
            lab.release(inbox[0], to="bob@example.org", allow=allow, profile=sink.profile())
        assert len(sink.inbox.sessions()) == 0

    @pytest.mark.parametrize(
        ("to", "allow"),
        [
            ("bob@straße.example", "@strasse.example"),
            ("maß@example.com", "mass@example.com"),
            ("\u017f@example.com", "s@example.com"),
            ("\u212a@example.com", "k@example.com"),
        ],
    )
    def test_letters_that_are_alike_are_not_the_same(self, inbox, sink, to, allow):
        """ß is not ss, nor is a long s an s or the sign of the kelvin a k."""
        with pytest.raises(lab.InputError, match="is not allowed"):
            lab.release(inbox[0], to=to, allow=[allow], profile=sink.profile())
        assert len(sink.inbox.sessions()) == 0

    def test_a_domain_may_be_written_in_punycode(self, inbox, sink):
        """It is the same domain."""
        to = "bob@xn--strae-oqa.example"
        assert lab.release(inbox[0], to=to, allow=["@straße.example"], profile=sink.profile()).ok

    @pytest.mark.parametrize(
        ("message", "allow", "said"),
        [
            (None, "@example.org", "allow: is one text; give a list"),
            (None, None, "allow: is a NoneType; give a list"),
            (None, [None], "allow: holds a NoneType, not a text; give a list"),
            (3, ["@example.org"], "message: is a int; give one of an inbox, such as inbox[-1]."),
        ],
    )
    def test_what_is_no_list_and_no_message_is_told(self, inbox, sink, message, allow, said):
        """One sentence; nothing is sent."""
        message = inbox[0] if message is None else message
        with pytest.raises(lab.InputError) as caught:
            lab.release(message, to="bob@example.org", allow=allow, profile=sink.profile())
        assert str(caught.value).startswith(said)

    def test_the_policy_of_the_book_holds_too(self, inbox, sink, tmp_path):
        """What the list allows the book may still forbid."""
        path = tmp_path / "book.toml"
        path.write_text('[policy]\napproved_domains = ["example.com"]\n')
        book = lab.ProfileBook.open(path)
        with pytest.raises(lab.InputError, match="policy does not allow"):
            lab.release(
                inbox[0],
                to="bob@example.org",
                allow=["@example.org"],
                profile=sink.profile(),
                book=book,
            )


def test_a_file_keeps_its_time(inbox, tmp_path, other):
    """The time of a single file is when it was last changed."""
    (file,) = inbox.search("subject:one").to_eml(tmp_path / "one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    other.read(file)
    assert other[0].received_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
