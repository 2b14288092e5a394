"""The book: what is saved comes back, what is by hand stays, and no file is ever half written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.config.policy import Contact, Policy
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.errors import ConfigFileError, InputError, UnknownNameError

TEAM = """\
[profiles.team]
sender = "ann@example.com"
[profiles.team.connection]
host = "mx.example.com"
"""

OUT_OF_ORDER = """\
[profiles.team.connection] # first
host = "old.example.com"
[profiles.other] # between
sender = "b@example.com"
[profiles.other.connection]
host = "h"
[profiles.team] # last
sender = "ann@example.com"
"""


@pytest.fixture
def path(tmp_path):
    """Where the book of this test is."""
    return tmp_path / "book.toml"


def profile(name="team", **changes) -> lab.Profile:
    connection = lab.SmtpConnection(host="mx.example.com", auth=lab.BasicAuth(username="ann"))
    return lab.Profile(
        **({"name": name, "sender": "ann@example.com", "connection": connection} | changes)
    )


def own(book) -> dict[str, lab.Profile]:
    """The profiles of the book but the built-in one."""
    return {name: book[name] for name in book if name != "lab"}


def refusal(action) -> ConfigFileError:
    with pytest.raises(ConfigFileError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return caught.value


class TestMapping:
    """A book is a mapping of profiles by name."""

    def test_a_file_that_is_not_there_is_an_empty_book(self, path):
        """Opening makes no file; only the built-in profile is there."""
        book = lab.ProfileBook.open(path)
        assert (len(book), list(book)) == (1, ["lab"])
        assert not path.exists()
        assert repr(book).endswith(": lab>")

    def test_it_has_what_was_saved(self, path):
        """Names come in the order of the file, and each leads to its profile."""
        book = lab.ProfileBook.open(path)
        for name in ("zoe", "ann", "bob"):
            book.save(profile(name))
        for read in (book, lab.ProfileBook.open(path)):
            assert list(read) == ["lab", "zoe", "ann", "bob"]
            assert own(read) == {name: profile(name) for name in ("zoe", "ann", "bob")}
            assert "ann" in read
            assert "eve" not in read
            assert read.get("eve") is None

    def test_the_environment_says_where_it_is(self, monkeypatch, tmp_path):
        """SMTP_LAB_CONFIG names the file, and ~ is the home folder."""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SMTP_LAB_CONFIG", "~/sub/mine.toml")
        lab.ProfileBook.open().save(profile())
        assert (tmp_path / "sub" / "mine.toml").exists()
        assert lab.ProfileBook.open("~/sub/mine.toml")["team"] == profile()

    @pytest.mark.parametrize(
        ("name", "fix"),
        [("taem", "did you mean 'team'?"), ("zzz", "known are lab, team, other")],
    )
    def test_an_unknown_profile_is_a_sentence_with_a_suggestion(self, path, name, fix):
        """A KeyError that says what was meant or what there is."""
        book = lab.ProfileBook.open(path)
        book.save(profile())
        book.save(profile("other"))
        with pytest.raises(KeyError) as caught:
            book[name]
        assert isinstance(caught.value, UnknownNameError)
        assert repr(name) in str(caught.value)
        assert fix in str(caught.value)

    def test_an_unknown_profile_of_an_empty_book_says_to_save_one(self, path):
        """With nothing to suggest, the sentence says what to do first."""
        path.write_text("builtin = false\n", encoding="utf-8")
        book = lab.ProfileBook.open(path)
        assert (len(book), bool(book)) == (0, False)
        assert repr(book).endswith("no profiles yet>")
        with pytest.raises(UnknownNameError, match="none is configured; save one in"):
            book["team"]

    @pytest.mark.parametrize("name", [None, 5, ["team"]])
    def test_what_is_no_name_is_not_in_the_book(self, path, name):
        """Asking for something that is no text at all is answered with no."""
        assert name not in lab.ProfileBook.open(path)


class TestSaving:
    """What save() does to the file."""

    def test_everything_comes_back(self, path):
        """Each field that is not the default survives a save and a load."""
        made = profile(
            description='two\nlines, "quotes", \\ and ü',
            reply_to="Bob <bob@example.com>",
            connection=lab.SmtpConnection(
                host="::1",
                port=465,
                security="implicit",
                min_tls="1.3",
                verify=False,
                ca_file="~/ca.pem",
                timeout=2.5,
                auth=lab.BasicAuth(username="ann", mechanism="LOGIN"),
            ),
        )
        lab.ProfileBook.open(path).save(made)
        assert lab.ProfileBook.open(path)["team"] == made

    def test_a_file_that_is_shared_stays_shared(self, path):
        """Whoever let a group read the book meant to: the mode of a file that is there is kept."""
        path.write_text("# ours\n", encoding="utf-8")
        path.chmod(0o664)
        lab.ProfileBook.open(path).save(profile())
        assert stat.S_IMODE(path.stat().st_mode) == 0o664

    def test_the_file_is_its_owner_s_alone(self, path):
        """The file is 0600 and its new folder 0700, whatever the umask says."""
        path = path.parent / "new" / "book.toml"
        old = os.umask(0)
        try:
            lab.ProfileBook.open(path).save(profile())
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_the_file_is_replaced_not_rewritten(self, path):
        """Who has the old file open keeps the whole old file, and nothing is left beside it."""
        book = lab.ProfileBook.open(path)
        book.save(profile())
        before, inode = path.read_text(encoding="utf-8"), path.stat().st_ino
        with path.open(encoding="utf-8") as file:
            book.save(profile("other"))
            assert file.read() == before
        assert path.stat().st_ino != inode
        assert sorted(e.name for e in path.parent.iterdir()) == ["book.health.json", "book.toml"]

    def test_a_link_to_the_file_stays_a_link(self, tmp_path):
        """A book that is a link, as in a folder of dotfiles, changes the file it leads to."""
        real = tmp_path / "dotfiles" / "real.toml"
        real.parent.mkdir()
        real.write_text("# mine\n", encoding="utf-8")
        (tmp_path / "link.toml").symlink_to(real)
        lab.ProfileBook.open(tmp_path / "link.toml").save(profile())
        assert (tmp_path / "link.toml").is_symlink()
        assert real.read_text(encoding="utf-8").startswith("# mine\n")
        assert "[profiles.team]" in real.read_text(encoding="utf-8")

    def test_comments_and_order_stay(self, path):
        """Only what changed changes; comments, order and spacing are as they were."""
        path.write_text(
            """\
# my accounts

[profiles.team]  # the team
# who we are
sender = "ann@example.com"  # me

[profiles.team.connection]
port = 25      # odd
host = "old.example.com"  # moving soon
type = "smtp"
security = "starttls"

[profiles.team.connection.auth]
username = "ann"
type = "basic"

# the other one
[profiles.other]
sender = "bob@example.com"
[profiles.other.connection]
host = "mx.example.org"
# the end
""",
            encoding="utf-8",
        )
        before = path.read_text(encoding="utf-8")
        book = lab.ProfileBook.open(path)
        connection = book["team"].connection.replace(host="new.example.com", port=2525)
        book.save(book["team"].replace(connection=connection))
        after = before.replace("port = 25 ", "port = 2525 ").replace(
            "old.example.com", "new.example.com"
        )
        assert path.read_text(encoding="utf-8") == after
        assert lab.ProfileBook.open(path)["other"].sender == "bob@example.com"

    def test_saving_the_same_again_changes_no_byte(self, path):
        """A save without a change leaves the text as it is."""
        book = lab.ProfileBook.open(path)
        book.save(profile())
        before = path.read_bytes()
        book.save(book["team"])
        assert path.read_bytes() == before

    def test_what_became_a_default_goes(self, path):
        """A field set back to its default leaves the file; another login leaves none of the old."""
        book = lab.ProfileBook.open(path)
        book.save(profile(description="long", reply_to="b@example.com"))
        plain = profile(connection=lab.SmtpConnection(host="mx.example.com", auth=lab.NoAuth()))
        book.save(plain)
        assert lab.ProfileBook.open(path)["team"] == plain
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("description", "reply_to", "username"))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "# only a comment\n",
            "[profiles]\n",
            "[profiles]\n# all of them\n\n" + TEAM,
            TEAM.rstrip("\n") + " # no line end",
            TEAM.replace("\n", "\r\n"),
            "\ufeff" + TEAM,
            TEAM.replace("[profiles.team", "[\"profiles\" . 'team'"),
            '[profiles.team]\nsender = "ann@example.com"\nconnection = { host = "old.example.com" } # in one line\n',
            'profiles = { team = { sender = "ann@example.com", connection = { host = "old.example.com" } } }\n',
            OUT_OF_ORDER,
        ],
    )
    @pytest.mark.parametrize("name", ["team", "fresh"])
    def test_however_the_file_is_written_nothing_is_lost(self, path, text, name):
        """In every usual layout a save does its work and keeps the other profiles and comments."""
        path.write_bytes(text.encode())
        book = lab.ProfileBook.open(path)
        wanted = own(book) | {name: profile(name)}
        book.save(profile(name))
        assert own(book) == wanted
        assert own(lab.ProfileBook.open(path)) == wanted
        comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
        assert all(comment in path.read_text(encoding="utf-8") for comment in comments)

    @pytest.mark.parametrize(
        "text",
        [
            '# one\nprofiles.team.sender = "a@example.com"\nprofiles.team.connection.host = "h"\nprofiles.team.connection.port = 25\n',
            '[profiles.team]\nsender = "a@example.com" # one\nconnection.host = "h"\n',
        ],
    )
    def test_a_layout_that_cannot_be_changed_in_place_loses_nothing(self, path, text):
        """Where an edit cannot be made line by line, that profile's table is written anew."""
        path.write_text(
            text
            + '\n# two\n[profiles.other]\nsender = "b@example.com"\n[profiles.other.connection]\nhost = "i" # three\n',
            encoding="utf-8",
        )
        book = lab.ProfileBook.open(path)
        wanted = own(book) | {"team": profile()}
        if text.startswith("["):
            book.save(profile())
            assert own(lab.ProfileBook.open(path)) == wanted
        else:
            error = refusal(lambda: book.save(profile()))
            assert "write it in tables such as [profiles.team.connection]" in str(error)
            assert own(book) == own(lab.ProfileBook.open(path))
        assert "# two\n[profiles.other]" in path.read_text(encoding="utf-8")
        assert 'host = "i" # three' in path.read_text(encoding="utf-8")

    def test_a_file_changed_elsewhere_is_not_overwritten(self, path):
        """Another program's change is refused, not lost; after reload() both are there."""
        book, other = lab.ProfileBook.open(path), lab.ProfileBook.open(path)
        other.save(profile("theirs"))
        theirs = path.read_bytes()
        error = refusal(lambda: book.save(profile("mine")))
        assert "changed elsewhere" in str(error)
        assert "reload()" in str(error)
        assert path.read_bytes() == theirs
        assert list(book) == ["lab"]
        book.reload()
        book.save(profile("mine"))
        assert list(lab.ProfileBook.open(path)) == ["lab", "theirs", "mine"]

    def test_a_file_that_went_away_is_a_change_too(self, path):
        """A deleted book is not brought back by a save that did not see it go."""
        book = lab.ProfileBook.open(path)
        book.save(profile())
        path.unlink()
        assert "changed elsewhere" in str(refusal(lambda: book.save(profile("b"))))
        assert not path.exists()

    def test_a_folder_that_cannot_be_written_is_one_sentence(self, tmp_path):
        """Where no file can be made, the sentence says so and the book is as it was."""
        (tmp_path / "gone").symlink_to(tmp_path / "nowhere")  # no user, not even root, gets in here
        book = lab.ProfileBook.open(tmp_path / "gone" / "book.toml")
        error = refusal(lambda: book.save(profile(connection=lab.SmtpConnection(host="h"))))
        assert "cannot be written" in str(error)
        assert "SMTP_LAB_CONFIG" in str(error)
        assert list(book) == ["lab"]

    def test_a_failed_write_leaves_nothing_behind(self, path, monkeypatch):
        """When the new file cannot take the place of the old, the half of it is removed."""
        book = lab.ProfileBook.open(path)
        path.mkdir()
        # The folder takes the place of the file a moment after the file was looked at.
        monkeypatch.setattr("smtp_lab.config.kept.read", lambda path: "")
        assert "cannot be written" in str(refusal(lambda: book.save(profile())))
        assert [entry.name for entry in path.parent.iterdir()] == ["book.toml"]

    def test_a_refused_save_keeps_no_password(self, path):
        """A password is remembered only when its profile was saved."""
        store = SecretStore()
        book = lab.ProfileBook(path, secrets=store)
        path.write_text(TEAM, encoding="utf-8")
        refusal(lambda: book.save(profile().with_password("sesame")))
        assert store.get("team", "mx.example.com:587") is None


class TestRefusing:
    """A file that cannot be used: one sentence, the file and the profiles read before untouched."""

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            (TEAM + "port = \n", 5, ["not TOML"]),
            ("[profiles.team]\nsender = ann@example.com\n", 2, ["not TOML"]),
            ('[profiles.team\nsender = "a"\n', 1, ["not TOML"]),
            ('[profiles.team]\nsender = "ann@example.com\n', 2, ["not TOML"]),
            (TEAM + TEAM, 5, ["not TOML", "twice"]),
            (TEAM + "port =", 5, ["not TOML"]),
            (TEAM + "prot = 25\n", 5, ["profile team, connection.prot", "did you mean 'port'?"]),
            (TEAM.replace("sender", "sendr"), 2, ["profile team, sendr", "did you mean 'sender'?"]),
            (TEAM.replace("host", "hots"), 4, ["connection.hots", "did you mean 'host'?"]),
            (
                TEAM + "[profiles.team.smtp]\nx = 1\n",
                5,
                ["profile team, smtp", "is not a known field"],
            ),
            (TEAM + "smtp = 1\n", 5, ["connection.smtp", "is not a known field"]),
            (TEAM + "port = 0\n", 5, ["connection.port", "0 is not between 1 and 65535"]),
            (TEAM + 'port = "smtp"\n', 5, ["connection.port", "'smtp' is not a number"]),
            (TEAM + "port = true\n", 5, ["connection.port", "is not a number"]),
            (TEAM + "verify = 3\n", 5, ["connection.verify"]),
            (TEAM + 'timeout = "soon"\n', 5, ["connection.timeout"]),
            (TEAM + "auth = 3\n", 5, ["connection.auth"]),
            (
                TEAM + '[profiles.team.connection.auth]\nusername = "ann"\n',
                5,
                ["connection.auth.type", "is missing"],
            ),
            (
                TEAM + '[profiles.team.connection.auth]\ntype = "basic"\n',
                5,
                ["connection.auth.username", "is missing"],
            ),
            (TEAM.replace('"ann@example.com"', "3"), 2, ["profile team, sender"]),
            (
                '[profiles.team]\nsender = "a@example.com"\nconnection = 3\n',
                3,
                ["profile team, connection"],
            ),
            (
                '[profiles.team]\nsender = "a@example.com"\n',
                1,
                ["profile team, connection", "is missing"],
            ),
            ("# x\n[profiles]\nteam = 3\n", 3, ["profile team: is not a table", "[profiles.team]"]),
            ("profiles = 3\n", 1, ["profiles: is not a table"]),
            ("\n[[profiles]]\nx = 1\n", 2, ["profiles: is not a table"]),
            ('[profiles."te am"]\n' + TEAM, 1, ["profile te am, name", "is not a profile name"]),
            (
                '# x\n\n[profiles.team]\nname = "other"\n',
                4,
                ["profile team, name", "take the line out"],
            ),
            (TEAM + "[settings]\nx = 1\n", 5, ["settings: is not a known key", "[profiles.team]"]),
            ("x = 1\n" + TEAM, 1, ["x: is not a known key"]),
            ("profile = 1\n", 1, ["profile: is not a known key"]),
        ],
    )
    def test_the_line_and_the_field_are_named(self, path, text, line, words):
        """A typo, an unknown key, a wrong type or value: the file, the line and what is wrong."""
        path.write_text(text, encoding="utf-8")
        error = refusal(lambda: lab.ProfileBook.open(path))
        assert error.line == line
        assert str(error).startswith(f"{path}, line {line}: ")
        assert all(word in str(error) for word in words)
        assert path.read_text(encoding="utf-8") == text

    def test_a_password_in_the_file_is_refused(self, path):
        """The sentence names the line and the variable, and does not repeat the password."""
        path.write_text(
            TEAM
            + '[profiles.team.connection.auth]\ntype = "basic"\nusername = "a"\npassword = "sesame"\n',
            encoding="utf-8",
        )
        error = refusal(lambda: lab.ProfileBook.open(path))
        assert error.line == 8
        assert "change the secret" in str(error)
        assert "SMTP_LAB_PROFILES__TEAM__PASSWORD" in str(error)
        assert "sesame" not in str(error)

    @pytest.mark.parametrize(
        ("at", "words"),
        [
            ("profiles.team", "password: is not a known field"),
            ("profiles.team.connection", "connection.password: stands in the file"),
        ],
    )
    def test_a_password_elsewhere_in_the_file_is_refused_too(self, path, at, words):
        """A password in another table is refused as well, and not repeated either."""
        path.write_text(TEAM.replace(f"[{at}]", f'[{at}]\npassword = "sesame"'), encoding="utf-8")
        error = refusal(lambda: lab.ProfileBook.open(path))
        assert words in str(error)
        assert "sesame" not in str(error)

    @pytest.mark.parametrize("data", [b"\xff\xfe", TEAM.encode("utf-16"), b'x = "\xe9"\n'])
    def test_what_is_not_utf_8_is_a_sentence(self, path, data):
        """A file of another encoding is refused and left as it is."""
        path.write_bytes(data)
        assert "is not UTF-8 text" in str(refusal(lambda: lab.ProfileBook.open(path)))
        assert path.read_bytes() == data

    def test_what_cannot_be_read_is_a_sentence(self, tmp_path):
        """A folder in the place of the file, and a file in the place of the folder."""
        (tmp_path / "file").write_text("", encoding="utf-8")
        for path in (tmp_path, tmp_path / "file" / "book.toml", tmp_path / ("x" * 300)):
            error = refusal(lambda: lab.ProfileBook.open(path))  # noqa: B023  # called at once
            assert "cannot be read (" in str(error)
            assert error.line is None

    @given(st.text())
    @settings(max_examples=200)
    def test_any_text_is_a_book_or_one_sentence(self, text):
        """Whatever stands in the file, opening it gives a book or a ConfigFileError."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "book.toml")
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            try:
                lab.ProfileBook.open(path)
            except ConfigFileError as error:
                assert str(error).startswith(str(path))  # noqa: PT017  # either outcome is right

    def test_a_file_spoilt_later_leaves_the_profiles(self, path):
        """reload() of a file that can no longer be used keeps what was read before."""
        book = lab.ProfileBook.open(path)
        book.save(profile())
        path.write_text("[profiles", encoding="utf-8")
        assert refusal(book.reload).line == 1
        assert book["team"] == profile()
        assert "changed elsewhere" in str(refusal(lambda: book.save(profile("b"))))
        assert path.read_text(encoding="utf-8") == "[profiles"


def many(path, *names, text="") -> lab.ProfileBook:
    """A book with the profiles of these names."""
    if text:
        path.write_text(text, encoding="utf-8")
    book = lab.ProfileBook(path, secrets=SecretStore())
    book.save_all([profile(name) for name in names])
    return book


class TestDefault:
    """There is always exactly one default."""

    def test_the_built_in_one_comes_first(self, path):
        """Where none was chosen, the built-in profile is the default."""
        assert many(path, "team").default == "lab"
        assert "default" not in path.read_text(encoding="utf-8")

    def test_without_it_the_first_of_the_file_is(self, path):
        """Where the built-in one is switched off and none was chosen, the first is the default."""
        assert many(path, "one", "two", text="builtin = false\n").default == "one"

    def test_making_one_default_unmakes_the_other(self, path):
        """The file names one default, whichever was chosen last, above its tables."""
        book = many(path, "one", "two")
        for name in ("one", "two", "lab", "one"):
            book.default = name
            assert book.default == lab.ProfileBook.open(path).default == name
            text = path.read_text(encoding="utf-8")
            assert text.count("default") == 1
            assert text.index("default") < text.index("[profiles")

    def test_save_can_make_it_the_default(self, path):
        """save(make_default=True) does both in one step."""
        book = many(path, "one")
        book.save(profile("two"), make_default=True)
        assert book.default == "two"
        book.save(book["lab"], make_default=True)
        assert lab.ProfileBook.open(path).default == "lab"

    def test_an_unknown_default_is_refused(self, path):
        """A default that is no profile is refused where it is set and where it is read."""
        book = many(path, "team")
        with pytest.raises(UnknownNameError, match="did you mean 'team'"):
            book.default = "taem"
        path.write_text('\ndefault = "taem"\n' + TEAM, encoding="utf-8")
        error = refusal(book.reload)
        assert (error.line, "names 'taem', which is no profile" in str(error)) == (2, True)

    def test_deleting_the_default_asks_for_the_next(self, path):
        """The refusal names the others, and nothing was deleted."""
        book = many(path, "one", "two")
        book.default = "one"
        with pytest.raises(InputError, match="one is the default; name one of lab, two"):
            book.delete("one")
        with pytest.raises(InputError, match="which is to be deleted; name one of lab, two"):
            book.delete("one", next_default="one")
        with pytest.raises(UnknownNameError):
            book.delete("one", next_default="three")
        assert book.default == "one"
        book.delete("one", next_default="two")
        assert (list(book), book.default) == (["lab", "two"], "two")

    def test_a_default_that_nobody_chose_asks_too(self, path):
        """The first profile is the default without being named so: deleting it asks as well."""
        book = many(path, "one", "two", "three", text="builtin = false\n")
        with pytest.raises(InputError, match="one is the default"):
            book.delete("one")
        book.delete("one", next_default="three")
        assert book.default == lab.ProfileBook.open(path).default == "three"

    def test_the_last_one_goes_without_a_question(self, path):
        """Where nothing is left, there is nothing to ask."""
        book = many(path, "one", text="builtin = false\n")
        book.delete("one")
        assert list(book) == []

    def test_another_one_goes_without_a_question(self, path):
        """Deleting a profile that is not the default leaves the default."""
        book = many(path, "one", "two")
        book.default = "one"
        book.delete("two")
        assert (list(book), book.default) == (["lab", "one"], "one")

    def test_a_chosen_default_outlives_being_switched_off(self, path, monkeypatch):
        """lab as default, lab switched off: the first other one is taken, and lab again after."""
        book = many(path, "team")
        book.default = "lab"
        book.set_activity("report", "lab")
        monkeypatch.setenv("SMTP_LAB_BUILTIN", "false")
        book.reload()
        assert (book.default, book.for_activity("report").name) == ("team", "team")
        book.save(profile("other"))
        monkeypatch.delenv("SMTP_LAB_BUILTIN")
        book.reload()
        assert (book.default, book.for_activity("report").name) == ("lab", "lab")


class TestDeleting:
    """Deletion is final."""

    def test_it_takes_everything_along(self, path):
        """Profile, secrets, health and its place in the activities are gone."""
        book = many(path, "other")
        book.save(profile().with_password("sesame"))
        book.record_test("team", ok=False, diagnosis="auth")
        book.set_activity("report", "team")
        book.set_activity("news", "other")
        said = book.delete("team")
        assert said == (
            "Deleted team with its secrets, for good. The default is lab."
            " Mail of report goes through the default now."
        )
        again = lab.ProfileBook(path, secrets=book.secrets)
        for read in (book, again):
            assert list(read) == ["lab", "other"]
            assert read.activities == {"news": "other"}
            assert not read.health("team").warning
        book.save(profile())
        assert book["team"].password is None

    def test_the_built_in_one_stays(self, path):
        """lab cannot be deleted, and the sentence says how to switch it off."""
        with pytest.raises(InputError, match="built in and cannot be deleted; set builtin = False"):
            many(path).delete("lab")

    def test_an_unknown_one_is_a_suggestion(self, path):
        """A misspelt name deletes nothing."""
        with pytest.raises(UnknownNameError, match="did you mean 'team'"):
            many(path, "team").delete("taem")

    def test_comments_of_the_others_stay(self, path):
        """What stands in other tables is as it was."""
        text = (
            "# mine\n"
            + TEAM
            + "\n[profiles.other] # his\n"
            + TEAM.partition("\n")[2].replace("[profiles.team", "[profiles.other")
        )
        book = many(path, text=text)
        book.delete("team")
        assert "# mine" in path.read_text(encoding="utf-8")
        assert "[profiles.other] # his\n" in path.read_text(encoding="utf-8")

    def test_its_own_comment_goes_and_the_neighbour_s_stays(self, path):
        """A comment above a table belongs to that table, whatever its header looks like."""
        body = TEAM.partition("\n")[2]
        one, two, three = (body.replace("profiles.team", f"profiles.{n}") for n in ("a", "b", "c"))
        text = (
            f"# All of us.\n\n# the first\n[profiles.a]\n{one}\n"
            f"# the second\n# (in two lines)\n[profiles.'b']\n{two}\n# the third\n[profiles.c]\n{three}"
        )
        book = many(path, text=text)
        book.delete("b")
        left = path.read_text(encoding="utf-8")
        assert "# All of us.\n\n# the first\n[profiles.a]\n" in left
        assert "# the third\n[profiles.c]\n" in left
        assert "second" not in left
        assert "two lines" not in left

    def test_what_looks_like_a_header_in_a_text_is_none(self, path):
        """A description of several lines may quote a book."""
        book = many(path, "a", "b")
        book.save(profile("a", description="see\n# mine\n[profiles.b]\nsender = 1"))
        book.delete("b")
        assert book["a"].description == "see\n# mine\n[profiles.b]\nsender = 1"
        book.rename("a", "c")
        assert list(lab.ProfileBook.open(path)) == ["lab", "c"]


class TestDuplicating:
    """A copy has everything but the secrets."""

    def test_names_are_counted(self, path):
        """NAME_copied, then NAME_copied2 and so on, taking the first that is free."""
        book = many(path, "team")
        names = [book.duplicate("team").name for _ in range(3)]
        assert names == ["team_copied", "team_copied2", "team_copied3"]
        book.delete("team_copied2")
        assert book.duplicate("team").name == "team_copied2"
        assert book.duplicate("team_copied").name == "team_copied_copied"

    def test_a_long_name_is_cut_to_fit(self, path):
        """A name of 50 characters gives copies of 50 that differ."""
        book = many(path, "x" * 50)
        names = [book.duplicate("x" * 50).name for _ in range(11)]
        assert names[0] == "x" * 43 + "_copied"
        assert names[10] == "x" * 41 + "_copied11"
        assert {len(name) for name in names} == {50}
        assert len(set(names)) == 11

    def test_all_but_the_secret_is_copied(self, path):
        """The copy differs in name and password only, and is in the file."""
        book = many(path)
        made = profile(description="d", signature="-- \nAnn", recipients_as="bcc")
        book.save(made.with_password("sesame"))
        copied = book.duplicate("team")
        assert copied == made.replace(name="team_copied")
        assert lab.ProfileBook.open(path)["team_copied"] == copied
        assert book["team_copied"].password is None
        assert book["team"].password.reveal() == "sesame"

    @pytest.mark.parametrize("secret", ["new", lab.Secret("new")], ids=["text", "Secret"])
    @pytest.mark.parametrize(
        ("connection", "field"),
        [
            (lab.SmtpConnection(host="h", auth=lab.BasicAuth(username="a")), "password"),
            (
                lab.GraphConnection(user="a@example.com", tenant_id="t", client_id="c"),
                "client_secret",
            ),
            *(
                (
                    lab.SmtpConnection(
                        host="h",
                        auth=lab.OAuth2(
                            user="a",
                            client_id="c",
                            token_url="https://login.example.com",
                            grant=grant,
                        ),
                    ),
                    field,
                )
                for grant, field in {
                    "client_credentials": "client_secret",
                    "refresh_token": "refresh_token",
                    "service_account": "service_account_key",
                }.items()
            ),
        ],
        ids=["basic", "graph", "client_credentials", "refresh_token", "service_account"],
    )
    def test_the_new_secret_goes_where_it_belongs(self, path, connection, field, secret):
        """The secret of the copy is the one that its login cannot do without."""
        book = many(path)
        book.save(profile(connection=connection))
        book.duplicate("team", secret=secret)
        assert {f: s.reveal() for f, s in book["team_copied"].secrets.items()} == {field: "new"}
        assert book["team"].secrets == {}

    def test_the_built_in_one_can_be_copied(self, path):
        """A copy of lab is an account of one's own that can be changed."""
        book = many(path)
        copied = book.duplicate("lab")
        book.save(copied.replace(description="mine"))
        assert book["lab_copied"].description == "mine"


class TestRenaming:
    """A new name for the same account."""

    BOOK = """\
# my accounts
default = "team" # the usual one

[activities]
report = "team" # on Mondays

# the team
[profiles.team] # first
sender = "ann@example.com" # me
# how
[profiles.team.connection]
host = "mx.example.com" # there
[profiles.teams] # not this one
sender = "bob@example.com"
connection = { host = "h" }
"""

    def test_comments_and_order_stay(self, path):
        """Only the name changes in the file, wherever it is meant."""
        path.write_text(self.BOOK, encoding="utf-8")
        book = lab.ProfileBook.open(path)
        book.rename("team", "crew_2")
        wanted = self.BOOK.replace('"team"', '"crew_2"').replace(
            "profiles.team]", "profiles.crew_2]"
        )
        wanted = wanted.replace("profiles.team.", "profiles.crew_2.")
        assert path.read_text(encoding="utf-8") == wanted
        assert (book.default, list(book)) == ("crew_2", ["lab", "crew_2", "teams"])
        assert book.for_activity("report").name == "crew_2"

    @pytest.mark.parametrize(
        "text",
        [
            TEAM,
            TEAM.replace("[profiles.team", '[profiles."team"'),
            TEAM.replace("[profiles.team", '[ "profiles" . team'),
            'profiles = { team = { sender = "ann@example.com", connection = { host = "mx.example.com" } } }\n',
            '[profiles]\nteam = { sender = "ann@example.com", connection = { host = "mx.example.com" } }\n',
            TEAM.replace(
                "[profiles.team]", "[profiles.team]\ndescription = '''\n[profiles.team]\n'''"
            ),
            OUT_OF_ORDER,
        ],
    )
    def test_however_the_file_is_written(self, path, text):
        """In every usual layout the profile is the same under its new name, texts included."""
        book = many(path, text=text)
        wanted = [p.replace(name="crew") if p.name == "team" else p for p in own(book).values()]
        book.rename("team", "crew")
        assert sorted(own(book)) == sorted(p.name for p in wanted)
        assert own(lab.ProfileBook.open(path)) == {p.name: p for p in wanted}

    def test_a_secret_of_the_environment_stays_there(self, path, monkeypatch):
        """What the environment gives is kept nowhere else, so the new name does not have it."""
        book = many(path, "team")
        monkeypatch.setenv("SMTP_LAB_PROFILES__TEAM__PASSWORD", "sesame")
        assert book["team"].password.reveal() == "sesame"
        book.rename("team", "crew")
        assert book["crew"].password is None

    def test_secrets_and_health_go_along(self, path):
        """Nothing has to be typed again, and nothing stays under the old name."""
        book = many(path)
        book.save(profile().with_password("sesame"))
        book.record_test("team", ok=True)
        book.rename("team", "crew")
        assert book["crew"].password.reveal() == "sesame"
        assert book.health("crew").ok is True
        assert book.health("team").ok is None
        book.save(profile())
        assert book["team"].password is None

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("team", "other", "'other' is taken"),
            ("team", "team", "'team' is taken"),
            ("team", "lab", "'lab' is taken"),
            ("team", "a b", "is not a profile name"),
            ("lab", "mine", "keeps its name; duplicate it instead"),
            ("taem", "mine", "did you mean 'team'"),
        ],
    )
    def test_what_cannot_be_is_a_sentence(self, path, old, new, words):
        """A name that is taken, reserved or none at all changes nothing."""
        book = many(path, "team", "other")
        before = path.read_bytes()
        with pytest.raises(InputError, match=words):
            book.rename(old, new)
        assert path.read_bytes() == before

    def test_lab_stays_reserved_while_it_is_off(self, path):
        """Also where the built-in profile is switched off, no other takes its name."""
        book = many(path, "team", text="builtin = false\n")
        with pytest.raises(InputError, match="'lab' is taken"):
            book.rename("team", "lab")
        with pytest.raises(InputError, match="'lab' is not in"):
            book.save(profile("lab"))
        assert list(lab.ProfileBook.open(path)) == ["team"]

    @pytest.mark.parametrize(
        "text",
        [
            '# one\n["profiles" . \'team\'] # two\n{body}# three\n[profiles."team".connection]\n{more}',
            '[profiles]\n# one\n"team".sender = "a@example.com" # two\n# three\nteam.connection.host = "h"\n',
            '# one\nprofiles.team.sender = "a@example.com" # two\n# three\nprofiles.team.connection.host = "h"\n',
            '# one\n[profiles] # two\nteam = {{ sender = "a@example.com", connection = {{ host = "h" }} }} # three\n',
        ],
    )
    def test_comments_stay_however_the_name_is_written(self, path, text):
        """Quoted headers, dotted keys and tables in a line keep their comments."""
        body, more = 'sender = "a@example.com"\n', 'host = "h"\n'
        book = many(path, text=text.format(body=body, more=more))
        book.rename("team", "crew")
        left = path.read_text(encoding="utf-8")
        assert [word in left for word in ("# one", "# two", "# three")] == [True] * 3
        assert list(lab.ProfileBook.open(path)) == ["lab", "crew"]

    def test_capitals_alone_may_change(self, path):
        """team can become Team, with its secret."""
        book = many(path, "team")
        book.save(profile().with_password("sesame"))
        book.rename("team", "Team")
        assert book["Team"].password.reveal() == "sesame"


class TestNamesInCapitals:
    """The environment knows no case, so names differ in more than that."""

    @pytest.mark.parametrize(
        "action",
        [
            lambda b: b.save(profile("Team")),
            lambda b: b.rename("other", "TEAM"),
            lambda b: b.save_all([profile("new"), profile("NEW")]),
            lambda b: b.save(profile("Lab")),
            lambda b: b.import_toml(b.export_toml(["team"]).replace("team", "tEAM")),
        ],
    )
    def test_a_twin_is_refused(self, path, action):
        """Two names that differ in nothing but capitals would share their passwords."""
        book = many(path, "team", "other")
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"is taken|are taken"):
            action(book)
        assert path.read_bytes() == before

    def test_a_copy_finds_a_free_name(self, path):
        """duplicate() passes over names that are taken in other letters."""
        assert many(path, "team", "Team_COPIED").duplicate("team").name == "team_copied2"

    def test_a_file_with_twins_is_refused_with_the_line(self, path):
        """Written by hand, the second of them is named."""
        text = TEAM + TEAM.replace("profiles.team", "profiles.Team")
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigFileError, match="differs from 'team' in nothing") as caught:
            lab.ProfileBook.open(path)
        assert caught.value.line == TEAM.count("\n") + 1


class TestSettingsOfTheBook:
    """What belongs to no profile is changed by name."""

    def test_the_built_in_profile_is_switched_off_and_on(self, path):
        """builtin is a property, and in the file."""
        book = many(path, "team")
        assert book.builtin is True
        book.builtin = False
        assert list(lab.ProfileBook(str(path))) == ["team"]
        book.builtin = True
        assert list(book) == ["lab", "team"]

    def test_activities_are_changed_with_set_activity_only(self, path):
        """A change to what activities gives is an error, not lost."""
        with pytest.raises(TypeError):
            many(path).activities["report"] = "lab"


class TestActivities:
    """Which mail goes through which profile."""

    def test_an_activity_without_a_profile_uses_the_default(self, path):
        """The map leads to a profile, everything else to the default, also when that changes."""
        book = many(path, "team", "other")
        book.set_activity("password_reset", "team")
        assert book.for_activity("password_reset").name == "team"
        assert book.for_activity("report").name == "lab"
        book.default = "other"
        assert book.for_activity("report").name == "other"
        assert lab.ProfileBook.open(path).activities == {"password_reset": "team"}
        book.set_activity("password_reset", None)
        book.set_activity("never_set", None)
        assert book.activities == {}
        assert book.for_activity("password_reset").name == "other"

    @pytest.mark.parametrize(
        ("activity", "to", "words"),
        [
            ("report", "taem", "did you mean 'team'"),
            ("a b", "team", "'a b' is not the name of an activity"),
            ("", None, "is not the name of an activity"),
            ("a.b", "team", "is not the name of an activity"),
        ],
    )
    def test_a_bad_one_is_a_sentence(self, path, activity, to, words):
        """An unknown profile and an impossible name are refused before anything is written."""
        book = many(path, "team")
        with pytest.raises(InputError, match=words):
            book.set_activity(activity, to)
        assert book.activities == {}

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ('report = "taem"', "activities.report: names 'taem', which is no profile"),
            ("report = 3", "activities.report: names 3"),
            ('"a b" = "team"', "is not the name of an activity"),
        ],
    )
    def test_a_bad_one_in_the_file_names_its_line(self, path, line, words):
        """The line of the activity is named."""
        path.write_text(f"{TEAM}[activities]\n{line}\n", encoding="utf-8")
        error = refusal(lambda: lab.ProfileBook.open(path))
        assert (error.line, words in str(error)) == (6, True)


class TestSavingSeveral:
    """All of an import or none of it."""

    def test_it_is_one_step(self, path):
        """When one of them cannot be saved, none is."""
        book = many(path, "old")
        before = path.read_bytes()
        wrong = book["lab"].replace(description="changed")
        with pytest.raises(InputError, match="built-in profile"):
            book.save_all([profile("one"), wrong])
        assert path.read_bytes() == before

    def test_more_servers_than_anyone_tries_in_a_minute(self, path):
        """A file with many servers is saved in one go."""
        book = many(path)
        book.save_all(
            [profile(f"p{n}", connection=lab.SmtpConnection(host=f"h{n}.test")) for n in range(40)]
        )
        assert len(lab.ProfileBook.open(path)) == 41


LETTERS = st.characters(exclude_categories=["Cs"])
LOCAL = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", fullmatch=True)
DOMAIN = st.sampled_from(
    ["example.com", "mail.example.org", "x.test", "münchen.example", "localhost", "[127.0.0.1]"]
)
ADDRESS = st.builds("{}@{}".format, LOCAL, DOMAIN)
SENDER = st.one_of(ADDRESS, st.builds("{} <{}>".format, st.text(LETTERS), ADDRESS))
NAME = st.from_regex(r"[A-Za-z0-9_]{1,50}", fullmatch=True)
URL = st.sampled_from(["https://login.example.com/token?x=1", "http://localhost:8080/token"])
AUTH = st.one_of(
    st.just({"type": "none"}),
    st.fixed_dictionaries(
        {"type": st.just("basic"), "username": st.text(min_size=1)},
        optional={"mechanism": st.sampled_from(["auto", "PLAIN", "LOGIN", "CRAM-MD5"])},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("oauth2"),
            "user": st.one_of(ADDRESS, st.text(min_size=1)),
            "client_id": st.text(min_size=1),
            "token_url": st.one_of(URL, st.text()),
        },
        optional={
            "grant": st.sampled_from(
                ["client_credentials", "refresh_token", "device_code", "authorization_code"]
            ),
            "scopes": st.lists(st.from_regex(r"[!-~]{0,9}", fullmatch=True), max_size=3),
            "auth_url": URL,
            "device_url": URL,
            "mechanism": st.sampled_from(["auto", "XOAUTH2", "OAUTHBEARER"]),
        },
    ),
)
SMTP = st.fixed_dictionaries(
    {
        "type": st.just("smtp"),
        "host": st.one_of(
            st.sampled_from(["mx.example.com", "::1", "münchen.example"]), st.text(min_size=1)
        ),
    },
    optional={
        "port": st.integers(1, 65535),
        "security": st.sampled_from(["none", "tls-if-offered", "starttls", "implicit"]),
        "min_tls": st.sampled_from(["1.0", "1.1", "1.2", "1.3"]),
        "verify": st.booleans(),
        "ca_file": st.one_of(st.none(), st.text()),
        "ehlo_name": st.one_of(st.none(), st.from_regex(r"[a-z0-9.\-\[\]]*", fullmatch=True)),
        "timeout": st.floats(0, 600, exclude_min=True),
        "auth": AUTH,
    },
)
GRAPH = st.fixed_dictionaries(
    {
        "type": st.just("graph"),
        "user": ADDRESS,
        "tenant_id": st.from_regex(r"[0-9a-f.\-]{1,36}", fullmatch=True),
        "client_id": st.from_regex(r"[0-9a-f\-]{1,36}", fullmatch=True),
    },
    optional={
        "cloud": st.sampled_from(["global", "us-government", "china"]),
        "timeout": st.floats(0, 600, exclude_min=True),
    },
)
PROFILE = st.fixed_dictionaries(
    {"name": NAME, "sender": SENDER, "connection": st.one_of(SMTP, GRAPH)},
    optional={
        "description": st.text(max_size=1000),
        "signature": st.text(max_size=250),
        "reply_to": st.one_of(st.none(), SENDER),
        "recipients_as": st.sampled_from(["to", "cc", "bcc"]),
        "save_to_sent": st.booleans(),
    },
)
CONTACT = st.fixed_dictionaries(
    {"address": ADDRESS}, optional={"name": st.text(), "groups": st.lists(st.text(), max_size=3)}
)
POLICY = st.fixed_dictionaries(
    {},
    optional={
        "approved_domains": st.lists(DOMAIN, max_size=4),
        "encrypted_only": st.booleans(),
        "redirect_all_to": st.one_of(st.none(), ADDRESS),
        "suggestions": st.sampled_from(["all", "same group", "none"]),
    },
)


def built(kind):
    """Makes one of a kind, or None where that is refused."""

    def build(data: dict):
        try:
            return kind(**data)
        except InputError:
            return None

    return build


PROFILES = PROFILE.map(built(lab.Profile)).filter(lambda p: p and p.name != "lab")
CONTACTS = CONTACT.map(built(Contact)).filter(bool)


@given(
    st.lists(PROFILES, min_size=1, max_size=4),
    st.dictionaries(NAME, st.integers(0, 9), max_size=3),
    st.lists(CONTACTS, max_size=3),
    POLICY.map(built(Policy)).filter(bool),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_any_book_that_can_be_built_is_saved_and_loaded_unchanged(
    profiles, activities, contacts, policy, chance
):
    """Profiles of every kind, activities, contacts, policy and default survive the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.toml")
        book = lab.ProfileBook(path, secrets=SecretStore())
        wanted = {one.name: one for one in profiles}
        steps = [
            lambda: book.save_all(profiles),
            lambda: setattr(book, "contacts", contacts),
            lambda: setattr(book, "policy", policy),
        ]
        for step in chance.sample(steps, 3):
            step()
        names = list(book)
        leads_to = {a: names[n % len(names)] for a, n in activities.items()}
        for activity, name in leads_to.items():
            book.set_activity(activity, name)
        book.default = chance.choice(names)
        for read in (book, lab.ProfileBook(path, secrets=SecretStore())):
            assert own(read) == wanted
            assert read.activities == leads_to
            assert (read.contacts, read.policy) == (tuple(contacts), policy)
            assert read.default == book.default
        before = path.read_bytes()
        book.save_all(own(book).values())
        assert path.read_bytes() == before


TEXT = st.one_of(st.text(), st.text(st.characters(categories=["Cc", "Cs", "Zl", "Po"])))


@given(
    st.sampled_from(
        [
            "description", "signature", "sender", "reply_to", "recipients_as", "name",
            "connection.host", "connection.port", "connection.security", "connection.min_tls",
            "connection.ca_file", "connection.ehlo_name", "connection.timeout", "connection.verify",
            "connection.auth.username", "connection.auth.mechanism", "connection.auth.type",
        ]
    ),
    TEXT,
)  # fmt: skip
@settings(max_examples=300)
def test_any_text_in_any_field_comes_back_or_is_one_sentence(field, text):
    """Whatever is typed into a field, the book has it afterwards or one line says why not."""
    data = profile().to_dict()
    at = data
    for part in field.split(".")[:-1]:
        at = at[part]
    at[field.rpartition(".")[2]] = text
    try:
        made = lab.Profile(**data)
    except InputError as error:
        assert next(iter(error.by_field)).startswith(field.rpartition(".")[0])  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017  # either outcome is right
        return
    if made.name == "lab":
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.toml")
        lab.ProfileBook(path, secrets=SecretStore()).save_all([made])
        assert lab.ProfileBook(path, secrets=SecretStore())[made.name] == made


@given(st.sampled_from(["address", "name", "groups"]), TEXT)
def test_any_text_of_a_contact_comes_back_or_is_one_sentence(field, text):
    """Contacts take any text that a file can hold."""
    data = {"address": "ann@example.com", field: [text] if field == "groups" else text}
    try:
        made = Contact(**data)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017  # either outcome is right
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.toml")
        lab.ProfileBook.open(path).contacts = (made,)
        assert lab.ProfileBook.open(path).contacts == (made,)


WRITER = """
import sys
import smtp_lab as lab
from smtp_lab.config.nearby import announce
book = lab.ProfileBook.open(sys.argv[1])
base = book["team"]
announce(lambda: base.connection)  # which no throttle slows
print("ready", flush=True)
sys.stdin.readline()
for n in range(200):
    book.save(base.replace(description=f"{n} " + "x" * (n * 37 % 900)))
"""


def test_a_reader_never_sees_a_part_of_the_file(path):
    """While another process saves again and again, every read is a whole book."""
    lab.ProfileBook.open(path).save(profile(description="0 "))
    seen = set()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        while writer.poll() is None:
            description = lab.ProfileBook.open(path)["team"].description
            number, _, filler = description.partition(" ")
            assert filler == "x" * (int(number) * 37 % 900)
            seen.add(number)
    assert writer.returncode == 0
    assert len(seen) > 1
    assert lab.ProfileBook.open(path)["team"].description.startswith("199 ")


RIVAL = """
import sys
import smtp_lab as lab
from smtp_lab.config.nearby import announce
from smtp_lab.errors import ConfigFileError
path, mine = sys.argv[1:]
connection = lab.SmtpConnection(host="h.test")
announce(lambda: connection)
print("ready", flush=True)
sys.stdin.readline()
for n in range(25):
    made = lab.Profile(name=f"{mine}{n}", sender="a@example.com", connection=connection)
    while True:
        try:
            lab.ProfileBook.open(path).save(made)
            break
        except ConfigFileError as error:
            assert "changed elsewhere" in str(error), error
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_of_two_writers_neither_loses_a_change(path):
    """Two processes that save as fast as they can end with every profile of both in the file."""
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(path), mine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mine in ("a", "b")
    ]
    for rival in rivals:
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    for rival in rivals:
        rival.communicate()
        assert rival.returncode == 0
    wanted = {f"{mine}{n}" for mine in ("a", "b") for n in range(25)}
    assert set(lab.ProfileBook.open(path)) == wanted | {"lab"}


def test_of_two_threads_with_one_book_neither_loses_a_change(path):
    """A book is one object for a kernel: saves from a form and a thread do not pass each other."""
    book = many(path)

    def save(who):
        for n in range(15):
            book.save_all([profile(f"{who}{n}")])

    threads = [threading.Thread(target=save, args=(who,)) for who in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(own(lab.ProfileBook.open(path))) == sorted(
        f"{w}{n}" for w in "ab" for n in range(15)
    )


def test_of_two_links_to_one_book_neither_loses_a_change(tmp_path):
    """Links in two folders lead to one file, which is what is locked; health stands beside it."""
    (tmp_path / "real").mkdir()
    books = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b.toml").symlink_to(tmp_path / "real" / "b.toml")
        books.append(lab.ProfileBook(tmp_path / folder / "b.toml", secrets=SecretStore()))

    def save(book, who):
        for n in range(15):
            while True:
                try:
                    book.save_all([profile(f"{who}{n}")])
                    break
                except ConfigFileError:
                    book.reload()

    threads = [threading.Thread(target=save, args=(b, w)) for b, w in zip(books, "ab", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(own(lab.ProfileBook.open(tmp_path / "real" / "b.toml"))) == 30
    books[0].record_test("a0", ok=False)
    assert books[1].health("a0").warning
    assert {f.name for f in (tmp_path / "one").iterdir()} == {"b.toml"}


def test_a_book_stays_where_it_was_opened(tmp_path, monkeypatch):
    """A relative path means the folder of that moment, whatever %cd does later."""
    for name in ("d1", "d2"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "d1")
    book = lab.ProfileBook("rel.toml", secrets=SecretStore())
    monkeypatch.chdir(tmp_path / "d2")
    book.save(profile())
    assert book.path == tmp_path / "d1" / "rel.toml"
    assert book.path.exists()
    assert not (tmp_path / "d2" / "rel.toml").exists()


class TestText:
    """What a person wrote into the file stays."""

    def test_comments_at_contacts_and_in_lists_stay(self, path):
        """One more contact or domain touches nothing else."""
        text = (
            '[policy]\napproved_domains = [\n  "a.example", # ours\n  "b.example", # theirs\n]\n'
            '[[contacts]] # the boss\naddress = "x@example.com"\n'
            '# about y\n[[contacts]]\naddress = "y@example.com" # y\n'
        )
        book = many(path, text=text)
        book.contacts = (*book.contacts, lab.Contact(address="z@example.com"))
        book.policy = book.policy.replace(approved_domains="a.example, b.example, c.example")
        left = path.read_text(encoding="utf-8")
        for comment in ("# ours", "# theirs", "# the boss", "# about y", "# y"):
            assert comment in left
        book.contacts = book.contacts[1:]
        assert [c.address for c in book.contacts] == ["y@example.com", "z@example.com"]
        assert 'address = "y@example.com" # y' in path.read_text(encoding="utf-8")

    def test_what_stands_apart_from_a_deleted_profile_stays(self, path):
        """Headings before the next profile and the last lines of the file belong to nobody."""
        body = TEAM.partition("\n")[2]
        one, two = (body.replace("profiles.team", f"profiles.{n}") for n in "ab")
        text = f"# top\n\n[profiles.a]\n{one}\n# == production ==\n\n# about b\n[profiles.b]\n{two}\n# vim: ft=toml\n"
        book = many(path, text=text)
        book.delete("a")
        assert "# == production ==\n\n# about b\n[profiles.b]\n" in path.read_text(encoding="utf-8")
        book.delete("b")
        left = path.read_text(encoding="utf-8")
        assert "# == production ==" in left
        assert "# vim: ft=toml" in left
        assert "about b" not in left

    def test_line_ends_and_byte_order_mark_stay(self, path):
        """A file of Windows stays one."""
        path.write_bytes(b"\xef\xbb\xbf" + TEAM.replace("\n", "\r\n").encode())
        book = many(path)
        book.save(profile("other"))
        data = path.read_bytes()
        assert data.startswith(b"\xef\xbb\xbf[profiles.team]\r\n")
        assert data.count(b"\r\n") == data.count(b"\n")
        assert list(lab.ProfileBook.open(path)) == ["lab", "team", "other"]

    @pytest.mark.parametrize(
        ("before", "line"),
        [
            ("# a\u2028b\u0085c\n", 2),
            (
                '[profiles.b]\ndescription = """\n[profiles.a]\nx = 1\n"""\nsender = "b@example.com"\n[profiles.b.connection]\nhost = "h"\n',
                9,
            ),
        ],
    )
    def test_the_line_is_right(self, path, before, line):
        """Odd line ends in comments and headers quoted in texts do not move it."""
        path.write_text(f"{before}[profiles.a]\nsendr = 1\n", encoding="utf-8")
        with pytest.raises(ConfigFileError) as caught:
            lab.ProfileBook.open(path)
        assert caught.value.line == line

    def test_too_deep_a_file_is_a_sentence(self, path):
        """Tables in tables in tables end in a refusal, not in a recursion."""
        path.write_text("a = " + "[" * 5000 + "]" * 5000, encoding="utf-8")
        assert "nested too deeply" in str(refusal(lambda: lab.ProfileBook.open(path)))


class TestOddValues:
    """What is no profile, policy or contact is a sentence, too."""

    @pytest.mark.parametrize(
        ("action", "words"),
        [
            (lambda b: b[5], "5 is not in"),
            (lambda b: setattr(b, "default", None), "None is not in"),
            (lambda b: setattr(b, "policy", {}), "policy: is a dict, not a Policy"),
            (lambda b: setattr(b, "contacts", ["x@example.com"]), "contacts: is a str, not a Contact"),
            (lambda b: setattr(b, "builtin", "perhaps"), "builtin: is neither true nor false"),
            (lambda b: b.duplicate("open", secret="x"), "open logs in without one; leave it out"),
        ],
    )  # fmt: skip
    def test_it_is_refused(self, path, action, words):
        """One sentence, and the file is as it was."""
        book = many(path, "team")
        book.save(profile("open", connection=lab.SmtpConnection(host="h")))
        before = path.read_bytes()
        with pytest.raises(InputError, match=words):
            action(book)
        assert path.read_bytes() == before

    def test_activities_know_no_case(self, path):
        """As the environment does not; a second spelling takes the place of the first."""
        book = many(path, "team", "other")
        book.set_activity("Reset", "team")
        assert book.for_activity("RESET").name == "team"
        book.set_activity("reset", "other")
        assert dict(book.activities) == {"Reset": "other"}
        path.write_text(path.read_text(encoding="utf-8").replace("Reset", "a = 'team'\nA"))
        with pytest.raises(ConfigFileError, match="differs from 'a' in nothing but capitals"):
            lab.ProfileBook.open(path)

    def test_renaming_names_the_variable_that_stays_behind(self, path, monkeypatch):
        """A password in the environment belongs to the old name."""
        book = many(path, "team")
        assert book.rename("team", "crew") == "team is now called crew."
        monkeypatch.setenv("SMTP_LAB_PROFILES__CREW__PASSWORD", "sesame")
        assert "SMTP_LAB_PROFILES__CREW__PASSWORD is still set" in book.rename("crew", "team")
