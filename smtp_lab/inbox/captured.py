"""One captured message: what came over the wire, and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from smtp_lab.archive import Archive, StoredMessage, StoredSession
from smtp_lab.inbox import mime, preview
from smtp_lab.inbox.attachment import Attachment
from smtp_lab.inbox.codes import Code, codes_in
from smtp_lab.inbox.files import save_all
from smtp_lab.inbox.judged import Judged
from smtp_lab.inbox.parts import Part, parse, walk
from smtp_lab.inbox.plain import Link, links_in, words_of
from smtp_lab.inbox.tree import PartInfo, described, drawn
from smtp_lab.show import facts_table
from smtp_lab.transcript import Transcript, printable

__all__ = ("Attachment", "Captured")

_SHOWN = ("From", "To", "Cc", "Reply-To", "Subject", "Date")
_BODIES = ("text/plain", "text/html")
_BODY = 5_000_000  # octets of a body; what is larger is no mail for people
_PRINTED = 100_000  # characters of a body in a terminal
_READ = 500_000  # characters of a body in which links and codes are looked for
_GMAIL = 102 * 1024
_LINE_END = re.compile("\r\n?")


class Captured(Judged):
    """A message as the sink received it.

    The envelope is what the client said in MAIL and RCPT, never taken from headers. Parsing is done
    when first asked for, within bounds, and gives a value for every mail however broken; `raw` is
    always there.

    Args:
        stored: The message as the archive has it.
        archive: Where its dialogue is.
    """

    def __init__(self, stored: StoredMessage, archive: Archive | None = None) -> None:
        self._stored = stored
        self._archive = archive
        self._addresses: dict[str, list[str]] = {}

    # --- as it came ---------------------------------------------------------------------------

    @property
    def id(self) -> int:
        """Its number in the archive, counted upwards and never used twice."""
        return self._stored.id

    @property
    def raw(self) -> bytes:
        """The bytes as received, dot-stuffing undone, nothing else changed."""
        return self._stored.raw

    @property
    def size(self) -> int:
        """Its length in octets."""
        return len(self._stored.raw)

    @property
    def received_at(self) -> datetime:
        """When the last byte had arrived, in UTC."""
        return self._stored.received_at

    @property
    def mail_from(self) -> str:
        """The envelope sender; empty for the null sender of bounces."""
        return self._stored.mail_from

    @property
    def rcpt_to(self) -> tuple[str, ...]:
        """The envelope recipients, those in Bcc among them."""
        return self._stored.rcpt_to

    @property
    def session(self) -> StoredSession:
        """The connection it came over: peer, TLS, login."""
        return self._stored.session

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """The mailboxes a sink's rules have put it into."""
        if self._archive is None:
            return self._stored.mailboxes
        return self._archive.mailboxes([self.id]).get(self.id, ())

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags as they are now, given by a sink's rules or by hand."""
        if self._archive is None:
            return self._stored.tags
        return self._archive.tags([self.id]).get(self.id, ())

    @cached_property
    def transcript(self) -> Transcript:
        """The dialogue as the sink saw it, up to its answer to the message."""
        stored = self._stored
        if self._archive is None:
            return Transcript(started_at=stored.session.started_at)
        return Transcript.from_dict(self._archive.transcript(stored.session, stored.lines))

    # --- what it means ------------------------------------------------------------------------

    @cached_property
    def _parsed(self) -> tuple[Part, str]:
        return parse(self.raw)

    @property
    def too_complex(self) -> str:
        """Why the message was not read whole; empty when it was.

        Beyond a bound on its structure nothing but headers was read, beyond that on a body its
        beginning and all other parts.
        """
        return self._parsed[1] or self._too_long

    @cached_property
    def _too_long(self) -> str:
        long = any(len(part.content) > _BODY for part in self._roles[0].values())
        return f"a body of it is larger than {_BODY // 1_000_000} MB" if long else ""

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Every header, decoded, in order."""
        return [
            (mime.clean(name), mime.decode_words(value))
            for name, value in self._parsed[0].raw_items()
        ]

    def header(self, name: str) -> str:
        """The first header called *name*, decoded; empty when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def addresses(self, name: str) -> list[str]:
        """The addresses in all headers called *name*, each as ``Name <address>``."""
        key = name.lower()
        if key not in self._addresses:
            values = [str(v) for k, v in self._parsed[0].raw_items() if k.lower() == key]
            self._addresses[key] = mime.read_addresses(values)
        return self._addresses[key][:]

    @property
    def subject(self) -> str:
        """The decoded Subject."""
        return self.header("Subject")

    @property
    def sender(self) -> str:
        """The From header as ``Name <address>``."""
        return ", ".join(self.addresses("From"))

    @property
    def date(self) -> datetime | None:
        """The moment of the Date header in UTC; None where it gives none."""
        return mime.read_date(self.header("Date"))

    @cached_property
    def _roles(self) -> tuple[dict[str, Part], list[Part]]:
        """The bodies by their type, and the files: nothing but blanks is in neither."""
        bodies: dict[str, Part] = {}
        files = []
        # Without a body there is nothing to read from headers that may be part of the trouble.
        for part in [] if self._parsed[1] else walk(self._parsed[0]):
            if part.kind not in _BODIES or _is_file(part):
                files.append(part)
            # Some programs put an empty text before a picture: it gives way to one with words.
            elif part.kind not in bodies or _is_blank(bodies[part.kind].content):
                bodies[part.kind] = part
            elif not _is_blank(part.content):
                files.append(part)
        # Some senders give the body a name: with no other body and no disposition it is one.
        if not bodies and files and files[0].kind in _BODIES and not files[0].disposition:
            body = files.pop(0)
            bodies[body.kind] = body
        return bodies, files

    def _body(self, kind: str) -> str:
        part = self._roles[0].get(kind)
        if part is None:
            return ""
        return _LINE_END.sub("\n", mime.decode_bytes(part.content[:_BODY], part.charset))

    @cached_property
    def text(self) -> str:
        """The plain text body; empty when there is none."""
        return self._body("text/plain")

    @cached_property
    def html(self) -> str:
        """The HTML body as sent; empty when there is none."""
        return self._body("text/html")

    @cached_property
    def attachments(self) -> list[Attachment]:
        """What is not the body: the files, in order, pictures of the HTML (``inline``) among them.

        A message in the message is a file too, of the type ``message/rfc822``; where it has no
        name, its subject names it.
        """
        found = []
        for part in self._roles[1]:
            content_id = mime.decode_words(part.get("Content-ID", "")).strip("<> ")
            found.append(
                Attachment(
                    name=printable(part.file_name),
                    type=mime.decode_words(part.kind),
                    content=part.content,
                    content_id=content_id,
                    inline=bool(content_id) and part.disposition != "attachment",
                    written=part.file_name,
                )
            )
        return found

    @cached_property
    def raw_headers(self) -> list[tuple[str, bytes]]:
        """Every header as it was written, in order: its name, and the octets behind the colon."""
        return [
            (mime.clean(name), mime.octets(str(value)))
            for name, value in self._parsed[0].raw_items()
        ]

    @cached_property
    def parts(self) -> list[PartInfo]:
        """Every part, one made of others before them; only the whole when it is too complex."""
        return list(described(self._parsed[0], self._roles[0]))

    @property
    def tree(self) -> str:
        """The parts as a tree, a line each."""
        return drawn(self.parts)

    @cached_property
    def links(self) -> list[Link]:
        """Where its HTML, its text and its List-Unsubscribe lead, at most 1,000; none is opened."""
        unsubscribe = self.header("List-Unsubscribe")
        return links_in(self.html[:_READ], self.text[:_READ], unsubscribe)

    @cached_property
    def codes(self) -> list[Code]:
        """The one-time codes in it, the likeliest first; see `codes`."""
        return codes_in(self.text[:_READ], self.subject, self.words_of_html)

    @cached_property
    def words_of_html(self) -> str:
        """What is to be read in the first 500,000 characters of its HTML, a line a paragraph."""
        return words_of(self.html[:_READ])

    @property
    def clipped(self) -> bool:
        """Whether Gmail would cut it off: its HTML has more than 102 kB (102,400 octets)."""
        html = self._roles[0].get("text/html")
        return html is not None and len(html.content) > _GMAIL

    def save_attachments(self, folder: str | Path) -> list[Path]:
        """Write the attachments into *folder*, which is made when it is not there.

        The names are made safe: none leads out of the folder, and no file that is there is written
        over.

        Returns:
            The files, in order.

        Raises:
            InputError: The folder cannot be written.
        """
        files = [(a.safe_name, a.type, a.content) for a in self.attachments]
        return save_all(files, folder)

    # --- how it is shown ----------------------------------------------------------------------

    def preview(
        self,
        *,
        width: preview.Width = "full",
        height: int | None = None,
        dark: bool = False,
        plain: bool = False,
    ) -> preview.Preview:
        """The body in a frame that runs nothing and fetches nothing, and what it was kept from.

        Args:
            width: ``phone`` (375 CSS pixels), ``desktop`` (960), ``full``, or a number of pixels.
            height: Of the frame, in CSS pixels; by default what goes with the width.
            dark: Show it as a client does that prefers dark colours: the mail's own dark styles
                are used, and where it sets no colours it is light on dark.
            plain: Show the text body even where there is an HTML one.

        Raises:
            InputError: Width or height cannot be one.
        """
        return preview.made(
            self.html,
            self.text,
            self.attachments,
            width=width,
            height=height,
            dark=dark,
            plain=plain,
            title=f"Preview of message {self.id}",
        )

    def __repr__(self) -> str:
        return printable(
            f"<Captured {self.id}: {self.subject!r} "
            f"from {self.mail_from or '<>'} to {', '.join(self.rcpt_to)}>"
        )

    def __str__(self) -> str:
        lines = [f"{name}: {value}" for name, value in self.summary.items()]
        body = self.text or self.html
        shown = [printable(line) for line in body[:_PRINTED].splitlines()]
        if len(body) > _PRINTED:
            shown.append(f"… ({len(body) - _PRINTED:,} more characters in .text or .html)")
        return "\n".join([*map(printable, lines), "", *shown])

    @property
    def summary(self) -> dict[str, str]:
        """What stands above its body where it is shown: headers, envelope, how it came, files."""
        return self._summary()

    def _summary(self, say: Callable[[str], str] = str) -> dict[str, str]:
        session = self.session
        shown = {name: self.header(name) for name in _SHOWN if self.header(name)}
        shown[say("Envelope")] = f"{self.mail_from or '<>'} → {', '.join(self.rcpt_to)}"
        shown[say("Received")] = ", ".join(
            (
                f"{self.received_at:%Y-%m-%d %H:%M:%S} UTC",
                say(_octets(self.size)),
                session.tls_version or say("not encrypted"),
                f"{say('login')} {session.login}" if session.login_ok else say("no login"),
            )
        )
        if files := [a for a in self.attachments if not a.inline]:
            shown[say("Attachments")] = ", ".join(
                f"{a.name or say('unnamed')} ({a.type}, {say(_octets(len(a.content)))})"
                for a in files
            )
        if self.too_complex:
            shown[say("Too complex")] = say(f"{self.too_complex}; the whole is in .raw")
        return shown

    def shown(self, say: Callable[[str], str] = str) -> dict[str, str]:
        """The `summary` made printable, each text of ours as *say* gives it."""
        # Characters that turn text around would make "exe.gpj" of "jpg.exe".
        summary = self._summary(say)
        return {name: printable(value.replace("\t", " ")) for name, value in summary.items()}

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The `summary` and the preview; *say* gives each text of ours to its reader."""
        label = say(f"Message {self.id}")
        return f"<div>{facts_table(label, self.shown(say))}{self.preview().as_html(say)}</div>"


def _octets(count: int) -> str:
    return f"{count:,} octet{'' if count == 1 else 's'}"


def _is_blank(content: bytes) -> bool:
    return not content or content.isspace()


def _is_file(part: Part) -> bool:
    return part.disposition == "attachment" or bool(part.file_name)
