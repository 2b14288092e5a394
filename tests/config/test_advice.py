"""What is odd about a profile is said, and a sound one is left in peace."""

from __future__ import annotations

import pytest

import smtp_lab as lab
from smtp_lab.config.advice import Advice
from smtp_lab.config.catalogue import providers


def smtp(sender="ann@example.com", *, auth=None, **changes) -> lab.Profile:
    given = {"host": "mx.example.com"} | changes
    connection = lab.SmtpConnection(**given, auth=auth or lab.NoAuth())
    return lab.Profile(name="team", sender=sender, connection=connection)


def oauth(**changes) -> lab.OAuth2:
    given = {"user": "ann@gmail.com", "client_id": "c", "token_url": "https://login.example.com"}
    return lab.OAuth2(**(given | changes))


def graph(sender="ann@example.com", **changes) -> lab.Profile:
    given = {"user": "ann@example.com", "tenant_id": "t", "client_id": "c"}
    connection = lab.GraphConnection(**(given | changes))
    return lab.Profile(name="team", sender=sender, connection=connection)


BASIC = lab.BasicAuth(username="ann@gmail.com")
GMAIL = {"host": "smtp.gmail.com", "sender": "ann@gmail.com"}

# For each rule: profiles that raise it, and near ones that do not.
CASES = {
    "sender_rule": (
        [smtp(host="smtp.sendgrid.net", auth=lab.BasicAuth(username="apikey"))],
        [smtp(), smtp(host="smtp.gmail.com", sender="ann@gmail.com", auth=BASIC)],
    ),
    "no_copy": (
        [smtp().replace(save_to_sent=True)],
        [smtp(), graph().replace(save_to_sent=True)],
    ),
    "always_copy": (
        [graph()],
        [graph().replace(save_to_sent=True), smtp()],
    ),
    "unverified": (
        [smtp(verify=False), smtp(verify=False, host="127.0.0.1"), smtp(verify=False, security="implicit")],
        [smtp(), smtp(verify=False, security="none")],
    ),
    "old_tls": (
        [smtp(min_tls="1.0"), smtp(min_tls="1.1")],
        [smtp(), smtp(min_tls="1.3"), smtp(min_tls="1.0", security="none")],
    ),
    "plain": (
        [smtp(security="none"), smtp(security="none", host="10.0.0.1"), smtp(security="none", host="127.example.com")],
        [smtp(), smtp(security="none", host="localhost"), smtp(security="none", host="::1"), smtp(security="none", host="127.0.0.9")],
    ),
    "opportunistic": (
        [smtp(security="tls-if-offered")],
        [smtp(), smtp(security="tls-if-offered", host="127.0.0.1")],
    ),
    "port_and_security": (
        [smtp(port=465), smtp(port=465, security="none"), smtp(port=587, security="none"), smtp(port=587, security="implicit"), smtp(port=25, security="implicit"), smtp(port=465, security="tls-if-offered"), smtp(port=2465)],
        [smtp(), smtp(port=465, security="implicit"), smtp(port=2525), smtp(port=587, security="tls-if-offered"), smtp(port=1025, security="implicit"), smtp(port=465, host="127.0.0.1"), smtp(port=25, security="none")],
    ),
    "port_25": (
        [smtp(port=25), smtp(port=25, security="none")],
        [smtp(), smtp(port=25, host="localhost")],
    ),
    "name_is_an_address": (
        [smtp().replace(sender="boss@example.org <ann@example.com>")],
        [smtp(), smtp().replace(sender="Ann@example.com <ann@example.com>")],
    ),
    "reading_port": (
        [smtp(port=143), smtp(host="imap.gmail.com", port=993, security="implicit")],
        [smtp(), smtp(port=993, host="127.0.0.1")],
    ),
    "no_such_endpoint": (
        [smtp(host="imap.gmail.com"), smtp(host="smtp.google.com"), smtp(host="Gmail.com."), smtp(**GMAIL, port=2525, auth=BASIC), smtp(**GMAIL, security="implicit", auth=BASIC), smtp(host="email-smtp.eu-west-1.amazonaws.com", port=26)],
        [smtp(**GMAIL, auth=BASIC), smtp(**GMAIL, port=465, security="implicit"), smtp(port=2525), smtp(host="SMTP.Gmail.com."), smtp(host="smtp.gmail.com", security="tls-if-offered"), smtp(host="email-smtp.eu-west-1.amazonaws.com"), smtp(host="127.0.0.1", port=4711), smtp(host="ec2-1.compute.amazonaws.com"), smtp(host="notgmail.com")],
    ),
    "password_kind": (
        [smtp(**GMAIL, auth=BASIC), smtp(host="smtp.sendgrid.net", auth=BASIC)],
        [smtp(auth=BASIC), smtp(**GMAIL), smtp(**GMAIL, auth=oauth()), smtp(host="smtp.posteo.de", auth=BASIC)],
    ),
    "dated": (
        [smtp(**GMAIL, auth=BASIC), smtp(host="smtp.office365.com", auth=BASIC)],
        [smtp(**GMAIL, auth=oauth()), smtp(**GMAIL), smtp(host="smtp.sendgrid.net", auth=BASIC)],
    ),
    "no_oauth": (
        [smtp(host="smtp.sendgrid.net", auth=oauth())],
        [smtp(**GMAIL, auth=oauth()), smtp(auth=oauth()), smtp(host="smtp.sendgrid.net", auth=BASIC)],
    ),
    "allow_list": (
        [smtp(host="smtp-relay.gmail.com"), smtp(host="smtp-relay.brevo.com", auth=BASIC)],
        [smtp(), smtp(**GMAIL, auth=BASIC)],
    ),
    "sender_is_not_login": (
        [smtp(sender="bob@gmail.com", host="smtp.gmail.com", auth=BASIC), smtp(host="smtp.gmail.com", auth=oauth()), graph(sender="bob@example.com")],
        [smtp(**GMAIL, auth=BASIC), smtp(sender="Ann <Ann@Gmail.com>", host="smtp.gmail.com", auth=BASIC), smtp(auth=BASIC), smtp(host="smtp.sendgrid.net", auth=lab.BasicAuth(username="apikey")), graph(), graph(sender="Ann <ANN@example.com>")],
    ),
    "ropc": ([graph(password="x")], [graph(), graph(client_secret="x")]),
}  # fmt: skip


def ids(profile: lab.Profile) -> set[str]:
    return {advice.id for advice in profile.advice()}


@pytest.mark.parametrize(
    ("rule", "profile"),
    [(rule, one) for rule, (odd, _) in CASES.items() for one in odd],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rule_speaks(rule, profile):
    """What is odd is said once for each reason, in words that name the field."""
    assert rule in ids(profile)
    for advice in profile.advice():
        assert isinstance(advice, Advice)
        assert advice.severity in ("warning", "note")
        assert str(advice) == f"{advice.field}: {advice.text}"
        assert advice.text
        assert advice.source
        assert "\n" not in advice.text
        assert not advice.text.endswith((" ", "offers "))
        at = profile
        for part in advice.field.split("."):
            assert hasattr(at, part), advice.field
            at = getattr(at, part)


@pytest.mark.parametrize(
    ("rule", "profile"),
    [(rule, one) for rule, (_, sane) in CASES.items() for one in sane],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rule_keeps_quiet(rule, profile):
    """What is near to odd, but is not, is not said."""
    assert rule not in ids(profile)


def test_every_rule_has_its_cases():
    """No rule is without a test."""
    assert {rule for odd, _ in CASES.values() for one in odd for rule in ids(one)} == set(CASES)


@pytest.mark.parametrize(
    "profile",
    [
        smtp(auth=lab.BasicAuth(username="ann")),
        smtp(port=465, security="implicit", min_tls="1.3"),
        smtp(host="127.0.0.1", port=1025, security="none"),
        smtp(host="127.0.0.1", port=1025, ca_file="~/ca.pem", auth=BASIC),
        smtp(**GMAIL, auth=oauth()),
        graph(client_secret="x").replace(save_to_sent=True),
    ],
    ids=["usual", "implicit", "local plain", "local sink", "gmail", "graph"],
)
def test_a_sound_profile_is_left_in_peace(profile):
    """Nothing at all is said about an account as it should be."""
    assert profile.advice() == ()


def test_the_lab_itself_is_sound():
    """The built-in profile raises nothing, wherever the sink listens."""
    assert lab.ProfileBook.open()["lab"].advice() == ()


@pytest.mark.parametrize("one", providers(), ids=lambda one: one.id)
def test_what_a_provider_makes_has_no_warning(one):
    """The profile a provider makes for its own mailbox is at most commented, never warned about."""
    more = {"region": one.regions[0]} if one.regions else {}
    if one.password_kind.startswith("oauth2"):
        more["client_id"] = "app"
    if one.kind == "http_api":
        more["tenant_id"] = "tenant"
    made = one.profile(user="ann@example.com", **more)
    assert [str(advice) for advice in made.advice() if advice.severity == "warning"] == []


def test_advice_never_refuses():
    """The oddest profile there is can be built, saved and loaded."""
    made = smtp(
        port=25, security="tls-if-offered", verify=False, min_tls="1.0", host="smtp.gmail.com"
    )
    assert len(made.advice()) >= 4
    book = lab.ProfileBook.open()
    book.save(made)
    assert lab.ProfileBook.open()["team"] == made
