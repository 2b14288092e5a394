"""The password box, without a kernel or a browser: ipywidgets then speaks to a dummy page."""

from __future__ import annotations

import json
from base64 import b64encode

from smtp_lab.config import Secret
from smtp_lab.widgets import SecretBox

CANARY = "canary-7c1b"


def _type(box: SecretBox, text: str) -> None:
    """What the page sends when the field is left."""
    box._handle_custom_msg({"type": "secret", "text": text}, [])


def _everything_shown(box: SecretBox) -> str:
    return f"{box.get_state()!r} {box!r} {box} {json.dumps(box._repr_mimebundle_(), default=str)}"


def test_what_was_typed_is_kept_outside_widget_state():
    """The secret can be had in Python and stands nowhere a notebook could save it."""
    box = SecretBox()
    _type(box, CANARY)
    assert box.secret == Secret(CANARY)
    assert CANARY not in _everything_shown(box)
    assert b64encode(CANARY.encode()).decode() not in _everything_shown(box)


def test_the_page_learns_only_that_there_is_a_secret():
    """The synced state says kept or not, and nothing else changes."""
    box = SecretBox()
    before = {k: v for k, v in box.get_state().items() if k != "kept"}
    _type(box, CANARY)
    assert box.kept is True
    assert {k: v for k, v in box.get_state().items() if k != "kept"} == before
    box.secret = None
    assert box.kept is False


def test_listeners_hear_that_something_was_typed():
    """A listener is called once for each time, without the text."""
    box, calls = SecretBox(), []
    box.on_change(lambda: calls.append(1))
    _type(box, "one")
    _type(box, "two")
    assert calls == [1, 1]


def test_a_message_of_another_shape_is_ignored():
    """Whatever the page sends, only a text of the right type becomes a secret."""
    box = SecretBox()
    for content in (
        {},
        {"type": "secret"},
        {"type": "secret", "text": 5},
        {"type": "other", "text": "x"},
    ):
        box._handle_custom_msg(content, [])
    assert box.secret is None
