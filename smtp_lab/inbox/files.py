"""Names from mail as names of files: safe on every system, whatever a sender wrote."""

from __future__ import annotations

import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from smtp_lab.config.paths import expanded
from smtp_lab.errors import InputError

__all__ = ("safe_name", "save_all")

_BYTES = 150  # of a name: file systems take 255, and a number may be added
# Path separators, what Windows forbids, controls and what turns text around or is not seen.
_BAD = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f]')
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)", re.IGNORECASE
)


def safe_name(name: str, kind: str = "") -> str:
    """A file name made of *name*: never empty, a path, hidden, or reserved on Windows.

    Args:
        name: As a sender wrote it.
        kind: The type of the file, such as ``image/png``, for one without a name.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    # Only what stands behind the last separator: the rest is the sender's folder.
    name = re.split(r"[/\\]", name.replace("\0", ""))[-1]
    name = "".join(c for c in _BAD.sub("_", name) if unicodedata.category(c) not in _UNSEEN)
    # Windows takes away dots and blanks at the end; a dot in front hides a file.
    name = " ".join(name.split()).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    if not stem:
        known = re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind)
        guessed = (mimetypes.guess_extension(kind) or "") if known else ""
        return f"attachment{f'.{suffix}' if suffix else guessed}"
    if _RESERVED.fullmatch(name.partition(".")[0].strip()):
        stem = f"_{stem}"
    suffix = _shortened(suffix, 30)
    ending = f".{suffix}" if suffix else ""
    return _shortened(stem, _BYTES - len(ending.encode())).rstrip(". ") + ending


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _shortened(text: str, most: int) -> str:
    return text.encode("utf-8")[:most].decode("utf-8", "ignore")


def save_all(files: Iterable[tuple[str, str, bytes]], folder: str | Path) -> list[Path]:
    """Write *files*, each a name, a type and the content, into *folder* under safe names.

    Returns:
        The files, in order.

    Raises:
        InputError: The folder cannot be written, or is no path.
    """
    folder = expanded(folder, "folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used: dict[str, int] = {}
        return [_save(folder, safe_name(n, kind), content, used) for n, kind, content in files]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        fix = "choose another folder"
        raise InputError.of("folder", f"{folder} cannot be written ({reason})", fix) from None


def _save(folder: Path, name: str, content: bytes, used: dict[str, int]) -> Path:
    stem, suffix = Path(name).stem, Path(name).suffix
    # Some file systems take A and a for the same, which a file that cannot be made tells.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    flags |= getattr(os, "O_BINARY", 0)
    while True:
        number = used[name] = used.get(name, 0) + 1
        path = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            handle = os.open(path, flags, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return path
