"""Which account a mail leaves from, the rules of the book, and what is noted afterwards."""

from __future__ import annotations

import contextlib
import hmac
import socket
import ssl
import time
from base64 import b64decode, b64encode
from email.message import EmailMessage
from email.mime.text import MIMEText

import pytest
from deliver.servers import PASSWORD, Server, certificate, polite, profile

import smtp_lab as lab
from smtp_lab import InputError, Policy


def a_message(**headers):
    message = EmailMessage()
    for name, value in ({"To": "bob@example.org", "Subject": "x"} | headers).items():
        message[name] = value
    message.set_content("the text\n")
    message.add_alternative("<html><body><p>the html</p></body></html>", subtype="html")
    return message


@pytest.fixture
def book():
    return lab.ProfileBook.open()


class TestWhich:
    def test_the_default_profile_is_the_running_sink(self, sink):
        """Without a profile mail goes through the built-in one, to the sink that runs."""
        assert lab.send(a_message()).profile == "lab"
        assert sink.inbox[-1].mail_from == "lab@example.com"

    def test_a_default_of_ones_own_is_used(self, sink, book):
        """The book's default is used as soon as there is one."""
        book.save(sink.profile("team", sender="team@example.com"), make_default=True)
        assert lab.send(a_message()).profile == "team"
        book.default = "lab"
        assert lab.send(a_message()).profile == "lab"

    def test_an_activity_uses_its_profile_or_the_default(self, sink, book):
        """An activity without a profile of its own uses the default."""
        book.save(sink.profile("resets", sender="resets@example.com"))
        book.set_activity("password_reset", "resets")
        assert lab.send(a_message(), activity="password_reset").mail_from == "resets@example.com"
        assert lab.send(a_message(), activity="digest").mail_from == "lab@example.com"

    def test_without_any_profile_nothing_is_sent(self, sink, monkeypatch):
        """With the built-in profile switched off, sending says that one must be configured."""
        monkeypatch.setenv("SMTP_LAB_BUILTIN", "false")
        with pytest.raises(InputError, match="none is configured; save one in"):
            lab.send(a_message())
        with pytest.raises(InputError, match="none is configured"):
            lab.send_test(to="bob@example.org")

    def test_graph_needs_the_secret_of_its_application(self):
        """What is missing is named before anything is asked of anyone."""
        connection = lab.GraphConnection(user="a@example.com", tenant_id="t", client_id="c")
        account = lab.Profile(name="m", sender="a@example.com", connection=connection)
        with pytest.raises(InputError, match="set SMTP_LAB_PROFILES__M__CLIENT_SECRET"):
            lab.send(a_message(), profile=account)

    def test_something_else_than_a_profile_is_a_sentence(self):
        """A wrong type is named, not a traceback."""
        with pytest.raises(InputError, match="profile: is a dict"):
            lab.send_test({"name": "x"}, to="bob@example.org")
        with pytest.raises(InputError, match="message: is a str"):
            lab.send("text", profile="lab", to="bob@example.org")

    def test_an_empty_list_of_recipients_is_nobody(self, sink):
        """An empty list never means everyone in the headers."""
        with pytest.raises(InputError, match="names nobody"):
            lab.send(a_message(), to=[])
        assert len(sink.inbox) == 0


class TestPolicy:
    def test_a_recipient_that_is_not_approved_is_refused_before_connecting(self, sink, book):
        """Every refused address is named, and no connection was opened."""
        book.policy = Policy(approved_domains="example.com")
        with pytest.raises(InputError, match=r"does not allow bob@example\.org, eve@example\.net"):
            lab.send(a_message(Cc="eve@example.net, ann@example.com"))
        with pytest.raises(InputError, match="does not allow"):
            lab.send_test(to="bob@example.org")
        assert sink.archive.sessions() == []
        book.contacts = (lab.Contact(address="bob@example.org"),)
        assert lab.send(a_message()).ok

    def test_the_environment_gives_the_policy(self, sink, monkeypatch):
        """A policy from the environment holds for a profile that is in no book, too."""
        monkeypatch.setenv("SMTP_LAB_POLICY__APPROVED_DOMAINS", "example.com, example.net")
        with pytest.raises(InputError, match=r"approved are example\.com, example\.net"):
            lab.send(a_message(), profile=sink.profile("mine"))

    def test_everything_is_redirected(self, sink, book):
        """In staging all mail goes to one address; the headers stay as they are."""
        book.policy = Policy(redirect_all_to="staging@example.com")
        delivery = lab.send(a_message(Bcc="eve@example.net"))
        assert [r.address for r in delivery.recipients] == ["staging@example.com"]
        assert sink.inbox[-1].rcpt_to == ("staging@example.com",)
        assert sink.inbox[-1].addresses("To") == ["bob@example.org"]

    def test_encrypted_only(self, sink, book):
        """A connection that is not encrypted and verified is refused."""
        book.policy = Policy(encrypted_only=True)
        assert lab.send(a_message()).ok  # the sink on this machine, whatever its port
        account = sink.profile("mine")
        account = account.replace(connection=account.connection.replace(verify=False))
        with pytest.raises(InputError, match=r"connection\.verify: policy wants"):
            lab.send(a_message(), profile=account)

    def test_too_many_tests_of_one_server_are_refused(self):
        """The test button is no port scanner; ordinary sending is not throttled."""
        with Server(polite(tls=certificate())) as server:
            account = profile(server)
            for _ in range(10):
                assert lab.send_test(account, to="bob@example.org").ok
            with pytest.raises(InputError, match=r"wait [0-9]+ seconds"):
                lab.send_test(account, to="bob@example.org")
            assert server.connections == 10
            assert lab.send(a_message(), profile=account).ok


class TestHealth:
    def test_a_test_is_noted_for_everyone_with_the_book(self, sink, book):
        """The outcome of a test through a saved profile stands in the book's health."""
        book.save(sink.profile("team"))
        lab.send_test("team")
        assert book.health("team").ok is True
        book.save(sink.profile("team").with_password("open barley"))
        assert not lab.send_test("team").ok
        health = lab.ProfileBook.open().health("team")
        assert health.warning
        assert health.diagnosis == "bad_credentials"
        assert "barley" not in str(health)

    def test_a_profile_that_is_not_saved_is_not_noted(self, sink, book):
        """Trying out unsaved settings says nothing about the saved ones."""
        book.save(sink.profile("team"))
        account = sink.profile("team", implicit=True)
        assert lab.send_test(account).ok
        assert book.health("team").tested_at == ""


class TestShape:
    def test_the_signature_stands_below_text_and_html(self, sink):
        """A signature is added to both bodies, escaped in the HTML."""
        account = sink.profile("mine").replace(signature="Ann & Co\nSecond line")
        message = a_message()
        message.add_attachment("a file\n", filename="notes.txt")
        lab.send(message, profile=account)
        captured = sink.inbox[-1]
        assert captured.text == "the text\n\n-- \nAnn & Co\nSecond line\n"
        assert "Ann &amp; Co<br>Second line</div></body>" in captured.html
        assert captured.attachments[0].content == b"a file\r\n"
        assert "Ann" not in message.as_string()

    def test_a_signature_needs_a_message_of_the_new_kind(self, sink):
        """What cannot carry the signature is refused, and not sent without it."""
        account = sink.profile("mine").replace(signature="Ann")
        message = MIMEText("text")
        message["To"] = "bob@example.org"
        with pytest.raises(InputError, match="no signature can be added"):
            lab.send(message, profile=account)

    def test_recipients_as_cc(self, sink):
        """Recipients given in To are shown in Cc when the profile says so."""
        account = sink.profile("mine").replace(recipients_as="cc")
        lab.send(a_message(Cc="eve@example.net"), profile=account)
        captured = sink.inbox[-1]
        assert captured.addresses("To") == []
        assert captured.addresses("Cc") == ["eve@example.net", "bob@example.org"]
        assert captured.rcpt_to == ("bob@example.org", "eve@example.net")

    def test_recipients_as_bcc_do_not_see_one_another(self, sink):
        """With bcc nobody's address is in the mail, and everyone gets it."""
        account = sink.profile("mine").replace(recipients_as="bcc")
        lab.send(a_message(Cc="eve@example.net"), profile=account)
        captured = sink.inbox[-1]
        assert b"bob@example.org" not in captured.raw
        assert b"eve@example.net" not in captured.raw
        assert captured.header("To") == "undisclosed-recipients:;"
        assert captured.rcpt_to == ("bob@example.org", "eve@example.net")


class TestConnection:
    def test_the_ehlo_name_is_said(self, sink):
        """The client calls itself what the profile says."""
        account = sink.profile("mine")
        account = account.replace(
            connection=account.connection.replace(ehlo_name="host.example.com")
        )
        lab.send(a_message(), profile=account)
        assert sink.inbox[-1].session.ehlo == "host.example.com"

    def test_the_whole_dialogue_has_a_limit_of_its_own(self):
        """A server that is never late, but never done either, is left when the time is up."""

        def script(conn):
            while True:
                conn.send("220-not yet")
                time.sleep(0.05)

        with Server(script) as server:
            slow = profile(server)
            slow = slow.replace(
                connection=slow.connection.replace(timeout=600, total_timeout=0.3)
            ).with_password(PASSWORD)
            delivery = lab.send_test(slow, to="you@example.com")
        assert (delivery.ok, delivery.stage) == (False, "greeting")
        assert 2 < len(delivery.transcript) < 20

    def test_a_connection_that_is_not_made_has_a_limit_of_its_own(self):
        """A server whose queue is full is given up after connect_timeout."""
        with socket.socket() as full, contextlib.ExitStack() as waiting:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)  # the standard library's name
                client.connect_ex(full.getsockname())
            connection = lab.SmtpConnection(
                host="127.0.0.1", port=full.getsockname()[1], timeout=600, connect_timeout=0.2
            )
            patient = lab.Profile(name="full", sender="a@example.com", connection=connection)
            delivery = lab.send_test(patient)
        assert (delivery.ok, delivery.stage) == (False, "connect")
        assert delivery.diagnosis.id == "connect_timeout"

    @pytest.mark.parametrize(
        "bad", [{"connect_timeout": 0}, {"connect_timeout": 601}, {"total_timeout": 86_401}]
    )
    def test_a_limit_is_a_time(self, bad):
        """Zero, or more than anyone waits, is refused in a sentence."""
        with pytest.raises(InputError, match="is not between 0 and"):
            lab.SmtpConnection(host="h", **bad)

    def test_cram_md5_signs_the_challenge(self):
        """The password does not travel: its digest over the challenge does (RFC 2195)."""
        answers = []

        def script(conn):
            tls = certificate()
            conn.send("220 hi")
            while line := conn.line():
                verb = line.split()[0].upper()
                if verb == b"EHLO":
                    conn.send("250-hi", "250 AUTH CRAM-MD5" if conn.secured else "250 STARTTLS")
                elif verb == b"STARTTLS":
                    conn.send("220 go")
                    conn.encrypt(tls)
                elif verb == b"AUTH":
                    conn.send(b"334 " + b64encode(b"<1@hi>"))
                    answers.append(b64decode(conn.line()).decode())
                    conn.send("235 ok")
                elif verb == b"DATA":
                    conn.send("354 go")
                    while conn.line() != b".":
                        pass
                    conn.send("250 ok")
                else:
                    conn.send("221 bye" if verb == b"QUIT" else "250 ok")

        with Server(script) as server:
            delivery = lab.send(a_message(), profile=profile(server))
            assert not server.said(PASSWORD)
        digest = hmac.new(PASSWORD.encode(), b"<1@hi>", "md5").hexdigest()
        assert answers == [f"ann {digest}"]
        assert digest not in str(delivery)

    def test_an_old_tls_version_is_used_only_when_asked_for(self):
        """A server that knows TLS 1.1 only is refused, unless the profile allows it."""
        old = certificate.__wrapped__()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with Server(polite(tls=old)) as server:
            account = profile(server)
            assert not lab.send_test(account, to="bob@example.org").ok
            allowed = account.replace(connection=account.connection.replace(min_tls="1.1"))
            delivery = lab.send_test(allowed, to="bob@example.org")
            assert delivery.ok
            assert "TLSv1.1 with" in str(delivery)
