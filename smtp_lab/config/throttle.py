"""A limit on saves and tests for each host, so that the test button is no port scanner."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import time
from pathlib import Path

from smtp_lab.config.builtin import announced
from smtp_lab.config.connection import SmtpConnection
from smtp_lab.config.paths import data_dir, private_dir
from smtp_lab.config.profile import Profile
from smtp_lab.errors import InputError

__all__ = ("Throttle",)

WINDOW = 60.0  # seconds
LIMITS = {"test": 10, "save": 30}
_TABLE = "CREATE TABLE IF NOT EXISTS done (at REAL, action TEXT, host TEXT, endpoint TEXT)"
ENDPOINTS = 10  # different host and port pairs in a window, whatever the action


class Throttle:
    """Counts what was done in the last minute, in a file that outlives the kernel.

    Args:
        path: The file; by default one in the user's data folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or data_dir() / "throttle.sqlite3"

    def take(self, action: str, profile: Profile) -> None:
        """Count one *action*, ``test`` or ``save``, on the server of *profile*.

        The sinks of this process are exempt, and so is where ``smtp-lab sink`` listens.

        Raises:
            InputError: There were too many; the message says when it goes on.
        """
        connection = profile.connection
        if isinstance(connection, SmtpConnection) and announced(connection.host, connection.port):
            return
        # A host is the same in any case and with a dot at its end.
        endpoint = connection.endpoint.casefold().replace(".:", ":")
        host = endpoint.rpartition(":")[0] or endpoint
        try:
            with contextlib.closing(self._open()) as database, database:
                database.execute(_TABLE)
                self._take(database, action, host, endpoint)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            fix = "delete the file, or choose another folder"
            raise InputError.of(
                "SMTP_LAB_DATA", f"{self.path} is of no use ({reason})", fix
            ) from None

    def _take(self, database: sqlite3.Connection, action: str, host: str, endpoint: str) -> None:
        now = time.time()
        database.execute("BEGIN IMMEDIATE")
        # A clock set back must not lock anyone out.
        database.execute("DELETE FROM done WHERE at <= ? OR at > ?", (now - WINDOW, now + 1))
        same = "SELECT count(*), min(at) FROM done WHERE action = ? AND host = ?"
        # Another server counts until the last that was done with it is over.
        others = (
            "SELECT count(*), min(last) FROM"
            " (SELECT max(at) AS last FROM done WHERE endpoint != ? GROUP BY endpoint)"
        )
        for query, given, limit, what in (
            (same, (action, host), LIMITS[action], f"{action}s of {host}"),
            (others, (endpoint,), ENDPOINTS, "different servers"),
        ):
            count, since = database.execute(query, given).fetchone()
            if count >= limit:
                wait = max(1, math.ceil(since + WINDOW - now))
                fix = f"wait {wait} second{'s' * (wait > 1)}"
                raise InputError.of(action, f"{limit} {what} within a minute are enough", fix)
        database.execute("INSERT INTO done VALUES (?, ?, ?, ?)", (now, action, host, endpoint))

    def _open(self) -> sqlite3.Connection:
        private_dir(self.path.parent)
        # One that is there is not opened: to close it would end the locks of this process's other
        # connections to it (POSIX; "How To Corrupt An SQLite Database File", section 2.2).
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return sqlite3.connect(self.path, timeout=5, isolation_level=None)
