"""Pictures: described, there, and not too large."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_LARGE = 1_000_000  # octets
_WIDE = 2_000  # pixels
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@rule("image-alt-missing", "warning", "A picture has no alt", "WCAG 2.2, 1.1.1")
def image_alt_missing(mail: Mail) -> Iterator[Hit]:
    """Most clients show no pictures at first: the alt is all there is. Empty for decoration."""
    for tag in mail.page.all("img"):
        if "alt" not in tag.attributes and not _is_dot(tag.attributes):
            yield Hit(str(tag), "it has no alt attribute", 'describe it, or write alt=""')


@rule("image-source-missing", "error", "A picture has no address to load it from", "HTML, img")
def image_source_missing(mail: Mail) -> Iterator[Hit]:
    """A mail has no folder: only whole addresses, cid: and data: can be loaded."""
    based = bool(mail.page.all("base"))
    for tag in mail.page.all("img"):
        source = tag.attributes.get("src", "").strip()
        if not source and "srcset" not in tag.attributes:
            yield Hit(str(tag), "it has no src", "name a picture, or take the tag out")
        elif source and not based and not _has_scheme(source):
            why = f"{source[:80]!r} is relative, and a mail has no folder"
            yield Hit(str(tag), why, "attach the picture and call it cid:…, or give https://…")


@rule("image-cid-missing", "error", "A cid: leads to no part", "RFC 2392")
def image_cid_missing(mail: Mail) -> Iterator[Hit]:
    """The reader sees a broken picture."""
    there = {file.content_id for file in mail.message.attachments if file.content_id}
    for called, written in mail.called.items():
        if called not in there and written not in there:
            why = f"cid:{called[:80]} is called, and no part has this Content-ID"
            yield Hit("HTML", why, "attach the picture with that Content-ID")


@rule("image-unused", "note", "An inline picture is not shown by the HTML", "RFC 2392")
def image_unused(mail: Mail) -> Iterator[Hit]:
    """Clients list it as a file, or hide it."""
    if not mail.message.html.strip():
        return
    called = {*mail.called, *mail.called.values()}
    for file in mail.message.attachments:
        if file.inline and file.type.startswith("image/") and file.content_id not in called:
            what = file.name or file.content_id
            why = f"{what[:80]!r} is inline and the HTML does not call it"
            yield Hit("attachments", why, "call it by cid:, or attach it as a file")


@rule("image-large", "warning", "A picture is very large", "experience")
def image_large(mail: Mail) -> Iterator[Hit]:
    """On a phone it takes long and costs; no screen shows so many pixels in a mail."""
    for file in mail.message.attachments:
        if not file.inline or not file.type.startswith("image/"):
            continue
        width = _width(file.content)
        if len(file.content) > _LARGE:
            why = f"{file.name[:60]!r} has {len(file.content):,} octets"
            yield Hit("attachments", why, f"keep it below {_LARGE:,}")
        elif width > _WIDE:
            why = f"{file.name[:60]!r} is {width:,} pixels wide"
            yield Hit("attachments", why, f"twice the width it is shown in is enough ({_WIDE:,})")


@rule("image-insecure", "note", "A picture is loaded without TLS", "experience")
def image_insecure(mail: Mail) -> Iterator[Hit]:
    """Some clients do not load it."""
    for tag in mail.page.all("img"):
        if tag.attributes.get("src", "").strip().lower().startswith("http://"):
            yield Hit(str(tag), "its address begins with http://", "use https://")


@rule("image-tracking", "note", "A picture of one pixel tells when it is read", "experience")
def image_tracking(mail: Mail) -> Iterator[Hit]:
    """Readers and their clients may block it; in many countries it takes consent."""
    for tag in mail.page.all("img"):
        source = tag.attributes.get("src", "").strip()
        if _is_dot(tag.attributes) and source[:4].lower() == "http":
            host = source[:80].partition("//")[2].partition("/")[0]
            yield Hit(str(tag), f"one pixel is loaded from {host}", "say so, or leave it out")


def _is_dot(attributes: dict[str, str]) -> bool:
    return any(attributes.get(side, "").strip(" px") in ("0", "1") for side in ("width", "height"))


def _has_scheme(source: str) -> bool:
    try:
        return bool(urlsplit(source).scheme) or source.startswith("//")
    except ValueError:
        return True  # the rules on links tell


def _width(data: bytes) -> int:
    """The width in pixels that a PNG, GIF or JPEG claims; 0 when it cannot be read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 20:
        return int(struct.unpack(">I", data[16:20])[0])
    if data.startswith(b"GIF8") and len(data) >= 8:
        return int(struct.unpack("<H", data[6:8])[0])
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    for _ in range(200):
        if at + 9 > len(data) or data[at] != 0xFF:
            return 0
        if data[at + 1] in _FRAMES:
            return int(struct.unpack(">H", data[at + 7 : at + 9])[0])
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return 0
