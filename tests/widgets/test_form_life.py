"""What the form does over time: profiles in turn, locks, the doctor, logins of a person, code."""

from __future__ import annotations

import getpass
import os

import pytest
from deliver.servers import Server, _ca_path
from deliver.tokens import GOOD, TokenEndpoint, account, takes_tokens
from widgets.panels import book_of, everything, press, type_secret

import smtp_lab as lab
from smtp_lab.widgets import ProfileForm

PASSWORD = "connection.auth.password"
DEVICE = {
    "device_code": "the device's own code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://example.com/device",
    "expires_in": 60,
    "interval": 0.05,
}


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


def test_switching_to_the_bundled_sink_and_back_loses_neither(book):
    """What was typed for one's own profile, secrets included, is there when one comes back."""
    form = ProfileForm(book["team"], book=book)
    form.fields["reply_to"].value = "r@example.com"
    type_secret(form.fields[PASSWORD], "typed")
    form.head.which.value = "lab"
    assert form.fields["sender"].value == "smtp_lab <lab@example.com>"
    assert any("· changed" in label for label, _ in form.head.which.options)
    form.head.which.value = "team"
    assert form.fields["reply_to"].value == "r@example.com"
    assert form.profile.password.reveal() == "typed"
    assert book["team"].reply_to is None


def test_of_the_bundled_sink_only_name_and_reply_can_change(book):
    """Everything else is locked and says so; the name is saved."""
    form = ProfileForm(book=book)
    form.head.which.value = "lab"
    open_ = {key for key, row in form.rows.items() if not row.input.disabled}
    assert open_ == {"sender", "reply_to"}
    assert "built-in" in form.alerts["connection.host"].value
    form.fields["sender"].value = "My lab <lab@example.com>"
    press(form, form.save_button)
    assert book["lab"].sender == "My lab <lab@example.com>"


def test_revert_takes_back_to_what_is_saved(book):
    """Values and secrets are as saved; the button is off when there is nothing to take back."""
    form = ProfileForm(book["team"], book=book)
    assert form.revert_button.disabled
    form.fields["connection.port"].value = "1"
    type_secret(form.fields[PASSWORD], "typed")
    form.revert_button.click()
    assert form.profile == book["team"]
    assert form.profile.password.reveal() == "open sesame"
    assert form.revert_button.disabled


def test_what_the_environment_gives_is_locked_and_says_so(book, monkeypatch):
    """A field and a password from the environment cannot be typed; the variable is named."""
    monkeypatch.setenv("SMTP_LAB_PROFILES__TEAM__CONNECTION__PORT", "2525")
    monkeypatch.setenv("SMTP_LAB_PROFILES__TEAM__PASSWORD", "given")
    book.reload()
    form = ProfileForm(book["team"], book=book)
    for key in ("connection.port", PASSWORD):
        assert form.fields[key].disabled
        assert "SMTP_LAB_PROFILES__TEAM" in form.alerts[key].value
    assert not form.fields["connection.host"].disabled


def test_a_locked_book_cannot_be_saved(book, monkeypatch):
    """With SMTP_LAB_LOCKED there is no Save."""
    monkeypatch.setenv("SMTP_LAB_LOCKED", "1")
    assert ProfileForm(book["team"], book=book).save_button.disabled


def test_a_name_that_is_taken_is_asked_about_once(book):
    """The second press replaces; typing anything in between asks again."""
    form = ProfileForm(book["team"], book=book)
    form.fields["name"].value = "other"
    press(form, form.save_button)
    assert "press Save again" in form.status.value
    assert book["other"].sender == "other@example.com"
    press(form, form.save_button)
    assert book["other"].sender == "team@example.com"


def test_a_profile_deleted_elsewhere_is_not_lost(book):
    """What somebody was working on becomes a new profile."""
    form = ProfileForm(book["other"], book=book)
    form.fields["reply_to"].value = "r@example.com"
    book.delete("other")
    form.desk.tell("book")
    assert form.head.which.value == ""
    assert form.fields["reply_to"].value == "r@example.com"
    press(form, form.save_button)
    assert book["other"].reply_to == "r@example.com"


def test_the_doctor_finds_tls_on_the_wrong_port(book, sink):
    """TLS from the first byte on the STARTTLS port fails at tls, and leads to the field."""
    profile = book["team"]
    form = ProfileForm(profile, book=book)
    form.fields["connection.security"].value = "implicit"
    press(form, form.doctor_button)
    assert form.checkup.failed_at == "tls"
    assert form.result.fix_button is not None
    form.result.fix_button.click()
    assert "smtp-lab-at-connection" in form.manners.target
    assert len(sink.inbox) == 0


def test_a_diagnosis_may_lead_to_a_folded_field(book):
    """The part a field stands in is opened."""
    form = ProfileForm(book["team"], book=book)
    assert form.form.groups["security"].layout.display == "none"
    form.go_to("connection.ca_file")
    assert form.form.groups["security"].layout.display == ""
    assert form.manners.target.startswith("smtp-lab-at-connection-ca-file ")


@pytest.mark.parametrize("name", ["team", "work", "graph", "none"])
def test_the_code_builds_saves_and_tests_the_same_profile(book, sink, monkeypatch, name):
    """Show as code gives lines that run and make what the form shows."""
    graph = lab.GraphConnection(user="a@example.com", tenant_id="t", client_id="c")
    no_login = lab.SmtpConnection(host="127.0.0.1", port=sink.port)
    made = {
        "team": book["team"],
        "work": lab.provider("microsoft365").profile(
            "work", user="a@example.com", oauth=True, client_id="c"
        ),
        "graph": lab.Profile(name="graph", sender="a@example.com", connection=graph),
        "none": lab.Profile(name="none", sender="a@example.com", connection=no_login),
    }[name]
    form = ProfileForm(made, book=book, to="you@example.com")
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "open sesame")
    code = form.code()
    sent = []
    monkeypatch.setattr(lab, "send_test", lambda profile, **more: sent.append((profile, more)))
    exec(code, {})
    book.reload()
    assert book[name].without_secrets() == made.without_secrets()
    assert sent[0][0].without_secrets() == made.without_secrets()
    assert sent[0][1]["to"] == "you@example.com"
    assert "sesame" not in code


def test_code_of_what_cannot_be_built_says_so(book):
    """It is a comment, so that whoever runs it does no harm."""
    assert ProfileForm(book=book).code().startswith("#")


def test_a_provider_fills_the_form_in(book):
    """Settings come from the facts; what one typed as sender stays."""
    form = ProfileForm(book=book)
    form.fields["sender"].value = "Ann <ann@example.com>"
    picker = form.picker
    picker.name.value = "gmail"
    assert "2-Step Verification" in form.guide.value
    picker.fill_button.click()
    assert form.fields["connection.host"].value == "smtp.gmail.com"
    assert form.fields["connection.auth.username"].value == ""
    assert form.fields["sender"].value == "Ann <ann@example.com>"
    picker.name.value = "microsoft365"
    picker.way.value = "person"
    picker.address.value = "ann@example.com"
    picker.fill_button.click()
    assert form.fields["connection.auth"].value == "oauth2"
    assert form.fields["connection.auth.client_id"].value == ""
    assert "microsoftonline" in form.fields["connection.auth.token_url"].value
    picker.way.value = "application"
    picker.fill_button.click()
    assert picker.note.wrong
    picker.tenant.value = "example.com"
    picker.fill_button.click()
    assert "/example.com/" in form.fields["connection.auth.token_url"].value


@pytest.mark.parametrize("name", [one.id for one in lab.providers()])
def test_every_provider_fills_in_something_that_needs_no_repair(book, name):
    """With an address given, only what nobody but the account's owner knows is left to type."""
    form = ProfileForm(book=book)
    form.fields["name"].value = "new"
    form.picker.name.value = name
    form.picker.address.value = "ann@example.com"
    form.picker.tenant.value = "example.com"
    form.picker.fill_button.click()
    assert not form.picker.note.wrong
    left = set(form.draft.problems())
    assert left <= {"connection.client_id", "connection.auth.client_id"}


@pytest.fixture
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.mark.usefixtures("_trusting")
def test_a_device_code_is_shown_and_waited_for(tmp_path):
    """Log in shows page and code, waits, and then the test mail goes with the token."""
    pending = (400, {"error": "authorization_pending"})
    with (
        TokenEndpoint((200, DEVICE), pending, (200, GOOD)) as endpoint,
        Server(takes_tokens()) as server,
    ):
        more = {"grant": "device_code", "device_url": f"https://{endpoint.host}/device"}
        profile = account(server, endpoint.url, **more)
        form = ProfileForm(profile, book=lab.ProfileBook.open(tmp_path / "b.toml"))
        press(form, form.send_button)
        assert "press Log in" in form.alerts["connection.auth.grant"].value
        form.login.begin_button.click()
        assert _until(lambda: "Logged in" in form.status.value)
        assert form.login.steps.children == ()
        press(form, form.send_button)
        assert form.delivery.ok
    assert "the device's own code" not in everything(form)


@pytest.mark.usefixtures("_trusting")
def test_waiting_for_a_code_can_be_stopped(tmp_path):
    """Stop puts the code away; the form can be used again."""
    with TokenEndpoint((200, DEVICE), (400, {"error": "authorization_pending"})) as endpoint:
        more = {"grant": "device_code", "device_url": f"https://{endpoint.host}/device"}
        with Server(takes_tokens()) as server:
            profile = account(server, endpoint.url, **more)
        form = ProfileForm(profile, book=lab.ProfileBook.open(tmp_path / "b.toml"))
        form.login.begin_button.click()
        assert _until(lambda: form.login.steps.children)
        assert "WDJB-MJHT" in form.login.steps.children[0].value
        assert 'href="https://example.com/device"' in form.login.steps.children[0].value
        form.work.stop_button.click()
        assert form.login.steps.children == ()
        assert not form.send_button.disabled


@pytest.mark.usefixtures("_trusting")
def test_a_pasted_address_is_taken_once_and_kept_nowhere(tmp_path):
    """Another login's address is refused in a sentence; the right one logs in."""
    with TokenEndpoint((200, GOOD)) as endpoint, Server(takes_tokens()) as server:
        more = {"grant": "authorization_code", "auth_url": f"https://{endpoint.host}/auth"}
        profile = account(server, endpoint.url, **more)
        form = ProfileForm(profile, book=lab.ProfileBook.open(tmp_path / "b.toml"))
        press(form, form.login.begin_button)
        type_secret(form.login.address, "http://localhost/?code=canary-1&state=other")
        assert form.work.wait(20)
        assert "not of this login" in form.status.value
        state = form.login.login._flow.state
        type_secret(form.login.address, f"http://localhost/?code=canary-2&state={state}")
        assert form.work.wait(20)
        assert "Logged in" in form.status.value
        assert "canary" not in everything(form) + form.status.value
        form.login.out_button.click()
        assert "is dropped" in form.status.value
    assert os.environ["SMTP_LAB_DATA"].startswith(str(tmp_path))


def _until(done) -> bool:
    """Whether *done* comes true within a time that is long for any machine."""
    import threading

    pause = threading.Event()
    return any(done() or pause.wait(0.05) for _ in range(400))
