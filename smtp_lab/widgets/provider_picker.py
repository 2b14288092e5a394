"""Choosing a provider by its name or by a mail address, with its guide beside the form."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from smtp_lab.config import Profile, Provider, provider, providers
from smtp_lab.deliver import provider_for
from smtp_lab.deliver.discover import WAYS
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import LAYOUT, STYLE, Note, text_field
from smtp_lab.widgets.said import told_error
from smtp_lab.widgets.words import _
from smtp_lab.widgets.work import Work

__all__ = ("ProviderPicker",)

_NOBODY = "nobody@example.com"  # stands where no address was typed, and is taken out again
_NO_CLIENT = "none-yet"


class ProviderPicker(w.VBox):
    """Two fields, a provider's name and a mail address, and a button that fills the form in.

    Args:
        work: Shows that the network is asked.
        fill: Gets the profile the provider's facts make, and which fields of it say nothing yet.
        show_guide: Shows the guide of a provider, or nothing for None.
        failed: Says what went wrong.

    Attributes:
        found: The provider that is chosen, or None.
    """

    def __init__(
        self,
        work: Work,
        fill: Callable[[Profile, tuple[str, ...]], None],
        show_guide: Callable[[Provider | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._work, self._fill, self._failed = work, fill, failed
        self._show_guide = show_guide
        self.found: Provider | None = None
        names = [one.name for one in providers()]
        self.name = w.Combobox(
            description=_("Provider"),
            options=names,
            placeholder=_("type a name, or an address below"),
            ensure_option=False,
            style=STYLE,
            layout=LAYOUT,
        )
        self.address = text_field(_("Your address"), "ann@example.com")
        self.region = w.Dropdown(description=_("Region"), options=[], style=STYLE, layout=LAYOUT)
        self.way = w.Dropdown(
            description=_("Kind of login"), options=[("", "password")], style=STYLE, layout=LAYOUT
        )
        self.tenant = text_field(_("Tenant ID"), "example.com")
        self.note = Note()
        self.fill_button = button(
            _("Fill in"), self.fill_in, _("Put the provider's settings into the form"), "primary"
        )
        self.ask_button = button(
            _("Ask the network"), self.ask, _("Look for the provider of this address in the DNS")
        )
        bar = w.HBox([self.fill_button, self.ask_button])
        bar.add_class("smtp-lab-bar")
        super().__init__(
            [self.name, self.address, self.region, self.way, self.tenant, self.note, bar]
        )
        self.children[0].add_class("smtp-lab-at-provider")
        self.name.observe(lambda _change: self._named(), "value")
        self.address.observe(lambda _change: self._addressed(), "value")
        self.way.observe(lambda _change: self._show_fields(), "value")
        self._take(None)

    # --- finding ------------------------------------------------------------------------------

    def _named(self) -> None:
        try:
            self._take(provider(self.name.value) if self.name.value.strip() else None)
        except UnknownNameError as error:
            self._take(None)
            self.note.say(told_error(error), "quiet")

    def _addressed(self) -> None:
        address = self.address.value.strip()
        if "@" not in address:
            return
        try:
            found = provider_for(address)
        except InputError:  # it is still being typed
            return
        if found is not None and found.name != self.name.value:
            self.name.value = found.name
        elif found is None and self.found is None:
            self.note.say(_("Nothing is known about this domain; ask the network."), "quiet")
        self._show_fields()

    def ask(self) -> None:
        """Ask the network who keeps the mailbox; what Ask the network does."""
        address = self.address.value.strip()
        self._work.start(
            _("Asking the network …"),
            lambda: provider_for(address, ask=WAYS),
            self._told,
            failed=self._failed,
        )

    def _told(self, found: Provider | None) -> None:
        if found is None:
            self.note.say(_("Nobody says who keeps the mail of this domain."), "warn")
            return
        with self.name.hold_trait_notifications():
            self._take(found)

    def _take(self, found: Provider | None) -> None:
        self.found = found
        self.note.say("")
        self._show_guide(found)
        if found is not None:
            with_region = any("{region}" in one.host for one in found.endpoints[:1])
            regions = found.regions if with_region else ()
            self.region.options = list(regions)
            self.region.value = regions[0] if regions else None
            ways = []
            if not found.password_kind.startswith("oauth2"):
                ways.append((_("user name and password"), "password"))
            if found.oauth:
                ways.append((_("OAuth 2.0, as a person"), "person"))
            if "token_url_app" in found.oauth:
                ways.append((_("OAuth 2.0, as an application"), "application"))
            if found.kind == "http_api":
                ways = [(_("an application registered with Entra ID"), "graph")]
            self.way.options = ways
        self._show_fields()

    def _show_fields(self) -> None:
        found = self.found
        shown = {
            self.region: found is not None and bool(self.region.options),
            self.way: found is not None and len(self.way.options) > 1,
            self.tenant: found is not None and self.way.value in ("application", "graph"),
        }
        for widget, there in shown.items():
            widget.layout.display = "" if there else "none"
        self.fill_button.disabled = found is None
        self.ask_button.disabled = found is not None or "@" not in self.address.value

    # --- filling in ---------------------------------------------------------------------------

    def fill_in(self) -> None:
        """Put what the facts say into the form; what Fill in does."""
        if self.found is None:
            return
        address = self.address.value.strip()
        empty: tuple[str, ...] = () if address else ("sender", "connection.user")
        if not address:
            empty += ("connection.auth.username", "connection.auth.user")
        more: dict[str, str] = {}
        if self.way.value != "password":
            more["client_id"] = _NO_CLIENT
            empty += ("connection.client_id", "connection.auth.client_id")
        if self.way.value in ("application", "graph"):
            more["tenant_id"] = self.tenant.value.strip()
        if self.way.value == "application":
            more["grant"] = "client_credentials"
        try:
            made = self.found.profile(
                "new",
                user=address or _NOBODY,
                region=self.region.value if self.region.options else None,
                oauth=self.way.value in ("person", "application"),
                **more,
            )
        except Exception as error:  # noqa: BLE001  # an error in a handler shows nowhere else
            if isinstance(error, InputError):
                self.note.say(told_error(error))
            else:
                self._failed(error)
            return
        self.note.say(_("Filled in. What is left is below."), "quiet")
        self._fill(made, empty)
