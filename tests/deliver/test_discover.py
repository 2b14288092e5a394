"""Finding the provider of an address: by the facts, and by asking when told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

import smtp_lab as lab
from smtp_lab import InputError

RECORDS = {
    ("google.example.com.", "MX"): ["10 aspmx.l.google.com.", "5 nothing.example.net."],
    ("ms.example.com.", "MX"): ["0 ms-example-com.mail.protection.outlook.com."],
    ("live.example.com.", "MX"): ["0 live-example.olc.protection.outlook.com."],
    ("_submissions._tcp.srv.example.com.", "SRV"): ["10 0 465 smtp.example.com."],
    ("_submission._tcp.srv.example.com.", "SRV"): ["0 0 587 submit.example.com."],
    ("_submissions._tcp.none.example.com.", "SRV"): ["0 0 0 ."],
}

AUTOCONFIG = b"""<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="x">
<incomingServer type="imap"><hostname>imap.example.com</hostname><port>993</port><socketType>SSL</socketType></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.com</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>
<outgoingServer type="smtp"><hostname>smtp.example.com</hostname><port>587</port><socketType>STARTTLS</socketType></outgoingServer>
<outgoingServer type="smtp"><hostname>bad.example.com</hostname><port>many</port><socketType>SSL</socketType></outgoingServer>
</emailProvider></clientConfig>"""


@pytest.fixture
def resolver() -> Iterator[dns.resolver.Resolver]:
    """A resolver that asks a DNS server of our own, on loopback; `asked` says what it was asked."""
    asked: list[str] = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                data, client = server.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
            asked.append(f"{kind} {name}")
            answer = dns.message.make_response(query)
            if texts := RECORDS.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
            server.sendto(answer.to_wire(), client)

    threading.Thread(target=serve, daemon=True).start()
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = ["127.0.0.1"], server.getsockname()[1]
    found.asked = asked
    yield found
    server.close()


def test_a_known_domain_is_never_asked_about(resolver):
    """What the facts know is answered without a question."""
    found = lab.provider_for(
        "ann@outlook.com", ask=("mx", "srv", "autoconfig"), resolver=resolver, fetch=lambda _: 1 / 0
    )
    assert found.id == "outlook_com"
    assert resolver.asked == []


def test_nothing_is_asked_unless_told_to(resolver):
    """An unknown domain is simply not known."""
    assert lab.provider_for("ann@google.example.com", resolver=resolver) is None
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [("google", "gmail"), ("ms", "microsoft365"), ("live", "outlook_com"), ("other", None)],
)
def test_by_mx(domain, wanted, resolver):
    """The hosts that take a domain's mail say who keeps it; the most exact name wins."""
    found = lab.provider_for(f"ann@{domain}.example.com", ask="mx", resolver=resolver)
    assert (found.id if found else None) == wanted
    assert resolver.asked == [f"MX {domain}.example.com."]


def test_by_srv(resolver):
    """RFC 6186 records give the servers, TLS from the first byte first (RFC 8314)."""
    found = lab.provider_for("ann@srv.example.com", ask="srv", resolver=resolver)
    assert [(e.host, e.port, e.security) for e in found.endpoints] == [
        ("smtp.example.com", 465, "implicit"),
        ("submit.example.com", 587, "starttls"),
    ]
    profile = found.profile("mine", user="ann@srv.example.com")
    assert profile.connection.endpoint == "smtp.example.com:465"
    assert "SRV" in found.sources[0]


def test_a_lone_dot_means_no_such_service(resolver):
    """A target of a single dot says that the domain offers no submission (RFC 2782)."""
    assert lab.provider_for("ann@none.example.com", ask="srv", resolver=resolver) is None


def test_by_autoconfig(resolver):
    """The file mail programs look for is asked for in Thunderbird's order, with the address."""
    asked = []

    def fetch(url):
        asked.append(url)
        return AUTOCONFIG if "well-known" in url else None

    found = lab.provider_for(
        "ann+x@auto.example.com", ask=["mx", "srv", "autoconfig"], resolver=resolver, fetch=fetch
    )
    assert [(e.host, e.port, e.security) for e in found.endpoints] == [
        ("smtp.example.com", 465, "implicit"),
        ("smtp.example.com", 587, "starttls"),
    ]
    assert asked == [
        "https://autoconfig.auto.example.com/mail/config-v1.1.xml?emailaddress=ann%2Bx%40auto.example.com",
        "https://auto.example.com/.well-known/autoconfig/mail/config-v1.1.xml",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + AUTOCONFIG,
        AUTOCONFIG + b" " * 200_000,
        AUTOCONFIG.replace(b"465", b"99999").replace(b"587", b"0"),
    ],
    ids=["empty", "no xml", "html", "document type", "too large", "bad ports"],
)
def test_a_useless_file_is_no_answer(body):
    """Whatever the domain serves, there is a provider or None, and no exception."""
    assert lab.provider_for("ann@auto.example.com", ask="autoconfig", fetch=lambda _: body) is None


def test_a_name_that_does_not_resolve_is_no_answer():
    """The real way to fetch gives None where there is no such host."""
    assert lab.provider_for("ann@nowhere.invalid", ask="autoconfig") is None


def test_another_way_is_a_sentence():
    """A way nobody knows is named with those there are."""
    with pytest.raises(
        InputError, match="'whois' is no way to ask; give some of mx, srv, autoconfig"
    ):
        lab.provider_for("ann@example.com", ask="whois")
