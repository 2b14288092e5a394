"""The parts a message is made of, as a tree and as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from smtp_lab.inbox import mime
from smtp_lab.inbox.parts import Part
from smtp_lab.transcript import printable

__all__ = ("PartInfo", "described", "drawn")

_LONGEST = 500  # characters of what a part says of itself: there may be a thousand parts


@dataclass(frozen=True)
class PartInfo:
    """One part of a message, or one that is made of parts.

    Attributes:
        path: Where it stands: ``0`` for a whole that is made of parts, which are ``1``, ``2``, …,
            and theirs ``1.1`` and so on (as IMAP numbers them, RFC 3501 section 6.4.5).
        type: Such as ``text/plain``.
        role: ``text`` or ``html`` for the bodies, ``attachment``, ``inline``, or ``multipart``.
        charset: What a text claims to be written in; empty when it does not say.
        encoding: The Content-Transfer-Encoding, in lower case; empty when it does not say.
        disposition: ``attachment``, ``inline`` or empty.
        name: Of a file, as the sender wrote it, made printable; do not use it as a path.
        content_id: What ``cid:`` links call it, or empty.
        size: Octets when decoded; of what is made of parts 0.
        sha256: Of the decoded octets, in hexadecimal; empty for what is made of parts.
    """

    path: str
    type: str
    role: str
    charset: str
    encoding: str
    disposition: str
    name: str
    content_id: str
    size: int
    sha256: str


def described(root: Part, bodies: dict[str, Part]) -> Iterator[PartInfo]:
    """Every part from *root* on, those made of others before what they are made of.

    Args:
        root: The message.
        bodies: Which parts are its text and its HTML, by type.
    """
    roles = {id(part): kind.removeprefix("text/") for kind, part in bodies.items()}
    stack = [(root, "1" if root.inside is None else "0")]
    while stack:
        part, path = stack.pop()
        inside = part.inside
        yield _info(part, path, "text" if roles.get(id(part)) == "plain" else roles.get(id(part)))
        if inside is not None:
            start = "" if path == "0" else f"{path}."
            numbered = [(child, f"{start}{n}") for n, child in enumerate(inside, 1)]
            stack += reversed(numbered)


def _info(part: Part, path: str, role: str | None) -> PartInfo:
    content = part.content
    content_id = mime.decode_words(part.get("Content-ID", "")).strip("<> ")
    if part.inside is not None:
        role = "multipart"
    elif role is None:
        inline = bool(content_id) and part.disposition != "attachment"
        role = "inline" if inline else "attachment"
    return PartInfo(
        path=path,
        type=_short(mime.decode_words(part.kind)),
        role=role,
        charset=_short(mime.decode_words(part.charset)),
        encoding=_short(mime.decode_words(part.get("Content-Transfer-Encoding", "")).lower()),
        disposition=part.disposition[:_LONGEST],
        name=_short(part.file_name),
        content_id=_short(content_id),
        size=len(content),
        sha256="" if role == "multipart" else sha256(content).hexdigest(),
    )


def _short(text: str) -> str:
    return printable(text[:_LONGEST])


def drawn(parts: list[PartInfo]) -> str:
    """The tree of *parts*, a line each, for a terminal."""
    lines = []
    for part in parts:
        depth = 0 if part.path in ("0", "1") and part is parts[0] else part.path.count(".") + 1
        about = [part.type, part.role if part.role != "multipart" else "", part.name]
        about.append(f"{part.size:,} octets" if part.role != "multipart" else "")
        lines.append(f"{'  ' * depth}{part.path} {', '.join(filter(None, about))}")
    return "\n".join(lines)
