"""Templates to messages: text and HTML from the same data, with pictures, files and headers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import default as policy
from email.utils import format_datetime, make_msgid
from typing import Any

from smtp_lab.compose.addressees import people
from smtp_lab.compose.dkim import DkimKey, sign_dkim
from smtp_lab.compose.files import attach, check_files
from smtp_lab.compose.headers import add_headers, add_unsubscribe
from smtp_lab.compose.ical import as_calendar, method_of
from smtp_lab.compose.pictures import Pictures
from smtp_lab.compose.signature import sign
from smtp_lab.compose.sources import shipped_names
from smtp_lab.compose.template import Filled, Template
from smtp_lab.compose.trouble import one_line
from smtp_lab.config import Profile
from smtp_lab.config.address import parse_addresses, parse_sender
from smtp_lab.errors import InputError

__all__ = ("render", "templates")

# With 7bit a server may not offer 8BITMIME and the signed bytes still stay as they are.
_SIGNED = policy.clone(cte_type="7bit")


_LONGEST_NAME = 300  # a line of a mail has at most 998 octets (RFC 5322 section 2.1.1)


def templates() -> list[str]:
    """The names of the templates that ship with smtp_lab."""
    return list(shipped_names())


def render(  # noqa: PLR0913  # each is a part of a mail, all but the first by name
    template: str | os.PathLike[str] | Template,
    *,
    to: str | Sequence[str],
    subject: str | None = None,
    sender: str | None = None,
    cc: str | Sequence[str] = (),
    profile: Profile | None = None,
    language: str = "en",
    theme: Mapping[str, str] | str | None = None,
    images: Mapping[str, Any] | None = None,
    attachments: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    unsubscribe: str | Sequence[str] | None = None,
    stamped: bool = False,
    dkim: DkimKey | None = None,
    **data: Any,
) -> EmailMessage:
    """Make a message with a text and an HTML part from a template.

    Values are escaped in the HTML, and a variable the template names must be given. A DataFrame is
    shown as a table where a template just names it, a figure with ``| picture("what it shows")``.

    Args:
        template: The name of one that ships, see `templates`, a path, or a `Template`.
        to: Who it is for.
        subject: The subject; by default what the template says.
        sender: The From header; by default the profile's, set when the message is sent.
        cc: Who gets a copy.
        profile: Whose sender, reply-to and signature are put in now; by default those of the
            profile it is sent through, when it is sent.
        language: Of the template's texts, of numbers and of dates, as a BCP 47 tag.
        theme: Colours and font of the shipped templates: a name, or some of the values.
        images: Pictures the HTML shows as ``images.name``: bytes, paths or figures.
        attachments: Files by the name the recipient sees: bytes, a text, a path, or a figure, a
            DataFrame or a Series, which are written as the name says (.png, .pdf, .svg; .csv,
            .xlsx, .parquet, .tsv, .json).
        headers: Further headers by name.
        unsubscribe: The way out of a mailing: an ``https`` link (one click, RFC 8058), a mail
            address, or both.
        stamped: Put Message-ID and Date in now; else sending does.
        dkim: Sign the message, last of all. It needs *profile* or *sender*, and is stamped.
        **data: The template's variables; it also sees ``to``, ``sender``, ``subject``, ``images``,
            ``language`` and ``theme``.

    Returns:
        A message ready for `send`.

    Raises:
        UnknownNameError: There is no such template.
        InputError: Something cannot be used; `TemplateError` names file, line and variable.
    """
    return write(
        Template.open(template), data, to=to, subject=subject, sender=sender, cc=cc,
        profile=profile, language=language, theme=theme, images=images, attachments=attachments,
        headers=headers, unsubscribe=unsubscribe, stamped=stamped, dkim=dkim,
    )  # fmt: skip


def write(  # noqa: PLR0913  # each is a part of a mail
    template: Template,
    data: Mapping[str, Any],
    *,
    to: str | Sequence[str] | tuple[Address, ...],
    subject: str | None = None,
    sender: str | None = None,
    cc: str | Sequence[str] = (),
    profile: Profile | None = None,
    language: str = "en",
    theme: Mapping[str, str] | str | None = None,
    images: Mapping[str, Any] | None = None,
    attachments: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    unsubscribe: str | Sequence[str] | None = None,
    stamped: bool = False,
    dkim: DkimKey | None = None,
    drawn: dict[int, tuple[Any, Any]] | None = None,
    message: EmailMessage | None = None,
) -> EmailMessage:
    """Do what `render` says; *drawn* keeps pictures for the next mail, *message* is filled."""
    check_options(profile=profile, images=images, dkim=dkim)
    sender = sender or (profile.sender if profile else None)
    if message is None:
        message = EmailMessage()
    message.policy = _SIGNED if dkim else policy
    addresses = _names_checked("to", _addresses(to))
    message["To"] = people("To", addresses)
    if cc:
        message["Cc"] = people("Cc", _names_checked("cc", parse_addresses(cc, "cc")))
    if sender:
        message["From"] = _names_checked("sender", (parse_sender(sender),))
    files = check_files(attachments) if attachments is not None else {}
    filled = template.fill(
        data,
        language=language,
        theme=theme,
        pictures=Pictures(images, drawn),
        to=tuple(address.addr_spec for address in addresses),
        sender=sender or "",
        subject=None if subject is None else one_line("subject", _text("subject", subject)),
    )
    message["Subject"] = filled.subject if filled.subject is not None else ""
    _add_bodies(message, filled)
    for name, content in files.items():
        attach(message, name, content)
    if filled.invite:
        attach(message, "invite.ics", as_calendar(filled.invite))
    add_headers(message, filled.headers, {} if headers is None else headers)
    if unsubscribe is not None:
        add_unsubscribe(message, unsubscribe)
    _finish(message, profile, stamped=stamped, dkim=dkim)
    return message


def check_options(*, profile: Any, images: Any, dkim: Any) -> None:
    """Refuse what is of the wrong kind among the arguments that are the same for many mails.

    Raises:
        InputError: One is.
    """
    if profile is not None and not isinstance(profile, Profile):
        problem = f"is a {type(profile).__name__}"
        raise InputError.of("profile", problem, "give a Profile, such as book['team']")
    if images is not None and not isinstance(images, Mapping):
        problem = f"is a {type(images).__name__}"
        raise InputError.of("images", problem, 'give them by name: {"logo": data}')
    if dkim is not None and not isinstance(dkim, DkimKey):
        raise InputError.of("dkim", f"is a {type(dkim).__name__}", "give a lab.DkimKey")


def _finish(
    message: EmailMessage, profile: Profile | None, *, stamped: bool, dkim: DkimKey | None
) -> None:
    """Do what sending would do, as far as it is to be done now; the signature comes last."""
    if profile and profile.reply_to and "Reply-To" not in message:
        message["Reply-To"] = parse_sender(profile.reply_to, "reply_to")
    if profile and profile.signature:
        sign(message, profile.signature)
    if stamped or dkim:
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=_domain(message))
    if dkim:
        sign_dkim(message, dkim, profile)


def _add_bodies(message: EmailMessage, filled: Filled) -> None:
    if not filled.html:
        message.set_content(filled.text)
        return
    message.set_content(filled.text)
    message.add_alternative(filled.html, subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, MIMEPart)  # noqa: S101  # it was added a line above
    for picture in filled.pictures.used:
        picture.add_to(html)
    if filled.invite:
        # Mail programs that know calendars offer an answer for the part, the others have the file.
        text, method = as_calendar(filled.invite), method_of(filled.invite)
        message.add_alternative(text, subtype="calendar", params={"method": method})


def _addresses(to: Any) -> tuple[Address, ...]:
    if isinstance(to, tuple) and to and all(isinstance(one, Address) for one in to):
        return to
    return parse_addresses(to, "to")


def _names_checked(field: str, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    for address in addresses:
        one_line(field, address.display_name)
        if len(address.display_name) > _LONGEST_NAME:
            problem = f"a name has more than {_LONGEST_NAME} characters"
            raise InputError.of(field, problem, "shorten it")
    return addresses


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError.of(field, f"is a {type(value).__name__}", "give a text")
    return value


def _domain(message: EmailMessage) -> str:
    header = message["From"]
    domain = header.addresses[0].domain if header is not None else "localhost"
    return str(domain.encode("idna").decode()) or "localhost"
