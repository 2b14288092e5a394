"""Who may log in at the sink."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("Credentials", "Login")


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who wants to come in.

    Attributes:
        mechanism: ``PLAIN``, ``LOGIN``, ``CRAM-MD5``, ``XOAUTH2`` or ``OAUTHBEARER``.
        username: The name that was given.
        proves: Says whether the client has proved that it knows a secret: a password, or the
            token of the two last mechanisms. Comparing takes the same time for all.
    """

    mechanism: str
    username: str
    proves: Callable[[str], bool] = field(repr=False)

    @classmethod
    def by_password(cls, mechanism: str, username: bytes, password: bytes) -> Login:
        """A login with a password that travelled."""
        return cls(
            mechanism,
            username.decode("utf-8", "replace"),
            lambda secret: hmac.compare_digest(secret.encode(), password),
        )


class Credentials:
    """A list of logins, a function that decides, or everyone.

    Args:
        users: Passwords (or tokens) by user name; or a function that is given a `Login` and says
            whether it may come in; None accepts any login, whose name is recorded.

    Raises:
        InputError: *users* is none of these.
    """

    def __init__(self, users: Mapping[str, str | Secret] | Callable[[Login], bool] | None) -> None:
        if users is None or callable(users):
            self._decide, self._users = users, None
            return
        if not _names_passwords(users):
            raise InputError.of(
                "users",
                "is no list of passwords by user name",
                'give one such as {"ann": "secret"}',
            )
        if not users:
            raise InputError.of(
                "users", "names nobody", "give at least one user, or None for any login"
            )
        self._decide = self._is_listed
        self._users = {n: s if isinstance(s, Secret) else Secret(s) for n, s in users.items()}

    @property
    def open(self) -> bool:
        """Whether anybody may log in."""
        return self._decide is None

    @property
    def first(self) -> tuple[str, Secret]:
        """A login that works: the first of the list, or ``lab`` with any password."""
        if self._users is None:
            return "lab", Secret("any password works here")
        return next(iter(self._users.items()))

    def accept(self, login: Login) -> bool:
        """Whether *login* may come in."""
        return self._decide is None or bool(self._decide(login))

    def _is_listed(self, login: Login) -> bool:
        assert self._users is not None  # noqa: S101  # that is why this was chosen
        wanted = self._users.get(login.username)
        return wanted is not None and login.proves(wanted.reveal())


def _names_passwords(users: object) -> bool:
    return isinstance(users, Mapping) and all(
        isinstance(name, str) and isinstance(password, str | Secret)
        for name, password in users.items()
    )
