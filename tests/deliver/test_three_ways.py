"""One profile, one message, three ways out: a password, a token, Microsoft Graph."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from deliver.graph_twin import GraphTwin
from deliver.servers import PASSWORD, Server, _ca_path, certificate, polite, profile
from deliver.tokens import TENANT, TOKEN, Bearer, TokenEndpoint, account, takes_tokens

import smtp_lab as lab
from smtp_lab.config import connection as connections

SENDER = "Ann Example <ann@example.com>"


@pytest.fixture
def message():
    """A report beyond ASCII, with a table and a hidden recipient."""
    made = lab.render(
        "report", to="bob@example.org", title="Zahlen für März", summary="Alles gut — 完了"
    )
    made["Bcc"] = "eve@example.net"
    return made


def by_password(message):
    """Through SMTP with a user name and a password."""
    with Server(polite(tls=certificate())) as server:
        return lab.send(message, profile=profile(server).replace(sender=SENDER))


def by_token(message):
    """Through SMTP with a token."""
    with TokenEndpoint() as endpoint, Server(takes_tokens(Bearer())) as server:
        sender = account(server, endpoint.url).replace(sender=SENDER)
        return lab.send(message, profile=sender)


def by_graph(message, monkeypatch):
    """Through Microsoft Graph, with a token its application was given."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    with TokenEndpoint() as login, GraphTwin() as twin:
        twin.accepted = {TOKEN}
        monkeypatch.setitem(connections.LOGINS, "global", login.host)
        monkeypatch.setitem(connections.CLOUDS, "global", twin.host)
        connection = lab.GraphConnection(
            user="ann@example.com", tenant_id=TENANT, client_id="app", client_secret="shh"
        )
        return lab.send(
            message, profile=lab.Profile(name="g", sender=SENDER, connection=connection)
        )


def test_the_same_message_leaves_each_way(message, monkeypatch):
    """It has the same headers and bodies; who may not be seen is in no header of SMTP's."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    ways = [by_password(message), by_token(message), by_graph(message, monkeypatch)]
    for sent in ways:
        assert sent.ok, sent
        assert [r.address for r in sent.recipients] == ["bob@example.org", "eve@example.net"]
    arrived = [message_from_bytes(sent.raw, policy=default) for sent in ways]
    for found in arrived:
        assert found["Subject"] == "Zahlen für März"
        assert found["From"] == SENDER
        bodies = [p.get_content() for p in found.walk() if p.get_content_maintype() == "text"]
        assert len(bodies) == 2
        assert all("Alles gut — 完了" in body for body in bodies)
    assert [found["Bcc"] for found in arrived] == [None, None, "eve@example.net"]
    password, token, graph = ways
    assert (password.token, token.token.tenant, graph.token.tenant) == (None, TENANT, TENANT)
    for sent in ways:
        shown = f"{sent}{sent.to_dict()}{sent._repr_html_()}"
        assert not [secret for secret in (PASSWORD, TOKEN, "shh") if secret in shown]
