"""The head of the form: which profile it shows, how that one is doing, and where to begin."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as w

from smtp_lab.errors import InputError
from smtp_lab.language import told
from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.drafts import Drafts
from smtp_lab.widgets.panel import button, unfold
from smtp_lab.widgets.provider_picker import ProviderPicker
from smtp_lab.widgets.rows import LAYOUT, STYLE
from smtp_lab.widgets.words import _

__all__ = ("FormHead", "advice_list")


class FormHead(w.VBox):
    """The profile at hand, and the way to settings from a provider.

    Args:
        pick: Takes another profile in hand.
        picker: Settings by provider; shown when asked for.
    """

    def __init__(self, pick: Callable[[str], None], picker: ProviderPicker) -> None:
        self.which = w.Dropdown(description=_("Profile"), options=[], style=STYLE, layout=LAYOUT)
        self.which.add_class("smtp-lab-at-which")
        self.picker = picker
        self.health = w.HTML()
        self.open_button = button(
            _("Settings from a provider"),
            lambda: self.unfold(self.picker_box.layout.display == "none"),
        )
        self.open_button.add_class("smtp-lab-opens")
        self.picker_box = w.VBox([picker], layout=w.Layout(display="none"))
        self.picker_box.add_class("smtp-lab-box")
        self._pick, self._showing = pick, False
        super().__init__([self.which, self.health, self.open_button, self.picker_box])
        self.which.observe(lambda _change: self._picked(), "value")

    def unfold(self, shown: bool) -> None:  # the only thing it is told
        """Show or hide the settings by provider."""
        unfold(self.open_button, [self.picker_box], shown=shown)

    def show(self, drafts: Drafts) -> None:
        """Show which profile is at hand."""
        self._showing = True
        try:
            options = drafts.options
            if list(self.which.options) != options:
                self.which.options = options
            self.which.value = drafts.name
        finally:
            self._showing = False
        said = [("warn", drafts.warning), ("quiet", drafts.lab_hint)]
        marks = {"warn": "⚠ ", "quiet": ""}
        self.health.value = "".join(
            f'<div class="smtp-lab-{kind}" role="note">{marks[kind]}{escape(text)}</div>'
            for kind, text in said
            if text
        )

    def _picked(self) -> None:
        if not self._showing and self.which.value is not None:
            self._pick(self.which.value)


def advice_list(draft: Draft) -> str:
    """What is odd about the profile without being wrong, as HTML."""
    try:
        advice = draft.profile().advice()
    except InputError:
        return ""
    names = {"warning": _("Warning"), "note": _("Note")}
    kinds = {"warning": "warn", "note": "quiet"}
    items = "".join(
        f'<li class="smtp-lab-{kinds[one.severity]}"><b>{escape(names[one.severity])}:</b> '
        f"{escape(told(one.text))}</li>"
        for one in advice
    )
    title = escape(_("Worth thinking about"))
    return f'<ul aria-label="{title}">{items}</ul>' if items else ""
