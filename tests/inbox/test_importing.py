"""Mail from files: what counts as mail, what lies beside it, and what is broken."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.errors import ArchiveError

WHEN = datetime(2023, 4, 3, 12, 34, 56, tzinfo=UTC)
MAIL = b"Subject: hi\r\n\r\nhello\r\n"


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "read.sqlite3")
    yield lab.Inbox(archive)
    archive.close()


def written(path, content=MAIL):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def subjects(inbox):
    return sorted(message.subject for message in inbox)


def named(name):
    return b"Subject: " + name.encode() + b"\r\n\r\nx\r\n"


class TestMbox:
    @pytest.mark.parametrize(
        ("line", "sender", "moment"),
        [
            ("From ann@example.com Mon Apr  3 12:34:56 2023", "ann@example.com", WHEN),
            ("From 1797@xxx Mon Apr 03 12:34:56 +0000 2023", "", WHEN),
            ("From ann@example.com Mon Apr 03 14:34:56 2023 +0200", "ann@example.com", WHEN),
            ("From ann@example.com Mon Apr  3 13:34:56 CET 2023", "ann@example.com", WHEN),
            ("From ann@example.com Mon Apr  3 08:34:56 EDT 2023", "ann@example.com", WHEN),
            ("From - Mon Apr 03 12:34 2023", "", WHEN.replace(second=0)),
            ("From MAILER-DAEMON Mon, 3 Apr 2023 12:34:56 +0000", "", WHEN),
            ('From "a b"@example.com Mon Apr  3 12:34:56 2023', '"a b"@example.com', WHEN),
            ("From Mon Apr  3 12:34:56 2023", "", WHEN),
            ("From a@example.com Mon Apr  3 12:34:56 2023 remote from x", "a@example.com", WHEN),
        ],
    )
    def test_its_lines_are_understood(self, inbox, tmp_path, line, sender, moment):
        """Sender and moment of the line before a mail, as Gmail, Thunderbird and others write it."""
        inbox.read(written(tmp_path / "mail.mbox", f"{line}\nSubject: hi\n\nhello\n".encode()))
        assert inbox[0].received_at == moment
        assert inbox[0].mail_from == sender
        assert inbox[0].raw == MAIL

    def test_the_header_speaks_where_the_line_says_nothing(self, inbox, tmp_path):
        """Without a date in the line the header Date says when; without that it is now."""
        raw = b"From ann@example.com\nDate: Mon, 3 Apr 2023 14:34:56 +0200\n\nx\n\nFrom b\nX: y\n\n"
        before = datetime.now(UTC)
        inbox.read(written(tmp_path / "mail.mbox", raw))
        assert [message.mail_from for message in inbox] == ["ann@example.com", ""]
        assert inbox[0].received_at == WHEN
        assert inbox[1].received_at >= before

    @pytest.mark.parametrize("year", ["1901", "9999"])
    def test_a_moment_nobody_lived_is_none(self, inbox, tmp_path, year):
        """What cannot be the moment of a mail is left, not an error."""
        line = f"From a@example.com Fri Dec 31 23:59:59 {year} -1200\n"
        inbox.read(written(tmp_path / "mail.mbox", line.encode() + MAIL))
        assert inbox[0].received_at > WHEN

    @pytest.mark.parametrize("begin", [b"\xef\xbb\xbf", b"\n", b"\r\n\n", b"\xef\xbb\xbf\r\n"])
    def test_what_stands_before_the_first_is_passed_over(self, inbox, tmp_path, begin):
        """A byte order mark or blank lines do not make one mail of all."""
        one = b"From a@example.com Mon Apr  3 12:34:56 2023\nSubject: %d\n\nx\n\n"
        assert inbox.read(written(tmp_path / "mail.mbox", begin + one % 1 + one % 2)) == [1, 2]
        assert subjects(inbox) == ["1", "2"]

    def test_a_long_line_hides_no_mail(self, inbox, tmp_path):
        """However long a sender is, the mail behind the line is one of its own."""
        long = "a" * 20_000 + "@example.com"
        one = "From {} Mon Apr  3 12:34:56 2023\nSubject: {}\n\nx\n\n"
        raw = one.format("a@example.com", 1) + one.format(long, 2) + one.format(" " * 60_000, 3)
        assert inbox.read(written(tmp_path / "mail.mbox", raw.encode())) == [1, 2, 3]
        assert [message.mail_from for message in inbox] == ["a@example.com", long, ""]

    def test_prose_parts_no_mail(self, inbox, tmp_path):
        """A line of a letter that begins with From has no date, and the mail goes on behind it."""
        raw = (
            b"From a@example.com Mon Apr  3 12:34:56 2023\nSubject: 1\n\n"
            b"Hi\n\nFrom my house in May 2023 to yours\n\nBye\n\n"
            b"From b@example.com Mon Apr  3 12:34:57 2023\nSubject: 2\n\nx\n"
        )
        assert inbox.read(written(tmp_path / "mail.mbox", raw)) == [1, 2]
        assert b"\r\n\r\nFrom my house in May 2023 to yours\r\n\r\nBye\r\n" in inbox[0].raw


class TestFolders:
    def test_links_are_not_followed(self, inbox, tmp_path):
        """No file and no folder that a link leads to is read; the folder itself may be a link."""
        secret = written(tmp_path / "outside" / "secret.eml", named("secret"))
        folder = written(tmp_path / "mail" / "a.eml", named("a")).parent
        (folder / "l.eml").symlink_to(secret)
        (folder / "passwd.eml").symlink_to("/etc/passwd")
        (folder / "below").symlink_to(secret.parent)
        for name in ("new", "cur"):
            (folder / "box" / name).mkdir(parents=True)
        (folder / "box" / "new" / "1.x.host").symlink_to(secret)
        (folder / "other").mkdir()
        (folder / "other" / "new").symlink_to(secret.parent)
        (folder / "other" / "cur").symlink_to(secret.parent)
        (tmp_path / "way").symlink_to(folder)
        assert inbox.read(tmp_path / "way") == [1]
        assert subjects(inbox) == ["a"]

    def test_what_systems_put_beside_is_no_mail(self, inbox, tmp_path):
        """Resource forks, indexes and pictures of folders are passed over; every mail is taken."""
        folder = tmp_path / "mail"
        for name in ("a.eml", "B.EML", "deep/er/c.Eml"):
            written(folder / name, named(Path(name).stem))
        for name in ("._a.eml", "__MACOSX/d.eml", ".DS_Store", "notes.txt", "deep/empty"):
            written(folder / name, b"" if name.endswith("empty") else b"From here on: junk")
        mbox = b"From a@example.com Mon Apr  3 12:34:56 2023\nSubject: %s\n\nx\n"
        written(folder / "Inbox", mbox % b"m")
        written(folder / "old.mbox" / "mbox", mbox % b"n")
        assert len(inbox.read(folder)) == 5
        assert subjects(inbox) == ["B", "a", "c", "m", "n"]

    def test_a_maildir_is_read_with_its_folders(self, inbox, tmp_path):
        """Maildir++ folders count; what Dovecot and others keep beside mail does not."""
        for name in (
            "cur/1.a.host:2,S",
            "new/2.b.host",
            ".Sent/cur/3.c.host:2,",
            "Old/new/4.d.host",
        ):
            path = written(tmp_path / "mail" / name, named(Path(name).name[2]))
            for beside in ("cur", "new", "tmp"):
                (path.parent.parent / beside).mkdir(exist_ok=True)
        for name in (".DS_Store", "dovecot.index.cache", "dovecot-uidlist", "._1.a.host:2,S"):
            written(tmp_path / "mail" / "cur" / name, b"\0junk")
        written(tmp_path / "mail" / "tmp" / "5.e.host", named("half"))
        written(tmp_path / "mail" / "dovecot.index.log", b"\0junk")
        assert len(inbox.read(tmp_path / "mail")) == 4
        assert subjects(inbox) == ["a", "b", "c", "d"]

    def test_an_eml_that_begins_like_an_mbox_stays_one(self, inbox, tmp_path):
        """A file that is called mail is one, unless a date says that it is an mbox."""
        raw = b"From the start\r\n\r\nFrom there\r\n"
        inbox.read(written(tmp_path / "a.eml", raw))
        assert inbox[0].raw == raw


def packed(path, names, envelopes=None):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, named(name))
        if envelopes is not None:
            file.writestr("envelopes.json", json.dumps(envelopes))
    return path


class TestZips:
    def test_resource_forks_are_no_mail(self, inbox, tmp_path):
        """What a Mac puts into a ZIP beside each file is passed over."""
        names = ["a.eml", "x/B.EML", "__MACOSX/._a.eml", "__MACOSX/x/b.eml", "x/._b.eml"]
        assert len(inbox.read(packed(tmp_path / "mail.zip", names))) == 2
        assert subjects(inbox) == ["a.eml", "x/B.EML"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"received_at": "0001-01-01T00:00:00+14:00"},
            {"received_at": "9999-12-31T23:59:59-14:00"},
            {"received_at": None},
            {"rcpt_to": "abc"},
            {"rcpt_to": [1]},
            {"rcpt_to": ["a\0b"]},
            {"mail_from": 7},
            {"mail_from": "\ud800"},
            {"tags": 7},
        ],
        ids=repr,
    )
    def test_an_envelope_that_is_none_is_left(self, inbox, tmp_path, wrong):
        """A mail whose envelope makes no sense comes without one; that of others holds."""
        good = {
            "mail_from": "ann@example.com",
            "rcpt_to": ["bob@example.org"],
            "received_at": WHEN.isoformat(),
            "tags": ["x"],
        }
        rows = [good | wrong | {"file": "a.eml"}, good | {"file": "b.eml"}, 7]
        inbox.read(packed(tmp_path / "mail.zip", ["a.eml", "b.eml"], rows))
        first, second = inbox
        assert (first.mail_from, first.rcpt_to, first.tags) == ("", (), ())
        assert first.received_at > WHEN
        assert (second.mail_from, second.rcpt_to) == ("ann@example.com", ("bob@example.org",))
        assert second.received_at == WHEN

    def test_a_null_sender_is_empty(self, inbox, tmp_path):
        """No sender is called None."""
        row = {"file": "a.eml", "mail_from": None, "rcpt_to": [], "tags": []}
        row["received_at"] = "2023-04-03T12:34:56"
        inbox.read(packed(tmp_path / "mail.zip", ["a.eml"], [row]))
        assert inbox[0].mail_from == ""
        assert inbox[0].received_at == WHEN

    def test_nested_without_end_is_left(self, inbox, tmp_path):
        """What no parser can follow is no list of envelopes."""
        path = packed(tmp_path / "mail.zip", ["a.eml"])
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("envelopes.json", "[" * 200_000)
        assert inbox.read(path) == [1]


class TestWhole:
    def test_a_broken_zip_leaves_nothing_behind(self, inbox, tmp_path):
        """An entry at the end that is broken keeps those before it out as well."""
        path = packed(tmp_path / "mail.zip", [f"{n:03}.eml" for n in range(150)])
        data = path.read_bytes()
        path.write_bytes(data.replace(b"Subject: 140.eml", b"Subject: 14x.eml"))
        with pytest.raises(lab.InputError, match=r"^path: .*mail.zip cannot be read \(Bad CRC"):
            inbox.read(path)
        assert len(inbox) == 0
        assert len(inbox.sessions()) == 0

    def test_a_file_too_large_keeps_all_out(self, inbox, tmp_path, monkeypatch):
        """So does a file of a folder that is larger than a message may be."""
        for n in range(120):
            written(tmp_path / "mail" / f"{n:03}.eml", named(str(n)))
        written(tmp_path / "mail" / "zzz.eml", bytes(1001))
        monkeypatch.setattr("smtp_lab.inbox.importing._LARGEST", 1000)
        with pytest.raises(lab.InputError, match=r"zzz\.eml is larger than"):
            inbox.read(tmp_path / "mail")
        assert len(inbox) == 0

    def test_what_was_stored_is_taken_back(self, inbox, tmp_path, monkeypatch):
        """An archive that fails in the middle holds nothing of the file afterwards."""
        path = packed(tmp_path / "mail.zip", [f"{n:03}.eml" for n in range(150)])
        stores_once(inbox.archive, monkeypatch)
        with pytest.raises(ArchiveError, match="no room"):
            inbox.read(path)
        assert len(inbox) == 0

    def test_what_could_not_be_taken_back_is_told(self, inbox, tmp_path, monkeypatch):
        """Where the archive cannot even let go, the sentence says which messages are there."""
        path = packed(tmp_path / "mail.zip", [f"{n:03}.eml" for n in range(150)])
        stores_once(inbox.archive, monkeypatch)
        monkeypatch.setattr(inbox.archive, "remove", lambda _: fail())
        with pytest.raises(
            ArchiveError,
            match=r"read in part.* 100 messages of it, from number 1 to 100, .*no room",
        ):
            inbox.read(path)
        assert len(inbox) == 100


def stores_once(archive, monkeypatch):
    """Let *archive* store one batch and then be full."""
    add, calls = archive.add, []

    def once(*given):
        calls.append(given)
        return add(*given) if len(calls) == 1 else fail()

    monkeypatch.setattr(archive, "add", once)


def fail():
    raise ArchiveError("The archive has no room.")


class TestPaths:
    def test_home_is_understood(self, inbox, tmp_path, monkeypatch):
        """A path that begins with ~ leads home."""
        monkeypatch.setenv("HOME", str(tmp_path))
        written(tmp_path / "a.eml")
        assert inbox.read("~/a.eml") == [1]
        assert inbox.to_csv("~/a.csv") == tmp_path / "a.csv"
        for way in ("to_eml", "to_maildir"):
            getattr(inbox, way)(f"~/{way}")
        for way in ("to_mbox", "to_zip", "to_excel", "to_json", "to_parquet"):
            assert getattr(inbox, way)(f"~/{way}") == tmp_path / way
        assert inbox.export("~/out", "csv").parent == tmp_path / "out"
        assert inbox[0].save_attachments("~/files") == []
        assert inbox[0].snapshot("~/snapshot.txt", update=True)
        assert {"to_eml", "to_maildir", "files"} <= {path.name for path in tmp_path.iterdir()}
        assert (tmp_path / "snapshot.txt").is_file()
        assert not Path("~").exists()

    @pytest.mark.parametrize("given", [None, 7, b"mail"])
    def test_what_is_no_path_is_told(self, inbox, given):
        """Anything but a path is one sentence, wherever a path is wanted."""
        ways = ("to_eml", "to_mbox", "to_maildir", "to_zip", "to_csv", "to_excel", "to_json")
        for way in ("read", *ways, "to_parquet"):
            with pytest.raises(lab.InputError, match=r"^path: is a \w+; give a path\.$"):
                getattr(inbox, way)(given)
        with pytest.raises(lab.InputError, match="give a path"):
            inbox.export(given, "csv")

    def test_the_home_of_nobody_is_told(self, inbox):
        """So is a home there is not."""
        with pytest.raises(lab.InputError, match="check what follows ~"):
            inbox.read("~nobody-has-this-name/a.eml")
        assert len(inbox) == 0
