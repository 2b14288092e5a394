"""One message, one connection: from the first byte to the goodbye."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, replace

from smtp_lab.config import NoAuth, OAuth2, SmtpConnection
from smtp_lab.config.providers import provider_at
from smtp_lab.deliver import sasl
from smtp_lab.deliver.account import Account
from smtp_lab.deliver.delivery import Delivery, Recipient
from smtp_lab.deliver.diagnosis import Diagnosis, diagnose
from smtp_lab.deliver.hush import hushed
from smtp_lab.deliver.oauth import access_token, distrust
from smtp_lab.deliver.oauth.token import TokenClaims
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.wire import Client
from smtp_lab.errors import TokenError
from smtp_lab.transcript import Mask, Transcript, printable

__all__ = ("Entry", "deliver", "log_in", "mail_options", "mask_of")


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
def deliver(outgoing: Outgoing, account: Account, *, refresh: bool = False) -> Delivery:
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
    try:
        client.begin()
        log_in(client, account, entry)
        delivery = _transact(client, outgoing, delivery, mask)
    except (OSError, UnicodeError, ValueError) as error:
        # smtplib's, ssl's and socket's errors all are OSErrors; a host that IDNA cannot encode
        # gives a UnicodeError.
        stage = transcript.stage
        found = _masked(_explain(error, connection), mask)
        transcript.add("*", _masked_text(error, mask))
        if _can_part(error):
            client.leave()
        client.close()
        return replace(delivery, stage=stage, diagnosis=found, tls=client.tls)
    except BaseException:  # Ctrl-C
        client.close()
        raise
    stage = transcript.stage
    client.leave()
    return replace(delivery, stage="quit" if delivery.ok else stage, tls=client.tls)


def mask_of(account: Account) -> Mask:
    """What hides the secrets of *account* that are known before a token is fetched."""
    profile = account.profile
    return Mask(profile.username, *(secret.reveal() for secret in profile.secrets.values()))


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


def _transact(client: Client, outgoing: Outgoing, delivery: Delivery, mask: Mask) -> Delivery:
    transcript = client.transcript
    transcript.stage = "mail"
    code, text = client.mail(outgoing.mail_from, mail_options(client, outgoing))
    if code // 100 != 2:
        raise smtplib.SMTPSenderRefused(code, text, outgoing.mail_from)
    transcript.stage = "rcpt"
    recipients: list[Recipient] = []
    for address in outgoing.rcpt_to:
        code, text = client.rcpt(address)
        said = _readable(text.decode("utf-8", "replace"), mask)
        recipients.append(Recipient(address, code // 100 == 2, code, said))
        if code == 421:  # RFC 5321 section 3.8: the server closes, so nobody is served
            refused = {each.address: each for each in recipients if not each.accepted}
            closed = (Recipient(each, False, code, said) for each in outgoing.rcpt_to)
            recipients = [refused.get(each.address, each) for each in closed]
            break
    delivery = replace(delivery, recipients=tuple(recipients))
    diagnosis = _of_refused(delivery, client.connection)
    if not any(recipient.accepted for recipient in recipients):
        return replace(delivery, diagnosis=diagnosis)
    code, said = client.hand_over(outgoing.raw)
    said = _readable(said, mask)
    if code // 100 == 2:
        return replace(delivery, reply=f"{code} {said}", diagnosis=diagnosis)
    nobody = tuple(
        replace(r, accepted=False, code=code, text=said) if r.accepted else r for r in recipients
    )
    found = _of_reply(code, said, client.connection)
    return replace(delivery, reply=f"{code} {said}", recipients=nobody, diagnosis=found)


def _can_part(error: Exception) -> bool:
    """Whether the dialogue is at a point where QUIT can be said; 421 has said it already."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code not in (-1, 421)
    return isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected
    )


def mail_options(client: Client, outgoing: Outgoing) -> list[str]:
    """The parameters of MAIL FROM for *outgoing*, as far as the server knows them."""
    options = []
    if client.has_extn("size"):
        options.append(f"SIZE={len(outgoing.raw)}")
    if not outgoing.raw.isascii() and client.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    if outgoing.utf8:
        if not client.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError(
                "One or more source or delivery addresses require internationalized email support, "
                "but the server does not advertise the required SMTPUTF8 capability"
            )
        client.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    return options


def _of_refused(delivery: Delivery, connection: SmtpConnection) -> Diagnosis | None:
    for recipient in delivery.refused:
        return _of_reply(recipient.code, recipient.text, connection)
    return None


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
