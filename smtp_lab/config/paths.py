"""Where things are kept on this machine, and how files are written: never by halves."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from smtp_lab.errors import InputError

__all__ = (
    "config_file",
    "data_dir",
    "expanded",
    "one_writer",
    "private_dir",
    "tilde",
    "write_private",
)


def config_file() -> Path:
    """The profile book to use.

    ``SMTP_LAB_CONFIG`` if it is set, else the nearest ``smtp_lab.toml`` in the working folder or
    above it, else the one in the user's config folder.
    """
    given = os.environ.get("SMTP_LAB_CONFIG")
    if given:
        return expanded(given)
    with contextlib.suppress(FileNotFoundError):  # a working folder that was deleted
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "smtp_lab.toml").is_file():
                return folder / "smtp_lab.toml"
    return user_config_path("smtp_lab", appauthor=False) / "smtp_lab.toml"


def data_dir() -> Path:
    """The folder for captured mail and the lab CA: ``SMTP_LAB_DATA``, or the user's data folder."""
    given = os.environ.get("SMTP_LAB_DATA")
    if given:
        return expanded(given)
    return user_data_path("smtp_lab", appauthor=False)


def expanded(path: str | Path, field: str = "path") -> Path:
    """*path*, which was given for *field*, with a leading ``~`` replaced by the home folder.

    Raises:
        InputError: It names the home of somebody there is not, or is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError.of(field, f"is a {type(path).__name__}", "give a path")
    try:
        found = Path(path).expanduser()
    except RuntimeError:
        found = None
    except TypeError:
        raise InputError.of(field, f"is a {type(path).__name__}", "give a path") from None
    if found is None or "\0" in str(path):
        raise InputError.of(field, f"{str(path)!r} is no path", "check what follows ~")
    return found


def tilde(path: Path | str) -> str:
    """*path* as people write it: ``~/…`` where it lies in the home folder."""
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / Path(path).relative_to(Path.home()))
    return str(path)


def private_dir(path: Path) -> Path:
    """Make *path* a folder that only its owner can enter (0700), and give it back."""
    # One by one: mkdir() gives the mode to the last of several only.
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    if not path.is_dir():
        path.mkdir()  # raises what is wrong with it
    return path


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Keep other processes that ask here, too, from writing *path* meanwhile.

    The folder is what is locked (that of the file itself, where *path* is a link), so that no lock
    file is left beside the book. Windows and some
    network file systems have no such lock: there the files are still whole, but of two changes
    in the same instant one may be lost.
    """
    private_dir(path.parent)
    folder = private_dir(Path(os.path.realpath(path)).parent)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_private(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Replace *path* by *data* in one step, readable by its owner only (0600).

    With *like* it gets the mode of that file, where there is one: whoever shared it meant to.

    Whoever reads meanwhile sees the old file or the new one, never a part of either. Where *path*
    is a link, the file it leads to is replaced and the link stays.
    """
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    private_dir(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if like is not None and like.exists():
            Path(name).chmod(like.stat().st_mode & 0o777)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
