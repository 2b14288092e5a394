"""Letting a captured message out: to recipients that were allowed by name, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.address import check_addresses, comparable
from smtp_lab.deliver import Delivery, send_octets
from smtp_lab.errors import InputError
from smtp_lab.inbox import Captured

__all__ = ("release",)


def release(
    message: Captured,
    *,
    to: str | Sequence[str],
    allow: Sequence[str],
    profile: Profile | str | None = None,
    book: ProfileBook | None = None,
) -> Delivery:
    """Send a captured message on, as it was received, through a profile.

    Its envelope recipients are *to* and nobody else, whatever its headers say; the envelope sender
    is the profile's own address.

    Args:
        message: The message.
        to: Who gets it.
        allow: Addresses, and domains such as ``@example.com``, it may go to at all. There is no
            default: mail that was captured was not meant to leave.
        profile: A profile, or the name of one in the book; by default the book's default.
        book: Whose profiles and policy hold too; by default the default book.

    Returns:
        A Delivery whose `ok` is true.

    Raises:
        InputError: A recipient is not allowed, or policy forbids it; no connection was opened.
        DeliveryError: The server did not take it for everyone; its `delivery` says why.
    """
    if not isinstance(message, Captured):
        problem = f"is a {type(message).__name__}"
        raise InputError.of("message", problem, "give one of an inbox, such as inbox[-1]")
    recipients = check_addresses(to)
    allowed = _known(allow)
    refused = [r for r in recipients if not _allowed(comparable(r), allowed)]
    if refused:
        problem = f"{', '.join(refused)} {'is' if len(refused) == 1 else 'are'} not allowed"
        raise InputError.of("to", problem, "add the address, or @ and its domain, to allow=")
    return send_octets(message.raw, to=recipients, profile=profile, book=book)


def _known(allow: Sequence[str]) -> set[str]:
    """What *allow* names, to be compared."""
    fix = 'give a list, such as ["@example.com"]'
    if isinstance(allow, str):
        raise InputError.of("allow", "is one text", fix)
    if not isinstance(allow, Iterable):
        raise InputError.of("allow", f"is a {type(allow).__name__}", fix)
    entries = list(allow)
    for entry in entries:
        if not isinstance(entry, str):
            raise InputError.of("allow", f"holds a {type(entry).__name__}, not a text", fix)
    return {comparable(entry.strip()) for entry in entries}


def _allowed(recipient: str, allowed: set[str]) -> bool:
    return recipient in allowed or f"@{recipient.rpartition('@')[2]}" in allowed
