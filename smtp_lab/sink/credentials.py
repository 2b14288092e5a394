"""Who may log in at the sink."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("Credentials",)


class Credentials:
    """A list of logins, or everyone.

    Args:
        users: Passwords by user name; None accepts any login, whose name is recorded.
    """

    def __init__(self, users: Mapping[str, str | Secret] | None) -> None:
        if users is not None and not _names_passwords(users):
            raise InputError.of(
                "users",
                "is no list of passwords by user name",
                'give one such as {"ann": "secret"}',
            )
        if users is not None and not users:
            raise InputError.of(
                "users", "names nobody", "give at least one user, or None for any login"
            )
        self._users = (
            None
            if users is None
            else {name: s if isinstance(s, Secret) else Secret(s) for name, s in users.items()}
        )

    @property
    def listed(self) -> bool:
        """Whether only listed users may log in."""
        return self._users is not None

    @property
    def first(self) -> tuple[str, Secret]:
        """A login that works: the first of the list, or ``lab`` with any password."""
        if self._users is None:
            return "lab", Secret("any password works here")
        return next(iter(self._users.items()))

    def accept(self, login: bytes, password: bytes) -> bool:
        """Whether *login* may come in with *password*; comparing takes the same time for all."""
        if self._users is None:
            return True
        wanted = self._users.get(login.decode("utf-8", "replace"))
        return hmac.compare_digest(password, wanted.reveal().encode()) if wanted else False


def _names_passwords(users: object) -> bool:
    return isinstance(users, Mapping) and all(
        isinstance(name, str) and isinstance(password, str | Secret)
        for name, password in users.items()
    )
