"""Profiles in and out of a book; secrets never travel."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.errors import ConfigFileError, InputError, UnknownNameError

CANARY = "c4nary-Sesame"


def basic(name="team", **changes) -> lab.Profile:
    connection = lab.SmtpConnection(
        host="mx.example.com", auth=lab.BasicAuth(username="ann", password=CANARY)
    )
    return lab.Profile(
        **({"name": name, "sender": "Ann <a@example.com>", "connection": connection} | changes)
    )


ALL = [
    basic(
        description="it's \"two\"\nlines # no comment\t$HOME `x` \\",
        signature="-- \nAnn",
        reply_to="b@example.com",
        recipients_as="bcc",
    ),
    basic("plain", connection=lab.SmtpConnection(host="::1", port=25, security="none", verify=False, timeout=2.5, ehlo_name="[127.0.0.1]")),
    basic(
        "token",
        connection=lab.SmtpConnection(
            host="h.test",
            min_tls="1.3",
            auth=lab.OAuth2(
                user="ann@example.com",
                client_id="app",
                token_url="https://login.example.com/token?a=1&b=2",
                device_url="https://login.example.com/device",
                grant="device_code",
                scopes="one two",
                client_secret=CANARY,
                refresh_token=CANARY,
            ),
        ),
    ),
    basic(
        "graph",
        save_to_sent=True,
        connection=lab.GraphConnection(
            user="ann@example.com", tenant_id="t", client_id="c", cloud="china", client_secret=CANARY, password=CANARY
        ),
    ),
]  # fmt: skip


def book(name="book.toml", profiles=ALL) -> lab.ProfileBook:
    folder = Path(os.environ["SMTP_LAB_CONFIG"]).parent
    made = lab.ProfileBook(folder / name, secrets=SecretStore())
    if profiles:
        made.save_all(profiles)
    return made


def bare(profiles=ALL) -> dict[str, lab.Profile]:
    return {one.name: one.without_secrets() for one in profiles}


def own(read) -> dict[str, lab.Profile]:
    return {name: read[name] for name in read if name != "lab"}


@pytest.mark.parametrize("kind", ["toml", "env"])
class TestBothWays:
    """As TOML and as environment variables alike."""

    def out(self, kind, read, *names):
        return getattr(read, f"export_{kind}")(*names)

    def take(self, kind, into, text, **more):
        return getattr(into, f"import_{kind}")(text, **more)

    def test_everything_but_the_secrets_arrives(self, kind):
        """Profiles of every kind are the same in another book, without their secrets."""
        text = self.out(kind, book())
        other = book("other.toml", [])
        assert sorted(self.take(kind, other, text).names) == sorted(bare())
        assert own(other) == bare()
        assert own(lab.ProfileBook(other.path, secrets=SecretStore())) == bare()

    def test_no_secret_is_in_the_text(self, kind):
        """Neither a secret nor the name of its field is exported."""
        full = book()
        assert full["team"].password.reveal() == CANARY
        text = self.out(kind, full)
        assert CANARY.lower() not in text.lower()
        for word in ("password", "client_secret", "refresh_token"):
            assert not re.search(rf"{word}\s*=", text, re.IGNORECASE)

    def test_some_can_be_chosen(self, kind):
        """Only those that are named go; an unknown one is a sentence, lab is in every book."""
        full = book()
        text = self.out(kind, full, ["graph", "team"])
        assert sorted(self.take(kind, book("other.toml", []), text).names) == ["graph", "team"]
        with pytest.raises(UnknownNameError, match="did you mean 'team'"):
            self.out(kind, full, ["taem"])
        with pytest.raises(InputError, match="lab is built in and every book has it"):
            self.out(kind, full, ["team", "lab"])

    def test_nothing_is_nothing(self, kind):
        """An empty book exports nothing that would import anything."""
        nothing = self.take(kind, book("other.toml", []), self.out(kind, book(profiles=[])))
        assert (nothing.names, str(nothing)) == ((), "Imported nothing.")

    def test_a_taken_name_saves_nothing(self, kind):
        """Names that are there are named, and no profile is saved; replace=True replaces."""
        text = self.out(kind, book())
        other = book("other.toml", [basic(sender="old@example.com"), basic("graph")])
        before = other.path.read_bytes()
        with pytest.raises(InputError) as caught:
            self.take(kind, other, text)
        assert "replace=True" in str(caught.value)
        assert all(name in str(caught.value) for name in ("team", "graph", "are taken"))
        assert other.path.read_bytes() == before
        self.take(kind, other, text, replace=True)
        assert own(other) == bare() | {"team": bare()["team"].with_password(CANARY)}

    def test_a_replaced_profile_keeps_a_password_only_for_its_server(self, kind):
        """An imported profile that leads elsewhere cannot take the password along."""
        evil = basic(
            connection=lab.SmtpConnection(host="evil.test", auth=lab.BasicAuth(username="ann"))
        )
        text = self.out(kind, book("evil.toml", [evil]))
        full = book()
        self.take(kind, full, text, replace=True)
        assert full["team"].connection.host == "evil.test"
        assert full["team"].password is None
        full.save(ALL[0].without_secrets())
        assert full["team"].password is None

    def test_one_bad_profile_saves_none(self, kind):
        """A text that cannot be used whole is not used at all."""
        text = self.out(kind, book()).replace("h.test", "h@test")
        other = book("other.toml", [])
        with pytest.raises(InputError, match="is no host name"):
            self.take(kind, other, text)
        assert list(other) == ["lab"]

    def test_more_than_the_throttle_allows_comes_in_at_once(self, kind):
        """An import of many servers is one step, not many saves."""
        many = [basic(f"p{n}", connection=lab.SmtpConnection(host=f"h{n}.test")) for n in range(40)]
        text = self.out(kind, book("many.toml", many))
        assert len(self.take(kind, book("other.toml", []), text).names) == 40


@given(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
        | st.sampled_from("\n\t'\"$`\\#=")
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).filter(
        str.strip
    ),
)
@settings(max_examples=50)
def test_any_text_survives_both_ways(description, username):
    """Quotes, line breaks, dollars and other characters of a shell come through."""
    made = basic(
        description=description[:1000],
        connection=lab.SmtpConnection(host="h", auth=lab.BasicAuth(username=username)),
    )
    with tempfile.TemporaryDirectory() as folder:
        books = [lab.ProfileBook(Path(folder, f"{n}.toml"), secrets=SecretStore()) for n in "abc"]
        books[0].save_all([made])
        books[1].import_toml(books[0].export_toml())
        books[2].import_env(books[0].export_env())
        assert own(books[0]) == own(books[1]) == own(books[2]) == {"team": made}


class TestToml:
    """The text of a book."""

    def test_any_book_can_be_imported(self):
        """Of a whole book the profiles are taken; default, policy and contacts stay behind."""
        full = book()
        full.default, full.policy = "team", lab.Policy(encrypted_only=True)
        full.set_activity("report", "team")
        other = book("other.toml", [])
        other.import_toml(full.path.read_text(encoding="utf-8"))
        assert own(other) == bare()
        assert (other.default, other.policy, other.activities) == ("lab", lab.Policy(), {})

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ("[profiles", 1, "not TOML"),
            ('[profiles.a]\nsender = "a"\n', 2, "profile a, sender"),
            ('[profiles.lab]\nsender = "a@example.com"\n', 1, "the built-in profile"),
            (f'[profiles.a.connection.auth]\npassword = "{CANARY}"\n', 2, "stands in the file"),
        ],
    )
    def test_a_bad_text_names_the_line(self, text, line, words):
        """The sentence is that of a file, and shows no password."""
        with pytest.raises(ConfigFileError) as caught:
            book(profiles=[]).import_toml(text)
        assert caught.value.line == line
        assert words in str(caught.value)
        assert str(caught.value).startswith("the imported text, line ")
        assert CANARY not in str(caught.value)


class TestLines:
    """Environment variables."""

    def test_the_lines_are_the_settings(self, monkeypatch):
        """A shell reads the lines, and a book with these variables has the profiles."""
        lines = book().export_env()
        shell = subprocess.run(
            ["sh", "-c", f"set -a\n{lines}\nenv -0"], capture_output=True, check=True
        )
        for pair in shell.stdout.decode().split("\0"):
            name, _, value = pair.partition("=")
            if name.startswith("SMTP_LAB_PROFILES__"):
                monkeypatch.setenv(name, value)
        assert own(book("empty.toml", [])) == bare()

    def test_lines_as_people_write_them(self):
        """Comments, export, blank lines and small letters are taken; other variables are not."""
        other = book(profiles=[])
        done = other.import_env(
            "# mine\n\nexport SMTP_LAB_PROFILES__A__SENDER='Ann <a@example.com>' # me\n"
            'smtp_lab_profiles__a__connection__host="h"\nPATH=/bin SMTP_LAB_LOCKED=1\n'
            "SMTP_LAB_DEFAULT=nobody\n"
        )
        assert done.names == ("a",)
        assert other["a"].sender == "Ann <a@example.com>"

    def test_a_password_among_them_is_left_out(self):
        """Lines copied from a deployment may hold secrets: they go neither into file nor store."""
        other = book(profiles=[])
        other.import_env(
            "SMTP_LAB_PROFILES__A__SENDER=a@example.com SMTP_LAB_PROFILES__A__CONNECTION__HOST=h\n"
            "SMTP_LAB_PROFILES__A__CONNECTION__AUTH__TYPE=basic\n"
            "SMTP_LAB_PROFILES__A__CONNECTION__AUTH__USERNAME=a\n"
            f"SMTP_LAB_PROFILES__A__PASSWORD={CANARY}\n"
        )
        assert other["a"].password is None
        assert CANARY not in other.path.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            ("SMTP_LAB_PROFILES__A__SENDER='open", "cannot be read (No closing quotation)"),
            ("hello", "NAME=value at the beginning"),
            ("A-B=1", "NAME=value at the beginning"),
            ("=1", "NAME=value at the beginning"),
            (f"SMTP_LAB_PROFILES__A__PASSWORD=my {CANARY}", "NAME=value after SMTP_LAB_PROFILES__A__PASSWORD"),
            ("SMTP_LAB_PROFILES__A__SENDER=a", "SMTP_LAB_PROFILES__A__SENDER: 'a' has no @"),
            ("SMTP_LAB_PROFILES__A__SENDER=a@example.com", "connection is missing"),
            ("SMTP_LAB_PROFILES__A__SENDR=a@example.com", "did you mean 'sender'?"),
            ("SMTP_LAB_PROFILES__A__SENDER__X=a SMTP_LAB_PROFILES__A__SENDER=a", "goes deeper than"),
            ("SMTP_LAB_PROFILES__A__CONNECTION__PORT=x", "SMTP_LAB_PROFILES__A__CONNECTION__PORT: 'x' is not a number"),
            (f"SMTP_LAB_PROFILES__A__CONNECTION__AUTH__PASSWORD={CANARY}", "SMTP_LAB_PROFILES__A__PASSWORD"),
        ],
    )  # fmt: skip
    def test_a_bad_line_is_one_sentence(self, lines, words):
        """The variable is named where there is one, no part of a password is repeated."""
        other = book(profiles=[])
        with pytest.raises(InputError) as caught:
            other.import_env(lines)
        assert words in str(caught.value)
        assert CANARY not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert list(other) == ["lab"]

    @pytest.mark.parametrize("name", ["a__b", "team_", "_"])
    def test_a_name_that_would_be_torn_apart_is_refused(self, name):
        """Two underscores part a variable's pieces: such a name is told to go as TOML."""
        odd = book("odd.toml", [basic(name)])
        with pytest.raises(InputError, match="export it as TOML"):
            odd.export_env()
        assert name in odd.export_toml()

    def test_a_name_comes_back_as_the_book_has_it(self):
        """The environment knows no case: Team is replaced, no second team is made."""
        here = book("here.toml", [basic("Team")])
        lines = here.export_env().replace("mx.example.com", "mx.example.org")
        assert here.import_env(lines, replace=True).names == ("Team",)
        assert list(own(here)) == ["Team"]
        assert here["Team"].connection.host == "mx.example.org"
        with pytest.raises(InputError, match="team is taken"):
            here.import_env(lines)

    def test_other_settings_among_the_lines_are_left_out_and_named(self):
        """Settings that are no profile's, and passwords, are not taken; the sentence says so."""
        lines = book().export_env(["team"]) + (
            "SMTP_LAB_DEFAULT=team\nSMTP_LAB_PROFILES__TEAM__PASSWORD=zz\nPATH=/bin\n"
        )
        done = book("here.toml", []).import_env(lines)
        assert done.left_out == ("SMTP_LAB_DEFAULT", "SMTP_LAB_PROFILES__TEAM__PASSWORD")

    def test_what_belongs_to_a_whole_book_is_left_out_and_named(self):
        """Policy, default, contacts and activities of the text change nothing, and are said."""
        here = book("here.toml", [])
        text = book().export_toml(["team"])
        whole = (
            f'default = "team"\n[policy]\nencrypted_only = true\n[activities]\na = "team"\n{text}'
        )
        done = here.import_toml(whole)
        assert str(done) == "Imported team. Left out: default, policy, activities."
        assert (here.policy.encrypted_only, here.default, dict(here.activities)) == (
            False,
            "lab",
            {},
        )


class TestNoTraceback:
    """An import that fails shows nothing of what it was given."""

    @pytest.mark.parametrize(
        "action",
        [
            lambda b: b.import_toml(f'[profiles.a.connection.auth]\npassword = "{CANARY}"\n'),
            lambda b: b.import_toml(f'[profiles.a]\npassword = "{CANARY}\n'),
            lambda b: b.import_env(f"SMTP_LAB_PROFILES__A__PASSWORD='{CANARY}"),
            lambda b: b.import_env(f"SMTP_LAB_PROFILES__A__PASSWORD=a {CANARY}"),
            lambda b: b.import_env(f"SMTP_LAB_PROFILES__A__CONNECTION__AUTH__PASSWORD={CANARY}"),
        ],
    )
    def test_locals_are_hidden(self, action):
        """The frames of the import are not part of the traceback."""
        import traceback

        target = book(profiles=[])
        with pytest.raises(InputError) as caught:
            action(target)
        error = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        own_frames = [f for f in error.stack if f.filename != __file__]
        assert CANARY not in repr([(f.name, f.locals) for f in own_frames])
        assert CANARY not in "".join(traceback.format_exception(caught.value))
