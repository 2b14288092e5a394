"""Logging in as a person: what is shown, what is pasted, and how it can fail."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

import pytest
from deliver.servers import Server, _ca_path
from deliver.tokens import (
    GOOD,
    Bearer,
    TokenEndpoint,
    account,
    at_microsoft,
    jwt,
    takes_tokens,
)

import smtp_lab as lab
from smtp_lab.config import connection
from smtp_lab.deliver import access_token
from smtp_lab.deliver.oauth import others

TO = "bob@example.org"
DEVICE = {
    "device_code": "the device's own code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://login.example.com/device",
    "expires_in": 900,
    "interval": 0.01,
}
PENDING = (400, {"error": "authorization_pending"})
TOKENS = (200, GOOD | {"refresh_token": "refresh"})


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def server():
    with Server(takes_tokens(Bearer())) as running:
        yield running


def by_code(server, endpoint, **changes):
    more = {"grant": "device_code", "device_url": f"https://{endpoint.host}/device"}
    return account(server, endpoint.url, **({"client_secret": None} | more | changes))


def by_page(server, endpoint, **changes):
    more = {"grant": "authorization_code", "auth_url": f"https://{endpoint.host}/authorize?x=1"}
    return account(server, endpoint.url, **({"client_secret": None} | more | changes))


def a_message():
    message = EmailMessage()
    message["To"], message["Subject"] = TO, "x"
    message.set_content("hi\n")
    return message


class TestDevice:
    def test_it_says_where_to_go(self, server):
        """The page, the code and the time are shown, in text and HTML; the device's code is not."""
        with TokenEndpoint((200, DEVICE)) as endpoint:
            login = lab.log_in(by_code(server, endpoint))
        assert (login.url, login.code) == (DEVICE["verification_uri"], "WDJB-MJHT")
        assert str(login).startswith("Open https://login.example.com/device, type WDJB-MJHT until ")
        html = login._repr_html_()
        assert '<a href="https://login.example.com/device" target="_blank"' in html
        assert "noopener" in html
        assert "WDJB-MJHT" in html
        assert repr(login) == "<LogIn of ann: waiting>"
        (form,) = endpoint.forms
        assert form == {"client_id": "app", "scope": "mail.send"}

    def test_waiting(self, server):
        """It asks until the token is there, keeps it, and mail goes out without anybody."""
        answers = [
            (200, DEVICE),
            PENDING,
            (400, {"error": "authorization_pending"}),
            TOKENS,
            TOKENS,
        ]
        with TokenEndpoint(*answers) as endpoint:
            profile = by_code(server, endpoint)
            login = lab.log_in(profile)
            claims = login.wait(timeout=10)
            assert login.done
            assert "is logged in" in str(login)
            assert "is logged in" in login._repr_html_()
            assert claims.roles == ("SMTP.SendAsApp",)
            assert lab.send(a_message(), profile=profile).ok
            assert len(endpoint.forms) == 4
            assert lab.send_test(profile, to=TO).ok
        kinds = [form.get("grant_type", "").rpartition(":")[2] for form in endpoint.forms]
        assert kinds == ["", "device_code", "device_code", "device_code", "refresh_token"]
        assert endpoint.forms[1]["device_code"] == DEVICE["device_code"]
        assert "POST" in str(login.transcript)

    def test_the_server_s_pace_is_kept(self, server, monkeypatch):
        """slow_down adds five seconds to the pause, and sooner than that nobody is asked."""
        answers = [(200, DEVICE | {"interval": 0.01}), (400, {"error": "slow_down"}), TOKENS]
        with TokenEndpoint(*answers) as endpoint:
            login = lab.log_in(by_code(server, endpoint))
            while len(endpoint.forms) < 2:
                assert login.poll() is False
            assert login._flow.interval() == pytest.approx(5.01)
            for _ in range(10):
                assert login.poll() is False
            assert len(endpoint.forms) == 2

    def test_a_server_without_a_pace(self, server):
        """Without an interval the pause is five seconds (RFC 8628 section 3.2)."""
        said = {key: value for key, value in DEVICE.items() if key != "interval"}
        with TokenEndpoint((200, said)) as endpoint:
            login = lab.log_in(by_code(server, endpoint))
            assert login._flow.interval() == others._PAUSE == 5
            assert login.poll() is False
        assert len(endpoint.forms) == 1

    @pytest.mark.parametrize(
        ("error", "wanted"),
        [
            ("access_denied", "oauth_access_denied"),
            ("expired_token", "oauth_device_expired"),
            ("invalid_grant", "oauth_invalid_grant"),
        ],
    )
    def test_the_ways_it_ends_badly(self, server, error, wanted):
        """The errors of RFC 8628 section 3.5 end the waiting, each with its diagnosis."""
        with TokenEndpoint((200, DEVICE), PENDING, (400, {"error": error})) as endpoint:
            login = lab.log_in(by_code(server, endpoint))
            with pytest.raises(lab.TokenError) as caught:
                login.wait(timeout=10)
        assert caught.value.diagnosis.id == wanted
        assert not login.done

    def test_a_code_that_is_over(self, server):
        """When the time of the code is over, waiting ends without another word."""
        with TokenEndpoint((200, DEVICE | {"expires_in": 0.05}), PENDING) as endpoint:
            login = lab.log_in(by_code(server, endpoint))
            with pytest.raises(lab.TokenError) as caught:
                login.wait()
        assert caught.value.diagnosis.id == "oauth_device_expired"

    @pytest.mark.parametrize(
        "said", [{}, {"user_code": "x"}, DEVICE | {"verification_uri": "javascript:alert(1)"}]
    )
    def test_an_answer_that_leads_nowhere(self, server, said):
        """What lacks a code is refused, and an address that is no page is no link."""
        with TokenEndpoint((200, said)) as endpoint:
            profile = by_code(server, endpoint)
            if "device_code" not in said:
                with pytest.raises(lab.TokenError):
                    lab.log_in(profile)
            else:
                html = lab.log_in(profile)._repr_html_()
                assert "<a" not in html

    def test_markup_in_an_answer(self, server):
        """What the server calls the code is shown as text."""
        evil = "<script>alert(1)</script>"
        with TokenEndpoint(
            (200, DEVICE | {"user_code": evil, "verification_uri": evil})
        ) as endpoint:
            html = lab.log_in(by_code(server, endpoint))._repr_html_()
        assert "<script" not in html

    def test_google_s_name_for_the_address(self, server):
        """verification_url is understood, too."""
        said = {k: v for k, v in DEVICE.items() if k != "verification_uri"}
        with TokenEndpoint(
            (200, said | {"verification_url": "https://g.example/device"})
        ) as endpoint:
            assert lab.log_in(by_code(server, endpoint)).url == "https://g.example/device"

    def test_at_microsoft(self, server, monkeypatch):
        """The same through msal."""
        info = {"client_info": "eyJ1aWQiOiJ1IiwidXRpZCI6InQifQ"}
        token = (200, GOOD | info | {"refresh_token": "r", "id_token": jwt(sub="s", oid="u")})
        answers = [(200, DEVICE | {"interval": 1}), PENDING, token, token]
        with TokenEndpoint(*answers) as endpoint:
            monkeypatch.setitem(connection.LOGINS, "global", endpoint.host)
            profile = by_code(server, endpoint, token_url=at_microsoft(endpoint, "common"))
            login = lab.log_in(profile)
            assert login.code == "WDJB-MJHT"
            assert login.wait(timeout=20) == login.claims
            assert lab.send_test(profile, to=TO).ok
        kinds = [form.get("grant_type", "").rpartition(":")[2] for form in endpoint.forms]
        assert kinds == ["", "device_code", "device_code", "refresh_token"]

    def test_microsoft_refuses_to_begin(self, server, monkeypatch):
        """An application that may not is told so at once."""
        said = {"error": "invalid_client", "error_description": "AADSTS7000218: no public client"}
        with TokenEndpoint((401, said)) as endpoint:
            monkeypatch.setitem(connection.LOGINS, "global", endpoint.host)
            with pytest.raises(lab.TokenError) as caught:
                lab.log_in(by_code(server, endpoint, token_url=at_microsoft(endpoint, "common")))
        assert caught.value.diagnosis.id == "aadsts7000218"


class TestPage:
    def test_the_page(self, server):
        """The address carries client, scope, a state of its own, and PKCE; what was there stays."""
        with TokenEndpoint() as endpoint:
            first, second = (lab.log_in(by_page(server, endpoint)) for _ in range(2))
        asked = {k: v[0] for k, v in parse_qs(urlsplit(first.url).query).items()}
        assert asked["x"] == "1"
        assert asked["client_id"] == "app"
        assert asked["scope"] == "mail.send"
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["login_hint"] == "ann@example.com"
        assert asked["redirect_uri"] == "http://localhost"
        assert len(asked["state"]) >= 16
        assert first._flow.state != second._flow.state
        assert endpoint.asked == []
        assert "finish()" in str(first)
        assert "Open <a href=" in first._repr_html_()

    def test_the_pasted_address(self, server):
        """Its code is exchanged with the verifier of PKCE, and mail goes out."""
        with TokenEndpoint(TOKENS) as endpoint:
            profile = by_page(server, endpoint)
            login = lab.log_in(profile, redirect_uri="http://localhost:8000/back")
            address = f"http://localhost:8000/back?code=c0de&state={login._flow.state}"
            login.finish(lab.Secret(f"\n '{address}' "))
            assert lab.send(a_message(), profile=profile).ok
        (form,) = endpoint.forms
        assert form["code"] == "c0de"
        assert form["redirect_uri"] == "http://localhost:8000/back"
        assert 43 <= len(form["code_verifier"]) <= 128

    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("", "address: is not of this login"),
            ("http://localhost", "address: is not of this login"),
            ("http://[", "address: is not of this login"),
            ("http://localhost?code=c0de", "address: is not of this login"),
            ("http://localhost?code=c0de&state=other", "address: is not of this login"),
            ("http://localhost?code=c0de&state=STATE&state=STATE", "address: is not of this login"),
            ("http://localhost?error=access_denied&state=other", "address: is not of this login"),
            ("http://localhost?state=STATE", "address: holds no code"),
            ("http://localhost?code=&state=STATE", "address: holds no code"),
            ("http://localhost?code=a&code=b&state=STATE", "address: holds no code"),
            (7, "address: is no text"),
        ],
    )
    def test_another_address(self, server, address, sentence):
        """What is not of this login is one sentence that does not quote it; nobody is asked."""
        with TokenEndpoint() as endpoint:
            login = lab.log_in(by_page(server, endpoint))
            if isinstance(address, str):
                address = address.replace("STATE", login._flow.state)
            with pytest.raises(lab.InputError) as caught:
                login.finish(address)
        assert str(caught.value).startswith(sentence)
        assert "c0de" not in str(caught.value)
        assert endpoint.asked == []
        assert not login.done

    def test_whoever_declined(self, server):
        """An error in the address is diagnosed, and the login can be tried again."""
        with TokenEndpoint(TOKENS) as endpoint:
            login = lab.log_in(by_page(server, endpoint))
            state = login._flow.state
            with pytest.raises(lab.TokenError) as caught:
                login.finish(
                    f"http://localhost?error=access_denied&error_description=no&state={state}"
                )
            assert caught.value.diagnosis.id == "oauth_access_denied"
            login.finish(f"http://localhost?code=c&state={state}")
        assert login.done

    def test_a_code_that_is_refused(self, server):
        """A code that was used already is the endpoint's refusal."""
        with TokenEndpoint((400, {"error": "invalid_grant"})) as endpoint:
            login = lab.log_in(by_page(server, endpoint))
            with pytest.raises(lab.TokenError) as caught:
                login.finish(f"http://localhost?code=c&state={login._flow.state}")
        assert caught.value.diagnosis.id == "oauth_invalid_grant"

    def test_a_client_with_a_secret(self, server):
        """An application with a secret shows it when the code is exchanged."""
        with TokenEndpoint(TOKENS) as endpoint:
            login = lab.log_in(by_page(server, endpoint, client_secret="shh"))
            login.finish(f"http://localhost?code=c&state={login._flow.state}")
        assert endpoint.asked[0].headers["Authorization"].startswith("Basic ")

    def test_at_microsoft(self, server, monkeypatch):
        """The same through msal, which asks Microsoft where its page is."""
        with TokenEndpoint(TOKENS) as endpoint:
            monkeypatch.setitem(connection.LOGINS, "global", endpoint.host)
            profile = by_page(server, endpoint, token_url=at_microsoft(endpoint, "common"))
            login = lab.log_in(profile)
            asked = parse_qs(urlsplit(login.url).query)
            assert asked["code_challenge_method"] == ["S256"]
            assert login.url.startswith(f"https://{endpoint.host}/common/oauth2/v2.0/authorize?")
            with pytest.raises(lab.InputError, match="is not of this login"):
                login.finish("http://localhost?code=c&state=other")
            login.finish(f"http://localhost?code=c&state={login._flow.state}")
        assert endpoint.forms[0]["code_verifier"]


class TestWithoutALogin:
    @pytest.mark.parametrize("make", [by_code, by_page])
    def test_sending_says_what_to_call(self, server, make):
        """Without a kept token both ways of sending refuse in a sentence, before connecting."""
        with TokenEndpoint() as endpoint:
            profile = make(server, endpoint)
            for send in (
                lambda: lab.send_test(profile, to=TO),
                lambda: lab.send(a_message(), profile=profile),
                lambda: access_token(profile),
            ):
                with pytest.raises(lab.InputError) as caught:
                    send()
                assert str(caught.value) == (
                    f"connection.auth.grant: is {profile.connection.auth.grant}, and nobody has"
                    ' logged in as ann@example.com yet; call lab.log_in("ann").'
                )
        assert server.connections == 0
        assert endpoint.asked == []

    def test_the_wrong_way_to_end_it(self, server):
        """wait() is for codes, finish() for addresses, and an application needs neither."""
        with TokenEndpoint((200, DEVICE)) as endpoint:
            with pytest.raises(lab.InputError, match="waits for an address; call finish"):
                lab.log_in(by_page(server, endpoint)).wait()
            with pytest.raises(lab.InputError, match="waits for a code to be typed; call wait"):
                lab.log_in(by_code(server, endpoint)).finish("x")
            with pytest.raises(lab.InputError, match="for which nobody logs in; just send"):
                lab.log_in(account(server, endpoint.url))

    def test_a_profile_of_the_book(self, server):
        """log_in and log_out take names as send does."""
        book = lab.ProfileBook.open()
        with TokenEndpoint(TOKENS) as endpoint:
            book.save(by_page(server, endpoint), make_default=True)
            for name in ("ann", None):
                login = lab.log_in(name)
                login.finish(f"http://localhost?code=c&state={login._flow.state}")
                assert lab.send(a_message(), profile="ann").ok
                lab.log_out(name)
                with pytest.raises(lab.InputError, match=r"call lab\.log_in"):
                    lab.send(a_message(), profile="ann")
