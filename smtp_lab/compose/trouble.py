"""What went wrong while a template was read or filled, as one sentence with file and line."""

from __future__ import annotations

import re

import jinja2
from jinja2.exceptions import SecurityError

from smtp_lab.compose.budget import TooMuchError
from smtp_lab.errors import InputError, Problem, TemplateError
from smtp_lab.transcript import printable

__all__ = ("FAULTS", "one_line", "reason_of", "template_error", "with_place")

FAULTS = Exception
"""What may be raised by a template and its data: a function or an object of the caller raises
whatever it likes. Nothing is caught that is to end the program."""

# A function that is refused is quoted with all the data it belongs to.
_CALLED = re.compile(r"<(?:bound method|built-in method|function|class) '?([\w.<>]+)")
_PLAIN = (ArithmeticError, AttributeError, TypeError, ValueError)  # whose words say enough
_LONGEST_REASON = 300  # characters: an exception may quote all of the data


def reason_of(error: BaseException) -> str:
    """The first line of what *error* says, or what it is called where it says nothing."""
    try:
        said = next(iter(str(error).strip().splitlines()), "")
    except Exception:  # noqa: BLE001  # an exception of anybody's may fail to say what it is
        said = ""
    said = printable(said)
    if len(said) > _LONGEST_REASON:
        said = f"{said[:_LONGEST_REASON]}…"
    return said.rstrip(".") or type(error).__name__


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
    said = reason_of(error)
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
            said, fix = _refused(error) or said, "templates may not do that"
        case RecursionError():
            said, fix = "it is nested too deeply, or calls itself without end", "make it do less"
        case MemoryError():
            said, fix = "it takes more memory than there is", "make it do less"
        case _ if isinstance(error, _PLAIN) or said == type(error).__name__:
            said, fix = f"cannot be filled ({said})", "look at the data it was given"
        case _:
            kind = type(error).__name__
            said, fix = f"cannot be filled ({kind}: {said})", "look at the data it was given"
    return said, fix, variable


def _refused(error: jinja2.TemplateError) -> str:
    """What was refused, without the data that is quoted with it; empty where nothing was called."""
    found = _CALLED.match(str(error)) if isinstance(error, SecurityError) else None
    return f"{found[1]} cannot be called" if found else ""


def _place(error: BaseException, name: str) -> tuple[str, int | None]:
    """File and line of the template in which *error* was raised; the innermost one."""
    found: tuple[str, int | None] = (name, None)
    # Python makes another error of a StopIteration, and Jinja leaves the first as it was.
    for one in (error, error.__cause__):
        trace = one.__traceback__ if one is error or isinstance(one, StopIteration) else None
        while trace is not None:
            code, names = trace.tb_frame.f_code, trace.tb_frame.f_globals
            file = name if code.co_filename == "<template>" else code.co_filename
            if "__jinja_exception__" in names:  # Jinja puts the template's frames in
                found = (file, trace.tb_lineno)
            elif one is not error and (template := names.get("__jinja_template__")):
                found = (file, template.get_corresponding_lineno(trace.tb_lineno))
            trace = trace.tb_next
        if found[1]:
            break
    return found
