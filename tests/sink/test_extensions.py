"""What the sink offers beyond plain SMTP, and how each of it can be taken away."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode

import pytest
from sink.talk import Talk, b64, ended, plain, transcript

import smtp_lab as lab
from smtp_lab import InputError, Limits
from smtp_lab.sink.door import DOORS, MECHANISMS, OFFERS

pytestmark = pytest.mark.usefixtures("each_loop")

PASSWORD = "open sesame"


def offered(answer):
    """The lines of an answer to EHLO by keyword."""
    lines = [line[4:] for line in answer.splitlines()[1:]]
    return {line.split()[0]: line for line in lines}


class TestDoors:
    @pytest.mark.parametrize(
        ("door", "has", "lacks"),
        [("starttls", "STARTTLS", "AUTH"), ("implicit", "AUTH", "STARTTLS"), ("plain", "AUTH", "STARTTLS")],
    )  # fmt: skip
    def test_each_door_offers_what_belongs_there(self, sink, door, has, lacks):
        """STARTTLS where it can be had, AUTH where it may be used."""
        with Talk(sink, door=door) as client:
            said = offered(client.hello())
        assert has in said
        assert lacks not in said
        assert said["SIZE"] == f"SIZE {Limits().message}"
        assert {
            "8BITMIME",
            "SMTPUTF8",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "DSN",
        } <= set(said)
        assert ended(sink)[0].door == door

    def test_the_plain_door_takes_a_login_in_plain_text(self, sink):
        """It is there to show what goes over the wire; it is open on this machine only."""
        with Talk(sink, door="plain") as client:
            client.hello()
            assert client.say("STARTTLS").startswith("454")
            client.log_in()
            assert client.mail(b"hi\r\n").startswith("250")
        (session,) = ended(sink)
        assert (session.login_ok, session.tls_version) == (True, "")
        assert PASSWORD not in transcript(session)

    @pytest.mark.parametrize("door", DOORS)
    def test_a_login_may_be_required_at_one_door(self, new_sink, door):
        """Each door has its own rule; those not named follow the rule for all."""
        sink = new_sink(login_required={door: True})
        for other in DOORS:
            with Talk(sink, door=other) as client:
                client.hello()
                wanted = "530 5.7.0" if other == door else "250"
                assert client.say("MAIL FROM:<a@example.com>").startswith(wanted)

    def test_a_door_may_be_open_where_users_are_given(self, new_sink):
        """With users a login is required except where a door says otherwise."""
        sink = new_sink(users={"ann": PASSWORD}, login_required={"plain": False})
        assert "required at the doors starttls and implicit" in sink._repr_html_()
        with Talk(sink, door="plain") as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")
        with Talk(sink) as client:
            client.starttls()
            assert client.say("MAIL FROM:<a@example.com>").startswith("530")


def cram(client, user, password):
    """Log in by CRAM-MD5; give the reply and the challenge."""
    asked = b64decode(client.say("AUTH CRAM-MD5").split()[1])
    digest = hmac.new(password.encode(), asked, hashlib.md5).hexdigest()
    return client.say(b64(f"{user} {digest}")), asked


class TestMechanisms:
    def test_cram_md5_proves_the_password_without_saying_it(self, sink):
        """RFC 2195: the right digest is let in, a wrong one and an unknown user are not."""
        with Talk(sink, door="plain") as client:
            client.hello()
            assert cram(client, "ann", "wrong")[0].startswith("535 5.7.8")
            assert cram(client, "eve", PASSWORD)[0].startswith("535 5.7.8")
            assert cram(client, "ann", PASSWORD)[0].startswith("235")
        (session,) = ended(sink)
        assert (session.login, session.mechanism, session.login_ok) == ("ann", "CRAM-MD5", True)

    def test_no_challenge_comes_twice(self, sink):
        """What was overheard once cannot be said again."""
        asked = set()
        with Talk(sink, door="plain") as client:
            client.hello()
            for _ in range(3):
                asked.add(cram(client, "ann", "wrong")[1])
            client.say("AUTH CRAM-MD5")
            assert client.say(b64("no space or digest")).startswith("535")
        assert len(asked) == 3

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "xoauth2", "OAUTHBEARER"])
    @pytest.mark.parametrize("steps", [1, 2])
    def test_a_token_is_a_password(self, sink, mechanism, steps):
        """Tokens are checked like passwords, in one step or two, and show nowhere."""
        said = {
            "XOAUTH2": f"user=ann\1auth=Bearer {PASSWORD}\1\1",
            "OAUTHBEARER": f"n,a=ann,\1host=x\1port=1\1auth=Bearer {PASSWORD}\1\1",
        }[mechanism.upper()]
        with Talk(sink, implicit=True) as client:
            client.hello()
            if steps == 2:
                assert client.say(f"AUTH {mechanism}") == "334 "
                assert client.say(b64(said)).startswith("235")
            else:
                assert client.say(f"AUTH {mechanism} ".encode() + b64(said)).startswith("235")
        (session,) = ended(sink)
        assert (session.login, session.mechanism) == ("ann", mechanism.upper())
        assert b64(said).decode() not in transcript(session)

    def test_a_long_token_fits(self, new_sink):
        """Tokens of real providers have thousands of octets (RFC 4954 section 4: 12,288)."""
        token = "t" * 8_000
        sink = new_sink(users={"ann": token})
        with Talk(sink, implicit=True) as client:
            client.hello()
            said = b"AUTH XOAUTH2 " + b64(f"user=ann\1auth=Bearer {token}\1\1")
            assert 10_000 < len(said) <= 12_288
            assert client.say(said).startswith("235")

    @pytest.mark.parametrize(
        ("mechanism", "said", "answer", "key"),
        [
            ("XOAUTH2", "user=ann\1auth=Bearer bad\1\1", b"", "status"),
            ("OAUTHBEARER", "n,a=ann,\1auth=Bearer bad\1\1", b"AQ==", "status"),
            ("XOAUTH2", "nonsense", b"", "schemes"),
            ("OAUTHBEARER", "n,,\1auth=Basic x\1\1", b"AQ==", "scope"),
        ],
    )
    def test_a_bad_token_is_explained_before_it_is_refused(
        self, sink, mechanism, said, answer, key
    ):
        """The client reads why as JSON, answers, and gets 535 (RFC 7628 section 3.2.3)."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            reply = client.say(f"AUTH {mechanism} ".encode() + b64(said))
            assert key in json.loads(b64decode(reply.removeprefix("334 ")))
            assert client.say(answer).startswith("535 5.7.8")
            assert client.say("NOOP").startswith("250")

    def test_an_answer_that_is_too_long_ends_the_login_not_the_session(self, sink):
        """RFC 4954 section 4: 500 5.5.6, and the next line is a command again."""
        with Talk(sink, implicit=True) as client:
            client.hello()
            client.say("AUTH LOGIN")
            assert client.say(b"A" * 70_000).startswith("500 5.5.6")
            assert client.say("NOOP").startswith("250")

    def test_the_mechanisms_can_be_chosen(self, new_sink):
        """Only those are offered and taken, in their usual order."""
        sink = new_sink(mechanisms=["xoauth2", "PLAIN"])
        with Talk(sink, implicit=True) as client:
            assert offered(client.hello())["AUTH"] == "AUTH PLAIN XOAUTH2"
            assert client.say("AUTH LOGIN").startswith("504 5.5.4")
            client.log_in("x", "y")

    @pytest.mark.parametrize("mechanism", MECHANISMS)
    def test_a_function_may_decide(self, new_sink, mechanism):
        """It gets the name, the mechanism and a way to compare, and never a password."""
        seen = []

        def judge(login):
            seen.append(login)
            return login.username == "ann" and login.proves(PASSWORD)

        lines = {
            "PLAIN": [b"AUTH PLAIN " + plain("ann", PASSWORD)],
            "LOGIN": [b"AUTH LOGIN", b64("ann"), b64(PASSWORD)],
            "XOAUTH2": [b"AUTH XOAUTH2 " + b64(f"user=ann\1auth=Bearer {PASSWORD}\1\1")],
            "OAUTHBEARER": [b"AUTH OAUTHBEARER " + b64(f"n,a=ann,\1auth=Bearer {PASSWORD}\1\1")],
        }
        sink = new_sink(users=judge)
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say("MAIL FROM:<a@example.com>").startswith("530")
            if mechanism == "CRAM-MD5":
                reply, _ = cram(client, "ann", PASSWORD)
            else:
                reply = [client.say(line) for line in lines[mechanism]][-1]
            assert reply.startswith("235")
        (login,) = seen
        assert (login.username, login.mechanism) == ("ann", mechanism)
        assert PASSWORD not in f"{login!r}{login}"

    def test_a_function_that_fails_lets_nobody_in(self, new_sink, caplog):
        """Its error is logged, and the client hears nothing of it."""

        def judge(login):
            raise RuntimeError(f"no such user: {login.username}")

        with Talk(new_sink(users=judge), implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("454 4.7.0")
            assert client.say("MAIL FROM:<a@example.com>").startswith("530")
        assert PASSWORD not in caplog.text


class TestTakenAway:
    @pytest.mark.parametrize("name", OFFERS)
    def test_each_extension_can_be_taken_away(self, new_sink, name):
        """It is not offered any more, and everything else is."""
        gone = {"CHUNKING": {"CHUNKING", "BINARYMIME"}}.get(name, {name})
        sink = new_sink(without=[name.lower()])
        for door in ("starttls", "implicit"):
            with Talk(sink, door=door) as client:
                said = set(offered(client.hello()))
                missing = {"starttls": {"AUTH"}, "implicit": {"STARTTLS"}}[door]
                assert said == set(OFFERS) - gone - missing
                assert client.mail(b"hi\r\n").startswith("250")

    @pytest.mark.parametrize(
        ("name", "line", "code"),
        [
            ("CHUNKING", "BDAT 3 LAST", "500"),
            ("STARTTLS", "STARTTLS", "500"),
            ("AUTH", "AUTH LOGIN", "500"),
            ("HELP", "HELP", "500"),
            ("SIZE", "MAIL FROM:<a@example.com> SIZE=5", "555"),
            ("8BITMIME", "MAIL FROM:<a@example.com> BODY=8BITMIME", "555"),
            ("BINARYMIME", "MAIL FROM:<a@example.com> BODY=BINARYMIME", "501"),
            ("SMTPUTF8", "MAIL FROM:<a@example.com> SMTPUTF8", "501"),
            ("DSN", "MAIL FROM:<a@example.com> RET=FULL", "555"),
            ("AUTH", "MAIL FROM:<a@example.com> AUTH=<>", "555"),
        ],
    )
    def test_what_is_not_offered_is_not_taken(self, new_sink, name, line, code):
        """A client that uses it all the same is refused."""
        with Talk(new_sink(without=[name])) as client:
            client.hello()
            assert client.say(line).startswith(code)

    def test_replies_lose_their_enhanced_codes(self, new_sink):
        """Without ENHANCEDSTATUSCODES a reply has three digits and words (RFC 2034)."""
        with Talk(new_sink(offers=["SIZE"])) as client:
            assert set(offered(client.hello())) == {"SIZE"}
            assert client.say("MAIL FROM:<a@example.com>") == "250 OK"
            assert client.say("RCPT TO:<>").startswith("553 Error")
            assert client.say("DATA").startswith("503 Error")

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("without", ["FOO"], "without: 'FOO' is not known to the sink; known are SIZE, 8BITMIME"),
            ("offers", "SIZE", "offers: is no list of names; give a list of some of SIZE"),
            ("mechanisms", ["NTLM"], "mechanisms: 'NTLM' is not known to the sink; known are PLAIN"),
            ("mechanisms", 5, "mechanisms: is no list of names"),
            ("limits", 5, "limits: is a int; give Limits(recipients=10)"),
            ("login_required", {"front": True}, "login_required: 'front' is no door of the sink; its"),
            ("login_required", {"plain": 1}, "login_required: says neither yes nor no"),
            ("login_required", "yes", "login_required: says neither yes nor no"),
            ("plain_port", -1, "plain_port: -1 is not between 0 and 65535"),
        ],
    )  # fmt: skip
    def test_a_value_that_cannot_be_is_a_sentence(self, tmp_path, name, value, wanted):
        """Each names the argument, the problem and the way out."""
        with pytest.raises(InputError) as error:
            lab.Sink(tmp_path / "mail.sqlite3", **{name: value})
        assert str(error.value).startswith(wanted)


class TestDsnAndSize:
    def test_what_a_client_asks_of_notifications_is_kept(self, sink, new_sink):
        """RET, ENVID, NOTIFY and ORCPT (RFC 3461) and SIZE stand with the message, as said."""
        sink = new_sink()
        with Talk(sink) as client:
            client.hello()
            assert client.say(
                "MAIL FROM:<a@example.com> SIZE=4 RET=hdrs ENVID=QQ+2B314 body=8bitmime"
            ).startswith("250 2.1.0")
            assert client.say(
                "RCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.com"
            ).startswith("250 2.1.5")
            assert client.say("RCPT TO:<c@example.com>").startswith("250")
            assert client.say("RCPT TO:<d@example.com> notify=never").startswith("250")
            client.say("DATA")
            client.send(b"hi\r\n.\r\n")
            assert client.reply().startswith("250")
        (session,) = ended(sink)
        assert "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.com" in transcript(session)
        (message,) = sink.archive.messages()
        assert message.mail_options == ("SIZE=4", "RET=hdrs", "ENVID=QQ+2B314", "BODY=8BITMIME")
        assert message.rcpt_options == (
            ("NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;b@example.com"),
            (),
            ("NOTIFY=never",),
        )

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("MAIL FROM:<a@example.com> RET=ALL", "501"),
            ("MAIL FROM:<a@example.com> RET=FULL RET=FULL", "501"),
            ("MAIL FROM:<a@example.com> ENVID=+xx", "501"),
            ("MAIL FROM:<a@example.com> ENVID=" + "x" * 101, "501"),
            ("MAIL FROM:<a@example.com> SIZE=²", "501"),
            ("MAIL FROM:<a@example.com> SIZE=\N{ARABIC-INDIC DIGIT FIVE}", "501"),
            ("MAIL FROM:<a@example.com> SIZE=-1", "501"),
            ("MAIL FROM:<a@example.com> SIZE=99999999999999999999", "552"),
            ("MAIL FROM:<a@example.com> FOO=1", "555"),
            ("MAIL FROM:<a@example.com> NOTIFY=NEVER", "555"),
            ("RCPT TO:<a@example.com> NOTIFY=NEVER,SUCCESS", "501"),
            ("RCPT TO:<a@example.com> NOTIFY=", "501"),
            ("RCPT TO:<a@example.com> ORCPT=nothing", "501"),
            ("RCPT TO:<a@example.com> RET=FULL", "555"),
        ],
    )
    def test_a_parameter_that_cannot_be_is_refused(self, sink, line, code):
        """Malformed values get 501, unknown keywords 555."""
        with Talk(sink, door="plain") as client:
            client.hello()
            client.log_in()
            if line.startswith("RCPT"):
                client.say("MAIL FROM:<a@example.com>")
            assert client.say(line).startswith(code)


class TestChunking:
    @pytest.mark.parametrize("cut", [None, 1, 7])
    def test_a_message_in_pieces_is_one(self, new_sink, cut):
        """BDAT pieces are put together; nothing in them is a line, a dot or an end."""
        sink = new_sink()
        pieces = [b"Subject: x\r\n", b"", b"\r\n.\r\n..\r\n\0", b"end without line end"]
        wire = b"MAIL FROM:<a@example.com> BODY=BINARYMIME\r\nRCPT TO:<b@example.com>\r\n"
        wire += b"".join(b"BDAT %d\r\n" % len(p) + p for p in pieces) + b"BDAT 0 LAST\r\n"
        with Talk(sink) as client:
            client.hello()
            for at in range(0, len(wire), cut or len(wire)):
                client.send(wire[at : at + (cut or len(wire))])
            assert [client.reply()[:3] for _ in range(7)] == ["250"] * 7
            assert client.say("BDAT 2 last\r\nhi"[:-2]).startswith("503")
        (message,) = sink.archive.messages()
        assert message.raw == b"".join(pieces)
        assert message.mail_options == ("BODY=BINARYMIME",)

    def test_binary_mail_cannot_be_sent_with_data(self, new_sink):
        """BODY=BINARYMIME needs BDAT (RFC 3030 section 3)."""
        with Talk(new_sink()) as client:
            client.hello()
            client.say("MAIL FROM:<a@example.com> BODY=BINARYMIME")
            client.say("RCPT TO:<b@example.com>")
            assert client.say("DATA").startswith("503 5.5.1")
            client.send(b"BDAT 3 LAST\r\n\0\n\r")
            assert client.reply().startswith("250")


class TestReplies:
    def test_every_reply_has_its_enhanced_code(self, sink):
        """All but the greeting and the answers to HELO and EHLO (RFC 2034 section 4)."""
        lines = ["NOOP", "VRFY ann", "RSET", "EXPN x", "FOO", "DATA", "MAIL FROM:<>", "RCPT TO:<b@example.com>",
                 "RCPT TO:<>", "MAIL FROM:<x@example.com>", "AUTH FOO", "HELP", "BDAT 0", "QUIT"]  # fmt: skip
        with Talk(sink, door="plain") as client:
            client.hello()
            client.log_in()
            replies = [client.say(line) for line in lines]
        for reply in replies:
            assert reply[4] == reply[0], reply
            assert reply.split()[1].count(".") == 2, reply

    @pytest.mark.parametrize(
        "values",
        [
            {"errors": 0},
            {"idle": -1},
            {"rate": "fast"},
            {"message": True},
            {"logins": 1.5},
            {"idle": float("inf")},
        ],
    )
    def test_a_limit_is_a_number_above_zero(self, values):
        """Anything else is a sentence that names the limit."""
        (name,) = values
        with pytest.raises(
            InputError, match=rf"^{name}: is no (whole )?number above zero; give one"
        ):
            Limits(**values)

    def test_the_size_is_given_once(self, tmp_path):
        """max_size is short for one of the limits, and not given beside them."""
        with pytest.raises(InputError, match=r"^max_size: is given twice; give it as Limits\(mess"):
            lab.Sink(tmp_path / "mail.sqlite3", max_size=5, limits=Limits())


class TestSameServer:
    @pytest.mark.parametrize(
        "settings",
        [
            {"limits": Limits(errors=3)},
            {"without": ["CHUNKING", "dsn"]},
            {"mechanisms": ("PLAIN", "LOGIN")},
            {"users": print},
            {"login_required": {"plain": True}},
        ],
        ids=str,
    )
    def test_equal_settings_share_a_server_and_others_do_not(self, tmp_path, new_sink, settings):
        """However they are written."""
        first = new_sink(tmp_path / "mail.sqlite3", **settings)
        second = new_sink(tmp_path / "mail.sqlite3", **settings)
        third = new_sink(tmp_path / "mail.sqlite3")
        assert second.port == first.port
        assert third.port != first.port
