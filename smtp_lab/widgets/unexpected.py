"""Errors nobody thought of: one sentence for who uses the panel, the place for who mends it."""

from __future__ import annotations

import logging
import traceback

from smtp_lab.widgets.words import _

__all__ = ("unexpected",)

_log = logging.getLogger("smtp_lab.widgets")


def unexpected(error: Exception) -> str:
    """What is said of *error*; where it came from is logged.

    Neither holds what the error says: there may be a secret in it.
    """
    kind = type(error).__name__
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s, which nobody expected, at:\n%s", kind, places)
    return _("Something went wrong that should not: {what}.").format(what=kind)
