"""What a panel was given, held against what it can use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smtp_lab.config import Profile, ProfileBook
from smtp_lab.deliver import Batch
from smtp_lab.deliver.arguments import check_kind, check_text
from smtp_lab.errors import InputError
from smtp_lab.inbox import Inbox
from smtp_lab.sink import Sink

__all__ = (
    "check_batch",
    "check_inbox",
    "check_profile",
    "check_shared",
    "check_to",
    "names_of",
    "stands_in",
)


def check_shared(book: object, sink: object = None) -> None:
    """Refuse a *book* that is none, and a *sink* that is none; either may be None.

    Raises:
        InputError: One of them is something else.
    """
    for variable, kind in (("sink", Sink), ("batch", Batch)):
        if isinstance(book, kind):
            fix = f"give it by name, {variable}=…"
            raise InputError.of("book", f"is a {type(book).__name__}", fix)
    check_kind("book", book, ProfileBook, "give a ProfileBook, or leave it out")
    check_kind("sink", sink, Sink, "give a lab.Sink, or leave it out")


def check_batch(batch: object, *, none: bool = True) -> None:
    """Refuse what is no batch.

    Raises:
        InputError: It is something else.
    """
    check_kind("batch", batch, Batch, "give one such as lab.Batch(messages)", none=none)


def check_inbox(inbox: object) -> None:
    """Refuse what is no inbox, or None.

    Raises:
        InputError: It is something else.
    """
    check_kind("inbox", inbox, Inbox, "give sink.inbox, or lab.Inbox.open(path)")


def check_profile(profile: object) -> None:
    """Refuse what is neither a profile nor a name, or None.

    Raises:
        InputError: It is something else.
    """
    check_kind("profile", profile, Profile | str, "give a Profile or a name")


def check_to(to: object) -> None:
    """Refuse a recipient that is no text.

    Raises:
        InputError: It is something else.
    """
    check_text("to", to, "give an address, or leave it out", none=False)


def names_of(panels: object, known: Sequence[str]) -> tuple[str, ...]:
    """The ids of *panels*, which may be a single one.

    Raises:
        InputError: One of them is not *known*.
    """
    fix = f"give some of {', '.join(known)}"
    if not isinstance(panels, Iterable):
        raise InputError.of("panels", f"is a {type(panels).__name__}", fix)
    names = (panels,) if isinstance(panels, str) else tuple(panels)
    for name in names:
        if name not in known:
            raise InputError.of("panels", f"{name!r} is no panel", fix)
    return names


def stands_in(book: ProfileBook, profile: Profile | str) -> str:
    """The name of *profile* in *book*.

    Raises:
        UnknownNameError: There is no profile of that name.
        InputError: The one that was given is not saved as it is.
    """
    if isinstance(profile, str):
        if profile not in book:
            book[profile]  # which raises: the error names those that are near
        return profile
    if profile.name not in book or book[profile.name] != profile:
        fix = "save it with book.save(profile), or send with lab.send_test(profile)"
        raise InputError.of("profile", f"{profile.name} is not saved as it is", fix)
    return profile.name
