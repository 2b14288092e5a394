"""Captured mail as a sequence and as tables."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from inbox.mails import WHEN, lines, stored

import smtp_lab as lab
from smtp_lab import ArchiveError
from smtp_lab.archive import Archive, StoredSession
from smtp_lab.errors import UnknownNameError
from smtp_lab.inbox import Captured

MESSAGES = {
    "id": "int64",
    "received_at": "datetime64[us, UTC]",
    "mail_from": "str",
    "rcpt_to": "object",
    "from": "str",
    "to": "object",
    "cc": "object",
    "subject": "str",
    "date": "datetime64[us, UTC]",
    "size": "int64",
    "attachments": "object",
    "message_id": "str",
    "tls_version": "str",
    "login": "str",
    "ehlo": "str",
    "peer": "str",
    "door": "str",
    "mailboxes": "object",
    "tags": "object",
}
SESSIONS = {
    "id": "str",
    "started_at": "datetime64[us, UTC]",
    "ended_at": "datetime64[us, UTC]",
    "door": "str",
    "peer": "str",
    "ehlo": "str",
    "tls_version": "str",
    "tls_cipher": "str",
    "login": "str",
    "mechanism": "str",
    "login_ok": "boolean",
    "lines": "int64",
    "last_reply": "str",
    "outcome": "str",
    "refusals": "int64",
    "stage": "str",
}
FULL = lines(
    "From: Ann <ann@example.com>",
    "To: Bob <bob@example.org>, cid@example.org",
    "Cc: dan@example.org",
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "Date: Tue, 03 Mar 2026 04:05:06 +0100",
    "Message-ID: <1@example.com>",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "",
    "hi",
    "--b",
    'Content-Disposition: attachment; filename="a.pdf"',
    "Content-Type: application/pdf",
    "",
    "pdf",
    "--b--",
)


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def inbox(archive):
    return lab.Inbox(archive)


def types(frame):
    return frame.dtypes.astype(str).to_dict()


class TestFrame:
    def test_the_columns_are_those_of_the_docstring(self, inbox, archive):
        """Names, order and types of the columns are a promise."""
        archive.add([stored(FULL), stored(b"")])
        frame = inbox.to_frame()
        assert types(frame) == MESSAGES
        assert list(frame) == list(MESSAGES)
        assert all(name in lab.Inbox.to_frame.__doc__ for name in MESSAGES)

    def test_an_empty_inbox_has_the_same_columns(self, inbox):
        """Without mail the table has no rows, and the same types."""
        frame = inbox.to_frame()
        assert types(frame) == MESSAGES
        assert len(frame) == 0

    def test_a_row_says_what_the_message_says(self, inbox, archive):
        """Each cell of a row, for a message that has everything."""
        (number,) = archive.add([stored(FULL)])
        row = inbox.to_frame().iloc[0].to_dict()
        assert row == {
            "id": number,
            "received_at": pd.Timestamp(WHEN),
            "mail_from": "ann@example.com",
            "rcpt_to": ["bob@example.org"],
            "from": "Ann <ann@example.com>",
            "to": ["Bob <bob@example.org>", "cid@example.org"],
            "cc": ["dan@example.org"],
            "subject": "Grüße",
            "date": pd.Timestamp("2026-03-03 03:05:06", tz="UTC"),
            "size": len(FULL),
            "attachments": ["a.pdf"],
            "tls_version": "TLSv1.3",
            "login": "ann",
            "ehlo": "client.example",
            "peer": "127.0.0.1:9",
            "door": "starttls",
            "message_id": "<1@example.com>",
            "mailboxes": [],
            "tags": [],
        }

    def test_what_is_not_there_is_empty_never_missing(self, inbox, archive):
        """Texts are empty, lists are empty, and only the date is NaT."""
        archive.add([stored(b"")])
        row = inbox.to_frame().iloc[0].to_dict()
        for name in ("from", "subject", "message_id"):
            assert row[name] == ""
        for name in ("to", "cc", "attachments"):
            assert row[name] == []
        assert row["date"] is pd.NaT
        assert not inbox.to_frame().drop(columns="date").isna().any(axis=None)

    def test_a_refused_login_is_no_login(self, inbox, archive):
        """The column login names who got in, not who tried."""
        message = stored(b"")
        message.session.login_ok = False
        archive.add([message])
        assert inbox.to_frame()["login"].tolist() == [""]

    @pytest.mark.parametrize(
        "date",
        ["Fri, 31 Dec 9999 23:59:59 +0000", "Fri, 31 Dec 9999 23:59:59 -0500", "Mon, 01 Jan 0001 00:00:00 +0500",
         "Thu, 01 Jan 1600 00:00:00 +0000", "Tue, 32 Mar 2026 25:61:61 +9999", "yesterday", "0", "9" * 5000],
    )  # fmt: skip
    def test_an_odd_date_does_not_spoil_the_table(self, inbox, archive, date):
        """A date at the end of the calendar, or none at all, keeps the types of the column."""
        archive.add([stored(lines(f"Date: {date}", "")), stored(FULL), stored(b"")])
        frame = inbox.to_frame()
        assert types(frame) == MESSAGES
        assert frame["date"][1] == pd.Timestamp("2026-03-03 03:05:06", tz="UTC")
        assert frame["date"][2] is pd.NaT

    def test_a_table_can_be_written_and_filtered(self, inbox, archive, tmp_path):
        """The table works as any DataFrame does."""
        archive.add([stored(FULL), stored(lines("Subject: other", ""))])
        frame = inbox.to_frame()
        assert frame[frame["subject"].str.contains("Gr")]["id"].tolist() == [1]
        frame.to_csv(tmp_path / "mail.csv")
        assert frame.sort_values("received_at").shape == (2, len(MESSAGES))

    def test_a_table_is_the_readers_own(self, inbox, archive):
        """Changing a table does not change the next one."""
        archive.add([stored(FULL)])
        frame = inbox.to_frame()
        frame.loc[0, "subject"] = "changed"
        frame["to"][0].append("evil@example.org")
        again = inbox.to_frame()
        assert again["subject"].tolist() == ["Grüße"]
        assert again["to"][0] == ["Bob <bob@example.org>", "cid@example.org"]


class TestSequence:
    @pytest.fixture(autouse=True)
    def _five(self, archive):
        archive.add([stored(lines(f"Subject: {n}", "")) for n in range(5)])

    def test_indexing_counts_from_either_end(self, inbox):
        """inbox[0] is the oldest, inbox[-1] the newest."""
        assert [inbox[n].subject for n in (0, 1, 4, -1, -5)] == ["0", "1", "4", "4", "0"]
        assert isinstance(inbox[0], Captured)

    @pytest.mark.parametrize(
        ("part", "wanted"),
        [
            (slice(None), "01234"),
            (slice(-2, None), "34"),
            (slice(None, None, -2), "420"),
            (slice(1, 3), "12"),
            (slice(10, 20), ""),
        ],
    )
    def test_slices_give_lists(self, inbox, part, wanted):
        """A slice is a list of messages, as for any sequence."""
        assert "".join(message.subject for message in inbox[part]) == wanted

    def test_iteration_goes_from_old_to_new(self, inbox, archive):
        """Iterating gives every message once, also more than are read at a time."""
        archive.add([stored(lines(f"Subject: {n}", "")) for n in range(5, 450)])
        assert [message.subject for message in inbox] == [str(n) for n in range(450)]
        assert len(inbox) == 450

    def test_get_is_by_number(self, inbox, archive):
        """get() takes the number that to_frame shows, whatever its place."""
        assert [inbox.get(number).subject for number in archive.ids()] == list("01234")
        assert inbox.get(inbox[2].id).subject == "2"

    @pytest.mark.parametrize("number", [0, -1, 999, 10**30, -(10**30)])
    def test_a_number_nobody_has(self, inbox, number):
        """A number that is not there gives a sentence that says where to look."""
        with pytest.raises(UnknownNameError, match=r"^message: number .* is not in .*; see inbox"):
            inbox.get(number)

    @pytest.mark.parametrize("index", [5, -6, 100, 10**30])
    def test_an_index_out_of_range(self, inbox, index):
        """An index that is too large says how many messages there are."""
        with pytest.raises(IndexError) as error:
            inbox[index]
        assert str(error.value) == f"The inbox holds 5 messages, so there is no [{index}]."

    def test_an_index_that_is_none(self, inbox):
        """Something that is no number is a TypeError, as for a list."""
        with pytest.raises(TypeError):
            inbox["newest"]


class TestLabels:
    @pytest.fixture
    def filled(self, archive):
        for n, mailboxes in enumerate([("class-a",), ("class-b",), ("class-a", "class-b"), ()]):
            archive.add([stored(lines(f"Subject: {n}", ""), mailboxes=mailboxes, tags=("new",))])
        return archive

    def test_one_mailbox_shows_its_messages_only(self, filled):
        """Every way of looking into the inbox of a class leaves out what is not of it."""
        inbox = lab.Inbox(filled, mailbox="class-b")
        assert len(inbox) == 2
        assert [message.subject for message in inbox] == ["1", "2"]
        assert [inbox[0].subject, inbox[-1].subject] == ["1", "2"]
        assert [message.subject for message in inbox[:]] == ["1", "2"]
        assert inbox.to_frame()["subject"].tolist() == ["1", "2"]
        assert len(inbox.sessions()) == 2
        assert repr(inbox) == f"<Inbox of 2 messages in class-b of {filled.name}>"
        with pytest.raises(UnknownNameError, match="number 1 is not in class-b of"):
            inbox.get(1)
        filled.add([stored(lines("Subject: 4", ""), mailboxes=("class-b",)), stored(FULL)])
        assert inbox.to_frame()["subject"].tolist() == ["1", "2", "4"]

    def test_the_table_of_all_mail_has_both(self, filled, inbox):
        """Mailboxes and tags are lists, as they are now and not as they were."""
        frame = inbox.to_frame()
        assert frame["mailboxes"].tolist() == [
            ["class-a"],
            ["class-b"],
            ["class-a", "class-b"],
            [],
        ]
        assert frame["tags"].tolist() == [["new"]] * 4
        filled.add_tags(frame["id"][1:3], "good")
        filled.remove_tags([1], "new")
        assert inbox.to_frame()["tags"].tolist() == [[], ["good", "new"], ["good", "new"], ["new"]]
        assert (inbox[1].tags, inbox[2].mailboxes) == (("good", "new"), ("class-a", "class-b"))

    def test_a_message_by_itself_has_what_it_was_given(self):
        """Without an archive a message tells what it holds."""
        message = Captured(stored(FULL, mailboxes=("a",), tags=("b",)))
        assert (message.mailboxes, message.tags) == (("a",), ("b",))

    def test_a_mailbox_that_has_no_name(self, archive, archive_url):
        """What cannot be the name of a mailbox is told in one sentence."""
        with pytest.raises(lab.InputError, match=r"^mailbox: is empty; give 1 to 100"):
            lab.Inbox(archive, mailbox="")
        with pytest.raises(lab.InputError, match=r"^mailbox: is a int; give a text"):
            lab.Inbox.open(archive_url, mailbox=5)

    def test_open_takes_a_mailbox(self, filled, archive_url):
        """The inbox of a class is opened by the archive's address and the name."""
        opened = lab.Inbox.open(archive_url, mailbox="class-a")
        assert opened.to_frame()["subject"].tolist() == ["0", "2"]
        opened.archive.close()


class TestOpening:
    def test_an_empty_inbox_says_what_to_do(self, inbox):
        """The first look into an empty inbox tells how to fill it."""
        with pytest.raises(IndexError) as error:
            inbox[-1]
        assert str(error.value) == ("The inbox is empty; send a test first, so there is no [-1].")
        assert list(inbox) == []
        assert inbox[:] == []
        assert len(inbox) == 0

    def test_open_takes_a_path_or_a_url(self, archive, archive_url):
        """An archive is opened by its file or its URL, while it is in use."""
        archive.add([stored(FULL)])
        for where in (archive_url, archive_url.removeprefix("sqlite:///")):
            opened = lab.Inbox.open(where)
            assert opened[0].raw == FULL
            opened.archive.close()

    def test_open_says_what_is_wrong(self, tmp_path):
        """An archive that cannot be opened is told as everywhere."""
        with pytest.raises(ArchiveError, match="cannot be opened"):
            lab.Inbox.open(tmp_path)


class TestLive:
    def test_new_mail_is_seen_without_a_refresh(self, new_sink):
        """Every look shows what is there now, in rows and in numbers."""
        sink = new_sink()
        inbox = sink.inbox
        assert len(inbox.to_frame()) == 0
        for n in range(1, 4):
            lab.send_test(sink.profile(), to="bob@example.org")
            assert (len(inbox), len(inbox.to_frame()), len(list(inbox))) == (n, n, n)
            assert inbox[-1].id == inbox.to_frame()["id"].iloc[-1]

    def test_mail_written_by_another_process_is_seen(self, inbox, archive_url):
        """A second handle on the same archive is as good as another process."""
        other = Archive(archive_url)
        assert len(inbox.to_frame()) == 0
        other.add([stored(FULL)])
        assert inbox.to_frame()["subject"].tolist() == ["Grüße"]
        other.close()

    def test_a_table_can_be_made_while_mail_comes_in(self, inbox, archive):
        """A message that arrives in the middle of reading is in this table or in the next."""
        ending = threading.Event()

        def work():
            while not ending.is_set():
                archive.add([stored(lines("Subject: x", ""))])

        thread = threading.Thread(target=work)
        thread.start()
        try:
            sizes = [len(inbox.to_frame()) for _ in range(60)]
        finally:
            ending.set()
            thread.join()
        assert sizes == sorted(sizes)
        assert len(inbox.to_frame()) == archive.count()


class TestSessions:
    def test_the_columns_are_those_of_the_docstring(self, inbox, archive):
        """Names, order and types of the columns, with rows and without."""
        assert types(inbox.sessions()) == SESSIONS
        assert len(inbox.sessions()) == 0
        archive.add([stored(FULL)], [StoredSession("0" * 32, WHEN, "implicit", "127.0.0.1:8")])
        frame = inbox.sessions()
        assert types(frame) == SESSIONS
        assert list(frame) == list(SESSIONS)
        assert all(name in lab.Inbox.sessions.__doc__ for name in SESSIONS)

    def test_a_row_says_how_it_went(self, inbox, archive):
        """Each cell of a row, for a session that failed and one that lasts."""
        spoken = [
            {"direction": "S", "stage": "auth", "text": "220 hi", "at": 0.0, "tls": True},
            {"direction": "C", "stage": "auth", "text": "AUTH", "at": 0.0, "tls": True},
            {"direction": "S", "stage": "auth", "text": "535 no", "at": 0.0, "tls": True},
            {"direction": "*", "stage": "auth", "text": "gone", "at": 0.0, "tls": True},
        ]
        failed = StoredSession(
            "1" * 32,
            WHEN,
            "implicit",
            "127.0.0.1:8",
            ended_at=WHEN,
            ehlo="x",
            tls_version="TLSv1.3",
            tls_cipher="AES",
            login="eve",
            mechanism="PLAIN",
            login_ok=False,
            transcript={"started_at": WHEN.isoformat(), "lines": spoken},
        )
        archive.add([], [failed, StoredSession("2" * 32, WHEN, "starttls", "[::1]:7")])
        first, second = inbox.sessions().to_dict("records")
        assert first == {
            "id": "1" * 32,
            "started_at": pd.Timestamp(WHEN),
            "ended_at": pd.Timestamp(WHEN),
            "door": "implicit",
            "peer": "127.0.0.1:8",
            "ehlo": "x",
            "tls_version": "TLSv1.3",
            "tls_cipher": "AES",
            "login": "eve",
            "mechanism": "PLAIN",
            "login_ok": False,
            "lines": 4,
            "last_reply": "535 no",
            "outcome": "login refused",
            "refusals": 1,
            "stage": "auth",
        }
        assert second["ended_at"] is pd.NaT
        assert pd.isna(second["login_ok"])
        assert (second["lines"], second["last_reply"]) == (0, "")


class TestShowing:
    def test_it_shows_itself(self, inbox, archive):
        """In a terminal it says how many there are, in a notebook it is a table of the newest."""
        archive.add([stored(lines(f"Subject: number {n}", "")) for n in range(30)])
        assert repr(inbox) == f"<Inbox of 30 messages in {archive.name}>"
        html = inbox._repr_html_()
        assert "number 29" in html
        assert "number 9<" not in html
        assert html.count("<tr") == 21

    def test_an_empty_one_shows_itself(self, inbox):
        """An empty inbox is an empty table."""
        assert "<table" in inbox._repr_html_()

    def test_no_mail_can_put_markup_into_the_table(self, inbox, archive):
        """Subjects, names and addresses are text, whatever they hold."""
        evil = "<script>alert(1)</script>"
        raw = lines(f"Subject: {evil}", f'From: "{evil}" <a@example.com>', f"To: {evil}", "")
        archive.add([stored(raw, rcpt_to=(evil,), mail_from=evil)])
        html = inbox._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html


class TestNumbers:
    @pytest.mark.parametrize(
        ("ask", "said"),
        [
            (lambda inbox: inbox.get("x"), "number: 'x' is no whole number; give one such as 1."),
            (lambda inbox: inbox.since(None), "marker: None is no whole number; give one such as 1."),
            (lambda inbox: inbox.search("", since=1.5), "since: 1.5 is no whole number; give one such as 1."),
            (lambda inbox: inbox.clear(None), "which: is a NoneType; give a query, or a list of numbers of messages."),
            (lambda inbox: inbox.clear(3), "which: is a int; give a query, or a list of numbers of messages."),
            (lambda inbox: inbox.tag(["1"], "x"), "which: '1' is no whole number; give one such as 1."),
            (lambda inbox: inbox.retain({"count": 1}), "retention: is a dict; give lab.Retention(count=…)."),
        ],
        ids=["get", "since", "search", "clear", "clear one", "tag", "retain"],
    )  # fmt: skip
    def test_what_is_none_is_told(self, inbox, ask, said):
        """One sentence names the argument; nothing is changed."""
        count = len(inbox)
        with pytest.raises(lab.InputError) as caught:
            ask(inbox)
        assert str(caught.value) == said
        assert len(inbox) == count

    def test_numbers_beyond_all_there_are_find_nothing(self, inbox, archive):
        """No database knows them; that is no reason to fail."""
        archive.add([stored(lines("Subject: one", "", "hi"))])
        with pytest.raises(UnknownNameError):
            inbox.get(2**70)
        assert len(inbox.since(2**70)) == len(inbox.search("", since=2**70)) == 0
        assert len(inbox.search("larger:999999999999999G")) == 0
        assert inbox.clear([2**70, -(2**70)]) == 0
