"""What the arguments of a merge are for one row: its texts, its files, its way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtp_lab.compose.lines import Line
from smtp_lab.compose.template import Template
from smtp_lab.compose.trouble import reason_of
from smtp_lab.errors import InputError

__all__ = (
    "Files",
    "Row",
    "WayOut",
    "Wording",
    "files_of",
    "is_missing",
    "text_of_cell",
    "way_out",
)

Row = dict[str, Any]
Files = str | Callable[[Row], Mapping[str, Any] | None] | Mapping[str, Any]
WayOut = Callable[[Row], str | Sequence[str]] | str | Sequence[str]


@dataclass(frozen=True)
class Wording:
    """The texts that were given beside the template, filled from each row as it is.

    Attributes:
        subject: The subject; none where the template says it.
        headers: Further headers, by name.
        ways: The ways out of the mailing; none where there is no way, or a function says it.
    """

    template: Template
    subject: Line | None
    headers: Mapping[str, Line]
    ways: Sequence[Line]

    @classmethod
    def of(cls, template: Template, subject: Any, headers: Any, unsubscribe: Any) -> Wording:
        """Read the texts that were given to `render_each`.

        Raises:
            InputError: One is none, or no template.
        """
        if headers is not None and not isinstance(headers, Mapping):
            problem = f"is a {type(headers).__name__}"
            raise InputError.of("headers", problem, 'give them by name: {"X-Report": "weekly"}')
        ways = [unsubscribe] if isinstance(unsubscribe, str) else unsubscribe
        return cls(
            template,
            None if subject is None else _line(template, "subject", subject),
            {
                name: _line(template, f"headers[{name!r}]", text)
                for name, text in (headers or {}).items()
            },
            [_line(template, "unsubscribe", way) for way in ways]
            if isinstance(ways, list | tuple)
            else [],
        )

    def needed(self) -> dict[str, str]:
        """By the name of each variable it cannot do without, the text that needs it."""
        named = [("subject", self.subject)] if self.subject else []
        named += [(f"headers[{name!r}]", line) for name, line in self.headers.items()]
        named += [("unsubscribe", line) for line in self.ways]
        return {
            variable: name
            for name, line in named
            for variable in self.template.variables_of(line, required=True)
        }

    def fill(self, data: Mapping[str, Any], **mail: Any) -> dict[str, Any]:
        """The arguments of `smtp_lab.compose.message.write` that it has for *data*.

        Args:
            data: What the template is filled with.
            **mail: As for `Template.fill_line`.

        Raises:
            InputError: One cannot be filled.
        """
        made: dict[str, Any] = {}
        if self.subject is not None:
            made["subject"] = self.template.fill_line(self.subject, data, **mail)
        if self.headers:
            made["headers"] = {
                name: self.template.fill_line(line, data, **mail)
                for name, line in self.headers.items()
            }
        if self.ways:
            made["unsubscribe"] = [
                self.template.fill_line(line, data, **mail) for line in self.ways
            ]
        return made


def _line(template: Template, name: str, text: Any) -> Line:
    if not isinstance(text, str):
        raise InputError.of(name, f"is a {type(text).__name__}", "give a text")
    return template.line(name, text)


def way_out(unsubscribe: WayOut | None, row: Row) -> Any:
    """The way out for *row*, where a function says it; else *unsubscribe* as it is.

    Raises:
        InputError: The function failed.
    """
    return _asked("unsubscribe", unsubscribe, row) if callable(unsubscribe) else unsubscribe


def _asked(argument: str, function: Callable[[Row], Any], row: Row) -> Any:
    """What the caller's own *function* gives for *row*.

    Raises:
        InputError: It failed; the cause says how.
    """
    try:
        return function(row)
    except InputError:
        raise
    except Exception as error:
        kind = type(error).__name__
        problem = f"the function failed ({kind}: {reason_of(error)})"
        raise InputError.of(argument, problem, "mend it, or the row") from error


def is_missing(value: Any, *, blank: bool = False) -> bool:
    """Whether a cell is empty; with *blank*, a text without letters is."""
    import pandas as pd

    if isinstance(value, str):
        return blank and not value.strip()
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))


def text_of_cell(column: str, value: Any) -> str:
    """A cell as a text.

    Raises:
        InputError: It has none; the cause says why.
    """
    try:
        return str(value)
    except Exception as error:
        problem = f"a {type(value).__name__} has no text ({reason_of(error)})"
        raise InputError.of(column, problem, "give a text") from error


def files_of(attachments: Files | None, row: Row) -> Mapping[str, Any]:
    """The files of *row* by name.

    Raises:
        InputError: They cannot be had.
    """
    given: Any = attachments
    if isinstance(attachments, str):
        if attachments not in row:
            raise InputError.of("attachments", f"there is no column {attachments!r}", "name one")
        given = row[attachments]
        if is_missing(given, blank=True):
            return {}
    elif callable(attachments):
        given = _asked("attachments", attachments, row)
    elif isinstance(attachments, Mapping):
        return _each_once(
            (_name(name, row), _content(name, content, row))
            for name, content in attachments.items()
        )
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return given
    paths = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(path, str | Path) for path in paths):
        fix = "give a path, a list of paths, or contents by name"
        raise InputError.of("attachments", f"is a {type(given).__name__}", fix)
    return _each_once((Path(path).name, Path(path)) for path in paths)


def _each_once(files: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, content in files:
        if name in found:
            fix = "give each a name of its own"
            raise InputError.of("attachments", f"two files are called {name!r}", fix)
        found[name] = content
    return found


def _content(name: str, content: Any, row: Row) -> Any:
    return _asked(f"attachments[{name!r}]", content, row) if callable(content) else content


def _name(name: str, row: Row) -> str:
    def value(found: re.Match[str]) -> str:
        column = found[1]
        if column not in row:
            fix = f"it has {', '.join(map(str, list(row)[:20]))}"
            raise InputError.of("attachments", f"the table has no column {column!r}", fix)
        if is_missing(row[column]):
            raise InputError.of("attachments", f"{column} is empty", "fill it for every row")
        return text_of_cell(column, row[column])

    return re.sub(r"\{([^{}]+)\}", value, str(name))
