"""How mail gets out: through an SMTP server, or through Microsoft Graph."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from smtp_lab.config._model import Model
from smtp_lab.config.address import check_address
from smtp_lab.config.auth import BasicAuth, NoAuth, OAuth2, WithSecrets, check_line, secret_field
from smtp_lab.config.paths import expanded
from smtp_lab.config.secrets import Secret

__all__ = ("Connection", "GraphConnection", "Security", "SmtpConnection", "is_loopback")

Security = Literal["none", "tls-if-offered", "starttls", "implicit"]
"""How the connection is encrypted.

``none``: not at all. ``tls-if-offered``: STARTTLS when the server offers it, else not.
``starttls``: STARTTLS or nothing (RFC 3207). ``implicit``: TLS from the first byte (RFC 8314).
"""

_LABEL = re.compile(r"\A(?!-)[^\s\x00-\x1f/@:\\,;<>\"'()\[\]]{1,63}(?<!-)\Z")
_EHLO = re.compile(r"\A(?:\[[0-9A-Za-z:.\-]+\]|[0-9A-Za-z](?:[0-9A-Za-z.\-]*[0-9A-Za-z])?)\Z")

CLOUDS = {
    "global": "graph.microsoft.com",
    "us-government": "graph.microsoft.us",
    "china": "microsoftgraph.chinacloudapi.cn",
}
"""Hosts of Microsoft Graph by cloud (learn.microsoft.com/graph/deployments)."""

LOGINS = {
    "global": "login.microsoftonline.com",
    "us-government": "login.microsoftonline.us",
    "china": "login.partner.microsoftonline.cn",
}
"""Who gives Microsoft's tokens, by cloud; a host, with a port where it is not 443.

Source: learn.microsoft.com/entra/identity-platform/authentication-national-cloud.
"""


_DAY = 86_400  # seconds


def is_loopback(host: str) -> bool:
    """Whether *host* names this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name; 127.example.com is one too
        return host.lower() == "localhost"


def check_timeout(value: float) -> float:
    """Give *value* back when it is a time to wait."""
    if not 0 < value <= 600:  # RFC 5321 4.5.3.2 asks for ten minutes at most
        raise ValueError("is not between 0 and 600 seconds; 20 suits most servers")
    return value


class SmtpConnection(Model):
    """How mail gets out through an SMTP server.

    Attributes:
        host: Name or address of the server, without ``smtp://`` or a port.
        port: 1 to 65535; usually 587 with ``starttls`` or 465 with ``implicit``.
        security: How the connection is encrypted, see `Security`.
        min_tls: The oldest TLS version that is accepted; 1.0 and 1.1 are broken (RFC 8996) and
            only there to look at old servers.
        verify: Whether the server's certificate is checked. Switch it off only to look at a
            broken server; what is sent then can be read by whoever stands between.
        ca_file: PEM file of the authority to trust instead of the system's; ``~`` is the home
            folder.
        ehlo_name: What the client calls itself: a host name or an address in brackets.
        timeout: Seconds to wait for each answer.
        connect_timeout: Seconds to wait for the connection; by default as `timeout`.
        total_timeout: Seconds for the whole dialogue; by default ten times `timeout`.
        auth: `NoAuth`, `BasicAuth` or `OAuth2`.
    """

    type: Literal["smtp"] = "smtp"
    host: str
    port: int = 587
    security: Security = "starttls"
    min_tls: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    verify: bool = True
    ca_file: str | None = None
    ehlo_name: str | None = None
    timeout: float = 20.0
    connect_timeout: float | None = None
    total_timeout: float | None = None
    auth: Annotated[NoAuth | BasicAuth | OAuth2, Field(discriminator="type")] = NoAuth()

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        host = value.strip()
        if not host:
            raise ValueError("is empty; give the server's name, such as smtp.example.com")
        if "@" in host:  # not quoted: what stands before it may be a password
            raise ValueError("is no host name: it holds an @; give one such as smtp.example.com")
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
        right = not isinstance(value, bool) and text.isascii() and text.isdigit()
        text = _brief(text)
        if not right:
            raise ValueError(f"{text!r} is not a number; {fix}" if text else f"is empty; {fix}")
        if len(text) > 9 or not 1 <= int(text) <= 65535:
            raise ValueError(f"{text} is not between 1 and 65535; {fix}")
        return int(text)

    @field_validator("ca_file", "ehlo_name", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> str | None:
        return str(value).strip() or None if value is not None else None

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, value: str | None) -> str | None:
        return value if value is None else check_line(value)

    @field_validator("ehlo_name")
    @classmethod
    def _check_ehlo_name(cls, value: str | None) -> str | None:
        if value is not None and not (len(value) <= 255 and _EHLO.match(value)):
            fix = "give a name such as host.example.com, or leave it empty"
            raise ValueError(f"{value!r} is no name for EHLO; {fix}")
        return value

    @field_validator("timeout", "connect_timeout")
    @classmethod
    def _check_timeout(cls, value: float | None) -> float | None:
        return value if value is None else check_timeout(value)

    @field_validator("total_timeout")
    @classmethod
    def _check_total_timeout(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value <= _DAY:
            raise ValueError("is not between 0 and 86400 seconds; 200 suits most servers")
        return value

    @property
    def trusted(self) -> Path | None:
        """Where `ca_file` is on this machine; None for the system's authorities."""
        return expanded(self.ca_file) if self.ca_file else None

    @property
    def endpoint(self) -> str:
        """``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def binding(self) -> str:
        """Where the secrets, and what is had for them, may be sent: elsewhere they are unknown."""
        return f"{self.endpoint} {self.auth.binding}".rstrip()

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Names of the fields of `auth` that hold secrets."""
        return self.auth.secret_fields

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets that are known, by field of `auth`."""
        return self.auth.secrets

    def with_secrets(self, secrets: dict[str, Secret | None]) -> Self:
        """Give a copy whose `auth` has these *secrets*."""
        return super().replace(auth=self.auth.with_secrets(secrets))

    def replace(self, **changes: Any) -> Self:
        """Give a copy with *changes*; another host or port forgets the password."""
        try:
            changed = super().replace(**changes)
        finally:
            changes.clear()  # it may hold a password as text: a traceback with locals shows none
        if changed.binding == self.binding:
            return changed
        # The same object was carried along; one that was typed is another, be it equal.
        known = self.secrets
        return changed.with_secrets(
            {name: None for name, secret in changed.secrets.items() if secret is known.get(name)}
        )


class GraphConnection(WithSecrets):
    """How mail gets out through Microsoft Graph instead of an SMTP server.

    Attributes:
        user: The mailbox, by its user name (an address).
        tenant_id: The organisation's directory: an id or a domain.
        client_id: The application, as registered with Entra ID.
        client_secret: The application's secret: its value, not its id.
        password: The user's password, for tenants that still allow it; without it the
            application acts for itself.
        cloud: ``global``, ``us-government`` or ``china``.
        timeout: Seconds to wait for each answer.
    """

    SECRETS = ("client_secret", "password")

    type: Literal["graph"] = "graph"
    user: str
    tenant_id: str
    client_id: str
    client_secret: Secret | None = secret_field()
    password: Secret | None = secret_field()
    cloud: Literal["global", "us-government", "china"] = "global"
    timeout: float = 20.0

    @field_validator("user")
    @classmethod
    def _check_user(cls, value: str) -> str:
        return check_address(value, "")

    @field_validator("timeout")
    @classmethod
    def _check_timeout(cls, value: float) -> float:
        return check_timeout(value)

    @field_validator("tenant_id", "client_id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.\-]*", check_line(value).strip()):
            raise ValueError(f"{value!r} is no id; copy it from the application's overview page")
        return value.strip()

    @property
    def endpoint(self) -> str:
        """The host of Microsoft Graph in this cloud."""
        return CLOUDS[self.cloud]

    @property
    def binding(self) -> str:
        """Where the secrets may be sent; another place needs them typed again."""
        return f"{self.cloud}/{self.tenant_id}/{self.client_id}"


Connection = Annotated[SmtpConnection | GraphConnection, Field(discriminator="type")]
"""Either way out."""


def _brief(text: str) -> str:
    """What was typed, as far as it is repeated."""
    return text if len(text) <= 30 else text[:30] + "…"
