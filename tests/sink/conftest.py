"""The two event loops a sink may run on."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from support import missing


@pytest.fixture(params=["uvloop", "asyncio"])
def each_loop(request, monkeypatch):
    """Sinks run on uvloop, and once more where uvloop is not installed."""
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    elif importlib.util.find_spec("uvloop") is None:
        missing("uvloop", "pip install uvloop")
    return request.param
