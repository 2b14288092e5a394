"""TOML as text: where its headers and keys stand, without being misled by texts and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ("Statement", "statements")

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
# What stands at the start of a line: a header or a key. Texts and comments are passed over, so that
# what looks like a header in a text of several lines is none.
_STATEMENT = re.compile(
    rf"""^[ \t]*(?P<header>\[{{1,2}})?[ \t]*(?P<path>{_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*"""
    r"""(?(header)\]{1,2}|=)"""
    r"""|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*""",
    re.MULTILINE | re.DOTALL,
)


class Statement(NamedTuple):
    """A header or a key.

    Attributes:
        start: Where its line starts.
        header: ``[`` or ``[[`` for a header, empty for a key.
        path: Where it leads, the table around it included; the tables of an array by number.
        spans: Where each part of it stands that is written there.
        inherited: How many parts of *path* come from the table around it.
    """

    start: int
    header: str
    path: tuple[str, ...]
    spans: list[tuple[int, int]]
    inherited: int


def statements(text: str) -> Iterator[Statement]:
    """The headers and keys of *text*, in order."""
    table: tuple[str, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
    for match in _STATEMENT.finditer(text):
        if match["path"] is None:
            continue
        begin = match.start("path")
        found = [(begin + m.start(), begin + m.end()) for m in re.finditer(_PART, match["path"])]
        parts = tuple(text[start:end].strip("\"'") for start, end in found)
        if not match["header"]:
            yield Statement(match.start(), "", table + parts, found, len(table))
            continue
        table = parts
        if match["header"] == "[[":  # the first of an array has the number 0
            seen[parts] = seen.get(parts, -1) + 1
            table = (*parts, str(seen[parts]))
        yield Statement(match.start(), match["header"], table, found, 0)
