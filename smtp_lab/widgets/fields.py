"""Every field of a profile as the form shows it: its name, what it takes, when it applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smtp_lab.widgets.words import N_

__all__ = ("FIELDS", "GROUPS", "Field", "Group", "owners")

Values = Mapping[str, Any]
"""What stands in the fields, by key."""

Owner = Literal["profile", "smtp", "graph", "basic", "oauth2"]
"""The model a field belongs to; for a login that is its type."""

Group = Literal["account", "server", "login", "security", "mail"]

GROUPS: dict[Group, str] = {
    "account": N_("Account"),
    "server": N_("Way out"),
    "login": N_("Login"),
    "security": N_("Certificate, names and times"),
    "mail": N_("What mail looks like"),
}
"""Titles of the parts of the form; the last two are shown when asked for."""


def _always(_values: Values) -> bool:
    return True


def _grant(*names: str) -> Callable[[Values], bool]:
    return lambda values: values["connection.auth.grant"] in names


def _tls(values: Values) -> bool:
    return bool(values["connection.security"] != "none")


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        key: What it is called in the form; its path, unless another field has the same.
        label: Its name, for the catalogues.
        group: The part of the form it stands in.
        owner: The model it belongs to.
        kind: How it is typed in.
        choices: For a choice: label (for the catalogues) and value.
        start: What a new profile begins with.
        hint: What stands in the empty field: an example, which is not translated.
        help: What stands below it, for the catalogues.
        when: Whether it applies, by what stands in the others.
        path: Its dotted name in the profile.
    """

    key: str
    label: str
    group: Group
    owner: Owner
    kind: Literal["text", "area", "choice", "flag", "secret", "key"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    start: Any = ""
    hint: str = ""
    help: str = ""
    when: Callable[[Values], bool] = _always

    @property
    def path(self) -> str:
        """Its dotted name in the profile."""
        path = self.key.partition("#")[0]
        return f"{path}.type" if path == "connection.auth" else path

    @property
    def secret(self) -> bool:
        """Whether what is typed may be shown nowhere."""
        return self.kind in ("secret", "key")


def owners(values: Values) -> tuple[Owner, ...]:
    """The models a profile with *values* is made of."""
    if values["connection.type"] == "graph":
        return ("profile", "graph")
    login: Owner | None = values["connection.auth"] if values["connection.auth"] != "none" else None
    return ("profile", "smtp", *((login,) if login else ()))


_AUTO = (N_("the best the server offers"), "auto")

FIELDS: tuple[Field, ...] = (
    Field("name", N_("Profile name"), "account", "profile", hint="team_mail"),
    Field("sender", N_("Sender"), "account", "profile", hint="Ann Example <ann@example.com>"),
    Field("reply_to", N_("Reply to"), "account", "profile", help=N_("Empty: the sender.")),
    Field(
        "connection.type",
        N_("Way out"),
        "server",
        "profile",
        "choice",
        ((N_("an SMTP server"), "smtp"), (N_("Microsoft Graph"), "graph")),
        "smtp",
    ),
    Field("connection.host", N_("Server"), "server", "smtp", hint="smtp.example.com"),
    Field("connection.port", N_("Port"), "server", "smtp", start="587"),
    Field(
        "connection.security",
        N_("Security"),
        "server",
        "smtp",
        "choice",
        (
            (N_("STARTTLS, required"), "starttls"),
            (N_("TLS from the first byte"), "implicit"),
            (N_("STARTTLS if the server offers it"), "tls-if-offered"),
            (N_("none"), "none"),
        ),
        "starttls",
    ),
    Field(
        "connection.auth",
        N_("Login"),
        "login",
        "smtp",
        "choice",
        (
            (N_("user name and password"), "basic"),
            (N_("OAuth 2.0: a token"), "oauth2"),
            (N_("no login"), "none"),
        ),
        "basic",
    ),
    Field("connection.auth.username", N_("User name"), "login", "basic", hint="ann@example.com"),
    Field("connection.auth.password", N_("Password"), "login", "basic", "secret"),
    Field(
        "connection.auth.grant",
        N_("Grant"),
        "login",
        "oauth2",
        "choice",
        (
            (N_("client credentials: the application itself"), "client_credentials"),
            (N_("device code: a person types a code"), "device_code"),
            (N_("authorization code: a person pastes an address"), "authorization_code"),
            (N_("refresh token"), "refresh_token"),
            (N_("service account: a signed JWT"), "service_account"),
        ),
        "client_credentials",
    ),
    Field("connection.auth.user", N_("Mailbox"), "login", "oauth2", hint="ann@example.com"),
    Field("connection.auth.client_id", N_("Client ID"), "login", "oauth2"),
    Field(
        "connection.auth.client_secret",
        N_("Client secret"),
        "login",
        "oauth2",
        "secret",
        when=_grant("client_credentials", "refresh_token", "authorization_code", "device_code"),
    ),
    Field(
        "connection.auth.refresh_token",
        N_("Refresh token"),
        "login",
        "oauth2",
        "secret",
        when=_grant("refresh_token"),
    ),
    Field(
        "connection.auth.service_account_key",
        N_("Private key (PEM)"),
        "login",
        "oauth2",
        "key",
        when=_grant("service_account"),
    ),
    Field(
        "connection.auth.token_url",
        N_("Token URL"),
        "login",
        "oauth2",
        hint="https://login.example.com/token",
    ),
    Field(
        "connection.auth.auth_url",
        N_("Authorization URL"),
        "login",
        "oauth2",
        hint="https://login.example.com/authorize",
        when=_grant("authorization_code"),
    ),
    Field(
        "connection.auth.device_url",
        N_("Device code URL"),
        "login",
        "oauth2",
        hint="https://login.example.com/device",
        when=_grant("device_code"),
    ),
    Field(
        "connection.auth.scopes",
        N_("Scopes"),
        "login",
        "oauth2",
        help=N_("Separated by spaces; empty: what the provider takes for usual."),
    ),
    Field("connection.user", N_("Mailbox"), "login", "graph", hint="ann@example.com"),
    Field("connection.tenant_id", N_("Tenant ID"), "login", "graph"),
    Field("connection.client_id", N_("Client ID"), "login", "graph"),
    Field("connection.client_secret", N_("Client secret"), "login", "graph", "secret"),
    Field(
        "connection.password",
        N_("Password"),
        "login",
        "graph",
        "secret",
        help=N_("Empty: the application acts for itself."),
    ),
    Field(
        "connection.cloud",
        N_("Cloud"),
        "login",
        "graph",
        "choice",
        (
            (N_("global"), "global"),
            (N_("US government"), "us-government"),
            (N_("China"), "china"),
        ),
        "global",
    ),
    Field(
        "connection.auth.mechanism",
        N_("Mechanism"),
        "security",
        "basic",
        "choice",
        (_AUTO, ("PLAIN", "PLAIN"), ("LOGIN", "LOGIN"), ("CRAM-MD5", "CRAM-MD5")),
        "auto",
    ),
    Field(
        "connection.auth.mechanism#oauth2",
        N_("Mechanism"),
        "security",
        "oauth2",
        "choice",
        (_AUTO, ("XOAUTH2", "XOAUTH2"), ("OAUTHBEARER", "OAUTHBEARER")),
        "auto",
    ),
    Field(
        "connection.verify",
        N_("Check the server's certificate"),
        "security",
        "smtp",
        "flag",
        start=True,
        when=_tls,
    ),
    Field(
        "connection.ca_file",
        N_("CA file"),
        "security",
        "smtp",
        help=N_("Empty: the system's authorities."),
        when=lambda values: _tls(values) and bool(values["connection.verify"]),
    ),
    Field(
        "connection.min_tls",
        N_("Oldest TLS version"),
        "security",
        "smtp",
        "choice",
        tuple((version, version) for version in ("1.2", "1.3", "1.1", "1.0")),
        "1.2",
        when=_tls,
    ),
    Field(
        "connection.ehlo_name",
        N_("EHLO name"),
        "security",
        "smtp",
        help=N_("What this computer calls itself."),
    ),
    Field(
        "connection.timeout",
        N_("Timeout for an answer"),
        "security",
        "profile",
        start="20",
        help=N_("Seconds."),
    ),
    Field(
        "connection.connect_timeout",
        N_("Timeout for connecting"),
        "security",
        "smtp",
        help=N_("Seconds; empty: as for an answer."),
    ),
    Field(
        "connection.total_timeout",
        N_("Timeout for everything"),
        "security",
        "smtp",
        help=N_("Seconds; empty: ten times that for an answer."),
    ),
    Field("description", N_("Description"), "mail", "profile", "area"),
    Field("signature", N_("Signature"), "mail", "profile", "area"),
    Field(
        "recipients_as",
        N_("Recipients stand in"),
        "mail",
        "profile",
        "choice",
        (("To", "to"), ("Cc", "cc"), (N_("Bcc: they do not see one another"), "bcc")),
        "to",
    ),
    Field("save_to_sent", N_("Keep a copy in Sent"), "mail", "profile", "flag", start=False),
)
"""All of them, in the order of the form."""
