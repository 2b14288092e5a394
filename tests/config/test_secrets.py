"""A password shows itself nowhere by accident, and belongs to the server it was typed for."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import pickle
import pprint
import stat
import string
import subprocess
import sys
import traceback
import types
from base64 import b64encode

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

import smtp_lab as lab
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.config.secrets import SECRET_FIELDS, Secret, secret_variable
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


def oauth() -> lab.OAuth2:
    return lab.OAuth2(
        user="ann",
        client_id="app",
        token_url="https://login.example.com/token",
        client_secret=CANARY,
        refresh_token=CANARY,
        service_account_key=CANARY,
    )


def graph() -> lab.GraphConnection:
    return lab.GraphConnection(
        user="ann@example.com",
        tenant_id="tenant",
        client_id="app",
        client_secret=CANARY,
        password=CANARY,
    )


def token_profile() -> lab.Profile:
    return profile().replace(connection=connection().replace(auth=oauth()))


def graph_profile() -> lab.Profile:
    return profile().replace(connection=graph())


def full_book() -> lab.ProfileBook:
    made = book()
    made.save(token_profile().replace(name="token"))
    made.save(graph_profile().replace(name="graph"))
    return made


HOLDERS = {
    "secret": lambda: Secret(CANARY),
    "oauth": oauth,
    "graph": graph,
    "token profile": token_profile,
    "graph profile": graph_profile,
    "full book": full_book,
    "full store": lambda: full_book().secrets,
    "duplicate": lambda: full_book().duplicate("graph", secret=CANARY),
    "lab": lambda: lab.ProfileBook.open()["lab"],
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


MODELS = [auth, connection, profile, oauth, graph, token_profile, graph_profile]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_the_dumps_of_a_model_leave_the_password_out(make):
    """Each of pydantic's dumps, with every switch, is without the password."""
    model = make()
    for mode in ("python", "json"):
        assert_hidden(repr(model.model_dump(mode=mode)))
        assert_hidden(repr(model.model_dump(mode=mode, round_trip=True, by_alias=True)))
        assert_hidden(
            repr(model.model_dump(mode=mode, include={*SECRET_FIELDS, "auth", "connection"}))
        )
    assert_hidden(model.model_dump_json(), model.model_dump_json(indent=1))
    assert_hidden(repr(TypeAdapter(type(model)).dump_python(model)))
    assert_hidden(repr(model.model_copy(deep=True)), repr(list(model)), repr(dict(model)))


@pytest.mark.parametrize("make", [profile, token_profile, graph_profile])
def test_to_dict_has_no_password(make):
    """The profile as plain data is without the secrets and says nothing of them."""
    data = make().to_dict()
    assert_hidden(repr(data), json.dumps(data))
    assert not any(field in json.dumps(data) for field in SECRET_FIELDS)


def test_the_notebook_says_only_that_it_is_known():
    """A profile shows whether there is a password, not which."""
    assert "Password</th><td" in profile()._repr_html_()
    assert ">known<" in profile()._repr_html_()
    assert ">not known<" in profile().with_password(None)._repr_html_()
    assert token_profile()._repr_html_().count(">known<") == 3
    assert graph_profile()._repr_html_().count(">known<") == 2


def test_the_file_has_no_password():
    """What save() writes, and every file beside it, is without the password."""
    saved = full_book()
    saved.record_test("graph", ok=False, sentence="refused")
    for path in saved.path.parent.iterdir():
        assert_hidden(path.read_bytes().decode("utf-8", "replace"))
    assert_hidden(saved.export_toml(), saved.export_env())
    assert {name: len(saved[name].secrets) for name in saved} == {
        "lab": 1,
        "team": 1,
        "token": 3,
        "graph": 2,
    }


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
    "client secret of bytes": lambda: graph().replace(client_secret=CANARY.encode()),
    "with_secrets of bytes": lambda: graph_profile().with_secrets(client_secret=CANARY.encode()),
    "with_secrets of a list": lambda: token_profile().with_secrets(refresh_token=[CANARY]),
    "token without url": lambda: lab.OAuth2(user="a", client_id="c", refresh_token=CANARY),
    "token of an odd grant": lambda: oauth().replace(grant="magic", client_secret=CANARY),
    "grant without its url": lambda: oauth().replace(
        grant="device_code", service_account_key=CANARY
    ),
    "graph without user": lambda: lab.GraphConnection(
        tenant_id="t", client_id="c", client_secret=CANARY, password=CANARY
    ),
    "graph with a bad tenant": lambda: graph().replace(tenant_id="a b", password=CANARY),
    "secret in the wrong place": lambda: profile().replace(
        connection={"type": "graph", "client_secret": CANARY, "auth": {"password": CANARY}}
    ),
    "secret without a type": lambda: lab.Profile(
        name="team",
        sender="a@example.com",
        connection={"host": "h", "auth": {"client_secret": CANARY}},
    ),
    "contact": lambda: lab.Contact(address="a@example.com", password=CANARY),
    "policy": lambda: lab.Policy(client_secret=CANARY),
    "model_validate": lambda: lab.Profile.model_validate(
        {"name": "team", "connection": {"auth": {"type": "basic", "password": CANARY}}}
    ),
    "model_validate_json": lambda: lab.Profile.model_validate_json(
        json.dumps({"name": "team", "connection": {"host": "h", "password": CANARY}})
    ),
    "model_validate_strings": lambda: lab.Profile.model_validate_strings(
        {"name": "team", "connection": {"host": "h", "password": CANARY}}
    ),
    "provider": lambda: lab.provider("gmail").profile(
        user="ann@gmail.com", password=CANARY, colour=CANARY
    ),
    "secret among the scopes": lambda: oauth().replace(scopes=f'"{CANARY}"'),
}


UNFIT = {
    "provider without user": lambda: lab.provider("gmail").profile(password=CANARY),
    "provider by place": lambda: lab.provider("gmail").profile("a", CANARY, user="a@gmail.com"),
    "duplicate by place": lambda: book().duplicate("team", CANARY),
    "duplicate misspelt": lambda: book().duplicate("team", secert=CANARY),
    "duplicate of a number": lambda: book().duplicate(5, secret=CANARY),
    "import of bytes": lambda: book().import_toml(f'password = "{CANARY}"'.encode()),
    "import of lines in bytes": lambda: book().import_env(f"A={CANARY}".encode()),
    "model_copy": lambda: profile().model_copy(update={"password": CANARY}),
    "odd option": lambda: lab.Profile.model_validate({"name": CANARY}, nonsense=1),
}


@pytest.mark.parametrize("build", UNFIT.values(), ids=UNFIT)
def test_arguments_that_do_not_fit_show_no_password(build):
    """What Python raises for a call that cannot be made has none of our frames with a password."""
    with pytest.raises((InputError, TypeError, AttributeError)) as caught:
        build()
    assert_hidden(shown(caught.value))


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


@pytest.mark.parametrize(
    "text",
    [
        f'[profiles.team.connection.auth]\ntype = "basic"\nusername = "a"\npassword = "{CANARY}"\n',
        f'[profiles.team]\npassword = "{CANARY}"\n',
        f'password = "{CANARY}"\n',
        f'[lab]\npassword = "{CANARY}"\n',
        f'[profiles.team.connection]\ntype = "graph"\nclient_secret = "{CANARY}"\n',
        f'[profiles.team.connection.auth]\ntype = "oauth2"\nrefresh_token = "{CANARY}"\n',
        f'[profiles.team.connection.auth]\nservice_account_key = """\n{CANARY}\n"""\n',
        f'[profiles.team]\npassword = "{CANARY}\n',
        f'[profiles.team]\nsender = "a@example.com"\n[profiles.team.connection.auth]\npassword = "{CANARY}"\nx = \n',
    ],
    ids=[
        "in place",
        "elsewhere",
        "at the top",
        "of lab",
        "graph",
        "token",
        "key",
        "torn",
        "with a typo",
    ],
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

    def test_its_hash_tells_nothing(self):
        """All have the same hash, since any other would be a fingerprint; a profile has one, too."""
        assert hash(Secret(CANARY)) == hash(Secret("another"))
        known = profile().with_password(CANARY)
        assert len({known, known.replace(), known.with_password("another")}) == 2

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


class _Fake:
    """A keyring backend that keeps what it is given in a dictionary."""

    priority = 5

    def __init__(self, *, locked: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = locked

    def _check(self):
        if self.locked:
            raise RuntimeError("the keyring is locked")

    def get_password(self, service, name):
        self._check()
        return self.kept.get((service, name))

    def set_password(self, service, name, password):
        self._check()
        self.kept[service, name] = password

    def delete_password(self, service, name):
        self._check()
        del self.kept[service, name]


@pytest.fixture
def keyring(monkeypatch):
    """keyring(backend) makes the backend that of the system's keyring package."""

    def install(backend):
        module = types.ModuleType("keyring")
        module.get_keyring = lambda: backend
        monkeypatch.setitem(sys.modules, "keyring", module)
        return backend

    return install


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch):
    # What the machine of the tests has is not to be asked, let alone written to.
    monkeypatch.setitem(sys.modules, "keyring", None)


BINDING = "mx.example.com:587"


class TestKeyring:
    """The system's keyring, where there is one."""

    def test_it_comes_before_memory(self, keyring):
        """What is put goes into the keyring under our name, and a new process finds it."""
        backend = keyring(_Fake())
        SecretStore().put("team", BINDING, Secret(CANARY))
        assert SecretStore().get("team", BINDING).reveal() == CANARY
        assert SecretStore().get("team", "mx.example.org:587") is None
        assert list(backend.kept) == [("smtp_lab", "team/password")]
        assert "keyring" in SecretStore().where

    def test_another_server_takes_its_place(self, keyring):
        """Typed for another place, the old secret is gone from the keyring."""
        backend = keyring(_Fake())
        SecretStore().put("team", BINDING, Secret("old"))
        SecretStore().put("team", "b:1", Secret("new"))
        assert SecretStore().get("team", BINDING) is None
        assert "old" not in repr(backend.kept)

    def test_forget_takes_it_out(self, keyring):
        """forget() empties the keyring of that profile, and of no other."""
        backend = keyring(_Fake())
        for name in ("team", "other"):
            for field in SECRET_FIELDS:
                SecretStore().put(name, BINDING, Secret("x"), field)
        SecretStore().forget("team")
        assert {name for _, name in backend.kept} == {f"other/{field}" for field in SECRET_FIELDS}

    def test_a_locked_one_falls_to_memory(self, keyring):
        """What a locked keyring does not take is not lost: the memory has it."""
        backend = keyring(_Fake(locked=True))
        store = SecretStore()
        store.put("team", BINDING, Secret(CANARY))
        assert store.get("team", BINDING).reveal() == CANARY
        assert SecretStore().get("team", BINDING) is None
        store.forget("team")
        assert store.get("team", BINDING) is None
        assert backend.kept == {}

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "3", '"x"', '{"binding": "mx.example.com:587"}']
    )
    def test_what_is_not_ours_in_it_is_nothing(self, keyring, text):
        """An entry that somebody else wrote is not taken for a secret."""
        backend = keyring(_Fake())
        backend.kept["smtp_lab", "team/password"] = text
        assert SecretStore().get("team", BINDING) is None

    @pytest.mark.parametrize("priority", [0, -1])
    def test_a_backend_that_is_none_falls_to_memory(self, keyring, priority):
        """Headless systems have a backend of priority 0 or less: where says so, nothing fails."""
        backend = keyring(_Fake())
        backend.priority = priority
        store = SecretStore()
        store.put("team", BINDING, Secret(CANARY))
        assert backend.kept == {}
        assert store.get("team", BINDING).reveal() == CANARY
        assert (
            store.where == "the memory of this kernel; the system has no keyring that could be used"
        )

    def test_a_broken_package_falls_to_memory(self, keyring, monkeypatch):
        """A keyring that cannot even be asked is none; so is one that is not installed."""
        keyring(_Fake())
        monkeypatch.delattr(sys.modules["keyring"], "get_keyring")
        assert SecretStore().where.startswith("the memory of this kernel")
        monkeypatch.setitem(sys.modules, "keyring", None)
        assert SecretStore().where.startswith("the memory of this kernel")

    def test_it_can_be_declined(self, keyring):
        """keyring=False keeps to memory though there is one."""
        backend = keyring(_Fake())
        SecretStore(keyring=False).put("team", BINDING, Secret(CANARY))
        assert backend.kept == {}
        assert SecretStore(keyring=False).where.startswith("the memory of this kernel")


class TestFile:
    """A file, only where one is named."""

    def test_it_is_its_owner_s_alone(self, tmp_path):
        """0600 whatever the umask says, and another store on it finds what was put."""
        path = tmp_path / "new" / "secrets.json"
        old = os.umask(0)
        try:
            SecretStore(file=path).put("team", BINDING, Secret(CANARY))
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SecretStore(file=path).get("team", BINDING).reveal() == CANARY
        assert SecretStore(file=path).get("team", "other:1") is None
        assert SecretStore().get("team", BINDING) is None
        assert SecretStore(file=path).where == f"the file {path}, readable by you only"

    def test_the_variable_chooses_it(self, tmp_path, monkeypatch):
        """SMTP_LAB_SECRETS_FILE names it, with ~ for the home folder; else no file is written."""
        monkeypatch.setenv("HOME", str(tmp_path))
        SecretStore().put("team", BINDING, Secret(CANARY))
        assert not (tmp_path / "secrets.json").exists()
        monkeypatch.setenv("SMTP_LAB_SECRETS_FILE", "~/secrets.json")
        SecretStore().put("team", BINDING, Secret(CANARY))
        assert (tmp_path / "secrets.json").exists()

    def test_it_goes_before_the_keyring(self, tmp_path, keyring):
        """A file that was chosen is where secrets are, though there is a keyring."""
        backend = keyring(_Fake())
        SecretStore(file=tmp_path / "s").put("team", BINDING, Secret(CANARY))
        assert backend.kept == {}

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
    def test_one_that_others_can_read_is_refused(self, tmp_path, mode):
        """The sentence names file, mode and fix, and what was in it is neither used nor shown."""
        path = tmp_path / "secrets.json"
        store = SecretStore(file=path)
        store.put("team", BINDING, Secret(CANARY))
        before = hash(path.read_bytes())
        path.chmod(mode)
        for action in (
            lambda: store.get("team", BINDING),
            lambda: store.put("team", BINDING, Secret("new")),
            lambda: store.forget("team"),
        ):
            with pytest.raises(InputError) as caught:
                action()
            assert f"{path} can be read by others (mode {mode:o}); chmod 600 it" in str(
                caught.value
            )
            assert_hidden(shown(caught.value))
        assert hash(path.read_bytes()) == before

    @pytest.mark.parametrize(
        "text",
        ["{", "[]", "3", "null", '{"team": 3}', '{"team": {"password": "x"}}', '{"team": {"password": {"binding": "a", "secret": 3}}}', "\udcff"],
    )  # fmt: skip
    def test_one_that_is_not_ours_is_refused(self, tmp_path, text):
        """A file of something else is left as it is."""
        path = tmp_path / "secrets.json"
        path.write_bytes((CANARY + text if text == "{" else text).encode("utf-8", "surrogatepass"))
        path.chmod(0o600)
        before = hash(path.read_bytes())
        for action in (
            lambda: SecretStore(file=path).get("team", BINDING),
            lambda: SecretStore(file=path).put("team", BINDING, Secret(CANARY)),
        ):
            with pytest.raises(InputError, match="holds no secrets of smtp_lab") as caught:
                action()
            assert_hidden(shown(caught.value))
        assert hash(path.read_bytes()) == before

    def test_an_empty_one_is_ready_to_use(self, tmp_path):
        """A file made beforehand with the right mode is taken."""
        path = tmp_path / "secrets.json"
        path.touch(0o600)
        SecretStore(file=path).put("team", BINDING, Secret(CANARY))
        assert SecretStore(file=path).get("team", BINDING).reveal() == CANARY

    def test_forgotten_is_gone_from_it(self, tmp_path):
        """forget() takes the text out of the file and leaves the others."""
        path = tmp_path / "secrets.json"
        store = SecretStore(file=path)
        store.put("team", BINDING, Secret(CANARY))
        store.put("other", BINDING, Secret("kept"))
        store.forget("team")
        assert_hidden(path.read_text(encoding="utf-8"))
        assert SecretStore(file=path).get("other", BINDING).reveal() == "kept"

    def test_one_that_cannot_be_written_shows_nothing(self, tmp_path):
        """The refusal, with the variables of every frame, has neither the new nor an old secret."""
        (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
        store = SecretStore(file=tmp_path / "gone" / "secrets.json")
        with pytest.raises(InputError, match="cannot be written") as caught:
            store.put("team", BINDING, Secret(CANARY))
        assert_hidden(shown(caught.value))
        assert caught.value.__context__ is None

    def test_of_two_writers_neither_loses_a_secret(self, tmp_path):
        """Processes that keep secrets in one file at the same time lose none."""
        path = tmp_path / "secrets.json"
        script = (
            "import sys; from pathlib import Path\n"
            "from smtp_lab.config.secret_store import SecretStore\n"
            "from smtp_lab.config.secrets import Secret\n"
            "store = SecretStore(file=Path(sys.argv[1]))\n"
            "for n in range(40): store.put(f'{sys.argv[2]}{n}', 'h:1', Secret('x'))\n"
        )
        writers = [
            subprocess.Popen([sys.executable, "-c", script, str(path), who]) for who in ("a", "b")
        ]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        store = SecretStore(file=path)
        names = [f"{who}{n}" for who in "ab" for n in range(40)]
        assert [name for name in names if store.get(name, "h:1") is None] == []

    def test_a_book_uses_it(self, tmp_path):
        """A password saved with a profile is in the file, and not in the book."""
        path = tmp_path / "secrets.json"
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(file=path))
        kept.save(profile())
        again = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(file=path))
        assert again["team"].password.reveal() == CANARY
        assert_hidden(kept.path.read_text(encoding="utf-8"))


class TestBinding:
    """A secret belongs to where it was typed for, whichever way of logging in."""

    @pytest.mark.parametrize(
        ("made", "wanted"),
        [
            (connection, "mx.example.com:587"),
            (lambda: connection().replace(host="::1", port=25), "[::1]:25"),
            (
                lambda: token_profile().connection,
                "mx.example.com:587 https://login.example.com/token app",
            ),
            (graph, "global/tenant/app"),
        ],
    )
    def test_what_it_is(self, made, wanted):
        """Host and port; token endpoint and client; cloud, tenant and client."""
        assert made().binding == wanted

    @pytest.mark.parametrize(
        ("make", "change"),
        [
            (connection, {"host": "mx.example.org"}),
            (connection, {"port": 465}),
            (oauth, {"token_url": "https://login.example.org/token"}),
            (oauth, {"client_id": "other"}),
            (graph, {"cloud": "china"}),
            (graph, {"tenant_id": "other"}),
            (graph, {"client_id": "other"}),
        ],
    )
    def test_a_change_forgets(self, make, change):
        """The changed copy knows none of the secrets, the old one all of them."""
        old = make()
        assert old.replace(**change).secrets == {}
        assert old.secrets

    @pytest.mark.parametrize(
        ("make", "change"),
        [
            (connection, {"timeout": 5}),
            (connection, {"security": "implicit"}),
            (auth, {"mechanism": "LOGIN"}),
            (oauth, {"scopes": ("a",)}),
            (oauth, {"user": "bob"}),
            (graph, {"timeout": 5}),
            (graph, {"user": "bob@example.com"}),
        ],
    )
    def test_another_change_does_not(self, make, change):
        """What is no other place leaves the secrets."""
        assert make().replace(**change).secrets == make().secrets

    def test_a_secret_typed_with_the_change_stays(self):
        """Who changes the place and types the secret again has it, and only that one."""
        changed = graph().replace(tenant_id="other", client_secret="new")
        assert {name: s.reveal() for name, s in changed.secrets.items()} == {"client_secret": "new"}
        changed = oauth().replace(client_id="other", refresh_token="new")
        assert {name: s.reveal() for name, s in changed.secrets.items()} == {"refresh_token": "new"}

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("team", lambda c: c.replace(host="evil.test")),
            ("team", lambda c: c.replace(port=26)),
            ("team", lambda c: c.replace(auth=oauth().without_secrets())),
            ("token", lambda c: c.replace(auth=c.auth.replace(token_url="https://evil.test"))),
            ("token", lambda c: c.replace(auth=c.auth.replace(client_id="evil"))),
            ("graph", lambda c: c.replace(tenant_id="evil")),
            ("graph", lambda c: c.replace(client_id="evil")),
            ("graph", lambda c: c.replace(cloud="china")),
        ],
    )
    def test_a_saved_change_makes_the_store_forget(self, name, change):
        """Saved for another place, the secrets are gone, also when it is changed back."""
        kept = full_book()
        before = kept[name].without_secrets()
        kept.save(before.replace(connection=change(before.connection)))
        assert kept[name].secrets == {}
        kept.save(before)
        assert kept[name].secrets == {}
        assert all(kept[other].secrets for other in ("team", "token", "graph") if other != name)

    @pytest.mark.parametrize("name", ["team", "token", "graph"])
    def test_a_file_changed_by_hand_gets_nothing(self, name):
        """Who edits host, token endpoint or tenant in the file does not get the secrets sent there."""
        kept = full_book()
        text = kept.path.read_text(encoding="utf-8")
        for old in ('"mx.example.com"', '"https://login.example.com/token"', '"tenant"'):
            text = text.replace(
                old, old.replace("example.com", "evil.test").replace("tenant", "evil")
            )
        kept.path.write_text(text, encoding="utf-8")
        kept.reload()
        assert kept[name].secrets == {}

    def test_fields_are_kept_apart(self):
        """Each secret field of a profile is one of its own."""
        store = SecretStore()
        for field in SECRET_FIELDS:
            store.put("team", BINDING, Secret(field), field)
        assert [store.get("team", BINDING, field).reveal() for field in SECRET_FIELDS] == list(
            SECRET_FIELDS
        )


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
        assert repr(store) == str(store) == f"<SecretStore in {store.where}>"
        assert "in the memory of this kernel" in repr(store)

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
        assert secret_variable("a", "client_secret") == "SMTP_LAB_PROFILES__A__CLIENT_SECRET"

    def test_what_the_environment_gives_is_not_kept_twice(self, monkeypatch):
        """A secret that came from a variable goes when the variable goes."""
        monkeypatch.setenv(secret_variable("team"), CANARY)
        store = SecretStore()
        store.put("team", "h:1", store.get("team", "h:1"))
        monkeypatch.delenv(secret_variable("team"))
        assert store.get("team", "h:1") is None


def refuses(*_args):
    raise OSError("locked")


@pytest.fixture(params=["memory", "file", "keyring"])
def make_store(request, tmp_path, keyring):
    """Makes stores that keep their secrets in one of the three places."""
    if request.param == "keyring":
        keyring(_Fake())
    if request.param == "file":
        return lambda: SecretStore(file=tmp_path / "secrets.json")
    return lambda: SecretStore(keyring=request.param == "keyring")


class TestBookAndStore:
    """The two together."""

    def test_every_book_of_the_kernel_knows_it(self):
        """What one book was given, another book on the same file finds."""
        book()
        assert lab.ProfileBook.open()["team"].password.reveal() == CANARY
        assert book().secrets.get("team", "mx.example.com:587").reveal() == CANARY

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

    def test_two_books_have_a_secret_each(self, tmp_path, make_store):
        """What one book keeps, gives away or forgets for a name is nothing to another book's."""
        store = make_store()
        one, two = (lab.ProfileBook(tmp_path / n, secrets=store) for n in ("1.toml", "2.toml"))
        one.save(profile())
        two.save(profile().with_password(None))
        assert two["team"].password is None
        two.save(profile().with_password("another"))
        two.delete("team")
        assert one["team"].password.reveal() == CANARY
        (tmp_path / "link.toml").symlink_to("1.toml")
        again = lab.ProfileBook(tmp_path / "link.toml", secrets=store)
        assert again["team"].password.reveal() == CANARY

    def test_a_kept_secret_can_be_taken_away(self, tmp_path, make_store, monkeypatch):
        """forget_secrets() leaves the profile, and names the variable that still gives one."""
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=make_store())
        kept.save(profile())
        assert kept.forget_secrets("team") == "Forgot the secrets of team."
        assert kept["team"].password is None
        assert kept["team"].username == "ann"
        monkeypatch.setenv(secret_variable("team"), CANARY)
        said = kept.forget_secrets("team")
        assert said.endswith(f" {secret_variable('team')} is still set; take it away there.")
        assert kept.delete("team").endswith(said.removeprefix("Forgot the secrets of team."))
        with pytest.raises(InputError, match="'team' is not in"):
            kept.forget_secrets("team")

    def test_what_the_environment_gives_is_locked(self, monkeypatch):
        """locked_by() names the variable of a secret; another one typed is refused, not ignored."""
        kept = book()
        field = "profiles.team.connection.auth.password"
        assert kept.locked_by(field) is None
        monkeypatch.setenv(secret_variable("team"), "from outside")
        assert kept.locked_by(field) == secret_variable("team")
        before = kept.path.read_bytes()
        with pytest.raises(InputError, match="PASSWORD; change it there") as caught:
            kept.save(profile().replace(description="new"))
        assert_hidden(shown(caught.value))
        assert kept.path.read_bytes() == before
        kept.save(kept["team"].replace(description="new"))
        monkeypatch.delenv(secret_variable("team"))
        assert kept["team"].password.reveal() == CANARY

    @pytest.mark.parametrize(
        "change",
        [
            lambda b: b.save(profile().replace(description="new").with_password("another")),
            lambda b: b.delete("team"),
            lambda b: b.rename("team", "crew"),
            lambda b: b.forget_secrets("team"),
        ],
    )
    def test_a_store_that_cannot_be_used_changes_no_book(self, tmp_path, change):
        """Where the secrets' file is of no use, the book stays as it was, and so does the file."""
        path = tmp_path / "secrets.json"
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(file=path))
        kept.save(profile())
        before = kept.path.read_bytes(), path.read_bytes()
        path.chmod(0o644)
        with pytest.raises(InputError, match="chmod 600"):
            change(kept)
        assert (kept.path.read_bytes(), path.read_bytes()) == before
        path.chmod(0o600)
        assert kept["team"].password.reveal() == CANARY

    @pytest.mark.parametrize(
        "change",
        [
            lambda b: b.save(profile().replace(description="new").with_password("another")),
            lambda b: b.delete("team"),
            lambda b: b.rename("team", "crew"),
        ],
    )
    def test_a_book_that_cannot_be_written_changes_no_store(self, tmp_path, make_store, change):
        """A change that is refused since the file was changed elsewhere leaves the secrets."""
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=make_store())
        kept.save(profile())
        kept.path.write_text(kept.path.read_text(encoding="utf-8") + "# later\n", encoding="utf-8")
        with pytest.raises(InputError, match="changed elsewhere"):
            change(kept)
        kept.reload()
        assert kept["team"].password.reveal() == CANARY

    def test_a_change_that_the_environment_forbids_loses_no_password(self, monkeypatch):
        """A variable set after the book was opened is seen before anything is written."""
        kept = book()
        before = kept.path.read_bytes()
        monkeypatch.setenv("SMTP_LAB_DEFAULT", "nosuch")
        other = profile().replace(connection=connection().replace(host="mx.example.org"))
        with pytest.raises(InputError, match="SMTP_LAB_DEFAULT"):
            kept.save(other.with_password("another"))
        assert kept.path.read_bytes() == before
        monkeypatch.delenv("SMTP_LAB_DEFAULT")
        assert kept["team"].password.reveal() == CANARY

    def test_a_host_changed_in_the_file_is_typed_for_again(self):
        """Also when the file goes back to the old one later."""
        kept = book()
        text = kept.path.read_text(encoding="utf-8")
        kept.path.write_text(text.replace("mx.example.com", "mx.example.org"), encoding="utf-8")
        kept.reload()
        assert kept["team"].password is None
        kept.path.write_text(text, encoding="utf-8")
        kept.reload()
        assert kept["team"].password is None

    def test_what_was_typed_last_is_used_though_the_keyring_takes_nothing(self, keyring, tmp_path):
        """A keyring that gives but does not take cannot bring an old password back."""
        backend = keyring(_Fake())
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(keyring=True))
        kept.save(profile().with_password("old"))
        backend.set_password = backend.delete_password = refuses
        kept.save(profile())
        assert kept["team"].password.reveal() == CANARY
        said = kept.forget_secrets("team")
        assert (
            said == "It was not possible to remove password in the system's keyring; do it there."
        )
        assert "with its secrets" not in kept.delete("team")

    def test_what_is_kept_elsewhere_is_forgotten_too(self, keyring, tmp_path, monkeypatch):
        """A secret in the keyring does not come back when the file is chosen no longer."""
        keyring(_Fake())
        kept = lab.ProfileBook(tmp_path / "book.toml", secrets=SecretStore(keyring=True))
        kept.save(profile())
        monkeypatch.setenv("SMTP_LAB_SECRETS_FILE", str(tmp_path / "secrets.json"))
        kept.forget_secrets("team")
        monkeypatch.delenv("SMTP_LAB_SECRETS_FILE")
        assert kept["team"].password is None

    @pytest.mark.parametrize("auth", [auth, oauth])
    def test_a_secret_that_is_carried_along_to_another_host_is_not(self, auth):
        """The login may be changed in the same step; the secret must be typed again."""
        here = connection().replace(auth=auth())
        assert here.secrets
        there = here.replace(host="mx.example.org", auth=here.auth.replace(mechanism="auto"))
        assert there.secrets == {}
        again = here.replace(host="mx.example.org", auth=auth())
        assert again.secrets == here.secrets

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


def test_pydantic_s_own_copy_forgets_too():
    """A copy made by model_copy is checked and obeys the binding, as replace does."""
    connection = profile().connection
    assert connection.secrets
    assert connection.model_copy(update={"host": "other.example.com"}).secrets == {}
    with pytest.raises(InputError, match="is not a profile name"):
        profile().model_copy(update={"name": "x y!"})


def test_undoing_leaves_alone_what_another_process_has_kept(tmp_path):
    """A save that fails takes back its own secret, and not one that came meanwhile."""
    path = tmp_path / "secrets.json"
    mine, other = SecretStore(file=path), SecretStore(file=path)
    mine.put("team", "h:1", Secret("before"))

    def fail(*acts):
        with mine.undone_on_error("team"):
            for act in acts:
                act()
            raise RuntimeError

    def put(store, text):
        return lambda: store.put("team", "h:1", Secret(text))

    for acts, left in (
        ((put(mine, "mine"), put(other, "theirs")), "theirs"),
        ((put(mine, "mine"),), "theirs"),
        ((lambda: mine.forget("team"),), "theirs"),
        ((lambda: mine.forget("team"), put(other, "new")), "new"),
    ):
        with pytest.raises(RuntimeError):
            fail(*acts)
        assert other.get("team", "h:1").reveal() == left
