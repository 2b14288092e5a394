"""Lines as they travel: how they end and how long they are (RFC 5322 section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_LONGEST = 998
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")


@rule("bare-lf", "error", "A line ends in LF alone", "RFC 5322 section 2.3")
def bare_lf(mail: Mail) -> Iterator[Hit]:
    """Servers refuse it or mend it, which breaks DKIM; it is also how mail is smuggled."""
    raw = mail.raw
    count = raw.count(b"\n") - raw.count(b"\r\n")
    if count:
        yield _counted(raw, _BARE_LF, count, f"{count:,} lines end in LF alone")


@rule("bare-cr", "error", "There is a CR without LF", "RFC 5322 section 2.3")
def bare_cr(mail: Mail) -> Iterator[Hit]:
    """Some programs take it for the end of a line, others do not."""
    raw = mail.raw
    count = raw.count(b"\r") - raw.count(b"\r\n")
    if count:
        yield _counted(raw, _BARE_CR, count, f"{count:,} lines hold a CR without LF")


@rule("line-long", "error", "A line is longer than 998 octets", "RFC 5322 section 2.1.1")
def line_long(mail: Mail) -> Iterator[Hit]:
    """Servers refuse it or cut it in the middle."""
    for number, length in _long_lines(mail.raw):
        why = f"it has {length:,} octets, {_LONGEST} are allowed"
        yield Hit(f"line {number:,}", why, "send the part as quoted-printable or base64")


@rule("nul", "error", "There is a NUL octet", "RFC 5322 section 2.2, RFC 2045 section 2.7")
def nul(mail: Mail) -> Iterator[Hit]:
    """Programs cut the mail there, or refuse it."""
    at = mail.raw.find(b"\x00")
    if at >= 0:
        line = mail.raw.count(b"\n", 0, at) + 1
        count = mail.raw.count(b"\x00")
        yield Hit(f"line {line:,}", f"there are {count:,} NUL octets", "send the part as base64")


def _long_lines(raw: bytes) -> Iterator[tuple[int, int]]:
    """The number and the length of each line that is too long, without a list of all lines."""
    number, counted, start = 1, 0, 0
    while len(raw) - start > _LONGEST:
        last = raw.rfind(b"\n", start, start + _LONGEST + 1)
        if last < 0 and raw.startswith(b"\r\n", start + _LONGEST):
            last = start + _LONGEST + 1
        if last < 0:
            number, counted = number + raw.count(b"\n", counted, start), start
            last = raw.find(b"\n", start)
            last = len(raw) if last < 0 else last
            yield number, last - start - raw.startswith(b"\r", last - 1)
        start = last + 1


def _counted(raw: bytes, pattern: re.Pattern[bytes], count: int, why: str) -> Hit:
    first = [raw.count(b"\n", 0, found.start()) + 1 for found in islice(pattern.finditer(raw), 3)]
    where = "line " + ", ".join(f"{n:,}" for n in first) + (", …" if count > len(first) else "")
    fix = "end every line with CR LF; in Python: message.as_bytes(policy=email.policy.SMTP)"
    return Hit(where, why, fix)
