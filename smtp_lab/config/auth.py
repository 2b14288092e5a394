"""How an account logs in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from smtp_lab.config._model import Model
from smtp_lab.config.secrets import Secret

__all__ = ("BasicAuth", "NoAuth", "OAuth2", "WithSecrets")

# RFC 6749 3.3; commas are left out, since settings are lists with commas.
_SCOPE = re.compile(r"[!#-+\--\[\]-~]*")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_UNTYPED = re.compile("[\0\r\n]")


def secret_field() -> Any:
    """A field for a `Secret`: in no dump, no repr and no file."""
    return Field(default=None, exclude=True, repr=False)


def check_line(value: str) -> str:
    """Give *value* back when it is a line of text that says something."""
    if not value.strip():
        raise ValueError("is empty; fill it in")
    if _CONTROLS.search(value):
        raise ValueError("holds a control character; type it again")
    return value


class WithSecrets(Model):
    """A model some of whose fields are secrets, bound to where they may be sent."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that hold secrets."""

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Names of the fields that hold secrets, the one the login cannot do without first."""
        return self.SECRETS

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets that are known, by field."""
        found = {name: getattr(self, name) for name in self.SECRETS}
        return {name: secret for name, secret in found.items() if secret}

    def with_secrets(self, secrets: Mapping[str, Secret | None]) -> Self:
        """Give a copy with these *secrets*; names it does not have are left out."""
        mine = {name: secret for name, secret in secrets.items() if name in self.SECRETS}
        try:
            return super().replace(**mine) if mine else self
        finally:
            mine.clear()  # one of them may be no Secret but a text: a traceback shows none

    def without_secrets(self) -> Self:
        """Give a copy that knows no secret."""
        return self.with_secrets(dict.fromkeys(self.SECRETS))

    @property
    def binding(self) -> str:
        """Where the secrets may be sent; empty where that is for the connection to say."""
        return ""

    def replace(self, **changes: Any) -> Self:
        """Give a copy with *changes*; another `binding` forgets the secrets not among them."""
        typed = set(changes)
        try:
            changed = super().replace(**changes)
        finally:
            changes.clear()  # a traceback with locals shows none
        if changed.binding == self.binding:
            return changed
        return changed.with_secrets({n: None for n in self.SECRETS if n not in typed})


class NoAuth(WithSecrets):
    """The server is used without a login."""

    type: Literal["none"] = "none"


class BasicAuth(WithSecrets):
    """A login with user name and password.

    Attributes:
        username: The login name; often, not always, the mail address.
        password: The password. It is never written to a file, shown or copied by accident.
        mechanism: ``auto`` takes the first of PLAIN, LOGIN and CRAM-MD5 that the server offers;
            exactly one is tried, so that a wrong password counts once against a lock-out.
    """

    SECRETS = ("password",)

    type: Literal["basic"] = "basic"
    username: str
    password: Secret | None = secret_field()
    mechanism: Literal["auto", "PLAIN", "LOGIN", "CRAM-MD5"] = "auto"

    @field_validator("username")
    @classmethod
    def _check_username(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; give the login name, or choose no login")
        return check_line(value)

    @field_validator("password")
    @classmethod
    def _check_password(cls, value: Secret | None) -> Secret | None:
        # RFC 4616, 2: PLAIN parts its fields by NUL. RFC 4013, 2.3: no control characters.
        if value is not None and _UNTYPED.search(value.reveal()):
            raise ValueError("holds a line break or a NUL; type it again")
        return value


class OAuth2(WithSecrets):
    """A login with a token instead of a password (RFC 6749, RFC 7628).

    Attributes:
        user: Whose mailbox it is; goes into the SASL exchange.
        client_id: The application, as registered with the provider.
        client_secret: The application's secret, where it has one.
        token_url: Where tokens are had; https.
        grant: How: ``client_credentials`` (the application itself), ``refresh_token``,
            ``device_code`` (RFC 8628), ``authorization_code`` (by pasting the final address) or
            ``service_account`` (a signed JWT, RFC 7523).
        scopes: What is asked for.
        auth_url: Where a person agrees, for ``authorization_code``.
        device_url: Where a device code is had, for ``device_code``.
        refresh_token: For ``refresh_token``.
        service_account_key: PEM of the private key, for ``service_account``.
        mechanism: ``auto`` takes the first of XOAUTH2 and OAUTHBEARER that the server offers.
    """

    SECRETS = ("client_secret", "refresh_token", "service_account_key")

    type: Literal["oauth2"] = "oauth2"
    user: str
    client_id: str
    token_url: str
    grant: Literal[
        "client_credentials",
        "refresh_token",
        "device_code",
        "authorization_code",
        "service_account",
    ] = "client_credentials"
    scopes: tuple[str, ...] = ()
    auth_url: str | None = None
    device_url: str | None = None
    client_secret: Secret | None = secret_field()
    refresh_token: Secret | None = secret_field()
    service_account_key: Secret | None = secret_field()
    mechanism: Literal["auto", "XOAUTH2", "OAUTHBEARER"] = "auto"

    @field_validator("user", "client_id")
    @classmethod
    def _check_line(cls, value: str) -> str:
        return check_line(value).strip()

    @field_validator("scopes", mode="before")
    @classmethod
    def _check_scopes(cls, value: Any) -> Any:
        """Scopes may be typed in one text, as providers write them."""
        scopes = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(scopes, list | tuple):
            return scopes
        for scope in scopes:
            if isinstance(scope, str) and not _SCOPE.fullmatch(scope):
                # Not quoted: it may be a secret that was typed in the wrong place.
                raise ValueError("holds what is no scope; separate scopes by spaces")
        return tuple(scope for scope in scopes if scope)

    @field_validator("token_url", "auth_url", "device_url", mode="before")
    @classmethod
    def _check_url(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            if info.field_name == "token_url":
                fix = "give the provider's token endpoint, such as https://login.example.com/token"
                raise ValueError(f"is empty; {fix}")
            return None
        return check_url(value)

    @model_validator(mode="after")
    def _check_grant(self) -> Self:
        needed = {"authorization_code": "auth_url", "device_code": "device_url"}.get(self.grant)
        if needed and not getattr(self, needed):
            raise ValueError(f"grant {self.grant} needs {needed}; fill in {needed}")
        return self

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Names of the fields that hold secrets, the one the grant cannot do without first."""
        first = "service_account_key" if self.grant == "service_account" else self.grant
        return tuple(sorted(self.SECRETS, key=lambda name: name != first))

    @property
    def binding(self) -> str:
        """Where the secrets may be sent: the token endpoint, for this application."""
        return f"{self.token_url} {self.client_id}"


def check_url(value: Any) -> str:
    """Give *value* back when it is an https address, or http on this machine."""
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or _CONTROLS.search(text) or " " in text:
        raise ValueError("is no address; give one such as https://login.example.com/token")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; leave them out")
    if parts.scheme != "https" and not (
        parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    ):
        raise ValueError("does not begin with https://; secrets are sent there")
    return text
