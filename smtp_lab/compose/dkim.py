"""DKIM: a signature over the message as it leaves (RFC 6376)."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from smtp_lab.config import Profile, Secret
from smtp_lab.config.address import check_address
from smtp_lab.errors import InputError

__all__ = ("DkimKey", "sign_dkim")

# Those RFC 6376 section 5.4.1 names, and what RFC 8058 section 4 wants covered.
_COVERED = (
    *("From", "Reply-To", "Subject", "Date", "To", "Cc", "Message-ID", "MIME-Version"),
    *("Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"),
)
_PEOPLE = ("From", "To", "Cc", "Reply-To")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


class DkimKey:
    """What a domain signs its mail with.

    Args:
        domain: The signing domain, that of the sender or one above it.
        selector: Which of the domain's keys: the public one stands in DNS as a TXT record of
            ``selector._domainkey.domain``.
        private_key: An RSA key in PEM, as text, `Secret` or the path of a file. It is never shown.

    Attributes:
        domain: As given, in lower case.
        selector: As given.

    Raises:
        InputError: The domain, the selector or the key cannot be used.
    """

    def __init__(self, domain: str, selector: str, private_key: str | Secret | Path) -> None:
        self.domain = self.selector = ""  # shown in the traceback of what is refused below
        try:
            check_address(f"postmaster@{domain}", "domain")
            if not isinstance(selector, str) or not _SELECTOR.fullmatch(selector):
                fix = "give one such as mail2026"
                raise InputError.of("selector", f"{selector!r} is no selector", fix)
            self.domain = domain.encode("idna").decode().lower()
            self.selector = selector
            self._key = _key_of(private_key)
        finally:
            del private_key  # a traceback with locals shows none

    def __repr__(self) -> str:
        return f"DkimKey({self.domain!r}, {self.selector!r})"

    def sign(self, raw: bytes) -> bytes:
        """The DKIM-Signature header for *raw*, name included, unfolded."""
        import dkim

        present = {name.lower() for name in _names(raw)}
        # From is named twice: nobody can add a second one that a mail program shows instead.
        covered = [b"from", *(n.lower().encode() for n in _COVERED if n.lower() in present)]
        made: bytes = dkim.sign(
            raw,
            self.selector.encode(),
            self.domain.encode(),
            self._key.reveal().encode(),
            include_headers=covered,
            canonicalize=(b"relaxed", b"relaxed"),
        )
        return made


def _names(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    return re.findall(r"^([!-9;-~]+):", head, re.MULTILINE)


def _key_of(given: Any) -> Secret:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    fix = "give an RSA key in PEM, without a password"
    problem = ""
    try:
        if isinstance(given, Path):
            given = given.expanduser().read_text(encoding="ascii")
        secret = given if isinstance(given, Secret) else Secret(given)
        key = load_pem_private_key(secret.reveal().encode(), None)
        if isinstance(key, RSAPrivateKey):
            return _as_pkcs1(key)
        problem = "is no RSA key"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, AttributeError):
        problem = "is no private key"
    finally:
        del given
    raise InputError.of("private_key", problem, fix) from None


def _as_pkcs1(key: Any) -> Secret:
    from cryptography.hazmat.primitives import serialization as kinds

    pem = key.private_bytes(
        kinds.Encoding.PEM, kinds.PrivateFormat.TraditionalOpenSSL, kinds.NoEncryption()
    )
    return Secret(pem.decode())


def sign_dkim(message: EmailMessage, key: DkimKey, profile: Profile | None) -> None:
    """Put the signature of *key* into *message*, over the bytes that `send` will send.

    Raises:
        InputError: The message would change after it is signed, or is not of the key's domain.
    """
    if message["From"] is None:
        raise InputError.of("dkim", "needs to know who sends", "give profile= or sender=")
    domain = message["From"].addresses[0].domain.encode("idna").decode().lower()
    if domain != key.domain and not domain.endswith(f".{key.domain}"):
        fix = f"use a key of {domain}"
        raise InputError.of("dkim", f"{key.domain} cannot sign for {domain} (RFC 7489)", fix)
    if profile is not None and profile.recipients_as != "to":
        problem = f"profile {profile.name} moves the recipients to {profile.recipients_as}"
        raise InputError.of("dkim", problem, "set recipients_as to 'to', or do not sign")
    headers = [header for name in _PEOPLE for header in message.get_all(name, [])]
    found = [address.addr_spec for header in headers for address in header.addresses]
    raw = message.as_bytes(policy=SMTP)
    if not (raw.isascii() and "".join(found).isascii()):
        fix = "send it unsigned, or write to addresses of ASCII"
        raise InputError.of("dkim", "cannot sign what is not ASCII on the wire", fix)
    header = key.sign(raw).decode("ascii")
    value = re.sub(r"\r\n(?=[ \t])", "", header.partition(":")[2]).strip()
    message["DKIM-Signature"] = value
