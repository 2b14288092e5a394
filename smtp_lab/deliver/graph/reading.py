"""What arrived in a mailbox, read back through Microsoft Graph into an archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import compat32
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from smtp_lab.config import GraphConnection
from smtp_lab.deliver.graph.client import Failure, Graph, TokenSource, failure
from smtp_lab.errors import FetchError
from smtp_lab.transcript import Transcript

if TYPE_CHECKING:  # SQLAlchemy is not needed for sending
    from smtp_lab.archive import Archive, StoredMessage, StoredSession

__all__ = ("Fetched", "fetch")

_PAGE = 50  # messages a request lists at most
_PAGES = 200
_WHOLE_MESSAGE = 250_000_000  # octets: 150 MB, the most a mailbox takes, grown by base64
_PACE = 5.0  # seconds a message may take beyond what a dialogue may take
# An id that stays when a message is moved to another folder
# (https://learn.microsoft.com/graph/outlook-immutable-id).
_STABLE = {"Prefer": 'IdType="ImmutableId"'}
_SELECTED = "id,receivedDateTime,isDraft"


@dataclass(frozen=True)
class Fetched:
    """What a look into a mailbox brought.

    Attributes:
        mailbox: Whose it is.
        archive: Where the messages are; ``Inbox(fetched.archive)`` shows them.
        new: Numbers, in the archive, of those that were not there before, oldest first.
        known: How many others were listed that had been fetched before.
        transcript: The dialogue.
    """

    mailbox: str
    archive: Archive
    new: tuple[int, ...]
    known: int
    transcript: Transcript

    def __str__(self) -> str:
        return f"{len(self.new)} new and {self.known} known messages of {self.mailbox}."


@dataclass(frozen=True)
class _Listed:
    name: str
    received_at: datetime


def fetch(  # noqa: PLR0913  # what is looked for has these parts
    connection: GraphConnection,
    token: TokenSource,
    archive: Archive,
    *,
    since: datetime | None,
    top: int,
    folder: str | None,
) -> Fetched:
    """Fetch the newest messages of a mailbox into *archive*; see `smtp_lab.fetch_recent`.

    Raises:
        FetchError: Graph did not give them; those fetched until then are in the archive.
    """
    from smtp_lab.archive import StoredSession

    transcript = Transcript()
    graph = Graph(connection, token, transcript, more=top * _PACE)
    session = StoredSession(
        id=uuid4().hex,
        started_at=transcript.started_at,
        door="graph",
        peer=connection.endpoint,
    )
    mailbox = f"{connection.endpoint}/{connection.user.casefold()}"
    new: list[int] = []
    failed: Failure | None = None
    known = archive.fetched(mailbox)
    seen = 0
    try:
        listed = list(_listed(graph, since, top, folder))
        seen = sum(item.name in known for item in listed)
        for item in reversed(listed):  # the oldest first, as they arrived
            raw = None if item.name in known else _raw(graph, item.name)
            if raw is None:
                continue
            session.tls_version = graph.tls.partition(" ")[0]
            session.tls_cipher = graph.tls.rpartition(" ")[2]
            message = _message(raw, item, connection.user, session)
            message.lines = len(transcript)
            _spoken(session, transcript)
            number = archive.add_fetched(message, mailbox, item.name)
            if number is not None:
                new.append(number)
    except Failure as error:
        failed = error
    finally:
        graph.close()
        session.ended_at = datetime.now(UTC)
        _spoken(session, transcript)
        archive.add((), [session])
    if failed is not None:
        raise FetchError(connection.user, failed.diagnosis, transcript)
    return Fetched(connection.user, archive, tuple(new), seen, transcript)


def _spoken(session: StoredSession, transcript: Transcript) -> None:
    """Give *session* the lines that are not stored yet."""
    before = session.transcript
    first = before.get("first", 0) + len(before.get("lines", ()))
    session.transcript = {"first": first, "lines": transcript.to_dict()["lines"][first:]}


def _listed(
    graph: Graph, since: datetime | None, top: int, folder: str | None
) -> Iterator[_Listed]:
    """The newest messages, drafts left out, the newest first."""
    where = f"mailFolders/{quote(folder, safe='')}/messages" if folder else "messages"
    wanted = {
        "$select": _SELECTED,
        "$top": str(min(top, _PAGE)),
        "$orderby": "receivedDateTime desc",
    }
    if since is not None:
        # What is sorted by must come first in a filter, or Graph calls it inefficient.
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted["$filter"] = f"receivedDateTime ge {moment}"
    path = f"{graph.mailbox}/{where}?{urlencode(wanted, quote_via=quote, safe='$,')}"
    left = top
    for _ in range(_PAGES):
        page = graph.ask("GET", path, headers=_STABLE).json
        items = page.get("value")
        for item in items if isinstance(items, list) else ():
            listed = _item(item)
            if listed is not None:
                yield listed
                left -= 1
                if not left:
                    return
        link = page.get("@odata.nextLink")
        if not link:
            return
        path = _next(graph, str(link))


def _next(graph: Graph, link: str) -> str:
    """The path of the next page, which must be where the token may go."""
    parts = urlsplit(link)
    if f"{parts.scheme}://{parts.netloc}".lower() != graph.origin.lower():
        text = f"200 ForeignNextLink: the next page is not at {graph.connection.endpoint}"
        graph.transcript.add("*", "the list goes on at another host, which is not asked")
        raise failure(text, 200)
    return f"{parts.path}?{parts.query}"


def _item(item: Any) -> _Listed | None:
    if not isinstance(item, dict) or item.get("isDraft") is True:
        return None
    name, moment = item.get("id"), item.get("receivedDateTime")
    if not isinstance(name, str) or not name or not isinstance(moment, str):
        return None
    try:
        # Fractions of seconds may have more digits than Python reads.
        received_at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", moment))
    except ValueError:
        return None
    aware = received_at if received_at.tzinfo else received_at.replace(tzinfo=UTC)
    return _Listed(name, aware.astimezone(UTC))


def _raw(graph: Graph, name: str) -> bytes | None:
    """The message as it is in the mailbox; None when it is not there any more."""
    path = f"{graph.mailbox}/messages/{quote(name, safe='')}/$value"
    try:
        return graph.ask("GET", path, headers=_STABLE, limit=_WHOLE_MESSAGE).body
    except Failure as gone:
        if gone.status != 404:
            raise
        return None


def _message(raw: bytes, item: _Listed, mailbox: str, session: StoredSession) -> StoredMessage:
    """The record of a fetched message.

    Of its envelope only the sender is known, and only where the server that took it in wrote it
    down as Return-Path (RFC 5321 section 4.4); it went to the mailbox it is in.
    """
    from smtp_lab.archive import StoredMessage

    head = message_from_bytes(raw.partition(b"\r\n\r\n")[0][:100_000], policy=compat32)
    path = getaddresses([str(head.get("Return-Path", ""))])
    sender = path[0][1] if path else ""
    return StoredMessage(
        raw=raw,
        mail_from=sender if "@" in sender else "",
        rcpt_to=(mailbox,),
        received_at=item.received_at,
        session=session,
    )
