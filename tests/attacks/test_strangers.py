"""Clients that speak something else."""

from __future__ import annotations

import random
import socket

import pytest
from sink.talk import Talk, ended, transcript


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
        b"PUT /x HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:25 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.0\r\n\r\n",
        b"Host: 127.0.0.1\r\n\r\n",
    ],
)
def test_a_web_request_cannot_carry_mail(attacked, request_):
    """Commands in the body of a web request (cross-protocol) are never read."""
    target = attacked()
    mail = b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\n"
    with Talk(target.sink, door="plain") as client:
        client.send(request_ + mail * 100)
        assert client.reply() == "421 4.7.0 Error: this is no web server"
        assert client.hung_up()
    said = transcript(ended(target.sink)[0])
    assert "MAIL" not in said


def test_who_speaks_before_the_greeting_is_refused(attacked):
    """A client that does not wait is a robot, or not one that speaks SMTP."""
    target = attacked()
    server = target.sink._server
    # While the sink looks elsewhere both are there, the connection and what it says.
    paused = server._loop.call_soon_threadsafe(__import__("time").sleep, 0.3)
    with socket.create_connection(("127.0.0.1", target.sink.plain_port), 10) as sock:
        sock.sendall(b"EHLO early\r\nMAIL FROM:<a@example.com>\r\n")
        assert sock.recv(100) == b"554 5.5.0 Error: the client spoke before the greeting\r\n"
        assert sock.recv(100) == b""
    assert paused is not None
    assert "early" not in transcript(ended(target.sink)[0]).split("client")[0]


def test_nul_in_a_command(attacked):
    """A NUL neither ends a command nor hides what follows."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        assert client.say(b"MAIL\0 FROM:<a@example.com>").startswith("500")
        assert client.say(b"NO\0OP").startswith("500")
        assert client.say(b"MAIL FROM:<a@example.com>\0").startswith(("501", "553"))
        assert client.say(b"\0").startswith("500")
        assert client.say(b"EHLO a\0b").startswith("250")
        assert client.mail(b"\0\r\n").startswith("250")
    assert "\0" not in transcript(ended(target.sink)[0])
    target.accepted.append(b"\0\r\n")


@pytest.mark.parametrize("seed", range(10))
def test_noise(attacked, seed):
    """Whatever octets come, the sink answers the next client."""
    target = attacked(errors=1_000_000)
    noise = random.Random(seed)
    words = [b"EHLO x", b"MAIL FROM:<a@b.c>", b"RCPT TO:<a@b.c>", b"RSET", b"AUTH LOGIN", b"HELP",
             b"BDAT 3", b"BDAT 0", b"VRFY a", b"HELO", b"*", b"=", b"NOOP x", b"EXPN"]  # fmt: skip
    with Talk(target.sink, door="plain") as client:
        pieces = [
            noise.choice(words) + b"\r\n" if noise.random() < 0.7 else noise.randbytes(30)
            for _ in range(2_000)
        ]
        client.sock.settimeout(0.5)
        for at in range(0, len(pieces), 50):
            client.send(b"".join(pieces[at : at + 50]))
            try:
                while client.sock.recv(65536):
                    pass
            except TimeoutError:
                break
            except ConnectionError:
                break
    ended(target.sink)


@pytest.mark.parametrize("door", ["plain", "starttls", "implicit"])
def test_tls_at_every_door(attacked, door):
    """A ClientHello where none belongs, and rubbish where one does, end or are refused."""
    target = attacked()
    port = {"plain": "plain_port", "starttls": "port", "implicit": "tls_port"}[door]
    with socket.create_connection(("127.0.0.1", getattr(target.sink, port)), 10) as sock:
        if door != "implicit":
            sock.recv(100)
        sock.sendall(b"\x16\x03\x01\x00\x05hello\r\n\r\n" * 100)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1000):
            pass
    ended(target.sink)
