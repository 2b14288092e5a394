"""Profiles as cards, of which one is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from smtp_lab.config import Profile, ProfileBook, SmtpConnection
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.language import told
from smtp_lab.widgets.fields import FIELDS
from smtp_lab.widgets.words import _

__all__ = ("Cards",)

_CHOICES = {
    field.key: {value: label for label, value in field.choices} for field in FIELDS if field.choices
}


class Cards(anywidget.AnyWidget):
    """The profiles of a book, each with its server, its login, and how it is doing.

    Attributes:
        chosen: Name of the one at hand.
    """

    _esm = Path(__file__).parent / "cards.js"
    _css = Path(__file__).parent / "cards.css"

    cards = traitlets.List().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)

    def __init__(self, on_open: Callable[[], None]) -> None:
        self._on_open = on_open
        super().__init__(label=_("Profiles"))
        self.on_msg(self._heard)

    def show(self, book: ProfileBook) -> None:
        """Show what *book* says now; the one at hand stays it, where it is still there."""
        health = book.all_health()
        default = book.default if len(book) else ""
        cards = []
        for name in book:
            found = health.get(name)
            cards.append(
                {
                    "name": name,
                    "marks": [_("default")] * (name == default)
                    + [_("bundled sink")] * (name == LAB),
                    "lines": _lines(book[name]) + ([_tested(found)] if name != LAB else []),
                    "warning": told(found.sentence) if found and found.warning else "",
                }
            )
        self.cards = cards
        if self.chosen not in book:
            self.chosen = default

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("type") == "open":
            self._on_open()
        elif content.get("type") == "choose":
            name = content.get("name")
            if name in [card["name"] for card in self.cards]:
                self.set_state({"chosen": name})


def _lines(profile: Profile) -> list[str]:
    connection = profile.connection
    if not isinstance(connection, SmtpConnection):
        return [profile.sender, f"Microsoft Graph · {connection.endpoint}", connection.user]
    security = _label("connection.security", connection.security)
    login = _label("connection.auth", connection.auth.type)
    who = f" · {profile.username}" if profile.username else ""
    return [profile.sender, f"SMTP · {connection.endpoint} · {security}", f"{login}{who}"]


def _label(key: str, value: str) -> str:
    label = _CHOICES[key][value]
    return _(label)


def _tested(health: Any) -> str:
    if health is None or health.ok is None:
        return _("not tested since it was saved")
    when = health.tested_at[:16].replace("T", " ")
    result = _("last test fine, {when} UTC") if health.ok else _("last test failed, {when} UTC")
    return result.format(when=when)
