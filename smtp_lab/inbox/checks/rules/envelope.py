"""What MAIL and RCPT said, held against the headers."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule


@rule("bcc-leaked", "error", "Bcc was sent along", "RFC 5322 section 3.6.3")
def bcc_leaked(mail: Mail) -> Iterator[Hit]:
    """Every recipient can read who got a blind copy."""
    hidden = [address for _, address in mail.addresses("Bcc")]
    if hidden:
        shown = ", ".join(hidden[:3]) + (", …" if len(hidden) > 3 else "")
        yield Hit("Bcc", f"everyone can read it: {shown}", "take Bcc out before sending")


@rule("return-path-present", "warning", "Return-Path was sent along", "RFC 5321 section 4.4")
def return_path_present(mail: Mail) -> Iterator[Hit]:
    """The last server writes it, from MAIL; what a client writes is ignored or trusted wrongly."""
    for value in mail.written("Return-Path"):
        same = value.strip("<> ").lower() == mail.message.mail_from.lower()
        why = "the sender wrote it" if same else "the sender wrote it, and MAIL said another"
        yield Hit("Return-Path", why, "set the envelope sender instead")


@rule(
    "from-not-aligned",
    "note",
    "From and the envelope sender are of different domains",
    "RFC 9989 section 4.4",
)
def from_not_aligned(mail: Mail) -> Iterator[Hit]:
    """SPF then proves nothing for From; DMARC needs a DKIM signature of From's domain."""
    envelope = mail.message.mail_from.rpartition("@")[2].strip().lower()
    author = mail.from_domain
    if not envelope or not author or envelope == author:
        return
    if envelope.endswith(f".{author}") or author.endswith(f".{envelope}"):
        return
    why = f"From is of {author}, the envelope sender of {envelope}"
    yield Hit("From", why, f"send with an envelope sender of {author}, or sign for it (DKIM)")


@rule(
    "recipient-unlisted",
    "note",
    "It went to someone who is in neither To nor Cc",
    "RFC 5321 section 7.2",
)
def recipient_unlisted(mail: Mail) -> Iterator[Hit]:
    """A blind copy, a list, or a mistake."""
    named = {address.lower() for name in ("To", "Cc") for _, address in mail.addresses(name)}
    for recipient in mail.message.rcpt_to:
        if recipient.lower() not in named:
            fix = "fine for blind copies and lists; else name them in To"
            yield Hit("RCPT", f"{recipient} is in neither To nor Cc", fix)
