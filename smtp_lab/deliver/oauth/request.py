"""What is asked of a token endpoint: the one view of both kinds of connection."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from smtp_lab.config import GraphConnection, OAuth2, Profile
from smtp_lab.config.catalogue import providers
from smtp_lab.config.connection import CLOUDS, LOGINS
from smtp_lab.config.secrets import Secret, secret_variable
from smtp_lab.errors import InputError

__all__ = ("INTERACTIVE", "TokenRequest")

Grant = Literal[
    "client_credentials",
    "refresh_token",
    "device_code",
    "authorization_code",
    "service_account",
    "password",
]

INTERACTIVE = ("device_code", "authorization_code")
"""Grants for which a person must have logged in."""

_NEEDED = {
    "client_credentials": "client_secret",
    "refresh_token": "refresh_token",
    "service_account": "service_account_key",
    "password": "password",
}
_SHARED = ("common", "organizations", "consumers")  # no tenants: an application has no home there


@dataclass(frozen=True)
class TokenRequest:
    """What is asked for, of whom, and with what.

    Attributes:
        profile: Name of the profile.
        path: Where its login stands in the profile, for errors: ``connection.auth`` or
            ``connection``.
        binding: Where its secrets may be sent.
        user: Whose mailbox it is.
        client_id: The application.
        grant: How the token is had.
        token_url: Where.
        auth_url: Where a person agrees, or empty.
        device_url: Where a device code is had, or empty.
        scopes: What is asked for.
        secrets: By field.
        timeout: Seconds to wait for each answer.
    """

    profile: str
    path: str
    binding: str
    user: str
    client_id: str
    grant: Grant
    token_url: str
    auth_url: str
    device_url: str
    scopes: tuple[str, ...]
    secrets: dict[str, Secret]
    timeout: float

    @classmethod
    def of(cls, profile: Profile) -> TokenRequest:
        """What *profile* asks for.

        Raises:
            InputError: It does not log in with a token, or something is missing for it.
        """
        connection = profile.connection
        if isinstance(connection, GraphConnection):
            return _of_graph(profile, connection).checked()
        auth = connection.auth
        if not isinstance(auth, OAuth2):
            problem = f"of profile {profile.name} is {auth.type}, which needs no token"
            raise InputError.of("connection.auth.type", problem, "choose oauth2")
        asked = cls(
            profile=profile.name,
            path="connection.auth",
            binding=connection.binding,
            user=auth.user,
            client_id=auth.client_id,
            grant=auth.grant,
            token_url=auth.token_url,
            auth_url=auth.auth_url or "",
            device_url=auth.device_url or "",
            scopes=auth.scopes,
            secrets=auth.secrets,
            timeout=connection.timeout,
        )
        if asked.netloc == LOGINS["global"] and not asked.scopes:
            asked = replace(asked, scopes=_usual_scopes(asked.grant))
        return asked.checked()

    @property
    def netloc(self) -> str:
        """The host of the token endpoint, with its port where it has one."""
        parts = urlsplit(self.token_url)
        usual = ":443" if parts.scheme == "https" else ":80"
        return parts.netloc.casefold().removesuffix(usual)

    @property
    def microsoft(self) -> bool:
        """Whether Microsoft gives the token."""
        return self.netloc in LOGINS.values()

    @property
    def tenant(self) -> str:
        """Microsoft's directory, which stands first in the path."""
        return urlsplit(self.token_url).path.strip("/").partition("/")[0]

    @property
    def provider(self) -> str | None:
        """Whose failures are looked at first when it is refused."""
        if self.microsoft:
            return "microsoft365"
        hosts = {urlsplit(one.oauth.get("token_url", "")).netloc: one.id for one in providers()}
        return hosts.get(self.netloc)

    @property
    def interactive(self) -> bool:
        """Whether a person must have logged in."""
        return self.grant in INTERACTIVE

    @property
    def key(self) -> str:
        """Under which name its tokens are kept."""
        start = [self.profile.lower(), self.binding, self.user, self.grant]
        return json.dumps([*start, *sorted(self.scopes)])

    @property
    def given(self) -> str:
        """A fingerprint of the secrets: tokens had by others are not used.

        A password has none: it may be weak enough to be guessed from it.
        """
        strong = sorted(self.secrets.keys() - {"password"})
        made = hashlib.sha256()
        for name in strong:
            made.update(f"{name}\0{self.secrets[name].reveal()}\0".encode())
        return made.hexdigest() if strong else ""

    def secret(self, name: str) -> str | None:
        """The text of the secret called *name*, where it is known."""
        found = self.secrets.get(name)
        return found.reveal() if found else None

    def checked(self) -> TokenRequest:
        """Give it back when it can be asked.

        Raises:
            InputError: Something is missing, or cannot be.
        """
        needed = _NEEDED.get(self.grant)
        if needed and needed not in self.secrets:
            problem = f"of profile {self.profile} is not known"
            fix = f"type it in the form, or set {secret_variable(self.profile, needed)}"
            raise InputError.of(f"{self.path}.{needed}", problem, fix)
        if self.microsoft:
            self._check_microsoft()
        return self

    def _check_microsoft(self) -> None:
        where = f"{self.path}.{'tenant_id' if self.path == 'connection' else 'token_url'}"
        if not self.tenant or "{" in self.tenant:
            fix = f"begin it https://{self.netloc}/ and the id of your directory"
            raise InputError.of(where, "names no tenant", fix)
        if self.grant == "client_credentials" and self.tenant in _SHARED:
            fix = f"put the id of your directory in the place of {self.tenant}"
            problem = f"leads to {self.tenant}, where no application logs in as itself"
            raise InputError.of(where, problem, fix)
        if not self.scopes:
            fix = "give the one for SMTP in this cloud, such as https://HOST/.default"
            raise InputError.of(f"{self.path}.scopes", "is empty", fix)
        if self.grant == "service_account":
            problem = "is service_account, which Microsoft does not have"
            raise InputError.of(f"{self.path}.grant", problem, "choose client_credentials")


def _of_graph(profile: Profile, connection: GraphConnection) -> TokenRequest:
    login = f"https://{LOGINS[connection.cloud]}/{connection.tenant_id}/oauth2/v2.0"
    return TokenRequest(
        profile=profile.name,
        path="connection",
        binding=connection.binding,
        user=connection.user,
        client_id=connection.client_id,
        grant="password" if connection.password else "client_credentials",
        token_url=f"{login}/token",
        auth_url=f"{login}/authorize",
        device_url=f"{login}/devicecode",
        scopes=(f"https://{CLOUDS[connection.cloud]}/.default",),
        secrets=connection.secrets,
        timeout=connection.timeout,
    )


def _usual_scopes(grant: Grant) -> tuple[str, ...]:
    facts = next(one.oauth for one in providers() if one.id == "microsoft365")
    return (facts["app_scope"],) if grant == "client_credentials" else tuple(facts["scopes"])
