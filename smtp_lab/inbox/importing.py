"""Mail from files into an archive: ``.eml``, mbox, Maildir, ZIP."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smtp_lab.archive import Archive, StoredMessage, StoredSession, session_id
from smtp_lab.archive.labels import labels
from smtp_lab.errors import InputError
from smtp_lab.inbox.exporting import ENVELOPES

__all__ = ("read_mail",)

_LARGEST = 200 * 2**20  # octets of one message
_AT_ONCE, _OCTETS = 100, 16 * 2**20  # of one transaction
_ENVELOPES = 100 * 2**20
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


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
    path = Path(path)
    now = datetime.now(UTC)
    session = StoredSession(session_id(), now, "import", path.name[:64], ended_at=now)
    mailboxes = (mailbox,) if mailbox else ()
    numbers: list[int] = []
    try:
        for some in _batches(_messages_in(path)):
            numbers += archive.add(
                [
                    StoredMessage(
                        raw=one.raw,
                        mail_from=one.mail_from,
                        rcpt_to=one.rcpt_to,
                        received_at=one.received_at,
                        session=session,
                        mailboxes=mailboxes,
                        tags=one.tags,
                    )
                    for one in some
                ]
            )
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
    ) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError.of(
            "path", f"{path} cannot be read ({reason})", "give mail files"
        ) from None
    if not numbers:
        fix = "give an .eml file, an mbox, a Maildir, a ZIP, or a folder of .eml files"
        raise InputError.of("path", f"{path} holds no mail", fix)
    archive.add([], [replace(session, ended_at=datetime.now(UTC))])
    return numbers


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
        if (path / "new").is_dir() and (path / "cur").is_dir():
            files = [p for name in ("new", "cur") for p in (path / name).iterdir() if p.is_file()]
            # Names begin with the second of arrival.
            yield from map(_from_file, sorted(files, key=lambda p: p.name))
        else:
            yield from map(_from_file, sorted(p for p in path.rglob("*.eml") if p.is_file()))
    elif zipfile.is_zipfile(path):
        yield from _from_zip(path)
    else:
        with path.open("rb") as file:
            begin = file.read(5)
        if begin == b"From ":
            yield from _from_mbox(path)
        elif begin:
            yield _from_file(path)


def _from_file(path: Path) -> _Read:
    about = path.stat()
    _check(about.st_size, path.name)
    return _Read(path.read_bytes(), datetime.fromtimestamp(about.st_mtime, UTC))


def _check(size: int, name: str) -> None:
    if size > _LARGEST:
        problem = f"{name} is larger than {_LARGEST // 2**20} MiB"
        raise InputError.of("path", problem, "leave it out")


def _from_mbox(path: Path) -> Iterator[_Read]:
    """Messages between lines that begin with From, which a blank line stands before."""
    with path.open("rb") as file:
        # Not a list of lines: a mail of a million lines would take a hundred times its size.
        held, sender, blank = bytearray(), file.readline(), False
        for line in file:
            if blank and line.startswith(b"From "):
                yield _from_held(sender, held, blank=blank)
                held, sender, blank = bytearray(), line, False
                continue
            held += line
            _check(len(held), "a message of the mbox")
            blank = line in (b"\n", b"\r\n")
        yield _from_held(sender, held, blank=blank)


def _from_held(sender: bytes, held: bytearray, *, blank: bool) -> _Read:
    # The blank line at the end belongs to the From line behind.
    if blank:
        del held[-2 if held.endswith(b"\r\n") else -1 :]
    raw = bytes(held)
    del held[:]
    # Not with an expression: its pieces would take a hundred times as much.
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    raw = _QUOTED.sub(rb"\1", raw)
    _, address, *when = [*sender.decode("utf-8", "replace").split(maxsplit=2), ""]
    try:
        moment = datetime.strptime(" ".join(when).strip(), "%a %b %d %H:%M:%S %Y").replace(
            tzinfo=UTC
        )
    except ValueError:
        moment = datetime.now(UTC)
    known = "@" in address
    return _Read(raw, moment, mail_from=address if known else "")


def _from_zip(path: Path) -> Iterator[_Read]:
    with zipfile.ZipFile(path) as file:
        envelopes = _envelopes(file)
        for entry in file.infolist():
            if entry.is_dir() or not entry.filename.lower().endswith(".eml"):
                continue
            _check(entry.file_size, entry.filename)
            with file.open(entry) as inside:
                raw = inside.read(_LARGEST + 1)  # what the entry says of its size may be a lie
            _check(len(raw), entry.filename)
            about = envelopes.get(entry.filename, {})
            try:
                when = datetime(*entry.date_time, tzinfo=UTC)
            except ValueError:
                when = datetime.now(UTC)
            yield replace(_Read(raw, when), **about)


def _envelopes(file: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """What a ZIP of our own says of its messages; nothing where it is not what we wrote."""
    try:
        with file.open(ENVELOPES) as inside:
            rows = json.loads(inside.read(_ENVELOPES))
        return {
            str(row["file"]): {
                "mail_from": str(row["mail_from"]),
                "rcpt_to": tuple(map(str, row["rcpt_to"])),
                "received_at": datetime.fromisoformat(row["received_at"]).astimezone(UTC),
                "tags": labels("tags", row["tags"]),
            }
            for row in rows
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
