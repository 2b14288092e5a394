"""Reading text in mail that may be broken or hostile: every function gives a value, none raises.

The standard library's ``policy.default`` raises on about two in a hundred real-world messages and
needs gigabytes for some small ones. So the decoding is done here, within bounds.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from quopri import decodestring
from typing import Any

from smtp_lab.inbox.charsets import decoded, mostly

__all__ = (
    "clean",
    "decode_bytes",
    "decode_words",
    "octets",
    "read_addresses",
    "read_date",
    "unfold",
)

HEADER_BYTES = 102_400  # what Postfix takes (header_size_limit)
ADDRESSES = 1_000

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?([^?]*)\?=")
_FOLD = re.compile(r"(?:\r\n|\r|\n)(?=[ \t])")  # email's parser folds at a lone CR too
# Line ends and tabs stay; every other control character becomes visible as the replacement mark.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Give *text* without lone surrogates and control characters, which many tools choke on."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROLS.sub("\ufffd", text)


def octets(text: str) -> bytes:
    """The bytes that `email` made *text* of: what is beyond ASCII it carries as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def unfold(header: str) -> str:
    """Put a header that was written on several lines on one."""
    return _FOLD.sub("", header)


def decode_bytes(data: bytes, charset: str = "") -> str:
    """Decode *data* as *charset*, else UTF-8, else Windows-1252: something always comes out.

    A text of which only a little is broken stays in its charset.
    """
    for candidate in (charset, "utf-8"):
        text = decoded(data, candidate)
        if text is not None:
            return clean(text)
    text = mostly(data, charset)
    if text is None:
        text = decoded(data, "cp1252")
    return clean(data.decode("latin-1") if text is None else text)


def decode_words(value: Any) -> str:
    """Decode the encoded words (RFC 2047) of a header *value* and put it on one line."""
    raw = str(value)
    if raw.isascii() and raw.isprintable() and "=?" not in raw:
        return raw.strip()  # as most are
    # 8-bit headers come from the parser as surrogates; most of them are UTF-8.
    text = unfold(raw if raw.isascii() else decode_bytes(octets(raw)))
    if "=?" in text:
        text = _without_words(text)
    return re.sub(r"[\r\n\t]+", " ", clean(text)).strip()


def _without_words(text: str) -> str:
    pieces: list[str] = []
    words: list[bytes] = []  # one behind the other in one charset, not yet decoded
    charset = ""
    at = 0
    for found in _WORD.finditer(text):
        data = _octets_of_word(found[2], found[3])
        if data is None:
            continue
        between, at = text[at : found.start()], found.end()
        name = found[1].partition("*")[0].lower()
        if words and (name != charset or between.strip()):
            pieces.append(_decode_run(words, charset))
            words = []
        # The blanks between two words are there to fold at, and mean nothing.
        if between.strip() or not (pieces or words):
            pieces.append(between)
        words.append(data)
        charset = name
    return "".join([*pieces, _decode_run(words, charset), text[at:]])


def _decode_run(words: list[bytes], charset: str) -> str:
    # Together first: many senders cut in the middle of a character, though they must not.
    whole = decoded(b"".join(words), charset)
    return whole if whole is not None else "".join(decode_bytes(word, charset) for word in words)


def _octets_of_word(kind: str, text: str) -> bytes | None:
    if kind in "Qq":
        return decodestring(octets(text.replace("_", " ")), header=True)
    try:
        return b64decode(octets(text) + b"=" * (-len(text) % 4))
    except BinasciiError:
        return None


def read_addresses(values: list[str]) -> list[str]:
    """The addresses in some header *values* as ``Name <address>``, at most `ADDRESSES` of them."""
    text = ", ".join(map(str, values))[:HEADER_BYTES]
    if not text.strip():
        return []
    try:
        pairs = getaddresses([unfold(text)])[:ADDRESSES]
    except (ValueError, IndexError, AttributeError, RecursionError):
        return [decode_words(text)]
    shown = []
    for name, address in ((decode_words(x), decode_words(y)) for x, y in pairs):
        if name or address:
            shown.append(f"{name} <{address}>" if name else address)
    return shown or [decode_words(text)]


def read_date(value: Any) -> datetime | None:
    """The moment a Date header means, in UTC; None when it means none."""
    try:
        moment = parsedate_to_datetime(str(value))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
