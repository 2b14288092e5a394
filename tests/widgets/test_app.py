"""All panels on one desk."""

from __future__ import annotations

import pytest
from widgets.panels import book_of, everything, press, type_secret

import smtp_lab as lab
from smtp_lab.widgets.panels import PANELS


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


@pytest.fixture
def app(book):
    return lab.app(book)


def test_every_panel_has_a_tab_a_name_and_code(app):
    """Each is there with a title of its own, and what it says as code is Python."""
    titles = [app.tabs.get_title(n) for n in range(len(app.panels))]
    assert len(set(titles)) == len(titles) == len(PANELS)
    for panel in app.panels.values():
        assert panel.manners.label == panel.title
        panel.code_button.click()
        compile(panel.code_view.text, panel.id, "exec")


def test_panels_can_be_chosen(book):
    """Some of them, in the order asked for; one that is not there is a sentence."""
    assert list(lab.app(book, panels=["send_test", "profiles"]).panels) == ["send_test", "profiles"]
    with pytest.raises(lab.InputError, match="'inbx' is no panel"):
        lab.app(book, panels=["inbx"])


def test_the_profile_at_hand_is_the_same_everywhere(app):
    """Edit takes it to the form, Test to the test."""
    profiles, form, send = (app.panels[name] for name in ("profiles", "form", "send_test"))
    profiles.cards.chosen = "other"
    profiles.buttons["edit"].click()
    assert app.tabs.selected_index == 1
    assert form.fields["name"].value == "other"
    profiles.buttons["test"].click()
    assert app.tabs.selected_index == 2
    assert send.which.value == "other"
    profiles.buttons["new"].click()
    assert form.fields["name"].value == ""


def test_from_a_refusal_to_the_field_and_to_a_mended_profile(app, sink, book):
    """The way of a beginner: a wrong password is found, mended, saved, and the mark goes."""
    profiles, form, send = (app.panels[name] for name in ("profiles", "form", "send_test"))
    book.save(book["team"].with_password("open barley"))
    app.desk.tell("book")
    send.which.value = "team"
    press(send, send.send_button)
    assert "⚠ 1" in app.tabs.get_title(0)
    assert send.result.fix_button.description == "Go to the field Password"
    send.result.fix_button.click()
    assert app.tabs.selected_index == 1
    assert form.alerts["connection.auth.password"].wrong
    assert form.manners.target.startswith("smtp-lab-at-connection-auth-password ")
    assert "The last test failed" in form.head.health.value
    type_secret(form.fields["connection.auth.password"], "open sesame")
    press(form, form.save_button)
    press(send, send.send_button)
    assert send.delivery.ok
    assert app.tabs.get_title(0) == "Profiles"
    assert profiles.cards.cards[1]["warning"] == ""


def test_a_change_in_one_panel_is_seen_in_the_others(app, book):
    """Renamed in one, it has the new name in all."""
    profiles, form, send = (app.panels[name] for name in ("profiles", "form", "send_test"))
    profiles.cards.chosen = "other"
    profiles.buttons["rename"].click()
    profiles.drawer.children[0].children[1].value = "crew"
    profiles.drawer.yes.click()
    assert "crew" in send.which.options
    assert ("crew", "crew") in form.head.which.options


def test_the_panel_on_many_mails_finds_the_batch(book, sink, monkeypatch):
    """The batch that was given is shown, and those of the notebook are found."""
    import __main__

    batch = lab.Batch([], book["team"])
    tab = lab.app(book, batch=batch).panels["batch"]
    assert tab.place.children[0].batch is batch
    empty = lab.app(book).panels["batch"]
    assert "No batch yet" in empty.status.value
    monkeypatch.setattr(__main__, "my_batch", batch, raising=False)
    empty.again.click()
    assert empty.which.options == ("my_batch",)
    assert empty.place.children[0].batch is batch


def test_no_state_of_any_panel_has_a_secret(app, book):
    """After saving and testing, nothing a notebook could save holds what was typed."""
    form = app.panels["form"]
    type_secret(form.fields["connection.auth.password"], "canary-31")
    press(form, form.send_button)
    press(form, form.save_button)
    for panel in app.panels.values():
        panel.code_button.click()
    assert book["team"].password.reveal() == "canary-31"
    assert "canary-31" not in everything(app)


def test_a_saved_profile_is_the_one_at_hand_everywhere(app):
    """Whoever has just made a profile finds it chosen where tests are sent."""
    form = app.panels["form"]
    app.desk.choose("")
    form.fields["name"].value = "fresh"
    form.fields["sender"].value = "ann@example.com"
    form.fields["connection.host"].value = "mail.example.com"
    form.fields["connection.auth"].value = "none"
    form.save()
    assert "Saved as fresh" in form.status.value
    assert app.desk.chosen == app.panels["send_test"].which.value == "fresh"
