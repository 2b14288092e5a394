"""A book as it stands in its file and in the environment, and the one way to change it."""

from __future__ import annotations

import codecs
import errno
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from threading import RLock
from typing import Any

from smtp_lab.config._model import Model
from smtp_lab.config.bookedit import rewrite
from smtp_lab.config.bookfile import BookData, parse, read
from smtp_lab.config.builtin import NAME
from smtp_lab.config.environment import PREFIX, Overlay, is_locked
from smtp_lab.config.hiding import hiding
from smtp_lab.config.paths import one_writer, write_private
from smtp_lab.config.profile import Profile
from smtp_lab.errors import ConfigFileError, InputError, Problem

__all__ = ("KeptBook",)

# For all books: two may stand for one file, and a change takes no time to speak of.
_CHANGING = RLock()


class KeptBook:
    """What a book holds, and where each part of it comes from.

    Args:
        path: The file, which need not exist yet.
        environ: The variables of the environment; by default those of this process.

    Attributes:
        path: The file.
        text: Its text when it was read last.
        written: What it says.
        overlay: What the environment says.
        data: Both, the environment winning: what everyone works with.
    """

    def __init__(self, path: Path, environ: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._environ = environ
        self.text = ""
        self.written, self.data = BookData(), BookData()
        self.overlay = Overlay({})

    @hiding
    def reload(self) -> None:
        """Read the file and the environment again.

        Raises:
            ConfigFileError: The file cannot be used; what was read before stays.
            InputError: A variable of the environment cannot be used; likewise.
        """
        with _CHANGING:
            self.text, self.written, self.overlay, self.data = self._seen(read(self.path))
        for sentence in self.overlay.unknown:
            warnings.warn(sentence, stacklevel=6)

    def change(
        self,
        field: str,
        change: Callable[[BookData], None],
        edit: Callable[[str], str] | None = None,
    ) -> None:
        """Write the file anew, all of it or nothing.

        Args:
            field: What is changed, such as ``default``.
            change: Makes the change in what the file says.
            edit: Makes a part of the change in the text itself, where that keeps more comments.

        Raises:
            ConfigFileError: The file was changed elsewhere since it was read, or cannot be
                written; nothing was changed.
            InputError: The environment gives *field*, or saving is locked.
        """
        with _CHANGING:
            self.must_be_writable()
            self.must_not_be_given(field)
            written = deepcopy(self.written)
            change(written)
            try:
                text = self._rewritten(written, edit)
            except InputError as error:
                raise ConfigFileError(str(self.path), None, error.problems) from None
            # What could not be opened again, since the environment names what goes, is not written.
            seen = self._seen(text)
            self._write(text)
            self.text, self.written, self.overlay, self.data = seen

    def _write(self, text: str) -> None:
        try:
            with one_writer(self.path):
                if read(self.path) != self.text:
                    fix = "call reload() and save again"
                    raise self._bad("was changed elsewhere since it was read", fix)
                data = text.encode()
                if self.path.exists():
                    before = self.path.read_bytes()
                    data = data.replace(b"\n", b"\r\n") if b"\r\n" in before else data
                    data = codecs.BOM_UTF8 + data if before.startswith(codecs.BOM_UTF8) else data
                write_private(self.path, data, like=self.path)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            fix = "make room on the disk" if full else "choose another file with SMTP_LAB_CONFIG"
            raise self._bad(f"cannot be written ({error.strerror})", fix) from None

    def _seen(self, text: str) -> tuple[str, BookData, Overlay, BookData]:
        """*text*, what it says, what the environment says, and both."""
        written = parse(text, self.path)
        overlay = Overlay(self._environ, names=written.profiles)
        data = parse(text, self.path, overlay) if overlay else deepcopy(written)
        return text, written, overlay, data

    def _rewritten(self, data: BookData, edit: Callable[[str], str] | None) -> str:
        if edit is not None:
            # What the edit spoilt, in a layout it does not know, is done the usual way.
            with suppress(InputError, ValueError):
                return rewrite(edit(self.text), data)
        return rewrite(self.text, data)

    def as_written(self, profile: Profile) -> Profile:
        """*profile* as the file is to have it: without secrets and what the environment gives.

        Raises:
            InputError: *profile* changes what the environment gives.
        """
        name = profile.name
        if not any(self.overlay.locked("profiles", name)) or name not in self.data.profiles:
            return profile.without_secrets()
        self.must_stand_in_the_file(name, whole=False)
        effective, written = self.data.profiles[name], self.written.profiles[name]
        return Profile(
            **self.overlay.as_written(
                ("profiles", name), profile.to_dict(), effective.to_dict(), written.to_dict()
            )
        )

    def without_given(self, section: str, model: Model) -> dict[str, Any]:
        """*model*, the new value of *section*, without what the environment gives."""
        new, effective, written = (
            m.model_dump(mode="json")
            for m in (model, getattr(self.data, section), getattr(self.written, section))
        )
        # A field that was not named in the new value is not meant to change what is given.
        for path, _ in self.overlay.locked(section):
            if path and path[0] in effective and path[0] not in model.model_fields_set:
                new[path[0]] = effective[path[0]]
        return self.overlay.as_written((section,), new, effective, written)

    def must_be_writable(self) -> None:
        """Refuse any change where ``SMTP_LAB_LOCKED`` is set."""
        if is_locked():
            fix = "take it away to change the book"
            raise InputError.of("SMTP_LAB_LOCKED", "is set, so nothing is saved", fix)

    def must_not_be_given(self, field: str) -> None:
        """Refuse to change *field* where the environment gives it."""
        if variable := self.overlay.variable(*field.split(".")):
            raise InputError.of(field, f"is given by {variable}", "change it there")

    def must_stand_in_the_file(self, name: str, *, whole: bool = True) -> None:
        """Refuse what the environment gives of a profile.

        Args:
            name: Of the profile.
            whole: Refuse when a part of it is given; else only when it is not in the file at all.
        """
        if whole or name not in self.written.profiles:
            for _, variable in self.overlay.locked("profiles", name):
                raise InputError.of(
                    f"profiles.{name}", f"is given by {variable}", "change it there"
                )

    def must_not_be_named(self, name: str) -> None:
        """Refuse to take the profile *name* away where the environment sends mail through it."""
        if variable := self.overlay.naming(name):
            problem = f"{name} is named by {variable}"
            raise InputError.of("profile", problem, "name another one there first")

    def must_be_in_the_file(self, field: str, name: str) -> None:
        """Refuse *name* as the value of *field* where only the environment knows the profile."""
        if name != NAME and name not in self.written.profiles:
            variable = PREFIX + field.upper().replace(".", "__")
            problem = f"cannot be {name!r} in the file: that profile stands in the environment only"
            raise InputError.of(field, problem, f"set {variable}={name} there")

    def _bad(self, problem: str, fix: str) -> ConfigFileError:
        return ConfigFileError(str(self.path), None, [Problem("", problem, fix)])
