"""Sending: a message through a profile, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from smtp_lab.compose import render
from smtp_lab.config import GraphConnection, NoAuth, Profile, ProfileBook
from smtp_lab.config.address import check_addresses
from smtp_lab.config.builtin import NAME as LAB
from smtp_lab.deliver import dialogue, graph, tokens
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.delivery import Delivery
from smtp_lab.deliver.dsn import Dsn, check_dsn
from smtp_lab.deliver.outgoing import Outgoing, finished, prepare
from smtp_lab.errors import DeliveryError, InputError

__all__ = ("make_test", "note_test", "send", "send_octets", "send_test")


def send(  # noqa: PLR0913  # each is a choice of its own
    message: Message[Any, Any],
    profile: Profile | str | None = None,
    *,
    activity: str | None = None,
    to: str | Sequence[str] | None = None,
    book: ProfileBook | None = None,
    dsn: Dsn | None = None,
) -> Delivery:
    """Send *message* through *profile*.

    Args:
        message: An `email.message.EmailMessage`; it is not changed.
        profile: A profile, or the name of one in the book; by default that of *activity*, or the
            book's default.
        activity: What the mail is about, see `ProfileBook.activities`.
        to: Envelope recipients; by default everyone in To, Cc and Bcc.
        book: Whose profiles and policy hold; by default the default book.
        dsn: The reports the server is asked for; one that does not offer DSN gets no message.

    Returns:
        A Delivery whose `ok` is true.

    Raises:
        InputError: Something cannot be sent as it is, or policy forbids it; no connection was
            opened.
        DeliveryError: The server did not take it for everyone; its `delivery` says why.
    """
    check_dsn(dsn)
    account = Account.of(profile, activity=activity, book=book)
    outgoing = prepare(message, account.profile, to)
    delivery = _deliver(outgoing.to(account.allowed(outgoing.rcpt_to)), account, dsn=dsn)
    if not delivery.ok:
        raise DeliveryError(delivery)
    return delivery


def send_octets(
    raw: bytes,
    *,
    to: str | Sequence[str],
    profile: Profile | str | None = None,
    book: ProfileBook | None = None,
) -> Delivery:
    """Send a finished message as it is: nothing is added to it and nothing taken out.

    Only a CR or an LF that stands alone becomes a line end, since it could smuggle in another
    message (RFC 5321, section 2.3.8).

    Args:
        raw: The message.
        to: Envelope recipients.
        profile: A profile, or the name of one in the book; by default the book's default.
        book: Whose profiles and policy hold; by default the default book.

    Returns:
        A Delivery whose `ok` is true.

    Raises:
        InputError: Policy forbids it; no connection was opened.
        DeliveryError: The server did not take it for everyone; its `delivery` says why.
    """
    account = Account.of(profile, book=book)
    outgoing = finished(raw, account.profile, to)
    delivery = _deliver(outgoing.to(account.allowed(outgoing.rcpt_to)), account)
    if not delivery.ok:
        raise DeliveryError(delivery)
    return delivery


def send_test(
    profile: Profile | str | None = None,
    *,
    to: str | Sequence[str] | None = None,
    book: ProfileBook | None = None,
) -> Delivery:
    """Send a test mail that says through which server, how and when it was sent.

    The outcome is noted in the health of the profile, where it stands in the book.

    Args:
        profile: A profile, or the name of one in the book; by default the book's default.
        to: Who gets it; by default the profile's own address.
        book: Whose profiles and policy hold; by default the default book.

    Returns:
        A Delivery. A server that refuses is an answer, not an error: see `ok` and `diagnosis`.

    Raises:
        InputError: Something cannot be sent as it is, policy forbids it, or there were too many
            tests; no connection was opened.
    """
    account = Account.of(profile, book=book)
    recipients = check_addresses(to if to is not None else account.profile.address)
    outgoing = make_test(account, recipients)
    account.book.throttle.take("test", account.profile)
    delivery = _deliver(outgoing, account, refresh=True)
    found = delivery.diagnosis.id if delivery.diagnosis else ""
    ok = None if delivery.unknown else delivery.ok
    note_test(account, ok=ok, diagnosis=found, sentence=delivery.sentence)
    return delivery


def make_test(account: Account, recipients: tuple[str, ...]) -> Outgoing:
    """The test mail of *account* to *recipients*, or to whom the policy sends it instead.

    Raises:
        InputError: The policy of the book forbids it.
    """
    profile = account.profile
    message = render(
        "test_mail",
        to=list(recipients),
        account=profile.name,
        login=profile.username,
        sender=profile.sender,
        sent_at=datetime.now(UTC),
        **_described(account),
    )
    return prepare(message, profile, recipients).to(account.allowed(recipients))


def _deliver(
    outgoing: Outgoing, account: Account, *, dsn: Dsn | None = None, refresh: bool = False
) -> Delivery:
    if isinstance(account.connection, GraphConnection):
        if dsn is not None:
            raise InputError.of(
                "dsn", "cannot be asked for through Microsoft Graph", "leave it out"
            )
        return graph.deliver(outgoing, account, tokens.graph_tokens(account.profile, refresh))
    return dialogue.deliver(outgoing, account, dsn, refresh=refresh)


def _described(account: Account) -> dict[str, Any]:
    """The way a test mail takes, for its text."""
    if isinstance(account.connection, GraphConnection):
        host = account.connection.endpoint
        return {
            "host": host,
            "port": 443,
            "security": "https",
            "verified": True,
            "mechanism": "Bearer",
        }
    smtp = account.smtp
    mechanism = "" if isinstance(smtp.auth, NoAuth) else smtp.auth.mechanism
    return {
        "host": smtp.host,
        "port": smtp.port,
        "security": smtp.security,
        "verified": smtp.verify,
        "mechanism": mechanism,
    }


def note_test(account: Account, *, ok: bool | None, diagnosis: str, sentence: str) -> None:
    """Note what became of a test mail, where the profile stands in the book."""
    name = account.profile.name
    if name == LAB or not account.in_book:
        return
    # A book in a folder that cannot be written is still good for sending.
    with suppress(OSError):
        account.book.record_test(name, ok=ok, diagnosis=diagnosis, sentence=sentence)
