"""Where the secrets of a book's profiles come from, and where they are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from smtp_lab.config.paths import expanded
from smtp_lab.config.secret_places import (
    Kept,
    Key,
    Keyring,
    Memory,
    Place,
    SecretFile,
    keyring_backend,
)
from smtp_lab.config.secrets import SECRET_FIELDS, Secret, secret_variable
from smtp_lab.errors import InputError

__all__ = ("KERNEL", "SecretStore")


class SecretStore:
    """Where secrets are: the environment, then the system's keyring, then the kernel's memory.

    A secret is bound to where it may be sent (`Profile.connection.binding`: host and port, or
    tenant and client); asked for another place it is not there. It belongs to one book: profiles
    of the same name in two books have a secret each, see `within`. The variable of the password of
    a profile named ``team`` is ``SMTP_LAB_PROFILES__TEAM__PASSWORD``; whoever sets it answers for
    the host.

    Args:
        file: A file to keep secrets in instead, readable by its owner only (0600). Nothing is
            written to a file unless one is named here or in ``SMTP_LAB_SECRETS_FILE``.
        keyring: Whether to use the system's keyring; by default where the ``keyring`` package is
            installed and has a backend.
    """

    def __init__(self, *, file: Path | None = None, keyring: bool | None = None) -> None:
        self._memory = Memory()
        self._file = file
        self._keyring = keyring
        # What was written since a change began that may be undone, by place and key.
        self._left: dict[tuple[str, Key], Kept | None] | None = None
        self._book = ""  # the path of the book this is a part for

    def within(self, book: Path) -> SecretStore:
        """Give the part of this store that belongs to the file *book*."""
        part = SecretStore(file=self._file, keyring=self._keyring)
        part._memory, part._book = self._memory, os.path.realpath(book)
        return part

    @staticmethod
    def variable(name: str, field: str = "password") -> str:
        """The environment variable that gives a secret of the profile called *name*."""
        return secret_variable(name, field)

    @staticmethod
    def given_by(name: str, field: str = "password") -> str | None:
        """That variable, where it is set; else None."""
        return secret_variable(name, field) if _given(name, field) else None

    def still_given(self, name: str) -> str:
        """Which variables give secrets of *name*, in a sentence that follows another; or empty."""
        found = [v for field in SECRET_FIELDS if (v := self.given_by(name, field))]
        are = "is" if len(found) == 1 else "are"
        return f" {', '.join(found)} {are} still set; take it away there." if found else ""

    def get(self, name: str, binding: str, field: str = "password") -> Secret | None:
        """Give the secret *field* of profile *name* for *binding*, or None."""
        if given := _given(name, field):
            return given
        key = self._key(name, field)
        for place in (self._memory, *self._places()):
            if found := place.get(key):
                return found[1] if found[0] == binding else None
        return None

    def put(self, name: str, binding: str, secret: Secret, field: str = "password") -> None:
        """Keep *secret*; what was kept for another place is forgotten.

        What the environment gives is not kept a second time: there it can be taken away.

        Raises:
            InputError: The environment gives another, or the file that was chosen cannot be used.
        """
        if given := _given(name, field):
            if secret == given:
                return
            variable = secret_variable(name, field)
            raise InputError.of(field, f"is given by {variable}", "change it there")
        key = self._key(name, field)
        # A locked keyring takes nothing; the memory always does, and is asked first.
        for place in self._places():
            if self._put(place, key, (binding, secret)):
                if place is not self._memory:
                    self._put(self._memory, key, None)
                return

    def forget(self, name: str) -> str:
        """Drop every secret of profile *name*, everywhere but in the environment.

        Returns:
            What could not be dropped, in a sentence that follows another; or an empty text.
        """
        stuck = []
        for place in self._everywhere():
            for field in SECRET_FIELDS:
                key = self._key(name, field)
                self._put(place, key, None)
                if place.get(key):
                    stuck.append(f"{field} in {place.name}")
        return f" It was not possible to remove {', '.join(stuck)}; do it there." if stuck else ""

    def move(self, old: str, new: str) -> None:
        """Keep under *new* what is kept under *old*; what the environment gives stays there."""
        for place in self._everywhere():
            for field in SECRET_FIELDS:
                if kept := place.get(self._key(old, field)):
                    if not self._put(place, self._key(new, field), kept):
                        self._put(self._memory, self._key(new, field), kept)
                    self._put(place, self._key(old, field), None)

    @contextmanager
    def undone_on_error(self, *names: str) -> Iterator[None]:
        """Put the secrets of *names* back as they were when what stands below raises."""
        keys = [self._key(name, field) for name in names for field in SECRET_FIELDS]
        before = [(place, key, place.get(key)) for place in self._everywhere() for key in keys]
        left: dict[tuple[str, Key], Kept | None] = {}
        outer, self._left = self._left, left
        try:
            yield
        except BaseException:
            for place, key, kept in before:
                with suppress(InputError):  # the first error is the one to tell
                    # What another process has kept there meanwhile is its own.
                    if (place.name, key) in left and place.get(key) == left[place.name, key]:
                        place.put(key, kept)
            raise
        finally:
            self._left = outer

    def _put(self, place: Place, key: Key, kept: Kept | None) -> bool:
        done = place.put(key, kept)
        if done and self._left is not None:
            self._left[place.name, key] = kept
        return done

    def clear(self) -> None:
        """Drop what is kept in memory."""
        self._memory.clear()

    @property
    def where(self) -> str:
        """Where secrets are kept, in words: a form can show it."""
        if self._chosen_file:
            return f"the file {self._chosen_file}, readable by you only"
        backend = keyring_backend() if self._keyring is not False else None
        if backend is not None:
            return f"the system's keyring ({type(backend).__module__})"
        return "the memory of this kernel; the system has no keyring that could be used"

    def __repr__(self) -> str:
        return f"<SecretStore in {self.where}>"

    __str__ = __repr__

    @property
    def _chosen_file(self) -> Path | None:
        given = os.environ.get("SMTP_LAB_SECRETS_FILE")
        return self._file or (_at_first(given) if given else None)

    def _key(self, name: str, field: str) -> Key:
        return self._book, name, field

    def _places(self) -> list[Place]:
        """Where a secret is kept, the one that is written to first."""
        if self._chosen_file:
            return [SecretFile(self._chosen_file), self._memory]
        return self._everywhere()

    def _everywhere(self) -> list[Place]:
        """Wherever a secret may have been kept."""
        backend = keyring_backend() if self._keyring is not False else None
        return [
            *([SecretFile(self._chosen_file)] if self._chosen_file else []),
            *([Keyring(backend)] if backend is not None else []),
            self._memory,
        ]


@cache
def _at_first(given: str) -> Path:
    """The file that *given* meant when it was seen first: a later ``cd`` changes nothing."""
    return expanded(given).absolute()


def _given(name: str, field: str) -> Secret | None:
    return Secret(os.environ.get(secret_variable(name, field), "")) or None


KERNEL = SecretStore()
"""The store of this process: what a form typed is known to every book until the kernel ends."""
