"""Words put into a client's mouth before TLS (CVE-2024-34083 and its kin)."""

from __future__ import annotations

import ssl

import pytest
from sink.talk import Talk, b64, ended, plain, transcript

pytestmark = pytest.mark.usefixtures("each_loop")


def test_commands_behind_starttls_are_refused(attacked):
    """What stands behind STARTTLS in the same packet is never taken for said under TLS."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        client.send(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@example.com>\r\n")
        assert client.reply() == "554 5.5.0 Error: commands behind STARTTLS"
        assert client.hung_up()
    (session,) = ended(target.sink)
    assert "evil" not in transcript(session)
    assert session.tls_version == ""


def test_commands_before_the_handshake_are_no_handshake(attacked):
    """Plain text that follows the answer to STARTTLS ends the connection."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        assert client.say("STARTTLS").startswith("220")
        client.send(b"EHLO evil.example\r\nMAIL FROM:<evil@example.com>\r\n")
        while client.sock.recv(1000):
            pass
    (session,) = ended(target.sink)
    assert "evil" not in transcript(session)
    assert "* the TLS handshake failed" in transcript(session)


def test_nothing_said_before_tls_counts_after_it(attacked):
    """Envelope, greeting and name begin anew (RFC 3207 section 4.2)."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        client.envelope(sender="evil@example.com")
        assert client.say("STARTTLS").startswith("220")
        client._wrap()
        assert client.say("DATA").startswith("503")
        client.hello()
        assert client.say("RCPT TO:<bob@example.org>").startswith("503")
        assert client.mail(b"mine\r\n").startswith("250")
    assert target.sink.archive.messages()[0].mail_from == "ann@example.com"
    target.accepted.append(b"mine\r\n")


def test_a_client_that_leaves_in_the_handshake_is_a_session(attacked):
    """A handshake that is cut off leaves nothing behind but a row."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        assert client.say("STARTTLS").startswith("220")
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert "the TLS handshake failed" in transcript(ended(target.sink)[0])


def test_a_second_starttls_inside_tls_is_refused(attacked):
    """STARTTLS does not begin again where TLS is."""
    with Talk(attacked().sink) as client:
        client.starttls()
        assert client.say("STARTTLS").startswith("503 5.5.1")


def test_a_login_in_plain_text_is_not_taken_before_tls(attacked):
    """Neither in one step nor in two; nor does it count afterwards."""
    target = attacked(users={"ann": "open sesame"}, login_required={"plain": False})
    with Talk(target.sink) as client:
        client.hello()
        assert client.say(b"AUTH PLAIN " + plain("ann", "open sesame")).startswith("538 5.7.11")
        assert client.say("AUTH LOGIN").startswith("538")
        client.starttls()
        assert client.say("MAIL FROM:<ann@example.com>").startswith("530")
        client.log_in()
    assert b64("open sesame").decode() not in transcript(ended(target.sink)[0])


def test_a_client_that_trusts_nobody_costs_nothing(attacked):
    """Many failed handshakes in a row leave the sink as it was."""
    target = attacked()
    for _ in range(20):
        with Talk(target.sink) as client:
            client.hello()
            client.say("STARTTLS")
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(client.sock, server_hostname="127.0.0.1")
    assert len(ended(target.sink, 20)) == 20
