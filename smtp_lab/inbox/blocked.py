"""What a preview keeps from running or loading, told to whoever looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from smtp_lab.inbox.page import Page, Tag
from smtp_lab.transcript import printable

__all__ = ("Blocked", "blocked_in")

_REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]{0,40})\s*:", re.IGNORECASE)
_CSS_URL = re.compile(r"""url\(\s{0,9}["']?\s{0,9}((?:https?:)?//[^"')\s]{1,500})""", re.IGNORECASE)
_CSS_IMPORT = re.compile(r"@import\b", re.IGNORECASE)
_CSS_READ = 300_000  # characters
_FINE = {"http", "https", "mailto", "tel", "sms", "cid", "mid"}
# What each tag is, and the attribute that says what it would load.
_TAGS = {
    "script": ("scripts", "src"),
    "form": ("forms", "action"),
    "link": ("linked files and hints", "href"),
    "base": ("base addresses", "href"),
    "object": ("frames and objects", "data"),
    **dict.fromkeys(("iframe", "frame", "embed", "applet"), ("frames and objects", "src")),
    **dict.fromkeys(("audio", "video", "track"), ("sounds and films", "src")),
}
_HOSTS = 5


@dataclass(frozen=True, slots=True)
class Blocked:
    """One kind of thing that was blocked.

    Attributes:
        kind: Such as ``remote images``.
        count: How many there are.
        examples: Hosts or names, the first few.
    """

    kind: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.as_text()

    def as_text(self, say: Callable[[str], str] = str) -> str:
        """As `str` gives it, its kind as *say* gives it."""
        shown = f" ({', '.join(self.examples)})" if self.examples else ""
        return f"{say(self.kind)}: {self.count:,}{shown}"


def blocked_in(page: Page) -> list[Blocked]:
    """What is in *page* that the frame blocks, each kind once."""
    found: dict[str, tuple[int, dict[str, None]]] = {}
    for kind, example in _all(page):
        count, examples = found.get(kind, (0, {}))
        if example and len(examples) < _HOSTS:
            examples[printable(example[:80])] = None
        found[kind] = (count + 1, examples)
    return [Blocked(kind, count, tuple(examples)) for kind, (count, examples) in found.items()]


def _all(page: Page) -> Iterator[tuple[str, str]]:
    left = _CSS_READ
    for tag in page.tags:
        yield from _of_tag(tag)
        style = tag.attributes.get("style", "")
        if style and left > 0:
            left -= len(style)
            yield from _of_css(style)
    for sheet in page.sheets:
        yield from _of_css(sheet[: max(left, 0)])
        left -= len(sheet)


def _of_tag(tag: Tag) -> Iterator[tuple[str, str]]:
    attributes = tag.attributes
    kind, source = _TAGS.get(tag.name, ("", ""))
    if kind and (tag.name != "base" or source in attributes):
        yield kind, _host(attributes.get(source, ""))
    elif tag.name == "meta" and attributes.get("http-equiv", "").strip().lower() == "refresh":
        yield "reloads and redirects", ""
    elif tag.name in ("a", "area"):
        scheme = _SCHEME.match(attributes.get("href", "").replace("\t", "").replace("\n", ""))
        if scheme and scheme[1].lower() not in _FINE:
            yield "links of an odd kind", f"{scheme[1].lower()}:"
    for each in _remote_images(tag):
        yield "remote images", _host(each)
    if any(key.startswith("on") and len(key) > 3 for key in attributes):
        yield "event handlers", f"<{tag.name}>"


def _remote_images(tag: Tag) -> Iterator[str]:
    attributes = tag.attributes
    if tag.name in ("img", "image", "input") or "background" in attributes:
        for key in ("src", "background", "href", "xlink:href"):
            if _REMOTE.match(attributes.get(key, "")):
                yield attributes[key]
    for candidate in attributes.get("srcset", "")[:5_000].split(","):
        if _REMOTE.match(candidate):
            yield candidate.split()[0]


def _of_css(css: str) -> Iterator[tuple[str, str]]:
    for _ in _CSS_IMPORT.finditer(css):
        yield "imported styles", ""
    for found in _CSS_URL.finditer(css):
        yield "files that styles load", _host(found[1])


def _host(url: str) -> str:
    try:
        return urlsplit(url.strip()[:2000]).hostname or ""
    except ValueError:
        return ""
