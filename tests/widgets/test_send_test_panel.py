"""The panel that sends a test, against a real sink."""

from __future__ import annotations

import threading

import pytest
from widgets.panels import book_of, dialogue, press

import smtp_lab as lab
from smtp_lab.widgets import SendTestPanel
from smtp_lab.widgets.text_view import TextView


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


def test_a_test_is_sent_and_shown(sink, book):
    """The mail arrives; outcome, dialogue with meanings, times and text to copy are there."""
    panel = SendTestPanel("team", book=book, to="you@example.com")
    press(panel, panel.send_button)
    assert sink.inbox[-1].rcpt_to == ("you@example.com",)
    assert "Accepted by" in panel.result.sentence.value
    lines = dialogue(panel.result)
    assert any(line["text"] == "AUTH PLAIN ••••••" and line["meaning"] for line in lines)
    text = next(part for part in panel.result.children if isinstance(part, TextView))
    assert text.text == str(panel.delivery)
    shown = "".join(str(getattr(part, "value", "")) for part in panel.result.children)
    assert "<svg" in shown


def test_a_refusal_says_why_and_leads_to_the_field(book):
    """Beside a form there is a button to the field the refusal is about."""
    book.save(book["team"].with_password("open barley"))
    panel = lab.app(book).panels["send_test"]
    panel.which.value = "team"
    press(panel, panel.send_button)
    assert panel.result.fix_button.description == "Go to the field Password"
    assert book.health("team").warning


def test_alone_a_refusal_names_no_button_that_leads_nowhere(book):
    """Without a form there is no way to a field."""
    book.save(book["team"].with_password("open barley"))
    panel = SendTestPanel("team", book=book)
    press(panel, panel.send_button)
    assert panel.result.fix_button is None
    assert "was refused" in panel.result.sentence.value


def test_suggestions_go_by_the_policy(book):
    """The field offers the contacts the policy allows, and no other."""
    book.contacts = [
        lab.Contact(address="team@example.com", groups=("a",)),
        lab.Contact(address="ann@example.com", groups=("a",)),
        lab.Contact(address="bob@example.com", groups=("b",)),
    ]
    panel = SendTestPanel("team", book=book)
    assert len(panel.recipient.input.options) == 3
    book.policy = lab.Policy(suggestions="same group")
    assert SendTestPanel("team", book=book).recipient.input.options == (
        "team@example.com",
        "ann@example.com",
    )
    book.policy = lab.Policy(suggestions="none")
    assert SendTestPanel("team", book=book).recipient.input.options == ()


@pytest.mark.parametrize("to", ["you", "you@example.org"])
def test_a_recipient_that_cannot_be_is_said_at_its_field(sink, book, to):
    """No address, or one the policy forbids: nothing is sent, and the field says why."""
    book.policy = lab.Policy(approved_domains="example.com")
    panel = SendTestPanel("team", book=book, to=to)
    press(panel, panel.send_button)
    assert panel.recipient.note.wrong
    assert panel.delivery is None
    assert len(sink.inbox) == 0
    panel.recipient.input.value = "you@example.com"
    assert not panel.recipient.note.wrong


def test_waiting_can_be_stopped(book, monkeypatch):
    """Stop gives the panel back at once; what comes later is not shown."""
    go = threading.Event()
    monkeypatch.setattr("smtp_lab.widgets.send_test_panel.send_test", lambda *_, **__: go.wait(20))
    panel = SendTestPanel("team", book=book)
    panel.send_button.click()
    assert panel.send_button.disabled
    assert "<progress" in panel.work.label.value
    panel.work.stop_button.click()
    assert not panel.send_button.disabled
    assert "may still be sent" in panel.status.value
    go.set()
    assert panel.work.wait(20)
    assert "may still be sent" in panel.status.value
    assert panel.delivery is None


def test_an_error_nobody_foresaw_is_said(book, monkeypatch):
    """Whatever the thread raises stands in the panel, which goes on."""
    monkeypatch.setattr("smtp_lab.widgets.send_test_panel.send_test", lambda *_, **__: 1 / 0)
    panel = SendTestPanel("team", book=book)
    press(panel, panel.send_button)
    assert "ZeroDivisionError" in panel.status.value
    assert not panel.send_button.disabled


def test_the_code_sends_the_same(sink, book):
    """Show as code gives lines that run and send."""
    panel = SendTestPanel("other", book=book, to="you@example.com")
    exec(panel.code(), {})
    assert sink.inbox[-1].mail_from == "other@example.com"
    assert sink.inbox[-1].rcpt_to == ("you@example.com",)
