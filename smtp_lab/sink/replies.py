"""The codes that make a reply clear to a program (RFC 3463, RFC 2034)."""

from __future__ import annotations

import re

__all__ = ("DONE", "plain", "with_code")

DONE = {
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
}
"""The good replies to the commands that are said most."""

# For replies that come from aiosmtpd without one.
_CODES = {"250": "2.0.0", "252": "2.5.0", "221": "2.0.0", "500": "5.5.2", "501": "5.5.4"}
_CODES |= {"502": "5.5.1", "503": "5.5.1", "504": "5.5.4", "552": "5.3.4", "553": "5.1.3"}
_CODES |= {"530": "5.7.0", "535": "5.7.8", "538": "5.7.11", "554": "5.5.0", "555": "5.5.4"}
_CODE = re.compile(r"([245][0-9]{2}[ -])[245]\.[0-9]{1,3}\.[0-9]{1,3} ")


def with_code(reply: str, verb: str) -> str:
    """Give *reply* to *verb* an enhanced code where it lacks one and may have one."""
    if reply[5:6] == "." or verb in ("EHLO", "HELO"):
        return reply
    if reply == "250 OK":
        return DONE.get(verb, "250 2.0.0 OK")
    code = _CODES.get(reply[:3])
    return f"{reply[:3]} {code} {reply[4:]}" if code and reply[3:4] == " " else reply


def plain(reply: str) -> str:
    """Take the enhanced code out of *reply*."""
    return _CODE.sub(r"\1", reply, count=1)
