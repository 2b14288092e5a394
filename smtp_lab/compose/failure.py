"""An exception for a report: what was raised and where, and no value of any variable."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from smtp_lab.errors import InputError
from smtp_lab.transcript import printable

__all__ = ("describe",)

_MOST_FRAMES = 40
_MOST_CHARACTERS = 4_000


def describe(error: Any) -> dict[str, Any]:
    """What a report says of *error*: its ``type``, its ``message`` and its ``trace``.

    The trace has file, line, function and the line of source, as Python prints it. Local variables
    and the arguments of functions are never read.

    Args:
        error: An exception, or what this function gave for one.

    Raises:
        InputError: It is neither.
    """
    if isinstance(error, Mapping) and {"type", "message", "trace"} <= set(error):
        return dict(error)
    if not isinstance(error, BaseException):
        raise InputError.of("error", f"is a {type(error).__name__}", "give the exception")
    made = traceback.TracebackException.from_exception(
        error, limit=-_MOST_FRAMES, capture_locals=False, compact=True
    )
    text = "".join(made.format(chain=True))
    if len(text) > _MOST_CHARACTERS * 4:
        text = "…" + text[-_MOST_CHARACTERS * 4 :]
    lines = [printable(line) for line in text.splitlines()]
    return {
        "type": type(error).__name__,
        "message": printable(str(error).strip()[:_MOST_CHARACTERS]).strip() or "(no message)",
        "trace": "\n".join(lines).strip("\n"),
    }
