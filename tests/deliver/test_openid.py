"""Tokens of a real OpenID provider, by every grant it has, for a mail server that verifies them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from deliver.openid.visitor import visit
from deliver.servers import Server, _ca_path, authority
from deliver.tokens import REFUSED, account, takes_tokens
from support import need

import smtp_lab as lab
from smtp_lab.config import connection
from smtp_lab.deliver import access_token
from smtp_lab.deliver.oauth import others

pytestmark = pytest.mark.interop

TO = "bob@example.org"
SECRET = "a secret of 32 characters, & more"
HERE = Path(__file__).parent / "openid"


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory):
    """A running OpenID provider; gives its issuer, which begins as Microsoft's do."""
    node, npm = need("node", "install Node.js 20 or newer"), need("npm", "it comes with Node.js")
    folder = tmp_path_factory.mktemp("openid")
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
        cwd=folder,
        check=True,
        timeout=180,
        capture_output=True,
    )
    issued = authority().issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    settings = {
        "key": "key.pem",
        "cert": "cert.pem",
        "prefix": "/tenant/v2.0",
        "redirect": "http://localhost",
    }
    with subprocess.Popen(
        [node, "server.js", json.dumps(settings)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def microsoft(provider, monkeypatch):
    """The provider taken for Microsoft; gives the token URL by which a profile names it."""
    host = urlsplit(provider).netloc
    monkeypatch.setitem(connection.LOGINS, "global", host)
    return f"https://{host}/tenant/oauth2/v2.0/token"


class Verifying:
    """The reply to AUTH of a mail server that checks signature, issuer and audience of a token."""

    def __init__(self, issuer: str) -> None:
        self.issuer, self.claims = issuer, []
        found = requests.get(f"{issuer}/jwks", timeout=10).json()
        self.keys = {key["kid"]: jwt.PyJWK(key) for key in found["keys"]}

    def __call__(self, conn, line):
        if len(words := line.split(b" ")) == 2:
            conn.send("334 ")
            words.append(conn.line())
        token = b64decode(words[2]).decode().partition("auth=Bearer ")[2].rstrip("\1")
        try:
            key = self.keys[jwt.get_unverified_header(token)["kid"]]
            self.claims.append(
                jwt.decode(
                    token,
                    key,
                    algorithms=["RS256"],
                    audience="https://smtp.example.com",
                    issuer=self.issuer,
                )
            )
        except jwt.PyJWTError:
            conn.send(REFUSED)
            conn.line()
            conn.send("535 5.7.8 no")
        else:
            conn.send("235 2.7.0 Accepted")


@pytest.fixture
def mail(provider):
    """A mail server that verifies tokens of the provider."""
    verifying = Verifying(provider)
    with Server(takes_tokens(verifying)) as server:
        server.claims = verifying.claims
        yield server


def by_page(mail, provider, **changes) -> lab.Profile:
    given = {
        "client_id": "page",
        "client_secret": None,
        "grant": "authorization_code",
        "auth_url": f"{provider}/auth",
        "scopes": ("openid", "mail.send"),
    }
    return account(mail, f"{provider}/token", **(given | changes))


def by_code(mail, provider, **changes) -> lab.Profile:
    given = {
        "client_id": "device",
        "client_secret": None,
        "grant": "device_code",
        "device_url": f"{provider}/device/auth",
        "scopes": ("openid", "mail.send"),
    }
    return account(mail, f"{provider}/token", **(given | changes))


class TestApplication:
    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_client_credentials(self, provider, mail, mechanism):
        """The application's own token is taken, and the Delivery says what it is."""
        profile = account(
            mail, f"{provider}/token", client_id="basic", client_secret=SECRET, mechanism=mechanism
        )
        delivery = lab.send_test(profile, to=TO)
        assert delivery.ok
        (claims,) = mail.claims
        assert delivery.token.roles == tuple(claims["roles"]) == ("SMTP.SendAsApp",)
        assert delivery.token.audience == (claims["aud"],)
        assert delivery.token.issuer == claims["iss"] == provider
        assert delivery.token.scopes == ("mail.send",)
        assert abs(delivery.token.expires_at.timestamp() - claims["exp"]) < 5

    def test_client_credentials_through_msal(self, microsoft, mail):
        """msal gets a token of the same provider, where it is taken for Microsoft."""
        scopes = ("https://outlook.office365.com/.default",)
        profile = account(mail, microsoft, client_id="post", client_secret=SECRET, scopes=scopes)
        delivery = lab.send_test(profile, to=TO)
        assert delivery.ok
        assert mail.claims[0]["client_id"] == delivery.token.client_id == "post"
        assert delivery.token.scopes == scopes

    def test_a_wrong_secret(self, provider, microsoft, mail):
        """A real refusal is diagnosed, through Authlib and through msal; no mail server is asked."""
        scopes = ("https://outlook.office365.com/.default",)
        for url, client, asked in (
            (f"{provider}/token", "basic", ("mail.send",)),
            (microsoft, "post", scopes),
        ):
            if url != microsoft:
                connection.LOGINS["global"] = "login.example.com"
            else:
                connection.LOGINS["global"] = urlsplit(provider).netloc
            profile = account(mail, url, client_id=client, client_secret="wrong", scopes=asked)
            delivery = lab.send_test(profile, to=TO)
            assert delivery.stage == "oauth"
            assert delivery.diagnosis.id == "google_invalid_client"
            assert '"invalid_client"' in delivery.diagnosis.raw
        assert mail.connections == 0

    def test_a_grant_the_application_may_not_use(self, provider, mail):
        """What the provider says against a request is kept, in its own words."""
        profile = account(
            mail,
            f"{provider}/token",
            client_id="basic",
            client_secret=SECRET,
            grant="refresh_token",
            refresh_token="never given",
        )
        delivery = lab.send_test(profile, to=TO)
        assert delivery.diagnosis.id == "oauth_invalid_request"
        assert "grant type is not allowed for this client" in delivery.diagnosis.raw


class TestPage:
    def test_the_address_of_the_last_page_is_pasted(self, provider, mail):
        """Log in, agree, paste: then mail goes out, with PKCE, and the token is renewed silently."""
        profile = by_page(mail, provider)
        login = lab.log_in(profile)
        asked = parse_qs(urlsplit(login.url).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == ["http://localhost"]
        pasted = visit(login.url, _ca_path(), login="ann", password="x")
        claims = login.finish(f"  {pasted}\n")
        assert login.done
        assert (claims.user, claims.client_id) == ("ann", "page")
        assert lab.send_test(profile, to=TO).ok
        assert mail.claims[0]["sub"] == "ann"
        again = access_token(profile, refresh=True)
        assert access_token(profile) == again
        assert access_token(profile, refresh=True).value != again.value

    def test_through_msal(self, microsoft, mail):
        """The same at what is taken for Microsoft."""
        profile = by_page(
            mail,
            "https://unused.example.com",
            scopes=("https://outlook.office.com/SMTP.Send", "offline_access"),
        )
        auth = profile.connection.auth.replace(token_url=microsoft)
        profile = profile.replace(connection=profile.connection.replace(auth=auth))
        login = lab.log_in(profile)
        assert parse_qs(urlsplit(login.url).query)["code_challenge_method"] == ["S256"]
        # Unlike Microsoft this provider gives offline_access only where consent is asked for.
        url = f"{login.url}&prompt=consent"
        login.finish(visit(url, _ca_path(), login="ann", password="x"))
        first = access_token(profile)
        assert lab.send_test(profile, to=TO).ok
        assert access_token(profile).value != first.value
        assert [claims["sub"] for claims in mail.claims] == ["ann"]

    def test_whoever_declines_is_named(self, provider, mail):
        """Leaving the page by its way out gives one sentence."""
        login = lab.log_in(by_page(mail, provider))
        with pytest.raises(lab.TokenError) as caught:
            login.finish(visit(login.url, _ca_path(), agree=False))
        assert caught.value.diagnosis.id == "oauth_access_denied"
        assert not login.done

    def test_a_code_works_once(self, provider, mail):
        """The address of a login that is done is refused by the provider, and so are its tokens."""
        profile = by_page(mail, provider)
        login, other = lab.log_in(profile), lab.log_in(profile)
        pasted = visit(login.url, _ca_path(), login="ann", password="x")
        login.finish(pasted)
        with pytest.raises(lab.InputError, match="is done"):
            login.finish(pasted)
        with pytest.raises(lab.InputError, match="is not of this login"):
            other.finish(pasted)
        # Whoever has the code, and even the state, lacks the verifier of PKCE.
        state = parse_qs(urlsplit(other.url).query)["state"][0]
        stolen = pasted.replace(parse_qs(urlsplit(pasted).query)["state"][0], state)
        with pytest.raises(lab.TokenError) as caught:
            other.finish(stolen)
        assert caught.value.diagnosis.id == "oauth_invalid_grant"

    def test_two_that_renew_at_once_do_not_lose_the_login(self, provider, mail):
        """The refresh token works once; of many threads one uses it, and the rest take its token."""
        profile = by_page(mail, provider)
        login = lab.log_in(profile)
        login.finish(visit(login.url, _ca_path(), login="ann", password="x"))
        from smtp_lab.deliver.oauth import distrust

        distrust(profile)
        found: list[object] = []
        threads = [
            threading.Thread(target=lambda: found.append(access_token(profile).value))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(found) == 8
        assert all(value == found[0] for value in found)
        assert access_token(profile, refresh=True).value != found[0]

    def test_a_login_that_was_revoked(self, provider, mail):
        """When the refresh token is refused, that is diagnosed once, and then a login is asked for."""
        from smtp_lab.config.tokens import Tokens
        from smtp_lab.deliver.oauth.request import TokenRequest

        profile = by_page(mail, provider)
        login = lab.log_in(profile)
        login.finish(visit(login.url, _ca_path(), login="ann", password="x"))
        kept = Tokens().get(TokenRequest.of(profile).key)
        form = {"token": kept.refresh.reveal(), "client_id": "page"}
        requests.post(f"{provider}/token/revocation", form, timeout=10).raise_for_status()
        delivery = lab.send_test(profile, to=TO)
        assert (delivery.stage, delivery.diagnosis.id) == ("oauth", "oauth_invalid_grant")
        with pytest.raises(lab.InputError, match=r"call lab\.log_in"):
            lab.send_test(profile, to=TO)


class TestDevice:
    @pytest.fixture(autouse=True)
    def _hurried(self, monkeypatch):
        """The provider names no pause, and the usual five seconds are long in a test."""
        monkeypatch.setattr(others, "_PAUSE", 0.2)

    def test_the_code_is_typed_elsewhere(self, provider, mail):
        """It waits until the person has typed the code, and then mail goes out."""
        profile = by_code(mail, provider)
        login = lab.log_in(profile)
        assert (login.url, bool(login.code)) == (f"{provider}/device", True)
        time.sleep(0.25)
        assert login.poll() is False
        page = visit(
            login.url, _ca_path(), user_code=login.code, confirm="yes", login="ann", password="x"
        )
        assert "Sign-in Success" in page
        claims = login.wait(timeout=20)
        assert (claims.user, claims.client_id) == ("ann", "device")
        assert lab.send_test(profile, to=TO).ok
        assert mail.claims[0]["sub"] == "ann"

    def test_through_msal(self, microsoft, provider, mail):
        """The same at what is taken for Microsoft."""
        profile = by_code(
            mail,
            "https://unused.example.com",
            scopes=("https://outlook.office.com/SMTP.Send", "offline_access"),
        )
        auth = profile.connection.auth.replace(token_url=microsoft)
        profile = profile.replace(connection=profile.connection.replace(auth=auth))
        login = lab.log_in(profile)
        visit(login.url, _ca_path(), user_code=login.code, confirm="yes", login="ann", password="x")
        assert login.wait(timeout=30).user == "ann"
        assert lab.send_test(profile, to=TO).ok
        assert mail.claims[0]["sub"] == "ann"

    def test_nobody_comes(self, provider, mail):
        """Waiting ends when it was told to, with what is missing."""
        login = lab.log_in(by_code(mail, provider))
        with pytest.raises(lab.TokenError) as caught:
            login.wait(timeout=0.5)
        assert caught.value.diagnosis.id == "oauth_pending"
        assert caught.value.diagnosis.temporary

    def test_whoever_aborts_is_named(self, provider, mail):
        """A person who declines ends the waiting."""
        login = lab.log_in(by_code(mail, provider))
        visit(login.url, _ca_path(), user_code=login.code, confirm="yes", abort="yes")
        with pytest.raises(lab.TokenError) as caught:
            login.wait(timeout=20)
        assert caught.value.diagnosis.id == "oauth_access_denied"


class TestRefresh:
    def test_a_refresh_token_that_was_given(self, provider, mail):
        """A profile with a refresh token needs nobody; the provider changes it, and it is kept."""
        from smtp_lab.config.tokens import Tokens
        from smtp_lab.deliver.oauth.request import TokenRequest

        first = by_page(mail, provider)
        login = lab.log_in(first)
        login.finish(visit(login.url, _ca_path(), login="ann", password="x"))
        given = Tokens().get(TokenRequest.of(first).key).refresh
        lab.log_out(first)
        profile = by_page(mail, provider, grant="refresh_token", refresh_token=given)
        for _ in range(3):  # were the first one used again, the provider would end them all
            assert lab.send_test(profile, to=TO).ok
        assert Tokens().get(TokenRequest.of(profile).key).refresh != given
