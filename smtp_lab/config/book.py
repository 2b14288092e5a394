"""All profiles of a person, by name, in one TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from smtp_lab.config import exchange
from smtp_lab.config.bookedit import renamed, without
from smtp_lab.config.bookfile import BookData, activity_name
from smtp_lab.config.booksettings import BookSettings
from smtp_lab.config.builtin import NAME, LabProfile
from smtp_lab.config.environment import is_locked
from smtp_lab.config.given import each_of, must_be
from smtp_lab.config.health import Health, HealthFile
from smtp_lab.config.hiding import hiding
from smtp_lab.config.kept import KeptBook
from smtp_lab.config.names import free_name, must_be_free, unknown
from smtp_lab.config.paths import config_file, expanded
from smtp_lab.config.policy import Contact
from smtp_lab.config.profile import Profile
from smtp_lab.config.secret_store import KERNEL, SecretStore
from smtp_lab.config.secrets import Secret
from smtp_lab.config.throttle import Throttle
from smtp_lab.config.tokens import dropped_tokens
from smtp_lab.errors import InputError, UnknownNameError

__all__ = ("ProfileBook",)


class ProfileBook(BookSettings, Mapping[str, Profile]):
    """The profiles in one TOML file, by name, with what belongs to all of them.

    It is a mapping. The built-in profile ``lab`` is always there unless a setting switches it off.
    Passwords come from a `SecretStore`. Variables of the environment win over the file, by default
    those of this process; with ``environ={}`` none has a say.

    Attributes:
        path: The file, which need not exist yet.
        secrets: Where the secrets come from.
        throttle: The limit on saves and tests.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        secrets: SecretStore | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path = expanded(path).absolute()
        kept = KeptBook(path, environ)
        super().__init__(kept, (KERNEL if secrets is None else secrets).within(path))
        self.throttle = Throttle()
        self._health = HealthFile(path)
        self.reload()

    @classmethod
    def open(cls, path: str | Path | None = None) -> ProfileBook:
        """Open the book at *path*.

        Args:
            path: A TOML file; by default what ``SMTP_LAB_CONFIG`` names, else the nearest
                ``smtp_lab.toml`` in the working folder or above, else the one in the user's config
                folder. A file that is not there is an empty book.

        Raises:
            ConfigFileError: The file is there and cannot be used; it is left as it is.
        """
        return cls(path if path is not None else config_file())

    def reload(self) -> None:
        """Read the file and the environment again.

        Raises:
            ConfigFileError: The file cannot be used; what was read before stays.
        """
        before = {name: p.connection.binding for name, p in self._kept.data.profiles.items()}
        self._kept.reload()
        for name, profile in self._kept.data.profiles.items():
            binding = before.get(name, profile.connection.binding)
            if binding != profile.connection.binding:
                self.secrets.forget(name)
                dropped_tokens(name, binding)

    # --- the mapping --------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Profile:
        if name == NAME and self._kept.data.builtin:
            return self._kept.data.lab.profile()
        if name not in self._kept.data.profiles:
            raise self._unknown(name)
        profile = self._kept.data.profiles[name]
        wanted, binding = profile.connection.secret_fields, profile.connection.binding
        found = {field: self.secrets.get(name, binding, field) for field in wanted}
        return profile.with_secrets(**{field: secret for field, secret in found.items() if secret})

    def __contains__(self, name: object) -> bool:
        return name in list(self)  # without asking the keyring for the secrets

    def __iter__(self) -> Iterator[str]:
        yield from [NAME] * self._kept.data.builtin
        yield from self._kept.data.profiles

    def __len__(self) -> int:
        return len(self._kept.data.profiles) + self._kept.data.builtin

    def __repr__(self) -> str:
        return f"<ProfileBook {str(self.path)!r}: {', '.join(self) or 'no profiles yet'}>"

    # --- the default and the activities -------------------------------------------------------

    @property
    def default(self) -> str:
        """Name of the default profile: there is exactly one.

        Raises:
            UnknownNameError: The built-in profile is switched off and none is configured.
        """
        if self._kept.data.default is not None and self._kept.data.default in self:
            return self._kept.data.default
        names = list(self)
        if not names:
            raise self._unknown("")
        return names[0]

    @default.setter
    def default(self, name: str) -> None:
        self._must_have(name)
        self._kept.must_not_be_given("default")
        self._kept.must_be_in_the_file("default", name)
        self._kept.change("default", lambda data: setattr(data, "default", name))

    @property
    def activities(self) -> Mapping[str, str]:
        """Names of profiles by activity, to be changed with `set_activity`.

        An activity that is not here uses the default.
        """
        return MappingProxyType(self._kept.data.activities)

    def set_activity(self, activity: str, profile: str | None) -> None:
        """Make *activity* use *profile*, or the default when that is None."""
        with_name = f"activities.{activity_name(activity)}"
        self._kept.must_not_be_given(with_name)
        if profile is not None:
            self._must_have(profile)
            self._kept.must_be_in_the_file(with_name, profile)

        def change(data: BookData) -> None:
            same = [a for a in data.activities if a.lower() == activity.lower()]
            data.activities = {a: p for a, p in data.activities.items() if a not in same}
            if profile is not None:
                data.activities[same[0] if same else activity] = profile

        self._kept.change(with_name, change)

    def for_activity(self, activity: str) -> Profile:
        """The profile that mail of *activity*, in small or capital letters, goes through."""
        must_be(activity, str, "activity")
        known = {a.lower(): profile for a, profile in self.activities.items()}
        name = known.get(activity.lower())
        return self[name if name is not None and name in self else self.default]

    # --- changing profiles --------------------------------------------------------------------

    def save(self, profile: Profile, *, make_default: bool = False) -> None:
        """Write *profile* under its name and keep its secrets.

        Comments, order and everything else in the file stay as they are.

        Raises:
            ConfigFileError: The file was changed elsewhere since it was read, or cannot be
                written; nothing was changed.
            InputError: A field comes from the environment, or saving is locked or too frequent.
        """
        must_be(profile, Profile, "profile")
        self._kept.must_be_writable()
        if make_default:
            self._kept.must_not_be_given("default")
        if profile.name != NAME:
            self.throttle.take("save", profile)
        self._save([profile], profile.name if make_default else None)

    def save_all(self, profiles: Iterable[Profile]) -> None:
        """Write several profiles in one step, all or none, as an import does.

        It does not count against the throttle, which is there for a button that is pressed again
        and again: a team's file may well name more servers than anyone tries in a minute.

        Raises:
            InputError: As for `save`; nothing was changed.
        """
        self._save(each_of(profiles, Profile, "profiles"), None)

    def _save(self, profiles: list[Profile], default: str | None) -> None:
        self._kept.must_be_writable()
        own = {p.name: p for p in profiles if p.name != NAME}
        for name in own:
            must_be_free(name, (other for other in (*self, *own) if other != name))
        written = {name: self._kept.as_written(profile) for name, profile in own.items()}
        labs = [self._lab_as_written(p) for p in profiles if p.name == NAME]

        def change(data: BookData) -> None:
            data.profiles.update(written)
            data.lab = labs[-1] if labs else data.lab
            data.default = default or data.default

        with self.secrets.undone_on_error(*own):
            for profile in own.values():
                self._keep_secrets(profile)
            self._kept.change("profiles", change)
        self._health.saved(*own)

    def delete(self, name: str, *, next_default: str | None = None) -> str:
        """Delete a profile and its secrets, for good; its activities use the default from then on.

        Args:
            name: Which one.
            next_default: Which profile becomes the default, when *name* is it.

        Returns:
            What was done, in a sentence.

        Raises:
            InputError: It is the default and no next one was named, or it is the built-in one.
        """
        self._must_have(name)
        if name == NAME:
            fix = "set builtin = False"
            raise InputError.of("profile", f"{name} is built in and cannot be deleted", fix)
        self._kept.must_stand_in_the_file(name)
        self._kept.must_not_be_named(name)
        was_default = self.default == name
        others = f"name one of {', '.join(other for other in self if other != name)}"
        if was_default and next_default is None and len(self) > 1:
            raise InputError.of("next_default", f"is missing: {name} is the default", others)
        if next_default == name:
            raise InputError.of("next_default", f"is {name}, which is to be deleted", others)
        if next_default is not None:
            self._must_have(next_default)
            self._kept.must_be_in_the_file("default", next_default)
        dropped = [activity for activity, to in self.activities.items() if to == name]

        def change(data: BookData) -> None:
            del data.profiles[name]
            data.activities = {a: p for a, p in data.activities.items() if p != name}
            if was_default or data.default == name:
                data.default = next_default

        binding = self._kept.data.profiles[name].connection.binding
        with self.secrets.undone_on_error(name):
            stuck = self.secrets.forget(name)
            self._kept.change(f"profiles.{name}", change, lambda text: without(text, name))
        stuck += dropped_tokens(name, binding)
        self._health.move(name, None)
        its = "" if stuck else " with its secrets"
        left = self.default if len(self) else "none"
        done = f"Deleted {name}{its}, for good. The default is {left}.{stuck}"
        if dropped:
            done += f" Mail of {', '.join(dropped)} goes through the default now."
        return done + self.secrets.still_given(name)

    def forget_secrets(self, name: str) -> str:
        """Take the kept secrets of a profile away; the profile stays.

        Returns:
            What was done, in a sentence.

        Raises:
            UnknownNameError: There is no profile of that name.
            InputError: The file with the secrets cannot be used, or saving is locked.
        """
        self._must_have(name)
        self._kept.must_be_writable()
        with self.secrets.undone_on_error(name):
            stuck = self.secrets.forget(name)
        done = "" if stuck else f"Forgot the secrets of {name}."
        return f"{done}{stuck}{self.secrets.still_given(name)}".strip()

    def rename(self, old: str, new: str) -> str:
        """Call the profile *old* *new*; its secrets, activities and place as default go along.

        The tokens of a login do not: who logged in as *old* logs in as *new*.

        Returns:
            What was done, in a sentence.
        """
        self[old].replace(name=new)  # refuses what is no name
        must_be_free(new, (name for name in self if name != old or new == old))
        if old == NAME:
            fix = "duplicate it instead"
            raise InputError.of("profile", f"{old} is built in and keeps its name", fix)
        self._kept.must_stand_in_the_file(old)
        self._kept.must_not_be_named(old)

        def change(data: BookData) -> None:
            kept = {n: p if n != old else p.replace(name=new) for n, p in data.profiles.items()}
            data.profiles = {p.name: p for p in kept.values()}
            data.activities = {a: new if p == old else p for a, p in data.activities.items()}
            data.default = new if data.default == old else data.default

        with self.secrets.undone_on_error(old, new):
            self.secrets.move(old, new)
            self._kept.change(f"profiles.{old}", change, lambda text: renamed(text, old, new))
        self._health.move(old, new)
        stuck = dropped_tokens(old, self._kept.data.profiles[new].connection.binding)
        return f"{old} is now called {new}.{stuck}" + self.secrets.still_given(old)

    @hiding
    def duplicate(self, name: str, *, secret: Secret | str | None = None) -> Profile:
        """Copy everything of a profile but its secrets, as ``NAME_copied``, then ``NAME_copied2``.

        Args:
            name: What to copy.
            secret: The secret of the copy, whichever its login needs; the old one is never taken.

        Returns:
            The copy, saved.
        """
        source = self[name].without_secrets()
        if secret is not None and not source.connection.secret_fields:
            raise InputError.of("secret", f"{name} logs in without one", "leave it out")
        free = free_name(name, tuple(self))
        copy = source.replace(name=free)
        if secret is not None:
            copy = copy.with_secrets(**dict.fromkeys(copy.connection.secret_fields[:1], secret))
        self.save(copy)
        return copy

    # --- what belongs to all profiles ---------------------------------------------------------

    def suggest(self, name: str) -> tuple[Contact, ...]:
        """The contacts a form may offer as recipients of mail from the profile *name*."""
        return self.policy.suggest(self[name], self.contacts)

    def health(self, name: str) -> Health:
        """How the profile *name* is doing."""
        return self._health.get(name)

    def all_health(self) -> dict[str, Health]:
        """How each profile is doing that was ever saved or tested, by name."""
        return self._health.all()

    def record_test(
        self, name: str, *, ok: bool | None, diagnosis: str = "", sentence: str = ""
    ) -> None:
        """Note what became of a test mail through *name*, for everyone who opens the book.

        None for *ok* says that nobody knows: the answer to the mail was lost.
        """
        self._must_have(name)
        if is_locked():
            return
        self._health.tested(name, ok=ok, diagnosis=diagnosis, sentence=sentence)

    # --- in and out ---------------------------------------------------------------------------

    def export_toml(self, names: Iterable[str] | None = None) -> str:
        """Profiles as the text of a book of their own, see `smtp_lab.config.exchange`."""
        return exchange.export_toml(self, names)

    def export_env(self, names: Iterable[str] | None = None) -> str:
        """Profiles as environment variables, one ``NAME=value`` a line."""
        return exchange.export_env(self, names)

    @hiding
    def import_toml(self, text: str, *, replace: bool = False) -> exchange.Imported:
        """Save the profiles in *text*; say which, and what else was in it."""
        return exchange.import_toml(self, text, replace=replace)

    @hiding
    def import_env(self, lines: str, *, replace: bool = False) -> exchange.Imported:
        """Save the profiles that lines of environment variables describe; say which."""
        return exchange.import_env(self, lines, replace=replace)

    # --- writing ------------------------------------------------------------------------------

    def _lab_as_written(self, profile: Profile) -> LabProfile:
        if NAME not in self:
            raise self._unknown(NAME)
        return LabProfile(**self._kept.without_given("lab", LabProfile.of(profile)))

    def _keep_secrets(self, profile: Profile) -> None:
        old = self._kept.data.profiles.get(profile.name)
        if old is not None and old.connection.binding != profile.connection.binding:
            self.secrets.forget(profile.name)
            dropped_tokens(profile.name, old.connection.binding)
        for field, secret in profile.secrets.items():
            self.secrets.put(profile.name, profile.connection.binding, secret, field)

    def _must_have(self, name: str) -> None:
        if name not in self:
            raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownNameError:
        return unknown(name, tuple(self), self.path)
