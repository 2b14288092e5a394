"""What the doctor found: stage by stage, with what was seen and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from smtp_lab.config import Advice, Profile, SmtpConnection
from smtp_lab.deliver.diagnosis import Diagnosis
from smtp_lab.show import NO_MATH, facts_table
from smtp_lab.transcript import Transcript, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Checkup", "Stage", "State", "Suggestion")

State = Literal["passed", "warned", "failed", "skipped"]
"""What became of a stage; ``warned`` is passed, with something that will probably fail or harm."""

_MARKS: dict[State, str] = {"passed": "✔", "warned": "!", "failed": "✘", "skipped": "–"}  # noqa: RUF001
_WIDTH = 100  # columns of a terminal


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a checkup.

    Attributes:
        name: Such as ``name``, ``tls``, ``rcpt`` or ``spf``.
        state: What became of it, see `State`.
        sentence: What happened, or why it was skipped.
        seconds: How long it took.
        facts: What was seen, by name.
        advice: What to think about, warnings first.
        diagnosis: What went wrong, for a failed stage; None where nothing was answered that could
            be explained, such as a password that is not known.
        endpoint: Where, as ``host:port``, when a checkup looks at more than one place.
    """

    name: str
    state: State
    sentence: str
    seconds: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()
    diagnosis: Diagnosis | None = None
    endpoint: str = ""

    @property
    def mark(self) -> str:
        """A sign for the state, such as ✔."""
        return _MARKS[self.state]

    @property
    def title(self) -> str:
        """The name, with the endpoint where there is one."""
        return f"{self.name} ({self.endpoint})" if self.endpoint else self.name

    def to_dict(self) -> dict[str, Any]:
        """The stage as JSON-ready data."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "state": self.state,
            "sentence": self.sentence,
            "seconds": round(self.seconds, 6),
            "facts": dict(self.facts),
            "advice": [asdict(advice) for advice in self.advice],
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
        }

    def __str__(self) -> str:
        took = "" if self.state == "skipped" else f"{self.seconds:.3f} s"
        start = f"{self.mark} {self.title:<13} {took:>9}  "
        lines = [_wrapped(self.sentence, start)]
        if self.state == "failed":
            lines += [_wrapped(f"{name}: {value}") for name, value in self.facts.items()]
        lines += [_wrapped(f"{a.severity}: {a}") for a in self.advice]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another way in that answers.

    Attributes:
        sentence: What answers, and what to change.
        profile: The profile with the change made. A password belongs to the host and port it was
            typed for, so the changed profile knows it no longer.
    """

    sentence: str
    profile: Profile

    def to_dict(self) -> dict[str, Any]:
        """The suggestion as JSON-ready data."""
        connection = self.profile.connection
        found: dict[str, Any] = {"sentence": self.sentence, "endpoint": connection.endpoint}
        if isinstance(connection, SmtpConnection):
            found |= {"port": connection.port, "security": connection.security}
        return found

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Checkup:
    """What the doctor found.

    It is a sequence of its stages; a stage can also be had by name: ``checkup["auth"]``.

    Attributes:
        subject: Name of the profile, or the domain.
        endpoint: ``host:port``; for a domain its name.
        stages: Every stage, in order.
        transcript: The dialogue.
        suggestions: Other ways in that answer, best first.
        others: The checkup of each other endpoint that was tried.
        sent: Whether the server took a test mail.
        unknown: Whether it may have taken it: the whole mail left, and no answer came.
    """

    subject: str
    endpoint: str
    stages: tuple[Stage, ...]
    transcript: Transcript
    suggestions: tuple[Suggestion, ...] = ()
    others: tuple[Checkup, ...] = ()
    sent: bool = False
    unknown: bool = False

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    def __getitem__(self, key: int | str) -> Stage:
        if isinstance(key, int):
            return self.stages[key]
        for stage in self.stages:
            if stage.name == key:
                return stage
        raise KeyError(key)

    @property
    def ok(self) -> bool:
        """Whether no stage failed."""
        return self.failed is None

    @property
    def failed(self) -> Stage | None:
        """The first stage that failed, or None."""
        return next((stage for stage in self.stages if stage.state == "failed"), None)

    @property
    def failed_at(self) -> str:
        """Name of the first stage that failed, or empty."""
        return self.failed.name if self.failed else ""

    @property
    def seconds(self) -> float:
        """How long all stages took."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def sentence(self) -> str:
        """The outcome in a sentence or two."""
        if self.failed is not None:
            what = f"{self.endpoint} failed at {self.failed.title}: {self.failed.sentence}"
            if self.unknown:
                what = f"Whether the test mail was accepted is not known. {what}"
            return " ".join([what, *map(str, self.suggestions[:1])])
        done = [stage for stage in self.stages if stage.state != "skipped"]
        warned = sum(stage.state == "warned" for stage in done)
        few = f", {warned} of them with a warning" if warned else ""
        count = f"{len(done)} stage{'s' * (len(done) != 1)}"
        found = f"{self.endpoint} passed {count} in {self.seconds:.2f} s{few}."
        if not len(self.transcript):
            return found
        return f"{found} {'The test mail was accepted.' if self.sent else 'Nothing was sent.'}"

    def to_dict(self) -> dict[str, Any]:
        """The checkup as JSON-ready data."""
        return {
            "ok": self.ok,
            "sentence": self.sentence,
            "subject": self.subject,
            "endpoint": self.endpoint,
            "failed_at": self.failed_at,
            "seconds": round(self.seconds, 6),
            "sent": self.sent,
            "unknown": self.unknown,
            "stages": [stage.to_dict() for stage in self.stages],
            "suggestions": [suggestion.to_dict() for suggestion in self.suggestions],
            "others": [other.to_dict() for other in self.others],
            "transcript": self.transcript.to_dict(),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a stage.

        Columns: ``stage``, ``endpoint``, ``state``, ``sentence``, ``facts``, ``advice`` and
        ``diagnosis`` (str; several facts or pieces of advice are joined by ``; ``, the diagnosis
        is its id or empty), ``seconds`` (float64).
        """
        import pandas as pd

        texts = ("stage", "endpoint", "state", "sentence", "facts", "advice", "diagnosis")
        rows = [
            {
                "stage": stage.name,
                "endpoint": stage.endpoint,
                "state": stage.state,
                "seconds": stage.seconds,
                "sentence": stage.sentence,
                "facts": "; ".join(f"{name}: {value}" for name, value in stage.facts.items()),
                "advice": "; ".join(map(str, stage.advice)),
                "diagnosis": stage.diagnosis.id if stage.diagnosis else "",
            }
            for stage in self.stages
        ]
        columns = ["stage", "endpoint", "state", "seconds", *texts[3:]]
        return pd.DataFrame(rows, columns=columns).astype(
            dict.fromkeys(texts, "str") | {"seconds": "float64"}
        )

    def __str__(self) -> str:
        # The dialogue is left out: it is the transcript's to show.
        return "\n".join([printable(self.sentence), "", *map(str, self.stages)])

    def __repr__(self) -> str:
        return f"<Checkup {'ok' if self.ok else 'failed'}: {printable(self.sentence)}>"

    def _repr_html_(self) -> str:
        colour = _COLOURS["passed" if self.ok else "failed"]
        return (
            f'<div class="smtp-lab-checkup {NO_MATH}">'
            f'<p role="status" style="border-left:4px solid {colour};padding:2px 10px;'
            f'margin:6px 0"><b aria-hidden="true">{"✔" if self.ok else "✘"}</b> '
            f"{_html(self.sentence)}</p>{self.stages_html()}</div>"
        )

    def stages_html(
        self, say: Callable[[str], str] = str, name_of: Callable[[str], str] = str
    ) -> str:
        """The stages and the dialogue as HTML, without the sentence above them.

        Args:
            say: Gives each text as its reader is to see it.
            name_of: Gives what its reader calls a field.
        """
        label = say(f"Checkup of {self.subject}, {self.endpoint}")
        head = "".join(
            f'<th scope="col" style="{_CELL}">{_html(say(name))}</th>'
            for name in ("stage", "result", "seconds", "what was found, and what to do")
        )
        rows, talk = "".join(_row(stage, say, name_of) for stage in self.stages), ""
        if len(self.transcript):
            talk = (
                f"<details><summary>{_html(say('The dialogue'))}</summary>"
                f"{self.transcript.as_html(say)}</details>"
            )
        return (
            f'<table class="{NO_MATH}" aria-label="{_html(label)}" '
            f'style="border-collapse:collapse;text-align:left">'
            f"<thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>{talk}"
        )


def _wrapped(text: str, start: str = "") -> str:
    indent = " " * 27
    return textwrap.fill(
        printable(text),
        _WIDTH,
        initial_indent=start or indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


# Colours follow JupyterLab's theme, light or dark, and have a fallback for everywhere else.
_CELL = "padding:3px 8px;text-align:left;vertical-align:top"
_COLOURS: dict[State, str] = {
    "passed": "var(--jp-success-color1,#2e7d32)",
    "warned": "var(--jp-warn-color1,#b26a00)",
    "failed": "var(--jp-error-color1,#c62828)",
    "skipped": "var(--jp-ui-font-color2,#757575)",
}


def _html(text: str) -> str:
    return escape(printable(text))


def _row(stage: Stage, say: Callable[[str], str], name_of: Callable[[str], str]) -> str:
    facts = ""
    if stage.facts:
        seen = {printable(say(name)): printable(say(fact)) for name, fact in stage.facts.items()}
        table = facts_table(printable(say(f"Seen at {stage.title}")), seen)
        shown = " open" if stage.state == "failed" else ""
        facts = f"<details{shown}><summary>{_html(say('What was seen'))}</summary>{table}</details>"
    advice = "".join(
        f"<li><b>{_html(say(a.severity))}</b> {_html(name_of(a.field))}: {_html(say(a.text))}"
        f" <small>({_html(say(a.source))})</small></li>"
        for a in stage.advice
    )
    advice = f'<ul style="margin:2px 0;padding-left:1.4em">{advice}</ul>' if advice else ""
    look = ""
    if stage.diagnosis is not None and stage.diagnosis.field:
        field = f"Look at the field {name_of(stage.diagnosis.field)}."
        look = f"<div>{_html(say(field))}</div>"
    took = "" if stage.state == "skipped" else f"{stage.seconds:.3f}"
    return (
        f'<tr><th scope="row" style="{_CELL};white-space:nowrap">{_html(say(stage.title))}</th>'
        f'<td style="{_CELL};white-space:nowrap;color:{_COLOURS[stage.state]}">'
        f'<span aria-hidden="true">{stage.mark}</span> {_html(say(stage.state))}</td>'
        f'<td style="{_CELL};font-variant-numeric:tabular-nums">{took}</td>'
        f'<td style="{_CELL};overflow-wrap:anywhere">{_html(say(stage.sentence))}'
        f"{look}{advice}{facts}</td></tr>"
    )
