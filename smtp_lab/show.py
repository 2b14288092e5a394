"""How results show themselves in a notebook: as text, whatever the text holds."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ("NO_MATH", "facts_table")

NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes that keep MathJax away: it would turn ``$…$`` in a subject into formulas and links."""

_CELL = "text-align:left;vertical-align:top"


def facts_table(label: str, facts: Mapping[str, object]) -> str:
    """A table with one row for each of *facts*, name and value escaped.

    Args:
        label: What a screen reader calls the table.
        facts: Values by name, in order.
    """
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL};white-space:nowrap">{escape(name)}</th>'
        f'<td style="{_CELL};overflow-wrap:anywhere">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f'<table class="{NO_MATH}" aria-label="{escape(label)}">{rows}</table>'
