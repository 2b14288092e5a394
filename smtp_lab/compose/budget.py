"""What filling a template may cost: passes, characters and seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = (
    "MOST_CHARACTERS",
    "MOST_ITEMS",
    "Budget",
    "TooMuchError",
    "budget",
    "deadline",
    "one_clock",
    "spending",
)

MOST_PASSES = 1_000_000
"""Passes through loops, macros, blocks and included files, all together."""

MOST_CHARACTERS = 4_000_000
"""Characters written; what is written into a macro or a variable first counts again."""

MOST_ITEMS = 1_000_000
"""Length of a text, list or number that an expression makes."""

MOST_MADE = 50_000_000
"""Characters and items that all the expressions together make: the most that could be kept."""

MOST_SECONDS = 10.0
"""For all the parts of a mail together."""

_MOST_KNOWN = 2 * MOST_ITEMS  # things in the lists that are remembered


class TooMuchError(Exception):
    """A template wants more than its budget; its text is the reason, without a full stop."""


def deadline() -> float:
    """When what begins now must be done, on the clock of `time.monotonic`; see `one_clock`."""
    running = _until.get()
    return time.monotonic() + MOST_SECONDS if running is None else running


@contextmanager
def one_clock() -> Iterator[None]:
    """Let all that is filled inside be done within the same time, where none is running yet."""
    token = _until.set(deadline())
    try:
        yield
    finally:
        _until.reset(token)


class Budget:
    """What is left for filling one part of a template.

    Args:
        until: When it must be done, see `deadline`; by default as if it began now.

    Attributes:
        pictures: What the part shows of pictures, see `smtp_lab.compose.pictures`.
        language: What the part is written in.
        tables: Gets, for each table the part shows, what gives its text; or None.
    """

    __slots__ = (
        *("_characters", "_end", "_known", "_left_to_know", "_made", "_passes"),
        *("language", "pictures", "tables"),
    )

    def __init__(
        self,
        pictures: Any = None,
        language: Any = None,
        tables: list[Callable[[], str]] | None = None,
        *,
        until: float | None = None,
    ) -> None:
        self.tables = tables
        self._passes, self._characters, self._made = MOST_PASSES, MOST_CHARACTERS, MOST_MADE
        self._end = deadline() if until is None else until
        self.pictures, self.language = pictures, language
        self._known: dict[int, tuple[Any, int, int]] = {}
        self._left_to_know = _MOST_KNOWN

    def known(self, holder: Any) -> int:
        """How many things are in *holder* and the lists in it, where that was counted; else 0."""
        found = self._known.get(id(holder))
        # Who gave a list may have put more into it.
        return found[2] if found is not None and found[1] == len(holder) else 0

    def know(self, holder: Any, things: int) -> None:
        """Remember that *things* are in *holder*, which is kept so that no other gets its id."""
        self._left_to_know -= things
        if self._left_to_know < 0:
            self._known.clear()
            self._left_to_know = _MOST_KNOWN - things
        self._known[id(holder)] = holder, len(holder), things

    def step(self, characters: int = 0) -> None:
        """Take one pass that writes *characters* of the template's own text."""
        self._passes -= 1
        if self._passes < 0:
            raise TooMuchError(f"it takes more than {MOST_PASSES:,} passes through its loops")
        self.look()
        if characters:
            self.write(characters)

    def look(self) -> None:
        """Look at the clock: before every pass, and before whatever may take long by itself."""
        if time.monotonic() > self._end:
            raise TooMuchError(f"it takes longer than {MOST_SECONDS:g} seconds")

    def make(self, length: int) -> None:
        """Take what an expression made: a value of *length* characters or items."""
        self._made -= length
        if self._made < 0:
            raise TooMuchError(f"it makes more than {MOST_MADE:,} characters and items")

    def write(self, characters: int) -> None:
        """Take what is about to be written."""
        self._characters -= characters
        if self._characters < 0:
            raise TooMuchError(f"it writes more than {MOST_CHARACTERS:,} characters")


_until: ContextVar[float | None] = ContextVar("smtp_lab_until", default=None)
_now: ContextVar[Budget | None] = ContextVar("smtp_lab_budget", default=None)


def budget() -> Budget:
    """The budget of what is being filled; a fresh one where nothing is."""
    return _now.get() or Budget()


@contextmanager
def spending(one: Budget) -> Iterator[Budget]:
    """Let what is filled inside spend *one*."""
    token = _now.set(one)
    try:
        yield one
    finally:
        _now.reset(token)
