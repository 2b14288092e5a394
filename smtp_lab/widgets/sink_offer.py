"""The way out where mail is to go through the bundled sink, and none is running."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets as w

from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.config.nearby import connections
from smtp_lab.deliver import Checkup, Delivery
from smtp_lab.errors import InputError, SinkError
from smtp_lab.sink import Sink
from smtp_lab.widgets.outcome_view import OutcomeView
from smtp_lab.widgets.panel import Panel
from smtp_lab.widgets.sink_draft import SinkDraft
from smtp_lab.widgets.words import _
from smtp_lab.widgets.work import Work

__all__ = ("SinkOffer", "begin_sink")


class SinkOffer:
    """Says in a panel that the bundled sink is not running, with a button that starts it.

    Args:
        panel: What sends mail.
        result: Where it shows what became of it.
        again: Its button that sends; once the sink is running it gets the focus.
    """

    def __init__(self, panel: Panel, result: OutcomeView, again: w.Button) -> None:
        self._panel, self._result, self._again = panel, result, again
        again.add_class("smtp-lab-at-sending")

    def fits(self, profile: str, found: Delivery | Checkup | Exception) -> bool:
        """Whether the missing sink is what *found* comes from; if so, it is said.

        Args:
            profile: Name of the profile through which something was to be sent.
            found: What came of it.
        """
        if profile != LAB or not _is_missing(found):
            return False
        if connections() and not isinstance(found, SinkError):  # that of the sink at hand
            return False
        self._panel.say("")
        self._result.offer(
            _("The bundled sink is not running, so nothing was sent: start it, then send again."),
            _("Start sink"),
            self.start,
        )
        self._panel.manners.point_at("smtp-lab-at-fix", gently=True)
        return True

    def start(self) -> None:
        """Start the sink, as Start sink in the Sink panel does, and take it in hand."""
        desk = self._panel.desk
        make = desk.sink_to_start or (lambda: desk.sink or SinkDraft.fresh().sink())
        begin_sink(self._panel.work, lambda: make().start(), self._started, self._panel.tell_error)

    def _started(self, sink: Sink) -> None:
        self._result.clear()
        self._panel.desk.use_sink(sink)
        self._panel.desk.tell("book")  # the built-in profile leads to it now
        self._panel.say(_("The sink is running: now it can be sent."))
        self._panel.manners.point_at("smtp-lab-at-sending")


def begin_sink(
    work: Work,
    start: Callable[[], Sink],
    done: Callable[[Sink], None],
    failed: Callable[[Exception], None],
    doing: str = "",
) -> None:
    """Start a sink by *start*; one that nobody waits for any more is stopped again."""
    unwanted = threading.Event()

    def begin() -> Sink:
        sink = start()
        if unwanted.is_set():
            sink.stop()
        return sink

    said = doing or _("Starting the sink …")
    work.start(said, begin, done, failed=failed, stopped=unwanted.set)


def _is_missing(found: Delivery | Checkup | Exception) -> bool:
    """Whether *found* is what comes of a sink that is not there."""
    if isinstance(found, InputError):  # no sink has ever made its certificate
        return {problem.field for problem in found.problems} == {"connection.ca_file"}
    if isinstance(found, Delivery):
        return not found.ok and found.stage == "connect"
    if isinstance(found, Checkup):
        failed = found.failed
        return failed is not None and failed.name == "tcp"
    return isinstance(found, SinkError)
