"""Which features of HTML and CSS a body uses, as marks that facts/mail_clients.json knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from smtp_lab.inbox.page import Page, Tag

__all__ = ("marks_of",)

_SHEETS = 100_000  # characters of all styles that are read
_DEPTH = 20  # of blocks in blocks
_MEDIA = (
    "device-pixel-ratio",
    "hover",
    "orientation",
    "prefers-color-scheme",
    "prefers-reduced-motion",
)
_SELECTOR_MARKS = {">": ">", "+": "+", "~": "~", ",": ",", ".": ".", "*": "*"}
_EXTENSION = re.compile(r"\.([a-z0-9]{3,4})(?:[?#]|$)", re.IGNORECASE)


def marks_of(page: Page) -> dict[str, str]:
    """Every mark in *page*, with where it was seen first."""
    found: dict[str, str] = {}
    left = _SHEETS
    for tag in page.tags:
        for mark in _of_tag(tag):
            if mark not in found:
                found[mark] = str(tag)
        style = tag.attributes.get("style", "")
        if style and len(style) <= left:
            left -= len(style)
            for mark in _of_style(style):
                if mark not in found:
                    found[mark] = str(tag)
    for number, sheet in enumerate(page.sheets, 1):
        if len(sheet) <= left:
            left -= len(sheet)
            for mark in _of_sheet(sheet):
                found.setdefault(mark, f"HTML, <style> {number}")
    return found


def _of_tag(tag: Tag) -> Iterator[str]:
    yield f"tag:{tag.name}"
    attributes = tag.attributes
    yield from (f"attribute:{name}" for name in attributes)
    if tag.name in ("input", "button"):
        usual = "text" if tag.name == "input" else "submit"
        yield f"{tag.name}:{attributes.get('type', usual).lower()}"
    elif tag.name in ("a", "area"):
        href = attributes.get("href", "").strip().lower()
        if href.startswith("#") and len(href) > 1:
            yield "link:#"
        elif href.startswith("mailto:"):
            yield "link:mailto"
    elif tag.name in ("img", "source"):
        yield from _of_image(attributes.get("src", "").strip())


def _of_image(source: str) -> Iterator[str]:
    if source[:5].lower() == "data:":
        yield "image:data"
        yield f"image:{source[5:40].partition(';')[0].rpartition('/')[2].partition('+')[0].lower()}"
    elif found := _EXTENSION.search(source[-200:]):
        yield f"image:{found[1].lower()}"


@lru_cache(maxsize=4096)
def _of_style(style: str) -> frozenset[str]:
    """The marks of a ``style`` attribute; a mail repeats the same few over and over."""
    import tinycss2

    return frozenset(_of_block(tinycss2.parse_blocks_contents(style[:20_000]), 0))


@lru_cache(maxsize=64)
def _of_sheet(sheet: str) -> frozenset[str]:
    import tinycss2

    rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return frozenset(_of_block(rules, 0))


def _of_block(nodes: Iterable[Any], depth: int) -> Iterator[str]:
    """The marks of declarations and rules; *depth* counts the blocks around them."""
    import tinycss2

    for node in nodes:
        if node.type == "declaration":
            yield from _of_declaration(node)
        elif node.type == "at-rule":
            yield f"at:{node.lower_at_keyword}"
            if node.lower_at_keyword == "media":
                text = tinycss2.serialize(node.prelude[:100]).lower()
                yield from (f"media:{name}" for name in _MEDIA if name in text)
            if node.content is not None and depth < _DEPTH:
                yield from _of_block(tinycss2.parse_blocks_contents(node.content), depth + 1)
        elif node.type == "qualified-rule":
            yield from _of_selector(node.prelude)
            if depth < _DEPTH:
                inner = list(tinycss2.parse_blocks_contents(node.content))
                if any(child.type == "qualified-rule" for child in inner):
                    yield "nesting"
                yield from _of_block(inner, depth + 1)


def _of_declaration(node: Any) -> Iterator[str]:
    name = node.lower_name
    yield f"property:{name}"
    if node.important:
        yield "important"
    for token in _flat(node.value):
        match token.type:
            case "ident":
                yield f"{name}:{token.lower_value}"
                yield f"value:{token.lower_value}"
            case "function":
                yield f"function:{token.lower_name}"
                yield f"{name}:{token.lower_name}"
            case "dimension":
                yield f"unit:{token.lower_unit}"
            case "percentage":
                yield "unit:%"
            case "url":
                yield f"{name}:url"


def _flat(tokens: Iterable[Any]) -> Iterator[Any]:
    """Every token, those in functions and brackets too."""
    stack = list(tokens)
    while stack:
        token = stack.pop()
        yield token
        stack += getattr(token, "arguments", None) or getattr(token, "content", None) or []


def _of_selector(prelude: list[Any]) -> Iterator[str]:
    before = ""
    for at, token in enumerate(prelude[:2_000]):
        kind = token.type
        if kind == "ident":
            if before == ":":
                yield f"pseudo:{token.lower_value}"
            elif before != ".":
                yield "selector:type"
        elif kind == "function" and before == ":":
            yield f"pseudo:{token.lower_name}"
        elif kind == "hash":
            yield "selector:#"
        elif kind == "[] block":
            yield "selector:[]"
        elif kind == "literal" and token.value in _SELECTOR_MARKS:
            yield f"selector:{_SELECTOR_MARKS[token.value]}"
        elif kind == "whitespace" and _between_words(prelude, at):
            yield "selector: "
        before = token.value if kind == "literal" else kind


def _between_words(prelude: list[Any], at: int) -> bool:
    """Whether the blank at *at* stands between two parts of a selector, not beside a sign."""
    if not 0 < at < len(prelude) - 1:
        return False
    around = (prelude[at - 1], prelude[at + 1])
    return not any(t.type == "literal" and t.value in (">", "+", "~", ",") for t in around)
