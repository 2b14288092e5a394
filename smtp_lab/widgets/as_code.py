"""Profiles, inboxes and what is done with them, as lines of Python."""

from __future__ import annotations

from collections.abc import Iterator

from smtp_lab.archive.address import name_of
from smtp_lab.config import BasicAuth, Profile, ProfileBook
from smtp_lab.config._model import Model
from smtp_lab.config.paths import tilde
from smtp_lab.inbox import Inbox

__all__ = ("IMPORT", "as_call", "open_book", "open_inbox", "profile_lines")

IMPORT = "import smtp_lab as lab"


def open_book(book: ProfileBook) -> str:
    """The line that opens *book*."""
    return f"book = lab.ProfileBook.open({tilde(book.path)!r})"


def open_inbox(inbox: Inbox) -> str:
    """The line that opens *inbox*; a password of its archive is not in it."""
    where = tilde(name_of(inbox.archive.url.set(password=None)))
    mailbox = f", mailbox={inbox.mailbox!r}" if inbox.mailbox is not None else ""
    return f"inbox = lab.Inbox.open({where!r}{mailbox})"


def profile_lines(profile: Profile) -> Iterator[str]:
    """The lines that build *profile*; for its secrets they ask whoever runs them."""
    secrets = list(profile.secrets)
    if not secrets and isinstance(getattr(profile.connection, "auth", None), BasicAuth):
        secrets = ["password"]
    if secrets:
        yield "from getpass import getpass"
        yield ""
    yield IMPORT
    yield ""
    yield f"profile = {as_call(profile)}"
    if secrets:
        asked = ", ".join(f'{name}=getpass("{_asked(name)}: ")' for name in secrets)
        yield f"profile = profile.with_secrets({asked})"


def as_call(model: Model, indent: str = "") -> str:
    """The call that builds *model*, without its secrets and what is left at default."""
    deeper = f"{indent}    "
    lines = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name == "type" or field.exclude or (value == field.default and name != "auth"):
            continue
        shown = as_call(value, deeper) if isinstance(value, Model) else repr(value)
        lines.append(f"{deeper}{name}={shown},\n")
    inside = f"\n{''.join(lines)}{indent}" if lines else ""
    return f"lab.{type(model).__name__}({inside})"


def _asked(name: str) -> str:
    return name.replace("_", " ").capitalize()
