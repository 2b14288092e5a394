"""What a message asks of a server: size, 8 bit, addresses beyond ASCII, reports, and IPv6."""

from __future__ import annotations

import smtplib
import socket
from email import message_from_bytes
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import default

import pytest
from deliver.servers import Server, polite, profile
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import DeliveryError, InputError
from smtp_lab.deliver.outgoing import Outgoing
from smtp_lab.deliver.terms import TooBigError, agree

TO = "bob@example.org"


def a_message(text="hi\n", cte=None, **headers):
    message = EmailMessage()
    for name, value in ({"To": TO, "Subject": "x"} | headers).items():
        message[name] = value
    message.set_content(text, cte=cte)
    return message


def failed(message, server, **options):
    """What *server* was told, and the delivery that failed."""
    account = profile(server, security="none", login=False)
    with pytest.raises(DeliveryError) as error:
        lab.send(message, profile=account, **options)
    return error.value.delivery


class TestSize:
    @pytest.mark.parametrize("limit", ["500", "1"])
    def test_a_message_too_big_is_not_offered(self, limit):
        """Where EHLO names a smaller SIZE, MAIL is never said, and the diagnosis gives both sizes."""
        with Server(polite(before=(f"SIZE {limit}",))) as server:
            delivery = failed(a_message("long " * 200), server)
        assert "MAIL" not in server.verbs
        assert delivery.diagnosis.id == "too_big_for_server"
        assert delivery.stage == "mail"
        assert f"{len(delivery.raw):,}" in delivery.diagnosis.raw
        assert f"takes {limit}" in str(delivery.transcript)
        assert [(r.accepted, r.code) for r in delivery.recipients] == [(False, 0)]

    @pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE 1000000"])
    def test_no_limit_is_no_limit(self, size):
        """A bare SIZE or SIZE 0 names no limit (RFC 1870 section 4); the size is said all the same."""
        with Server(polite(before=(size,))) as server:
            delivery = lab.send(
                a_message("long " * 200), profile=profile(server, security="none", login=False)
            )
        assert f" SIZE={len(delivery.raw)}".encode() in server.heard[1]

    @given(st.integers(0, 3000), st.integers(0, 3000))
    def test_the_limit_is_exact(self, limit, size):
        """As many octets as the server takes are fine, and one more is not."""
        outgoing = Outgoing("a@example.com", (TO,), b"x" * size, "<1@example.com>")
        if 0 < limit < size:
            with pytest.raises(TooBigError):
                agree(outgoing, {"size": str(limit)})
        else:
            assert agree(outgoing, {"size": str(limit)}).for_mail == (f"SIZE={size}",)

    @given(st.text(max_size=20))
    def test_rubbish_behind_size_is_no_limit(self, text):
        """Whatever stands where the number should be never stops a message that fits."""
        outgoing = Outgoing("a@example.com", (TO,), b"", "<1@example.com>")
        assert agree(outgoing, {"size": text}).for_mail == ("SIZE=0",)


class TestOutgoing:
    @pytest.mark.parametrize("raw", [b"a\n", b"a\r", b"a\r\n.\n", b"\r\r\n"])
    def test_a_message_with_a_lone_line_end_is_none(self, raw):
        """Also made by hand a message cannot hold what some servers take for its end."""
        with pytest.raises(InputError, match="lone CR or LF"):
            Outgoing("a@example.com", (TO,), raw, "<1@example.com>")

    @pytest.mark.parametrize("bad", ["a@example.com>\r\nRSET", "a\0@example.com", "a\n"])
    def test_an_address_cannot_end_a_command(self, bad):
        """Neither the sender nor a recipient made by hand can."""
        for sender, to in ((bad, (TO,)), ("a@example.com", (TO, bad))):
            with pytest.raises(InputError, match="control character"):
                Outgoing(sender, to, b"hi\r\n", "<1@example.com>")


class TestEightBit:
    def test_a_server_with_8bitmime_gets_the_octets(self):
        """The body goes as it is, and MAIL says so."""
        message = a_message("Grüße\n")
        message.replace_header("Content-Transfer-Encoding", "8bit")
        message.set_payload("Grüße\r\n".encode().decode("ascii", "surrogateescape"))
        with Server(polite()) as server:
            lab.send(message, profile=profile(server, security="none", login=False))
        assert "Grüße".encode() in server.heard
        assert any(b"BODY=8BITMIME" in line for line in server.heard)

    @pytest.mark.parametrize("kind", ["plain", "html in parts", "old", "attachment"])
    def test_a_server_without_it_gets_ascii_that_reads_the_same(self, kind):
        """Bodies beyond ASCII are encoded anew (RFC 6152 section 3); nothing else changes."""
        text = "Grüße, 東京 — ½\n"
        message = {
            "plain": lambda: a_message(text),
            "html in parts": lambda: _with_html(text),
            "old": lambda: _old(text),
            "attachment": lambda: _old(text, b"\x00\xff\xfe binary"),
        }[kind]()
        eight = message.as_bytes()
        with Server(polite(before=("SIZE 0",))) as server:
            delivery = lab.send(message, profile=profile(server, security="none", login=False))
        assert delivery.raw.isascii()
        assert all(line.isascii() for line in server.heard)
        assert not any(b"8BITMIME" in line for line in server.heard[1:2])
        assert _texts(message_from_bytes(delivery.raw, policy=default)) == _texts(
            message_from_bytes(eight, policy=default)
        )

    @given(st.text(min_size=1, max_size=300), st.sampled_from(["8bit", "quoted-printable"]))
    def test_any_text_survives(self, text, cte):
        """Whatever is said in eight bits is said in seven, and its headers stay as they were."""
        message = EmailMessage()
        message["Subject"] = "one"
        message.set_content(text.replace("\r", ""), cte=cte)
        raw = message.as_bytes(policy=default.clone(linesep="\r\n"))
        outgoing = Outgoing("a@example.com", (TO,), raw, "<1@example.com>")
        seven = agree(outgoing, {}).outgoing.raw
        assert seven.isascii()
        before, after = (message_from_bytes(r, policy=default) for r in (raw, seven))
        assert after.get_content() == before.get_content()
        assert after["Subject"] == "one"

    @pytest.mark.parametrize("where", ["inside", "deep inside"])
    def test_a_mail_in_a_mail_is_encoded_inside(self, where):
        """What holds a message is never encoded itself (RFC 2046 section 5.2.1), its parts are."""
        inner = a_message("Grüße\n", Subject="inner", From="eve@example.com")
        message = a_message("hi\n")
        message.add_attachment(inner)
        if where == "deep inside":
            inner, message = message, a_message("Grüße, 東京 und so weiter\n")
            message.add_attachment(inner)
        outgoing = lab.prepare(message, profile(1, login=False))
        assert b"Content-Transfer-Encoding: 8bit" in outgoing.raw
        made = agree(outgoing, {}).outgoing.raw
        assert made.isascii()
        after = message_from_bytes(made, policy=default)
        for part in after.walk():
            how = str(part["Content-Transfer-Encoding"] or "7bit").lower()
            assert how == "7bit" if part.is_multipart() else how != "8bit"
        assert _texts(after) == _texts(message_from_bytes(outgoing.raw, policy=default))

    def test_what_is_signed_is_not_touched(self):
        """A signature over eight bits would no longer hold; that is refused, in ASCII it is sent."""
        for text, fine in (("Grüße", False), ("hi", True)):
            message = a_message(f"{text}\n", cte="8bit")
            message.make_mixed()
            message.attach(MIMEApplication(b"signature", "pgp-signature"))
            message.replace_header("Content-Type", 'multipart/signed; boundary="edge"')
            outgoing = lab.prepare(message, profile(1, login=False))
            if fine:
                assert agree(outgoing, {}).outgoing is outgoing
                continue
            with pytest.raises(smtplib.SMTPNotSupportedError, match="8BITMIME"):
                agree(outgoing, {})

    @pytest.mark.parametrize("raw", [b"a\r\nX: \xc3\xbc\r\n\r\nhi\r\n", b"\xff\r\n\r\nhi\r\n"])
    def test_what_cannot_be_read_is_refused(self, raw):
        """Octets that are no mail stay here."""
        with pytest.raises(smtplib.SMTPNotSupportedError):
            agree(Outgoing("a@example.com", (TO,), raw, "<1@example.com>"), {})

    @given(
        st.lists(
            st.tuples(st.sampled_from(["plain", "html", "octet-stream"]), st.binary(max_size=40)),
            min_size=1,
            max_size=3,
        ),
        st.sampled_from(["mixed", "digest", "alternative"]),
    )
    def test_any_parts_survive(self, parts, kind):
        """Every part says the same octets before and after; nothing but the encoding changes."""
        lines = [b"Subject: x\r\nContent-Type: multipart/%s; boundary=edge\r\n" % kind.encode()]
        lines.append(b"Content-Transfer-Encoding: 8bit\r\n\r\n--edge\r\n")
        said = []
        for sub, data in parts:
            main = b"text" if sub in ("plain", "html") else b"application"
            clean = data.replace(b"\r", b"").replace(b"\n", b"\r\n")
            said += [
                b"Content-Type: %s/%s; charset=utf-8\r\n" % (main, sub.encode())
                + b"Content-Transfer-Encoding: 8bit\r\n\r\n"
                + clean
            ]
        raw = b"".join(lines) + b"\r\n--edge\r\n".join(said) + b"\r\n--edge--\r\n"
        seven = agree(Outgoing("a@example.com", (TO,), raw, "<1@example.com>"), {}).outgoing.raw
        assert seven.isascii()
        before, after = (
            [
                p.get_payload(decode=True)
                for p in message_from_bytes(r).walk()
                if not p.is_multipart()
            ]
            for r in (raw, seven)
        )
        assert [one.rstrip(b"\r\n") for one in after] == [one.rstrip(b"\r\n") for one in before]

    def test_headers_beyond_ascii_are_refused_in_a_sentence(self):
        """What cannot be written in seven bits is not sent in eight."""
        with Server(polite(before=("SIZE 0",))) as server:
            delivery = failed(a_message("hi\n", To="jörg@example.org"), server)
        assert "MAIL" not in server.verbs
        assert delivery.diagnosis.id == "smtputf8_missing"


def _with_html(text):
    message = a_message(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message


def _old(text, data=None):
    message = MIMEMultipart()
    message["To"], message["Subject"] = TO, "x"
    part = MIMEText(text, "plain", "utf-8")
    part.replace_header("Content-Transfer-Encoding", "8bit")
    part.set_payload(text.encode().decode("ascii", "surrogateescape"))
    message.attach(part)
    if data is not None:
        message.attach(MIMEApplication(data))
    return message


def _texts(message):
    return [
        part.get_content().replace("\r", "").strip()
        if part.get_content_maintype() == "text"
        else part.get_payload(decode=True)
        for part in message.walk()
        if not part.is_multipart()
    ]


class TestReports:
    def test_reports_are_asked_for(self):
        """MAIL carries RET and ENVID, each RCPT carries NOTIFY (RFC 3461 section 4)."""
        dsn = lab.Dsn(notify=("success", "failure", "delay"), ret="full", envid="run+1=a")
        with Server(polite(before=("DSN",))) as server:
            lab.send(
                a_message(Cc="cid@example.org"),
                profile=profile(server, security="none", login=False),
                dsn=dsn,
            )
        assert server.heard[1].endswith(b" RET=FULL ENVID=run+2B1+3Da")
        for line in server.heard[2:4]:
            assert line.endswith(b"> NOTIFY=SUCCESS,FAILURE,DELAY")

    def test_none_at_all_is_a_wish_too(self):
        """An empty notify asks for silence."""
        with Server(polite(before=("DSN",))) as server:
            lab.send(
                a_message(),
                profile=profile(server, security="none", login=False),
                dsn=lab.Dsn(notify=()),
            )
        assert server.heard[2].endswith(b" NOTIFY=NEVER")

    def test_without_a_wish_nothing_is_said(self):
        """A server that offers DSN is not bothered with it."""
        with Server(polite(before=("DSN",))) as server:
            lab.send(a_message(), profile=profile(server, security="none", login=False))
        assert b"RET=" not in b"".join(server.heard)
        assert b"NOTIFY" not in b"".join(server.heard)

    def test_a_server_that_has_none_gets_no_message(self):
        """A wish that cannot be met is not dropped."""
        with Server(polite()) as server:
            delivery = failed(a_message(), server, dsn=lab.Dsn())
        assert "MAIL" not in server.verbs
        assert delivery.diagnosis.id == "dsn_not_offered"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"notify": ("never mind",)}, "dsn.notify"),
            ({"notify": ("success", "")}, "dsn.notify"),
            ({"ret": "some"}, "dsn.ret"),
            ({"envid": "two words"}, "dsn.envid"),
            ({"envid": "x\r\nRSET"}, "dsn.envid"),
            ({"envid": "=" * 50}, "dsn.envid"),
            ({"envid": "ü"}, "dsn.envid"),
        ],
    )
    def test_a_wish_nobody_knows_is_refused(self, values, field):
        """One sentence names the field; no line of a server can be made up with it."""
        with pytest.raises(InputError) as error:
            lab.Dsn(**values)
        assert list(error.value.by_field) == [field]

    @given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
    def test_the_envelope_id_is_written_as_xtext(self, envid):
        """Every printable text comes back from its written form (RFC 3461 section 4)."""
        written = " ".join(lab.Dsn(envid=envid).for_mail).partition("ENVID=")[2]
        found = ""
        while written:
            escaped = written[0] == "+"
            found += chr(int(written[1:3], 16)) if escaped else written[0]
            written = written[3 if escaped else 1 :]
        assert found == envid


class TestAddressFamilies:
    def test_a_server_on_ipv6(self):
        """A connection to ::1 is one like any other."""
        with Server(polite(), host="::1") as server:
            account = profile(server, host="::1", security="none", login=False)
            delivery = lab.send(a_message(), profile=account)
        assert delivery.endpoint == f"[::1]:{server.port}"
        assert delivery.ok

    def test_every_address_of_a_name_is_tried(self, monkeypatch):
        """Of a name with two addresses the one that answers is used."""
        known = socket.getaddrinfo
        with socket.create_server(("127.0.0.1", 0)) as taken:
            closed = taken.getsockname()[1]

        def both(host, port, *args, **options):
            if host != "two.example.com":
                return known(host, port, *args, **options)
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [
                (socket.AF_INET6, *kind, ("::1", closed, 0, 0)),
                (socket.AF_INET, *kind, ("127.0.0.1", port)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        with Server(polite()) as server:
            account = profile(server, host="two.example.com", security="none", login=False)
            assert lab.send(a_message(), profile=account).ok

    def test_where_none_answers_the_last_error_tells(self):
        """A closed port on every address is one refused connection."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            closed = taken.getsockname()[1]
        delivery = failed(a_message(), closed)
        assert delivery.diagnosis.id == "conn_refused"
        assert delivery.stage == "connect"
