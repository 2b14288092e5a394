"""Changing the text of a book: comments, order and everything else stay in place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import tomlkit

from smtp_lab.config.bookfile import BookData, build
from smtp_lab.errors import InputError

__all__ = ("renamed", "rewrite", "without")

_HEADER = "Mail accounts of smtp_lab. Passwords are never kept here."
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
# What stands at the start of a line: a header or a key. Texts and comments are passed over, so that
# what looks like a header in a text of several lines is none.
_STATEMENT = re.compile(
    rf"""^[ \t]*(?P<header>\[{{1,2}})?[ \t]*(?P<path>{_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*"""
    r"""(?(header)\]{1,2}|=)"""
    r"""|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*""",
    re.MULTILINE | re.DOTALL,
)
_COMMENTS_ABOVE = re.compile(r"(?:^[ \t]*#[^\n]*\n)+\Z", re.MULTILINE)


def rewrite(text: str, data: BookData) -> str:
    """Make *text* say what *data* says, leaving comments, order and everything else in place.

    Raises:
        InputError: It is written in a way that cannot be changed line by line.
    """
    try:
        document = tomlkit.parse(text)
        if not text:
            document.add(tomlkit.comment(_HEADER))
            document.add(tomlkit.nl())
        said = tomllib.loads(text)
        # Names are left out: after a rename they do not lead anywhere yet.
        names = {key: said.pop(key) for key in ("default", "activities") if key in said}
        _update(document, data.to_dict(), build(said).to_dict() | names)
        changed = tomlkit.dumps(document)
        if build(tomllib.loads(changed)).to_dict() == data.to_dict():
            return changed
    # Where tomlkit meets a layout it cannot change, it raises many kinds of errors.
    except (ValueError, LookupError, TypeError, AttributeError, tomlkit.exceptions.TOMLKitError):
        pass
    fix = "write it in tables such as [profiles.team.connection] and save again"
    raise InputError.of("", "is written in a way that cannot be changed line by line", fix)


def renamed(text: str, old: str, new: str) -> str:
    """*text* with the profile *old* called *new*, where its name stands in headers and keys."""
    spans = [
        s.spans[1 - s.inherited]
        for s in _statements(text)
        if s.path[:2] == ("profiles", old) and s.inherited < 2
    ]
    for start, end in reversed(spans):
        text = text[:start] + new + text[end:]
    return text


def without(text: str, name: str) -> str:
    """*text* without the tables of the profile *name* and the comments right above them.

    A comment that opens the file stays: it may be about all of it.
    """
    headers = [s for s in _statements(text) if s.header]
    starts = [_with_comments(text, s.start) for s in headers]
    ends = [*starts[1:], len(text)]
    for header, start, end in reversed(list(zip(headers, starts, ends, strict=True))):
        if header.path[:2] == ("profiles", name):
            text = text[:start] + text[end:]
    return text


class _Statement(NamedTuple):
    """A header or a key.

    Attributes:
        start: Where its line starts.
        header: Whether it is a header.
        path: Where it leads, the table around it included.
        spans: Where each part of it stands that is written there.
        inherited: How many parts of *path* come from the table around it.
    """

    start: int
    header: bool
    path: tuple[str, ...]
    spans: list[tuple[int, int]]
    inherited: int


def _statements(text: str) -> Iterator[_Statement]:
    table: tuple[str, ...] = ()
    for match in _STATEMENT.finditer(text):
        if match["path"] is None:
            continue
        begin = match.start("path")
        found = [(begin + m.start(), begin + m.end()) for m in re.finditer(_PART, match["path"])]
        parts = tuple(text[start:end].strip("\"'") for start, end in found)
        if match["header"]:
            table = parts
            yield _Statement(match.start(), True, parts, found, 0)
        else:
            yield _Statement(match.start(), False, table + parts, found, len(table))


def _with_comments(text: str, start: int) -> int:
    above = _COMMENTS_ABOVE.search(text, 0, start)
    return above.start() if above and above.start() else start


def _update(table: Any, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Make *table*, which says *old*, say *new*; what is the same in both is not touched."""
    # Another type has other fields: then also those go that stand there at their default.
    gone = set(old) if new.get("type") == old.get("type") else set(table)
    for key in [key for key in table if key in gone and key not in new]:
        del table[key]
    for key, value in new.items():
        if key in table and (table[key] == value or (key in old and old[key] == value)):
            continue
        if isinstance(value, Mapping) and isinstance(table.get(key), dict):
            _update(table[key], value, old.get(key, {}))
        elif key == "profiles":
            profiles = tomlkit.table(is_super_table=True)
            for name, one in value.items():
                profiles[name] = one
            table[key] = profiles
        else:
            table[key] = _item(value, inline=isinstance(table, tomlkit.items.InlineTable))


def _item(value: Any, *, inline: bool) -> Any:
    if isinstance(value, Mapping) and inline:
        made = tomlkit.inline_table()
        for key, one in value.items():
            made[key] = _item(one, inline=True)
        return made
    if inline or not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return tomlkit.item(value)
    tables = tomlkit.aot()
    for one in value:
        tables.append(tomlkit.item(one))
    return tables
