"""Where an archive is: paths and URLs, and the file behind them."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from smtp_lab.errors import ArchiveError

__all__ = ("file_of", "hide", "make_private", "name_of", "url_of")


def url_of(where: str) -> sa.URL:
    """The URL of the archive at *where*, a path or a URL.

    Raises:
        ArchiveError: It is neither, or names an engine that cannot hold an archive.
    """
    try:
        return _read(where)
    except ArchiveError as error:
        # Without its frames, and not kept in this one: there may be a password in it.
        del where
        raise error.with_traceback(None)  # noqa: B904  # it is the error itself


def _read(where: str) -> sa.URL:
    if "://" in where:
        try:
            url = sa.make_url(where)
        except (ArgumentError, ValueError):
            # The text is not shown: there may be a password in it.
            raise ArchiveError(
                "The archive's address is no URL; give one such as "
                "sqlite:////folder/mail.sqlite3, or the path of a file."
            ) from None
    else:
        # Not put together as text: a path may hold ? or %, which mean something in a URL.
        url = sa.URL.create("sqlite", database=where)
    engine = url.drivername
    if engine in ("postgresql", "postgres", "postgresql+psycopg"):
        return _with_password_in_its_place(url.set(drivername="postgresql+psycopg"))
    if engine not in ("sqlite", "sqlite+pysqlite"):
        raise ArchiveError(
            f"An archive cannot be opened with {engine}; give a path, sqlite:///… "
            "or postgresql+psycopg://…."
        )
    file = url.database or ""
    if file in ("", ":memory:") or file.startswith("file:"):
        raise ArchiveError(
            "An archive in memory cannot be shared by the threads of a sink; "
            'give the path of a file, or ":temporary:" to a Sink.'
        )
    with contextlib.suppress(RuntimeError):  # a ~name of nobody stands for itself
        file = str(Path(file).expanduser())
    # Absolute: one file has one name, and keeps it when the working folder changes.
    return url.set(database=os.path.abspath(file))  # noqa: PTH100  # also for what is not there


def _with_password_in_its_place(url: sa.URL) -> sa.URL:
    """A password in the query is not hidden when the URL is shown."""
    given = url.query.get("password")
    if isinstance(given, str):
        url = url.set(password=given)
    return url.difference_update_query(["password"])


def file_of(url: sa.URL) -> Path | None:
    """The file of a SQLite archive; None where a server keeps it."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def name_of(url: sa.URL) -> str:
    """Where the archive is, without a password and whatever else the URL asks for."""
    return str(file_of(url) or url.set(query={}).render_as_string(hide_password=True))


def hide(url: sa.URL, text: str) -> str:
    """*text* without the passwords of *url*, for what a driver says of a connection."""
    # sslpassword opens a client's key (libpq, 34.1.2).
    for secret in (url.password, url.query.get("sslpassword")):
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return text


def make_private(file: Path) -> None:
    """Make *file*, in a folder that is made too, for its owner only; one that is there stays.

    Raises:
        ArchiveError: It cannot be made.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            # Not opened: to close it would end the locks that this process's other connections to
            # it hold (POSIX; "How To Corrupt An SQLite Database File", section 2.2).
            if file.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            if not os.access(file, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(
            f"The archive {file} cannot be opened ({reason}); choose another file, "
            "or another folder with SMTP_LAB_DATA."
        ) from None
