"""What is said where the obvious wrong object is given, below the panels."""

from __future__ import annotations

import traceback
from email.message import EmailMessage

import pytest

import smtp_lab as lab
from smtp_lab.archive import Archive

MAIL = b"From: ann@example.com\r\nTo: ben@example.com\r\nX-A: 1\r\nSubject: Hello\r\n\r\nHi\r\n"


@pytest.fixture
def book(tmp_path) -> lab.ProfileBook:
    return lab.ProfileBook(tmp_path / "smtp_lab.toml")


@pytest.fixture
def inbox(tmp_path) -> lab.Inbox:
    inbox = lab.Inbox(Archive(tmp_path / "mail.sqlite3"))
    for name, octets in (("one", MAIL), ("two", MAIL.replace(b"X-A: 1", b"X-A: 2"))):
        (tmp_path / f"{name}.eml").write_bytes(octets)
        inbox.read(tmp_path / f"{name}.eml")
    return inbox


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: lab.Inbox("mail.sqlite3"),
            "archive: is a str; use lab.Inbox.open(path), or the inbox of a sink.",
        ),
        (lambda: lab.Inbox.open(None), "where: is a NoneType; give a path or a URL."),
        (
            lambda: lab.Sink(":temporary:", lock_timeout="x"),
            "lock_timeout: 'x' is not between 0 and 3600; give seconds to wait.",
        ),
        (
            lambda: lab.Sink(":temporary:", lock_timeout=None),
            "lock_timeout: None is not between 0 and 3600; give seconds to wait.",
        ),
        (lambda: lab.provider(None), "provider: is a NoneType; give the name of one."),
        (lambda: lab.ProfileBook(3), "path: is a int; give a path."),
        (lambda: lab.ProfileBook.open(3), "path: is a int; give a path."),
        (lambda: lab.Secret(3), "secret: is a int; give a text."),
        (lambda: lab.Secret(None), "secret: is a NoneType; give a text."),
        (
            lambda: lab.Transcript("abc"),
            "lines: holds a str; give the lines of another transcript.",
        ),
        (lambda: lab.Transcript(3), "lines: is a int; give the lines of another transcript."),
    ],
)
def test_what_cannot_be_made(call, sentence):
    """The sentence names the argument, what it is, and what to give."""
    with pytest.raises(lab.InputError) as caught:
        call()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda book: book.save("team"),
            "profile: is a str, not a Profile; give a smtp_lab.Profile.",
        ),
        (
            lambda book: book.save_all(["team"]),
            "profiles: is a str, not a Profile; give a smtp_lab.Profile.",
        ),
        (
            lambda book: book.set_activity(3, "lab"),
            "3 is not the name of an activity; use 1 to 50 letters (a-z), digits or underscores.",
        ),
        (lambda book: book.for_activity(3), "activity: is a int, not a text; give a text."),
        (lambda book: book.save_all(3), "profiles: is a int, not a list; give a list."),
        (
            lambda book: book.save_all(book["lab"]),
            "profiles: is a Profile, not a list; give a list.",
        ),
        (lambda book: book.export_toml("lab"), "names: is a str, not a list; give a list."),
        (lambda book: book.export_env([3]), "names: is a int, not a text; give a text."),
        (lambda book: book.import_toml(b""), "text: is a bytes, not a text; give a text."),
        (lambda book: book.import_env(None), "lines: is a NoneType, not a text; give a text."),
        (
            lambda book: setattr(book, "contacts", "ann@example.com"),
            "contacts: is a str, not a Contact; give a smtp_lab.Contact.",
        ),
        (lambda book: setattr(book, "contacts", 3), "contacts: is a int, not a list; give a list."),
    ],
)
def test_a_book(book, call, sentence):
    """It is left as it was."""
    with pytest.raises(lab.InputError) as caught:
        call(book)
    assert str(caught.value) == sentence
    assert not book.path.exists()


def test_octets_are_no_secret():
    """They may well be one: no traceback shows them, with local variables or without."""
    made = "open " + "sesame"
    with pytest.raises(lab.InputError) as caught:
        lab.Secret(made.encode())
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    of_ours = [frame for frame in frames if frame.filename.endswith("secrets.py")]
    assert of_ours
    assert not any(made in str(frame.locals) for frame in of_ours)
    assert made not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.compare(3), "other: is a int; give a message, or the path of a snapshot."),
        (
            lambda m: m.compare("nope.eml"),
            "other: nope.eml is not there; give a message, or the path of a snapshot.",
        ),
        (
            lambda m: m.compare(__file__),
            f"other: {__file__} is no snapshot; give a message, or the path of a snapshot.",
        ),
        (lambda m: m.compare(m, ignore=3), "ignore: is a int; give names of headers."),
        (lambda m: m.compare(m, ignore=["X-A", 3]), "ignore: holds a int; give names of headers."),
        (lambda m: m.snapshot(3), "path: is a int; give a path."),
        (
            lambda m: m.snapshot("new.txt", update=True, ignore=3),
            "ignore: is a int; give names of headers.",
        ),
        (lambda m: m.check(client=3), "client: is a int; give a name, or a list of them."),
        (lambda m: m.check(client=[3]), "client: holds a int; give a name, or a list of them."),
        (lambda m: m.check(rules=3), "rules: is a int; give a name, or a list of them."),
        (lambda m: m.check(ip=3), "ip: 3 is no IP address; give one such as 192.0.2.1."),
        (lambda m: m.preview(width=0), "width: 0 is out of bounds; give pixels from 1 to 4,000."),
        (lambda m: m.preview(width=None), "width: is a NoneType; give pixels from 1 to 4,000."),
        (lambda m: m.preview(height=0), "height: 0 is out of bounds; give pixels from 1 to 4,000."),
        (lambda m: m.preview(height="tall"), "height: is a str; give pixels from 1 to 4,000."),
        (lambda m: m.save_attachments(3), "folder: is a int; give a path."),
    ],
)
def test_a_message(inbox, tmp_path, monkeypatch, call, sentence):
    """The sentence is about the function that was called, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(lab.InputError) as caught:
        call(inbox[0])
    assert str(caught.value) == sentence
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("ignore", ["X-A", ["X-A"], ("x-a",)])
def test_one_header_is_as_good_as_a_list_of_one(inbox, tmp_path, ignore):
    """A text alone is one name, not its letters."""
    one, two = inbox[0], inbox[1]
    one.snapshot(tmp_path / "one.txt", update=True)
    assert not two.compare(one)
    assert two.compare(one, ignore=ignore)
    assert two.snapshot(tmp_path / "one.txt", ignore=ignore)


def test_a_profile_is_given_by_its_place_or_its_name():
    """As to all that send: `send_many`, `Batch`, `prepare` and `send_test`."""
    with lab.Sink(":temporary:") as sink:
        account = sink.profile()
        message = EmailMessage()
        message["From"], message["To"] = account.sender, "ben@example.com"
        message.set_content("Hello")
        assert lab.send(message, account).ok
        assert lab.send(message, profile=account).ok
        assert len(sink.inbox) == 2
