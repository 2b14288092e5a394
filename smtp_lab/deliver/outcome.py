"""What became of many messages: one outcome each, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal, overload

from smtp_lab.deliver.delivery import Recipient
from smtp_lab.deliver.diagnosis import Diagnosis
from smtp_lab.deliver.trail import Failure
from smtp_lab.show import NO_MATH
from smtp_lab.transcript import Transcript

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Deliveries", "Outcome", "State")

State = Literal["accepted", "refused", "unknown", "unsent"]
"""What became of a message for one recipient.

``accepted``: the server took responsibility. ``refused``: it will not have it, for good.
``unknown``: it had the whole message and gave no answer; it is not sent again unless asked.
``unsent``: it was not accepted and may be sent again: not tried yet, the connection was lost
before the message was complete, or the refusals were temporary (the code begins with 4).
"""

_COLUMNS = {
    "number": "int64",
    "message_id": "str",
    "address": "str",
    "state": "str",
    "code": "int64",
    "text": "str",
    "attempts": "int64",
    "seconds": "float64",
    "diagnosis": "str",
}
_SHOWN = 20  # failures listed in a notebook


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes:
        number: Its place among the messages, counted from 0.
        message_id: Its Message-ID.
        recipients: The answer for each recipient.
        states: What that comes to, in the same order.
        reply: The last answer to the whole message, or empty.
        seconds: From the first command about it to the last answer.
        attempts: How many transactions there were.
        failure: What was kept of a failure; see `diagnosis` and `transcript`.
    """

    number: int
    message_id: str
    recipients: tuple[Recipient, ...]
    states: tuple[State, ...]
    reply: str = ""
    seconds: float = 0.0
    attempts: int = 0
    failure: Failure | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the server took the message for every recipient."""
        return all(state == "accepted" for state in self.states)

    @property
    def state(self) -> State | Literal["partly"]:
        """What became of it for all recipients alike, else ``partly``."""
        return self.states[0] if len(set(self.states)) == 1 else "partly"

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What went wrong last; None when nothing did or it was not tried."""
        return self.failure.diagnosis if self.failure else None

    @property
    def transcript(self) -> Transcript:
        """The dialogue about this message when something went wrong, else an empty one.

        Where commands travelled together with those of other messages, only its own are shown.
        """
        return self.failure.transcript if self.failure else Transcript()

    @property
    def sentence(self) -> str:
        """The outcome in a sentence."""
        parts = []
        for state, words in _WORDS.items():
            who = [
                r.address for r, s in zip(self.recipients, self.states, strict=True) if s == state
            ]
            if who:
                parts.append(f"{words} {', '.join(who)}")
        why = f" {self.diagnosis}" if self.diagnosis else ""
        return f"Message {self.number}: {'; '.join(parts)}.{why}"

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-ready data."""
        pairs = zip(self.recipients, self.states, strict=True)
        return {
            "number": self.number,
            "message_id": self.message_id,
            "ok": self.ok,
            "recipients": [
                {"address": r.address, "state": state, "code": r.code, "text": r.text}
                for r, state in pairs
            ],
            "reply": self.reply,
            "seconds": round(self.seconds, 6),
            "attempts": self.attempts,
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
            "transcript": self.transcript.to_dict() if self.failure else None,
        }

    def __str__(self) -> str:
        return f"{self.sentence}\n\n{self.transcript}" if self.failure else self.sentence

    def _repr_html_(self) -> str:
        dialogue = self.transcript._repr_html_() if self.failure else ""
        return f'<div class="{NO_MATH}"><p>{escape(self.sentence)}</p>{dialogue}</div>'


_WORDS: dict[State, str] = {
    "accepted": "accepted for",
    "refused": "refused for",
    "unknown": "may have arrived at",
    "unsent": "not sent to",
}


class Deliveries(Sequence[Outcome]):
    """What became of a batch: an `Outcome` for each message, in the order of the messages.

    Attributes:
        profile: Name of the profile.
        endpoint: ``host:port``.
        seconds: How long it took, all runs together.
        failure: Why the batch ended before everything was tried, or None.
        stopped: Whether it was stopped.
    """

    def __init__(  # noqa: PLR0913  # each is a fact about the batch, all but the first by name
        self,
        outcomes: Sequence[Outcome],
        *,
        profile: str,
        endpoint: str,
        seconds: float = 0.0,
        failure: Failure | None = None,
        stopped: bool = False,
    ) -> None:
        self._outcomes = tuple(outcomes)
        self.profile, self.endpoint, self.seconds = profile, endpoint, seconds
        self.failure, self.stopped = failure, stopped

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self._outcomes[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    @property
    def ok(self) -> bool:
        """Whether every message was accepted for every recipient."""
        return all(outcome.ok for outcome in self._outcomes)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that were tried and not accepted for everyone; each has its transcript."""
        return tuple(o for o in self._outcomes if not o.ok and o.failure is not None)

    @property
    def unsent(self) -> tuple[Outcome, ...]:
        """Those that `Batch.resume` would send to somebody."""
        return tuple(outcome for outcome in self._outcomes if "unsent" in outcome.states)

    @property
    def unknown(self) -> tuple[Outcome, ...]:
        """Those that may have arrived: the connection was lost before the answer came."""
        return tuple(outcome for outcome in self._outcomes if "unknown" in outcome.states)

    @property
    def diagnosis(self) -> Diagnosis | None:
        """Why the batch ended early, or None."""
        return self.failure.diagnosis if self.failure else None

    @property
    def counts(self) -> dict[str, int]:
        """How many messages there are of each state; ``partly`` is a mixture."""
        found: Counter[str] = Counter(outcome.state for outcome in self._outcomes)
        return {state: found[state] for state in (*_WORDS, "partly") if found[state]}

    @property
    def sentence(self) -> str:
        """The outcome in a sentence."""
        if not self:
            return "There was nothing to send."
        total, counts = len(self), self.counts
        if self.ok:
            what = f"{total:,} of {total:,} messages were accepted by {self.endpoint}"
            return f"{what} in {self.seconds:.2f} s."
        named = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        how = f"{'stopped' if self.stopped else 'ended'} after {self.seconds:.2f} s"
        why = f" {self.diagnosis}" if self.diagnosis else ""
        return f"{total:,} message{'s' * (total != 1)} to {self.endpoint}, {how}: {named}.{why}"

    def to_frame(self) -> pd.DataFrame:
        """One row a message and recipient.

        Columns: ``number`` (int64, place among the messages), ``message_id``, ``address``,
        ``state`` (str, see `State`), ``code`` (int64, 0 where no answer decided), ``text`` (str),
        ``attempts`` (int64), ``seconds`` (float64), ``diagnosis`` (str, its id, or empty).
        """
        import pandas as pd

        rows = [
            (
                outcome.number,
                outcome.message_id,
                recipient.address,
                state,
                recipient.code,
                recipient.text,
                outcome.attempts,
                outcome.seconds,
                outcome.diagnosis.id if state != "accepted" and outcome.diagnosis else "",
            )
            for outcome in self._outcomes
            for recipient, state in zip(outcome.recipients, outcome.states, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """The batch as JSON-ready data."""
        return {
            "ok": self.ok,
            "sentence": self.sentence,
            "profile": self.profile,
            "endpoint": self.endpoint,
            "seconds": round(self.seconds, 6),
            "stopped": self.stopped,
            "counts": self.counts,
            "outcomes": [outcome.to_dict() for outcome in self._outcomes],
        }

    def __str__(self) -> str:
        listed = [f"  {outcome.sentence}" for outcome in self.failed[:_SHOWN]]
        return "\n".join([self.sentence, *listed, *self._hidden])

    def __repr__(self) -> str:
        return f"<Deliveries {'ok' if self.ok else 'failed'}: {self.sentence}>"

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The batch as HTML; *say* gives each text as its reader is to see it."""
        colour = "var(--jp-success-color1,#2e7d32)" if self.ok else "var(--jp-error-color1,#c62828)"
        rows = "".join(
            f"<details><summary>{escape(say(outcome.sentence))}</summary>"
            f"{outcome.transcript.as_html(say)}</details>"
            for outcome in self.failed[:_SHOWN]
        )
        rest = "".join(f"<p>{escape(say(line.strip()))}</p>" for line in self._hidden)
        return (
            f'<div class="smtp-lab-deliveries {NO_MATH}">'
            f'<p role="status" style="border-left:4px solid {colour};'
            'padding:2px 10px;margin:6px 0">'
            f"<b>{'✔' if self.ok else '✘'}</b> {escape(say(self.sentence))}</p>{rows}{rest}</div>"
        )

    @property
    def _hidden(self) -> list[str]:
        more = len(self.failed) - _SHOWN
        return [f"  and {more:,} more; see to_frame()"] if more > 0 else []
