"""What goes wrong with a database, told in a sentence and told apart."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from smtp_lab.archive.address import file_of, hide, name_of
from smtp_lab.archive.place import lock_holder
from smtp_lab.errors import ArchiveError, ArchiveFullError, ArchiveUnavailableError

__all__ = ("busy", "telling")

_LITTLE = 4 * 2**20  # octets: with less room than this a failed write is a full disk
# SQLSTATE codes of PostgreSQL (its manual, Appendix A).
_FULL = "53100"  # disk_full
_LOCKED = {"55P03", "40P01", "57014"}  # lock_not_available, deadlock_detected, query_canceled
_AWAY = ("08", "57P", "53300")  # connection lost, shutting down, too many connections


@contextlib.contextmanager
def telling(url: sa.URL, what: str) -> Iterator[None]:
    """Turn whatever a driver raises into an `ArchiveError`: the archive cannot be *what*."""
    try:
        yield
    except DBAPIError as error:
        raise _explained(url, what, error.orig or error) from None
    except (UnicodeError, OverflowError) as error:
        raise ArchiveError(
            f"The archive {name_of(url)} cannot be {what}: a value does not fit ({error})."
        ) from None
    except Exception as error:
        if not _is_drivers(error):
            raise
        raise _explained(url, what, error) from None


def busy(error: BaseException) -> bool:
    """Whether SQLite says that another connection has the lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _is_drivers(error: Exception) -> bool:
    # By its module: psycopg is there only where it was asked for.
    return isinstance(error, sqlite3.Error) or any(
        kind.__module__.partition(".")[0] == "psycopg" for kind in type(error).__mro__
    )


def _explained(url: sa.URL, what: str, error: BaseException) -> ArchiveError:
    said = " ".join(hide(url, str(error)).split()).rstrip(".")
    start = f"The archive {name_of(url)} cannot be {what}"
    if _is_full(url, error):
        fix = "make room, or set a retention, and it goes on"
        return ArchiveFullError(f"{start}: its disk is full ({said}); {fix}.")
    state = getattr(error, "sqlstate", None) or ""
    if busy(error) or state in _LOCKED:
        file = file_of(url)
        holder = (lock_holder(file) if file else "") or "another program"
        return ArchiveUnavailableError(
            f"{start}: {holder} has locked it ({said}); close what holds it, or choose another."
        )
    # A server that cannot be reached gives no state: there was none to ask.
    silent = type(error).__name__ == "OperationalError" and not hasattr(error, "sqlite_errorcode")
    if state.startswith(_AWAY) or (silent and not state):
        return ArchiveUnavailableError(
            f"{start}: its server does not answer ({said}); see that it runs and lets you in."
        )
    return ArchiveError(f"{start}: {said}.")


def _is_full(url: sa.URL, error: BaseException) -> bool:
    if getattr(error, "sqlstate", None) == _FULL:
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        # Where room for the memory beside the log is wanted, a full disk is an input/output error.
        file = file_of(url)
        with contextlib.suppress(OSError, AttributeError):
            room = os.statvfs(file.parent if file else "/")
            return room.f_bavail * room.f_frsize < _LITTLE
    return code & 0xFF == sqlite3.SQLITE_FULL
