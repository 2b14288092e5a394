"""What the panel composes: everything `render` and `send` need, and the same as lines of Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from inspect import signature
from pathlib import Path
from typing import Any

from smtp_lab.compose import Template, render_each
from smtp_lab.compose.message import write
from smtp_lab.config import Profile, ProfileBook
from smtp_lab.deliver import Batch, Delivery, prepare, send
from smtp_lab.errors import DeliveryError, InputError
from smtp_lab.inbox import Captured, unsent

__all__ = ("Letter", "Merge")


@dataclass(frozen=True)
class Letter:
    """A mail that can be made, looked at and sent.

    Attributes:
        template: What it says.
        data: The template's variables.
        to: Who it is for; addresses separated by commas.
        profile: Through which it is sent.
        book: Whose policy holds.
        options: Further arguments of `render`: subject, language, theme, attachments.
    """

    template: Template
    data: Mapping[str, Any]
    to: str
    profile: Profile
    book: ProfileBook
    options: Mapping[str, Any] = field(default_factory=dict)

    def message(self, drawn: dict[int, tuple[Any, Any]] | None = None) -> EmailMessage:
        """The message, as `render` makes it; *drawn* keeps pictures for the next time."""
        return write(self.template, self.data, to=self.to, drawn=drawn, **self.options)

    def seen(self, drawn: dict[int, tuple[Any, Any]] | None = None) -> Captured:
        """The very bytes that would be sent, to be looked at."""
        made = prepare(self.message(drawn), self.profile)
        return unsent(made.raw, made.mail_from, made.rcpt_to)

    def deliver(self) -> Delivery:
        """Send it; a refusal is an outcome, too.

        Raises:
            InputError: It cannot be sent as it is, or policy forbids it.
        """
        try:
            return send(self.message(), profile=self.profile, book=self.book)
        except DeliveryError as error:
            refused: Delivery = error.delivery
            return refused


@dataclass(frozen=True)
class Merge:
    """A mail for each row of a table.

    Attributes:
        letter: What is the same for all; its data without the table's columns.
        frame: The table.
        to: Its column with the addresses.
        name: Its column with the names, or None.
        key: Its column a journal knows rows by, or None.
        journal: The file that remembers what was sent, or None.
    """

    letter: Letter
    frame: Any
    to: str
    name: str | None = None
    key: str | None = None
    journal: Path | None = None

    def batch(self) -> Batch:
        """Check every row, make all messages, and hold them ready to be sent.

        Raises:
            InputError: What is wrong with which row.
        """
        letter = self.letter
        if taken := sorted(set(letter.data) & set(signature(render_each).parameters)):
            problem = "is a word of lab.render_each's own"
            raise InputError.of(taken[0], problem, "give it as a column of the table")
        messages = render_each(
            letter.template,
            self.frame,
            to=self.to,
            name=self.name,
            key=self.key,
            book=letter.book,
            **letter.options,
            **letter.data,
        )
        return Batch(messages, letter.profile, book=letter.book, journal=self.journal)
