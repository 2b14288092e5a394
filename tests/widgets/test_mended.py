"""What panels say of input that cannot be used: with the words of the panel, and no longer than needed."""

from __future__ import annotations

import errno
import os
import re

import pytest
from widgets.panels import book_of, type_secret

import smtp_lab as lab
from smtp_lab.config import kept
from smtp_lab.widgets import ProfileForm
from smtp_lab.widgets.sink_draft import SinkDraft


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    return book_of(tmp_path, sink, "team", "other")


def text(html: str) -> str:
    """What *html* says."""
    return re.sub("<[^>]+>", " ", html)


class TestSecrets:
    def test_saving_for_another_server_goes_on_asking_for_the_secret(self, book):
        """It is saved without it, and says so, at the field, too, until it is typed and saved."""
        form = ProfileForm(book["team"], book=book)
        password = form.alerts["connection.auth.password"]
        form.fields["connection.host"].value = "localhost"
        form.save_button.click()
        assert "Saved as team" in form.status.value
        assert "type again, and save: Password" in form.status.value
        assert "smtp-lab-wrong" in form.status.value
        assert password.wrong
        assert form.manners.target.startswith("smtp-lab-at-connection-auth-password ")
        assert book["team"].password is None
        type_secret(form.fields["connection.auth.password"], "open sesame")
        assert not password.wrong
        form.save_button.click()
        assert "type again" not in form.status.value
        assert book["team"].password.reveal() == "open sesame"

    @pytest.mark.parametrize("typed", ["a\x00b", "a\r\nb", "a\nb"])
    def test_a_password_no_server_can_take_is_refused(self, book, typed):
        """NUL and line breaks: said at the field, without the password."""
        form = ProfileForm(book["team"], book=book)
        type_secret(form.fields["connection.auth.password"], typed)
        form.save_button.click()
        assert "holds a line break or a NUL" in form.alerts["connection.auth.password"].value
        assert "Saved" not in form.status.value


class TestLengths:
    @pytest.mark.parametrize("typed", ["9" * 20, "x" * 5000, "9" * 5000])
    def test_what_was_typed_is_named_and_cut(self, book, typed):
        """It begins as it was typed, and is never repeated whole."""
        form = ProfileForm(book["team"], book=book)
        form.fields["connection.port"].value = typed
        said = text(form.alerts["connection.port"].value)
        assert typed[:20] in said
        assert len(said) < 300

    def test_no_field_repeats_what_is_endless(self, book):
        """Whatever the field."""
        form = ProfileForm(book["team"], book=book)
        for key in ("name", "sender", "reply_to", "connection.host"):
            form.fields[key].value = "x y" * 3000
        form.save_button.click()
        assert all(len(text(note.value)) < 800 for note in form.alerts.values())


class TestSinkSettings:
    @pytest.mark.parametrize("days", ["999999999", "1e6", "1e300"])
    def test_an_age_no_calendar_has_is_refused(self, days):
        """In a sentence, before anything is started."""
        with pytest.raises(lab.InputError, match="days: is more than 36500; leave it empty"):
            SinkDraft(days=days).sink()

    def test_a_port_below_nought_is_named(self):
        """It is a whole number, and too small."""
        doors = SinkDraft().doors
        name = next(iter(doors))
        doors = doors | {name: type(doors[name])(port="-1")}
        with pytest.raises(lab.InputError, match="is less than 0"):
            SinkDraft(doors=doors).sink()


class TestWords:
    def test_a_book_that_was_changed_elsewhere_names_the_button(self, book):
        """A person presses Reload; calling it is for programs."""
        panel = lab.ProfilesPanel(book)
        lab.ProfileBook.open(book.path).rename("other", "crew")
        panel.cards.chosen = "other"
        panel.buttons["default"].click()
        assert "press Reload" in panel.status.value
        assert "reload()" not in panel.status.value
        assert book.path.name in panel.status.value

    def test_a_full_disk_wants_room(self, book, monkeypatch):
        """Another file on the same disk would not help."""

        def full(*_args, **_more):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(kept, "write_private", full)
        with pytest.raises(lab.ConfigFileError, match="make room on the disk"):
            book.default = "other"
