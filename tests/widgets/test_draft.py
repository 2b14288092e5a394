"""A draft holds what was typed, valid or not, and gives exactly the profile it shows."""

from __future__ import annotations

import typing

import pytest

import smtp_lab as lab
from smtp_lab.config import BasicAuth, GraphConnection, NoAuth, OAuth2, Profile, Secret
from smtp_lab.config import SmtpConnection as Smtp
from smtp_lab.widgets.draft import Draft
from smtp_lab.widgets.fields import FIELDS

ANN = "Ann <ann@example.com>"
OAUTH = {"user": "ann@example.com", "client_id": "abc", "token_url": "https://id.example.com/t"}
GRAPH = {"user": "ann@example.com", "tenant_id": "example.com", "client_id": "abc"}

PROFILES = {
    "nothing but what is needed": Profile(
        name="a", sender=ANN, connection=Smtp(host="mail.example.com")
    ),
    "everything of SMTP": Profile(
        name="b",
        sender=ANN,
        reply_to="b@example.com",
        description="two\nlines",
        signature="--\nAnn",
        recipients_as="bcc",
        save_to_sent=True,
        connection=Smtp(
            host="mail.example.com",
            port=465,
            security="implicit",
            min_tls="1.3",
            verify=False,
            ca_file="~/ca.pem",
            ehlo_name="host.example.com",
            timeout=7.5,
            connect_timeout=3,
            total_timeout=90,
            auth=BasicAuth(username="ann", password=Secret("x1"), mechanism="CRAM-MD5"),
        ),
    ),
    "Graph": Profile(
        name="g",
        sender=ANN,
        connection=GraphConnection(**GRAPH, cloud="china", timeout=5, client_secret=Secret("x2")),
    ),
    "Graph with a password": Profile(
        name="g",
        sender=ANN,
        connection=GraphConnection(**GRAPH, client_secret=Secret("x2"), password=Secret("x3")),
    ),
    **{
        f"OAuth 2.0, {grant}": Profile(
            name="o",
            sender=ANN,
            connection=Smtp(
                host="mail.example.com",
                auth=OAuth2(
                    **OAUTH,
                    grant=grant,
                    scopes=("one", "two"),
                    auth_url="https://id.example.com/a",
                    device_url="https://id.example.com/d",
                    client_secret=Secret("x4"),
                    refresh_token=Secret("x5"),
                    service_account_key=Secret("x6\nx7"),
                    mechanism="OAUTHBEARER",
                ),
            ),
        )
        for grant in typing.get_args(OAuth2.model_fields["grant"].annotation)
    },
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_a_profile_goes_in_and_comes_out_unchanged(profile):
    """Whatever applies, is hidden, or is a secret comes out as it went in."""
    draft = Draft(profile)
    assert draft.profile() == profile
    assert draft.profile().secrets == profile.secrets
    assert not draft.changed


@pytest.mark.parametrize("model", [Profile, Smtp, GraphConnection, BasicAuth, OAuth2])
def test_every_field_of_the_config_module_is_in_the_form(model):
    """A field that is added to a model without a place in the form fails here."""
    start = {
        Profile: "",
        Smtp: "connection.",
        GraphConnection: "connection.",
        BasicAuth: "connection.auth.",
        OAuth2: "connection.auth.",
    }[model]
    owner = {Smtp: "smtp", GraphConnection: "graph", BasicAuth: "basic", OAuth2: "oauth2"}
    mine = {f.path for f in FIELDS if f.owner in (owner.get(model, "profile"), "profile")}
    wanted = {f"{start}{name}" for name in model.model_fields} - {"connection"}
    # Which kind of connection and of login it is, is a choice of the form for all of them.
    wanted -= {"connection.auth"}
    assert wanted - {"connection.type", "connection.auth.type"} <= mine


@pytest.mark.parametrize("field", [f for f in FIELDS if f.choices], ids=lambda f: f.key)
def test_every_choice_is_offered(field):
    """A choice of the form offers exactly the values the model takes."""
    models = {"smtp": Smtp, "graph": GraphConnection, "basic": BasicAuth, "oauth2": OAuth2}
    offered = {value for _, value in field.choices}
    if field.key == "connection.type":
        assert offered == {"smtp", "graph"}
    elif field.key == "connection.auth":
        assert offered == {"basic", "oauth2", NoAuth().type}
    else:
        found = models.get(field.owner, Profile).model_fields[field.path.rpartition(".")[2]]
        assert offered == set(typing.get_args(found.annotation))


def test_a_secret_is_good_for_the_server_it_was_typed_for_only():
    """Another host forgets it; the same host again has it back; a new one is for the new host."""
    draft = Draft(PROFILES["everything of SMTP"])
    key = "connection.auth.password"
    draft.values["connection.host"] = "other.example.com"
    assert draft.secret(key) is None
    assert draft.elsewhere(key)
    assert draft.profile().password is None
    draft.values["connection.host"] = "mail.example.com"
    assert draft.secret(key).reveal() == "x1"
    draft.values["connection.port"] = "587"
    draft.type_secret(key, Secret("new"))
    assert draft.profile().password.reveal() == "new"


@pytest.mark.parametrize(
    ("name", "key", "value", "secret"),
    [
        ("Graph", "connection.tenant_id", "example.org", "connection.client_secret"),
        ("Graph", "connection.cloud", "global", "connection.client_secret"),
        (
            "OAuth 2.0, refresh_token",
            "connection.auth.token_url",
            "https://evil.example.org/t",
            "connection.auth.refresh_token",
        ),
        (
            "OAuth 2.0, refresh_token",
            "connection.auth.client_id",
            "other",
            "connection.auth.client_secret",
        ),
    ],
)
def test_every_part_of_the_binding_counts(name, key, value, secret):
    """What the config module binds a secret to is what the draft binds it to."""
    draft = Draft(PROFILES[name])
    draft.values[key] = value
    assert draft.secret(secret) is None
    assert draft.profile().secrets == {}
    assert draft.profile().connection.binding != PROFILES[name].connection.binding


def test_switching_the_way_out_loses_neither():
    """SMTP to Graph and back: what was typed for each is still there."""
    draft = Draft(PROFILES["everything of SMTP"])
    draft.values["connection.type"] = "graph"
    draft.values |= {f"connection.{name}": value for name, value in GRAPH.items()}
    assert isinstance(draft.profile().connection, GraphConnection)
    draft.values["connection.type"] = "smtp"
    assert draft.profile() == PROFILES["everything of SMTP"]


def test_what_is_hidden_cannot_be_wrong():
    """A bad value in a field that no longer applies neither stops nor enters the profile."""
    draft = Draft(PROFILES["everything of SMTP"])
    draft.values["connection.ca_file"] = "\0"
    draft.values["connection.verify"] = True
    assert "connection.ca_file" in draft.problems()
    draft.values["connection.security"] = "none"
    assert draft.problems() == {}
    assert draft.profile().connection.ca_file == "~/ca.pem"


def test_each_problem_stands_at_its_field():
    """Every sentence of the config module finds the field it is about."""
    draft = Draft()
    draft.values |= {"connection.port": "0", "connection.auth": "oauth2", "name": "a b"}
    draft.values["connection.auth.grant"] = "device_code"
    wrong = set(draft.problems())
    assert {"name", "sender", "connection.host", "connection.port"} <= wrong
    assert {"connection.auth.user", "connection.auth.token_url"} <= wrong
    draft.values |= {f"connection.auth.{name}": value for name, value in OAUTH.items()}
    assert "connection.auth.device_url" in draft.problems()


def test_no_secret_is_in_the_text_of_a_draft():
    """Neither repr nor the values show one."""
    draft = Draft(PROFILES["OAuth 2.0, service_account"])
    assert not {"x4", "x5", "x6"} & set(f"{draft!r} {draft.values!r}".split())
    assert lab.Secret("x4") not in draft.values.values()
