"""Where in the panel stands what keeps a mail from being made."""

from __future__ import annotations

from smtp_lab.errors import InputError, Problem, SmtpLabError, TemplateError
from smtp_lab.widgets.words import _

__all__ = ("placed",)

_PLACES = ("template", "to", "subject", "attachments")


def placed(
    error: Exception | None, variables: set[str]
) -> tuple[dict[str, str], dict[str, str], str]:
    """What *error* says by place of the panel, by variable, and what has neither.

    Args:
        error: What kept a mail from being made, or None.
        variables: The variables that have a field.
    """
    here: dict[str, str] = {}
    fields: dict[str, str] = {}
    if isinstance(error, TemplateError):
        if error.variable in variables:
            return {}, {error.variable: str(error)}, ""
        if error.file.startswith("typed/"):
            return {"template": str(error)}, {}, ""
        return {}, {}, str(error)
    if not isinstance(error, InputError):
        if error is None or isinstance(error, SmtpLabError):
            return {}, {}, str(error or "")
        sentence = _("Something went wrong that should not: {what}.")
        return {}, {}, sentence.format(what=type(error).__name__)
    rest = []
    for problem in error.problems:
        place = problem.field.partition("[")[0]
        said = str(Problem("", problem.problem, problem.fix))
        if problem.field in variables:
            fields[problem.field] = said
        elif place in _PLACES:
            here[place] = said
        else:
            rest.append(str(problem))
    return here, fields, " ".join(rest)
