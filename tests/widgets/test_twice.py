"""A button that is pressed twice in a row does what it does once."""

from __future__ import annotations

import threading

import pytest
from widgets.panels import book_of, press

import smtp_lab as lab
from smtp_lab.widgets import ProfilesPanel, SendTestPanel
from smtp_lab.widgets.work import Work


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


def test_duplicate_makes_one_copy(book):
    """The second click of a double click finds the question answered."""
    panel = ProfilesPanel(book)
    panel.cards.chosen = "team"
    panel.buttons["duplicate"].click()
    yes, before = panel.drawer.yes, len(book)
    yes.click()
    yes.click()
    assert len(book) == before + 1
    assert "Copied as" in panel.status.value


def test_deleting_twice_stays_a_success(book):
    """No error takes the place of what was done."""
    panel = ProfilesPanel(book)
    panel.cards.chosen = "other"
    panel.buttons["delete"].click()
    yes = panel.drawer.yes
    yes.click()
    yes.click()
    assert "other" not in book
    assert "smtp-lab-wrong" not in panel.status.value


def test_a_question_that_could_not_be_done_can_be_answered_again(book):
    """What was typed is still there, and the button is alive."""
    panel = ProfilesPanel(book)
    panel.cards.chosen = "other"
    panel.buttons["rename"].click()
    field = panel.drawer.children[0].children[1]
    field.value = "team"
    panel.drawer.yes.click()
    assert "smtp-lab-wrong" in panel.status.value
    assert panel.drawer.yes.disabled is False
    field.value = "crew"
    panel.drawer.yes.click()
    assert "crew" in book


def test_what_was_said_of_a_question_goes_with_it(book):
    """Cancel takes it away, and so does the next question."""
    panel = ProfilesPanel(book)
    panel.cards.chosen = "other"
    for leave in ("cancel", "delete"):
        panel.buttons["rename"].click()
        panel.drawer.children[0].children[1].value = "team"
        panel.drawer.yes.click()
        assert panel.status.value
        (panel.drawer.no if leave == "cancel" else panel.buttons[leave]).click()
        assert panel.status.value == ""


def test_a_wrong_folder_is_a_sentence_and_the_question_stays(sink, book):
    """Nobody's home, or a place that cannot be written: what was typed is not lost."""
    lab.send_test("team", book=book)
    panel = lab.InboxPanel(sink.inbox, every=0)
    for folder in ("~nobodyhere/x", "/dev/null/x"):
        panel.actions.ask_export()
        asked = panel.actions.drawer
        asked.children[0].children[2].value = folder
        press(panel, asked.yes)
        assert "Folder: " in panel.status.value
        assert "should not" not in panel.status.value
        assert asked.asking
        assert asked.yes.disabled is False
        assert asked.children[0].children[2].value == folder


def test_a_result_is_shown_before_the_button_is_alive_again(book, monkeypatch):
    """Whoever presses again has seen what came of the first."""
    panel = SendTestPanel("team", book=book)
    seen = []
    shows = panel.result.show_delivery

    def show(delivery):
        shows(delivery)
        seen.append(panel.send_button.disabled)

    monkeypatch.setattr(panel.result, "show_delivery", show)
    press(panel, panel.send_button)
    assert seen == [True]
    assert panel.send_button.disabled is False


def test_work_that_begins_the_next_stays_busy():
    """What is done with the result may take long, too."""
    work, told, begun, go = Work(), [], threading.Event(), threading.Event()
    work.on_busy(told.append)

    def next_one(_found):
        work.start("2", go.wait, lambda _found: None, failed=lambda _error: None)
        begun.set()

    work.start("1", lambda: 1, next_one, failed=lambda _error: None)
    assert begun.wait(20)
    assert told == [True, True]
    go.set()
    assert work.wait(20)
    assert told == [True, True, False]
