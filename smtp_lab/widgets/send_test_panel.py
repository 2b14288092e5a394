"""Send a test mail through a profile and see what became of it."""

from __future__ import annotations

from html import escape

import ipywidgets as w

from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.deliver import Delivery, send_test
from smtp_lab.errors import InputError
from smtp_lab.language import told, told_problem
from smtp_lab.widgets import as_code
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.fields import FIELDS
from smtp_lab.widgets.given import check_profile, check_to, stands_in
from smtp_lab.widgets.outcome_view import OutcomeView
from smtp_lab.widgets.panel import Panel, button
from smtp_lab.widgets.recipient import Recipient
from smtp_lab.widgets.rows import LAYOUT, STYLE
from smtp_lab.widgets.said import told_named
from smtp_lab.widgets.sink_offer import SinkOffer
from smtp_lab.widgets.words import N_, _

__all__ = ("SendTestPanel",)


class SendTestPanel(Panel):
    """A test mail: through which profile, to whom, and what came of it.

    Args:
        profile: The name of one in the book, or the profile itself; by default the one at hand, or
            the default of *book*.
        book: The profiles; the default book unless given.
        to: Who gets the mail; by default the sender.
        desk: What it shares with other panels. Beside a form the way from a diagnosis to the field
            it is about is a button.

    Attributes:
        delivery: What became of the last test mail, or None.

    Raises:
        UnknownNameError: There is no profile of that name.
        InputError: The profile is not in the book as it is, or an argument is something else.
    """

    id = "send_test"
    title = N_("Send test")

    def __init__(
        self,
        profile: Profile | str | None = None,
        *,
        book: ProfileBook | None = None,
        to: str = "",
        desk: Desk | None = None,
    ) -> None:
        check_profile(profile)
        check_to(to)
        desk = desk_of(desk, book)
        name = stands_in(desk.book, profile) if profile else ""
        says = self.make_says()
        self.delivery: Delivery | None = None
        self.which = w.Dropdown(description=_("Profile"), options=[], style=STYLE, layout=LAYOUT)
        self.about = w.HTML()
        self.recipient = Recipient()
        self.recipient.input.value = to
        self.send_button = button(
            _("Send test"), self.send_test, _("Send a test mail through this profile"), "primary"
        )
        self.send_button.add_class("smtp-lab-once")
        self.result = OutcomeView(self.go_to, self._name_of, self._may_change)
        bar = w.HBox([self.send_button])
        bar.add_class("smtp-lab-bar")
        super().__init__(
            desk,
            [self.which, self.about, self.recipient, bar, says, self.result],
        )
        self.sink_offer = SinkOffer(self, self.result, self.send_button)
        self.which.observe(lambda _change: self._picked(), "value")
        self.recipient.on_typed(self.show_code)
        self.work.on_busy(self._show_busy)
        desk.on("chosen", self._show_profiles)
        desk.on("book", lambda _what: self._show_profiles(self.which.value or ""))
        self.try_to(lambda: self._show_profiles(name or desk.chosen or desk.book.default))

    def send_test(self) -> None:
        """Send a test mail and show what happened; what Send test does."""
        name, to, book = self.which.value, self.recipient.to, self.desk.book
        if name is None:
            self.say(_("There is no profile yet: make one first."), wrong=True)
            return
        self.delivery = None
        self.result.clear()
        self.say("")
        self.recipient.note.say("")
        self.work.start(
            _("Sending through {server} …").format(server=name),
            lambda: send_test(name, to=to, book=book),
            self._sent,
            failed=lambda error: self._failed(name, error),
            stopped=lambda: self.say(_("Nobody waits for it any more; it may still be sent.")),
        )

    def arrive(self) -> None:
        """Put the focus on the button that sends."""
        self.manners.point_at("smtp-lab-at-sending")

    def code(self) -> str:
        """The lines that send the same test mail."""
        to = f", to={self.recipient.to!r}" if self.recipient.to else ""
        return "\n".join(
            [
                as_code.IMPORT,
                "",
                as_code.open_book(self.desk.book),
                f"delivery = lab.send_test({self.which.value!r}{to}, book=book)",
                "delivery",
            ]
        )

    def go_to(self, path: str) -> None:
        """Put the focus on the field with the dotted name *path*, here or in the form."""
        if path == "to":
            self.manners.point_at("smtp-lab-at-to")
            return
        self.desk.choose(self.which.value)
        found = self.delivery.diagnosis if self.delivery is not None else None
        self.desk.tell("field", (path, told(found.meaning) if found is not None else ""))

    def show_problems(self, error: InputError) -> None:
        """Say what cannot be used: a bad recipient at its field."""
        at_field = [told_problem(p.problem, p.fix) for p in error.problems if p.field == "to"]
        if at_field:
            self.recipient.note.say(" ".join(at_field))
            self.manners.point_at("smtp-lab-at-to")
        rest = [told_named(problem) for problem in error.problems if problem.field != "to"]
        self.say(" ".join(rest) or _("Correct the recipient above."), wrong=True)

    def __repr__(self) -> str:
        return f"<SendTestPanel on {self.which.value or 'no profile'}>"

    def _show_profiles(self, name: str) -> None:
        names = list(self.desk.book)
        if list(self.which.options) != names:
            self.which.options = names
        if name in names:
            self.which.value = name
        self._picked()

    def _picked(self) -> None:
        name = self.which.value
        if name is None:
            return
        self.recipient.suggest(self.desk.book, name)
        self.about.value = _about(self.desk.book[name])
        self.show_code()

    def _show_busy(self, now: bool) -> None:
        self.send_button.disabled = now

    def _sent(self, delivery: Delivery) -> None:
        self.delivery = delivery
        if not self.sink_offer.fits(delivery.profile, delivery):
            self.result.show_delivery(delivery)
        where = "smtp-lab-at-fix" if self.result.fix_button is not None else "smtp-lab-at-sending"
        self.manners.point_at(where, gently=True)
        self.desk.tell("book")

    def _failed(self, name: str, error: Exception) -> None:
        if not self.sink_offer.fits(name, error):
            self.tell_error(error)

    def _may_change(self, path: str) -> bool:
        if path == "to":
            return True
        name = str(self.which.value)
        return name != LAB and not self.desk.book.locked_by(f"profiles.{name}.{path}")

    def _name_of(self, path: str) -> str:
        if path == "to":
            return _("Send test to")
        if self.desk.draft is None or self.which.value is None:
            return ""
        key = Draft(self.desk.book[self.which.value]).key_of(path)
        return _(next((f.label for f in FIELDS if f.key == key), ""))


def _about(profile: Profile) -> str:

    sees = _("Recipients see {sender}; the mail goes through {server} ({login}).").format(
        sender=profile.sender, server=profile.connection.endpoint, login=profile.login
    )
    return f'<div class="smtp-lab-quiet" style="margin-left:calc(12em + 10px)">{escape(sees)}</div>'
