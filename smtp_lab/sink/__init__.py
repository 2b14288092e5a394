"""Where mail lands: the bundled capture server, built on aiosmtpd."""

from smtp_lab.sink.credentials import Login
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.sink import Sink

__all__ = ("Limits", "Login", "Sink")
