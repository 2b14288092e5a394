"""How each profile is doing, kept beside the book, without secrets."""

from __future__ import annotations

import re
import stat
import subprocess
import sys

import pytest

import smtp_lab as lab
from smtp_lab.config.health import Health, HealthFile
from smtp_lab.errors import UnknownNameError

NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\Z")


def profile(name="team") -> lab.Profile:
    connection = lab.SmtpConnection(host="mx.example.com", auth=lab.BasicAuth(username="ann"))
    return lab.Profile(name=name, sender="ann@example.com", connection=connection)


@pytest.fixture
def book():
    """A book with one profile that knows its password."""
    made = lab.ProfileBook.open()
    made.save(profile().with_password("sesame"))
    return made


def test_a_saved_profile_was_never_tested(book):
    """A save is noted with its time in UTC; there is no outcome yet, and no warning."""
    health = book.health("team")
    assert NOW.match(health.saved_at)
    assert (health.tested_at, health.ok, health.warning) == ("", None, False)
    assert str(health) == "never tested"
    assert book.health("unknown") == Health()


def test_a_failed_test_is_a_warning_mark(book):
    """The outcome, its diagnosis and sentence are there for everyone who opens the book."""
    book.record_test("team", ok=False, diagnosis="auth.wrong", sentence="The password is wrong.")
    health = lab.ProfileBook.open().health("team")
    assert health.warning
    assert (health.ok, health.diagnosis) == (False, "auth.wrong")
    assert NOW.match(health.tested_at)
    assert health.saved_at == book.health("team").saved_at != ""
    assert str(health) == f"failed at {health.tested_at}: The password is wrong."


def test_a_test_that_went_well_takes_the_mark_away(book):
    """Only the last test counts."""
    book.record_test("team", ok=None, diagnosis="answer_lost", sentence="It may have arrived.")
    health = book.health("team")
    assert (health.ok, health.warning) == (None, True)
    assert str(health) == f"not known at {health.tested_at}: It may have arrived."
    book.record_test("team", ok=False, diagnosis="auth.wrong")
    book.record_test("team", ok=True, sentence="Accepted.")
    health = book.health("team")
    assert not health.warning
    assert (health.ok, health.diagnosis) == (True, "")
    assert str(health).startswith("fine at ")


def test_a_save_makes_the_old_outcome_void(book):
    """What was tested before the change says nothing about the profile as it is now."""
    book.record_test("team", ok=False)
    book.save(book["team"].replace(description="mended"))
    assert book.health("team").ok is None


def test_the_built_in_profile_has_health_too(book):
    """lab can be tested, and a misspelt name is a sentence."""
    book.record_test("lab", ok=True)
    assert book.health("lab").ok is True
    with pytest.raises(UnknownNameError, match="did you mean 'team'"):
        book.record_test("taem", ok=True)


def test_the_file_is_private_and_has_no_secret(book):
    """It stands beside the book, is its owner's alone, and holds no password."""
    path = book.path.with_name("book.health.json")
    book.record_test("team", ok=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "sesame" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"team": 3}', '{"team": {"colour": 1}}', "null", "\ud800"]
)
def test_a_file_that_cannot_be_read_counts_as_none(book, text):
    """A spoilt file is no reason to fail; the next note replaces it."""
    path = book.path.with_name("book.health.json")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert book.health("team") == Health()
    book.record_test("team", ok=True)
    assert book.health("team").ok is True


def test_a_file_that_cannot_be_written_stops_nothing(book):
    """A test mail is not lost over a note that cannot be kept."""
    path = book.path.with_name("book.health.json")
    path.unlink()
    path.mkdir()
    book.record_test("team", ok=True)
    book.save(profile())
    assert book.health("team") == Health()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "book.health.json",
        "book.toml",
    ]


def test_books_in_one_folder_have_files_of_their_own(tmp_path):
    """Two books beside each other do not mix."""
    one, two = HealthFile(tmp_path / "one.toml"), HealthFile(tmp_path / "two.toml")
    one.saved("team")
    assert two.all() == {}
    assert one.all().keys() == {"team"}


NOTER = """
import sys
from pathlib import Path
from smtp_lab.config.health import HealthFile
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    HealthFile(Path(sys.argv[1])).tested(f"{sys.argv[2]}{n}", ok=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_two_processes_lose_no_note(tmp_path):
    """Notes of two kernels at once are all there in the end."""
    path = tmp_path / "book.toml"
    noters = [
        subprocess.Popen(
            [sys.executable, "-c", NOTER, str(path), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in "ab"
    ]
    assert [noter.stdout.readline() for noter in noters] == ["ready\n"] * 2
    for noter in noters:
        noter.stdin.write("go\n")
        noter.stdin.flush()
    for noter in noters:
        noter.communicate()
    assert [noter.returncode for noter in noters] == [0, 0]
    assert set(HealthFile(path).all()) == {f"{who}{n}" for who in "ab" for n in range(40)}


def test_it_is_shared_as_the_book_is(tmp_path):
    """Whoever may read the book may read how its profiles are doing."""
    path = tmp_path / "book.toml"
    path.write_text("")
    path.chmod(0o664)
    health = HealthFile(path)
    health.tested("team", ok=False)
    assert health.path.stat().st_mode & 0o777 == 0o664


def test_one_that_cannot_be_read_is_not_replaced(tmp_path, monkeypatch):
    """A note of one's own does not take everyone else's away."""
    health = HealthFile(tmp_path / "book.toml")
    health.tested("team", ok=False)
    before = health.path.read_bytes()

    def forbidden(self):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", forbidden)
        HealthFile(tmp_path / "book.toml").tested("other", ok=True)
    assert health.path.read_bytes() == before
