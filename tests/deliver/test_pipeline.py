"""The machine of one connection, without a socket: what it says, and what it makes of answers."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.deliver.pipeline import Pipeline, Transaction


def transaction(number, *names):
    to = tuple(f"{name}@example.org" for name in names or ("bob",))
    commands = [b"MAIL FROM:<a@example.com>\r\n", *(b"RCPT TO:<%s>\r\n" % t.encode() for t in to)]
    return Transaction(number, to, commands, b"body %d\r\n.\r\n" % number, 8)


def machine(*transactions, grouped=True):
    queue = deque(transactions)
    made = Pipeline(lambda: queue.popleft() if queue else None, grouped=grouped)
    made.proceed()
    return made


def said(pipeline):
    """What is to be written now, as one piece; counted as written."""
    data = b"".join(pipeline.outbox)
    pipeline.outbox.clear()
    pipeline.sent = pipeline.queued
    return data.decode().replace("\r\n", "|")


HEAD = "MAIL FROM:<a@example.com>|RCPT TO:<bob@example.org>|DATA|"
YES = b"250 Ok\r\n250 Ok\r\n354 Go\r\n"


def test_commands_travel_together_and_with_the_message_before():
    """MAIL, RCPT, DATA are one piece; a body and the next three another (RFC 2920 section 3.1)."""
    pipeline = machine(transaction(0), transaction(1))
    assert said(pipeline) == HEAD
    pipeline.receive(YES)
    assert said(pipeline) == f"body 0|.|{HEAD}"
    pipeline.receive(b"250 kept\r\n" + YES)
    assert said(pipeline) == "body 1|.|"
    pipeline.receive(b"250 kept\r\n")
    assert [t.end for t in pipeline.finished] == [(250, b"250 kept\r")] * 2
    assert pipeline.idle


def test_one_command_at_a_time_where_it_is_not_offered():
    """Each waits for the answer to the one before."""
    pipeline = machine(transaction(0, "bob", "cid"), grouped=False)
    heard = [said(pipeline)]
    for answer in (b"250 a\r\n", b"250 b\r\n", b"550 c\r\n", b"354 d\r\n", b"250 e\r\n"):
        pipeline.receive(answer)
        heard.append(said(pipeline))
    assert heard == [
        "MAIL FROM:<a@example.com>|",
        "RCPT TO:<bob@example.org>|",
        "RCPT TO:<cid@example.org>|",
        "DATA|",
        "body 0|.|",
        "",
    ]
    assert [code for code, _ in pipeline.finished[0].rcpt] == [250, 550]


def test_a_message_goes_only_to_a_server_that_asked_for_it():
    """Without 354 no body leaves, whatever else is answered."""
    pipeline = machine(transaction(0), transaction(1))
    said(pipeline)
    pipeline.receive(b"250 Ok\r\n250 Ok\r\n451 Not now\r\n")
    assert said(pipeline) == f"RSET|{HEAD}"
    assert pipeline.finished[0].data == (451, b"451 Not now\r")


def test_an_empty_message_where_354_goes_to_nobody():
    """A dot alone answers a 354 after every recipient was refused."""
    pipeline = machine(transaction(0))
    said(pipeline)
    pipeline.receive(b"250 Ok\r\n550 No\r\n354 Go\r\n")
    assert said(pipeline) == ".|"
    pipeline.receive(b"554 No valid recipients\r\n")
    assert pipeline.finished[0].end is None
    assert not pipeline.over


@pytest.mark.parametrize("sent", [0, -1])
def test_an_acceptance_before_the_end_has_left_is_not_believed(sent):
    """250 while the message is still being written is an answer to nothing."""
    pipeline = machine(transaction(0))
    said(pipeline)
    pipeline.receive(YES)
    pipeline.sent = pipeline.queued + sent if sent else 0
    pipeline.receive(b"250 kept\r\n")
    assert pipeline.over
    assert not pipeline.finished
    assert not pipeline.handed_over(pipeline.open[0])


def test_when_halted_no_message_is_handed_over():
    """A 354 that comes after the stop gets no message."""
    pipeline = machine(transaction(0))
    said(pipeline)
    pipeline.halted = True
    pipeline.receive(YES)
    assert pipeline.over == "stopped"
    assert said(pipeline) == ""


ANSWERS = st.lists(
    st.sampled_from(
        [
            b"250 Ok",
            b"250-a\r\n250 b",
            b"354 Go",
            b"421 Bye",
            b"450 x",
            b"503 x",
            b"550 x",
            b"hm",
            b"250",
        ]
    ),
    max_size=30,
)


@given(ANSWERS, st.booleans(), st.data())
def test_how_answers_are_cut_makes_no_difference(answers, grouped, data):
    """Octet by octet or all at once: the same is said and the same is understood."""
    stream = b"".join(answer + b"\r\n" for answer in answers)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    results = []
    for pieces in ([stream], [stream[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]):
        pipeline = machine(*(transaction(n, "bob", "cid") for n in range(4)), grouped=grouped)
        heard = said(pipeline)
        for piece in pieces:
            for line in piece.splitlines(keepends=True):  # as if each were answered at once
                pipeline.receive(line)
                heard += said(pipeline)
        results.append(
            (
                heard,
                bool(pipeline.over),
                [(t.number, t.mail, t.rcpt, t.data, t.end) for t in pipeline.finished],
            )
        )
    assert results[0] == results[1]


@given(ANSWERS, st.booleans())
def test_accepted_means_that_every_step_was(answers, grouped):
    """Whatever is answered, a message counts as taken only after MAIL, a RCPT, 354 and its body."""
    pipeline = machine(*(transaction(n) for n in range(4)), grouped=grouped)
    said(pipeline)
    for answer in answers:
        pipeline.receive(answer + b"\r\n")
        said(pipeline)
    for done in pipeline.finished:
        if done.end is not None and done.end[0] // 100 == 2:
            assert done.mail[0] // 100 == 2
            assert any(code // 100 == 2 for code, _ in done.rcpt)
            assert done.data[0] == 354
            assert 0 < done.end_at <= pipeline.sent
