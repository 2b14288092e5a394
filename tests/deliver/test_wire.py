"""Against servers that lie, stall and shout: what leaves the client, and what is said of it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
from base64 import b64encode

import pytest
from deliver import servers
from deliver.servers import PASSWORD, Server, certificate, polite, profile, self_signed

import smtp_lab as lab

TO = "bob@example.org"


def b64(text):
    return b64encode(text.encode()).decode()


PLAIN = b64(f"\0ann\0{PASSWORD}")
FORMS = (PASSWORD, b64(PASSWORD), PLAIN, PASSWORD.encode().hex(), "open%20sesame")


def everything(delivery):
    """All that a person or a log can see of a delivery."""
    texts = [
        str(delivery),
        repr(delivery),
        delivery._repr_html_(),
        json.dumps(delivery.to_dict()),
        delivery.to_frame().to_string(),
        delivery.transcript.to_frame().to_string(),
        delivery.transcript.annotated(),
    ]
    if delivery.diagnosis:
        texts += [str(delivery.diagnosis), repr(delivery.diagnosis)]
        texts += [delivery.diagnosis._repr_html_()]
    return "\n".join(texts)


def attempt(script, **connection):
    """Send a test to a server with *script*: the server as it ended, and the delivery."""
    with Server(script) as server:
        delivery = lab.send_test(profile(server, **connection), to=TO)
    assert not any(form in everything(delivery) for form in FORMS)
    return server, delivery


def said_nothing_private(server):
    """Whether no login and no mail left the client."""
    return not {"AUTH", "MAIL", "RCPT", "DATA"} & set(server.verbs) and not server.said(PASSWORD)


class TestGood:
    def test_starttls_with_a_login(self):
        """The whole way: greet, encrypt, greet again, log in, send, part."""
        server, delivery = attempt(polite(tls=certificate()))
        assert delivery.ok
        assert delivery.reply == "250 2.0.0 Ok: queued as 12345"
        wanted = ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        assert server.verbs[:7] == wanted
        assert server.verbs[-1] == "QUIT"
        assert server.said(PASSWORD)

    def test_implicit_tls(self):
        """TLS from the first byte, and no STARTTLS."""
        script = polite(tls=certificate(), implicit=True)
        server, delivery = attempt(script, security="implicit")
        assert delivery.ok
        assert server.verbs[:3] == ["EHLO", "AUTH", "MAIL"]
        assert all(line.tls for line in delivery.transcript if line.direction != "*")

    def test_login_when_it_is_chosen(self):
        """With the mechanism LOGIN user and password go in two steps."""
        server, delivery = attempt(polite(tls=certificate()), mechanism="LOGIN")
        assert delivery.ok
        at = server.heard.index(b"AUTH LOGIN")
        assert server.heard[at + 1 : at + 3] == [b64("ann").encode(), b64(PASSWORD).encode()]

    def test_login_when_the_server_offers_nothing_else(self):
        """With auto the first of PLAIN and LOGIN that is offered is taken."""
        server, delivery = attempt(polite(tls=certificate(), after=("AUTH LOGIN XOAUTH2",)))
        assert delivery.ok
        assert b"AUTH LOGIN" in server.heard

    def test_the_old_way_of_offering_auth(self):
        """A server that writes AUTH=PLAIN, as some old ones do, is understood."""
        _, delivery = attempt(polite(tls=certificate(), after=("AUTH=PLAIN LOGIN",)))
        assert delivery.ok

    def test_a_server_that_knows_helo_only(self):
        """Without EHLO there are no extensions, and mail goes all the same."""
        script = polite(replies={"EHLO": "502 5.5.1 What?"})
        server, delivery = attempt(script, security="none", login=False)
        assert delivery.ok
        assert server.verbs[:3] == ["EHLO", "HELO", "MAIL"]

    def test_a_server_that_hangs_up_at_quit(self):
        """What happens after the message was accepted does not spoil the result."""
        _, delivery = attempt(polite(tls=certificate(), replies={"QUIT": None}))
        assert delivery.ok

    def test_nobody_to_log_in(self):
        """Without a login no AUTH is sent, though it is offered."""
        server, delivery = attempt(polite(tls=certificate()), login=False)
        assert delivery.ok
        assert "AUTH" not in server.verbs


class TestEcho:
    @pytest.mark.parametrize("form", [PASSWORD, b64(PASSWORD), PLAIN, PASSWORD.encode().hex()])
    def test_a_login_that_comes_back_in_pieces(self, form):
        """A server that spreads the login over the lines of its refusal gets it into nothing."""
        first, second = form[: len(form) // 2], form[len(form) // 2 :]
        replies = {"AUTH": f"535-5.7.8 cannot read {first}\r\n535 5.7.8 {second} at all"}
        _, delivery = attempt(polite(tls=certificate(), replies=replies))
        assert delivery.diagnosis.id == "bad_credentials"
        shown = everything(delivery)
        assert first not in shown
        assert second not in shown


class TestDowngrade:
    def test_starttls_is_required_not_hoped_for(self):
        """A server that does not offer STARTTLS gets no login and no mail."""
        server, delivery = attempt(polite())
        assert said_nothing_private(server)
        assert (delivery.diagnosis.id, delivery.stage) == ("starttls_not_offered", "starttls")

    def test_starttls_refused(self):
        """A server that offers STARTTLS and then refuses gets nothing either."""
        script = polite(tls=certificate(), replies={"STARTTLS": "454 4.7.0 TLS not available"})
        server, delivery = attempt(script)
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == "starttls_unavailable"

    @pytest.mark.parametrize("security", ["starttls", "tls-if-offered"])
    def test_a_refusal_is_no_way_out_even_when_tls_is_only_hoped_for(self, security):
        """Whoever strips TLS by refusing it does not get the message in plain text."""
        script = polite(tls=certificate(), replies={"STARTTLS": "500 no"})
        server, delivery = attempt(script, security=security)
        assert said_nothing_private(server)
        assert not delivery.ok

    def test_lines_injected_before_the_handshake_are_dropped(self):
        """Replies sent in plain text behind 220 do not count as said under TLS (CVE-2021-33515)."""

        def inject(conn, _line):
            conn.sock.sendall(
                b"220 Go\r\n250-evil.example\r\n250 AUTH LOGIN\r\n235 in\r\n250 ok\r\n"
            )
            conn.encrypt(certificate())
            assert conn.line().startswith(b"EHLO")
            conn.send("250-true.example", "250 AUTH PLAIN")

        server, delivery = attempt(polite(tls=certificate(), replies={"STARTTLS": inject}))
        assert delivery.ok
        assert b"AUTH PLAIN " + PLAIN.encode() in server.heard
        said = [line.text for line in delivery.transcript]
        assert "evil" not in " ".join(said)
        assert any(re.fullmatch(r"dropped \d+ octets that came before encryption", t) for t in said)

    def test_what_was_offered_before_tls_counts_for_nothing(self):
        """Extensions are those of the second EHLO (RFC 3207 section 4.2)."""
        script = polite(tls=certificate(), before=("AUTH PLAIN", "SMTPUTF8"), after=("8BITMIME",))
        server, delivery = attempt(script)
        assert delivery.diagnosis.id == "auth_not_offered"
        assert said_nothing_private(server)

    @pytest.mark.parametrize("offered", [True, False])
    def test_tls_if_offered(self, offered):
        """TLS is used where it is offered and done without where it is not."""
        script = polite(tls=certificate() if offered else None, before=("AUTH PLAIN",))
        server, delivery = attempt(script, security="tls-if-offered")
        assert delivery.ok
        assert ("STARTTLS" in server.verbs) is offered
        assert delivery.transcript[-1].tls is offered

    @pytest.mark.skipif(sys.platform != "linux", reason="0.0.0.0 is this machine on Linux only")
    def test_no_password_in_plain_text_beyond_this_machine(self):
        """When TLS is hoped for in vain, the password stays here unless the server is this host."""
        server, delivery = attempt(
            polite(before=("AUTH PLAIN",)), host="0.0.0.0", security="tls-if-offered"
        )
        assert server.verbs == ["EHLO"]
        assert said_nothing_private(server)
        assert (delivery.diagnosis.id, delivery.stage) == ("plain_text_login", "auth")
        assert delivery.diagnosis.field == "connection.security"

    def test_no_security_sends_no_starttls(self):
        """Security none leaves an offered STARTTLS alone."""
        server, delivery = attempt(polite(tls=certificate()), security="none", login=False)
        assert delivery.ok
        assert "STARTTLS" not in server.verbs


class TestCertificates:
    @pytest.mark.parametrize("security", ["starttls", "implicit"])
    @pytest.mark.parametrize(
        ("make", "connection", "wanted"),
        [
            (lambda: certificate(expired=True), {}, "tls_expired"),
            (lambda: certificate("other.example"), {}, "tls_ip_mismatch"),
            (lambda: certificate("other.example"), {"host": "localhost"}, "tls_hostname_mismatch"),
            (lambda: certificate(signed=False), {}, "tls_unknown_ca"),
            (certificate, {"ca_file": None}, "tls_unknown_ca"),
        ],
        ids=["expired", "wrong address", "wrong name", "unknown authority", "not trusted"],
    )
    def test_a_bad_certificate_is_refused(self, security, make, connection, wanted):
        """Nothing private goes to a server that cannot show who it is, and the reason is named."""
        script = polite(tls=make(), implicit=security == "implicit")
        server, delivery = attempt(script, security=security, **connection)
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == wanted
        assert delivery.diagnosis.stage == "tls"
        assert not delivery.ok

    def test_a_certificate_that_signed_itself(self, tmp_path):
        """A self-signed certificate is told apart from one of an unknown authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        server, delivery = attempt(polite(tls=context))
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == "tls_self_signed"

    @pytest.mark.parametrize("make", [lambda: certificate(expired=True, signed=False)])
    def test_without_verification_any_certificate_does_and_that_is_said(self, make):
        """verify=False goes on, and the transcript says in capitals that nothing was checked."""
        server, delivery = attempt(polite(tls=make()), verify=False)
        assert delivery.ok
        assert "certificate NOT checked" in str(delivery.transcript)
        assert server.said(PASSWORD)

    def test_a_checked_certificate_is_said_to_be(self):
        """The transcript names version, cipher and that the certificate was verified."""
        _, delivery = attempt(polite(tls=certificate()))
        assert re.search(r"TLSv1\.3 with TLS_\w+, \d+ bits", str(delivery.transcript))
        assert "certificate verified" in str(delivery.transcript)

    @pytest.mark.parametrize(("least", "fine"), [("1.2", True), ("1.3", False)])
    def test_the_oldest_version_of_tls_is_the_profiles(self, least, fine):
        """A server that knows TLS 1.2 at most is refused where 1.3 is asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        servers.authority().issue_cert("127.0.0.1").configure_cert(context)
        server, delivery = attempt(polite(tls=context), min_tls=least)
        assert delivery.ok is fine
        if not fine:
            assert said_nothing_private(server)
            assert delivery.diagnosis.id == "tls_version"

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_tls_1_1_is_refused_by_default(self):
        """No profile can be made to speak TLS 1.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        servers.authority().issue_cert("127.0.0.1").configure_cert(context)
        server, delivery = attempt(polite(tls=context), verify=False)
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == "tls_version"


class TestNoMailServer:
    @pytest.mark.parametrize(
        ("script", "timeout", "wanted"),
        [
            (servers.endless_greeting, 5, "reply_line_too_long"),
            (servers.endless_line, 5, "reply_line_too_long"),
            (servers.drip, 0.2, "greeting_timeout"),
            (servers.silent, 0.4, "greeting_timeout"),
            (servers.ssh, 5, "not_smtp"),
            (servers.http, 0.3, "greeting_timeout"),
            (lambda conn: None, 5, "disconnected"),
            (lambda conn: conn.send("HTTP/1.1 400 Bad Request"), 5, "not_smtp"),
            (lambda conn: conn.send("421 4.3.2 Service shutting down"), 5, "generic_421"),
            (lambda conn: conn.send("554-go", "554 away"), 5, "generic_5xx"),
            (lambda conn: conn.sock.sendall(b"\r\n\r\n"), 5, "not_smtp"),
            (lambda conn: conn.sock.sendall(bytes(range(256)) + b"\n"), 5, "not_smtp"),
            (lambda conn: conn.sock.sendall(b"22"), 5, "disconnected"),
        ],
        ids=["endless greeting", "endless line", "drip", "silent", "ssh", "http", "leaves at once",
             "http speaks first", "421", "554", "empty lines", "binary", "half a line"],
    )  # fmt: skip
    def test_whatever_greets_is_survived_and_named(self, script, timeout, wanted):
        """The sending comes to an end, in bounded time and memory, with the right diagnosis."""
        server, delivery = attempt(script, security="none", timeout=timeout)
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == wanted
        assert delivery.stage == "greeting"
        assert len(str(delivery)) < 1_000_000

    def test_tls_spoken_to_a_plain_port(self):
        """Implicit TLS at a port that speaks plain SMTP is told as what it is."""
        server, delivery = attempt(polite(), security="implicit")
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == "tls_to_plain_port"

    def test_plain_smtp_spoken_to_a_tls_port(self):
        """STARTTLS at a port that waits for TLS ends with the remedy."""

        def script(conn):
            conn.encrypt(certificate())

        _, delivery = attempt(script, timeout=0.3)
        assert delivery.diagnosis.id in ("greeting_timeout", "disconnected", "not_smtp")

    def test_a_handshake_that_is_never_answered(self):
        """A TLS port that says nothing is given up after the timeout."""
        _, delivery = attempt(servers.silent, security="implicit", timeout=0.2)
        assert delivery.diagnosis.id in ("tls_handshake_timeout", "greeting_timeout")

    def test_nobody_listens(self):
        """A port that nobody listens on is told as refused."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        delivery = lab.send_test(profile(port), to=TO)
        assert (delivery.diagnosis.id, delivery.stage) == ("conn_refused", "connect")


class TestMisbehaviour:
    @pytest.mark.parametrize("verb", ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."])
    @pytest.mark.parametrize("how", ["leaves", "says 421 and leaves", "talks rubbish"])
    def test_an_end_at_any_stage_is_a_failure_with_its_stage(self, verb, how):
        """Wherever the server goes away, the delivery says so, and nobody counts as served."""
        reply = {
            "leaves": None,
            "says 421 and leaves": lambda conn, _line: conn.send("421 4.3.2 Closing") or False,
            "talks rubbish": "rubbish",
        }[how]
        _, delivery = attempt(polite(tls=certificate(), replies={verb: reply}))
        stages = {"EHLO": "ehlo", ".": "data"}
        assert delivery.stage == stages.get(verb, verb.lower())
        assert not delivery.ok
        assert [r.address for r in delivery.refused] == [TO]
        assert delivery.diagnosis is not None
        if how == "leaves":
            # After the end of the message nobody knows whether it arrived.
            lost = ("answer_lost",) if verb == "." else ("disconnected", "conn_reset")
            assert delivery.diagnosis.id in lost
        if how == "says 421 and leaves" and verb != "EHLO":
            assert delivery.diagnosis.raw.startswith("421")

    @pytest.mark.parametrize("verb", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
    def test_ten_megabytes_of_reply_are_not_read(self, verb):
        """A reply without measure is cut off, and the delivery stays small."""
        script = polite(tls=certificate(), replies={verb: servers.huge_reply})
        _, delivery = attempt(script)
        assert not delivery.ok
        wanted = "answer_lost" if verb == "." else "reply_line_too_long"
        assert delivery.diagnosis.id == wanted
        assert len(str(delivery.transcript)) < 300_000

    @pytest.mark.parametrize("verb", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
    def test_a_server_that_falls_silent(self, verb):
        """A server that stops answering is given up, and not said to have never greeted."""

        def stall(conn, _line):
            conn.wait_for_the_end()
            return False

        script = polite(tls=certificate(), replies={verb: stall})
        _, delivery = attempt(script, timeout=0.8)
        assert delivery.diagnosis.id == ("answer_lost" if verb == "." else "reply_timeout")
        assert delivery.stage == {"EHLO": "ehlo", ".": "data"}.get(verb, verb.lower())

    def test_replies_of_many_lines(self):
        """A refusal over several lines is read whole."""
        said = "550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist"
        _, delivery = attempt(polite(tls=certificate(), replies={"RCPT": said}))
        assert delivery.recipients[0].code == 550
        assert delivery.recipients[0].text == "5.1.1 The account\n5.1.1 does not\n5.1.1 exist"
        assert delivery.diagnosis.raw == "550 5.1.1 The account 5.1.1 does not 5.1.1 exist"

    def test_control_characters_of_a_server_are_made_visible(self):
        """A server cannot paint a terminal or a page: escapes and markup stay text."""
        said = "550 5.1.1 \x1b[2J\x07<script>alert(1)</script>\u202e"
        _, delivery = attempt(polite(tls=certificate(), replies={"RCPT": said}))
        assert "\x1b" not in str(delivery.transcript)
        assert "<script>" not in delivery._repr_html_()
        assert "&lt;script&gt;" in delivery._repr_html_()


class TestLogin:
    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
    def test_a_wrong_password_is_tried_once(self, mechanism):
        """535 ends it: a password counts once against a lock-out, and no mail is tried."""
        refuse = "535 5.7.8 Error: authentication failed"
        script = polite(tls=certificate(), replies={"AUTH": refuse})
        server, delivery = attempt(script, mechanism=mechanism)
        assert server.verbs.count("AUTH") == 1
        assert server.connections == 1
        assert "MAIL" not in server.verbs
        assert (delivery.diagnosis.id, delivery.stage) == ("bad_credentials", "auth")
        assert delivery.diagnosis.field == "connection.auth.password"

    def test_a_password_refused_at_the_last_step(self):
        """LOGIN refused after the password is one attempt too."""

        def refuse(conn, _line):
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                conn.send(prompt)
                conn.line()
            conn.send("535 5.7.8 no")

        script = polite(tls=certificate(), replies={"AUTH": refuse})
        server, delivery = attempt(script, mechanism="LOGIN")
        assert server.verbs.count("AUTH") == 1
        assert delivery.diagnosis.id == "bad_credentials"

    def test_the_password_is_not_sent_when_the_name_is_refused(self):
        """LOGIN refused at the user name keeps the password back."""

        def refuse(conn, _line):
            conn.send("334 VXNlcm5hbWU6")
            conn.line()
            conn.send("535 5.7.8 no such user")

        script = polite(tls=certificate(), replies={"AUTH": refuse})
        server, _ = attempt(script, mechanism="LOGIN")
        assert not server.said(PASSWORD)

    @pytest.mark.parametrize(
        ("offered", "wanted"),
        [
            (("8BITMIME",), "auth_not_offered"),
            (("AUTH",), "auth_not_offered"),
            (("AUTH NTLM XOAUTH2",), "auth_no_common_mech"),
        ],
    )
    def test_no_mechanism_that_fits(self, offered, wanted):
        """Where nothing fits nothing is tried, and the diagnosis says which it is."""
        server, delivery = attempt(polite(tls=certificate(), after=offered))
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == wanted

    def test_a_mechanism_that_was_chosen_is_not_replaced(self):
        """With LOGIN chosen, a server that offers PLAIN only gets nothing."""
        script = polite(tls=certificate(), after=("AUTH PLAIN",))
        server, delivery = attempt(script, mechanism="LOGIN")
        assert said_nothing_private(server)
        assert delivery.diagnosis.id == "auth_no_common_mech"

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("verb", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
    def test_a_password_that_the_server_echoes_is_masked(self, verb, form):
        """Raw, base64, hex or quoted: what a server repeats is shown nowhere."""
        code = "550" if verb != "AUTH" else "535"
        script = polite(
            tls=certificate(), replies={verb: f"{code} you said {form} or {form.upper()}"}
        )
        if verb == "EHLO":
            script = polite(tls=certificate(), after=(f"X-{form}", "AUTH PLAIN"))
        _, delivery = attempt(script)  # which looks for every form in all that can be seen
        assert "••••••" in str(delivery.transcript)

    def test_a_password_echoed_in_the_acceptance(self):
        """Also in the answer to a message that was accepted."""
        script = polite(tls=certificate(), replies={".": f"250 kept for {PASSWORD}"})
        _, delivery = attempt(script)
        assert delivery.reply == "250 kept for ••••••"

    def test_a_password_echoed_in_a_greeting(self):
        """Also where the server is no mail server at all."""
        _, delivery = attempt(lambda conn: conn.send(f"hello {PASSWORD}"), security="none")
        assert delivery.diagnosis.id == "not_smtp"
        assert "••••••" in delivery.diagnosis.raw

    def test_a_password_beyond_ascii(self):
        """A password is sent as UTF-8."""
        with Server(polite(tls=certificate())) as server:
            auth = lab.BasicAuth(username="ann", password="pässwörd→")
            assert lab.send_test(profile(server, auth=auth), to=TO).ok
        assert server.said("pässwörd→")


class TestBytes:
    @pytest.mark.parametrize(
        "body",
        [".\n", "..\n.\n\n.a\n", "a\n.\n", "no end", "\n\n", "x" * 900 + "\n.", "ü\n.ü\n"],
    )
    def test_dots_are_stuffed(self, body):
        """A line with a dot does not end the message on the way, and arrives as it was."""
        message = lab.render("report", to=TO, title="x", summary="y")
        message.clear_content()
        message.set_content(body, cte="8bit")
        with Server(polite(tls=certificate())) as server:
            delivery = lab.send(message, profile=profile(server))
        at = server.heard.index(b"DATA")
        sent = server.heard[at + 1 : server.heard.index(b".", at)]
        assert b"\r\n".join(line[line[:1] == b"." :] for line in sent) + b"\r\n" == delivery.raw

    def test_the_size_is_announced(self):
        """MAIL names the size where the server knows SIZE, and BODY=8BITMIME where it is needed."""
        message = lab.render("report", to=TO, title="x", summary="y")
        message.clear_content()
        message.set_content("ü\n", cte="8bit")
        with Server(polite(tls=certificate())) as server:
            delivery = lab.send(message, profile=profile(server))
        (mail,) = [line for line in server.heard if line.startswith(b"MAIL")]
        wanted = f"MAIL FROM:<ann@example.com> SIZE={len(delivery.raw)} BODY=8BITMIME"
        assert mail == wanted.encode()
