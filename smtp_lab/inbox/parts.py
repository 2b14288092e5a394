"""The parts of a message, taken apart within bounds, whatever stands in it.

The standard library's parser does the cutting, since it is forgiving and its ``compat32`` policy
never raised on real mail. Where it is slow or raises, a `Part` does it differently: parameters are
read in linear time, contents are decoded without trusting a charset, and the bounds are counted
while the parser works, so that a mail cannot hide from them behind an odd spelling.

The parser works on text. Octets are given to it as Latin-1, one character for each, which takes no
more room than they do; `email` itself would take two to four times as much.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from binascii import a2b_uu
from collections.abc import Iterator
from dataclasses import dataclass
from email.feedparser import (  # type: ignore[attr-defined]  # the types leave one out
    BufferedSubFile,
    FeedParser,
)
from email.message import Message
from email.parser import HeaderParser
from email.policy import Compat32, Policy
from functools import cached_property
from io import BytesIO
from itertools import islice
from quopri import decodestring
from string import ascii_letters, digits
from typing import Any
from urllib.parse import unquote_to_bytes

from smtp_lab.inbox.mime import HEADER_BYTES, decode_bytes, decode_words, octets, unfold

__all__ = ("DEPTH", "PARTS", "Part", "parse", "walk")

PARTS = 1_000
DEPTH = 100
BEGINNING = 100_000  # octets of a part, as they were written

_LINES = 750_000  # the largest mail a sink takes, all in base64, has 700,000
_WORK = 10_000_000  # the parser holds every line against every boundary that is open
_BOUNDARY = 256  # RFC 2046 says 70; the parser makes a regular expression of it
_HEADERS = 10_000  # of all parts
_PARAMETERS = 200

_PARAMETER = re.compile(
    r';\s*+([^\s;="]*+)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+)))?', re.DOTALL
)
_EXTENDED = re.compile(r"([^*]++)(?:\*([0-9]{1,3}))?(\*?)")  # RFC 2231
_SLASHES = re.compile(r"[/\\]")
_TOKEN = re.compile(r"\s*([\w-]*)")
_LINE = re.compile("[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")
_CHUNK = 65_536
_NO_BASE64 = bytes(set(range(256)) - set(b"+/" + ascii_letters.encode() + digits.encode()))


class _TooComplexError(Exception):
    """The message is beyond a bound; says which."""


class _AsWritten(Compat32):
    """compat32, but a header beyond ASCII is a text too, not a `Header` that lost its octets."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002  # email's name
        return value


@dataclass
class _Bounds:
    """What all parts of one message share."""

    lines: int = 0
    parts: int = 0
    headers: int = 0

    def new_part(self, policy: Policy[Any]) -> Part:
        return Part(self, policy)


class _Lines(BufferedSubFile):  # type: ignore[misc]  # the types leave it out
    """What the parser reads from; email's own takes four times the length of a long line."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: list[str] = []

    def push(self, data: str) -> None:
        """Take in what comes next."""
        self._begun.append(data)
        if "\n" not in data and "\r" not in data:
            return
        found = self._lines_begun()
        # A CR at the end may be half of a line end.
        self._begun = [] if found[-1].endswith("\n") else [found.pop()]
        self.pushlines(found)

    def close(self) -> None:
        """Nothing comes any more."""
        self.pushlines(self._lines_begun())
        super().close()

    def _lines_begun(self) -> list[str]:
        text, self._begun = "".join(self._begun), []
        return _LINE.findall(text) if "\n" in text or "\r" in text else [text] * bool(text)


class Part(Message):
    """A message or a part of one.

    Headers come as they were written; octets beyond ASCII as surrogates there, and as Latin-1 in
    contents.
    """

    # The parser sets it. get_payload would decode it, with a charset that may be anything.
    _payload: str | list[Part] | None

    def __init__(self, bounds: _Bounds, policy: Policy[Any]) -> None:
        super().__init__(policy)
        self._bounds = bounds
        self._depth = 0
        self._header_bytes = 0
        self._first: dict[str, str] = {}
        self._written: str | None = None

    # --- called by the parser -----------------------------------------------------------------

    def attach(self, payload: Any) -> None:
        """Take in a part, unless it is one too many or too deep."""
        self._bounds.parts += 1
        if self._bounds.parts > PARTS:
            raise _TooComplexError(f"it has more than {PARTS:,} parts")
        payload._depth = self._depth + 1  # noqa: SLF001  # of the same class
        if payload._depth > DEPTH:  # noqa: SLF001
            raise _TooComplexError(f"it has parts within parts, more than {DEPTH} deep")
        super().attach(payload)

    def set_raw(self, name: str, value: str) -> None:
        """Take in a header, unless there are too many."""
        value = _with_surrogates(value)
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            whose = "the headers of a part" if self._depth else "its headers"
            raise _TooComplexError(f"{whose} are larger than {HEADER_BYTES // 1024} KiB")
        if self._depth:
            self._bounds.headers += 1
            if self._bounds.headers > _HEADERS:
                raise _TooComplexError(f"its parts have more than {_HEADERS:,} headers")
        self._first.setdefault(name.lower(), value)
        super().set_raw(name, value)

    def get(self, name: str, failobj: Any = None) -> Any:
        """Give the first header called *name*, however many others there are."""
        return self._first.get(name.lower(), failobj)

    def get_boundary(self, failobj: Any = None) -> Any:
        """What its parts stand between, unless it makes the parser slow."""
        boundary = self.parameter("boundary")
        if boundary is None:
            return failobj
        if len(boundary) > _BOUNDARY:
            raise _TooComplexError(f"a boundary of its parts is longer than {_BOUNDARY} octets")
        if (self._depth + 1) * self._bounds.lines > _WORK:
            raise _TooComplexError("it has too many parts within parts for its length")
        return octets(boundary.rstrip()).decode("latin-1")

    def get_content_type(self) -> str:
        """What the parser takes it for: a message in the message is a file, not to be cut up."""
        return "application/octet-stream" if self.kind.startswith("message/") else self.kind

    # --- for the reader -----------------------------------------------------------------------

    @cached_property
    def kind(self) -> str:
        """Its type, such as ``text/plain``, in lower case."""
        return super().get_content_type().strip()

    def parameter(self, name: str, header: str = "Content-Type") -> str | None:
        """The parameter *name* of *header*; None when it has none."""
        plain: str | None = None
        pieces: dict[int, tuple[str, str]] = {}
        found = _PARAMETER.finditer(unfold(str(self.get(header, ""))))
        for key, quoted, bare in (match.groups() for match in islice(found, _PARAMETERS)):
            matched = _EXTENDED.fullmatch(key)
            if matched is None or matched[1].lower() != name:
                continue
            value = (bare or "").strip()
            if quoted is not None:
                value = quoted.replace("\\\\", "\\").replace('\\"', '"')
            if matched[2] is None and not matched[3]:
                plain = value if plain is None else plain
            else:
                pieces.setdefault(int(matched[2] or 0), (matched[3], value))
        # Where there are both, the plain one is for readers that do not know RFC 2231.
        return _put_together(pieces) if pieces else plain

    @property
    def charset(self) -> str:
        """What its text claims to be written in; empty when it does not say."""
        return (self.parameter("charset") or "").partition("(")[0].strip()

    @cached_property
    def file_name(self) -> str:
        """The name of an attachment as the sender wrote it, for show: empty when there is none.

        A message in the message that has none is called after its subject.
        """
        name = self.parameter("filename", "Content-Disposition") or self.parameter("name")
        if not name and self.kind == "message/rfc822":
            subject = decode_words(_headers_only(self.content).get("Subject", ""))
            # In a name they would be folders.
            return f"{_SLASHES.sub('_', subject)}.eml" if subject else ""
        return decode_words(name or "")

    @property
    def disposition(self) -> str:
        """``attachment``, ``inline`` or what else it wants to be; empty when it does not say."""
        return _first_token(self.get("Content-Disposition", ""))

    @cached_property
    def content(self) -> bytes:
        """Its bytes, decoded as far as they can be; none where it is made of parts."""
        if not isinstance(self._payload, str):
            return b""
        data = self._payload.encode("latin-1")
        # Of what may be large there is one copy.
        self._written, self._payload = self._payload[:BEGINNING], ""
        match _first_token(self.get("Content-Transfer-Encoding", "")):
            case "base64":
                return _decode_base64(data)
            case "quoted-printable":
                return decodestring(data)
            case "x-uuencode" | "uuencode" | "uue" | "x-uue":
                return _decode_uu(data)
            case _:
                return data

    @property
    def written(self) -> str:
        """How its content begins as it was written, octets as Latin-1; empty of what has parts."""
        if self._written is None:
            return self._payload[:BEGINNING] if isinstance(self._payload, str) else ""
        return self._written

    @property
    def inside(self) -> list[Part] | None:
        """The parts it is made of; None when it is none of them."""
        return self._payload if isinstance(self._payload, list) else None


def parse(raw: bytes) -> tuple[Part, str]:
    """Parse *raw* within bounds.

    Returns:
        The message, and why it could not be read whole: an empty text when it could.
    """
    # The parser ends a line at a lone CR too.
    lines = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    if lines > _LINES:
        return _headers_only(raw), f"it has more than {_LINES:,} lines"
    try:
        return _cut(raw, lines), ""
    except _TooComplexError as error:
        return _headers_only(raw), str(error)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError, AssertionError):
        return _headers_only(raw), "its structure cannot be followed"


def _cut(raw: bytes, lines: int) -> Part:
    # The parser gives the policy to what makes its parts; its types do not say so.
    new_part: Any = _Bounds(lines).new_part
    parser: Any = FeedParser(new_part, policy=_AsWritten())
    parser._input = _Lines()  # noqa: SLF001  # there is no other way to give it one
    whole = memoryview(raw)
    for at in range(0, len(raw), _CHUNK):
        parser.feed(str(whole[at : at + _CHUNK], "latin-1"))
    message: Part = parser.close()
    return message


def _headers_only(raw: bytes) -> Part:
    head = raw[:HEADER_BYTES]
    if len(raw) > len(head):
        # A header that is cut off may mean something else: none of it is better.
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1]
    new_part: Any = _Bounds().new_part
    parser: Any = HeaderParser(new_part, policy=_AsWritten())
    message: Part = parser.parsestr(head.decode("latin-1"))
    message.set_payload("")
    return message


def walk(message: Part) -> Iterator[Part]:
    """Every part of *message* that is not made of others, in order."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.inside is None:
            yield part
        else:
            stack += reversed(part.inside)


def _put_together(pieces: dict[int, tuple[str, str]]) -> str:
    """Join the *pieces* of an RFC 2231 parameter, each with its star or without."""
    ordered = [pieces[number] for number in sorted(pieces)]
    if not any(star for star, _ in ordered):
        return "".join(value for _, value in ordered)
    star, value = ordered[0]
    charset = ""
    if star and value.count("'") >= 2:
        charset, _, value = value.split("'", 2)
    data = b"".join(
        unquote_to_bytes(octets(text)) if star else octets(text)
        for star, text in [(star, value), *ordered[1:]]
    )
    return decode_bytes(data, charset)


def _with_surrogates(text: str) -> str:
    """Octets beyond ASCII as `email` has them in headers."""
    return text if text.isascii() else text.encode("latin-1").decode("ascii", "surrogateescape")


def _first_token(header: Any) -> str:
    found = _TOKEN.match(str(header))
    return found[1].lower() if found else ""


def _decode_base64(data: bytes) -> bytes:
    try:
        return b64decode(data)
    except BinasciiError:
        # Cut short: what is whole is decoded, up to the padding.
        letters = data.partition(b"=")[0].translate(None, _NO_BASE64)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return b64decode(letters + b"=" * (-len(letters) % 4))


def _decode_uu(data: bytes) -> bytes:
    lines = BytesIO(data)
    if not any(line.startswith(b"begin ") for line in lines):
        return data
    decoded = bytearray()
    for line in lines:
        if line.strip() in (b"end", b"`"):
            break
        try:
            decoded += a2b_uu(line)
        except BinasciiError:
            continue
    return bytes(decoded)
