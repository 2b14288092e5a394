"""Too much of everything."""

from __future__ import annotations

import contextlib
import socket

import pytest
from sink.talk import Talk, b64, ended, plain, transcript

pytestmark = pytest.mark.usefixtures("each_loop")


def crowd(port, count, said=b""):
    """Connections that were greeted and have said *said*."""
    there = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.recv(100)
        if said:
            sock.sendall(said)
            sock.recv(1000)
        there.append(sock)
    return there


def leave(there):
    for sock in there:
        sock.close()


@pytest.mark.parametrize("door", ["plain", "implicit"])
def test_a_flood_of_silent_connections_keeps_nobody_out(attacked, door):
    """Who only connects makes room for the next one, at any door."""
    target = attacked(connections=20)
    port = target.sink.tls_port if door == "implicit" else target.sink.plain_port
    there = []
    for _ in range(100):
        there.append(socket.create_connection(("127.0.0.1", port), 10))
        if door == "plain":
            assert there[-1].recv(4) == b"220 "
    ended(target.sink, 80)  # all were let in, and all but the last twenty had to go
    for _ in range(3):
        with Talk(target.sink) as client:
            assert client.greeting.startswith("220 ")
            assert client.hello().startswith("250")
    leave(there)
    assert len(ended(target.sink, 103)) == 103


def test_a_silent_guest_makes_room_and_hears_why(attacked):
    """Who has greeted and says nothing more has to go when the house is full."""
    target = attacked(connections=3, connections_per_peer=3)
    there = crowd(target.sink.plain_port, 3)
    with Talk(target.sink, door="plain") as client:
        assert client.greeting.startswith("220 ")
    assert there[0].recv(100) == b"421 4.3.2 Error: others need this place\r\n"
    leave(there)


@pytest.mark.parametrize("bound", ["connections", "connections_per_peer"])
def test_a_full_house_at_work_is_not_disturbed(attacked, bound):
    """Where everybody has just spoken the new one is told 421, and the others go on."""
    target = attacked(**{bound: 3})
    there = crowd(target.sink.plain_port, 3, b"EHLO x\r\n")
    with Talk(target.sink, door="plain") as client:
        assert client.greeting == "421 4.7.0 Error: too many connections"
        assert client.hung_up()
    for sock in there:
        sock.sendall(b"NOOP\r\n")
        assert sock.recv(100).startswith(b"250")
    leave(there)
    assert "too many connections" in "".join(map(transcript, ended(target.sink, 4)))


def test_connections_that_come_and_go_leave_nothing(attacked):
    """A hundred connections in a row do not use up their places."""
    target = attacked(connections=5)
    for _ in range(100):
        socket.create_connection(("127.0.0.1", target.sink.plain_port), 10).close()
    assert len(ended(target.sink, 100)) == 100
    assert target.sink._server._doors[0][0].guests._count == 0


def test_a_flood_of_commands_ends(attacked):
    """Who never comes to the point has said enough after so many commands."""
    target = attacked(commands=50)
    with Talk(target.sink) as client:
        client.send(b"NOOP\r\n" * 60)
        replies = [client.reply()[:3] for _ in range(51)]
        assert replies == ["250"] * 50 + ["421"]
        assert client.hung_up()


def test_others_are_served_while_one_floods(attacked):
    """A client whose commands fill a packet, a thousand at a time, gets its turn and no more."""
    target = attacked()
    with Talk(target.sink) as flood:
        flood.send(b"NOOP\r\n" * 40_000)
        with Talk(target.sink) as client:
            client.hello()
            assert client.mail(b"x\r\n").startswith("250")
        assert all(flood.reply().startswith("250") for _ in range(40_000))
    target.accepted.append(b"x\r\n")


def test_too_many_errors_end_the_session(attacked):
    """Whoever guesses at commands is sent away."""
    target = attacked(errors=5)
    with Talk(target.sink) as client:
        client.send(b"FOO\r\n" * 20)
        replies = [client.reply()[:3] for _ in range(6)]
        assert replies == ["500"] * 5 + ["421"]
        assert client.hung_up()


def test_too_many_recipients(attacked):
    """The rest get 452 and the message still goes to the first; a flood of them ends it."""
    target = attacked(recipients=10, errors=3)
    with Talk(target.sink) as client:
        client.hello()
        client.say("MAIL FROM:<a@example.com>")
        client.send(b"RCPT TO:<b@example.com>\r\n" * 20)
        assert [client.reply()[:9] for _ in range(20)] == ["250 2.1.5"] * 10 + ["452 4.5.3"] * 10
        assert client.say("DATA").startswith("354")
        client.send(b"x\r\n.\r\n")
        assert client.reply().startswith("250")
        client.say("MAIL FROM:<a@example.com>")
        client.send(b"RCPT TO:<b@example.com>\r\n" * 20)
        assert [client.reply()[:3] for _ in range(14)] == ["250"] * 10 + ["452"] * 3 + ["421"]
    assert len(target.sink.archive.messages()[0].rcpt_to) == 10
    target.accepted.append(b"x\r\n")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"])
def test_nobody_guesses_passwords_for_long(attacked, mechanism):
    """After so many failed logins, by whatever mechanism, the session ends."""
    target = attacked({"ann": "open sesame"}, {"plain": False}, logins=3)
    lines = {
        "PLAIN": [b"AUTH PLAIN " + plain("ann", "guess")],
        "LOGIN": [b"AUTH LOGIN", b64("ann"), b64("guess")],
        "CRAM-MD5": [b"AUTH CRAM-MD5", b64("ann 0123456789abcdef0123456789abcdef")],
        "XOAUTH2": [b"AUTH XOAUTH2 " + b64("user=ann\1auth=Bearer guess\1\1"), b""],
        "OAUTHBEARER": [b"AUTH OAUTHBEARER " + b64("n,a=ann,\1auth=Bearer guess\1\1"), b"AQ=="],
    }[mechanism]
    with Talk(target.sink, implicit=True) as client:
        client.hello()
        for _ in range(3):
            for line in lines:
                reply = client.say(line)
            assert reply.startswith("535 5.7.8")
        assert client.reply().startswith("421 4.7.0")
        assert client.hung_up()


def test_pipelining_without_reading_is_not_answered_for_ever(attacked):
    """A client that never reads is read from no more; nothing piles up."""
    target = attacked()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", target.sink.plain_port))
        sock.recv(4)
        sock.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                sent += sock.send(b"HELP\r\n" * 10_000)
    assert sent < 30_000_000
