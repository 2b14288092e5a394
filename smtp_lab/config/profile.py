"""One mail account: who sends, through which server, and how it logs in."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from smtp_lab.config._model import Model
from smtp_lab.config.address import check_address, parse_sender
from smtp_lab.config.secrets import Secret
from smtp_lab.show import facts_table

__all__ = ("BasicAuth", "NoAuth", "Profile", "Security", "SmtpConnection")

Security = Literal["none", "tls-if-offered", "starttls", "implicit"]
"""How the connection is encrypted.

``none``: not at all. ``tls-if-offered``: STARTTLS when the server offers it, else not.
``starttls``: STARTTLS or nothing (RFC 3207). ``implicit``: TLS from the first byte (RFC 8314).
"""

_NAME = re.compile(r"\A[A-Za-z0-9_]{1,50}\Z")
_LABEL = re.compile(r"\A(?!-)[^\s\x00-\x1f/@:\\,;<>\"'()\[\]]{1,63}(?<!-)\Z")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NoAuth(Model):
    """The server is used without a login."""

    type: Literal["none"] = "none"


class BasicAuth(Model):
    """A login with user name and password.

    Attributes:
        username: The login name; often, not always, the mail address.
        password: The password. It is never written to a file, shown or copied by accident.
        mechanism: ``auto`` takes the first of PLAIN and LOGIN that the server offers; exactly one
            is tried, so that a wrong password counts once against a lock-out.
    """

    type: Literal["basic"] = "basic"
    username: str
    password: Secret | None = Field(default=None, exclude=True, repr=False)
    mechanism: Literal["auto", "PLAIN", "LOGIN"] = "auto"

    @field_validator("username")
    @classmethod
    def _check_username(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; give the login name, or choose no login")
        if _CONTROLS.search(value):
            raise ValueError("holds a control character; type it again")
        return value


class SmtpConnection(Model):
    """How mail gets out through an SMTP server.

    Attributes:
        host: Name or address of the server, without ``smtp://`` or a port.
        port: 1 to 65535; usually 587 with ``starttls`` or 465 with ``implicit``.
        security: How the connection is encrypted, see `Security`.
        min_tls: The oldest TLS version that is accepted.
        verify: Whether the server's certificate is checked. Switch it off only to look at a
            broken server; what is sent then can be read by whoever stands between.
        ca_file: PEM file of the authority to trust instead of the system's; ``~`` is the home folder.
        timeout: Seconds to wait for each answer, and ten times that for the whole dialogue.
        auth: `BasicAuth` or `NoAuth`.
    """

    type: Literal["smtp"] = "smtp"
    host: str
    port: int = 587
    security: Security = "starttls"
    min_tls: Literal["1.2", "1.3"] = "1.2"
    verify: bool = True
    ca_file: str | None = None
    timeout: float = 20.0
    auth: Annotated[NoAuth | BasicAuth, Field(discriminator="type")] = NoAuth()

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        host = value.strip()
        if not host:
            raise ValueError("is empty; give the server's name, such as smtp.example.com")
        if "://" in host:
            raise ValueError(f"{host!r} is a URL; give the bare name, such as smtp.example.com")
        bare = host.removeprefix("[").removesuffix("]")
        if re.fullmatch(r"[0-9A-Fa-f:.]+(%[\w.\-]+)?", bare):
            with suppress(ValueError):
                IPv6Address(bare)
                return bare
        if re.search(r":\d+\Z", host):
            raise ValueError(f"{host!r} holds a port; give it in the field port")
        labels = host.removesuffix(".").split(".")
        if len(host) > 253 or not host.isprintable() or not all(map(_LABEL.match, labels)):
            # RFC 1035
            raise ValueError(f"{host!r} is no host name; give one such as smtp.example.com")
        return host

    @field_validator("port", mode="before")
    @classmethod
    def _check_port(cls, value: Any) -> int:
        fix = "give the provider's submission port, usually 587 or 465"
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
            raise ValueError(f"{text!r} is not a number; {fix}" if text else f"is empty; {fix}")
        if len(text) > 9 or not 1 <= int(text) <= 65535:
            raise ValueError(f"{text:.9} is not between 1 and 65535; {fix}")
        return int(text)

    @field_validator("ca_file", mode="before")
    @classmethod
    def _check_ca_file(cls, value: Any) -> str | None:
        return str(value).strip() or None if value is not None else None

    @field_validator("timeout")
    @classmethod
    def _check_timeout(cls, value: float) -> float:
        if not 0 < value <= 600:  # RFC 5321 4.5.3.2 asks for ten minutes at most
            raise ValueError("is not between 0 and 600 seconds; 20 suits most servers")
        return value

    @property
    def trusted(self) -> Path | None:
        """Where `ca_file` is on this machine; None for the system's authorities."""
        return Path(self.ca_file).expanduser() if self.ca_file else None

    @property
    def endpoint(self) -> str:
        """``host:port``, the thing a password is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Profile(Model):
    """One named mail account.

    Attributes:
        name: Letters, digits and underscore, at most 50.
        sender: ``Display Name <ann@example.com>`` or a bare address; becomes the From header.
        connection: How mail gets out.
        description: What the account is for, at most 1000 characters.
        reply_to: Where answers go, when not to the sender.

    Raises:
        InputError: A field cannot be used; every bad field is named.
    """

    name: str
    sender: str
    connection: SmtpConnection
    description: str = Field(default="")
    reply_to: str | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError(
                f"{value!r} is not a profile name; use 1 to 50 letters (a-z), digits or underscores"
            )
        return value

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        parse_sender(value, "")
        return value.strip()

    @field_validator("reply_to")
    @classmethod
    def _check_reply_to(cls, value: str | None) -> str | None:
        if not value or not value.strip():
            return None
        parse_sender(value, "")
        return value.strip()

    @field_validator("description")
    @classmethod
    def _check_description(cls, value: str) -> str:
        if len(value) > 1000:
            raise ValueError(f"has {len(value)} characters; keep it to 1000")
        return value

    @property
    def address(self) -> str:
        """The bare address of the sender: the envelope's MAIL FROM."""
        return check_address(parse_sender(self.sender).addr_spec)

    @property
    def password(self) -> Secret | None:
        """The password of the login, if there is a login and it is known."""
        auth = self.connection.auth
        return auth.password if isinstance(auth, BasicAuth) else None

    def with_password(self, password: Secret | str | None) -> Profile:
        """Give a copy that logs in with *password*; without a login nothing changes."""
        auth = self.connection.auth
        if not isinstance(auth, BasicAuth):
            return self
        try:
            connection = self.connection.replace(auth=auth.replace(password=password))
        finally:
            del password  # a traceback with locals shows none
        return self.replace(connection=connection)

    def to_dict(self) -> dict[str, Any]:
        """The profile as plain data, without the password and without fields left at default."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {
            "connection": self._connection_dict()
        }

    def _connection_dict(self) -> dict[str, Any]:
        # The types and what everyone looks for first are written even when they are the default.
        whole = self.connection.model_dump(mode="json", exclude_none=True)
        short = self.connection.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        shown = {key: whole[key] for key in ("type", "host", "port", "security")} | short
        return shown | {"auth": {"type": self.connection.auth.type} | shown.get("auth", {})}

    def __str__(self) -> str:
        return f"{self.name}: {self.sender} through {self.connection.endpoint} ({self.login})"

    @property
    def login(self) -> str:
        """How the account logs in, in words."""
        auth = self.connection.auth
        security = self.connection.security
        return (
            f"{security}, user {auth.username}"
            if isinstance(auth, BasicAuth)
            else f"{security}, no login"
        )

    def _repr_html_(self) -> str:
        rows = {
            "Profile": self.name,
            "Sender": self.sender,
            "Server": self.connection.endpoint,
            "Security": self.connection.security
            + ("" if self.connection.verify else ", certificate NOT checked"),
            "Login": self.login.partition(", ")[2],
            "Password": "known" if self.password else "not known",
        }
        return facts_table(f"Profile {self.name}", rows)
