"""Tokens of everyone but Microsoft: each grant, each refusal, and what a bad endpoint can do."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from base64 import b64decode
from email.message import EmailMessage
from urllib.parse import unquote_plus

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from deliver.servers import Server, _ca_path, certificate
from deliver.tokens import GOOD, Bearer, TokenEndpoint, account, jwt, takes_tokens

import smtp_lab as lab
from smtp_lab.deliver import access_token

TO = "bob@example.org"


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def server():
    with Server(takes_tokens(Bearer())) as running:
        yield running


def a_message():
    message = EmailMessage()
    message["To"], message["Subject"] = TO, "x"
    message.set_content("hi\n")
    return message


def pem(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class TestGrants:
    def test_client_credentials(self, server):
        """The secret goes in the header, form-encoded before base64, as RFC 6749 2.3.1 has it."""
        secret = "s:e&c r+é/%"
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url, client_id="my app", client_secret=secret)
            delivery = lab.send_test(profile, to=TO)
        assert delivery.ok
        (asked,) = endpoint.asked
        assert asked.form == {"grant_type": "client_credentials", "scope": "mail.send"}
        both = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
        assert [unquote_plus(part) for part in both.split(":")] == ["my app", secret]

    def test_several_scopes_and_none(self, server):
        """Scopes are separated by spaces; without any there is no such parameter."""
        with TokenEndpoint() as endpoint:
            for scopes in (("a", "b"), ()):
                assert lab.send_test(account(server, endpoint.url, scopes=scopes), to=TO).ok
        assert [form.get("scope") for form in endpoint.forms] == ["a b", None]

    def test_refresh_token(self, server):
        """The given token is used, then what the endpoint gives in its place, then a new given one."""
        answers = [(200, GOOD | {"refresh_token": text}) for text in ("second", "third", "fourth")]
        with TokenEndpoint(*answers) as endpoint:
            profile = account(
                server,
                endpoint.url,
                grant="refresh_token",
                refresh_token="first",
                client_secret=None,
            )
            for _ in range(2):
                assert lab.send_test(profile, to=TO).ok
            auth = profile.connection.auth.replace(refresh_token="typed anew")
            again = profile.replace(connection=profile.connection.replace(auth=auth))
            assert lab.send_test(again, to=TO).ok
        assert [f["refresh_token"] for f in endpoint.forms] == ["first", "second", "typed anew"]
        assert {f["client_id"] for f in endpoint.forms} == {"app"}

    def test_a_refresh_token_that_stays(self, server):
        """An endpoint that gives no other refresh token means the same again."""
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url, grant="refresh_token", refresh_token="first")
            for _ in range(2):
                assert lab.send_test(profile, to=TO).ok
        assert [form["refresh_token"] for form in endpoint.forms] == ["first", "first"]

    def test_service_account(self, server):
        """A JWT is signed as Google wants it, and verifies with the public key (RFC 7523)."""
        key = rsa.generate_private_key(65537, 2048)
        with TokenEndpoint() as endpoint:
            profile = account(
                server,
                endpoint.url,
                grant="service_account",
                client_id="robot@example.com",
                client_secret=None,
                service_account_key=pem(key),
                scopes=("https://mail.google.com/",),
            )
            assert lab.send_test(profile, to=TO).ok
        (asked,) = endpoint.asked
        assert asked.form.keys() == {"grant_type", "assertion"}
        assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert "Authorization" not in asked.headers
        claims = pyjwt.decode(
            asked.form["assertion"], key.public_key(), algorithms=["RS256"], audience=endpoint.url
        )
        assert claims["iss"] == "robot@example.com"
        assert claims["sub"] == "ann@example.com"
        assert claims["scope"] == "https://mail.google.com/"
        assert claims["exp"] - claims["iat"] == 3600

    @pytest.mark.parametrize(
        "key",
        [
            "junk",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            '{"private_key": "x"}',
            pem(ec.generate_private_key(ec.SECP256R1())),
            pem(rsa.generate_private_key(65537, 2048))[:400],
        ],
        ids=["junk", "dashes", "json", "elliptic", "half"],
    )
    def test_a_key_that_is_none(self, server, key):
        """A private key that cannot be used is one sentence, and nobody is asked."""
        with TokenEndpoint() as endpoint:
            profile = account(
                server, endpoint.url, grant="service_account", service_account_key=key
            )
            with pytest.raises(lab.InputError) as caught:
                lab.send_test(profile, to=TO)
        assert "service_account_key: is no PEM of an RSA private key" in str(caught.value)
        assert str(caught.value).count(".") <= 6
        assert endpoint.asked == []

    @pytest.mark.parametrize(
        ("grant", "field"),
        [
            ("client_credentials", "client_secret"),
            ("refresh_token", "refresh_token"),
            ("service_account", "service_account_key"),
        ],
    )
    def test_a_secret_that_is_not_known(self, server, grant, field):
        """What is missing for the grant is named with the variable that could give it."""
        profile = account(server, "https://login.example.com/token", grant=grant)
        profile = profile.without_secrets()
        with pytest.raises(lab.InputError) as caught:
            lab.send_test(profile, to=TO)
        assert f"connection.auth.{field}: of profile ann is not known" in str(caught.value)
        assert f"SMTP_LAB_PROFILES__ANN__{field.upper()}" in str(caught.value)

    def test_a_profile_without_tokens_has_none(self):
        """Asking for the token of a password login is one sentence."""
        connection = lab.SmtpConnection(host="mx.example.com")
        profile = lab.Profile(name="ann", sender="ann@example.com", connection=connection)
        with pytest.raises(lab.InputError, match=r"connection\.auth\.type: of profile ann is none"):
            access_token(profile)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "wanted"),
        [
            (401, "invalid_client", "google_invalid_client"),
            (400, "invalid_grant", "oauth_invalid_grant"),
            (400, "invalid_request", "oauth_invalid_request"),
            (400, "unauthorized_client", "oauth_unauthorized_client"),
            (400, "unsupported_grant_type", "oauth_unsupported_grant"),
            (400, "invalid_scope", "oauth_invalid_scope"),
            (400, "invalid_target", "oauth_invalid_target"),
            (400, "interaction_required", "oauth_interaction_required"),
            (500, "server_error", "oauth_server_error"),
            (503, "temporarily_unavailable", "oauth_server_error"),
            (200, "invalid_grant", "oauth_invalid_grant"),
            (400, "something_new", "unknown"),
        ],
    )
    def test_each_error_of_the_standard(self, server, status, error, wanted):
        """The errors of RFC 6749 section 5.2 and their kin are diagnosed, whatever their status."""
        body = {"error": error, "error_description": "as it is", "error_uri": "https://x.example"}
        with TokenEndpoint((status, body)) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        found = delivery.diagnosis
        assert (delivery.stage, found.id) == ("oauth", wanted)
        assert json.loads(found.raw) == body
        notes = [line.text for line in delivery.transcript]
        assert any(
            f"POST {endpoint.host} (client_credentials): HTTP {status} in" in n for n in notes
        )
        assert all(line.stage == "oauth" for line in delivery.transcript)
        assert "there was no token to log in with" in delivery.sentence
        assert server.connections == 0
        assert len(endpoint.asked) == 1

    def test_google_s_own(self, server):
        """A body of Google's is explained as Google's."""
        body = {
            "error": "invalid_grant",
            "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and"
            " in a reasonable timeframe.",
        }
        with TokenEndpoint((400, body)) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert (
            lab.diagnose(delivery.diagnosis.raw, provider="gmail", on="oauth").id
            == "google_jwt_clock"
        )

    @pytest.mark.parametrize(
        ("answer", "wanted"),
        [
            ((404, "<h1>not here</h1>"), "token_not_an_endpoint"),
            ((200, "<h1>Log in to the airport's network</h1>"), "token_not_an_endpoint"),
            ((403, {"message": "no"}), "token_not_an_endpoint"),
            ((429, "<h1>slow</h1>"), "token_busy"),
            ((503, "<h1>away</h1>"), "token_busy"),
            ((503, {"message": "away"}), "token_busy"),
            ((200, {}), "token_not_in_answer"),
            ((200, {"access_token": ""}), "token_not_in_answer"),
            ((200, {"access_token": 7}), "token_not_in_answer"),
            ((200, {"access_token": "a\r\nRCPT TO:<eve@example.com>"}), "token_not_in_answer"),
            ((200, {"access_token": "ä"}), "token_not_in_answer"),
            ((200, ["access_token"]), "token_not_an_endpoint"),
            ((200, GOOD | {"token_type": "mac"}), "token_not_in_answer"),
            ((200, GOOD | {"expires_in": "soon"}), "token_not_in_answer"),
            ((302, "<h1>elsewhere</h1>"), "token_redirected"),
            ((200, {"access_token": "x" * 2_000_000}), "token_not_in_answer"),
            ((200, "[" * 200_000), "token_not_an_endpoint"),
            ((400, {"error": "invalid_grant", "more": "x" * 500_000}), "oauth_invalid_grant"),
        ],
        ids=lambda value: value if isinstance(value, str) else f"{value[0]}",
    )
    def test_answers_that_are_no_tokens(self, server, answer, wanted):
        """Whatever the endpoint sends is survived, and named."""
        with TokenEndpoint(answer) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert (delivery.stage, delivery.diagnosis.id) == ("oauth", wanted)
        assert server.connections == 0
        assert len(str(delivery)) < 10_000

    def test_a_redirect_gets_no_secret(self, server):
        """Where a token endpoint leads elsewhere, nothing is sent there."""
        with TokenEndpoint() as elsewhere:

            def lead(handler):
                handler.say(307, "there", Location=elsewhere.url)

            with TokenEndpoint(lead) as endpoint:
                delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert delivery.diagnosis.id == "token_redirected"
        assert elsewhere.asked == []

    def test_send_raises_with_the_delivery(self, server):
        """send() gives a DeliveryError as for any other failure."""
        with (
            TokenEndpoint((400, {"error": "invalid_grant"})) as endpoint,
            pytest.raises(lab.DeliveryError) as caught,
        ):
            lab.send(a_message(), profile=account(server, endpoint.url))
        assert caught.value.delivery.stage == "oauth"

    def test_access_token_raises(self, server):
        """access_token() gives a TokenError that says who was asked."""
        with (
            TokenEndpoint((400, {"error": "invalid_grant"})) as endpoint,
            pytest.raises(lab.TokenError) as caught,
        ):
            access_token(account(server, endpoint.url))
        assert caught.value.host == endpoint.host
        assert caught.value.diagnosis.id == "oauth_invalid_grant"
        assert str(caught.value).startswith(f"No token from {endpoint.host}: ")

    def test_an_outcome_is_noted_in_the_book(self, server):
        """A test that got no token stands in the health of a saved profile."""
        book = lab.ProfileBook.open()
        with TokenEndpoint((400, {"error": "invalid_grant"})) as endpoint:
            book.save(account(server, endpoint.url))
            lab.send_test("ann", to=TO)
        assert book.health("ann").diagnosis == "oauth_invalid_grant"


def silent(_handler):
    time.sleep(3)


def hang_up(handler):
    handler.connection.close()


def half(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.02)


class TestNetwork:
    @pytest.mark.parametrize(
        ("answer", "wanted"),
        [
            (silent, "token_timeout"),
            (drip, "token_timeout"),
            (hang_up, "token_hung_up"),
            (half, "token_hung_up"),
        ],
    )
    def test_endpoints_that_do_not_answer(self, server, answer, wanted):
        """Silence, drops one by one and broken connections come to an end with a diagnosis."""
        with TokenEndpoint(answer) as endpoint:
            profile = account(server, endpoint.url)
            connection = profile.connection.replace(timeout=0.1)
            delivery = lab.send_test(profile.replace(connection=connection), to=TO)
        assert (delivery.stage, delivery.diagnosis.id) == ("oauth", wanted)
        assert delivery.diagnosis.temporary

    @pytest.mark.parametrize(
        ("make", "wanted"),
        [
            (lambda: certificate("localhost", expired=True), "token_tls"),
            (lambda: certificate("other.example"), "token_tls"),
            (lambda: certificate("localhost", signed=False), "token_tls"),
        ],
        ids=["expired", "wrong name", "unknown authority"],
    )
    def test_a_bad_certificate(self, server, make, wanted):
        """No secret goes to an endpoint that cannot show who it is."""
        with TokenEndpoint(tls=make()) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert delivery.diagnosis.id == wanted
        assert endpoint.asked == []

    def test_nobody_there(self, server):
        """A port nobody listens on, a host nobody has, and no TLS where it should be."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for url, wanted in (
            (f"https://127.0.0.1:{port}/token", {"token_unreachable"}),
            ("https://no-such-host.invalid/token", {"token_no_name"}),
            (f"https://127.0.0.1:{server.port}/token", {"token_tls", "token_timeout"}),
        ):
            delivery = lab.send_test(account(server, url), to=TO)
            assert delivery.diagnosis.id in wanted
            assert delivery.stage == "oauth"

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_the_authorities(self, server, monkeypatch, tmp_path, name):
        """What the environment names is used; what cannot be is one sentence."""
        for one in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(one, raising=False)
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url)
            assert lab.send_test(profile, to=TO).diagnosis.id == "token_tls"
            monkeypatch.setenv(name, _ca_path())
            assert lab.send_test(profile, to=TO).ok
            monkeypatch.setenv(name, str(tmp_path / "none.pem"))
            with pytest.raises(lab.InputError, match=rf"{name}: .*none\.pem cannot be read \(No"):
                lab.send_test(profile, to=TO)
            (tmp_path / "text.pem").write_text("no certificate")
            monkeypatch.setenv(name, str(tmp_path / "text.pem"))
            with pytest.raises(lab.InputError, match=rf"{name}: .* holds no certificate"):
                lab.send_test(profile, to=TO)

    def test_netrc_is_not_used(self, server, monkeypatch, tmp_path):
        """A password for the host in .netrc stays at home."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine localhost login eve password from-netrc\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        with TokenEndpoint() as endpoint:
            profile = account(
                server,
                endpoint.url,
                grant="refresh_token",
                refresh_token="r",
                client_secret=None,
            )
            assert lab.send_test(profile, to=TO).ok
        assert "Authorization" not in endpoint.asked[0].headers

    def test_the_proxy_of_the_environment(self, server, monkeypatch):
        """HTTPS_PROXY leads to the endpoint, and is left alone where NO_PROXY says so."""
        with TokenEndpoint() as endpoint, Proxy() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://eve:hidden@127.0.0.1:{proxy.port}")
            profile = account(server, endpoint.url)
            delivery = lab.send_test(profile, to=TO)
            assert delivery.ok
            assert proxy.led_to == [endpoint.host]
            assert "hidden" not in str(delivery)
            monkeypatch.setenv("NO_PROXY", "localhost")
            assert lab.send_test(profile, to=TO).ok
            assert proxy.led_to == [endpoint.host]

    def test_a_proxy_that_refuses(self, server, monkeypatch):
        """Its refusal is told as what it is."""
        with TokenEndpoint() as endpoint, Proxy(refuse=True) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert delivery.diagnosis.id == "token_proxy"
        assert endpoint.asked == []


class Proxy:
    """A real CONNECT proxy for one connection after the other."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.led_to: list[str] = []
        self._refuse = refuse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        where = head.split(b" ")[1].decode()
        if self._refuse:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            client.close()
            return
        self.led_to.append(where)
        host, _, port = where.partition(":")
        with socket.create_connection((host, int(port)), 10) as upstream:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
            back.start()
            _pump(client, upstream)
            back.join(10)


def _pump(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


class TestDelivery:
    def test_it_says_what_the_token_is(self, server):
        """Claims are in the Delivery, its data and its HTML, escaped; the token is not."""
        token = jwt(aud="<b>mail</b>", roles=["SMTP.SendAsApp"], azp="app", scp="a b")
        with TokenEndpoint((200, GOOD | {"access_token": token})) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert delivery.token.audience == ("<b>mail</b>",)
        assert delivery.to_dict()["token"]["roles"] == ["SMTP.SendAsApp"]
        json.dumps(delivery.to_dict())
        html = delivery._repr_html_()
        assert "&lt;b&gt;mail&lt;/b&gt;" in html
        assert "SMTP.SendAsApp" in html
        assert "<b>mail" not in html
        assert token.split(".")[1] not in html + str(delivery)

    def test_an_opaque_token(self, server):
        """Of a token that cannot be read the answer's own words are shown."""
        answer = {"access_token": "opaque", "token_type": "bearer", "scope": "mail.send"}
        with TokenEndpoint((200, answer | {"expires_in": "3600"})) as endpoint:
            delivery = lab.send_test(account(server, endpoint.url), to=TO)
        assert delivery.ok
        assert delivery.token.opaque
        assert delivery.token.scopes == ("mail.send",)
        assert delivery.token.expires_at is not None

    def test_a_delivery_by_password_has_none(self, sink):
        """Where no token was used, nothing is said of one."""
        delivery = lab.send_test(sink.profile(), to=TO)
        assert delivery.token is None
        assert delivery.to_dict()["token"] is None

    def test_the_test_mail_names_the_mechanism(self, server):
        """The test mail says how it was logged in."""
        with TokenEndpoint() as endpoint:
            profile = account(server, endpoint.url, mechanism="XOAUTH2")
            assert b"XOAUTH2" in lab.send_test(profile, to=TO).raw

    def test_plain_http_on_this_machine(self, server):
        """A token endpoint on loopback may do without TLS, for a lab."""
        answer = json.dumps(GOOD).encode()

        def script(conn):
            while conn.line():
                pass
            conn.send(
                "HTTP/1.1 200 OK",
                "Content-Type: application/json",
                f"Content-Length: {len(answer)}",
                "",
            )
            conn.sock.sendall(answer)

        with Server(script) as plain:
            url = f"http://127.0.0.1:{plain.port}/token"
            assert lab.send_test(account(server, url), to=TO).ok
