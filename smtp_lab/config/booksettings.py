"""What a book says beside its profiles: rules, contacts, and what of it is locked."""

from __future__ import annotations

from collections.abc import Iterable

from smtp_lab.config.bookfile import flag, read
from smtp_lab.config.environment import is_locked
from smtp_lab.config.given import each_of, must_be
from smtp_lab.config.kept import KeptBook
from smtp_lab.config.policy import Contact, Policy
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.config.secrets import SECRET_FIELDS
from smtp_lab.errors import InputError

__all__ = ("BookSettings",)


class BookSettings:
    """The part of a `ProfileBook` that needs no profile.

    Attributes:
        secrets: Where the secrets come from.
    """

    def __init__(self, kept: KeptBook, secrets: SecretStore) -> None:
        self._kept = kept
        self.secrets = secrets

    @property
    def builtin(self) -> bool:
        """Whether the built-in profile ``lab`` is there; set it to switch that one off or on."""
        return self._kept.data.builtin

    @builtin.setter
    def builtin(self, on: bool) -> None:
        checked = flag(on, "builtin")
        self._kept.change("builtin", lambda data: setattr(data, "builtin", checked))

    @property
    def policy(self) -> Policy:
        """The rules every mail is held against."""
        return self._kept.data.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        must_be(policy, Policy, "policy")
        kept = Policy(**self._kept.without_given("policy", policy))
        self._kept.change("policy", lambda data: setattr(data, "policy", kept))

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """The people one writes to."""
        return self._kept.data.contacts

    @contacts.setter
    def contacts(self, contacts: Iterable[Contact]) -> None:
        kept = tuple(each_of(contacts, Contact, "contacts"))
        self._kept.change("contacts", lambda data: setattr(data, "contacts", kept))

    @property
    def locked(self) -> bool:
        """Whether nothing can be saved, since ``SMTP_LAB_LOCKED`` says so."""
        return is_locked()

    @property
    def stale(self) -> bool:
        """Whether the file says something else than when it was read: somebody else changed it."""
        try:
            return read(self._kept.path) != self._kept.text
        except InputError:  # it cannot be read any more: `reload` says why
            return True

    def locked_by(self, field: str) -> str | None:
        """The variable that gives *field* (such as ``profiles.team.sender``), or None.

        Secrets are asked for where they stand: ``profiles.team.connection.auth.password``.
        """
        parts = field.split(".")
        if parts[0] == "profiles" and parts[-1] in SECRET_FIELDS and len(parts) > 2:
            return self.secrets.given_by(parts[1], parts[-1])
        return self._kept.overlay.variable(*parts)
