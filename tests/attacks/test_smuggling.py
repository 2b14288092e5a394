"""Mail hidden in mail (CVE-2023-51764, CVE-2024-27305 and their kin)."""

from __future__ import annotations

import pytest
from sink.talk import Talk

SECOND = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: evil\r\n"
ENDS = ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\n.\0\r\n",
        "\r\n\0.\r\n", "\0\r\n.\0\n", "\n\n.\r\n", "\r\r.\r\n", "\r\n .\r\n", "\r\n. \r\n", "\r\n..\r\n",
        "\x85.\r\n", "\u2028.\r\n", "\x0b.\r\n", "\x0c.\r\n", "\n.\n\n", "\r\n.\r\r\n"]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_end_but_the_real_one_ends_a_message(attacked, end):
    """A second transaction behind something like an end of data stays text of the first."""
    target = attacked()
    wire = b"Subject: good\r\n\r\nx" + end.encode() + SECOND
    with Talk(target.sink) as client:
        client.hello()
        assert client.mail(wire).startswith("250")
        assert client.say("NOOP").startswith("250"), "there was more than one reply"
    (message,) = target.sink.archive.messages()
    assert message.mail_from == "ann@example.com"
    target.accepted.append(wire.replace(b"\r\n.", b"\r\n"))


@pytest.mark.parametrize("end", ENDS[:12], ids=repr)
def test_nor_where_packets_end(attacked, end):
    """It is the same when each octet comes by itself."""
    target = attacked()
    wire = b"x" + end.encode() + b"MAIL FROM:<evil@example.com>\r\n"
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.say("DATA")
        for octet in wire + b".\r\n":
            client.send(bytes([octet]))
        assert client.reply().startswith("250")
        assert client.say("NOOP").startswith("250"), "there was more than one reply"
    target.accepted.append(wire.replace(b"\r\n.", b"\r\n"))


def test_a_piece_of_bdat_is_never_read_as_commands(attacked):
    """What BDAT announced is message, whatever it looks like (RFC 3030 section 2)."""
    target = attacked()
    inside = b"x\r\n.\r\n" + SECOND + b".\r\nQUIT\r\n"
    with Talk(target.sink) as client:
        client.hello()
        client.envelope()
        client.send(b"BDAT %d LAST\r\n" % len(inside) + inside)
        assert client.reply().startswith("250")
        assert client.say("NOOP").startswith("250"), "there was more than one reply"
    target.accepted.append(inside)


def test_what_is_odd_about_a_message_is_said(attacked):
    """Bare CR and LF, NUL and long lines are kept as they came, and flagged."""
    target = attacked()
    odd = {
        b"a\nb\r\n": {"bare_lf"},
        b"a\rb\r\n": {"bare_cr"},
        b"a\0b\r\n": {"nul"},
        b"x" * 1001 + b"\r\n": {"long_line"},
        b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\n": set(),
        b"x" * 3000 + b"\n\r\0\r\n": {"bare_cr", "bare_lf", "nul", "long_line"},
    }
    with Talk(target.sink) as client:
        client.hello()
        for raw in odd:
            assert client.mail(raw).startswith("250")
    assert [message.flags for message in target.sink.archive.messages()] == list(odd.values())
    target.accepted += odd


@pytest.mark.parametrize("address", ["<a\r@example.com>", "<a\0@example.com>", '<"a\x0b"@x.test>'])
def test_control_characters_in_an_address_are_refused(attacked, address):
    """An address that would end a line somewhere else is no address (CVE-2026-23829)."""
    with Talk(attacked().sink) as client:
        client.hello()
        assert client.say(f"MAIL FROM:{address}").startswith("553 5.1.3")
