"""A template: its parts, its variables, its sample, and how it is filled."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import meta, nodes

from smtp_lab.compose.budget import Budget, spending
from smtp_lab.compose.filters import FILTERS, now, show
from smtp_lab.compose.html import inline_css, text_of, unmarked
from smtp_lab.compose.language import Texts, language_of, languages, text_tag
from smtp_lab.compose.pictures import Pictures
from smtp_lab.compose.sandbox import Sandbox
from smtp_lab.compose.sources import Source, base_texts, from_folder, from_strings, shipped
from smtp_lab.compose.theme import theme_of
from smtp_lab.compose.trouble import FAULTS, one_line, template_error, with_place
from smtp_lab.compose.variables import names_used
from smtp_lab.errors import InputError, Problem, TemplateError

if TYPE_CHECKING:
    from smtp_lab.compose.preview import Preview

__all__ = ("Filled", "Template")

GIVEN = frozenset(("cc", "images", "language", "sender", "subject", "t", "theme", "to"))
"""Names a template always has; no data is called so."""

_IMAGE = re.compile(r"<img\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=", re.IGNORECASE)
_PAGE = re.compile(r"<html\b|<body\b", re.IGNORECASE)
_SHELL = (
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"></head>'
    "<body style=\"font-family:'Segoe UI',Helvetica,Arial,sans-serif;"
    'font-size:15px;line-height:1.5">\n{html}</body></html>\n'
)
_ROOT = Sandbox(jinja2.BaseLoader(), show)
_ROOT.filters |= FILTERS
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
        lines = "\n".join(f"{key}: {value}" for key, value in (headers or {}).items())
        given = {"subject.txt": subject, "body.html": html, "body.txt": text, "headers.txt": lines}
        for part, source in {**given, "style": style}.items():
            if not isinstance(source, str):
                problem = f"is a {type(source).__name__}"
                raise InputError.of(part, problem, "give the template's text")
        if not (html or text):
            fix = "give the HTML, or open a folder with lab.Template.open(path)"
            raise InputError.of("html", "is empty", fix)
        parts = {part: source for part, source in given.items() if source}
        self._set(
            from_strings(
                name,
                parts,
                style=style,
                texts=texts or {},
                sample=sample or {},
                folder=Path(folder) if folder else None,
            )
        )

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
        self._heads = self._header_templates()

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
        return sorted(self._names(required=required) - GIVEN - {"now"})

    @property
    def themed(self) -> bool:
        """Whether a theme changes anything about it: it uses one, or extends what does."""
        return "theme" in self._names(required=False)

    def _names(self, *, required: bool) -> set[str]:
        trees = [tree for part in self._source.parts for tree in self._trees(part)]
        try:
            return names_used(trees, required=required)
        except jinja2.TemplateSyntaxError as error:  # an unknown filter, found in no named file
            error.name = None
            raise template_error(error, self.name) from None

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
        if taken := sorted(GIVEN.intersection(data)):
            raise InputError.of("data", f"{taken[0]!r} is a name of smtp_lab's own", "rename it")
        tongue = language_of(language)
        texts = self._texts(language)
        pictures = pictures or Pictures()
        context = dict(data) | {
            "images": pictures.links,
            "language": language,
            "sender": sender,
            "t": texts,
            "theme": theme_of(theme),
            "to": list(to),
        }

        tables: list[Callable[[], str]] | None = None
        if "body.txt" not in self._source.parts:
            tables = []

        def part(name: str) -> str:
            if name not in self._source.parts:
                return ""
            noted = tables if name == "body.html" else None
            with spending(Budget(pictures, tongue, noted)):
                return self._fill(name, context)

        made = one_line("subject", part("subject.txt")) if subject is None else subject
        context["subject"] = made or ""
        html = part("body.html")
        if html:
            html = self._checked(inline_css(_whole(html, language), self._source.style))
        text = part("body.txt") if tables is None else text_of(html, tables)
        with spending(Budget(pictures, tongue)):
            headers = {name: self._head(name, head, context) for name, head in self._heads.items()}
        return Filled(
            subject=made or None,
            html=unmarked(html) if tables else html,
            text=text,
            headers=headers,
            invite=part("invite.ics"),
            pictures=pictures,
        )

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
        return filled

    def _head(self, name: str, head: jinja2.Template, context: Mapping[str, Any]) -> str:
        try:
            return one_line(name, head.render(context))
        except InputError:
            raise
        except FAULTS as error:
            raise template_error(error, f"{self.name}/headers.txt") from None

    def _header_templates(self) -> dict[str, jinja2.Template]:
        """Each header by itself: a line break in a value makes no second one."""
        made = {}
        lines = self._source.parts.get("headers.txt", "").splitlines()
        for number, line in enumerate(lines, 1):
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            where = f"{self.name}/headers.txt"
            if not colon or not name.strip():
                problem = Problem(f"{where}, line {number}", "is no header", "write Name: value")
                raise TemplateError(where, number, problem)
            try:
                made[name.strip()] = self._environment.from_string(value.strip())
            except jinja2.TemplateSyntaxError as error:
                error.lineno = number
                raise template_error(error, where) from None
        return made

    def _checked(self, html: str) -> str:
        """Refuse a picture without alternative text: not everybody sees it."""
        for image in _IMAGE.findall(html):
            if not _ALT.search(image):
                fix = 'write alt="what it shows", or alt="" for mere decoration'
                raise InputError.of(
                    f"template {self.name}", "shows a picture without alternative text", fix
                )
        return html

    def _trees(self, part: str) -> list[nodes.Template]:
        """The syntax of *part*, and of all it extends, includes or imports by name."""
        if part == "headers.txt":
            names, made = [], [self._parsed(f"{self.name}/{part}")]
        else:
            names, made = [f"{self.name}/{part}"], []
        seen: set[str] = set()
        while names:
            name = names.pop()
            if name in seen:
                continue
            seen.add(name)
            tree = self._parsed(name)
            made.append(tree)
            names += [other for other in meta.find_referenced_templates(tree) if other]
        return made

    def _parsed(self, name: str) -> nodes.Template:
        try:
            assert self._environment.loader is not None  # noqa: S101  # each template has one
            source, _, _ = self._environment.loader.get_source(self._environment, name)
            return self._environment.parse(source, name, name)
        except FAULTS as error:
            raise template_error(error, name) from None


@cache
def _shipped(name: str) -> Template:
    return Template._of(shipped(name))  # noqa: SLF001  # compiled once


def _whole(html: str, language: str) -> str:
    """*html* as a page: what a notebook holds is often a few paragraphs."""
    return html if _PAGE.search(html) else _SHELL.format(language=language, html=html)
