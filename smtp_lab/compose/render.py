"""Templates to messages: text and HTML from the same data, escaped, with pictures and files."""

from __future__ import annotations

import mimetypes
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
from smtp_lab.config.address import check_addresses, parse_sender
from smtp_lab.errors import InputError, UnknownNameError

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
    recipients, copies = (
        check_addresses(list_of(to), "to"),
        check_addresses(list_of(cc), "cc") if cc else (),
    )
    pictures = {name: _picture(name, content) for name, content in (images or {}).items()}
    ids = {name: make_msgid(domain="inline") for name in pictures}
    data |= {
        "images": {name: f"cid:{content_id[1:-1]}" for name, content_id in ids.items()},
        "sender": sender or "",
        "to": recipients,
    }

    message = EmailMessage()
    message["To"] = ", ".join(recipients)
    if copies:
        message["Cc"] = ", ".join(copies)
    if sender:
        message["From"] = parse_sender(sender)
    message["Subject"] = _one_line(
        subject if subject is not None else _fill(template, "subject.txt", data)
    )
    message.set_content(_fill(template, "body.txt", data))
    message.add_alternative(_fill(template, "body.html", data), subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, MIMEPart)  # noqa: S101  # it was added a line above
    for name, (content, subtype) in pictures.items():
        html.add_related(
            content,
            "image",
            subtype,
            cid=ids[name],
            filename=f"{name}.{subtype}",
            disposition="inline",
        )
    for name, content in (attachments or {}).items():
        _attach(message, name, content)
    return message


def list_of(value: str | Sequence[str]) -> list[str]:
    """Give *value* as a list: one text is a list of one."""
    return [value] if isinstance(value, str) else list(value)


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
        return _environment().get_template(f"{template}/{part}").render(data)
    except jinja2.UndefinedError as error:
        reason = str(error)
        raise InputError.of(f"template {template}", reason, "give it to render() by name") from None
    except (jinja2.TemplateError, TypeError, AttributeError, ValueError) as error:
        raise InputError.of(
            f"template {template}",
            f"{part} cannot be filled ({error})",
            "look at the data it was given",
        ) from None


def _one_line(subject: str) -> str:
    subject = subject.strip()
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in subject):
        raise InputError.of(
            "subject", "holds a line break or another control character", "take it out"
        )
    return subject


def _picture(name: str, content: Content) -> tuple[bytes, str]:
    data = _bytes_of(f"images[{name!r}]", content)
    for magic, subtype in _IMAGES.items():
        if data.startswith(magic):
            return data, subtype
    raise InputError.of(
        f"images[{name!r}]", "is no PNG, JPEG or GIF", "give the bytes or the path of one"
    )


def _attach(message: EmailMessage, name: str, content: Content) -> None:
    if not name or any(ord(c) < 32 or c in "/\\" for c in name):
        raise InputError.of(
            "attachments", f"{name!r} is no file name", "give a bare name such as figures.csv"
        )
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
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
