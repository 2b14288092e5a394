"""What became of a test: outcome, diagnosis with the way to the field, dialogue, and times."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as w

from smtp_lab.config import Advice
from smtp_lab.deliver import Checkup, Delivery, Diagnosis
from smtp_lab.language import told, told_problem
from smtp_lab.show import facts_table
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.replay import Replay
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.words import _

__all__ = ("OutcomeView",)


class OutcomeView(w.VBox):
    """What became of a test mail or a checkup.

    Args:
        go_to: Puts the focus on the field with a dotted name.
        name_of: Gives the label of that field; empty where it is not to be found.
        may_change: Whether that field can be changed: to one that is locked there is no button.

    Attributes:
        fix_button: Leads to what mends it; None where nothing here does.
    """

    def __init__(
        self,
        go_to: Callable[[str], None],
        name_of: Callable[[str], str],
        may_change: Callable[[str], bool],
    ) -> None:
        self._go_to, self._name_of, self._may_change = go_to, name_of, may_change
        self.sentence = w.HTML()
        self.sentence.add_class("smtp-lab-live")
        self.fix_button: w.Button | None = None
        super().__init__([self.sentence])

    def clear(self) -> None:
        """Show nothing."""
        self.sentence.value = ""
        self.children = [self.sentence]
        self.fix_button = None

    def offer(self, sentence: str, do: str, act: Callable[[], object]) -> None:
        """Say *sentence*, of something that failed, with a button *do* that does *act*."""
        self._say(sentence, ok=False)
        self.fix_button = button(do, act, style="primary", mark="smtp-lab-once")
        self.fix_button.add_class("smtp-lab-at-fix")
        self.children = [self.sentence, self.fix_button]

    def show_delivery(self, delivery: Delivery) -> None:
        """Show what became of a test mail."""
        self._say(delivery.sentence, ok=delivery.ok)
        parts: list[w.Widget] = []
        if delivery.diagnosis is not None:
            parts.append(self._explained(delivery.diagnosis, delivery.sentence))
        parts += [w.HTML(f"<p>{escape(self._advised(one))}</p>") for one in delivery.advice]
        parts.append(Replay(delivery.transcript))
        parts.append(
            TextView(
                str(delivery),
                label=_("The outcome as text"),
                file_name="smtp_lab_test.txt",
                shown=False,
            )
        )
        waterfall = delivery.transcript.waterfall()
        parts.append(_folded(_("Where the time went"), waterfall.as_html(told)))
        if delivery.tls is not None:
            parts.append(_folded(_("Encryption and certificate"), delivery.tls.as_html(told)))
        if delivery.token is not None:
            facts = {told(name): fact for name, fact in delivery.token.facts.items()}
            parts.append(_folded(_("The token"), facts_table(_("The token"), facts)))
        self.children = [self.sentence, *parts]

    def show_checkup(self, checkup: Checkup) -> None:
        """Show what the doctor found."""
        self._say(checkup.sentence, ok=checkup.ok)
        parts: list[w.Widget] = []
        failed = checkup.failed
        if failed is not None and failed.diagnosis is not None:
            parts.append(self._explained(failed.diagnosis, checkup.sentence))
        parts.append(_html(checkup.stages_html(told, self._called)))
        parts.append(
            TextView(
                str(checkup),
                label=_("The outcome as text"),
                file_name="smtp_lab_doctor.txt",
                shown=False,
            )
        )
        self.children = [self.sentence, *parts]

    def _say(self, sentence: str, *, ok: bool) -> None:
        kind, mark = ("good", "✔") if ok else ("wrong", "✘")
        role = "" if ok else ' role="alert"'  # what stands around it is a status
        self.sentence.value = (
            f'<div{role} style="border-left:4px solid currentColor;padding:2px 10px" '
            f'class="smtp-lab-{kind}"><b aria-hidden="true">{mark}</b> '
            f"{escape(told(sentence))}</div>"
        )

    def _called(self, field: str) -> str:
        return self._name_of(field) or field

    def _advised(self, advice: Advice) -> str:
        return f"{self._called(advice.field)}: {told_problem(advice.text)}"

    def _explained(self, found: Diagnosis, said: str) -> w.Widget:
        """What the diagnosis adds to the sentence, and the way to the field it is about."""
        parts = [] if found.meaning in said else [f"<p><b>{escape(told(found.meaning))}</b></p>"]
        parts += [] if found.remedy in said else [f"<p>{escape(told(found.remedy))}</p>"]
        answer = _("The server said:") if found.raw[:1].isdigit() else _("The error was:")
        raw = f'<code style="overflow-wrap:anywhere">{escape(found.raw)}</code>'
        parts.append(f"<p>{escape(answer)} {raw}</p>")
        shown: list[w.Widget] = [_html("".join(parts))]
        name = self._name_of(found.field) if found.field else ""
        if name and self._may_change(found.field):
            self.fix_button = button(
                _("Go to the field {name}").format(name=name),
                lambda: self._go_to(found.field),
                style="primary",
                mark="smtp-lab-at-fix",
            )
            shown.append(self.fix_button)
        return w.VBox(shown)


def _folded(title: str, html: str) -> w.HTML:
    return _html(f"<details><summary>{escape(title)}</summary>{html}</details>")


def _html(html: str) -> w.HTML:
    return w.HTML(html)
