"""What a panel looks at by itself, it looks at as long as it is in a page."""

from __future__ import annotations

import threading
import time

import pytest
from sink.talk import until
from widgets.panels import book_of, put_into_page, take_from_page

import smtp_lab as lab
from smtp_lab.widgets.watch import Watch

NAMES = ("smtp-lab-watch", "smtp-lab-sink-panel", "smtp-lab-inbox")


def watchers() -> list[threading.Thread]:
    """The threads that look again and again."""
    return [thread for thread in threading.enumerate() if thread.name in NAMES]


@pytest.fixture(autouse=True)
def _alone():
    until(lambda: watchers() == [])


def test_without_a_page_nobody_looks(tmp_path):
    """A panel that was made and never shown has no thread."""
    lab.app(book_of(tmp_path))
    lab.SinkPanel(book=book_of(tmp_path))
    assert watchers() == []


def test_out_of_the_page_nobody_looks_any_more(tmp_path):
    """Five panels of a cell that is run again: those that were there before have ended."""
    for _ in range(5):
        app = lab.app(book_of(tmp_path), panels=["profiles", "form", "sink"])
        for panel in app.panels.values():
            put_into_page(panel)
        assert sorted(one.name for one in watchers()) == ["smtp-lab-sink-panel", "smtp-lab-watch"]
        for panel in app.panels.values():
            take_from_page(panel)
        until(lambda: watchers() == [])


def test_one_of_two_views_goes_and_it_looks_on(tmp_path):
    """As long as any page shows any panel of the desk, changes of others are seen."""
    book = book_of(tmp_path)
    app = lab.app(book, panels=["profiles", "form"])
    profiles, form = app.panels.values()
    put_into_page(profiles)
    put_into_page(form, "1")
    put_into_page(form, "2")
    take_from_page(profiles)
    take_from_page(form, "1")
    lab.ProfileBook.open(book.path).save(
        lab.Profile(
            name="late",
            sender="ann@example.com",
            connection=lab.SmtpConnection(host="mail.example.com"),
        )
    )
    until(lambda: form._stale.layout.display == "")
    app.close()
    until(lambda: watchers() == [])


def test_back_in_a_page_it_looks_again(tmp_path):
    """A notebook that is opened again finds the panel at work."""
    app = lab.app(book_of(tmp_path), panels=["sink"])
    panel = app.panels["sink"]
    put_into_page(panel)
    take_from_page(panel)
    until(lambda: watchers() == [])
    put_into_page(panel)
    assert len(watchers()) == 2
    app.close()
    until(lambda: watchers() == [])
    panel.watching.begin()  # what was ended stays so
    assert watchers() == []


def test_looking_does_not_overlap():
    """Begun twice it is one thread."""
    looked, seen = threading.Event(), [True]
    watch = Watch(looked.set, lambda: seen[0], every=0.01, name="smtp-lab-watch")
    watch.begin()
    watch.begin()
    assert looked.wait(20)
    assert len(watchers()) == 1
    seen.clear()
    seen.append(False)
    until(lambda: watchers() == [])


def test_a_look_that_fails_is_not_the_last(caplog):
    """An error nobody thought of is logged with its place and without its words; watching goes on."""
    looks, words = [], "canary-3b1d"

    def look():
        looks.append(None)
        if len(looks) == 1:
            raise AttributeError(words)

    watch = Watch(look, lambda: len(looks) < 3, every=0.01, name="smtp-lab-watch")
    watch.begin()
    until(lambda: watchers() == [])
    assert len(looks) == 3
    assert "AttributeError, which nobody expected, at:" in caplog.text
    assert "test_watch.py" in caplog.text
    assert "canary" not in caplog.text


def test_one_is_told_after_the_other(tmp_path):
    """What watches and who clicks tell at the same time; each listener hears them one by one."""
    desk = lab.app(book_of(tmp_path)).desk
    inside, most = [0], [0]

    def listen(_what):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1

    desk.on("book", listen)
    threads = [threading.Thread(target=desk.tell, args=("book",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1]
