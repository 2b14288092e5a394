"""Tables that were styled elsewhere: a pandas Styler, a table of great_tables."""

from __future__ import annotations

import re
from copy import deepcopy
from html import escape
from typing import Any

from markupsafe import Markup

from smtp_lab.compose.html import inline_css
from smtp_lab.compose.passive import passive
from smtp_lab.errors import InputError

__all__ = ("styled_html",)

_MOST_ROWS = 1_000  # of a table that is not cut
# There the page gives these; a Styler that says otherwise has the last word.
_AS_IN_A_NOTEBOOK = """
table { border-collapse: collapse; font-size: 14px; line-height: 1.4 }
th, td { padding: 6px 12px; text-align: right; vertical-align: middle }
.row_heading, .index_name { text-align: left }
caption { padding: 0 0 6px; font-weight: 600 }
"""
# What a Styler makes of an address with hyperlinks="html": it leads where it says.
_OWN_LINK = re.compile(r'<a href="(https?://[^"<>\s]+)" target="_blank">\1</a>')
_IDS = re.compile(r' id="(?:T_)?styled[^"]*"')


def styled_html(table: Any) -> Markup | None:
    """The HTML of *table* with its styles inline, or None where it is no styled table.

    A Styler escapes its cells only when told to; here it is told to.

    Raises:
        InputError: It cannot be drawn.
    """
    kind = f"{type(table).__module__}.{type(table).__name__}"
    styler = kind == "pandas.io.formats.style.Styler"
    if not styler and not (kind.startswith("great_tables.") and hasattr(table, "as_raw_html")):
        return None
    _check_rows(table.data if styler else getattr(table, "_tbl_data", ()))
    try:
        if styler:
            return _fragment(_escaping(table).to_html(table_uuid="styled"), _AS_IN_A_NOTEBOOK)
        return _fragment(table.with_id("styled").as_raw_html(inline_css=False))
    except (ImportError, ValueError, TypeError, KeyError, AttributeError) as error:
        problem = f"cannot be drawn ({type(error).__name__}: {error})"
        raise InputError.of("table", problem, "look at it in the notebook first") from None


def _check_rows(data: Any) -> None:
    rows = len(data) if hasattr(data, "__len__") else 0
    if rows > _MOST_ROWS:
        fix = "style its head, or give the DataFrame, which is cut"
        raise InputError.of("table", f"is styled and has {rows:,} rows", fix)


def _escaping(styler: Any) -> Any:
    """A copy of *styler* that escapes what its format leaves alone: values and names."""
    made = deepcopy(styler)
    if isinstance(made.caption, str):
        made.caption = escape(made.caption)
    made.data = made.data.copy(deep=False)
    for axis in ("index", "columns"):
        labels = getattr(made.data, axis)
        names = [escape(name) if isinstance(name, str) else name for name in labels.names]
        setattr(made.data, axis, labels.set_names(names))
        setattr(made, axis, getattr(made.data, axis))
    made.cell_context = {where: str(escape(css)) for where, css in made.cell_context.items()}
    made.concatenated = [_escaping(other) for other in made.concatenated]
    for functions in (made._display_funcs, made._display_funcs_index, made._display_funcs_columns):  # noqa: SLF001  # there is no public way to add escaping to a format that was set
        default = functions.default_factory()
        for key, show in list(functions.items()):
            functions[key] = _shown(show)
        functions.default_factory = lambda default=default: _shown(default)
    return made


def _shown(show: Any) -> Any:
    told = _escapes(show)

    def shown(value: Any) -> Any:
        text = show(value)
        if not isinstance(text, str) or text == escape(text) or _OWN_LINK.fullmatch(text):
            return text
        # What the Styler was told to escape, which it does with texts, is not escaped again.
        once = told and isinstance(value, str)
        return escape(re.sub(r"&(lt|gt|amp|quot|#39|#34);", _char, text) if once else text)

    return shown


def _escapes(show: Any) -> bool:
    """Whether *show*, which a Styler made, was told to escape; a format for numbers was not."""
    try:
        return "&lt;" in str(show("<"))
    except Exception:  # noqa: BLE001  # a function of anybody's
        return False


def _char(entity: re.Match[str]) -> str:
    return {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "#39": "'", "#34": '"'}[entity[1]]


def _fragment(html: str, below: str = "") -> Markup:
    """*html* with its own styles, above those of *below*, in its tags, and nothing active in it."""
    css = "\n".join(re.findall(r"<style\b[^>]*>(.*?)</style>", html, re.DOTALL | re.IGNORECASE))
    bare = re.sub(r"<style\b[^>]*>.*?</style>", "", html, flags=re.DOTALL | re.IGNORECASE)
    page = inline_css(f"<html><body>{bare}</body></html>", f"{below}\n{css}")
    inside = re.search(r"<body[^>]*>(.*)</body>", page, re.DOTALL)
    # Its styles have found their tags; made again, it must be the same again.
    page = _IDS.sub("", passive(inside[1] if inside else page))
    return Markup(f'<div class="styled">{page.strip()}</div>')  # noqa: S704  # made by the table's own library
