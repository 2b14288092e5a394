"""What the rooms below say is wrong, as a panel shows it: in its language, with its field names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smtp_lab.errors import ConfigFileError, InputError, Problem, SmtpLabError, TemplateError
from smtp_lab.language import told, told_problem
from smtp_lab.widgets.fields import FIELDS
from smtp_lab.widgets.words import N_, _

__all__ = ("told_by_field", "told_error", "told_named")

_NAMES = {field.path: field.label for field in FIELDS} | {
    "connection": N_("Way out"),
    "connection.auth": N_("Login"),
    "profile": N_("Profile"),
    "provider": N_("Provider"),
    "to": N_("Recipient"),
}
_PRESS = {"call reload() and save again": N_("press Reload, then do it again")}
"""What programs are told to do, as a panel says it."""


def told_error(error: SmtpLabError, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """The sentence of *error* in the language of the panels.

    Args:
        error: What went wrong.
        names: What a panel calls the fields, where that is not what the form calls them.
    """
    if not isinstance(error, InputError):
        return told(str(error))
    if isinstance(error, TemplateError):  # whose field is a file and a line
        return " ".join(f"{told(p.field)}: {_sentence(p)}" for p in error.problems)
    sentence = " ".join(told_named(problem, names) for problem in error.problems)
    if isinstance(error, ConfigFileError):  # the file and the line are the point
        where = told(f"{error.path}, line {error.line}") if error.line else error.path
        return f"{where}: {sentence}"
    return sentence


def told_by_field(error: InputError) -> dict[str, str]:
    """The sentence for each field of *error*, without the field's name."""
    sentences: dict[str, str] = {}
    for problem in error.problems:
        before = f"{sentences[problem.field]} " if problem.field in sentences else ""
        sentences[problem.field] = before + _sentence(problem)
    return sentences


def told_named(problem: Problem, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """The sentence of *problem*, which begins with what a panel, or the form, calls its field."""
    sentence = _sentence(problem)
    label = names.get(problem.field, _NAMES.get(problem.field))
    name = problem.field if label is None else _(label) if label else ""
    return f"{name}: {sentence}" if name else sentence


def _sentence(problem: Problem) -> str:
    fix = _(_PRESS[problem.fix]) if problem.fix in _PRESS else problem.fix
    return told_problem(problem.problem, fix)
