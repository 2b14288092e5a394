"""The built-in profile ``lab``: the bundled sink, wherever it listens just now."""

from __future__ import annotations

import re

from pydantic import field_validator

from smtp_lab.config._model import Model
from smtp_lab.config.address import parse_sender
from smtp_lab.config.auth import BasicAuth
from smtp_lab.config.connection import SmtpConnection, is_loopback
from smtp_lab.config.nearby import connections
from smtp_lab.config.paths import data_dir, tilde
from smtp_lab.config.profile import Profile, check_reply_to
from smtp_lab.config.secrets import Secret
from smtp_lab.errors import InputError

__all__ = ("ADDRESS", "NAME", "LabProfile", "announced")

NAME = "lab"
ADDRESS = "lab@example.com"


class LabProfile(Model):
    """What can be changed about the built-in profile.

    Attributes:
        display_name: The name recipients see.
        reply_to: Where answers go, when not to the sender.
    """

    display_name: str = "smtp_lab"
    reply_to: str | None = None

    @field_validator("display_name")
    @classmethod
    def _check_display_name(cls, value: str) -> str:
        parse_sender(_sender(value), "")
        return value.strip()

    @field_validator("reply_to")
    @classmethod
    def _check_reply_to(cls, value: str | None) -> str | None:
        return check_reply_to(value)

    def profile(self) -> Profile:
        """The whole profile: to the sink started last, or where ``smtp-lab sink`` listens."""
        return Profile(
            name=NAME,
            sender=_sender(self.display_name),
            reply_to=self.reply_to,
            description="The bundled sink: nothing sent here leaves this machine.",
            connection=next(reversed(connections()), None) or _usual(),
        )

    @classmethod
    def of(cls, profile: Profile) -> LabProfile:
        """What *profile*, an edited copy of the built-in one, changed.

        Raises:
            InputError: It changed something else.
        """
        sender = parse_sender(profile.sender)
        made = cls(display_name=sender.display_name, reply_to=profile.reply_to)
        # A form shows no password: one that is not there was not changed.
        same = made.profile() if profile.secrets else made.profile().without_secrets()
        for field in type(profile).model_fields:
            if getattr(profile, field) == getattr(same, field):
                continue
            if field != "sender" or sender.addr_spec != ADDRESS:
                fix = "duplicate it and change the copy; here only display name and reply_to can"
                raise InputError.of(field, f"of the built-in profile {NAME} cannot be changed", fix)
        return made


def announced(host: str, port: int) -> bool:
    """Whether a sink is at *host* and *port*: one of this process, or where ``lab`` leads to."""
    here = is_loopback(host)  # by whichever of its names
    return any(
        c.port == port and (c.host == host or (here and is_loopback(c.host)))
        for c in (*connections(), _usual())
    )


def _sender(display_name: str) -> str:
    # Quoted where it must be; line breaks are left for parse_sender to refuse.
    name = display_name.strip()
    if re.search(r"[^\w\s!#$%&\'*+/=?^_`{|}~.-]", name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{ADDRESS}>" if name else ADDRESS


def _usual() -> SmtpConnection:
    return SmtpConnection(
        host="127.0.0.1",
        port=1025,
        ca_file=tilde(data_dir() / "ca" / "lab-ca.pem"),
        auth=BasicAuth(username=NAME, password=Secret("any password works here")),
    )
