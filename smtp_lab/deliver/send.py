"""Sending: a message through a profile, and what happened."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from smtp_lab.compose import render
from smtp_lab.config import BasicAuth, Profile, ProfileBook
from smtp_lab.config.address import check_addresses
from smtp_lab.config.secrets import SecretStore
from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.outgoing import Outgoing, prepare
from smtp_lab.deliver.wire import Client, is_loopback
from smtp_lab.errors import DeliveryError, InputError
from smtp_lab.transcript import Mask, Transcript

__all__ = ("send", "send_test")


def send(
    message: Message[Any, Any],
    *,
    profile: Profile | str,
    to: str | list[str] | None = None,
) -> Delivery:
    """Send *message* through *profile*.

    Args:
        message: An `email.message.EmailMessage`; it is not changed.
        profile: A profile, or the name of one in the default book.
        to: Envelope recipients; by default everyone in To, Cc and Bcc.

    Returns:
        A Delivery whose `ok` is true.

    Raises:
        InputError: Something cannot be sent as it is; no connection was opened.
        DeliveryError: The server did not take it for everyone; its `delivery` says why.
    """
    account = _account(profile)
    delivery = _deliver(prepare(message, account, check_addresses(to) if to else None), account)
    if not delivery.ok:
        raise DeliveryError(delivery)
    return delivery


def send_test(profile: Profile | str, *, to: str | list[str] | None = None) -> Delivery:
    """Send a test mail that says through which server, how and when it was sent.

    Args:
        profile: A profile, or the name of one in the default book.
        to: Who gets it; by default the profile's own address.

    Returns:
        A Delivery. A server that refuses is an answer, not an error: see `ok` and `diagnosis`.

    Raises:
        InputError: Something cannot be sent as it is; no connection was opened.
    """
    account = _account(profile)
    recipients = check_addresses(to if to is not None else account.address)
    connection = account.connection
    auth = connection.auth
    message = render(
        "test_mail",
        to=list(recipients),
        profile=account.name,
        host=connection.host,
        port=connection.port,
        security=connection.security,
        login=auth.username if isinstance(auth, BasicAuth) else "",
        mechanism=auth.mechanism if isinstance(auth, BasicAuth) else "",
        verified=connection.verify,
        sender=account.sender,
        sent_at=datetime.now(UTC),
    )
    return _deliver(prepare(message, account, recipients), account)


def _account(profile: Profile | str) -> Profile:
    if isinstance(profile, str):
        profile = ProfileBook.open()[profile]
    connection, auth = profile.connection, profile.connection.auth
    if isinstance(auth, BasicAuth):
        if not auth.password:
            fix = f"type it in the form, or set {SecretStore.variable(profile.name)}"
            raise InputError.of(
                "connection.auth.password", f"of profile {profile.name} is not known", fix
            )
        if connection.security == "none" and not is_loopback(connection.host):
            fix = "choose starttls or implicit"
            raise InputError.of(
                "connection.security", "none would send the password in plain text", fix
            )
    if connection.trusted:
        try:
            connection.trusted.read_bytes()
        except OSError as error:
            problem = f"{connection.ca_file} cannot be read ({error.strerror})"
            fix = "give the PEM file of the authority, or leave it empty"
            raise InputError.of("connection.ca_file", problem, fix) from None
    return profile


def _deliver(outgoing: Outgoing, profile: Profile) -> Delivery:
    connection, auth = profile.connection, profile.connection.auth
    secret = auth.password.reveal() if isinstance(auth, BasicAuth) and auth.password else ""
    mask = Mask(auth.username if isinstance(auth, BasicAuth) else "", secret)
    transcript = Transcript()
    delivery = Delivery(
        profile=profile.name,
        endpoint=connection.endpoint,
        mail_from=outgoing.mail_from,
        recipients=tuple(map(Recipient, outgoing.rcpt_to)),
        message_id=outgoing.message_id,
        raw=outgoing.raw,
        transcript=transcript,
        stage="connect",
    )
    client = Client(connection, transcript, mask)
    try:
        client.begin()
        if isinstance(auth, BasicAuth):
            client.log_in(auth)
        delivery = _transact(client, outgoing, delivery, mask)
    except (OSError, UnicodeError, ValueError) as error:
        # smtplib's, ssl's and socket's errors all are OSErrors; a host that IDNA cannot encode
        # gives a UnicodeError.
        client.close()
        found = _masked(diagnose(error, port=connection.port), mask)
        transcript.add("*", _masked_text(error, mask))
        return replace(delivery, stage=transcript.stage, diagnosis=found)
    stage = transcript.stage
    client.leave()
    return replace(delivery, stage="quit" if delivery.ok else stage)


def _transact(client: Client, outgoing: Outgoing, delivery: Delivery, mask: Mask) -> Delivery:
    transcript = client.transcript
    transcript.stage = "mail"
    code, text = client.mail(outgoing.mail_from, _options(client, outgoing))
    if code // 100 != 2:
        raise smtplib.SMTPSenderRefused(code, text, outgoing.mail_from)
    transcript.stage = "rcpt"
    recipients: list[Recipient] = []
    for address in outgoing.rcpt_to:
        code, text = client.rcpt(address)
        said = mask(text.decode("utf-8", "replace"))
        recipients.append(Recipient(address, code // 100 == 2, code, said))
    delivery = replace(delivery, recipients=tuple(recipients))
    diagnosis = _of_refused(delivery, client.connection.port)
    if not any(recipient.accepted for recipient in recipients):
        return replace(delivery, diagnosis=diagnosis)
    code, said = client.hand_over(outgoing.raw)
    said = mask(said)
    if code // 100 == 2:
        return replace(delivery, reply=f"{code} {said}", diagnosis=diagnosis)
    refused = [
        replace(r, accepted=False, code=code, text=said) if r.accepted else r for r in recipients
    ]
    found = diagnose(f"{code} {' '.join(said.split())}", port=client.connection.port)
    return replace(delivery, reply=f"{code} {said}", recipients=tuple(refused), diagnosis=found)


def _options(client: Client, outgoing: Outgoing) -> list[str]:
    options = []
    if client.has_extn("size"):
        options.append(f"SIZE={len(outgoing.raw)}")
    if not outgoing.raw.isascii() and client.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    if outgoing.utf8:
        if not client.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError(
                "One or more source or delivery addresses require internationalized email support, but the server does not advertise the required SMTPUTF8 capability"
            )
        client.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    return options


def _of_refused(delivery: Delivery, port: int) -> Diagnosis | None:
    for recipient in delivery.refused:
        return diagnose(f"{recipient.code} {' '.join(recipient.text.split())}", port=port)
    return None


def _masked(diagnosis: Diagnosis, mask: Mask) -> Diagnosis:
    return replace(diagnosis, raw=mask(diagnosis.raw))


def _masked_text(error: Exception, mask: Mask) -> str:
    return mask(f"{type(error).__name__}: {error}")
