"""Tokens of Microsoft, through msal: for SMTP and for Graph, and how it refuses."""

from __future__ import annotations

import json

import pytest
from deliver.servers import Server, _ca_path
from deliver.tokens import (
    GOOD,
    TENANT,
    TOKEN,
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
from smtp_lab.deliver.oauth.request import TokenRequest

TO = "bob@example.org"
APP = "https://outlook.office365.com/.default"


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def server():
    with Server(takes_tokens(Bearer())) as running:
        yield running


@pytest.fixture
def microsoft(monkeypatch):
    """microsoft(*answers) is a running twin of Microsoft's login."""
    running: list[TokenEndpoint] = []

    def start(*answers):
        running.append(TokenEndpoint(*answers).__enter__())
        monkeypatch.setitem(connection.LOGINS, "global", running[-1].host)
        return running[-1]

    yield start
    for one in running:
        one.__exit__()


def entra(number: int, error: str, text: str) -> tuple[int, dict]:
    """A refusal in the shape Microsoft describes."""
    return 400, {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Trace ID: 1 Correlation ID: 2 Timestamp: 3",
        "error_codes": [number],
        "timestamp": "2026-11-21 10:00:00Z",
        "trace_id": "1",
        "correlation_id": "2",
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }


class TestSmtp:
    def test_the_application_itself(self, server, microsoft):
        """One POST with the secret in the form, at the tenant of the token URL."""
        endpoint = microsoft()
        profile = account(server, at_microsoft(endpoint), scopes=(APP,))
        delivery = lab.send_test(profile, to=TO)
        assert delivery.ok
        assert delivery.token.roles == ("SMTP.SendAsApp",)
        assert delivery.token.tenant == TENANT
        (form,) = endpoint.forms
        assert form["scope"] == APP
        assert form["client_secret"] == "an application's secret"
        assert endpoint.asked[-1].path == f"/{TENANT}/oauth2/v2.0/token"

    def test_the_usual_scope_is_filled_in(self, server, microsoft):
        """Without scopes the one for SMTP is asked for."""
        endpoint = microsoft()
        lab.send_test(account(server, at_microsoft(endpoint), scopes=()), to=TO)
        assert endpoint.forms[0]["scope"] == APP

    def test_each_test_asks_anew_and_sending_does_not(self, server, microsoft):
        """After the mistake at Microsoft is mended the next press works; send() uses what is kept."""
        refusal = entra(7000215, "invalid_client", "Invalid client secret provided.")
        endpoint = microsoft(refusal, refusal, (200, GOOD))
        profile = account(server, at_microsoft(endpoint), scopes=(APP,))
        assert not lab.send_test(profile, to=TO).ok
        assert not lab.send_test(profile, to=TO).ok  # msal would give the first answer again
        assert lab.send_test(profile, to=TO).ok
        assert len(endpoint.forms) == 3
        count = len(endpoint.asked)
        assert access_token(profile).value.reveal() == TOKEN
        assert len(endpoint.asked) == count
        assert lab.send_test(profile, to=TO).ok
        assert len(endpoint.forms) == 4

    @pytest.mark.parametrize(
        ("refusal", "wanted"),
        [
            (entra(7000215, "invalid_client", "Invalid client secret."), "aadsts7000215"),
            (entra(7000222, "invalid_client", "The secret keys are expired."), "aadsts7000222"),
            (entra(700016, "unauthorized_client", "Application not found."), "aadsts700016"),
            (entra(1002012, "invalid_scope", "must have /.default"), "aadsts1002012"),
            (entra(500011, "invalid_resource", "principal not found."), "aadsts500011"),
            (entra(999999, "invalid_request", "something new"), "oauth_invalid_request"),
        ],
    )
    def test_refusals(self, server, microsoft, refusal, wanted):
        """The AADSTS number explains, and what is unknown is explained by its error."""
        endpoint = microsoft(refusal)
        delivery = lab.send_test(account(server, at_microsoft(endpoint)), to=TO)
        assert (delivery.stage, delivery.diagnosis.id) == ("oauth", wanted)
        assert json.loads(delivery.diagnosis.raw)["error_codes"] == refusal[1]["error_codes"]
        assert "HTTP 400 in" in str(delivery.transcript)
        assert server.connections == 0

    def test_a_tenant_nobody_has(self, server, microsoft):
        """What Microsoft says when asked where to post is not lost."""
        endpoint = microsoft()
        said = entra(90002, "invalid_tenant", "Tenant 'x' not found.")[1]
        endpoint.configuration = lambda path: said
        profile = account(server, at_microsoft(endpoint))
        delivery = lab.send_test(profile, to=TO)
        assert delivery.diagnosis.id == "aadsts90002"
        assert endpoint.forms == []

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_busy(self, server, microsoft, status):
        """A page instead of an answer is a failure that may pass."""
        endpoint = microsoft((status, "<h1>busy</h1>"))
        delivery = lab.send_test(account(server, at_microsoft(endpoint)), to=TO)
        assert delivery.diagnosis.id == "token_busy"
        assert delivery.diagnosis.temporary

    def test_a_portal_in_the_way(self, server, microsoft):
        """A page with 200 is no token."""
        endpoint = microsoft((200, "<h1>Welcome to the airport</h1>"))
        delivery = lab.send_test(account(server, at_microsoft(endpoint)), to=TO)
        assert delivery.diagnosis.id == "token_not_an_endpoint"

    def test_a_refresh_token_that_was_given(self, server, microsoft):
        """It is used as it was given, and what msal keeps of it afterwards."""
        info = "eyJ1aWQiOiJ1IiwidXRpZCI6InQifQ"  # {"uid":"u","utid":"t"}
        id_token = jwt(sub="s", preferred_username="ann@example.com", oid="u", tid=TENANT)
        more = {
            "client_info": info,
            "id_token": id_token,
            "scope": "https://outlook.office.com/SMTP.Send",
        }
        answers = [(200, GOOD | more | {"refresh_token": text}) for text in ("second", "third")]
        endpoint = microsoft(*answers)
        profile = account(
            server,
            at_microsoft(endpoint, "common"),
            grant="refresh_token",
            refresh_token="first",
            client_secret=None,
            scopes=("https://outlook.office.com/SMTP.Send", "offline_access"),
        )
        for _ in range(3):
            assert lab.send_test(profile, to=TO).ok
        assert [form["refresh_token"] for form in endpoint.forms] == ["first", "second", "third"]

    @pytest.mark.parametrize("tenant", ["common", "organizations", "consumers"])
    def test_an_application_has_a_tenant(self, server, microsoft, tenant):
        """client_credentials at everybody's address is refused in one sentence, unasked."""
        endpoint = microsoft()
        with pytest.raises(lab.InputError) as caught:
            lab.send_test(account(server, at_microsoft(endpoint, tenant)), to=TO)
        assert str(caught.value) == (
            f"connection.auth.token_url: leads to {tenant}, where no application logs in as itself;"
            f" put the id of your directory in the place of {tenant}."
        )
        assert endpoint.asked == []

    def test_a_tenant_that_was_never_filled_in(self, server, microsoft):
        """The address of a template is no address."""
        endpoint = microsoft()
        with pytest.raises(lab.InputError, match="token_url: names no tenant"):
            lab.send_test(account(server, at_microsoft(endpoint, "{tenant}")), to=TO)

    def test_no_service_account(self, server, microsoft):
        """What Microsoft does not have is said not to be there."""
        profile = account(
            server,
            at_microsoft(microsoft()),
            grant="service_account",
            service_account_key="x",
        )
        with pytest.raises(lab.InputError, match="which Microsoft does not have"):
            lab.send_test(profile, to=TO)

    @pytest.mark.parametrize(
        "host",
        [
            "login.microsoftonline.com",
            "login.microsoftonline.us",
            "login.partner.microsoftonline.cn",
        ],
    )
    def test_its_hosts(self, host):
        """Microsoft is known by the host of the token URL, in each of its clouds."""
        url = f"https://{host}/{TENANT}/oauth2/v2.0/token"
        asked = TokenRequest.of(account(587, url))
        assert asked.microsoft
        assert asked.provider == "microsoft365"
        assert TokenRequest.of(account(587, url.replace(host, f"{host.upper()}:443"))).microsoft
        other = TokenRequest.of(account(587, f"https://{host}.example.com/{TENANT}/token"))
        assert not other.microsoft
        if host != "login.microsoftonline.com":
            with pytest.raises(lab.InputError, match=r"connection\.auth\.scopes: is empty"):
                TokenRequest.of(account(587, url, scopes=()))

    def test_the_provider_makes_such_a_profile(self):
        """provider("microsoft365") knows the address and scope of an application."""
        profile = lab.provider("microsoft365").profile(
            user="ann@example.com",
            client_id="app",
            grant="client_credentials",
            tenant_id=TENANT,
            client_secret="x",
        )
        asked = TokenRequest.of(profile)
        assert asked.token_url == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
        assert asked.scopes == (APP,)
        assert asked.tenant == TENANT


def graph(**changes) -> lab.Profile:
    given = {"user": "ann@example.com", "tenant_id": TENANT, "client_id": "app"}
    return lab.Profile(
        name="graph",
        sender="ann@example.com",
        connection=lab.GraphConnection(**(given | changes)),
    )


class TestGraph:
    def test_the_application_itself(self, microsoft):
        """A GraphConnection gets a token for Graph, which is another than that for SMTP."""
        endpoint = microsoft()
        token = access_token(graph(client_secret="shh"))
        assert token.value.reveal() == TOKEN
        assert endpoint.forms[0]["scope"] == "https://graph.microsoft.com/.default"
        assert endpoint.asked[-1].path == f"/{TENANT}/oauth2/v2.0/token"
        assert access_token(graph(client_secret="shh")) == token
        assert len(endpoint.forms) == 1

    def test_user_and_password(self, microsoft, monkeypatch):
        """With a password the user's own token is had, where the tenant allows it."""
        from msal.authority import Authority

        endpoint = microsoft()
        # msal asks the host without its port about the user; elsewhere that is 443.
        monkeypatch.setattr(Authority, "_domains_without_user_realm_discovery", {"localhost"})
        access_token(graph(password="open sesame"))
        (form,) = endpoint.forms
        assert (form["grant_type"], form["username"]) == ("password", "ann@example.com")
        assert form["password"] == "open sesame"
        access_token(graph(password="open sesame"), refresh=True)
        assert len(endpoint.forms) == 2

    def test_what_is_missing(self):
        """Without secret and password the secret is asked for."""
        with pytest.raises(
            lab.InputError, match=r"connection\.client_secret: of profile graph is not"
        ):
            access_token(graph())

    def test_a_tenant_of_its_own(self, microsoft):
        """The tenant of an application is no shared one."""
        microsoft()
        with pytest.raises(lab.InputError, match=r"connection\.tenant_id: leads to common"):
            access_token(graph(client_secret="x", tenant_id="common"))

    @pytest.mark.parametrize(
        ("cloud", "login", "resource"),
        [
            ("global", "login.microsoftonline.com", "graph.microsoft.com"),
            ("us-government", "login.microsoftonline.us", "graph.microsoft.us"),
            ("china", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
        ],
    )
    def test_each_cloud(self, cloud, login, resource):
        """Each cloud has its own login and its own Graph."""
        asked = TokenRequest.of(graph(cloud=cloud, client_secret="x"))
        assert asked.netloc == login
        assert asked.scopes == (f"https://{resource}/.default",)
        assert asked.microsoft

    def test_a_refusal(self, microsoft):
        """A refusal raises a TokenError with its diagnosis."""
        microsoft(entra(7000222, "invalid_client", "expired."))
        with pytest.raises(lab.TokenError) as caught:
            access_token(graph(client_secret="x"))
        assert caught.value.diagnosis.id == "aadsts7000222"
