"""Who may log in at the sink."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("Credentials", "Login", "Undecided")

_log = logging.getLogger("smtp_lab.sink")

_PATIENCE = 10.0  # seconds a function may take to decide


class Undecided(Exception):  # noqa: N818  # an answer to the client, no error of ours
    """A function has not decided whether a login may come in."""


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

    async def accept(self, login: Login) -> bool:
        """Whether *login* may come in.

        A function is asked in a thread of its own, so that it keeps no other client waiting. What
        goes wrong there is logged.

        Raises:
            Undecided: A function took too long, or failed.
        """
        if self._decide is None:
            return True
        if self._users is not None:
            return self._decide(login)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        threading.Thread(
            target=_ask,
            args=(self._decide, login, loop, answer),
            name="smtp-lab-login",
            daemon=True,
        ).start()
        try:
            return await asyncio.wait_for(answer, _PATIENCE)
        except Undecided:
            raise
        except Exception as error:  # noqa: BLE001  # the client is told to try again, whatever it is
            if answer.cancelled():
                _log.error("the function that decides on logins took too long")
            else:
                _log.error("the function that decides on logins failed", exc_info=error)
            raise Undecided from None

    def _is_listed(self, login: Login) -> bool:
        assert self._users is not None  # noqa: S101  # that is why this was chosen
        wanted = self._users.get(login.username)
        return wanted is not None and login.proves(wanted.reveal())


def _ask(
    decide: Callable[[Login], bool],
    login: Login,
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[bool],
) -> None:
    result: bool | BaseException
    try:
        result = bool(decide(login))
    except BaseException as error:  # noqa: BLE001  # it is told where the answer is waited for
        result = error

    def settle() -> None:
        if answer.done():
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        elif isinstance(result, BaseException):
            answer.set_exception(RuntimeError(f"the function ended with {type(result).__name__}"))
        else:
            answer.set_result(result)

    with contextlib.suppress(RuntimeError):  # the sink has stopped meanwhile
        loop.call_soon_threadsafe(settle)


def _names_passwords(users: object) -> bool:
    return isinstance(users, Mapping) and all(
        isinstance(name, str) and isinstance(password, str | Secret)
        for name, password in users.items()
    )
