"""Clients that take their time (slowloris)."""

from __future__ import annotations

import socket
import time

import pytest
from sink.talk import Talk, ended, transcript, until

pytestmark = pytest.mark.usefixtures("each_loop")


def drip(sock, piece):
    """Send *piece* again and again until the sink hangs up; give what it said."""
    said = b""
    sock.settimeout(0.05)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            sock.sendall(piece)
            got = sock.recv(1000)
        except TimeoutError:
            continue  # it has nothing to say
        except ConnectionError:
            return said
        if not got:
            return said
        said += got
        time.sleep(0.02)
    raise AssertionError("the sink never hung up")


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (b"", b"x"),
        (b"EHLO x\r\n", b"x"),
        (b"EHLO x\r\n", b"FOO\r\n"),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", b"x"),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nBDAT 90\r\n", b"x"),
        (b"EHLO x\r\nAUTH LOGIN\r\n", b"x"),
    ],
    ids=["greeting", "line", "nonsense", "DATA", "BDAT", "AUTH"],
)
def test_an_octet_now_and_then_does_not_hold_a_connection(attacked, before, piece):
    """Neither half a line, nor a message by the octet, nor nonsense counts as being busy."""
    target = attacked(idle=0.5, errors=10**9)
    with socket.create_connection(("127.0.0.1", target.sink.plain_port), 10) as sock:
        sock.recv(100)
        sock.sendall(before)
        assert b"421 4.4.2 Error: timeout" in drip(sock, piece)
    assert "S 421 4.4.2" in transcript(ended(target.sink)[0])


def test_a_session_has_an_end_however_busy(attacked):
    """Good commands, one after the other, do not last longer than a session may."""
    target = attacked(total=0.5)
    with socket.create_connection(("127.0.0.1", target.sink.plain_port), 10) as sock:
        sock.recv(100)
        said = drip(sock, b"NOOP\r\n")
    assert said.startswith(b"250")
    assert said.endswith(b"421 4.4.2 Error: timeout\r\n")


def test_a_message_that_comes_quickly_enough_is_taken(attacked):
    """A slow line is no attack: what comes at the rate asked for is not cut off."""
    target = attacked(idle=0.4, rate=100)
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.say("DATA")
        for _ in range(12):
            client.send(b"0123456789")
            time.sleep(0.05)
        client.send(b"\r\n.\r\n")
        assert client.reply().startswith("250")
    target.accepted.append(b"0123456789" * 12 + b"\r\n")


def test_a_handshake_that_never_ends(attacked):
    """Who says nothing, or half a ClientHello, at the TLS door is cut off and recorded."""
    target = attacked(idle=0.5)
    for said in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
        with socket.create_connection(("127.0.0.1", target.sink.tls_port), 10) as sock:
            sock.sendall(said)
            assert sock.recv(100) == b""
    assert all("handshake failed" in transcript(s) for s in ended(target.sink, 2))


def test_who_does_not_read_the_good_bye_is_cut_off(attacked):
    """A connection that was closed ends, whether or not the client takes note."""
    target = attacked(idle=0.5)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", target.sink.plain_port))
        sock.recv(4)
        sock.sendall(b"HELP\r\n" * 100_000)
        until(lambda: any(s.ended_at for s in target.sink.archive.sessions()), 20)
