"""What the names of charsets in mail mean: mostly more than they say.

Programs write ``gb2312`` and use letters of GBK, ``shift_jis`` and use those that Windows added.
So, as browsers and mail programs do, a name is read as the largest charset that holds the one it
names (WHATWG, Encoding, section 4.2).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

__all__ = ("decoded", "decodes", "known", "mostly")

_LONGEST_NAME = 60  # of a charset; Python keeps every name it was ever asked for
_CHUNK = 65_536
# Text encodings that no honest mail is in: they take quadratic time, warn, or hide markup.
_NOT_FOR_MAIL = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "utf-7"}

# Names that Python does not know (WHATWG, Encoding, section 4.2).
_LABELS = {
    "cn-big5": "big5",
    "csiso88598i": "iso8859-8",
    "dos-874": "cp874",
    "gb_2312-80": "gb2312",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "ksc_5601": "cp949",
    "unicode-1-1-utf-8": "utf-8",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "x-big5": "big5",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "x-mac-ukrainian": "mac_cyrillic",
    "x-sjis": "cp932",
    "x-x-big5": "big5",
    **{f"x-cp125{n}": f"cp125{n}" for n in range(9)},
}
# By Python's name: what a text that claims it is read as, the first that can.
_READ_AS = {
    "ascii": ("ascii",),
    "iso8859-1": ("cp1252",),
    "iso8859-9": ("cp1254",),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "euc_kr": ("cp949",),
    "shift_jis": ("cp932",),
    "big5": ("big5hkscs", "cp950"),
    "cp950": ("cp950", "big5hkscs"),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
}
_JIS = {f"iso2022_jp{kind}" for kind in ("", "_1", "_2", "_3", "_2004", "_ext")}
# A stretch of ISO-2022-JP (RFC 1468, and half-width katakana as Windows writes them).
_SHIFT = re.compile(rb"\x1b(\$[@B]|\([BJI])([^\x1b]*+)")


def known(charset: str) -> bool:
    """Whether *charset* is one that mail may be written in and that readers know."""
    return _codec(charset) is not None


def decoded(data: bytes, charset: str) -> str | None:
    """Give *data* as a text in *charset*; None when it is none, or the charset is not known."""
    return next(_readings(data, charset, "strict"), None)


def mostly(data: bytes, charset: str) -> str | None:
    """Give *data* as a text in *charset* with marks for what is none.

    None where the marks outnumber the letters beyond ASCII: then it is another charset.
    """
    found = list(_readings(data, charset, "replace"))
    if not found:
        return None
    text = min(found, key=_marks)
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return text if 2 * _marks(text) <= beyond else None


def _marks(text: str) -> int:
    return text.count("\ufffd")


def decodes(data: bytes, charset: str) -> bool:
    """Whether *data* is a text in *charset*; one that is not known may be anything."""
    name = _codec(charset)
    if name is None:
        return True
    if any(_holds(data, reading) for reading in (name, *_READ_AS.get(name, ()))):
        return True
    return name in _JIS and decoded(data, charset) is not None


def _codec(charset: str) -> str | None:
    name = charset.strip(" \"'").lower()
    if len(name) > _LONGEST_NAME:
        return None
    try:
        info = codecs.lookup(_LABELS.get(name, name))
    except (LookupError, ValueError):
        return None
    # Codecs from bytes to bytes unpack archives.
    usable = info._is_text_encoding and info.name not in _NOT_FOR_MAIL  # noqa: SLF001
    return info.name if usable else None


def _readings(data: bytes, charset: str, errors: str) -> Iterator[str]:
    name = _codec(charset)
    if name is None:
        return
    for reading in _READ_AS.get(name, (name,)):
        try:
            yield data.decode(reading, errors)
        except (LookupError, ValueError):
            continue
    if name in _JIS:
        try:
            yield _as_windows(data).decode("cp932", errors)
        except ValueError:
            return


def _holds(data: bytes, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for at in range(0, len(data), _CHUNK):
            decoder.decode(data[at : at + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _as_windows(data: bytes) -> bytes:
    """Give ISO-2022-JP as Windows's Shift JIS, which has the letters that Windows added."""
    return _SHIFT.sub(lambda found: _shifted(found[1], found[2]), data)


def _shifted(kind: bytes, text: bytes) -> bytes:
    if kind == b"(I":
        return bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in text)
    if kind.startswith(b"("):
        return text
    out = bytearray()
    at = 0
    while at < len(text):
        row, cell = text[at], text[at + 1] if at + 1 < len(text) else 0
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out.append(row)  # a line end
            at += 1
            continue
        lead = (row - 0x21) // 2 + 0x81
        out.append(lead + 0x40 if lead > 0x9F else lead)
        out.append(cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20))
        at += 2
    return bytes(out)
