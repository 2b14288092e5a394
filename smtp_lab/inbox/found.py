"""What a search found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from operator import index as whole
from typing import TYPE_CHECKING

from smtp_lab.archive import Archive, StoredSession
from smtp_lab.archive.index import Index
from smtp_lab.errors import UnknownNameError
from smtp_lab.inbox import frames
from smtp_lab.inbox.captured import Captured
from smtp_lab.inbox.filling import fill
from smtp_lab.inbox.summary import heads_after
from smtp_lab.inbox.view import View, in_parts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Found",)


class Found(View):
    """The messages a search found, as they were found: what comes in later is not among them.

    A message that is let go in the meantime is passed over.

    Args:
        archive: Where they are.
        query: What was asked for.
        numbers: Of the messages, in order.
        refused: The ids of sessions that were found themselves.
    """

    def __init__(
        self, archive: Archive, query: str, numbers: Sequence[int], refused: Sequence[str] = ()
    ) -> None:
        self.archive, self.query = archive, query
        self._numbers, self._refused = list(numbers), list(refused)

    def numbers(self) -> list[int]:
        """The numbers of the messages, as in the column ``id``."""
        return self._numbers[:]

    def refused(self) -> list[str]:
        """The ids of the sessions that were found themselves, oldest first; see `sessions`."""
        return self._refused[:]

    def __iter__(self) -> Iterator[Captured]:
        for found in self.archive.batches(among=self._numbers):
            yield from (Captured(stored, self.archive) for stored in found)

    def get(self, number: int) -> Captured:
        """The message whose ``id`` is *number*.

        Raises:
            UnknownNameError: It was not found, or is gone.
        """
        number = whole(number)
        found = self.archive.messages(only=number) if number in self._numbers else []
        if not found:
            raise UnknownNameError.of("message", f"number {number} was not found", "see to_frame()")
        return Captured(found[0], self.archive)

    def _table(self) -> pd.DataFrame:
        heads = [
            head
            for some in in_parts(self._numbers)
            for head in heads_after(self.archive, 0, only=some)
        ]
        return frames.messages(heads)

    def _details(self, kind: str) -> pd.DataFrame:
        index = fill(self.archive, max(self._numbers, default=0))
        details: dict[int, str] = {}
        for some in in_parts(self._numbers):
            details |= index.details(only=some)
        return frames.detailed(kind, details)

    def _headers(self) -> pd.DataFrame:
        return frames.headers(self)

    def _sessions(self) -> list[StoredSession]:
        index = Index(self.archive)
        ids = set(self._refused)
        for some in in_parts(self._numbers):
            ids |= index.sessions_of(some)
        ordered = sorted(ids)
        found = [
            session
            for at in range(0, len(ordered), 500)
            for session in self.archive.sessions(only=ordered[at : at + 500])
        ]
        return sorted(found, key=lambda session: (session.started_at, session.id))

    def _held(self, count: int) -> str:
        return f"The search found {count} messages"

    def __repr__(self) -> str:
        also = f" and {len(self._refused)} sessions" if self._refused else ""
        return f"<Found {len(self._numbers)} messages{also}: {self.query}>"

    def _repr_html_(self) -> str:
        count = f"{len(self._numbers):,} messages"
        if self._refused:
            count += f" and {len(self._refused):,} sessions without one, see .sessions()"
        return f"<p>{escape(count)}</p>{super()._repr_html_()}"
