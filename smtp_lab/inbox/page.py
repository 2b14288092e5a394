"""What is to be known of an HTML body: its tags, its words, its styles; read within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ("Page", "Tag", "read_page")

CHARACTERS = 1_000_000
TAGS = 50_000
DEPTH = 500
_CHUNK = 65_536
_LINK_TEXT = 500

_UNSEEN = {"script", "style", "head", "title", "template", "noscript"}
_INLINE = set(
    "a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp "  # noqa: SIM905  # a list of words reads best like this
    "small span strike strong sub sup time tt u var wbr".split()
)
_NO_END = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"}
_BLANKS = re.compile(r"[ \t\r\n\f]+")


@dataclass(slots=True)
class Tag:
    """A start tag.

    Attributes:
        name: In lower case.
        attributes: By name in lower case; without a value they are empty.
        number: Its place among the tags of the same name, counted from 1.
        text: What is written inside, of a link only.
    """

    name: str
    attributes: dict[str, str]
    number: int
    text: str = ""

    def __str__(self) -> str:
        return f"HTML, <{self.name}> {self.number}"


@dataclass(slots=True)
class Page:
    """An HTML body.

    Attributes:
        tags: Every start tag, in order.
        text: What a reader sees, a line for each block or cell.
        loose: The same without what stands in ``<pre>`` and ``<code>``.
        sheets: The content of each ``<style>``.
        stopped: Why it was not read to the end; empty when it was.
    """

    tags: list[Tag] = field(default_factory=list)
    text: str = ""
    loose: str = ""
    sheets: list[str] = field(default_factory=list)
    stopped: str = ""

    def all(self, *names: str) -> list[Tag]:
        """The tags with one of these *names*."""
        return [tag for tag in self.tags if tag.name in names]

    @property
    def links(self) -> list[Tag]:
        """What can be clicked: ``<a>`` and ``<area>`` with an ``href``."""
        return [tag for tag in self.all("a", "area") if "href" in tag.attributes]


class _StopReading(Exception):  # noqa: N818  # it is no error
    """A bound is reached."""


class _Reader:
    """What lxml tells of the tags it meets."""

    def __init__(self) -> None:
        self.page = Page()
        self._text: list[str] = []
        self._loose: list[str] = []
        self._has_code = False
        self._sheet: list[str] | None = None
        self._link: Tag | None = None
        self._counts: dict[str, int] = {}
        self._depth = 0
        self._unseen = 0
        self._code = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += name not in _NO_END
        if self._depth > DEPTH:
            raise _StopReading(f"its HTML has tags within tags, more than {DEPTH:,} deep")
        if len(self.page.tags) >= TAGS:
            raise _StopReading(f"its HTML has more than {TAGS:,} tags")
        name = name.lower()
        number = self._counts[name] = self._counts.get(name, 0) + 1
        tag = Tag(name, {key.lower(): value or "" for key, value in attributes.items()}, number)
        self.page.tags.append(tag)
        self._unseen += name in _UNSEEN
        if name in ("pre", "code"):
            self._code += 1
            self._has_code = True
        if name == "style":
            self._sheet = []
        elif name == "a":
            self._link = tag
        elif name == "img" and self._link is not None:
            self._link.text += tag.attributes.get("alt", "")[:_LINK_TEXT]
        if name not in _INLINE:
            self._break()

    def end(self, name: str) -> None:
        name = name.lower()
        self._depth -= name not in _NO_END
        self._unseen -= name in _UNSEEN and self._unseen > 0
        self._code -= name in ("pre", "code") and self._code > 0
        if name == "style" and self._sheet is not None:
            self.page.sheets.append("".join(self._sheet))
            self._sheet = None
        elif name == "a":
            self._link = None
        if name not in _INLINE:
            self._break()

    def data(self, text: str) -> None:
        if self._sheet is not None:
            self._sheet.append(text)
        if self._unseen:
            return
        self._text.append(text)
        if not self._code:
            self._loose.append(text)
        if self._link is not None and len(self._link.text) < _LINK_TEXT:
            self._link.text += text[:_LINK_TEXT]

    def close(self) -> Page:
        self.page.text = _lines(self._text)
        self.page.loose = _lines(self._loose) if self._has_code else self.page.text
        return self.page

    def _break(self) -> None:
        self._text.append("\x00")
        self._loose.append("\x00")


def read_page(html: str) -> Page:
    """Read *html* as a browser would, up to the bounds; never raises."""
    from lxml import etree

    reader = _Reader()
    stopped = ""
    if len(html) > CHARACTERS:
        stopped = f"its HTML is longer than {CHARACTERS:,} characters"
    try:
        # As a target it builds no tree, which some attacks make slow.
        parser = etree.HTMLParser(target=reader, encoding="utf-8", huge_tree=True)
        for at in range(0, min(len(html), CHARACTERS), _CHUNK):
            parser.feed(html[at : min(at + _CHUNK, CHARACTERS)].encode("utf-8", "replace"))
        parser.close()
    except _StopReading as reached:
        stopped = str(reached)
    except (etree.LxmlError, ValueError, AssertionError):
        stopped = stopped or "its HTML cannot be read"
    page = reader.close()
    page.stopped = stopped if html.strip() else ""
    return page


def _lines(pieces: list[str]) -> str:
    # NUL is no character of a text here, so it can stand for the edge of a block.
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(pieces).split("\x00"))
    return "\n".join(line for line in lines if line)
