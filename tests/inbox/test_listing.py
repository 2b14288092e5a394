"""An inbox a page at a time: the newest first, followed without reading it anew."""

from __future__ import annotations

import pytest
from inbox.mails import lines, stored

import smtp_lab as lab
from smtp_lab.archive import Archive, StoredSession
from smtp_lab.inbox.listing import Listing


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "mail.sqlite3")
    put(archive, *(f"number {n}" for n in range(1, 121)))
    yield lab.Inbox(archive)
    archive.close()


def put(archive, *subjects, **changes):
    archive.add([stored(lines(f"Subject: {s}", "", "hello"), **changes) for s in subjects])


def ids(rows):
    return [row.id for row in rows]


def test_pages_begin_with_the_newest(inbox):
    """A page has fifty rows, the last one what is left; behind it there is nothing."""
    listing = Listing(inbox)
    assert len(listing) == 120
    assert ids(listing.page(0)) == list(range(120, 70, -1))
    assert ids(listing.page(100)) == list(range(20, 0, -1))
    assert listing.page(120) == []
    assert listing.place(120) == 0
    assert listing.place(70) == 50


def test_a_row_has_what_a_list_shows(inbox):
    """Envelope, subject, files, tags and what was refused before it; all of it printable."""
    raw = lines(
        "Subject: a\tb \u202egpj.exe", "Content-Type: text/csv; name=x.csv", "", "1,2", "x" * 50
    )
    refused = {"direction": "S", "stage": "rcpt", "text": "550 no", "at": 0.1, "tls": True}
    message = stored(raw, mail_from="", rcpt_to=("bob@example.org", "eve@example.org"))
    message.session.transcript = {"lines": [refused]}
    inbox.archive.add([message])
    inbox.tag([121], ["b", "a"])
    inbox.search("x")  # which reads it for the index
    row = Listing(inbox).page(0)[0]
    assert row.sender == "<>"
    assert row.to == "bob@example.org, eve@example.org"
    assert row.subject == "a b \\u202egpj.exe"
    assert row.tags == ("a", "b")
    assert row.files == 1
    assert row.refused
    assert row.size == len(raw)


def test_it_follows_the_inbox(inbox):
    """What comes in is taken in, what was let go is not, and nothing is news twice."""
    listing = Listing(inbox)
    assert not listing.look()
    put(inbox.archive, "new")
    inbox.clear([119, 5])
    assert listing.look()
    assert ids(listing.page(0))[:3] == [121, 120, 118]
    assert len(listing) == 119
    assert not listing.look()


def test_a_search_follows_too(inbox):
    """New mail is in it where it matches, among the messages with a tag."""
    inbox.tag([7, 8], 'to "do')
    assert ids(Listing(inbox, "number OR hello", 'to "do').page(0)) == [8, 7]
    listing = Listing(inbox, 'subject:"number 7"')
    assert ids(listing.page(0)) == [79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 7]
    put(inbox.archive, "number 700", "other")
    assert listing.look()
    assert ids(listing.page(0))[0] == 121
    assert len(listing.found()) == 12


def test_a_wrong_query_is_told_at_its_place(inbox):
    """The place is that of what was typed, also among the messages with a tag."""
    with pytest.raises(lab.InputError, match="at character 1, there is no field form:"):
        Listing(inbox, "form:ann", "seen")


def test_sessions_without_a_message_are_named(inbox):
    """One that was refused is found when its end is known, and not in one mailbox."""
    listing = Listing(inbox, "sesame")
    assert listing.sessions == []
    when = stored().received_at
    line = {"direction": "S", "stage": "auth", "text": "535 no sesame", "at": 0.1, "tls": True}
    gone = StoredSession("f" * 32, when, "plain", "127.0.0.1:9", ended_at=when)
    gone.transcript = {"lines": [line]}
    inbox.archive.add([], sessions=[gone])
    inbox.search("anything")
    assert listing.look()
    assert listing.sessions == ["f" * 32]
    assert Listing(lab.Inbox(inbox.archive, mailbox="team")).sessions == []
