"""The message as Microsoft Graph must have it: recipients in its headers, and small enough.

Graph knows no envelope for a message in MIME: it sends to everyone in To, Cc and Bcc, and takes Bcc
out (https://learn.microsoft.com/graph/outlook-send-mime-message). So the headers have to name the
recipients of the envelope, all of them and nobody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import InvalidHeaderDefect
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage, Message
from email.policy import compat32, default
from email.utils import getaddresses
from mimetypes import guess_extension
from typing import Any

from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.errors import InputError

__all__ = ("File", "addressed", "parted")

_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAMES = (b"to", b"cc", b"bcc")
_EMPTY = b"Content-Type: text/plain\r\n\r\n"


@dataclass(frozen=True)
class File:
    """An attachment that travels by itself.

    Attributes:
        name: Its file name.
        kind: Its media type.
        content: Its octets.
        content_id: What ``cid:`` links in the HTML call it, or empty.
        inline: Whether it belongs to the HTML rather than beside it.
    """

    name: str
    kind: str
    content: bytes = field(repr=False)
    content_id: str = ""
    inline: bool = False


# --- recipients ---------------------------------------------------------------------------------


def addressed(outgoing: Outgoing, *, redirected: bool = False) -> bytes:
    """The bytes of *outgoing* with headers that name its envelope recipients and nobody else.

    Recipients that stand in no header are added as Bcc. Somebody in To or Cc who is no recipient
    would get the mail as well: that is refused, or, where policy *redirected* the mail, these
    headers are kept under another name (``X-Original-To``) and To names the recipients.

    Raises:
        InputError: The headers cannot be made to say so.
    """
    head, gap, body = outgoing.raw.partition(b"\r\n\r\n")
    fields = _FIELD.split(head)
    wanted = {_key(address) for address in outgoing.rcpt_to}
    others = [address for address in _named(fields) if _key(address) not in wanted]
    if others and not redirected:
        problem = (
            "Microsoft Graph sends to everyone in To and Cc, so these would get the mail too: "
            + ", ".join(dict.fromkeys(others))
        )
        raise InputError.of("to", problem, "make them recipients, or take them out of the headers")
    if others:
        fields = [b"X-Original-" + f if _name(f) in _NAMES else f for f in fields]
        fields.append(_header(b"To", outgoing.rcpt_to))
    else:
        named = {_key(address) for address in _named(fields)}
        if missing := [address for address in outgoing.rcpt_to if _key(address) not in named]:
            fields.append(_header(b"Bcc", missing))
    if {_key(address) for address in _named(fields)} != wanted:
        raise InputError.of(
            "to", "holds an address that cannot be written in a header", "use a plainer address"
        )
    return b"\r\n".join(fields) + gap + body


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _header(name: bytes, addresses: tuple[str, ...] | list[str]) -> bytes:
    return name + b": " + b",\r\n ".join(_written(address).encode() for address in addresses)


def _written(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{_ascii(domain)}"


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _key(address: str) -> str:
    """What two spellings of one mailbox have in common; Exchange ignores case."""
    return _written(address).casefold()


def _named(fields: list[bytes]) -> list[str]:
    """Everyone that To, Cc and Bcc name.

    Two parsers read them, since what another program reads into odd headers decides who gets mail.
    """
    texts = [
        re.sub(r"\r\n(?=[ \t])", "", f.partition(b":")[2].decode("utf-8", "replace")).strip()
        for f in fields
        if _name(f) in _NAMES
    ]
    found: list[str] = []
    for text in texts:
        header: Any = HeaderRegistry()("To", text)
        strictly = [a.addr_spec for a in header.addresses]
        loosely = [address for _, address in getaddresses([text]) if address]
        odd = any(isinstance(d, InvalidHeaderDefect) for d in header.defects)
        if [a.casefold() for a in strictly] != [a.casefold() for a in loosely] or (odd and text):
            problem = "a header names recipients in a way that programs read differently"
            raise InputError.of("to", problem, "write it as: Name <address>, Name <address>")
        found += strictly
    return found


# --- size ---------------------------------------------------------------------------------------


@dataclass
class _Part:
    """A part of a message as it stands, so that what is kept is kept octet for octet.

    Attributes:
        head: Its headers with the empty line.
        body: Its body, or what stands before the first part in it.
        info: Its headers to be asked.
        parts: The parts in it, each with the boundary before it.
        tail: The last boundary and what follows.
    """

    head: bytes
    body: bytes
    info: Message[str, str]
    parts: list[tuple[bytes, _Part]] = field(default_factory=list)
    tail: bytes = b""

    @property
    def kind(self) -> str:
        return self.info.get_content_type()

    @property
    def length(self) -> int:
        return len(self.written())

    def written(self) -> bytes:
        inner = [piece for line, part in self.parts for piece in (line, part.written())]
        return b"".join([self.head, self.body, *inner, self.tail])


def parted(raw: bytes, limit: int) -> tuple[bytes, tuple[File, ...]]:
    """Take attachments out of *raw*, the largest first, until at most *limit* octets are left.

    Everything else stays as it was, octet for octet.

    Raises:
        InputError: It is still too long, since its text is, or since it may not be changed.
    """
    whole = _part(raw)
    found = sorted(_attached(whole), key=lambda pair: -len(pair[1].body))
    left, files = len(raw), []
    for parent, part in found:
        if left <= limit:
            break
        files.append(_file(part))
        left -= sum(len(line) + part.length for line, other in parent.parts if other is part)
        parent.parts = [(line, other) for line, other in parent.parts if other is not part]
    for parent in {id(parent): parent for parent, _ in found if not parent.parts}.values():
        # A multipart has at least one part (RFC 2046 section 5.1).
        line = b"\r\n--" + (parent.info.get_boundary() or "").encode() + b"\r\n"
        parent.parts = [(line, _part(_EMPTY))]
    rest = whole.written()
    if len(rest) > limit:
        problem = (
            f"has {len(rest):,} octets that cannot travel as attachments by themselves; "
            f"Microsoft Graph takes {limit:,} in one request"
        )
        fix = "shorten the text or attach it as a file; what is signed or encrypted must be smaller"
        raise InputError.of("message", problem, fix)
    return rest, tuple(files)


def _part(raw: bytes, depth: int = 0) -> _Part:
    if raw.startswith(b"\r\n"):  # a part without headers
        head, body = raw[:2], raw[2:]
    else:
        head, gap, body = raw.partition(b"\r\n\r\n")
        head += gap
    info = message_from_bytes(head, policy=compat32)
    boundary = info.get_boundary() if info.get_content_maintype() == "multipart" else None
    if not boundary or depth > _DEPTH:
        return _Part(head, body, info)
    line = re.compile(
        rb"(?:\A|\r\n)--"
        + re.escape(boundary.encode("utf-8", "replace"))
        + rb"(--)?[ \t]*(?=\r\n|\Z)"
    )
    marks = list(line.finditer(body))
    last = next((n for n, mark in enumerate(marks) if mark[1]), len(marks))
    opening = marks[:last]
    end = marks[last].start() if last < len(marks) else len(body)
    if not opening:
        return _Part(head, body, info)
    starts = [mark.start() for mark in opening]
    parts = []
    for mark, stop in zip(opening, [*starts[1:], end], strict=True):
        begin = min(mark.end() + 2, stop)
        parts.append((body[mark.start() : begin], _part(body[begin:stop], depth + 1)))
    return _Part(head, body[: starts[0]], info, parts, body[end:])


def _attached(parent: _Part) -> list[tuple[_Part, _Part]]:
    """The attachments in *parent* that may be taken out, each with the part it stands in."""
    # What is signed or encrypted as a whole would be broken by it (RFC 1847), a report as well.
    if parent.kind not in ("multipart/mixed", "multipart/related", "multipart/alternative"):
        return []
    found = []
    for _, part in parent.parts:
        if part.parts:
            found += _attached(part)
        elif parent.kind != "multipart/alternative" and _is_file(part.info):
            found.append((parent, part))
    return found


def _is_file(info: Message[str, str]) -> bool:
    named = info.get_filename() is not None or info.get_content_disposition() == "attachment"
    return named or info.get_content_maintype() not in ("text", "multipart")


def _file(part: _Part) -> File:
    info = part.info
    # The newer policy decodes every way in which names are written.
    read = message_from_bytes(part.head, policy=default)
    name = read.get_filename() if isinstance(read, EmailMessage) else None
    if part.kind == "message/rfc822":
        content, name = part.body, name or "message.eml"
    else:
        leaf = message_from_bytes(part.head + part.body, policy=compat32)
        payload = leaf.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else part.body
    content_id = str(info.get("Content-ID", "")).strip().strip("<>")
    return File(
        name=name or f"attachment{guess_extension(part.kind) or ''}",
        kind=part.kind,
        content=content,
        content_id=content_id,
        inline=bool(content_id) and info.get_content_disposition() != "attachment",
    )


_DEPTH = 20
