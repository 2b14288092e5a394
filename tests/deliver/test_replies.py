"""Replies of a server: put together within bounds, the same for one message and for many."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.deliver.replies import EndlessReplyError, NoReplyError, Replies, stuffed

LINES = st.lists(
    st.tuples(st.integers(200, 599), st.sampled_from([b"-", b" ", b""]), st.binary(max_size=20)),
    max_size=8,
)


def read(pieces):
    """Every reply in *pieces*, as they come."""
    replies, found = Replies(), []
    for piece in pieces:
        found += [reply for line in replies.split(piece) if (reply := replies.take(line))]
        replies.check()
    return found


@given(LINES, st.lists(st.integers(0, 300), max_size=5))
def test_how_the_octets_come_makes_no_difference(lines, cuts):
    """In one piece or in many: the same replies, and the same complaint."""
    data = b"".join(
        b"%d%s%s\r\n" % (code, mark, text.replace(b"\n", b"") if mark else b"")
        for code, mark, text in lines
    )
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert read(pieces) == read([data])
    ends = [line for line in lines if line[1] != b"-"]
    assert [code for code, _ in read([data])] == [code for code, _, _ in ends]


def test_the_lines_of_a_reply_are_kept():
    """A code, and every line of the answer."""
    assert read([b"250-a\r\n250-b\r\n250 c\r\n354 go\r\n220\r\n"]) == [
        (250, b"250-a\r\n250-b\r\n250 c\r"),
        (354, b"354 go\r"),
        (220, b"220\r"),
    ]


@pytest.mark.parametrize(
    "line",
    [b"", b"25", b"hello", b"250x", b"150 a", b"650 a", b"+OK", b"\xb2\xb5\xb0 a", b"\xff" * 9],
)
def test_what_is_no_reply(line):
    """A line without a code of SMTP is none (RFC 5321 section 4.2)."""
    with pytest.raises(NoReplyError) as error:
        Replies().take(line)
    assert error.value.args == (line,)


@pytest.mark.parametrize(
    "data",
    [
        b"250 " + b"x" * 9_000 + b"\r\n",
        b"250-" + b"x" * 9_000,
        b"250-x\r\n" * 1_002,
        (b"250-" + b"x" * 8_000 + b"\r\n") * 9,
    ],
)
def test_nothing_is_read_without_end(data):
    """Neither a line nor a reply grows beyond its bound."""
    with pytest.raises(EndlessReplyError):
        read([data[at : at + 4096] for at in range(0, len(data), 4096)])


@given(
    st.lists(st.sampled_from([b".", b"..", b"a", b"", b".b", b"a."]), max_size=6).map(b"\r\n".join)
)
def test_a_message_comes_out_as_it_went_in(raw):
    """A server that takes the doubled dots away has the message, and the end only at its end."""
    lines = stuffed(raw).split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2
    read_back = b"\r\n".join(line.removeprefix(b".") for line in lines[:-2]) + b"\r\n" * (
        len(lines) > 2
    )
    assert read_back in (raw, raw + b"\r\n")
