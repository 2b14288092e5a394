"""How a mail made of a template looks, in a notebook."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from smtp_lab.show import facts_table

if TYPE_CHECKING:
    from smtp_lab.compose.template import Filled

__all__ = ("Preview",)

_CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Preview:
    """What a template says with some data; shows itself in a notebook and fetches nothing.

    Args:
        name: The template's name.
        filled: What it says.

    Attributes:
        subject: The subject; empty where the template has none.
        html: The HTML part, pictures called by ``cid:``.
        text: The text part.
        headers: Further headers.
    """

    def __init__(self, name: str, filled: Filled) -> None:
        self._name, self._filled = name, filled
        self.subject, self.html, self.text = filled.subject or "", filled.html, filled.text
        self.headers = dict(filled.headers)

    @property
    def page(self) -> str:
        """The HTML part by itself: its pictures are in it as ``data:``."""
        page = self.html
        for picture in self._filled.pictures.used:
            data = b64encode(picture.data).decode()
            page = page.replace(f"cid:{picture.id}", f"data:image/{picture.kind};base64,{data}")
        return page

    def __str__(self) -> str:
        return f"Subject: {self.subject}\n\n{self.text}"

    def __repr__(self) -> str:
        return f"<Preview of template {self._name}: {self.subject!r}>"

    def _repr_html_(self) -> str:
        policy = f'<meta http-equiv="Content-Security-Policy" content="{escape(_CSP)}">'
        frame = (
            '<iframe sandbox="" referrerpolicy="no-referrer" title="Template preview" '
            'style="width:100%;height:520px;border:1px solid var(--jp-border-color2,#ccc);'
            f'background:#fff" srcdoc="{escape(policy + self.page)}"></iframe>'
        )
        facts = {"Subject": self.subject} | self.headers
        return facts_table(f"Template {self._name}", facts) + (frame if self.html else "")
