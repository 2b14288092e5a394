"""The panel on a template, without a kernel or a browser."""

from __future__ import annotations

from html import unescape

import pandas as pd
import pytest

import smtp_lab as lab
from smtp_lab.errors import InputError
from smtp_lab.widgets import ComposePanel

HELLO = lab.Template(
    "<p>Dear {{ name }}, {{ count + 1 }}{% if urgent %}!{% endif %}</p>{{ table }}",
    subject="For {{ name }}",
    sample={"name": "Ann", "count": 2, "urgent": False},
)
TABLE = pd.DataFrame({"a": [1]})


def test_the_preview_follows_the_data():
    """Subject, page and text change with a field, and what cannot be typed is named."""
    panel = ComposePanel(HELLO, {"table": TABLE})
    assert set(panel.fields) == {"name", "count", "urgent"}
    assert "For Ann" in panel.subject.value
    assert "Dear Ann, 3" in panel.page.value
    panel.fields["name"].value = "<Bob>"
    panel.fields["count"].value = 9
    panel.fields["urgent"].value = True
    assert "For &lt;Bob&gt;" in panel.subject.value
    inside = unescape(unescape(panel.text.value))  # a frame in a frame
    assert "Dear &lt;Bob&gt;, 10!" in inside
    assert "iframe sandbox" in panel.page.value
    assert panel.alert.value == ""


def test_phone_and_desktop():
    """The frame is as wide as the screen that is chosen."""
    panel = ComposePanel("report")
    assert "width:375px" in panel.page.value
    panel.width.value = 800
    assert "width:800px" in panel.page.value


def test_what_is_missing_is_told():
    """An emptied field makes its variable missing, and the last good preview stays."""
    panel = ComposePanel(HELLO, {"table": TABLE})
    panel.fields["name"].value = ""
    assert 'role="alert"' in panel.alert.value
    assert "is missing" in panel.alert.value
    assert "Dear Ann" in panel.page.value
    panel.fields["name"].value = "Zoë"
    assert panel.alert.value == ""


def test_the_language_is_chosen():
    """A template with texts offers its languages."""
    panel = ComposePanel("password_reset")
    assert panel.language.options == ("en", "de", "ja")
    panel.language.value = "de"
    assert "Neues Passwort" in panel.subject.value


def test_it_is_sent_to_the_sink_and_shown_as_received(sink):
    """What arrived is shown below: the very message a script would have sent."""
    panel = ComposePanel("report", {"title": "From the panel"}, sink=sink)
    assert panel.button.description == "Send to the sink"
    panel.button.click()
    assert panel.delivery.ok
    assert sink.inbox[-1].subject == "From the panel"
    assert "From the panel" in panel.result.value


def test_what_cannot_be_sent_is_told(sink):
    """A refusal is a sentence, and nothing arrives."""
    panel = ComposePanel("report", {"title": "a\nb"}, sink=sink)
    panel.button.click()
    assert "holds a line break" in panel.alert.value
    assert len(sink.inbox) == 0
    assert panel.delivery is None


def test_an_unknown_template_is_refused():
    """As by render."""
    with pytest.raises(InputError, match="is not known"):
        ComposePanel("nobody")
