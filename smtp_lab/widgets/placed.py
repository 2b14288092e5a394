"""Where in the panel stands what keeps a mail from being made."""

from __future__ import annotations

from smtp_lab.errors import InputError, SmtpLabError, TemplateError
from smtp_lab.language import told_problem
from smtp_lab.widgets.said import told_error, told_named
from smtp_lab.widgets.unexpected import unexpected

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
            return {}, {error.variable: told_error(error)}, ""
        if error.file.startswith("typed/"):
            return {"template": told_error(error)}, {}, ""
        return {}, {}, told_error(error)
    if not isinstance(error, InputError):
        if error is None or isinstance(error, SmtpLabError):
            return {}, {}, told_error(error) if error else ""
        return {}, {}, unexpected(error)
    rest = []
    for problem in error.problems:
        place = problem.field.partition("[")[0]
        said = told_problem(problem.problem, problem.fix)
        if problem.field in variables:
            fields[problem.field] = said
        elif place in _PLACES:
            here[place] = said
        else:
            rest.append(told_named(problem))
    return here, fields, " ".join(rest)
