"""Who may log in at a sink: names with passwords, as many as one likes."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from smtp_lab.config import Secret
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import LAYOUT, STYLE
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.words import _

__all__ = ("SinkUsers",)

_MOST = 50  # rows: whoever wants more gives a function


class SinkUsers(w.VBox):
    """A row for each user, and a button for one more.

    Args:
        changed: Called when something was typed, added or taken away.
        point: Moves the focus to what has a CSS class.

    Attributes:
        add_button: Adds a user.
    """

    def __init__(self, changed: Callable[[], None], point: Callable[[str], None]) -> None:
        self._changed, self._point, self._count = changed, point, 0
        self._rows: list[tuple[w.Text, SecretBox, w.Box]] = []
        self.list = w.VBox()
        self.add_button = button(_("Add a user"), self.add)
        super().__init__([self.list, self.add_button])
        self.add_class("smtp-lab-users")

    @property
    def users(self) -> tuple[tuple[str, Secret | None], ...]:
        """The names, each with its password, or None where none was typed."""
        return tuple((name.value, box.secret) for name, box, _row in self._rows)

    def put(self, users: tuple[tuple[str, Secret | None], ...]) -> None:
        """Show *users* and nobody else."""
        self._rows = [self._row(name, password) for name, password in users]
        self._show()

    def add(self) -> None:
        """Add an empty row; what Add a user does."""
        self._rows.append(self._row("", None))
        self._show()
        self._point(f"smtp-lab-user-{self._count}")
        self._changed()

    def _remove(self, row: w.Box) -> None:
        self._rows = [one for one in self._rows if one[2] is not row]
        self._show()
        self._changed()

    def _show(self) -> None:
        self.list.children = [row for _name, _box, row in self._rows]
        self.add_button.disabled = len(self._rows) >= _MOST

    def _row(self, user: str, password: Secret | None) -> tuple[w.Text, SecretBox, w.Box]:
        self._count += 1
        name = w.Text(value=user, description=_("User name"), style=STYLE, layout=LAYOUT)
        name.add_class(f"smtp-lab-user-{self._count}")
        box = SecretBox(_("Password"))
        box.secret = password
        row = w.HBox([name, box])
        gone = button(_("Remove"), lambda: self._remove(row), _("Take this user off the list"))
        row.children = (name, box, gone)
        row.add_class("smtp-lab-user")
        name.observe(lambda _change: self._changed(), "value")
        box.on_change(self._changed)
        return name, box, row
