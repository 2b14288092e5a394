"""The words of an HTML text, and where its links lead: in linear time, whatever the text holds.

This is for the index, which reads every message that comes in: expressions take a third of the
time that a `Page` takes. Previews and checks read that of one message when they are asked for, as
they need every tag and style.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from smtp_lab.inbox.mime import clean

__all__ = ("Link", "links_in", "words_of")

_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|"
    r"<(script|style|head|title|template|noscript)\b[^<>]*+>.*?(?:</\1\b[^<>]*+>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# These stand within a word; all other tags end one.
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|cite|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|"
    r"strong|sub|sup|tt|u|var|wbr)\b[^<>]*+>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*+>")
_BLANK = re.compile(r"[ \t\r\f\v\u00a0]+")
_LINES = re.compile(r" ?\n[ \n]*")

_MOST = 1_000  # links of one message
_LONGEST = 4_000  # characters of one address
_ANCHOR = re.compile(r"<(?:a|area)\b([^<>]*+)>", re.IGNORECASE)
_HREF = re.compile(
    r"(?:^|[\s\"'/])href\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++))", re.IGNORECASE
)
_END = re.compile(r"</a\b|<a\b", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(?:https?://|mailto:|www\.)[^\s<>\"'`{}|\\^\u2026]{2,4000}", re.IGNORECASE
)
_TRAILING = ".,;:!?'\"»”\u2019…*_"
_SHOWN = 200  # characters of what a link says


@dataclass(frozen=True)
class Link:
    """A link in a message; nothing ever followed it.

    Attributes:
        url: Where it leads, as written, ``&amp;`` and its like read.
        text: What the reader sees of it; in plain text the address itself.
        where: ``html``, ``text`` or ``header`` (List-Unsubscribe).
    """

    url: str
    text: str
    where: str


def words_of(html: str) -> str:
    """What is to be read in *html*, a line for each paragraph."""
    text = _INLINE.sub("", _HIDDEN.sub(" ", html))
    text = clean(unescape(_TAG.sub("\n", text)))
    return _LINES.sub("\n", _BLANK.sub(" ", text)).strip()


def links_in(html: str, text: str, unsubscribe: str = "") -> list[Link]:
    """The links of a message, each once for each place and text, at most `_MOST`.

    Args:
        html: Its HTML body.
        text: Its text body.
        unsubscribe: Its List-Unsubscribe header (RFC 2369).
    """
    found: dict[Link, None] = {}
    for match in _ANCHOR.finditer(_HIDDEN.sub(" ", html)):
        href = _HREF.search(match[1])
        url = clean(unescape("".join(filter(None, href.groups())))).strip() if href else ""
        if url and not url.startswith("#"):
            said = _said(match.string, match.end())
            found[Link(url[:_LONGEST], said, "html")] = None
        if len(found) >= _MOST:
            return list(found)
    for match in _ADDRESS.finditer(text):
        url = _trimmed(match[0])
        found[Link(url, url, "text")] = None
        if len(found) >= _MOST:
            return list(found)
    for url in re.findall(r"<\s*([^<>\s]{1,4000})\s*>", unsubscribe)[:20]:
        found[Link(clean(url), "List-Unsubscribe", "header")] = None
    return list(found)


def _said(html: str, at: int) -> str:
    end = _END.search(html, at, at + 5_000)
    inner = html[at : end.start() if end else at + 5_000]
    return " ".join(words_of(inner).split())[:_SHOWN]


def _trimmed(url: str) -> str:
    """The address without what belongs to the sentence around it."""
    for _ in range(20):
        shorter = url.rstrip(_TRAILING)
        for opening, closing in ("()", "[]"):
            if shorter.endswith(closing) and shorter.count(closing) > shorter.count(opening):
                shorter = shorter[:-1]
        if shorter == url:
            break
        url = shorter
    return url
