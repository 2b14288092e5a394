"""Everything this package raises, in one small tree.

    SmtpLabError
    ├── InputError          (also ValueError)    a value that cannot be used, by field
    │   ├── ConfigFileError                      the same, found in a TOML file, with its line
    │   ├── TemplateError                        the same, found while a template was filled
    │   └── UnknownNameError (also KeyError)     a profile, template or message nobody knows
    ├── PortInUseError      (also OSError)       the sink's port is taken
    ├── SinkError                                the sink cannot do what was asked
    ├── ArchiveError                             captured mail cannot be written or read
    │   ├── ArchiveFullError                     there is no room for it
    │   └── ArchiveUnavailableError              it is locked, or its server does not answer
    ├── FetchError                               a mailbox could not be read
    ├── TokenError                               no token to log in with could be had
    ├── ExpectationError    (also AssertionError) mail that a test waits for did not come
    └── DeliveryError                            the message was not accepted for everyone

    SendingInterrupted (a KeyboardInterrupt)     many messages were stopped from the keyboard

Each message is one sentence that names the thing, what is wrong with it and how to mend it.
A value is quoted only where it cannot be a secret.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

__all__ = (
    "ArchiveError",
    "ArchiveFullError",
    "ArchiveUnavailableError",
    "ConfigFileError",
    "DeliveryError",
    "ExpectationError",
    "FetchError",
    "InputError",
    "PortInUseError",
    "Problem",
    "SendingInterrupted",
    "SinkError",
    "SmtpLabError",
    "TemplateError",
    "TokenError",
    "UnknownNameError",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field.

    Attributes:
        field: Dotted name of the field, such as ``connection.port``; empty when it is no field.
        problem: What is wrong, without a full stop.
        fix: What to do about it, without a full stop.
    """

    field: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        start = f"{self.field}: " if self.field else ""
        sentence = f"{start}{self.problem}{f'; {self.fix}' if self.fix else ''}"
        return sentence if sentence.endswith("?") else f"{sentence}."


class SmtpLabError(Exception):
    """The root of every error this package raises."""


class InputError(SmtpLabError, ValueError):
    """One or more values cannot be used; nothing was changed, sent or written.

    Attributes:
        problems: One `Problem` for each field, never empty.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return " ".join(str(problem) for problem in self.problems)

    @classmethod
    def of(cls, field: str, problem: str, fix: str = "") -> Self:
        """Build the error for a single *field*."""
        return cls(Problem(field, problem, fix))

    @property
    def by_field(self) -> dict[str, str]:
        """The sentence for each field, without the field's name: what a form shows beside it."""
        sentences: dict[str, str] = {}
        for p in self.problems:
            before = f"{sentences[p.field]} " if p.field in sentences else ""
            sentences[p.field] = before + str(Problem("", p.problem, p.fix))
        return sentences


class ConfigFileError(InputError):
    """A configuration file cannot be used; it was left as it is.

    Attributes:
        path: The file.
        line: The line the problem stands in, counted from 1, or None where no line is to blame.
    """

    def __init__(self, path: str, line: int | None, problems: Iterable[Problem]) -> None:
        self.path, self.line = path, line
        super().__init__(*problems)
        self.args = (path, line, tuple(self.problems))

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}: " if self.line else f"{self.path}: "
        return where + super().__str__()


class TemplateError(InputError):
    """A template cannot be read or filled; nothing was made.

    Attributes:
        file: The file of the template, such as ``report/body.html``.
        line: The line in it, counted from 1, or None where no line is to blame.
        variable: The variable that is missing, or empty where that is not the reason.
    """

    def __init__(self, file: str, line: int | None, problem: Problem, variable: str = "") -> None:
        self.file, self.line, self.variable = file, line, variable
        super().__init__(problem)
        self.args = (file, line, problem, variable)


class UnknownNameError(InputError, KeyError):
    """A name that nothing here has."""

    __str__ = InputError.__str__  # KeyError would show the message in quotes


class PortInUseError(SmtpLabError, OSError):
    """The sink cannot listen where it was asked to.

    Attributes:
        host: The address that was asked for.
        port: The port that was asked for.
    """

    def __init__(self, host: str, port: int, fix: str) -> None:
        self.host, self.port, self.fix = host, port, fix
        super().__init__(errno.EADDRINUSE, "address already in use")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.host, self.port, self.fix)

    def __str__(self) -> str:
        return f"Port {self.port} on {self.host} is already in use; {self.fix}."


class SinkError(SmtpLabError):
    """The sink cannot do what was asked of it."""


class ArchiveError(SmtpLabError):
    """Captured mail cannot be written or read."""


class ArchiveFullError(ArchiveError):
    """There is no room for more; what is stored is safe, and it goes on when there is room."""


class ArchiveUnavailableError(ArchiveError):
    """The archive is locked by another program, or its server does not answer; try again later."""


class FetchError(SmtpLabError):
    """Mail could not be fetched from a mailbox; what had been fetched before is kept.

    Attributes:
        mailbox: Whose it is.
        diagnosis: The `Diagnosis` of what was answered.
        transcript: The dialogue up to there.
    """

    def __init__(self, mailbox: str, diagnosis: Any, transcript: Any) -> None:
        self.mailbox, self.diagnosis, self.transcript = mailbox, diagnosis, transcript
        super().__init__(mailbox, diagnosis, transcript)

    def __str__(self) -> str:
        return f"The mailbox {self.mailbox} could not be read. {self.diagnosis}"


class TokenError(SmtpLabError):
    """No token to log in with could be had (OAuth 2.0).

    Attributes:
        host: Who was asked for it.
        diagnosis: The `Diagnosis` of what was answered, or of why nothing was.
    """

    def __init__(self, host: str, diagnosis: Any) -> None:
        self.host, self.diagnosis = host, diagnosis
        super().__init__(host, diagnosis)

    def __str__(self) -> str:
        return f"No token from {self.host}: {self.diagnosis}"


class ExpectationError(SmtpLabError, AssertionError):
    """Mail that was waited for did not come, or came and should not have.

    Attributes:
        sentence: What was expected.
        came: What came instead, and the last sessions, as text.
    """

    def __init__(self, sentence: str, came: str) -> None:
        self.sentence, self.came = sentence, came
        super().__init__(sentence, came)

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.came}"


class DeliveryError(SmtpLabError):
    """The message was not accepted for every recipient.

    Attributes:
        delivery: The `Delivery`, with its transcript, replies and diagnosis.
    """

    def __init__(self, delivery: Any) -> None:
        self.delivery = delivery
        super().__init__(delivery)

    def __str__(self) -> str:
        return str(self.delivery.sentence)


class SendingInterrupted(KeyboardInterrupt):
    """Sending many messages was stopped from the keyboard; nothing is lost.

    Attributes:
        batch: The `Batch`: `outcomes` says what was accepted, `resume()` sends the rest.
    """

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        super().__init__(batch)

    def __str__(self) -> str:
        return f"{self.batch.outcomes.sentence} The error's batch.resume() sends the rest."
