"""The profile's signature below the text and the HTML of a message."""

from __future__ import annotations

import re
from email.message import EmailMessage, Message
from typing import Any

from markupsafe import Markup

from smtp_lab.errors import InputError

__all__ = ("sign",)

_HTML = Markup('<div style="margin-top:16px;color:#616e7c">-- <br>{}</div>')
_END = re.compile(r"</body\s*>", re.IGNORECASE)


def sign(message: Message[Any, Any], signature: str) -> None:
    """Add *signature* to the text and the HTML body of *message*, in place, where it is not yet.

    The text part gets it behind ``-- ``, which mail programs know as the separator (RFC 3676
    section 4.3).

    Raises:
        InputError: *message* is no `EmailMessage`, whose bodies could be found.
    """
    if not isinstance(message, EmailMessage):
        fix = "build an email.message.EmailMessage, or take the signature out of the profile"
        raise InputError.of(
            "message", "is of the old kind, to which no signature can be added", fix
        )
    lines = signature.strip().splitlines()
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        if body is None:
            continue
        content = body.get_content()
        if kind == "plain":
            block = "\n\n-- \n" + "\n".join(lines) + "\n"
            signed = content.replace("\r\n", "\n").endswith(block)
            content = content.rstrip("\n") + block
        else:
            block = _HTML.format(Markup("<br>").join(lines))
            signed = block in content
            content = _in_html(content, block)
        if signed:  # render(profile=…) was before
            continue
        kept = {name: body[name] for name in ("Content-ID", "Content-Language") if name in body}
        body.set_content(content, subtype=kind)
        for name, value in kept.items():
            body[name] = value


def _in_html(html: str, block: str) -> str:
    ends = list(_END.finditer(html))
    cut = ends[-1].start() if ends else len(html)
    return f"{html[:cut]}{block}{html[cut:]}"
