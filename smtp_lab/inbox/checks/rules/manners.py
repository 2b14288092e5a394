"""What spam looks like, and what readers' programs take away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule

_LETTERS = 8
_FEW_WORDS = 5
_REPLY = re.compile(r"(?:re|aw|fwd?|wg)\s*:", re.IGNORECASE)
_GMAIL_BLOCKS = set(
    "ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg "  # noqa: SIM905
    "ex ex_ exe hta img ins iso isp jar jnlp js jse lib lnk mde mjs msc msi msix "
    "msixbundle msp mst nsh pif ps1 scr sct shb sys vb vbe vbs vhd vxd wsc wsf wsh xll".split()
)


@rule("subject-shouts", "warning", "The Subject is all capitals", "SpamAssassin, SUBJ_ALL_CAPS")
def subject_shouts(mail: Mail) -> Iterator[Hit]:
    """Filters and readers dislike it."""
    letters = [c for c in mail.message.subject if c.isalpha()]
    cased = [c for c in letters if c.lower() != c.upper()]
    if len(cased) >= _LETTERS and all(c.isupper() for c in cased) and " " in mail.message.subject:
        yield Hit("Subject", "every letter is a capital", "write it as a sentence")


@rule("subject-marks", "note", "The Subject has many marks", "SpamAssassin, PLING_PLING")
def subject_marks(mail: Mail) -> Iterator[Hit]:
    """``!!`` and ``$$`` count against it."""
    if re.search(r"[!?$€]{2,}", mail.message.subject):
        yield Hit("Subject", "it holds several marks in a row", "one is enough")


@rule("reply-to-nothing", "warning", "It says Re: and answers nothing", "SpamAssassin, FAKE_REPLY")
def reply_to_nothing(mail: Mail) -> Iterator[Hit]:
    """A false answer is a trick of spam."""
    named = mail.has("In-Reply-To") or mail.has("References")
    if _REPLY.match(mail.message.subject) and not named:
        yield Hit("Subject", "it begins like an answer, and no mail is named", "set In-Reply-To")


@rule(
    "image-only",
    "warning",
    "There is next to nothing but pictures",
    "SpamAssassin, HTML_IMAGE_ONLY",
)
def image_only(mail: Mail) -> Iterator[Hit]:
    """While pictures are blocked the mail is empty."""
    if mail.page.all("img") and len(mail.page.text.split()) < _FEW_WORDS:
        words = len(mail.page.text.split())
        yield Hit("HTML", f"there are pictures and {words} words", "write the message as text")


@rule("html-runs", "warning", "The HTML holds what no client lets through", "caniemail.com")
def html_runs(mail: Mail) -> Iterator[Hit]:
    """Scripts, frames and the like are taken out, or the mail is called dangerous."""
    for tag in mail.page.tags:
        if tag.name in ("script", "iframe", "frame", "embed", "applet", "object"):
            yield Hit(
                str(tag), f"<{tag.name}> is taken out by every client", "link to a page instead"
            )
        elif any(name.startswith("on") and len(name) > 3 for name in tag.attributes):
            yield Hit(str(tag), "it has an event handler, which is taken out", "leave it out")
        elif tag.name == "meta" and tag.attributes.get("http-equiv", "").lower() == "refresh":
            yield Hit(str(tag), "it would load another page", "leave it out")


@rule(
    "attachment-blocked",
    "warning",
    "A file is of a kind that Gmail blocks",
    "https://support.google.com/mail/answer/6590",
)
def attachment_blocked(mail: Mail) -> Iterator[Hit]:
    """The mail is refused, whatever the file holds."""
    for file in mail.message.attachments:
        ending = file.name.rpartition(".")[2].strip().lower()
        if "." in file.name and ending in _GMAIL_BLOCKS:
            yield Hit("attachments", f"{file.name[-60:]!r} ends in .{ending}", "link to it instead")
