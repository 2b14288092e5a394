"""Encoded words where none may be, or that cannot be read (RFC 2047)."""

from __future__ import annotations

import binascii
import codecs
import re
from base64 import b64decode
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import ADDRESS_HEADERS, Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_WORD = re.compile(r"=\?([^?\s]{0,100})\?([A-Za-z])\?([^?]{0,5000})\?=")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_LONGEST = 75
_NEVER = ("Message-ID", "In-Reply-To", "References", "Date", "MIME-Version", "Return-Path")
_PARAMETERS = ("Content-Type", "Content-Disposition")


@rule(
    "encoded-word-misplaced",
    "warning",
    "An encoded word stands where none may be",
    "RFC 2047 section 5",
)
def encoded_word_misplaced(mail: Mail) -> Iterator[Hit]:
    """In quotes, in an address or in an identifier it is only odd text to many programs."""
    for name, value in mail.items:
        if "=?" not in value:
            continue
        if name.title() in ADDRESS_HEADERS:
            if any(_WORD.search(quoted[0]) for quoted in _QUOTED.finditer(value)):
                yield Hit(name, "an encoded word stands in quotes", "leave out the quotes")
            if any(_WORD.search(address) for _, address in mail.addresses(name)):
                yield Hit(name, "an encoded word stands in an address", "encode only the name")
        elif name.lower() in (n.lower() for n in _NEVER) and _WORD.search(value):
            yield Hit(name, "an encoded word stands in it", "write it in plain ASCII")
    for where, part in mail.parts:
        for name in _PARAMETERS:
            if _WORD.search(str(part.get(name, ""))):
                fix = "write it as RFC 2231 says: filename*=utf-8''name"
                yield Hit(f"{where}, {name}", "an encoded word stands in a parameter", fix)


@rule(
    "encoded-word-broken", "error", "An encoded word cannot be read", "RFC 2047 sections 2, 4 and 6"
)
def encoded_word_broken(mail: Mail) -> Iterator[Hit]:
    """The reader sees ``=?utf-8?…`` instead of the text."""
    for name, value in mail.items:
        for found in _WORD.finditer(value):
            if why := _problem(found[0][:60], found[1], found[2], found[3]):
                yield Hit(name, why, "let a library encode it")


@rule("encoded-word-long", "note", "An encoded word is too long", "RFC 2047 section 2")
def encoded_word_long(mail: Mail) -> Iterator[Hit]:
    """Most readers take it all the same."""
    for name, value in mail.items:
        longest = max((len(found[0]) for found in _WORD.finditer(value)), default=0)
        if longest > _LONGEST:
            why = f"an encoded word has {longest} characters, {_LONGEST} are allowed"
            yield Hit(name, why, "let a library encode it")


def _problem(word: str, charset: str, kind: str, text: str) -> str:
    charset = charset.partition("*")[0]
    try:
        info = codecs.lookup(charset) if 0 < len(charset) <= 60 else None
    except (LookupError, ValueError):
        info = None
    if info is None:
        return f"{word!r} is in a charset nobody knows"
    if kind not in "BbQq":
        return f"{word!r} is encoded neither as B nor as Q"
    if " " in text or "\t" in text:
        return f"{word!r} holds a blank"
    if kind in "Bb":
        try:
            b64decode(text.encode("ascii", "replace"), validate=True)
        except (binascii.Error, ValueError):
            return f"{word!r} is no base64"
    return ""
