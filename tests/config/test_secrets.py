"""A password shows itself nowhere by accident, and belongs to the server it was typed for."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import string
import traceback
from base64 import b64encode

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

import smtp_lab as lab
from smtp_lab.config.secrets import KERNEL, Secret, SecretStore
from smtp_lab.errors import InputError

CANARY = "c4nary-Sesame/é"
HIDDEN = "••••"


def auth() -> lab.BasicAuth:
    return lab.BasicAuth(username="ann", password=CANARY)


def connection() -> lab.SmtpConnection:
    return lab.SmtpConnection(host="mx.example.com", auth=auth())


def profile() -> lab.Profile:
    return lab.Profile(name="team", sender="ann@example.com", connection=connection())


def book() -> lab.ProfileBook:
    made = lab.ProfileBook.open()
    made.save(profile())
    return made


HOLDERS = {
    "secret": lambda: Secret(CANARY),
    "auth": auth,
    "connection": connection,
    "profile": profile,
    "book": book,
    "store": lambda: book().secrets,
    "list": lambda: [Secret(CANARY), profile()],
}


def forms() -> list[str]:
    """The canary as text, in Python's and JSON's escapes, and in base64 at each alignment."""
    raw = CANARY.encode()
    base = [
        b64encode(b"\0" * skip + raw).decode()[4 if skip else 0 :].rstrip("=")[:-2]
        for skip in range(3)
    ]
    return [CANARY, CANARY[:8], ascii(CANARY)[1:-1], repr(raw)[2:-1], raw.hex(), *base]


def assert_hidden(*texts: object) -> None:
    for text in texts:
        assert isinstance(text, str)
        shown = [form for form in forms() if form.casefold() in text.casefold()]
        assert shown == [], "a form of the password is shown"


def test_the_search_would_find_a_leak():
    """The check these tests rest on sees the password raw, escaped and in base64."""
    for leak in (
        f"password={CANARY}",
        json.dumps(CANARY),
        b64encode(CANARY.encode()).decode(),
        b64encode(f"\0ann\0{CANARY}".encode()).decode(),
        repr(CANARY.encode()),
        CANARY.upper(),
    ):
        with pytest.raises(AssertionError, match="is shown"):
            assert_hidden(leak)


@pytest.fixture(params=HOLDERS)
def holder(request):
    """Something that carries the password."""
    return HOLDERS[request.param]()


class TestNothingShowsIt:
    """Each way a person or a tool turns an object into text."""

    def test_not_as_text(self, holder):
        """Neither repr, str, format, f-strings, %-formatting nor pprint show the password."""
        assert_hidden(
            repr(holder),
            str(holder),
            ascii(holder),
            f"{holder}",
            f"{holder!r}",
            f"{holder!s}",
            "%s %r" % (holder, holder),  # noqa: UP031  # that is the case
            "{0} {0!r}".format(holder),  # noqa: UP032  # that is the case
            string.Template("$x").substitute(x=holder),
            pprint.pformat(holder),
            pprint.pformat(holder, width=1),
        )

    def test_not_as_copies(self, holder):
        """A copy and a deep copy are as silent as what they were copied from."""
        assert_hidden(
            repr(copy.copy(holder)),
            repr(copy.deepcopy(holder)),
            pprint.pformat(copy.deepcopy(holder)),
        )

    def test_not_in_the_notebook(self, holder):
        """The HTML of a cell's output does not show the password."""
        html = getattr(holder, "_repr_html_", str)()
        assert_hidden(html)

    def test_not_by_its_attributes(self, holder):
        """vars() and the values of slots and public attributes do not show the password."""
        assert_hidden(repr(getattr(holder, "__dict__", {})))
        names = [name for name in dir(holder) if not name.startswith("__")]
        values = [getattr(holder, name) for name in names if not hasattr(type(holder), name)]
        assert_hidden(repr(values))
        slots = [f"_Secret{name}" for name in Secret.__slots__]
        assert_hidden(repr([getattr(holder, name) for name in slots if hasattr(holder, name)]))

    def test_not_in_json(self, holder):
        """Whatever JSON makes of it, or the error instead, does not show the password."""
        for dump in (
            json.dumps,
            lambda it: json.dumps(it, default=repr),
            lambda it: json.dumps(it, default=vars),
            to_json,
        ):
            try:
                assert_hidden(str(dump(holder)))
            except (TypeError, ValueError, PydanticSerializationError) as error:
                assert_hidden(shown(error))

    def test_not_in_a_pickle(self, holder):
        """Pickling is refused, and the refusal does not show the password."""
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError) as caught:
                pickle.dumps(holder, protocol)
            assert_hidden(shown(caught.value))

    def test_not_in_a_log(self, holder):
        """A log line with the object as an argument, and one with its traceback, do not show it."""
        stream = io.StringIO()
        logger = logging.getLogger(f"canary.{id(stream)}")
        logger.addHandler(logging.StreamHandler(stream))
        logger.error("failed with %s and %r", holder, holder)
        try:
            pickle.dumps(holder)
        except TypeError:
            logger.exception("could not keep %s", holder)
        assert "failed with" in stream.getvalue()
        assert "Traceback" in stream.getvalue()
        assert_hidden(stream.getvalue())

    def test_not_in_a_traceback_with_locals(self, holder):
        """An object that stands in a frame is not spelt out by a traceback with local variables."""

        def fail(kept):
            return kept.no_such_name

        with pytest.raises(AttributeError) as caught:
            fail(holder)
        assert "kept = " in shown(caught.value)
        assert_hidden(shown(caught.value))


def shown(error: BaseException) -> str:
    """All that a traceback, plain or with the values of local variables, can show of *error*."""
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    plain = "".join(traceback.format_exception(error))
    return plain + "".join(with_locals.format()) + str(error) + repr(error) + repr(error.args)


@pytest.mark.parametrize("make", [auth, connection, profile], ids=["auth", "connection", "profile"])
def test_the_dumps_of_a_model_leave_the_password_out(make):
    """Each of pydantic's dumps, with every switch, is without the password."""
    model = make()
    for mode in ("python", "json"):
        assert_hidden(repr(model.model_dump(mode=mode)))
        assert_hidden(repr(model.model_dump(mode=mode, round_trip=True, by_alias=True)))
        assert_hidden(repr(model.model_dump(mode=mode, include={"password", "auth", "connection"})))
    assert_hidden(model.model_dump_json(), model.model_dump_json(indent=1))
    assert_hidden(repr(TypeAdapter(type(model)).dump_python(model)))
    assert_hidden(repr(model.model_copy(deep=True)), repr(list(model)), repr(dict(model)))


def test_to_dict_has_no_password():
    """The profile as plain data is without the password and says nothing of it."""
    data = profile().to_dict()
    assert_hidden(repr(data), json.dumps(data))
    assert "password" not in json.dumps(data)


def test_the_notebook_says_only_that_it_is_known():
    """A profile shows whether there is a password, not which."""
    assert "Password</th><td" in profile()._repr_html_()
    assert ">known<" in profile()._repr_html_()
    assert ">not known<" in profile().with_password(None)._repr_html_()


def test_the_file_has_no_password():
    """What save() writes, and every file beside it, is without the password."""
    saved = book()
    for path in saved.path.parent.iterdir():
        assert_hidden(path.read_bytes().decode("utf-8", "replace"))
    assert saved["team"].password.reveal() == CANARY


# What cannot be built, with a password that could have been shown. The values stand in functions
# without local variables, so that only the package's own frames could show them.
BROKEN = {
    "no user name": lambda: lab.BasicAuth(password=CANARY),
    "empty user name": lambda: lab.BasicAuth(username="", password=CANARY),
    "unknown field": lambda: lab.BasicAuth(username="ann", password=CANARY, mechansim="PLAIN"),
    "misspelt password": lambda: lab.BasicAuth(username="ann", passwrod=CANARY),
    "bad mechanism": lambda: lab.BasicAuth(username="ann", password=CANARY, mechanism="MAGIC"),
    "bytes": lambda: lab.BasicAuth(username="ann", password=CANARY.encode()),
    "list": lambda: lab.BasicAuth(username="ann", password=[CANARY]),
    "secret": lambda: lab.BasicAuth(username="", password=Secret(CANARY)),
    "no login with a password": lambda: lab.NoAuth(password=CANARY),
    "nested": lambda: lab.SmtpConnection(
        host="", auth={"type": "basic", "username": "", "password": CANARY}
    ),
    "nested without user": lambda: lab.SmtpConnection(
        host="h", auth={"type": "basic", "password": CANARY}
    ),
    "no type": lambda: lab.SmtpConnection(host="h", auth={"username": "ann", "password": CANARY}),
    "bad type": lambda: lab.SmtpConnection(host="h", auth={"type": "magic", "password": CANARY}),
    "sibling is missing": lambda: lab.Profile(
        name="team",
        connection={"host": "h", "auth": {"type": "basic", "username": "ann", "password": CANARY}},
    ),
    "sibling is wrong": lambda: lab.Profile(
        name="te am",
        sender="ann",
        connection={
            "host": "h",
            "port": 0,
            "auth": {"type": "basic", "username": "ann", "password": CANARY},
        },
    ),
    "password at the top": lambda: lab.Profile(
        name="team", sender="a@example.com", connection=connection(), password=CANARY
    ),
    "replace": lambda: auth().replace(username="", password=CANARY),
    "replace by bytes": lambda: auth().replace(password=CANARY.encode()),
    "replace connection": lambda: profile().replace(
        connection={"host": "h", "auth": {"type": "basic", "password": CANARY}}
    ),
    "with_password of bytes": lambda: profile().with_password(CANARY.encode()),
    "set": lambda: setattr(auth(), "password", CANARY),
    "set another": lambda: setattr(auth(), "pasword", CANARY),
    "delete": lambda: delattr(auth(), "password"),
}


@pytest.mark.parametrize("build", BROKEN.values(), ids=BROKEN)
def test_a_refusal_shows_no_password(build):
    """No message or traceback of a model that cannot be built shows the password it was given."""
    with pytest.raises((InputError, ValidationError)) as caught:
        build()
    assert_hidden(shown(caught.value))
    assert_hidden(
        repr(getattr(caught.value, "problems", "")), repr(getattr(caught.value, "by_field", ""))
    )


def test_a_refusal_by_the_constructor_is_ours():
    """Every construction that fails is an InputError without anything of pydantic behind it."""
    for name in set(BROKEN) - {"delete"}:
        with pytest.raises(InputError) as caught:
            BROKEN[name]()
        assert caught.value.__context__ is None or not isinstance(
            caught.value.__context__, ValidationError
        )


def test_pydantic_s_own_door_hides_its_input():
    """model_validate and its JSON twin say what is wrong without quoting what they were given."""
    data = {"name": "team", "connection": {"auth": {"type": "basic", "password": CANARY}}}
    for validate in (
        lambda: lab.Profile.model_validate(data),
        lambda: lab.Profile.model_validate_json(json.dumps(data)),
    ):
        with pytest.raises(ValueError, match="sender") as caught:
            validate()
        assert_hidden(
            str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value))
        )


@pytest.mark.parametrize(
    "text",
    [
        f'[profiles.team.connection.auth]\ntype = "basic"\nusername = "a"\npassword = "{CANARY}"\n',
        f'[profiles.team]\npassword = "{CANARY}"\n',
        f'password = "{CANARY}"\n',
        f'[profiles.team]\npassword = "{CANARY}\n',
        f'[profiles.team]\nsender = "a@example.com"\n[profiles.team.connection.auth]\npassword = "{CANARY}"\nx = \n',
    ],
    ids=["in place", "elsewhere", "at the top", "torn", "with a typo"],
)
def test_a_password_in_the_file_is_not_shown(text, tmp_path):
    """A book that somebody wrote a password into is refused without repeating it."""
    path = tmp_path / "hand.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        lab.ProfileBook.open(path)
    error = caught.value
    assert_hidden(str(error), "".join(traceback.format_exception(error)))
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    assert_hidden(
        "".join(
            repr(frame.locals)
            for frame in frames
            if "smtp_lab" in frame.filename and "test_" not in frame.filename
        )
    )


class TestSecret:
    """The type itself."""

    def test_only_reveal_gives_it(self):
        """reveal() is the text; repr only says whether there is one."""
        assert Secret(CANARY).reveal() == CANARY
        assert (
            repr(Secret(CANARY))
            == str(Secret(CANARY))
            == f"{Secret(CANARY):>3}"
            == f"Secret('{HIDDEN}')"
        )
        assert repr(Secret("")) == "Secret('')"

    def test_its_length_is_not_shown(self):
        """Two secrets of different length look the same."""
        assert repr(Secret("a")) == repr(Secret("a" * 100))

    def test_it_is_true_when_there_is_one(self):
        """An empty secret is no secret."""
        assert Secret("x")
        assert not Secret("")

    def test_equal_texts_are_equal_secrets(self):
        """Secrets compare by text among themselves and never equal a plain text."""
        assert Secret("x") == Secret("x")
        assert Secret("x") != Secret("y")
        assert Secret("x") != "x"

    def test_it_has_no_hash(self):
        """A hash would be a fingerprint: there is none."""
        with pytest.raises(TypeError, match="unhashable"):
            hash(Secret(CANARY))

    def test_it_has_no_dict(self):
        """There is no __dict__ that vars() could show."""
        with pytest.raises(TypeError):
            vars(Secret(CANARY))

    @pytest.mark.parametrize("value", [3, b"x", ["x"], {"x": 1}, True])
    def test_a_password_is_a_text(self, value):
        """A model takes a text or a Secret and refuses anything else in a sentence."""
        with pytest.raises(InputError) as caught:
            lab.BasicAuth(username="ann", password=value)
        assert caught.value.by_field == {
            "password": "is not a text; give the password as text or as a Secret."
        }


class TestStore:
    """Where passwords are looked for, and for whom."""

    def test_what_was_put_is_found_for_that_server(self):
        """A secret is given for the name, host and port it was put for."""
        store = SecretStore()
        store.put("team", "mx.example.com:587", Secret(CANARY))
        assert store.get("team", "mx.example.com:587").reveal() == CANARY

    @pytest.mark.parametrize(
        "binding", ["mx.example.com:465", "mx.example.org:587", "", "mx.example.com"]
    )
    def test_another_host_or_port_gets_nothing(self, binding):
        """A secret does not go to a server it was not typed for."""
        store = SecretStore()
        store.put("team", "mx.example.com:587", Secret(CANARY))
        assert store.get("team", binding) is None
        assert store.get("other", "mx.example.com:587") is None

    def test_a_new_server_makes_it_forget_the_old(self):
        """Typed again for another server, the old server's secret is gone."""
        store = SecretStore()
        store.put("team", "a.example.com:587", Secret("old"))
        store.put("team", "b.example.com:587", Secret("new"))
        assert store.get("team", "a.example.com:587") is None
        assert store.get("team", "b.example.com:587").reveal() == "new"

    def test_forgetting_one_profile_leaves_the_others(self):
        """forget() and clear() drop what they say."""
        store = SecretStore()
        for name in ("a", "b"):
            store.put(name, "h:1", Secret(name))
        store.forget("a")
        assert store.get("a", "h:1") is None
        assert store.get("b", "h:1").reveal() == "b"
        store.clear()
        assert store.get("b", "h:1") is None
        assert repr(store) == "<SecretStore of 0 secrets in memory>"

    def test_the_environment_comes_first(self, monkeypatch):
        """A variable in the environment is taken before what the kernel remembers."""
        store = SecretStore()
        store.put("team", "h:1", Secret("memory"))
        monkeypatch.setenv("SMTP_LAB_PROFILES__TEAM__PASSWORD", "environment")
        assert store.get("team", "h:1").reveal() == "environment"
        assert store.get("team", "any:9").reveal() == "environment"
        assert store.get("other", "h:1") is None

    def test_an_empty_variable_is_none(self, monkeypatch):
        """A variable set to nothing does not hide the remembered secret."""
        store = SecretStore()
        store.put("team", "h:1", Secret("memory"))
        monkeypatch.setenv(SecretStore.variable("team"), "")
        assert store.get("team", "h:1").reveal() == "memory"

    def test_the_variable_is_named_after_the_profile(self):
        """The name of the variable is the one the documentation gives."""
        assert SecretStore.variable("my_team2") == "SMTP_LAB_PROFILES__MY_TEAM2__PASSWORD"


class TestBookAndStore:
    """The two together."""

    def test_every_book_of_the_kernel_knows_it(self):
        """What one book was given, another book on the same file finds."""
        book()
        assert lab.ProfileBook.open()["team"].password.reveal() == CANARY
        assert KERNEL.get("team", "mx.example.com:587").reveal() == CANARY

    @pytest.mark.parametrize("change", [{"host": "mx.example.org"}, {"port": 465}])
    def test_a_changed_server_is_typed_for_again(self, change):
        """When host or port change without a password, the old one is neither used nor kept."""
        kept = book()
        plain = profile().with_password(None)
        kept.save(plain.replace(connection=plain.connection.replace(**change)))
        assert kept["team"].password is None
        kept.save(plain)
        assert kept["team"].password is None

    @pytest.mark.parametrize(
        "change", [{"timeout": 5}, {"security": "tls-if-offered"}, {"min_tls": "1.3"}]
    )
    def test_another_change_keeps_it(self, change):
        """What is no other server does not ask for the password again."""
        kept = book()
        plain = profile().with_password(None)
        kept.save(plain.replace(connection=plain.connection.replace(**change)))
        assert kept["team"].password.reveal() == CANARY

    def test_a_store_of_its_own_shares_nothing(self, tmp_path):
        """A book with its own store neither gives to the kernel's store nor takes from it."""
        book()
        own = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore())
        assert own["team"].password is None

    def test_a_profile_without_login_gets_none(self, monkeypatch):
        """A variable for a profile that does not log in changes nothing."""
        monkeypatch.setenv("SMTP_LAB_PROFILES__OPEN__PASSWORD", CANARY)
        kept = lab.ProfileBook.open()
        kept.save(
            lab.Profile(
                name="open", sender="a@example.com", connection=lab.SmtpConnection(host="h")
            )
        )
        assert kept["open"].password is None
