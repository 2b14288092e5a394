"""HTML made fit for mail: its CSS in its tags, and a text made from it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

from smtp_lab.errors import InputError

__all__ = (
    "check_pictures",
    "inline_css",
    "legible",
    "marked",
    "text_of",
    "unmarked",
    "whole_page",
    "without_marked",
)

_IMAGE = re.compile(r"<img\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=", re.IGNORECASE)
_PAGE = re.compile(r"<html\b|<body\b", re.IGNORECASE)
_SHELL = (
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"></head>'
    "<body style=\"font-family:'Segoe UI',Helvetica,Arial,sans-serif;"
    'font-size:15px;line-height:1.5">\n{html}</body></html>\n'
)
_STYLE = re.compile(r"<style\b|<link\b", re.IGNORECASE)
_HEAD = re.compile(r"(<head>)(<style>.*?</style>)(.*?)(</head>)", re.DOTALL)
_CENTRED = re.compile(r"""\balign=(["']?)center\1|text-align:\s*center""", re.IGNORECASE)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(((?:https?://|mailto:)[^()\s]*)\)")
# Whoever writes a template or its data cannot know it: their comments are comments.
_OWN = secrets.token_hex(8)
_MARKED = re.compile(rf"<!--{_OWN} (\d+)-->.*?<!--{_OWN} end-->", re.DOTALL)
_MARKS = re.compile(rf"<!--{_OWN} (?:\d+|end)-->")
_MOST_LAID_OUT = 50_000_000  # characters of a table whose cells are all as wide as the widest
# Blanks for what breaks a line somewhere: Excel's cells hold such.
_CONTROLS = dict.fromkeys((*range(1, 9), *range(14, 32), *range(127, 160)), "\ufffd")
_CONTROLS |= dict.fromkeys((0x0B, 0x0C, 0x85), " ")
_WIDEST = 200  # columns below one heading
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
    return f"<!--{_OWN} {number}-->{table}<!--{_OWN} end-->"


def unmarked(page: str) -> str:
    """*page* without the numbers that `marked` put there."""
    return _MARKS.sub("", page)


def without_marked(page: str) -> str:
    """*page* without the tables that are `marked` in it."""
    return _MARKED.sub("", page)


def _laid_out(page: str) -> str:
    """What Inscriptis makes of *page*.

    It is given the tree, as its own way to read a page leaves out, without a word, whatever is
    nested more than 256 deep.

    Raises:
        RecursionError: The page is nested too deeply to be read as a whole.
        MemoryError: A table in it has so many rows and so wide a cell that it would fill too much.
    """
    from inscriptis.html_engine import Inscriptis
    from lxml.etree import ParserError
    from lxml.html import HTMLParser, document_fromstring

    page = re.sub(r"\A\s*<\?xml [^>]*>", "", page)  # lxml takes no text that says its encoding
    parser = HTMLParser(huge_tree=True)
    try:
        tree = document_fromstring(page, parser=parser)
    except ParserError:  # there is nothing in it
        return ""
    rows = sum(1 for _ in tree.iter("tr"))
    if rows and rows * max(map(len, tree.itertext()), default=0) > _MOST_LAID_OUT:
        raise MemoryError
    if any(fault.type_name == "ERR_RESOURCE_LIMIT" for fault in parser.error_log):
        raise RecursionError
    _prepare(tree)
    return str(Inscriptis(tree, _layout()).get_text())


def _prepare(tree: Any) -> None:
    """Make up for what Inscriptis does otherwise: it decodes twice, and knows no wide headings."""
    for one in list(tree.iter()):
        for name in ("text", "tail"):
            if "&" in (text := getattr(one, name) or ""):
                setattr(one, name, text.replace("&", "&amp;"))
        for name in ("alt", "href", "title"):
            if "&" in (value := one.get(name) or ""):
                one.set(name, value.replace("&", "&amp;"))
        wide = one.get("colspan", "") if one.tag == "th" else ""
        if wide.isdecimal():
            for _ in range(min(int(wide), _WIDEST) - 1):
                one.addnext(one.makeelement("th"))


def text_of(page: str, tables: Sequence[Callable[[], str]] = ()) -> str:
    """The text a reader without HTML gets for *page*; tables stay tables.

    Args:
        page: A whole page.
        tables: What stands in the text for the tables that are `marked` in the page.

    Raises:
        InputError: The HTML cannot be read.
    """
    from lxml.etree import LxmlError

    def as_text(found: re.Match[str]) -> str:
        return f"<pre>{escape(tables[int(found[1])]())}</pre>"

    if tables:
        page = _MARKED.sub(as_text, page)
    try:
        # What is centred on a page would be pushed far to the right in a text.
        laid_out = _laid_out(_CENTRED.sub("", page))
    except RecursionError:
        problem, fix = "is nested too deeply to be made a text", "write the text part yourself"
        raise InputError.of("body.html", problem, fix) from None
    except MemoryError:
        problem, fix = "is too large to be made a text", "write the text part yourself"
        raise InputError.of("body.html", problem, fix) from None
    except (LxmlError, ValueError, AssertionError) as error:
        fix = "write the text part yourself"
        raise InputError.of("body.html", f"cannot be made a text ({error})", fix) from None
    laid_out = _LINK.sub(
        lambda link: f"{link[1]} <{link[2]}>".lstrip(), laid_out
    )  # RFC 3986 app. C
    lines = "\n".join(line.rstrip() for line in laid_out.split("\n"))
    return legible(_BLANK_LINES.sub("\n\n", lines).strip("\n") + "\n")


def legible(text: str) -> str:
    """*text* without control characters, some of which a terminal obeys."""
    return text.translate(_CONTROLS)


def whole_page(html: str, language: str) -> str:
    """*html* as a page: what a notebook holds is often a few paragraphs."""
    return html if _PAGE.search(html) else _SHELL.format(language=language, html=html)


def check_pictures(name: str, html: str) -> None:
    """Refuse a picture without alternative text: not everybody sees it.

    Raises:
        InputError: *html*, which comes from the template *name*, shows one.
    """
    if any(not _ALT.search(image) for image in _IMAGE.findall(html)):
        fix = 'write alt="what it shows", or alt="" for mere decoration'
        raise InputError.of(name, "shows a picture without alternative text", fix)
