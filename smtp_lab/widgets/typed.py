"""Values of a template's variables as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from smtp_lab.errors import InputError

__all__ = ("Kind", "kind_for", "read", "written")

Kind = str
"""``flag``, ``whole``, ``number``, ``date``, ``moment``, ``line``, ``text``, ``lines``, ``data``;
``object`` for what cannot be typed."""

_TYPES: tuple[tuple[type, Kind], ...] = (
    (bool, "flag"),
    (int, "whole"),
    (float, "number"),
    (datetime, "moment"),
    (date, "date"),
)
_LONG = 60  # a text with more characters gets a box of several lines


def kind_for(value: Any) -> Kind:
    """How *value*, of the sample or given by a caller, is typed."""
    for types, kind in _TYPES:  # a bool is an int, and a datetime a date
        if isinstance(value, types):
            return kind
    if isinstance(value, str):
        return "text" if len(value) > _LONG or "\n" in value else "line"
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "lines"
    return "data" if isinstance(value, list | dict) and _as_json(value) else "object"


def written(kind: Kind, value: Any) -> Any:
    """*value* as it stands in the field of its *kind*."""
    match kind:
        case "flag" | "date" | "text" | "line":
            return value
        case "moment":
            return value.isoformat(" ")
        case "lines":
            return "\n".join(value)
        case "data":
            return _as_json(value)
    return str(value)


def read(kind: Kind, name: str, typed: Any) -> Any:
    """What was *typed* for the variable *name*; None where that is nothing.

    Raises:
        InputError: It is none of its *kind*.
    """
    if kind in ("flag", "date"):
        return typed  # its widget gives nothing else
    if not typed.strip():
        return None
    if kind == "lines":
        return [line for line in typed.splitlines() if line.strip()]
    if kind not in _READERS:
        return typed
    reader, problem, fix = _READERS[kind]
    try:
        return reader(typed.strip())
    except json.JSONDecodeError as error:
        problem = f"is no JSON (line {error.lineno}: {error.msg})"
        raise InputError.of(name, problem, fix) from None
    except ValueError:
        raise InputError.of(name, problem, fix) from None


def _whole(typed: str) -> int:
    return int(typed.replace(",", "").replace("_", ""))


def _number(typed: str) -> float:
    found = float(typed)
    if found != found or found in (float("inf"), -float("inf")):  # noqa: PLR0124  # NaN
        raise ValueError
    return found


_READERS: dict[Kind, tuple[Callable[[str], Any], str, str]] = {
    "whole": (_whole, "is no whole number", "give one such as 42"),
    "number": (_number, "is no number", "give one such as 8.5"),
    "moment": (
        datetime.fromisoformat,
        "is no date with a time",
        "give one such as 2026-01-09 09:00+01:00",
    ),
    "data": (json.loads, "is no JSON", 'give a list such as [{"name": "Tea", "price": 8.5}]'),
}


def _as_json(value: Any) -> str:
    """*value* as JSON a person can read, a line each; empty where it cannot be written so."""
    try:
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            lines = ",\n ".join(json.dumps(one, ensure_ascii=False) for one in value)
            return f"[{lines}]"
        return json.dumps(value, ensure_ascii=False, indent=1)
    except (TypeError, ValueError, RecursionError):
        return ""
