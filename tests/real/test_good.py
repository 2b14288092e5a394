"""A real Postfix takes what is sent, in each of the ways there are, and not an octet is changed."""

from __future__ import annotations

import pytest
from deliver.servers import PASSWORD
from real.postfix import USERS

import smtp_lab as lab

BOB, CID, JUERGEN = USERS


@pytest.mark.parametrize("door", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", ["auto", "PLAIN", "LOGIN", "CRAM-MD5"])
def test_every_door_and_every_way_to_log_in(real, door, mechanism):
    """The login is the one that was asked for, and what arrives is what was sent."""
    auth = lab.BasicAuth(username="ann", password=PASSWORD, mechanism=mechanism)
    account = real.profile(door, security=door, auth=auth)
    delivery = lab.send_test(account, to=BOB)
    assert delivery.ok
    assert delivery.diagnosis is None
    assert real.postfix.arrived(delivery.message_id) == delivery.raw
    wanted = "PLAIN" if mechanism == "auto" else mechanism
    assert real.postfix.log.wait_for("sasl_method=", "sasl_username=ann").count(
        f"sasl_method={wanted},"
    )
    assert "auth=1 " in real.postfix.goodbye()


def test_tls_1_0_when_it_is_asked_for(real):
    """A profile that allows the old version reaches an old server, and the transcript says so."""
    delivery = lab.send_test(real.profile("tls10", min_tls="1.0"), to=BOB)
    assert delivery.ok
    assert "TLSv1 with" in str(delivery.transcript)
    assert real.postfix.arrived(delivery.message_id) == delivery.raw


def test_a_bad_certificate_when_it_is_not_checked(real):
    """verify=False goes on with what was refused, and says so."""
    delivery = lab.send_test(real.profile("expired", verify=False), to=BOB)
    assert delivery.ok
    assert "certificate NOT checked" in str(delivery.transcript)


def test_plain_text_on_this_machine(real):
    """Without TLS, as to a relay on one's own machine."""
    delivery = lab.send_test(real.profile("no_starttls", security="none"), to=BOB)
    assert delivery.ok
    assert not any(line.tls for line in delivery.transcript)


def test_an_address_beyond_ascii(real):
    """SMTPUTF8: the address stands in the envelope and in the headers as it is written."""
    delivery = lab.send_test(real.profile("starttls"), to=JUERGEN)
    assert delivery.ok
    arrived = real.postfix.arrived(delivery.message_id, JUERGEN)
    assert arrived == delivery.raw
    assert JUERGEN.encode() in arrived


BODIES = {
    "dots": ".\n..\n.a\n\n.\n",
    "eight bits": "Grüße, 世界\n.ü\n",
    "a long line": "x" * 990 + "\n." + "y" * 980 + "\n",
    "From": "From here\n>From there\n",
    "no end": "no end",
    "empty lines": "\n\n\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_not_an_octet_is_changed(real, body):
    """Dots, 8-bit text, long lines and what old mailboxes would quote arrive as they were."""
    message = lab.render("report", to=BOB, title="x", summary="y")
    message.clear_content()
    message.set_content(body, cte="8bit")
    delivery = lab.send(message, profile=real.profile("starttls"))
    assert ("BODY=8BITMIME" in str(delivery.transcript)) is not body.isascii()
    assert real.postfix.arrived(delivery.message_id) == delivery.raw


def test_attachments_and_several_recipients(real):
    """One large message for several reaches each of them, byte for byte."""
    message = lab.render(
        "report",
        to=BOB,
        title="x",
        summary="y",
        attachments={"data.bin": bytes(range(256)) * 4000},
    )
    delivery = lab.send(message, profile=real.profile("starttls"), to=[BOB, CID, JUERGEN])
    assert [r.code for r in delivery.recipients] == [250, 250, 250]
    for user in USERS:
        assert real.postfix.arrived(delivery.message_id, user) == delivery.raw
