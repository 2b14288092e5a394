"""Logging in as a person: open a page, type a code or paste an address, and the token is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.config import OAuth2, Profile
from smtp_lab.config.auth import check_url
from smtp_lab.deliver import LogIn, log_in, log_out
from smtp_lab.show import NO_MATH
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.words import _
from smtp_lab.widgets.work import Work

__all__ = ("LoginBox",)

INTERACTIVE = ("device_code", "authorization_code")
_LOOK = 0.2  # seconds between two looks; the server is asked as seldom as it likes


class LoginBox(w.VBox):
    """The steps of a login for an account whose token only a person can get.

    Args:
        work: Shows that it waits.
        profile: Gives the profile, or None where it is not right yet.
        say: Says how it went.
        failed: Says what went wrong.

    Attributes:
        login: The login that was begun last, or None.
    """

    def __init__(
        self,
        work: Work,
        profile: Callable[[], Profile | None],
        say: Callable[[str], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._work, self._profile, self._say, self._failed = work, profile, say, failed
        self.login: LogIn | None = None
        self.begin_button = button(
            _("Log in"),
            self.begin,
            _("Get a token: a person has to agree"),
            mark="smtp-lab-at-log-in",
        )
        self.out_button = button(_("Log out"), self.log_out, _("Drop the token that is kept"))
        self.steps = w.VBox()
        self.address = SecretBox(_("Last address"), hint="http://localhost/?code=…")
        self.address.on_change(self.finish)
        super().__init__([w.HBox([self.begin_button, self.out_button]), self.steps])
        self.children[0].add_class("smtp-lab-bar")

    @staticmethod
    def is_for(profile_type: str, login: str, grant: str) -> bool:
        """Whether a person must log in for such an account."""
        return profile_type == "smtp" and login == "oauth2" and grant in INTERACTIVE

    def begin(self) -> None:
        """Ask for a login; what Log in does."""
        profile = self._profile()
        if profile is None or not isinstance(getattr(profile.connection, "auth", None), OAuth2):
            return
        self.login, self.steps.children = None, ()
        self._work.start(
            _("Asking for a login …"), lambda: log_in(profile), self._begun, failed=self._failed
        )

    def log_out(self) -> None:
        """Drop the tokens of the profile; what Log out does."""
        profile = self._profile()
        if profile is None:
            return
        try:
            log_out(profile)
        except Exception as error:  # noqa: BLE001  # said where the panel says everything
            self._failed(error)
        else:
            self._say(_("The token of {name} is dropped.").format(name=profile.name))

    def finish(self) -> None:
        """Take the address that was pasted."""
        login, address = self.login, self.address.secret
        self.address.secret = None
        if login is None or address is None:
            return
        # The address holds a code that works once: it goes as a Secret, and is forgotten here.
        self._work.start(
            _("Getting the token …"),
            lambda: login.finish(address),
            self._there,
            failed=self._failed,
        )

    def _begun(self, login: LogIn) -> None:
        self.login = login
        link = escape(login.url)
        if _is_safe(login.url):
            link = f'<a href="{link}" target="_blank" rel="noopener noreferrer">{link}</a>'
        steps = [_("Open {url}"), _("Log in there, and agree.")]
        parts: list[w.Widget] = []
        if login.code:
            steps.insert(1, _("Type the code {code}"))
            parts.append(TextView(login.code, label=_("The code")))
        else:
            steps.append(_("Paste the address of the last page below; it need not load."))
            parts.append(self.address)
        items = "".join(
            f"<li>{escape(s).replace('{url}', link).replace('{code}', escape(login.code))}</li>"
            for s in steps
        )
        label = escape(_("Log in"))
        listed = w.HTML(f'<ol class="{NO_MATH}" aria-label="{label}">{items}</ol>')
        self.steps.children = (listed, *parts)
        if login.code:
            self._work.start(
                _("Waiting until the code was typed …"),
                lambda: self._wait(login),
                self._there,
                failed=self._gone,
                stopped=self._put_away,
            )

    def _wait(self, login: LogIn) -> Any:
        """Wait until the person has come, or nobody waits for this login any more."""
        while self.login is login and not login.poll():
            if login.expires_at is not None and datetime.now(UTC) > login.expires_at:
                return login.wait(0)  # says that it is too late
            time.sleep(_LOOK)
        return login.claims

    def _gone(self, error: Exception) -> None:
        self._put_away()
        self._failed(error)

    def _put_away(self) -> None:
        self.login, self.steps.children = None, ()

    def _there(self, claims: Any) -> None:
        self._put_away()
        if claims is not None:
            self._say(_("Logged in: {claims}.").format(claims=claims))


def _is_safe(url: str) -> bool:
    try:
        return bool(check_url(url) == url)
    except ValueError:
        return False
