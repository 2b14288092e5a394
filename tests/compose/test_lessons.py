"""Captured mail and dialogues, as mail: readable, and harmless whatever they hold."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage

import pandas as pd
import pytest
from compose_page import Page
from english import in_english

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
        assert sink.inbox[-1].subject == "Aufgefangene Mail"

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

    @pytest.mark.parametrize(
        "messages",
        [None, 3, "abc", b"abc", {"a": 1}, pd.DataFrame({"a": [1]}), object()],
        ids=lambda one: type(one).__name__,
    )
    def test_what_holds_no_messages_is_refused(self, messages):
        """One sentence says what to give."""
        with pytest.raises(InputError, match=r"messages: is a .*; give an Inbox, or a list"):
            lab.digest(messages, to="t@example.com")

    def test_one_message_is_no_inbox(self, sink):
        """It stands in a list."""
        capture(sink)
        with pytest.raises(InputError, match="messages: is a Captured; give an Inbox"):
            lab.digest(sink.inbox[-1], to="t@example.com")

    @pytest.mark.parametrize("limit", [0, -1, 1001, "5", True, None])
    def test_a_limit_is_a_number(self, limit):
        """From 1 to 1000."""
        with pytest.raises(InputError, match="limit: "):
            lab.digest([], to="t@example.com", limit=limit)


class TestLanguages:
    """Who reads them reads one language."""

    @pytest.mark.parametrize(
        ("language", "heading"), [("de", "Aufgefangene Mail"), ("ja", "受信したメール")]
    )
    def test_no_word_of_a_digest_stays_english(self, sink, language, heading):
        """But for what the captured mail itself says, and names."""
        capture(sink, 3, subject="Betreff", text="Inhalt\n")
        message = lab.digest(sink.inbox, to="t@example.com", limit=2, language=language)
        assert message["Subject"] == heading
        for part in (text_of(message), Page(html_of(message)).visible):
            assert english_in(part, "inbox_digest") == []
        in_english = text_of(lab.digest(sink.inbox, to="t@example.com", limit=2))
        assert len(english_in(in_english, "inbox_digest")) > 5

    @pytest.mark.parametrize(
        ("language", "heading"),
        [("de", "Wie eine Mail übergeben wird"), ("ja", "メールの受け渡しの流れ")],
    )
    def test_no_word_of_a_hand_out_stays_english(self, sink, language, heading):
        """Meanings, notes and outcomes are told in its language; what was said stays as it was."""
        refused = lab.send_test(sink.profile(), to="you@example.com")
        dialogues = {"1": refused, "2": sink.inbox[-1]}
        message = lab.handout(dialogues, to="t@example.com", language=language)
        assert message["Subject"] == heading
        ours = [line for line in text_of(message).splitlines() if not re.match(SAID, line)]
        assert english_in("\n".join(ours), "handout") == []
        assert "The client" not in Page(html_of(message)).visible

    def test_a_language_without_texts_is_told(self):
        """It has the three that ship."""
        with pytest.raises(InputError, match="'fr' is not known; template handout has en, de, ja"):
            lab.handout(lab.Transcript(), to="t@example.com", language="fr")


SAID = r"(?:Client|Server|クライアント|サーバー): "
NAMES = {"at", "by", "for", "is"} | {"mail", "server", "client", "note"}  # what German has, too


def english_in(shown, name):
    """The English texts of a template, and of all catalogues, that stand in *shown*."""
    texts = lab.Template.open(name)._source.texts
    ours = [text for key, text in texts["en"].items() if text not in texts["de"].values()]
    pieces = [piece.strip(" .:;()") for text in ours for piece in re.split(r"\{\w+\}", text)]
    words = {piece for piece in pieces if piece and piece.lower() not in NAMES}
    found = [word for word in words if re.search(rf"\b{re.escape(word)}\b", shown)]
    return found + in_english(shown) + re.findall(r"\b(?:success|trust|date|strength)\b", shown)


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

    @pytest.mark.parametrize("dialogues", [None, 3, "abc", b"abc", object()])
    def test_what_holds_no_dialogues_is_refused(self, dialogues):
        """One sentence says what to give."""
        with pytest.raises(InputError, match=r"dialogues: is a .*; give a Transcript, a Delivery"):
            lab.handout(dialogues, to="t@example.com")

    @pytest.mark.parametrize("make", [lab.digest, lab.handout])
    @pytest.mark.parametrize("field", ["title", "introduction"])
    def test_a_text_is_a_text(self, make, field):
        """A number is no title."""
        if make is lab.handout or field == "title":
            with pytest.raises(InputError, match=f"{field}: is a int; give a text"):
                make(lab.Transcript(), to="t@example.com", **{field: 3})

    def test_a_dialogue_without_end_is_cut(self):
        """Four hundred lines are a lesson, more are counted."""
        transcript = lab.Transcript()
        for number in range(500):
            transcript.add("S", f"250 line {number}")
        assert "100 lines more are not shown." in text_of(
            lab.handout(transcript, to="t@example.com")
        )
