"""``smtp-lab inbox`` and ``smtp-lab check``: captured mail in a terminal."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import smtp_lab
from smtp_lab.archive import Archive, StoredMessage, StoredSession
from smtp_lab.cli.base import as_json, line, listed, main, row, told
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from smtp_lab.inbox.found import Found

__all__ = ("check", "inbox")

_NONE_YET = "No mail has been captured yet."
_FILES = {".eml", ".mbox", ".zip"}
_WHERE = "Path or URL of the archive; default: this user's."

_archive = click.option("--archive", default=None, help=_WHERE)


@main.command()
@click.argument("query", default="")
@_archive
@click.option(
    *("-n", "--limit", "limit"),
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many, the newest.",
)
@as_json
@told
def inbox(query: str, archive: str | None, limit: int, *, as_json: bool) -> None:
    """List the newest captured messages, or those that match QUERY, oldest first.

    QUERY is what inbox.search() takes, such as 'from:ann subject:"report 7" -is:refused'. With it,
    sessions without a message that match are listed too. One that begins with - comes behind --.
    """
    opened = _opened(archive)
    if opened is None:
        _say([] if as_json else [_NONE_YET])
        return
    found = opened.search(query)
    messages = found[-limit:]
    if as_json:
        _say([json.dumps(row(message)) for message in messages])
        return
    lines = [line(message) for message in messages]
    if len(found) > limit:
        lines.insert(0, f"The newest {limit:,} of {len(found):,}:")
    if query.strip():
        lines += _sessions(found, limit)
    nothing = "Nothing matches." if query.strip() else _NONE_YET
    _say(lines or [nothing])


def _sessions(found: Found, limit: int) -> Iterator[str]:
    """A line for each session that no message came of."""
    table = found.sessions()
    alone = table[~table["outcome"].isin(["mail", "partly"])]
    for session in alone.tail(limit).to_dict(orient="records"):
        said = ", ".join(filter(None, (session["outcome"], session["last_reply"])))
        yield listed("-", session["started_at"], session["peer"], said)


@main.command()
@click.argument("what", nargs=-1, metavar="[FILE… | QUERY]")
@_archive
@click.option(
    "--client", multiple=True, help="Only what this mail client does not show, such as outlook."
)
@click.option("--rule", multiple=True, help="Only the rules with this name; * stands for anything.")
@as_json
@told
def check(what: tuple[str, ...], archive: str | None, *, as_json: bool, **asked: Any) -> None:
    """Hold mail against the rules of docs/checks.md; exit code 1 when there is an error.

    Each FILE is an .eml, an mbox, a Maildir, a ZIP or a folder of .eml files; where all lines of a
    mail end in LF, they are taken for CRLF. Without a file, captured mail is checked: all of it, or
    what QUERY finds. Nothing is asked of the network.
    """
    wanted = {"client": list(asked["client"]) or None, "rules": list(asked["rule"])}
    with _mail(what, archive) as messages:
        if messages is None:
            _say([] if as_json else [_NONE_YET])
            return
        found = messages.check(**wanted)
        if as_json:
            _say([json.dumps(row) for row in found.to_dict(orient="records")])
        else:
            _say([str(found)])
        sys.exit(1 if (found["severity"] == "error").any() else 0)


@contextmanager
def _mail(what: tuple[str, ...], archive: str | None) -> Iterator[smtp_lab.Inbox | Found | None]:
    """The mail to check: of files, if all there is of *what* are such, or of an archive."""
    there = [Path(name).exists() for name in what]
    if any(there) or any(Path(name).suffix in _FILES for name in what):
        if not all(there):
            missing = what[there.index(False)]
            raise InputError.of("file", f"{missing} is not there", "check the path")
        with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
            files = smtp_lab.Inbox(_FromDisk(Path(folder) / "mail.sqlite3"))
            for name in what:
                files.read(name)
            yield files
            files.archive.close()
        return
    opened = _opened(archive)
    yield opened.search(" ".join(what)) if opened is not None and what else opened


class _FromDisk(Archive):
    """Mail as it would be on the wire: line ends on a disk are those of the disk's programs.

    Only where all of them are LF is that sure; CRLF and LF in one mail are the mail's own doing.
    """

    def add(
        self,
        messages: Sequence[StoredMessage],
        sessions: Sequence[StoredSession] = (),
        *,
        wait: bool = True,
    ) -> list[int]:
        """Store *messages* with the line ends of RFC 5322; see `Archive.add`."""
        wired = [
            one if b"\r\n" in one.raw else replace(one, raw=one.raw.replace(b"\n", b"\r\n"))
            for one in messages
        ]
        return super().add(wired, sessions, wait=wait)


def _opened(archive: str | None) -> smtp_lab.Inbox | None:
    from smtp_lab.config.paths import data_dir

    usual = data_dir() / "mail.sqlite3"
    return smtp_lab.Inbox.open(archive or usual) if archive or usual.exists() else None


def _say(lines: list[str]) -> None:
    for said in lines:
        click.echo(said)
