"""Bytes from whatever a caller gives: bytes, paths, frames and figures."""

from __future__ import annotations

import io
import re
import struct
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from smtp_lab.compose.trouble import reason_of
from smtp_lab.errors import InputError
from smtp_lab.transcript import printable

__all__ = (
    "bytes_of",
    "check_file_name",
    "drawing",
    "drawn",
    "image_type",
    "is_figure",
    "picture_bytes",
)

MOST_PIXELS = 100_000_000
"""Of a picture: one that unpacks to more is no picture a mail program should be given."""

_ENCODED_WORD = re.compile(r"=\?.*\?[bq]\?", re.IGNORECASE)  # RFC 2047


def image_type(data: bytes) -> str:
    """What *data* is by its first bytes: ``png``, ``jpeg``, ``gif``, ``webp``; empty if none."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return ""


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, for PNG and GIF, whose headers say it at a fixed place."""
    kind = image_type(data)
    if kind == "png" and data[12:16] == b"IHDR" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if kind == "gif" and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    return None


def is_figure(value: Any) -> bool:
    """Whether *value* can draw itself: matplotlib, plotly, altair, PIL and the like."""
    return drawing(value) is not None


def picture_bytes(field: str, content: Any) -> tuple[bytes, str]:
    """Give *content* as an image and the image's type.

    Args:
        field: What to call it in an error.
        content: The bytes or path of a PNG, JPEG, GIF or WebP, or a figure: anything with
            ``savefig`` (matplotlib, or an object whose ``figure`` has it, as those of seaborn and
            pandas), ``to_image`` (plotly), ``save`` with a format (altair, PIL).

    Raises:
        InputError: It is none, whatever its name says, or it cannot be drawn.
    """
    draw = drawing(content)
    data = drawn(field, content, draw) if draw else bytes_of(field, content)
    kind = image_type(data)
    if not kind:
        fix = "give a figure, or the bytes or the path of one"
        raise InputError.of(field, "is no PNG, JPEG, GIF or WebP", fix)
    size = image_size(data)
    if size and size[0] * size[1] > MOST_PIXELS:
        problem = f"has {size[0]:,} by {size[1]:,} pixels"
        raise InputError.of(field, problem, f"keep it below {MOST_PIXELS:,} in all")
    return data, kind


def drawing(value: Any) -> Callable[[Any, str], bytes] | None:
    """What draws *value* in the format it is called with; None where it is no figure."""
    if isinstance(value, type | str | bytes | bytearray | memoryview | Path):
        return None
    if callable(getattr(value, "savefig", None)):
        return _savefig
    if callable(getattr(getattr(value, "figure", None), "savefig", None)):
        return lambda plot, form: _savefig(plot.figure, form)
    if callable(getattr(value, "to_image", None)):
        return lambda plot, form: bytes(plot.to_image(format=form))
    module = type(value).__module__.partition(".")[0]
    if callable(getattr(value, "save", None)) and module in ("PIL", "altair", "plotnine"):
        return _save
    return None


# Without a name of the program and a date in it: drawn again, it is the same file again.
_UNNAMED = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


def _savefig(figure: Any, form: str) -> bytes:
    file = io.BytesIO()
    # Who draws with it has imported it; other libraries have savefig, too.
    library = sys.modules.get("matplotlib")
    same = library.rc_context({"svg.hashsalt": "smtp_lab"}) if library else nullcontext()
    with same:
        figure.savefig(file, format=form, bbox_inches="tight", metadata=_UNNAMED.get(form))
    return file.getvalue()


def _save(picture: Any, form: str) -> bytes:
    if form == "svg" and type(picture).__module__.startswith("altair"):
        text = io.StringIO()  # what it writes there is no bytes
        picture.save(text, format=form)
        return text.getvalue().encode()
    file = io.BytesIO()
    picture.save(file, format=form)
    return file.getvalue()


def drawn(field: str, content: Any, draw: Callable[[Any, str], bytes], form: str = "png") -> bytes:
    """Give *content* as *draw* draws it.

    Raises:
        InputError: It cannot be drawn in the format *form*.
    """
    try:
        return draw(content, form)
    except Exception as error:  # noqa: BLE001  # of any library that draws
        what = f"a {type(content).__name__} cannot be drawn as {form.upper()}"
        fix = "save it yourself and give the bytes"
        raise InputError.of(field, f"{what} ({reason_of(error)})", fix) from None


def check_file_name(field: str, name: Any) -> str:
    """Give *name* back when it is a bare name of a file.

    Raises:
        InputError: It is a path, holds control characters, or would be decoded to something else.
    """
    bad = (
        not isinstance(name, str)
        or not name.strip(" .")
        or "/" in name
        or "\\" in name
        or printable(name) != name
        or _ENCODED_WORD.search(name)
        or len(name.encode()) > 255
    )
    if bad:
        raise InputError.of(
            field, f"{name!r} is no file name", "give a bare name such as figures.csv"
        )
    return str(name)


def bytes_of(field: str, content: Any) -> bytes:
    """Give *content*, bytes, a text or a path, as bytes.

    Raises:
        InputError: It is something else, or cannot be read.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(content, str):
        try:
            return content.encode()
        except UnicodeEncodeError:
            raise InputError.of(field, "holds half a character", "take it out") from None
    if isinstance(content, Path):
        try:
            return content.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError.of(
                field, f"{content} cannot be read ({reason})", "check the path"
            ) from None
    fix = "give bytes, a text, a pathlib.Path, a DataFrame or a figure"
    raise InputError.of(field, f"is a {type(content).__name__}", fix)
