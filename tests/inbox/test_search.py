"""Searching: how a query is read, what is indexed when, and sessions that no message came of."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from inbox.mails import WHEN, lines, stored
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab.archive import Archive, Retention, StoredSession, schema, session_id
from smtp_lab.archive.fold import fold
from smtp_lab.archive.index import Index
from smtp_lab.archive.language import All, Any_, Node, Not, Term, understand
from smtp_lab.inbox import filling


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def inbox(archive):
    return lab.Inbox(archive)


def mail(subject, **changes):
    changes.setdefault("session", StoredSession(session_id(), WHEN, "plain", "127.0.0.1:9"))
    return stored(lines(f"Subject: {subject}", "", "hi"), **changes)


A, B, C = Term("text", "a"), Term("text", "b"), Term("text", "c")


class TestLanguage:
    @pytest.mark.parametrize(
        ("query", "meant"),
        [
            ("", All(())),
            ("  ", All(())),
            ("A", A),
            ("a b", All((A, B))),
            ("a AND b", All((A, B))),
            ("a OR b", Any_((A, B))),
            ("a b OR c", Any_((All((A, B)), C))),
            ("a (b OR c)", All((A, Any_((B, C))))),
            ("-a", Not(A)),
            ("!a", Not(A)),
            ("NOT a", Not(A)),
            ("- a", All((Term("text", "-"), A))),
            ("--a", Not(Not(A))),
            ("-(a b)", Not(All((A, B)))),
            ("((a))", A),
            ('"OR"', Term("text", "or")),
            ("or", Term("text", "or")),
            ("ORa", Term("text", "ora")),
            ('"a  B"', Term("text", "a b")),
            (r'"say \"hi\" \\ \n"', Term("text", r'say "hi" \ \n')),
            ("http://Example.com/", Term("text", "http://example.com/")),
            ("12:30", Term("text", "12:30")),
            ("Re:", Term("text", "re:")),
            ("FROM:Ann", Term("from", "ann")),
            ('subject:"Report 7"', Term("subject", "report 7")),
            ("larger:1.5K", Term("larger", 1536)),
            ("smaller:10", Term("smaller", 10)),
            ("has:attachments", Term("has", "attachment")),
            ("tls:TLSv1.3", Term("tls", "1.3")),
            ("message-id:X@y", Term("header", "x@y", "message-id")),
            ("header:X-Y:z", Term("header", "z", "x-y")),
            ('header:X-Y:"a b"', Term("header", "a b", "x-y")),
            ("header:X-Y", Term("header", "", "x-y")),
            ("header:X-Y: a", All((Term("header", "", "x-y"), A))),
            ("after:1970-01-01T00:00:01", Term("after", 1_000_000)),
            ("after:1970-01-01T01:00:01+01:00", Term("after", 1_000_000)),
            ("before:1m", Term("before", 3_540_000_000)),
        ],
    )
    def test_what_a_query_means(self, query, meant):
        """Words, quotes, fields, and how they stand together."""
        assert understand(query, datetime(1970, 1, 1, 1, tzinfo=UTC)) == meant

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("form:ann", "at character 1, there is no field form:; did you mean from:?"),
            ("a xyzzy:1", 'at character 3, there is no field xyzzy:; quote it to look for it: "xyzzy:…".'),
            ("(a", "at character 1, a ( is never closed; add a )."),
            ("a)", 'at character 2, there is a ) that closes nothing; quote it: ")".'),
            ("()", "at character 2, there is nothing between ( and ); leave them out."),
            ("OR a", 'at character 1, OR has nothing before it; or quote it: "OR".'),
            ("a OR", "at character 3, OR has nothing behind it; say what else may be."),
            ("a OR OR b", 'at character 6, OR has nothing before it; or quote it: "OR".'),
            ("AND a", 'at character 1, AND needs something on either side; or quote it: "AND".'),
            ("a NOT", 'at character 3, NOT has nothing behind it; or quote it: "NOT".'),
            ("(a -)", 'at character 4, a - has nothing behind it; or quote it: "-".'),
            ('a "b', 'at character 3, a quote is never closed; add a " at its end.'),
            ("subject:", 'at character 1, subject: has nothing behind it; write subject:"report 7".'),
            ("from: ann", "at character 1, from: has nothing behind it; write from:ann."),
            ("larger:much", "at character 1, larger:much gives no size; write one such as 500K or 1.5M."),
            ("after:soon", "at character 1, after:soon gives no moment; write a date such as 2026-03-04 or 2026-03-04T05:06, or an age such as 2h or 7d."),
            ("after:999999w", "at character 1, after:999999w gives no moment; write a date such as 2026-03-04 or 2026-03-04T05:06, or an age such as 2h or 7d."),
            ("is:red", "at character 1, is:red is not known; say is: and refused, bounce, tagged or complex."),
            ('a ""', "at character 3, there is nothing to look for; write what to look for."),
            ("\u00ad", "at character 1, there is nothing to look for; write what to look for."),
            ("a" * 5000, "is longer than 4,000 characters; ask for less."),
            ("a " * 300, "at character 401, there are more than 200 words; ask for less."),
            ("(" * 60, "at character 51, it is more than 50 deep; ask for less."),
            ("-" * 60 + "a", "at character 51, it is more than 50 deep; ask for less."),
            ("\ufdfa" * 1000, "at character 1, more than 1,000 characters are looked for; ask for less."),
            (7, "is a int; give a text."),
        ],
    )  # fmt: skip
    def test_a_query_that_means_nothing_is_told_in_a_sentence(self, query, said):
        """The sentence names the place, the problem and the fix."""
        with pytest.raises(lab.InputError) as error:
            understand(query)
        # What only adds words has no sentence of its own to end.
        assert str(error.value).removesuffix(".") == f"query: {said}".removesuffix(".")

    @given(st.text(st.sampled_from('ab:-!()"\\ OR ANDNOTfromhasis:larger1\n'), max_size=40))
    def test_any_text_is_understood_or_refused(self, query):
        """Whatever is typed, there is a meaning or a sentence, never another error."""
        try:
            found = understand(query)
        except lab.InputError as error:
            found = str(error)
        assert isinstance(found, Node) or found.startswith("query: ")

    @given(st.text(max_size=50), st.text(max_size=20))
    def test_folding_needs_no_context(self, text, more):
        """What is folded has no line ends, no surrogates, and is the same in any case."""
        folded = fold(text)
        assert "\n" not in folded
        assert "\0" not in folded
        folded.encode()
        assert fold(f"{text} {more}") == f"{folded} {fold(more)}".strip()

    def test_long_runs_of_marks_take_no_time(self):
        """Putting combining marks in order is quadratic: a run of them is cut."""
        assert len(fold("a" + "\u0316\u0301" * 200_000)) > 100_000


class TestIndex:
    def test_it_is_made_by_who_searches_first_and_only_once(self, inbox, archive, monkeypatch):
        """The second search reads nothing that the first has read."""
        archive.add([mail(f"report {n}") for n in range(5)])
        assert inbox.search("report").numbers() == [1, 2, 3, 4, 5]
        read = []
        monkeypatch.setattr(filling, "content_of", lambda m, _: read.append(m.id) or 1 // 0)
        assert lab.Inbox(archive).search("4").numbers() == [5]
        archive.add([mail("report 6")])
        with pytest.raises(ZeroDivisionError):
            inbox.search("report")
        assert read == [6]

    def test_a_sink_makes_it_while_nothing_comes_in(self, archive_url, new_sink):
        """Some time after the mail came it can be found without anything being read."""
        sink = new_sink(archive_url)
        with Talk(sink) as talk:
            talk.hello()
            for n in range(12):
                assert talk.mail(b"Subject: number %d\r\n\r\nhi\r\n" % n).startswith("250")
        until(lambda: Index(sink.archive).upto() == 12)
        assert sink.inbox.search("number").numbers() == list(range(1, 13))

    def test_two_that_search_at_once_keep_everything_once(self, archive, archive_url):
        """Two readers of the same new messages do not get in each other's way."""
        archive.add([mail(f"report {n}") for n in range(5)])
        other = Archive(archive_url)
        found = Index(archive).unread(0, 10, 10**6)
        assert lab.Inbox(other).search("report").numbers() == [1, 2, 3, 4, 5]
        filling._keep(archive, Index(archive), found)
        assert lab.Inbox(archive).search("report").numbers() == [1, 2, 3, 4, 5]
        other.close()

    def test_what_is_let_go_is_not_found(self, inbox, archive):
        """Retention and clear take messages out of the index too."""
        archive.add([mail(f"report {n}") for n in range(6)])
        assert len(inbox.search("report")) == 6
        archive.prune(Retention(count=4))
        assert inbox.clear('subject:"report 3"') == 1
        assert inbox.search("report").numbers() == [3, 5, 6]
        rows = archive.rows(sa.select(schema.contents.c.message_id))
        assert sorted(row["message_id"] for row in rows) == [3, 5, 6]
        assert inbox.search("3").numbers() == []

    def test_a_message_let_go_before_it_was_read_is_passed_over(self, inbox, archive):
        """Numbers that are gone do not keep the reader from going on."""
        archive.add([mail(f"report {n}") for n in range(3)])
        archive.remove([1, 2, 3])
        assert inbox.search("report").numbers() == []
        assert Index(archive).upto() == 0
        archive.add([mail("report 4")])
        assert inbox.search("report").numbers() == [4]

    def test_a_mailbox_is_searched_alone(self, archive):
        """An inbox of one mailbox finds only what is in it."""
        archive.add([mail("one", mailboxes=("a",)), mail("one", mailboxes=("b",)), mail("one")])
        assert lab.Inbox(archive, mailbox="b").search("one").numbers() == [2]

    def test_without_the_full_text_index_it_is_the_same(self, archive, inbox):
        """An engine that has no such index finds the same."""
        with archive.writing() as connection:
            if archive.url.get_backend_name() == "sqlite":
                for name in ("added", "gone"):
                    connection.exec_driver_sql(f"DROP TRIGGER contents_{name}")
                connection.exec_driver_sql("DROP TABLE contents_fts")
            else:
                connection.exec_driver_sql("DROP INDEX IF EXISTS ix_contents_text")
        archive.add([mail("report 7"), mail("other")])
        assert inbox.search("report").numbers() == [1]


class TestPhrases:
    @pytest.mark.parametrize(
        "body",
        [
            ["", "our quarterly", "report of", "today"],
            ["Content-Type: text/plain; format=flowed", "", "our quarterly ", "report"],
            ["Content-Type: text/html", "", "<p>our quarterly", "  report</p>"],
            ["Content-Type: text/html", "", "<p>our <b>quarterly</b>", "<i>report</i></p>"],
        ],
    )
    def test_a_phrase_goes_on_over_the_end_of_a_line(self, inbox, archive, body):
        """Where a program broke a line says nothing; where a paragraph ends a phrase does."""
        archive.add([stored(lines("Subject: x", *body))])
        archive.add([stored(lines("Subject: x", "", "quarterly", "", "report"))])
        archive.add([stored(lines("Content-Type: text/html", "", "<p>quarterly<p>report"))])
        assert inbox.search('"quarterly report"').numbers() == [1]
        assert inbox.search('body:"our quarterly report"').numbers() == [1]

    def test_messages_in_a_message_are_found(self, inbox, archive):
        """Subject, words and files of an attached message, and of one attached to that."""

        def around(subject: str, inner: bytes) -> bytes:
            return lines(
                *(f"Subject: {subject}", "Content-Type: multipart/mixed; boundary=" + subject, ""),
                *("--" + subject, "", "see below", "--" + subject, "Content-Type: message/rfc822"),
                *("", inner, "--" + subject),
                *("Content-Disposition: attachment; filename=" + subject + ".pdf", "", "x"),
                "--" + subject + "--",
            )

        innermost = lines("Subject: holiday", "", "The beach is", "empty")
        archive.add([stored(around("outer", around("inner", innermost)))])
        assert inbox.attachments()["name"].tolist() == ["inner.eml", "outer.pdf"]
        for query in (
            "subject:outer",
            "holiday",
            '"beach is empty"',
            "file:inner.pdf",
            "body:inner",
        ):
            assert inbox.search(query).numbers() == [1], query
        assert inbox.search("subject:holiday").numbers() == []

    def test_many_messages_in_a_message_are_bounded(self, inbox, archive):
        """Twenty attached messages are looked through, however many there are."""
        inner = [
            text
            for n in range(30)
            for text in ("--b", "Content-Type: message/rfc822", "", f"Subject: s{n}s", "", f"w{n}w")
        ]
        archive.add(
            [stored(lines("Content-Type: multipart/mixed; boundary=b", "", *inner, "--b--"))]
        )
        assert inbox.search("w19w").numbers() == [1]
        assert inbox.search("w20w").numbers() == []
        assert inbox.search("file:s29s.eml").numbers() == [1]


class TestTags:
    def test_tags_are_given_by_query_or_by_numbers(self, inbox, archive):
        """A query or numbers, as a table has them; and they are taken away the same way."""
        archive.add([mail(f"report {n}") for n in range(4)])
        assert inbox.tag('subject:"report 1" OR subject:"report 2"', "Seen") == 2
        assert inbox.tag(inbox.to_frame()["id"].tail(1), ["Seen", "late"]) == 1
        assert inbox.search("tag:seen").numbers() == [2, 3, 4]
        assert inbox.search("tag:SEEN -tag:late").numbers() == [2, 3]
        assert inbox.untag("tag:late", "Seen") == 1
        assert inbox.to_frame()["tags"].tolist() == [[], ["Seen"], ["Seen"], ["late"]]
        assert inbox.tag([77], "x") == 0

    def test_since_a_marker(self, inbox, archive):
        """A marker stands between what was there and what comes."""
        archive.add([mail("old")])
        marker = inbox.marker()
        assert inbox.since(marker).numbers() == []
        archive.add([mail("new")])
        assert [message.subject for message in inbox.since(marker)] == ["new"]


class TestSessions:
    def test_what_was_refused_is_found_once(self, new_sink):
        """A refusal is found with the message that followed it, or with its session."""
        sink = new_sink()
        profile = sink.profile()
        with smtplib.SMTP("127.0.0.1", sink.plain_port) as client:
            client.ehlo("early.example")
            assert client.mail("nobody@example.com", ["SIZE=999999999"])[0] == 552
        with Talk(sink) as talk:
            talk.hello()
            assert talk.say("RCPT TO:<first@example.org>").startswith("503")
            assert talk.mail(b"Subject: after a refusal\r\n\r\nhi\r\n").startswith("250")
            assert talk.mail(b"Subject: all is well\r\n\r\nhi\r\n").startswith("250")
            assert talk.say("RCPT TO:<last@example.org>").startswith("503")
        lab.send_test(profile, to="bob@example.org")
        until(lambda: sink.inbox.sessions()["ended_at"].notna().all())
        found = sink.inbox.search("is:refused")
        assert [message.subject for message in found] == ["after a refusal"]
        assert sink.inbox.search("is:refused from:nobody").sessions()["ehlo"].tolist() == [
            "early.example"
        ]
        assert len(sink.inbox.search("rcpt:last").sessions()) == 1
        assert len(sink.inbox.search("rcpt:first").sessions()) == 0
        assert sink.inbox.search("-is:refused").sessions()["outcome"].tolist() == ["partly", "mail"]
        assert len(sink.inbox.search("552 early.example").sessions()) == 1
        assert "1 messages and 2 sessions" in repr(found)
        assert "see .sessions()" in found._repr_html_()

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("login:eve", True),
            ("login:ann", False),
            ("is:refused tls:1.3", True),
            ("tls:no", False),
            ("after:2026-03-04 before:2026-03-05", True),
            ("addressed:bob", True),
            ("535", True),
            ("greetings", False),
            ("subject:x OR larger:0 OR has:html OR tag:x OR mailbox:x OR header:x", False),
            ("-subject:x", True),
            ("is:bounce", True),
        ],
    )
    def test_what_a_session_answers_to(self, inbox, archive, query, found):
        """The fields of a session; what only a message has is not true of it."""
        said = [
            ("S", "greeting", "220 greetings"),
            ("C", "auth", "AUTH PLAIN ••••••"),
            ("S", "auth", "535 5.7.8 no"),
            ("C", "mail", "MAIL FROM:<> SIZE=7"),
            ("C", "rcpt", "RCPT TO:<Bob@example.org>"),
        ]
        spoken = [
            {"direction": d, "stage": s, "text": t, "at": 0.0, "tls": True} for d, s, t in said
        ]
        session = StoredSession(
            session_id(), WHEN, "starttls", "127.0.0.1:9", ended_at=WHEN, tls_version="TLSv1.3",
            login="Eve", login_ok=False, transcript={"lines": spoken},
        )  # fmt: skip
        archive.add([], [session])
        assert inbox.search(query)._refused == ([session.id] if found else [])
