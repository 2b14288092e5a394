"""What is kept of a failure while a batch runs, and the dialogue and diagnosis made from it later.

Messages that are accepted need neither; those that are not are explained when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Literal

from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.pipeline import Entry
from smtp_lab.transcript import Line, Mask, Transcript, printable
from smtp_lab.transcript.record import masked_together

__all__ = ("Failure", "Opening", "Trail")

_MOST_TEXTS = 100


@dataclass(frozen=True)
class Opening:
    """How a connection began.

    Attributes:
        at: When, as `time.perf_counter` has it.
        started_at: When, by the calendar.
        lines: What was said until the first message could be sent.
        tls: Whether what follows is encrypted.
        mask: Hides what a server echoes.
        port: The server's port; some failures mean something else on port 25.
    """

    at: float
    started_at: datetime
    lines: tuple[Line, ...]
    tls: bool
    mask: Mask
    port: int
    _texts: dict[bytes, str] = field(default_factory=dict, repr=False, compare=False)

    def text(self, said: bytes) -> str:
        """The text of the reply *said*, without its codes, masked."""
        found = self._texts.get(said)
        if found is None:
            lines = said.decode("utf-8", "replace").split("\n")
            masked = self.mask("\n".join([line[4:].strip() for line in lines]))
            found = "\n".join(map(printable, masked.split("\n")))
            if len(self._texts) < _MOST_TEXTS:  # what a server says to RCPT is mostly the same
                self._texts[said] = found
        return found

    @classmethod
    def of(cls, transcript: Transcript, at: float, mask: Mask, port: int) -> Opening:
        """The opening that *transcript*, begun at *at*, tells of."""
        return cls(at, transcript.started_at, transcript.lines, transcript.tls, mask, port)


@dataclass(frozen=True, slots=True)
class Trail:
    """One transaction that was not accepted for everyone.

    Attributes:
        opening: The connection's.
        before: How many messages were finished on the connection before this one.
        log: What passed.
    """

    opening: Opening
    before: int
    log: Sequence[Entry]


@dataclass(frozen=True)
class Failure:
    """Why a message was not accepted for everyone.

    Attributes:
        kind: ``reply`` or ``exception``: what *said* is.
        said: The reply, or the error as ``Class: text``; masked.
        trails: The transactions that failed, in order; at least one.
        found: What it means, where that is known already.
    """

    kind: Literal["reply", "exception"]
    said: str
    trails: tuple[Trail, ...]
    found: Diagnosis | None = None

    @property
    def diagnosis(self) -> Diagnosis:
        """What it means and what to do."""
        return self.found or _diagnose(self.kind, self.said, self.trails[0].opening.port)

    @cached_property
    def transcript(self) -> Transcript:
        """The dialogue about this message alone, from the beginning of the connection."""
        first = self.trails[0].opening
        return Transcript(_lines(self.trails, first.at), started_at=first.started_at)


@lru_cache(maxsize=256)
def _diagnose(kind: str, said: str, port: int) -> Diagnosis:
    return diagnose(said, on=kind, port=port)


def _lines(trails: Sequence[Trail], start: float) -> Iterator[Line]:
    opening: Opening | None = None
    for trail in trails:
        if trail.opening is not opening:
            opening = trail.opening
            for line in opening.lines:
                yield replace(line, at=line.at + opening.at - start)
        if trail.before and trail.log:
            at, note = trail.log[0][0], f"{trail.before} messages before this one"
            yield Line("*", note, "mail", at - start, opening.tls)
        for at, who, stage, octets in trail.log:
            texts = [opening.mask(text) for text in octets.decode("utf-8", "replace").splitlines()]
            for text in masked_together(texts, opening.mask):
                yield Line(who, printable(text), stage, at - start, opening.tls)
