"""Mail from files into an archive: ``.eml``, mbox, Maildir, ZIP."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from smtp_lab.archive import Archive, StoredMessage, StoredSession, session_id
from smtp_lab.archive.labels import labels
from smtp_lab.config.paths import expanded
from smtp_lab.errors import ArchiveError, InputError
from smtp_lab.inbox.exporting import ENVELOPES
from smtp_lab.inbox.mbox import begins_mbox, entries, in_utc

__all__ = ("read_mail",)

_LARGEST = 200 * 2**20  # octets of one message
_AT_ONCE, _OCTETS = 100, 16 * 2**20  # of one transaction
_ENVELOPES = 100 * 2**20
_MAILDIR = {"new", "cur"}
# What systems and servers put beside mail.
_BESIDE = (".", "dovecot", "courierimap", "Thumbs.db", "desktop.ini")
_UNREADABLE = (
    OSError,
    ValueError,
    OverflowError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class _Read:
    """A message out of a file."""

    raw: bytes
    received_at: datetime
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def read_mail(archive: Archive, path: str | Path, mailbox: str | None = None) -> list[int]:
    """Store the mail in *path*; see `Inbox.read`."""
    path = expanded(path)
    now = datetime.now(UTC)
    session = StoredSession(session_id(), now, "import", path.name[:64], ended_at=now)
    numbers: list[int] = []
    # All is read before anything is stored: of a broken file nobody sees the first half.
    with _told(path):
        deque(_messages_in(path), maxlen=0)
    try:
        with _told(path):
            for some in _batches(_messages_in(path)):
                numbers += archive.add(_to_store(some, session, mailbox))
    except BaseException as error:
        _take_back(archive, numbers, path, error)
        raise
    if not numbers:
        fix = "give an .eml file, an mbox, a Maildir, a ZIP, or a folder of .eml files"
        raise InputError.of("path", f"{path} holds no mail", fix)
    archive.add([], [replace(session, ended_at=datetime.now(UTC))])
    return numbers


def _to_store(
    some: list[_Read], session: StoredSession, mailbox: str | None
) -> list[StoredMessage]:
    return [
        StoredMessage(
            raw=one.raw,
            mail_from=one.mail_from,
            rcpt_to=one.rcpt_to,
            received_at=one.received_at,
            session=session,
            mailboxes=(mailbox,) if mailbox else (),
            tags=one.tags,
        )
        for one in some
    ]


def _take_back(archive: Archive, numbers: list[int], path: Path, why: BaseException) -> None:
    try:
        if numbers:
            archive.remove(numbers)
    except ArchiveError:
        if isinstance(why, Exception):
            count, first, last = len(numbers), numbers[0], numbers[-1]
            raise ArchiveError(
                f"{path} was read in part: {count} messages of it, from number {first} to {last}, "
                f"are in {archive.name} and could not be taken away again. {why}"
            ) from why


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError.of(
            "path", f"{path} cannot be read ({reason})", "give mail files"
        ) from None


def _batches(found: Iterator[_Read]) -> Iterator[list[_Read]]:
    batch: list[_Read] = []
    size = 0
    for one in found:
        batch.append(one)
        size += len(one.raw)
        if len(batch) >= _AT_ONCE or size > _OCTETS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _messages_in(path: Path) -> Iterator[_Read]:
    if path.is_dir():
        yield from _from_folder(path)
    elif zipfile.is_zipfile(path):
        yield from _from_zip(path)
    # A mail can begin like an mbox; in one that is called mail, more has to speak for it.
    elif begins_mbox(path, dated=path.suffix.lower() == ".eml"):
        yield from _from_mbox(path)
    elif path.stat().st_size:
        yield _from_file(path)


def _from_folder(top: Path) -> Iterator[_Read]:
    """Mail in Maildirs, ``.eml`` files and mboxes, in *top* and below; links lead nowhere."""
    for name, folders, names in os.walk(top, onerror=_raise):
        folder = Path(name)
        folders[:] = sorted(f for f in {*folders} - {"__MACOSX"} if not (folder / f).is_symlink())
        if _MAILDIR.issubset(folders):
            inside = [found for part in _MAILDIR for found in (folder / part).iterdir()]
            # Names begin with the second of arrival.
            for path in sorted(inside, key=lambda p: p.name):
                if not path.name.startswith(_BESIDE) and _is_file(path):
                    yield _from_file(path)
            folders[:] = [f for f in folders if f not in {*_MAILDIR, "tmp"}]
        for path in (folder / one for one in sorted(names) if not one.startswith("._")):
            if not _is_file(path):
                continue
            if path.suffix.lower() == ".eml":
                yield _from_file(path)
            elif begins_mbox(path, dated=True):
                yield from _from_mbox(path)


def _raise(error: OSError) -> NoReturn:
    raise error


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _from_file(path: Path) -> _Read:
    about = path.stat()
    _check(about.st_size, path.name)
    return _Read(path.read_bytes(), _or_now(datetime.fromtimestamp(about.st_mtime, UTC)))


def _check(size: int, name: str = "a message of the mbox") -> None:
    if size > _LARGEST:
        problem = f"{name} is larger than {_LARGEST // 2**20} MiB"
        raise InputError.of("path", problem, "leave it out")


def _or_now(moment: datetime | None) -> datetime:
    return (in_utc(moment) if moment else None) or datetime.now(UTC)


def _from_mbox(path: Path) -> Iterator[_Read]:
    for raw, moment, sender in entries(path, _check):
        yield _Read(raw, _or_now(moment), mail_from=sender)


def _from_zip(path: Path) -> Iterator[_Read]:
    with zipfile.ZipFile(path) as file:
        envelopes = _envelopes(file)
        for entry in file.infolist():
            *above, name = entry.filename.split("/")
            if not name.lower().endswith(".eml") or name.startswith("._") or "__MACOSX" in above:
                continue
            _check(entry.file_size, entry.filename)
            with file.open(entry) as inside:
                raw = inside.read(_LARGEST + 1)  # what the entry says of its size may be a lie
            _check(len(raw), entry.filename)
            try:
                when = datetime(*entry.date_time, tzinfo=UTC)
            except ValueError:
                when = None
            yield replace(_Read(raw, _or_now(when)), **envelopes.get(entry.filename, {}))


def _envelopes(file: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """What a ZIP of our own says of its messages; nothing of one where it is not what we wrote."""
    try:
        with file.open(ENVELOPES) as inside:
            rows = json.loads(inside.read(_ENVELOPES))
    except (KeyError, ValueError, RecursionError):
        return {}
    found = {}
    for row in rows if isinstance(rows, list) else ():
        try:
            found[str(row["file"])] = _envelope(row)
        except (KeyError, ValueError, TypeError):
            continue
    return found


def _envelope(row: dict[str, Any]) -> dict[str, Any]:
    sender, recipients = row["mail_from"] or "", row["rcpt_to"]
    when = in_utc(datetime.fromisoformat(row["received_at"]))
    if not isinstance(recipients, list) or when is None:
        raise TypeError
    for address in (sender, *recipients):
        if not isinstance(address, str) or "\0" in address:
            raise TypeError
        address.encode()  # what is no text raises a ValueError
    return {
        "mail_from": sender,
        "rcpt_to": tuple(recipients),
        "received_at": when,
        "tags": labels("tags", row["tags"]),
    }
