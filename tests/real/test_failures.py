"""Each classic failure of a real Postfix is diagnosed as what it is."""

from __future__ import annotations

import time

import pytest
from deliver.servers import PASSWORD, profile
from real.postfix import SMALL, USERS
from real.programs import wait_for

import smtp_lab as lab

BOB, CID, JUERGEN = USERS
STRANGER = "eve@example.net"
KIM = lab.BasicAuth(username="kim", password=PASSWORD)


def ann(password=PASSWORD, **values):
    return lab.BasicAuth(username="ann", password=password, **values)


def a_report(summary="x", **headers):
    return lab.render("report", to=BOB, title="A report", summary=summary, **headers)


@pytest.mark.parametrize(
    ("door", "connection", "wanted", "stage"),
    [
        ("expired", {}, "tls_expired", "tls"),
        ("wrong_host", {}, "tls_ip_mismatch", "tls"),
        ("wrong_host", {"host": "localhost"}, "tls_hostname_mismatch", "tls"),
        ("unknown_ca", {}, "tls_unknown_ca", "tls"),
        ("self_signed", {}, "tls_self_signed", "tls"),
        ("tls10", {}, "tls_version", "tls"),
        ("no_starttls", {}, "starttls_not_offered", "starttls"),
        ("no_auth", {}, "auth_not_offered", "auth"),
        ("starttls", {"security": "none"}, "auth_not_offered", "auth"),
        ("must_starttls", {"security": "none", "login": False}, "must_starttls", "mail"),
        ("starttls", {"security": "implicit"}, "tls_to_plain_port", "tls"),
        ("implicit", {"timeout": 1}, "greeting_timeout", "greeting"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)),
)
def test_a_connection_that_cannot_be_trusted_or_used(real, door, connection, wanted, stage):
    """What is wrong with the certificate, the version, STARTTLS or AUTH is named; no mail leaves."""
    delivery = lab.send_test(real.profile(door, **connection), to=BOB)
    assert (delivery.diagnosis.id, delivery.stage) == (wanted, stage)
    assert not delivery.ok
    said = real.postfix.goodbye()
    assert "auth=" not in said
    assert "rcpt=" not in said


@pytest.mark.parametrize("mechanism", ["auto", "PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize(
    "auth",
    [ann("wrong"), lab.BasicAuth(username="nobody", password=PASSWORD)],
    ids=["password", "name"],
)
def test_a_wrong_password_is_tried_exactly_once(real, mechanism, auth):
    """One login in Postfix's count and one in Dovecot's log, whatever else is offered."""
    auth = auth.replace(mechanism=mechanism)
    delivery = lab.send_test(real.profile("starttls", auth=auth), to=BOB)
    assert (delivery.diagnosis.id, delivery.stage) == ("bad_credentials", "auth")
    assert real.postfix.goodbye() == "ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"
    real.dovecot.log.wait_for(f"({auth.username},127.0.0.1): ")
    assert str(real.dovecot.log).count(",127.0.0.1): ") == 1


@pytest.mark.parametrize(
    ("door", "to", "change", "wanted"),
    [
        ("starttls", STRANGER, {"login": False}, ("relay_denied", 554)),
        ("members", BOB, {"login": False}, ("login_needed", 554)),
        ("owners", BOB, {"login": False}, ("login_needed", 553)),
        ("owners", BOB, {"auth": KIM}, ("sender_not_allowed", 553)),
        ("starttls", "nobody@example.org", {}, ("user_unknown", 550)),
        ("greylisting", CID, {"login": False}, ("greylisted", 450)),
    ],
)  # fmt: skip
def test_a_refused_recipient(real, door, to, change, wanted):
    """The reply to RCPT decides, and no DATA follows."""
    delivery = lab.send_test(real.profile(door, **change), to=to)
    (recipient,) = delivery.recipients
    assert (delivery.diagnosis.id, recipient.code) == wanted
    assert (recipient.address, recipient.accepted, delivery.stage) == (to, False, "rcpt")
    assert delivery.diagnosis.temporary is (recipient.code < 500)
    assert "data=" not in real.postfix.goodbye()


@pytest.mark.parametrize(("door", "stage"), [("small", "mail"), ("small_unsaid", "data")])
def test_a_message_that_is_too_large(real, door, stage):
    """Refused by the announced SIZE before anything is sent, or else after the message."""
    report = a_report("y" * 500 + "\n" + "z\n" * SMALL)
    with pytest.raises(lab.DeliveryError) as error:
        lab.send(report, profile=real.profile(door))
    delivery = error.value.delivery
    assert delivery.diagnosis.id in ("size_exceeded_mail", "too_big_for_server")
    assert delivery.stage == stage
    assert [r.accepted for r in delivery.recipients] == [False]
    assert ("data=" in real.postfix.goodbye()) is (stage == "data")


def test_some_of_several_recipients_are_refused(real):
    """Who is unknown and who must log in first is told of each; the others get the message."""
    everyone = [BOB, "nobody@example.org", CID, STRANGER]
    delivery = lab.send_test(real.profile("starttls", login=False), to=everyone)
    assert [(r.accepted, r.code) for r in delivery.recipients] == [
        (True, 250),
        (False, 550),
        (True, 250),
        (False, 554),
    ]
    assert [lab.diagnose(f"{r.code} {r.text}").id for r in delivery.refused] == [
        "user_unknown",
        "relay_denied",
    ]
    assert delivery.diagnosis.id == "user_unknown"
    for user in (BOB, CID):
        assert real.postfix.arrived(delivery.message_id, user) == delivery.raw


def test_more_recipients_than_the_server_takes(real):
    """The ones beyond the limit are refused for now, the others are served."""
    delivery = lab.send_test(real.profile("two_at_once"), to=[BOB, CID, JUERGEN])
    assert [r.code for r in delivery.recipients] == [250, 250, 452]
    assert delivery.diagnosis.id == "too_many_recipients"
    assert real.postfix.arrived(delivery.message_id, CID) == delivery.raw


def test_a_server_without_smtputf8(real):
    """An address beyond ASCII is not sent to a server that does not know them."""
    delivery = lab.send_test(real.profile("ascii_only"), to=JUERGEN)
    assert delivery.diagnosis.id == "smtputf8_missing"
    assert "mail=" not in real.postfix.goodbye()


def test_greylisting_is_over_when_the_mail_comes_again(real):
    """The same sender, recipient and address, a little later: what was refused for now is taken."""
    account = real.profile("greylisting", login=False)

    def again():
        try:
            return lab.send(a_report(), profile=account)
        except lab.DeliveryError as refusal:
            refused.append(refusal.delivery)
            time.sleep(0.3)
            return None

    refused = []
    delivery = wait_for(again, "the end of greylisting")
    assert {(d.diagnosis.id, d.diagnosis.temporary) for d in refused} == {("greylisted", True)}
    assert real.postfix.arrived(delivery.message_id).endswith(delivery.raw)


def test_a_port_where_imap_is_spoken(real):
    """A Dovecot that greets as an IMAP server is told as no mail server to send through."""
    account = profile(real.dovecot.imap, security="none", login=False)
    delivery = lab.send_test(account, to=BOB)
    assert (delivery.diagnosis.id, delivery.stage) == ("not_smtp", "greeting")
    assert "IMAP4rev1" in str(delivery.transcript)
