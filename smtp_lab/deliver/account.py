"""Which account a mail leaves from, and whether it may leave at all; no connection is opened."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from smtp_lab.config import BasicAuth, GraphConnection, OAuth2, Profile, ProfileBook, SmtpConnection
from smtp_lab.config.connection import is_loopback
from smtp_lab.config.secrets import secret_variable
from smtp_lab.deliver.arguments import check_kind, check_text
from smtp_lab.deliver.oauth.request import TokenRequest
from smtp_lab.errors import InputError

__all__ = ("Account", "find_profile")


@dataclass(frozen=True)
class Account:
    """A profile that is ready to send, with the book whose rules hold for it.

    Attributes:
        profile: The profile, its secrets known.
        connection: Its connection.
        book: Whose policy, throttle and health apply.
    """

    profile: Profile
    connection: SmtpConnection | GraphConnection
    book: ProfileBook

    @classmethod
    def of(
        cls,
        profile: Profile | str | None,
        *,
        activity: str | None = None,
        book: ProfileBook | None = None,
        ready: bool = True,
    ) -> Account:
        """Find the account.

        Args:
            profile: A profile, the name of one in the book, or None for that of *activity*.
            activity: What the mail is about; without a profile of its own the default is used.
            book: By default the default book.
            ready: Whether it must be able to log in; see `check_login`.

        Raises:
            InputError: It cannot send as it is.
        """
        profile, book = find_profile(profile, activity=activity, book=book)
        connection = profile.connection
        if isinstance(connection, GraphConnection):
            if ready:
                TokenRequest.of(profile)  # names what is missing
            return cls(profile, connection, book)
        account = cls(profile, connection, book)
        if ready:
            account.check_login()
        _check_authority(connection)
        return account

    def check_login(self) -> None:
        """See whether the account knows what it needs to log in, and may.

        Raises:
            InputError: A secret is not known, or would cross the network in plain text.
        """
        _check_login(self.profile, self.smtp)

    @property
    def smtp(self) -> SmtpConnection:
        """The connection, where it leads to an SMTP server."""
        assert isinstance(self.connection, SmtpConnection)  # noqa: S101  # the caller has looked
        return self.connection

    def allowed(self, recipients: tuple[str, ...]) -> tuple[str, ...]:
        """Where a mail to *recipients* goes.

        Raises:
            InputError: The policy of the book forbids it; every refused address is named.
        """
        return self.book.policy.check(self.profile, recipients, self.book.contacts)

    @property
    def in_book(self) -> bool:
        """Whether the profile stands in the book with this very connection."""
        name = self.profile.name
        return name in self.book and self.book[name].connection == self.connection


def find_profile(
    profile: Profile | str | None,
    *,
    activity: str | None = None,
    book: ProfileBook | None = None,
) -> tuple[Profile, ProfileBook]:
    """The profile that is meant, and the book whose rules hold; see `Account.of`.

    Raises:
        InputError: There is no such profile.
    """
    check_kind("book", book, ProfileBook, "give a ProfileBook, or leave it out")
    check_text("activity", activity, "give its name, or leave it out")
    book = ProfileBook.open() if book is None else book
    if profile is None:
        profile = book.for_activity(activity) if activity else book[book.default]
    elif isinstance(profile, str):
        profile = book[profile]
    elif not isinstance(profile, Profile):
        raise InputError.of("profile", f"is a {type(profile).__name__}", "give a Profile or a name")
    return profile, book


def _check_login(profile: Profile, connection: SmtpConnection) -> None:
    auth = connection.auth
    if not isinstance(auth, BasicAuth | OAuth2):
        return
    if connection.security == "none" and not is_loopback(connection.host):
        what = "token" if isinstance(auth, OAuth2) else "password"
        problem = f"none would send the {what} in plain text"
        raise InputError.of("connection.security", problem, "choose starttls or implicit")
    if isinstance(auth, OAuth2):
        TokenRequest.of(profile)  # names what is missing
    elif not auth.password:
        fix = f"type it in the form, or set {secret_variable(profile.name)}"
        problem = f"of profile {profile.name} is not known"
        raise InputError.of("connection.auth.password", problem, fix)


def _check_authority(connection: SmtpConnection) -> None:
    if not connection.ca_file:
        return
    fix = "give the PEM file of the authority, or leave it empty"
    try:
        trusted = connection.trusted
        if trusted is not None:
            trusted.read_bytes()
            ssl.create_default_context(cafile=trusted)
    except (RuntimeError, ValueError):  # a home folder there is none of, or a NUL
        problem = f"{connection.ca_file!r} is no path"
        raise InputError.of("connection.ca_file", problem, fix) from None
    except ssl.SSLError:
        problem = f"{connection.ca_file} holds no certificate"
        raise InputError.of("connection.ca_file", problem, fix) from None
    except OSError as error:
        problem = f"{connection.ca_file} cannot be read ({error.strerror})"
        raise InputError.of("connection.ca_file", problem, fix) from None
