"""What a message asks of a server, held against what the server offers."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass

from smtp_lab.deliver.dsn import Dsn
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.replies import stuffed
from smtp_lab.deliver.seven_bit import in_seven_bits

__all__ = ("Terms", "TooBigError", "agree")


class TooBigError(OSError):
    """The message has more octets than the server takes; it was not sent."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one message is handed over.

    Attributes:
        outgoing: The message as this server can take it.
        for_mail: Parameters of MAIL.
        for_rcpt: Parameters of each RCPT.
    """

    outgoing: Outgoing
    for_mail: tuple[str, ...]
    for_rcpt: tuple[str, ...] = ()

    @property
    def commands(self) -> list[bytes]:
        """MAIL and each RCPT as octets, ended by CR LF."""
        options = "".join(f" {option}" for option in self.for_mail)
        wishes = "".join(f" {option}" for option in self.for_rcpt)
        said = [f"MAIL FROM:<{self.outgoing.mail_from}>{options}\r\n".encode()]
        said += [f"RCPT TO:<{to}>{wishes}\r\n".encode() for to in self.outgoing.rcpt_to]
        return said

    @property
    def size(self) -> int:
        """How many octets the message has."""
        return len(self.outgoing.raw)

    @property
    def body(self) -> bytes:
        """The message as DATA wants it, see `stuffed`."""
        return stuffed(self.outgoing.raw)


def agree(outgoing: Outgoing, offered: Mapping[str, str], dsn: Dsn | None = None) -> Terms:
    """Find out how *outgoing* can be handed to a server.

    Args:
        outgoing: The message.
        offered: The extensions in the server's answer to EHLO, in lower case, with their arguments.
        dsn: The reports that are wanted.

    Raises:
        TooBigError: It has more octets than SIZE allows (RFC 1870).
        smtplib.SMTPNotSupportedError: It needs SMTPUTF8, 8BITMIME or DSN and the server lacks it.
    """
    options: list[str] = []
    if outgoing.utf8 and "smtputf8" not in offered:
        raise smtplib.SMTPNotSupportedError(
            "One or more source or delivery addresses require internationalized email support, "
            "but the server does not advertise the required SMTPUTF8 capability"
        )
    if dsn is not None and "dsn" not in offered:
        raise smtplib.SMTPNotSupportedError("DSN extension not supported by server.")
    if not outgoing.raw.isascii():
        if "8bitmime" in offered:
            options.append("BODY=8BITMIME")
        else:
            outgoing = _seven_bit(outgoing)
    size = len(outgoing.raw)
    if "size" in offered:
        limit = offered["size"].strip()
        # RFC 1870 section 4: no number, or 0, is no limit.
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < size:
            raise TooBigError(f"the message has {size:,} octets, the server takes {int(limit):,}")
        options.insert(0, f"SIZE={size}")
    if outgoing.utf8:
        options.append("SMTPUTF8")
    if dsn is None:
        return Terms(outgoing, tuple(options))
    return Terms(outgoing, (*options, *dsn.for_mail), dsn.for_rcpt)


def _seven_bit(outgoing: Outgoing) -> Outgoing:
    """*outgoing* in ASCII only, for a server without 8BITMIME (RFC 6152 section 3)."""
    try:
        return outgoing.with_raw(in_seven_bits(outgoing.raw))
    except ValueError:
        raise smtplib.SMTPNotSupportedError(
            "8BITMIME extension not supported by server, and the message is not ASCII."
        ) from None
