"""Whether a browser can bear some HTML: a few mails hang or crash it, and the notebook with it.

Measured in Chromium: 100,000 ``<div>`` in one another or 30,000 tables take minutes, and 100,000
``a{`` in one another in a style end the page.
"""

from __future__ import annotations

import re

from smtp_lab.inbox.page import TAGS, Page

__all__ = ("unbearable",)

_BRACES = 100  # open at a time
_BRACKETS = 1_000
_UNSEEN = 5_000  # tags that our reader takes for something else than the browser may
_START = re.compile(r"<[a-zA-Z]")
_BRACE = re.compile(r"[{}]")
_BRACKET = re.compile(r"[(\[)\]]")


def unbearable(html: str, page: Page) -> str:
    """Why *html*, read as *page*, is better not given to a browser; empty when it may be."""
    if page.stopped and "longer" not in page.stopped:
        return page.stopped
    tags = sum(1 for _ in _START.finditer(html))
    if tags > TAGS:
        return f"its HTML has more than {TAGS:,} tags"
    if tags - len(page.tags) > _UNSEEN:
        return "its HTML hides tags in other things"
    styles = [*page.sheets, *(tag.attributes.get("style", "") for tag in page.tags)]
    if _deepest(_BRACE, "{", html) > _BRACES or any(
        _deepest(_BRACKET, "([", style) > _BRACKETS for style in styles
    ):
        return "its styles have blocks within blocks, too many to follow"
    return ""


def _deepest(pattern: re.Pattern[str], opening: str, text: str) -> int:
    """How many brackets are open at a time, at most."""
    depth = deepest = 0
    for found in pattern.finditer(text):
        depth = depth + 1 if found[0] in opening else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest
