"""Addresses that no server could deliver to (RFC 5322 section 3.4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import ADDRESS_HEADERS, Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_ATOM = r"[^\s()<>\[\]:;@\\,.\"\x00-\x1f\x7f]"
_LOCAL = re.compile(rf'(?:{_ATOM}++(?:\.{_ATOM}++)*+|"(?:[^"\\\r\n]|\\.)*+")')
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+\.?|\[[0-9A-Za-z.:-]{{1,60}}\]")
_INSIDE_NAME = re.compile(r"[^\s@<>\"']{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})")


@rule("address-invalid", "error", "An address cannot be one", "RFC 5322 section 3.4.1")
def address_invalid(mail: Mail) -> Iterator[Hit]:
    """No mail reaches it, and servers may refuse the message for it."""
    for name in ADDRESS_HEADERS:
        written = [value for value in mail.written(name) if value.strip()]
        if not written:
            continue
        found = mail.addresses(name)
        if not found and ":" not in "".join(written):
            yield Hit(name, "there is no address in it", "write name@example.com")
        for shown, address in found:
            if why := _problem(address, (address or shown)[:80]):
                yield Hit(name, why, "write Name <name@example.com>")


@rule("header-empty", "warning", "An address header is empty", "RFC 5322 section 3.6.3")
def header_empty(mail: Mail) -> Iterator[Hit]:
    """To, Cc and the like hold at least one address (Bcc may be empty)."""
    for name in ADDRESS_HEADERS:
        if name != "Bcc" and any(not value.strip() for value in mail.written(name)):
            yield Hit(name, "there is nothing in it", "leave it out")


@rule(
    "from-name-address",
    "warning",
    "The name in From is another address",
    "https://support.google.com/mail/answer/81126 (display names)",
)
def from_name_address(mail: Mail) -> Iterator[Hit]:
    """Many clients show only the name: it looks like forgery."""
    for shown, address in mail.addresses("From"):
        named = _INSIDE_NAME.search(shown)
        if named and named[1].lower() != address.rpartition("@")[2].lower():
            why = f"the name {shown[:60]!r} holds another address than {address[:60]!r}"
            yield Hit("From", why, "put the person's or the service's name there")


def _problem(address: str, what: str) -> str:
    local, sign, domain = address.rpartition("@")
    if not sign:
        return f"{what!r} has no @"
    if not local:
        return f"{what!r} has nothing before the @"
    if not _LOCAL.fullmatch(local):
        return f"{what!r} has something before the @ that must be quoted"
    if not _DOMAIN.fullmatch(domain):
        return f"{what!r} has no domain after the @"
    if len(local.encode("utf-8", "replace")) > 64:
        return f"{what!r} has more than 64 octets before the @ (RFC 5321 section 4.5.3.1.1)"
    return ""
