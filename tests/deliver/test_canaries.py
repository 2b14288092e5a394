"""No token, no code and no application's secret is shown, whatever succeeds, fails or breaks off."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from deliver.canary import assert_hidden, deep, every_log, shown
from deliver.servers import Server, _ca_path
from deliver.test_oauth import pem
from deliver.tokens import (
    GOOD,
    TENANT,
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
from smtp_lab.deliver.oauth import http as http_module

TO = "bob@example.org"
ACCESS = jwt(aud="mail", azp="app", n="c4nary-access") + "c4nary-s1gnature"
SECRETS = {
    "client_secret": "c4nary Secret/é&1",
    "refresh_token": "c4nary-Refresh/+2",
    "password": "c4nary-Passw0rd é3",
    "access": ACCESS,
    "refreshed": "c4nary-Refreshed~4",
    "id": jwt(sub="c4nary-id", oid="u") + "c4nary-5",
    "device": "c4nary-Device:6",
    "code": "c4nary-Code-7",
    "key": pem(rsa.generate_private_key(65537, 2048)),
}
EVERY = list(SECRETS.values())
TOKENS = GOOD | {
    "access_token": ACCESS,
    "refresh_token": SECRETS["refreshed"],
    "id_token": SECRETS["id"],
    "client_info": "eyJ1aWQiOiJ1IiwidXRpZCI6InQifQ",
}
DEVICE = {
    "device_code": SECRETS["device"],
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://login.example.com/device",
    "interval": 1,
}


def blabbing(handler):
    """Refuses, and repeats all it was told, in the ways servers do."""
    body = handler.headers.get("Authorization", "") + " " + _last(handler)
    said = f"no: {body}, that is {quote(body)}, I would have sent {ACCESS}"
    handler.say(400, {"error": "invalid_grant", "error_description": said, "access_token": ACCESS})


def babbling(handler):
    """Answers with a page that repeats all it was told."""
    handler.say(200, f"<h1>{_last(handler)}</h1>")


def failing(handler):
    handler.say(500, {"error": "server_error", "error_description": _last(handler)})


def leaving(handler):
    handler.connection.close()


def _last(handler) -> str:
    return json.dumps(handler.server.endpoint.asked[-1].form, ensure_ascii=False)


ENDS = {
    "good": lambda handler: handler.say(200, TOKENS),
    "refused": blabbing,
    "page": babbling,
    "broken": failing,
    "gone": leaving,
    "no token": lambda handler: handler.say(200, {"refresh_token": SECRETS["refreshed"]}),
}


@pytest.fixture(autouse=True)
def _trusting(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
    from msal.authority import Authority

    monkeypatch.setattr(Authority, "_domains_without_user_realm_discovery", {"localhost"})


@pytest.fixture(params=ENDS)
def endpoint(request, monkeypatch):
    with TokenEndpoint(ENDS[request.param]) as running:
        running._server.endpoint = running
        running.end = request.param
        monkeypatch.setitem(connection.LOGINS, "global", running.host)
        yield running


def plain(endpoint) -> str:
    """The token URL under a name by which the endpoint is not taken for Microsoft."""
    return endpoint.url.replace("localhost", "127.0.0.1")


def application(server, endpoint):
    return account(server, plain(endpoint), client_secret=SECRETS["client_secret"])


def refreshing(server, endpoint):
    return account(
        server,
        plain(endpoint),
        grant="refresh_token",
        refresh_token=SECRETS["refresh_token"],
        client_secret=SECRETS["client_secret"],
    )


def robot(server, endpoint):
    return account(
        server, plain(endpoint), grant="service_account", service_account_key=SECRETS["key"]
    )


def at_entra(server, endpoint):
    return account(server, at_microsoft(endpoint), client_secret=SECRETS["client_secret"])


def refreshing_at_entra(server, endpoint):
    return account(
        server,
        at_microsoft(endpoint, "common"),
        grant="refresh_token",
        refresh_token=SECRETS["refresh_token"],
        client_secret=None,
        scopes=("https://outlook.office.com/SMTP.Send",),
    )


def with_password(server, endpoint):
    return lab.Profile(
        name="graph",
        sender="ann@example.com",
        connection=lab.GraphConnection(
            user="ann@example.com",
            tenant_id=TENANT,
            client_id="app",
            client_secret=SECRETS["client_secret"],
            password=SECRETS["password"],
        ),
    )


SMTP = [application, refreshing, robot, at_entra, refreshing_at_entra]


def told(delivery) -> list[str]:
    texts = [str(delivery), repr(delivery), delivery._repr_html_(), json.dumps(delivery.to_dict())]
    texts += [delivery.transcript.annotated(), delivery.transcript.to_frame().to_string()]
    return [*texts, deep(delivery)]


def test_the_search_would_find_a_leak():
    """The search sees a secret raw, quoted, in base64, in a frame and in a log."""
    from base64 import b64encode

    for text in (
        f"x{SECRETS['client_secret']}y",
        quote(SECRETS["client_secret"]),
        b64encode(f"app:{SECRETS['client_secret']}".encode()).decode(),
        repr({"a": SECRETS["client_secret"]}),
    ):
        with pytest.raises(AssertionError, match="a secret is shown"):
            assert_hidden(EVERY, text)
    with every_log() as log:
        logging.getLogger("msal.deep").debug("said %s", ACCESS)
        sys.stdout.write(SECRETS["code"])
    for secret in (ACCESS, SECRETS["code"]):
        with pytest.raises(AssertionError, match="a secret is shown"):
            assert_hidden([secret], log.getvalue())


@pytest.mark.parametrize("make", SMTP)
def test_sending(make, endpoint):
    """Neither a Delivery nor a log of a test mail shows any of them, however it ends."""
    with Server(takes_tokens(Bearer(ACCESS))) as server, every_log() as log:
        profile = make(server, endpoint)
        deliveries = [lab.send_test(profile, to=TO) for _ in range(2)]
    assert all(delivery.ok is (endpoint.end == "good") for delivery in deliveries)
    for delivery in deliveries:
        assert_hidden(EVERY, *told(delivery))
    assert "urllib3" in log.getvalue()
    assert_hidden(EVERY, log.getvalue())


@pytest.mark.parametrize("make", [*SMTP, with_password])
def test_what_is_raised(make, endpoint):
    """Neither does what is raised, with the variables of all its frames."""
    with every_log() as log:
        profile = make(587, endpoint)
        if endpoint.end == "good":
            token = access_token(profile)
            assert_hidden(EVERY, deep(token), str(token.claims), json.dumps(token.claims.to_dict()))
        else:
            with pytest.raises(lab.TokenError) as caught:
                access_token(profile)
            assert caught.value.__context__ is None
            assert_hidden(EVERY, shown(caught.value), deep(caught.value.diagnosis))
    assert_hidden(EVERY, log.getvalue())


class Broken(BaseException):
    """What nobody expects, such as Ctrl-C."""


@pytest.mark.parametrize("make", [*SMTP, with_password])
def test_what_breaks_off(make, endpoint, monkeypatch):
    """Ctrl-C in the middle of an exchange shows no frame with what was on its way."""

    def interrupt(*_args, **_kwargs):
        raise Broken

    monkeypatch.setattr(http_module.Http, "_usable", interrupt)
    with pytest.raises((Broken, lab.TokenError)) as caught:
        access_token(make(587, endpoint))
    assert isinstance(caught.value, Broken) or endpoint.end == "gone"
    assert_hidden(EVERY, shown(caught.value))


@pytest.mark.parametrize("make", SMTP)
def test_what_breaks_off_while_logging_in(make, monkeypatch):
    """The same while the token is on its way to the mail server."""
    from smtp_lab.deliver.wire import Client

    def interrupt(*_args, **_kwargs):
        raise Broken

    monkeypatch.setattr(Client, "_secretly", interrupt)
    with TokenEndpoint((200, TOKENS)) as endpoint, Server(takes_tokens()) as server:
        monkeypatch.setitem(connection.LOGINS, "global", endpoint.host)
        with pytest.raises(Broken) as caught:
            lab.send_test(make(server, endpoint), to=TO)
    assert_hidden(EVERY, shown(caught.value))


def test_a_mail_server_that_refuses_and_repeats(monkeypatch):
    """What the mail server says of the token is shown without it, in the DeliveryError, too."""
    from base64 import b64encode

    said = {"status": "401", "token": ACCESS, "schemes": quote(ACCESS)}
    refusal = "334 " + b64encode(json.dumps(said).encode()).decode()
    message = EmailMessage()
    message["To"] = TO
    message.set_content("x")
    with (
        TokenEndpoint((200, TOKENS)) as endpoint,
        Server(takes_tokens(Bearer("none", refusal=refusal))) as server,
        every_log() as log,
        pytest.raises(lab.DeliveryError) as caught,
    ):
        lab.send(message, profile=application(server, endpoint))
    delivery = caught.value.delivery
    assert delivery.diagnosis.id == "sasl_token_invalid"
    hidden = [line for line in delivery.transcript if not line.text.startswith("334 ")]
    assert_hidden(EVERY, "\n".join(line.text for line in hidden), delivery.diagnosis.raw)
    assert_hidden([ACCESS], *told(delivery), log.getvalue(), shown(caught.value))


@pytest.mark.parametrize("at", ["", "common"])
def test_a_device(endpoint, at):
    """A login with a code shows neither the device's code nor what came of it."""
    endpoint.answers = [(200, DEVICE), ENDS[endpoint.end]]
    url = at_microsoft(endpoint, at) if at else plain(endpoint)
    with every_log() as log:
        profile = account(
            587,
            url,
            grant="device_code",
            device_url=f"https://{endpoint.host}/device",
            client_secret=None,
        )
        login = lab.log_in(profile)
        _look_at(login)
        if endpoint.end == "good":
            login.wait(timeout=20)
        else:
            with pytest.raises(lab.TokenError) as caught:
                login.wait(timeout=20)
            assert_hidden(EVERY, shown(caught.value))
        _look_at(login)
    assert_hidden(EVERY, log.getvalue())


@pytest.mark.parametrize("at", ["", "common"])
def test_a_page(endpoint, at):
    """A login by a pasted address shows neither the address nor its code nor the verifier."""
    url = at_microsoft(endpoint, at) if at else plain(endpoint)
    if endpoint.end == "good":  # an id_token would have to carry msal's nonce
        endpoint.answers = [(200, {k: v for k, v in TOKENS.items() if k != "id_token"})]
    with every_log() as log:
        profile = account(
            587,
            url,
            grant="authorization_code",
            auth_url=f"https://{endpoint.host}/authorize",
            client_secret=SECRETS["client_secret"],
        )
        login = lab.log_in(profile)
        _look_at(login)
        pasted = f"http://localhost?code={SECRETS['code']}&state="
        with pytest.raises(lab.InputError) as refused:
            login.finish(f"{pasted}another")
        assert_hidden(EVERY, shown(refused.value))
        if endpoint.end == "good":
            login.finish(pasted + login._flow.state)
        else:
            with pytest.raises(lab.TokenError) as caught:
                login.finish(pasted + login._flow.state)
            assert_hidden(EVERY, shown(caught.value))
        _look_at(login)
    verifier = next(f["code_verifier"] for f in endpoint.forms if "code_verifier" in f)
    assert_hidden([*EVERY, verifier], log.getvalue(), *_seen(login))


def test_the_first_login_of_a_process():
    """The libraries are quiet from their first line on, before anybody has used them."""
    code = """if True:
        import sys
        sys.path.insert(0, "tests")
        import logging
        from http.client import HTTPConnection
        logging.basicConfig(level=1, stream=sys.stdout)
        HTTPConnection.debuglevel = 1
        import os
        import smtp_lab as lab
        from smtp_lab.config import connection
        from deliver.servers import _ca_path
        os.environ["REQUESTS_CA_BUNDLE"] = _ca_path()
        from deliver.tokens import TokenEndpoint, account, at_microsoft
        from deliver.test_canaries import SECRETS, TOKENS, ACCESS
        for name in [name for name in sys.modules if name.partition(".")[0] == "msal"]:
            raise SystemExit("msal is there already")
        answer = {k: v for k, v in TOKENS.items() if k != "id_token"}
        with TokenEndpoint((200, answer)) as endpoint:
            connection.LOGINS["global"] = endpoint.host
            profile = account(
                587, at_microsoft(endpoint, "common"), grant="authorization_code",
                auth_url=f"https://{endpoint.host}/authorize",
                client_secret=SECRETS["client_secret"],
            )
            login = lab.log_in(profile)
            login.finish(f"http://localhost?code={SECRETS['code']}&state={login._flow.state}")
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
        timeout=60,
    )
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr
    assert "msal.token_cache" in done.stdout
    assert_hidden(EVERY, done.stdout, done.stderr)


def _seen(login) -> list[str]:
    return [str(login), repr(login), login._repr_html_(), str(login.transcript), deep(vars(login))]


def _look_at(login) -> None:
    assert_hidden(EVERY, *_seen(login))


def test_a_bad_key_is_not_quoted():
    """The refusal of a private key shows nothing of it."""
    key = SECRETS["key"].replace("PRIVATE KEY", "PRIVATE TREE")
    profile = account(
        587, "https://login.example.com/t", grant="service_account", service_account_key=key
    )
    with pytest.raises(lab.InputError) as caught:
        access_token(profile)
    body = key.splitlines()[1]
    assert_hidden([key, body], shown(caught.value))


def test_the_file_of_tokens_in_an_error(monkeypatch):
    """What cannot be read of the file is not quoted."""
    from smtp_lab.config.tokens import Tokens

    with TokenEndpoint((200, TOKENS)) as endpoint:
        profile = application(587, endpoint)
        access_token(profile)
        path = Tokens().path
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(lab.InputError) as caught:
            access_token(profile)
    assert_hidden(EVERY, shown(caught.value))
