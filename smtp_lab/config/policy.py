"""To whom mail may go, and whose addresses are offered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import field_validator

from smtp_lab.config._model import Model
from smtp_lab.config.address import ascii_domain, check_address, comparable
from smtp_lab.config.auth import check_line
from smtp_lab.config.connection import SmtpConnection, is_loopback
from smtp_lab.config.profile import Profile
from smtp_lab.errors import InputError, Problem

__all__ = ("Contact", "Policy")

_ENCRYPTED_PORTS = (465, 587, 2525)


class Contact(Model):
    """A person one writes to.

    Attributes:
        address: The mail address.
        name: The display name, or empty.
        groups: Names of the groups the person is in.
    """

    address: str
    name: str = ""
    groups: tuple[str, ...] = ()

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return check_address(value, "")

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        return check_line(value).strip() if value else value


class Policy(Model):
    """The rules every mail is held against before any connection is opened.

    Attributes:
        approved_domains: Domains mail may go to, with their subdomains; empty allows all. Contacts
            of the book are exempt. In the environment the domains are separated by commas.
        encrypted_only: Only ports 465, 587 and 2525, encrypted, with a verified certificate.
        redirect_all_to: Where every mail goes instead of its recipients, for staging.
        suggestions: Whom a form offers as recipients: ``all`` contacts, those of the ``same group``
            as the sender, or ``none``.
    """

    approved_domains: tuple[str, ...] = ()
    encrypted_only: bool = False
    redirect_all_to: str | None = None
    suggestions: Literal["all", "same group", "none"] = "all"

    @field_validator("approved_domains", mode="before")
    @classmethod
    def _check_domains(cls, value: Any) -> Any:
        parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            return parts
        domains = [str(part).strip().lower().removeprefix("@").strip(".") for part in parts]
        domains = [domain for domain in domains if domain]
        for domain in domains:
            try:
                check_address(f"postmaster@{domain}")
            except InputError:
                raise ValueError(f"{domain!r} is no domain; give one such as example.com") from None
        return tuple(dict.fromkeys(domains))

    @field_validator("redirect_all_to", mode="before")
    @classmethod
    def _check_redirect(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return check_address(str(value), "")

    def refused(
        self, recipients: Iterable[str], contacts: Iterable[Contact] = ()
    ) -> tuple[str, ...]:
        """Those of *recipients* that mail may not go to."""
        if not self.approved_domains or self.redirect_all_to:
            return ()
        known = {comparable(contact.address) for contact in contacts}
        return tuple(r for r in recipients if comparable(r) not in known and not self._approved(r))

    def check(
        self, profile: Profile, recipients: Iterable[str], contacts: Iterable[Contact] = ()
    ) -> tuple[str, ...]:
        """Hold a mail against the rules.

        Returns:
            Where it goes: *recipients*, or whom `redirect_all_to` names.

        Raises:
            InputError: It may not be sent; every refused address is named.
        """
        recipients = tuple(recipients)
        problems = list(self._connection_problems(profile))
        if refused := self.refused(recipients, contacts):
            fix = f"approved are {', '.join(self.approved_domains)} and the contacts of the book"
            problems.append(Problem("to", f"policy does not allow {', '.join(refused)}", fix))
        if problems:
            raise InputError(*problems)
        return (self.redirect_all_to,) if self.redirect_all_to else recipients

    def _connection_problems(self, profile: Profile) -> Iterable[Problem]:
        connection = profile.connection
        if not self.encrypted_only or not isinstance(connection, SmtpConnection):
            return
        if connection.security not in ("starttls", "implicit"):
            yield Problem(
                "connection.security", "policy wants encryption", "choose starttls or implicit"
            )
        if not connection.verify:
            yield Problem(
                "connection.verify", "policy wants the certificate checked", "switch the check on"
            )
        # The sink of this machine has a port of its own each time.
        if connection.port not in _ENCRYPTED_PORTS and not is_loopback(connection.host):
            ports = ", ".join(map(str, _ENCRYPTED_PORTS))
            yield Problem(
                "connection.port", f"policy does not allow {connection.port}", f"use one of {ports}"
            )

    def suggest(self, profile: Profile, contacts: Iterable[Contact]) -> tuple[Contact, ...]:
        """The contacts a form may offer as recipients of mail from *profile*."""
        contacts = tuple(contacts)
        if self.suggestions == "none":
            return ()
        if self.suggestions == "all":
            return contacts
        mine = comparable(profile.address)
        own = {g for c in contacts if comparable(c.address) == mine for g in c.groups}
        return tuple(contact for contact in contacts if own & set(contact.groups))

    def _approved(self, address: str) -> bool:
        domain = ascii_domain(address.rpartition("@")[2])
        return any(
            domain == known or domain.endswith(f".{known}")
            for known in map(ascii_domain, self.approved_domains)
        )
