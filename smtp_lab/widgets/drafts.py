"""The drafts of a form: one for each profile that was taken in hand, so that none is lost."""

from __future__ import annotations

from smtp_lab.config import Profile
from smtp_lab.config.builtin import ADDRESS
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.language import told
from smtp_lab.widgets.desk import Desk
from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.fields import FIELDS
from smtp_lab.widgets.words import _

__all__ = ("Drafts",)

_PATHS = {field.key: field.path for field in FIELDS}
_OF_LAB = {"sender": "lab.display_name", "reply_to": "lab.reply_to"}


class Drafts:
    """Which profile the form shows, and what was typed for the others.

    Args:
        desk: What it shares with other panels.
        profile: The one to begin with; by default a new one.

    Attributes:
        name: The profile at hand by its name in the book; empty for a new one.
        loose: A profile that was given to the form and stands in no book, or None.
    """

    def __init__(self, desk: Desk, profile: Profile | None) -> None:
        self._desk = desk
        self._drafts: dict[str, Draft] = {}
        self.loose = profile
        self.name = ""
        if profile is not None:
            self._drafts[""] = Draft(profile)
            self.name = profile.name if self._stands(profile) else ""
            self._drafts[self.name] = Draft(profile)

    def _stands(self, profile: Profile) -> bool:
        book = self._desk.book
        return profile.name in book and book[profile.name] == profile

    @property
    def current(self) -> Draft:
        """The draft at hand."""
        if self.name not in self._drafts:
            self._drafts[self.name] = Draft(self._desk.book[self.name] if self.name else None)
        return self._drafts[self.name]

    def choose(self, name: str) -> None:
        """Take the profile *name* in hand; empty for the one that is new.

        Raises:
            UnknownNameError: There is no such profile.
        """
        if name:
            self._desk.book[name]
        self.name = name

    def saved(self, profile: Profile) -> None:
        """Note that what is at hand was saved as *profile*."""
        before = self._drafts.pop(self.name, None)
        if not self.name:
            self.loose = None
        self.name = profile.name
        # With its secrets, whether or not the store could keep them.
        self._drafts[profile.name] = draft = Draft(profile)
        draft.await_again(before.awaited if before is not None else ())
        self._desk.chosen = profile.name

    def revert(self) -> None:
        """Take back what was typed, to what the book says now."""
        if self.name and self.name in self._desk.book:
            self._drafts[self.name] = Draft(self._desk.book[self.name])
        else:
            self.current.revert()

    def refresh(self) -> bool:
        """Follow the book: what was deleted goes, what is as it was saved is read again.

        Returns:
            Whether the draft at hand is another one now.
        """
        book, before = self._desk.book, self.current
        if not self.name and self.loose is not None and self._stands(self.loose):
            # A cell saved it meanwhile: it is that one now.
            self.name, self.loose = self.loose.name, None
            self._drafts[self.name] = self._drafts.pop("")
        for name in [name for name in self._drafts if name]:
            if name not in book:
                lost = self._drafts.pop(name)
                if name == self.name:
                    # What somebody was working on outlives its profile, as a new one.
                    self.name = ""
                    self._drafts[""] = lost
            elif not self._drafts[name].changed and self._drafts[name].start != book[name]:
                self._drafts[name] = Draft(book[name])
        return self.current is not before

    @property
    def differs(self) -> bool:
        """Whether the book has another profile than the one the draft at hand began as."""
        return bool(
            self.name
            and self.name in self._desk.book
            and self.current.start is not None
            and self._desk.book[self.name].without_secrets() != self.current.start.without_secrets()
        )

    @property
    def options(self) -> list[tuple[str, str]]:
        """What can be taken in hand: label and name."""
        found = []
        for name in self._desk.book:
            label = _("{name} (the bundled sink)").format(name=name) if name == LAB else name
            found.append((self._marked(label, name), name))
        new = _("{name}, not saved yet").format(name=self.loose.name) if self.loose else ""
        found.append((self._marked(new or _("a new profile"), ""), ""))
        return found

    def _marked(self, label: str, name: str) -> str:
        draft = self._drafts.get(name)
        return _("{name} · changed").format(name=label) if draft and draft.changed else label

    def locked(self, key: str) -> str:
        """Why the field *key* cannot be changed; empty where it can."""
        book, path = self._desk.book, _PATHS[key]
        if self.name == LAB:
            if key not in _OF_LAB:
                return _("Of the built-in profile; duplicate it to change this.")
            variable = book.locked_by(_OF_LAB[key])
        else:
            name = self.name or str(self.current.values["name"])
            variable = book.locked_by(f"profiles.{name}.{path}") if name else None
        return (
            _("Given by {variable}; change it there.").format(variable=variable) if variable else ""
        )

    @property
    def warning(self) -> str:
        """What the last test of the profile at hand failed with; empty where it did not."""
        if not self.name:
            return ""
        health = self._desk.book.health(self.name)
        if not health.warning:
            return ""
        text = _("The last test failed ({when} UTC): {sentence}")
        when = health.tested_at[:16].replace("T", " ")
        return text.format(when=when, sentence=told(health.sentence))

    @property
    def lab_hint(self) -> str:
        """What to know about the sender of the built-in profile; empty for others."""
        if self.name != LAB:
            return ""
        return _("Only the name before {address} can be changed.").format(address=f"<{ADDRESS}>")
