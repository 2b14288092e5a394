"""What a mail account is and where it is kept. No network and no notebook in here."""

from smtp_lab.config.book import ProfileBook
from smtp_lab.config.profile import BasicAuth, NoAuth, Profile, SmtpConnection
from smtp_lab.config.secrets import Secret, SecretStore

__all__ = (
    "BasicAuth",
    "NoAuth",
    "Profile",
    "ProfileBook",
    "Secret",
    "SecretStore",
    "SmtpConnection",
)
