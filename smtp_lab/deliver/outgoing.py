"""From an EmailMessage to the bytes that leave, with nothing in them that nobody asked for."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import SMTP, EmailPolicy, compat32
from email.utils import format_datetime, getaddresses, make_msgid
from functools import lru_cache
from typing import Any

from smtp_lab.compose.signature import sign
from smtp_lab.config import Profile
from smtp_lab.config.address import check_addresses, parse_sender
from smtp_lab.errors import InputError

__all__ = ("Outgoing", "finished", "prepare")

_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_FIELD = re.compile(rb"([!-9;-~]+):(.*(?:\r\n[ \t].*)*)\r\n")  # RFC 5322 section 2.2
_NUL = "holds a line break or another control character"


# What folds to itself, in most mail every header: folding takes longer than all else here.
_STANDING = {"1.0", "7bit", "8bit", "base64", "quoted-printable"} | {
    f'text/{kind}; charset="utf-8"' for kind in ("plain", "html")
}
_EASY = re.compile(r"[\w.+-]+(?: [\w.+-]+)*|(?:[\w.+-]+ )*<?[\w.+-]+@[\w.-]+>?", re.ASCII)


class _Written(EmailPolicy):
    """Writes what `email.policy.SMTP` writes, and short plain headers without asking it."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if len(value) <= 50 and (value in _STANDING or _EASY.fullmatch(value)):
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_WRITTEN, _WRITTEN_UTF8 = _Written(linesep="\r\n"), _Written(linesep="\r\n", utf8=True)
_OLD = compat32.clone(linesep="\r\n")


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
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    message_id: str
    named: bool = False
    merge_key: str = ""

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
    rcpt_to = _recipients(message) if to is None else check_addresses(to)
    sent = copy.deepcopy(message) if profile.signature else _copy(message)
    del sent["Bcc"]
    del sent["Resent-Bcc"]
    before = _signed(sent)
    sender = _sender(profile.sender)
    if not str(sent["From"] or "").strip():
        del sent["From"]
        sent["From"] = sender.header if isinstance(sent, EmailMessage) else sender.text
    if profile.reply_to and "Reply-To" not in sent:
        reply_to = parse_sender(profile.reply_to, "reply_to")
        sent["Reply-To"] = reply_to if isinstance(sent, EmailMessage) else str(reply_to)
    _place(sent, profile.recipients_as)
    if profile.signature:
        sign(sent, profile.signature)
    # Written as they stand: parsing them again would cost as much as all the rest.
    if "Date" not in sent:
        sent.set_raw("Date", format_datetime(datetime.now(UTC)))
    if before is not None and before != _signed(sent):
        problem = f"was signed with DKIM, and profile {profile.name} would change it"
        fix = "render it with profile= that profile"
        raise InputError.of("message", problem, fix)
    named = "Message-ID" in sent
    if named:
        message_id = str(sent["Message-ID"])
    else:
        sent.set_raw("Message-ID", message_id := make_msgid(domain=sender.domain))
    mail_from = sender.address
    raw = _as_bytes(sent, utf8=not "".join((mail_from, *rcpt_to)).isascii() and _beyond_ascii(sent))
    _check(raw, sent)
    merge_key = str(getattr(message, "merge_key", ""))
    return Outgoing(mail_from, rcpt_to, raw, message_id, named, merge_key)


def _signed(message: Message[Any, Any]) -> list[str] | None:
    """What a signature of *message* covers, as far as a profile could change it."""
    if "DKIM-Signature" not in message:
        return None
    bodies = [
        part.get_payload() for part in message.walk() if part.get_content_maintype() == "text"
    ]
    return [*map(str, message.items()), *map(str, bodies)]


def finished(raw: bytes, profile: Profile, to: str | Sequence[str]) -> Outgoing:
    """Make the finished message *raw* ready to leave through *profile*, as it is.

    Raises:
        InputError: An address is bad.
    """
    found = [value for name, value in _fields(raw) if name == "message-id"]
    raw = _LONE.sub(b"\r\n", raw)
    raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    sender = _sender(profile.sender)
    return Outgoing(sender.address, check_addresses(to), raw, "".join(found[:1]), bool(found))


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
        header=SMTP.header_factory("From", sender),
        text=str(sender),
    )


def _beyond_ascii(message: Message[Any, Any]) -> bool:
    """Whether an address in the headers is not ASCII."""
    names = ("From", "To", "Cc", "Reply-To")
    return not all(str(v).isascii() for name in names for v in message.get_all(name, []))


def _copy(message: Message[Any, Any]) -> Message[Any, Any]:
    """A copy whose headers can be changed, at every level; texts and files are shared."""
    made = copy.copy(message)
    # Deleting, be it nothing, gives the copy a list of headers of its own.
    del made[" "]
    payload: Any = message.get_payload()
    if isinstance(payload, list):
        made.set_payload([_copy(part) for part in payload])
    return made


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
    policy = (_WRITTEN_UTF8 if utf8 else _WRITTEN) if isinstance(message, EmailMessage) else _OLD
    try:
        raw = message.as_bytes(policy=policy)
    except (ValueError, LookupError, AttributeError, MessageError, RecursionError) as error:
        raise InputError.of(
            "message", f"cannot be written as mail ({error})", "mend the header"
        ) from None
    if not raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"):
        raw = _LONE.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"  # as DATA would add it


def _check(raw: bytes, message: Message[Any, Any]) -> None:
    """Refuse *raw* unless it holds the headers and addresses of *message*, and no others.

    Some Pythons turn an encoded word that decodes to a line break into a header of its own
    (CVE-2024-6923), and all turn some quoted names into a second address (gh-80222).
    """
    written = _fields(raw)
    names = [name for name, _ in written]
    if names != [name.lower() for name in message]:
        known = {name.lower() for name in message}
        extra = next((name for name in names if name not in known), "a header twice")
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
        values = [value for key, value in written if key == name.lower()]
        found = [address for value in values for address in _addresses(value)]
        if [a.lower() for a in found] != [a.lower() for a in given]:
            raise InputError.of(
                name, "would name other addresses once written", "shorten the display name"
            )


@lru_cache(maxsize=256)
def _addresses(value: str) -> tuple[str, ...]:
    """The addresses a mail program finds in the header *value*."""
    return tuple(address for _, address in getaddresses([value]) if address)


def _fields(raw: bytes) -> list[tuple[str, str]]:
    """Name, in lower case, and value of each header in *raw*, as any mail program reads them."""
    found, at, end = [], 0, raw.find(b"\r\n\r\n") + 2
    while at < end and (field := _FIELD.match(raw, at)) is not None:
        name, value = field.groups()
        found.append((name.decode("ascii").lower(), value.decode("utf-8", "replace").strip()))
        at = field.end()
    if at != end:
        found.append(("a line that is no header", ""))
    return found
