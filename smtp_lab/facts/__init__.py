"""Facts as data, each with its source: how servers reply, how they fail, and what it means."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ("load",)


@cache
def load(name: str) -> dict[str, Any]:
    """Read ``facts/<name>.toml`` once; the result is shared, so do not change it."""
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
