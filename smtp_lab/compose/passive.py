"""HTML with nothing active in it: no scripts, handlers or forms, and nothing fetched by a style."""

from __future__ import annotations

import re
from typing import Any

__all__ = ("passive",)

_KEPT = re.compile(
    "a|abbr|b|big|blockquote|br|caption|center|cite|code|col|colgroup|dd|del|div|dl|dt|em|font"
    "|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|q|s|samp|small|span|strike|strong|sub|sup|table"
    "|tbody|td|tfoot|th|thead|time|tr|tt|u|ul|var|wbr"
    "|svg|circle|clippath|defs|desc|ellipse|g|line|lineargradient|path|pattern|polygon|polyline"
    "|radialgradient|rect|stop|text|tspan"
)
# What stands in these is not for reading: it goes with them.
_GONE = re.compile(
    "applet|audio|base|canvas|embed|frame|frameset|head|iframe|link|math|meta|noembed|noframes"
    "|noscript|object|param|script|style|template|textarea|title|video|xmp"
)
_LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
_IMAGE = re.compile(r"https?://|cid:|data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
_LINKS = {"href": _LINK, "xlink:href": _LINK, "src": _IMAGE, "cite": _LINK}
_NEVER = re.compile(
    "on.*|action|attributionsrc|background|code|codebase|data|dynsrc|formaction|imagesrcset"
    "|longdesc|lowsrc|manifest|ping|poster|profile|srcdoc|srcset|usemap"
)
_CONTROLS = re.compile(r"[\x00-\x20]")
# Of the functions of CSS only those fetch nothing that give a number, a colour or a gradient.
_QUIET = (
    "(?:attr|calc|clamp|color|color-mix|cubic-bezier|hsla?|hwb|lab|lch|light-dark|max|min|minmax"
    "|oklab|oklch|rect|repeat|rgba?|steps|var|(?:repeating-)?(?:conic|linear|radial)-gradient"
    "|matrix|rotate|scale|skew|translate)[xyz]?"
)
_CSS = re.compile(
    r"expression|javascript:|vbscript:|behavior|-moz-binding|@import|\\|\bposition\s*:"
    rf"|url\s*\((?!\s*[\"']?#)|(?<![\w-])(?!{_QUIET}\s*\(|url\s*\()[\w-]+\s*\(",
    re.IGNORECASE,
)
_CSS_DATA = re.compile(
    r"""url\(\s*(["']?)data:image/(?:png|jpeg|gif|webp);base64,[\w+/=]*\1\s*\)""", re.IGNORECASE
)


def passive(html: str) -> str:
    """*html*, a piece of a page, without what is active in it; the rest stays as it is."""
    from lxml import html as parser

    whole = parser.fragment_fromstring(html, create_parent="div")
    for element in list(whole.iterdescendants()):
        if not isinstance(element.tag, str):
            element.drop_tree()  # a comment: some programs run what is in one
        elif _GONE.fullmatch(element.tag):
            element.drop_tree()
        elif not _KEPT.fullmatch(element.tag):
            element.drop_tag()
        else:
            _quieten(element)
    inside = "".join(parser.tostring(child, encoding="unicode") for child in whole)
    return f"{_escaped(whole.text)}{inside}"


def _escaped(text: str | None) -> str:
    from markupsafe import escape

    return str(escape(text or ""))


def _quieten(element: Any) -> None:
    for name, value in list(element.attrib.items()):
        bare = name.lower()
        if _NEVER.fullmatch(bare):
            del element.attrib[name]
        elif (allowed := _LINKS.get(bare)) is not None:
            if not allowed.match(_CONTROLS.sub("", value)):
                del element.attrib[name]
        elif bare == "style":
            if style := _quiet_style(value):
                element.set(name, style)
            else:
                del element.attrib[name]
        elif _CSS.search(value) and not bare.startswith(("alt", "title", "class", "id")):
            del element.attrib[name]


def _quiet_style(style: str) -> str:
    """The declarations of *style* that do nothing and fetch nothing."""
    if not _CSS.search(style):
        return style
    from tinycss2 import parse_declaration_list, serialize

    found = parse_declaration_list(style, skip_comments=True, skip_whitespace=True)
    kept = [serialize([one]).rstrip(";") for one in found if one.type == "declaration"]
    return "; ".join(one for one in kept if not _CSS.search(_CSS_DATA.sub("", one)))
