"""What panels say where the obvious wrong object is given, and how they end that never began."""

from __future__ import annotations

import gc
import sys

import pytest
from widgets.panels import book_of

import smtp_lab as lab

PANELS = "give some of profiles, form, send_test, compose, batch, sink, inbox"


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


@pytest.mark.parametrize(
    "panel",
    [
        *(lab.ProfilesPanel, lab.ProfileForm, lab.SendTestPanel),
        *(lab.ComposePanel, lab.SinkPanel, lab.InboxPanel),
    ],
)
def test_what_is_no_desk(book, panel):
    """What panels share is not the book itself."""
    with pytest.raises(lab.InputError, match=r"^desk: is a ProfileBook; leave it out\.$"):
        panel(desk=book)


@pytest.fixture
def unraised(monkeypatch) -> list[str]:
    """What went wrong where nobody could be told, as while an object was let go."""
    heard: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: heard.append(str(found.exc_value)))
    return heard


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lab.app, "book: is a Sink; give it by name, sink=…."),
        (
            lambda _sink: lab.app("smtp_lab.toml"),
            "book: is a str; give a ProfileBook, or leave it out.",
        ),
        (
            lambda sink: lab.app(sink=sink.inbox),
            "sink: is a Inbox; give a lab.Sink, or leave it out.",
        ),
        (lambda _sink: lab.app(batch=3), "batch: is a int; give one such as lab.Batch(messages)."),
        (lambda _sink: lab.app(panels=3), f"panels: is a int; {PANELS}."),
        (lambda _sink: lab.app(panels="fo"), f"panels: 'fo' is no panel; {PANELS}."),
        (lambda _sink: lab.app(panels=[["form"]]), f"panels: ['form'] is no panel; {PANELS}."),
        (lambda _sink: lab.app(language=[]), "language: [] is not there; give one of en, de, ja."),
        (
            lambda _sink: lab.ProfilesPanel("smtp_lab.toml"),
            "book: is a str; give a ProfileBook, or leave it out.",
        ),
        (
            lambda _sink: lab.ProfileForm(book="x"),
            "book: is a str; give a ProfileBook, or leave it out.",
        ),
        (lambda _sink: lab.ProfileForm(3), "profile: is a int; give a Profile or a name."),
        (
            lambda _sink: lab.ProfileForm(to=3),
            "to: is a int, not a text; give an address, or leave it out.",
        ),
        (lambda _sink: lab.SendTestPanel(3), "profile: is a int; give a Profile or a name."),
        (lambda _sink: lab.ComposePanel("report", [1]), "data: is a list; give a dict."),
        (lambda _sink: lab.ComposePanel(profile=3), "profile: is a int; give a Profile or a name."),
        (
            lambda sink: lab.SinkPanel(sink.inbox),
            "sink: is a Inbox; give a lab.Sink, or leave it out.",
        ),
        (
            lambda _sink: lab.BatchPanel([1]),
            "batch: is a list; give one such as lab.Batch(messages).",
        ),
        (
            lambda _sink: lab.BatchPanel(None),
            "batch: is a NoneType; give one such as lab.Batch(messages).",
        ),
        (
            lab.InboxPanel,
            "inbox: is a Sink; give sink.inbox, or lab.Inbox.open(path).",
        ),
        (
            lambda _sink: lab.InboxPanel("mail.sqlite3"),
            "inbox: is a str; give sink.inbox, or lab.Inbox.open(path).",
        ),
        (
            lambda sink: lab.InboxPanel(sink.inbox, every="x"),
            "every: a str is not between 0 and 86,400; give a number.",
        ),
    ],
)
def test_the_wrong_object(sink, unraised, call, sentence):
    """The sentence says what to give, and what was begun of the panel ends quietly."""
    with pytest.raises(lab.InputError) as caught:
        call(sink)
    assert str(caught.value) == sentence
    del caught
    gc.collect()
    assert unraised == []


@pytest.mark.parametrize(
    "panel", [lab.InboxPanel, lab.SinkPanel, lab.ProfileForm, lab.SendTestPanel]
)
def test_an_argument_there_is_not_ends_quietly(panel, unraised):
    """Python refuses it before the panel begins; nothing else is said."""
    with pytest.raises(TypeError, match="evry"):
        panel(evry=1)
    gc.collect()
    assert unraised == []


def test_an_app_that_fails_midway_ends_quietly(book, unraised, monkeypatch):
    """The panels that were made by then are taken away."""
    monkeypatch.setattr(lab.InboxPanel, "__init__", lambda _self, *, desk: desk.nothing)
    with pytest.raises(AttributeError, match="nothing"):
        lab.app(book)
    gc.collect()
    assert unraised == []


def test_one_panel_is_as_good_as_a_list_of_one(book):
    """A text alone is the name of a panel, not its letters."""
    assert list(lab.app(book, panels="form").panels) == ["form"]


@pytest.mark.parametrize(
    "given", [lambda book: "other", lambda book: book["other"]], ids=["name", "profile"]
)
class TestAProfile:
    def test_of_a_form(self, book, given):
        """It is taken from the book, and saved as the same."""
        form = lab.ProfileForm(given(book), book=book)
        assert form.profile == book["other"]
        form.fields["description"].value = "Of somebody else"
        form.save_button.click()
        assert book["other"].description == "Of somebody else"

    def test_of_a_test_mail(self, book, given):
        """It is the one that is chosen."""
        assert lab.SendTestPanel(given(book), book=book).which.value == "other"

    def test_of_a_mail(self, book, given):
        """Mail goes through it."""
        assert lab.ComposePanel(profile=given(book), book=book).profile == book["other"]


@pytest.mark.parametrize(
    "panel",
    [
        lambda book: lab.ProfileForm("otter", book=book),
        lambda book: lab.SendTestPanel("otter", book=book),
        lambda book: lab.ComposePanel(profile="otter", book=book),
    ],
)
def test_a_name_that_is_not_in_the_book(book, panel):
    """No other profile takes its place; the nearest is named."""
    with pytest.raises(lab.InputError, match="'other'"):
        panel(book)


def test_a_test_mail_through_a_profile_that_is_not_saved(book):
    """The panel sends through what is in the book, so it says so first."""
    with pytest.raises(
        lab.InputError, match=r"team is not saved as it is; save it with book\.save"
    ):
        lab.SendTestPanel(book["team"].with_password("open barley"), book=book)
