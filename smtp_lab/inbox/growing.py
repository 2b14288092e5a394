"""A table that grows with the archive: what was read once is not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smtp_lab.archive import Archive

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Growing",)

Read = Callable[[int], "tuple[Sequence[int], pd.DataFrame]"]
"""Gives the numbers of some messages above a number, none when there are no more, and their rows;
a column ``id`` says whose a row is."""


class Growing:
    """A table of all messages of an archive, or of one of its mailboxes.

    Args:
        archive: Whose messages.
        mailbox: Only those in this mailbox; None for all.
        read: Reads the rows of some messages.
    """

    def __init__(self, archive: Archive, mailbox: str | None, read: Read) -> None:
        self._archive, self._mailbox, self._read = archive, mailbox, read
        self._chunks: list[pd.DataFrame] = []
        self._numbers: list[int] = []
        self._empty: pd.DataFrame | None = None

    def refresh(self) -> pd.DataFrame:
        """Read what came since the last time, and give its rows."""
        last = self._archive.last_id()  # what comes in meanwhile is for the next time
        after = self._numbers[-1] if self._numbers else 0
        new: list[pd.DataFrame] = []
        while after < last:
            numbers, rows = self._read(after)
            if not numbers:
                break
            self._numbers += numbers
            new.append(rows)
            after = numbers[-1]
        self._chunks += new
        return self._joined(new)

    def whole(self) -> pd.DataFrame:
        """All rows there are now, the oldest first; do not change it."""
        self.refresh()
        if len(self._numbers) != self._archive.count(self._mailbox):
            # Some were let go; or some came in this moment, which does no harm.
            left = set(self._archive.ids(self._mailbox))
            self._chunks = [rows[rows["id"].isin(left)] for rows in self._chunks]
            self._numbers = [number for number in self._numbers if number in left]
        if len(self._chunks) != 1:
            self._chunks = [self._joined(self._chunks).reset_index(drop=True)]
        return self._chunks[0].reset_index(drop=True)

    def _joined(self, chunks: list[pd.DataFrame]) -> pd.DataFrame:
        import pandas as pd

        full = [rows for rows in chunks if len(rows)]
        if full:
            return pd.concat(full, ignore_index=True) if len(full) > 1 else full[0]
        if self._empty is None:
            _, self._empty = self._read(2**62)
        return self._empty
