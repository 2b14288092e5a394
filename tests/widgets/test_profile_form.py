"""The form on a profile, driven as the page drives it, against a real sink."""

from __future__ import annotations

import smtp_lab as lab
from smtp_lab.config import NoAuth
from smtp_lab.widgets import ProfileForm
from smtp_lab.widgets.replay import Replay

PASSWORD = "connection.auth.password"


def _type_password(form: ProfileForm, text: str) -> None:
    form.fields[PASSWORD]._handle_custom_msg({"type": "secret", "text": text}, [])


def _alert(form: ProfileForm, field: str) -> str:
    """What stands below *field* as wrong; a hint is nothing wrong."""
    alert = form.alerts[field]
    assert alert.wrong == ('role="alert"' in alert.value)
    return alert.value if alert.wrong else ""


def _shown(form: ProfileForm, field: str) -> bool:
    return form.rows[field].layout.display != "none"


def _send(form: ProfileForm) -> None:
    form.send_button.click()
    assert form.work.wait(20)


def _dialogue(form: ProfileForm) -> list[dict]:
    return next(part.lines for part in form.result.children if isinstance(part, Replay))


def _book(tmp_path) -> lab.ProfileBook:
    return lab.ProfileBook.open(tmp_path / "form.toml")


def test_a_profile_goes_in_and_comes_out_unchanged(sink):
    """Whatever the profile holds, shown in the form or not, comes out as it went in."""
    profile = sink.profile().replace(description="kept", reply_to="b@example.com")
    profile = profile.replace(connection=profile.connection.replace(timeout=7, min_tls="1.3"))
    form = ProfileForm(profile)
    assert form.profile == profile
    assert form.profile.password.reveal() == "open sesame"


def test_no_login_needs_no_user_name(sink):
    """Without a login the fields for it are gone and the profile has none."""
    form = ProfileForm(sink.profile())
    form.fields["connection.auth"].value = "none"
    assert form.profile.connection.auth == NoAuth()
    assert not _shown(form, PASSWORD)
    assert not _shown(form, "connection.auth.username")


def test_an_empty_form_says_what_is_missing_only_when_asked(tmp_path):
    """Nothing is red at first; Save then names every field, and writes nothing."""
    book = _book(tmp_path)
    form = ProfileForm(book=book)
    form.head.which.value = ""
    assert not any(_alert(form, field) for field in form.alerts)
    form.save_button.click()
    for field in ("name", "sender", "connection.host", "connection.auth.username"):
        assert _alert(form, field)
    assert "4 fields to correct" in form.status.value
    assert not book.path.exists()


def test_a_mended_field_is_no_longer_red(sink):
    """The sentence goes as soon as the value is right."""
    form = ProfileForm(sink.profile())
    form.fields["connection.port"].value = "0"
    assert "not between 1 and 65535" in _alert(form, "connection.port")
    form.fields["connection.port"].value = str(sink.port)
    assert _alert(form, "connection.port") == ""


def test_save_writes_the_book_and_keeps_the_password_in_memory(sink, tmp_path):
    """The saved profile can be had from the book with its password; the file has none."""
    book = _book(tmp_path)
    form = ProfileForm(sink.profile("team"), book=book)
    form.save_button.click()
    assert "Saved as team" in form.status.value
    assert book["team"].password.reveal() == "open sesame"
    assert "sesame" not in book.path.read_text()


def test_a_book_that_cannot_be_written_is_said_in_the_form(sink, tmp_path):
    """A file changed elsewhere is not overwritten; the form says so."""
    book = _book(tmp_path)
    form = ProfileForm(sink.profile("team"), book=book)
    book.path.write_text("# someone else was here\n")
    form.save_button.click()
    assert "changed elsewhere" in form.status.value
    assert book.path.read_text() == "# someone else was here\n"


def test_send_test_sends_and_shows_the_dialogue(sink):
    """The mail is in the inbox and the form shows the outcome and the transcript."""
    form = ProfileForm(sink.profile(), to="you@example.com")
    _send(form)
    assert form.delivery.ok
    assert "Accepted by" in form.result.sentence.value
    assert any("AUTH PLAIN" in line["text"] for line in _dialogue(form))
    assert sink.inbox[-1].rcpt_to == ("you@example.com",)
    assert form.send_button.disabled is False


def test_an_empty_recipient_means_the_sender(sink):
    """Without a recipient the test goes to the profile's own address."""
    _send(ProfileForm(sink.profile(sender="ann@example.com")))
    assert sink.inbox[-1].rcpt_to == ("ann@example.com",)


def test_a_wrong_password_is_explained_at_the_password(sink):
    """The diagnosis stands in the result and under the field it is about."""
    form = ProfileForm(sink.profile())
    _type_password(form, "open barley")
    _send(form)
    assert form.delivery.diagnosis.id == "bad_credentials"
    assert form.delivery.diagnosis.meaning.split()[0] in _alert(form, PASSWORD)
    assert "barley" not in form.result.sentence.value + str(_dialogue(form))
    assert len(sink.inbox) == 0


def test_another_server_asks_for_the_password_again(sink):
    """A password belongs to the host and port it was typed for."""
    form = ProfileForm(sink.profile())
    form.fields["connection.port"].value = str(sink.tls_port)
    assert form.fields[PASSWORD].secret is None
    assert "again" in _alert(form, PASSWORD)
    _send(form)
    assert form.delivery is None
    assert "is not known" in _alert(form, PASSWORD)
    form.fields["connection.security"].value = "implicit"
    _type_password(form, "open sesame")
    assert _alert(form, PASSWORD) == ""
    _send(form)
    assert form.delivery.ok


def test_a_bad_recipient_is_said_at_its_field(sink):
    """An address without @ is refused before anything is sent."""
    form = ProfileForm(sink.profile(), to="you")
    _send(form)
    assert "has no @" in _alert(form, "to")
    assert len(sink.inbox) == 0


def test_text_typed_into_a_field_is_never_html(sink):
    """What a person pastes is shown as text in every message of the form."""
    form = ProfileForm(sink.profile())
    form.fields["connection.host"].value = "<img src=x onerror=alert(1)>"
    assert "<img" not in _alert(form, "connection.host")
    _send(form)
    assert "<img" not in form.status.value + form.result.sentence.value


def test_an_error_nobody_foresaw_is_not_swallowed(sink, monkeypatch):
    """A handler's exception would show nowhere in a notebook: the form says that there was one."""
    form = ProfileForm(sink.profile())
    monkeypatch.setattr("smtp_lab.widgets.profile_form.send_test", lambda *_, **__: 1 / 0)
    _send(form)
    assert "ZeroDivisionError" in form.status.value
    assert form.send_button.disabled is False
