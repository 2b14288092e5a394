"""DKIM on the bytes as they came, SPF and DMARC, with DNS answers that are given."""

from __future__ import annotations

import gc
import weakref
from base64 import b64encode
from typing import ClassVar

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from inbox.mails import captured, lines

MAIL = lines(
    "From: Ann <ann@example.com>",
    "To: bob@example.org",
    "Subject: Signed",
    "",
    "The text.",
    "",
    "End.",
)


@pytest.fixture(scope="module")
def rsa():
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return private(key), public(key)


def private(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public(key) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"


def signed(key: bytes, mail: bytes = MAIL, domain: bytes = b"example.com", **more) -> bytes:
    return (
        dkim.sign(mail, b"sel", domain, key, include_headers=[b"from", b"subject"], **more) + mail
    )


def dns(record: str | None, domain: str = "example.com", **others) -> dict:
    table = {f"sel._domainkey.{domain}": {"TXT": [record]}} if record is not None else {}
    return table | {
        name.replace("__", "_").replace("_dot_", "."): kinds for name, kinds in others.items()
    }


def dkim_rows(mail: bytes, **asked) -> list[tuple[str, str]]:
    table = captured(mail).check(rules="dkim-*", **asked)
    return list(zip(table["rule"], table["why"], strict=True))


class TestDkim:
    """A signature holds, or it is said why not."""

    @pytest.mark.parametrize("way", [b"simple", b"relaxed"])
    def test_it_holds(self, rsa, way):
        """Verified with the key from DNS, whatever the canonicalization."""
        mail = signed(rsa[0], canonicalize=(way, way))
        assert dkim_rows(mail, dns=dns(rsa[1])) == []

    def test_ed25519(self):
        """RFC 8463 signatures are verified too."""
        key = Ed25519PrivateKey.generate()
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        bare = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        mail = signed(b64encode(raw), signature_algorithm=b"ed25519-sha256")
        record = f"v=DKIM1; k=ed25519; p={b64encode(bare).decode()}"
        assert dkim_rows(mail, dns=dns(record)) == []
        assert dkim_rows(mail.replace(b"Signed", b"Forged"), dns=dns(record)) != []

    def test_a_changed_body_is_seen_without_dns(self, rsa):
        """Its hash is in the signature: nobody needs to be asked."""
        mail = signed(rsa[0])
        assert dkim_rows(mail) == []
        assert dkim_rows(mail.replace(b"The text", b"A text")) == [
            ("dkim-broken", "the body is not the one that was signed")
        ]

    def test_a_changed_header_needs_the_key(self, rsa):
        """With it, the rule says so."""
        mail = signed(rsa[0]).replace(b"Subject: Signed", b"Subject: Forged")
        ((rule, why),) = dkim_rows(mail, dns=dns(rsa[1]))
        assert rule == "dkim-broken"
        assert "headers" in why

    @pytest.mark.parametrize(
        ("record", "why"),
        [
            (None, "sel._domainkey.example.com has no key"),
            ("v=DKIM1; p=", "it was taken back"),
            ("v=DKIM1; p=nonsense!", "its p= is no key"),
            ("v=DKIM1; k=dsa; p=AAAA", "of a kind nobody knows"),
        ],
    )
    def test_a_key_of_no_use(self, rsa, record, why):
        """It is missing, revoked, broken or of an unknown kind."""
        ((rule, said),) = dkim_rows(signed(rsa[0]), dns=dns(record))
        assert rule == "dkim-unproven"
        assert why in said

    def test_a_short_key(self, rsa):
        """Fewer than 1024 bits count for nothing (RFC 8301)."""
        short = RSAPublicNumbers(65537, (1 << 767) + 9).public_key()
        der = short.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        record = f"v=DKIM1; p={b64encode(der).decode()}"
        ((rule, why),) = dkim_rows(signed(rsa[0]), dns=dns(record))
        assert rule == "dkim-unproven"
        assert "it has 768 bits" in why

    def test_the_first_signature_may_be_bad(self, rsa):
        """Each is judged by itself and named by its number."""
        bad = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=AAAA; b=AAAA\r\n"
        table = captured(bad + signed(rsa[0])).check(rules="dkim-broken")
        assert list(table["where"]) == ["DKIM-Signature 1"]

    def test_none(self):
        """That there is no signature is told only to who asks for proof."""
        assert dkim_rows(MAIL) == []
        assert dkim_rows(MAIL, dns={}) == [("dkim-missing", "there is no DKIM-Signature")]

    def test_blanks_without_end_are_not_verified(self, rsa):
        """A canonicalization that takes the square of a run's length is not started."""
        mail = signed(rsa[0]).replace(b"The text", b"The" + b" " * 900_000 + b"text")
        assert dkim_rows(mail, dns=dns(rsa[1])) == []


def spf_rows(record: str | None, ip: str | None = "192.0.2.1", **changes) -> list[tuple[str, str]]:
    table = {"example.com": {"TXT": [record] if record else [], "MX": ["10 mx.example.com."]}}
    table["mx.example.com"] = {"A": "192.0.2.7"}
    found = captured(MAIL, **changes).check(rules="spf-*", dns=table, ip=ip)
    return list(zip(found["rule"], found["why"], strict=True))


class TestSpf:
    """As a receiver would reckon it."""

    @pytest.mark.parametrize(
        ("record", "ip", "rule", "start"),
        [
            ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.1", None, ""),
            ("v=spf1 mx -all", "192.0.2.7", None, ""),
            ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", None, ""),
            ("v=spf1 -all", "192.0.2.1", "spf-fails", "fail for example.com"),
            ("v=spf1 ~all", "192.0.2.1", "spf-fails", "softfail for example.com"),
            ("v=spf1 nonsense -all", "192.0.2.1", "spf-fails", "permerror for example.com"),
            (
                "v=spf1 include:a.example include:b.example include:c.example -all",
                "192.0.2.1",
                "spf-fails",
                "permerror",
            ),
            ("v=spf1 ?all", "192.0.2.1", "spf-open", "neutral for example.com"),
            (None, "192.0.2.1", "spf-open", "none for example.com"),
            ("v=spf1 -all", None, "spf-open", "it came from this machine"),
        ],
    )
    def test_result(self, record, ip, rule, start):
        """Pass is no finding; the others say which result and whose record."""
        found = spf_rows(record, ip)
        assert [name for name, _ in found] == ([rule] if rule else [])
        assert all(why.startswith(start) for _, why in found)

    def test_the_null_sender(self):
        """The name in EHLO is asked instead (RFC 7208 section 2.4)."""
        ((rule, why),) = spf_rows("v=spf1 -all", mail_from="")
        assert (rule, why.partition(":")[0]) == ("spf-open", "none for client.example")

    def test_dns_without_an_answer(self):
        """A resolver that fails is no verdict against the sender."""

        def broken(name: str, kind: str) -> list[str]:
            import dns.resolver

            raise dns.resolver.NoNameservers

        table = captured(MAIL).check(rules=["spf-*", "dmarc-*"], dns=broken, ip="192.0.2.1")
        assert sorted(set(table["rule"])) == ["dmarc-missing", "spf-open"]

    def test_nobody_is_asked_by_default(self):
        """Without dns there is no verdict and no question."""
        assert captured(MAIL).check(rules=["spf-*", "dmarc-*"]).empty


class TestDmarc:
    """Neither SPF nor DKIM of another domain counts."""

    POLICY: ClassVar = {"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}}

    def test_by_spf(self):
        """The envelope sender is of the domain of From, and its server is allowed."""
        table = self.POLICY | {"example.com": {"TXT": ["v=spf1 +all"]}}
        assert captured(MAIL).check(rules="dmarc-*", dns=table, ip="192.0.2.1").empty

    def test_by_dkim(self, rsa):
        """A signature of the domain is enough, whatever the server."""
        table = self.POLICY | dns(rsa[1])
        assert captured(signed(rsa[0])).check(rules="dmarc-*", dns=table).empty

    def test_another_domain_proves_nothing(self, rsa):
        """A signature and an envelope of somebody else do not count."""
        mail = signed(rsa[0], domain=b"example.net")
        table = self.POLICY | dns(rsa[1], "example.net") | {"example.net": {"TXT": "v=spf1 +all"}}
        found = captured(mail, mail_from="x@example.net").check(
            rules="dmarc-*", dns=table, ip="192.0.2.1"
        )
        assert list(found["rule"]) == ["dmarc-fails"]
        assert found["why"][0] == (
            "DKIM holds for example.net, SPF is pass for example.net; example.com asks for reject"
        )

    def test_no_record(self):
        """It is worth knowing."""
        found = captured(MAIL).check(rules="dmarc-*", dns={})
        assert list(found["why"]) == ["example.com has no DMARC record"]


def test_a_check_keeps_nothing_of_the_mail():
    """What was asked of DNS in vain holds no frames, and so no mail of many megabytes."""
    gc.disable()  # which would find it some time later
    try:
        mail = captured(MAIL)
        mail.check(dns={}, ip="192.0.2.1")
        gone = weakref.ref(mail)
        del mail
        assert gone() is None
    finally:
        gc.enable()
