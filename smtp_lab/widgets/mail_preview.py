"""How a mail looks that was not sent yet: subject, page, text, and what checks find."""

from __future__ import annotations

from html import escape

import ipywidgets as w

from smtp_lab.inbox import Captured
from smtp_lab.inbox.preview import frame, text_document
from smtp_lab.language import told, told_problem
from smtp_lab.show import NO_MATH
from smtp_lab.transcript import printable
from smtp_lab.widgets.quiet_html import QuietHtml
from smtp_lab.widgets.words import _, n_

__all__ = ("MailPreview",)

_WIDTHS = {"phone": 375, "desktop": 700}  # CSS pixels
_HEIGHT = 480
_TEXT = 20_000  # characters of the text part
_SEVERITIES = ("error", "warning", "note")


class MailPreview(w.VBox):
    """A mail at the width of a phone or a desktop, in light or dark, its text part beside it.

    What the mail says is in no saved notebook, see `QuietHtml`.

    Attributes:
        width: The choice of a width.
        dark: Whether it is shown as to a reader who prefers dark colours.
        page: The mail.
        findings: What checks found.
        captured: The mail that is shown, or None.
    """

    def __init__(self) -> None:
        self.captured: Captured | None = None
        options = [(_("phone"), "phone"), (_("desktop"), "desktop")]
        self.width = w.ToggleButtons(options=options, value="phone", tooltips=["375 px", "700 px"])
        self.width.style.button_width = "auto"
        self.dark = w.Checkbox(description=_("dark"), indent=False)
        self.dark.layout.width = "auto"
        bar = w.HBox([self.width, self.dark])
        bar.add_class("smtp-lab-bar")
        self.page, self.findings = QuietHtml(), QuietHtml()
        super().__init__([bar, self.page, self.findings])
        self.add_class("smtp-lab-mail")
        for field in (self.width, self.dark):
            field.observe(lambda _change: self._draw(), "value")

    def show(self, captured: Captured) -> None:
        """Show *captured*, and what checks find."""
        self.captured = captured
        self._draw()
        self.findings.html = _found(captured)

    def _draw(self) -> None:
        mail = self.captured
        if mail is None:
            return
        wide, dark = _WIDTHS[self.width.value], self.dark.value
        page = mail.preview(width=wide, height=_HEIGHT, dark=dark)
        facts = (
            ("Subject", mail.subject),
            ("From", mail.header("From")),
            ("To", mail.header("To")),
        )
        rows = [(name, printable(value.replace("\t", " "))) for name, value in facts]
        files = [file.name for file in mail.attachments if not file.inline]
        rows += [(_("Files"), ", ".join(files))] if files else []
        rows.append((_("Size"), n_("{n} octet", "{n} octets", mail.size)))
        head = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
            for name, value in rows
        )
        notes = "".join(f"<p>{escape(told(note))}</p>" for note in page.notes)
        shown = [page.frame]
        if mail.html:
            text = text_document(mail.text[:_TEXT], dark=dark)
            shown.append(frame(text, wide, _HEIGHT, dark=dark, title=_("Text part")))
        label = escape(_("The mail"))
        self.page.html = (
            f'<table class="{NO_MATH} smtp-lab-table" aria-label="{label}">{head}</table>{notes}'
            f'<div class="smtp-lab-frames">{"".join(shown)}</div>'
        )


def _found(mail: Captured) -> str:
    """What checks find, in a line that unfolds."""
    found = mail.check()
    if found.empty:
        fine = _("The checks find nothing.")  # texts inside an f-string are not found
        return f'<p class="smtp-lab-good">✔ {escape(fine)}</p>'
    counts = found["severity"].value_counts()
    words = {
        "error": lambda n: n_("{n} error", "{n} errors", n),
        "warning": lambda n: n_("{n} warning", "{n} warnings", n),
        "note": lambda n: n_("{n} note", "{n} notes", n),
    }
    said = ", ".join(words[kind](int(counts[kind])) for kind in _SEVERITIES if kind in counts)
    mark = "quiet" if set(counts.index) == {"note"} else "warn"
    rows = []
    for finding in found.astype(str).to_dict("records"):
        rule, kind, where, why, fix = map(printable, finding.values())
        about = f"<b>{escape(rule)}</b> ({escape(told(kind))}, {escape(told(where))})"
        rows.append(f"<li>{about}: {escape(told_problem(why, fix))}</li>")
    return (
        f'<details class="{NO_MATH}"><summary class="smtp-lab-{mark}">{escape(said)}</summary>'
        f"<ul>{''.join(rows)}</ul></details>"
    )
