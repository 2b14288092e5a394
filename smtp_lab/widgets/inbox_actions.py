"""What is done with messages of an inbox: tagged, compared, kept as files, released, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from smtp_lab.config.paths import expanded, tilde
from smtp_lab.inbox import Inbox
from smtp_lab.language import told
from smtp_lab.releasing import release
from smtp_lab.widgets.drawers import Drawer, choice
from smtp_lab.widgets.panel import button
from smtp_lab.widgets.rows import text_field
from smtp_lab.widgets.words import N_, _, n_
from smtp_lab.widgets.work import Work

if TYPE_CHECKING:
    from smtp_lab.widgets.inbox_panel import InboxPanel

__all__ = ("InboxActions",)

# What is typed is sent when the field is left: each letter would wait for the kernel's answer to
# the one before, and a click would overtake them.
_AT_ONCE: dict[str, Any] = {"continuous_update": False}
_KINDS = (
    (N_("messages: ZIP of .eml with envelopes"), "zip"),
    (N_("messages: mbox"), "mbox"),
    (N_("table: CSV"), "csv"),
    (N_("tables: Excel"), "xlsx"),
    (N_("table: JSON"), "json"),
    (N_("table: Parquet"), "parquet"),
)


class InboxActions(w.VBox):
    """The buttons below the list, and what they ask before they do something.

    Args:
        panel: Whose messages.
    """

    def __init__(self, panel: InboxPanel) -> None:
        self._panel = panel
        self.tag = w.Text(placeholder=_("a tag"), layout=w.Layout(width="12em"), **_AT_ONCE)
        self.tag.add_class("smtp-lab-tag")
        self.tag_button = button(_("Add tag"), self.add_tag, _("Tag the chosen messages"))
        self.untag_button = button(
            _("Remove tag"), self.remove_tag, _("Take the tag from the chosen messages")
        )
        self.compare_button = button(
            _("Compare"), self.compare, _("Choose two messages, the second with Ctrl")
        )
        self.save_button = button(_("Save attachments"), self.ask_save)
        self.release_button = button(
            _("Release"), self.ask_release, _("Send the message on, as it was received")
        )
        self.delete_button = button(_("Delete"), self.ask_delete)
        self.export_button = button(_("Export"), self.ask_export, _("All that the search found"))
        self.clear_button = button(_("Delete all"), self.ask_clear, _("All that the search found"))
        self.drawer = Drawer(self._point_at, lambda: panel.say(""), "smtp-lab-mails-here")
        one = [self.tag, self.tag_button, self.untag_button, self.compare_button]
        one += [self.save_button, self.release_button, self.delete_button]
        some = [self.export_button, self.clear_button]
        bars = [w.HBox(one), w.HBox(some)]
        for bar in bars:
            bar.add_class("smtp-lab-bar")
        both = w.HBox(bars)
        both.add_class("smtp-lab-bar")
        super().__init__([both, self.drawer])
        self.follow([])

    def follow(self, numbers: Sequence[int]) -> None:
        """Offer what can be done with the chosen messages."""
        some = (self.tag_button, self.untag_button, self.delete_button)
        for each in some:
            each.disabled = not numbers
        for each in (self.save_button, self.release_button):
            each.disabled = len(numbers) != 1
        self.compare_button.disabled = len(numbers) != 2

    # --- tags ---------------------------------------------------------------------------------

    def add_tag(self) -> None:
        """Give the tag that is typed to the chosen messages."""
        self._with_tag(
            Inbox.tag,
            lambda count: n_("Tagged {n} message.", "Tagged {n} messages.", count),
        )

    def remove_tag(self) -> None:
        """Take the tag that is typed from the chosen messages."""
        self._with_tag(
            Inbox.untag,
            lambda count: n_("Took it from {n} message.", "Took it from {n} messages.", count),
        )

    def _with_tag(
        self, act: Callable[[Inbox, list[int], str], int], said: Callable[[int], str]
    ) -> None:
        tag, numbers = self.tag.value.strip(), self._panel.chosen[:]
        if tag:
            self._change(lambda: act(self._panel.inbox, numbers, tag), said)
        else:
            self._panel.say(_("Type a tag first."), wrong=True)
            self._panel.manners.point_at("smtp-lab-tag")

    # --- looking ------------------------------------------------------------------------------

    def compare(self) -> None:
        """Show what differs between the two chosen messages."""
        panel, (first, second) = self._panel, sorted(self._panel.chosen)
        self._work(
            _("Comparing …"),
            lambda: panel.message(second).compare(panel.message(first)),
            lambda compared: panel.view.show_html(compared.as_html(told)),
        )

    # --- files --------------------------------------------------------------------------------

    def ask_save(self) -> None:
        """Ask where to save the attachments of the chosen message."""
        folder = text_field(_("Folder"), value="attachments", **_AT_ONCE)
        panel, number = self._panel, self._panel.chosen[-1]

        def save() -> Work | None:
            where = panel.try_to(lambda: expanded(folder.value, "folder").absolute())

            def saved(files: Sequence[Path]) -> None:
                what = n_("{n} file", "{n} files", len(files))
                panel.say(_("Saved in {folder}: {what}.").format(folder=tilde(where), what=what))

            def act() -> list[Path]:
                return panel.message(number).save_attachments(where)

            return self._answer(_("Saving …"), act, saved) if where is not None else None

        self.drawer.ask(_("Save all attachments"), [folder], _("Save"), save)

    def ask_export(self) -> None:
        """Ask how and where to export what the search found."""
        panel, listing = self._panel, self._panel.listing
        if listing is None:
            return
        kind = choice(_("As"), [(_(name), value) for name, value in _KINDS])
        folder = text_field(_("Folder"), value="exported", **_AT_ONCE)
        found = listing.found()
        title = n_("Export {n} message", "Export {n} messages", len(found))

        def export() -> Work | None:
            as_kind = kind.value
            where = panel.try_to(lambda: expanded(folder.value, "folder"))
            if where is None:
                return None
            return self._answer(
                _("Exporting …"),
                lambda: found.export(where, as_kind),
                lambda path: panel.say(_("Written to {file}.").format(file=tilde(path.absolute()))),
            )

        self.drawer.ask(title, [kind, folder], _("Export"), export)

    def ask_release(self) -> None:
        """Ask through which profile and to whom to send the chosen message on."""
        panel, number = self._panel, self._panel.chosen[-1]
        book = panel.try_to(lambda: panel.desk.book)
        if book is None:
            return
        profile = choice(_("Profile"), [(name, name) for name in book], book.default)
        to = text_field(_("To"), **_AT_ONCE)
        allow = text_field(_("May go to"), "bob@example.org, @example.com", **_AT_ONCE)

        def let_out() -> Work:
            name, wanted = profile.value, to.value
            allowed = [one.strip() for one in allow.value.split(",") if one.strip()]
            return self._answer(
                _("Sending through {server} …").format(server=name),
                lambda: release(
                    panel.message(number), to=wanted, allow=allowed, profile=name, book=book
                ),
                lambda delivery: panel.say(told(delivery.sentence)),
            )

        title = _("Send message {n} on, as it was received").format(n=number)
        self.drawer.ask(title, [profile, to, allow], _("Release"), let_out)

    # --- letting go ---------------------------------------------------------------------------

    def ask_delete(self) -> None:
        """Ask whether the chosen messages are to be deleted."""
        numbers = self._panel.chosen[:]
        title = n_("Delete {n} message, for good?", "Delete {n} messages, for good?", len(numbers))
        self._ask_away(title, numbers)

    def ask_clear(self) -> None:
        """Ask whether all that the search found is to be deleted."""
        listing = self._panel.listing
        if listing is None:
            return
        # These and no others, whatever comes in before the answer.
        numbers = listing.found().numbers()
        some = n_(
            "Delete the {n} message the search found, for good?",
            "Delete the {n} messages the search found, for good?",
            len(numbers),
        )
        every = n_(
            "Delete all mail, {n} message, for good?",
            "Delete all mail, {n} messages, for good?",
            len(numbers),
        )
        self._ask_away(some if listing.query else every, numbers)

    def _ask_away(self, title: str, numbers: Sequence[int]) -> None:
        panel = self._panel

        def gone(count: int) -> None:
            panel.let_go(numbers)
            panel.say(n_("Deleted {n} message.", "Deleted {n} messages.", count))

        def away() -> Work:
            return self._answer(_("Deleting …"), lambda: panel.inbox.clear(numbers), gone)

        if numbers:
            self.drawer.ask(title, [], _("Delete"), away, danger=True)
        else:
            panel.say(_("There is nothing to delete."))

    # --- doing --------------------------------------------------------------------------------

    def _change(self, act: Callable[[], int], said: Callable[[int], str]) -> None:
        def done(count: int) -> None:
            self._panel.refresh()
            self._panel.say(said(count))

        self._work(_("Working …"), act, done)

    def _point_at(self, name: str) -> None:
        self._panel.manners.point_at(name)

    def _answer(self, doing: str, act: Callable[[], Any], done: Callable[[Any], None]) -> Work:
        """Do what was asked about: only when it is done nothing is asked any more."""
        panel = self._panel

        def answered(found: Any) -> None:
            self.drawer.shut()
            done(found)

        def failed(error: Exception) -> None:
            self.drawer.wake()
            panel.tell_error(error)

        panel.say("")
        panel.work.start(doing, act, answered, failed=failed, stopped=self.drawer.wake)
        return panel.work

    def _work(self, doing: str, act: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self._panel.say("")
        self._panel.work.start(doing, act, done, failed=self._panel.tell_error)
