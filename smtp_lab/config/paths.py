"""Where things are kept on this machine, and how files are written so that none is ever half done."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from platformdirs import user_config_path, user_data_path

__all__ = ("config_file", "data_dir", "private_dir", "tilde", "write_private")


def config_file() -> Path:
    """The profile book of this user: ``SMTP_LAB_CONFIG``, or a file in the user's config folder."""
    given = os.environ.get("SMTP_LAB_CONFIG")
    if given:
        return Path(given).expanduser()
    return user_config_path("smtp_lab", appauthor=False) / "smtp_lab.toml"


def data_dir() -> Path:
    """The folder for captured mail and the lab CA: ``SMTP_LAB_DATA``, or the user's data folder."""
    given = os.environ.get("SMTP_LAB_DATA")
    if given:
        return Path(given).expanduser()
    return user_data_path("smtp_lab", appauthor=False)


def tilde(path: Path | str) -> str:
    """*path* as people write it: ``~/…`` where it lies in the home folder."""
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / Path(path).relative_to(Path.home()))
    return str(path)


def private_dir(path: Path) -> Path:
    """Make *path* a folder that only its owner can enter (0700), and give it back."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Replace *path* by *data* in one step, readable by its owner only (0600).

    Whoever reads meanwhile sees the old file or the new one, never a part of either.
    """
    private_dir(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
