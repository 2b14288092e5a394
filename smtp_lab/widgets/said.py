"""What the rooms below say is wrong, as a panel shows it: in its language, with its field names."""

from __future__ import annotations

from smtp_lab.errors import ConfigFileError, InputError, Problem, SmtpLabError
from smtp_lab.language import told, told_problem
from smtp_lab.widgets.fields import FIELDS
from smtp_lab.widgets.words import N_, _

__all__ = ("told_error", "told_named")

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
    sentence = " ".join(map(told_named, error.problems))
    if isinstance(error, ConfigFileError):  # the file and the line are the point
        where = told(f"{error.path}, line {error.line}") if error.line else error.path
        return f"{where}: {sentence}"
    return sentence


def told_named(problem: Problem) -> str:
    """The sentence of *problem*, which begins with what the form calls its field."""
    sentence = told_problem(problem.problem, problem.fix)
    name = _(_NAMES[problem.field]) if problem.field in _NAMES else problem.field
    return f"{name}: {sentence}" if name else sentence
