"""One mail account: who sends, through what, and how it logs in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import field_validator

from smtp_lab.config._model import Model
from smtp_lab.config.address import check_address, parse_sender
from smtp_lab.config.auth import BasicAuth, NoAuth, OAuth2
from smtp_lab.config.connection import Connection, GraphConnection, SmtpConnection
from smtp_lab.config.secrets import Secret
from smtp_lab.show import facts_table

if TYPE_CHECKING:
    from smtp_lab.config.advice import Advice

__all__ = ("BasicAuth", "GraphConnection", "NoAuth", "OAuth2", "Profile", "SmtpConnection")

_NAME = re.compile(r"\A[A-Za-z0-9_]{1,50}\Z")
_NAME_RULE = "use 1 to 50 letters (a-z), digits or underscores"
# Line breaks and tabs are wanted in a signature; other control characters never are.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


def check_name(value: str) -> str:
    """Give *value* back when it can be the name of a profile or of an activity."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError(f"{value!r} is not a profile name; {_NAME_RULE}")
    return value


def check_reply_to(value: str | None) -> str | None:
    """Give *value* back, stripped, when it is a name and one address; None when it is empty."""
    if not value or not value.strip():
        return None
    parse_sender(value, "")
    return value.strip()


class Profile(Model):
    """One named mail account.

    Attributes:
        name: Letters, digits and underscore, at most 50.
        sender: ``Display Name <ann@example.com>`` or a bare address; becomes the From header.
        connection: How mail gets out.
        description: What the account is for, at most 1000 characters.
        signature: Text added below the text and the HTML of each mail, at most 250 characters.
        reply_to: Where answers go, when not to the sender.
        recipients_as: Which header recipients stand in. With ``bcc`` they do not see one another.
        save_to_sent: Whether a copy is wanted in the mailbox. Microsoft Graph always keeps one in
            Sent Items, an SMTP server by itself never does.

    Raises:
        InputError: A field cannot be used; every bad field is named.
    """

    name: str
    sender: str
    connection: Connection
    description: str = ""
    signature: str = ""
    reply_to: str | None = None
    recipients_as: Literal["to", "cc", "bcc"] = "to"
    save_to_sent: bool = False

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        return check_name(value)

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        parse_sender(value, "")
        return value.strip()

    @field_validator("reply_to")
    @classmethod
    def _check_reply_to(cls, value: str | None) -> str | None:
        return check_reply_to(value)

    @field_validator("connection", mode="before")
    @classmethod
    def _smtp_is_usual(cls, value: Any) -> Any:
        """A connection that does not say what it is goes through an SMTP server."""
        if isinstance(value, Mapping) and "type" not in value:
            return {"type": "smtp"} | dict(value)
        return value

    @field_validator("description", "signature")
    @classmethod
    def _check_text_length(cls, value: str, info: Any) -> str:
        most = 1000 if info.field_name == "description" else 250
        if len(value) > most:
            raise ValueError(f"has {len(value)} characters; keep it to {most}")
        if _CONTROLS.search(value):
            raise ValueError("holds a control character; type it again")
        return value

    @property
    def address(self) -> str:
        """The bare address of the sender: the envelope's MAIL FROM."""
        return check_address(parse_sender(self.sender).addr_spec)

    @property
    def username(self) -> str:
        """Who logs in: a user name, or the mailbox; empty without a login."""
        if isinstance(self.connection, GraphConnection):
            return self.connection.user
        auth = self.connection.auth
        if isinstance(auth, OAuth2):
            return auth.user
        return auth.username if isinstance(auth, BasicAuth) else ""

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets that are known, by field, such as ``password`` or ``client_secret``."""
        return self.connection.secrets

    @property
    def password(self) -> Secret | None:
        """The password of the login, if there is one and it is known."""
        return self.secrets.get("password")

    def with_secrets(self, **secrets: Secret | str | None) -> Self:
        """Give a copy with these *secrets*; names the connection does not have are left out."""
        made: dict[str, Secret | None] = {
            name: Secret(value) if isinstance(value, str) else value
            for name, value in secrets.items()
        }
        secrets.clear()  # a traceback with locals shows none
        try:
            return self.replace(connection=self.connection.with_secrets(made))
        finally:
            made.clear()

    def with_password(self, password: Secret | str | None) -> Self:
        """Give a copy that logs in with *password*; without a login nothing changes."""
        try:
            return self.with_secrets(password=password)
        finally:
            del password

    def without_secrets(self) -> Self:
        """Give a copy that knows no secret."""
        return self.with_secrets(**dict.fromkeys(self.secrets))

    def advice(self) -> tuple[Advice, ...]:
        """What is odd about the profile without being wrong, see `Advice`."""
        # Here and not above: the rules need the providers, and these make profiles.
        from smtp_lab.config.advice import advise

        return advise(self)

    def to_dict(self) -> dict[str, Any]:
        """The profile as plain data, without secrets and without fields left at default."""
        short = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return short | {"connection": _shown(self.connection)}

    @property
    def login(self) -> str:
        """How the account logs in, in words."""
        connection = self.connection
        if isinstance(connection, GraphConnection):
            way = "user and password" if connection.password else "application"
            return f"Microsoft Graph, {connection.cloud} cloud, {way}, mailbox {connection.user}"
        auth = connection.auth
        if isinstance(auth, OAuth2):
            return f"{connection.security}, OAuth 2.0 ({auth.grant}), user {auth.user}"
        if isinstance(auth, BasicAuth):
            return f"{connection.security}, user {auth.username}"
        return f"{connection.security}, no login"

    def __str__(self) -> str:
        return f"{self.name}: {self.sender} through {self.connection.endpoint} ({self.login})"

    def _repr_html_(self) -> str:
        facts: dict[str, str] = {"Profile": self.name, "Recipients see": self.sender}
        facts["Server"] = self.connection.endpoint
        facts["Login"] = self.login
        if isinstance(self.connection, SmtpConnection) and not self.connection.verify:
            facts["Certificate"] = "NOT checked"
        for name in self.connection.secret_fields:
            facts[name.replace("_", " ").capitalize()] = (
                "known" if name in self.secrets else "not known"
            )
        return facts_table(f"Profile {self.name}", facts)


def _shown(connection: SmtpConnection | GraphConnection) -> dict[str, Any]:
    # The types and what everyone looks for first are written even when they are the default.
    whole = connection.model_dump(mode="json", exclude_none=True)
    short = connection.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if isinstance(connection, GraphConnection):
        return {"type": "graph"} | short
    shown = {key: whole[key] for key in ("type", "host", "port", "security")} | short
    return shown | {"auth": {"type": connection.auth.type} | shown.get("auth", {})}
