"""Where secrets can be kept: the kernel's memory, the system's keyring, a file."""

from __future__ import annotations

import importlib
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from smtp_lab.config.paths import one_writer, write_private
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("Kept", "Key", "Keyring", "Memory", "Place", "SecretFile", "keyring_backend")

Key = tuple[str, str, str]
"""The path of the book, the name of the profile, and the field."""

Kept = tuple[str, Secret]
"""What a secret is bound to, and the secret."""


class Place(Protocol):
    """Somewhere a secret can be kept with what it is bound to; None takes it away.

    Everything is passed as `Secret`, so that no traceback with local variables shows a text.
    """

    name: str

    def get(self, key: Key) -> Kept | None:
        """What is kept under *key*."""

    def put(self, key: Key, kept: Kept | None) -> bool:
        """Keep *kept* under *key*; say whether that could be done."""


class Memory:
    """The memory of the kernel."""

    name = "the memory of this kernel"

    def __init__(self) -> None:
        self._all: dict[Key, Kept] = {}

    def get(self, key: Key) -> Kept | None:
        """See `Place`."""
        return self._all.get(key)

    def put(self, key: Key, kept: Kept | None) -> bool:
        """See `Place`."""
        self._all.pop(key, None)
        if kept:
            self._all[key] = kept
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._all.clear()


class Keyring:
    """The system's keyring, such as the macOS Keychain or the Secret Service."""

    name = "the system's keyring"

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def get(self, key: Key) -> Kept | None:
        """See `Place`."""
        with suppress(Exception):  # a locked or broken keyring is one that has nothing
            kept = json.loads(self._backend.get_password(_SERVICE, _joined(key)) or "null")
            return (kept["binding"], Secret(kept["secret"])) if kept else None
        return None

    def put(self, key: Key, kept: Kept | None) -> bool:
        """See `Place`."""
        with suppress(Exception):  # the backends share no error for "there was none"
            if kept:
                text = json.dumps({"binding": kept[0], "secret": kept[1].reveal()})
                self._backend.set_password(_SERVICE, _joined(key), text)
            else:
                self._backend.delete_password(_SERVICE, _joined(key))
            return True
        return False


class SecretFile:
    """A file that its owner alone can read (0600), written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def get(self, key: Key) -> Kept | None:
        """See `Place`."""
        return self._read().get(_joined(key))

    def put(self, key: Key, kept: Kept | None) -> bool:
        """See `Place`."""
        reason = ""
        try:
            if self._read().get(_joined(key)) == kept:
                return True
            with one_writer(self._path):
                every = self._read()
                every.pop(_joined(key), None)
                if kept:
                    every[_joined(key)] = kept
                write_private(self._path, _dumped(every))
        except OSError as error:
            reason = f"{self._path} cannot be written ({error.strerror})"
        # Raised out here: the frames of the first error hold the texts.
        if reason:
            raise self._bad(reason)
        return True

    def _read(self) -> dict[str, Kept]:
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._bad(f"{self._path} cannot be read ({error.strerror})") from None
        if stat.S_ISDIR(mode):
            raise self._bad(f"{self._path} is a folder")
        if os.name == "posix" and mode & 0o077:
            problem = f"{self._path} can be read by others (mode {mode & 0o777:o})"
            raise self._bad(problem, "chmod 600 it")
        with suppress(OSError, ValueError, AttributeError, LookupError, TypeError):
            return {
                key: (str(kept["binding"]), _secret(kept["secret"]))
                for key, kept in json.loads(self._path.read_bytes() or b"{}").items()
            }
        raise self._bad(f"{self._path} holds no secrets of smtp_lab")

    def _bad(self, problem: str, fix: str = "mend it or choose another file") -> InputError:
        return InputError.of("SMTP_LAB_SECRETS_FILE", problem, fix)


def _secret(value: Any) -> Secret:
    if not isinstance(value, str):
        raise TypeError("no text")
    return Secret(value)


def _dumped(every: dict[str, Kept]) -> bytes:
    texts = {key: {"binding": at, "secret": kept.reveal()} for key, (at, kept) in every.items()}
    return json.dumps(texts).encode()


def _joined(key: Key) -> str:
    book, name, field = key
    return f"{book}#{name}/{field}" if book else f"{name}/{field}"


_SERVICE = "smtp_lab"


def keyring_backend() -> Any:
    """The system's keyring, or None where there is none that works (as on most servers)."""
    with suppress(Exception):  # not installed, or installed and broken: it is none either way
        backend = importlib.import_module("keyring").get_keyring()
        # keyring's own "fail" and "null" backends have a priority of 0 or less.
        return backend if getattr(backend, "priority", 0) > 0 else None
    return None
