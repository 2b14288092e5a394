"""Mail merge: one message for each row of a table, all of them checked before any is sent."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtp_lab.compose.budget import one_clock
from smtp_lab.compose.cells import as_meant
from smtp_lab.compose.dkim import DkimKey
from smtp_lab.compose.message import check_options, write
from smtp_lab.compose.row import (
    Files,
    Row,
    WayOut,
    Wording,
    files_of,
    is_missing,
    text_of_cell,
    way_out,
)
from smtp_lab.compose.template import Template
from smtp_lab.compose.theme import theme_of
from smtp_lab.compose.trouble import reason_of
from smtp_lab.compose.variables import GIVEN
from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.address import parse_sender
from smtp_lab.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("MergedMessage", "render_each")

_MOST_PROBLEMS = 20


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
    unsubscribe: WayOut | None = None,
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
        subject: The subject, with variables: ``"Order {{ number }}"``.
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
        headers: As for `render`, with variables.
        unsubscribe: As for `render`, with variables, or a function of the row.
        dkim: As for `render`.
        **data: Variables that are the same for all.

    Returns:
        The messages, in the order of the rows.

    Raises:
        InputError: All that is wrong; rows are named by their place, from 0. The error of a
            function of yours that failed is the cause.
    """
    template = Template.open(template)
    _check_kinds({"to": to, "name": name, "key": key}, attachments, unsubscribe)
    book = _book_of(book)
    wording = Wording.of(template, subject, headers, unsubscribe)
    same = _same(book, profile=profile, language=language, theme=theme, images=images, dkim=dkim)
    plan = _Plan(template, _rows(frame), to, name, key, dict(data), wording)
    plan.check(book, duplicates=duplicates)
    return plan.make(same, attachments, unsubscribe)


def _book_of(book: Any) -> ProfileBook:
    if book is None:
        return ProfileBook.open()
    if not isinstance(book, ProfileBook):
        fix = "open one with lab.ProfileBook.open(path)"
        raise InputError.of("book", f"is a {type(book).__name__}", fix)
    return book


def _same(book: ProfileBook, **options: Any) -> dict[str, Any]:
    """The arguments of `write` that are the same for all rows: what is wrong is told once."""
    if isinstance(options["profile"], str):
        options["profile"] = book[options["profile"]]
    check_options(**{name: options[name] for name in ("profile", "images", "dkim")})
    theme_of(options["theme"])
    return options


def _check_kinds(columns: Mapping[str, Any], attachments: Any, unsubscribe: Any) -> None:
    for role, column in columns.items():
        if not isinstance(column, str) and (column is not None or role == "to"):
            raise InputError.of(role, f"is a {type(column).__name__}", "name one column")
    if not isinstance(attachments, str | Path | list | tuple | Mapping | Callable | None):
        fix = "name a column, or give contents by name"
        raise InputError.of("attachments", f"is a {type(attachments).__name__}", fix)
    if not isinstance(unsubscribe, str | list | tuple | Callable | None):
        fix = "give an https link, a mail address, or a list of the two"
        raise InputError.of("unsubscribe", f"is a {type(unsubscribe).__name__}", fix)


@dataclass
class _Plan:
    """The rows, and what is wrong with them."""

    template: Template
    rows: list[Row]
    to: str
    name: str | None
    key: str | None
    data: dict[str, Any]
    wording: Wording
    addresses: list[Address] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    cause: BaseException | None = None

    def __post_init__(self) -> None:
        of_template = self.template.variables(required=True)
        self.needed = self.wording.needed() | dict.fromkeys(of_template, "")

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
            self._check_once("key", self._keys(self.key), self.key)
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
        for variable, where in sorted(self.needed.items()):
            if variable not in columns | set(self.data) | {"row"}:
                problem = f"the table has no column {variable!r}, which {where} needs"
                if not where:
                    problem = f"the table has no column {variable!r}, which template "
                    problem += f"{self.template.name} needs"
                self.problems.append(Problem("frame", problem, f"give {variable}=… for all"))
        for variable in sorted(columns & set(self.data)):
            problem = f"{variable!r} is a column, too"
            self.problems.append(Problem("data", problem, "leave one of them out"))

    def _check_row(self, number: int, row: Row) -> None:
        text = row[self.to]
        try:
            address = parse_sender("" if is_missing(text) else text_of_cell(self.to, text), self.to)
            if self.name is not None and not is_missing(row[self.name]):
                spec = parse_sender(address.addr_spec, self.to)
                called = text_of_cell(self.name, row[self.name]).strip()
                address = Address(called, spec.username, spec.domain)
        except (InputError, ValueError) as error:
            if isinstance(error, InputError):
                self.blame(number, error)
            else:
                problem = "holds a line break or another control character"
                self.problems.append(Problem(f"rows[{number}].{self.name}", problem, "take it out"))
            address = Address("", f"row{number}", "invalid")
        self.addresses.append(address)
        for column in dict.fromkeys([*self.needed, *([self.key] if self.key else [])]):
            if column in row and is_missing(row[column], blank=True):
                problem, fix = "is empty", "fill it, or give the variable a default"
                self.problems.append(Problem(f"rows[{number}].{column}", problem, fix))

    def _keys(self, column: str) -> list[str]:
        keys = []
        for number, row in enumerate(self.rows):
            try:
                keys.append(text_of_cell(column, row[column]))
            except InputError as error:
                self.blame(number, error)
        self.raise_problems()
        return keys

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

    def make(
        self, options: Mapping[str, Any], attachments: Files | None, unsubscribe: WayOut | None
    ) -> list[MergedMessage]:
        """All messages.

        Raises:
            InputError: One cannot be made; each of these is told by its row.
        """
        drawn: dict[int, tuple[Any, Any]] = {}
        made = []
        for number, row in enumerate(self.rows):
            try:
                own = {
                    "drawn": drawn,
                    "attachments": files_of(attachments, row),
                    "unsubscribe": way_out(unsubscribe, row),
                }
                made.append(self.write(number, {**options, **own}))
            except InputError as error:
                self.blame(number, error)
        self.raise_problems()
        return made

    @one_clock()
    def write(self, number: int, settings: Mapping[str, Any]) -> MergedMessage:
        """The message of the row at *number*."""
        row = self.rows[number]
        columns = {
            column: value
            for column, value in row.items()
            if column.isidentifier() and column not in GIVEN and not is_missing(value)
        }
        message, data = MergedMessage(), {**self.data, **columns, "row": row}
        address, profile = self.addresses[number], settings["profile"]
        worded = self.wording.fill(
            data,
            language=settings["language"],
            theme=settings["theme"],
            to=(address.addr_spec,),
            sender=profile.sender or "" if profile else "",
        )
        made = write(self.template, data, to=(address,), message=message, **{**settings, **worded})
        assert made is message  # noqa: S101  # it was filled
        same = f"key {row[self.key]}" if self.key is not None else _content(message)
        found = hashlib.sha256(f"{self.template.name}\0{same}".encode("utf-8", "replace"))
        message.merge_key = f"merge:{found.hexdigest()}"
        return message

    def blame(self, number: int, error: InputError) -> None:
        """Note that *error* is about the row at *number*."""
        self.cause = self.cause or error.__cause__
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
        raise InputError(*shown) from self.cause


def _rows(frame: Any) -> list[Row]:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        is_list = isinstance(frame, Iterable) and not isinstance(frame, str | bytes | Mapping)
        try:
            rows = list(frame) if is_list else []
        except Exception as error:
            problem = f"cannot be read ({reason_of(error)})"
            raise InputError.of("frame", problem, "look at what gives its rows") from error
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            problem = f"is a {type(frame).__name__}"
            raise InputError.of("frame", problem, "give a DataFrame, or a list of dicts")
        frame = pd.DataFrame(rows, dtype=object)  # each value as it was given
    if not len(frame):
        raise InputError.of("frame", "has no rows", "there is nobody to write to")
    names: list[Hashable] = list(frame.columns)
    if len(set(map(str, names))) < len(names):
        raise InputError.of("frame", "has two columns of one name", "rename one of them")
    lists = [as_meant(frame[name]).tolist() for name in names]
    return [dict(zip(map(str, names), values, strict=True)) for values in zip(*lists, strict=True)]


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
