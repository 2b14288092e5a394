"""What went wrong while a template was read or filled, as one sentence with file and line."""

from __future__ import annotations

import re

import jinja2

from smtp_lab.compose.budget import TooMuchError
from smtp_lab.errors import InputError, Problem, TemplateError

__all__ = ("FAULTS", "one_line", "template_error", "with_place")

FAULTS = (
    jinja2.TemplateError,
    TooMuchError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What Jinja, and Python below it, raise for a template or its data."""


def one_line(name: str, text: str) -> str:
    """Give *text* stripped when it can stand in the header *name*.

    Raises:
        InputError: It holds a control character, half a character, or what mail programs would
            decode to something else.
    """
    text = text.strip()
    if re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", text):
        problem = "holds a line break or another control character"
        raise InputError.of(name, problem, "take it out")
    if re.search(r"=\?[^?\s]*\?[bq]\?", text, re.IGNORECASE):
        problem = "holds an encoded word (=?…?=), which mail programs decode"
        raise InputError.of(name, problem, "give the text itself")
    return text


def with_place(error: InputError, name: str) -> InputError:
    """*error* with the line of the template it came from, where there is one."""
    file, line = _place(error, name)
    if isinstance(error, TemplateError) or line is None:
        return error
    first = error.problems[0]
    said = Problem(f"{file}, line {line}: {first.field}", first.problem, first.fix)
    return TemplateError(file, line, said)


def template_error(error: Exception, name: str) -> TemplateError:
    """The sentence for what was raised while *name* was read or filled."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        file: str = error.name or name
        line: int | None = error.lineno
    else:
        file, line = _place(error, name)
    where = f"{file}, line {line}" if line else file
    problem, fix, variable = _said(error)
    return TemplateError(file, line, Problem(where, problem, fix), variable)


def _said(error: Exception) -> tuple[str, str, str]:
    """Problem, fix and the variable that is missing, if that is it."""
    said = next(iter(str(error).splitlines()), type(error).__name__)
    variable = ""
    match error:
        case jinja2.TemplateSyntaxError():
            said = f"is no template ({error.message})"
            fix = "mend that line; braces that are no template stand in {% raw %}"
        case jinja2.TemplateNotFound():
            said, fix = f"there is no file {error.name!r}", "check the name"
        case jinja2.UndefinedError():
            fix = "look at the data it was given"
            if found := re.fullmatch(r"'(\w+)' is undefined", said):
                variable = found[1]
                said, fix = f"{variable!r} is missing", f"give it by name, {variable}=…"
        case TooMuchError():
            fix = "make it do less"
        case jinja2.TemplateError():
            fix = "templates may not do that"
        case RecursionError():
            said, fix = "it calls itself without end", "make it do less"
        case _:
            said, fix = f"cannot be filled ({said})", "look at the data it was given"
    return said, fix, variable


def _place(error: BaseException, name: str) -> tuple[str, int | None]:
    """File and line of the template in which *error* was raised; the innermost one."""
    found: tuple[str, int | None] = (name, None)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "__jinja_exception__" in trace.tb_frame.f_globals:  # Jinja puts the template's frames in
            found = (name if file == "<template>" else file, trace.tb_lineno)
        trace = trace.tb_next
    return found
