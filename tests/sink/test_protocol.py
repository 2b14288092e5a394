"""What the sink says and keeps, octet by octet."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import ssl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sink.talk import Talk, b64, ended, plain, transcript, until

pytestmark = pytest.mark.usefixtures("each_loop")

PASSWORD = "open sesame"
SECRETS = [PASSWORD, b64(PASSWORD).decode(), plain("ann", PASSWORD).decode()]


@pytest.fixture
def free(new_sink):
    """A sink that takes any login and needs none."""
    return new_sink()


@pytest.fixture
def talk(free):
    """A connection to `free` that has said EHLO."""
    with Talk(free) as client:
        client.hello()
        yield client


def raws(sink):
    return [message.raw for message in sink.archive.messages()]


class TestEncryption:
    def test_starttls_encrypts_and_forgets(self, sink):
        """After STARTTLS the client must greet again, AUTH is offered and STARTTLS no more."""
        with Talk(sink) as client:
            before = client.hello()
            assert "250-STARTTLS" in before
            assert "AUTH" not in before
            assert client.say("STARTTLS").startswith("220")
            client._wrap()
            assert client.say("MAIL FROM:<ann@example.com>").startswith("503")
            after = client.hello()
            assert "STARTTLS" not in after
            assert "250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER" in after
            spoken = client.sock.version(), client.sock.cipher()[0]
        (session,) = ended(sink)
        assert session.door == "starttls"
        assert (session.tls_version, session.tls_cipher) == spoken
        assert spoken[0] in ("TLSv1.2", "TLSv1.3")

    def test_the_implicit_door_speaks_tls_from_the_first_byte(self, sink):
        """The other port greets over TLS, offers AUTH and no STARTTLS."""
        with Talk(sink, implicit=True) as client:
            assert client.greeting.startswith("220 ")
            offered = client.hello()
            assert "250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER" in offered
            assert "STARTTLS" not in offered
            client.log_in()
            assert client.mail(b"hi\r\n").startswith("250")
        (session,) = ended(sink)
        assert (session.door, session.tls_version) == ("implicit", "TLSv1.3")
        assert raws(sink) == [b"hi\r\n"]

    def test_a_second_starttls_is_refused(self, sink):
        """STARTTLS inside TLS is out of order, on either door."""
        with Talk(sink) as client:
            client.starttls()
            assert client.say("STARTTLS").startswith("503 5.5.1")
            assert client.say("NOOP").startswith("250")
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("STARTTLS").startswith("503 5.5.1")
            assert client.say("NOOP").startswith("250")

    @pytest.mark.parametrize("implicit", [False, True])
    def test_a_failed_handshake_is_a_session_with_a_note(self, free, implicit):
        """A client that does not trust the certificate leaves a row that says so."""
        port = free.tls_port if implicit else free.port
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            if not implicit:
                sock.recv(1000)
                sock.sendall(b"STARTTLS\r\n")
                sock.recv(1000)
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
        (session,) = ended(free)
        assert "* the TLS handshake failed: " in transcript(session)
        assert session.door == ("implicit" if implicit else "starttls")
        assert session.peer.startswith("127.0.0.1:")
        assert session.tls_version == ""

    def test_plain_smtp_at_the_implicit_door_is_a_session_with_a_note(self, free):
        """A client that speaks plain SMTP to the TLS port is recorded too."""
        with socket.create_connection(("127.0.0.1", free.tls_port), 10) as sock:
            sock.sendall(b"EHLO client.example\r\n")
            while sock.recv(1000):
                pass
        (session,) = ended(free)
        assert "the TLS handshake failed" in transcript(session)

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    @pytest.mark.parametrize("implicit", [False, True])
    def test_tls_older_than_1_2_is_refused(self, free, implicit):
        """A client that knows TLS 1.1 at most gets no connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        port = free.tls_port if implicit else free.port
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            if not implicit:
                sock.recv(1000)
                sock.sendall(b"STARTTLS\r\n")
                sock.recv(1000)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(sock)


class TestLogins:
    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize(
        "lines",
        [
            [b"AUTH PLAIN " + plain("ann", PASSWORD)],
            [b"auth plain " + plain("ann", PASSWORD)],
            [b"AUTH PLAIN", plain("ann", PASSWORD)],
            [b"AUTH PLAIN " + b64(f"ann\0ann\0{PASSWORD}")],
            [b"AUTH LOGIN", b64("ann"), b64(PASSWORD)],
            [b"auth Login", b64("ann"), b64(PASSWORD)],
            [b"AUTH LOGIN " + b64("ann"), b64(PASSWORD)],
        ],
        ids=["plain", "lower", "two-step", "authzid", "login", "mixed", "login-initial"],
    )
    def test_every_way_to_log_in_works_on_both_doors(self, sink, implicit, lines):
        """PLAIN and LOGIN, in one step or more, in any case, are accepted and recorded."""
        with Talk(sink, implicit=implicit) as client:
            client.hello() if implicit else client.starttls()
            replies = [client.say(line) for line in lines]
            assert [reply[:3] for reply in replies] == ["334"] * (len(lines) - 1) + ["235"]
            assert client.mail(b"hi\r\n").startswith("250")
        (session,) = ended(sink)
        assert (session.login, session.login_ok) == ("ann", True)
        assert session.mechanism == lines[0].split()[1].decode().upper()
        assert not any(secret in transcript(session) for secret in SECRETS)

    def test_login_prompts_are_those_of_common_servers(self, sink):
        """AUTH LOGIN asks for Username: and Password:."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("AUTH LOGIN") == "334 " + b64("Username:").decode()
            assert client.say(b64("ann")) == "334 " + b64("Password:").decode()

    def test_auth_is_refused_before_tls(self, sink):
        """On the plain connection AUTH is neither offered nor taken."""
        with Talk(sink) as client:
            assert "AUTH" not in client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("538 5.7.11")
            assert client.say("AUTH LOGIN").startswith("538")
            assert client.say("MAIL FROM:<ann@example.com>").startswith("530 5.7.0")
        (session,) = ended(sink)
        assert (session.login, session.login_ok) == ("", None)

    @pytest.mark.parametrize(
        ("user", "password"), [("ann", "wrong"), ("eve", PASSWORD), ("ANN", PASSWORD), ("ann", "")]
    )
    def test_a_wrong_login_is_refused_and_recorded(self, sink, user, password):
        """A login that is not on the list gets 535 and a row; no mail is taken after it."""
        with Talk(sink) as client:
            client.starttls()
            assert client.say(b"AUTH PLAIN " + plain(user, password)).startswith("535 5.7.8")
            assert client.say("MAIL FROM:<ann@example.com>").startswith("530")
        (session,) = ended(sink)
        assert (session.login, session.mechanism, session.login_ok) == (user, "PLAIN", False)
        frame = sink.sessions
        assert frame["login_ok"].tolist() == [False]
        assert raws(sink) == []

    def test_a_login_may_succeed_after_a_failure(self, sink):
        """A second attempt on the same connection counts; the session shows the last one."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", "wrong")).startswith("535")
            client.log_in()
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("503")
        (session,) = ended(sink)
        assert session.login_ok is True

    def test_a_sink_without_a_list_takes_any_login(self, free):
        """Without users every login is accepted, and its name recorded."""
        with Talk(free, implicit=True) as client:
            client.hello()
            client.log_in("anyone@example.com", "anything")
        (session,) = ended(free)
        assert (session.login, session.login_ok) == ("anyone@example.com", True)

    def test_a_login_may_be_required_of_any_user(self, new_sink):
        """With login_required and no list, mail waits for a login, whatever it is."""
        sink = new_sink(login_required=True)
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("MAIL FROM:<ann@example.com>").startswith("530")
            client.log_in("x", "y")
            assert client.mail(b"hi\r\n").startswith("250")

    def test_a_login_need_not_be_required(self, new_sink):
        """With users and login_required=False, mail is taken without a login."""
        sink = new_sink(users={"ann": PASSWORD}, login_required=False)
        with Talk(sink) as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")

    def test_a_login_may_be_given_up(self, sink):
        """A star ends the login with 501, and the connection goes on (RFC 4954 section 4)."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("AUTH LOGIN").startswith("334")
            assert client.say("*").startswith("501")
            assert client.say("NOOP").startswith("250")

    def test_an_unknown_mechanism_is_refused(self, sink):
        """A mechanism the sink does not know gets 504."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("AUTH SCRAM-SHA-256").startswith("504 5.5.4")
            assert client.say("AUTH").startswith("501")

    def test_a_login_line_may_be_as_long_as_the_rfc_says(self, new_sink):
        """A secret of 8,000 octets is no line too long (RFC 4954 section 4: 12,288)."""
        sink = new_sink(users={"ann": "x" * 8000})
        with Talk(sink, implicit=True) as client:
            client.hello()
            client.log_in("ann", "x" * 8000)


DIALOGUES = {
    "wrong base64": [b"AUTH LOGIN", b64("ann"), b"not " + b64(PASSWORD) + b"!", b64(PASSWORD)],
    "raw password": [b"AUTH LOGIN", b64("ann"), PASSWORD.encode(), PASSWORD.encode()],
    "wrong base64 inline": [b"AUTH PLAIN !" + plain("ann", PASSWORD), b64(PASSWORD)],
    "wrong split": [b"AUTH PLAIN " + b64(PASSWORD), b64(PASSWORD)],
    "no mechanism": [b"AUTH " + plain("ann", PASSWORD), b64(PASSWORD)],
    "short secret as mechanism": [b"AUTH " + b64(PASSWORD)],
    "tab": [b"AUTH PLAIN\t" + plain("ann", PASSWORD)],
    "tab everywhere": [b"AUTH\tPLAIN\t" + plain("ann", PASSWORD), b64(PASSWORD)],
    "equals sign": [b"AUTH=PLAIN " + plain("ann", PASSWORD), b64(PASSWORD)],
    "too many words": [b"AUTH PLAIN " + plain("ann", PASSWORD) + b" x"],
    "after 504": [b"AUTH SCRAM-SHA-1", b64(PASSWORD), plain("ann", PASSWORD)],
    "after 504 with secret": [b"AUTH NTLM " + plain("ann", PASSWORD), b64(PASSWORD)],
    "after 535": [b"AUTH PLAIN " + plain("ann", f"{PASSWORD}!"), b64(PASSWORD), b64(PASSWORD)],
    "after 235": [b"AUTH PLAIN " + plain("ann", PASSWORD), b64(PASSWORD)],
    "after *": [b"AUTH LOGIN", b"*", b64("ann"), b64(PASSWORD)],
    "too long": [b"AUTH PLAIN " + b"A" * 20_000 + plain("ann", PASSWORD), b64(PASSWORD)],
    "8-bit verb": [b"AUTH LOGIN", b"*", b"\xff" + b64(PASSWORD)],
    "endless answer": [b"AUTH LOGIN", b"A" * 70_000 + b64(PASSWORD), b64(PASSWORD)],
}


class TestSecrets:
    @pytest.mark.parametrize("door", ["plain", "starttls", "implicit"])
    @pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
    def test_no_secret_in_any_form_is_kept_or_logged(self, sink, caplog, capfd, door, lines):
        """However a login goes wrong, the password is in no transcript, archive, log or output."""
        caplog.set_level(0)
        with Talk(sink, implicit=door == "implicit") as client:
            client.starttls() if door == "starttls" else client.hello()
            for line in lines:
                client.send(line + b"\r\n")
                client.reply()
            client.send(b"QUIT\r\n")
        (session,) = ended(sink)
        said = transcript(session)
        out = "".join(capfd.readouterr())
        for secret in SECRETS:
            for place in (said, caplog.text, out, repr(session), str(sink.sessions.to_dict())):
                assert secret.casefold() not in place.casefold()
        assert said.count("C ") >= len(lines)

    def test_an_unknown_command_is_shown_but_not_repeated_to_the_client(self, free):
        """A verb nobody knows stands in the transcript; its arguments do not, nor does the reply."""
        with Talk(free) as client:
            client.hello()
            assert client.say("XFOO secret words") == "500 5.5.1 Error: command not recognized"
        (session,) = ended(free)
        assert "C XFOO\n" in transcript(session)
        assert "secret" not in transcript(session)

    def test_the_answer_to_a_prompt_stands_before_the_reply_to_it(self, sink):
        """The transcript keeps the order of what was said, also where a login goes wrong."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            client.say("AUTH LOGIN")
            assert client.say("!!").startswith("501")
        lines = [x["text"] for x in ended(sink)[0].transcript["lines"]]
        at = lines.index("AUTH LOGIN")
        assert lines[at + 1][:3] == "334"
        assert "•" in lines[at + 2]
        assert lines[at + 3][:3] == "501"


BODIES = {
    "leading dots": (b"..\r\n...two\r\n..\r\n", b".\r\n..two\r\n.\r\n"),
    "bare LF": (b"a\nb\n.c\n\n", None),
    "bare CR": (b"a\rb\r.c\r", None),
    "long lines": (b"x" * 5000 + b"\r\n" + b"y" * 100_000 + b"\r\n", None),
    "NUL and controls": (bytes(range(32)) + b"\r\n", None),
    "8-bit": (bytes(range(128, 256)) + b"\r\n", None),
    "empty": (b"", None),
    "empty line": (b"\r\n", None),
    "no header": (b"just text\r\n", None),
    "no body": (b"Subject: x\r\n", None),
    "trailing blanks": (b"a \t\r\n\t\r\n \r\n", None),
    "half a terminator": (b"a\r\n..\r\r\n..\n\r\nb\r\n", b"a\r\n.\r\r\n.\n\r\nb\r\n"),
    "big": (b"0123456789abcde\n" * 200_000 + b"\r\n", None),
}


class TestBytes:
    @pytest.mark.parametrize(("wire", "kept"), BODIES.values(), ids=BODIES)
    def test_a_message_is_kept_exactly_as_sent(self, free, talk, wire, kept):
        """Nothing is added, folded, decoded or lost; only the stuffed dots are taken out."""
        body = wire if wire.endswith(b"\r\n") or not wire else wire + b"\r\n"
        assert talk.mail(body).startswith("250")
        wanted = body if kept is None else kept
        (message,) = free.archive.messages()
        assert message.raw == wanted
        assert message.size == len(wanted)

    def test_a_message_in_single_octets_is_kept(self, free, talk):
        """How the bytes are cut on the way makes no difference."""
        talk.envelope()
        talk.say("DATA")
        for octet in b"a\r\n..b\r\n.\r\n":
            talk.send(bytes([octet]))
        assert talk.reply().startswith("250")
        assert raws(free) == [b"a\r\n.b\r\n"]

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        pieces=st.lists(
            st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"\0", b"a", b"\xff", b"MAIL"]),
            max_size=30,
        ),
        cut=st.integers(0, 60),
    )
    def test_any_message_survives_stuffing_and_any_cut(self, free, talk, pieces, cut):
        """Whatever a client stuffs by the rules comes out as it was, wherever packets end."""
        raw = b"".join(pieces)
        if raw and not raw.endswith(b"\r\n"):
            raw += b"\r\n"
        wire = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
        talk.envelope()
        assert talk.say("DATA").startswith("354")
        talk.send(wire[:cut])
        talk.send(wire[cut:])
        number = int(talk.reply().split()[-1])
        assert free.archive.messages(only=number)[0].raw == raw


class TestEnvelope:
    def test_the_envelope_is_what_the_client_said_not_the_headers(self, free, talk):
        """MAIL and RCPT are kept beside the bytes; headers change nothing, Bcc stays readable."""
        raw = b"From: boss@example.com\r\nTo: all@example.com\r\nBcc: x@example.com\r\n\r\n"
        assert talk.say("MAIL FROM:<real@example.com> BODY=8BITMIME SIZE=80").startswith("250")
        for to in ("second@example.org", "first@example.org", "second@example.org"):
            assert talk.say(f"RCPT TO:<{to}>").startswith("250")
        talk.say("DATA")
        talk.send(raw + b".\r\n")
        assert talk.reply().startswith("250")
        (message,) = free.archive.messages()
        assert message.raw == raw
        assert message.mail_from == "real@example.com"
        assert message.rcpt_to == ("second@example.org", "first@example.org", "second@example.org")
        assert message.mail_options == ("BODY=8BITMIME", "SIZE=80")

    def test_the_null_sender_is_empty(self, free, talk):
        """MAIL FROM:<>, as bounces use it, is kept as an empty text."""
        talk.envelope(sender="")
        talk.say("DATA")
        talk.send(b".\r\n")
        assert talk.reply().startswith("250")
        assert free.archive.messages()[0].mail_from == ""

    def test_addresses_beyond_ascii_are_kept(self, free, talk):
        """With SMTPUTF8 addresses are UTF-8; octets that are not become visible."""
        assert talk.say("MAIL FROM:<jürgen@exämple.org> SMTPUTF8").startswith("250")
        assert talk.say("RCPT TO:<用户@example.org>").startswith("250")
        assert talk.say(b"RCPT TO:<f\xfcnf@example.org>").startswith("250")
        talk.say("DATA")
        talk.send(b".\r\n")
        assert talk.reply().startswith("250")
        (message,) = free.archive.messages()
        assert message.mail_from == "jürgen@exämple.org"
        assert message.rcpt_to == ("用户@example.org", "f\ufffdnf@example.org")

    def test_one_envelope_does_not_leak_into_the_next(self, free, talk):
        """Recipients of one message, or of one given up with RSET, are not those of the next."""
        assert talk.mail(b"one\r\n").startswith("250")
        talk.envelope(to="forgotten@example.org")
        assert talk.say("RSET").startswith("250")
        assert talk.say("DATA").startswith("503")
        talk.envelope(sender="eve@example.com", to="cid@example.org")
        talk.say("DATA")
        talk.send(b"two\r\n.\r\n")
        assert talk.reply().startswith("250")
        assert [m.rcpt_to for m in free.archive.messages()] == [
            ("bob@example.org",),
            ("cid@example.org",),
        ]

    @pytest.mark.parametrize(
        "address",
        [b'<"', b"<a@[>", b"<", b"<a\x7f@example.com>", b'<"a\rb"@example.com>', b'<"\x01"@x.test>',
         "<\u202emoc@example.com>".encode(), b"<a\0b@example.com>"],
    )  # fmt: skip
    def test_an_address_nobody_can_read_is_refused(self, free, talk, caplog, address):
        """Broken addresses and those with unseen characters get 553, and no log a traceback."""
        assert talk.say(b"MAIL FROM:" + address).startswith("553 5.1.3")
        assert talk.say("MAIL FROM:<ann@example.com>").startswith("250")
        assert talk.say(b"RCPT TO:" + address).startswith("553 5.1.3")
        assert caplog.records == []

    def test_commands_out_of_order_are_refused(self, free, talk):
        """RCPT before MAIL, DATA before RCPT and mail before EHLO get 503."""
        assert talk.say("RCPT TO:<bob@example.org>").startswith("503")
        assert talk.say("DATA").startswith("503")
        assert talk.say("MAIL FROM:<ann@example.com>").startswith("250")
        assert talk.say("DATA").startswith("503")
        assert talk.say("RCPT TO:<bob@example.org>").startswith("250")
        assert talk.say("DATA now").startswith("501")
        with Talk(free) as other:
            assert other.say("MAIL FROM:<ann@example.com>").startswith("503")
            assert other.say("DATA").startswith("503")

    def test_helo_is_enough(self, free):
        """A client of the old kind may send mail too."""
        with Talk(free) as client:
            assert client.say("HELO old.example").startswith("250")
            assert client.mail(b"hi\r\n").startswith("250")
        assert ended(free)[0].ehlo == "old.example"

    def test_help_lists_the_commands(self, talk):
        """HELP, which the sink offers, names what it knows."""
        listed = talk.say("HELP")
        assert listed.startswith("250")
        assert {"MAIL", "RCPT", "DATA", "STARTTLS", "AUTH", "QUIT"} <= set(listed.split())


class TestSize:
    @pytest.fixture
    def small(self, new_sink):
        return new_sink(max_size=1000)

    def test_the_limit_is_advertised_and_refused_early(self, small):
        """EHLO names the limit, and a MAIL that announces more gets 552."""
        with Talk(small) as client:
            assert "250-SIZE 1000" in client.hello()
            assert client.say("MAIL FROM:<ann@example.com> SIZE=1001").startswith("552")
            assert client.say("MAIL FROM:<ann@example.com> SIZE=1000").startswith("250")

    @pytest.mark.parametrize("size", [1001, 1002, 1003, 5000, 300_000])
    def test_more_than_the_limit_is_refused_after_the_data(self, small, size):
        """A message that is too large gets 552, stores nothing, and the connection goes on."""
        with Talk(small) as client:
            client.hello()
            assert client.mail(b"x" * (size - 2) + b"\r\n").startswith("552 5.3.4")
            assert client.say("DATA").startswith("503")
            assert client.mail(b"small\r\n").startswith("250")
        assert raws(small) == [b"small\r\n"]

    @pytest.mark.parametrize("raw", [b"x" * 998 + b"\r\n", b".\r\n" * 333])
    def test_exactly_the_limit_is_taken(self, small, raw):
        """The limit counts the message itself: the dots stuffed on the wire do not count."""
        with Talk(small) as client:
            client.hello()
            wire = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]
            assert client.mail(wire).startswith("250")
        assert raws(small) == [raw]

    def test_a_refused_message_does_not_hide_the_next(self, small):
        """What is pipelined behind a message that is too large is still answered."""
        with Talk(small) as client:
            client.hello()
            client.envelope()
            client.say("DATA")
            client.send(b"x" * 3000 + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
            assert [client.reply()[:3] for _ in range(3)] == ["552", "250", "221"]


class TestPipelining:
    def test_commands_behind_the_end_of_data_are_answered(self, free, talk):
        """A whole conversation sent in one piece is answered reply by reply."""
        talk.send(
            b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
            b"one\r\n.\r\n"
            b"MAIL FROM:<c@example.com>\r\nRCPT TO:<d@example.com>\r\nDATA\r\n"
            b"two\r\n.\r\nNOOP\r\nQUIT\r\n"
        )
        codes = [talk.reply()[:3] for _ in range(10)]
        assert codes == ["250", "250", "354", "250", "250", "250", "354", "250", "250", "221"]
        assert talk.hung_up()
        assert raws(free) == [b"one\r\n", b"two\r\n"]

    def test_the_sink_says_that_it_can(self, talk):
        """EHLO offers PIPELINING, ENHANCEDSTATUSCODES, 8BITMIME and SMTPUTF8."""
        offered = {line[4:].split()[0] for line in talk.hello().splitlines()[1:]}
        assert {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "SIZE"} <= offered


class TestFailures:
    @pytest.mark.parametrize(
        ("part", "said"),
        [
            ("_getaddr", [b'MAIL FROM:<"a b"@example.com>']),
            ("begin_mail", [b"MAIL FROM:<ann@example.com>"]),
            ("begin_data", [b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>", b"DATA"]),
            ("smtp_NOOP", [b"NOOP"]),
            ("_message", [b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.org>", b"DATA", b"."]),
        ],
    )
    def test_the_text_of_an_exception_never_reaches_the_client(
        self, free, monkeypatch, caplog, part, said
    ):
        """A fault inside the sink is told as 451 without detail, and logged."""
        from smtp_lab.sink.protocol import LabProtocol

        def stumble(self, *_):
            raise RuntimeError("250 secret\r\n250 /some/path")

        monkeypatch.setattr(LabProtocol, part, stumble)
        with Talk(free) as client:
            client.hello()
            *before, last = said
            assert all(client.say(line)[0] in "23" for line in before)
            assert client.say(last).startswith("451 4.3.0")
            assert client.say("RSET").startswith("250")
        assert "secret" not in transcript(ended(free)[0])
        assert any("stumbled" in record.getMessage() for record in caplog.records)

    def test_a_message_that_cannot_be_stored_is_not_accepted(self, free, talk, caplog):
        """When the archive fails the client hears 451 and may try again."""
        other = sqlite3.connect(free.archive.url.database)
        other.execute("ALTER TABLE raws RENAME TO hidden")
        other.commit()
        assert talk.mail(b"one\r\n").startswith("451 4.3.0")
        other.execute("ALTER TABLE hidden RENAME TO raws")
        other.commit()
        other.close()
        assert talk.mail(b"two\r\n").startswith("250")
        assert raws(free) == [b"two\r\n"]
        assert "a message was refused: The archive" in caplog.text
        assert "no such table" in transcript(free.archive.sessions()[0])

    @pytest.mark.parametrize("half", [b"", b"Subject: half\r\n\r\nand th", b"x\r\n.\r"])
    def test_a_client_that_leaves_in_the_middle_stores_nothing(self, free, half):
        """A message without its end is no message; the session is kept."""
        with Talk(free) as client:
            client.hello()
            client.envelope()
            client.say("DATA")
            client.send(half)
        (session,) = ended(free)
        assert raws(free) == []
        assert "S 354" in transcript(session)
        assert session.ehlo == "client.example"

    def test_a_client_that_says_nothing_is_a_session(self, free):
        """Someone who only connects leaves a row too."""
        Talk(free).sock.close()
        (session,) = ended(free)
        assert session.started_at <= session.ended_at

    def test_many_unknown_commands_end_the_connection(self, free, talk):
        """A client that speaks another language is shown the door, and the dialogue says why."""
        replies = [talk.say("HALLO")[:3] for _ in range(20)]
        assert replies == ["500"] * 20
        assert talk.reply() == "421 4.7.0 Error: too many errors"
        assert talk.hung_up()
        talk.sock.close()
        assert transcript(ended(free)[0]).endswith("S 421 4.7.0 Error: too many errors")

    def test_a_line_without_an_end_does_not_fill_the_memory(self, talk):
        """A command line of megabytes is refused once it ends, and the connection goes on."""
        talk.send(b"NOOP " + b"x" * 3_000_000 + b"\r\n")
        assert talk.reply().startswith("500")
        assert talk.say("NOOP").startswith("250")

    def test_a_transcript_has_an_end(self, free, talk):
        """A client that never stops talking does not fill the memory with its transcript."""
        for _ in range(60):
            talk.send(b"NOOP\r\n" * 100)
            for _ in range(100):
                talk.reply()
        talk.say("QUIT")
        (session,) = ended(free)
        lines = session.transcript["lines"]
        assert len(lines) == 10_001
        assert "more was said" in lines[-1]["text"]


class TestPromise:
    @pytest.mark.parametrize("implicit", [False, True])
    def test_250_means_committed_with_session_and_tls(self, sink, implicit):
        """Once the client has read 250, another program finds the row with its session."""
        other = sqlite3.connect(sink.archive.url.database)
        with Talk(sink, implicit=implicit) as client:
            client.hello() if implicit else client.starttls()
            client.log_in()
            for n in range(10):
                assert client.mail(b"message %d\r\n" % n).startswith("250 2.0.0")
                row = other.execute(
                    "SELECT raw, tls_version, tls_cipher, login, login_ok, ehlo, door, peer "
                    "FROM messages JOIN raws ON message_id = messages.id "
                    "JOIN sessions ON session_id = sessions.id ORDER BY messages.id DESC"
                ).fetchone()
                host, port = client.sock.getsockname()[:2]
                assert row == (
                    b"message %d\r\n" % n,
                    client.sock.version(),
                    client.sock.cipher()[0],
                    "ann",
                    1,
                    "client.example",
                    "implicit" if implicit else "starttls",
                    f"{host}:{port}",
                )
        other.close()

    def test_250_names_the_number_in_the_inbox(self, free, talk):
        """The reply says under which number the message is kept."""
        number = int(talk.mail(b"Subject: x\r\n\r\n").split()[-1])
        assert free.inbox.get(number).subject == "x"

    def test_the_stored_dialogue_reaches_up_to_the_message(self, free, talk):
        """The transcript kept with a message holds what was said before it, timed and in order."""
        talk.mail(b"hi\r\n")
        lines = free.inbox[-1].transcript.lines
        assert [line.text for line in lines if line.direction == "C"] == [
            "EHLO client.example",
            "MAIL FROM:<ann@example.com>",
            "RCPT TO:<bob@example.org>",
            "DATA",
        ]
        assert [line.at for line in lines] == sorted(line.at for line in lines)
        assert lines[-1].text == "the message: 4 octets"

    def test_a_finished_session_has_its_end(self, free, talk):
        """Once the client has gone, its session has an end and the whole dialogue."""
        talk.mail(b"hi\r\n")
        talk.say("QUIT")
        (session,) = ended(free)
        assert transcript(session).endswith("C QUIT\nS 221 2.0.0 Bye")
        assert free.sessions["last_reply"].tolist() == ["221 2.0.0 Bye"]

    def test_others_are_served_while_one_sends(self, free, talk):
        """A large message on one connection does not keep others waiting for its end."""
        talk.envelope()
        talk.say("DATA")
        talk.send(b"x" * 1_000_000)
        with Talk(free) as other:
            other.hello()
            assert other.mail(b"quick\r\n").startswith("250")
        talk.send(b"\r\n.\r\n")
        assert talk.reply().startswith("250")
        assert [len(raw) for raw in raws(free)] == [7, 1_000_002]

    def test_the_python_client_of_async_programs_is_served(self, free):
        """Many connections at once from one program each get their answer."""

        async def one(n):
            reader, writer = await asyncio.open_connection("127.0.0.1", free.port)
            codes = [(await reader.readline())[:3]]
            for line in (
                b"HELO x",
                b"MAIL FROM:<a@example.com>",
                b"RCPT TO:<b@example.com>",
                b"DATA",
            ):
                writer.write(line + b"\r\n")
                codes.append((await reader.readline())[:3])
            writer.write(b"%d\r\n.\r\n" % n)
            codes.append((await reader.readline())[:3])
            writer.close()
            return codes

        async def every():
            return await asyncio.gather(*(one(n) for n in range(50)))

        wanted = [b"220", b"250", b"250", b"250", b"354", b"250"]
        assert all(codes == wanted for codes in asyncio.run(every()))
        assert sorted(raws(free)) == sorted(b"%d\r\n" % n for n in range(50))
        until(lambda: all(s.ended_at for s in free.archive.sessions()))
