"""Where mail lands: the bundled capture server, built on aiosmtpd."""

from smtp_lab.sink.sink import Sink

__all__ = ("Sink",)
