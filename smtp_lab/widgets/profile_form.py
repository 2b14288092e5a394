"""The form on a profile: fill in, see what is wrong beside the field, save, send a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.config import BasicAuth, GraphConnection, OAuth2, Profile, ProfileBook
from smtp_lab.config.paths import tilde
from smtp_lab.deliver import Delivery, send_test
from smtp_lab.errors import ConfigFileError, InputError, SmtpLabError
from smtp_lab.widgets.secret_box import SecretBox

__all__ = ("ProfileForm",)

_SECURITY = [
    ("STARTTLS, required", "starttls"),
    ("TLS from the first byte", "implicit"),
    ("STARTTLS if the server offers it", "tls-if-offered"),
    ("none", "none"),
]
_LOGIN = [("user name and password", "basic"), ("no login", "none")]

_PASSWORD = "connection.auth.password"  # noqa: S105  # the name of the field
_LABELS = {
    "name": "Profile name",
    "sender": "Sender",
    "reply_to": "Reply to",
    "connection.host": "Server",
    "connection.port": "Port",
    "connection.security": "Security",
    "connection.ca_file": "CA file",
    "connection.auth": "Login",
    "connection.auth.username": "User name",
    _PASSWORD: "Password",
    "to": "Send test to",
}
_HINTS = {
    "sender": "Ann Example <ann@example.com>",
    "reply_to": "empty: the sender",
    "connection.host": "smtp.example.com",
    "connection.ca_file": "empty: the system's authorities",
    "to": "empty: the sender",
}


class ProfileForm(w.VBox):
    """A form on a `Profile`, with Save and Send test.

    The form holds no truth of its own: `profile` is built from the fields and checked by the config
    module whenever it is asked for.

    Args:
        profile: What to start from; an empty form by default.
        book: Where Save writes; the default book unless given.
        to: Who gets the test mail; by default the sender.

    Attributes:
        delivery: What became of the last test mail, or None.
    """

    def __init__(
        self, profile: Profile | None = None, *, book: ProfileBook | None = None, to: str = ""
    ) -> None:
        self._book = book
        # Kept as they came: fields of the profile that the form does not show.
        self._start = profile
        self._touched: set[str] = set()
        self._replacing = ""  # a name the next Save may take from another profile
        self.delivery: Delivery | None = None
        self.fields = _fields()
        self.alerts = {field: _Alert() for field in self.fields}
        self.save_button = _button("Save", "Write the profile to the profile book")
        self.send_button = _button("Send test", "Send a test mail with these settings", "primary")
        self.status = w.HTML()
        self.result = w.HTML()
        self._fill(profile, to)
        self._listen()
        super().__init__(
            [
                *(row for field in self.fields for row in (self.fields[field], self.alerts[field])),
                w.HBox(
                    [self.save_button, self.send_button], layout=w.Layout(margin="8px 0 4px 9.5em")
                ),
                self.status,
                self.result,
            ]
        )
        self._show_login()

    # --- what the form says -------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """The profile as the fields have it.

        Raises:
            InputError: It cannot be built; every bad field is named.
        """
        value = {field: getattr(widget, "value", None) for field, widget in self.fields.items()}
        auth: dict[str, Any] = {"type": value["connection.auth"]}
        if auth["type"] == "basic":
            auth |= {
                "username": value["connection.auth.username"],
                "password": self._password.secret,
            }
            auth |= self._hidden("connection", "auth")
        connection = {
            **self._hidden("connection"),
            "type": "smtp",
            **{key: value[f"connection.{key}"] for key in ("host", "port", "security", "ca_file")},
            "auth": auth,
        }
        shown = {key: value[key] for key in ("name", "sender", "reply_to")}
        return Profile(**{**self._hidden(), **shown, "connection": connection})

    @property
    def book(self) -> ProfileBook:
        """Where Save writes."""
        if self._book is None:
            self._book = ProfileBook.open()
        return self._book

    def save(self) -> None:
        """Write the profile to the book; what Save does."""
        profile = self._try(lambda: self.profile)
        if profile is None:
            return
        taken = self._try(lambda: profile.name in self.book)
        mine = self._start.name if self._start else ""
        if taken and profile.name not in (mine, self._replacing):
            self._replacing = profile.name
            self._say(f"There is a profile {profile.name} already: press Save again to replace it.")
            return

        def write() -> bool:
            self.book.save(profile)
            return True

        if self._try(write):
            self._start, self._replacing = profile, ""
            self._say(f"Saved as {profile.name} in {tilde(self.book.path)}. {self._kept_where}")

    @property
    def _kept_where(self) -> str:
        return (
            f"The password is kept in {self.book.secrets.where}." if self._password.secret else ""
        )

    def send_test(self) -> None:
        """Send a test mail and show what happened; what Send test does."""
        self.delivery, self.result.value = None, ""
        profile = self._try(lambda: self.profile)
        if profile is None:
            return
        to = self.fields["to"].value.strip() or None
        self._say(f"Sending through {profile.connection.endpoint} …")
        self.result.value = ""
        self.send_button.disabled = True
        try:
            self.delivery = self._try(lambda: send_test(profile, to=to, book=self.book))
        finally:
            self.send_button.disabled = False
        if self.delivery is not None:
            self._say("")
            self.result.value = self.delivery._repr_html_()  # IPython's name, ours to call
            if self.delivery.diagnosis and not self.delivery.ok:
                self._point_at(self.delivery.diagnosis.field, self.delivery.diagnosis.meaning)

    def __repr__(self) -> str:
        return f"<ProfileForm {self.fields['name'].value or 'of a new profile'}>"

    # --- how it works -------------------------------------------------------------------------

    @property
    def _password(self) -> SecretBox:
        box = self.fields[_PASSWORD]
        assert isinstance(box, SecretBox)  # noqa: S101  # made so in _fields
        return box

    def _hidden(self, *path: str) -> dict[str, Any]:
        """What the starting profile says at *path* in fields the form does not show."""
        at: Any = self._start
        for name in path:
            at = getattr(at, name, None)
        if at is None:
            return {}
        names = {field.removeprefix(".".join([*path, ""])).split(".")[0] for field in _LABELS}
        return {
            name: getattr(at, name)
            for name in type(at).model_fields
            if name not in {*names, "type", "connection", "auth"}
        }

    def _fill(self, profile: Profile | None, to: str) -> None:
        self.fields["to"].value = to
        if profile is None:
            return
        connection = profile.connection
        if isinstance(connection, GraphConnection) or isinstance(connection.auth, OAuth2):
            fix = "change it in Python, with replace(), and save it with ProfileBook.save()"
            raise InputError.of(
                "profile",
                f"{profile.name} logs in by OAuth 2.0, which this form cannot show yet",
                fix,
            )
        auth = connection.auth
        values = {
            "name": profile.name,
            "sender": profile.sender,
            "reply_to": profile.reply_to or "",
            "connection.host": connection.host,
            "connection.port": str(connection.port),
            "connection.security": connection.security,
            "connection.ca_file": connection.ca_file or "",
            "connection.auth": auth.type,
            "connection.auth.username": auth.username if isinstance(auth, BasicAuth) else "",
        }
        for field, value in values.items():
            self.fields[field].value = value
        self._password.secret = profile.password

    def _listen(self) -> None:
        for field, widget in self.fields.items():
            if isinstance(widget, SecretBox):
                widget.on_change(lambda: self._changed(_PASSWORD))
            else:
                widget.observe(lambda _, field=field: self._changed(field), "value")
        # A password belongs to the server it was typed for.
        for field in ("connection.host", "connection.port"):
            self.fields[field].observe(lambda _: self._forget_password(), "value")
        self.save_button.on_click(lambda _: self.save())
        self.send_button.on_click(lambda _: self.send_test())

    def _changed(self, field: str) -> None:
        self._touched.add(field)
        if field == "connection.auth":
            self._show_login()
        self._show(self._problems(), only=self._touched)

    def _problems(self) -> dict[str, str]:
        try:
            _ = self.profile
        except InputError as error:
            return error.by_field
        return {}

    def _forget_password(self) -> None:
        if self._password.secret is not None:
            self._password.secret = None
            self.alerts[_PASSWORD].say("Type the password again: it was for another server.")

    def _show_login(self) -> None:
        display = "" if self.fields["connection.auth"].value == "basic" else "none"
        for field in ("connection.auth.username", _PASSWORD):
            self.fields[field].layout.display = display
            if display == "none":
                self.alerts[field].say("")

    def _show(self, problems: dict[str, str], only: Iterable[str]) -> None:
        for field in only:
            if field != _PASSWORD or field in problems or self._password.secret is not None:
                self.alerts[field].say(problems.get(field, ""))

    def _try(self, action: Callable[[], Any]) -> Any:
        """Do *action*; what it cannot do is said in the form: a notebook would not show it."""
        try:
            return action()
        except ConfigFileError as error:
            self._say(str(error), wrong=True)  # the file and the line are the point
        except InputError as error:
            self._show(error.by_field, only=self.fields)
            elsewhere = [str(p) for p in error.problems if p.field not in self.fields]
            count = len(error.problems) - len(elsewhere)
            said = [f"{count} field{'s' if count > 1 else ''} to correct above."] if count else []
            self._say(" ".join(said + elsewhere), wrong=True)
        except SmtpLabError as error:
            self._say(str(error), wrong=True)
        except Exception as error:  # noqa: BLE001  # an error in a handler shows nowhere else
            self._say(f"Something went wrong that should not: {type(error).__name__}.", wrong=True)
        return None

    def _point_at(self, field: str, meaning: str) -> None:
        for candidate in (field, f"{field}.username"):
            if candidate in self.alerts and self.fields[candidate].layout.display != "none":
                self.alerts[candidate].say(meaning)
                return

    def _say(self, text: str, *, wrong: bool = False) -> None:
        role, colour = (
            ("alert", "var(--jp-error-color1,#c62828)") if wrong else ("status", "inherit")
        )
        self.status.value = (
            f'<div role="{role}" style="color:{colour};white-space:normal">{escape(text)}</div>'
            if text
            else ""
        )


class _Alert(w.HTML):
    """The line under a field that says what is wrong with it; not there when nothing is."""

    def __init__(self) -> None:
        super().__init__(layout=w.Layout(margin="0 0 4px 9.75em", display="none"))

    def say(self, text: str) -> None:
        """Show *text*, or nothing."""
        self.value = (
            f'<span role="alert" style="color:var(--jp-error-color1,#c62828)">{escape(text)}</span>'
            if text
            else ""
        )
        self.layout.display = "" if text else "none"


def _fields() -> dict[str, Any]:
    style, layout = {"description_width": "9em"}, {"width": "34em", "max_width": "100%"}

    def text(field: str) -> w.Text:
        return w.Text(
            description=_LABELS[field],
            placeholder=_HINTS.get(field, ""),
            continuous_update=False,
            style=style,
            layout=layout,
        )

    def choice(field: str, options: list[tuple[str, str]]) -> w.Dropdown:
        return w.Dropdown(description=_LABELS[field], options=options, style=style, layout=layout)

    made: dict[str, Any] = {field: text(field) for field in _LABELS}
    made["connection.port"].value = "587"
    made["connection.security"] = choice("connection.security", _SECURITY)
    made["connection.auth"] = choice("connection.auth", _LOGIN)
    made[_PASSWORD] = SecretBox(_LABELS[_PASSWORD])
    return made


def _button(name: str, tooltip: str, style: str = "") -> w.Button:
    return w.Button(description=name, tooltip=tooltip, button_style=style)
