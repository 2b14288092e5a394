"""The panel of profiles, driven as the page drives it."""

from __future__ import annotations

import pytest
from widgets.panels import book_of, everything, type_secret

import smtp_lab as lab
from smtp_lab.widgets import ProfilesPanel
from smtp_lab.widgets.text_view import TextView


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


@pytest.fixture
def panel(book) -> ProfilesPanel:
    return ProfilesPanel(book)


def _names(panel) -> list[str]:
    return [card["name"] for card in panel.cards.cards]


def _box(panel):
    """What is asked: title, fields, buttons."""
    return panel.drawer.children[0].children


def test_a_card_says_what_one_wants_to_know(panel, sink):
    """Name, sender, kind, server, security, login, the default and the bundled sink are there."""
    lab_card, team, _other = panel.cards.cards
    assert lab_card["marks"] == ["bundled sink"]
    assert team["marks"] == ["default"]
    assert team["lines"][:3] == [
        "team@example.com",
        f"SMTP · 127.0.0.1:{sink.port} · STARTTLS, required",
        "user name and password · ann",
    ]
    assert team["lines"][3] == "not tested since it was saved"


def test_a_failed_test_is_a_warning_for_everyone_with_the_book(panel, book):
    """The card and the tab are marked, also when another kernel sent the test."""
    assert panel.marker == ""
    other_kernel = lab.ProfileBook.open(book.path)
    other_kernel.record_test("team", ok=False, diagnosis="x", sentence="Refused <b>.")
    panel.desk.look()
    assert panel.cards.cards[1]["warning"] == "Refused <b>."
    assert panel.marker == " (⚠ 1)"
    assert "1 failed its last test" in panel.where.value


def test_make_default(panel, book):
    """The profile at hand becomes the default; for the default the button is off."""
    panel.cards.chosen = "other"
    panel.buttons["default"].click()
    assert book.default == "other"
    assert panel.status.value.count("other is the default now")
    assert panel.buttons["default"].disabled


def test_a_card_is_chosen_before_the_click_that_follows(panel, book):
    """The page says so in a message, as it says a click: changes of a value may come later."""
    panel.cards._handle_custom_msg({"type": "choose", "name": "other"}, [])
    panel.buttons["default"].click()
    assert book.default == "other"
    panel.cards._handle_custom_msg({"type": "choose", "name": "nobody"}, [])
    assert panel.name == "other"


def test_duplicating_asks_for_the_secret(panel, book):
    """The copy has the secret that was typed, and never the old one."""
    panel.cards.chosen = "team"
    panel.buttons["duplicate"].click()
    type_secret(_box(panel)[1], "open sesame 2")
    panel.drawer.yes.click()
    assert book["team_copied"].password.reveal() == "open sesame 2"
    assert panel.name == "team_copied"
    panel.buttons["duplicate"].click()
    panel.drawer.yes.click()
    assert book["team_copied_copied"].password is None


def test_renaming(panel, book):
    """The new name is there, the old one gone; a name that is taken is said and asked again."""
    panel.cards.chosen = "team"
    panel.buttons["rename"].click()
    _box(panel)[1].value = "other"
    panel.drawer.yes.click()
    assert "is taken" in panel.status.value
    assert panel.drawer.asking
    _box(panel)[1].value = "crew"
    panel.drawer.yes.click()
    assert list(book) == ["lab", "crew", "other"]
    assert book.default == panel.name == "crew"
    assert not panel.drawer.asking


def test_deleting_asks_and_asks_for_the_next_default(panel, book):
    """Cancel deletes nothing; for the default the next one is asked for."""
    panel.cards.chosen = "team"
    panel.buttons["delete"].click()
    panel.drawer.no.click()
    assert "team" in book
    panel.buttons["delete"].click()
    _box(panel)[1].value = "other"
    panel.drawer.yes.click()
    assert list(book) == ["lab", "other"]
    assert book.default == "other"
    assert "Deleted team" in panel.status.value


def test_the_bundled_sink_can_be_neither_deleted_nor_renamed(panel):
    """The buttons are off; a copy can be made."""
    panel.cards.chosen = "lab"
    assert panel.buttons["delete"].disabled
    assert panel.buttons["rename"].disabled
    assert not panel.buttons["duplicate"].disabled


def test_a_locked_book_can_only_be_looked_at(book, monkeypatch):
    """With SMTP_LAB_LOCKED nothing that changes can be pressed."""
    monkeypatch.setenv("SMTP_LAB_LOCKED", "1")
    panel = ProfilesPanel(book)
    panel.cards.chosen = "other"
    changing = ("default", "duplicate", "rename", "delete", "activities", "import")
    assert all(panel.buttons[name].disabled for name in changing)
    assert not panel.buttons["export"].disabled


def test_activities(panel, book):
    """An activity gets a profile, and the default again; a bad name is said."""
    panel.cards.chosen = "other"
    panel.buttons["activities"].click()
    _box(panel)[1].value = "password_reset"
    panel.drawer.yes.click()
    assert dict(book.activities) == {"password_reset": "other"}
    panel.buttons["activities"].click()
    assert "password_reset" in _box(panel)[3].value
    _box(panel)[1].value = "password reset"
    panel.drawer.yes.click()
    assert "is not" in panel.status.value
    _box(panel)[1].value, _box(panel)[2].value = "password_reset", ""
    panel.drawer.yes.click()
    assert dict(book.activities) == {}


def test_what_is_exported_can_be_imported(panel, sink, tmp_path):
    """As TOML and as variables; a name that is taken is said, and replaced when told to."""
    panel.buttons["export"].click()
    view = next(part for part in _box(panel) if isinstance(part, TextView))
    for form in ("toml", "env"):
        _box(panel)[2].value = form
        assert view.file_name == f"smtp_lab_profiles.{form}"
        assert "sesame" not in view.text
        fresh = ProfilesPanel(lab.ProfileBook.open(tmp_path / f"{form}.toml"))
        for _ in range(2):
            fresh.buttons["import"].click()
            type_secret(_box(fresh)[1], view.text)
            _box(fresh)[2].value = form
            fresh.drawer.yes.click()
        assert "are taken" in fresh.status.value
        _box(fresh)[3].value = True
        fresh.drawer.yes.click()
        assert "Imported" in fresh.status.value
        assert sorted(_names(fresh)) == ["lab", "other", "team"]


def test_a_pasted_secret_is_in_no_state(panel):
    """Whatever is pasted into Import, the widget state has nothing of it."""
    panel.buttons["import"].click()
    type_secret(_box(panel)[1], 'SMTP_LAB_PROFILES__TEAM__PASSWORD="canary-77"')
    assert "canary-77" not in everything(panel)
    panel.drawer.yes.click()
    assert "canary-77" not in everything(panel)


def test_two_notebooks_notice_each_other(panel, book):
    """A book changed elsewhere is said, not overwritten, and can be read again."""
    lab.ProfileBook.open(book.path).delete("other")
    panel.desk.look()
    assert panel._stale.layout.display == ""
    panel.cards.chosen = "team"
    panel.buttons["rename"].click()
    _box(panel)[1].value = "crew"
    panel.drawer.yes.click()
    assert "changed elsewhere" in panel.status.value
    assert list(lab.ProfileBook.open(book.path)) == ["lab", "team"]
    panel._stale.children[1].click()
    assert panel._stale.layout.display == "none"
    assert _names(panel) == ["lab", "team"]


def test_the_code_does_what_was_done(panel, book, tmp_path):
    """Show as code gives the line for what was done last, which can be run."""
    panel.cards.chosen = "other"
    panel.buttons["default"].click()
    panel.code_button.click()
    book.default = "team"
    exec(panel.code_view.text, {})
    book.reload()
    assert book.default == "other"
    panel.code_button.click()
    assert panel.code_view.layout.display == "none"
