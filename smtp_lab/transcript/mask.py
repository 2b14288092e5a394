"""Secrets are hidden wherever they turn up, and in whatever shape."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from html import escape
from urllib.parse import quote, quote_plus

from smtp_lab.transcript.line import REPLY

__all__ = ("MASK", "Mask")

MASK = "••••••"

_Spans = list[tuple[int, int]]
_Finder = Callable[[str], Iterator[tuple[int, int]]]

_SHORT = 4  # characters: what is shorter is hidden only where it stands by itself
_LONG, _PIECE = 64, 16  # characters: from where on a secret is long, and what is hidden of it
# What may part the halves of a secret: spaces, line breaks, also as exceptions show them, and the
# enhanced code that begins each line of a reply (RFC 2034).
_GAP = re.compile(r"(?:[ \t\r\n\f\v]|\\[rn])+(?:[245]\.\d{1,3}\.\d{1,3} )?")
_CODED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_")
_ESCAPES = {"\t": r"\t", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r"}


class Mask:
    """Hides known secrets, and their usual encodings, wherever a server echoes them.

    Hidden are: the text itself in any case, URL-quoted, as hex, quoted-printable, escaped for JSON,
    Python or HTML; base64 of it, and of anything it is part of (AUTH PLAIN, XOAUTH2, HTTP Basic);
    all this also where spaces or line breaks part it. Of a long secret, such as a token, every
    piece of 16 characters is hidden: replies have short lines, so it comes back cut off.

    A reply's three-digit code stays readable: masked, it would give a digit of the secret away. A
    secret of one to three characters is hidden only where it stands by itself, for the same reason.

    Args:
        user: The login name, which is part of what some mechanisms encode.
        *secrets: The secrets.
        encoded: More texts from which a secret can be read, such as a whole login in base64.
    """

    def __init__(self, user: str = "", *secrets: str, encoded: Iterable[str] = ()) -> None:
        finders: list[_Finder] = []
        for secret in dict.fromkeys(filter(None, secrets)):
            finders += _finders(user, secret)
        pieces = {p for secret in secrets if len(secret) >= _LONG for p in _pieces(_forms(secret))}
        for text in filter(None, encoded):
            if len(text) >= _LONG:
                pieces |= _pieces([text])
            else:
                finders.append(_matches(re.compile(re.escape(text)), whole=True))
        if pieces:
            finders.append(_cut_off(frozenset(pieces)))
        self._knows = bool(finders)
        # A closure, not an attribute: tools that print those find a function here.
        self._find: Callable[[str], _Spans]
        self._find = lambda text: [span for find in finders for span in find(text)]

    def __bool__(self) -> bool:
        return self._knows  # one that knows no secret need not be asked

    def spans(self, text: str) -> _Spans:
        """Where in *text* a secret stands: start and end of each place, in order, none touching."""
        merged: _Spans = []
        for start, end in sorted(self._find(text)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def __call__(self, text: str) -> str:
        """Give back *text* with every known form of a secret replaced by `MASK`."""
        if not self._knows:
            return text
        code = REPLY.match(text)
        start = code.end() if code else 0
        rest = text[start:]
        for begin, end in reversed(self.spans(rest)):
            rest = rest[:begin] + MASK + rest[end:]
        return text[:start] + rest

    def __repr__(self) -> str:
        return "<Mask>"


def _finders(user: str, secret: str) -> Iterator[_Finder]:
    raw = secret.encode("utf-8", "replace")
    short = _GAP.sub("", secret)
    if not short:
        yield _matches(re.compile(re.escape(secret)))
    elif len(short) < _SHORT:
        # AUTH PLAIN (RFC 4616), with and without an authorization identity, and HTTP Basic.
        befores = (f"\0{user}\0", f"{user}\0{user}\0", f"{user}:")
        coded = [b64encode(raw), *(b64encode(b.encode("utf-8", "replace") + raw) for b in befores)]
        forms = {secret, quote(secret.encode("utf-8", "replace"), safe=""), raw.hex()}
        forms |= {form.decode() for form in coded}
        for form in forms:
            alone = rf"(?<![^\W_]){re.escape(form)}(?![^\W_])"
            flags = re.IGNORECASE if len(form) < _SHORT else re.NOFLAG
            yield _matches(re.compile(alone if len(form) < _SHORT else re.escape(form), flags))
    elif len(secret) < _LONG:
        yield _matches(re.compile(f"{_flexible(secret)}|{raw.hex()}", re.IGNORECASE), gaps=True)
        cores = "|".join(map(_either_alphabet, _cores(raw)))
        yield _matches(re.compile(cores), gaps=True, whole=True)


def _matches(pattern: re.Pattern[str], *, gaps: bool = False, whole: bool = False) -> _Finder:
    """A finder of *pattern*; over *gaps* as well, and with the *whole* base64 text around it."""

    def find(text: str) -> Iterator[tuple[int, int]]:
        found = [match.span() for match in pattern.finditer(text)]
        if gaps and _GAP.search(text):
            compact, where = _compact(text)
            spans = (match.span() for match in pattern.finditer(compact))
            found += [(where[start], where[end - 1] + 1) for start, end in spans]
        yield from (_widened(text, *span) for span in found) if whole else found

    return find


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """All of the base64 text that a place is part of."""
    while start and text[start - 1] in _CODED:
        start -= 1
    while end < len(text) and text[end] in _CODED:
        end += 1
    return start, end


def _cut_off(pieces: frozenset[str]) -> _Finder:
    """A finder of any of *pieces*, in any case and over gaps."""

    def find(text: str) -> Iterator[tuple[int, int]]:
        compact, where = _compact(text)
        plain = _lowered(compact)
        for at in range(len(plain) - _PIECE + 1):
            if plain[at : at + _PIECE] in pieces:
                yield where[at], where[at + _PIECE - 1] + 1

    return find


def _compact(text: str) -> tuple[str, list[int]]:
    """*text* without gaps, and where each of its characters came from."""
    where: list[int] = []
    end = 0
    for gap in _GAP.finditer(text):
        where += range(end, gap.start())
        end = gap.end()
    where += range(end, len(text))
    return "".join(text[at] for at in where), where


def _lowered(text: str) -> str:
    # Some characters become two when lowered, and then no place would be right any more.
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def _pieces(forms: Iterable[str]) -> set[str]:
    """Every run of `_PIECE` characters in *forms*."""
    plain = [_lowered(_GAP.sub("", form)) for form in forms]
    return {form[at : at + _PIECE] for form in plain for at in range(len(form) - _PIECE + 1)}


def _forms(secret: str) -> list[str]:
    """The usual shapes of a long secret."""
    raw = secret.encode("utf-8", "replace")
    cores = _cores(raw)
    for_url = [core.replace("+", "-").replace("/", "_") for core in cores]
    quoted = [quote(raw), quote(raw, safe=""), quote_plus(raw)]
    escaped = json.dumps(secret.encode("utf-8", "replace").decode())[1:-1]
    return [secret, escaped, raw.hex(), *quoted, *cores, *for_url]


def _cores(raw: bytes) -> list[str]:
    """What *raw* alone decides of base64 that holds it, wherever in the text it begins."""
    found = []
    for before in range(3):
        coded = b64encode(bytes(before) + raw).decode()
        # Six bits a character: those that share bits with a neighbour are no part of it.
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.append(coded[first:end])
    return found


def _either_alphabet(core: str) -> str:
    return re.escape(core).replace(r"\+", "[+-]").replace("/", "[/_]")


def _flexible(secret: str) -> str:
    """A pattern for *secret* whose characters may be quoted and escaped, each on its own."""
    parts = re.split(r"([ \t\r\n\f\v]+)", secret)
    space = r"(?:[\s+_]|[%=](?:20|09|0[AD])|\\[rnt])*"
    return "".join(space if n % 2 else "".join(map(_unit, part)) for n, part in enumerate(parts))


def _unit(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    code, octets = ord(char), char.encode("utf-8", "replace")
    shapes = [char, f"\\{char}", escape(char), f"&#{code};", f"&#x{code:x};"]
    shapes += [_ESCAPES[char]] if char in _ESCAPES else []
    for mark in ("%", "=", r"\x"):
        shapes.append("".join(f"{mark}{octet:02x}" for octet in octets))
        if code < 0x100:
            shapes.append(f"{mark}{code:02x}")
    wide = char.encode("utf-16-be", "surrogatepass")
    halves = [wide[at : at + 2] for at in range(0, len(wide), 2)]
    shapes += ["".join(f"\\u{half.hex()}" for half in halves), f"\\U{code:08x}"]
    # The longest first: a part of a shape must not be taken for all of it.
    return f"(?:{'|'.join(map(re.escape, sorted(set(shapes), key=len, reverse=True)))})"
