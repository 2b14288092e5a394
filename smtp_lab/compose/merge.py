"""Mail merge: one message for each row of a table, all of them checked before any is sent."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtp_lab.compose.dkim import DkimKey
from smtp_lab.compose.message import write
from smtp_lab.compose.template import GIVEN, Template
from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.address import parse_sender
from smtp_lab.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("MergedMessage", "render_each")

_MOST_PROBLEMS = 20
Row = dict[str, Any]
Files = str | Callable[[Row], Mapping[str, Any] | None] | Mapping[str, Any]


class MergedMessage(EmailMessage):
    """A message made of one row.

    Attributes:
        merge_key: What a journal knows it by: the same when the same row is rendered again.
    """

    merge_key = ""


def render_each(  # noqa: PLR0913  # each is a part of a mail, all but the first two by name
    template: str | os.PathLike[str] | Template,
    frame: pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    to: str,
    name: str | None = None,
    subject: str | None = None,
    attachments: Files | None = None,
    key: str | None = None,
    duplicates: bool = False,
    profile: Profile | str | None = None,
    book: ProfileBook | None = None,
    language: str = "en",
    theme: Mapping[str, str] | str | None = None,
    images: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    unsubscribe: Callable[[Row], str | Sequence[str]] | str | Sequence[str] | None = None,
    dkim: DkimKey | None = None,
    **data: Any,
) -> list[MergedMessage]:
    """Make a message for each row of *frame*, or none at all; send them with `send_many`.

    Every column is a variable, and all are in ``row``. A journal knows the same row again.

    Args:
        template: As for `render`.
        frame: A DataFrame, or a list of dicts.
        to: The column with the address.
        name: The column with the name the recipient is called by.
        subject: As for `render`.
        attachments: A column with a path, a list of paths, or contents by name; a function that
            gives contents by name for a row (a dict); or contents by name for all, where a name
            such as ``"invoice {number}.pdf"`` is filled from the row.
        key: The column a journal knows a row by, such as an order's number: the same key is the
            same message, whatever it says. By default content and address are.
        duplicates: Allow an address to get several messages.
        profile: Whose sender, reply-to and signature are put in now; a name or a Profile.
        book: Whose policy holds; by default the default book.
        language: As for `render`.
        theme: As for `render`.
        images: As for `render`.
        headers: As for `render`.
        unsubscribe: As for `render`, or a function of the row.
        dkim: As for `render`.
        **data: Variables that are the same for all.

    Returns:
        The messages, in the order of the rows.

    Raises:
        InputError: All that is wrong; rows are named by their place, from 0.
    """
    plan = _Plan(Template.open(template), _rows(frame), to, name, key, dict(data))
    book = ProfileBook.open() if book is None else book
    plan.check(book, duplicates=duplicates)
    options: dict[str, Any] = {
        "subject": subject, "language": language, "theme": theme, "images": images, "dkim": dkim,
        "headers": headers, "unsubscribe": unsubscribe,
        "profile": book[profile] if isinstance(profile, str) else profile,
    }  # fmt: skip
    return plan.make(options, attachments)


@dataclass
class _Plan:
    """The rows, and what is wrong with them."""

    template: Template
    rows: list[Row]
    to: str
    name: str | None
    key: str | None
    data: dict[str, Any]
    addresses: list[Address] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.needed = self.template.variables(required=True)

    def check(self, book: ProfileBook, *, duplicates: bool) -> None:
        """Look at everything that can be seen without a message.

        Raises:
            InputError: Something is wrong, all of it.
        """
        self._check_columns()
        self.raise_problems()
        for number, row in enumerate(self.rows):
            self._check_row(number, row)
        if not duplicates:
            self._check_once("to", [address.addr_spec for address in self.addresses], self.to)
        if self.key is not None:
            self._check_once("key", [str(row[self.key]) for row in self.rows], self.key)
        self.raise_problems()
        addresses = [address.addr_spec for address in self.addresses]
        refused = set(book.policy.refused(addresses, book.contacts))
        for number, address in enumerate(addresses):
            if address in refused:
                fix = f"approved are {', '.join(book.policy.approved_domains)} and the contacts"
                problem = f"policy does not allow {address}"
                self.problems.append(Problem(f"rows[{number}].{self.to}", problem, fix))
        self.raise_problems()

    def _check_columns(self) -> None:
        columns = set(self.rows[0])
        known = ", ".join(list(self.rows[0])[:20])
        for role, column in (("to", self.to), ("name", self.name), ("key", self.key)):
            if column is not None and column not in columns:
                problem = f"the table has no column {column!r}"
                self.problems.append(Problem(role, problem, f"it has {known}"))
        for variable in self.needed:
            if variable not in columns | set(self.data) | {"row"}:
                problem = f"the table has no column {variable!r}, which template "
                problem += f"{self.template.name} needs"
                self.problems.append(Problem("frame", problem, f"give {variable}=… for all"))
        for variable in sorted(columns & set(self.data)):
            problem = f"{variable!r} is a column, too"
            self.problems.append(Problem("data", problem, "leave one of them out"))

    def _check_row(self, number: int, row: Row) -> None:
        text = row[self.to]
        try:
            address = parse_sender("" if _missing(text) else str(text), self.to)
            if self.name is not None and not _missing(row[self.name]):
                spec = parse_sender(address.addr_spec, self.to)
                address = Address(str(row[self.name]).strip(), spec.username, spec.domain)
        except (InputError, ValueError) as error:
            if isinstance(error, InputError):
                self.blame(number, error)
            else:
                problem = "holds a line break or another control character"
                self.problems.append(Problem(f"rows[{number}].{self.name}", problem, "take it out"))
            address = Address("", f"row{number}", "invalid")
        self.addresses.append(address)
        for column in dict.fromkeys([*self.needed, *([self.key] if self.key else [])]):
            if column in row and _missing(row[column], blank=True):
                problem, fix = "is empty", "fill it, or give the variable a default"
                self.problems.append(Problem(f"rows[{number}].{column}", problem, fix))

    def _check_once(self, role: str, values: list[str], column: str) -> None:
        counted = Counter(value.casefold() for value in values)
        first: dict[str, int] = {}
        for number, value in enumerate(values):
            folded = value.casefold()
            if counted[folded] > 1 and folded in first:
                fix = "take the row out" + (", or allow duplicates=True" if role == "to" else "")
                problem = f"{value} is in row {first[folded]} already"
                self.problems.append(Problem(f"rows[{number}].{column}", problem, fix))
            first.setdefault(folded, number)

    def make(self, options: Mapping[str, Any], attachments: Files | None) -> list[MergedMessage]:
        """All messages.

        Raises:
            InputError: One cannot be made; each of these is told by its row.
        """
        drawn: dict[int, tuple[Any, Any]] = {}
        made = []
        for number, row in enumerate(self.rows):
            try:
                own: dict[str, Any] = {"drawn": drawn, "attachments": _files(attachments, row)}
                if callable(way := options["unsubscribe"]):
                    own["unsubscribe"] = way(row)
                made.append(self.write(number, {**options, **own}))
            except InputError as error:
                self.blame(number, error)
        self.raise_problems()
        return made

    def write(self, number: int, settings: Mapping[str, Any]) -> MergedMessage:
        """The message of the row at *number*."""
        row = self.rows[number]
        columns = {
            column: value
            for column, value in row.items()
            if column.isidentifier() and column not in GIVEN and not _missing(value)
        }
        message = MergedMessage()
        made = write(
            self.template,
            {**self.data, **columns, "row": row},
            to=(self.addresses[number],),
            message=message,
            **settings,
        )
        assert made is message  # noqa: S101  # it was filled
        same = f"key {row[self.key]}" if self.key is not None else _content(message)
        found = hashlib.sha256(f"{self.template.name}\0{same}".encode("utf-8", "replace"))
        message.merge_key = f"merge:{found.hexdigest()}"
        return message

    def blame(self, number: int, error: InputError) -> None:
        """Note that *error* is about the row at *number*."""
        self.problems += [
            Problem(f"rows[{number}].{p.field}" if p.field else f"rows[{number}]", p.problem, p.fix)
            for p in error.problems
        ]

    def raise_problems(self) -> None:
        """Raise what was found, if anything was; the first of them in full."""
        if not self.problems:
            return
        shown = self.problems[:_MOST_PROBLEMS]
        if hidden := len(self.problems) - len(shown):
            shown.append(Problem("rows", f"there are {hidden:,} problems more", "mend these first"))
        raise InputError(*shown)


def _rows(frame: Any) -> list[Row]:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        is_list = isinstance(frame, Iterable) and not isinstance(frame, str | bytes | Mapping)
        rows = list(frame) if is_list else []
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            problem = f"is a {type(frame).__name__}"
            raise InputError.of("frame", problem, "give a DataFrame, or a list of dicts")
        frame = pd.DataFrame(rows)
    if not len(frame):
        raise InputError.of("frame", "has no rows", "there is nobody to write to")
    names: list[Hashable] = list(frame.columns)
    if len(set(map(str, names))) < len(names):
        raise InputError.of("frame", "has two columns of one name", "rename one of them")
    lists = [frame[name].tolist() for name in names]
    return [dict(zip(map(str, names), values, strict=True)) for values in zip(*lists, strict=True)]


def _missing(value: Any, *, blank: bool = False) -> bool:
    import pandas as pd

    if isinstance(value, str):
        return blank and not value.strip()
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _files(attachments: Files | None, row: Row) -> Mapping[str, Any]:
    """The files of *row* by name."""
    given: Any = attachments
    if isinstance(attachments, str):
        if attachments not in row:
            raise InputError.of("attachments", f"there is no column {attachments!r}", "name one")
        given = row[attachments]
        if _missing(given, blank=True):
            return {}
    elif callable(attachments):
        given = attachments(row)
    elif isinstance(attachments, Mapping):
        return _each_once(
            (_name(name, row), content(row) if callable(content) else content)
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


def _name(name: str, row: Row) -> str:
    def value(found: re.Match[str]) -> str:
        column = found[1]
        if column not in row:
            fix = f"it has {', '.join(map(str, list(row)[:20]))}"
            raise InputError.of("attachments", f"the table has no column {column!r}", fix)
        if _missing(row[column]):
            raise InputError.of("attachments", f"{column} is empty", "fill it for every row")
        return str(row[column])

    return re.sub(r"\{([^{}]+)\}", value, str(name))


def _content(message: EmailMessage) -> str:
    """What *message* says to whom, without what is made anew each time."""
    found = hashlib.sha256()
    ids = [str(part["Content-ID"])[1:-1] for part in message.walk() if "Content-ID" in part]
    found.update(f"{message['To']}\0{message['Subject']}".encode("utf-8", "replace"))
    for part in message.walk():
        if part.is_multipart() or part.get_content_type() == "text/calendar":
            continue  # a calendar object has the moment it was made in it
        data = part.get_payload(decode=True)
        raw = data if isinstance(data, bytes) else b""
        for one in ids:
            raw = raw.replace(one.encode(), b"")
        found.update(
            b"\0" + str(part.get_filename() or "").encode("utf-8", "replace") + b"\0" + raw
        )
    return found.hexdigest()
