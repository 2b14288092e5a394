"""What spam looks like, and what readers' programs take away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from smtp_lab.inbox.checks.mail import Mail
from smtp_lab.inbox.checks.rule import Hit, rule
from smtp_lab.inbox.page import Tag

_LETTERS = 8
_FEW_WORDS = 5
_LOGO = 50_000  # octets of the logo of a signature, at most
_SMALL = 200  # pixels of each of its sides
_SIDES = ("width", "height")
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
    pictures, words = mail.page.all("img"), len(mail.page.text.split())
    if not pictures or words >= _FEW_WORDS:
        return
    if not words or not all(_is_small(mail, picture) for picture in pictures):
        yield Hit("HTML", f"there are pictures and {words} words", "write the message as text")


def _is_small(mail: Mail, picture: Tag) -> bool:
    """Whether it may be the logo of a signature: a short mail between people has one."""
    source = picture.attributes.get("src", "").strip()
    if source[:4].lower() == "cid:":
        called = {source[4:], unquote(source[4:])}
        if any(
            f.content_id in called and len(f.content) <= _LOGO for f in mail.message.attachments
        ):
            return True
    sides = [re.match(r" *([0-9]{1,5})(?:px)? *$", picture.attributes.get(s, "")) for s in _SIDES]
    return all(side is not None and int(side[1]) <= _SMALL for side in sides)


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
