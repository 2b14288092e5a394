"""Each server that misbehaves is survived, in bounds of time and memory, and called what it is."""

from __future__ import annotations

import json

import pytest
from deliver import misbehaving as bad
from deliver import servers
from deliver.misbehaving import VERBS
from deliver.servers import PASSWORD, Polite, Server, profile

import smtp_lab as lab

BOB, CID = "bob@example.org", "cid@example.org"
STAGES = {"EHLO": "ehlo", ".": "data"}
PLAIN_TEXT = {"security": "none"}
# The whole dialogue may take ten times the wait for one answer.
SHORT = {"timeout": 0.25}


def attempt(script, to=BOB, **connection):
    """Send a test: the server as it ended, and the delivery, which holds nothing it should not."""
    with Server(script) as server:
        delivery = lab.send_test(profile(server, **connection), to=to)
    shown = f"{delivery}{delivery!r}{delivery._repr_html_()}{json.dumps(delivery.to_dict())}"
    assert PASSWORD not in shown
    assert len(shown) < 1_500_000
    return server, delivery


def stage_of(verb):
    return STAGES.get(verb, verb.lower())


def nobody_served(delivery):
    return (
        not delivery.ok
        and delivery.diagnosis is not None
        and not any(recipient.accepted for recipient in delivery.recipients)
    )


class TestAtTheDoor:
    @pytest.mark.parametrize(
        ("script", "connection", "wanted"),
        [
            (servers.silent, SHORT, "greeting_timeout"),
            (bad.greets_slowly_for_ever, SHORT, "greeting_timeout"),
            (servers.endless_greeting, {}, "reply_line_too_long"),
            (servers.endless_line, {}, "reply_line_too_long"),
            (bad.garbage_without_end, {}, "reply_line_too_long"),
            (bad.garbage, {}, "not_smtp"),
            (bad.hangs_up, {}, "disconnected"),
            (bad.half_a_greeting, {}, "disconnected"),
            (servers.http, {"timeout": 0.3}, "greeting_timeout"),
            (bad.http_at_once, {}, "not_smtp"),
            (servers.ssh, {}, "not_smtp"),
            (bad.pop3, {}, "not_smtp"),
            (bad.tls_only, {"timeout": 0.3}, "greeting_timeout"),
        ],
    )
    def test_no_greeting_no_mail(self, script, connection, wanted):
        """What greets in no way known to SMTP gets not a word."""
        server, delivery = attempt(script, **connection)
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, "greeting")
        assert server.heard == []
        assert nobody_served(delivery)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("421 4.3.2 Not now", "generic_421"),
            ("554 5.7.1 Not you", "policy_denied"),
            ("554 No SMTP service here", "generic_5xx"),
            ("250 polite.example", "out_of_step"),
            ("199 what is this", "not_smtp"),
            ("600 what is this", "not_smtp"),
            ("22 polite.example", "not_smtp"),
            ("2200 polite.example", "not_smtp"),
            ("220polite.example", "not_smtp"),
            (" 220 polite.example", "not_smtp"),
            ("٢٢٠ polite.example", "not_smtp"),
            ("* OK IMAP4rev1 ready", "not_smtp"),
            ("", "not_smtp"),
        ],
    )
    def test_a_greeting_that_is_not_220(self, text, wanted):
        """A refusal is read as one; a code that is none, or another's, ends it."""
        server, delivery = attempt(bad.greets_with(text), **PLAIN_TEXT)
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, "greeting")
        assert set(server.verbs) <= {"QUIT"}

    def test_a_file_server(self):
        """FTP greets as SMTP does, and is found out at EHLO."""
        _, delivery = attempt(bad.ftp, **PLAIN_TEXT)
        assert delivery.stage == "ehlo"
        assert nobody_served(delivery)


class TestAtEveryVerb:
    @pytest.mark.parametrize(
        ("make", "verb", "wanted"),
        [
            (make, verb, (doubt if verb == "." else "") or wanted)
            for make, wanted, doubt in (
                (bad.hangs_up_at, "disconnected", "answer_lost"),
                (bad.closes_at, "generic_421", ""),
                (bad.talks_rubbish_at, "no_reply_code", "answer_lost"),
                (bad.garbage_at, "no_reply_code", "answer_lost"),
                (bad.silent_at, "reply_timeout", "answer_lost"),
                (bad.endless_at, "reply_line_too_long", "answer_lost"),
                (bad.endless_line_at, "reply_line_too_long", "answer_lost"),
                (bad.out_of_step_at, "out_of_step", "answer_lost"),
            )
            for verb in VERBS
            # After a strange answer to EHLO HELO is tried, and may go well.
            if (make, verb) != (bad.out_of_step_at, "EHLO")
        ],
    )
    def test_the_stage_and_the_failure_are_named(self, make, verb, wanted):
        """Wherever it happens nobody counts as served; after the message it is a doubt."""
        short = {"timeout": 0.3} if make is bad.silent_at else {}
        server, delivery = attempt(make(verb), to=[BOB, CID], **short)
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, stage_of(verb))
        assert nobody_served(delivery)
        assert server.connections == 1

    @pytest.mark.parametrize(("make", "verb"), [(bad.never_done_at, "AUTH"), (bad.drips_at, ".")])
    def test_the_whole_dialogue_has_an_end(self, make, verb):
        """A server that answers just before each wait is over cannot go on for ever."""
        _, delivery = attempt(make(verb), **SHORT)
        wanted = "answer_lost" if verb == "." else "reply_timeout"
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, stage_of(verb))

    @pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "."])
    @pytest.mark.parametrize(
        "text",
        [
            b"550 5.7.1 gesperrt f\xfcr immer",
            b"550 5.7.1 \xff\xfe\x80",
            b"550 5.7.1 a\0b\0c",
            b"550 5.7.1 \x1b[2J\x1b]0;owned\x07\x9b31m",
            "550 5.7.1 \u202egro.elpmaxe\u2066".encode(),
            b"550-5.7.1 one\r\n550 5.7.1 \x1b[1mtwo",
        ],
        ids=["latin-1", "no text", "NUL", "escapes", "bidi", "two lines"],
    )
    def test_octets_of_a_reply_that_would_paint_a_terminal(self, verb, text):
        """In all that a person can look at they are written out."""
        _, delivery = attempt(bad.says(verb, text))
        shown = "".join(
            [
                str(delivery.transcript),
                delivery.reply,
                delivery.to_frame().to_string(),
                str(delivery.diagnosis.raw if delivery.diagnosis else ""),
                delivery._repr_html_(),
            ]
        )
        assert [c for c in shown if not c.isprintable() and c != "\n"] == []
        assert "5.7.1" in shown


class TestEncryption:
    @pytest.mark.parametrize(
        ("script", "connection", "wanted", "stage"),
        [
            (Polite(), {"security": "implicit"}, "tls_to_plain_port", "tls"),
            (servers.silent, {"security": "implicit", "timeout": 0.3}, "tls_handshake_timeout", "tls"),
            (bad.gone_in_the_handshake, {"security": "implicit"}, "tls_unexpected_eof", "tls"),
            (bad.at("STARTTLS", "454 4.7.0 TLS not available"), {}, "starttls_unavailable", "starttls"),
            (bad.starttls_then_plain, {}, "tls_to_plain_port", "tls"),
            (bad.starttls_then_gone, {}, "tls_unexpected_eof", "tls"),
            (bad.starttls_then_silent, {"timeout": 0.3}, "tls_handshake_timeout", "tls"),
            (bad.forgets_in_tls, {}, "auth_not_offered", "auth"),
        ],
    )  # fmt: skip
    def test_encryption_that_does_not_come_about(self, script, connection, wanted, stage):
        """No login and no mail leaves, and the reason is named."""
        server, delivery = attempt(script, **connection)
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, stage)
        assert not {"AUTH", "MAIL"} & set(server.verbs)


class TestLogin:
    @pytest.mark.parametrize(
        ("script", "mechanism", "wanted"),
        [
            (bad.at("AUTH", "503 5.5.1 Error: authentication not enabled"), "PLAIN", "auth_not_enabled"),
            (bad.at("AUTH", "535 5.7.8 no"), "PLAIN", "bad_credentials"),
            (bad.at("AUTH", "454 4.7.0 Temporary authentication failure"), "PLAIN", "auth_temporary"),
            (bad.challenges("334 abc", "535 5.7.8 no"), "CRAM-MD5", "auth_bad_challenge_base64"),
            (bad.challenges("334 %%%", "334 ?", "535 5.7.8 no"), "LOGIN", "bad_credentials"),
        ],
    )  # fmt: skip
    def test_a_login_that_fails(self, script, mechanism, wanted):
        """It is tried once, and no mail is offered after it."""
        auth = lab.BasicAuth(username="ann", password=PASSWORD, mechanism=mechanism)
        server, delivery = attempt(script, auth=auth)
        assert (delivery.diagnosis.id, delivery.stage) == (wanted, "auth")
        assert server.verbs.count("AUTH") == 1
        assert "MAIL" not in server.verbs

    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
    def test_challenges_without_end(self, mechanism):
        """A password is given once, however often the server asks."""
        auth = lab.BasicAuth(username="ann", password=PASSWORD, mechanism=mechanism)
        server, delivery = attempt(bad.challenges_for_ever, auth=auth)
        assert delivery.stage == "auth"
        assert nobody_served(delivery)
        assert server.verbs.count("AUTH") == 1
        assert "MAIL" not in server.verbs
        assert len(server.heard) < 9


class TestMessage:
    def test_nobody_is_taken(self):
        """Where every recipient is refused the message stays here."""
        server, delivery = attempt(bad.at("RCPT", "550 5.1.1 User unknown"), to=[BOB, CID])
        assert (delivery.diagnosis.id, delivery.stage) == ("user_unknown", "rcpt")
        assert "DATA" not in server.verbs

    def test_an_acceptance_before_the_message(self):
        """250 instead of 354 accepts nothing, since nothing was sent."""
        server, delivery = attempt(bad.at("DATA", "250 2.0.0 Ok: queued as 12345"))
        assert (delivery.diagnosis.id, delivery.stage) == ("out_of_step", "data")
        assert nobody_served(delivery)
        assert not any(line.startswith(b"Subject") for line in server.heard)

    def test_the_connection_ends_where_the_message_should_begin(self):
        """Whether the message went out before the end was seen decides what can be said."""
        _, delivery = attempt(bad.gone_after_354)
        assert delivery.diagnosis.id in ("answer_lost", "disconnected", "conn_reset")
        assert delivery.stage == "data"
        assert nobody_served(delivery)

    def test_a_message_that_is_refused(self):
        """552 after the message counts for every recipient."""
        script = bad.at(".", "552 5.3.4 Error: message file too big")
        _, delivery = attempt(script, to=[BOB, CID])
        assert (delivery.diagnosis.id, delivery.stage) == ("size_exceeded_mail", "data")
        assert [r.code for r in delivery.recipients] == [552, 552]

    def test_a_lost_answer_is_a_doubt(self):
        """Nobody is told that the message did not arrive when nobody knows."""
        _, delivery = attempt(bad.hangs_up_at("."))
        assert delivery.diagnosis.id == "answer_lost"
        assert "may have arrived" in delivery.diagnosis.meaning
        assert not delivery.diagnosis.temporary  # to send again without looking may send it twice

    def test_a_server_that_does_not_read(self):
        """A message that nobody takes off the wire is given up, and is no doubt."""
        message = lab.render("report", to=BOB, title="x", summary="y")
        message.clear_content()
        message.set_content(("x" * 70 + "\n") * 100_000)
        with Server(bad.never_reads) as server, pytest.raises(lab.DeliveryError) as error:
            lab.send(message, profile=profile(server, timeout=0.3))
        delivery = error.value.delivery
        assert (delivery.diagnosis.id, delivery.stage) == ("reply_timeout", "data")
        assert nobody_served(delivery)

    def test_closing_between_recipients(self):
        """421 to one recipient closes for those taken before it too; a refusal stays what it was."""

        def reply(conn, line):
            said = {b"bob": "250 2.1.5 Ok", b"eve": "550 5.1.1 User unknown"}
            said = said.get(line.partition(b"<")[2][:3], "421 4.3.2 Service shutting down")
            conn.send(said)
            return not said.startswith("421")

        everyone = [BOB, "eve@example.org", CID, "dan@example.org"]
        server, delivery = attempt(bad.at("RCPT", reply), to=everyone)
        assert [r.code for r in delivery.recipients] == [421, 550, 421, 421]
        assert delivery.diagnosis.id == "generic_421"
        assert delivery.stage == "rcpt"
        assert nobody_served(delivery)
        assert server.verbs.count("RCPT") == 3
        assert "DATA" not in server.verbs
