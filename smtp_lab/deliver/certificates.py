"""The certificates a server showed, what is right and wrong with them, in sentences.

Whether a connection goes on is OpenSSL's decision alone; what stands here is read beside it, for
people. The chain is had from the very handshake that OpenSSL accepted or refused, through
`ssl.SSLSocket.get_unverified_chain` (Python 3.13) or what it rests on in 3.11 and 3.12: OpenSSL 3
keeps the chain it has read even when it does not trust it, so nobody has to connect a second time
without checking.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape
from ipaddress import ip_address
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from smtp_lab.show import NO_MATH, facts_table
from smtp_lab.transcript import printable

__all__ = ("Certificate", "Tls", "Verdict")

_SOON = 14  # days before the end of a certificate that are worth a warning
_MOST_NAMES = 8  # of a certificate that are shown
_WEAK_HASHES = ("md5", "sha1")

# OpenSSL's X509_V_ERR_ numbers (x509_vfy.h): 62 host, 63 address, 64 IP; 9 to 14 validity.
_NAME_CODES, _DATE_CODES = (62, 63, 64), (9, 10, 13, 14)
_WEAK_CODES = (66, 67, 68)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one certificate says (RFC 5280).

    Attributes:
        subject: Whose it is, as RFC 4514 writes names.
        issuer: Who signed it.
        names: The host names and addresses it is for (subjectAltName).
        not_before: When it becomes valid; UTC.
        not_after: When it ceases to be; UTC.
        fingerprint_sha256: SHA-256 of the whole certificate, in hex.
        serial: Its number with its issuer, in hex.
        key: Kind and size of its key, such as ``RSA 2048`` or ``EC secp256r1``.
        signature: The hash of its signature, such as ``sha256``; the algorithm where it has none.
        self_signed: Whether it names itself as its issuer.
        unreadable: Why nothing but the fingerprint is known; usually empty.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str
    serial: str
    key: str
    signature: str
    self_signed: bool
    unreadable: str = ""

    @classmethod
    def of(cls, der: bytes) -> Certificate:
        """Read a certificate in DER; one that cannot be read has only its fingerprint."""
        fingerprint = sha256(der).hexdigest()
        try:
            read = x509.load_der_x509_certificate(der)
            return cls(
                subject=printable(read.subject.rfc4514_string()) or "(empty)",
                issuer=printable(read.issuer.rfc4514_string()) or "(empty)",
                names=tuple(map(printable, _names(read))),
                not_before=read.not_valid_before_utc,
                not_after=read.not_valid_after_utc,
                fingerprint_sha256=fingerprint,
                serial=f"{read.serial_number:x}",
                key=_key(read),
                signature=_signature(read),
                self_signed=read.subject == read.issuer,
            )
        # Servers send certificates that OpenSSL takes and a stricter reader does not.
        except (ValueError, TypeError, OverflowError, x509.InvalidVersion) as error:
            never = datetime.min.replace(tzinfo=UTC)
            return cls("", "", (), never, never, fingerprint, "", "", "", False, str(error))

    @property
    def is_weak(self) -> str:
        """What is too weak about it, after NIST SP 800-57 and RFC 9155; empty when nothing is."""
        kind, _, size = self.key.partition(" ")
        if kind in ("RSA", "DSA") and size.isdigit() and int(size) < 2048:
            return f"its {kind} key of {size} bits is too short"
        # What a root says of itself is not used to trust it.
        if self.signature in _WEAK_HASHES and not self.self_signed:
            return f"it is signed with {self.signature.upper()}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON-ready data; times in ISO 8601."""
        whole = asdict(self) | {"names": list(self.names)}
        times = {"not_before": self.not_before, "not_after": self.not_after}
        return whole | {name: time.isoformat() for name, time in times.items()}

    def __str__(self) -> str:
        if self.unreadable:
            return f"a certificate that cannot be read ({self.unreadable})"
        names = ", ".join(self.names[:_MOST_NAMES])
        more = len(self.names) - _MOST_NAMES
        names += f" and {more} more" if more > 0 else ""
        by = "signed by itself" if self.self_signed else f"signed by {self.issuer}"
        return (
            f"{self.subject}{f' for {names}' if names else ''}, {by}, "
            f"{self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d}, {self.key}, {self.signature}"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was asked of a chain, and the answer.

    Attributes:
        about: ``trust``, ``name``, ``date`` or ``strength``.
        ok: The answer; None when it was not asked.
        text: The answer in a sentence.
    """

    about: Literal["trust", "name", "date", "strength"]
    ok: bool | None
    text: str

    def __str__(self) -> str:
        mark = "?" if self.ok is None else "ok" if self.ok else "BAD"
        return f"{self.about} {mark}: {self.text}"


@dataclass(frozen=True)
class Tls:
    """How a connection was encrypted, or why it was not.

    Attributes:
        version: Such as ``TLSv1.3``; empty when the handshake failed.
        cipher: The cipher suite; empty when the handshake failed.
        bits: Of its key; 0 when the handshake failed.
        chain: The certificates as the server sent them, its own first. Empty when it sent none, or
            when Python uses an OpenSSL before 3, which keeps none it does not trust.
        verdicts: What is to be said of them.
    """

    version: str
    cipher: str
    bits: int
    chain: tuple[Certificate, ...]
    verdicts: tuple[Verdict, ...]

    @classmethod
    def of(cls, sock: ssl.SSLSocket, host: str, error: ssl.SSLError | None = None) -> Tls:
        """Read what is known after the handshake.

        Args:
            sock: The connection, verified or not.
            host: The name it was made to.
            error: Why the handshake failed, if it did.
        """
        chain = tuple(map(Certificate.of, _sent(sock)))
        checked = sock.context.verify_mode != ssl.CERT_NONE
        verdicts = _verdicts(chain, host, error, checked=checked) if chain else ()
        cipher, _, bits = (error is None and sock.cipher()) or ("", "", 0)
        version = (error is None and sock.version()) or ""
        return cls(version, cipher, bits, chain, verdicts)

    @property
    def notes(self) -> list[str]:
        """The same as lines for a transcript."""
        first = [f"{self.version} with {self.cipher}, {self.bits} bits"] if self.version else []
        places = ("the server's", *("the chain's" for _ in self.chain[1:]))
        shown = [
            f"certificate {n}, {place}: {certificate}"
            for n, (place, certificate) in enumerate(zip(places, self.chain, strict=False), 1)
        ]
        return [*first, *shown, *map(str, self.verdicts)]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready data."""
        return {
            "version": self.version,
            "cipher": self.cipher,
            "bits": self.bits,
            "chain": [certificate.to_dict() for certificate in self.chain],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tls:
        """Build it again from what `to_dict` gave."""
        return cls(
            version=data["version"],
            cipher=data["cipher"],
            bits=data["bits"],
            chain=tuple(_certificate(given) for given in data["chain"]),
            verdicts=tuple(Verdict(**given) for given in data["verdicts"]),
        )

    def __str__(self) -> str:
        return "\n".join(self.notes)

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self, say: Callable[[str], str] = str) -> str:
        """The same as HTML; *say* gives each text as its reader is to see it."""
        marks = {True: "✔", False: "✘", None: "?"}
        encrypted = f"{self.version} with {self.cipher}, {self.bits} bits" if self.version else "no"
        facts: dict[str, object] = {say("encrypted"): say(encrypted)}
        facts |= {say(v.about): f"{marks[v.ok]} {say(v.text)}" for v in self.verdicts}
        facts |= {say(f"certificate {n}"): say(str(c)) for n, c in enumerate(self.chain, 1)}
        prints = [certificate.fingerprint_sha256 for certificate in self.chain]
        facts |= {say(f"SHA-256 of {n}"): text for n, text in enumerate(prints, 1)}
        bad = "; ".join(say(v.text) for v in self.verdicts if v.ok is False)
        open_up, name = " open" if bad else "", say("Encryption")
        return (
            f'<details class="smtp-lab-tls {NO_MATH}"{open_up}><summary>{escape(name)}: '
            f"{escape(bad or say(encrypted))}</summary>{facts_table(name, facts)}</details>"
        )


def _certificate(given: Mapping[str, Any]) -> Certificate:
    times = {n: datetime.fromisoformat(given[n]) for n in ("not_before", "not_after")}
    return Certificate(**{**given, **times, "names": tuple(given["names"])})


def _sent(sock: ssl.SSLSocket) -> list[bytes]:
    """The chain as the server sent it, in DER."""
    public = getattr(sock, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner: Any = getattr(sock, "_sslobj", None)
    found = inner.get_unverified_chain() if inner is not None else None
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in found or ()]


# --- verdicts -----------------------------------------------------------------------------------


def _verdicts(
    chain: tuple[Certificate, ...], host: str, error: ssl.SSLError | None, *, checked: bool
) -> tuple[Verdict, ...]:
    code = getattr(error, "verify_code", 0)
    why = str(getattr(error, "verify_message", "") or "the handshake failed")
    return (
        _of_trust(chain[0], code, why, undecided=error is not None and not code, checked=checked),
        _of_name(chain[0], host, code, why, accepted=checked and error is None),
        _of_dates(chain, code, why),
        _of_strength(chain, code, why),
    )


def _of_trust(leaf: Certificate, code: int, why: str, *, undecided: bool, checked: bool) -> Verdict:
    if not checked:
        return Verdict("trust", None, "certificate NOT checked")
    if undecided or code in (*_NAME_CODES, *_DATE_CODES, *_WEAK_CODES):
        return Verdict("trust", None, f"not decided, OpenSSL stopped at: {why}")
    if not code:
        return Verdict(
            "trust", True, "certificate verified, an authority that is trusted signed it"
        )
    if code in (20, 21) and not leaf.self_signed:  # no issuer is known
        hint = f"{leaf.issuer} is not trusted here, or the server left out who vouches for it"
        return Verdict("trust", False, f"{why}; {hint}")
    return Verdict("trust", False, why)


def _of_name(leaf: Certificate, host: str, code: int, why: str, *, accepted: bool) -> Verdict:
    if accepted:
        return Verdict("name", True, f"it is for {host}")
    if code in _NAME_CODES:
        return Verdict("name", False, why)
    if leaf.unreadable:
        return Verdict("name", None, "it cannot be read")
    if any(_fits(name, host) for name in leaf.names):
        return Verdict("name", True, f"it is for {host}")
    others = ", ".join(leaf.names[:_MOST_NAMES]) or "no host at all"
    return Verdict("name", False, f"it is not for {host} but for {others}")


def _of_dates(chain: tuple[Certificate, ...], code: int, why: str) -> Verdict:
    now = datetime.now(UTC)
    known = [certificate for certificate in chain if not certificate.unreadable]
    for certificate in known:
        if certificate.not_after < now:
            days = (now - certificate.not_after) // timedelta(days=1)
            return Verdict("date", False, f"{certificate.subject} expired {days} days ago")
        if certificate.not_before > now:
            days = (certificate.not_before - now) // timedelta(days=1)
            text = f"{certificate.subject} becomes valid only in {days} days"
            return Verdict("date", False, text)
    if code in _DATE_CODES:
        return Verdict("date", False, why)
    if not known:
        return Verdict("date", None, "it cannot be read")
    first = min(known, key=lambda certificate: certificate.not_after)
    days = (first.not_after - now) // timedelta(days=1)
    hurry = f"; {first.subject} should be renewed" if days < _SOON else ""
    return Verdict("date", True, f"it expires in {days} days{hurry}")


def _of_strength(chain: tuple[Certificate, ...], code: int, why: str) -> Verdict:
    for certificate in chain:
        if certificate.is_weak:
            return Verdict("strength", False, f"{certificate.subject}: {certificate.is_weak}")
    if code in _WEAK_CODES:
        return Verdict("strength", False, why)
    return Verdict("strength", True, "keys and signatures are strong enough")


def _fits(name: str, host: str) -> bool:
    """Whether *name* of a certificate covers *host* (RFC 9525 section 6.3)."""
    try:
        return ip_address(name) == ip_address(host)
    except ValueError:
        pass
    try:
        wanted = host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return False
    if not name.startswith("*."):
        return name.lower() == wanted
    first, _, rest = wanted.partition(".")
    return bool(first) and rest == name[2:].lower()


# --- reading ------------------------------------------------------------------------------------


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    hosts = found.get_values_for_type(x509.DNSName)
    return (*hosts, *map(str, found.get_values_for_type(x509.IPAddress)))


def _key(read: x509.Certificate) -> str:
    try:
        key = read.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a key of an unknown kind"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def _signature(read: x509.Certificate) -> str:
    try:
        used = read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        used = None
    return used.name if used is not None else read.signature_algorithm_oid.dotted_string
