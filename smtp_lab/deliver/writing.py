"""A message as octets, and the proof that nothing is in them that nobody asked for.

The standard library writes a line at a time and folds each header anew, which takes longer than all
the rest of sending. What is common is written here, octet by octet as the library would; what is
not is left to it.
"""

from __future__ import annotations

import copy
import random
import re
import sys
from collections.abc import Iterable, Sequence
from email.errors import MessageError
from email.headerregistry import DateHeader, UnstructuredHeader
from email.message import EmailMessage, Message
from email.policy import SMTP, SMTPUTF8, compat32
from email.utils import getaddresses
from typing import Any

from smtp_lab.compose.addressees import MANY, Addressees
from smtp_lab.errors import InputError

__all__ = (
    "Fields",
    "check_same",
    "copied",
    "fields_of",
    "has_whole_line_ends",
    "value_in",
    "with_whole_line_ends",
    "write",
)

Fields = list[tuple[str, Any]]
"""Names and values of headers, in order."""

_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_FIELD = re.compile(rb"([!-9;-~]+):([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")  # RFC 5322 section 2.2
_NUL = "holds a line break or another control character"
_BREAK = re.compile(r"\r\n|\r|\n")
_OLD = compat32.clone(linesep="\r\n")

# What the library writes as it stands, and stands in nearly every mail.
_STANDING = {
    (name, value): f"{name}: {value}\r\n".encode()
    for name, values in {
        "MIME-Version": ["1.0"],
        "Content-Transfer-Encoding": ["7bit", "8bit", "base64", "quoted-printable"],
        "Content-Type": [f'text/{kind}; charset="utf-8"' for kind in ("plain", "html")],
    }.items()
    for value in values
}
_TEXTS = {value for name, value in _STANDING if name == "Content-Type"}
_EASY = re.compile(r"[\w.+-]+(?: [\w.+-]+)*|(?:[\w.+-]+ )*<?[\w.+-]+@[\w.-]+>?", re.ASCII)
_SPACED = re.compile(r"[!-~]+(?: [!-~]+)*")
_WIDTH = 76  # a line of 78 but for the colon and the space
_ALONE = re.compile(r"(?:[\w+-]+ )+<([\w+-]+@[\w.-]+)>|([\w+-]+@[\w.-]+)", re.ASCII)
_LISTS = frozenset({"from", "to", "cc", "reply-to"})


def write(message: Message[Any, Any], fields: Fields, *, utf8: bool) -> bytes:
    """Give *message* as octets, with the headers *fields* in place of its own.

    Raises:
        InputError: It cannot be written, or would carry a header or name an address that *fields*
            do not.
    """
    for name, value in fields:
        if "\0" in (value if isinstance(value, str) else str(value)):
            raise InputError.of(name, _NUL, "take it out")
    try:
        raw = _written(message, fields, utf8=utf8)
    except (ValueError, LookupError, TypeError, AttributeError, MessageError, RecursionError) as e:
        problem = f"cannot be written as mail ({e})"
        raise InputError.of("message", problem, "mend the header") from None
    raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"  # as DATA would add it
    _check(raw, fields, message)
    return raw


def copied(message: Message[Any, Any]) -> Message[Any, Any]:
    """A copy whose headers can be changed, at every level; texts and files are shared."""
    made = copy.copy(message)
    # Deleting, be it nothing, gives the copy a list of headers of its own.
    del made[" "]
    payload: Any = message.get_payload()
    if isinstance(payload, list):
        made.set_payload([copied(part) for part in payload])
    return made


def _written(message: Message[Any, Any], fields: Fields, *, utf8: bool) -> bytes:
    old = not isinstance(message, EmailMessage)
    policy = SMTPUTF8 if utf8 else SMTP
    if not old:
        if message.is_multipart():
            message = copied(message)  # parts may get a boundary
        if (quickly := _quickly(message, fields, policy)) is not None:
            return quickly
    made = copied(message)
    for name in {name.lower() for name in made}:
        del made[name]
    for name, value in fields:
        made.set_raw(name, _foldable(name, value))
    raw = made.as_bytes(policy=_OLD if old else policy)
    return raw if has_whole_line_ends(raw) else _LONE.sub(b"\r\n", raw)


# --- writing without the library ------------------------------------------------------------------


def _quickly(message: Message[Any, Any], fields: Fields, policy: Any) -> bytes | None:
    """*message* with *fields*, or None where that is the library's business."""
    payload = vars(message).get("_payload")  # get_payload() changes what is beyond ASCII
    kind = next((str(value) for name, value in fields if name.lower() == "content-type"), "")
    body: bytes | None
    if isinstance(payload, list):
        if not _is_simple_multipart(message):
            return None
        body, fields = _parts(message, payload, fields, policy)
    elif isinstance(payload, str):
        if kind not in _TEXTS and message.get_content_maintype() in ("multipart", "message"):
            return None
        body = _lines(payload)
    else:
        return None
    head = b"".join([_line(name, value, policy) for name, value in fields])
    return b"".join((head, b"\r\n", body))


def _is_simple_multipart(message: Message[Any, Any]) -> bool:
    # What is signed is written another way, so that its headers are not folded anew.
    main, _, sub = message.get_content_type().partition("/")
    return main == "multipart" and sub != "signed"


def _parts(
    message: Message[Any, Any], parts: Sequence[Message[Any, Any]], fields: Fields, policy: Any
) -> tuple[bytes, Fields]:
    """The body made of *parts*, and the headers with the boundary between them."""
    texts = []
    for part in parts:
        found = _quickly(part, fields_of(part), policy)
        texts.append(part.as_bytes(policy=policy) if found is None else found)
    boundary = message.get_boundary()
    if not boundary:
        boundary = _boundary(b"\r\n".join(texts))
        message.set_boundary(boundary)
        kind = dict(fields_of(message, "content-type"))
        fields = [(name, kind.get(name, value)) for name, value in fields]
    between = b"\r\n--" + boundary.encode("ascii", "surrogateescape")
    start, epilogue = b"", message.epilogue
    if message.preamble is not None:
        start = _lines(message.preamble) + b"\r\n"
    pieces = [start, between[2:], b"\r\n", (between + b"\r\n").join(texts), between, b"--\r\n"]
    if epilogue is not None:
        pieces.append(_lines(epilogue))
    return b"".join(pieces), fields


def _boundary(text: bytes) -> str:
    """A boundary that stands in no line of *text*."""
    while True:
        made = f"{'=' * 15}{random.randrange(sys.maxsize):0{len(str(sys.maxsize))}d}=="  # noqa: S311  # no secret
        if f"--{made}".encode() not in text:
            return made


def _lines(text: str) -> bytes:
    whole = text.replace("\n", "\r\n") if "\r" not in text else _BREAK.sub("\r\n", text)
    return whole.encode("ascii", "surrogateescape")


def _line(name: str, value: Any, policy: Any) -> bytes:
    """One header, as the library folds it."""
    if (standing := _STANDING.get((name, value))) is not None:
        return standing
    if len(name) + len(value) <= _WIDTH and _is_easy(value):
        return f"{name}: {value}\r\n".encode("ascii")
    folded: bytes = policy.fold_binary(name, _foldable(name, value))
    return folded


def _is_easy(value: Any) -> bool:
    """Whether the library writes *value*, which is short, as it stands."""
    if type(value) is str or _is_header(value, UnstructuredHeader):
        return _SPACED.fullmatch(value) is not None and "=?" not in value
    if not _EASY.fullmatch(value):
        return _is_header(value, DateHeader) and value.datetime is not None
    return not value.defects


def _is_header(value: Any, kind: type) -> bool:
    return isinstance(value, kind)


def _foldable(name: str, value: Any) -> Any:
    """*value*, or one that is folded quicker."""
    groups = getattr(value, "groups", None)
    if groups is None or isinstance(value, Addressees) or len(value.addresses) < MANY:
        return value
    return Addressees.of(name, groups)


def fields_of(message: Message[Any, Any], *names: str) -> Fields:
    """The headers of *message* as they are stored; only those called *names*, if any are given."""
    return [(n, v) for n, v in message.raw_items() if not names or n.lower() in names]


# --- proof ----------------------------------------------------------------------------------------


def _check(raw: bytes, fields: Fields, message: Message[Any, Any]) -> None:
    """Refuse *raw* unless it holds the headers and addresses of *fields*, and no others.

    Some Pythons turn an encoded word that decodes to a line break into a header of its own
    (CVE-2024-6923), and all turn some quoted names into a second address (gh-80222).
    """
    written, whole = _fields_in(raw)
    names = "\n".join([name for name, _ in fields]).lower()
    if not whole or b"\n".join([name for name, _ in written]).lower() != names.encode():
        known = names.encode().split(b"\n")
        extra = next((name for name, _ in written if name.lower() not in known), b"")
        what = repr(extra.decode()) if extra else "a header twice" if whole else "a line of its own"
        problem = f"would carry {what}, which nobody asked for"
        raise InputError.of("message", problem, "look for line breaks in the headers")
    for (name, value), (_, found) in zip(fields, written, strict=True):
        if name.lower() not in _LISTS:
            continue
        read = (
            value if hasattr(value, "addresses") else message.policy.header_fetch_parse(name, value)
        )
        if not (given := getattr(read, "addresses", ())):
            continue
        text = found.decode("utf-8", "replace").strip()
        if [a.addr_spec.lower() for a in given] != [a.lower() for a in _addresses(text)]:
            problem = "would name other addresses once written"
            raise InputError.of(name, problem, "shorten the display name")


def check_same(raw: bytes, before: bytes, *, but: Iterable[bytes] = ()) -> None:
    """See to it that *raw*, made of *before*, has its headers, and only whole line ends.

    Args:
        raw: A message.
        before: What it was made of.
        but: Names of headers, in small letters, that may differ.

    Raises:
        ValueError: It has not.
    """
    (now, whole), (then, whole_then) = _fields_in(raw), _fields_in(before)
    same = _but(now, but) == _but(then, but) and whole and whole_then
    if not same or not has_whole_line_ends(raw):
        raise ValueError("the message is not what it was")


def _but(fields: list[tuple[bytes, bytes]], names: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    return [field for field in fields if field[0].lower() not in names]


def has_whole_line_ends(raw: bytes) -> bool:
    """Whether each CR in *raw* has its LF, and each LF its CR."""
    rest = raw.replace(b"\r\n", b"")
    return b"\r" not in rest and b"\n" not in rest


def _fields_in(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bool]:
    """Name and value of each header in *raw*, and whether these are all that is above the body."""
    head = raw[: raw.find(b"\r\n\r\n") + 2]
    found: list[tuple[bytes, bytes]] = _FIELD.findall(head)
    return found, sum([len(name) + len(value) + 3 for name, value in found]) == len(head)


def _addresses(value: str) -> list[str]:
    """The addresses a mail program finds in the header *value*."""
    if alone := _ALONE.fullmatch(value):
        return [alone[1] or alone[2]]
    return [address for _, address in getaddresses([value]) if address]


def with_whole_line_ends(raw: bytes) -> bytes:
    """*raw* with a CR LF where a CR or an LF stands alone, and at its end."""
    raw = raw if has_whole_line_ends(raw) else _LONE.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def value_in(raw: bytes, name: str) -> str:
    """The first header of *raw* called *name*, or an empty text."""
    wanted = name.lower().encode()
    found = (value for field, value in _fields_in(raw)[0] if field.lower() == wanted)
    return next(found, b"").decode("utf-8", "replace").strip()
