"""What the rooms below say is wrong, as a panel shows it: in its language, with its field names."""

from __future__ import annotations

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


def told_error(error: SmtpLabError) -> str:
    """The sentence of *error* in the language of the panels."""
    if not isinstance(error, InputError):
        return told(str(error))
    if isinstance(error, TemplateError):  # whose field is a file and a line
        return " ".join(f"{told(p.field)}: {_sentence(p)}" for p in error.problems)
    sentence = " ".join(map(told_named, error.problems))
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


def told_named(problem: Problem) -> str:
    """The sentence of *problem*, which begins with what the form calls its field."""
    sentence = _sentence(problem)
    name = _(_NAMES[problem.field]) if problem.field in _NAMES else problem.field
    return f"{name}: {sentence}" if name else sentence


def _sentence(problem: Problem) -> str:
    return told_problem(problem.problem, problem.fix)
