"""Captured mail in a notebook: listed as it comes in, searched, read, and let go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, ClassVar

import ipywidgets as w

from smtp_lab.deliver.arguments import check_number
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.inbox import Captured, Inbox
from smtp_lab.inbox.listing import PAGE, Listing
from smtp_lab.widgets import as_code, mail_tabs
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.given import check_inbox
from smtp_lab.widgets.inbox_actions import InboxActions
from smtp_lab.widgets.mail_list import Counts, MailList
from smtp_lab.widgets.mail_view import MailView
from smtp_lab.widgets.panel import Panel, button, unfold
from smtp_lab.widgets.rows import Note
from smtp_lab.widgets.said import told_error
from smtp_lab.widgets.search_help import search_help
from smtp_lab.widgets.turns import TURN, in_turn
from smtp_lab.widgets.watch import Watch
from smtp_lab.widgets.words import N_, _, n_

__all__ = ("InboxPanel",)

_SESSIONS = 20  # that are shown, the last ones
_JUDGED = 5  # messages that are checked between two looks
_RAREST = 86_400  # seconds between two looks, at most
_KEPT = 5_000  # messages whose findings are remembered


class InboxPanel(Panel):
    """The messages of an inbox, a page at a time, with a search and a preview.

    New mail appears by itself while the panel is in a page. What is shown of mail is sent to the
    page and is in no saved notebook.

    Args:
        inbox: The inbox; by default that of the sink at hand, or of this user's archive.
        every: Seconds between two looks at it; 0 never looks by itself.
        desk: What it shares with other panels.

    Attributes:
        listing: What was searched for and found; None where the archive cannot be read.

    Raises:
        InputError: *inbox* is no inbox, or *every* no number of seconds.
    """

    id = "inbox"
    title = N_("Inbox")
    needs_book = False
    names: ClassVar[Mapping[str, str]] = {
        "folder": N_("Folder"),
        "path": N_("Folder"),  # of the file that is written there
        "tag": N_("Tag"),
        "tags": N_("Tag"),
        "kind": N_("As"),
        "query": "",  # it stands at the field
        "allow": N_("May go to"),
        "to": N_("To"),
    }

    def __init__(
        self, inbox: Inbox | None = None, *, every: float = 0.5, desk: Desk | None = None
    ) -> None:
        check_inbox(inbox)
        check_number("every", every, 0, _RAREST)
        self._inbox, self._every = inbox, every
        self.watching = Watch(
            self._look_when_free, lambda: self.manners.shown, every=every, name="smtp-lab-inbox"
        )
        desk = desk_of(desk)
        self.listing: Listing | None = None
        self._top = 0  # the number of the first message of the page; 0 for the newest page
        self._found: dict[int, Counts] = {}
        self._trouble = ""
        says = self.make_says()
        self.list = MailList(
            on_choose=self._chosen,
            on_turn=self.turn,
            on_enter=self._read,
            on_delete=self._delete,
        )
        self.view = MailView(self.tell_error)
        self.sessions_line = w.HTML()
        self.sessions_button = button(
            _("Show them"), self.show_sessions, _("The last of them, with what was said")
        )
        beside = w.HBox([self.sessions_line, self.sessions_button])
        beside.add_class("smtp-lab-bar")
        self.actions = InboxActions(self)
        body = [*self._search_bar(), says, self.list, beside, self.actions, self.view]
        super().__init__(desk, body)
        desk.on("sink", lambda _sink: self._other_inbox())
        self._telling(self._begin)

    def _search_bar(self) -> Sequence[w.Widget]:
        self.query = w.Text(
            description=_("Search"),
            placeholder='from:ann subject:"report 7" has:attachment',
            continuous_update=False,
            layout=w.Layout(width="32em", max_width="100%"),
        )
        self.tag_filter = w.Dropdown(
            description=_("Tag"), options=[(_("all"), "")], layout=w.Layout(width="16em")
        )
        self.help_button = button(_("What can be asked for"), self._toggle_help)
        self.help_button.add_class("smtp-lab-opens")
        self.help = w.HTML(search_help(), layout=w.Layout(display="none"))
        self.help.add_class("smtp-lab-box")
        self.note = Note()
        row = w.VBox([self.query, self.note])
        row.add_class("smtp-lab-row")
        bar = w.HBox([row, self.tag_filter, self.help_button])
        bar.add_class("smtp-lab-bar")
        bar.add_class("smtp-lab-search")
        self.query.observe(self._searched, "value")
        self.tag_filter.observe(self._searched, "value")
        return bar, self.help

    # --- what it works on ---------------------------------------------------------------------

    @property
    def inbox(self) -> Inbox:
        """The inbox that is shown.

        Raises:
            ArchiveError: The archive cannot be opened.
        """
        return self._inbox if self._inbox is not None else self.desk.inbox

    @property
    def chosen(self) -> list[int]:
        """The numbers of the chosen messages, that of the last one at the end."""
        return self.list.chosen

    def message(self, number: int) -> Captured:
        """The message with this number.

        Raises:
            UnknownNameError: It is gone.
        """
        return self.inbox.get(number)

    def code(self) -> str:
        """The lines that find and read the same messages."""
        query = self.listing.query if self.listing is not None else ""
        lines = [as_code.IMPORT, "", as_code.open_inbox(self.inbox)]
        if query:
            lines.append(f"found = inbox.search({query!r})")
        where = "found" if query else "inbox"
        if len(self.chosen) > 1:
            lines.append(f"messages = [{where}.get(number) for number in {self.chosen}]")
        elif self.chosen:
            lines += [f"message = {where}.get({self.chosen[0]})", "message"]
        else:
            lines.append(f"{where}.to_frame()")
        return "\n".join(lines)

    # --- searching ----------------------------------------------------------------------------

    def search(self) -> None:
        """Search for what is typed, among messages with the tag that is picked."""
        self.work.stop()
        query, tag = self.query.value, self.tag_filter.value or ""
        inbox = self.try_to(lambda: self.inbox)
        if inbox is not None:
            self.work.start(
                _("Searching …"),
                lambda: Listing(inbox, query, tag),
                self._show_found,
                failed=self._not_found,
                stopped=lambda: self.say(_("The search was stopped.")),
            )

    def _searched(self, _change: Any) -> None:
        self.search()

    def turn(self, to: str) -> None:
        """Turn to the ``newest``, ``newer``, ``older`` or ``oldest`` page."""
        if self.listing is None:
            return
        total = len(self.listing)
        start = self.listing.place(self._top) if self._top else 0
        starts = {
            "newest": 0,
            "newer": start - PAGE,
            "older": start + PAGE,
            "oldest": (total - 1) // PAGE * PAGE,
        }
        at = max(0, min(starts.get(to, 0), total - 1))
        self.try_to(lambda: self._show_page(at, turned=True))

    def _show_found(self, listing: Listing) -> None:
        self._take(listing)
        self.note.say("")
        if listing.query:
            said = n_("{n} message found.", "{n} messages found.", len(listing))
            self.say(said)
        else:
            self.say("")

    @in_turn
    def _take(self, listing: Listing) -> None:
        self.listing = listing
        self._top = 0
        self._show_page(0, turned=True)
        self.show_code()

    def _not_found(self, error: Exception) -> None:
        if isinstance(error, InputError):
            self.note.say(told_error(error, self.names))
            self.say("")
        else:
            self.tell_error(error)

    def _toggle_help(self) -> None:
        unfold(self.help_button, [self.help], shown=self.help.layout.display == "none")

    # --- showing ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is there now, after something was changed."""
        self.try_to(self._look_again)

    def show_sessions(self) -> None:
        """Show the last of the sessions that match and have no message."""
        if self.listing is None:
            return
        ids, archive = self.listing.sessions[-_SESSIONS:], self.inbox.archive
        found = self.try_to(lambda: archive.sessions(only=ids))
        if found is not None:
            found.sort(key=lambda session: (session.started_at, session.id))
            self.view.show_html(mail_tabs.sessions(found))

    def _look_again(self) -> None:
        if self.listing is None:
            self._begin()
        else:
            self.listing.look()
            self._show_again()

    def _begin(self) -> None:
        self._take(Listing(self.inbox))

    def _other_inbox(self) -> None:
        if self._inbox is None:
            self.listing = None
            self._found.clear()
            self._choose([])
            self.query.value, self.tag_filter.value = "", ""
            self.list.show([], 0, 0, found={}, nothing="")
            self._telling(self._begin)

    @in_turn
    def _show_again(self) -> None:
        if self.listing is not None:
            self._show_page(self.listing.place(self._top) if self._top else 0)

    @in_turn
    def _show_page(self, start: int, *, turned: bool = False) -> None:
        listing = self.listing
        if listing is None:
            return
        start = start if start < len(listing) else 0
        rows = listing.page(start)
        if turned:
            # The number of the first row keeps an older page still when mail comes in.
            self._top = rows[0].id if start and rows else 0
        nothing = _("No message was found.") if listing.query else _("No mail yet.")
        total = len(listing)
        self.list.show(rows, start, total, found=self._found, nothing=nothing, turned=turned)
        self._show_sessions_line(len(listing.sessions))
        self._show_tags()

    def _show_sessions_line(self, count: int) -> None:
        said = n_("{n} session without a message", "{n} sessions without a message", count)
        self.sessions_line.value = escape(said) if count else ""
        self.sessions_button.layout.display = "" if count else "none"

    def _show_tags(self) -> None:
        names = self.inbox.archive.tag_names()
        picked = self.tag_filter.value or ""
        options = [(_("all"), ""), *((name, name) for name in {*names, picked} - {""})]
        options = [options[0], *sorted(options[1:])]
        if list(self.tag_filter.options) != options:
            self.tag_filter.unobserve(self._searched, "value")
            self.tag_filter.options = options  # which picks the first
            self.tag_filter.value = picked
            self.tag_filter.observe(self._searched, "value")

    # --- choosing -----------------------------------------------------------------------------

    def _chosen(self, numbers: list[int]) -> None:
        self.actions.follow(numbers)
        self.show_code()
        if not numbers:
            self.view.show_html("")
        elif self.view.message is None or self.view.message.id != numbers[-1]:
            self.try_to(lambda: self.view.show_message(self.message(numbers[-1])))

    def _choose(self, numbers: list[int]) -> None:
        self.list.choose(numbers)
        self._chosen(numbers)

    def _read(self) -> None:
        self.view.read()

    def _delete(self) -> None:
        self.actions.ask_delete()

    def let_go(self, numbers: Sequence[int]) -> None:
        """Show messages with these *numbers* no longer, which are gone."""
        gone = set(numbers)
        if gone & set(self.chosen):
            self._choose([number for number in self.chosen if number not in gone])
        self.refresh()

    # --- what comes in ------------------------------------------------------------------------

    def look(self) -> None:
        """Look once at the inbox, and show what is new."""
        self._telling(self._look)

    def _look(self) -> None:
        if self.listing is None:
            self._begin()
        elif self.listing.look():
            self._show_again()
        self._judge_some()

    def _telling(self, act: Callable[[], None]) -> None:
        """Do *act*; what is wrong is said once, and no longer when it is well again."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  # there is nobody else to tell, and it goes on
            self._say_trouble(error)
        else:
            if self._trouble:
                self._say_trouble(None)

    @in_turn
    def _say_trouble(self, error: Exception | None) -> None:
        before, self._trouble = self._trouble, str(error or "")
        if error is None:
            self.say("")
        elif self._trouble != before:
            self.tell_error(error)

    def _look_when_free(self) -> None:
        if not self.work.running:
            self.look()

    def _judge_some(self) -> None:
        """Check some messages of the page: all at once would keep the kernel busy."""
        new = [number for number in self.list.numbers if number not in self._found][:_JUDGED]
        for number in new:
            if len(self._found) > _KEPT:
                self._found.clear()
            try:
                severities = self.message(number).check()["severity"].tolist()
            except UnknownNameError:  # it was let go in this moment
                severities = []
            counts = severities.count("error"), severities.count("warning")
            with TURN:
                self._found[number] = counts
                self.list.judge(number, counts)

    def on_shown(self) -> None:
        """Look at the inbox and the book; done when the panel comes into a page."""
        super().on_shown()
        if self._every:
            self.watching.begin()

    def close(self) -> None:
        """End looking at the inbox, and take the panel away."""
        if hasattr(self, "watching"):  # one that could not be made is closed when it is let go
            self.watching.end()
        super().close()

    def __repr__(self) -> str:
        listing: Any = self.listing
        return f"<InboxPanel on {len(listing) if listing is not None else 'no'} messages>"
