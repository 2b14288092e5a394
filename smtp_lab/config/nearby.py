"""The sinks of this process, for the built-in profile and the throttle to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtp_lab.config.connection import SmtpConnection

__all__ = ("announce", "connections", "retract")

Lead = Callable[[], "SmtpConnection"]
"""Says how to get to a sink. Not before it is asked: a sink needs none of the config module."""

_leads: list[Lead] = []


def announce(lead: Lead) -> None:
    """Say that a sink listens where *lead* leads: the built-in profile leads there, too."""
    _leads.append(lead)


def retract(lead: Lead) -> None:
    """Say that it listens there no longer."""
    if lead in _leads:
        _leads.remove(lead)


def connections() -> list[SmtpConnection]:
    """The way to each sink of this process, the one that was started last at the end."""
    return [lead() for lead in _leads]
