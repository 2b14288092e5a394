"""A template: its parts, its variables, its sample, and how it is filled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes

from smtp_lab.compose.budget import Budget, deadline, spending
from smtp_lab.compose.filters import FILTERS, now, show
from smtp_lab.compose.html import check_pictures, inline_css, legible, unmarked, whole_page
from smtp_lab.compose.language import Texts, language_of, languages, text_tag
from smtp_lab.compose.lines import Line, header_lines
from smtp_lab.compose.pictures import Pictures
from smtp_lab.compose.sandbox import Sandbox
from smtp_lab.compose.sources import (
    Source,
    base_texts,
    by_name,
    from_folder,
    from_strings,
    shipped,
)
from smtp_lab.compose.textpart import text_part
from smtp_lab.compose.theme import theme_of
from smtp_lab.compose.trouble import FAULTS, one_line, template_error, with_place
from smtp_lab.compose.variables import GIVEN, Reading
from smtp_lab.errors import InputError

if TYPE_CHECKING:
    from smtp_lab.compose.preview import Preview

__all__ = ("Filled", "Template")

_ROOT = Sandbox(jinja2.BaseLoader(), show, FILTERS)
_ROOT.globals["now"] = now


@dataclass(frozen=True)
class Filled:
    """What a template says for one mail.

    Attributes:
        subject: In one line, or None where the template has none.
        html: The page, its styles in its tags; empty where there is none.
        text: The text part.
        headers: Further headers, by name.
        invite: A calendar object (RFC 5545), or empty.
        pictures: What the page shows.
    """

    subject: str | None
    html: str
    text: str
    headers: Mapping[str, str]
    invite: str
    pictures: Pictures = field(default_factory=Pictures)


class Template:
    """What a mail says, with blanks for data.

        >>> hello = lab.Template("<p>Dear {{ name }},</p>{{ sales }}", subject="For {{ name }}")
        >>> hello.variables()
        ['name', 'sales']
        >>> hello.preview(name="Ann", sales=frame)

    It is filled by Jinja2 in a sandbox: a variable that is missing or empty is an error, what goes
    into HTML is escaped, and loops and output are bounded. Braces in CSS are left alone. Templates
    that ship can be extended: ``{% extends "_base/body.html" %}``, see docs/composing.md.

    Args:
        html: The HTML part.
        subject: The subject; may be given when it is rendered instead.
        text: The text part; by default it is made from the HTML.
        style: CSS, moved into the tags of the HTML. Variables in it are not filled.
        headers: Further headers by name, with variables.
        texts: Texts by language and name, for ``{{ t("name") }}``.
        sample: Data to try it with.
        name: What it is called in errors.
        folder: Where files it extends or includes are.

    Attributes:
        name: What it is called.

    Raises:
        InputError: A part is no text, or there is none; `TemplateError` names file and line.
    """

    def __init__(  # noqa: PLR0913  # the parts of a template
        self,
        html: str = "",
        *,
        subject: str = "",
        text: str = "",
        style: str = "",
        headers: Mapping[str, str] | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
        sample: Mapping[str, Any] | None = None,
        name: str = "template",
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        parts = {"subject.txt": subject, "body.html": html, "body.txt": text}
        source = from_strings(
            name, parts, style=style, headers=headers, texts=texts, sample=sample, folder=folder
        )
        self._set(source)

    @classmethod
    def open(cls, where: str | os.PathLike[str] | Template) -> Template:
        """Open a template.

        Args:
            where: The name of one that ships, see `templates`, or the path of a folder or of an
                HTML file. A folder has ``body.html`` and, when wanted, ``subject.txt``,
                ``body.txt``, ``headers.txt``, ``style.css``, ``texts.toml``, ``invite.ics`` and
                ``sample.toml`` or ``sample.json``. A text is a path when it holds a ``/``.

        Raises:
            UnknownNameError: No template of that name ships.
            InputError: There is no template at that path, or it cannot be read.
        """
        if isinstance(where, Template):
            return where
        if not isinstance(where, str | os.PathLike):
            problem = f"is a {type(where).__name__}"
            raise InputError.of("template", problem, "give a name, a pathlib.Path or a Template")
        name = os.fspath(where)
        if "\0" in name:
            raise InputError.of("template", "holds a NUL", "give a name or a path")
        if not isinstance(where, str) or "/" in name or os.sep in name:
            return cls._of(from_folder(Path(name)))
        return _shipped(name)

    @classmethod
    def _of(cls, source: Source) -> Template:
        made = cls.__new__(cls)
        made._set(source)  # noqa: SLF001  # its own kind
        return made

    def _set(self, source: Source) -> None:
        self.name = source.name
        self._source = source
        self._environment = _ROOT.overlay(loader=source.loader)
        lines = source.parts.get("headers.txt", "")
        self._heads = header_lines(self._environment, f"{self.name}/headers.txt", lines)

    @property
    def sample(self) -> dict[str, Any]:
        """Data to try it with, from ``sample.toml`` or ``sample.json``; a copy."""
        return dict(self._source.sample)

    @property
    def languages(self) -> list[str]:
        """The languages its texts are written in; those that ship, where it has none of its own."""
        return list(self._source.texts or languages())

    def variables(self, *, required: bool = False) -> list[str]:
        """The names of the data it uses, in alphabetical order.

        Args:
            required: Leave out those it can do without: names it asks about with ``is defined`` or
                gives a ``default``.

        Raises:
            TemplateError: It cannot be read.
        """
        return self._sorted(self._names(), required=required)

    @property
    def themed(self) -> bool:
        """Whether a theme changes anything about it: it uses one, or extends what does."""
        return "theme" in self._names().found

    def line(self, name: str, text: str) -> Line:
        """Give *text*, such as a subject, as what can be filled with the data of a mail.

        Args:
            name: What it is called in an error.
            text: With blanks, as those of the template.

        Raises:
            TemplateError: It is no template.
        """
        return Line(self._environment, name, text)

    def variables_of(self, line: Line, *, required: bool = False) -> list[str]:
        """The names of the data that *line* uses, see `variables`.

        Raises:
            TemplateError: It includes what cannot be read.
        """
        reading = self._reading()
        try:
            reading.tree(line.tree)
        except InputError:
            raise
        except FAULTS as error:
            raise template_error(error, line.name) from None
        return self._sorted(reading, required=required)

    def _names(self) -> Reading:
        reading, at = self._reading(), self.name
        try:
            for part in self._source.parts:
                at = f"{self.name}/{part}"
                if part != "headers.txt":
                    reading.file(at)
            for head in self._heads.values():
                reading.tree(head.tree)
        except InputError:
            raise
        except FAULTS as error:
            raise template_error(error, at) from None
        return reading

    def _reading(self) -> Reading:
        return Reading(self._parsed, self._environment.globals)

    def _sorted(self, reading: Reading, *, required: bool) -> list[str]:
        return sorted((reading.needed if required else reading.found) - GIVEN)

    def preview(
        self, *, language: str = "en", theme: Mapping[str, str] | str | None = None, **data: Any
    ) -> Preview:
        """How a mail made of it looks, with the sample for whatever *data* does not give.

        Raises:
            InputError: It cannot be filled.
        """
        from smtp_lab.compose.preview import Preview

        filled = self.fill({**self._source.sample, **data}, language=language, theme=theme)
        return Preview(self.name, filled)

    def fill(  # noqa: PLR0913  # what a template gets to know of a mail
        self,
        data: Mapping[str, Any],
        *,
        language: str = "en",
        theme: Mapping[str, str] | str | None = None,
        pictures: Pictures | None = None,
        to: tuple[str, ...] = (),
        sender: str = "",
        subject: str | None = None,
    ) -> Filled:
        """Fill every part with *data*; `render` makes a message of what comes out.

        Raises:
            InputError: It cannot be filled; a `TemplateError` names file, line and variable.
        """
        pictures = pictures or Pictures()
        context = self._context(data, language, theme, to, sender) | {"images": pictures.links}
        tongue, until = language_of(language), deadline()
        tables: list[Callable[[], str]] | None = None
        if "body.txt" not in self._source.parts:
            tables = []

        def part(name: str) -> str:
            if name not in self._source.parts:
                return ""
            noted = tables if name == "body.html" else None
            with spending(Budget(pictures, tongue, noted, until=until)):
                return self._fill(name, context)

        made = one_line("subject", part("subject.txt")) if subject is None else subject
        context["subject"] = made or ""
        html = part("body.html")
        if html:
            html = inline_css(whole_page(html, language), self._source.style)
            check_pictures(f"template {self.name}", html)
        with spending(Budget(pictures, tongue, until=until)):
            text = part("body.txt") if tables is None else self._text(html, tables)
            headers = {name: head.fill(context) for name, head in self._heads.items()}
        return Filled(
            subject=made or None,
            html=unmarked(html) if tables else html,
            text=text,
            headers=headers,
            invite=part("invite.ics"),
            pictures=pictures,
        )

    def fill_line(  # noqa: PLR0913  # what a template gets to know of a mail
        self,
        line: Line,
        data: Mapping[str, Any],
        *,
        language: str = "en",
        theme: Mapping[str, str] | str | None = None,
        to: tuple[str, ...] = (),
        sender: str = "",
    ) -> str:
        """Fill *line*, which `line` gave, as `fill` fills the subject of the template.

        Raises:
            InputError: It cannot be filled.
        """
        context = self._context(data, language, theme, to, sender)
        with spending(Budget(None, language_of(language))):
            return line.fill(context)

    def __repr__(self) -> str:
        return f"<Template {self.name}: {', '.join(self._source.parts)}>"

    # --- inside -------------------------------------------------------------------------------

    def _texts(self, language: str) -> Texts:
        """Its texts in *language*; a template without texts of its own speaks any."""
        known = self._source.texts or base_texts()
        tag = text_tag(language, known)
        if tag is None and self._source.texts:
            fix = f"template {self.name} has {', '.join(known)}"
            raise InputError.of("language", f"{language!r} is not known", fix)
        return Texts(known[tag] if tag else {}, f"template {self.name}, {language}")

    def _context(
        self,
        data: Mapping[str, Any],
        language: str,
        theme: Mapping[str, str] | str | None,
        to: tuple[str, ...],
        sender: str,
    ) -> dict[str, Any]:
        """What the template sees: *data*, and what it always has."""
        data = by_name("data", data)
        if taken := sorted(GIVEN.intersection(data)):
            raise InputError.of("data", f"{taken[0]!r} is a name of smtp_lab's own", "rename it")
        if not isinstance(to, list | tuple):
            raise InputError.of("to", f"is a {type(to).__name__}", "give a list of addresses")
        tongue = language_of(language)
        return dict(data) | {
            "language": tongue.tag,
            "sender": sender,
            "t": self._texts(language),
            "theme": theme_of(theme),
            "to": list(to),
        }

    def _fill(self, part: str, context: Mapping[str, Any]) -> str:
        name = f"{self.name}/{part}"
        try:
            filled = self._environment.get_template(name).render(context)
            filled.encode()  # half a character (a lone surrogate) cannot travel
        except InputError as error:
            raise with_place(error, name) from None
        except FAULTS as error:
            raise template_error(error, name) from None
        if "\0" in filled:
            raise InputError.of(f"template {name}", "would hold a NUL", "take it out of the data")
        return legible(filled) if part.startswith("body.") else filled

    def _text(self, html: str, tables: list[Callable[[], str]]) -> str:
        """The text part that is made from *html*."""
        name = f"{self.name}/body.html"
        try:
            return text_part(html, tables)
        except InputError as error:
            raise with_place(error, name) from None
        except FAULTS as error:
            raise template_error(error, name) from None

    def _parsed(self, name: str) -> nodes.Template:
        """The syntax of the file called *name*."""
        try:
            assert self._environment.loader is not None  # noqa: S101  # each template has one
            source, _, _ = self._environment.loader.get_source(self._environment, name)
            self._environment.get_template(name)  # an unknown filter is found by compiling
            return self._environment.parse(source, name, name)
        except (InputError, jinja2.TemplateNotFound):
            raise
        except FAULTS as error:
            raise template_error(error, name) from None


@cache
def _shipped(name: str) -> Template:
    return Template._of(shipped(name))  # noqa: SLF001  # compiled once
