"""Captured mail as files: the messages themselves, and tables of them."""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
import socket
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from smtp_lab.config.paths import expanded
from smtp_lab.errors import InputError
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.cells import as_arrow, for_sheets, plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("ENVELOPES", "KINDS", "Exports")

ENVELOPES = "envelopes.json"
"""The file of a ZIP that says what the messages do not: envelopes, times, tags."""

KINDS = {
    "zip": "to_zip",
    "mbox": "to_mbox",
    "csv": "to_csv",
    "xlsx": "to_excel",
    "json": "to_json",
    "parquet": "to_parquet",
}
"""The methods that write one file, by how its name ends."""

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_TABLES = ("messages", "recipients", "attachments", "links", "codes", "sessions")
_ROWS = 1_048_575  # of a sheet, below its head (Excel specifications and limits)


class Exports:
    """What some messages can be written to. A file is there whole or not at all."""

    @abstractmethod
    def __iter__(self) -> Iterator[Captured]: ...

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The messages, one row each."""

    # --- the messages -------------------------------------------------------------------------

    def to_eml(self, folder: str | Path) -> list[Path]:
        """Write each message, as it was received, into *folder* as ``<id>.eml``.

        Returns:
            The files, in order.

        Raises:
            InputError: One of them is there already, or the folder cannot be written.
        """
        folder = expanded(folder)
        written = []
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for message in self:
                written.append(folder / _name_of(message))
                with written[-1].open("xb") as file:
                    file.write(message.raw)
        return written

    def to_mbox(self, path: str | Path) -> Path:
        """Write the messages into an mbox file (``mboxrd``: lines that begin with From are quoted).

        Lines end with LF there, as mail programs expect it.

        Returns:
            The file.

        Raises:
            InputError: It cannot be written.
        """
        path = expanded(path)
        with _whole(path) as file:
            for message in self:
                when = message.received_at.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
                sender = re.sub(r"\s", "", message.mail_from) or "MAILER-DAEMON"
                raw = _FROM.sub(rb">\1", message.raw.replace(b"\r\n", b"\n"))
                file.write(f"From {sender} {when}\n".encode("utf-8", "replace"))
                file.write(raw if raw.endswith(b"\n") else raw + b"\n")
                file.write(b"\n")
        return path

    def to_maildir(self, folder: str | Path) -> Path:
        """Write the messages as new mail into a Maildir, which is made when it is not there.

        Names are made as the `Maildir's page <https://cr.yp.to/proto/maildir.html>`_ asks: by the
        second of arrival, what no other writer has, and the host. Nothing that is there is written
        over.

        Returns:
            The folder.

        Raises:
            InputError: It cannot be written.
        """
        folder = expanded(folder)
        with _told(folder):
            for name in ("tmp", "new", "cur"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            for message in self:
                _deliver(message, folder)
        return folder

    def to_zip(self, path: str | Path) -> Path:
        """Write the messages into a ZIP, as they were received, with their envelopes beside them.

        Returns:
            The file.

        Raises:
            InputError: It cannot be written.
        """
        path, envelopes = expanded(path), []
        with _whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            for message in self:
                envelopes.append(
                    {
                        "file": _name_of(message),
                        "mail_from": message.mail_from,
                        "rcpt_to": message.rcpt_to,
                        "received_at": message.received_at.isoformat(),
                        "tags": message.tags,
                    }
                )
                made.writestr(_name_of(message), message.raw)
            made.writestr(ENVELOPES, json.dumps(envelopes, indent=1))
        return path

    def export(self, folder: str | Path, kind: str) -> Path:
        """Write the messages into a file in *folder*, named after the moment.

        Args:
            folder: Made when it is not there.
            kind: ``zip``, ``mbox``, ``csv``, ``xlsx``, ``json`` or ``parquet``.

        Returns:
            The file; none that was there is written over.

        Raises:
            InputError: There is no such kind, or it cannot be written.
        """
        if kind not in KINDS:
            raise InputError.of("kind", f"{kind!r} is none", f"choose one of {', '.join(KINDS)}")
        folder = expanded(folder)
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        stem, count = f"mail_{datetime.now(UTC):%Y-%m-%d_%H%M%S}", 1
        path = folder / f"{stem}.{kind}"
        while path.exists():
            count += 1
            path = folder / f"{stem}_{count}.{kind}"
        made: Path = getattr(self, KINDS[kind])(path)
        return made

    # --- tables -------------------------------------------------------------------------------

    def to_csv(self, path: str | Path, table: str = "messages") -> Path:
        """Write a table as CSV in UTF-8.

        What a spreadsheet would take for a formula has an apostrophe in front, also behind a
        semicolon, a tab or a line end, where another one begins a cell; control characters are
        replaced; lists are joined by semicolons; texts stand in quotes.

        Args:
            path: The file.
            table: ``messages``, ``recipients``, ``attachments``, ``links``, ``codes``,
                ``sessions``, ``commands``, ``headers`` or ``parts``.

        Raises:
            InputError: There is no such table, or the file cannot be written.
        """
        path = expanded(path)
        made = for_sheets(self._named(table))
        text = made.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
        with _whole(path) as file:
            # A mark at the beginning: spreadsheets take a file without it for another encoding.
            file.write(b"\xef\xbb\xbf" + text.encode())
        return path

    def to_excel(self, path: str | Path) -> Path:
        """Write the tables messages, recipients, attachments, links, codes and sessions as sheets.

        Cells are made safe as in `to_csv`; times are in UTC.

        Raises:
            InputError: openpyxl is not installed, there are too many rows, or the file cannot be
                written.
        """
        import pandas as pd

        path = expanded(path)
        tables = {name: for_sheets(self._named(name), excel=True) for name in _TABLES}
        for name, table in tables.items():
            if len(table) > _ROWS:
                problem = f"{name} has {len(table):,} rows, and a sheet ends at {_ROWS:,}"
                raise InputError.of("path", problem, "export less, or use to_csv")

        def write(file: BinaryIO) -> None:
            with pd.ExcelWriter(file, engine="openpyxl") as writer:
                for name, table in tables.items():
                    table.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 0))

        return _with_extra(path, "openpyxl", write)

    def to_json(self, path: str | Path, table: str = "messages") -> Path:
        """Write a table as JSON, a list with an object for each row; times as ISO 8601 in UTC.

        Raises:
            InputError: There is no such table, or the file cannot be written.
        """
        path = expanded(path)
        text = plain(self._named(table)).to_json(
            orient="records", date_format="iso", date_unit="us", force_ascii=False, indent=1
        )
        with _whole(path) as file:
            file.write(str(text).encode())
        return path

    def to_parquet(self, path: str | Path, table: str = "messages") -> Path:
        """Write a table as Parquet, with its types and lists: the same with any mail and with none.

        Raises:
            InputError: pyarrow is not installed, there is no such table, or the file cannot be
                written.
        """
        path, made = expanded(path), plain(self._named(table))

        def write(file: BinaryIO) -> None:
            made.to_parquet(file, engine="pyarrow", index=False, schema=as_arrow(made))

        return _with_extra(path, "pyarrow", write)

    def _named(self, table: str) -> pd.DataFrame:
        if table == "messages":
            return self.to_frame()
        known = (*_TABLES[1:], "commands", "headers", "parts")
        if table not in known:
            raise InputError.of(
                "table", f"{table!r} is none", f"choose one of messages, {', '.join(known)}"
            )
        made: pd.DataFrame = getattr(self, table)()
        return made


def _name_of(message: Captured) -> str:
    return f"{message.id:08d}.eml"


def _with_extra(path: Path, package: str, write: Callable[[BinaryIO], Any]) -> Path:
    try:
        import_module(package)
        with _whole(path) as file:
            write(file)
    except ImportError:
        fix = 'install it with: pip install "smtp_lab[tables]"'
        raise InputError.of("path", f"needs {package} to be written", fix) from None
    return path


def _deliver(message: Captured, folder: Path) -> None:
    moment = message.received_at.timestamp()
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072") or "localhost"
    unique = f"M{message.received_at.microsecond:06d}P{os.getpid()}Q{message.id:08d}"
    name = f"{int(moment)}.{unique}R{secrets.token_hex(8)}.{host}"
    part = folder / "tmp" / name
    try:
        with part.open("xb") as file:
            file.write(message.raw)
        os.utime(part, (moment, moment))
        _placed(part, folder / "new" / name)
    finally:
        part.unlink(missing_ok=True)


def _placed(part: Path, place: Path) -> None:
    # Not renamed at once: that could write over what is there.
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        place.touch(exist_ok=False)
        part.replace(place)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        fix = "choose another place"
        raise InputError.of("path", f"{error.filename} is there already", fix) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        fix = "choose another place"
        raise InputError.of("path", f"{path} cannot be written ({reason})", fix) from None


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside *path* that takes its place once all is written."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _told(path):
        try:
            with part.open("xb") as file:
                yield file
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
