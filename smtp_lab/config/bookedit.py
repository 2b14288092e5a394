"""Changing the text of a book: comments, order and everything else stay in place."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from functools import reduce
from typing import Any

import tomlkit

from smtp_lab.config.bookfile import BookData, build
from smtp_lab.config.tomltext import statements
from smtp_lab.errors import InputError

__all__ = ("renamed", "rewrite", "without")

_HEADER = "Mail accounts of smtp_lab. Passwords are never kept here."
_COMMENTS_ABOVE = re.compile(r"(?:^[ \t]*#[^\n]*\n)+\Z", re.MULTILINE)
_APART = re.compile(r"^(?:[ \t]*(?:#[^\n]*)?\n)*(?:[ \t]*#[^\n]*)?\Z", re.MULTILINE)


def rewrite(text: str, data: BookData) -> str:
    """Make *text* say what *data* says, leaving comments, order and everything else in place.

    Raises:
        InputError: It is written in a way that cannot be changed line by line.
    """
    new = data.to_dict()
    before, after = tomllib.loads(text).get("profiles", {}), new.get("profiles", {})
    changed = [
        name
        for name in before
        if build({"profiles": {name: before[name]}}).to_dict()
        != {"profiles": {name: after.get(name)}}
    ]
    # Where that cannot be done line by line, the profiles that change are written anew as a whole.
    for base in (text, reduce(without, changed, text)):
        # Where tomlkit meets a layout it cannot change, it raises many kinds of errors.
        with suppress(
            *(ValueError, LookupError, TypeError, AttributeError, tomlkit.exceptions.TOMLKitError)
        ):
            if (found := _rewritten(base, new)) is not None:
                return found
    fix = "write it in tables such as [profiles.team.connection] and save again"
    raise InputError.of("", "is written in a way that cannot be changed line by line", fix)


def renamed(text: str, old: str, new: str) -> str:
    """*text* with the profile *old* called *new*, where its name stands in headers and keys."""
    spans = [
        s.spans[1 - s.inherited]
        for s in statements(text)
        if s.path[:2] == ("profiles", old) and s.inherited < 2
    ]
    for start, end in reversed(spans):
        text = text[:start] + new + text[end:]
    return text


def without(text: str, name: str) -> str:
    """*text* without the tables of the profile *name* and the comments right above them.

    A comment that opens the file stays: it may be about all of it. So does what stands apart
    behind the last line of the profile.
    """
    headers = [s for s in statements(text) if s.header]
    ends = [*(s.start for s in headers), len(text)][1:]
    for header, end in reversed(list(zip(headers, ends, strict=True))):
        if header.path[:2] != ("profiles", name):
            continue
        above = _COMMENTS_ABOVE.search(text, 0, header.start)
        start = above.start() if above and above.start() else header.start
        behind = _APART.search(text, header.start, end)
        text = text[:start] + text[behind.start() if behind else end :]
    return text


def _rewritten(text: str, new: Mapping[str, Any]) -> str | None:
    """*text* made to say *new*; None when it did not come out so."""
    document = tomlkit.parse(text)
    if not text:
        document.add(tomlkit.comment(_HEADER))
        document.add(tomlkit.nl())
    said = tomllib.loads(text)
    # Names are left out: after a rename they do not lead anywhere yet.
    names = {key: said.pop(key) for key in ("default", "activities") if key in said}
    _update(document, new, build(said).to_dict() | names)
    changed = tomlkit.dumps(document)
    return changed if build(tomllib.loads(changed)).to_dict() == new else None


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
        elif isinstance(value, list) and isinstance(table.get(key), list):
            _update_list(table[key], value)
        elif key == "profiles":
            profiles = tomlkit.table(is_super_table=True)
            for name, one in value.items():
                profiles[name] = one
            table[key] = profiles
        else:
            table[key] = _item(value, inline=isinstance(table, tomlkit.items.InlineTable))


def _update_list(items: Any, new: list[Any]) -> None:
    """Make *items* hold *new*; what is in both is not touched, nor are the comments at it."""
    old = [json.dumps(tomlkit.item(one).unwrap(), sort_keys=True) for one in items]
    wanted = [json.dumps(one, sort_keys=True) for one in new]
    tables = isinstance(items, tomlkit.items.AoT)
    for _, i, j, k, m in reversed(SequenceMatcher(None, old, wanted, autojunk=False).get_opcodes()):
        if old[i:j] == wanted[k:m]:
            continue
        for at in reversed(range(i, j)):
            del items[at]
        for at, one in enumerate(new[k:m], i):
            items.insert(at, _item(one, inline=not tables))


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
