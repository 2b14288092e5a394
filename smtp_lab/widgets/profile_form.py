"""The form on a profile: fill in, see what is wrong beside the field, save, test."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from smtp_lab.config import Profile, ProfileBook, Provider
from smtp_lab.config.paths import tilde
from smtp_lab.deliver import Checkup, Delivery, doctor, send_test
from smtp_lab.errors import InputError
from smtp_lab.language import told, told_problem
from smtp_lab.widgets import as_code
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.drafts import Drafts
from smtp_lab.widgets.form_buttons import FormButtons
from smtp_lab.widgets.form_fields import FormFields
from smtp_lab.widgets.form_head import FormHead, advice_list
from smtp_lab.widgets.given import check_profile, check_to
from smtp_lab.widgets.login_box import LoginBox
from smtp_lab.widgets.outcome_view import OutcomeView
from smtp_lab.widgets.panel import Panel
from smtp_lab.widgets.provider_picker import ProviderPicker
from smtp_lab.widgets.recipient import Recipient
from smtp_lab.widgets.rows import Note
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.sink_offer import SinkOffer
from smtp_lab.widgets.words import N_, _, n_

__all__ = ("ProfileForm",)


class ProfileForm(Panel):
    """A form on a `Profile`, with Save, Revert, Test and Doctor.

    The form shows a `Draft` and holds no truth of its own: `profile` is built from the fields and
    checked by the config module whenever it is asked for. Another profile can be taken in hand at
    any time; what was typed for the one before is still there when one comes back.

    Args:
        profile: What to start from, or the name of one in the book; an empty form by default.
        book: Where Save writes; the default book unless given.
        to: Who gets the test mail; by default the sender.
        desk: What it shares with other panels.

    Attributes:
        draft: What stands in the form.
        delivery: What became of the last test mail, or None.
        checkup: What the doctor found last, or None.

    Raises:
        UnknownNameError: There is no profile of that name.
        InputError: An argument is something else.
    """

    id = "form"
    title = N_("Profile form")

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
        profile = desk.book[profile] if isinstance(profile, str) else profile
        self._says = self.make_says()
        self.delivery: Delivery | None = None
        self.checkup: Checkup | None = None
        self._drafts = Drafts(desk, profile)
        self._touched: set[str] = set()
        self._replacing = ""  # a name the next Save may take from another profile
        self._filling = False
        self.login = LoginBox(self.work, self._right, self.say, self.tell_error)
        self.form = FormFields(self._changed, self.login)
        self.rows = self.form.rows
        self.fields: dict[str, Any] = {key: row.input for key, row in self.rows.items()}
        self.alerts: dict[str, Note] = {key: row.note for key, row in self.rows.items()}
        self.recipient = Recipient()
        self.fields["to"], self.alerts["to"] = self.recipient.input, self.recipient.note
        self.recipient.input.value = to
        self.result = OutcomeView(self.go_to, self._name_of, self._may_change)
        self.guide = w.HTML()
        self.picker = ProviderPicker(self.work, self._fill_in, self._guide, self.tell_error)
        self.head = FormHead(self._pick, self.picker)
        self.advice = w.HTML()
        self.buttons = FormButtons(self.save, self.revert, self.send_test, self.check)
        self.save_button, self.revert_button = self.buttons.save, self.buttons.revert
        self.send_button, self.doctor_button = self.buttons.send_test, self.buttons.doctor
        super().__init__(desk, self._body())
        self.sink_offer = SinkOffer(self, self.result, self.buttons.send_test)
        self._listen()
        self._take(self._drafts.current)

    # --- how it is made -----------------------------------------------------------------------

    def _body(self) -> list[w.Widget]:
        below = [self.recipient, self.buttons, self._says, self.advice]
        fields = w.VBox([self.form, *below])
        columns = w.HBox([fields, self.guide])
        self.guide.add_class("smtp-lab-guide")
        columns.add_class("smtp-lab-columns")
        return [self.head, columns, self.result]

    def _listen(self) -> None:
        self.recipient.on_typed(self._show_state)
        self.work.on_busy(self._show_busy)
        self.desk.on("chosen", self._chosen)
        self.desk.on("book", lambda _what: self._book_changed())
        self.desk.on("field", lambda where: self.go_to(*where))
        self.desk.draft = lambda: self.profile

    # --- what the form says -------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """What stands in the form."""
        return self._drafts.current

    @property
    def profile(self) -> Profile:
        """The profile as the fields have it.

        Raises:
            InputError: It cannot be built; every bad field is named.
        """
        return self.draft.profile()

    @property
    def book(self) -> ProfileBook:
        """Where Save writes."""
        return self.desk.book

    def save(self) -> None:
        """Write the profile to the book; what Save does."""
        profile = self._right()
        if profile is None:
            return
        taken = self.try_to(lambda: profile.name in self.book)
        if taken and profile.name not in (self._drafts.name, self._replacing):
            self._replacing = profile.name
            sentence = _("There is a profile {name} already: press Save again to replace it.")
            self.say(sentence.format(name=profile.name))
            return

        def write() -> bool:
            self.book.save(profile)
            return True

        if self.try_to(write):
            self._replacing = ""
            kept = _(" Its secrets are kept in {where}.").format(where=self.book.secrets.where)
            said = _("Saved as {name} in {file}.").format(
                name=profile.name, file=tilde(self.book.path)
            )
            self._drafts.saved(profile)
            self.desk.choose(profile.name)
            self.say(said + (kept if profile.secrets else ""))
            self.desk.look()
            self.desk.tell("book")
            self._ask_again(said)

    def _ask_again(self, said: str) -> None:
        """Say which secret is missing in what was saved: what there was, was for another server."""
        if awaited := self.draft.awaited:
            names = ", ".join(_(self.rows[key].field.label) for key in awaited)
            missing = _("It is not complete: type again, and save: {names}.").format(names=names)
            self.say(said + " " + missing, wrong=True)
            self.manners.point_at(self.rows[awaited[0]].mark)

    def revert(self) -> None:
        """Take back what is not saved; what Revert does."""
        self._drafts.revert()
        self._touched.clear()
        self._take(self.draft)
        self.say(_("Everything is as it was saved."))

    def send_test(self) -> None:
        """Send a test mail and show what happened; what Send test does."""
        self.delivery = None
        self.result.clear()
        profile = self._right()
        if profile is None:
            return
        to, book = self.recipient.to, self.book
        self.say("")
        self.work.start(
            _("Sending through {server} …").format(server=profile.connection.endpoint),
            lambda: send_test(profile, to=to, book=book),
            self._sent,
            failed=lambda error: self._failed(profile.name, error),
            stopped=lambda: self.say(_("Nobody waits for it any more; it may still be sent.")),
        )

    def check(self) -> None:
        """Go through the connection stage by stage; what Doctor does."""
        self.checkup = None
        self.result.clear()
        profile = self._right()
        if profile is None:
            return
        to, book, others = self.recipient.to, self.book, self.buttons.others.value
        others = others and self.draft.values["connection.type"] == "smtp"
        self.say("")
        self.work.start(
            _("Looking at {server} …").format(server=profile.connection.endpoint),
            lambda: doctor(profile, to=to, others=others, book=book),
            self._checked,
            failed=lambda error: self._failed(profile.name, error),
            stopped=lambda: self.say(_("Nobody waits for it any more.")),
        )

    def go_to(self, path: str, said: str = "") -> None:
        """Put the focus on the field with the dotted name *path*, with *said* below it."""
        key = "to" if path == "to" else self.draft.key_of(path)
        if key is None:
            return
        if key != "to":
            self.form.reveal([key])
            if said:
                self.rows[key].say(said)
        self.desk.tell("open", self.id)
        self.manners.point_at("smtp-lab-at-to" if key == "to" else self.rows[key].mark)

    def arrive(self) -> None:
        """Put the focus on the name of a new profile, else on which profile it is."""
        self.manners.point_at("smtp-lab-at-which" if self._drafts.name else self.rows["name"].mark)

    def code(self) -> str:
        """The lines that build, save and test the profile."""
        try:
            lines = list(as_code.profile_lines(self.profile))
        except InputError:
            return _("# Correct the fields above first.")
        to = f", to={self.recipient.to!r}" if self.recipient.to else ""
        lines += [
            "",
            as_code.open_book(self.book),
            "book.save(profile)",
            f"lab.send_test(profile{to}, book=book)",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ProfileForm {self.draft.values['name'] or 'of a new profile'}>"

    # --- what happens -------------------------------------------------------------------------

    def _take(self, draft: Draft) -> None:
        """Show *draft*."""
        self._filling = True
        try:
            self.form.put(draft)
        finally:
            self._filling = False
        self._touched.clear()
        self.result.clear()
        self.recipient.suggest(self.book, self._drafts.name)
        self._show_state()

    def _changed(self, key: str) -> None:
        if self._filling:
            return
        box = self.rows[key].input
        if isinstance(box, SecretBox):
            if box.secret is not None:
                self.draft.type_secret(key, box.secret)
        else:
            self.draft.values[key] = box.value
        self._touched.add(key)
        self._replacing = ""
        self._show_state()

    def _show_state(self) -> None:
        """Show what follows from what stands in the fields: which apply, and what is wrong."""
        draft = self.draft
        self.form.follow(self._drafts)
        values = draft.values
        needs_login = LoginBox.is_for(
            values["connection.type"], values["connection.auth"], values["connection.auth.grant"]
        )
        self.login.layout.display = "" if needs_login else "none"
        self._show_problems(draft.problems(), self._touched)
        self.advice.value = advice_list(draft)
        self.head.show(self._drafts)
        self.save_button.disabled = self.book.locked
        self.revert_button.disabled = not draft.changed
        self.show_code()

    def _show_problems(self, found: dict[str, str], only: set[str]) -> None:
        self.form.say(self.draft, found, only)
        if "to" in only:
            self.recipient.note.say(found.get("to", ""))

    def show_problems(self, error: InputError) -> None:
        """Say each problem at its field, and below the buttons how many there are."""
        found, rest = self.draft.placed(error)
        for_to = [told_problem(p.problem, p.fix) for p in error.problems if p.field == "to"]
        if for_to:
            found["to"] = " ".join(for_to)
            others = [p for p in error.problems if p.field != "to"]
            rest = self.draft.placed(InputError(*others))[1] if others else []
        if self.login.layout.display == "" and "connection.auth.grant" in found:
            found["connection.auth.grant"] = _("Nobody has logged in yet: press Log in.")
        self._touched |= set(found)
        self._show_problems(found, {*self.rows, "to"})
        self.form.reveal(found)
        count = len(found)
        said = [n_("{n} field to correct above.", "{n} fields to correct above.", count)]
        self.say(" ".join(said * bool(count) + rest), wrong=True)
        if found:
            first = next(key for key in (*self.rows, "to") if key in found)
            self.manners.point_at(self.rows[first].mark if first != "to" else "smtp-lab-at-to")

    def _right(self) -> Profile | None:
        """The profile, where it can be built; else what is wrong is said."""
        found = self.try_to(lambda: self.profile)
        return found if isinstance(found, Profile) else None

    def _failed(self, name: str, error: Exception) -> None:
        if not self.sink_offer.fits(name, error):
            self.tell_error(error)

    def _sent(self, delivery: Delivery) -> None:
        self.delivery = delivery
        if self.sink_offer.fits(delivery.profile, delivery):
            return
        self.result.show_delivery(delivery)
        if delivery.diagnosis is not None and not delivery.ok:
            key = self.draft.key_of(delivery.diagnosis.field)
            note = self.recipient.note if delivery.diagnosis.field == "to" else None
            if key is not None:
                note = self.rows[key].note
            if note is not None:
                note.say(told(delivery.diagnosis.meaning))
        self.desk.tell("book")

    def _checked(self, checkup: Checkup) -> None:
        self.checkup = checkup
        if not self.sink_offer.fits(checkup.subject, checkup):
            self.result.show_checkup(checkup)

    def _show_busy(self, now: bool) -> None:  # as Work tells it
        for one in (self.send_button, self.doctor_button, self.login.begin_button):
            one.disabled = now

    # --- other profiles, other people ---------------------------------------------------------

    def _pick(self, name: str) -> None:
        self.desk.choose(name)

    def _chosen(self, name: str) -> None:
        self.try_to(lambda: self._drafts.choose(name))
        self.say("")
        self._take(self.draft)

    def _book_changed(self) -> None:
        changed = self._drafts.refresh()
        if changed:
            self._take(self.draft)
        else:
            self.head.show(self._drafts)
        if self.draft.changed and self._drafts.differs:
            self.say(_("The saved profile is another one now; Revert shows it."))

    def _fill_in(self, made: Profile, empty: tuple[str, ...]) -> None:
        """Take over what a provider's facts make of a profile."""
        fresh = Draft(made)
        kept = {"name", "reply_to", "description", "signature", "recipients_as", "save_to_sent"}
        for key, value in fresh.values.items():
            if key in kept or not fresh.applies(key) or (key in empty and self.draft.values[key]):
                continue
            if key == "sender" and self.draft.values["sender"]:
                continue
            self.draft.values[key] = "" if key in empty else value
        self._take(self.draft)
        self.say("")

    def _guide(self, found: Provider | None) -> None:
        self.guide.value = found.guide().as_html(told) if found is not None else ""
        self.guide.layout.display = "" if found is not None else "none"

    def _name_of(self, path: str) -> str:
        if path == "to":
            return _("Send test to")
        key = self.draft.key_of(path)
        return _(self.rows[key].field.label) if key is not None else ""

    def _may_change(self, path: str) -> bool:
        key = self.draft.key_of(path)
        return path == "to" or (key is not None and not self._drafts.locked(key))
