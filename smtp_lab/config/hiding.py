"""Refusals that carry nothing of what they refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from smtp_lab.errors import SmtpLabError

__all__ = ("hiding",)

P = ParamSpec("P")
R = TypeVar("R")


def hiding(function: Callable[P, R]) -> Callable[P, R]:
    """Let no refusal by *function* carry its frames: a password may stand in what it was given."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        # The others are what Python raises for arguments that do not fit.
        except (SmtpLabError, TypeError, AttributeError) as error:
            del args, kwargs
            raise error.with_traceback(None)  # noqa: B904  # it is the error itself

    return call
