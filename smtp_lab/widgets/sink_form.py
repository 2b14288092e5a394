"""The settings of a sink in a form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.archive.retention import THROW_AWAY
from smtp_lab.config.paths import data_dir, tilde
from smtp_lab.sink.door import DOORS, MECHANISMS, OFFERS, PORTS
from smtp_lab.sink.exposure import on_hub
from smtp_lab.widgets.drawers import choice
from smtp_lab.widgets.rows import Note, text_field
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.sink_draft import DoorDraft, SinkDraft, named
from smtp_lab.widgets.sink_users import SinkUsers
from smtp_lab.widgets.words import N_, _, number

__all__ = ("DOOR_NAMES", "SinkForm")

DOOR_NAMES = {"starttls": "STARTTLS", "implicit": N_("TLS from the start"), "plain": N_("Plain")}
"""What people call the doors."""

_WHO = {
    "any": N_("any name and password"),
    "listed": N_("only these users"),
    "made": N_("a login that is made for you"),
    "judge": N_("whom a function lets in"),
}


class SinkForm(w.VBox):
    """Fields for everything a `SinkDraft` has.

    Args:
        changed: Called when something was typed or chosen.
        point: Moves the focus to what has a CSS class.

    Attributes:
        notes: The line below each field, by what errors call it.
        doors: For each door whether it is open, its port, and whether mail wants a login.
    """

    def __init__(self, changed: Callable[[], None], point: Callable[[str], None]) -> None:
        self._changed, self._point, self._putting = changed, point, False
        self._base = SinkDraft.fresh()
        self.notes: dict[str, Note] = {}
        self.doors = {door: self._door(door) for door in DOORS}
        self.who = choice(_("Who may log in"), [("", "")])
        self.users = SinkUsers(self._typed, point)
        self.offers = {name: _tick(name) for name in OFFERS}
        self.mechanisms = {name: _tick(name) for name in MECHANISMS}
        self.max_size = text_field(_("Largest message"))
        self.where = choice(
            _("Archive"),
            [
                (_("this user's: it outlives the kernel"), "mine"),
                (_("temporary: gone with the sink"), "temporary"),
                (_("at a path or URL"), "other"),
            ],
        )
        hint = "~/mail.sqlite3, postgresql+psycopg://host/database"
        # A URL may hold a password: what is typed is kept out of the notebook.
        self.address = SecretBox(_("Path or URL"), hint=hint, rows=1, masked=False)
        self.kept = {
            "count": text_field(_("Keep messages"), _("all")),
            "days": text_field(_("Keep days"), _("all")),
            "octets": text_field(_("Keep octets"), _("all")),
        }
        super().__init__(self._parts())
        self._listen()
        self.put(self._base)

    # --- what it holds ------------------------------------------------------------------------

    @property
    def draft(self) -> SinkDraft:
        """What stands in the fields."""
        doors = {
            door: DoorDraft(opened.value, port.value.strip(), login=login.value)
            for door, (opened, port, login) in self.doors.items()
        }
        listed = self.who.value == "listed"
        return SinkDraft(
            doors=doors,
            who=self.who.value,
            users=self.users.users if listed else (),
            judge=self._base.judge if self.who.value == "judge" else None,
            offers=frozenset(name for name, tick in self.offers.items() if tick.value),
            mechanisms=frozenset(name for name, tick in self.mechanisms.items() if tick.value),
            max_size=self.max_size.value.strip(),
            where=self.where.value,
            address=self.address.secret if self.where.value == "other" else None,
            **{name: field.value.strip() for name, field in self.kept.items()},
            others=self._base.others,
        )

    def put(self, draft: SinkDraft) -> None:
        """Show *draft*."""
        self._base, self._putting = draft, True
        try:
            for door, (opened, port, login) in self.doors.items():
                wanted = draft.doors[door]
                opened.value, port.value, login.value = wanted.open, wanted.port, wanted.login
            offered = ["any", "listed"] + ["made"] * on_hub() + ["judge"] * bool(draft.judge)
            self.who.options = [(_(_WHO[who]), who) for who in offered]
            self.who.value = draft.who
            self.users.put(draft.users)
            for ticks, wanted_names in (
                (self.offers, draft.offers),
                (self.mechanisms, draft.mechanisms),
            ):
                for name, tick in ticks.items():
                    tick.value = name in wanted_names
            self.max_size.value, self.where.value = draft.max_size, draft.where
            self.address.secret = draft.address
            for name, field in self.kept.items():
                field.value = getattr(draft, name)
        finally:
            self._putting = False
        self._arrange()
        self.clear()

    def clear(self) -> None:
        """Say nothing of any field any more."""
        for note in self.notes.values():
            note.say("")

    def say(self, sentences: dict[str, str]) -> list[str]:
        """Say what is wrong at the fields; give what belongs to none of them."""
        self.clear()
        rest = []
        for field, sentence in sentences.items():
            if field in self.notes:
                self.notes[field].say(sentence)
            else:
                rest.append(f"{field}: {sentence}" if field else sentence)
        first = next((name for name, note in self.notes.items() if note.wrong), None)
        if first is not None:
            self._point(f"smtp-lab-at-sink-{first}")
        return rest

    # --- how it is made -----------------------------------------------------------------------

    def _parts(self) -> list[w.Widget]:
        mine = _("Mine is {path}.").format(path=tilde(data_dir() / "mail.sqlite3"))
        parts: list[w.Widget] = [_title(_("Doors"))]
        for door, fields in self.doors.items():
            row = _ticks(_(DOOR_NAMES[door]), fields)
            parts.append(self._noted(PORTS[door], row, _("0 takes a free port.")))
        parts += [
            self._noted("doors", w.HTML()),
            _title(_("Logins")),
            self._noted("users", w.VBox([self.who, self.users])),
            self._noted("mechanisms", _ticks(_("Mechanisms"), self.mechanisms.values())),
            _title(_("What it offers")),
            self._noted("offers", _ticks(_("Extensions"), self.offers.values())),
            self._noted("max_size", self.max_size, _("Octets, as SIZE tells clients.")),
            _title(_("What it keeps")),
            self._noted("archive", w.VBox([self.where, self.address]), mine),
        ]
        helps = {
            "count": _("The newest; the oldest go first."),
            "days": _("None older than that."),
            "octets": _("Of a temporary archive: {n} at the most, and {m} messages.").format(
                n=number(THROW_AWAY.bytes or 0), m=number(THROW_AWAY.count or 0)
            ),
        }
        parts += [self._noted(name, field, helps[name]) for name, field in self.kept.items()]
        return parts

    def _noted(self, name: str, field: w.Widget, usual: str = "") -> w.VBox:
        self.notes[name] = Note(usual)
        row = w.VBox([field, self.notes[name]])
        row.add_class("smtp-lab-row")
        row.add_class(f"smtp-lab-at-sink-{name}")
        if name == "doors":  # there is nothing to type: it is said where something is wrong
            row.children = (self.notes[name],)
        return row

    @staticmethod
    def _door(door: str) -> tuple[w.Checkbox, w.Text, w.Checkbox]:
        opened = _tick(_("open"))
        port = w.Text(
            description=_("Port"),
            style={"description_width": "auto"},
            layout={"width": "10em"},
        )
        login = _tick(_("login required"))
        # Three doors have three fields of each name: a screen reader tells which.
        for field in (opened, port, login):
            field.tooltip = _(DOOR_NAMES[door])
        return opened, port, login

    def _listen(self) -> None:
        fields: list[w.Widget] = [field for three in self.doors.values() for field in three]
        fields += [*self.offers.values(), *self.mechanisms.values(), *self.kept.values()]
        for field in (*fields, self.max_size, self.where):
            field.observe(lambda _change: self._typed(), "value")
        self.who.observe(self._picked, "value")
        self.address.on_change(self._typed)

    def _picked(self, change: Any) -> None:
        if self._putting:
            return
        # A list of users is there to be asked for.
        self._putting = True
        for _opened, _port, login in self.doors.values():
            login.value = change["new"] != "any"
        self._putting = False
        if change["new"] == "listed" and not self.users.users:
            self.users.add()
        self._typed()

    def _typed(self) -> None:
        if not self._putting:
            self._arrange()
            self.clear()
            self._changed()

    def _arrange(self) -> None:
        for opened, port, login in self.doors.values():
            port.disabled = login.disabled = not opened.value
        self.users.layout.display = "" if self.who.value == "listed" else "none"
        self.address.layout.display = "" if self.where.value == "other" else "none"
        if self.address.secret:
            self.address.kept_words = named(self.address.secret)


def _tick(name: str) -> w.Checkbox:
    return w.Checkbox(description=name, indent=False)


def _ticks(title: str, fields: Iterable[w.Widget]) -> w.HBox:
    inside = w.HBox(list(fields))
    inside.add_class("smtp-lab-ticked")
    row = w.HBox([w.HTML(f"<b>{escape(title)}</b>"), inside])
    row.add_class("smtp-lab-ticks")
    return row


def _title(text: str) -> w.HTML:
    return w.HTML(f"<h3>{escape(text)}</h3>")
