"""Many messages: what is accepted is what is reported, whatever the server does."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import pytest
from deliver.post import CUT, OFFERS, RESET, SILENT, TAKE_AND_CUT, Post, hold_against
from deliver.servers import PASSWORD, certificate, profile
from hypothesis import given, settings
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import InputError

ROOT = Path(__file__).parents[2]
PLAIN = ("8BITMIME", "SIZE 10000000", "SMTPUTF8")
BOTH = pytest.mark.parametrize("offers", [OFFERS, PLAIN], ids=["pipelining", "one by one"])


def mail(number, to="bob@example.org", text="hi\n", **headers):
    message = EmailMessage()
    message["To"], message["Subject"] = to, f"number {number}"
    message["Message-ID"] = f"<{number}@example.com>"
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    return message


def mails(count, **options):
    return [mail(number, **options) for number in range(count)]


def to_many(*local):
    return ", ".join(f"{name}@example.org" for name in local)


def send(messages, post, *, security="none", login=False, timeout=5, **options):
    account = profile(post.port, security=security, login=login, timeout=timeout)
    return lab.send_many(messages, account, **({"pause": 0.01} | options))


def on(verb, said, *, times=10**9, when=lambda _event: True):
    """A twist: *said* for the first *times* that *verb* comes."""
    left = [times]

    def twist(event):
        if event.verb == verb and when(event) and left[0] > 0:
            left[0] -= 1
            return said
        return None

    return twist


def either(*twists):
    def twist(event):
        return next((said for one in twists if (said := one(event))), None)

    return twist


class TestAllIsWell:
    @BOTH
    def test_every_message_arrives_once_and_as_it_was_written(self, offers):
        """Over several connections, each message and recipient has its outcome, in order."""
        with Post(offers=offers) as post:
            sent = send(mails(300, to=to_many("ann", "bob")), post, connections=4)
        assert sent.ok
        assert len(sent) == 300
        assert [outcome.number for outcome in sent] == list(range(300))
        assert [outcome.message_id for outcome in sent] == [
            f"<{n}@example.com>" for n in range(300)
        ]
        assert {r.text for outcome in sent for r in outcome.recipients} == {"2.1.5 Ok"}
        assert {outcome.reply for outcome in sent} == {"250 2.0.0 Ok: queued"}
        hold_against(sent, post)
        assert 1 <= post.most <= 4
        assert post.said(b"QUIT") == post.connections
        assert sent.failed == sent.unsent == sent.unknown == ()
        assert sent.sentence.startswith("300 of 300 messages were accepted by 127.0.0.1:")

    @BOTH
    @pytest.mark.parametrize("text", ["", ".", ".\n.\n..\n", "a\n.\nb\n", "x" * 300_000 + "\n.y\n"])
    def test_dots_and_sizes_make_no_difference(self, offers, text):
        """The octets that arrive are those of a single send."""
        messages = mails(5, text=text)
        with Post(offers=offers) as post:
            account = profile(post.port, security="none", login=False)
            made = [lab.prepare(message, account) for message in messages]
            assert lab.send_many(made, account, connections=2).ok
        assert {name: raw for name, _, raw in post.kept} == {m.message_id: m.raw for m in made}

    def test_to_the_bundled_sink(self, sink):
        """Through TLS and a login a thousand messages reach the archive, each once."""
        sent = lab.send_many(mails(1000), sink.profile("ann"), connections=5)
        assert sent.ok
        names = Counter(sink.inbox.to_frame()["message_id"])
        assert names == Counter({outcome.message_id: 1 for outcome in sent})

    @pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
    def test_under_tls(self, implicit):
        """Large and small messages go through an encrypted connection in both directions."""
        messages = [mail(n, text="long line\n" * (20_000 if n % 7 == 0 else 1)) for n in range(60)]
        with Post(tls=certificate(), implicit=implicit, password=PASSWORD) as post:
            security = "implicit" if implicit else "starttls"
            sent = send(messages, post, security=security, login=True, connections=3)
        assert sent.ok
        hold_against(sent, post)
        assert post.logins == [True] * post.connections

    def test_pipelining_is_used_where_it_is_offered(self):
        """MAIL, RCPT and DATA are heard before the answer to MAIL is read, and only there."""
        for offers, together in ((OFFERS, True), (PLAIN, False)):
            seen = []

            def twist(event, seen=seen):
                if event.verb == "MAIL":
                    time.sleep(0.05)
                    seen.append(True)

            with Post(twist, offers=offers) as post:
                send(mails(3), post, connections=1)
                writes = len(post.pieces)
            # Three messages in four pieces, or five for each.
            assert (writes < 12) is together

    def test_nothing_to_send(self):
        """An empty list opens no connection and gives a result of the usual shape."""
        with Post() as post:
            sent = send([], post)
        assert (post.connections, len(sent), sent.ok) == (0, 0, True)
        assert sent.to_frame().dtypes.astype(str).to_dict() == FRAME
        assert sent.sentence == "There was nothing to send."

    def test_no_more_connections_than_messages(self):
        """Two messages need no ten connections."""
        with Post() as post:
            assert send(mails(2), post, connections=10).ok
        assert post.connections <= 2

    def test_bcc_stays_secret(self):
        """A recipient in Bcc is in the envelope and in no header."""
        with Post() as post:
            sent = send([mail(1, Bcc="eve@example.org")], post)
        assert [r.address for r in sent[0].recipients] == ["bob@example.org", "eve@example.org"]
        assert b"eve@" not in post.kept[0][2]

    def test_reports_are_asked_for(self):
        """dsn= goes into MAIL and each RCPT, and without DSN nothing is sent."""
        with Post() as post:
            assert send(mails(2), post, dsn=lab.Dsn(notify=("delay",))).ok
        assert all(b"RET=HDRS" in line for line in post.heard if line.startswith(b"MAIL"))
        assert all(b"NOTIFY=DELAY" in line for line in post.heard if line.startswith(b"RCPT"))
        with Post(offers=PLAIN) as post:
            sent = send(mails(2), post, dsn=lab.Dsn())
        assert {outcome.diagnosis.id for outcome in sent} == {"dsn_not_offered"}
        assert post.said(b"MAIL") == 0

    def test_progress_is_told(self):
        """The last call says that everything is done."""
        calls = []
        with Post() as post:
            send(mails(20), post, progress=lambda done, total: calls.append((done, total)))
        assert calls[-1] == (20, 20)
        assert calls == sorted(calls)

    def test_a_progress_that_fails_ends_it(self):
        """The error reaches the caller, and the batch does not go on behind its back."""

        def fail(_done, _total):
            raise RuntimeError("no display")

        with Post(on(".", "250 Ok")) as post, pytest.raises(RuntimeError, match="no display"):
            send(mails(5), post, progress=fail)


FRAME = {
    "number": "int64",
    "message_id": "str",
    "address": "str",
    "state": "str",
    "code": "int64",
    "text": "str",
    "attempts": "int64",
    "seconds": "float64",
    "diagnosis": "str",
}


class TestBeforeAnything:
    def test_every_message_with_a_problem_is_named(self, tmp_path):
        """Policy and addresses are checked for all, and no connection is opened."""
        book = lab.ProfileBook.open(tmp_path / "policy.toml")
        book.policy = lab.Policy(approved_domains=("example.org",))
        messages = [
            mail(0),
            mail(1, to="eve@example.net"),
            mail(2, to=""),
            mail(3, to="x@example.com, y@example.org"),
        ]
        with Post() as post, pytest.raises(InputError) as error:
            send(messages, post, book=book)
        assert list(error.value.by_field) == ["messages[1].to", "messages[2].to", "messages[3].to"]
        assert "eve@example.net" in str(error.value)
        assert "x@example.com" in str(error.value)
        assert "y@example.org" not in str(error.value)
        assert post.connections == 0

    def test_policy_sends_elsewhere(self, tmp_path):
        """Where staging redirects all mail, it goes there and nowhere else."""
        book = lab.ProfileBook.open(tmp_path / "policy.toml")
        book.policy = lab.Policy(redirect_all_to="staging@example.com")
        with Post() as post:
            sent = send(mails(3), post, book=book)
        assert {to for _, to, _ in post.kept} == {("staging@example.com",)}
        hold_against(sent, post)

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"connections": 0}, "connections"),
            ({"connections": True}, "connections"),
            ({"retries": -1}, "retries"),
            ({"pause": "soon"}, "pause"),
        ],
    )
    def test_odd_numbers_are_refused(self, options, field):
        """The sentence names the argument."""
        with pytest.raises(InputError) as error:
            lab.Batch(mails(1), profile(1, login=False), **options)
        assert list(error.value.by_field) == [field]

    def test_a_single_message_is_no_list(self):
        """A message is iterable itself; that must not be taken for its headers."""
        with pytest.raises(InputError, match="is a single one"):
            lab.Batch(mail(1), profile(1, login=False))

    def test_what_is_no_message_is_named(self):
        """The place and the type are told."""
        with pytest.raises(InputError, match=r"messages\[1\].message: is a str"):
            lab.Batch([mail(0), "hello"], profile(1, login=False))


class TestRefusals:
    @BOTH
    def test_a_part_of_the_recipients(self, offers):
        """The others get the message; the refused one has its answer, dialogue and diagnosis."""
        twist = on("RCPT", "550 5.1.1 User unknown", when=lambda e: b"nobody" in e.line)
        messages = [mail(0), mail(1, to=to_many("ann", "nobody", "cid")), mail(2)]
        with Post(twist, offers=offers) as post:
            sent = send(messages, post, connections=1)
        hold_against(sent, post)
        assert [outcome.state for outcome in sent] == ["accepted", "partly", "accepted"]
        assert sent[1].states == ("accepted", "refused", "accepted")
        assert [r.code for r in sent[1].recipients] == [250, 550, 250]
        assert sent.failed == (sent[1],)
        assert sent[1].diagnosis.id == "user_unknown"
        texts = [line.text for line in sent[1].transcript]
        assert "RCPT TO:<nobody@example.org>" in texts
        assert "550 5.1.1 User unknown" in texts
        assert any(text.startswith("220 post.example") for text in texts)
        assert not any("number 2" in text or "<bob@" in text for text in texts)
        assert [line.at for line in sent[1].transcript] == sorted(
            line.at for line in sent[1].transcript
        )

    @BOTH
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
    @pytest.mark.parametrize(
        "said", ["550 5.7.1 No", "550-5.7.1 Two\r\n550 5.7.1 lines", "554 5.0.0 x"]
    )
    def test_one_message_is_refused_and_the_others_go(self, offers, verb, said):
        """A refusal at any stage is final for that message and no other."""
        twist = on(verb, said, times=1, when=lambda e: e.count == 2)
        with Post(twist, offers=offers) as post:
            sent = send(mails(6), post, connections=1)
        hold_against(sent, post)
        assert Counter(outcome.state for outcome in sent) == {"accepted": 5, "refused": 1}
        (failed,) = sent.failed
        assert failed.recipients[0].code == int(said[:3])
        assert failed.recipients[0].text.split()[0] == said[4:9]
        assert failed.attempts == 1
        assert said.splitlines()[-1] in [line.text for line in failed.transcript]

    def test_354_although_every_recipient_was_refused(self):
        """An empty message goes to nobody, and the next ones arrive (RFC 2920 section 3.1)."""
        twist = either(
            on("RCPT", "550 5.1.1 User unknown", when=lambda e: b"nobody" in e.line),
            on("DATA", "354 Go ahead"),
        )
        messages = [mail(n, to=to_many("nobody" if n % 2 else "bob")) for n in range(10)]
        with Post(twist) as post:
            sent = send(messages, post, connections=2)
        hold_against(sent, post)
        assert [outcome.state for outcome in sent] == ["accepted", "refused"] * 5
        assert {r.code for outcome in sent.failed for r in outcome.recipients} == {550}

    def test_354_although_the_sender_was_refused(self):
        """Where a server takes recipients for nobody, no message is given to it."""
        twist = either(
            on("MAIL", "550 5.7.1 No", when=lambda e: e.count == 1),
            on("RCPT", "250 Ok"),
            on("DATA", "354 Go ahead"),
        )
        with Post(twist) as post:
            sent = send(mails(4), post, connections=1, retries=1)
        hold_against(sent, post)
        assert all(raw for _, _, raw in post.kept)

    def test_a_message_too_big_is_refused_alone(self):
        """SIZE is looked at before MAIL; the others go."""
        messages = [mail(0), mail(1, text="long " * 1000), mail(2)]
        with Post(offers=("PIPELINING", "SIZE 2000")) as post:
            sent = send(messages, post)
        hold_against(sent, post)
        assert [outcome.state for outcome in sent] == ["accepted", "refused", "accepted"]
        assert sent[1].diagnosis.id == "too_big_for_server"
        assert sent[1].attempts == 0
        assert "EHLO" in str(sent[1].transcript)

    def test_a_server_without_smtputf8(self):
        """A message to an address beyond ASCII fails alone."""
        with Post(offers=("PIPELINING", "8BITMIME")) as post:
            sent = send([mail(0), mail(1, to="jörg@example.org"), mail(2)], post)
        hold_against(sent, post)
        assert [outcome.ok for outcome in sent] == [True, False, True]
        assert sent[1].diagnosis.id == "smtputf8_missing"

    @BOTH
    def test_seven_bits_where_eight_are_not_offered(self, offers):
        """Bodies are written anew for a server without 8BITMIME."""
        message = mail(1, text="Grüße\n")
        message.replace_header("Content-Transfer-Encoding", "8bit")
        message.set_payload("Grüße\r\n".encode().decode("ascii", "surrogateescape"))
        with Post(offers=tuple(o for o in offers if o != "8BITMIME")) as post:
            assert send([message], post).ok
        assert post.kept[0][2].isascii()


class TestAgain:
    @BOTH
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
    def test_a_temporary_refusal_is_tried_again(self, offers, verb):
        """After a pause the message goes, once."""
        with Post(on(verb, "451 4.7.1 Greylisted", times=2), offers=offers) as post:
            sent = send(mails(5), post, connections=1)
        assert sent.ok
        hold_against(sent, post)
        assert sum(outcome.attempts for outcome in sent) == 7

    def test_only_for_those_who_have_not_got_it(self):
        """A recipient who was accepted is not written to again."""
        twist = on("RCPT", "450 4.2.0 Greylisted", times=1, when=lambda e: b"cid" in e.line)
        with Post(twist) as post:
            sent = send([mail(1, to=to_many("ann", "cid", "dan"))], post)
        assert sent.ok
        assert [to for _, to, _ in post.kept] == [
            ("ann@example.org", "dan@example.org"),
            ("cid@example.org",),
        ]

    @BOTH
    def test_tries_come_to_an_end(self, offers):
        """What is refused each time stays unsent, says so, and can be resumed."""
        with Post(on("RCPT", "450 4.2.0 Come back"), offers=offers) as post:
            sent = send(mails(3), post, retries=2)
        hold_against(sent, post)
        assert [outcome.state for outcome in sent] == ["unsent"] * 3
        assert [outcome.attempts for outcome in sent] == [3] * 3
        assert sent.failed == sent.unsent == tuple(sent)
        assert sent[0].diagnosis.temporary
        assert [r.code for r in sent[0].recipients] == [450]
        assert str(sent[0].transcript).count("450 4.2.0 Come back") == 3
        assert post.said(b"RCPT") == 9

    def test_more_recipients_than_the_server_takes(self):
        """The rest follow in further transactions, which are no failures."""
        twist = on("RCPT", "452 4.5.3 Too many recipients", when=lambda e: len(e.to) >= 10)
        with Post(twist) as post:
            sent = send([mail(1, to=to_many(*(f"u{n}" for n in range(35))))], post, retries=0)
        assert sent.ok
        hold_against(sent, post)
        assert sorted(len(to) for _, to, _ in post.kept) == [5, 10, 10, 10]

    @pytest.mark.parametrize("said", ["421 4.7.0 Too many messages", "452 4.5.3 Too many messages"])
    @BOTH
    def test_so_many_messages_for_each_connection(self, offers, said):
        """A server that wants a new connection after five messages gets one."""
        with Post(on("MAIL", said, when=lambda e: e.count >= 5), offers=offers) as post:
            sent = send(mails(43), post, connections=2, retries=0)
        assert sent.ok
        hold_against(sent, post)
        assert post.connections >= 9

    def test_a_sequence_error_is_mended(self):
        """503 to MAIL is answered with RSET and another try."""
        with Post(
            on("MAIL", "503 5.5.1 Nested MAIL", times=1, when=lambda e: e.count == 1)
        ) as post:
            sent = send(mails(4), post, connections=1)
        assert sent.ok
        hold_against(sent, post)
        assert post.said(b"RSET") >= 1


class TestLostConnections:
    @BOTH
    @pytest.mark.parametrize("act", [CUT, RESET])
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "BODY"])
    def test_before_the_message_is_complete(self, offers, act, verb):
        """It is sent again over another connection, and arrives once."""
        text = "long line\n" * (600_000 if verb == "BODY" else 1)
        twist = on(verb, act, times=2, when=lambda e: e.connection <= 2)
        with Post(twist, offers=offers) as post:
            sent = send(mails(4, text=text), post, connections=1)
        assert sent.ok, sent
        hold_against(sent, post)

    @BOTH
    @pytest.mark.parametrize("act", [CUT, RESET, TAKE_AND_CUT])
    def test_after_the_message_was_complete(self, offers, act):
        """Nobody knows, so it is not sent again, and the diagnosis says that it may have arrived."""
        with Post(on(".", act, times=1, when=lambda e: e.count == 2), offers=offers) as post:
            sent = send(mails(6), post, connections=1)
        hold_against(sent, post)
        assert Counter(outcome.state for outcome in sent) == {"accepted": 5, "unknown": 1}
        (lost,) = sent.unknown
        assert lost.diagnosis.id == "answer_lost"
        assert "may have arrived" in lost.sentence
        assert lost not in sent.unsent
        assert "AnswerLostError" in lost.transcript[-1].text

    @BOTH
    def test_a_server_that_falls_silent_after_the_message(self, offers):
        """The wait is bounded, and the outcome unknown."""
        with Post(on(".", SILENT, times=1), offers=offers) as post:
            sent = send(mails(3), post, connections=1, timeout=0.4)
        hold_against(sent, post)
        assert Counter(outcome.state for outcome in sent) == {"accepted": 2, "unknown": 1}

    @BOTH
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
    def test_a_server_that_falls_silent_before(self, offers, verb):
        """The connection is given up, and the message goes over another."""
        with Post(on(verb, SILENT, times=1), offers=offers) as post:
            sent = send(mails(3), post, connections=1, timeout=0.4)
        assert sent.ok, sent
        hold_against(sent, post)

    def test_an_answer_that_has_no_end(self):
        """An answer that goes on for ever is waited for no longer than one that never comes."""
        with Post(on("MAIL", "250-more to come", times=1)) as post:
            sent = send(mails(2), post, connections=1, timeout=0.4)
        assert sent.ok, sent

    @pytest.mark.parametrize(
        "said",
        [
            "rubbish",
            "250" + "x" * 9000,
            "250-" + "x\r\n250-" * 9000 + "x",
            "999 what",
            "354 early",
            "\x00",
            "250 Ok\r\n250 Ok\r\n250 Ok\r\n250 Ok\r\n250 Ok",
            "250 Ok\r\n354 Ok\r\n354 Ok\r\n250 Ok\r\n250 Ok",
        ],
    )
    @pytest.mark.parametrize("verb", ["CONNECT", "MAIL", "RCPT", "DATA", "."])
    @BOTH
    def test_answers_without_sense(self, offers, said, verb):
        """Nothing is believed that was not asked for; nothing hangs, nothing is sent twice."""
        with Post(on(verb, said, times=1), offers=offers) as post:
            sent = send(mails(3), post, connections=1, timeout=0.2, retries=1)
        copies = post.copies
        for outcome in sent:
            assert copies[(outcome.message_id, "bob@example.org")] <= 1
            if outcome.state in ("unsent", "refused") and verb != ".":
                assert copies[(outcome.message_id, "bob@example.org")] == 0

    @pytest.mark.parametrize("seed", range(6))
    def test_thousands_while_connections_die_at_random(self, seed):
        """Nothing is lost, nothing doubled, and no outcome is a lie."""
        chance = random.Random(seed)
        lock = threading.Lock()

        def twist(event):
            with lock:
                roll = chance.random()
            if event.verb in ("CONNECT", "EHLO") or roll > 0.02:
                return None
            acts = [CUT, RESET, "421 4.3.2 Closing", "451 4.3.0 Later"]
            return (
                acts[int(roll * 50 * len(acts))]
                if event.verb != "."
                else ([TAKE_AND_CUT, CUT, "451 4.3.0 Later", "421 4.3.2 Closing"][int(roll * 200)])
            )

        offers = PLAIN if seed % 3 == 2 else OFFERS
        with Post(twist, offers=offers) as post:
            messages = [mail(n, to=to_many("a", f"b{n}")) for n in range(1500)]
            sent = send(messages, post, connections=8, retries=6, pause=0.001)
        hold_against(sent, post)
        assert len(sent.unsent) == 0
        assert sent.counts["accepted"] > 1300


class TestOpening:
    def test_a_wrong_password_is_tried_once(self):
        """With ten connections there is one login attempt, and everything stays unsent."""
        with Post(tls=certificate(), password="another one") as post:
            sent = send(mails(20), post, security="starttls", login=True, connections=10)
        assert post.logins == [False]
        assert post.connections == 1
        assert {outcome.state for outcome in sent} == {"unsent"}
        assert sent.diagnosis.id == "bad_credentials"
        assert sent[7].diagnosis.id == "bad_credentials"
        assert "535 5.7.8" in str(sent[7].transcript)
        assert PASSWORD not in f"{sent!r}{sent}{sent.to_dict()}{sent._repr_html_()}"

    def test_a_login_refused_later_opens_no_more(self):
        """The connection that is open goes on alone; no second password attempt is made."""
        twist = on("AUTH", "454 4.7.0 Too many logins", when=lambda e: e.connection > 1)

        def slow(event):
            if event.verb == "MAIL":
                time.sleep(0.002)
            return twist(event)

        with Post(slow, tls=certificate(), password=PASSWORD) as post:
            sent = send(mails(100), post, security="starttls", login=True, connections=3)
        assert sent.ok
        hold_against(sent, post)
        assert len(post.logins) <= 3

    def test_a_server_nobody_can_reach(self):
        """A closed port is an outcome, with the same diagnosis for each message."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        account = profile(port, security="none", login=False)
        sent = lab.send_many(mails(3), account)
        assert sent.diagnosis.id == "conn_refused"
        assert sent.unsent == tuple(sent) == sent.failed
        assert "Message 0: not sent to bob@example.org." in str(sent)

    def test_a_certificate_nobody_trusts(self):
        """TLS is checked for each connection, before anything is sent."""
        with Post(tls=certificate(signed=False), password=PASSWORD) as post:
            sent = send(mails(3), post, security="starttls", login=True)
        assert sent.diagnosis.id.startswith("tls_")
        assert post.said(b"AUTH") == post.said(b"MAIL") == 0

    def test_a_server_that_takes_few_connections(self):
        """With one connection allowed the batch ends over that one."""
        twist = on("CONNECT", "421 4.7.0 Too many connections", when=lambda e: e.connection > 1)

        def slow(event):
            if event.verb == "MAIL":
                time.sleep(0.001)
            return twist(event)

        with Post(slow) as post:
            sent = send(mails(200), post, connections=5)
        assert sent.ok
        hold_against(sent, post)

    def test_a_busy_server_is_asked_again(self):
        """A 421 greeting is waited out."""
        with Post(on("CONNECT", "421 4.3.2 Busy", times=2)) as post:
            sent = send(mails(3), post, connections=1)
        assert sent.ok
        assert post.connections == 3

    @pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL"])
    def test_a_server_that_always_hangs_up_is_given_up(self, verb):
        """The batch ends; nothing was sent and everything can be."""
        with Post(on(verb, CUT)) as post:
            sent = send(mails(50), post, connections=4)
        hold_against(sent, post)
        assert {outcome.state for outcome in sent} == {"unsent"}
        assert sent.diagnosis is not None
        assert post.connections < 30


class TestStopAndResume:
    def test_stop_keeps_what_was_done_and_resume_sends_the_rest(self):
        """Nothing is lost and nothing doubled, however often it is stopped."""

        def slow(event):
            time.sleep(0.001)

        with Post(slow) as post:
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(mails(400), account, connections=3, pause=0.01).start()
            rounds = 0
            while not batch.wait(0.08).ok:
                assert batch.running or rounds == 0 or batch.done < 400
                batch.stop()
                sent = batch.wait(10)
                assert not batch.running
                hold_against(sent, post)
                if not sent.ok:
                    assert sent.stopped
                    assert "stopped" in sent.sentence
                    assert sent.unknown == ()
                    batch.resume()
                rounds += 1
            hold_against(batch.outcomes, post)
        assert rounds > 1
        assert batch.done == batch.total == 400

    def test_a_message_handed_over_is_waited_for(self):
        """Stopping while the server thinks about a message keeps its answer."""
        handed, go = threading.Event(), threading.Event()

        def think(event):
            if event.verb == ".":
                handed.set()
                go.wait(5)

        with Post(think) as post:
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(mails(5), account, connections=1).start()
            assert handed.wait(5)
            batch.stop()
            threading.Timer(0.2, go.set).start()
            sent = batch.wait(10)
        hold_against(sent, post)
        assert [outcome.state for outcome in sent] == ["accepted"] + ["unsent"] * 4

    def test_but_not_for_ever(self):
        """A server that never answers makes the outcome unknown, after the timeout."""
        handed = threading.Event()

        def silent(event):
            if event.verb == ".":
                handed.set()
                return SILENT
            return None

        with Post(silent) as post:
            account = profile(post.port, security="none", login=False, timeout=0.4)
            batch = lab.Batch(mails(3), account, connections=1).start()
            assert handed.wait(5)
            batch.stop()
            sent = batch.wait(10)
        assert [outcome.state for outcome in sent] == ["unknown", "unsent", "unsent"]

    def test_the_unknown_are_sent_again_only_when_asked(self):
        """resume() leaves them alone, resume(unknown=True) does not."""
        with Post(on(".", CUT, times=1)) as post:
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(mails(3), account, connections=1, pause=0.01)
            sent = batch.start().wait(10)
            assert len(sent.unknown) == 1
            assert batch.resume().wait(10).unknown != ()
            assert batch.resume(unknown=True).wait(10).ok
            hold_against(batch.outcomes, post)

    def test_the_keyboard_stops_send_many(self):
        """The error is a KeyboardInterrupt that holds the batch, its outcomes and the rest."""
        calls = []

        def interrupt(done, total):
            calls.append(done)
            raise KeyboardInterrupt

        def slow(event):
            time.sleep(0.01)

        with Post(slow) as post:
            with pytest.raises(KeyboardInterrupt) as error:
                send(mails(30), post, connections=1, progress=interrupt)
            assert isinstance(error.value, lab.SendingInterrupted)
            batch = error.value.batch
            assert not batch.running
            assert len(calls) == 1
            assert batch.outcomes.unsent
            assert "resume()" in str(error.value)
            hold_against(batch.outcomes, post)
            assert batch.resume().wait(20).ok
            hold_against(batch.outcomes, post)

    def test_control_c_stops_send_many(self):
        """A real interrupt, as a notebook's stop button sends it, loses and doubles nothing."""
        code = (
            "import sys\n"
            f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
            "from deliver.test_send_many import lab, mails, profile\n"
            "account = profile(int(sys.argv[1]), security='none', login=False)\n"
            "try:\n"
            "    lab.send_many(mails(2000), account, connections=2)\n"
            "except lab.SendingInterrupted as stop:\n"
            "    print(stop)\n"
            "    for outcome in stop.batch.outcomes:\n"
            "        print(outcome.message_id, outcome.state)\n"
        )

        def slow(_event):
            time.sleep(0.001)

        with Post(slow) as post:
            command = [sys.executable, "-c", code, str(post.port)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                end = time.monotonic() + 30
                while len(post.kept) < 20 and time.monotonic() < end:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=30)
            kept = {name for name, _, _ in post.kept}
        sentence, *rows = out.splitlines()
        assert "stopped after" in sentence
        assert {row.split()[0] for row in rows if row.endswith(" accepted")} == kept
        assert sum(row.endswith(" unsent") for row in rows) == 2000 - len(kept) > 0

    def test_a_running_batch_cannot_be_resumed(self):
        """Two engines would send the same messages."""
        go = threading.Event()
        with Post(lambda event: go.wait(5) and None) as post:
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(mails(2), account).start()
            with pytest.raises(InputError, match="is running"):
                batch.resume()
            assert "running" in repr(batch)
            go.set()
            assert batch.wait(10).ok
        assert "at rest" in repr(batch)

    def test_outcomes_can_be_asked_for_at_any_time(self):
        """Before, during and after: one outcome for each message."""
        with Post() as post:
            account = profile(post.port, security="none", login=False)
            batch = lab.Batch(mails(50), account)
            assert {outcome.state for outcome in batch.outcomes} == {"unsent"}
            assert batch.outcomes.failed == ()
            batch.start()
            assert len(batch.outcomes) == 50
            assert batch.wait(10).ok


ACTS = st.sampled_from(
    [
        CUT,
        RESET,
        "421 4.3.2 Closing",
        "450 4.2.0 Later",
        "452 4.5.3 Too many",
        "550 5.1.1 No",
        "552 5.3.4 Too much",
        "503 5.5.1 Sequence",
        "rubbish",
    ]
)
VERBS = st.sampled_from(["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "."])


class TestAnyServer:
    @settings(max_examples=120)
    @given(
        st.dictionaries(st.tuples(VERBS, st.integers(1, 12)), ACTS, max_size=12),
        st.sets(st.integers(1, 9), max_size=3),
        st.booleans(),
        st.integers(1, 3),
        st.integers(0, 2),
    )
    def test_reported_is_what_happened(self, script, taken, pipelining, connections, retries):
        """For any sequence of refusals and losses, accepted means once, unsent and refused never."""
        lock, seen = threading.Lock(), Counter()

        def twist(event):
            with lock:
                seen[event.verb] += 1
                count = seen[event.verb]
            if event.verb == "." and count in taken:
                return TAKE_AND_CUT
            return script.get((event.verb, count))

        messages = [mail(n, to=to_many("a", "b") if n % 2 else to_many("c")) for n in range(8)]
        with Post(twist, offers=OFFERS if pipelining else PLAIN) as post:
            sent = send(
                messages, post, connections=connections, retries=retries, pause=0, timeout=2
            )
        hold_against(sent, post)
        assert all(outcome.failure is not None for outcome in sent if not outcome.ok)
        assert all(len(outcome.transcript) for outcome in sent.failed)


class TestResults:
    def results(self):
        twist = either(
            on("RCPT", "550 5.1.1 <b>User unknown</b>", when=lambda e: b"nobody" in e.line),
            on(".", CUT, times=1, when=lambda e: e.count == 3),
        )
        messages = [
            mail(n, to=to_many("ann", "nobody") if n == 1 else to_many("bob")) for n in range(6)
        ]
        with Post(twist) as post:
            return send(messages, post, connections=1)

    def test_a_frame_has_a_row_for_each_message_and_recipient(self):
        """Columns and types are always the same."""
        frame = self.results().to_frame()
        assert frame.dtypes.astype(str).to_dict() == FRAME
        assert len(frame) == 7
        assert frame.groupby("state").size().to_dict() == {
            "accepted": 5,
            "refused": 1,
            "unknown": 1,
        }
        assert frame[frame.state == "refused"].diagnosis.tolist() == ["user_unknown"]
        assert frame[frame.state == "accepted"].diagnosis.unique().tolist() == [""]

    def test_they_show_themselves_escaped(self):
        """Text and HTML name what failed; a server's words are no markup."""
        sent = self.results()
        assert "User unknown" in str(sent[1])
        assert "1 unknown" in str(sent)
        html = sent._repr_html_() + sent[1]._repr_html_() + sent[0]._repr_html_()
        assert "<b>User" not in html
        assert "&lt;b&gt;User" in html
        assert repr(sent).startswith("<Deliveries failed: 6 messages to 127.0.0.1:")

    def test_they_turn_into_data(self):
        """to_dict is JSON."""
        import json

        data = json.loads(json.dumps(self.results().to_dict()))
        assert data["counts"] == {"accepted": 4, "unknown": 1, "partly": 1}
        assert data["outcomes"][1]["recipients"][1]["state"] == "refused"
        assert data["outcomes"][0]["transcript"] is None

    def test_they_are_a_sequence(self):
        """Index, slice, length and iteration are those of the messages."""
        sent = self.results()
        assert sent[-1].number == 5
        assert [outcome.number for outcome in sent[1:3]] == [1, 2]
        assert len(list(sent)) == 6

    def test_many_failures_are_listed_shortly(self):
        """Only the first are shown, and how many there are beside."""
        with Post(on("RCPT", "550 5.1.1 No")) as post:
            sent = send(mails(45), post)
        assert str(sent).count("refused for") == 20
        assert "and 25 more" in str(sent)
        assert "and 25 more" in sent._repr_html_()

    def test_a_secret_that_a_server_echoes_is_masked(self):
        """Neither outcome, dialogue nor frame shows it."""
        echo = f"550 5.1.1 {PASSWORD} is your password"
        with Post(on("RCPT", echo), tls=certificate(), password=PASSWORD) as post:
            sent = send(mails(2), post, security="starttls", login=True)
        shown = f"{sent!r}{sent}{sent.to_dict()}{sent._repr_html_()}{sent[0]!r}{sent[0].to_dict()}"
        assert PASSWORD not in shown
        assert PASSWORD not in sent.to_frame().to_csv()
        assert "is your password" in shown
