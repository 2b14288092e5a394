"""What tests of the panels share: pressing, typing and waiting as a page does."""

from __future__ import annotations

import smtp_lab as lab
from smtp_lab.widgets.panel import Panel
from smtp_lab.widgets.replay import Replay


def press(panel: Panel, button) -> None:
    """Click, and wait for what was begun."""
    button.click()
    assert panel.work.wait(60)


def type_secret(box, text: str) -> None:
    """What the page sends when a secret field is left."""
    box._handle_custom_msg({"type": "secret", "text": text}, [])


def dialogue(result) -> list[dict]:
    """The lines of the dialogue that an outcome shows."""
    return next(part.lines for part in result.children if isinstance(part, Replay))


def book_of(tmp_path, sink: lab.Sink | None = None, *names: str) -> lab.ProfileBook:
    """A book with profiles called *names* that lead to *sink*; the first is the default."""
    book = lab.ProfileBook.open(tmp_path / "panels.toml")
    for n, name in enumerate(names):
        book.save(sink.profile(name, sender=f"{name}@example.com"), make_default=not n)
    return book


def everything(widget, seen: set | None = None) -> str:
    """All widget state below *widget*, as a notebook would save it."""
    seen = set() if seen is None else seen
    if widget.model_id in seen:
        return ""
    seen.add(widget.model_id)
    inside = [everything(child, seen) for child in getattr(widget, "children", ())]
    return f"{widget.get_state()!r}{''.join(inside)}"


def put_into_page(panel: Panel, view: str = "1") -> None:
    """What a page sends that shows *panel*."""
    panel.manners._handle_custom_msg({"type": "shown", "view": view}, [])


def take_from_page(panel: Panel, view: str = "1") -> None:
    """What a page sends whose cell is run again, or whose output is cleared."""
    panel.manners._handle_custom_msg({"type": "gone", "view": view}, [])


def change(widget, **state: object) -> None:
    """What a page sends when a person changes *widget*."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})
