"""What a mail account is and where it is kept. No network and no notebook in here."""

from smtp_lab.config.advice import Advice
from smtp_lab.config.auth import BasicAuth, NoAuth, OAuth2
from smtp_lab.config.book import ProfileBook
from smtp_lab.config.connection import GraphConnection, SmtpConnection
from smtp_lab.config.policy import Contact, Policy
from smtp_lab.config.profile import Profile
from smtp_lab.config.providers import Provider, provider, provider_for, providers
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.config.secrets import Secret

__all__ = (
    "Advice",
    "BasicAuth",
    "Contact",
    "GraphConnection",
    "NoAuth",
    "OAuth2",
    "Policy",
    "Profile",
    "ProfileBook",
    "Provider",
    "Secret",
    "SecretStore",
    "SmtpConnection",
    "provider",
    "provider_for",
    "providers",
)
