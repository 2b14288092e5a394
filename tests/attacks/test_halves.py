"""Connections cut at every point."""

from __future__ import annotations

import socket
import struct

import pytest
from sink.talk import ended

pytestmark = pytest.mark.usefixtures("each_loop")

DATA = (
    b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    b"Subject: a\r\n\r\nb\r\n.\r\n"
)
BDAT = (
    b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n"
    b"BDAT 12\r\nSubject: a\r\nBDAT 5 LAST\r\n\r\nb\r\n"
)
WHOLE = b"Subject: a\r\n\r\nb\r\n"


def cut(port, sent, *, reset):
    """Say *sent* and leave, in peace or with a reset."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.recv(100)
        sock.sendall(sent)
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("wire", [DATA, BDAT], ids=["DATA", "BDAT"])
def test_a_disconnect_at_any_octet_stores_no_half_message(attacked, wire, reset):
    """However much was said when a client leaves, there is a whole message or none."""
    target = attacked()
    for n in range(len(wire)):
        cut(target.sink.plain_port, wire[:n], reset=reset)
    sessions = ended(target.sink, len(wire))
    assert len(sessions) == len(wire)
    assert target.raws() == []


def test_a_whole_message_is_kept_though_nobody_waits_for_the_answer(attacked):
    """Who leaves right behind the end has sent it (RFC 5321 section 4.1.1.4); it is whole."""
    target = attacked()
    for wire in (DATA, BDAT):
        cut(target.sink.plain_port, wire, reset=False)
    ended(target.sink, 2)
    assert target.raws() == [WHOLE, WHOLE]
    target.accepted += [WHOLE, WHOLE]


def test_who_has_said_all_still_hears_the_answers(attacked):
    """A client that closes its side behind the last line gets every reply."""
    target = attacked()
    with socket.create_connection(("127.0.0.1", target.sink.plain_port), 10) as sock:
        sock.recv(100)
        sock.sendall(DATA + b"NOOP\r\nQUIT\r\n")
        sock.shutdown(socket.SHUT_WR)
        said = b""
        while piece := sock.recv(1000):
            said += piece
    assert [line[:3] for line in said.split(b"\r\n")[-4:]] == [b"250", b"250", b"221", b""]
    target.accepted.append(WHOLE)
