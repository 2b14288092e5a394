"""Mail HTML in a notebook: frames that run nothing, and fetch nothing.

The browser does the blocking; the mail is not rewritten to make it harmless, which loses sooner or
later. There are two frames, one in the other, each with ``sandbox=""``: an origin of its own, no
scripts, no forms, no pop-ups, and no navigation of the page around it. Each document begins with a
policy that allows inline styles and ``data:`` images and nothing from any host; a second one in the
mail can only tighten it. The outer document is ours, and its ``frame-src 'none'`` keeps a link that
is clicked from loading its target into the inner frame, which the sandbox alone allows.

What no policy governs is a hint to look a host up or to connect to it. So ``<link>``, which could
load nothing anyway, loses its name, and looking up the hosts of links beforehand is turned off.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Literal, Protocol
from urllib.parse import unquote

from smtp_lab.errors import InputError
from smtp_lab.inbox.bearable import unbearable
from smtp_lab.inbox.blocked import Blocked, blocked_in
from smtp_lab.inbox.page import Page, read_page
from smtp_lab.show import NO_MATH
from smtp_lab.transcript import printable

__all__ = ("CSP", "Preview", "Width", "document", "frame", "made", "text_document")

Width = Literal["full", "phone", "desktop"] | int

CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-src 'none'; object-src 'none'"
)
_WIDTHS = {"phone": (375, 667), "desktop": (960, 600), "full": (0, 420)}  # CSS pixels
_WIDEST = 4_000
_LONGEST = 1_000_000  # characters of a body; a preview is kept in the notebook
_TEXT = 20_000  # characters of the text beside the HTML
_LINKS = 50
_IMAGE_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}
_INLINE_BYTES = 5_000_000  # of one picture
_INLINE_ALL = 20_000_000  # of all: a small mail may call its picture ten thousand times
_CID = re.compile(r"""(["'(=]\s{0,9})cid:([^"')\s>]{1,998})""", re.IGNORECASE)
_STYLE = re.compile("<style", re.IGNORECASE)
_PREFERRED = re.compile(
    r"\(\s{0,99}prefers-color-scheme\s{0,99}:\s{0,99}(dark|light)\s{0,99}\)", re.IGNORECASE
)
_LINK_TAG = re.compile("<(?=link)", re.IGNORECASE)
_MARGIN = "margin:0.4em 0"


class Picture(Protocol):
    """A file of a message, such as `Attachment`."""

    @property
    def type(self) -> str:
        """Such as ``image/png``."""

    @property
    def content(self) -> bytes:
        """The decoded bytes."""

    @property
    def content_id(self) -> str:
        """What ``cid:`` links call it."""


@dataclass(frozen=True)
class Preview:
    """A message body, shown in a notebook and nowhere else let in.

    Attributes:
        frame: The ``<iframe>`` with the body.
        blocked: What the frame keeps from running or loading, by kind.
        links: Text and address of each link; nothing here leads there.
        text: The plain text body, when the HTML one is in the frame.
        notes: What else is to be said, such as that it was shortened.
    """

    frame: str
    blocked: tuple[Blocked, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Preview, {len(self.blocked)} kinds of things blocked, {len(self.links)} links>"

    def __str__(self) -> str:
        lines = [*self.notes, *(f"Blocked: {each}" for each in self.blocked)]
        lines += [f"{text} → {url}" if text else url for text, url in self._shown_links()]
        return "\n".join([*lines, *(["", printable_lines(self.text)] if self.text else [])])

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The frame and what is to be said of it; *say* gives each text of ours to its reader."""
        pieces = [self.frame]
        pieces += [f'<p style="{_MARGIN}">{escape(say(note))}</p>' for note in self.notes]
        if self.blocked:
            items = "".join(f"<li>{escape(each.as_text(say))}</li>" for each in self.blocked)
            pieces.append(
                _folded(say("Blocked"), f'<ul style="{_MARGIN}">{items}</ul>', opened=True)
            )
        if self.links:
            rows = "".join(
                f"<li>{escape(text)}{' → ' if text else ''}<code>{escape(url)}</code></li>"
                for text, url in self._shown_links(say)
            )
            listed = f'<ol style="{_MARGIN};overflow-wrap:anywhere">{rows}</ol>'
            pieces.append(_folded(say(f"Links ({len(self.links):,})"), listed))
        if self.text:
            style = f"{_MARGIN};white-space:pre-wrap;overflow-wrap:anywhere"
            text = escape(printable_lines(self.text))
            pieces.append(_folded(say("Plain text"), f'<pre style="{style}">{text}</pre>'))
        return f'<div class="{NO_MATH}">{"".join(pieces)}</div>'

    def _shown_links(self, say: Callable[[str], str] = str) -> list[tuple[str, str]]:
        shown = [(printable(text), printable(url)) for text, url in self.links[:_LINKS]]
        more = len(self.links) - len(shown)
        return [*shown, *([("", say(f"and {more:,} more"))] if more else [])]


def made(  # noqa: PLR0913  # what a message gives, and how it is to be shown
    html: str,
    text: str,
    pictures: Sequence[Picture],
    *,
    width: Width = "full",
    height: int | None = None,
    dark: bool = False,
    plain: bool = False,
    title: str = "Message preview",
) -> Preview:
    """Make the preview of a body; see `Captured.preview`.

    Raises:
        InputError: The width or the height cannot be one.
    """
    wide, high = _size(width, height)
    notes: list[str] = []
    read = read_page("" if plain else html)
    shown = "" if plain else _shortened(html, notes)
    if why := unbearable(shown, read):
        notes = [
            f"Too complex to be shown as HTML: {why}. This is its text; the whole is in .html."
        ]
        shown, text = "", text if text.strip() else read.text
    if shown:
        body = _in_colours(_with_pictures(shown, pictures), dark=dark)
        page = document(body, dark=dark)
        beside = f"{text[:_TEXT]}{'…' if len(text) > _TEXT else ''}" if text.strip() else ""
    else:
        page, beside = text_document(_shortened(text, notes) or "(no text)", dark=dark), ""
    return Preview(
        frame(page, wide, high, dark=dark, title=title),
        tuple(blocked_in(read)) if shown else (),
        tuple(_links(read)),
        beside,
        tuple(notes),
    )


def document(body: str, *, dark: bool = False) -> str:
    """The page that shows *body*, a mail's HTML, and nothing else."""
    scheme = "dark" if dark else "light"
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CSP)}">'
        '<meta http-equiv="x-dns-prefetch-control" content="off">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width">'
        f"<style>:root{{color-scheme:{scheme}}}</style>"
        # With pop-ups forbidden, a link that opens a new window goes nowhere.
        '<base target="_blank"></head><body>'
        f"{_LINK_TAG.sub('<x-', body)}</body></html>"
    )


def text_document(text: str, *, dark: bool = False) -> str:
    """The page that shows plain *text*."""
    style = "white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 monospace;margin:0"
    return document(f'<pre style="{style}">{escape(text)}</pre>', dark=dark)


def frame(
    page: str,
    width: int = 0,
    height: int = 420,
    *,
    dark: bool = False,
    title: str = "Message preview",
) -> str:
    """An iframe with *page*, a whole document from `document` or `text_document`.

    Args:
        page: The document.
        width: In CSS pixels; 0 is all there is.
        height: In CSS pixels.
        dark: Tell the document that dark colours are preferred.
        title: What a screen reader calls the frame.
    """
    scheme = "dark" if dark else "light"
    # In an attribute only these two have a meaning; the outer frame escapes all of it once more.
    inside = page.replace("&", "&amp;").replace('"', "&quot;")
    fill = f"position:fixed;inset:0;width:100%;height:100%;border:0;color-scheme:{scheme}"
    around = (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CSP)}">'
        f"<style>:root{{color-scheme:{scheme}}}</style></head><body>"
        f'<iframe sandbox="" referrerpolicy="no-referrer" title="{escape(title)}" '
        f'style="{fill}" srcdoc="{inside}"></iframe></body></html>'
    )
    size = f"width:{width}px" if width else "width:100%"
    ground = "#121212" if dark else "#fff"
    return (
        f'<iframe sandbox="" referrerpolicy="no-referrer" title="{escape(title)}" '
        f'style="{size};height:{height}px;border:1px solid var(--jp-border-color2,#ccc);'
        f'background:{ground};color-scheme:{scheme}" srcdoc="{escape(around)}"></iframe>'
    )


def printable_lines(text: str) -> str:
    """*text* with its line ends kept, and everything that is no character made visible."""
    return "\n".join(map(printable, text.splitlines()))


def _size(width: Width, height: int | None) -> tuple[int, int]:
    for name, value in (("width", width), ("height", height)):
        words = str if name == "width" else type(None)
        if isinstance(value, words):
            continue
        fix = f"give pixels from 1 to {_WIDEST:,}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError.of(name, f"is a {type(value).__name__}", fix)
        if not 1 <= value <= _WIDEST:
            raise InputError.of(name, f"{value} is out of bounds", fix)
    if isinstance(width, str):
        if width not in _WIDTHS:
            known = ", ".join(_WIDTHS)
            raise InputError.of("width", f"{width!r} is not known", f"give {known} or pixels")
        wide, high = _WIDTHS[width]
    else:
        wide, high = width, 600
    return wide, high if height is None else height


def _folded(summary: str, inside: str, *, opened: bool = False) -> str:
    start = "<details open>" if opened else "<details>"
    return f"{start}<summary>{escape(summary)}</summary>{inside}</details>"


def _links(page: Page) -> list[tuple[str, str]]:
    found = [(tag.text.strip()[:200], tag.attributes["href"].strip()[:1000]) for tag in page.links]
    return list(dict.fromkeys(found))


def _shortened(body: str, notes: list[str]) -> str:
    if len(body) <= _LONGEST:
        return body
    notes.append(f"Shortened here to {_LONGEST:,} characters; the whole is in .html or .text.")
    return body[:_LONGEST]


def _in_colours(html: str, *, dark: bool) -> str:
    """Answer what the styles in *html* ask about the preferred colours.

    Browsers differ in whether a frame hears of it from the page around it.
    """
    wanted = "dark" if dark else "light"
    pieces = []
    at = 0
    for start in _STYLE.finditer(html):
        if start.start() < at:
            continue  # it stands in the style before
        end = html.find("</", start.end())
        end = len(html) if end < 0 else end
        style = _PREFERRED.sub(
            # The first is always so, the second never.
            lambda asked: "(min-width:0)" if asked[1].lower() == wanted else "(max-width:0)",
            html[start.start() : end],
        )
        pieces += [html[at : start.start()], style]
        at = end
    return "".join([*pieces, html[at:]])


def _with_pictures(html: str, pictures: Sequence[Picture]) -> str:
    """Put pictures the HTML calls ``cid:`` into it, since the frame may fetch nothing."""
    known: Mapping[str, Picture] = {p.content_id: p for p in pictures if p.content_id}

    left = _INLINE_ALL

    def replaced(found: re.Match[str]) -> str:
        nonlocal left
        # In HTML & may be &amp;, and in a URL @ may be %40 (RFC 2392).
        picture = known.get(found[2]) or known.get(unquote(unescape(found[2])))
        if (
            picture is None
            or picture.type not in _IMAGE_TYPES
            or len(picture.content) > min(_INLINE_BYTES, left)
        ):
            return found[0]
        left -= len(picture.content)
        return f"{found[1]}data:{picture.type};base64,{b64encode(picture.content).decode()}"

    return _CID.sub(replaced, html)
