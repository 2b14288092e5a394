"""Lengths that lie (RFC 3030)."""

from __future__ import annotations

import pytest
from sink.talk import Talk, ended


@pytest.mark.parametrize(
    "length",
    ["-1", "-1 LAST", "+5", "0x10", "1e9", "99999999999999999999 LAST", "", "LAST", "5 5", "5 FIRST",
     "\N{ARABIC-INDIC DIGIT FIVE}", " ", "5LAST", "5.0"],
)  # fmt: skip
def test_a_length_that_is_none_ends_the_session(attacked, length):
    """How much follows nobody knows, so that nothing that follows can be read."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(f"BDAT {length}\r\n".encode() + b"MAIL FROM:<evil@example.com>\r\n")
        assert client.reply().startswith("501 5.5.4")
        assert client.hung_up()


@pytest.mark.parametrize("length", [10_001, 2**31, 2**62, 10**18 - 1])
def test_more_than_the_limit_is_read_and_not_kept(attacked, length):
    """A huge piece is not waited for in memory, and one that is cut short is no message."""
    target = attacked(message=10_000)
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(b"BDAT %d LAST\r\n" % length + b"x" * 10_001)
        if length == 10_001:
            assert client.reply().startswith("552 5.3.4")
            assert client.say("BDAT 5 LAST\r\n12345").startswith("503")


def test_many_small_pieces_are_still_bounded(attacked):
    """The pieces count together; the first that is too much is refused, and what follows it."""
    target = attacked(message=1_000)
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(b"".join(b"BDAT 300\r\n" + b"x" * 300 for _ in range(5)) + b"BDAT 0 LAST\r\n")
        replies = [client.reply()[:3] for _ in range(6)]
    assert replies == ["250", "250", "250", "552", "503", "503"]


def test_a_truncated_piece_is_no_message(attacked):
    """Whoever leaves before the last octet has sent nothing."""
    target = attacked()
    for last in (b"", b" LAST"):
        with Talk(target.sink) as client:
            client.hello()
            client.envelope()
            client.send(b"BDAT 100%s\r\n" % last + b"x" * 99)
    ended(target.sink, 2)


def test_pieces_without_the_last_are_no_message(attacked):
    """Whole pieces whose end was never said are not kept."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(b"BDAT 5\r\n12345")
        assert client.reply().startswith("250")
        assert client.say("RSET").startswith("250")
        assert client.say("BDAT 0 LAST").startswith("503")
    ended(target.sink)


@pytest.mark.parametrize("first", ["", "EHLO x", "EHLO x\r\nMAIL FROM:<a@example.com>"])
def test_a_piece_out_of_order_is_read_and_refused(attacked, first):
    """Without greeting, sender or recipient the announced octets are still no commands."""
    target = attacked()
    with Talk(target.sink) as client:
        for line in filter(None, first.split("\r\n")):
            client.say(line)
        client.send(b"BDAT 30 LAST\r\nRCPT TO:<evil@example.com>\r\n\r\nNOOP\r\n")
        assert client.reply().startswith("503")
        assert client.reply().startswith("250")


def test_data_and_bdat_do_not_mix(attacked):
    """DATA in the middle of BDAT is out of order, and leaves what is there alone."""
    target = attacked()
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(b"BDAT 5\r\n12345")
        assert client.reply().startswith("250")
        assert client.say("DATA").startswith("503 5.5.1")
        client.send(b"BDAT 3 LAST\r\n678")
        assert client.reply().startswith("250")
    target.accepted.append(b"12345678")
