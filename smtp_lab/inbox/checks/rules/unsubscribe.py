"""Leaving a list: List-Unsubscribe (RFC 2369) and one click (RFC 8058)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_BULK = ("List-Id", "List-Post", "Feedback-ID", "X-Campaign", "X-CampaignID", "X-Mailgun-Tag")
_PRECEDENCE = {"bulk", "list", "junk"}
_ADDRESS = re.compile(r"<\s*([^<>]{1,2000}?)\s*>")
_ONE_CLICK = "List-Unsubscribe=One-Click"


def _targets(mail: Mail) -> list[str]:
    text = ", ".join(mail.written("List-Unsubscribe"))
    return ["".join(found.split()) for found in _ADDRESS.findall(text)]


def _scheme(target: str) -> str:
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    whole = parts.hostname if parts.scheme in ("http", "https") else "@" in parts.path
    return parts.scheme if whole else ""


@rule(
    "unsubscribe-missing",
    "warning",
    "A bulk mail cannot be unsubscribed",
    "https://support.google.com/mail/answer/81126",
)
def unsubscribe_missing(mail: Mail) -> Iterator[Hit]:
    """Gmail and Yahoo want it of whoever sends much."""
    precedence = "".join(mail.written("Precedence")).strip().lower()
    signs = [name for name in _BULK if mail.has(name)]
    signs += ["Precedence"] if precedence in _PRECEDENCE else []
    if signs and not mail.has("List-Unsubscribe"):
        why = f"{signs[0]} says it is a bulk mail, and there is no List-Unsubscribe"
        yield Hit("headers", why, "add List-Unsubscribe and List-Unsubscribe-Post")


@rule("unsubscribe-invalid", "error", "List-Unsubscribe cannot be used", "RFC 2369 section 3.2")
def unsubscribe_invalid(mail: Mail) -> Iterator[Hit]:
    """It is a list of addresses in angle brackets, https or mailto."""
    if not mail.has("List-Unsubscribe"):
        return
    targets = _targets(mail)
    if not targets:
        why = "there is no address in angle brackets"
        yield Hit("List-Unsubscribe", why, "write <https://…>, <mailto:…>")
    for target in targets:
        if _scheme(target) not in ("https", "http", "mailto"):
            why = f"{target[:80]!r} is no https or mailto address"
            yield Hit("List-Unsubscribe", why, "write <https://…>, <mailto:…>")


@rule(
    "one-click-invalid", "error", "One-click unsubscribing is set up wrong", "RFC 8058 section 3.1"
)
def one_click_invalid(mail: Mail) -> Iterator[Hit]:
    """The value is fixed, and an https address must be there."""
    for value in mail.written("List-Unsubscribe-Post"):
        if value.strip() != _ONE_CLICK:
            why = f"it is {value.strip()[:60]!r}"
            yield Hit("List-Unsubscribe-Post", why, f"write exactly {_ONE_CLICK}")
        if not any(_scheme(target) == "https" for target in _targets(mail)):
            why = "there is no https address in List-Unsubscribe to post it to"
            yield Hit("List-Unsubscribe", why, "add <https://…>")


@rule(
    "one-click-missing",
    "note",
    "List-Unsubscribe takes more than one click",
    "RFC 8058, https://support.google.com/mail/answer/81126",
)
def one_click_missing(mail: Mail) -> Iterator[Hit]:
    """Gmail and Yahoo want one click of whoever sends more than 5,000 a day."""
    if mail.has("List-Unsubscribe") and not mail.has("List-Unsubscribe-Post"):
        yield Hit("headers", "there is no List-Unsubscribe-Post", f"add it with {_ONE_CLICK}")


@rule(
    "one-click-unsigned",
    "warning",
    "One-click unsubscribing is not covered by DKIM",
    "RFC 8058 section 4",
)
def one_click_unsigned(mail: Mail) -> Iterator[Hit]:
    """Receivers heed it only when a signature covers both headers."""
    signatures = mail.written("DKIM-Signature")
    if not mail.has("List-Unsubscribe-Post") or not signatures:
        return
    wanted = {"list-unsubscribe", "list-unsubscribe-post"}
    for signature in signatures:
        found = re.search(r"(?:^|;)\s*h\s*=([^;]*)", signature)
        names = {name.strip().lower() for name in found[1].split(":")} if found else set()
        if wanted <= names:
            return
    why = "no signature names List-Unsubscribe and List-Unsubscribe-Post in h="
    yield Hit("DKIM-Signature", why, "sign both headers")
