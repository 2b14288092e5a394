"""Compose a mail: its template, its data and its files beside how it looks; then send it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.config import Profile, ProfileBook
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.deliver import Batch, Delivery
from smtp_lab.deliver.arguments import check_kind
from smtp_lab.errors import InputError, SinkError, SmtpLabError
from smtp_lab.language import told
from smtp_lab.sink import Sink
from smtp_lab.widgets import compose_code
from smtp_lab.widgets.attachments_box import AttachmentsBox
from smtp_lab.widgets.data_fields import DataFields
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.given import check_profile, check_to, stands_in
from smtp_lab.widgets.later import Later
from smtp_lab.widgets.letter import Letter
from smtp_lab.widgets.mail_preview import MailPreview
from smtp_lab.widgets.merge_box import MergeBox
from smtp_lab.widgets.outcome_view import OutcomeView
from smtp_lab.widgets.panel import Panel, button
from smtp_lab.widgets.placed import placed
from smtp_lab.widgets.quiet_html import QuietHtml
from smtp_lab.widgets.recipient import Recipient
from smtp_lab.widgets.rows import LAYOUT, STYLE, Note, text_field
from smtp_lab.widgets.sink_offer import SinkOffer
from smtp_lab.widgets.template_picker import TemplatePicker
from smtp_lab.widgets.turns import TURN, in_turn
from smtp_lab.widgets.words import N_, _

__all__ = ("ComposePanel",)


class ComposePanel(Panel):
    """A mail from a template: what it says, how it looks, what checks find, and its sending.

    What it shows and sends is what `render` makes. A table or a figure is taken from the notebook
    by the name of its variable.

    Args:
        template: As for `render`: the first one to show.
        data: Variables; the template's sample for those that are not given.
        to: Who gets it; by default the sender.
        sink: Where it is sent, if not through a profile.
        profile: Through which it is sent; by default the sink, or the one at hand.
        book: The profiles; the default book unless given.
        desk: What it shares with other panels.

    Attributes:
        delivery: What became of the last mail, or None.

    Raises:
        InputError: There is no such template or profile, or an argument is something else.
    """

    id = "compose"
    title = N_("Compose")
    SINK, GIVEN = "/sink", "/given"  # choices that are no profile of the book; no name has a slash

    def __init__(  # noqa: PLR0913  # each is a part of a mail, all but the first two by name
        self,
        template: Any = "report",
        data: Mapping[str, Any] | None = None,
        *,
        to: str = "",
        sink: Sink | None = None,
        profile: Profile | str | None = None,
        book: ProfileBook | None = None,
        desk: Desk | None = None,
    ) -> None:
        check_kind("data", data, Mapping, "give a dict")
        check_profile(profile)
        check_to(to)
        desk = desk_of(desk, book, sink)
        name = stands_in(desk.book, profile) if profile and isinstance(profile, str) else ""
        self._data = dict(data or {})
        self._profile_given = profile if isinstance(profile, Profile) else None
        self._drawn: dict[int, tuple[Any, Any]] = {}
        self.later = Later(self.draw)
        self.delivery: Delivery | None = None
        self.picker = TemplatePicker(template, self._template_changed)
        self.fields = DataFields(self.changed)
        super().__init__(desk, self._body(to))
        self._connect()
        self.try_to(lambda: self._show_profiles(name))
        self._template_changed()

    def _body(self, to: str) -> list[w.Widget]:
        says = self.make_says()
        self.look_button = button(
            _("Look again"), self.look, _("Look for tables and figures in the notebook")
        )
        self.through = w.Dropdown(
            description=_("Send through"), options=[], style=STYLE, layout=LAYOUT
        )
        self.recipient = Recipient(_("To"), _("Empty: the sender. Several: commas between them."))
        self.recipient.input.value = to
        self.subject = text_field(_("Subject"), _("Empty: the template's."))
        self.subject_note = Note()
        self.attachments = AttachmentsBox(self.changed)
        self.merge = MergeBox(self.check_rows)
        self.send_button = button(_("Send"), self.send_mail, "", "primary", mark="smtp-lab-once")
        self.received_button = button(
            _("Look at it as received"), self.show_received, _("What the sink has of it")
        )
        self.received_button.add_class("smtp-lab-at-received")
        self.received_button.layout.display = "none"
        self.received = QuietHtml()
        self.result = OutcomeView(lambda _path: None, lambda _path: "", lambda _path: False)
        self.view, self.alert = MailPreview(), w.HTML()
        self.alert.add_class("smtp-lab-live")
        subject = w.VBox([self.subject, self.subject_note])
        subject.add_class("smtp-lab-row")
        subject.add_class("smtp-lab-at-subject")
        look, send = w.HBox([self.look_button]), w.HBox([self.send_button, self.received_button])
        for bar in (look, send):
            bar.add_class("smtp-lab-bar")
        left = w.VBox(
            [
                self.picker,
                *_titled(_("What it says"), self.fields, look),
                *_titled(_("Who gets it"), self.through, self.recipient, subject),
                *_titled(_("Files"), self.attachments),
            ]
        )
        right = w.VBox([self.alert, self.view])
        right.add_class("smtp-lab-beside")
        self.columns = w.HBox([left, right])
        self.columns.add_class("smtp-lab-columns")
        self.columns.add_class("smtp-lab-even")
        sent = [send, says, self.result, self.received]
        return [self.columns, *sent, *_titled(_("A mail for each row"), self.merge)]

    def _connect(self) -> None:
        self.recipient.on_typed(self.changed)
        for field in (self.subject, self.through):
            field.observe(lambda _change: self.changed(), "value")
        self.view.width.observe(lambda _change: self._make_room(), "value")
        self.sink_offer = SinkOffer(self, self.result, self.send_button)
        self.work.on_busy(self._show_busy)
        self.desk.on("chosen", self._show_profiles)
        self.desk.on("book", lambda _what: self._show_profiles(""))
        self.desk.on("sink", lambda _sink: self._show_profiles(""))

    # --- what it is ---------------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """Through which the mail is sent.

        Raises:
            SinkError: The sink is not running.
        """
        name = self.through.value
        if name == self.SINK and self.desk.sink is not None:
            return self.desk.sink.profile()
        if name == self.GIVEN and self._profile_given is not None:
            return self._profile_given
        return self.desk.book[name]

    def letter(self, *, data: Mapping[str, Any] | None = None, draft: bool = False) -> Letter:
        """The mail as the panel has it.

        Args:
            data: Its variables, when not those of the fields.
            draft: Whether a sink that is not running does not matter.

        Raises:
            InputError: Something that was typed cannot be used.
        """
        try:
            profile = self.profile
        except SinkError:
            if not draft:
                raise
            profile = self.desk.book[LAB]
        return Letter(
            self.picker.template,
            self.fields.data() if data is None else data,
            self.recipient.to or profile.address,
            profile,
            self.desk.book,
            {**self.options, "attachments": self.attachments.content() or None},
        )

    @property
    def options(self) -> dict[str, Any]:
        """Further arguments of `render`, without the files; None where the default is meant."""
        return {
            "subject": self.subject.value.strip() or None,
            "language": self.picker.language.value,
            "theme": self.picker.theme.value or None,
        }

    def code(self) -> str:
        """The lines that make and send the same mail, or one for each row."""
        return compose_code.lines(self)

    # --- looking ------------------------------------------------------------------------------

    def changed(self) -> None:
        """Show soon how the mail looks now; what each field does that is typed in."""
        self.merge.forget()
        self.show_code()
        self.later.ask()

    def look(self) -> None:
        """Look at the notebook's variables, and draw its figures, again; what Look again does."""
        self._drawn.clear()
        for box in (self.fields, self.attachments, self.merge):
            box.look()
        self.changed()

    def draw(self) -> None:
        """Show how the mail looks now; what is wrong is said at its field."""
        try:
            letter = self.letter(draft=True)
            try:
                seen, wrong = letter.seen(self._drawn), None
            except InputError as error:
                if set(error.by_field) != {"to"}:
                    raise
                # Whoever it is for, it can be looked at.
                letter = Letter(**{**vars(letter), "to": letter.profile.address})
                seen, wrong = letter.seen(self._drawn), error
            with TURN:
                self.view.show(seen)
                self._mark(wrong)
        except Exception as error:  # noqa: BLE001  # nobody else would hear of it
            self._mark(error)

    @in_turn
    def _mark(self, error: Exception | None) -> None:
        """Say what is wrong with the mail beside its field, or else beside the preview."""
        here, fields, rest = placed(error, set(self.fields.fields))
        self.fields.say(fields)
        notes = {
            "template": self.picker.note,
            "to": self.recipient.note,
            "subject": self.subject_note,
            "attachments": self.attachments.note,
        }
        for place, note in notes.items():
            note.say(here.get(place, ""))
        if rest:
            self.alert.value = f'<p class="smtp-lab-wrong" role="alert">{escape(rest)}</p>'
        elif fields or set(here) - {"to"}:
            text = _("This is the mail as it was: correct what is marked.")
            self.alert.value = f'<p class="smtp-lab-warn">{escape(text)}</p>'
        else:
            self.alert.value = ""

    # --- sending ------------------------------------------------------------------------------

    def send_mail(self) -> None:
        """Send the mail and show what happened; what Send does."""
        self._forget_outcome()

        def begin() -> None:
            letter = self.letter()
            self.work.start(
                _("Sending through {server} …").format(server=letter.profile.name),
                letter.deliver,
                self._sent,
                failed=lambda error: self._failed(letter.profile.name, error),
                stopped=lambda: self.say(_("Nobody waits for it any more; it may still be sent.")),
            )

        try:
            begin()
        except Exception as error:  # noqa: BLE001  # an error in a handler shows nowhere else
            self._failed(LAB if self.through.value == self.SINK else "", error)

    def show_received(self) -> None:
        """Show what the sink has of the mail; what Look at it as received does."""
        sent, sink = self.delivery, self.desk.sink
        if sent is None or sink is None:
            return

        def find() -> None:
            found = sink.inbox.search(f'message-id:"{sent.message_id.strip("<>")}"')
            self.received.html = found[-1].as_html(told)  # how a notebook shows it

        self.try_to(find)

    def check_rows(self) -> None:
        """Make a mail for each row, and send none; what Check the rows does."""
        self._forget_outcome()
        self.merge.forget()

        def begin() -> None:
            data = self.fields.data(without=self.merge.columns, own=True)
            merge = self.merge.merge(self.letter(data=data))
            self.work.start(
                _("Checking the rows …"), merge.batch, self._ready, failed=self._not_ready
            )

        try:
            begin()
        except Exception as error:  # noqa: BLE001  # an error in a handler shows nowhere else
            self._not_ready(error)

    def show_problems(self, error: InputError) -> None:
        """Say what cannot be used: beside its field where there is one."""
        self._mark(error)
        self.say(_("Not sent: correct what is marked."), wrong=True)

    def __repr__(self) -> str:
        return f"<ComposePanel on {self.picker.which.label}>"

    def _forget_outcome(self) -> None:
        self.delivery = None
        self.result.clear()
        self.received.html = ""
        self.received_button.layout.display = "none"
        self.say("")

    def _sent(self, delivery: Delivery) -> None:
        self.delivery = delivery
        if self.sink_offer.fits(delivery.profile, delivery):
            return
        self.result.show_delivery(delivery)
        received = delivery.ok and self.through.value == self.SINK
        if received:
            self.received_button.layout.display = ""
        where = "smtp-lab-at-received" if received else "smtp-lab-at-sending"
        self.manners.point_at(where, gently=True)

    def _failed(self, name: str, error: Exception) -> None:
        if not self.sink_offer.fits(name, error):
            self.tell_error(error)

    def _ready(self, batch: Batch) -> None:
        self.merge.show_batch(batch)
        self.desk.batch = batch

    def _not_ready(self, error: Exception) -> None:
        if isinstance(error, InputError):
            self.merge.show_problems(error.problems)
        else:
            self.tell_error(error)

    # --- what there is to choose --------------------------------------------------------------

    def _template_changed(self) -> None:
        """Make the fields of the template, where it can be read."""
        with contextlib.suppress(SmtpLabError):  # the preview says it
            self.fields.show(self.picker.template, self._data)
        self.changed()

    def _show_profiles(self, name: str) -> None:
        book = self.desk.book
        options = [(one, one) for one in book]
        if self._profile_given is not None:
            options.insert(0, (self._profile_given.name, self.GIVEN))
        if self.desk.sink is not None:
            options.insert(0, (_("the sink at hand"), self.SINK))
        before = self.through.value
        if list(self.through.options) != options:
            self.through.options = options
        known = [value for _label, value in options]
        wanted = name if name in known and before not in (self.SINK, self.GIVEN) else before
        if wanted not in known:
            usual = [self.GIVEN, self.SINK, self.desk.chosen, book.default, *known]
            wanted = next(value for value in usual if value in known)
        self.through.value = wanted
        self._suggest()

    def _suggest(self) -> None:
        name = self.through.value
        self.recipient.suggest(self.desk.book, LAB if name in (self.SINK, self.GIVEN) else name)

    def _make_room(self) -> None:
        wide = self.view.width.value == "desktop"
        (self.columns.add_class if wide else self.columns.remove_class)("smtp-lab-stacked")

    def _show_busy(self, now: bool) -> None:
        self.send_button.disabled = self.merge.check_button.disabled = now


def _titled(title: str, *widgets: w.Widget) -> list[w.Widget]:
    return [w.HTML(f"<h3>{escape(title)}</h3>"), *widgets]
