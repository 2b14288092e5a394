"""The panel on a template: its data beside how the mail looks, and a button that sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.compose import Template, render
from smtp_lab.compose.preview import Preview
from smtp_lab.config import Profile
from smtp_lab.deliver import Delivery, send
from smtp_lab.errors import SmtpLabError
from smtp_lab.inbox.preview import document, frame, text_document
from smtp_lab.sink import Sink

__all__ = ("ComposePanel",)

_WIDTHS = [("phone", 375), ("desktop", 800)]
_LONG = 60  # a text with more characters gets a box of several lines


class ComposePanel(w.VBox):
    """A template with its data beside a live preview.

    Texts, numbers and switches can be changed in the panel; frames, figures, dates and lists are
    used as they were given. What it shows is `Template.fill`, and what it sends `render`.

    Args:
        template: As for `render`.
        data: Variables; the template's sample for those that are not given.
        to: Who gets it.
        sink: Where *Send* sends it; what arrived is shown below.
        profile: Through which it is sent, when not to a sink.

    Attributes:
        delivery: What became of the last sending, or None.
    """

    def __init__(
        self,
        template: Any,
        data: Mapping[str, Any] | None = None,
        *,
        to: str = "you@example.com",
        sink: Sink | None = None,
        profile: Profile | str | None = None,
    ) -> None:
        self.template = Template.open(template)
        self._data = {**self.template.sample, **(data or {})}
        self._to, self._sink, self._profile = to, sink, profile
        self.delivery: Delivery | None = None
        needed = self.template.variables(required=True)
        self.fields = {
            name: field
            for name in self.template.variables()
            if name in self._data or name in needed
            if (field := _field(name, self._data.get(name, ""))) is not None
        }
        languages = self.template.languages or ["en"]
        self.language = w.Dropdown(options=languages, value=languages[0], description="Language")
        self.width = w.ToggleButtons(options=_WIDTHS, value=375, tooltips=["375 px", "800 px"])
        self.button = w.Button(
            description="Send to the sink" if sink else "Send",
            tooltip=f"Send it to {to}",
            button_style="primary",
        )
        self.alert, self.subject, self.page, self.text = w.HTML(), w.HTML(), w.HTML(), w.HTML()
        self.result = w.HTML()
        for field in (*self.fields.values(), self.language, self.width):
            field.observe(lambda _change: self.refresh(), "value")
        self.button.on_click(lambda _button: self._press())
        kept = sorted(set(self._data) - set(self.fields))
        note = w.HTML(f"<p>As given: {escape(', '.join(kept))}</p>" if kept else "")
        left = [*self.fields.values(), note, self.language, self.width, self.button, self.alert]
        shown = w.HBox([self.page, self.text], layout=w.Layout(flex_flow="row wrap"))
        super().__init__(
            [
                w.HBox(
                    [
                        w.VBox(left, layout=w.Layout(min_width="320px")),
                        w.VBox([self.subject, shown], layout=w.Layout(flex="1 1 auto")),
                    ],
                    layout=w.Layout(flex_flow="row wrap"),
                ),
                self.result,
            ]
        )
        self.refresh()

    @property
    def data(self) -> dict[str, Any]:
        """The data as the panel has it; what was left empty is not in it."""
        typed = {name: field.value for name, field in self.fields.items() if field.value != ""}
        return {k: v for k, v in self._data.items() if k not in self.fields} | typed

    def refresh(self) -> None:
        """Show how the mail looks now; what cannot be filled is told beside the data."""
        try:
            filled = self.template.fill(self.data, language=self.language.value)
        except SmtpLabError as error:
            self._say(str(error))
            return
        made = Preview(self.template.name, filled)
        self._say("")
        self.subject.value = f"<p><b>{escape(made.subject)}</b></p>"
        self.page.value = frame(document(made.page), self.width.value, 560, title="Preview")
        self.text.value = frame(text_document(made.text), 420, 560, title="Text part")

    def _press(self) -> None:
        self.result.value = ""
        try:
            message = render(self.template, to=self._to, language=self.language.value, **self.data)
            profile = self._sink.profile() if self._sink else self._profile
            self.delivery = send(message, profile=profile)
        except SmtpLabError as error:
            self._say(str(error))
            return
        arrived = self._sink.inbox[-1] if self._sink else self.delivery
        self.result.value = arrived._repr_html_()  # how a notebook shows it

    def _say(self, text: str) -> None:
        self.alert.value = f'<p role="alert">{escape(text)}</p>' if text else ""


def _field(name: str, value: Any) -> Any:
    """What *value* is typed into, or None where it cannot be typed."""
    make: Callable[..., Any]
    match value:
        case bool():
            make = w.Checkbox
        case int():
            make = w.IntText
        case float():
            make = w.FloatText
        case str() if len(value) > _LONG or "\n" in value:
            make = w.Textarea
        case str():
            make = w.Text
        case _:
            return None
    wide = w.Layout(width="310px")
    return make(value=value, description=name, continuous_update=False, layout=wide)
