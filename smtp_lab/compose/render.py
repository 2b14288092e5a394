"""Templates to messages: text and HTML from the same data, escaped, with pictures and files."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping, Sequence
from email.message import EmailMessage, MIMEPart
from email.utils import make_msgid
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smtp_lab.compose.tables import html_table, text_table
from smtp_lab.config.address import parse_addresses, parse_sender
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.transcript import printable

__all__ = ("render", "templates")

Content = Any
"""Bytes, a text, a path, or a DataFrame (which becomes CSV)."""

_IMAGES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


def templates() -> list[str]:
    """The names of the templates that ship with smtp_lab."""
    folder = files("smtp_lab.compose").joinpath("templates")
    return sorted(entry.name for entry in folder.iterdir() if entry.name[:1] not in "._")


def render(  # noqa: PLR0913  # each is a part of a mail, all but the first by name
    template: str,
    *,
    to: str | Sequence[str],
    subject: str | None = None,
    sender: str | None = None,
    cc: str | Sequence[str] = (),
    images: Mapping[str, Content] | None = None,
    attachments: Mapping[str, Content] | None = None,
    **data: Any,
) -> EmailMessage:
    """Make a message with a text and an HTML part from a template.

    Values are escaped in the HTML, and a variable the template names must be given.

    Args:
        template: Name of a template, see `templates`.
        to: Who it is for.
        subject: The subject; by default what the template says.
        sender: The From header; by default the profile's, set when the message is sent.
        cc: Who gets a copy.
        images: Pictures shown in the HTML, as bytes or paths, by the name the template uses.
        attachments: Files by the name the recipient sees: bytes, a text, a path, or a DataFrame,
            which is attached as CSV.
        **data: The template's variables; it also sees ``to``, ``sender`` and ``images``.

    Returns:
        A message ready for `send`.

    Raises:
        UnknownNameError: There is no such template.
        InputError: A variable is missing, an address is bad, or a picture is no picture.
    """
    if template not in templates():
        known = ", ".join(templates())
        raise UnknownNameError.of("template", f"{template!r} is not known", f"known are {known}")
    message = EmailMessage()
    message["To"] = parse_addresses(to, "to")
    if cc:
        message["Cc"] = parse_addresses(cc, "cc")
    if sender:
        message["From"] = parse_sender(sender)
    pictures = {name: _Picture(name, content) for name, content in (images or {}).items()}
    data |= {
        "images": {name: f"cid:{picture.id[1:-1]}" for name, picture in pictures.items()},
        "sender": sender or "",
        "to": [address.addr_spec for address in message["To"].addresses],
    }
    message["Subject"] = _one_line(
        subject if subject is not None else _fill(template, "subject.txt", data)
    )
    message.set_content(_fill(template, "body.txt", data))
    message.add_alternative(_fill(template, "body.html", data), subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, MIMEPart)  # noqa: S101  # it was added a line above
    for picture in pictures.values():
        picture.add_to(html)
    for name, content in (attachments or {}).items():
        _attach(message, name, content)
    return message


@cache
def _environment() -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.PackageLoader("smtp_lab.compose"),
        undefined=jinja2.StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html")),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("lipsum", "cycler", "joiner"):  # nothing a mail needs, and ways out of the sandbox
        del environment.globals[name]
    environment.filters["table"] = html_table
    environment.filters["text_table"] = text_table
    return environment


def _fill(template: str, part: str, data: Mapping[str, Any]) -> str:
    try:
        filled = _environment().get_template(f"{template}/{part}").render(data)
        filled.encode()  # half a character (a lone surrogate) cannot travel
    except jinja2.UndefinedError as error:
        reason = str(error)
        raise InputError.of(f"template {template}", reason, "give it to render() by name") from None
    except (jinja2.TemplateError, TypeError, AttributeError, ValueError) as error:
        raise InputError.of(
            f"template {template}",
            f"{part} cannot be filled ({error})",
            "look at the data it was given",
        ) from None
    return filled


def _one_line(subject: str) -> str:
    subject = subject.strip()
    if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", subject):
        raise InputError.of(
            "subject", "holds a line break or another control character", "take it out"
        )
    return subject


class _Picture:
    """A picture on its way into the HTML part that shows it."""

    def __init__(self, name: str, content: Content) -> None:
        _check_file_name("images", name)
        self.id = make_msgid(domain="inline")
        self._name, self._data = name, _bytes_of(f"images[{name!r}]", content)
        known = (subtype for magic, subtype in _IMAGES.items() if self._data.startswith(magic))
        self._subtype = next(known, "")
        if not self._subtype:
            fix = "give the bytes or the path of one"
            raise InputError.of(f"images[{name!r}]", "is no PNG, JPEG or GIF", fix)

    def add_to(self, html: MIMEPart) -> None:
        """Make the picture a part beside *html*, found by its Content-ID."""
        html.add_related(
            self._data,
            "image",
            self._subtype,
            cid=self.id,
            filename=f"{self._name}.{self._subtype}",
            disposition="inline",
        )


def _check_file_name(field: str, name: str) -> None:
    if not name.strip(" .") or "/" in name or "\\" in name or printable(name) != name:
        fix = "give a bare name such as figures.csv"
        raise InputError.of(field, f"{name!r} is no file name", fix)


def _attach(message: EmailMessage, name: str, content: Content) -> None:
    _check_file_name("attachments", name)
    kind, packed = mimetypes.guess_type(name)
    if not kind or packed or kind.startswith(("message/", "multipart/")):
        # What is packed is no longer the kind inside; a whole mail may not be base64 (RFC 2046).
        kind = "application/octet-stream"
    main, _, sub = kind.partition("/")
    if hasattr(content, "to_csv"):
        content = content.to_csv(index=False)
    if isinstance(content, str) and main == "text":
        message.add_attachment(content, subtype=sub, filename=name)
        return
    message.add_attachment(_bytes_of(f"attachments[{name!r}]", content), main, sub, filename=name)


def _bytes_of(field: str, content: Content) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, Path):
        try:
            return content.read_bytes()
        except OSError as error:
            raise InputError.of(
                field, f"{content} cannot be read ({error.strerror})", "check the path"
            ) from None
    raise InputError.of(field, f"is a {type(content).__name__}", "give bytes or a pathlib.Path")
