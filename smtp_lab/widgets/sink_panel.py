"""The bundled sink: start and stop it, see who comes and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.archive.visits import Tally
from smtp_lab.config import ProfileBook
from smtp_lab.errors import InputError, PortInUseError, SmtpLabError
from smtp_lab.inbox.visits import counted
from smtp_lab.sink import Sink
from smtp_lab.sink.door import DOORS, PORTS
from smtp_lab.sink.exposure import is_local
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.fold import Fold
from smtp_lab.widgets.panel import Panel, button
from smtp_lab.widgets.said import told_by_field
from smtp_lab.widgets.sessions_table import Sessions
from smtp_lab.widgets.sink_draft import SinkDraft
from smtp_lab.widgets.sink_form import DOOR_NAMES, SinkForm
from smtp_lab.widgets.sink_offer import begin_sink
from smtp_lab.widgets.sink_way_in import SinkWayIn
from smtp_lab.widgets.turns import TURN, in_turn
from smtp_lab.widgets.watch import Watch
from smtp_lab.widgets.words import N_, _, number

__all__ = ("SinkPanel",)

_LOOK = 1.0  # seconds between two looks


class SinkPanel(Panel):
    """The bundled mail server: its settings, its life, and its sessions.

    Args:
        sink: The sink; by default a new one, which is started by a button.
        book: The profiles; the default book unless given.
        desk: What it shares with other panels; its `sink` is the one at hand.

    Attributes:
        watching: Looks at the sink once a second.
        form: The settings.
        sessions: Who came.
        way_in: How clients get to it.
    """

    id = "sink"
    title = N_("Sink")

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        book: ProfileBook | None = None,
        desk: Desk | None = None,
    ) -> None:
        desk = desk_of(desk, book, sink)
        self.watching = Watch(
            self.look_or_say, lambda: self.manners.shown, every=_LOOK, name="smtp-lab-sink-panel"
        )
        says = self.make_says()
        self._sink: Sink | None = None
        self._ran = self._failing = False
        self.state, self.numbers, self.changed = w.HTML(), w.HTML(), w.HTML()
        self.changed.add_class("smtp-lab-live")
        self.start_button = button(
            _("Start sink"), self.start, style="primary", mark="smtp-lab-at-start"
        )
        self.stop_button = button(
            *(_("Stop sink"), self.stop, _("Mail on its way is finished and kept")),
            mark="smtp-lab-at-stop",
        )
        self.restart_button = button(_("Restart with these settings"), self.restart)
        bar = w.HBox([self.start_button, self.stop_button, self.restart_button, self.changed])
        bar.add_class("smtp-lab-bar")
        self.sessions = Sessions(lambda: self.desk.inbox.archive, self.try_to)
        self.way_in = SinkWayIn(self.add_profile)
        self.form = SinkForm(self._typed, self._point_at)
        self._applied = self.form.draft
        self.connect = Fold(_("Connect a client"), [self.way_in])
        self.settings = Fold(_("Settings"), [self.form], unfolded=desk.sink is None)
        title = w.HTML("<h3>" + escape(_("Sessions")) + "</h3>")
        parts = [self.state, bar, says, self.numbers, self.connect, self.settings]
        super().__init__(desk, [*parts, title, self.sessions])
        self.work.on_busy(lambda _now: self._show_buttons())
        desk.sink_to_start = self._to_start
        desk.on("sink", lambda _sink: self._take())
        self._take()

    @property
    def running(self) -> bool:
        """Whether the sink at hand listens."""
        return self.desk.sink is not None and self.desk.sink.running

    def code(self) -> str:
        """The lines that start the same sink."""
        return self.form.draft.code()

    def close(self) -> None:
        """End looking at the sink, which goes on, and take the panel away."""
        if hasattr(self, "watching"):  # one that could not be made is closed when it is let go
            self.watching.end()
        super().close()

    def on_shown(self) -> None:
        """Look at the sink and the book; done when the panel comes into a page."""
        super().on_shown()
        self.watching.begin()

    def __repr__(self) -> str:
        return f"<SinkPanel on {self.desk.sink!r}>"

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the sink with the settings of the form; what Start sink does."""
        self._begin(_("Starting the sink …"), lambda: self._to_start().start())

    def _to_start(self) -> Sink:
        same = self.desk.sink if self.form.draft == self._applied else None
        return same or self.form.draft.sink()

    def stop(self) -> None:
        """Stop the sink; what Stop sink does."""
        sink = self.desk.sink
        if sink is None:
            return
        self.say("")
        self.work.start(
            _("Finishing what is on its way …"),
            sink.stop,
            lambda _nothing: self._stopped(sink),
            failed=self.tell_error,
        )

    def restart(self) -> None:
        """Stop the sink and start it with the settings of the form."""
        draft, old = self.form.draft, self.desk.sink

        def act() -> Sink:
            new = draft.sink()  # first: with a wrong setting the sink goes on as it is
            if old is not None:
                old.stop()
            try:
                return new.start()
            except SmtpLabError:
                if old is not None:
                    old.start()
                raise

        self._begin(_("Restarting the sink …"), act)

    def _begin(self, doing: str, act: Callable[[], Sink]) -> None:
        self.form.clear()
        self.say("")
        begin_sink(self.work, act, self._started, self.tell_error, doing)

    def _started(self, sink: Sink) -> None:
        self.desk.use_sink(sink)
        self.desk.tell("book")  # the built-in profile leads to it now
        self.settings.unfold(shown=False)
        self.say(_("The sink is running."))
        self.manners.point_at("smtp-lab-at-stop", gently=True)

    def _stopped(self, sink: Sink) -> None:
        self._ran = False
        self.desk.tell("sink", sink)
        self.desk.tell("book")
        self.settings.unfold(shown=True)
        self.say(_("The sink is stopped. What it captured stays readable."))
        self.manners.point_at("smtp-lab-at-start", gently=True)

    def add_profile(self) -> None:
        """Save a profile that leads to the sink, and choose it; what Add a profile for it does."""
        name, sink = self.way_in.name.value.strip(), self.desk.sink
        if sink is None:
            return
        if name in self.desk.book:
            self.way_in.note.say(_("There is a profile of that name; give another."))
            self._point_at("smtp-lab-at-sink-name")
            return
        try:
            self.desk.book.save(sink.profile(name))
        except InputError as error:
            self.way_in.note.say(" ".join(told_by_field(error).values()))
            self._point_at("smtp-lab-at-sink-name")
            return
        self.desk.tell("book")
        self.desk.choose(name)
        self.say(_("Saved as {name}, which leads to this sink.").format(name=name))

    # --- what is wrong ------------------------------------------------------------------------

    def tell_error(self, error: Exception) -> None:
        """Say what went wrong, a port that is taken at its field."""
        if isinstance(error, PortInUseError):
            taken = _("Port {port} is already in use; give another, or 0 for a free one.")
            sentence = taken.format(port=error.port)
            asked = self.form.draft.doors
            at = [PORTS[d] for d in DOORS if asked[d].open and asked[d].port == str(error.port)]
            self._say_at_fields({at[0] if at else "": sentence})
            return
        super().tell_error(error)

    def show_problems(self, error: InputError) -> None:
        """Say what cannot be used, each at its field."""
        names = {"message": "max_size", "age": "days", "bytes": "octets"}
        self._say_at_fields({names.get(f, f): said for f, said in told_by_field(error).items()})

    def _say_at_fields(self, sentences: dict[str, str]) -> None:
        self.settings.unfold(shown=True)
        rest = self.form.say(sentences)
        self.say(" ".join(rest) or _("Correct the settings below."), wrong=True)

    # --- what it shows ------------------------------------------------------------------------

    @in_turn
    def look(self) -> None:
        """Show how things are now; done once a second as long as the panel is there."""
        sink = self.desk.sink
        if sink is None:
            return
        running = sink.running
        if running != self._ran:
            self._show_state()
            if not running and not self.work.running:
                self.say(_("The sink has stopped; start it again."), wrong=True)
        found = counted(sink.archive)
        self.numbers.value = _numbers(found, sink.connected if running else None)
        self.sessions.look(found.sessions)
        self._failing = False

    def look_or_say(self) -> None:
        """As `look`; what goes wrong is said once."""
        try:
            self.look()
        except Exception as error:  # noqa: BLE001  # there is nobody else to tell
            with TURN:
                if not self._failing:
                    self._failing = True
                    self.tell_error(error)

    def _take(self) -> None:
        """Show the sink at hand, which may be another one, or have started or stopped."""
        sink = self.desk.sink
        if sink is not self._sink:
            self._sink = sink
            self.form.put(SinkDraft.of(sink) if sink is not None else SinkDraft.fresh())
            self._applied = self.form.draft
            self.sessions.begin_anew()
        self._show_state()
        self.look_or_say()
        self.show_code()

    def _show_state(self) -> None:
        sink = self.desk.sink
        self._ran = running = self.running
        how = _("Running") if running else _("Stopped") if sink else _("No sink yet")
        mark = ' class="smtp-lab-good"' if running else ""
        parts = [f"<b{mark}>{escape(how)}</b>"]
        if sink is not None and running:
            local = is_local(sink.host)
            where = _("on this machine only") if local else _("BEYOND THIS MACHINE")
            parts.append(escape(where))
            for door in sink.settings.doors:
                name, port = escape(_(DOOR_NAMES[door])), getattr(sink, PORTS[door])
                parts.append(f"{name} <b>{port}</b>")
            self.way_in.show(sink)
        if sink is not None:
            kept = escape(_("Archive") + " " + sink.archive.name)
            parts.append(f'<span class="smtp-lab-quiet">{kept}</span>')
        spans = "".join(f"<span>{part}</span>" for part in parts)
        self.state.value = f'<div class="smtp-lab-sink-state">{spans}</div>'
        self.numbers.layout.display = "" if sink is not None else "none"
        self.connect.layout.display = "" if running else "none"
        self._show_buttons()

    def _show_buttons(self) -> None:
        busy, running = self.work.running, self.running
        changed = running and self.form.draft != self._applied
        self.start_button.disabled = busy or running
        self.stop_button.disabled = busy or not running
        self.restart_button.disabled = busy or not changed
        self.restart_button.layout.display = "" if running else "none"
        said = _("The settings were changed: they count after a restart.") if changed else ""
        if changed and self.desk.sink is not None and self.desk.sink.temporary:
            said += " " + _("What the temporary archive holds is gone then.")
        self.changed.value = f'<span class="smtp-lab-warn">{escape(said)}</span>' if said else ""

    def _typed(self) -> None:
        self._show_buttons()
        self.show_code()

    def _point_at(self, name: str) -> None:
        self.manners.point_at(name)


def _numbers(found: Tally, connected: int | None) -> str:
    shown: dict[str, Any] = {
        _("Messages"): found.messages,
        _("Sessions"): found.sessions,
        _("Refused"): found.refused,
        _("Octets"): found.octets,
    }
    if connected is not None:
        shown[_("Connected now")] = connected
    cells = "".join(
        f"<div><span>{escape(name)}</span> <b>{number(count)}</b></div>"
        for name, count in shown.items()
    )
    return f'<div class="smtp-lab-numbers">{cells}</div>'
