"""HTML made fit for mail: its CSS in its tags, and a text made from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

from smtp_lab.errors import InputError

__all__ = ("inline_css", "marked", "text_of", "unmarked")

_STYLE = re.compile(r"<style\b|<link\b", re.IGNORECASE)
_HEAD = re.compile(r"(<head>)(<style>.*?</style>)(.*?)(</head>)", re.DOTALL)
_CENTRED = re.compile(r"""\balign=(["']?)center\1|text-align:\s*center""", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]+)\]\(((?:https?://|mailto:)[^()\s]*)\)")
_MARKED = re.compile(r"<!--smtp_lab table (\d+)-->.*?<!--end-->", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{3,}")


@cache
def _inliner() -> Any:
    import css_inline

    return css_inline.CSSInliner(
        load_remote_stylesheets=False,  # nothing is fetched while a mail is written
        keep_style_tags=False,
        keep_link_tags=False,
        keep_at_rules=True,  # @media: how it looks on a phone and in the dark
    )


def inline_css(page: str, css: str = "") -> str:
    """Move the styles of *page*, and *css*, into its tags, where mail programs look for them.

    Only rules that cannot be moved, such as ``@media``, stay in the head.

    Raises:
        InputError: A stylesheet is wanted from elsewhere.
    """
    if not css and not _STYLE.search(page):
        return page
    import css_inline

    try:
        if css:
            head = f"<style>{css}</style>"
            page, done = re.subn(r"(?i)</head>", lambda end: head + end[0], page, count=1)
            page = page if done else head + page
        # What is left of the styles comes last in the head: a page says its encoding within the
        # first 1024 octets (HTML, section 4.2.5.4).
        return _HEAD.sub(r"\1\3\2\4", str(_inliner().inline(page)), count=1)
    except css_inline.InlineError as error:
        fix = "put the styles into the template"
        raise InputError.of("style", f"cannot be moved into the HTML ({error})", fix) from None


@cache
def _layout() -> Any:
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.model.config import ParserConfig

    return ParserConfig(CSS_PROFILES["strict"].copy(), display_links=True, display_images=True)


def marked(table: str, number: int) -> str:
    """The HTML *table* with its number around it, see `text_of`."""
    return f"<!--smtp_lab table {number}-->{table}<!--end-->"


def unmarked(page: str) -> str:
    """*page* without the numbers that `marked` put there."""
    return re.sub(r"<!--(?:smtp_lab table \d+|end)-->", "", page)


def text_of(page: str, tables: Sequence[Callable[[], str]] = ()) -> str:
    """The text a reader without HTML gets for *page*; tables stay tables.

    Args:
        page: A whole page.
        tables: What stands in the text for the tables that are `marked` in the page.

    Raises:
        InputError: The HTML cannot be read.
    """
    from inscriptis import get_text
    from lxml.etree import LxmlError

    def as_text(found: re.Match[str]) -> str:
        return f"<pre>{escape(tables[int(found[1])]())}</pre>"

    if tables:
        page = _MARKED.sub(as_text, page)
    try:
        # What is centred on a page would be pushed far to the right in a text.
        laid_out = get_text(_CENTRED.sub("", page), _layout())
    except (LxmlError, ValueError, RecursionError, AssertionError) as error:
        fix = "write the text part yourself"
        raise InputError.of("body.html", f"cannot be made a text ({error})", fix) from None
    laid_out = _LINK.sub(r"\1 <\2>", laid_out)  # RFC 3986 appendix C
    lines = "\n".join(line.rstrip() for line in laid_out.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n") + "\n"
