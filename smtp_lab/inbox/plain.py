"""The words of an HTML text, and where its links lead: in linear time, whatever the text holds.

This is for the index, which reads every message that comes in: expressions take a third of the
time that a `Page` takes. Previews and checks read that of one message when they are asked for, as
they need every tag and style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin

from smtp_lab.inbox.mime import clean

__all__ = ("Link", "links_in", "urls_in", "words_of")

_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|"
    r"<(script|style|head|title|template|noscript)\b[^<>]*+>.*?(?:</\1\b[^<>]*+>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# What only Outlook reads of a comment, and what all but it read (Microsoft, conditional comments).
_CONDITION = re.compile(
    r"<!--\[if\b[^<>\[\]]{0,200}\]>(?:<!-->)?|(?:<!--)?<!\[endif\]-->", re.IGNORECASE
)
_PRE = re.compile(r"<pre\b[^<>]*+>.*?(?:</pre\b|\Z)", re.IGNORECASE | re.DOTALL)
# These stand within a word; all other tags end one.
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|cite|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|"
    r"strong|sub|sup|tt|u|var|wbr)\b[^<>]*+>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*+>")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_BLANK = re.compile(r"[ \t\r\f\v\u00a0]+")
_LINES = re.compile(r" ?\n[ \n]*")

_MOST = 1_000  # links of one message
_LONGEST = 4_000  # characters of one address
_ANCHOR = re.compile(r"<(?:a|area|v:[a-z]{1,20})\b([^<>]*+)>", re.IGNORECASE)
_HREF = re.compile(
    r"(?:^|[\s\"'/])href\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++))", re.IGNORECASE
)
_END = re.compile(r"</(?:a|v:[a-z]{1,20})\b|<a\b", re.IGNORECASE)
_BASE = re.compile(r"<base\b([^<>]*+)>", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|[#{]", re.IGNORECASE)
# Behind a letter of a script that has no blanks an address begins, and at its marks one ends.
_CLOSING = (
    "“”„«»\u2026\u3000-\u3002\u3008-\u3011\u3014-\u301b"
    "\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b\uff5d\uff61-\uff64"
)
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:https?://|mailto:|www\.)" rf"[^\s<>\"'`{{}}|\\^{_CLOSING}]{{2,4000}}",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?'\"»”\u2019…*_・"
_SHOWN = 200  # characters of what a link says


@dataclass(frozen=True)
class Link:
    """A link in a message; nothing ever followed it.

    Attributes:
        url: Where it leads, as written, ``&amp;`` and its like read; a relative one from the
            ``<base>`` of the HTML, where it has one.
        text: What the reader sees of it; in plain text the address itself.
        where: ``html``, ``text`` or ``header`` (List-Unsubscribe).
    """

    url: str
    text: str
    where: str


def words_of(html: str) -> str:
    """What is to be read in *html*, a line for each paragraph."""
    # A line end is a blank, but where text is shown as it is written.
    text = _PRE.sub(lambda found: found[0].replace("\n", "<br>"), _HIDDEN.sub(" ", html))
    text = _INLINE.sub("", _BLANKS.sub(" ", text))
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
    based = _BASE.search(html)
    base = _href(based[1]) if based else ""
    for match in _ANCHOR.finditer(_HIDDEN.sub(" ", _CONDITION.sub(" ", html))):
        url = _href(match[1])
        if url and not url.startswith("#"):
            url = _joined(base, url)
            said = _said(match.string, match.end())
            found[Link(url[:_LONGEST], said, "html")] = None
        if len(found) >= _MOST:
            return list(found)
    for url in urls_in(text):
        found[Link(url, url, "text")] = None
        if len(found) >= _MOST:
            return list(found)
    for url in re.findall(r"<\s*([^<>\s]{1,4000})\s*>", unsubscribe)[:20]:
        found[Link(clean(url), "List-Unsubscribe", "header")] = None
    return list(found)


def urls_in(text: str) -> Iterator[str]:
    """Each address in a plain *text*, without what belongs to the sentence around it."""
    for match in _ADDRESS.finditer(text):
        yield _trimmed(match[0])


def _href(attributes: str) -> str:
    href = _HREF.search(attributes)
    return clean(unescape("".join(filter(None, href.groups())))).strip() if href else ""


def _joined(base: str, url: str) -> str:
    if not base or _ABSOLUTE.match(url):
        return url
    try:
        return urljoin(base[:_LONGEST], url[:_LONGEST])
    except ValueError:
        return url


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
