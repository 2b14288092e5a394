"""One message, one connection: from the first byte to the goodbye."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, replace

from smtp_lab.config import NoAuth, OAuth2, SmtpConnection
from smtp_lab.config.catalogue import provider_at
from smtp_lab.deliver import sasl
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.dsn import Dsn
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.oauth import access_token, distrust
from smtp_lab.deliver.oauth.token import TokenClaims
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.terms import Terms, agree
from smtp_lab.deliver.wire import AnswerLostError, Client
from smtp_lab.errors import TokenError
from smtp_lab.transcript import Mask, Transcript, printable

__all__ = ("Entry", "deliver", "log_in", "mask_of", "open_up")


@dataclass(frozen=True)
class Entry:
    """What an account logs in with.

    Attributes:
        login: For the SASL exchange.
        mask: Hides it wherever a server echoes it.
        claims: What the token says of itself, where there is one.
    """

    login: sasl.Login
    mask: Mask
    claims: TokenClaims | None = None

    @classmethod
    def of(cls, account: Account, transcript: Transcript, *, refresh: bool = False) -> Entry:
        """Make ready to log in; a token is fetched where one is needed.

        Args:
            account: Whose login it is.
            transcript: Gets a note of each request for a token.
            refresh: Whether to fetch a new token where one is kept.

        Raises:
            TokenError: There was no token to be had.
            InputError: A person must log in first.
        """
        token = None
        if isinstance(account.smtp.auth, OAuth2):
            before = transcript.stage
            token = access_token(account.profile, refresh=refresh, transcript=transcript)
            transcript.stage = before
        login = sasl.Login.of(account.smtp, token)
        spoken = sasl.encoded(login) if token else ()
        mask = Mask(login.user, login.secret.reveal(), encoded=spoken)
        return cls(login, mask, token.claims if token else None)


@hushed
def deliver(
    outgoing: Outgoing, account: Account, dsn: Dsn | None = None, *, refresh: bool = False
) -> Delivery:
    """Hand *outgoing* to the server of *account*; whatever goes wrong is in the Delivery.

    With *refresh* a login by token gets a new token, also where one is kept.

    Raises:
        InputError: A person must log in first.
    """
    connection = account.smtp
    transcript = Transcript()
    delivery = Delivery(
        profile=account.profile.name,
        endpoint=connection.endpoint,
        mail_from=outgoing.mail_from,
        recipients=tuple(map(Recipient, outgoing.rcpt_to)),
        message_id=outgoing.message_id,
        raw=outgoing.raw,
        transcript=transcript,
        stage="connect",
    )
    try:
        entry = Entry.of(account, transcript, refresh=refresh)
    except TokenError as error:
        return replace(delivery, stage="oauth", diagnosis=error.diagnosis)
    mask = entry.mask
    delivery = replace(delivery, token=entry.claims)
    client = Client(connection, transcript, mask)
    heard: list[Recipient] = []
    try:
        open_up(client, account, entry)
        terms = agree(outgoing, client.esmtp_features, dsn)
        delivery = _transact(client, terms, delivery, mask, heard)
    except (OSError, UnicodeError, ValueError) as error:
        # smtplib's, ssl's and socket's errors all are OSErrors; a host that IDNA cannot encode
        # gives a UnicodeError.
        stage = transcript.stage
        found = _masked(_explain(error, connection), mask)
        transcript.add("*", _masked_text(error, mask))
        if _can_part(error):
            client.leave()
        client.close()
        refused = {r.address: r for r in heard if not r.accepted}
        return replace(
            delivery,
            recipients=tuple(refused.get(r.address, r) for r in delivery.recipients),
            stage=stage,
            diagnosis=found,
            unknown=isinstance(error, AnswerLostError),
            tls=client.tls,
        )
    except BaseException:  # Ctrl-C
        client.close()
        raise
    client.leave()
    return replace(delivery, tls=client.tls)


def mask_of(account: Account) -> Mask:
    """What hides the secrets of *account* that are known before a token is fetched."""
    profile = account.profile
    return Mask(profile.username, *(secret.reveal() for secret in profile.secrets.values()))


def open_up(client: Client, account: Account, entry: Entry) -> None:
    """Connect, encrypt and log in: everything before the first message.

    Raises:
        OSError: Whatever went wrong; the stage of the transcript says where.
        UnicodeError: The host cannot be written for DNS.
        ValueError: The server's challenge is no base64.
    """
    client.begin()
    log_in(client, account, entry)
    client.transcript.stage = "mail"


def log_in(client: Client, account: Account, entry: Entry) -> None:
    """Log in as *account* does, with exactly one attempt; without a login nothing is said.

    Raises:
        OSError: The server refused, or offers nothing that fits.
    """
    auth = account.smtp.auth
    if isinstance(auth, NoAuth):
        return
    try:
        client.log_in(auth, entry.login)
    except smtplib.SMTPAuthenticationError:
        if entry.claims is not None:
            distrust(account.profile)
        raise


def _transact(
    client: Client, terms: Terms, delivery: Delivery, mask: Mask, recipients: list[Recipient]
) -> Delivery:
    """Hand the message over; *recipients* has what was said of each, also when it fails."""
    transcript, outgoing = client.transcript, terms.outgoing
    to_mail, *to_rcpt = terms.commands
    code, text = client.command(to_mail)
    if code // 100 != 2:
        raise smtplib.SMTPSenderRefused(code, text, outgoing.mail_from)
    transcript.stage = "rcpt"
    for address, command in zip(outgoing.rcpt_to, to_rcpt, strict=True):
        code, text = client.command(command)
        said = _readable(text.decode("utf-8", "replace"), mask)
        recipients.append(Recipient(address, code // 100 == 2, code, said))
        if code == 421:  # RFC 5321 section 3.8: the server closes, so nobody is served
            refused = {each.address: each for each in recipients if not each.accepted}
            closed = (Recipient(each, False, code, said) for each in outgoing.rcpt_to)
            recipients = [refused.get(each.address, each) for each in closed]
            break
    first = next((r for r in recipients if not r.accepted), None)
    diagnosis = _of_reply(first.code, first.text, client.connection) if first else None
    reply = ""
    if any(recipient.accepted for recipient in recipients):
        code, said = client.hand_over(terms)
        said = _readable(said, mask)
        reply = f"{code} {said}"
        if code // 100 != 2:
            recipients = [
                Recipient(r.address, False, code, said) if r.accepted else r for r in recipients
            ]
            diagnosis = _of_reply(code, said, client.connection)
    return replace(
        delivery,
        recipients=tuple(recipients),
        raw=outgoing.raw,
        stage=transcript.stage if diagnosis else "quit",
        reply=reply,
        diagnosis=diagnosis,
    )


def _can_part(error: Exception) -> bool:
    """Whether the dialogue is at a point where QUIT can be said; 421 has said it already."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code not in (-1, 421)
    return isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected
    )


def _of_reply(code: int, text: str, connection: SmtpConnection) -> Diagnosis:
    return _explain(smtplib.SMTPResponseException(code, text.encode()), connection)


def _readable(text: str, mask: Mask) -> str:
    """A reply without secrets, and without what would paint a terminal."""
    return "\n".join(map(printable, mask(text).split("\n")))


def _explain(error: Exception, connection: SmtpConnection) -> Diagnosis:
    provider = provider_at(connection.host)
    known_as = provider.id if provider else None
    return diagnose(error, provider=known_as, port=connection.port)


def _masked(diagnosis: Diagnosis, mask: Mask) -> Diagnosis:
    return replace(diagnosis, raw=printable(mask(diagnosis.raw)))


def _masked_text(error: Exception, mask: Mask) -> str:
    return mask(f"{type(error).__name__}: {error}")
