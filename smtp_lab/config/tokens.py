"""Tokens that are kept for profiles: in one file that only its owner can read, or in memory.

They belong to one profile and to where its secrets may be sent. A copy, or the profile under
another name, has none.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtp_lab.config.paths import data_dir, one_writer, write_private
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("Kept", "Tokens", "dropped_tokens")


@dataclass(frozen=True)
class Kept:
    """What is kept of one account.

    Attributes:
        value: The access token.
        expires_at: Until when, in seconds since 1970; None where nobody said.
        scope: Its scopes, as its giver said them.
        refresh: The refresh token, where there is one.
        msal: msal's own cache, for tokens of Microsoft.
        given: A fingerprint of the secrets the token was had by.
    """

    value: Secret
    expires_at: float | None = None
    scope: str = ""
    refresh: Secret | None = None
    msal: Secret | None = None
    given: str = ""

    @property
    def renewable(self) -> bool:
        """Whether a new token can be had without anybody."""
        return bool(self.refresh or self.msal)


class Tokens:
    """All that is kept.

    The file is `path`, of mode 0600 in a folder of mode 0700. Where it cannot be written, tokens
    are in the memory of this kernel.
    """

    def __init__(self) -> None:
        self.path = data_dir() / "tokens" / "tokens.json"
        self._memory = _MEMORY.setdefault(str(self.path), {})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other threads and processes from changing what is kept meanwhile.

        A refresh token often works once: two that use it at the same time lose it.
        """
        with _LOCK, ExitStack() as stack:
            with suppress(OSError):  # a folder that cannot be made has no other writers
                stack.enter_context(one_writer(self.path))
            yield

    def get(self, key: str) -> Kept | None:
        """What is kept under *key*.

        Raises:
            InputError: Others can read the file, or it cannot be read.
        """
        return self._read().get(key) or self._memory.get(key)

    def keep(self, key: str, kept: Kept | None) -> str:
        """Keep *kept* under *key*, nothing for None; call it while it is `held`.

        Returns:
            Why it is in memory only; empty where it is in the file.

        Raises:
            InputError: Others can read the file, or it cannot be read.
        """
        every = self._read()
        every.pop(key, None)
        self._memory.pop(key, None)
        if kept:
            every[key] = kept
        reason = ""
        try:
            write_private(self.path, _dumped(every))
        except OSError as error:
            reason = f"{self.path} cannot be written ({error.strerror})"
        if reason and kept:
            self._memory[key] = kept
        return reason if kept else ""

    def forget(self, profile: str, binding: str, user: str | None = None) -> None:
        """Drop what is kept for the profile of that name with *binding*, of one *user* or of all.

        Raises:
            InputError: Others can read the file, or it cannot be read.
        """
        wanted = [profile.lower(), binding, *([user] if user is not None else [])]
        with self.held():
            for key in {*self._read(), *self._memory}:
                if json.loads(key)[: len(wanted)] == wanted:
                    self.keep(key, None)

    def clear(self) -> None:
        """Drop everything, whatever state the file is in.

        Raises:
            InputError: The file cannot be removed.
        """
        self._memory.clear()
        reason = ""
        try:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # it is made anew, and private, when it is needed
                self.path.parent.rmdir()
        except NotADirectoryError:
            return
        except OSError as error:
            reason = f"{self.path} cannot be removed ({error.strerror})"
        if reason:
            raise InputError.of("SMTP_LAB_DATA", reason, "remove it yourself")

    def _read(self) -> dict[str, Kept]:
        reason = ""
        try:
            modes = [path.stat().st_mode for path in (self.path, self.path.parent)]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            reason = f"{self.path} cannot be read ({error.strerror})"
            modes = []
        for path, mode in zip((self.path, self.path.parent), modes, strict=False):
            if os.name == "posix" and mode & 0o077:
                reason = f"{path} can be read by others (mode {mode & 0o777:o})"
        if reason:
            raise _bad(reason, self.path)
        with suppress(OSError, ValueError, AttributeError, LookupError, TypeError):
            return {key: _of(said) for key, said in json.loads(self.path.read_bytes()).items()}
        raise _bad(f"{self.path} holds no tokens of smtp_lab", self.path)


def dropped_tokens(profile: str, binding: str) -> str:
    """Drop the tokens of a profile; why that could not be done, in a sentence, or nothing."""
    try:
        Tokens().forget(profile, binding)
    except InputError as error:
        return f" Its tokens are still kept: {error}"
    return ""


_LOCK = threading.RLock()
_MEMORY: dict[str, dict[str, Kept]] = {}


def _bad(problem: str, path: Path) -> InputError:
    return InputError.of("SMTP_LAB_DATA", problem, f"call lab.log_out(), or remove {path}")


def _of(said: dict[str, Any]) -> Kept:
    def secret(name: str) -> Secret | None:
        if not isinstance(text := said.get(name, ""), str):
            raise TypeError("no text")
        return Secret(text) or None

    value = secret("value")
    if value is None or not isinstance(said["scope"], str) or not isinstance(said["given"], str):
        raise TypeError("no token")
    expires_at = None if said["expires_at"] is None else float(said["expires_at"])
    return Kept(
        value, expires_at, said["scope"], secret("refresh"), secret("msal"), given=said["given"]
    )


def _dumped(every: dict[str, Kept]) -> bytes:
    texts: dict[str, dict[str, object]] = {}
    for key, kept in every.items():
        texts[key] = {"expires_at": kept.expires_at, "scope": kept.scope, "given": kept.given}
        for name in ("value", "refresh", "msal"):
            if secret := getattr(kept, name):
                texts[key][name] = secret.reveal()
    return json.dumps(texts).encode()
