"""What is read from a token: all that helps, nothing that is believed, whatever the token holds."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from deliver.tokens import jwt
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.config.secrets import Secret
from smtp_lab.deliver.oauth.token import AccessToken, TokenClaims
from smtp_lab.transcript import printable

LATER = datetime(2036, 1, 2, 3, 4, 5, tzinfo=UTC)


def read(token, **more) -> TokenClaims:
    return TokenClaims.of(Secret(token), **more)


def test_a_token_of_microsoft():
    """Audience, roles, tenant, application and times are found under Microsoft's names."""
    found = read(
        jwt(
            aud="https://outlook.office365.com",
            iss="https://sts.windows.net/t/",
            appid="app",
            tid="t",
            roles=["SMTP.SendAsApp"],
            iat=1_700_000_000,
            exp=1_700_003_600,
        )
    )
    assert found.audience == ("https://outlook.office365.com",)
    assert (found.client_id, found.tenant, found.roles) == ("app", "t", ("SMTP.SendAsApp",))
    assert (found.expires_at - found.issued_at).total_seconds() == 3600
    assert not found.opaque
    assert str(found).startswith("audience https://outlook.office365.com, issuer https://sts")


def test_a_token_of_a_person():
    """User and scopes are found under each of their names."""
    assert read(jwt(upn="ann@example.com", sub="1")).user == "ann@example.com"
    assert read(jwt(sub="1")).user == "1"
    assert read(jwt(scp="a b")).scopes == ("a", "b")
    assert read(jwt(scope="a b")).scopes == ("a", "b")
    assert read(jwt(scope=["a", "b"]), scope="c").scopes == ("a", "b")
    assert read(jwt(sub="1"), scope="c d").scopes == ("c", "d")


def test_what_the_giver_said_counts_for_the_time():
    """expires_in of the answer goes before exp of the token, whose clock may be another."""
    assert read(jwt(exp=1), expires_at=LATER).expires_at == LATER
    assert read("opaque", expires_at=LATER, scope="a").facts == {
        "Kind": "opaque",
        "Scopes": "a",
        "Expires": "2036-01-02 03:04:05 UTC",
    }


def test_it_turns_into_data():
    """to_dict is JSON with every field, times in ISO 8601."""
    data = json.loads(json.dumps(read(jwt(aud=["a", "b"]), expires_at=LATER).to_dict()))
    assert data["audience"] == ["a", "b"]
    assert data["expires_at"] == LATER.isoformat()
    assert data["issued_at"] is None
    assert set(data) == set(TokenClaims.__slots__)


def test_html_is_escaped():
    """What a token says of itself cannot be markup."""
    assert "<script" not in read(jwt(aud="<script>"))._repr_html_()


@pytest.mark.parametrize("part", ["", "!", "bnVsbA", "W10", "eyI", "e30", "\u00e9", "A" * 100_000])
def test_what_is_no_token(part):
    """Three parts do not make a JWT."""
    assert read(f"a.{part}.c").opaque


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["aud", "iss", "azp", "tid", "sub", "roles", "scp", "iat", "exp"]),
)
def test_any_value_in_any_claim(value, claim):
    """Whatever stands in a claim, the rest is read, shown and turned into data."""
    payload = urlsafe_b64encode(json.dumps({claim: value, "appid": "app"}).encode()).decode()
    found = read(f"a.{payload}.c")
    if claim != "azp":
        assert found.client_id == "app"
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(str(found)) < 100_000
    assert printable(str(found)) == str(found)


@given(st.text())
def test_any_text(text):
    """Any text is a token that can be looked at, and its repr does not show it."""
    token = AccessToken.of(Secret(text))
    assert token.value.reveal() == text
    assert repr(token.value) in repr(token)
    assert token.fresh is False
    assert token.expired is False or token.expires_at is not None
