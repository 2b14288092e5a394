"""Threads that have something to show wait for each other, and for who uses the panel."""

from __future__ import annotations

import threading

import pytest
from widgets.panels import book_of, change

import smtp_lab as lab
from smtp_lab.widgets import InboxPanel, ProfileForm, ProfilesPanel, SendTestPanel, SinkPanel
from smtp_lab.widgets.drafts import Drafts
from smtp_lab.widgets.form_fields import FormFields
from smtp_lab.widgets.turns import TURN


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


class Meanwhile:
    """A thread that stops in the middle of showing something, until somebody came by.

    Args:
        act: What it does.
    """

    def __init__(self, act) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=act)

    def stop_here(self) -> None:
        """Wait, where it is this thread that has come here."""
        if threading.current_thread() is self.thread and not self.inside.is_set():
            self.inside.set()
            assert self.go_on.wait(30)

    def let_by(self, act) -> None:
        """Begin, do *act* in the middle of it, and end both."""
        self.thread.start()
        assert self.inside.wait(30)
        other = threading.Thread(target=act)
        other.start()
        other.join(0.3)  # where it need not wait for its turn it is done now
        self.go_on.set()
        for thread in (self.thread, other):
            thread.join(30)
            assert not thread.is_alive()


def test_another_profile_is_never_taken_in_hand_by_itself(book, monkeypatch):
    """Who types while the file is looked at stays where they are, and what they typed is checked."""
    form = ProfileForm("team", book=book)
    watch = Meanwhile(lambda: form.desk.tell("book"))
    options = Drafts.options.fget

    def slow(drafts):
        found = [*options(drafts), ("another one", "another")]  # which shows them anew
        watch.stop_here()
        return found

    monkeypatch.setattr(Drafts, "options", property(slow))
    watch.let_by(lambda: change(form.fields["connection.host"], value="smtp://127.0.0.1"))
    assert form.head.which.value == "team"
    assert form.fields["connection.host"].value == "smtp://127.0.0.1"
    assert "is a URL" in form.alerts["connection.host"].value


def test_what_is_typed_while_a_field_is_filled_counts(book, monkeypatch):
    """A person's text is not taken for what the form itself puts into the field."""
    form = ProfileForm("team", book=book)
    watch = Meanwhile(lambda: form.desk.choose("other"))
    put = FormFields.put

    def slow(fields, draft):
        put(fields, draft)
        watch.stop_here()

    monkeypatch.setattr(FormFields, "put", slow)
    watch.let_by(lambda: change(form.fields["reply_to"], value="r@example.com"))
    assert form.profile.name == "other"
    assert str(form.profile.reply_to) == "r@example.com"


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda book, _sink: ProfileForm("team", book=book), lambda p: p.fields["reply_to"]),
        (lambda book, _sink: ProfilesPanel(book), lambda p: p.buttons["duplicate"]),
        (lambda book, _sink: SendTestPanel("team", book=book), lambda p: p.send_button),
        (lambda _book, sink: SinkPanel(sink), lambda p: p.stop_button),
        (lambda _book, sink: InboxPanel(sink.inbox, every=0), lambda p: p.query),
    ],
    ids=["form", "profiles", "send_test", "sink", "inbox"],
)
def test_a_person_waits_for_their_turn(book, sink, made, what):
    """What a page says is not heard while another thread changes panels."""
    panel = made(book, sink)
    widget = what(panel)
    said = threading.Thread(target=lambda: change(widget, tooltip="heard"))
    with TURN:
        said.start()
        said.join(0.2)
        assert said.is_alive()
        assert widget.tooltip != "heard"
    said.join(30)
    assert widget.tooltip == "heard"


def test_what_is_put_into_a_panel_later_takes_turns_too(book):
    """A dialogue of a panel, which is made when it is asked for."""
    panel = ProfilesPanel(book)
    panel.cards.chosen = "team"
    panel.buttons["delete"].click()
    said = threading.Thread(target=lambda: change(panel.drawer.yes, tooltip="heard"))
    with TURN:
        said.start()
        said.join(0.2)
        assert said.is_alive()
    said.join(30)
    assert panel.drawer.yes.tooltip == "heard"
