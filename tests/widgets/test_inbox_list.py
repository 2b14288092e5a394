"""The list of an inbox: what is there, what is found, what is chosen."""

from __future__ import annotations

import pytest
from inbox.mails import lines, stored
from sink.talk import until

import smtp_lab as lab
from smtp_lab.archive import Archive


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "mail.sqlite3")
    archive.add([stored(lines(f"Subject: number {n} <b>", "", "hello")) for n in range(3)])
    yield lab.Inbox(archive)
    archive.close()


def numbers(listed):
    return [number for _, number in listed.messages.options]


def test_the_newest_stand_above(inbox):
    """A line for each message, the newest first, and how many there are."""
    listed = lab.InboxList(inbox, every=0)
    assert numbers(listed) == [3, 2, 1]
    assert "number 2" in listed.messages.options[0][0]
    assert "3 messages" in listed.count.value


def test_new_mail_appears_by_itself(inbox):
    """The list follows the inbox, keeps what is chosen, and ends when it is closed."""
    listed = lab.InboxList(inbox, every=0.05)
    listed.messages.value = 2
    inbox.archive.add([stored(lines("Subject: new", ""))])
    until(lambda: numbers(listed) == [4, 3, 2, 1] and listed.messages.value == 2)
    listed.close()


def test_a_search_narrows_the_list(inbox):
    """What is typed is searched for; a typing error is told beside it, as text."""
    listed = lab.InboxList(inbox, every=0)
    listed.query.value = 'subject:"number 1"'
    assert numbers(listed) == [2]
    listed.query.value = "form:<b>"
    assert "there is no field form:" in listed.count.value
    assert "<b>" not in listed.count.value


def test_the_chosen_message_is_shown_safely(inbox):
    """The preview is that of the message; a message that is gone is told."""
    listed = lab.InboxList(inbox, every=0)
    listed.messages.value = 2
    assert 'sandbox=""' in listed.shown.value
    assert "number 1 &lt;b&gt;" in listed.shown.value
    inbox.clear([1])
    listed.messages.value = 1
    assert "is not in" in listed.shown.value
