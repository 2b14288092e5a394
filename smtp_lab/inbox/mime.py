"""Reading MIME that may be broken or hostile: every function gives a value and none raises.

The standard library's ``policy.default`` raises on about two in a hundred real-world messages and
needs gigabytes for some small ones; its ``compat32`` parser never raised on the same mail. So the
structure comes from compat32 and the decoding is done here, within bounds.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from quopri import decodestring
from typing import Any

__all__ = (
    "decode_bytes",
    "decode_words",
    "file_name",
    "parse",
    "read_addresses",
    "read_date",
    "walk",
)

HEADER_BYTES = 102_400  # what Postfix takes (header_size_limit)
PARTS = 1_000
DEPTH = 100
ADDRESSES = 1_000

_LINES = 2_000_000
_WORK = 10_000_000  # the parser holds every line against every boundary that is open

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_BOUNDARY = re.compile(rb"boundary[\s*0-9]*=", re.IGNORECASE)  # each multipart names one
# The standard library takes the parameters of such a header apart in quadratic time.
_LONG_CONTENT = re.compile(
    rb"(?:\A|[\r\n])content-[a-z-]{1,40}:(?:"
    rb"(?:[^;\r\n]*+(?:\r?\n[ \t][^;\r\n]*+)*+;){200}|(?:[^\r\n]|\r?\n[ \t]){16384})",
    re.IGNORECASE,
)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,60}\?[BbQq]\?)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
# Line ends and tabs stay; every other control character becomes visible as the replacement mark.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Text encodings that no mail is in, and that take quadratic time.
_NOT_FOR_MAIL = {"punycode", "idna"}
_ALIASES = {
    "unknown-8bit": "latin-1",
    "x-unknown": "latin-1",
    "default_charset": "utf-8",
    "utf-7": "latin-1",
}


def clean(text: str) -> str:
    """Give *text* without lone surrogates and control characters, which many tools choke on."""
    return _CONTROLS.sub("\ufffd", text.encode("utf-8", "replace").decode("utf-8"))


def decode_bytes(data: bytes, charset: str = "") -> str:
    """Decode *data* as *charset*, else as UTF-8, else as Windows-1252: something always comes out."""
    name = _ALIASES.get(charset.strip(" \"'").lower(), charset.strip(" \"'"))
    for candidate in (name, "utf-8", "cp1252"):
        try:
            info = codecs.lookup(candidate)
            if info._is_text_encoding and info.name not in _NOT_FOR_MAIL:  # noqa: SLF001  # bytes-to-bytes codecs unpack archives
                return clean(data.decode(info.name))
        except (LookupError, ValueError):
            continue
    return clean(data.decode("latin-1"))


def decode_words(value: Any) -> str:
    """Decode the encoded words (RFC 2047) of a header *value* and unfold it."""
    raw = str(value)
    # 8-bit headers come from the parser as surrogates; most of them are UTF-8.
    text = decode_bytes(raw.encode("utf-8", "surrogateescape")) if not raw.isascii() else raw
    text = _FOLD.sub("", text)
    if "=?" in text:
        text = _WORD.sub(_decode_word, _BETWEEN_WORDS.sub(r"\1", text))
    return re.sub(r"[\r\n]+", " ", clean(text)).strip()


def _decode_word(found: re.Match[str]) -> str:
    charset, kind, text = found.groups()
    try:
        data = (
            b64decode(text + "=" * (-len(text) % 4))
            if kind in "Bb"
            else decodestring(text.replace("_", " ").encode(), header=True)
        )
    except (Base64Error, ValueError):
        return found[0]
    return decode_bytes(data, charset.partition("*")[0])


def parse(raw: bytes) -> tuple[Message[Any, Any], str]:
    """Parse *raw* within bounds.

    Returns:
        The message, and why it could not be read whole: an empty text when it could.
    """
    end = _END_OF_HEADERS.search(raw, 0, HEADER_BYTES + 4)
    if end is None and len(raw) > HEADER_BYTES:
        return _headers_only(raw[:HEADER_BYTES].rpartition(b"\n")[0]), (
            "its headers are larger than 100 KiB"
        )
    headers = raw[: end.end()] if end else raw
    if reason := _too_complex(raw):
        return _headers_only(headers), reason
    try:
        return message_from_bytes(raw, policy=compat32), ""
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        return _headers_only(headers), "its structure cannot be followed"


def _too_complex(raw: bytes) -> str:
    """Why *raw* is not given to the parser, judged in one pass over the bytes; empty if it is."""
    if raw.count(b"\n--") + raw.count(b"\r--") > 2 * PARTS:
        return f"it may have more than {PARTS:,} parts"
    lines = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    if lines > _LINES:
        return f"it has more than {_LINES:,} lines"
    if lines * len(_BOUNDARY.findall(raw)) > _WORK:
        return "it may have too many parts within parts for its length"
    return "a header of a part is too long to be taken apart" if _LONG_CONTENT.search(raw) else ""


def _headers_only(headers: bytes) -> Message[Any, Any]:
    message = BytesHeaderParser(policy=compat32).parsebytes(headers)
    message.set_payload("")
    return message


def walk(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """Every part that is no container, in order, down to `DEPTH` and at most `PARTS` of them."""
    stack: list[tuple[Message[Any, Any], int]] = [(message, 0)]
    for _ in range(PARTS):
        if not stack:
            return
        part, depth = stack.pop()
        inside = part.get_payload()
        if isinstance(inside, list):
            if depth < DEPTH:
                stack += [
                    (child, depth + 1) for child in reversed(inside) if isinstance(child, Message)
                ]
        else:
            yield part


def payload(part: Message[Any, Any]) -> bytes:
    """The decoded bytes of a leaf *part*."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, TypeError):
        data = None
    if isinstance(data, bytes):
        return data
    return str(part.get_payload()).encode("utf-8", "surrogateescape")


def file_name(part: Message[Any, Any]) -> str:
    """The name of an attachment as the sender wrote it, for show: empty when there is none."""
    try:
        return decode_words(part.get_filename() or "")
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        return ""


def read_addresses(values: list[str]) -> list[str]:
    """The addresses in some header *values* as ``Name <address>``, at most `ADDRESSES` of them."""
    text = ", ".join(map(str, values))[:HEADER_BYTES]
    try:
        pairs = getaddresses([_FOLD.sub("", text)])[:ADDRESSES]
    except (ValueError, IndexError, AttributeError, RecursionError):
        return [decode_words(text)] if text else []
    shown = []
    for name, address in pairs:
        name, address = decode_words(name), decode_words(address)
        if name or address:
            shown.append(f"{name} <{address}>" if name else address)
    return shown or ([decode_words(text)] if text.strip() else [])


def read_date(value: Any) -> datetime | None:
    """The moment a Date header means, in UTC; None when it means none."""
    try:
        moment = parsedate_to_datetime(str(value))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
