"""Captured mail and dialogues, as mail: readable, and harmless whatever they hold."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest
from compose_page import Page

import smtp_lab as lab
from smtp_lab.errors import InputError


def text_of(message):
    return message.get_body(("plain",)).get_content()


def html_of(message):
    return message.get_body(("html",)).get_content()


def capture(sink, count=1, **headers):
    for number in range(count):
        message = EmailMessage()
        message["To"] = "you@example.com"
        message["Subject"] = headers.get("subject", f"Mail {number}")
        message.set_content(headers.get("text", f"Text {number}\n"))
        message.add_attachment(b"x", "application", "pdf", filename="a.pdf")
        lab.send(message, profile=sink.profile())


class TestDigest:
    """A digest of an inbox."""

    def test_the_newest_come_first_and_the_rest_is_counted(self, sink):
        """Subject, people, size, files and the beginning of the text of each."""
        capture(sink, 4)
        message = lab.digest(sink.inbox, to="t@example.com", limit=3, language="de")
        text = text_of(message)
        assert "Aufgefangene Nachrichten: 4" in text
        assert [line for line in text.splitlines() if line.startswith("Mail ")] == [
            "Mail 3",
            "Mail 2",
            "Mail 1",
        ]
        assert "a.pdf" in text
        assert "Text 3" in text
        assert "Und 1 ältere." in text
        lab.send(message, profile=sink.profile())
        assert sink.inbox[-1].subject == "Captured mail"

    def test_an_empty_inbox_is_a_digest_too(self, sink):
        """Nothing was captured, and it says so."""
        assert "Captured messages: 0" in text_of(lab.digest(sink.inbox, to="t@example.com"))

    def test_some_messages_are_enough(self, sink):
        """Any list or iterator of captured messages."""
        capture(sink, 3)
        assert "Captured messages: 2" in text_of(
            lab.digest(iter(list(sink.inbox)[:2]), to="t@example.com")
        )

    def test_hostile_mail_stays_text(self, new_sink):
        """Tags, encoded line breaks and controls of a captured mail do nothing in the digest."""
        sink = new_sink(login_required=False)
        evil = "<script>alert(1)</script>{{ 7*7 }}"
        capture(sink, subject=evil, text=evil + "\x1b[2J\u202e")
        raw = b"Subject: =?utf-8?q?a=0ABcc:_x=00?=\r\nFrom: =?utf-8?b?PGI+?= <e@example.org>\r\n\r\n\0x\r\n"
        with smtplib.SMTP(sink.host, sink.port) as client:
            client.sendmail("e@example.org", ["v@example.com"], raw)
        message = lab.digest(sink.inbox, to="t@example.com")
        page = Page(html_of(message))
        assert page.all("script") == []
        assert evil in page.text
        assert not any(ord(char) < 32 and char not in "\n\r\t" for char in text_of(message))
        lab.send(message, profile=sink.profile())
        assert "Bcc" not in [name for name, _ in sink.inbox[-1].headers]

    @pytest.mark.parametrize(
        ("messages", "words"), [([1], "holds a int, which has no"), (["x"], "holds a str")]
    )
    def test_what_was_not_captured_is_refused(self, messages, words):
        """The sentence says what it holds."""
        with pytest.raises(InputError, match=words):
            lab.digest(messages, to="t@example.com")

    @pytest.mark.parametrize("limit", [0, -1, 1001, "5", True, None])
    def test_a_limit_is_a_number(self, limit):
        """From 1 to 1000."""
        with pytest.raises(InputError, match="limit: "):
            lab.digest([], to="t@example.com", limit=limit)


class TestHandout:
    """A hand-out of dialogues."""

    def test_every_line_has_its_meaning(self, sink):
        """The dialogue as client and as sink saw it, masked, in both parts."""
        profile = sink.profile()
        delivery = lab.send_test(profile, to="you@example.com")
        message = lab.handout(
            {"As it was sent": delivery, "As it arrived": sink.inbox[-1]},
            to="class@example.com", introduction="Read it.", title="Lesson 1",
        )  # fmt: skip
        assert message["Subject"] == "Lesson 1"
        for part in (text_of(message), Page(html_of(message)).text):
            assert "As it was sent" in part
            assert delivery.sentence in part
            for line in (*delivery.transcript, *sink.inbox[-1].transcript):
                assert line.text in part
            assert "The server is there and ready to speak SMTP." in part
            assert "Passwords and tokens are masked." in part
        lab.send(message, profile=profile)

    def test_one_several_and_transcripts(self, sink):
        """A delivery, its transcript, or a list."""
        delivery = lab.send_test(sink.profile(), to="you@example.com")
        for one in (delivery, delivery.transcript, [delivery, delivery.transcript]):
            assert "EHLO" in text_of(lab.handout(one, to="t@example.com", language="ja"))

    def test_a_failure_is_a_lesson(self, sink):
        """What went wrong stands above the dialogue."""
        delivery = lab.send_test(sink.profile().with_password("wrong"), to="you@example.com")
        assert not delivery.ok
        assert delivery.sentence in " ".join(
            text_of(lab.handout(delivery, to="t@example.com")).split()
        )

    @pytest.mark.parametrize(
        ("dialogues", "words"),
        [
            ([], "are none"),
            (["x"], "holds a str"),
            (["x"] * 51, "are 51"),
            ({"a": 1}, "holds a int"),
        ],
    )
    def test_what_is_no_dialogue_is_refused(self, dialogues, words):
        """The sentence says what it was given."""
        with pytest.raises(InputError, match=words):
            lab.handout(dialogues, to="t@example.com")

    def test_a_dialogue_without_end_is_cut(self):
        """Four hundred lines are a lesson, more are counted."""
        transcript = lab.Transcript()
        for number in range(500):
            transcript.add("S", f"250 line {number}")
        assert "100 lines more are not shown." in text_of(
            lab.handout(transcript, to="t@example.com")
        )
