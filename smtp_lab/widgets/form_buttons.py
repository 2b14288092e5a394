"""The buttons below the form."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from smtp_lab.widgets.panel import button
from smtp_lab.widgets.words import _

__all__ = ("FormButtons",)


class FormButtons(w.HBox):
    """Save, Revert, Send test and Doctor.

    Args:
        save: What Save does.
        revert: What Revert does.
        send: What Send test does.
        check: What Doctor does.

    Attributes:
        others: Whether the doctor is to try other ports, too.
    """

    def __init__(
        self,
        save: Callable[[], None],
        revert: Callable[[], None],
        send: Callable[[], None],
        check: Callable[[], None],
    ) -> None:
        self.save = button(_("Save"), save, _("Write the profile to the profile book"))
        self.revert = button(_("Revert"), revert, _("Take back what is not saved"))
        self.send_test = button(
            _("Send test"), send, _("Send a test mail with these settings"), "primary"
        )
        self.send_test.add_class("smtp-lab-once")
        self.doctor = button(
            _("Doctor"), check, _("Go through the connection stage by stage; nothing is sent")
        )
        self.others = w.Checkbox(
            description=_("try other ports, too"), indent=False, layout={"width": "auto"}
        )
        super().__init__([self.save, self.revert, self.send_test, self.doctor, self.others])
        self.add_class("smtp-lab-bar")
