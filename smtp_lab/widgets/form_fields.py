"""The fields of a profile, in their groups, of which some are shown when asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from html import escape

import ipywidgets as w

from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.drafts import Drafts
from smtp_lab.widgets.fields import FIELDS, GROUPS
from smtp_lab.widgets.login_box import LoginBox
from smtp_lab.widgets.panel import button, unfold
from smtp_lab.widgets.rows import Row
from smtp_lab.widgets.words import _

__all__ = ("FormFields",)

_FOLDED = ("security", "mail")  # parts that are shown when asked for


class FormFields(w.VBox):
    """All fields of a profile, each with the line below it.

    Args:
        changed: Gets the key of a field in which something was typed or chosen.
        login: What stands below the fields on the login.

    Attributes:
        rows: The fields by key.
        more_button: Shows and puts away the settings that few people need.
    """

    def __init__(self, changed: Callable[[str], None], login: LoginBox) -> None:
        self.rows = {field.key: Row(field) for field in FIELDS}
        self.more_button = button(_("More settings"), lambda: self.show_more(not self._more))
        self.more_button.add_class("smtp-lab-opens")
        self._more = False
        self.groups: dict[str, w.VBox] = {}
        for group, title in GROUPS.items():
            rows = [row for row in self.rows.values() if row.field.group == group]
            head = w.HTML("<h3>" + escape(_(title)) + "</h3>")
            self.groups[group] = w.VBox([head, *rows, *[login] * (group == "login")])
        plain = [self.groups[group] for group in GROUPS if group not in _FOLDED]
        super().__init__([*plain, self.more_button, *(self.groups[group] for group in _FOLDED)])
        for key, row in self.rows.items():
            row.on_typed(partial(changed, key))

    def show_more(self, shown: bool) -> None:  # the only thing it is told
        """Show or hide the settings that few people need."""
        self._more = shown
        self.more_button.description = _("Fewer settings") if shown else _("More settings")
        unfold(self.more_button, [self.groups[group] for group in _FOLDED], shown=shown)

    def reveal(self, keys: Collection[str]) -> None:
        """Show the settings that few people need, where one of *keys* is among them."""
        if any(key in self.rows and self.rows[key].field.group in _FOLDED for key in keys):
            self.show_more(shown=True)

    def put(self, draft: Draft) -> None:
        """Show what stands in *draft*."""
        for key, row in self.rows.items():
            if not row.field.secret:
                row.put(draft.values[key])

    def follow(self, drafts: Drafts) -> None:
        """Show the fields that apply to the draft at hand, and lock those it cannot change."""
        for key, row in self.rows.items():
            row.shown = drafts.current.applies(key)
            if row.field.secret:
                row.input.secret = drafts.current.secret(key)
            row.lock(drafts.locked(key))
        self.show_more(self._more)

    def say(self, draft: Draft, found: Mapping[str, str], only: Collection[str]) -> None:
        """Say below each field what was *found* wrong with it, where its key is among *only*.

        A secret that was typed for another server is asked for again in any case.
        """
        for key, row in self.rows.items():
            if not row.shown:
                continue
            if draft.elsewhere(key):
                row.say(found.get(key, _("Type it again: it was for another server.")))
            else:
                row.say(found.get(key, "") if key in only else "")
