"""DKIM keys as they stand in DNS (RFC 6376 section 3.6.1)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass

from smtp_lab.domain.questions import tags_of

__all__ = ("DkimKey", "read_key")


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A public key for signatures.

    Attributes:
        kind: ``rsa`` or ``ed25519``.
        bits: Its length; 0 when it cannot be read.
        testing: Whether the domain says that it only tries.
        revoked: Whether it was taken back: its ``p=`` is empty.
        problem: Why it is of no use, or empty.
    """

    kind: str = "rsa"
    bits: int = 0
    testing: bool = False
    revoked: bool = False
    problem: str = ""


def read_key(record: str) -> DkimKey:
    """Read the TXT *record* of a selector."""
    tags = tags_of(record)
    kind = tags.get("k", "rsa").casefold()
    testing = "y" in tags.get("t", "").replace(" ", "").split(":")
    problem = ""
    if tags.get("v", "DKIM1") != "DKIM1":
        problem = "its version is not DKIM1"
    elif kind not in ("rsa", "ed25519"):
        problem = "it is of a kind nobody knows"
    elif "p" not in tags:
        problem = "it holds no p="
    elif "sha256" not in tags.get("h", "sha256").replace(" ", "").split(":"):
        problem = "it forbids sha256, and sha1 is not to be used (RFC 8301)"
    if problem:
        return DkimKey(kind, testing=testing, problem=problem)
    text = "".join(tags["p"].split())
    if not text:
        return DkimKey(kind, testing=testing, revoked=True)
    try:
        bits = _bits(kind, b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError):
        return DkimKey(kind, testing=testing, problem="its p= is no key")
    return DkimKey(kind, bits, testing=testing)


def _bits(kind: str, raw: bytes) -> int:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if kind == "ed25519":
        if len(raw) != 32:  # RFC 8463 section 4.2: the bare key
            raise ValueError("no key")
        return 256
    try:
        key = load_der_public_key(raw)
    except UnsupportedAlgorithm as error:
        raise ValueError("no key") from error
    if not isinstance(key, RSAPublicKey):
        raise TypeError("no RSA key")
    return key.key_size
