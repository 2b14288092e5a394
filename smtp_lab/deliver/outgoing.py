"""From an EmailMessage to the bytes that leave, with nothing in them that nobody asked for."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32
from email.utils import format_datetime, getaddresses, make_msgid
from typing import Any

from smtp_lab.compose.signature import sign
from smtp_lab.config import Profile
from smtp_lab.config.address import check_addresses, parse_sender
from smtp_lab.errors import InputError

__all__ = ("Outgoing", "prepare")

_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_NUL = "holds a line break or another control character"


@dataclass(frozen=True)
class Outgoing:
    """A message on the point of leaving.

    Attributes:
        mail_from: Envelope sender.
        rcpt_to: Envelope recipients, in order, without repeats.
        raw: The message, every line ended by CR LF.
        message_id: Its Message-ID.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    message_id: str

    @property
    def utf8(self) -> bool:
        """Whether the server must offer SMTPUTF8: an address is not ASCII."""
        return not all(address.isascii() for address in (self.mail_from, *self.rcpt_to))

    def to(self, recipients: tuple[str, ...]) -> Outgoing:
        """The same message for other envelope *recipients*."""
        return replace(self, rcpt_to=recipients)


def prepare(
    message: Message[Any, Any], profile: Profile, to: tuple[str, ...] | None = None
) -> Outgoing:
    """Make *message* ready to leave through *profile*; the message itself is not changed.

    From, Reply-To, Date and Message-ID are added where they are missing, the profile's signature
    below the text; Bcc is taken out, and recipients stand where the profile wants them. The
    envelope comes from *to*, or from what the caller put into To, Cc and Bcc, never from
    parsing the finished text again.

    Raises:
        InputError: There is no recipient, an address is bad, or a header would smuggle in another.
    """
    if not isinstance(message, Message):
        fix = "give an email.message.EmailMessage, as lab.render() makes"
        raise InputError.of("message", f"is a {type(message).__name__}", fix)
    rcpt_to = _recipients(message) if to is None else to
    sent = copy.deepcopy(message)
    del sent["Bcc"]
    del sent["Resent-Bcc"]
    sender = parse_sender(profile.sender)
    if "From" not in sent:
        sent["From"] = sender if isinstance(sent, EmailMessage) else str(sender)
    if profile.reply_to and "Reply-To" not in sent:
        reply_to = parse_sender(profile.reply_to, "reply_to")
        sent["Reply-To"] = reply_to if isinstance(sent, EmailMessage) else str(reply_to)
    _place(sent, profile.recipients_as)
    if profile.signature:
        sign(sent, profile.signature)
    if "Date" not in sent:
        sent["Date"] = format_datetime(datetime.now(UTC))
    if "Message-ID" not in sent:
        sent["Message-ID"] = make_msgid(domain=sender.domain.encode("idna").decode() or "localhost")
    mail_from = profile.address
    in_headers = [str(v) for n in ("From", "To", "Cc", "Reply-To") for v in sent.get_all(n, [])]
    utf8 = not all(map(str.isascii, (mail_from, *rcpt_to))) and not all(
        map(str.isascii, in_headers)
    )
    raw = _as_bytes(sent, utf8=utf8)
    _check(raw, sent)
    return Outgoing(mail_from, rcpt_to, raw, str(sent["Message-ID"]))


def _place(sent: Message[Any, Any], header: str) -> None:
    """Move the recipients in To into *header*; with ``bcc`` nobody sees anybody."""
    if header == "to" or "To" not in sent:
        return
    shown = [*sent.get_all("Cc", []), *sent.get_all("To", [])]
    del sent["To"], sent["Cc"]
    if header == "cc":
        sent["Cc"] = ", ".join(map(str, shown))
    else:
        sent["To"] = "undisclosed-recipients:;"  # RFC 5322 section 3.6.3 wants one of To, Cc, Bcc


def _recipients(message: Message[Any, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("To", "Cc", "Bcc"):
        for header in message.get_all(name, []):
            # A header of an EmailMessage carries the addresses its caller gave.
            if addresses := getattr(header, "addresses", None):
                found += [address.addr_spec for address in addresses]
            else:
                found += [address for _, address in getaddresses([str(header)]) if address]
    if not found:
        raise InputError.of("to", "names nobody", "set the header To, Cc or Bcc, or give to=")
    return check_addresses(found)


def _as_bytes(message: Message[Any, Any], *, utf8: bool) -> bytes:
    for name, value in message.raw_items():
        if "\0" in str(value):
            raise InputError.of(name, _NUL, "take it out")
    policy = (
        SMTP.clone(utf8=utf8)
        if isinstance(message, EmailMessage)
        else compat32.clone(linesep="\r\n")
    )
    try:
        raw = message.as_bytes(policy=policy)
    except (ValueError, LookupError, AttributeError, MessageError) as error:
        raise InputError.of(
            "message", f"cannot be written as mail ({error})", "mend the header"
        ) from None
    raw = _LONE.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"  # as DATA would add it


def _check(raw: bytes, message: Message[Any, Any]) -> None:
    """Refuse *raw* unless it holds the headers and addresses of *message*, and no others.

    Some Pythons turn an encoded word that decodes to a line break into a header of its own
    (CVE-2024-6923), and all turn some quoted names into a second address (gh-80222).
    """
    written = message_from_bytes(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=compat32)
    names = [name.lower() for name in written]
    if names != [name.lower() for name in message]:
        extra = next((n for n in names if n not in {k.lower() for k in message}), "a header twice")
        raise InputError.of(
            "message",
            f"would carry {extra!r}, which nobody asked for",
            "look for line breaks in the headers",
        )
    for name in ("From", "To", "Cc", "Reply-To"):
        given = [
            a.addr_spec for h in message.get_all(name, []) for a in getattr(h, "addresses", ())
        ]
        if not given:
            continue
        found = [address for _, address in getaddresses(_written(written, name)) if address]
        if [a.lower() for a in found] != [a.lower() for a in given]:
            raise InputError.of(
                name, "would name other addresses once written", "shorten the display name"
            )


def _written(message: Message[Any, Any], name: str) -> list[str]:
    """The values of the headers called *name* in what compat32 parsed, beyond ASCII too."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
    return [value.encode("ascii", "surrogateescape").decode("utf-8", "replace") for value in found]
