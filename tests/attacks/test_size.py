"""Too large, in every place."""

from __future__ import annotations

import contextlib
import socket

import pytest
from sink.talk import Talk, ended, transcript


def test_an_endless_line(attacked):
    """A command of megabytes is refused once it ends, and the session goes on."""
    with Talk(attacked().sink) as client:
        client.send(b"NOOP " + b"x" * 3_000_000 + b"\r\n")
        assert client.reply() == "500 5.5.2 Command line too long"
        assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize(("length", "code"), [(12_288, "501"), (12_289, "500")])
def test_the_longest_line_is_that_of_a_login(attacked, length, code):
    """A line of AUTH may have 12,288 octets (RFC 4954 section 4), and one more is too long."""
    with Talk(attacked().sink, implicit=True) as client:
        client.hello()
        line = b"AUTH PLAIN " + b"!" * (length - 11)
        assert client.say(line).startswith(code)
        assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize("verb", ["NOOP ", "MAIL FROM:<", "EHLO ", "VRFY "])
def test_other_lines_may_have_2048(attacked, verb):
    """A line longer than Postfix takes is too long."""
    with Talk(attacked().sink) as client:
        client.hello()
        assert client.say(verb.encode() + b"x" * 3000).startswith("500")


HEADERS = {
    "many fields": b"X-A: aaaaaaaaaaaaaaaaaaaa\r\n" * 500,
    "one field without an end": b"X-A: " + b"a" * 12_000,
    "one folded field": b"X-A: a\r\n" + b" aaaaaaaaaaaaaaaaaaaa\r\n" * 500,
    "empty fields": b"a:\r\n" * 3_000,
    "only LF": b"a: b\n" * 3_000,
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_an_endless_header(attacked, header):
    """A header beyond the bound is refused, however it is put together."""
    target = attacked(header=10_000)
    with Talk(target.sink) as client:
        client.hello()
        assert client.mail(header + b"\r\n\r\nbody\r\n").startswith("552 5.3.4")
        assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\r\n\r\n" + b"X-A: a\r\n" * 5_000,
        b"x" * 50_000 + b"\r\n",
        b"no header at all\r\n" * 5_000,
        b"Subject: x\nno empty line\n" * 3_000 + b"\r\n",
    ],
)
def test_a_body_is_no_header(attacked, raw):
    """What cannot belong to a header does not count as one, with or without an empty line."""
    target = attacked(header=10_000)
    with Talk(target.sink) as client:
        client.hello()
        assert client.mail(raw).startswith("250")
    target.accepted.append(raw)


def test_a_stream_without_a_line_end(alone):
    """200 MB without a line end fill neither memory nor disk."""
    with Talk(alone, door="plain") as client:
        client.hello()
        client.envelope()
        client.say("DATA")
        for _ in range(200):
            client.send(b"x" * 1_000_000)
        client.send(b"\r\n.\r\n")
        assert client.reply().startswith("552 5.3.4")


def test_a_command_without_a_line_end(alone):
    """Nor do 200 MB of a command, or of the answer to a challenge."""
    for before in (b"", b"EHLO x\r\nAUTH LOGIN\r\n"):
        with Talk(alone, door="plain") as client:
            client.send(before)
            for _ in range(200):
                client.send(b"x" * 1_000_000)
            client.send(b"\r\n")
            while not client.reply().startswith("500"):
                pass


def test_a_message_of_empty_lines(alone):
    """Nor do 25 million lines of a message within the bound."""
    with Talk(alone, door="plain") as client:
        client.hello()
        client.envelope()
        client.say("DATA")
        client.send(b"\r\n" * 25_000_000 + b".\r\n")
        assert client.reply().startswith("250")


def test_many_large_messages_at_once(alone):
    """Messages that are never finished do not add up: beyond the bound they are refused."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Talk(alone, door="plain")) for _ in range(8)]
        for client in clients:
            client.hello()
            client.envelope()
            client.say("DATA")
            client.send(b"x" * 45_000_000)
        for client in clients:
            client.send(b"\r\n.\r\n")
        codes = [client.reply()[:3] for client in clients]
    assert sorted(set(codes)) == ["250", "452"]
    assert codes.count("250") <= 2


def test_the_limit_of_all_together_forgets_those_who_left(attacked):
    """What was held for a client that has gone is free for the next."""
    target = attacked(unfinished=1_000_000, message=750_000)
    for _ in range(5):
        with Talk(target.sink) as client:
            client.hello()
            client.envelope()
            client.say("DATA")
            client.send(b"x" * 700_000)
        ended(target.sink)
    with Talk(target.sink) as client:
        client.hello()
        raw = b"x" * 700_000 + b"\r\n"
        assert client.mail(raw).startswith("250")
    target.accepted.append(raw)
    assert target.sink._server._doors[0][0].guests.held == 0


def test_refused_for_want_of_room_may_be_sent_again(attacked):
    """A message that was dropped because others were there is taken when they have gone."""
    target = attacked(unfinished=1_000_000, message=750_000)
    raw = b"y" * 700_000 + b"\r\n"
    with Talk(target.sink) as other, Talk(target.sink) as client:
        for one in (other, client):
            one.hello()
        other.envelope()
        other.say("DATA")
        other.send(b"x" * 600_000)
        with Talk(target.sink) as third:
            third.hello()  # by now what the other sent is there
        assert client.mail(raw).startswith("452 4.3.1")
        other.send(b"\r\n.\r\n")
        assert other.reply().startswith("250")
        assert client.mail(raw).startswith("250")
    target.accepted += [b"x" * 600_000 + b"\r\n", raw]


def test_a_flood_does_not_fill_the_memory(alone):
    """Two thousand connections, each with half a message, are no more than a nuisance."""
    there = []
    for _ in range(2_000):
        sock = socket.create_connection(("127.0.0.1", alone.plain_port), 10)
        sock.recv(4)
        sock.sendall(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        sock.sendall(b"x" * 1_000)
        there.append(sock)
        if len(there) > 300:
            there.pop(0).close()
    for sock in there:
        sock.close()


def test_the_transcript_of_a_flood_has_an_end(attacked):
    """A client that never stops talking does not fill the memory with what it says."""
    target = attacked()
    with Talk(target.sink) as client:
        client.send(b"NOOP\r\n" * 6_000)
        for _ in range(6_000):
            client.reply()
    (session,) = ended(target.sink)
    assert len(session.transcript["lines"]) == 10_001
    assert "more was said" in transcript(session)
