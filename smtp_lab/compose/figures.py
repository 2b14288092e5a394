"""Figures as files: the name says the format, and what is inside is what the name says."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from smtp_lab.compose.content import drawing, drawn, image_type
from smtp_lab.errors import InputError

__all__ = ("check_fits", "figure_file")

_TYPES = {
    ".bmp": "image/bmp",
    ".eps": "application/postscript",
    ".gif": "image/gif",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}
_FORMATS = {".jpg": "jpeg", ".tif": "tiff", "": "png"}
# Names whose bytes are never an image or a PDF.
_OTHERS = {".csv", ".docx", ".ics", ".md", ".parquet", ".tsv", ".txt", ".xlsx", ".xml", ".zip"}


def figure_file(field: str, name: str, figure: Any) -> tuple[bytes, str]:
    """Give *figure* in the format that *name* ends with, and its type; without an ending as PNG.

    Args:
        field: What to call it in an error.
        name: Of the file.
        figure: Anything that `smtp_lab.compose.content.is_figure` knows.

    Raises:
        InputError: Nothing is written that way, or not this figure.
    """
    suffix = PurePath(name).suffix.lower()
    suffix = suffix if suffix[1:].isalnum() and not suffix[1:].isdecimal() else ""
    kind = type(figure).__name__
    fix = "end the name with .png, .pdf or .svg, or give bytes"
    if suffix and suffix not in _TYPES:
        raise InputError.of(field, f"a {kind} is not written as {suffix}", fix)
    form = _FORMATS.get(suffix, suffix[1:])
    draw = _page if form in ("html", "json") else drawing(figure)
    assert draw is not None  # noqa: S101  # whoever calls knows that it is a figure
    data = drawn(field, figure, draw, form)
    check_fits(field, name, data)
    return data, _TYPES.get(suffix, "image/png")


def _page(figure: Any, form: str) -> bytes:
    """A page that needs no network, or the figure's own data: plotly and altair have them."""
    if callable(write := getattr(figure, f"to_{form}", None)):
        inline = type(figure).__module__.partition(".")[0] == "altair" and form == "html"
        return str(write(inline=True) if inline else write()).encode()
    raise TypeError(f"it knows no {form}")


def check_fits(field: str, name: str, data: bytes) -> None:
    """Refuse an image or a PDF under a name that a program would open as something else.

    Raises:
        InputError: The name says one thing, the first bytes another.
    """
    path = PurePath(name)
    suffix = path.suffix.lower()
    kind = image_type(data) or ("pdf" if data.startswith(b"%PDF-") else "")
    says = _TYPES.get(suffix, "").rpartition("/")[2]
    if not kind or says == kind or not (says or suffix in _OTHERS):
        return
    right = path.with_suffix(".jpg" if kind == "jpeg" else f".{kind}").name
    raise InputError.of(field, f"holds a {kind.upper()}", f"call it {right}")
