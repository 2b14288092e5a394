"""What a mail account is and where it is kept. No network and no notebook in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtp_lab.rooms import lazily

if TYPE_CHECKING:
    from smtp_lab.config.advice import Advice as Advice
    from smtp_lab.config.auth import BasicAuth as BasicAuth
    from smtp_lab.config.auth import NoAuth as NoAuth
    from smtp_lab.config.auth import OAuth2 as OAuth2
    from smtp_lab.config.book import ProfileBook as ProfileBook
    from smtp_lab.config.catalogue import Provider as Provider
    from smtp_lab.config.catalogue import provider as provider
    from smtp_lab.config.catalogue import provider_for as provider_for
    from smtp_lab.config.catalogue import providers as providers
    from smtp_lab.config.connection import GraphConnection as GraphConnection
    from smtp_lab.config.connection import SmtpConnection as SmtpConnection
    from smtp_lab.config.policy import Contact as Contact
    from smtp_lab.config.policy import Policy as Policy
    from smtp_lab.config.profile import Profile as Profile
    from smtp_lab.config.secret_store import SecretStore as SecretStore
    from smtp_lab.config.secrets import Secret as Secret

# A sink's process wants `Secret` and the paths, and none of the models.
_HOMES = {
    "advice": ("Advice",),
    "auth": ("BasicAuth", "NoAuth", "OAuth2"),
    "book": ("ProfileBook",),
    "connection": ("GraphConnection", "SmtpConnection"),
    "policy": ("Contact", "Policy"),
    "profile": ("Profile",),
    "catalogue": ("Provider", "provider", "provider_for", "providers"),
    "secret_store": ("SecretStore",),
    "secrets": ("Secret",),
}
__getattr__ = lazily(__name__, _HOMES)
__all__ = sorted(name for names in _HOMES.values() for name in names)  # noqa: PLE0605  # names
