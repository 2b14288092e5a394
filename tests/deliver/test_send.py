"""From a message to a delivery: what leaves, for whom, and what is refused beforehand."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP, default
from email.utils import getaddresses, parsedate_to_datetime

import pytest
from deliver.servers import PASSWORD, Server, certificate, polite, profile
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import DeliveryError, InputError
from smtp_lab.config.secret_store import KERNEL
from smtp_lab.deliver.outgoing import prepare

TO = "bob@example.org"
ANN = lab.Profile(
    name="ann",
    sender="Ann Example <ann@example.com>",
    connection=lab.SmtpConnection(host="127.0.0.1"),
)


def a_message(body="hi\n", **headers):
    message = EmailMessage()
    for name, value in ({"To": TO, "Subject": "x"} | headers).items():
        if value is not None:
            message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


def or_sentence(action):
    """What *action* gives, or the sentence with which it refuses."""
    try:
        return action()
    except InputError as refusal:
        return str(refusal)


def names(raw):
    """The names of the headers in *raw*, as any mail program reads them."""
    return [name.lower() for name in message_from_bytes(raw)]


class TestDelivery:
    def test_a_delivery_tells_everything(self, sink):
        """Who accepted, what was said, what was sent and how long it took."""
        account = sink.profile("ann", sender="Ann <ann@example.com>")
        delivery = lab.send(a_message(Cc="cid@example.org"), profile=account)
        assert delivery.ok
        assert delivery.profile == "ann"
        assert delivery.endpoint == f"127.0.0.1:{sink.port}"
        assert delivery.mail_from == "ann@example.com"
        assert [(r.address, r.accepted, r.code) for r in delivery.recipients] == [
            (TO, True, 250),
            ("cid@example.org", True, 250),
        ]
        assert delivery.refused == ()
        assert delivery.stage == "quit"
        assert delivery.reply.startswith("250 2.0.0 Ok")
        assert delivery.diagnosis is None
        assert delivery.seconds == delivery.transcript[-1].at > 0
        assert delivery.sentence.startswith(
            f"Accepted by 127.0.0.1:{sink.port} for {TO}, cid@example.org in "
        )
        (captured,) = sink.inbox
        assert captured.raw == delivery.raw
        assert captured.header("Message-ID") == delivery.message_id
        assert captured.rcpt_to == (TO, "cid@example.org")

    def test_a_delivery_turns_into_data(self, sink):
        """to_dict is JSON without the message, to_frame has one row a recipient."""
        delivery = lab.send(a_message(), profile=sink.profile())
        data = json.loads(json.dumps(delivery.to_dict()))
        assert data["ok"] is True
        assert data["size"] == len(delivery.raw)
        assert data["recipients"][0]["address"] == TO
        assert data["diagnosis"] is None
        assert len(data["transcript"]["lines"]) == len(delivery.transcript)
        assert "raw" not in data
        frame = delivery.to_frame()
        assert frame.dtypes.astype(str).to_dict() == {
            "address": "str",
            "accepted": "bool",
            "code": "int64",
            "text": "str",
        }
        assert frame["address"].tolist() == [TO]

    def test_a_failed_delivery_turns_into_data(self):
        """Also with a diagnosis everything is JSON."""
        with Server(polite(replies={"RCPT": "550 5.1.1 User unknown"})) as server:
            account = profile(server, security="none", login=False)
            delivery = lab.send_test(account, to=TO)
        data = json.loads(json.dumps(delivery.to_dict()))
        assert data["diagnosis"]["id"] == "user_unknown"
        assert data["ok"] is False
        assert delivery.to_frame()["accepted"].tolist() == [False]

    def test_the_test_mail_goes_to_oneself_by_default(self, sink):
        """Without a recipient the test goes to the profile's own address."""
        delivery = lab.send_test(sink.profile(sender="Ann <ann@example.com>"))
        assert [r.address for r in delivery.recipients] == ["ann@example.com"]
        assert sink.inbox[-1].rcpt_to == ("ann@example.com",)

    def test_the_test_mail_says_which_way_it_took(self, sink):
        """Profile, host, port, security, login and time stand in its subject and in both bodies."""
        account = sink.profile("ann", sender="Ann <ann@example.com>")
        assert lab.send_test(account, to=TO).ok
        captured = sink.inbox[-1]
        said = ("ann", "127.0.0.1", str(sink.port), "starttls", account.username, "auto", " UTC")
        for text in (captured.subject, captured.text, captured.html):
            assert [word for word in said if word not in text] == []
            assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)

    def test_html_is_escaped(self):
        """Neither a server's words nor a name can put markup into the page."""
        evil = "<script>alert(1)</script>"
        with Server(polite(greeting=f"220 {evil}", replies={"RCPT": f"550 {evil}"})) as server:
            account = profile(server, security="none", login=False)
            delivery = lab.send_test(account, to=TO)
        html = delivery._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "<script" not in delivery.diagnosis._repr_html_()


class TestRefusals:
    def test_a_part_of_the_recipients_is_refused(self):
        """The message goes to the others, and the delivery tells them apart."""

        def pick(conn, line):
            known = b"bob@" in line
            conn.send("250 2.1.5 Ok" if known else "550 5.1.1 User unknown")

        with Server(polite(replies={"RCPT": pick})) as server:
            account = profile(server, security="none", login=False)
            delivery = lab.send_test(account, to=[TO, "nobody@example.org"])
        assert not delivery.ok
        assert [(r.address, r.accepted, r.code) for r in delivery.recipients] == [
            (TO, True, 250),
            ("nobody@example.org", False, 550),
        ]
        assert [r.address for r in delivery.refused] == ["nobody@example.org"]
        assert delivery.diagnosis.id == "user_unknown"
        assert delivery.reply.startswith("250")
        assert "DATA" in server.verbs
        assert "nobody@example.org" in delivery.sentence
        assert f"It was accepted for {TO}." in delivery.sentence

    def test_when_all_are_refused_no_data_is_sent(self):
        """Without one recipient the message stays here."""
        with Server(polite(replies={"RCPT": "550 5.1.1 User unknown"})) as server:
            account = profile(server, security="none", login=False)
            delivery = lab.send_test(account, to=[TO, "cid@example.org"])
        assert "DATA" not in server.verbs
        assert "QUIT" in server.verbs
        assert len(delivery.refused) == 2
        assert delivery.stage == "rcpt"

    @pytest.mark.parametrize(
        ("verb", "reply", "stage"),
        [
            ("MAIL", "550 Sender address is not allowed.", "mail"),
            ("DATA", "554 5.5.1 no", "data"),
            (".", "554 5.7.1 Message rejected: looks like spam", "data"),
        ],
    )
    def test_a_refusal_of_the_whole_is_a_refusal_of_each(self, verb, reply, stage):
        """What is refused at MAIL, DATA or the end counts for every recipient."""
        with Server(polite(replies={verb: reply})) as server:
            account = profile(server, security="none", login=False)
            delivery = lab.send_test(account, to=[TO, "cid@example.org"])
        assert delivery.stage == stage
        assert len(delivery.refused) == 2
        assert delivery.diagnosis.raw == reply

    def test_send_raises_with_the_delivery(self):
        """send() gives no result that may be overlooked: the error carries it."""
        with Server(polite(replies={"RCPT": "550 5.1.1 User unknown"})) as server:
            account = profile(server, security="none", login=False)
            with pytest.raises(DeliveryError) as error:
                lab.send(a_message(), profile=account)
        delivery = error.value.delivery
        assert not delivery.ok
        assert str(error.value) == delivery.sentence
        assert "Not sent to bob@example.org" in str(error.value)

    def test_send_raises_where_nobody_listens(self, sink):
        """A server that is not there is told in the same way."""
        account = sink.profile()
        sink.stop()
        with pytest.raises(DeliveryError) as error:
            lab.send(a_message(), profile=account)
        assert error.value.delivery.diagnosis.id == "conn_refused"

    def test_send_test_does_not_raise(self, sink):
        """For a test a refusal is the answer."""
        account = sink.profile().with_password("wrong")
        delivery = lab.send_test(account, to=TO)
        assert not delivery.ok
        assert delivery.diagnosis.id == "bad_credentials"


class TestHeaders:
    def test_missing_headers_are_added(self):
        """From, Date and Message-ID, and Reply-To where the profile has one."""
        account = ANN.replace(reply_to="Office <office@example.com>")
        written = message_from_bytes(prepare(a_message(), account).raw, policy=default)
        assert written["From"] == "Ann Example <ann@example.com>"
        assert written["Reply-To"] == "Office <office@example.com>"
        assert parsedate_to_datetime(written["Date"]).tzinfo is not None
        assert written["Message-ID"].endswith("@example.com>")

    def test_headers_that_are_there_are_kept(self):
        """What the caller set is not set again."""
        given_headers = {
            "From": "Other <other@example.org>",
            "Reply_To": "there@example.org",
            "Date": "Tue, 03 Mar 2026 04:05:06 +0000",
            "Message_ID": "<mine@example.com>",
        }
        account = ANN.replace(reply_to="office@example.com")
        outgoing = prepare(a_message(**given_headers), account)
        written = message_from_bytes(outgoing.raw)
        for name, value in given_headers.items():
            assert written.get_all(name.replace("_", "-")) == [value]
        assert outgoing.message_id == "<mine@example.com>"
        assert outgoing.mail_from == "ann@example.com"

    def test_the_callers_message_is_not_changed(self):
        """A message can be sent again, to others, through another profile."""
        message = a_message(Bcc="secret@example.org")
        before = message.as_bytes()
        prepare(message, ANN)
        assert message.as_bytes() == before
        assert message["Bcc"] == "secret@example.org"

    @pytest.mark.parametrize("name", ["Bcc", "BCC", "bcc", "Resent-Bcc"])
    def test_bcc_is_in_the_envelope_and_not_in_the_bytes(self, name):
        """Whoever is in Bcc gets the mail and is seen by nobody."""
        message = a_message()
        message[name] = "secret@example.org, other@example.org"
        outgoing = prepare(message, ANN)
        assert b"secret" not in outgoing.raw
        assert "bcc" not in " ".join(names(outgoing.raw))
        if "Resent" not in name:
            assert outgoing.rcpt_to == (TO, "secret@example.org", "other@example.org")

    def test_the_envelope_is_the_callers(self):
        """With to= the headers play no part; without it To, Cc and Bcc are taken once each."""
        message = a_message(Cc=f"Bob <{TO}>, cid@example.org", Bcc="dan@example.org")
        assert prepare(message, ANN).rcpt_to == (TO, "cid@example.org", "dan@example.org")
        assert prepare(message, ANN, ("eve@example.org",)).rcpt_to == ("eve@example.org",)

    def test_an_address_in_quotes_stays_one_address(self):
        """A comma in a quoted local part or a name divides nothing."""
        message = a_message(To=None)
        message["To"] = (
            Address("Example, Ann", "a,b", "example.com"),
            Address("", "c", "example.com"),
        )
        assert prepare(message, ANN).rcpt_to == ('"a,b"@example.com', "c@example.com")

    def test_nobody_to_send_to(self):
        """Without a recipient there is one sentence and no connection."""
        for message in (a_message(To=None), a_message(To="undisclosed-recipients:;")):
            with pytest.raises(
                InputError, match=r"^to: names nobody; set the header To, Cc or Bcc"
            ):
                prepare(message, ANN)

    @pytest.mark.parametrize("to", ["bob", "bob@", "bob@@example.com", "bob@exa mple.com"])
    def test_a_bad_recipient(self, to):
        """An address that is none is refused with a sentence that names the field."""
        with pytest.raises(InputError, match=r"^to: "):
            lab.send(a_message(), profile=ANN, to=to)


class TestInjection:
    @pytest.mark.parametrize(
        "subject",
        [
            "=?utf-8?q?x=0D=0ABcc=3A_evil=40x.test?=",
            "=?utf-8?q?x=0ABcc=3A_evil=40x.test?=",
            "=?utf-8?b?eA0KQmNjOiBldmlsQHgudGVzdA==?=",
            "=?utf-8?q?x=0D=0A=0D=0Abody?=",
            "=?utf-8?q?" + "y" * 60 + "=0D=0ABcc=3A_evil=40x.test?=",
        ],
    )
    @pytest.mark.parametrize("field", ["Subject", "X-Other"])
    def test_an_encoded_word_cannot_smuggle_in_a_header(self, field, subject):
        """A word that decodes to a line break (CVE-2024-6923) is refused or stays in its header."""
        message = a_message(Subject=None)
        message[field] = subject
        found = or_sentence(lambda: prepare(message, ANN).raw)
        if isinstance(found, str):
            assert "nobody asked for" in found or "cannot be written" in found
        else:
            raw = found
            assert "bcc" not in names(raw)
            assert set(names(raw)) == {name.lower() for name in message} | {
                "from",
                "date",
                "message-id",
            }

    @pytest.mark.parametrize("make", [EmailMessage, MIMEText])
    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
    def test_a_line_break_in_the_name_of_a_header(self, make, end):
        """A name that holds another header is refused."""
        message = make() if make is EmailMessage else make("hi")
        message["To"] = TO
        try:
            message[f"X{end}Bcc: evil@x.test{end}Y"] = "v"
        except ValueError:
            return  # newer Pythons refuse by themselves
        with pytest.raises(InputError):
            prepare(message, ANN)

    @pytest.mark.parametrize("value", ["a\r\nBcc: evil@x.test", "a\nBcc: evil@x.test", "a\rBcc: b",
                                       "a\r\n\r\nbody", "a\0b", "a\n\nBcc: evil@x.test"])  # fmt: skip
    @pytest.mark.parametrize("field", ["Subject", "X-Other", "Reply-To", "From"])
    def test_a_line_break_in_a_header_of_the_old_kind(self, field, value):
        """MIMEText takes any value; what would become another header is refused here."""
        message = MIMEText("hi")
        message["To"] = TO
        message[field] = value
        with pytest.raises(InputError) as error:
            prepare(message, ANN)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("length", [10, 70, 75, 80, 200])
    def test_a_name_with_a_comma_does_not_become_an_address(self, length):
        """A quoted name that loses its quotes when folded (gh-80222) names nobody new."""
        message = a_message(To=None)
        name = "x" * length + ", evil@x.test"
        message["To"] = Address(name, "bob", "example.org")
        found = or_sentence(lambda: prepare(message, ANN))
        if isinstance(found, str):
            assert found.startswith("To: would name other addresses once written")
        else:
            assert found.rcpt_to == (TO,)
            written = message_from_bytes(found.raw)
            assert [a for _, a in getaddresses([written["To"]])] == [TO]

    @given(
        name=st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
        subject=st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
    )
    def test_no_text_makes_another_header_or_recipient(self, name, subject):
        """Whatever a name or a subject holds: refused, or exactly the headers asked for."""
        try:
            message = a_message(To=Address(name, "bob", "example.org"), Subject=subject)
            outgoing = prepare(message, ANN)
        except ValueError:
            return  # EmailMessage's refusal, or ours
        assert sorted(names(outgoing.raw)) == sorted(
            [name.lower() for name in message] + ["from", "date", "message-id"]
        )
        assert outgoing.rcpt_to == (TO,)
        found = getaddresses([message_from_bytes(outgoing.raw)["To"]])
        assert [address for _, address in found] == [TO]

    def test_a_recipient_cannot_carry_a_command(self):
        """A line break in an address is refused before anything is sent."""
        with Server(polite()) as server:
            account = profile(server, security="none", login=False)
            with pytest.raises(InputError, match="control character"):
                lab.send_test(account, to="a@example.com>\r\nRCPT TO:<evil@x.test")
        assert server.connections == 0


class TestBodies:
    @pytest.mark.parametrize("body", ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\n\r\n\rb", "\n.\n", ""])
    def test_every_line_ends_with_cr_lf(self, body):
        """Bare CR and LF become line ends, so that nothing can end the message early."""
        message = MIMEText(body)
        message["To"] = TO
        raw = prepare(message, ANN).raw
        assert raw.replace(b"\r\n", b"").count(b"\n") == 0
        assert raw.replace(b"\r\n", b"").count(b"\r") == 0

    def test_bytes_that_smuggle_are_harmless(self, new_sink):
        """A body made to end early on lax servers arrives as one message."""
        sink = new_sink()
        message = EmailMessage()
        message["To"] = TO
        smuggled = b"x\n.\nMAIL FROM:<evil@x.test>\r.\rRCPT TO:<evil@x.test>\r\n.\n\n.\r\nend"
        message.set_payload(smuggled.decode("latin-1"))
        delivery = lab.send(message, profile=sink.profile())
        (captured,) = sink.inbox
        assert captured.raw == delivery.raw
        assert captured.mail_from == "lab@example.com"

    def test_old_messages_are_sent_too(self, new_sink):
        """MIMEText and MIMEMultipart, headers beyond ASCII and attachments among them."""
        sink = new_sink()
        message = MIMEMultipart()
        message["To"] = f"Bob <{TO}>"
        message["Subject"] = "Grüße"
        message.attach(MIMEText("Schöne Grüße\n", "plain", "utf-8"))
        message.attach(MIMEText("<b>x</b>", "html"))
        lab.send(message, profile=sink.profile())
        (captured,) = sink.inbox
        assert captured.subject == "Grüße"
        assert captured.text == "Schöne Grüße\n"
        assert captured.html == "<b>x</b>"
        assert captured.rcpt_to == (TO,)

    def test_a_message_read_from_a_file_is_sent(self, new_sink):
        """What message_from_bytes gives can be sent as it is."""
        sink = new_sink()
        raw = b"To: bob@example.org\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n\r\nhi\r\n"
        for policy in (SMTP, default):
            lab.send(message_from_bytes(raw, policy=policy), profile=sink.profile())
        lab.send(message_from_bytes(raw), profile=sink.profile())
        assert [captured.subject for captured in sink.inbox] == ["grün"] * 3

    @pytest.mark.parametrize("value", ["\ud800", "x" * 100_000])
    def test_odd_subjects_are_sent_or_refused_in_a_sentence(self, value):
        """A subject that cannot be written gives a sentence, not a traceback."""
        message = MIMEText("hi")
        message["To"] = TO
        message["Subject"] = value
        found = or_sentence(lambda: prepare(message, ANN).raw)
        if isinstance(found, str):
            assert "\n" not in found
        else:
            assert names(found).count("subject") == 1


class TestAddressesBeyondAscii:
    def test_a_server_with_smtputf8_gets_them(self, new_sink):
        """Addresses in any script go out as UTF-8 with SMTPUTF8."""
        sink = new_sink()
        account = sink.profile(sender="Jürgen <jürgen@exämple.org>")
        delivery = lab.send(a_message(To="用户@example.org"), profile=account)
        assert delivery.ok
        (captured,) = sink.inbox
        assert captured.mail_from == "jürgen@exämple.org"
        assert captured.rcpt_to == ("用户@example.org",)
        (mail,) = [line.text for line in captured.transcript if line.text.startswith("MAIL")]
        assert mail.endswith(" SMTPUTF8")

    def test_a_server_without_smtputf8_gets_nothing(self):
        """Where the server cannot carry them the delivery says so, before MAIL."""
        with Server(polite(tls=certificate(), after=("AUTH PLAIN",))) as server:
            delivery = lab.send_test(profile(server), to="用户@example.org")
        assert delivery.diagnosis.id == "smtputf8_missing"
        assert "MAIL" not in server.verbs

    def test_a_name_beyond_ascii_needs_no_smtputf8(self):
        """Display names are encoded; only addresses need the extension."""
        with Server(polite(tls=certificate(), after=("AUTH PLAIN",))) as server:
            message = a_message(To=Address("Jürgen 用户", "bob", "example.org"))
            delivery = lab.send(message, profile=profile(server))
        assert delivery.ok
        assert not any(b"SMTPUTF8" in line for line in server.heard)


class TestBeforeConnecting:
    def test_a_password_that_is_not_known(self):
        """A login without a password names the field and both ways to give it."""
        with Server(polite(tls=certificate())) as server:
            account = profile(server, auth=lab.BasicAuth(username="ann"))
            with pytest.raises(InputError) as error:
                lab.send_test(account, to=TO)
        assert str(error.value) == (
            "connection.auth.password: of profile ann is not known; "
            "type it in the form, or set SMTP_LAB_PROFILES__ANN__PASSWORD."
        )
        assert server.connections == 0

    @pytest.mark.parametrize("host", ["smtp.example.com", "192.0.2.1", "127.evil.example"])
    def test_no_password_in_plain_text_over_a_network(self, host):
        """Security none with a login is refused for every host but this machine."""
        account = profile(25, host=host, security="none")
        with pytest.raises(InputError) as error:
            lab.send_test(account, to=TO)
        assert str(error.value) == (
            "connection.security: none would send the password in plain text; "
            "choose starttls or implicit."
        )

    def test_in_plain_text_on_this_machine(self):
        """On loopback a login without TLS is allowed: nobody stands between."""
        with Server(polite(before=("AUTH PLAIN",))) as server:
            delivery = lab.send_test(profile(server, security="none"), to=TO)
        assert delivery.ok
        assert server.said(PASSWORD)

    @pytest.mark.parametrize("what", ["missing", "folder"])
    def test_an_authority_that_cannot_be_read(self, tmp_path, what):
        """A ca_file that is not there, or is a folder, is named before connecting."""
        path = tmp_path / "ca.pem" if what == "missing" else tmp_path
        with (
            Server(polite(tls=certificate())) as server,
            pytest.raises(InputError, match=r"^connection\.ca_file: .* cannot be read \(") as e,
        ):
            lab.send_test(profile(server, ca_file=str(path)), to=TO)
        assert str(path) in str(e.value)
        assert server.connections == 0

    @pytest.mark.parametrize("content", [b"", b"not a certificate\n", b"\xff\x00" * 50])
    def test_an_authority_that_is_none(self, tmp_path, content):
        """A ca_file of another kind is named before connecting too."""
        path = tmp_path / "ca.pem"
        path.write_bytes(content)
        with (
            Server(polite(tls=certificate())) as server,
            pytest.raises(InputError, match=r"^connection\.ca_file: .* holds no certificate; give"),
        ):
            lab.send_test(profile(server, ca_file=str(path)), to=TO)
        assert server.connections == 0

    def test_a_profile_by_its_name(self, sink):
        """A name is looked up in the default book, with the password of this kernel."""
        lab.ProfileBook.open().save(sink.profile("team"))
        assert lab.send(a_message(), profile="team").ok
        assert lab.send_test("team", to=TO).ok
        assert len(sink.inbox) == 2
        KERNEL.clear()
        with pytest.raises(InputError, match="password: of profile team is not known"):
            lab.send_test("team", to=TO)

    def test_a_name_nobody_knows(self):
        """A name that is not in the book gives a sentence."""
        with pytest.raises(InputError, match="'nobody' is not in"):
            lab.send(a_message(), profile="nobody")

    def test_a_host_that_idna_cannot_encode(self):
        """A host name no resolver takes is a failed delivery with a diagnosis."""
        account = profile(587, host="ü" * 60 + ".example", login=False)
        delivery = lab.send_test(account, to=TO)
        assert delivery.diagnosis.id in ("host_bad_label", "dns_not_found", "dns_temporary")


class TestOneConnection:
    def test_one_recipient_is_named_once(self, new_sink):
        """The same address twice is one recipient."""
        sink = new_sink()
        lab.send(a_message(Cc=TO), profile=sink.profile(), to=[TO, f"Bob <{TO}>"])
        assert sink.inbox[-1].rcpt_to == (TO,)

    def test_many_recipients(self, new_sink):
        """Five hundred recipients get one message."""
        sink = new_sink()
        to = [f"user{n}@example.org" for n in range(500)]
        delivery = lab.send(a_message(), profile=sink.profile(), to=to)
        assert [r.address for r in delivery.recipients] == to
        assert sink.inbox[-1].rcpt_to == tuple(to)

    def test_a_large_message(self, new_sink):
        """Ten megabytes arrive octet by octet as they were sent."""
        sink = new_sink()
        message = a_message()
        message.add_attachment(b"\x00\xff" * 3_500_000, maintype="application", subtype="x-big")
        delivery = lab.send(message, profile=sink.profile())
        assert len(delivery.raw) > 9_000_000
        assert sink.inbox[-1].raw == delivery.raw


HEADERS = st.dictionaries(
    st.sampled_from(["Subject", "X-Note", "Comments", "Keywords"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=80)
    | st.sampled_from(
        ["a@b.example", "1.0", "base64", "J. Doe <j@b.example>", " x", "x ", "=?utf-8?q?a?="]
    ),
)
PEOPLE = st.sampled_from(
    [
        "bob@example.org",
        "Bob <bob@example.org>",
        "J. Doe <j.d@example.org>",
        '"Doe, J" <j@example.org>',
        "Jörg <j@example.org>",
        "a@example.org, b@example.org",
        "A very long name that has to be folded somewhere <a-very-long-address@example.org>",
    ]
)


class TestWriting:
    @given(HEADERS, PEOPLE, st.booleans())
    def test_short_headers_are_written_as_the_standard_library_writes_them(self, headers, to, html):
        """What is not folded by the library is octet by octet what the library would have made."""
        message = EmailMessage()
        for name, value in headers.items():
            message[name] = value
        message["To"], message["From"] = to, "Ann Example <ann@example.com>"
        message["Date"], message["Message-ID"] = (
            "Sat, 21 Nov 2026 12:00:00 +0000",
            "<1@example.com>",
        )
        message.set_content("hi\n")
        if html:
            message.add_alternative("<p>hi</p>", subtype="html")
            message.set_boundary("=edge=")
        assert prepare(message, ANN).raw == message.as_bytes(policy=SMTP)

    def test_the_message_stays_as_it_was_at_every_level(self):
        """Neither boundaries nor headers of the parts are changed, and an attached Bcc stays."""
        inner = a_message(Bcc="eve@example.org")
        message = a_message()
        message.add_alternative("<p>hi</p>", subtype="html")
        message.add_attachment(inner)

        def look(part):
            parts = part.get_payload() if part.is_multipart() else ()
            return (list(part.raw_items()), [look(one) for one in parts])

        before = look(message)
        made = prepare(message, ANN)
        assert look(message) == before
        assert b"eve@example.org" in made.raw
