"""For whose message a commit waits a moment."""

from __future__ import annotations

import pytest
from sink.talk import Talk, until

import smtp_lab as lab

BEGUN = (b"EHLO x", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>")


@pytest.fixture
def counted():
    """A sink, its limits low, and those of whom it thinks that they have a message to send."""
    with lab.Sink(limits=lab.Limits(message=1000)) as sink:
        yield sink, lambda: len(sink._server._doors[0][0].guests.writers)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ((), 1),
        (BEGUN[:1], 1),
        (BEGUN, 1),
        ((*BEGUN, b"DATA"), 1),
        ((*BEGUN, b"BDAT 3\r\nabc"), 1),
        ((*BEGUN, b"DATA", b"one\r\n."), 0),
        ((*BEGUN, b"DATA", b"one\r\n.", BEGUN[1]), 1),
        ((*BEGUN, b"DATA", b"long" * 900 + b"\r\n."), 0),
        ((*BEGUN, b"BDAT 3 LAST\r\nabc"), 0),
        ((*BEGUN, b"BDAT 3000 LAST\r\n" + b"long" * 750), 0),
        ((*BEGUN, b"RSET"), 0),
        ((b"NOOP",), 0),
        ((b"VRFY a@example.com",), 0),
    ],
)
def test_who_has_a_message_to_send(counted, lines, count):
    """Who has just come or begun one; not who has sent it, gave it up or does something else."""
    sink, writers = counted
    with Talk(sink, door="plain") as client:
        for line in lines:
            client.say(line)
        assert writers() == count
    until(lambda: not writers())
