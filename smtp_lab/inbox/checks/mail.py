"""A captured message as the rules look at it: everything is worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from smtp_lab.inbox.checks.css import marks_of
from smtp_lab.inbox.mime import HEADER_BYTES, decode_words, unfold
from smtp_lab.inbox.page import Page, Tag, read_page
from smtp_lab.inbox.parts import Part
from smtp_lab.inbox.plain import urls_in

if TYPE_CHECKING:
    from smtp_lab.inbox.captured import Captured
    from smtp_lab.inbox.checks.options import Options

__all__ = ("ADDRESS_HEADERS", "Link", "Mail", "split_url")

ADDRESS_HEADERS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")

_ADDRESSES = 1_000
_GROUP = re.compile(r"[^:;,<>@\"]{0,200}:\s*;")
_CID = re.compile(r"""["'(=\s]cid:([^"')\s>]{1,998})""", re.IGNORECASE)


class Link(NamedTuple):
    """A link: where it leads, and its tag if it is in the HTML."""

    url: str
    tag: Tag | None

    @property
    def where(self) -> str:
        """Its tag, or the text."""
        return str(self.tag) if self.tag is not None else "text"


@lru_cache(maxsize=4096)
def split_url(url: str) -> SplitResult | None:
    """The parts of *url*; None when it cannot be taken apart."""
    try:
        parts = urlsplit(url[:4000])
        _ = parts.port, parts.hostname  # these raise too
    except ValueError:
        return None
    return parts


class Mail:
    """A message and what the rules want to know of it.

    Args:
        message: What was captured.
        options: How it is checked.
    """

    def __init__(self, message: Captured, options: Options) -> None:
        self.message, self.options = message, options
        self._addresses: dict[str, list[tuple[str, str]]] = {}

    @property
    def raw(self) -> bytes:
        """The bytes as received."""
        return self.message.raw

    @cached_property
    def root(self) -> Part:
        """The message as a tree of parts."""
        return self.message._parsed[0]  # noqa: SLF001  # parsed once, for both

    @cached_property
    def items(self) -> list[tuple[str, str]]:
        """Each header as it was written, on one line; octets beyond ASCII as surrogates."""
        return [(name, unfold(str(value))) for name, value in self.root.raw_items()]

    def written(self, name: str) -> list[str]:
        """The values of all headers called *name*, as they were written."""
        return self._by_name.get(name.lower(), [])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.items:
            found.setdefault(name.lower(), []).append(value)
        return found

    def has(self, name: str) -> bool:
        """Whether there is a header called *name*."""
        return bool(self.written(name))

    @cached_property
    def parts(self) -> list[tuple[str, Part]]:
        """Every part with its number as in IMAP, such as ``1.2``; those made of parts too."""
        found: list[tuple[str, Part]] = []
        stack = [("", self.root)]
        while stack and not self.message._parsed[1]:  # noqa: SLF001  # beyond a bound
            number, part = stack.pop()
            found.append((f"part {number}" if number else "message", part))
            inside = part.inside or []
            start = f"{number}." if number else ""
            stack += [(f"{start}{n}", inside[n - 1]) for n in range(len(inside), 0, -1)]
        return found

    @cached_property
    def leaves(self) -> list[tuple[str, Part]]:
        """The parts that are not made of others."""
        return [(where, part) for where, part in self.parts if part.inside is None]

    def addresses(self, name: str) -> list[tuple[str, str]]:
        """Name and address of each in the headers called *name*; empty groups are left out."""
        if name not in self._addresses:
            self._addresses[name] = self._addresses_in(self.written(name))
        return self._addresses[name]

    def _addresses_in(self, written: list[str]) -> list[tuple[str, str]]:
        text = ", ".join(written)[:HEADER_BYTES]
        if not text.strip():
            return []
        text = _GROUP.sub("", text)
        try:
            pairs = getaddresses([text])[:_ADDRESSES]
        except (ValueError, IndexError, AttributeError, RecursionError):
            return []
        return [(decode_words(shown), address) for shown, address in pairs if shown or address]

    @cached_property
    def from_domain(self) -> str:
        """The domain of the first address in From, in lower case."""
        first = next((address for _, address in self.addresses("From")), "")
        return first.rpartition("@")[2].strip().lower()

    @cached_property
    def page(self) -> Page:
        """The HTML body."""
        return read_page(self.message.html)

    @cached_property
    def marks(self) -> dict[str, str]:
        """The features of HTML and CSS it uses, each with where it was seen first."""
        return marks_of(self.page)

    @cached_property
    def called(self) -> dict[str, str]:
        """The Content-IDs that the HTML calls, each as it is written there."""
        return {unquote(found.replace("&amp;", "&")): found for found in _CID.findall(self._html)}

    @property
    def _html(self) -> str:
        return self.message.html[:2_000_000]

    @cached_property
    def links(self) -> list[Link]:
        """Each link in the HTML, then each web address in the text that is not among them."""
        found = [Link(tag.attributes["href"].strip(), tag) for tag in self.page.links]
        seen = {link.url for link in found}
        return found + [Link(url, None) for url in self.urls_in_text() if url not in seen]

    @cached_property
    def web_links(self) -> list[tuple[Link, SplitResult, str]]:
        """Those of `links` that lead to the web, each taken apart and with its host."""
        found = []
        for link in self.links:
            parts = split_url(link.url)
            host = parts.hostname if parts is not None else None
            if parts is not None and host and parts.scheme in ("http", "https"):
                found.append((link, parts, host))
        return found

    def urls_in_text(self) -> Iterator[str]:
        """Each web address in the text body, once."""
        seen: set[str] = set()
        for url in urls_in(self.message.text[:1_000_000]):
            if url[:4].lower() == "http" and url not in seen:
                seen.add(url)
                yield url
