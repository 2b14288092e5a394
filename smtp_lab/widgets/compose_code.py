"""What the panel composes, as lines of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtp_lab.widgets import as_code, notebook

if TYPE_CHECKING:
    from smtp_lab.widgets.compose_panel import ComposePanel

__all__ = ("lines",)


def lines(panel: ComposePanel) -> str:
    """The lines that make and send what *panel* has, or a mail for each row."""
    merge = panel.merge if panel.merge.columns else None
    given = _arguments(panel)
    if merge is None:
        to = panel.recipient.to
        given.insert(0, f"    to={to!r}," if to else "    to=profile.address,")
        made = ["message = lab.render(", f"    {panel.picker.code},", *given, ")"]
        sent = ["lab.send(message, profile=profile, book=book)"]
    else:
        made = ["messages = lab.render_each(", f"    {panel.picker.code},"]
        made += [*merge.code(), "    book=book,", *given, ")"]
        journal = merge.journal.value.strip()
        more = f", journal={journal!r}" if journal else ""
        sent = [f"lab.send_many(messages, profile=profile, book=book{more})"]
    body = [*_profile(panel), *_template(panel, given), *made, *sent]
    used = "\n".join(body)
    imports = [name for name in ("datetime", "pathlib") if f"{name}." in used]
    head = [f"import {name}" for name in imports] + ([""] if imports else [])
    return "\n".join([*head, as_code.IMPORT, "", *body])


def _arguments(panel: ComposePanel) -> list[str]:
    """The arguments of `render` beside template and recipient."""
    merged = panel.merge.columns
    usual = {"language": "en"}
    given = {
        name: repr(value)
        for name, value in panel.options.items()
        if value not in (None, usual.get(name))
    }
    if panel.attachments.code:
        given["attachments"] = panel.attachments.code
    for name, field in panel.fields.fields.items():
        if field.code and not (merged and (name in merged or not field.own)):
            given[name] = field.code
    return [f"    {name}={value}," for name, value in given.items()]


def _profile(panel: ComposePanel) -> list[str]:
    book = as_code.open_book(panel.desk.book)
    sink = panel.desk.sink
    if panel.through.value == panel.SINK:
        name = notebook.name_of(sink)
        start = [] if name else ["sink = lab.Sink().start()"]
        return [book, *start, f"profile = {name or 'sink'}.profile()"]
    if panel.through.value == panel.GIVEN:
        return [book, *as_code.profile_lines(panel.profile)]
    return [book, f"profile = book[{panel.through.value!r}]"]


def _template(panel: ComposePanel, given: list[str]) -> list[str]:
    """The line that names the template, where a sample is taken from it."""
    if not any("=template.sample[" in line for line in given) or panel.picker.code == "template":
        return []
    return [f"template = lab.Template.open({panel.picker.code})"]
