"""How clients get to a sink: facts and settings to copy, and a profile that leads there."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from smtp_lab.config.paths import expanded, tilde
from smtp_lab.show import facts_table
from smtp_lab.sink import Sink
from smtp_lab.sink.clients import CLIENTS, settings_for
from smtp_lab.sink.door import DOORS, PORTS
from smtp_lab.sink.exposure import client_host
from smtp_lab.widgets.drawers import choice
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import Note, text_field
from smtp_lab.widgets.sink_form import DOOR_NAMES
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.words import _

__all__ = ("SinkWayIn",)


class SinkWayIn(w.VBox):
    """What one must know to send to a sink that runs.

    Args:
        add_profile: Saves a profile with the name that was typed.

    Attributes:
        client: Which program the settings are for.
        settings: The text to copy.
        name: Of a profile for it.
        note: What is wrong with that.
    """

    def __init__(self, add_profile: Callable[[], None]) -> None:
        self._sink: Sink | None = None
        self.facts = w.HTML()
        self.client = choice(
            _("Settings for"), [(name, client) for client, name in CLIENTS.items()]
        )
        self.settings = TextView(label=_("Settings to copy"))
        self.ca_file = TextView(label=_("CA file"))
        self.name = text_field(_("Profile"), value="sink")
        self.note = Note(_("Saved in the profile book, with the login that works here."))
        self.add_button = button(_("Add a profile for it"), add_profile)
        field = w.VBox([self.name, self.note])
        field.add_class("smtp-lab-row")
        field.add_class("smtp-lab-at-sink-name")
        super().__init__(
            [self.facts, self.ca_file, self.client, self.settings, field, self.add_button]
        )
        self.client.observe(lambda _change: self._show_settings(), "value")
        self.name.observe(lambda _change: self.note.say(""), "value")

    def show(self, sink: Sink) -> None:
        """Show how clients get to *sink*, which runs."""
        self._sink = sink
        host = client_host(sink.host)
        facts: dict[str, str] = {_("Server"): host}
        for door in DOORS:
            if door in sink.settings.doors:
                port = getattr(sink, PORTS[door])
                facts[_(DOOR_NAMES[door])] = _("port {port}").format(port=port)
        users = sink.settings.users
        anybody = _("any name and password")
        names = ", ".join(name for name, _password in users) if isinstance(users, tuple) else ""
        facts[_("Who may log in")] = names or (
            anybody if users is None else _("whom a function lets in")
        )
        facts[_("Certificate to trust (CA file)")] = tilde(sink.ca_file)
        self.facts.value = facts_table(_("How clients get to it"), facts)
        self.ca_file.text = str(expanded(sink.ca_file))
        self._show_settings()

    def _show_settings(self) -> None:
        if self._sink is not None and self._sink.running:
            self.settings.text = settings_for(self._sink, self.client.value)
