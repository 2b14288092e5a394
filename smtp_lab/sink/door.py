"""What the connections through one of the sink's ports share."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from smtp_lab.archive.writer import Writer
from smtp_lab.sink.credentials import Credentials
from smtp_lab.sink.guests import Guests
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.together import Together

__all__ = ("DOORS", "MECHANISMS", "OFFERS", "PORTS", "Door")

DOORS = ("starttls", "implicit", "plain")
"""The names of a sink's doors."""

PORTS = {"starttls": "port", "implicit": "tls_port", "plain": "plain_port"}
"""What the port of each door is called, in the settings of a sink and in the sink itself."""

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER")
"""The SASL mechanisms a door can offer, in the order in which it does."""

OFFERS = (
    *("SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN"),
    *("CHUNKING", "BINARYMIME", "STARTTLS", "AUTH", "HELP"),
)
"""The extensions a door can offer; each can be taken away."""

_VERBS = (
    *("AUTH", "BDAT", "DATA", "EHLO", "EXPN", "HELO", "HELP", "MAIL", "NOOP", "QUIT", "RCPT"),
    *("RSET", "STARTTLS", "VRFY"),
)
_OFFERED_BY = {"CHUNKING": "BDAT", "STARTTLS": "STARTTLS", "AUTH": "AUTH", "HELP": "HELP"}


@dataclass
class Door:
    """One way into the sink, and what every connection through it shares.

    Attributes:
        name: One of `DOORS`: TLS after STARTTLS, TLS from the first byte, or none.
        context: The TLS context, or None.
        credentials: Who may log in.
        login_required: Whether mail is refused without a login.
        limits: What one client may ask.
        guests: Who is there, those at the sink's other doors included.
        archive: Writes what comes through.
        offers: The extensions it offers, some of `OFFERS`.
        mechanisms: The SASL mechanisms it offers, some of `MECHANISMS`.
        open: Its connections.
        template: What aiosmtpd finds out about its own class, kept from the first connection.
        together: Sends the replies of one turn of the loop, made with the first connection.
    """

    name: str
    context: ssl.SSLContext | None
    credentials: Credentials
    login_required: bool
    limits: Limits
    guests: Guests
    archive: Writer
    offers: tuple[str, ...] = OFFERS
    mechanisms: tuple[str, ...] = MECHANISMS
    open: set[Any] = field(default_factory=set)
    template: dict[str, Any] = field(default_factory=dict)
    together: Together | None = None

    @property
    def implicit(self) -> bool:
        """Whether TLS is spoken from the first byte."""
        return self.name == "implicit"

    @property
    def encrypts(self) -> bool:
        """Whether a login waits for STARTTLS."""
        return self.name == "starttls"

    @cached_property
    def enhanced(self) -> bool:
        """Whether replies have enhanced codes (RFC 2034)."""
        return "ENHANCEDSTATUSCODES" in self.offers

    @cached_property
    def verbs(self) -> tuple[str, ...]:
        """The commands it knows."""
        gone = {verb for offer, verb in _OFFERED_BY.items() if offer not in self.offers}
        return tuple(verb for verb in _VERBS if verb not in gone)

    def keywords(self, *, encrypted: bool) -> list[str]:
        """What EHLO lists, to a client whose connection is *encrypted* or not."""
        listed = []
        for offer in self.offers:
            if offer == "SIZE":
                listed.append(f"SIZE {self.limits.message}")
            elif offer == "STARTTLS":
                listed += [offer] if self.encrypts and not encrypted else []
            elif offer == "AUTH":
                open_to_all = self.mechanisms and (encrypted or not self.encrypts)
                listed += [f"AUTH {' '.join(self.mechanisms)}"] if open_to_all else []
            else:
                listed.append(offer)
        return listed
