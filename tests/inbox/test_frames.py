"""The tables beside that of messages: columns, types, rows, and how they grow."""

from __future__ import annotations

import re
from hashlib import sha256

import pandas as pd
import pytest
from inbox.mails import WHEN, lines, stored

import smtp_lab as lab
from smtp_lab.archive import Archive, Retention, StoredSession, session_id
from smtp_lab.inbox import frames

TABLES = {
    "recipients": frames.RECIPIENTS,
    "headers": frames.HEADERS,
    **frames.DETAILS,
    "sessions": frames.SESSIONS,
    "commands": frames.COMMANDS,
}
FULL = lines(
    "From: Ann <ann@example.com>",
    "To: Bob <bob@Example.org>",
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "List-Unsubscribe: <https://example.com/leave>, <mailto:leave@example.com>",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: multipart/alternative; boundary=c",
    "",
    "--c",
    "",
    "Your code is 482913, see http://example.com/a.",
    "--c",
    "Content-Type: text/html; charset=utf-8",
    "",
    '<p>Your code is 482913, <a class="x" href="http://example.com/b?x=1&amp;y=2">see <b>this</b></a></p>',
    "--c--",
    "--b",
    'Content-Disposition: attachment; filename="a.pdf"',
    "Content-Type: application/pdf",
    "Content-Transfer-Encoding: base64",
    "",
    "cGRm",
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


def records(frame):
    return frame.to_dict("records")


def spoken():
    """A message whose session has a line."""
    line = {"direction": "S", "stage": "data", "text": "250 ok", "at": 0.1, "tls": True}
    message = stored(FULL)
    message.session.transcript = {"lines": [line]}
    return message


class TestColumns:
    @pytest.mark.parametrize("name", TABLES)
    def test_they_are_the_same_with_rows_and_without(self, inbox, archive, name):
        """Names, order and types are a promise, and the docstring names each column."""
        wanted = TABLES[name]
        for _ in range(2):
            frame = getattr(inbox, name)()
            assert types(frame) == wanted
            assert list(frame) == list(wanted)
            found = inbox.search("")
            assert types(getattr(found, name)()) == wanted
            archive.add([spoken()])
        assert len(frame) > 0
        said = re.sub(r"\s+", " ", getattr(lab.Inbox, name).__doc__.partition("Columns:")[2])
        assert [column for column in wanted if not re.search(rf"\b{column}\b", said)] == []

    @pytest.mark.parametrize("name", TABLES)
    def test_a_table_is_the_readers_own(self, inbox, archive, name):
        """Changing a table does not change the next one."""
        archive.add([spoken()])
        frame = getattr(inbox, name)()
        before = getattr(inbox, name)().copy()
        whole = next(column for column in frame if frame[column].dtype == "int64")
        frame.loc[frame.index[0], whole] = 99_999
        frame["new"] = 1
        del frame[frame.columns[0]]
        pd.testing.assert_frame_equal(getattr(inbox, name)(), before)


class TestRows:
    @pytest.fixture(autouse=True)
    def _one(self, archive):
        archive.add([stored(FULL, rcpt_to=("bob@Example.org", "eve@example.net"))])

    def test_recipients(self, inbox):
        """A row for each of the envelope and of the headers."""
        frame = inbox.recipients()
        assert frame[["recipient", "domain", "kind"]].to_numpy().tolist() == [
            ["bob@Example.org", "example.org", "rcpt"],
            ["eve@example.net", "example.net", "rcpt"],
            ["bob@Example.org", "example.org", "to"],
        ]
        assert set(frame["received_at"]) == {pd.Timestamp(WHEN)}

    def test_what_has_no_domain_has_none(self, inbox, archive):
        """The local name of postmaster, and what is no address, are no domains."""
        archive.add([stored(lines("To: bad", "Cc: b@", ""), rcpt_to=("postmaster",))])
        assert inbox.recipients()["domain"].tolist()[3:] == ["", "", ""]

    def test_headers(self, inbox):
        """A row for each, decoded and as written."""
        frame = inbox.headers()
        assert frame["n"].tolist() == [1, 2, 3, 4, 5]
        assert records(frame)[2] == {
            "id": 1,
            "n": 3,
            "name": "Subject",
            "value": "Grüße",
            "raw": "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        }

    def test_parts(self, inbox):
        """A row for each part, with its place, and what it is for."""
        frame = inbox.parts()
        assert frame[["path", "type", "role"]].to_numpy().tolist() == [
            ["0", "multipart/mixed", "multipart"],
            ["1", "multipart/alternative", "multipart"],
            ["1.1", "text/plain", "text"],
            ["1.2", "text/html", "html"],
            ["2", "application/pdf", "attachment"],
        ]
        assert frame["size"].iloc[-1] == 3
        assert frame["encoding"].iloc[-1] == "base64"

    def test_attachments(self, inbox):
        """A row for each file, with its checksum."""
        assert records(inbox.attachments()) == [
            {
                "id": 1,
                "name": "a.pdf",
                "type": "application/pdf",
                "size": 3,
                "sha256": sha256(b"pdf").hexdigest(),
                "role": "attachment",
                "content_id": "",
                "path": "2",
            }
        ]

    def test_links(self, inbox):
        """A row for each link, with what the reader sees of it."""
        assert inbox.links()[["url", "text", "where"]].to_numpy().tolist() == [
            ["http://example.com/b?x=1&y=2", "see this", "html"],
            ["http://example.com/a", "http://example.com/a", "text"],
            ["https://example.com/leave", "List-Unsubscribe", "header"],
            ["mailto:leave@example.com", "List-Unsubscribe", "header"],
        ]

    def test_codes(self, inbox):
        """A row for each code."""
        (row,) = records(inbox.codes())
        assert (row["id"], row["code"]) == (1, "482913")


class TestSessions:
    def test_outcomes(self, inbox, archive):
        """What became of a session, by what was said in it."""

        def session(*said, **about):
            spoken = [
                {"direction": d, "stage": s, "text": t, "at": 0.0, "tls": False} for d, s, t in said
            ]
            return StoredSession(
                session_id(), WHEN, "plain", "127.0.0.1:9", transcript={"lines": spoken},
                **({"ended_at": WHEN} | about),
            )  # fmt: skip

        kept, bye = ("S", "data", "250 ok"), ("S", "quit", "221 bye")
        refused = ("S", "rcpt", "550 5.1.1 no")
        outcomes = {
            "mail": session(kept, bye),
            "partly": session(refused, kept, bye),
            "refused": session(refused, bye),
            "login refused": session(("S", "auth", "535 no"), bye, login_ok=False),
            "dropped": session(("S", "ehlo", "250 hi")),
            "nothing": session(bye),
            "open": session(("S", "ehlo", "250 hi"), ended_at=None),
        }
        archive.add([], list(outcomes.values()))
        frame = inbox.sessions().set_index("id")
        assert {name: frame.loc[one.id, "outcome"] for name, one in outcomes.items()} == {
            name: name for name in outcomes
        }
        assert frame.loc[outcomes["refused"].id, ["refusals", "stage"]].tolist() == [1, "rcpt"]

    def test_commands_of_a_real_session(self, sink):
        """Every line with its moment, secrets masked, and what it answers."""
        lab.send_test(sink.profile(), to="bob@example.org")
        frame = sink.inbox.commands()
        assert frame["n"].tolist() == list(range(1, len(frame) + 1))
        assert frame["at"].is_monotonic_increasing
        assert frame["code"].dropna().isin([220, 221, 235, 250, 354]).all()
        assert "open sesame" not in frame.to_csv()
        assert frame[frame["stage"] == "rcpt"]["text"].tolist() == [
            "RCPT TO:<bob@example.org>",
            "250 2.1.5 OK",
        ]


class TestGrowing:
    def test_refresh_gives_what_is_new(self, inbox, archive):
        """Only new rows are given, once, and the next table has them."""
        archive.add([stored(FULL)])
        assert inbox.refresh()["id"].tolist() == [1]
        assert len(inbox.refresh()) == 0
        archive.add([stored(FULL), stored(b"")])
        new = inbox.refresh()
        assert new["id"].tolist() == [2, 3]
        assert types(new) == frames.MESSAGES
        assert inbox.to_frame()["id"].tolist() == [1, 2, 3]
        assert len(inbox.refresh()) == 0

    @pytest.mark.parametrize("name", ["to_frame", "headers", "parts", "links"])
    def test_what_was_read_is_not_read_again(self, inbox, archive, monkeypatch, name):
        """A second table reads only what came in between."""
        archive.add([stored(FULL) for _ in range(3)])
        before = len(getattr(inbox, name)())
        archive.add([stored(FULL)])
        asked = []
        for way in ("messages", "heads"):
            read = getattr(archive, way)
            monkeypatch.setattr(
                archive,
                way,
                lambda *a, read=read, **k: asked.append(k.get("after")) or read(*a, **k),
            )
        assert len(getattr(inbox, name)()) == before // 3 * 4
        assert [after for after in asked if after is not None and after < 3] == []

    @pytest.mark.parametrize("name", ["to_frame", "headers", "parts", "attachments"])
    def test_what_was_let_go_leaves_the_tables(self, inbox, archive, name):
        """Also from the middle, and also all of it."""
        archive.add([stored(FULL) for _ in range(5)])
        assert set(getattr(inbox, name)()["id"]) == {1, 2, 3, 4, 5}
        inbox.clear([2, 3])
        archive.add([stored(FULL)])
        inbox.retain(Retention(count=3))
        frame = getattr(inbox, name)()
        assert set(frame["id"]) == {4, 5, 6}
        assert frame.index.tolist() == list(range(len(frame)))
        assert inbox.clear() == 3
        assert len(getattr(inbox, name)()) == 0
        assert archive.count() == 0

    def test_a_mailbox_has_its_own_tables(self, archive):
        """Every table of an inbox of one mailbox is about what is in it."""
        archive.add([stored(FULL, mailboxes=("a",)), stored(FULL, mailboxes=("b",)), stored(FULL)])
        inbox = lab.Inbox(archive, mailbox="b")
        for name in ("to_frame", "headers", "parts", "attachments", "links", "codes", "recipients"):
            assert set(getattr(inbox, name)()["id"]) == {2}

    def test_many_messages_are_read_in_pieces(self, inbox, archive, monkeypatch):
        """More than are read at once give one table, in order."""
        monkeypatch.setattr("smtp_lab.inbox.summary._HEADS", 7)
        monkeypatch.setattr("smtp_lab.inbox.inbox._DETAILS", 7)
        monkeypatch.setattr("smtp_lab.archive.reading._BATCH", 7)
        archive.add([stored(lines(f"Subject: {n}", "", "hi")) for n in range(30)])
        assert inbox.to_frame()["subject"].tolist() == [str(n) for n in range(30)]
        assert inbox.parts()["id"].tolist() == list(range(1, 31))
        assert inbox.headers()["value"].tolist() == [str(n) for n in range(30)]


class TestFound:
    def test_it_is_a_sequence_with_tables(self, inbox, archive):
        """What a search found is looked at like an inbox."""
        archive.add([stored(lines(f"Subject: {n % 2} x", "")) for n in range(700)])
        found = inbox.search("subject:1")
        assert len(found) == 350
        assert found[-1].id == 700
        assert [message.id for message in found[:3]] == [2, 4, 6]
        assert (
            [message.id for message in found] == found.numbers() == found.to_frame()["id"].tolist()
        )
        assert len(found.parts()) == len(found.headers()) == 350
        assert repr(found) == "<Found 350 messages: subject:1>"
        with pytest.raises(IndexError, match=r"The search found 350 messages, so there is no"):
            found[350]
        with pytest.raises(lab.InputError, match="number 1 was not found"):
            found.get(1)

    def test_what_goes_away_is_passed_over(self, inbox, archive):
        """A message let go after the search is not in its tables any more."""
        archive.add([stored(FULL) for _ in range(3)])
        found = inbox.search("")
        inbox.clear([2])
        assert [message.id for message in found] == [1, 3]
        assert found.to_frame()["id"].tolist() == [1, 3]


class TestPlots:
    @pytest.mark.parametrize(
        "name", ["arrivals", "sizes", "stages", "refusals", "senders", "domains"]
    )
    def test_every_picture_can_be_drawn(self, inbox, archive, name, tmp_path):
        """With mail and without, on axes of its own or on given ones."""
        from matplotlib.figure import Figure

        for _ in range(2):
            axes = getattr(inbox.plot, name)()
            axes.figure.savefig(tmp_path / "picture.png")
            assert axes.get_title()
            archive.add([stored(FULL, mail_from="$x$ \x1b<b>@example.com")])
        given = Figure().subplots()
        assert getattr(inbox.plot, name)(ax=given) is given

    def test_what_a_picture_shows(self, inbox, archive):
        """Bars are as high as there are messages."""
        archive.add([stored(FULL, mail_from=f"{n % 3}@example.com") for n in range(7)])
        bars = inbox.plot.senders().patches
        assert [bar.get_width() for bar in bars] == [3, 2, 2]
        assert [bar.get_height() for bar in inbox.plot.arrivals("1h").patches] == [7]
        with pytest.raises(lab.InputError, match=r"^step: 'soon' is no width"):
            inbox.plot.arrivals("soon")
