"""Where the parts of delivery meet: what one promises holds for the others, too."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from email.message import EmailMessage

import pytest
from deliver.servers import PASSWORD, Server, certificate, polite, profile

import smtp_lab as lab


def a_message(number: int = 0) -> EmailMessage:
    message = EmailMessage()
    message["To"], message["Subject"] = "bob@example.org", f"number {number}"
    message.set_content("x\n")
    return message


def test_ctrl_c_in_the_doctor_shows_no_password():
    """The frames of a login that was interrupted are not in the traceback."""

    def silent(_conn, _line):
        time.sleep(3)

    with Server(polite(tls=certificate(), replies={"AUTH": silent})) as server:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt) as caught:
            lab.doctor(profile(server, timeout=10))
        timer.join()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if frame.filename != __file__]
    assert PASSWORD not in repr([(frame.name, frame.locals) for frame in ours])


def test_a_password_over_two_lines_of_a_reply_is_masked_in_a_batch():
    """A batch hides what a server spreads over a reply, as a single message does."""
    halves = PASSWORD[: len(PASSWORD) // 2], PASSWORD[len(PASSWORD) // 2 :]
    reply = f"550-{halves[0]}\r\n550 {halves[1]}"
    with Server(polite(tls=certificate(), replies={"MAIL": reply})) as server:
        done = lab.send_many([a_message()], profile(server), retries=0)
    shown = f"{done[0].transcript}{done[0].to_dict()}{done._repr_html_()}"
    assert "•" in shown
    assert halves[0] not in shown
    assert halves[1] not in shown


@pytest.mark.parametrize("send", ["send", "send_many"])
def test_a_password_is_not_cut_before_it_is_masked(send):
    """A line without a code is shortened after its secrets are hidden."""
    reply = "x" * 70 + " " + PASSWORD
    with Server(polite(tls=certificate(), replies={"RCPT": reply})) as server:
        account = profile(server)
        if send == "send":
            with pytest.raises(lab.DeliveryError) as caught:
                lab.send(a_message(), profile=account)
            found = caught.value.delivery
        else:
            found = lab.send_many([a_message()], account, retries=0)[0]
    assert PASSWORD[:6] not in f"{found.diagnosis.raw}{found.transcript}"


def test_an_answer_that_is_lost_is_unknown_for_one_message_too():
    """The sentence does not say that it was not sent."""
    lost = Server(polite(tls=certificate(), replies={".": None}))
    with lost as server, pytest.raises(lab.DeliveryError) as caught:
        lab.send(a_message(), profile=profile(server))
    delivery = caught.value.delivery
    assert delivery.unknown
    assert "is unknown" in delivery.sentence


def test_what_was_said_of_a_recipient_is_kept_when_the_rest_fails():
    """A refusal stays in the outcome though the connection is lost afterwards."""

    def rcpt(conn, line):
        conn.send("550 5.1.1 User unknown" if b"eve" in line else "250 2.1.5 Ok")

    replies = {"RCPT": rcpt, "DATA": None}
    to = ["bob@example.org", "eve@example.org"]
    closing = Server(polite(tls=certificate(), replies=replies))
    with closing as server, pytest.raises(lab.DeliveryError) as caught:
        lab.send(a_message(), profile=profile(server), to=to)
    assert [r.code for r in caught.value.delivery.recipients] == [0, 550]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"connections": 2.5}, "connections: 2.5 is not between 1 and 100; give a whole number"),
        ({"dsn": "failure"}, "dsn: is a str, not a Dsn"),
        ({"journal": 5}, "journal: is a int; give a path"),
    ],
)
def test_a_wrong_type_is_refused_before_anything_is_opened(given, words):
    """The field is named and no connection is made."""
    with Server(polite(tls=certificate())) as server:
        with pytest.raises(lab.InputError, match=words):
            lab.send_many([a_message()], profile(server), **given)
        assert server.connections == 0


def test_messages_and_dsn_are_checked(sink):
    """What is no list of messages, and what is no Dsn, is a sentence."""
    with pytest.raises(lab.InputError, match="messages: is a int"):
        lab.send_many(5, sink.profile())
    with pytest.raises(lab.InputError, match="dsn: is a str, not a Dsn"):
        lab.send(a_message(), profile=sink.profile(), dsn="failure")


def test_a_journal_needs_messages_it_can_know_again(sink, tmp_path):
    """A prepared message gets a new Message-ID each time, unless it came with one."""
    account = sink.profile()
    with pytest.raises(lab.InputError, match="set one before prepare"):
        lab.send_many([lab.prepare(a_message(), account)], account, journal=tmp_path / "j")
    named = a_message()
    named["Message-ID"] = "<one@example.com>"
    for _ in range(2):
        prepared = lab.prepare(named, account)
        assert lab.send_many([prepared], account, journal=tmp_path / "j").ok
    assert len(sink.inbox) == 1


def test_messages_in_flight_are_unknown_when_a_batch_breaks(monkeypatch):
    """Whatever ends the pump, what had been handed over is not sent again by resume()."""
    from smtp_lab.deliver.pump import Pump

    def never(_conn, _line):
        time.sleep(1)

    with Server(polite(tls=certificate(), replies={".": never})) as server:
        batch = lab.Batch([a_message()], profile(server, timeout=10), connections=1)
        turn = Pump._turn

        def breaks(self):
            turn(self)
            if any(k.pipeline.handed_over(t) for k in self._links for t in k.pipeline.open):
                raise RuntimeError("no more")

        monkeypatch.setattr(Pump, "_turn", breaks)
        batch.start()
        with pytest.raises(RuntimeError, match="no more"):
            batch.wait()
    assert [o.state for o in batch.outcomes] == ["unknown"]


def test_an_empty_from_is_a_missing_one(sink):
    """The sender of the profile takes its place."""
    message = a_message()
    message["From"] = " "
    lab.send(message, profile=sink.profile(sender="Ann <ann@example.com>"))
    assert b"From: Ann <ann@example.com>\r\n" in sink.inbox[-1].raw
