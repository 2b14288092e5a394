"""Messages put together from pieces, against a simple way to do the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.sink.body import Chunks, Dotted

BITS = st.sampled_from(
    [b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"..", b"x" * 20_000]
)


def simply(wire: bytes):
    """The message in *wire* and what follows it, or None when it has no end."""
    held = b"\r\n" + wire
    end = held.find(b"\r\n.\r\n")
    return None if end < 0 else (held[: end + 2].replace(b"\r\n.", b"\r\n")[2:], held[end + 5 :])


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted({c % (len(wire) + 1) for c in cuts}), len(wire)]
    return [wire[a:b] for a, b in pairwise(at) if a < b]


@given(st.lists(BITS, max_size=25).map(b"".join), st.lists(st.integers(0, 10**6), max_size=20))
def test_wherever_packets_end_the_message_is_the_same(wire, cuts):
    """What is found, and what follows it, does not depend on how the octets came."""
    body, rest = Dotted(1 << 40), None
    fed = pieces(wire, cuts)
    while fed and rest is None:
        rest = body.feed(fed.pop(0))
    wanted = simply(wire)
    if wanted is None:
        assert rest is None
    else:
        assert (body.message(), rest + b"".join(fed)) == wanted


@given(
    st.lists(BITS, max_size=25).map(b"".join),
    st.lists(st.integers(0, 10**6), max_size=9),
    st.integers(1, 60),
)
def test_the_limit_counts_the_message_and_not_the_wire(raw, cuts, most):
    """One octet more than allowed is refused, and stuffed dots are no octets."""
    raw += b"" if raw.endswith(b"\r\n") or not raw else b"\r\n"
    wire = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    for limit in {most, max(1, len(raw)), max(1, len(raw) - 1)}:
        body = Dotted(limit)
        for piece in pieces(wire, cuts):
            rest = body.feed(piece)
        assert rest == b""
        assert body.message() == (raw if len(raw) <= limit else None)


@given(st.lists(BITS, max_size=9), st.lists(st.integers(0, 10**6), max_size=9))
def test_pieces_of_announced_length_are_put_together(parts, cuts):
    """Nothing in a piece means anything, and what follows it is given back."""
    body = Chunks(1 << 40)
    for part in parts:
        body.expect(len(part))
        rest = b"" if body.ready else None
        for piece in pieces(part + b"next", cuts) if part else []:
            if rest is None:
                rest = body.feed(piece)
        assert body.ready
    assert len(body) == sum(map(len, parts))
    assert body.message() == b"".join(parts)
