"""What is broken in a message, in plain words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from smtp_lab.inbox.mime import octets
from smtp_lab.inbox.parts import Part

__all__ = ("found_in",)

_MOST = 100
_LOOK = 100_000  # characters of a part

# What the standard library's parser notes (its manual, email.errors).
_SAID = {
    "NoBoundaryInMultipartDefect": "says it is made of parts, but not what stands between them",
    "StartBoundaryNotFoundDefect": "its first part is not where it should begin",
    "CloseBoundaryNotFoundDefect": "its last part has no end",
    "FirstHeaderLineIsContinuationDefect": "its first header begins with a blank",
    "MisplacedEnvelopeHeaderDefect": "a line that begins with From stands among its headers",
    "MissingHeaderBodySeparatorDefect": "a line among its headers is none",
    "MultipartInvariantViolationDefect": "says it is made of parts, but is not",
    "InvalidMultipartContentTransferEncodingDefect": "is made of parts and encoded as a whole",
}
_FLAGS = {
    "bare_cr": "a CR that ends no line (RFC 5321, 2.3.8)",
    "bare_lf": "an LF that ends no line (RFC 5321, 2.3.8)",
    "nul": "a NUL octet (RFC 5322, 2.2)",
    "long_line": "a line of more than 998 octets (RFC 5322, 2.1.1)",
}
_ENCODINGS = {"", "7bit", "8bit", "binary", "base64", "quoted-printable"}
_NO_LETTERS = re.compile(rb"[^A-Za-z0-9+/=\s]")


def found_in(root: Part, too_complex: str, flags: frozenset[str]) -> list[str]:
    """What is broken in the message *root*, each thing once, at most a hundred.

    Args:
        root: The message.
        too_complex: Why it was not read whole, or empty.
        flags: What is odd about its octets, see `StoredMessage.flags`.
    """
    found = dict.fromkeys([f"too complex: {too_complex}"] if too_complex else [])
    found |= dict.fromkeys(_FLAGS[flag] for flag in sorted(flags))
    stack = [(root, "")]
    while stack and len(found) < _MOST:
        part, path = stack.pop()
        where = f"part {path}: " if path else ""
        found |= dict.fromkeys(f"{where}{text}" for text in _of_part(part))
        children = [
            (child, f"{path}.{n}".lstrip(".")) for n, child in enumerate(part.inside or (), 1)
        ]
        stack += reversed(children)
    return list(found)[:_MOST]


def _of_part(part: Part) -> Iterator[str]:
    for defect in part.defects[:20]:
        name = type(defect).__name__
        yield _SAID.get(name, f"the parser says {name}")
    words = str(part.get("Content-Transfer-Encoding", "")).lower().split()
    encoding = words[0].rstrip(";") if words else ""
    if encoding not in _ENCODINGS:
        yield "its Content-Transfer-Encoding is not known (RFC 2045, 6.1)"
    if encoding == "base64" and _NO_LETTERS.search(octets(part.written[:_LOOK])):
        yield "holds what is no base64"
    if part.kind.startswith("text/") and part.charset:
        try:
            codecs.lookup(part.charset.strip(" \"'")[:60])
        except (LookupError, ValueError):
            yield "its charset is not known"
