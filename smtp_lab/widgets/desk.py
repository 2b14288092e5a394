"""What the panels of one page have in common: the book, the profile at hand, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from smtp_lab.archive import Archive
from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.paths import data_dir
from smtp_lab.deliver import Batch
from smtp_lab.deliver.arguments import check_kind
from smtp_lab.errors import SmtpLabError
from smtp_lab.inbox import Inbox
from smtp_lab.sink import Sink
from smtp_lab.widgets.given import check_batch, check_shared
from smtp_lab.widgets.manners import Manners
from smtp_lab.widgets.turns import TURN
from smtp_lab.widgets.watch import Watch

__all__ = ("Desk", "Event", "desk_of")

Event = Literal["book", "chosen", "stale", "open", "field", "sink"]
"""What panels are told: the book or a profile's health is another, another profile is at hand, the
file was changed elsewhere, a panel is asked for by its id, a field of the form by its dotted name
and what there is to say of it, or another sink is at hand or it was started or stopped."""

_LOOK = 1.0  # seconds between two looks at the files


class Desk:
    """What several panels work on.

    Args:
        book: The profiles; the default book unless given.
        batch: Many messages that are sent, for the panel on them.
        sink: The sink at hand.

    Attributes:
        chosen: Name of the profile at hand; empty for a new one.
        draft: Gives the profile as the form has it, saved or not; None where there is no form.
        sink_to_start: Gives the sink that Start sink starts, as the Sink panel has it; None where
            there is no such panel.
        batch: See above.
        sink: See above; None where there is none.
        watching: Looks at the files of the book.

    Raises:
        InputError: An argument is something else.
    """

    def __init__(
        self,
        book: ProfileBook | None = None,
        *,
        batch: Batch | None = None,
        sink: Sink | None = None,
    ) -> None:
        check_shared(book, sink)
        check_batch(batch)
        self._book = book
        self.batch = batch
        self.sink = sink
        self._inbox: Inbox | None = None
        self.chosen = ""
        self.draft: Callable[[], Profile] | None = None
        self.sink_to_start: Callable[[], Sink] | None = None
        self._listeners: list[tuple[Event, Callable[[Any], None]]] = []
        self._seen_by: list[Manners] = []
        self.watching = Watch(self._look_or_wait, self._is_seen, every=_LOOK, name="smtp-lab-watch")
        self._seen: Any = None
        self._stale = False

    @property
    def book(self) -> ProfileBook:
        """The profiles."""
        if self._book is None:
            self._book = ProfileBook.open()
        return self._book

    @property
    def inbox(self) -> Inbox:
        """The inbox of the sink at hand, else that of this user's archive, which is made if needed.

        Raises:
            ArchiveError: The archive cannot be opened.
        """
        if self.sink is not None:
            return self.sink.inbox
        if self._inbox is None:
            self._inbox = Inbox(Archive(data_dir() / "mail.sqlite3"))
        return self._inbox

    def use_sink(self, sink: Sink | None) -> None:
        """Take *sink* in hand."""
        self.sink = sink
        self.tell("sink", sink)

    def on(self, event: Event, listener: Callable[[Any], None]) -> None:
        """Call *listener* when *event* happens, with what belongs to it."""
        self._listeners.append((event, listener))

    def tell(self, event: Event, what: Any = None) -> None:
        """Let everyone know that *event* happened."""
        with TURN:
            for wanted, listener in list(self._listeners):
                if wanted == event:
                    listener(what)

    def choose(self, name: str) -> None:
        """Take the profile called *name* in hand."""
        self.chosen = name
        self.tell("chosen", name)

    @property
    def warnings(self) -> int:
        """How many profiles failed their last test."""
        health = self.book.all_health()
        return sum(health[name].warning for name in self.book if name in health)

    # --- other people's changes ---------------------------------------------------------------

    def watch(self, panel: Manners) -> None:
        """Look at the files every second, as long as *panel* is in a page."""
        if not self._seen_by:
            self.look()
        self._seen_by.append(panel)

    def unwatch(self, panel: Manners) -> None:
        """Look no longer for the sake of *panel*, which is taken away."""
        self._seen_by = [one for one in self._seen_by if one is not panel]

    def _is_seen(self) -> bool:
        return any(panel.shown for panel in self._seen_by)

    def _look_or_wait(self) -> None:
        with suppress(SmtpLabError, OSError):  # a file that is being changed; the next look tells
            self.look()

    def look(self) -> None:
        """Look once at the files of the book, and tell what somebody else changed."""
        if self._found() == (self._seen, self._stale):
            return
        with TURN:  # and look again: it may be one of the panels that is changing them
            (seen, stale), before = self._found(), self._seen
            self._seen = seen
            if stale != self._stale:
                self._stale = stale
                self.tell("stale", stale)
            elif before is not None and before != seen:
                self.tell("book")

    def _found(self) -> tuple[Any, bool]:
        return (self.book.all_health(), tuple(self.book)), self.book.stale

    def reload(self) -> None:
        """Read the book again.

        Raises:
            ConfigFileError: The file cannot be used; what was read before stays.
        """
        self.book.reload()
        self.look()
        self.tell("book")


def desk_of(desk: Desk | None, book: ProfileBook | None = None, sink: Sink | None = None) -> Desk:
    """*desk*, or one of its own for a panel that shares none.

    Raises:
        InputError: An argument is something else.
    """
    check_kind("desk", desk, Desk, "leave it out")
    return desk if desk is not None else Desk(book, sink=sink)
