"""The built-in profile lab: always there, leading to the sink, and hardly to be changed."""

from __future__ import annotations

import pytest

import smtp_lab as lab
from smtp_lab.config.builtin import LabProfile, announced
from smtp_lab.config.nearby import announce, retract
from smtp_lab.errors import InputError


@pytest.fixture
def running():
    """running(port) announces a sink and gives the way to it, until the test ends."""
    started = []

    def start(port: int):
        connection = lab.SmtpConnection(
            host="127.0.0.1", port=port, auth=lab.BasicAuth(username="ann", password="sesame")
        )
        started.append(lambda: connection)
        announce(started[-1])
        return started[-1]

    yield start
    for lead in started:
        retract(lead)


def test_it_is_in_every_book():
    """Without a file, with one, and after a reload: lab is the first name."""
    book = lab.ProfileBook.open()
    assert list(book) == ["lab"]
    assert "lab" in book
    book.save(book.duplicate("lab"))
    book.reload()
    assert next(iter(book)) == "lab"
    assert book["lab"].name == "lab"


def test_it_leads_to_this_machine_encrypted_and_verified():
    """Without a sink in this process it leads to where smtp-lab sink listens."""
    made = lab.ProfileBook.open()["lab"]
    connection = made.connection
    assert (connection.endpoint, connection.security) == ("127.0.0.1:1025", "starttls")
    assert connection.verify
    assert connection.trusted.name == "lab-ca.pem"
    assert made.password
    assert made.sender == "smtp_lab <lab@example.com>"


def test_it_follows_the_sink_that_was_started_last(running):
    """announce() leads it there, retract() back to the one before, and in the end to the usual."""
    book = lab.ProfileBook.open()
    one, two = running(4001), running(4002)
    assert book["lab"].connection == two()
    assert announced("127.0.0.1", 4001)
    retract(two)
    retract(two)
    assert book["lab"].connection == one()
    retract(one)
    assert book["lab"].connection.port == 1025
    assert not announced("127.0.0.1", 4001)


class TestChanging:
    """Only the display name and reply_to can change."""

    @pytest.mark.parametrize(
        ("changes", "sender", "reply_to"),
        [
            ({"sender": "Zoë's lab <lab@example.com>"}, "Zoë's lab <lab@example.com>", None),
            ({"sender": '"Lab, Berlin" <lab@example.com>'}, None, None),
            ({"sender": "lab@example.com"}, None, None),
            ({"reply_to": "Ann <ann@example.com>"}, "smtp_lab <lab@example.com>", "Ann <ann@example.com>"),
        ],
    )  # fmt: skip
    def test_these_can(self, changes, sender, reply_to):
        """A changed name and reply address survive, in a table of their own."""
        book = lab.ProfileBook.open()
        wanted = book["lab"].replace(**changes)
        book.save(wanted)
        read = lab.ProfileBook.open()["lab"]
        assert read.address == "lab@example.com"
        assert sender is None or read.sender == sender
        assert read.reply_to == reply_to
        assert read.connection == wanted.connection
        assert "[lab]" in book.path.read_text(encoding="utf-8")
        assert "profiles" not in book.path.read_text(encoding="utf-8")
        book.save(read.replace(sender="smtp_lab <lab@example.com>", reply_to=None))
        assert "[lab]" not in book.path.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("sender", "Lab <ann@example.com>"),
            ("description", "mine"),
            ("signature", "-- \nAnn"),
            ("recipients_as", "bcc"),
            ("save_to_sent", True),
            ("connection", lab.SmtpConnection(host="mx.example.com")),
        ],
    )
    def test_nothing_else_can(self, field, value):
        """The field is named with the way out, and nothing is written."""
        book = lab.ProfileBook.open()
        with pytest.raises(InputError) as caught:
            book.save(book["lab"].replace(**{field: value}))
        assert list(caught.value.by_field) == [field]
        assert "duplicate it and change the copy" in str(caught.value)
        assert not book.path.exists()

    def test_a_copy_that_lost_its_password_is_still_lab(self, running):
        """A form that does not show passwords can save the name all the same."""
        running(4001)
        book = lab.ProfileBook.open()
        book.save(book["lab"].without_secrets().replace(reply_to="ann@example.com"))
        assert book["lab"].reply_to == "ann@example.com"
        assert book["lab"].password.reveal() == "sesame"

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ("[lab]\nsender = 'x'\n", 2, "lab.sender: is not a known field; known are display_name, reply_to"),
            ("[lab]\nreply_to = 'x'\n", 2, "lab.reply_to: 'x' has no @"),
            ('[lab]\ndisplay_name = "a\\nb"\n', 2, "control character"),
            ("lab = 3\n", 1, "lab: is not a table"),
            ("builtin = 3\n", 1, "builtin: is neither true nor false"),
            ('[profiles.lab]\nsender = "a@example.com"\n', 1, "is the name of the built-in profile"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_in_the_file_names_its_line(self, tmp_path, text, line, words):
        """File, line, field and fix."""
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            lab.ProfileBook.open(path)
        assert (caught.value.line, words in str(caught.value)) == (line, True)

    def test_empty_reply_to_is_none(self):
        """An emptied field is no address."""
        assert LabProfile(reply_to="  ").reply_to is None


def test_switching_between_it_and_one_s_own_loses_neither():
    """Default here, default there: both profiles, their changes and secrets stay as they are."""
    book = lab.ProfileBook.open()
    connection = lab.SmtpConnection(
        host="mx.example.com", auth=lab.BasicAuth(username="ann", password="sesame")
    )
    mine = lab.Profile(name="mine", sender="ann@example.com", connection=connection)
    book.save(mine, make_default=True)
    book.save(book["lab"].replace(reply_to="ann@example.com"))
    for name in ("lab", "mine", "lab", "mine"):
        book.default = name
        for read in (book, lab.ProfileBook.open()):
            assert read.default == name
            assert read["mine"] == mine
            assert read["lab"].reply_to == "ann@example.com"


def test_switched_off_and_on_again_it_is_as_it_was(monkeypatch):
    """What was changed about lab outlives the time it was switched off, saves in between included."""
    book = lab.ProfileBook.open()
    book.save(book["lab"].replace(reply_to="ann@example.com"))
    monkeypatch.setenv("SMTP_LAB_BUILTIN", "false")
    book.reload()
    assert "lab" not in book
    book.save(
        lab.Profile(name="mine", sender="a@example.com", connection=lab.SmtpConnection(host="h"))
    )
    assert book.default == "mine"
    monkeypatch.delenv("SMTP_LAB_BUILTIN")
    book.reload()
    assert list(book) == ["lab", "mine"]
    assert book["lab"].reply_to == "ann@example.com"


def test_the_file_can_switch_it_off(tmp_path):
    """builtin = false in the file is enough, and stays there through saves."""
    path = tmp_path / "mine.toml"
    path.write_text("builtin = false # we have our own\n", encoding="utf-8")
    book = lab.ProfileBook.open(path)
    book.save(
        lab.Profile(name="mine", sender="a@example.com", connection=lab.SmtpConnection(host="h"))
    )
    assert path.read_text(encoding="utf-8").startswith("builtin = false # we have our own\n")
    assert list(book) == ["mine"]
