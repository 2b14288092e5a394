"""What is read at a glance, and that it makes no difference to anyone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink.talk import Talk, ended

import smtp_lab as lab
from smtp_lab.sink import log, spoken
from smtp_lab.sink.commands import Commands
from smtp_lab.sink.glance import _read, glance
from smtp_lab.sink.log import SessionLog


class TestGlance:
    @pytest.mark.parametrize(
        ("line", "seen"),
        [
            (b"DATA\r\n", ("DATA", "", "", "DATA")),
            (b"data\r\n", ("DATA", "", "", "DATA")),
            (
                b"MAIL FROM:<ann@example.com>\r\n",
                ("MAIL", "ann@example.com", "", "MAIL FROM:<ann@example.com>"),
            ),
            (
                b"mail FROM:<a.b+c@example.com> size=7 BODY=8BITMIME\r\n",
                (
                    *("MAIL", "a.b+c@example.com", " size=7 BODY=8BITMIME"),
                    "MAIL FROM:<a.b+c@example.com> size=7 BODY=8BITMIME",
                ),
            ),
            (
                b"RCPT TO: <bob@example.org> NOTIFY=SUCCESS,DELAY\r\n",
                (
                    *("RCPT", "bob@example.org", " NOTIFY=SUCCESS,DELAY"),
                    "RCPT TO: <bob@example.org> NOTIFY=SUCCESS,DELAY",
                ),
            ),
        ],
    )
    def test_what_nearly_everyone_says(self, line, seen):
        """Verb, address, parameters, and what is noted: the line, its verb in capitals."""
        assert glance(line) == seen

    @pytest.mark.parametrize(
        "line",
        [
            *(b"MAIL FROM:<>\r\n", b"RCPT TO:<>\r\n", b"RCPT TO:<postmaster>\r\n"),
            *(b'MAIL FROM:<"a b"@example.com>\r\n', b"MAIL FROM:<a@[127.0.0.1]>\r\n"),
            *(b"MAIL FROM:<a@example.com>\n", b"MAIL FROM:<a@example.com> \r\n", b"DATA x\r\n"),
            *(b"MAIL FROM:<a@example.com>\r\nDATA\r\n", b"MAIL TO:<a@example.com>\r\n"),
            *(b'MAIL FROM:<a@example.com> ENVID="x"\r\n', b"MAIL FROM:<a@example.com>  SIZE=1\r\n"),
            *("MAIL FROM:<ä@example.com>\r\n".encode(), b"MAIL FROM:<\xe4@example.com>\r\n"),
            *(b"AUTH PLAIN AGEAYg==\r\n", b"EHLO x\r\n", b"\r\n", b"", b"\x00\r\n"),
        ],
    )
    def test_all_else(self, line):
        """What takes more than a glance, or may be a secret, is not kept here."""
        assert glance(line) is None

    @pytest.mark.parametrize("line", [b"AUTH PLAIN AGEAYg==\r\n", b"TUFJTA==\r\n", b"data=\r\n"])
    def test_no_password_is_remembered(self, line):
        """A line that may be one is not among those that are known from the time before."""
        _read.cache_clear()
        assert glance(line) is None
        assert not _read.cache_info().currsize

    @given(st.binary(max_size=60).map(lambda b: b"MAIL FROM:<" + b + b"@example.com>\r\n"))
    def test_what_is_noted_needs_no_quotes(self, line):
        """Whatever the octets: what is noted is printable, without a quote or a backslash."""
        seen = glance(line)
        if seen is not None:
            assert seen.noted.isprintable()
            assert seen.noted.isascii()
            assert not set('"\\<>') & set(seen.address)
            assert not set('"\\') & set(seen.noted)


GREETED = (b"EHLO client.example",)
BEGUN = (*GREETED, b"MAIL FROM:<ann@example.com>", b"RCPT TO:<bob@example.org>")
DIALOGUES = {
    "plain": (*BEGUN, b"DATA", b"one\r\n.", *BEGUN[1:], b"data", b"two\r\n.", b"QUIT"),
    "parameters": (
        *GREETED,
        b"mail FROM:<ann@example.com> size=99 BODY=8bitmime RET=HDRS ENVID=x+2B",
        b"RCPT TO:<bob@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.org",
        b"RCPT TO: <eve@example.org>",
        b"DATA",
        b".",
    ),
    "nobody greeted": (b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>", b"DATA"),
    "nested": (*BEGUN, b"MAIL FROM:<eve@example.com>", b"DATA", b".", b"DATA"),
    "too large": (*GREETED, b"MAIL FROM:<a@example.com> SIZE=99999999999999", BEGUN[1]),
    "too early": (*GREETED, b"RCPT TO:<b@example.org>", b"DATA", BEGUN[1], b"DATA"),
    "HELO": (b"HELO x", b"MAIL FROM:<a@example.com> SIZE=7", *BEGUN[1:], b"DATA", b"."),
    "wrong parameters": (
        *(*GREETED, b"MAIL FROM:<a@example.com> SIZE=x", b"MAIL FROM:<a@example.com> SIZE"),
        *(b"MAIL FROM:<a@example.com> SIZE=1 size=2", b"MAIL FROM:<a@example.com> NOTIFY=NEVER"),
        *(b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org> SIZE=1"),
        *(b"RCPT TO:<b@example.org> NOTIFY=NEVER,DELAY", b"DATA x", b"DATA"),
    ),
    "many": (*GREETED, BEGUN[1], *[b"RCPT TO:<b%d@example.org>" % n for n in range(6)]),
    "enough": (*GREETED, *[b"MAIL FROM:<a@example.com>", b"RSET"] * 20),
    "BINARYMIME": (*GREETED, b"MAIL FROM:<a@example.com> BODY=BINARYMIME", BEGUN[2], b"DATA"),
    "BDAT": (*BEGUN, b"BDAT 3\r\nabc", b"DATA", b"BDAT 3 LAST\r\ndef", b"DATA"),
}  # fmt: skip


def course(folder, lines, **settings):
    """The replies to *lines*, what was noted of them, and the messages that came of it."""
    settings |= {"limits": lab.Limits(recipients=4, commands=30, message=10_000)}
    with lab.Sink(folder / f"{len(list(folder.iterdir()))}.sqlite3", **settings) as sink:
        replies = []
        with Talk(sink, door="plain") as client:
            for line in lines:
                try:
                    replies.append(client.say(line))
                except ConnectionError:
                    replies.append("gone")
                    break
        (session,) = ended(sink)
        noted = [(x["direction"], x["stage"], x["text"]) for x in session.transcript["lines"]]
        kept = [
            (m.raw, m.mail_from, m.rcpt_to, m.mail_options, m.rcpt_options)
            for m in sink.archive.messages()
        ]
    return replies, noted, kept


@pytest.mark.parametrize("name", DIALOGUES)
@pytest.mark.parametrize(
    "settings", [{}, {"offers": ("SIZE", "DSN", "CHUNKING")}], ids=["all", "few"]
)
def test_the_long_way_leads_to_the_same(tmp_path, monkeypatch, name, settings):
    """Replies, transcript and messages are those of a sink that never looks at a glance."""
    seen = course(tmp_path, DIALOGUES[name], **settings)
    monkeypatch.setattr(spoken, "glance", lambda _line: None)
    assert course(tmp_path, DIALOGUES[name], **settings) == seen


def test_a_login_that_is_required_is_not_forgotten(tmp_path, monkeypatch):
    """Who has not logged in is refused, whatever way the command was read."""
    settings = {"login_required": True, "users": {"ann": "open sesame"}}
    lines = (*BEGUN, b"DATA", b"AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==", *BEGUN[1:], b"DATA", b".")
    seen = course(tmp_path, lines, **settings)
    assert [reply[:3] for reply in seen[0]] == [
        *("250", "530", "530", "530"),
        *("235", "250", "250", "354", "250"),
    ]
    monkeypatch.setattr(spoken, "glance", lambda _line: None)
    assert course(tmp_path, lines, **settings) == seen


def test_most_of_what_is_said_does_not_go_the_long_way(tmp_path, monkeypatch):
    """A whole message by smtplib's words makes a task of no command."""
    long = []
    whole = Commands._command  # what is spared

    def count(self, line):
        long.append(line)
        whole(self, line)

    monkeypatch.setattr(Commands, "_command", count)
    course(
        tmp_path,
        (*GREETED, b"mail FROM:<a@example.com> size=7", b"rcpt TO:<b@example.org>", b"data", b"."),
    )
    assert [line.split()[0] for line in long] == [b"EHLO"]


def test_an_exchange_is_noted_as_two_lines(monkeypatch):
    """Command and reply, at the stage of the command; beyond the most that is kept, one remark."""
    from datetime import UTC, datetime

    monkeypatch.setattr(log, "_MOST", 5)
    made = SessionLog(datetime.now(UTC))
    for _ in range(3):
        made.exchange("MAIL", "MAIL FROM:<a@example.com>", "250 2.1.0 OK")
    made.plain("*", "the message: 3 octets")
    lines = [line.split(",")[:3] for line in made.held()["lines"]]
    assert lines[:2] == [
        ['["C"', '"mail"', '"MAIL FROM:<a@example.com>"'],
        ['["S"', '"mail"', '"250 2.1.0 OK"'],
    ]
    assert len(lines) == 6
    assert lines[-1][2] == '"more was said than is kept here"'
