"""DKIM, verified on the bytes as they came (RFC 6376)."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.proof import signatures
from smtp_lab.inbox.checks.rule import Hit, rule


@rule("dkim-missing", "note", "There is no DKIM signature (with dns)", "RFC 6376")
def dkim_missing(mail: Mail) -> Iterator[Hit]:
    """Gmail and Yahoo want one of whoever sends much."""
    if mail.options.answers is not None and not mail.has("DKIM-Signature"):
        why = "there is no DKIM-Signature"
        yield Hit("headers", why, "let the server sign that mail leaves by")


@rule("dkim-broken", "error", "A DKIM signature does not hold", "RFC 6376 section 6.1")
def dkim_broken(mail: Mail) -> Iterator[Hit]:
    """It was changed after it was signed, or the key is another.

    The body's hash is always held against the body; the signature needs the key, and so ``dns``.
    """
    for signature in signatures(mail):
        if signature.state == "broken":
            fix = "sign last, and look at what changes mail behind the signer"
            yield Hit(signature.where, signature.why, fix)


@rule("dkim-invalid", "error", "A DKIM signature cannot be read", "RFC 6376 sections 3.5 and 5.4")
def dkim_invalid(mail: Mail) -> Iterator[Hit]:
    """Tags are missing or wrong, From is not signed, or sha1 is used (RFC 8301)."""
    for signature in signatures(mail):
        if signature.state == "invalid":
            yield Hit(signature.where, signature.why, "let a library write it")


@rule("dkim-unproven", "warning", "The key of a DKIM signature is of no use (with dns)", "RFC 6376")
def dkim_unproven(mail: Mail) -> Iterator[Hit]:
    """It is not in DNS, was taken back, or is too short."""
    for signature in signatures(mail):
        if signature.state == "no key":
            yield Hit(signature.where, signature.why, "publish the key under that selector")


@rule(
    "dkim-length",
    "warning",
    "A DKIM signature covers a part of the body only",
    "RFC 6376 section 8.2",
)
def dkim_length(mail: Mail) -> Iterator[Hit]:
    """With ``l=`` anybody can add to the mail and it still holds."""
    for signature in signatures(mail):
        if signature.partial:
            yield Hit(signature.where, "its l= leaves the end of the body open", "sign without l=")
