"""Logging in with a token: what goes over the wire, what is made of a refusal, what stays hidden."""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode

import pytest
from deliver.servers import Server, _ca_path, certificate, polite
from deliver.tokens import GOOD, TOKEN, Bearer, TokenEndpoint, account, challenge, takes_tokens

import smtp_lab as lab
from smtp_lab.config.secrets import Secret
from smtp_lab.deliver import sasl

TO = "bob@example.org"


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def endpoint():
    with TokenEndpoint() as running:
        yield running


def attempt(script, endpoint, **changes):
    with Server(script) as server:
        delivery = lab.send_test(account(server, endpoint.url, **changes), to=TO)
    return server, delivery


def long_token(octets=4000):
    return "t0" * (octets // 2)


class TestWhatIsSaid:
    def test_xoauth2(self, endpoint):
        """The user and the token, as Google describes it, and no password mechanism."""
        login = Bearer(TOKEN)
        server, delivery = attempt(takes_tokens(login), endpoint)
        assert delivery.ok
        assert login.logins == [f"user=ann@example.com\1auth=Bearer {TOKEN}\1\1"]
        assert server.verbs.count("AUTH") == 1

    def test_oauthbearer(self, endpoint):
        """User, host, port and token, as RFC 7628 has it."""
        login = Bearer(TOKEN)
        server, delivery = attempt(takes_tokens(login), endpoint, mechanism="OAUTHBEARER")
        assert delivery.ok
        where = f"host=127.0.0.1\1port={server.port}"
        assert login.logins == [f"n,a=ann@example.com,\1{where}\1auth=Bearer {TOKEN}\1\1"]

    def test_a_user_that_must_be_written_otherwise(self):
        """A comma and an equals sign in the user stand as RFC 5801 has them."""
        login = sasl.Login("a=b,c", Secret("t"), "h", 25)
        assert next(login.begin("OAUTHBEARER")).startswith(b"n,a=a=3Db=2Cc,\1")

    @pytest.mark.parametrize(
        ("offered", "wanted", "taken"),
        [
            ("AUTH PLAIN XOAUTH2 OAUTHBEARER", "auto", "XOAUTH2"),
            ("AUTH OAUTHBEARER XOAUTH2", "auto", "XOAUTH2"),
            ("AUTH OAUTHBEARER", "auto", "OAUTHBEARER"),
            ("AUTH xoauth2", "auto", "XOAUTH2"),
            ("AUTH XOAUTH2 OAUTHBEARER", "OAUTHBEARER", "OAUTHBEARER"),
            ("AUTH OAUTHBEARER", "XOAUTH2", None),
            ("AUTH PLAIN LOGIN", "auto", None),
        ],
    )
    def test_the_mechanism(self, endpoint, offered, wanted, taken):
        """Exactly one mechanism is used, the wanted or the first of ours that is offered."""
        server, delivery = attempt(takes_tokens(offers=offered), endpoint, mechanism=wanted)
        used = [line.split()[1].decode() for line in server.heard if line.startswith(b"AUTH")]
        assert used == ([taken] if taken else [])
        assert delivery.ok is bool(taken)
        if not taken:
            assert delivery.diagnosis.id == "auth_no_common_mech"

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_a_long_token_follows_an_empty_challenge(self, mechanism):
        """What would make AUTH longer than a command may be goes in a line of its own (RFC 4954)."""
        token = long_token()
        login = Bearer(token)
        with TokenEndpoint((200, GOOD | {"access_token": token})) as endpoint:
            server, delivery = attempt(takes_tokens(login), endpoint, mechanism=mechanism)
        assert delivery.ok
        at = server.heard.index(f"AUTH {mechanism}".encode())
        assert token in b64decode(server.heard[at + 1]).decode()
        assert all(len(line) + 2 <= 512 for line in server.heard if line.startswith(b"AUTH"))

    def test_the_longest_that_fits(self):
        """512 octets with the line end go in one line; one more, and it takes two."""
        assert sasl.fits("A" * 510)
        assert not sasl.fits("A" * 511)

    @pytest.mark.skipif(sys.platform != "linux", reason="0.0.0.0 is this machine on Linux only")
    def test_no_token_in_plain_text_beyond_this_machine(self, endpoint):
        """When TLS is hoped for in vain, the token stays here."""
        script = polite(before=("AUTH XOAUTH2",), replies={"AUTH": Bearer()})
        with Server(script) as server:
            profile = account(server, endpoint.url)
            connection = profile.connection.replace(host="0.0.0.0", security="tls-if-offered")
            delivery = lab.send_test(
                profile.replace(connection=connection).with_secrets(**profile.secrets), to=TO
            )
        assert server.verbs == ["EHLO"]
        assert (delivery.diagnosis.id, delivery.stage) == ("plain_text_login", "auth")

    def test_without_security_it_is_refused_beforehand(self, endpoint):
        """A profile that would send the token in plain text never gets one."""
        connection = account(587, endpoint.url).connection.replace(
            host="mx.example.com", security="none"
        )
        profile = lab.Profile(name="ann", sender="ann@example.com", connection=connection)
        with pytest.raises(lab.InputError, match="none would send the token in plain text"):
            lab.send_test(profile, to=TO)
        assert endpoint.asked == []


class TestRefusals:
    @pytest.mark.parametrize(("mechanism", "answer"), [("XOAUTH2", b""), ("OAUTHBEARER", b"AQ==")])
    @pytest.mark.parametrize("token", [TOKEN, long_token()])
    def test_the_reason_is_decoded_and_kept(self, mechanism, answer, token):
        """The challenge is answered as the mechanism wants, noted in clear, and diagnosed first."""
        login = Bearer("another")
        with TokenEndpoint((200, GOOD | {"access_token": token})) as endpoint:
            server, delivery = attempt(takes_tokens(login), endpoint, mechanism=mechanism)
        assert login.after == [answer]
        assert server.verbs.count("AUTH") == 1
        assert (delivery.stage, delivery.diagnosis.id) == ("auth", "sasl_token_invalid")
        assert json.loads(delivery.diagnosis.raw)["status"] == "401"
        notes = [line.text for line in delivery.transcript if line.direction == "*"]
        assert any("the server says of the token" in n and '"status": "401"' in n for n in notes)
        assert "535 5.7.8 Username and Password not accepted" in str(delivery)
        assert delivery.token is not None

    @pytest.mark.parametrize(
        ("said", "wanted"),
        [
            (challenge(status="invalid_token", scope="x"), "sasl_token_invalid"),
            (challenge(status="insufficient_scope", scope="x"), "sasl_scope"),
            (challenge(status="something_new"), "bad_credentials"),
            ("334 not base64 at all", "bad_credentials"),
            ("334 " + b64encode(b"\xff\xfe\x00\x1b[31m").decode(), "bad_credentials"),
            ("334 ", "bad_credentials"),
            ("", "bad_credentials"),
        ],
        ids=["token", "scope", "unknown", "no base64", "binary", "empty", "none"],
    )
    def test_whatever_the_challenge_is(self, endpoint, said, wanted):
        """A known challenge explains the failure; else the reply after it does."""
        _, delivery = attempt(takes_tokens(Bearer("another", refusal=said)), endpoint)
        assert delivery.diagnosis.id == wanted
        assert "\x1b" not in str(delivery)

    def test_microsoft_s_way(self, endpoint):
        """A plain 535 without a challenge is one refusal, too."""

        def refuse(conn, _line):
            conn.send("535 5.7.3 Authentication unsuccessful [SERVER.example.com]")

        server, delivery = attempt(takes_tokens(refuse), endpoint)
        assert delivery.stage == "auth"
        assert delivery.diagnosis.raw.startswith("535 5.7.3")
        assert server.verbs.count("AUTH") == 1

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_a_server_that_asks_without_end(self, endpoint, mechanism):
        """The exchange is cancelled when there is nothing left to say."""

        def ask(conn, _line):
            while conn.line() != b"*":
                conn.send("334 ")
            conn.send("501 5.7.0 cancelled")

        def begin(conn, line):
            conn.send("334 ")
            ask(conn, line)

        server, delivery = attempt(takes_tokens(begin), endpoint, mechanism=mechanism)
        assert b"*" in server.heard
        assert delivery.stage == "auth"
        assert not delivery.ok

    def test_a_token_that_was_refused_is_not_used_again(self, endpoint):
        """send() takes the kept token, but not one a server refused; there is no second attempt."""
        login = Bearer("another")
        with Server(takes_tokens(login)) as server:
            profile = account(server, endpoint.url)
            message = _message()
            for _ in range(2):
                with pytest.raises(lab.DeliveryError):
                    lab.send(message, profile=profile)
            assert server.verbs.count("AUTH") == 2
            login.good = ()
            lab.send(message, profile=profile)
            lab.send(message, profile=profile)
        assert len(endpoint.asked) == 3

    @pytest.mark.parametrize("cut", [400, 100, 64])
    def test_a_server_that_sends_the_login_back(self, cut):
        """An echo, whole, decoded, cut off or in parts, is masked."""
        token = TOKEN + long_token(2000)

        def echo(conn, line):
            conn.send("334 ")
            login = conn.line()
            clear = b64decode(login)
            parts = [
                text[at : at + cut] for text in (login, clear) for at in range(0, len(text), cut)
            ]
            parts += [
                login.upper(),
                clear[-30:],
                b64encode(token.encode()),
                token.encode().hex().encode(),
            ]
            parts = [part.replace(b"\1", b" ") for part in parts]
            conn.send(
                *(b"535-" + part for part in parts), b"535 5.7.8 " + clear[:90].replace(b"\1", b" ")
            )

        with TokenEndpoint((200, GOOD | {"access_token": token})) as endpoint:
            _, delivery = attempt(takes_tokens(echo), endpoint)
        shown = json.dumps(delivery.to_dict()) + str(delivery) + delivery._repr_html_()
        forms = (
            token,
            b64encode(token.encode()).decode(),
            b64encode(f"user=ann@example.com\1auth=Bearer {token}\1\1".encode()).decode(),
        )
        pieces = {form[at : at + 16] for form in forms for at in range(len(form) - 15)}
        assert not any(shown[at : at + 16] in pieces for at in range(len(shown)))
        assert delivery.diagnosis.id == "bad_credentials"


class TestPasswords:
    @pytest.mark.parametrize("octets", [300, 600])
    def test_a_long_password_follows_an_empty_challenge(self, octets):
        """AUTH PLAIN keeps to the length of a command, too."""
        login = []

        def plain(conn, line):
            words = line.split(b" ")
            if len(words) == 2:
                conn.send("334 ")
                words.append(conn.line())
            login.append((len(line.split(b" ")), b64decode(words[2])))
            conn.send("235 ok")

        password = "p" * octets
        script = polite(tls=certificate(), replies={"AUTH": plain})
        with Server(script) as server:
            from deliver.servers import profile

            auth = lab.BasicAuth(username="ann", password=password)
            assert lab.send_test(profile(server, auth=auth), to=TO).ok
        assert login == [(3 if octets == 300 else 2, f"\0ann\0{password}".encode())]


def _message():
    from email.message import EmailMessage

    message = EmailMessage()
    message["To"], message["Subject"] = TO, "x"
    message.set_content("hi\n")
    return message
