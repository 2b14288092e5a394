"""An access token, and what can be read from it without trusting it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from smtp_lab.config.secrets import Secret
from smtp_lab.config.tokens import Kept
from smtp_lab.show import facts_table
from smtp_lab.transcript import printable

__all__ = ("AccessToken", "TokenClaims", "token_of")

_EARLY = timedelta(minutes=5)  # a token this near its end is renewed first
_MOST = 64  # of the values in a list, so that a hostile token stays readable
_LONG = 300  # characters of one value


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says of itself; never the token.

    It is read from the payload of a JWT whose signature nobody here checked (RFC 7519), or from
    the answer of the token endpoint where the token is opaque. It explains, and proves nothing.

    Attributes:
        audience: For which service it is (``aud``).
        issuer: Who made it (``iss``).
        client_id: For which application (``azp``, ``appid`` or ``client_id``).
        tenant: In which organisation, at Microsoft (``tid``).
        user: For whom (``upn``, ``preferred_username``, ``email`` or ``sub``).
        roles: What the application may do (``roles``).
        scopes: What it may do for the user (``scp`` or ``scope``).
        issued_at: Since when, in UTC.
        expires_at: Until when, in UTC.
        opaque: Whether nothing can be read from the token itself.
    """

    audience: tuple[str, ...] = ()
    issuer: str = ""
    client_id: str = ""
    tenant: str = ""
    user: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    opaque: bool = True

    @classmethod
    def of(
        cls, token: Secret, *, scope: str = "", expires_at: datetime | None = None
    ) -> TokenClaims:
        """Read *token*; *scope* and *expires_at* are what its giver said of it."""
        said = _payload(token)

        def first(*names: str) -> str:
            return next((text for name in names if (text := _text(said.get(name)))), "")

        return cls(
            audience=_texts(said.get("aud")),
            issuer=first("iss"),
            client_id=first("azp", "appid", "client_id"),
            tenant=first("tid"),
            user=first("upn", "preferred_username", "email", "sub"),
            roles=_texts(said.get("roles")),
            scopes=_words(said.get("scp")) or _words(said.get("scope")) or _words(scope),
            issued_at=moment(said.get("iat")),
            expires_at=expires_at or moment(said.get("exp")),
            opaque=not said,
        )

    def to_dict(self) -> dict[str, Any]:
        """The claims as JSON-ready data; times in ISO 8601."""
        found: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, datetime):
                value = value.isoformat()
            found[one.name] = list(value) if isinstance(value, tuple) else value
        return found

    @property
    def facts(self) -> dict[str, str]:
        """What is known, by name, to be shown."""
        shown: dict[str, str] = {
            "Audience": ", ".join(self.audience),
            "Issuer": self.issuer,
            "Application": self.client_id,
            "Tenant": self.tenant,
            "User": self.user,
            "Roles": " ".join(self.roles),
            "Scopes": " ".join(self.scopes),
            "Expires": f"{self.expires_at:%Y-%m-%d %H:%M:%S} UTC" if self.expires_at else "",
        }
        found = {name: text for name, text in shown.items() if text}
        return found if not self.opaque else {"Kind": "opaque"} | found

    def __str__(self) -> str:
        return ", ".join(f"{name.lower()} {text}" for name, text in self.facts.items())

    def _repr_html_(self) -> str:
        return facts_table("The token", self.facts)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token to log in with.

    Attributes:
        value: The token itself.
        claims: What it says of itself.
        expires_at: Until when, in UTC; None where nobody said.
    """

    value: Secret
    claims: TokenClaims
    expires_at: datetime | None = None

    @classmethod
    def of(
        cls, value: Secret, *, scope: str = "", expires_at: datetime | None = None
    ) -> AccessToken:
        """The token *value*, of which its giver said *scope* and *expires_at*."""
        claims = TokenClaims.of(value, scope=scope, expires_at=expires_at)
        return cls(value, claims, claims.expires_at)

    @property
    def fresh(self) -> bool:
        """Whether it is good for five minutes at least."""
        return self.expires_at is not None and self.expires_at - datetime.now(UTC) > _EARLY

    @property
    def expired(self) -> bool:
        """Whether its time is known to be over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


def moment(value: object) -> datetime | None:
    """The time *value* stands for, in seconds since 1970; None where it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(value, UTC)
    return None


def _payload(token: Secret) -> Mapping[str, Any]:
    """The claims of a JWT (RFC 7519 section 3); empty for anything else."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    with suppress(ValueError, RecursionError):
        said = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return said if isinstance(said, dict) else {}
    return {}


def _text(value: object) -> str:
    return printable(value)[:_LONG] if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(filter(None, map(_text, found[:_MOST])))


def _words(value: object) -> tuple[str, ...]:
    return _texts(value.split() if isinstance(value, str) else value)


def token_of(kept: Kept) -> AccessToken:
    """The access token among what is *kept*."""
    return AccessToken.of(kept.value, scope=kept.scope, expires_at=moment(kept.expires_at))
