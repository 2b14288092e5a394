"""Headers with blanks in them: each is a template of its own, and stays one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import nodes

from smtp_lab.compose.headers import check_header_name
from smtp_lab.compose.trouble import FAULTS, one_line, template_error, with_place
from smtp_lab.errors import InputError, Problem, TemplateError

__all__ = ("Line", "header_lines")


class Line:
    """A text of one line that is filled with the data of a mail.

    Args:
        environment: What fills it.
        name: What the text is called in an error, such as ``subject``.
        text: The text, as written.
        file: The file it stands in, in place of *name* in an error of the template.
        number: The line of that file, from 1; 0 where it stands in none.

    Attributes:
        name: As given.

    Raises:
        TemplateError: It is no template.
    """

    def __init__(
        self,
        environment: jinja2.Environment,
        name: str,
        text: str,
        *,
        file: str = "",
        number: int = 0,
    ) -> None:
        self.name, self._file, self._number = name, file or name, number
        self._environment = environment
        # Blank lines before it give it its number; they are taken off when it is filled.
        self._source = "\n" * max(0, number - 1) + text
        try:
            self._template = environment.from_string(self._source)
        except FAULTS as error:
            raise self._placed(error) from None

    @property
    def tree(self) -> nodes.Template:
        """Its syntax, see `smtp_lab.compose.variables`."""
        return self._environment.parse(self._source)

    def fill(self, context: Mapping[str, Any]) -> str:
        """What it says with *context*, which has the data and what a template always has.

        Raises:
            InputError: It cannot be filled, or would be no single line.
        """
        try:
            text = self._template.render(context)
        except InputError as error:
            raise (with_place(error, self._file) if self._number else error) from None
        except FAULTS as error:
            raise self._placed(error) from None
        return one_line(self.name, text)

    def _placed(self, error: Exception) -> TemplateError:
        made = template_error(error, self._file)
        if self._number:
            return made
        # A text that was given as an argument has no lines to be told.
        problem = Problem(self.name, made.problems[0].problem, made.problems[0].fix)
        return TemplateError(self.name, None, problem, made.variable)


def header_lines(environment: jinja2.Environment, file: str, text: str) -> dict[str, Line]:
    """Each header of *file* by its name: a line break in a value makes no second one.

    Args:
        environment: What fills them.
        file: What the file is called in an error.
        text: A ``Name: value`` a line; blank lines do not count.

    Raises:
        TemplateError: A line is no header, one that smtp_lab sets itself, or there twice.
    """
    made: dict[str, Line] = {}
    first: dict[str, int] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if not colon or not name or line[0].isspace():
            problem = Problem(where, "is no header", "write Name: value")
            raise TemplateError(file, number, problem)
        try:
            check_header_name(where, name)
        except InputError as error:
            raise TemplateError(file, number, error.problems[0]) from None
        if name.lower() in first:
            said = f"{name} is in line {first[name.lower()]} already"
            raise TemplateError(file, number, Problem(where, said, "give it once"))
        first[name.lower()] = number
        made[name] = Line(environment, name, value.strip(), file=file, number=number)
    return made
