"""No mail stops the checks: each gives a table, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbox.hostile import PAGES
from inbox.mails import captured, lines
from inbox.test_hostile import MAILS, UNWANTED, bounded

from smtp_lab.inbox.page import CHARACTERS, TAGS, read_page


def check_all(message) -> None:
    """Run everything that can be run without a network, and look at what comes out."""
    for asked in ({"dns": {}, "ip": "192.0.2.1"}, {"client": "all"}):
        table = message.check(**asked)
        for name in ("where", "why", "fix"):
            text = "".join(table[name])
            assert not UNWANTED.search(text)
            assert len(text) < 500 * (len(table) + 1)
        assert len(table) < 700
        assert str(table)
        assert table._repr_html_().count("<table") <= 1


@pytest.mark.parametrize("raw", MAILS.values(), ids=MAILS)
def test_no_mail_stops_the_checks(raw):
    """Everything that breaks other readers is checked, or called too complex."""
    with bounded():
        check_all(captured(raw))


@pytest.mark.parametrize("html", PAGES.values(), ids=PAGES)
def test_no_html_stops_the_checks(html):
    """Deep, long, endless or broken HTML and CSS end at a bound."""
    head = b"From: a@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    with bounded(15):
        check_all(captured(head + html.encode("utf-8", "replace")))


@pytest.mark.parametrize("html", [PAGES["deep"], PAGES["tags"], PAGES["20 MB"]])
def test_what_was_not_read_says_so(html):
    """A bound that was reached is a finding."""
    page = read_page(html)
    assert page.stopped
    assert len(page.tags) <= TAGS
    assert len(page.text) <= CHARACTERS


@pytest.mark.parametrize(
    "value",
    [
        "a" * 90_000,
        " " * 90_000,
        "h=from;" * 10_000,
        f"v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA; b={' ' * 7_000}!",
        f"v=1; a=rsa-sha256; d={'x.' * 3_000}; s=y; h=from; bh=AAAA; b=AAAA",
        "v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA; b=AAAA; x=99999999999999999999; t=-1; l=x",
        "v=1; a=\udcff; d=\udcff; s=\udcff; h=from; bh=\udcff; b=\udcff",
    ],
)
def test_no_signature_stops_the_checks(value):
    """A DKIM-Signature may hold anything."""
    raw = lines(
        "From: a@example.com",
        b"DKIM-Signature: " + value.encode("utf-8", "surrogateescape"),
        "",
        "x",
    )
    with bounded():
        check_all(captured(raw))


NAMES = st.sampled_from(
    [
        "From",
        "To",
        "Cc",
        "Bcc",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "DKIM-Signature",
        "Return-Path",
        "References",
        "X",
    ]
)
PIECES = st.sampled_from(
    ["a@b.c", "<", ">", '"', "=?utf-8?q?", "?=", "=?", ",", ";", ":", "multipart/mixed", "text/html",
     "boundary=", "charset=", "base64", "https://", "[", "]", "@", "\x00", "\r\n ", "é", "\udcff", " "]
)  # fmt: skip
BODIES = st.lists(
    st.sampled_from(
        ["<a href='", "'>", "<img src=cid:x", ">", "<style>", "</style>", "{", "}", "a:b;", "url(", "{{ x }}",
         "%s", "http://[", "--b", "\r\n", "\n", "\r", "é", "\x00", "<p style='", "@media ", "nan"]
    )
)  # fmt: skip


@given(st.lists(st.tuples(NAMES, st.lists(PIECES, max_size=8))), BODIES)
def test_random_mails(heads, body):
    """Pieces of mail in any order give a table."""
    raw = "".join(f"{name}: {''.join(value)}\r\n" for name, value in heads) + "\r\n" + "".join(body)
    check_all(captured(raw.encode("utf-8", "surrogateescape")))
