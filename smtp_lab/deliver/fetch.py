"""Reading back: recent messages of a mailbox, so that one sees that mail arrived."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from smtp_lab.config import GraphConnection, Profile, ProfileBook
from smtp_lab.deliver import graph, tokens
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.arguments import check_kind, check_number, check_text
from smtp_lab.deliver.graph import Fetched
from smtp_lab.deliver.hush import hushed
from smtp_lab.errors import InputError

if TYPE_CHECKING:  # SQLAlchemy is not needed for sending
    from smtp_lab.archive import Archive

__all__ = ("fetch_recent",)

_MOST = 1_000


@hushed
def fetch_recent(  # noqa: PLR0913  # what is looked for has these parts
    profile: Profile | str | None = None,
    *,
    archive: Archive | str | Path,
    since: datetime | None = None,
    top: int = 50,
    folder: str | None = "inbox",
    book: ProfileBook | None = None,
) -> Fetched:
    """Fetch the newest messages of a mailbox into an archive, each of them once.

    ``lab.Inbox(lab.fetch_recent("team", archive="team.sqlite3").archive)`` shows them in the same
    tables as mail a sink captured. Such a message has no SMTP session: its ``door`` is ``graph``,
    its ``peer`` the host it was fetched from, its recipient the mailbox, and its envelope sender
    what Return-Path says. The mailbox itself is not changed; it needs the permission Mail.Read.

    Args:
        profile: A profile with a `GraphConnection`, or its name; by default the book's default.
        archive: An archive, a path or a SQLAlchemy URL; what is not there is made.
        since: Only messages received at this moment or later; with a time zone.
        top: This many at the most, 1 to 1,000; drafts do not count.
        folder: Name (``inbox``, ``junkemail``, ``sentitems`` …) or id of a folder; None is the
            whole mailbox, with what was sent and what was deleted.
        book: Whose profiles hold; by default the default book.

    Returns:
        A `Fetched`: how many were new, and the archive they are in.

    Raises:
        InputError: Something cannot be used as it is; no connection was opened.
        FetchError: The mailbox could not be read; its `diagnosis` says why.
        ArchiveError: The archive cannot be written.
    """
    from smtp_lab.archive import Archive

    account = Account.of(profile, book=book)
    connection = account.connection
    if not isinstance(connection, GraphConnection):
        fix = "use a profile with a GraphConnection; mail in a sink is in sink.inbox"
        raise InputError.of("connection.type", "smtp can send but not read", fix)
    check_number("top", top, 1, _MOST, whole=True)
    check_kind("since", since, datetime, "give a datetime with a time zone, or leave it out")
    check_text("folder", folder, "give its name such as inbox, or None for all of them")
    fix = "give an Archive, a path, or a SQLAlchemy URL"
    check_kind("archive", archive, Archive | str | Path, fix, none=False)
    if since is not None and since.tzinfo is None:
        fix = "give one such as datetime(2026, 1, 31, tzinfo=UTC)"
        raise InputError.of("since", "has no time zone", fix)
    store = archive if isinstance(archive, Archive) else Archive(archive)
    source = tokens.graph_tokens(account.profile)
    return graph.fetch(connection, source, store, since=since, top=top, folder=folder)
