"""A password box that keeps nothing of what was typed where a notebook could save it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from smtp_lab.config import Secret
from smtp_lab.widgets.words import _

__all__ = ("SecretBox",)


class SecretBox(anywidget.AnyWidget):
    """A password field.

    The text travels once, as a message that is no part of widget state, and is then only in
    `secret`. An ``ipywidgets.Password`` keeps it in its ``value``, which ends up in notebooks that
    are saved with widget state.

    Args:
        description: The label.

    Attributes:
        secret: What was typed last, or None.
        kept: Whether there is a secret; the field shows it in words.
        disabled: Whether the field can be typed in.
        rows: Lines of the field; 0 for a password field of one.
        masked: Whether a field of several lines shows dots.
        hint: What stands in the empty field.
        pick: The label of a button that takes a file instead; empty for none.
    """

    _esm = Path(__file__).parent / "secret_box.js"
    _css = Path(__file__).parent / "secret_box.css"

    description = traitlets.Unicode("Password").tag(sync=True)
    kept = traitlets.Bool(default_value=False).tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)
    rows = traitlets.Int(0).tag(sync=True)
    masked = traitlets.Bool(default_value=True).tag(sync=True)
    hint = traitlets.Unicode("").tag(sync=True)
    pick = traitlets.Unicode("").tag(sync=True)
    kept_words = traitlets.Unicode("").tag(sync=True)

    def __init__(self, description: str = "Password", **kwargs: Any) -> None:
        self._typed: Secret | None = None
        self._listeners: list[Callable[[], None]] = []
        words = {"kept_words": _("•••••• (kept in the kernel's memory)")}
        super().__init__(description=description, **(words | kwargs))
        self.on_msg(self._on_typed)

    @property
    def secret(self) -> Secret | None:
        """What was typed last, or None."""
        return self._typed

    @secret.setter
    def secret(self, secret: Secret | None) -> None:
        self._typed = secret
        self.kept = bool(secret)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call *listener* whenever something was typed."""
        self._listeners.append(listener)

    def _on_typed(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("type") == "secret" and isinstance(content.get("text"), str):
            self.secret = Secret(content["text"])
            for listener in self._listeners:
                listener()

    def __repr__(self) -> str:
        return f"<SecretBox {self.description!r}, {'kept' if self.kept else 'empty'}>"
