"""Where mail lands: the bundled capture server, built on aiosmtpd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtp_lab.rooms import lazily

if TYPE_CHECKING:
    from smtp_lab.sink.credentials import Login as Login
    from smtp_lab.sink.limits import Limits as Limits
    from smtp_lab.sink.rules import Rule as Rule
    from smtp_lab.sink.sink import Sink as Sink

# The process of a sink wants the server, and not the object a notebook holds.
_HOMES = {
    "credentials": ("Login",),
    "limits": ("Limits",),
    "rules": ("Rule",),
    "sink": ("Sink",),
}
__getattr__ = lazily(__name__, _HOMES)
__all__ = sorted(name for names in _HOMES.values() for name in names)  # noqa: PLE0605  # names
