"""Settings from the environment: they win, they are locked, and they never get into the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import smtp_lab as lab
from smtp_lab.config.environment import Overlay
from smtp_lab.config.paths import config_file
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.errors import InputError, UnknownNameError

BOOK = """\
# ours
default = "team"
[policy]
approved_domains = ["example.com"]
[profiles.team] # the team
sender = "ann@example.com" # from the file
[profiles.team.connection]
host = "mx.example.com"
port = 587
[profiles.team.connection.auth]
type = "basic"
username = "ann"
[profiles.Other]
sender = "bob@example.com"
[profiles.Other.connection]
host = "h.test"
"""
PORT = "SMTP_LAB_PROFILES__TEAM__CONNECTION__PORT"
SENDER = "SMTP_LAB_PROFILES__TEAM__SENDER"


@pytest.fixture
def book(tmp_path, monkeypatch):
    """book(VARIABLE="value") opens a book on the file with these variables set."""
    path = tmp_path / "book.toml"
    path.write_text(BOOK, encoding="utf-8")

    def make(**variables) -> lab.ProfileBook:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return lab.ProfileBook(path, secrets=SecretStore())

    return make


def refused(action) -> str:
    with pytest.raises(InputError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestWinning:
    """The environment wins over the file."""

    def test_a_book_can_be_kept_from_it(self, book, tmp_path):
        """With `environ={}` only the file has a say, also when it is read again."""
        given = {PORT: "2525", "SMTP_LAB_POLICY__APPROVED_DOMAINS": "x.example"}
        assert book(**given)["team"].connection.port == 2525
        alone = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(), environ={})
        for _ in range(2):
            assert alone["team"].connection.port == 587
            assert alone.policy.approved_domains == ("example.com",)
            alone.reload()

    @pytest.mark.parametrize(
        ("variable", "value", "read", "wanted"),
        [
            (PORT, "2525", lambda b: b["team"].connection.port, 2525),
            (SENDER, "X <x@example.com>", lambda b: b["team"].sender, "X <x@example.com>"),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__VERIFY", "false", lambda b: b["team"].connection.verify, False),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__TIMEOUT", "2.5", lambda b: b["team"].connection.timeout, 2.5),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__AUTH__USERNAME", "bob", lambda b: b["team"].username, "bob"),
            ("SMTP_LAB_PROFILES__OTHER__CONNECTION__HOST", "h2.test", lambda b: b["Other"].connection.host, "h2.test"),
            ("smtp_lab_profiles__Team__sender", "y@example.com", lambda b: b["team"].sender, "y@example.com"),
            ("SMTP_LAB_DEFAULT", "Other", lambda b: b.default, "Other"),
            ("SMTP_LAB_BUILTIN", "false", list, ["team", "Other"]),
            ("SMTP_LAB_BUILTIN", " NO ", None, None),
            ("SMTP_LAB_BUILTIN", "0", lambda b: "lab" in b, False),
            ("SMTP_LAB_LAB__DISPLAY_NAME", "Lab of Ann", lambda b: b["lab"].sender, "Lab of Ann <lab@example.com>"),
            ("SMTP_LAB_POLICY__APPROVED_DOMAINS", "example.org, example.net", lambda b: b.policy.approved_domains, ("example.org", "example.net")),
            ("SMTP_LAB_POLICY__ENCRYPTED_ONLY", "true", lambda b: b.policy.encrypted_only, True),
            ("SMTP_LAB_POLICY__REDIRECT_ALL_TO", "s@example.com", lambda b: b.policy.redirect_all_to, "s@example.com"),
            ("SMTP_LAB_ACTIVITIES__REPORT", "team", lambda b: b.activities, {"report": "team"}),
        ],
    )  # fmt: skip
    def test_each_kind_of_value(self, book, variable, value, read, wanted):
        """Texts, numbers, switches and lists with commas are read as the file's would be."""
        if read is None:
            assert variable in refused(lambda: book(**{variable: value}))
        else:
            assert read(book(**{variable: value})) == wanted

    def test_a_profile_can_come_from_it_alone(self, book):
        """Without a line in the file there is a profile, in small letters."""
        made = book(
            SMTP_LAB_PROFILES__CI__SENDER="ci@example.com",
            SMTP_LAB_PROFILES__CI__CONNECTION__HOST="mx.example.org",
            SMTP_LAB_PROFILES__CI__CONNECTION__AUTH__TYPE="oauth2",
            SMTP_LAB_PROFILES__CI__CONNECTION__AUTH__USER="ci@example.com",
            SMTP_LAB_PROFILES__CI__CONNECTION__AUTH__CLIENT_ID="app",
            SMTP_LAB_PROFILES__CI__CONNECTION__AUTH__TOKEN_URL="https://login.example.com",
            SMTP_LAB_PROFILES__CI__CONNECTION__AUTH__SCOPES="a,b",
            SMTP_LAB_PROFILES__CI__CLIENT_SECRET="sesame",
        )["ci"]
        assert (made.connection.auth.scopes, made.username) == (("a", "b"), "ci@example.com")
        assert made.secrets["client_secret"].reveal() == "sesame"

    def test_reload_reads_it_again(self, book, monkeypatch):
        """A variable that comes or goes is seen after reload()."""
        opened = book()
        monkeypatch.setenv(PORT, "25")
        opened.reload()
        assert opened["team"].connection.port == 25
        monkeypatch.delenv(PORT)
        opened.reload()
        assert opened["team"].connection.port == 587

    def test_what_is_ours_otherwise_is_left_alone(self, book):
        """Settings that are no part of a book, and other programs' variables, change nothing."""
        opened = book(SMTP_LAB_LOCKED="0", SMTP_LAB_SECRETS_FILE="", OTHER__PROFILES__X="1")
        assert list(opened) == ["lab", "team", "Other"]


class TestLocked:
    """What the environment gives is shown as locked and cannot be changed here."""

    def test_the_variable_is_named(self, book):
        """locked_by() says which variable gives a field, for every field alike."""
        opened = book(**{PORT: "2525", "SMTP_LAB_DEFAULT": "Other"})
        assert opened.locked_by("profiles.team.connection.port") == PORT
        assert opened.locked_by("profiles.TEAM.connection.port") == PORT
        assert opened.locked_by("default") == "SMTP_LAB_DEFAULT"
        for free in ("profiles.team.sender", "profiles.team", "policy.encrypted_only", ""):
            assert opened.locked_by(free) is None

    def test_saving_something_else_leaves_the_file_s_own_value(self, book):
        """A save writes neither the environment's value nor takes the file's own away."""
        opened = book(**{PORT: "2525", SENDER: "env@example.com"})
        opened.save(opened["team"].replace(description="new"))
        text = opened.path.read_text(encoding="utf-8")
        assert 'sender = "ann@example.com" # from the file' in text
        assert "port = 587" in text
        assert "2525" not in text
        assert "env@example.com" not in text
        assert (opened["team"].description, opened["team"].connection.port) == ("new", 2525)

    @pytest.mark.parametrize(
        ("variable", "value", "change"),
        [
            (PORT, "2525", lambda b: b.save(b["team"].replace(connection=b["team"].connection.replace(port=25)))),
            (SENDER, "env@example.com", lambda b: b.save(b["team"].replace(sender="x@example.com"))),
            (PORT, "2525", lambda b: b.save(b["team"].replace(connection=lab.GraphConnection(user="a@example.com", tenant_id="t", client_id="c")))),
            ("SMTP_LAB_DEFAULT", "Other", lambda b: setattr(b, "default", "team")),
            ("SMTP_LAB_DEFAULT", "Other", lambda b: b.save(b["team"], make_default=True)),
            ("SMTP_LAB_DEFAULT", "Other", lambda b: b.delete("Other", next_default="lab")),
            ("SMTP_LAB_ACTIVITIES__REPORT", "Other", lambda b: b.set_activity("report", "team")),
            ("SMTP_LAB_ACTIVITIES__REPORT", "Other", lambda b: b.delete("Other")),
            ("SMTP_LAB_ACTIVITIES__REPORT", "Other", lambda b: b.rename("Other", "another")),
            ("SMTP_LAB_POLICY__ENCRYPTED_ONLY", "true", lambda b: setattr(b, "policy", lab.Policy(encrypted_only=False))),
            ("SMTP_LAB_LAB__DISPLAY_NAME", "Env", lambda b: b.save(b["lab"].replace(sender="Me <lab@example.com>"))),
            (SENDER, "env@example.com", lambda b: b.rename("team", "crew")),
            (SENDER, "env@example.com", lambda b: b.delete("team", next_default="lab")),
        ],
    )  # fmt: skip
    def test_changing_it_is_refused_with_the_variable(self, book, variable, value, change):
        """The sentence names the variable, and no byte of the file changes."""
        opened = book(**{variable: value})
        assert variable in refused(lambda: change(opened))
        assert opened.path.read_text(encoding="utf-8") == BOOK
        assert opened.keys() == lab.ProfileBook.open(opened.path).keys()

    def test_the_rest_of_policy_and_lab_can_be_changed(self, book):
        """What stands beside a locked value is saved, without that value."""
        opened = book(SMTP_LAB_POLICY__ENCRYPTED_ONLY="true", SMTP_LAB_LAB__DISPLAY_NAME="Env")
        opened.policy = opened.policy.replace(suggestions="none")
        opened.save(opened["lab"].replace(reply_to="me@example.com"))
        text = opened.path.read_text(encoding="utf-8")
        assert 'suggestions = "none"' in text
        assert 'reply_to = "me@example.com"' in text
        assert "encrypted_only" not in text
        assert "Env" not in text
        assert opened.policy.approved_domains == ("example.com",)

    def test_a_profile_of_the_environment_alone_stays_there(self, book):
        """It can be neither saved, renamed nor deleted, and each sentence names a variable."""
        opened = book(
            SMTP_LAB_PROFILES__CI__SENDER="ci@example.com",
            SMTP_LAB_PROFILES__CI__CONNECTION__HOST="mx.example.org",
        )
        for action in (
            lambda: opened.save(opened["ci"].replace(description="x")),
            lambda: opened.rename("ci", "cd"),
            lambda: opened.delete("ci"),
        ):
            assert "SMTP_LAB_PROFILES__CI__" in refused(action)
        assert opened.path.read_text(encoding="utf-8") == BOOK
        opened.save(opened.duplicate("ci").replace(description="mine"))
        assert opened["ci_copied"].description == "mine"

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda b: setattr(b, "default", "ci"), "set SMTP_LAB_DEFAULT=ci there"),
            (lambda b: b.set_activity("report", "ci"), "set SMTP_LAB_ACTIVITIES__REPORT=ci there"),
        ],
    )
    def test_the_file_names_no_profile_it_does_not_have(self, book, change, words):
        """A default or activity that only the environment could follow belongs there, too."""
        opened = book(
            SMTP_LAB_PROFILES__CI__SENDER="ci@example.com",
            SMTP_LAB_PROFILES__CI__CONNECTION__HOST="mx.example.org",
        )
        assert words in refused(lambda: change(opened))
        assert opened.path.read_text(encoding="utf-8") == BOOK

    def test_a_new_policy_leaves_alone_what_it_does_not_name(self, book):
        """What the environment gives and the new policy does not name stays given."""
        opened = book(SMTP_LAB_POLICY__ENCRYPTED_ONLY="true")
        opened.policy = lab.Policy(suggestions="none")
        assert (opened.policy.encrypted_only, opened.policy.suggestions) == (True, "none")
        assert opened.policy.approved_domains == ()
        assert "encrypted_only" not in opened.path.read_text(encoding="utf-8")

    def test_a_password_of_the_environment_is_not_kept_elsewhere(self, book):
        """Saving a profile does not copy the variable's password into the store."""
        opened = book(SMTP_LAB_PROFILES__TEAM__PASSWORD="sesame")
        opened.save(opened["team"].replace(description="x"))
        assert opened["team"].password.reveal() == "sesame"
        assert opened.secrets._memory._all == {}


class TestBadValues:
    """A value that cannot be used names its variable."""

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            (PORT, "99999", "is not between 1 and 65535"),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__PROT", "25", "did you mean 'port'"),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__AUTH__TYPE", "oauth2", "is missing"),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__PORT__X", "1", "goes deeper than the field it names"),
            ("SMTP_LAB_PROFILES__TEAM__CONNECTION__AUTH__PASSWORD", "sesame", "SMTP_LAB_PROFILES__TEAM__PASSWORD"),
            ("SMTP_LAB_PROFILES__TEAM", "x", "is not a table"),
            ("SMTP_LAB_PROFILES", "x", "is not a table"),
            ("SMTP_LAB_PROFILES__", "x", "is not"),
            ("SMTP_LAB_PROFILES__NEW__SENDER", "a@example.com", "is missing"),
            ("SMTP_LAB_PROFILES__LAB__SENDER", "a@example.com", "name of the built-in profile"),
            ("SMTP_LAB_DEFAULT", "taem", "which is no profile"),
            ("SMTP_LAB_BUILTIN", "perhaps", "is neither true nor false"),
            ("SMTP_LAB_POLICY__APPROVED_DOMAINS", "a b@c", "is no domain"),
            ("SMTP_LAB_POLICY__ENCRYPTED", "true", "did you mean 'encrypted_only'"),
            ("SMTP_LAB_LAB__SENDER", "x", "is not a known field"),
            ("SMTP_LAB_ACTIVITIES__REPORT", "taem", "which is no profile"),
            ("SMTP_LAB_POLCY__ENCRYPTED_ONLY", "true", "did you mean SMTP_LAB_POLICY?"),
            ("SMTP_LAB_PROFILE__TEAM__SENDER", "a@example.com", "did you mean SMTP_LAB_PROFILES?"),
            ("SMTP_LAB_XYZ__A", "1", "known are activities, builtin, default, lab, policy, profiles"),
        ],
    )  # fmt: skip
    def test_it_is_one_sentence(self, book, variable, value, words):
        """Variable, problem and fix; a password is not repeated."""
        said = refused(lambda: book(**{variable: value}))
        assert said.startswith(variable)
        assert words in said
        assert "sesame" not in said
        assert "book.toml" not in said

    def test_what_was_read_before_stays(self, book, monkeypatch):
        """reload() with a bad variable leaves the book as it was."""
        opened = book()
        monkeypatch.setenv(PORT, "none")
        refused(opened.reload)
        assert opened["team"].connection.port == 587

    @pytest.mark.parametrize("name", ["a__b", "team_", "_", "x_password"])
    def test_a_secret_of_an_odd_name_is_a_secret(self, tmp_path, monkeypatch, name):
        """Underscores in a name neither break the book nor lose the password."""
        book = lab.ProfileBook(tmp_path / "odd.toml", secrets=SecretStore())
        connection = lab.SmtpConnection(host="h", auth=lab.BasicAuth(username="a"))
        book.save(lab.Profile(name=name, sender="a@example.com", connection=connection))
        monkeypatch.setenv(f"SMTP_LAB_PROFILES__{name.upper()}__PASSWORD", "sesame")
        book.reload()
        assert book[name].password.reveal() == "sesame"


class TestReadOnly:
    """SMTP_LAB_LOCKED: forms show, nothing saves."""

    @pytest.mark.parametrize("value", ["1", "true", " YES ", "on", "please"])
    def test_nothing_is_saved(self, book, value):
        """Every change is refused in a sentence with the variable; reading goes on."""
        opened = book(SMTP_LAB_LOCKED=value)
        assert opened.locked
        for change in (
            lambda: opened.save(opened["team"]),
            lambda: opened.save(opened["lab"]),
            lambda: opened.save_all([opened["team"]]),
            lambda: opened.delete("Other"),
            lambda: opened.rename("team", "crew"),
            lambda: opened.duplicate("team"),
            lambda: opened.set_activity("report", "team"),
            lambda: setattr(opened, "default", "Other"),
            lambda: setattr(opened, "policy", lab.Policy()),
            lambda: setattr(opened, "contacts", ()),
            lambda: opened.import_toml(BOOK, replace=True),
            lambda: opened.import_env(
                "SMTP_LAB_PROFILES__TEAM__SENDER=x@example.com", replace=True
            ),
        ):
            with pytest.raises(InputError):
                change()
        assert "SMTP_LAB_LOCKED" in refused(lambda: opened.save(opened["team"]))
        assert opened.path.read_text(encoding="utf-8") == BOOK
        assert [entry.name for entry in opened.path.parent.iterdir()] == ["book.toml"]

    @pytest.mark.parametrize("value", ["", "0", "false", "no"])
    def test_other_values_lock_nothing(self, book, value):
        """An empty or negative value is no lock."""
        opened = book(SMTP_LAB_LOCKED=value)
        assert not opened.locked
        opened.default = "Other"


class TestNamedByTheEnvironment:
    """A profile that a variable sends mail through."""

    @pytest.mark.parametrize("variable", ["SMTP_LAB_DEFAULT", "SMTP_LAB_ACTIVITIES__REPORT"])
    def test_it_is_neither_deleted_nor_renamed(self, book, variable):
        """The sentence names the variable; nothing is changed."""
        opened = book(**{variable: "team"})
        for change in (
            lambda: opened.delete("team", next_default="Other"),
            lambda: opened.rename("team", "crew"),
        ):
            assert refused(change) == (
                f"profile: team is named by {variable}; name another one there first."
            )
        assert opened.path.read_text(encoding="utf-8") == BOOK

    def test_others_are(self, book):
        """A variable that names another profile is no matter."""
        opened = book(SMTP_LAB_DEFAULT="team")
        assert opened.delete("Other").startswith("Deleted Other")


class TestUnknownVariables:
    """A variable that begins as ours do, and is none of them."""

    @pytest.mark.parametrize(
        ("variable", "fix"),
        [
            ("SMTP_LAB_CONFG", "did you mean SMTP_LAB_CONFIG?"),
            ("SMTP_LAB_LOCK", "did you mean SMTP_LAB_LOCKED?"),
            ("SMTP_LAB_SECRET_FILE", "did you mean SMTP_LAB_SECRETS_FILE?"),
            ("SMTP_LAB_XYZ", "known are config, data, language, locked, secrets_file, "),
        ],
    )
    def test_a_warning_says_what_may_be_meant(self, book, variable, fix):
        """It is used all the same: the variable may be another program's. Its value is not shown."""
        with pytest.warns(UserWarning, match=f"^{variable}: is not a known setting; ") as warned:
            assert "team" in book(**{variable: "hunter2"})
        (message,) = [str(one.message) for one in warned]
        assert fix in message
        assert "hunter2" not in message

    def test_known_ones_are_not_warned_of(self, book, tmp_path, recwarn):
        """Each that the page on settings names is known."""
        secrets = str(tmp_path / "secrets.json")
        book(SMTP_LAB_LOCKED="0", SMTP_LAB_SECRETS_FILE=secrets, SMTP_LAB_BUILTIN="true")
        assert [str(one.message) for one in recwarn] == []
        page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
        named = re.findall(r"^\| `(SMTP_LAB_[A-Z_]+)` ", page, re.MULTILINE)
        assert {"SMTP_LAB_CONFIG", "SMTP_LAB_LANGUAGE"} < set(named)
        assert Overlay(dict.fromkeys(named, "")).unknown == []


class TestBuiltinOff:
    """Without the built-in profile something has to be configured first."""

    def test_every_entrance_says_so(self, tmp_path, monkeypatch):
        """Default, activity and name give one sentence that names the file."""
        monkeypatch.setenv("SMTP_LAB_BUILTIN", "false")
        empty = lab.ProfileBook.open(tmp_path / "empty.toml")
        assert (len(empty), list(empty)) == (0, [])
        for ask in (
            lambda: empty.default,
            lambda: empty.for_activity("report"),
            lambda: empty["lab"],
            lambda: empty["team"],
            lambda: empty.duplicate("lab"),
        ):
            with pytest.raises(UnknownNameError) as caught:
                ask()
            assert str(caught.value) == (
                f"profile: none is configured; save one in {tmp_path / 'empty.toml'} first."
            )


class TestWhere:
    """Which file is the book."""

    @pytest.fixture
    def here(self, tmp_path, monkeypatch):
        """A working folder three levels down, a home of its own, and no variable."""
        folder = tmp_path / "project" / "src" / "deep"
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        monkeypatch.delenv("SMTP_LAB_CONFIG")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
        return tmp_path / "project"

    def test_the_nearest_above_the_working_folder(self, here):
        """The file of the closest folder wins, and one beside it is not looked at."""
        assert not config_file().is_relative_to(here)
        for folder in (here, here / "src", here / "src" / "deep"):
            (folder / "smtp_lab.toml").write_text(f"# {folder.name}\n", encoding="utf-8")
            assert config_file() == lab.ProfileBook.open().path == folder / "smtp_lab.toml"

    def test_a_folder_of_that_name_is_no_book(self, here):
        """Only a file counts."""
        (here / "src" / "smtp_lab.toml").mkdir()
        (here / "smtp_lab.toml").touch()
        assert config_file() == here / "smtp_lab.toml"

    def test_else_the_one_of_the_user(self, here, tmp_path):
        """Without any, it is the one in the user's config folder, which need not exist."""
        assert config_file().name == "smtp_lab.toml"
        assert config_file().is_relative_to(tmp_path / "home")
        assert list(lab.ProfileBook.open()) == ["lab"]

    def test_the_variable_goes_before_and_a_path_before_that(self, here, tmp_path, monkeypatch):
        """An explicit path, then SMTP_LAB_CONFIG, then the folders."""
        (here / "smtp_lab.toml").touch()
        monkeypatch.setenv("SMTP_LAB_CONFIG", "~/mine.toml")
        assert lab.ProfileBook.open().path == tmp_path / "home" / "mine.toml"
        assert lab.ProfileBook.open("~/his.toml").path == tmp_path / "home" / "his.toml"
        assert lab.ProfileBook.open(here / "x.toml").path == here / "x.toml"


def test_an_overlay_of_nothing_is_nothing():
    """Without variables there is nothing to merge, lock or blame."""
    overlay = Overlay({"HOME": "x", "SMTP_LAB_CONFIG": "y", "SMTP_LAB_PROFILES__A__PASSWORD": "z"})
    assert not overlay
    assert overlay.over({"a": {"b": 1}}) == {"a": {"b": 1}}
    assert overlay.variable("a") is None
    assert list(overlay.locked()) == []


def test_merging_changes_nothing_in_place():
    """over() gives a copy; what was passed in stays as it was."""
    data = {"profiles": {"Team": {"connection": {"port": 1}}}}
    merged = Overlay({PORT: "2"}).over(data)
    assert merged == {"profiles": {"Team": {"connection": {"port": "2"}}}}
    assert data == {"profiles": {"Team": {"connection": {"port": 1}}}}


class TestOddNames:
    """Names that look like a part of a variable."""

    @pytest.mark.parametrize("name", ["connection", "a__b", "team_", "password"])
    def test_every_setting_of_any_name_can_be_given(self, tmp_path, monkeypatch, name):
        """The names in the book are known, so that theirs are told from the rest."""
        opened = lab.ProfileBook(tmp_path / "odd.toml", secrets=SecretStore())
        login = lab.BasicAuth(username="ann")
        connection = lab.SmtpConnection(host="mx.example.com", auth=login)
        opened.save(lab.Profile(name=name, sender="a@example.com", connection=connection))
        monkeypatch.setenv(f"SMTP_LAB_PROFILES__{name.upper()}__CONNECTION__PORT", "2525")
        monkeypatch.setenv(SecretStore.variable(name), "sesame")
        again = lab.ProfileBook(opened.path, secrets=SecretStore())
        assert again[name].connection.port == 2525
        assert again[name].password.reveal() == "sesame"
        assert again.locked_by(f"profiles.{name}.connection.port").endswith("__CONNECTION__PORT")

    def test_a_secret_in_the_place_of_a_setting_is_a_sentence(self, book):
        """The path of a password is not its variable; the right one is named."""
        variable = "SMTP_LAB_PROFILES__TEAM__CONNECTION__AUTH__PASSWORD"
        said = refused(lambda: book(**{variable: "sesame"}))
        assert (
            said
            == f"{variable}: is not where a secret is given; set SMTP_LAB_PROFILES__TEAM__PASSWORD."
        )

    def test_an_empty_default_is_none(self, book):
        """As container set-ups pass variables that are not set."""
        assert book(SMTP_LAB_DEFAULT="").default == "team"
