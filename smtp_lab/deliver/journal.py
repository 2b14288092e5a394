"""What a batch has handed over, in a file: a run that died is taken up where it ended.

A message is noted as handed over before its last octets leave, and as answered when the server has
answered. One that was handed over and not answered when the kernel died may have arrived: it is
not sent again unless asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from email.message import Message
from pathlib import Path
from typing import Any, Literal

from smtp_lab.config.paths import expanded, private_dir
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.errors import InputError

__all__ = ("Journal", "key_of")

_FIRST = {"journal": "smtp_lab", "version": 1}
_FIX = "give another path, or delete the file to send everything anew"


class Journal:
    """An append-only file of JSON lines, readable by its owner only (0600), one run at a time.

    Args:
        path: The file; it is made where there is none.

    Attributes:
        known: What earlier runs left behind: by key and address, whether the message was
            ``accepted`` or may have been (``unknown``), and the server's answer.

    Raises:
        InputError: The file cannot be used, is something else, or another run uses it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = expanded(Path(path), "journal")
        self.known: dict[str, dict[str, tuple[Literal["accepted", "unknown"], str]]] = {}
        self._lines: list[bytes] = []
        try:
            private_dir(self.path.parent)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            problem = f"{self.path} cannot be written ({error.strerror})"
            raise InputError.of("journal", problem, "give a path that can") from None
        try:
            _lock(self._file, self.path)
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def handed_over(self, key: str, to: Iterable[str]) -> None:
        """Note that a message is about to leave."""
        self._add("handed over", key, to)

    def answered(self, key: str, accepted: Iterable[str], to: Iterable[str], reply: str) -> None:
        """Note that it was accepted for *accepted*, and not for the rest of *to*."""
        taken = tuple(accepted)
        if taken:
            self._add("accepted", key, taken, reply)
        if rest := [address for address in to if address not in taken]:
            self._add("not accepted", key, rest, reply)

    def sync(self) -> None:
        """Bring what was noted to the disk."""
        if self._lines:
            data = b"".join(self._lines)
            self._lines.clear()
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)

    def close(self) -> None:
        """Let another run have the file."""
        if self._file >= 0:
            self.sync()
            os.close(self._file)
            self._file = -1

    def _add(self, event: str, key: str, to: Iterable[str], reply: str = "") -> None:
        line = {"event": event, "message": key, "to": list(to), "reply": reply}
        self._lines.append(json.dumps(line).encode() + b"\n")

    def _read(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            data = file.read()
        if not data:
            self._lines.append(json.dumps(_FIRST).encode() + b"\n")
            self.sync()
            return
        lines = data.split(b"\n")
        torn = lines.pop()
        if not _is_first(lines[:1] or [torn]):
            raise InputError.of("journal", f"{self.path} is no journal of smtp_lab", _FIX)
        for number, line in enumerate(lines[1:], 2):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                problem = f"{self.path}, line {number}, cannot be read"
                raise InputError.of("journal", problem, _FIX) from None
        if torn:
            # The run died while it wrote this line, before what the line is about had happened.
            os.ftruncate(self._file, len(data) - len(torn))
            if not lines:
                self._lines.append(json.dumps(_FIRST).encode() + b"\n")
                self.sync()

    def _take(self, line: dict[str, Any]) -> None:
        known = self.known.setdefault(str(line["message"]), {})
        for address in line["to"]:
            if line["event"] == "handed over":
                known[address] = ("unknown", "")
            elif line["event"] == "accepted":
                known[address] = ("accepted", str(line["reply"]))
            else:
                known.pop(address, None)


def key_of(
    message: Message[Any, Any] | Outgoing, number: int, outgoing: Outgoing, seen: dict[str, int]
) -> str:
    """What a journal knows *message* by: the same when the same cell runs again.

    Its merge key where it is of a mail merge, its Message-ID where it came with one, else a digest
    of its place and content; what is made anew each time (Date, boundaries, ids of parts) counts
    for nothing.
    """
    if not outgoing.merge_key and isinstance(message, Outgoing) and not message.named:
        problem = f"cannot know messages[{number}] again: it was prepared without a Message-ID"
        raise InputError.of("journal", problem, "set one before prepare()")
    given = outgoing.merge_key or (
        message.message_id if isinstance(message, Outgoing) else str(message["Message-ID"] or "")
    )
    key = given.strip() or _digest(message, number, outgoing)
    seen[key] = seen.get(key, 0) + 1
    return key if seen[key] == 1 else f"{key} {seen[key]}"


def _digest(message: Message[Any, Any] | Outgoing, number: int, outgoing: Outgoing) -> str:
    assert isinstance(message, Message)  # noqa: S101  # what is prepared has a Message-ID
    parts = list(message.walk())
    ids = [
        str(part["Content-ID"]).strip("<> \t").encode() for part in parts if "Content-ID" in part
    ]
    found = hashlib.sha256(json.dumps([number, outgoing.mail_from, *outgoing.rcpt_to]).encode())
    found.update(b"\0" + str(message["Subject"]).encode("utf-8", "replace"))
    for part in parts:
        found.update(b"\0" + part.get_content_type().encode("utf-8", "replace"))
        if not part.is_multipart():
            found.update(b"\0" + str(part.get_filename() or "").encode("utf-8", "replace"))
            found.update(b"\0" + _without(_payload(part), ids))
    return f"sha256:{found.hexdigest()}"


def _payload(part: Message[Any, Any]) -> bytes:
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _without(data: bytes, ids: Sequence[bytes]) -> bytes:
    for one in ids:
        data = data.replace(one, b"")
    return data


def _is_first(lines: Sequence[bytes]) -> bool:
    """Whether the file begins as a journal does, or as much of it as was written."""
    first = json.dumps(_FIRST).encode()
    return first == lines[0] or (len(lines) == 1 and first.startswith(lines[0]))


def _lock(file: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once are not kept apart there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        problem = f"{path} is in use by another run"
        raise InputError.of("journal", problem, "wait until that has ended, or stop it") from None
    except OSError:  # some network file systems have no locks
        contextlib.suppress(OSError)
