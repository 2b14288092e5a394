"""Whose turn it is: no panel bears being changed by two threads at once.

What a person does, what came of something that took long, and what was found by looking again are
told in threads of their own. A field that is filled in one of them tells whoever hears it that it
was filled; another thread must not take that for something a person did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ("TURN", "in_turn")

_P = ParamSpec("_P")
_T = TypeVar("_T")

TURN = threading.RLock()
"""Held by whoever changes panels; a look at an archive is the longest that is done in it."""


def in_turn(act: Callable[_P, _T]) -> Callable[_P, _T]:
    """*act*, which waits for its turn."""

    @wraps(act)
    def taking_turns(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with TURN:
            return act(*args, **kwargs)

    return taking_turns
