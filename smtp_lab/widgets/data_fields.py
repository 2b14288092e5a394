"""The variables of a template as fields: typed, or taken from the notebook by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as w

from smtp_lab.compose import Template
from smtp_lab.errors import InputError, Problem
from smtp_lab.widgets import notebook
from smtp_lab.widgets.rows import LAYOUT, STYLE, Note
from smtp_lab.widgets.typed import kind_for, read, written
from smtp_lab.widgets.words import _

__all__ = ("DataField", "DataFields")

_TYPED, _GIVEN, _NOTHING = "typed", "given", ""


class DataField(w.VBox):
    """One variable.

    Args:
        name: The variable.
        value: What it begins with; None where there is neither a sample nor anything given.
        required: Whether the template cannot do without.
        sample: Whether *value* is the template's sample.

    Attributes:
        name: See above.
        input: What is typed in; None for what cannot be typed.
        source: Where the value is taken from; None where it can only be typed.
        note: The line below.
    """

    def __init__(self, name: str, value: Any, *, required: bool, sample: bool) -> None:
        self.name, self.required = name, required
        self._value, self._sample = value, sample
        self.kind = kind_for("" if value is None else value)
        label = f"{name} *" if required else name
        self.input = _input(self.kind, label, value)
        self._start = None if self.input is None else self.input.value
        choosable = value is None or self.kind in ("lines", "data", "object")
        self.source: w.Dropdown | None = None
        if choosable:
            more = "" if self.input is None else _("{name}: from")
            self.source = w.Dropdown(
                description=more.format(name=name) or label,
                options=self._sources({}),
                style=STYLE,
                layout=LAYOUT,
            )
        self.note = Note()
        parts = [part for part in (self.source, self.input) if part is not None]
        super().__init__([*parts, self.note])
        self.add_class("smtp-lab-row")
        self.add_class(f"smtp-lab-at-{name.lower()}")
        if required:
            self.add_class("smtp-lab-required")

    @property
    def value(self) -> Any:
        """The value; None where there is none.

        Raises:
            InputError: What was typed cannot be one, or the variable of the notebook is gone.
        """
        where = _TYPED if self.source is None else self.source.value
        if where == _GIVEN:
            return self._value
        if where == _NOTHING:
            return None
        if where == _TYPED:
            return read(self.kind, self.name, self.input.value)
        there = notebook.variables()
        if where not in there:
            fix = "run its cell again, or take another"
            raise InputError.of(self.name, f"the notebook has no {where} any more", fix)
        return there[where]

    @property
    def code(self) -> str:
        """The value as an expression; empty where there is none, or it cannot be read."""
        where = _TYPED if self.source is None else self.source.value
        if where == _GIVEN and self._sample:
            return f"template.sample[{self.name!r}]"
        if where == _GIVEN:
            return notebook.name_of(self._value) or self.name
        if where not in (_TYPED, _NOTHING):
            return str(where)
        try:
            value = self.value
        except InputError:
            return ""
        return "" if value is None else repr(value)

    def put(self, value: Any) -> None:
        """Type *value*."""
        self.input.value = value

    def offer(self, there: Mapping[str, Any]) -> None:
        """Offer the variables of the notebook that are *there*."""
        if self.source is None:
            return
        before, options = self.source.value, self._sources(there)
        if list(self.source.options) != options:
            self.source.options = options
            known = [value for _label, value in options]
            self.source.value = before if before in known else known[0]
        self._show_input()

    def take_over(self, other: DataField) -> None:
        """Take what was typed or chosen in *other*, of the same name in another template."""
        if self.input is not None and other.kind == self.kind and other.typed:
            self.input.value = other.input.value
        if self.source is not None and other.source is not None:
            chosen = other.source.value
            if chosen in [value for _label, value in self.source.options]:
                self.source.value = chosen

    @property
    def typed(self) -> bool:
        """Whether something else is typed than what it began with."""
        return self.input is not None and self.input.value != self._start

    @property
    def own(self) -> bool:
        """Whether it is more than the template's sample: given, typed, or of the notebook."""
        chosen = self.source is not None and self.source.value not in (_TYPED, _GIVEN)
        return not self._sample or self.typed or chosen

    def on_changed(self, listener: Callable[[], None]) -> None:
        """Call *listener* when something was typed or chosen."""
        if self.input is not None:
            self.input.observe(lambda _change: listener(), "value")
        if self.source is not None:
            self.source.observe(lambda _change: self._chosen(listener), "value")

    def _chosen(self, listener: Callable[[], None]) -> None:
        self._show_input()
        listener()

    def _show_input(self) -> None:
        if self.input is not None and self.source is not None:
            self.input.layout.display = "" if self.source.value == _TYPED else "none"

    def _sources(self, there: Mapping[str, Any]) -> list[tuple[str, str]]:
        options = []
        if self.input is not None:
            options.append((_("what is typed here"), _TYPED))
        elif self._value is not None:
            options.append((_("the sample") if self._sample else _("as given"), _GIVEN))
        if self.input is None and (not self.required or self._value is None):
            options.append((_("nothing"), _NOTHING))
        return options + [(notebook.labelled(name, value), name) for name, value in there.items()]


class DataFields(w.VBox):
    """All variables of a template.

    Args:
        changed: Called when one of them was changed.

    Attributes:
        fields: By the name of the variable.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.fields: dict[str, DataField] = {}
        self._shown: Any = None
        super().__init__()
        self.add_class("smtp-lab-row-group")

    def show(self, template: Template, given: Mapping[str, Any]) -> None:
        """Make the fields of *template*; they begin with what is *given*, else with its sample.

        What was typed into fields of the same name stays, and nothing changes where the variables
        are the same.

        Raises:
            InputError: The template cannot be read.
        """
        sample = template.sample
        needed = set(template.variables(required=True))
        names = [*sample, *(n for n in template.variables() if n not in sample)]
        names += [name for name in given if name not in names]
        signature = (template.name, needed, names)
        if signature == self._shown:
            return
        self._shown = signature
        there = notebook.offered()
        made = {}
        for name in sorted(names, key=lambda name: name not in needed):
            value = given[name] if name in given else sample.get(name)
            field = DataField(name, value, required=name in needed, sample=name not in given)
            field.offer(there)
            if name in self.fields:
                field.take_over(self.fields[name])
            field.on_changed(self._changed)
            made[name] = field
        self.fields = made
        self.children = list(made.values())

    def look(self) -> None:
        """Look again at what the notebook has."""
        there = notebook.offered()
        for field in self.fields.values():
            field.offer(there)

    def data(self, *, without: frozenset[str] = frozenset(), own: bool = False) -> dict[str, Any]:
        """The values by name; what is empty is not among them.

        Args:
            without: Variables to leave out.
            own: Leave out what is still the template's sample.

        Raises:
            InputError: All that cannot be read, by variable.
        """
        made: dict[str, Any] = {}
        wrong: list[Problem] = []
        for name, field in self.fields.items():
            if name in without or (own and not field.own):
                continue
            try:
                value = field.value
            except InputError as error:
                wrong += error.problems
                continue
            if value is not None:
                made[name] = value
        if wrong:
            raise InputError(*wrong)
        return made

    def say(self, wrong: Mapping[str, str]) -> None:
        """Say what is wrong, by variable; nothing at the others."""
        for name, field in self.fields.items():
            field.note.say(wrong.get(name, ""))


def _input(kind: str, label: str, value: Any) -> Any:
    start = "" if value is None else written(kind, value)
    how = {"description": label, "style": STYLE, "layout": LAYOUT}
    match kind:
        case "object":
            return None
        case "flag":
            return w.Checkbox(value=start, indent=True, **how)
        case "date":
            return w.DatePicker(value=start, **how)
        case "text" | "lines" | "data":
            return w.Textarea(value=start, continuous_update=True, **how)
    return w.Text(value=start, continuous_update=True, **how)
