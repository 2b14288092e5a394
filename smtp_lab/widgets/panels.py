"""All panels together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import ipywidgets as w

from smtp_lab.config import ProfileBook
from smtp_lab.deliver import Batch
from smtp_lab.sink import Sink
from smtp_lab.widgets.desk import Desk
from smtp_lab.widgets.given import names_of
from smtp_lab.widgets.panel import Panel
from smtp_lab.widgets.words import _, use_language

__all__ = ("PANELS", "App", "app")

PANELS = {
    "profiles": "profiles_panel:ProfilesPanel",
    "form": "profile_form:ProfileForm",
    "send_test": "send_test_panel:SendTestPanel",
    "compose": "compose_panel:ComposePanel",
    "batch": "batch_tab:BatchTab",
    "sink": "sink_panel:SinkPanel",
    "inbox": "inbox_panel:InboxPanel",
}
"""Every panel by its id, in the order of the tabs: where its class stands.

To add one, derive from `smtp_lab.widgets.panel.Panel` and name it here; its class is called with
``desk=``.
"""


class App(w.VBox):
    """Panels on one desk, a tab each.

    Args:
        desk: What they share.
        panels: Their ids, in order.

    Attributes:
        panels: The panels by id.
        desk: See above.
    """

    panels: Mapping[str, Panel] = MappingProxyType({})  # one that never began has none to close

    def __init__(self, desk: Desk, panels: Sequence[str]) -> None:
        self.desk = desk
        made: dict[str, Panel] = {}
        self.panels = made
        # The form first: others offer the way to it where there is one.
        for name in sorted(panels, key=lambda name: name != "form"):
            made[name] = _class(name)(desk=desk)
        self.panels = {name: made[name] for name in panels}
        for panel in self.panels.values():
            if hasattr(panel, "refresh"):
                panel.refresh()
        self.tabs = w.Tab(list(self.panels.values()))
        super().__init__([self.tabs])
        self.add_class("smtp-lab-app")
        desk.on("open", self._show)
        desk.on("book", lambda _what: self._name_tabs())
        self._name_tabs()
        if len(desk.book):
            desk.choose(desk.book.default)

    def close(self) -> None:
        """Close every panel, and take the app away."""
        for panel in self.panels.values():
            panel.close()
        super().close()

    def _show(self, name: str) -> None:
        if name in self.panels:
            self.tabs.selected_index = list(self.panels).index(name)
            self.panels[name].arrive()

    def _name_tabs(self) -> None:
        for n, panel in enumerate(self.panels.values()):
            self.tabs.set_title(n, _(panel.title) + panel.marker)

    def __repr__(self) -> str:
        return f"<App: {', '.join(self.panels)}>"


def app(
    book: ProfileBook | None = None,
    *,
    panels: str | Sequence[str] = tuple(PANELS),
    batch: Batch | None = None,
    sink: Sink | None = None,
    language: str | None = None,
) -> App:
    """Everything there is to click, in one cell of a notebook.

    Args:
        book: The profiles; the default book unless given.
        panels: Which panels, in order, or a single one: some of ``profiles``, ``form``,
            ``send_test``, ``compose``, ``batch``, ``sink``, ``inbox``.
        batch: Many messages that are sent, for the panel on them; others of the notebook are found.
        sink: The sink at hand, whose inbox is shown; by default there is none until one is started,
            and the archive of this user is shown.
        language: ``en``, ``de`` or ``ja``, for the whole kernel from now on; by default what
            ``SMTP_LAB_LANGUAGE`` or the locale says. Panels that are there already mix both until
            their cells are run again.

    Raises:
        InputError: There is no such panel or language, or an argument is something else.
        ConfigFileError: The book cannot be used.
    """
    names = names_of(panels, tuple(PANELS))
    desk = Desk(book, batch=batch, sink=sink)
    if language is not None:
        use_language(language)
    return App(desk, names)


def _class(name: str) -> Any:
    module, _colon, cls = PANELS[name].partition(":")
    return getattr(import_module(f"smtp_lab.widgets.{module}"), cls)
