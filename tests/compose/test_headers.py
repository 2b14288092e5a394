"""Headers beyond the usual ones: given, made by a template, and the way out of a mailing."""

from __future__ import annotations

import pytest

import smtp_lab as lab
from smtp_lab.errors import InputError

T = lab.Template("x", subject="s", headers={"X-For": "{{ name | default('all') }}"})


def made(**options):
    return lab.render(T, to="b@example.com", **options)


def test_headers_come_from_the_call_and_from_the_template():
    """What the call gives wins over what the template says, and both are in the message."""
    message = made(name="Zoë", headers={"X-Report": "weekly", "Reply-To": "c@example.com"})
    assert (message["X-For"], message["X-Report"]) == ("Zoë", "weekly")
    assert message["Reply-To"] == "c@example.com"
    assert made(headers={"X-For": "me"})["X-For"] == "me"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X-A": "a\r\nBcc: x@example.com"}, "headers['X-A']: holds a line break"),
        ({"X-A": "a\0"}, "headers['X-A']: holds a line break or another control character"),
        ({"X-A": "=?utf-8?q?=0ABcc:x?="}, "holds an encoded word"),
        ({"X-A": "\ud83d"}, "headers['X-A']: "),
        ({"X-A": "x" * 3000}, "has more than 2,000 characters"),
        ({"X-A": 3}, "is a int"),
        ({"X A": "x"}, "'X A' is no name of a header"),
        ({"X-A:b": "x"}, "is no name of a header"),
        ({"X\n": "x"}, "is no name of a header"),
        ({"Bcc": "x@example.com"}, "is set by smtp_lab itself"),
        ({"content-type": "text/html"}, "is set by smtp_lab itself"),
        ({"From": "x@example.com"}, "is set by smtp_lab itself"),
        ({"X-A": "a", "x-a": "b"}, "is there twice"),
        ([("X-A", "b")], "headers: is a list; give them by name"),
    ],
    ids=repr,
)
def test_a_bad_header_is_refused(headers, words):
    """One sentence, and no message."""
    with pytest.raises(InputError) as caught:
        made(headers=headers)
    assert words in str(caught.value)


def test_a_line_break_in_data_makes_no_header():
    """A header of the template has one line, whatever its variable holds."""
    with pytest.raises(InputError, match="X-For: holds a line break"):
        made(name="a\nBcc: x@example.com")


class TestUnsubscribe:
    """RFC 2369 and RFC 8058."""

    def test_one_click(self):
        """An https link gets both headers."""
        message = made(unsubscribe="https://example.com/out?u=1")
        assert message["List-Unsubscribe"] == "<https://example.com/out?u=1>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    def test_by_mail(self):
        """An address gets one: a mail cannot be clicked by a program."""
        message = made(unsubscribe="out@example.com")
        assert message["List-Unsubscribe"] == "<mailto:out@example.com?subject=unsubscribe>"
        assert "List-Unsubscribe-Post" not in message

    def test_both(self):
        """The reader's program chooses."""
        found = made(unsubscribe=["https://example.com/out", "out@example.com"])["List-Unsubscribe"]
        assert found == "<https://example.com/out>, <mailto:out@example.com?subject=unsubscribe>"

    @pytest.mark.parametrize(
        "where",
        ["http://example.com", "javascript:x", "https://", "https://a b", "https://a>,<b", "https://ü.example", "", 3, [], "https://x\r\nA: b"],
    )  # fmt: skip
    def test_what_is_no_way_out_is_refused(self, where):
        """One sentence names the argument."""
        with pytest.raises(InputError, match="unsubscribe: "):
            made(unsubscribe=where)


def test_a_stamped_message_keeps_its_date_and_id(sink):
    """Sending adds nothing that is there already."""
    message = made(stamped=True, sender="a@example.com")
    lab.send(message, profile=sink.profile())
    captured = sink.inbox[-1]
    assert captured.header("Message-ID") == message["Message-ID"]
    assert captured.header("Date") == message["Date"]
    assert message["Message-ID"].endswith("@example.com>")


def test_the_profile_s_part_is_put_in_once(sink):
    """Sender, reply-to and signature are in the message, and sending does not add them again."""
    profile = sink.profile(sender="Ann <ann@example.com>").replace(
        signature="Ann & <Team>", reply_to="desk@example.com"
    )
    message = made(profile=profile)
    assert str(message["From"]) == "Ann <ann@example.com>"
    lab.send(message, profile=profile)
    captured = sink.inbox[-1]
    assert captured.text.count("Ann & <Team>") == 1
    assert captured.html.count("Ann &amp; &lt;Team&gt;") == 1
    assert captured.header("Reply-To") == "desk@example.com"
    with pytest.raises(InputError, match="profile: is a str; give a Profile"):
        made(profile="team")
