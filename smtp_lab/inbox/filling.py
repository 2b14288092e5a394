"""Reads messages for the archive's index: behind the writer's back, or before the first search."""

from __future__ import annotations

from collections.abc import Sequence

from smtp_lab.archive import Archive, StoredMessage
from smtp_lab.archive.index import Index, Said
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.reading import content_of, ending_of
from smtp_lab.inbox.summary import READER, summary_of

__all__ = ("fill", "fill_endings", "fill_some")

_AT_ONCE = 500  # messages with their raw bytes
_OCTETS = 32 * 2**20  # of raw messages that are held while they are read


def fill(archive: Archive, upto: int | None = None) -> Index:
    """Read every message up to number *upto*, by default all there are, and every session's end.

    Raises:
        ArchiveError: It cannot be read, or what is new cannot be written into it.
    """
    index = Index(archive)
    last = archive.last_id() if upto is None else upto
    done = index.upto()
    while done < last:
        done, _ = _read(archive, index, done, _AT_ONCE)
    _read_all_endings(index)
    return index


def fill_endings(archive: Archive) -> None:
    """Read every session's end, and no message.

    Raises:
        ArchiveError: It cannot be read, or what is new cannot be written into it.
    """
    _read_all_endings(Index(archive))


def fill_some(archive: Archive, most: int) -> tuple[int, bool]:
    """Read up to *most* messages that nobody has read yet, and the sessions that have ended.

    Returns:
        The number up to which all have been read, and whether there may be more.

    Raises:
        ArchiveError: It cannot be read, or not be written.
    """
    index = Index(archive)
    done, more = _read(archive, index, index.upto(), most)
    return done, _read_endings(index) or more


def _read(archive: Archive, index: Index, after: int, most: int) -> tuple[int, bool]:
    # Asked for before: all messages up to there are in, or gone.
    last = archive.last_id()
    found = index.unread(after, most, _OCTETS)
    if not found:
        if last > after:
            index.keep(last, [], [])
        return max(last, after), False
    _keep(archive, index, found)
    return found[-1][0].id, True


def _keep(archive: Archive, index: Index, found: Sequence[tuple[StoredMessage, Said]]) -> None:
    contents, summaries = [], {}
    for stored, said in found:
        message = Captured(stored)
        contents.append(content_of(message, said))
        summaries[stored.id] = summary_of(message)
    archive.summarize(READER, summaries)
    index.keep(found[-1][0].id, contents, [stored.session.id for stored, _ in found])


def _read_all_endings(index: Index) -> None:
    while _read_endings(index):
        pass


def _read_endings(index: Index) -> bool:
    found = index.ended()
    if found:
        index.keep_endings({s.id: ending_of(s, said, empty=empty) for s, said, empty in found})
    return bool(found)
