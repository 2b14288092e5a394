"""Parts, charsets and encodings (RFC 2045, RFC 2046)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.inbox.charsets import decodes, known
from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule
from smtp_lab.inbox.parts import BEGINNING, Part

_ENCODINGS = {"7bit", "8bit", "binary", "quoted-printable", "base64"}
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]")
_NO_QUOTED = re.compile(r"=(?![0-9A-Fa-f]{2}|[ \t]*+(?:\r|\n|\Z))[^\r\n]{0,2}")
_ASCII = {"", "us-ascii", "ascii"}
_NO_TYPE = ("text/plain", "message/rfc822", "application/octet-stream")


def _encoding(part: Part) -> str:
    return str(part.get("Content-Transfer-Encoding", "7bit")).partition("(")[0].strip().lower()


@rule("too-complex", "error", "It is too complex to be read whole", "bounds of smtp_lab")
def too_complex(mail: Mail) -> Iterator[Hit]:
    """What cannot be read is not checked either."""
    if mail.message.too_complex:
        yield Hit("message", mail.message.too_complex, "the whole is in .raw")
    elif mail.page.stopped:
        yield Hit("HTML", mail.page.stopped, "what comes behind was not checked")


@rule("mime-version-missing", "error", "There is no MIME-Version", "RFC 2045 section 4")
def mime_version_missing(mail: Mail) -> Iterator[Hit]:
    """Without it the other MIME headers need not be heeded."""
    if mail.has("MIME-Version"):
        return
    used = [n for n in ("Content-Type", "Content-Transfer-Encoding") if mail.has(n)]
    if used:
        why = f"there is {used[0]} but no MIME-Version"
        yield Hit("headers", why, "add MIME-Version: 1.0")


@rule("8bit-undeclared", "error", "A part is 8-bit without saying so", "RFC 2045 section 6.2")
def eight_bit_undeclared(mail: Mail) -> Iterator[Hit]:
    """Servers without 8BITMIME may cut off the eighth bit."""
    for where, part in mail.leaves:
        if _encoding(part) in ("7bit", "") and not part.content.isascii():
            fix = "send it as quoted-printable or base64, or declare 8bit"
            yield Hit(where, "it holds bytes beyond ASCII and is declared as 7bit", fix)


@rule("encoding-unknown", "error", "A transfer encoding is none", "RFC 2045 section 6.1")
def encoding_unknown(mail: Mail) -> Iterator[Hit]:
    """Readers show the part as it is, or as a file."""
    for where, part in mail.parts:
        encoding = _encoding(part)
        if encoding not in _ENCODINGS:
            yield Hit(where, f"{encoding[:40]!r} is no transfer encoding", "use base64")


@rule("base64-broken", "error", "A part holds what is no base64", "RFC 2045 section 6.8")
def base64_broken(mail: Mail) -> Iterator[Hit]:
    """Readers pass over it, or show nothing."""
    for where, part in mail.leaves:
        if _encoding(part) != "base64":
            continue
        fix = "let a library encode it, and change nothing behind it"
        if found := _NO_BASE64.search(part.written):
            yield Hit(where, f"{found[0]!r} is no letter of base64", fix)
        elif len(part.written) < BEGINNING and len("".join(part.written.split())) % 4:
            yield Hit(where, "its length is no multiple of four: something is missing", fix)


@rule(
    "quoted-printable-broken",
    "error",
    "A part holds what is no quoted-printable",
    "RFC 2045 section 6.7",
)
def quoted_printable_broken(mail: Mail) -> Iterator[Hit]:
    """Readers show the ``=`` and what follows it, or leave both out."""
    for where, part in mail.leaves:
        if _encoding(part) != "quoted-printable":
            continue
        written = part.written
        if len(written) == BEGINNING:
            written = written[:-3]  # where it is cut is no fault
        if found := _NO_QUOTED.search(written):
            why = f"{found[0]!r} stands for no octet"
            yield Hit(where, why, "let a library encode it, and change nothing behind it")


@rule("encoding-on-parts", "error", "A multipart is encoded as a whole", "RFC 2045 section 6.4")
def encoding_on_parts(mail: Mail) -> Iterator[Hit]:
    """Only the parts inside may be."""
    for where, part in mail.parts:
        if part.kind.startswith("multipart/") and _encoding(part) in ("base64", "quoted-printable"):
            yield Hit(where, f"{part.kind} is declared as {_encoding(part)}", "encode its parts")


@rule("charset-unknown", "error", "A charset is not known", "RFC 2046 section 4.1.2")
def charset_unknown(mail: Mail) -> Iterator[Hit]:
    """Readers guess, and guess differently."""
    for where, part in mail.leaves:
        name = part.charset
        if not part.kind.startswith("text/") or not name:
            continue
        if not known(name):
            yield Hit(where, f"charset {name[:40]!r} is not known", "use utf-8")


@rule("charset-wrong", "error", "A text is not in its charset", "RFC 2046 section 4.1.2")
def charset_wrong(mail: Mail) -> Iterator[Hit]:
    """The reader sees odd characters or question marks."""
    for where, part in mail.leaves:
        if not part.kind.startswith("text/") or part.content.isascii():
            continue
        name = part.charset.lower()
        if name in _ASCII:
            says = "says it is ASCII" if name else "says no charset, which means ASCII"
            yield Hit(where, f"it {says}, and is not", "declare charset=utf-8")
            continue
        if not decodes(part.content, name):
            yield Hit(where, f"it holds bytes that are no {name}", "encode it as it is declared")


@rule("boundary-missing", "error", "A multipart has no boundary", "RFC 2046 section 5.1.1")
def boundary_missing(mail: Mail) -> Iterator[Hit]:
    """It cannot be taken apart: the reader sees its source or nothing."""
    for where, part in mail.parts:
        if not part.kind.startswith("multipart/"):
            continue
        boundary = part.parameter("boundary")
        if not boundary:
            why = f"{part.kind} names no boundary"
            yield Hit(where, why, "let a library write the header")
        elif part.inside is None:
            why = f"the boundary {boundary[:70]!r} is nowhere in it"
            yield Hit(where, why, "let a library put the parts together")


@rule("boundary-unclosed", "warning", "The last boundary is missing", "RFC 2046 section 5.1.1")
def boundary_unclosed(mail: Mail) -> Iterator[Hit]:
    """As if the mail had been cut off."""
    for where, part in mail.parts:
        if any(type(d).__name__ == "CloseBoundaryNotFoundDefect" for d in part.defects):
            yield Hit(where, "the boundary that ends it is missing", "look whether it was cut off")


@rule("boundary-long", "warning", "A boundary is too long", "RFC 2046 section 5.1.1")
def boundary_long(mail: Mail) -> Iterator[Hit]:
    """70 characters are allowed."""
    for where, part in mail.parts:
        boundary = part.parameter("boundary") if part.kind.startswith("multipart/") else None
        if boundary and len(boundary) > 70:
            yield Hit(where, f"its boundary has {len(boundary)} characters", "take up to 70")


@rule("content-type-invalid", "warning", "A Content-Type is no type", "RFC 2045 section 5.1")
def content_type_invalid(mail: Mail) -> Iterator[Hit]:
    """It counts as text/plain then."""
    for where, part in mail.parts:
        value = str(part.get("Content-Type", "")).partition(";")[0].strip()
        if value.lower() in _NO_TYPE or not part.get("Content-Type"):
            continue
        main, sign, sub = value.partition("/")
        if not (sign and main.strip() and sub.strip()) or " " in value:
            yield Hit(where, f"{value[:60]!r} is not of the form type/subtype", "name the type")
