"""Pictures inside a mail: drawn once, attached once, shown by ``cid:``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import MIMEPart
from email.utils import make_msgid
from typing import Any

from markupsafe import Markup

from smtp_lab.compose.content import check_file_name, picture_bytes
from smtp_lab.errors import InputError

__all__ = ("Picture", "Pictures")


@dataclass(frozen=True)
class Picture:
    """A picture on its way into the HTML part that shows it.

    Attributes:
        name: What it is called when it is saved, without its ending.
        data: The image.
        kind: ``png``, ``jpeg``, ``gif`` or ``webp``.
        id: Its Content-ID without angle brackets. A domain such as ``inline`` is no host's name;
            one that ends in ``.com`` looks to some programs like the name of a file they refuse.
    """

    name: str
    data: bytes
    kind: str
    id: str = field(default_factory=lambda: make_msgid(domain="inline")[1:-1])

    def add_to(self, html: MIMEPart) -> None:
        """Make the picture a part beside *html*, found by its Content-ID."""
        html.add_related(
            self.data,
            "image",
            self.kind,
            cid=f"<{self.id}>",
            filename=f"{self.name}.{self.kind}",
            disposition="inline",
        )


class Pictures:
    """The pictures of one mail.

    Args:
        given: Pictures by the name the template uses.
        drawn: What was drawn for an earlier mail, by the figure's id; it is added to.
    """

    def __init__(
        self,
        given: Mapping[str, Any] | None = None,
        drawn: dict[int, tuple[Any, Any]] | None = None,
    ) -> None:
        self._drawn = {} if drawn is None else drawn
        self._used: dict[bytes, Picture] = {}
        self.links: dict[str, str] = {}
        for name, content in (given or {}).items():
            check_file_name("images", name)
            self.links[name] = self._use(f"images[{name!r}]", name, content)

    @property
    def used(self) -> list[Picture]:
        """Those the mail shows, each once."""
        return list(self._used.values())

    def shown(self, content: Any, alt: str, width: int | None) -> Markup:
        """The HTML that shows *content*, see `smtp_lab.compose.filters`."""
        link = self._use("picture", f"picture{len(self._used) + 1}", content)
        wide = Markup(' width="{}"').format(width) if width else ""
        return Markup(
            '<img src="{}" alt="{}"{} style="display:block;max-width:100%;height:auto;border:0">'
        ).format(link, alt, wide)

    def _use(self, field: str, name: str, content: Any) -> str:
        if content is None:
            fix = "give a figure, or the bytes or the path of one"
            raise InputError.of(field, "is a NoneType", fix)
        kept = self._drawn.get(id(content))
        if kept is None or kept[0] is not content:
            kept = self._drawn[id(content)] = (content, picture_bytes(field, content))
        picture = self._used.setdefault(kept[1][0], Picture(name, *kept[1]))
        return f"cid:{picture.id}"
