"""From an EmailMessage to the bytes that leave, with nothing in them that nobody asked for."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid
from functools import lru_cache
from typing import Any

from smtp_lab.compose.addressees import MANY, Addressees
from smtp_lab.compose.signature import sign
from smtp_lab.config import Profile
from smtp_lab.config.address import check_addresses, parse_sender
from smtp_lab.deliver.arguments import check_kind
from smtp_lab.deliver.writing import (
    Fields,
    fields_of,
    has_whole_line_ends,
    value_in,
    with_whole_line_ends,
    write,
)
from smtp_lab.errors import InputError

__all__ = ("Outgoing", "finished", "prepare")

_CONTROLS = re.compile("[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Outgoing:
    """A message on the point of leaving.

    Attributes:
        mail_from: Envelope sender.
        rcpt_to: Envelope recipients, in order, without repeats.
        raw: The message, every line ended by CR LF.
        message_id: Its Message-ID.
        named: Whether it came with a Message-ID of its own.
        merge_key: What a journal knows it by, where it is of a mail merge.

    Raises:
        InputError: An address could end a command, or a line the message, where nobody wants.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    message_id: str
    named: bool = False
    merge_key: str = ""

    def __post_init__(self) -> None:
        if _CONTROLS.search("".join((self.mail_from, *self.rcpt_to))):
            fix = "give addresses as they stand in an envelope"
            raise InputError.of("to", "holds a line break or another control character", fix)
        if not has_whole_line_ends(self.raw):
            fix = "make the message with smtp_lab.prepare()"
            raise InputError.of("message", "has a line that ends in a lone CR or LF", fix)

    @property
    def utf8(self) -> bool:
        """Whether the server must offer SMTPUTF8: an address is not ASCII."""
        return not (self.mail_from.isascii() and "".join(self.rcpt_to).isascii())

    def to(self, recipients: tuple[str, ...]) -> Outgoing:
        """The same message for other envelope *recipients*."""
        return replace(self, rcpt_to=recipients)

    def with_raw(self, raw: bytes) -> Outgoing:
        """The same message, written as *raw*."""
        return replace(self, raw=raw)


def prepare(
    message: Message[Any, Any], profile: Profile, to: str | Sequence[str] | None = None
) -> Outgoing:
    """Make *message* ready to leave through *profile*; the message itself is not changed.

    From, Reply-To, Date and Message-ID are added where they are missing, the profile's signature
    below the text; Bcc is taken out, and recipients stand where the profile wants them. The
    envelope comes from *to*, or from what the caller put into To, Cc and Bcc, never from
    parsing the finished text again.

    Args:
        message: An `email.message.EmailMessage`.
        profile: Who sends.
        to: Envelope recipients; by default everyone in To, Cc and Bcc.

    Returns:
        What `send_many` sends as it is, as often as wanted.

    Raises:
        InputError: There is no recipient, an address is bad, or a header would smuggle in another.
    """
    if not isinstance(message, Message):
        fix = "give an email.message.EmailMessage, as lab.render() makes"
        raise InputError.of("message", f"is a {type(message).__name__}", fix)
    check_kind("profile", profile, Profile, "give a smtp_lab.Profile", none=False)
    rcpt_to = _recipients(message) if to is None else check_addresses(to)
    before = _signed(message)
    if profile.signature:
        message = copy.deepcopy(message)
        sign(message, profile.signature)
    sender = _sender(profile.sender)
    fields, have = _fields(message, profile, sender)
    named = "message-id" in have
    message_id = str(message["Message-ID"]) if named else make_msgid(domain=sender.domain)
    # Written as they stand: parsing them again would cost as much as all the rest.
    if "date" not in have:
        fields.append(("Date", _date(int(time.time()))))
    if before is not None and before != _signed(message, fields):
        problem = f"was signed with DKIM, and profile {profile.name} would change it"
        fix = "render it with profile= that profile"
        raise InputError.of("message", problem, fix)
    if not named:
        fields.append(("Message-ID", message_id))
    mail_from = sender.address
    beyond = not "".join((mail_from, *rcpt_to)).isascii()
    raw = write(message, fields, utf8=beyond and _beyond_ascii(fields))
    merge_key = str(getattr(message, "merge_key", ""))
    return Outgoing(mail_from, rcpt_to, raw, message_id, named, merge_key)


def finished(raw: bytes, profile: Profile, to: str | Sequence[str]) -> Outgoing:
    """Make the finished message *raw* ready to leave through *profile*, as it is.

    Raises:
        InputError: An address is bad.
    """
    raw = with_whole_line_ends(raw)
    message_id = value_in(raw, "Message-ID")
    sender = _sender(profile.sender)
    return Outgoing(sender.address, check_addresses(to), raw, message_id, bool(message_id))


def _signed(message: Message[Any, Any], fields: Fields | None = None) -> list[str] | None:
    """What a signature of *message* covers, as far as a profile could change it."""
    if "DKIM-Signature" not in message:
        return None
    if fields is None:
        fields = _without(fields_of(message), "bcc", "resent-bcc")
    texts = [part.get_payload() for part in message.walk() if part.get_content_maintype() == "text"]
    return [*map(str, fields), *map(str, texts)]


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def _fields(
    message: Message[Any, Any], profile: Profile, sender: _Sender
) -> tuple[Fields, dict[str, Any]]:
    """The headers that leave, and those of the message, by name in small letters.

    Who sends and who is to get answers is there, and the recipients where *profile* wants them.
    """
    fields = list(message.raw_items())
    have = {name.lower(): value for name, value in reversed(fields)}
    if "bcc" in have or "resent-bcc" in have:
        fields = _without(fields, "bcc", "resent-bcc")
    new = isinstance(message, EmailMessage)
    if not str(have.get("from", "")).strip():
        fields = _without(fields, "from")
        fields.append(("From", sender.header if new else sender.text))
    if profile.reply_to and "reply-to" not in have:
        reply_to = parse_sender(profile.reply_to, "reply_to")
        fields.append(("Reply-To", _header("Reply-To", reply_to) if new else str(reply_to)))
    if profile.recipients_as != "to" and "to" in have:
        shown = [*message.get_all("Cc", []), *message.get_all("To", [])]
        fields = [*_without(fields, "to", "cc"), _placed(shown, profile.recipients_as, new=new)]
    return fields, have


def _without(fields: Fields, *names: str) -> Fields:
    return [(name, value) for name, value in fields if name.lower() not in names]


def _header(name: str, value: Any) -> Any:
    """*value* as an `EmailMessage` stores it."""
    return SMTP.header_factory(name, value)


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sends, in the shapes that are wanted: the same for each of many messages."""

    address: str
    domain: str
    header: Any
    text: str


@lru_cache(maxsize=64)
def _sender(text: str) -> _Sender:
    sender = parse_sender(text)
    return _Sender(
        address=sender.addr_spec,
        domain=sender.domain.encode("idna").decode() or "localhost",
        header=_header("From", sender),
        text=str(sender),
    )


def _beyond_ascii(fields: Fields) -> bool:
    """Whether an address in the headers is not ASCII."""
    names = ("from", "to", "cc", "reply-to")
    return not all(str(value).isascii() for name, value in fields if name.lower() in names)


def _placed(shown: list[Any], header: str, *, new: bool) -> tuple[str, Any]:
    """The header that names whom To and Cc have *shown*; with ``bcc`` nobody sees anybody."""
    if header == "bcc":
        nobody = "undisclosed-recipients:;"  # RFC 5322 section 3.6.3 wants one of To, Cc, Bcc
        return "To", _header("To", nobody) if new else nobody
    groups = [group for value in shown for group in getattr(value, "groups", ())]
    if sum(len(group.addresses) for group in groups) >= MANY:
        return "Cc", Addressees.of("Cc", groups)
    text = ", ".join(map(str, shown))
    return "Cc", _header("Cc", text) if new else text


def _recipients(message: Message[Any, Any]) -> tuple[str, ...]:
    by_name: dict[str, list[str]] = {"to": [], "cc": [], "bcc": []}
    for name, value in message.raw_items():
        if (found := by_name.get(name.lower())) is None:
            continue
        header = message.policy.header_fetch_parse(name, value)
        # A header of an EmailMessage carries the addresses its caller gave.
        if addresses := getattr(header, "addresses", None):
            found += [address.addr_spec for address in addresses]
        else:
            found += [address for _, address in getaddresses([str(header)]) if address]
    everyone = [address for found in by_name.values() for address in found]
    if not everyone:
        raise InputError.of("to", "names nobody", "set the header To, Cc or Bcc, or give to=")
    return check_addresses(everyone)
