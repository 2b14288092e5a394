"""What the notebook holds: its variables, as far as a panel offers them by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import ipywidgets as w

from smtp_lab.compose.content import image_type, is_figure
from smtp_lab.widgets.words import number

__all__ = ("frames", "labelled", "name_of", "offer", "offered", "variables")

_OWN = frozenset(("In", "Out", "exit", "quit", "get_ipython"))  # IPython's
_STYLED = ("pandas.io.formats.style", "great_tables.")


def variables() -> dict[str, Any]:
    """The variables of the notebook by name, without those that begin with an underscore."""
    return {
        name: value
        for name, value in list(_space().items())
        if not name.startswith("_") and name not in _OWN
    }


def _space() -> Mapping[str, Any]:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return vars(sys.modules["__main__"]) if shell is None else shell.user_ns


def offered() -> dict[str, Any]:
    """What a mail can show: tables, figures, pictures, dicts and lists."""
    return {name: value for name, value in variables().items() if kind_of(value)}


def frames() -> dict[str, Any]:
    """The DataFrames."""
    return {name: value for name, value in variables().items() if kind_of(value) == "table"}


def kind_of(value: Any) -> str:
    """``table``, ``styled``, ``picture`` or ``data``; empty for what no mail shows."""
    if isinstance(value, type | ModuleType | str | int | float):
        return ""
    looks = {
        "data": lambda: isinstance(value, dict | list),
        "styled": lambda: type(value).__module__.startswith(_STYLED),
        "table": lambda: hasattr(value, "to_csv") and hasattr(value, "columns"),
        "picture": lambda: bool(
            image_type(value) if isinstance(value, bytes) else is_figure(value)
        ),
    }
    try:
        return next((kind for kind, look in looks.items() if look()), "")
    except Exception:  # noqa: BLE001  # an object of the notebook that lets nobody look
        return ""


def labelled(name: str, value: Any) -> str:
    """What a list of variables shows for one."""
    size = getattr(value, "shape", None) if kind_of(value) == "table" else None
    if size is None and isinstance(value, dict | list):
        size = (len(value),)
    much = " " + " x ".join(map(number, size)) if size else ""
    return f"{name} ({type(value).__name__}{much})"


def offer(field: w.Dropdown, there: Mapping[str, Any], instead: tuple[str, str]) -> None:
    """Offer the variables *there*; one that was chosen stays chosen as long as it is there.

    Args:
        field: To choose in.
        there: Variables by name.
        instead: What else there is to choose: its label and its value.
    """
    before = field.value
    options = [instead, *((labelled(name, value), name) for name, value in there.items())]
    if list(field.options) != options:
        field.options = options
        field.value = before if before in there else instead[1]


def name_of(value: Any) -> str:
    """The name of the variable that *value* is; empty where there is none."""
    return next((name for name, other in variables().items() if other is value), "")
