"""Errors that carry no frames: in the frames of a login stand passwords and tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ("hushed",)

P = ParamSpec("P")
R = TypeVar("R")


def hushed(function: Callable[P, R]) -> Callable[P, R]:
    """Let whatever *function* raises, Ctrl-C too, carry none of its frames and nothing behind it.

    Tools that print tracebacks with local variables would else show what libraries keep there.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # Ctrl-C shows frames, too
            del args, kwargs
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None)  # noqa: B904  # it is the error itself

    return call
