"""Who came to a sink, page by page, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smtp_lab.archive import Archive
from smtp_lab.archive.visits import Came, Tally, messages_by_session, newest, tally
from smtp_lab.inbox import frames
from smtp_lab.inbox.filling import fill_endings
from smtp_lab.inbox.reading import refusals
from smtp_lab.transcript import Transcript

__all__ = ("Came", "Tally", "Visit", "counted", "dialogue_of", "newest", "visits")


@dataclass(frozen=True, slots=True)
class Visit:
    """One connection to a sink.

    Attributes:
        id: Of the session.
        started_at: When the client connected, in UTC.
        peer: Its address and port.
        ehlo: The name it gave itself, or empty.
        door: The sink's door it came through.
        tls_version: Such as ``TLSv1.3``, or empty.
        login: The user name of its last login, or empty.
        login_ok: Whether that was accepted; None when there was none.
        messages: How many messages came over it.
        outcome: As in the column ``outcome`` of `View.sessions`.
        refusal: What the sink said when it last refused something, or empty.
    """

    id: str
    started_at: datetime
    peer: str
    ehlo: str
    door: str
    tls_version: str
    login: str
    login_ok: bool | None
    messages: int
    outcome: str
    refusal: str


def counted(archive: Archive) -> Tally:
    """Count what is in *archive*, all sessions that ended included.

    Raises:
        ArchiveError: It cannot be read, or what is new cannot be kept.
    """
    fill_endings(archive)
    return tally(archive)


def visits(archive: Archive, came: list[Came]) -> list[Visit]:
    """The sessions *came*, in that order; one that is gone meanwhile is left out.

    Raises:
        ArchiveError: It cannot be read.
    """
    sessions = archive.sessions(only=[one.id for one in came])
    table, counts = frames.sessions(sessions), messages_by_session(archive, came)
    outcomes = dict(zip(table["id"].tolist(), table["outcome"].tolist(), strict=True))
    found = {}
    for one in sessions:
        refused = refusals(one.transcript.get("lines", []))
        found[one.id] = Visit(
            id=one.id,
            started_at=one.started_at,
            peer=one.peer,
            ehlo=one.ehlo,
            door=one.door,
            tls_version=one.tls_version,
            login=one.login,
            login_ok=one.login_ok,
            messages=counts.get(one.id, 0),
            outcome=outcomes[one.id],
            refusal=refused[-1]["text"] if refused else "",
        )
    return [found[one.id] for one in came if one.id in found]


def dialogue_of(archive: Archive, number: str, most: int) -> tuple[Transcript, bool]:
    """What was said in the session with the id *number*.

    Args:
        archive: Where it is.
        number: The id.
        most: Lines at the most, the last ones.

    Returns:
        The dialogue, and whether lines before it were left out.

    Raises:
        ArchiveError: It cannot be read.
    """
    found = archive.sessions(only=[number])
    if not found:
        return Transcript(), False
    said = found[0].transcript
    cut = len(said["lines"]) > most
    return Transcript.from_dict({**said, "lines": said["lines"][-most:]}), cut
