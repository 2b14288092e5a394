"""All profiles of a book as cards, and everything that can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w

from smtp_lab.config import ProfileBook, Secret
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.widgets import as_code
from smtp_lab.widgets.cards import Cards
from smtp_lab.widgets.desk import Desk, desk_of
from smtp_lab.widgets.drawers import Drawer, choice, name_field, pasted
from smtp_lab.widgets.panel import Panel, button
from smtp_lab.widgets.rows import text_field
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.text_view import TextView
from smtp_lab.widgets.words import N_, _, n_

__all__ = ("ProfilesPanel",)


class ProfilesPanel(Panel):
    """The profiles of a book: look at them, copy, rename and delete them, share them.

    Args:
        book: The profiles; the default book unless given.
        desk: What it shares with other panels. Beside a form there are buttons to edit in it.
    """

    id = "profiles"
    title = N_("Profiles")

    def __init__(self, book: ProfileBook | None = None, *, desk: Desk | None = None) -> None:
        desk = desk_of(desk, book)
        says = self.make_says()
        self.cards = Cards(self.edit)
        self.drawer = Drawer(self._point_at, lambda: self.say(""))
        self.buttons = {
            "new": button(_("New"), self.new, _("An empty form"), "primary"),
            "edit": button(_("Edit"), self.edit, _("Take the profile to the form")),
            "test": button(_("Test"), self.test, _("Take the profile to Send test")),
            "default": button(_("Make default"), self.make_default),
            "duplicate": button(_("Duplicate"), self.ask_duplicate),
            "rename": button(_("Rename"), self.ask_rename),
            "delete": button(_("Delete"), self.ask_delete),
            "activities": button(_("Activities"), self.ask_activity, _("What goes through which")),
            "export": button(_("Export"), self.show_export),
            "import": button(_("Import"), self.ask_import),
        }
        bar = w.HBox(list(self.buttons.values()))
        bar.add_class("smtp-lab-bar")
        self.where = w.HTML()
        self._last = ""  # the line that did what was done last, for the code
        super().__init__(desk, [self.where, self.cards, bar, says, self.drawer])
        self.cards.observe(lambda _change: self._picked(), "chosen")
        desk.on("book", lambda _what: self.refresh())
        desk.on("chosen", self._chosen)
        self.refresh()

    @property
    def book(self) -> ProfileBook:
        """The profiles."""
        return self.desk.book

    @property
    def name(self) -> str:
        """The profile at hand."""
        return str(self.cards.chosen)

    @property
    def marker(self) -> str:
        """How many profiles failed their last test, for the tab."""
        count = self.desk.warnings
        return f" (⚠ {count})" if count else ""

    def refresh(self) -> None:
        """Show the book as it is now."""
        self.try_to(lambda: self.cards.show(self.book))
        count = n_("{n} profile", "{n} profiles", len(self.book))
        warned = self.desk.warnings
        failed = n_("{n} failed its last test", "{n} failed their last tests", warned)
        said = f"{count} · {failed}" if warned else count
        self.where.value = (
            f'<span class="smtp-lab-quiet">{escape(said)} · {escape(str(self.book.path))}</span>'
        )
        self._picked()

    def code(self) -> str:
        """The lines that did what was done last, or that show what there is."""
        lines = [as_code.IMPORT, "", as_code.open_book(self.book)]
        last = self._last or "for name, profile in book.items():\n    print(profile)"
        return "\n".join([*lines, last])

    def __repr__(self) -> str:
        return f"<ProfilesPanel on {self.book!r}>"

    # --- at once ------------------------------------------------------------------------------

    def new(self) -> None:
        """Take an empty form; what New does."""
        self.desk.choose("")
        self.desk.tell("open", "form")

    def edit(self) -> None:
        """Take the profile at hand to the form; what Edit does."""
        if self.name:
            self.desk.choose(self.name)
            self.desk.tell("open", "form")

    def test(self) -> None:
        """Take the profile at hand to Send test; what Test does."""
        if self.name:
            self.desk.choose(self.name)
            self.desk.tell("open", "send_test")

    def make_default(self) -> None:
        """Make the profile at hand the default; what Make default does."""
        name = self.name

        def act() -> str:
            self.book.default = name
            return _("{name} is the default now.").format(name=name)

        self._do(act, f"book.default = {name!r}")

    # --- after a question ---------------------------------------------------------------------

    def ask_duplicate(self) -> None:
        """Ask for the secret of a copy."""
        name = self.name
        wanted = self.book[name].connection.secret_fields
        box = SecretBox(_("Secret of the copy"))
        fields = [box] if wanted else []
        later = _("It can be left empty and typed into the form later.")
        fields += [w.HTML(f'<span class="smtp-lab-quiet">{escape(later)}</span>')] if wanted else []

        def act() -> None:
            self._do(lambda: self._duplicate(name, box.secret), f"book.duplicate({name!r})")

        title = _("Duplicate {name}").format(name=name)
        self.drawer.ask(title, fields, _("Duplicate"), act)

    def _duplicate(self, name: str, secret: Secret | None) -> str:
        copy = self.book.duplicate(name, secret=secret)
        self.cards.show(self.book)
        self.cards.chosen = copy.name
        return _("Copied as {copy}.").format(copy=copy.name)

    def ask_rename(self) -> None:
        """Ask for another name."""
        old = self.name
        field = name_field(old)

        def act() -> None:
            new = field.value.strip()
            self._do(lambda: self._rename(old, new), f"book.rename({old!r}, {new!r})")

        self.drawer.ask(_("Rename {name}").format(name=old), [field], _("Rename"), act)

    def _rename(self, old: str, new: str) -> str:
        done = self.book.rename(old, new)
        self.cards.show(self.book)
        self.cards.chosen = new
        return done

    def ask_delete(self) -> None:
        """Ask whether it is meant, and for the next default."""
        name = self.name
        others = [(other, other) for other in self.book if other != name]
        is_default = self.book.default == name and bool(others)
        field = choice(_("Next default"), others) if is_default else None

        def act() -> None:
            following = str(field.value) if field is not None else None
            more = f", next_default={following!r}" if following else ""
            self._do(
                lambda: self.book.delete(name, next_default=following),
                f"book.delete({name!r}{more})",
            )

        title = _("Delete {name} with its secrets, for good?").format(name=name)
        self.drawer.ask(title, [field] if field else [], _("Delete"), act, danger=True)

    def ask_activity(self) -> None:
        """Show which activity goes through which profile, and ask for a change."""
        rows = "".join(
            f'<tr><th scope="row">{escape(activity)}</th><td>{escape(name)}</td></tr>'
            for activity, name in self.book.activities.items()
        )
        none = escape(_("No activity has a profile of its own; all use the default."))
        label = escape(_("Activities"))
        table = w.HTML(f'<table aria-label="{label}">{rows}</table>' if rows else f"<p>{none}</p>")
        activity = text_field(_("Activity"), "password_reset")
        to_default = _("the default")
        options = [(to_default, ""), *((name, name) for name in self.book)]
        profile = choice(_("Profile"), options, self.name)

        def act() -> None:
            what, name = activity.value.strip(), profile.value or None
            self._do(
                lambda: self._set_activity(what, name), f"book.set_activity({what!r}, {name!r})"
            )

        self.drawer.ask(_("Activities"), [activity, profile, table], _("Set"), act)

    def _set_activity(self, activity: str, name: str | None) -> str:
        self.book.set_activity(activity, name)
        said = _("Mail of {activity} goes through {name}.")
        return said.format(activity=activity, name=name or _("the default"))

    # --- in and out ---------------------------------------------------------------------------

    def show_export(self) -> None:
        """Show the profiles as text, as a TOML file and as environment variables."""
        own = [name for name in self.book if name != LAB]
        if not own:
            self.say(_("There is no profile of your own to export yet."))
            return
        every = _("all of them")
        which = choice(_("Profile"), [(every, ""), *((n, n) for n in own)])
        form = choice(_("As"), [("TOML", "toml"), (_("environment variables"), "env")])
        view = TextView(label=_("Export"), file_name="smtp_lab_profiles.toml")

        def show(_change: object = None) -> None:
            names = [which.value] if which.value else None
            give = self.book.export_toml if form.value == "toml" else self.book.export_env
            view.text = self.try_to(lambda: give(names)) or ""
            ending = "toml" if form.value == "toml" else "env"
            view.file_name = f"smtp_lab_profiles.{ending}"
            self._note(f"print(book.export_{ending}({names!r}))")

        which.observe(show, "value")
        form.observe(show, "value")
        show()
        hint = w.HTML("<p>" + escape(_("Secrets are never exported.")) + "</p>")
        self.drawer.show(_("Export"), [which, form, hint, view])

    def ask_import(self) -> None:
        """Ask for the text of profiles."""
        box = pasted(_("Profiles"))
        form = choice(_("As"), [("TOML", "toml"), (_("environment variables"), "env")])
        replace = w.Checkbox(description=_("Replace profiles of the same name"), indent=True)
        replace.style.description_width = "12em"

        def act() -> None:
            text = box.secret
            if text is None:
                self.say(_("Paste the text first, or take a file."), wrong=True)
                return
            take = self.book.import_toml if form.value == "toml" else self.book.import_env
            self._do(
                lambda: str(take(text.reveal(), replace=replace.value)),
                f'book.import_{form.value}(open("profiles.{form.value}").read(), '
                f"replace={replace.value})",
            )

        self.drawer.ask(_("Import"), [box, form, replace], _("Import"), act)

    # --- how it works -------------------------------------------------------------------------

    def _do(self, act: Callable[[], Any], line: str) -> None:
        """Change the book, say what was done, and show it; what cannot be done is said."""
        chosen = self.cards.chosen
        said = self.try_to(act)
        if said is None:
            self.refresh()
            return
        self._note(line)
        self.drawer.shut()
        self.say(str(said))
        self.desk.look()
        self.desk.tell("book")
        if self.cards.chosen != chosen:
            self.desk.choose(self.name)

    def _point_at(self, name: str) -> None:
        self.manners.point_at(name)

    def _note(self, line: str) -> None:
        self._last = line
        self.show_code()

    def _picked(self) -> None:
        name, own = self.name, self.name not in ("", LAB)
        writable = not self.book.locked
        beside = self.desk.draft is not None
        able = {
            "new": beside,
            "edit": beside and bool(name),
            "test": bool(name),
            "default": writable and bool(name) and name != self.book.default,
            "duplicate": writable and bool(name),
            "rename": writable and own,
            "delete": writable and own,
            "activities": writable,
            "import": writable,
        }
        for which, enabled in able.items():
            self.buttons[which].disabled = not enabled
        for which in ("new", "edit", "test"):
            self.buttons[which].layout.display = "" if beside else "none"

    def _chosen(self, name: str) -> None:
        if name in self.book:
            self.cards.chosen = name
