"""Which template: one that ships, one of one's own, or one that is typed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as w

from smtp_lab.compose import Template, templates
from smtp_lab.compose.theme import themes
from smtp_lab.errors import InputError
from smtp_lab.widgets import notebook
from smtp_lab.widgets.drawers import choice
from smtp_lab.widgets.rows import LAYOUT, STYLE, Note, text_field
from smtp_lab.widgets.words import LANGUAGES, N_, _, language

__all__ = ("TemplatePicker",)

ABOUT = {
    "alert": N_("a threshold that was crossed"),
    "error_report": N_("an exception, without the values of variables"),
    "handout": N_("a hand-out for a training: dialogues with their meaning"),
    "inbox_digest": N_("what was captured, as a mail"),
    "invitation": N_("a meeting, with its calendar entry"),
    "password_reset": N_("a link, a code, or both"),
    "receipt": N_("what was bought"),
    "report": N_("tables and charts"),
    "subscription": N_("a dashboard by mail"),
    "test_mail": N_("what Send test sends"),
}
"""What each template that ships is for."""

_GIVEN, _FOLDER, _TYPED = "/given", "/folder", "/typed"  # no template's name has a slash


class TemplatePicker(w.VBox):
    """Template, language and theme.

    Args:
        template: The first one: a name, a path, or a `Template`.
        changed: Called when another template, language or theme is chosen.

    Attributes:
        which: The choice.
        folder: The field for a path.
        html: The field for a template that is typed.
        subject: The field for its subject.
        language: The choice of a language.
        theme: The choice of a theme.

    Raises:
        InputError: There is no such template.
    """

    def __init__(self, template: Any, changed: Callable[[], None]) -> None:
        self._given = Template.open(template)
        self._changed = changed
        self._kept: tuple[tuple[str, ...], Template] | None = None
        options = [(name + ": " + _(ABOUT[name]), name) for name in templates()]
        start = template if template in templates() else _FOLDER
        if isinstance(template, Template):
            options.insert(0, (_("as given: {name}").format(name=template.name), _GIVEN))
            start = _GIVEN
        options += [(_("a folder or file of my own"), _FOLDER), (_("typed here"), _TYPED)]
        self.which = choice(_("Template"), options, start)
        self.folder = text_field(_("Path"), "reports/monday")
        self.folder.value = os.fspath(template) if start == _FOLDER else ""
        self.subject = text_field(_("Subject template"), "Sales for {{ name }}")
        self.html = w.Textarea(
            description=_("HTML template"),
            placeholder="<p>Dear {{ name }},</p>{{ table }}",
            rows=8,
            style=STYLE,
            layout=LAYOUT,
        )
        self.html.add_class("smtp-lab-code")
        self.note = Note()
        self._own = w.VBox([self.folder, self.subject, self.html, self.note])
        self._own.add_class("smtp-lab-row")
        self._own.add_class("smtp-lab-at-template")
        self.language = choice(_("Language of the mail"), [("English", "en")], "en")
        plain = [(_("plain"), ""), *((name, name) for name in themes() if name != "plain")]
        self.theme = choice(_("Theme"), plain, "")
        super().__init__([self.which, self._own, self.language, self.theme])
        self._fit()
        for field in (self.which, self.folder, self.subject, self.html, self.language, self.theme):
            field.observe(lambda _change: self._picked(), "value")

    @property
    def template(self) -> Template:
        """The template.

        Raises:
            InputError: There is none at the path, or what was typed is none.
        """
        kind = str(self.which.value)
        key = (kind, self.folder.value.strip(), self.subject.value, self.html.value)
        if self._kept is None or self._kept[0] != key or kind == _FOLDER:
            self._kept = (key, self._made(*key))
        return self._kept[1]

    @property
    def code(self) -> str:
        """The template as an expression."""
        kind = self.which.value
        if kind == _GIVEN:
            return notebook.name_of(self._given) or "template"
        if kind == _FOLDER:
            return f"pathlib.Path({self.folder.value.strip()!r})"
        if kind == _TYPED:
            return f"lab.Template({self.html.value!r}, subject={self.subject.value!r})"
        return repr(kind)

    def _made(self, kind: str, path: str, subject: str, html: str) -> Template:
        if kind == _GIVEN:
            return self._given
        if kind == _FOLDER:
            if not path:
                fix = "give that of a folder with body.html, or of an HTML file"
                raise InputError.of("template", "the path is empty", fix)
            return Template.open(Path(path))
        if kind == _TYPED:
            if not html.strip():
                raise InputError.of("template", "is empty", "type the HTML of the mail")
            return Template(html, subject=subject, name="typed")
        return Template.open(kind)

    def _picked(self) -> None:
        self._fit()
        self._changed()

    def _fit(self) -> None:
        """Show what belongs to the choice, and offer the languages and themes there are."""
        kind = self.which.value
        own = kind in (_FOLDER, _TYPED)
        self._own.layout.display = "" if own else "none"
        self.folder.layout.display = "" if kind == _FOLDER else "none"
        for field in (self.html, self.subject):
            field.layout.display = "" if kind == _TYPED else "none"
        try:
            template = self.template
            themed, tags = template.themed, template.languages
        except InputError:
            return
        self.theme.layout.display = "" if themed else "none"
        options = [(LANGUAGES.get(tag, tag), tag) for tag in tags]
        if list(self.language.options) != options:
            before = self.language.value if len(self.language.options) > 1 else language()
            self.language.options = options
            self.language.value = before if before in tags else tags[0]
