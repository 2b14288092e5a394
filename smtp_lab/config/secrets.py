"""Secrets: a type that shows itself nowhere by accident, and the place they are kept."""

from __future__ import annotations

import importlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic_core import core_schema

from smtp_lab.config.paths import expanded, write_private
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

__all__ = ("SECRET_FIELDS", "Secret", "SecretStore", "secret_variable")

SECRET_FIELDS = ("password", "client_secret", "refresh_token", "service_account_key")
"""Every field of a profile that holds a secret."""

_SHOWN = "••••"


def secret_variable(name: str, field: str = "password") -> str:
    """The environment variable that gives a secret of the profile called *name*."""
    return f"SMTP_LAB_PROFILES__{name.upper()}__{field.upper()}"


class Secret:
    """A text that is not shown in repr, str, format, JSON, pickle, copies or tracebacks.

    Only `reveal` gives it away, and that is called where the text leaves for the server.

    Args:
        text: The secret itself.
    """

    __slots__ = ("__reveal",)

    def __init__(self, text: str) -> None:
        # A closure, not an attribute: tools that print the values of slots find a function here.
        self.__reveal: Callable[[], str] = lambda: text

    def reveal(self) -> str:
        """Give the text itself."""
        return self.__reveal()

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the secret

    def __repr__(self) -> str:
        return f"Secret('{_SHOWN if self else ''}')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; keep it in a SecretStore and pickle the rest")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._of, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def _of(cls, value: Any) -> Secret:
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("is not a text; give the password as text or as a Secret")


class SecretStore:
    """Where secrets are: the environment, then the system's keyring, then the kernel's memory.

    A secret is bound to where it may be sent (`Profile.connection.binding`: host and port, or
    tenant and client); asked for another place it is not there. The variable of the password of a
    profile named ``team`` is ``SMTP_LAB_PROFILES__TEAM__PASSWORD``; whoever sets it answers for
    the host.

    Args:
        file: A file to keep secrets in instead, readable by its owner only (0600). Nothing is
            written to a file unless one is named here or in ``SMTP_LAB_SECRETS_FILE``.
        keyring: Whether to use the system's keyring; by default where the ``keyring`` package is
            installed and has a backend.
    """

    def __init__(self, *, file: Path | None = None, keyring: bool | None = None) -> None:
        self._memory = _Memory()
        self._file = file
        self._keyring = keyring

    @staticmethod
    def variable(name: str, field: str = "password") -> str:
        """The environment variable that gives a secret of the profile called *name*."""
        return secret_variable(name, field)

    def get(self, name: str, binding: str, field: str = "password") -> Secret | None:
        """Give the secret *field* of profile *name* for *binding*, or None."""
        if given := _given(name, field):
            return given
        for place in self._places():
            if (found := place.get(name, field)) and found[0] == binding:
                return found[1]
        return None

    def put(self, name: str, binding: str, secret: Secret, field: str = "password") -> None:
        """Keep *secret*; what was kept for another place is forgotten.

        What the environment gives is not kept a second time: there it can be taken away.

        Raises:
            InputError: The file that was chosen cannot be used.
        """
        if secret == _given(name, field):
            return
        # A locked keyring takes nothing; the memory always does.
        for place in self._places():
            if place.put(name, field, binding, secret):
                return

    def forget(self, name: str) -> None:
        """Drop every secret of profile *name*, everywhere but in the environment."""
        for place in self._places():
            for field in SECRET_FIELDS:
                place.put(name, field, "", None)

    def move(self, old: str, new: str) -> None:
        """Keep under *new* what is kept under *old*; what the environment gives stays there."""
        for place in self._places():
            for field in SECRET_FIELDS:
                if kept := place.get(old, field):
                    if not place.put(new, field, *kept):
                        self._memory.put(new, field, *kept)
                    place.put(old, field, "", None)

    def clear(self) -> None:
        """Drop what is kept in memory."""
        self._memory = _Memory()

    @property
    def where(self) -> str:
        """Where secrets are kept, in words: a form can show it."""
        if self._chosen_file:
            return f"the file {self._chosen_file}, readable by you only"
        backend = _keyring_backend() if self._keyring is not False else None
        if backend is not None:
            return f"the system's keyring ({type(backend).__module__})"
        return "the memory of this kernel; the system has no keyring that could be used"

    def __repr__(self) -> str:
        return f"<SecretStore in {self.where}>"

    __str__ = __repr__

    @property
    def _chosen_file(self) -> Path | None:
        given = os.environ.get("SMTP_LAB_SECRETS_FILE")
        return self._file or (expanded(given) if given else None)

    def _places(self) -> list[_Place]:
        """The places, the one that is written to first."""
        if self._chosen_file:
            return [_File(self._chosen_file), self._memory]
        backend = _keyring_backend() if self._keyring is not False else None
        return [*([_Keyring(backend)] if backend is not None else []), self._memory]


class _Place(Protocol):
    """Somewhere a secret can be kept with what it is bound to; None takes it away.

    Everything is passed as `Secret`, so that no traceback with local variables shows a text.
    """

    def get(self, name: str, field: str) -> tuple[str, Secret] | None: ...
    def put(self, name: str, field: str, binding: str, secret: Secret | None) -> bool: ...


class _Memory:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, Secret]] = {}

    def get(self, name: str, field: str) -> tuple[str, Secret] | None:
        return self._kept.get((name, field))

    def put(self, name: str, field: str, binding: str, secret: Secret | None) -> bool:
        self._kept.pop((name, field), None)
        if secret:
            self._kept[name, field] = (binding, secret)
        return True


class _Keyring:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def get(self, name: str, field: str) -> tuple[str, Secret] | None:
        with suppress(Exception):  # a locked or broken keyring is one that has nothing
            kept = json.loads(self._backend.get_password(_SERVICE, f"{name}/{field}") or "null")
            return (kept["binding"], Secret(kept["secret"])) if kept else None
        return None

    def put(self, name: str, field: str, binding: str, secret: Secret | None) -> bool:
        with suppress(Exception):  # the backends share no error for "there was none"
            if secret:
                kept = json.dumps({"binding": binding, "secret": secret.reveal()})
                self._backend.set_password(_SERVICE, f"{name}/{field}", kept)
            else:
                self._backend.delete_password(_SERVICE, f"{name}/{field}")
            return True
        return False


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str, field: str) -> tuple[str, Secret] | None:
        return self._read().get(name, {}).get(field)

    def put(self, name: str, field: str, binding: str, secret: Secret | None) -> bool:
        kept = self._read()
        mine = kept.setdefault(name, {})
        if not secret and field not in mine:
            return True
        mine.pop(field, None)
        if secret:
            mine[field] = (binding, secret)
        reason = ""
        try:
            write_private(self._path, _dumped(kept))
        except OSError as error:
            reason = f"cannot be written ({error.strerror})"
        # Raised out here: the frames of the first error hold the texts.
        if reason:
            raise self._bad(reason)
        return True

    def _read(self) -> dict[str, dict[str, tuple[str, Secret]]]:
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._bad(f"cannot be read ({error.strerror})") from None
        if os.name == "posix" and mode & 0o077:
            raise self._bad(f"can be read by others (mode {mode & 0o777:o})", "chmod 600 it")
        with suppress(OSError, ValueError, AttributeError, LookupError, TypeError):
            return {
                name: {
                    field: (str(kept["binding"]), _secret(kept["secret"]))
                    for field, kept in fields.items()
                }
                for name, fields in json.loads(self._path.read_bytes() or b"{}").items()
            }
        raise self._bad("holds no secrets of smtp_lab")

    def _bad(self, problem: str, fix: str = "mend it or choose another file") -> InputError:
        return InputError.of("SMTP_LAB_SECRETS_FILE", f"{self._path} {problem}", fix)


def _given(name: str, field: str) -> Secret | None:
    return Secret(os.environ.get(secret_variable(name, field), "")) or None


def _secret(value: Any) -> Secret:
    if not isinstance(value, str):
        raise TypeError("no text")
    return Secret(value)


def _dumped(kept: dict[str, dict[str, tuple[str, Secret]]]) -> bytes:
    texts = {
        name: {
            field: {"binding": binding, "secret": secret.reveal()}
            for field, (binding, secret) in fields.items()
        }
        for name, fields in kept.items()
        if fields
    }
    return json.dumps(texts).encode()


_SERVICE = "smtp_lab"


def _keyring_backend() -> Any:
    """The system's keyring, or None where there is none that works (as on most servers)."""
    with suppress(Exception):  # not installed, or installed and broken: it is none either way
        backend = importlib.import_module("keyring").get_keyring()
        # keyring's own "fail" and "null" backends have a priority of 0 or less.
        return backend if getattr(backend, "priority", 0) > 0 else None
    return None


KERNEL = SecretStore()
"""The store of this process: what a form typed is known to every book until the kernel ends."""
