"""The doctor: where it stops, what it says, and what it never does."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from base64 import b64encode
from contextlib import ExitStack

import pytest
from deliver import servers
from deliver.servers import PASSWORD, Server, certificate, polite, profile
from deliver.tokens import GOOD, TENANT, TokenEndpoint

import smtp_lab as lab
from smtp_lab import InputError, Policy
from smtp_lab.config import connection as connections
from smtp_lab.config.builtin import announced
from smtp_lab.config.catalogue import provider_at
from smtp_lab.deliver import offers
from smtp_lab.deliver import other_ways as module
from smtp_lab.deliver.other_ways import MAIL_PORTS, other_ways
from smtp_lab.deliver.stages import STAGES

TO = "bob@example.org"
IMPLICIT = ("name", "address", "tcp", "tls", "certificate", "greeting", "ehlo", *STAGES[7:])


def everything(checkup):
    """All that a person or a log can see of a checkup."""
    texts = [str(checkup), repr(checkup), checkup._repr_html_(), json.dumps(checkup.to_dict())]
    texts += [checkup.to_frame().to_string(), str(checkup.transcript), checkup.sentence]
    texts += [repr(stage) for stage in checkup] + [repr(checkup.suggestions)]
    return "\n".join(texts)


def look(script, *, login=True, to=TO, connection=None, **asked):
    """What the doctor says of a server with *script*: the server as it ended, and the checkup."""
    with Server(script) as server:
        checkup = lab.doctor(profile(server, login=login, **(connection or {})), to=to, **asked)
    assert PASSWORD not in everything(checkup)
    return server, checkup


def states(checkup):
    return {stage.name: stage.state for stage in checkup}


def old_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    servers.authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


def only_once(conn, _line):
    """Answer EHLO before TLS, and refuse it inside."""
    if conn.secured:
        conn.send("550 5.3.0 Enough")
    else:
        conn.send("250-polite.example", "250 STARTTLS")


FAILURES = {
    "554 greeting": ("greeting", "generic_5xx", polite(greeting="554 away"), {}),
    "silent": ("greeting", "greeting_timeout", servers.silent, {"timeout": 0.4}),
    "ssh": ("greeting", "not_smtp", servers.ssh, {}),
    "endless greeting": ("greeting", "reply_line_too_long", servers.endless_greeting, {}),
    "dribbling": ("greeting", "greeting_timeout", servers.drip, {"timeout": 0.2}),
    "EHLO refused": (
        "ehlo", "helo_refused", polite(replies={"EHLO": "550 no", "HELO": "550 no"}), {},
    ),
    "no STARTTLS": ("tls", "starttls_not_offered", polite(), {}),
    "STARTTLS refused": (
        "tls", "starttls_unavailable",
        polite(tls=certificate(), replies={"STARTTLS": "454 4.7.0 TLS not available"}), {},
    ),
    "old TLS": ("tls", "tls_version", polite(tls=old_tls()), {"min_tls": "1.3"}),
    "plain port": ("tls", "tls_to_plain_port", polite(), {"security": "implicit"}),
    "expired": ("certificate", "tls_expired", polite(tls=certificate(expired=True)), {}),
    "wrong name": (
        "certificate", "tls_ip_mismatch", polite(tls=certificate("other.example")), {},
    ),
    "unknown authority": (
        "certificate", "tls_unknown_ca", polite(tls=certificate(signed=False), implicit=True),
        {"security": "implicit"},
    ),
    "EHLO refused inside TLS": (
        "ehlo again", "helo_refused",
        polite(tls=certificate(), replies={"EHLO": only_once, "HELO": "550 5.3.0 no"}), {},
    ),
    "no AUTH": ("auth", "auth_not_offered", polite(tls=certificate(), after=("8BITMIME",)), {}),
    "535": (
        "auth", "bad_credentials",
        polite(tls=certificate(), replies={"AUTH": "535 5.7.8 Error: authentication failed"}), {},
    ),
    "sender refused": (
        "mail", "sender_not_allowed",
        polite(tls=certificate(), replies={"MAIL": "550 5.7.1 Sender rejected"}), {},
    ),
    "recipient refused": (
        "rcpt", "user_unknown",
        polite(tls=certificate(), replies={"RCPT": "550 5.1.1 User unknown"}), {},
    ),
    "hung up at RCPT": (
        "rcpt", "disconnected", polite(tls=certificate(), replies={"RCPT": None}), {},
    ),
}  # fmt: skip


def assert_stopped_at(checkup, stage):
    """Nothing failed before *stage*, and nothing was done after it."""
    order = [found.name for found in checkup]
    at = order.index(stage)
    assert {found.state for found in checkup.stages[:at]} <= {"passed", "warned", "skipped"}
    assert checkup[stage].state == "failed"
    assert {found.state for found in checkup.stages[at + 1 :]} <= {"skipped"}
    assert all(stage in found.sentence for found in checkup.stages[at + 1 :])
    assert not checkup.ok
    assert checkup.failed_at == stage
    assert f"failed at {stage}: {checkup[stage].sentence}" in checkup.sentence


class TestFailures:
    @pytest.mark.parametrize("name", FAILURES)
    def test_every_failure_is_found_at_its_stage(self, name):
        """What goes wrong is named at the stage it belongs to, explained, and ends the checkup."""
        stage, wanted, script, connection = FAILURES[name]
        server, checkup = look(script, connection=connection)
        assert_stopped_at(checkup, stage)
        assert checkup[stage].diagnosis.raw
        assert checkup[stage].diagnosis.id == wanted
        assert "DATA" not in server.verbs
        assert server.connections == 1
        if "auth" in states(checkup) and states(checkup)["auth"] == "skipped":
            assert not server.said(PASSWORD)

    def test_a_name_that_nobody_has(self):
        """A host that does not resolve fails at the name."""
        account = profile(587, host="nowhere.invalid")
        checkup = lab.doctor(account)
        assert_stopped_at(checkup, "name")
        assert checkup["name"].diagnosis.id in ("dns_not_found", "dns_temporary")

    def test_a_name_dns_cannot_write(self):
        """A name too long for DNS fails at the name, too."""
        checkup = lab.doctor(profile(587, host="ü" * 63 + ".example.com"))
        assert_stopped_at(checkup, "name")

    def test_a_resolver_that_hangs(self, monkeypatch):
        """Where the system's resolver never answers, the name fails after the timeout."""
        end = threading.Event()

        def hang(*_args, **_more):
            end.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")

        monkeypatch.setattr(socket, "getaddrinfo", hang)
        checkup = lab.doctor(profile(587, host="slow.example.com", timeout=0.2))
        end.set()
        assert_stopped_at(checkup, "name")
        assert checkup["name"].diagnosis.id == "dns_temporary"

    @pytest.mark.skipif(sys.platform != "linux", reason="how broadcast is refused differs")
    def test_an_address_there_is_no_way_to(self):
        """An address the system has no way to fails before any connection is tried."""
        checkup = lab.doctor(profile(587, host="255.255.255.255"))
        assert_stopped_at(checkup, "address")
        assert "no way there" in checkup["address"].facts["255.255.255.255"]

    def test_a_port_where_nobody_listens(self):
        """A refused connection fails at tcp."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        checkup = lab.doctor(profile(port))
        assert_stopped_at(checkup, "tcp")
        assert checkup["tcp"].diagnosis.id == "conn_refused"
        assert "refused" in checkup["tcp"].facts["127.0.0.1"]

    def test_one_address_of_two_works(self, monkeypatch):
        """Each address is tried in turn; what the first did is shown, and the next one is used."""
        true = socket.getaddrinfo

        def both(host, port, *args, **more):
            if host != "two.example.com":
                return true(host, port, *args, **more)
            kind = (socket.SOCK_STREAM, 6, "")
            return [
                (socket.AF_INET, *kind, ("127.0.0.3", port)),
                (socket.AF_INET, *kind, ("127.0.0.1", port)),
                (socket.AF_INET6, *kind, ("2001:db8::1", port, 0, 0)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        script = polite(tls=certificate("two.example.com"))
        _, checkup = look(script, connection={"host": "two.example.com"}, until="certificate")
        assert checkup.ok
        assert "2 IPv4 and 1 IPv6 addresses" in checkup["name"].sentence
        assert "refused" in checkup["tcp"].facts["127.0.0.3"]
        assert checkup["tcp"].facts["127.0.0.1"].startswith("connected in")
        assert [a.id for a in checkup["tcp"].advice] == ["first_address"]

    def test_a_refused_login_is_tried_once(self):
        """A wrong password counts once against a lock-out."""
        server, _ = look(polite(tls=certificate(), replies={"AUTH": "535 5.7.8 no"}))
        assert server.verbs.count("AUTH") == 1
        assert server.verbs[-1] == "AUTH"

    def test_some_recipients_are_refused(self):
        """With several recipients each one's answer is shown."""

        def pick(conn, line):
            conn.send("250 2.1.5 Ok" if b"bob@" in line else "550 5.1.1 User unknown")

        script = polite(tls=certificate(), replies={"RCPT": pick})
        _, checkup = look(script, to=[TO, "nobody@example.org"])
        assert checkup.failed_at == "rcpt"
        assert checkup["rcpt"].facts[TO] == "250 2.1.5 Ok"
        assert checkup["rcpt"].facts["nobody@example.org"] == "550 5.1.1 User unknown"

    def test_a_password_nobody_knows_fails_at_the_login(self):
        """Without a password everything before the login is looked at all the same."""
        with Server(polite(tls=certificate())) as server:
            checkup = lab.doctor(profile(server).without_secrets())
        assert_stopped_at(checkup, "auth")
        assert "SMTP_LAB_PROFILES__ANN__PASSWORD" in checkup["auth"].sentence
        assert "AUTH" not in server.verbs

    @pytest.mark.skipif(sys.platform != "linux", reason="0.0.0.0 is this machine on Linux only")
    @pytest.mark.parametrize("security", ["none", "tls-if-offered"])
    def test_no_password_in_plain_text(self, security):
        """Without encryption the password stays here, and the login fails."""
        connection = {"host": "0.0.0.0", "security": security}
        server, checkup = look(polite(before=("AUTH PLAIN",)), connection=connection)
        assert_stopped_at(checkup, "auth")
        assert "AUTH" not in server.verbs


class TestGood:
    def test_all_stages_with_starttls(self, sink):
        """At the bundled sink every stage passes, in order, and nothing arrives."""
        checkup = lab.doctor(sink.profile("ann", sender="Ann <ann@example.com>"))
        assert tuple(stage.name for stage in checkup) == STAGES
        assert set(states(checkup).values()) == {"passed"}
        assert checkup.ok
        assert not checkup.sent
        assert len(sink.inbox) == 0
        assert checkup["tls"].facts["version"] == "TLSv1.3"
        assert "127.0.0.1" in checkup["certificate"].facts["names"]
        assert checkup["auth"].facts == {"user": "ann", "mechanism": "PLAIN"}
        assert checkup.sentence.endswith("Nothing was sent.")
        said = [line.text for line in checkup.transcript if line.direction == "C"]
        assert said[-2:] == ["RSET", "QUIT"]

    def test_implicit_tls_comes_before_the_greeting(self, sink):
        """With TLS from the first byte the order is another, and EHLO is said once."""
        account = sink.profile("ann", sender="ann@example.com", implicit=True)
        checkup = lab.doctor(account)
        assert tuple(stage.name for stage in checkup) == IMPLICIT
        assert checkup["ehlo again"].state == "skipped"
        assert {s.state for s in checkup if s.name != "ehlo again"} == {"passed"}
        assert len(sink.inbox) == 0

    @pytest.mark.parametrize("security", ["none", "tls-if-offered"])
    def test_without_encryption_its_stages_are_skipped(self, security):
        """What does not apply is skipped with the reason."""
        _, checkup = look(polite(), login=False, connection={"security": security})
        assert checkup.ok
        skipped = [stage.name for stage in checkup if stage.state == "skipped"]
        assert skipped == ["tls", "certificate", "ehlo again", "auth"]
        assert checkup["auth"].sentence == "The profile has no login."
        assert "encryption" in checkup["tls"].sentence or "STARTTLS" in checkup["tls"].sentence

    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize("until", STAGES)
    def test_it_stops_where_it_is_told_to(self, until, implicit):
        """Nothing is done behind the last stage that was asked for."""
        order = IMPLICIT if implicit else STAGES
        script = polite(tls=certificate(), implicit=implicit)
        connection = {"security": "implicit"} if implicit else {}
        server, checkup = look(script, until=until, connection=connection)
        assert checkup.ok
        asked = order[: order.index(until) + 1]
        done = {stage.name for stage in checkup if stage.state != "skipped"}
        assert done <= set(asked)
        assert set(asked) - done <= {"ehlo again"}
        assert ("AUTH" in server.verbs) is ("auth" in asked)
        assert ("MAIL" in server.verbs) is ("mail" in asked)
        assert ("RCPT" in server.verbs) is ("rcpt" in asked)
        assert "DATA" not in server.verbs
        assert server.connections <= ("tcp" in asked)  # one that is closed at once may be missed
        assert server.connections == 1 or "greeting" not in asked

    def test_what_may_be_asked_for_has_names(self):
        """Another stage is a sentence with those there are; case and dashes do not matter."""
        with pytest.raises(InputError, match="'data' is no stage; give one of name, address, tcp"):
            lab.doctor(profile(25), until="data")
        _, checkup = look(polite(tls=certificate()), until="EHLO-again")
        assert checkup["ehlo again"].state == "passed"
        assert checkup["auth"].state == "skipped"

    def test_without_a_login_no_password_is_needed(self):
        """Up to TLS a profile whose password is not known will do."""
        with Server(polite(tls=certificate())) as server:
            checkup = lab.doctor(profile(server).without_secrets(), until="ehlo again")
        assert checkup.ok
        assert checkup["auth"].sentence == "It was not asked for."

    def test_a_profile_of_the_book_by_name(self, sink):
        """A name is looked up in the book, and without one the default is taken."""
        book = lab.ProfileBook.open()
        book.save(sink.profile("team", sender="team@example.com"), make_default=True)
        assert lab.doctor("team").subject == "team"
        assert lab.doctor().subject == "team"
        with pytest.raises(InputError, match="'nobody'"):
            lab.doctor("nobody")

    def test_an_unverified_certificate_is_shown_all_the_same(self):
        """With verify=False the stage warns and shows for whom the certificate is."""
        script = polite(tls=certificate("other.example", expired=True, signed=False))
        _, checkup = look(script, connection={"verify": False})
        assert checkup.ok
        assert checkup["certificate"].state == "warned"
        assert checkup["certificate"].facts["names"] == "other.example"
        assert "NOT checked" in checkup["certificate"].sentence


class TestSending:
    def test_a_test_mail_when_asked(self, sink):
        """With send=True the test mail goes over the same connection, and the sink has it."""
        account = sink.profile("ann", sender="ann@example.com")
        checkup = lab.doctor(account, to=TO, send=True)
        assert checkup.ok
        assert checkup.sent
        assert checkup["data"].state == "passed"
        (captured,) = sink.inbox
        assert captured.rcpt_to == (TO,)
        assert captured.header("Message-ID") == checkup["data"].facts["Message-ID"]
        assert "The test mail was accepted." in checkup.sentence

    def test_one_login_for_both(self):
        """Sending logs in no second time."""
        server, checkup = look(polite(tls=certificate()), send=True)
        assert checkup.sent
        assert server.verbs.count("AUTH") == 1
        assert server.connections == 1

    def test_a_refused_message_fails_at_data(self):
        """What is refused in the end is explained."""
        script = polite(tls=certificate(), replies={".": "554 5.7.1 Spam message rejected"})
        _, checkup = look(script, send=True)
        assert checkup.failed_at == "data"
        assert not checkup.sent
        assert checkup["data"].diagnosis.raw == "554 5.7.1 Spam message rejected"

    def test_an_answer_that_is_lost_is_not_known(self):
        """Where the whole mail left and no answer came, nobody says that it failed, or did not."""
        with Server(polite(replies={".": None})) as server:
            book = lab.ProfileBook.open()
            book.save(profile(server, security="none", login=False))
            checkup = lab.doctor("ann", to=TO, send=True)
        assert (checkup.unknown, checkup.sent, checkup.ok) == (True, False, False)
        assert checkup.sentence.startswith("Whether the test mail was accepted is not known. ")
        assert checkup.to_dict()["unknown"] is True
        assert "is not known" in checkup._repr_html_()
        health = book.health("ann")
        assert (health.ok, health.warning) == (None, True)
        assert str(health).startswith("not known at ")
        with Server(polite(replies={".": None})) as server:
            book.save(profile(server, security="none", login=False))
            assert lab.send_test("ann", to=TO, book=book).unknown
        assert book.health("ann").ok is None
        assert book.health("ann").tested_at

    def test_health_is_about_test_mails(self, sink):
        """A checkup leaves the health alone; a test mail is noted as send_test would."""
        book = lab.ProfileBook.open()
        book.save(sink.profile("team", sender="team@example.com"))
        lab.doctor("team")
        assert book.health("team").ok is None
        lab.doctor("team", send=True)
        assert book.health("team").ok is True

    def test_sending_wants_every_stage(self):
        """until and send together are a contradiction."""
        with pytest.raises(InputError, match="send wants every stage"):
            lab.doctor(profile(25), send=True, until="auth")


class TestRules:
    def test_a_checkup_counts_as_a_test(self):
        """The throttle stops the eleventh within a minute, before any connection."""
        with Server(polite()) as server:
            account = profile(server, security="none", login=False)
            for _ in range(10):
                lab.doctor(account, until="greeting")
            with pytest.raises(InputError, match=r"10 tests of 127\.0\.0\.1 within a minute"):
                lab.doctor(account)
        assert server.connections == 10

    def test_policy_holds_for_the_recipient(self):
        """Nobody is asked about an address that policy forbids; no connection is opened."""
        book = lab.ProfileBook.open()
        book.policy = Policy(approved_domains=("example.com",))
        with Server(polite(tls=certificate())) as server:
            account = profile(server)
            with pytest.raises(InputError, match=r"policy does not allow bob@example\.org"):
                lab.doctor(account, to=TO, book=book)
            assert server.connections == 0
            assert lab.doctor(account, to=TO, until="auth", book=book).ok
            assert lab.doctor(account, book=book).ok

    def test_policy_sends_the_question_elsewhere(self):
        """Where all mail is redirected, the question is about that address."""
        book = lab.ProfileBook.open()
        book.policy = Policy(redirect_all_to="staging@example.com")
        with Server(polite(tls=certificate())) as server:
            lab.doctor(profile(server), to=TO, book=book)
        assert b"RCPT TO:<staging@example.com>" in server.heard

    def test_policy_holds_for_the_connection(self):
        """A policy of encryption is not got round by stopping early."""
        book = lab.ProfileBook.open()
        book.policy = Policy(encrypted_only=True)
        with pytest.raises(InputError, match="policy wants encryption"):
            lab.doctor(profile(25, security="none", login=False), until="tcp", book=book)

    def test_bad_arguments_are_sentences(self):
        """What cannot be is refused before anything is done."""
        with pytest.raises(InputError, match="give dns=True too"):
            lab.doctor(profile(25), dkim_selector="x")
        with pytest.raises(InputError, match="is no selector"):
            lab.doctor(profile(25), dns=True, dkim_selector="a b")
        with pytest.raises(InputError, match="to: 'bob' has no @"):
            lab.doctor(profile(25), to="bob")


class TestAdvice:
    def test_a_mechanism_that_is_not_offered(self):
        """What the profile wants is held against what the server offers."""
        script = polite(tls=certificate(), after=("AUTH PLAIN LOGIN", "8BITMIME"))
        auth = lab.BasicAuth(username="ann", password=PASSWORD, mechanism="CRAM-MD5")
        _, checkup = look(script, connection={"auth": auth})
        (advice,) = checkup["ehlo again"].advice
        assert advice.text.startswith(
            "the profile wants CRAM-MD5, the server offers PLAIN, LOGIN; choose PLAIN, LOGIN"
        )
        assert checkup["ehlo again"].state == "warned"
        assert checkup.failed_at == "auth"

    @pytest.mark.parametrize(
        ("size", "severity"), [("500000", "warning"), ("5000000", "note"), ("0", None)]
    )
    def test_a_small_size(self, size, severity):
        """A server that takes small messages only is told of; 0 means no limit (RFC 1870)."""
        script = polite(tls=certificate(), after=("AUTH PLAIN", "8BITMIME", f"SIZE {size}"))
        _, checkup = look(script)
        found = [a.severity for a in checkup["ehlo again"].advice if a.id == "small"]
        assert found == ([severity] if severity else [])

    def test_an_address_beyond_ascii(self):
        """Without SMTPUTF8 an address in other letters will be refused, and that is said before."""
        script = polite(tls=certificate(), after=("AUTH PLAIN", "8BITMIME"))
        _, checkup = look(script, to="jürgen@example.org")
        assert [a.id for a in checkup["ehlo again"].advice] == ["no_smtputf8"]
        assert checkup.failed_at == "mail"

    def test_a_login_before_tls(self):
        """A login offered in plain text is noted; beyond this machine it is a warning."""
        script = polite(tls=certificate(), before=("AUTH PLAIN",))
        _, checkup = look(script)
        assert [(a.id, a.severity) for a in checkup["ehlo"].advice] == [
            ("login_before_tls", "note")
        ]

    @pytest.mark.parametrize(
        ("host", "wanted"), [("smtp.example.com", "warning"), ("smtp.mailgun.org", "note")]
    )
    def test_a_login_before_tls_elsewhere(self, host, wanted):
        """It is a warning, unless the provider is known to do so."""
        connection = lab.SmtpConnection(host=host)
        known = provider_at(host)
        found = list(offers.on_plain_hello(connection, Offering(auth="PLAIN", starttls=""), known))
        assert [(a.id, a.severity) for a in found] == [("login_before_tls", wanted)]

    def test_encryption_that_is_not_used(self):
        """With security none an offered STARTTLS is pointed out."""
        script = polite(tls=certificate())
        _, checkup = look(script, login=False, connection={"security": "none"})
        assert "starttls_unused" in [a.id for a in checkup["ehlo"].advice]

    def test_a_provider_known_otherwise(self):
        """Other logins and another size than the facts hold are noted, with where they are from."""
        gmail = lab.provider("gmail")
        account = gmail.profile(user="ann@gmail.com")
        client = Offering(auth="PLAIN", size="1000000", **{"8bitmime": "", "smtputf8": ""})
        found = list(offers.compare(account, account.connection, client, gmail, to=TO))
        assert {"other_logins", "other_size", "small"} == {a.id for a in found}
        assert all(a.source for a in found)

    def test_what_the_profile_says_stands_at_its_stage(self):
        """profile.advice() is shown where it shows itself: here at tls, which is skipped."""
        _, checkup = look(polite(), connection={"min_tls": "1.1"}, until="tls")
        assert "old_tls" in [a.id for a in checkup["tls"].advice]
        assert "old_tls" not in [a.id for stage in checkup.stages[:5] for a in stage.advice]

    def test_another_name_in_the_greeting(self):
        """A server that greets with another name than the profile's is noted, not on loopback."""
        connection = lab.SmtpConnection(host="smtp.example.com")
        (advice,) = offers.on_greeting(connection, "mx7.example.net ESMTP")
        assert "mx7.example.net" in advice.text
        assert not list(offers.on_greeting(connection, "SMTP.example.com. ESMTP"))
        assert not list(offers.on_greeting(connection, ""))


class Offering:
    """A client whose server offers *features*."""

    does_esmtp = True

    def __init__(self, **features):
        self.esmtp_features = features

    def has_extn(self, name):
        return name in self.esmtp_features


class TestOthers:
    @pytest.fixture
    def ports(self, monkeypatch):
        """ports(*pairs) takes these for the usual mail ports."""

        def use(*pairs):
            monkeypatch.setattr(module, "USUAL", pairs)
            monkeypatch.setattr(module, "MAIL_PORTS", {port for port, _ in pairs})

        return use

    def test_what_else_answers_is_suggested(self, ports):
        """Other mail ports of the host are tried up to TLS; those that answer are suggestions."""
        with ExitStack() as stack:
            mine, starttls, implicit, bad = (
                stack.enter_context(Server(script))
                for script in (
                    servers.silent,
                    polite(tls=certificate()),
                    polite(tls=certificate(), implicit=True),
                    polite(tls=certificate(expired=True)),
                )
            )
            ports(
                (implicit.port, "implicit"), (starttls.port, "starttls"), (bad.port, "starttls"),
                (mine.port, "starttls"),
            )  # fmt: skip
            account = profile(mine, timeout=0.5)
            checkup = lab.doctor(account, others=True)
        assert checkup.failed_at == "greeting"
        assert [s.profile.connection.port for s in checkup.suggestions] == [
            implicit.port,
            starttls.port,
        ]
        first = checkup.suggestions[0]
        assert first.profile.connection.security == "implicit"
        assert first.profile.connection.host == "127.0.0.1"
        assert first.profile.password is None
        assert str(first) == (
            f"Port {implicit.port} with implicit answers;"
            " change port and security to use it and give the password again."
        )
        assert str(first) in checkup.sentence
        assert checkup["others"].sentence == "2 of 3 other ways into the same host answer."
        assert [other.failed_at for other in checkup.others] == ["", "", "certificate"]
        for server in (starttls, implicit, bad):
            assert not {"AUTH", "MAIL", "RCPT", "DATA"} & set(server.verbs)
            assert not server.said(PASSWORD)
        assert PASSWORD not in everything(checkup)

    def test_another_security_of_the_same_port(self, ports):
        """A port that wants TLS from the first byte is suggested with the right security."""
        with Server(polite(tls=certificate(), implicit=True)) as server:
            ports((server.port, "implicit"))
            checkup = lab.doctor(profile(server, timeout=0.5), others=True)
        assert checkup.failed_at == "greeting"
        (found,) = checkup.suggestions
        assert str(found).endswith("answers; change security to use it.")
        assert found.profile.password is not None  # host and port are the same

    def test_they_are_throttled(self, ports):
        """What is too much for the throttle is left out, and that is said."""
        with Server(polite(tls=certificate())) as server, Server(polite()) as other:
            ports((other.port, "starttls"))
            account = profile(server, login=False)
            for _ in range(9):
                lab.doctor(account, until="greeting")
            checkup = lab.doctor(account, until="greeting", others=True)
        assert other.connections == 0
        assert checkup["others"].state == "skipped"
        assert "10 tests of 127.0.0.1 within a minute" in checkup["others"].sentence

    def test_policy_holds_for_them(self, ports):
        """A way that policy forbids is not tried."""
        book = lab.ProfileBook.open()
        book.policy = Policy(encrypted_only=True)
        with Server(polite(tls=certificate())) as server, Server(polite()) as other:
            ports((other.port, "none"))
            checkup = lab.doctor(profile(server), book=book, others=True)
        assert other.connections == 0
        assert "policy wants encryption" in checkup["others"].sentence

    def test_only_mail_ports_of_the_same_host(self):
        """Whatever the facts hold, another host or port is never tried, and eight at most."""
        for known in lab.providers():
            for endpoint in known.endpoints:
                own = lab.SmtpConnection(host=endpoint.host.replace("{region}", "x1"), port=2525)
                found = other_ways(own, known)
                assert {way.host for way in found} <= {own.host}
                assert {way.port for way in found} <= MAIL_PORTS
                assert len(found) <= 8
        assert {25, 465, 587, 2525} <= MAIL_PORTS

    def test_the_ways_of_a_provider(self):
        """Of a known provider those of its facts are tried, else the usual mail ports."""
        gmail = lab.SmtpConnection(host="SMTP.gmail.com.", port=25)
        ways = other_ways(gmail, lab.provider("gmail"))
        assert [(w.port, w.security) for w in ways] == [(465, "implicit"), (587, "starttls")]
        unknown = lab.SmtpConnection(host="smtp.example.com", port=587)
        assert [w.port for w in other_ways(unknown, None)] == [465, 2525, 25]


class TestShowing:
    def test_as_data(self, sink):
        """to_dict is JSON, to_frame has one row a stage and fixed types."""
        checkup = lab.doctor(sink.profile("ann", sender="ann@example.com"), others=True)
        data = json.loads(json.dumps(checkup.to_dict()))
        assert data["ok"] is True
        assert [stage["name"] for stage in data["stages"]] == [*STAGES, "others"]
        assert data["stages"][8]["facts"]["mechanism"] == "PLAIN"
        assert len(data["transcript"]["lines"]) == len(checkup.transcript)
        frame = checkup.to_frame()
        assert frame.dtypes.astype(str).to_dict() == {
            "stage": "str",
            "endpoint": "str",
            "state": "str",
            "seconds": "float64",
            "sentence": "str",
            "facts": "str",
            "advice": "str",
            "diagnosis": "str",
        }
        assert frame["stage"].tolist() == [*STAGES, "others"]

    def test_a_failure_as_data(self):
        """A diagnosis and advice are JSON too."""
        _, checkup = look(polite(before=("AUTH PLAIN",)))
        data = json.loads(json.dumps(checkup.to_dict()))
        assert data["failed_at"] == "tls"
        assert data["stages"][5]["diagnosis"]["id"] == "starttls_not_offered"
        assert data["stages"][4]["advice"][0]["id"] == "login_before_tls"
        assert checkup.to_frame()["diagnosis"].tolist()[5] == "starttls_not_offered"

    def test_as_text(self):
        """In a terminal each stage has a line with its sign; what failed shows what was seen."""
        _, checkup = look(polite(tls=certificate(), replies={"AUTH": "535 5.7.8 no"}))
        lines = str(checkup).splitlines()
        assert lines[0] in str(checkup.sentence)
        assert any(line.startswith("✔ tls ") for line in lines)
        assert any(line.startswith("✘ auth ") for line in lines)
        assert any(line.startswith("– rcpt ") for line in lines)
        assert any(line.strip() == "answer: 535 5.7.8 no" for line in lines)

    def test_by_number_and_name(self, sink):
        """A checkup is a sequence of stages, and a stage can be had by its name."""
        checkup = lab.doctor(sink.profile(), until="tcp")
        assert checkup[0].name == "name"
        assert checkup["tcp"] is checkup[2]
        assert len(checkup) == len(list(checkup)) == 11
        with pytest.raises(KeyError, match="nothing"):
            checkup["nothing"]

    def test_html_is_escaped_and_can_be_read_aloud(self):
        """No word of a server is markup, and the table has heads for rows and columns."""
        evil = "<script>alert(1)</script>"
        script = polite(
            greeting=f"220 {evil} ESMTP",
            tls=certificate(),
            before=(f"X{evil}", f"AUTH {evil}"),
            after=(f"AUTH {evil}",),
            replies={"MAIL": f"550 {evil}"},
        )
        _, checkup = look(script)
        html = checkup._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert 'aria-label="Checkup of ann, 127.0.0.1:' in html
        assert html.count('<th scope="row"') >= len(checkup)
        assert html.count('<th scope="col"') >= 4
        assert 'role="status"' in html
        assert "mathjax_ignore" in html

    def test_control_characters_stay_in_the_server(self):
        """What moves a cursor or turns text round is shown as an escape."""
        _, checkup = look(
            polite(greeting="220 \x1b[2Jx\u202ey ESMTP", replies={"EHLO": "500 \x07"})
        )
        for text in (str(checkup), repr(checkup), checkup._repr_html_()):
            assert not {"\x1b", "\x07", "\u202e"} & set(text)

    @pytest.mark.parametrize("verb", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT"])
    def test_a_password_that_is_echoed_is_masked(self, verb):
        """Whatever a server makes of the password, nobody sees it (look() asserts it)."""
        replies = {} if verb == "greeting" else {verb: f"550 {PASSWORD} is what you said"}
        if verb == "EHLO":
            known = b64encode(PASSWORD.encode()).decode()
            replies["EHLO"] = f"250-polite.example\r\n250-AUTH {known}\r\n250 STARTTLS"
        greeting = f"220 {PASSWORD}" if verb == "greeting" else "220 polite.example"
        _, checkup = look(polite(greeting=greeting, tls=certificate(), replies=replies))
        seen = everything(checkup)
        assert "••••••" in seen.split("dialogue")[0]
        assert b64encode(PASSWORD.encode()).decode().casefold() not in seen.casefold()


REFUSED = {
    "error": "invalid_client",
    "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: 1",
    "error_codes": [7000215],
}


class TestGraph:
    @pytest.fixture
    def account(self):
        connection = lab.GraphConnection(
            user="ann@example.com", tenant_id="t", client_id="c", client_secret=PASSWORD
        )
        return lab.Profile(name="g", sender="ann@example.com", connection=connection)

    @pytest.mark.parametrize("answer", [(200, GOOD), (401, REFUSED)])
    def test_both_hosts_are_reached_and_a_token_is_had(self, account, monkeypatch, answer):
        """The hosts are checked and a token is asked for once; nothing is said to Graph itself."""
        tenant = account.connection.replace(tenant_id=TENANT, client_secret=PASSWORD)
        script = polite(tls=certificate("localhost"), implicit=True)
        with TokenEndpoint(answer) as login, Server(script) as graph:
            monkeypatch.setitem(connections.LOGINS, "global", login.host)
            monkeypatch.setitem(connections.CLOUDS, "global", f"localhost:{graph.port}")
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", profile(25).connection.ca_file)
            checkup = lab.doctor(account.replace(connection=tenant))
        assert [stage.name for stage in checkup] == [
            *["name", "address", "tcp", "tls", "certificate"] * 2,
            "token",
            "send",
        ]
        assert {stage.state for stage in checkup.stages[:10]} == {"passed"}
        assert {s.endpoint for s in checkup.stages[:5]} == {login.host}
        assert {s.endpoint for s in checkup.stages[5:10]} == {f"localhost:{graph.port}"}
        assert graph.heard == []
        assert len(login.forms) == 1
        assert checkup.ok is (answer[0] == 200)
        if checkup.ok:
            assert checkup["token"].facts["Tenant"] == TENANT
        else:
            assert (checkup.failed_at, checkup.failed.diagnosis.known) == ("token", True)
            assert "AADSTS7000215" in checkup.failed.diagnosis.raw
        assert PASSWORD not in everything(checkup)
        assert GOOD["access_token"] not in everything(checkup)

    def test_a_host_that_is_not_reached(self, account, monkeypatch):
        """What fails fails at its host, and a proxy in the environment is mentioned."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        monkeypatch.setitem(connections.LOGINS, "global", f"127.0.0.1:{port}")
        monkeypatch.setitem(connections.CLOUDS, "global", f"127.0.0.1:{port}")
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
        checkup = lab.doctor(account)
        assert checkup.failed_at == "tcp"
        assert [a.id for a in checkup.failed.advice] == ["proxy"]
        assert f"tcp (127.0.0.1:{port})" in checkup.sentence

    def test_what_is_for_smtp_only(self, account):
        """Sending and other endpoints are no matter of Graph."""
        with pytest.raises(InputError, match="others: is not for Microsoft Graph"):
            lab.doctor(account, others=True)
        with pytest.raises(InputError, match="send: is not for Microsoft Graph"):
            lab.doctor(account, send=True)


def test_oauth_is_said_to_be_missing():
    """A profile with OAuth 2.0 gets as far as the login."""
    auth = lab.OAuth2(user="ann", client_id="c", token_url="https://login.example.com/token")
    _, checkup = look(polite(tls=certificate(), after=("AUTH XOAUTH2",)), connection={"auth": auth})
    assert checkup.failed_at == "auth"
    assert checkup["ehlo again"].state == "passed"


def test_the_sink_is_never_throttled(sink):
    """The sink of this process can be looked at as often as one likes."""
    assert announced(sink.host, sink.port)
    assert all(lab.doctor(sink.profile(), until="tcp").ok for _ in range(12))
