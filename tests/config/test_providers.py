"""The facts about mail services keep their shape, and each leads to a profile and a guide."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

import smtp_lab as lab
from smtp_lab.config.catalogue import Provider, provider, provider_at, provider_for, providers
from smtp_lab.errors import InputError, UnknownNameError
from smtp_lab.facts import load

ENTRIES = load("providers")["provider"]
REQUIRED = {
    "id": str,
    "name": str,
    "kind": str,
    "domains": list,
    "auth": list,
    "username": str,
    "password": str,
    "password_kind": str,
    "docs_url": str,
    "sources": list,
    "confidence": str,
    "unsure": list,
    "endpoint": list,
}
ALLOWED = REQUIRED | {
    "api_url": str,
    "api_url_me": str,
    "as_of": str,
    "auth_before_tls": bool,
    "dated": list,
    "from_rule": str,
    "guide": list,
    "host_template": str,
    "implicit_tls": bool,
    "lifecycle": str,
    "limits": list,
    "mx": list,
    "message_size_limit": int,
    "oauth": dict,
    "precondition": str,
    "recipients_per_message": int,
    "regions": list,
    "size_note": str,
    "tls_min": str,
    "tls_note": str,
    "wire": dict,
}
OAUTH = {
    "auth_url": str,
    "token_url": str,
    "scopes": list,
    "grants": list,
    "mechanisms": list,
    "device_url": str,
    "token_url_app": str,
    "app_scope": str,
    "app_permission": str,
    "note": str,
}
ENDPOINT = {"host", "port", "security", "region", "plan", "stream", "note"}
KINDS = {"mailbox", "esp", "relay", "bridge", "sandbox", "http_api"}
PASSWORDS = {"app_password", "api_key", "smtp_credential", "account_password", "oauth2", "ip"}
HOST = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?\Z")

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
every_provider = pytest.mark.parametrize("one", providers(), ids=lambda one: one.id)


def a_profile(one: Provider, **more) -> lab.Profile:
    """A profile with the least that the provider needs."""
    if one.regions:
        more = {"region": one.regions[0]} | more
    if one.password_kind.startswith("oauth2"):
        more = {"client_id": "app"} | more
    if one.kind == "http_api":
        more = {"tenant_id": "tenant"} | more
    return one.profile(user="ann@example.com", **more)


class TestSchema:
    """The file itself."""

    def test_all_47_are_there_once(self):
        """Ids and names are unique, and none of the 47 is lost."""
        assert len({entry["id"] for entry in ENTRIES}) == len(ENTRIES) == 47
        assert len({entry["name"].casefold() for entry in ENTRIES}) == 47
        assert len(providers()) == 47

    def test_the_file_says_when_it_was_true(self):
        """as_of is a month, and nothing stands beside it and the providers."""
        assert set(load("providers")) == {"as_of", "provider"}
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", load("providers")["as_of"])

    @every_entry
    def test_keys_and_types(self, entry):
        """Each entry has what each must have, and nothing nobody reads."""
        assert set(REQUIRED) - set(entry) == set()
        assert set(entry) - set(ALLOWED) == set()
        wrong = {key for key, value in entry.items() if type(value) is not ALLOWED[key]}
        assert wrong == set()
        texts = [v for v in entry.values() if isinstance(v, list) and v is not entry["endpoint"]]
        assert all(isinstance(t, str | dict) and t for texts_ in texts for t in texts_)
        texts = {key for key in REQUIRED if REQUIRED[key] is str} - {"docs_url"}
        assert all(entry[key].strip() for key in texts)

    @every_entry
    def test_words_of_a_list_of_words(self, entry):
        """Ids, kinds and kinds of password are words that code may ask for."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", entry["id"])
        assert entry["kind"] in KINDS
        assert set(entry["password_kind"].split("|")) <= PASSWORDS
        assert entry.get("tls_min", "1.2") in ("1.0", "1.1", "1.2", "1.3")
        assert all(re.fullmatch(r"[A-Za-z0-9-]+", mechanism) for mechanism in entry["auth"])
        assert entry["auth"]
        assert entry.get("message_size_limit", 1) > 0
        assert entry.get("recipients_per_message", 1) > 0

    @every_entry
    def test_endpoints(self, entry):
        """Hosts are names in small letters, ports are ports, and each way in stands there once."""
        assert entry["endpoint"] or entry["kind"] == "http_api"
        for endpoint in entry["endpoint"]:
            assert set(endpoint) <= ENDPOINT
            host = endpoint["host"].replace("{region}", "eu-west-1")
            assert HOST.match(host)
            assert ("{region}" in endpoint["host"]) == bool(entry.get("regions"))
            assert type(endpoint["port"]) is int
            assert 1 <= endpoint["port"] <= 65535
            assert endpoint["security"] in ("none", "starttls", "implicit")
            assert all(isinstance(v, str) and v for k, v in endpoint.items() if k != "port")
        ways = [(e["host"], e["port"], e.get("plan"), e.get("stream")) for e in entry["endpoint"]]
        assert len(set(ways)) == len(ways)
        if entry.get("implicit_tls") is False:
            assert "implicit" not in {e["security"] for e in entry["endpoint"]}

    @every_entry
    def test_domains(self, entry):
        """Mail domains are names in small letters, each there once."""
        assert all(HOST.match(domain) for domain in entry["domains"])
        assert len(set(entry["domains"])) == len(entry["domains"])

    @every_entry
    def test_sources(self, entry):
        """Nothing is claimed without a source; where its own help is known, it can be opened."""
        assert entry["sources"]
        assert re.fullmatch(r"(https://\S+)?", entry["docs_url"])
        assert entry["docs_url"] or entry["confidence"] == "machine-readable source only"

    @every_entry
    def test_dated_facts(self, entry):
        """Each has a date (ISO 8601, as exact as it is known), the fact and its source."""
        for fact in entry.get("dated", ()):
            assert set(fact) == {"date", "fact", "source"}
            assert DATE.match(fact["date"])
            assert fact["fact"].endswith((".", ")"))
            assert fact["source"].startswith("https://")
        dates = [fact["date"] for fact in entry.get("dated", ())]
        assert dates == sorted(dates)

    @every_entry
    def test_oauth(self, entry):
        """Where there is OAuth 2.0, its endpoints are https and its lists are not empty."""
        oauth = entry.get("oauth", {})
        assert set(oauth) <= set(OAUTH)
        assert not oauth or {"auth_url", "token_url", "scopes", "grants", "mechanisms"} <= set(
            oauth
        )
        assert all(type(value) is OAUTH[key] for key, value in oauth.items())
        assert all(value.startswith("https://") for key, value in oauth.items() if "_url" in key)
        assert all(oauth.get(key, ["-"]) for key in ("scopes", "grants", "mechanisms"))
        if entry["password_kind"].startswith("oauth2") and entry["kind"] != "http_api":
            assert oauth

    def test_the_retirement_of_passwords_is_dated(self):
        """What Google and Microsoft announced is there with its day."""
        dates = {
            one: [fact.date for fact in provider(one).dated] for one in ("gmail", "microsoft365")
        }
        assert dates == {
            "gmail": ["2022-05-30", "2025-03-14"],
            "microsoft365": ["2022-10-01", "2026-12-31", "2027"],
        }
        assert str(provider("gmail").dated[1]).startswith("2025-03-14: Google Workspace")


class TestFinding:
    """By name, by mail domain, by host."""

    @every_provider
    def test_by_id_and_by_name_in_any_case(self, one):
        """Id and name lead to the provider, however they are written."""
        assert (
            provider(one.id) is provider(f" {one.id.upper()} ") is provider(one.name.lower()) is one
        )

    @pytest.mark.parametrize(
        ("name", "fix"),
        [
            ("gmial", "did you mean 'gmail'"),
            ("sendgird", "did you mean 'sendgrid'"),
            ("microsoft", "'microsoft365'"),
            ("", "known are gmail, "),
            ("§§§", "known are gmail, "),
        ],
    )
    def test_an_unknown_name_is_a_suggestion(self, name, fix):
        """The closest are named, or else all."""
        with pytest.raises(UnknownNameError) as caught:
            provider(name)
        assert repr(name) in str(caught.value)
        assert fix in str(caught.value)
        assert isinstance(caught.value, KeyError)

    @every_provider
    def test_by_each_of_its_domains(self, one):
        """An address of a domain, or of one below it, leads to who keeps it."""
        for domain in one.domains:
            for address in (f"ann@{domain}", f"ann@{domain.upper()}", f"ann@sub.{domain}"):
                assert domain in provider_for(address).domains

    @pytest.mark.parametrize(
        ("address", "wanted"),
        [
            ("ann@gmail.com", "gmail"),
            ("ann@contoso.onmicrosoft.com", "microsoft365"),
            ("ann@outlook.com", "outlook_com"),
            ("ann@proton.me", "proton_submission"),
            ("ann@example.com", None),
            ("ann@notgmail.com", None),
            ("ann@gmail.com.example.com", None),
            ("ann@[127.0.0.1]", None),
        ],
    )
    def test_an_address_whose_keeper_is_not_known_is_none(self, address, wanted):
        """Only the domain counts, whole labels of it, and what is not known is None."""
        found = provider_for(address)
        assert (found.id if found else None) == wanted

    def test_what_is_no_address_is_a_sentence(self):
        """A name without @ is refused, not unknown."""
        with pytest.raises(InputError, match="has no @"):
            provider_for("gmail.com")

    @every_provider
    def test_by_each_of_its_hosts(self, one):
        """A server leads to its provider, in any case, with a final dot and in any region."""
        for endpoint in one.endpoints:
            for region in one.regions or ("",):
                host = endpoint.host.replace("{region}", region)
                if not host.startswith("127."):
                    assert provider_at(host) is provider_at(f"{host.upper()}.") is one

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1", "localhost", "::1", "mx.example.com", "smtp.gmail.com.example.com",
            "email-smtp.eu-west-1.example.com", "",
        ],
    )  # fmt: skip
    def test_another_host_is_nobody_s(self, host):
        """What the facts do not name is None; so is this machine, where a bridge may listen."""
        assert provider_at(host) is None


class TestProfile:
    """From a provider to a profile."""

    @every_provider
    def test_every_provider_makes_one(self, one):
        """A user name, and what the way in needs besides, give a profile that saves and loads."""
        made = a_profile(one)
        assert (made.name, made.sender) == (one.id, "ann@example.com")
        assert made.username == "ann@example.com"
        assert made.secrets == {}
        book = lab.ProfileBook.open()
        book.save(made)
        assert lab.ProfileBook.open()[one.id] == made
        if one.endpoints:
            best, connection = one.endpoints[0], made.connection
            assert (connection.port, connection.security) == (best.port, best.security)
            assert connection.verify

    @every_provider
    def test_oauth_where_there_is_some(self, one):
        """oauth=True gives the endpoints of the facts, or a sentence where there are none."""
        if one.kind == "http_api":
            assert isinstance(a_profile(one, oauth=True).connection, lab.GraphConnection)
        elif one.oauth:
            auth = a_profile(one, oauth=True, client_id="app").connection.auth
            assert auth.token_url == one.oauth["token_url"]
            assert auth.scopes == tuple(one.oauth["scopes"])
            assert auth.client_id == "app"
        else:
            with pytest.raises(InputError, match=r"has no OAuth 2\.0 for SMTP; log in with"):
                a_profile(one, oauth=True)

    def test_name_sender_and_more_can_be_given(self):
        """What is given wins over what the facts say."""
        made = provider("sendgrid").profile("news", user="apikey", sender="News <n@example.com>")
        assert (made.name, made.username, made.sender) == ("news", "apikey", "News <n@example.com>")
        auth = provider("microsoft365").profile(
            user="ann@example.com", client_id="c", grant="refresh_token", mechanism="auto"
        )
        assert (auth.connection.auth.grant, auth.connection.auth.mechanism) == (
            "refresh_token",
            "auto",
        )

    def test_an_application_of_microsoft(self):
        """Where the application logs in as itself, tenant and scope are those of an application."""
        made = provider("microsoft365").profile(
            user="ann@example.com",
            client_id="c",
            grant="client_credentials",
            tenant_id="example.onmicrosoft.com",
        )
        auth = made.connection.auth
        assert auth.token_url == (
            "https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token"
        )
        assert auth.scopes == ("https://outlook.office365.com/.default",)
        assert (auth.auth_url, auth.device_url) == (None, None)

    def test_a_person_of_one_tenant(self):
        """With a tenant all three addresses lead there."""
        made = provider("microsoft365").profile(
            user="ann@example.com", client_id="c", tenant_id="t-1"
        )
        auth = made.connection.auth
        urls = {auth.token_url, auth.auth_url, auth.device_url}
        assert all("/t-1/oauth2/" in url for url in urls)
        assert len(urls) == 3

    @pytest.mark.parametrize(
        ("name", "more", "sentence"),
        [
            ("microsoft365", {}, "tenant_id: is missing: an application of Microsoft 365"),
            ("microsoft365", {"tenant_id": "a/b"}, "tenant_id: 'a/b' is no id of a directory"),
            ("outlook_com", {"tenant_id": "t"}, "grant: is client_credentials, which Outlook.com"),
        ],
    )
    def test_an_application_that_cannot_be(self, name, more, sentence):
        """A tenant that is missing or is none, and an account that has no applications."""
        with pytest.raises(InputError) as caught:
            provider(name).profile(
                user="ann@example.com", client_id="c", grant="client_credentials", **more
            )
        assert str(caught.value).startswith(sentence)

    def test_a_password_given_is_kept_as_a_secret(self):
        """A password may come along; it shows nowhere."""
        made = provider("gmail").profile(user="ann@gmail.com", password="abcd efgh")
        assert made.password.reveal() == "abcd efgh"
        assert "abcd" not in repr(made) + str(made.to_dict())

    @pytest.mark.parametrize(
        ("name", "given", "field", "words"),
        [
            ("gmail", {"user": "ann"}, "user", "has no @"),
            ("sendgrid", {"user": "apikey"}, "user", "has no @"),
            ("gmail", {"user": "a@example.com", "name": "a b"}, "name", "not a profile name"),
            ("ses", {"user": "a@example.com"}, "region", "is missing"),
            ("ses", {"user": "a@example.com", "region": "eu-west-9"}, "region", "did you mean 'eu-west"),
            ("ses", {"user": "a@example.com", "region": "§"}, "region", "give one such as us-east-1"),
            ("mailgun", {"user": "a@example.com", "region": "XX"}, "region", "known are US, EU"),
            ("gmail", {"user": "a@example.com", "region": "EU"}, "region", "leave it out"),
            ("outlook_com", {"user": "a@example.com"}, "client_id", "is missing"),
            ("microsoft_graph", {"user": "a@example.com", "client_id": "c"}, "tenant_id", "is missing"),
            ("gmail", {"user": "a@example.com", "pasword": "x"}, "pasword", "did you mean 'password'"),
        ],
    )  # fmt: skip
    def test_what_is_missing_or_wrong_is_one_sentence(self, name, given, field, words):
        """The field is named, with what could be given."""
        with pytest.raises(InputError) as caught:
            provider(name).profile(**given)
        assert words in caught.value.by_field[field]

    @pytest.mark.parametrize(
        ("name", "region", "host"),
        [
            ("ses", "eu-west-1", "email-smtp.eu-west-1.amazonaws.com"),
            ("mailgun", None, "smtp.mailgun.org"),
            ("mailgun", "EU", "smtp.eu.mailgun.org"),
            ("mailgun", "eu", "smtp.eu.mailgun.org"),
            ("zoho", "IN", "smtp.zoho.in"),
        ],
    )
    def test_a_region_leads_to_its_server(self, name, region, host):
        """A region in the name of the host, or one with hosts of its own, is used."""
        made = provider(name).profile(user="ann@example.com", region=region)
        assert made.connection.host == host


class Page(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


class TestGuide:
    """What to do before the form can be filled in."""

    @pytest.mark.parametrize("name", ["gmail", "microsoft365", "ses", "mandrill"])
    def test_four_are_complete(self, name):
        """For these the steps are our own and lead all the way."""
        guide = provider(name).guide()
        assert guide.complete
        assert len(guide.steps) >= 5
        assert all(step.endswith(".") for step in guide.steps)
        assert all(f"{n}. {step}" in str(guide) for n, step in enumerate(guide.steps, 1))

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("gmail", ["2-Step", "apppasswords", "16 letters", "Desktop app", "smtp.gmail.com"]),
            ("microsoft365", ["Authenticated SMTP", "SMTP.Send", "client secret", "ServicePrincipal"]),
            ("ses", ["region", "sandbox", "SMTP"]),
            ("mandrill", ["New API Key", "verify the sending domain", "smtp.mandrillapp.com"]),
        ],
    )  # fmt: skip
    def test_what_people_stumble_over_is_named(self, name, words):
        """The steps say the words of the provider's own pages."""
        said = " ".join(provider(name).guide().steps)
        assert [word for word in words if word not in said] == []

    @every_provider
    def test_every_provider_says_something(self, one):
        """Steps, own help, limits and dates are there as text and as HTML."""
        guide = one.guide()
        page = Page(guide._repr_html_())
        assert guide.steps
        assert guide.complete == (one.id in ("gmail", "microsoft365", "ses", "mandrill"))
        for text in (str(guide), page.text):
            for said in (
                one.name,
                *guide.steps,
                *one.limits,
                one.docs_url or one.sources[0],
                one.as_of,
            ):
                assert said in text
            for fact in one.dated:
                assert fact.date in text
                assert fact.fact in text
        assert set(page.tags) <= {"div", "h4", "ol", "ul", "li", "p", "b"}
        assert str(one) == str(guide)
        assert one._repr_html_() == guide._repr_html_()

    def test_where_steps_are_missing_the_facts_speak(self):
        """Server, user name, password and sender rule stand for the steps."""
        said = str(provider("brevo").guide())
        for words in (
            "smtp-relay.brevo.com, port 587",
            "port 465 with implicit",
            "User name",
            "Sender",
        ):
            assert words in said

    def test_facts_are_escaped(self):
        """A tag in a fact is text in the notebook."""
        bad = '<script>alert(1)</script> & "more"'
        facts = vars(provider("gmail")) | {
            "name": bad,
            "steps": (bad,),
            "limits": (bad,),
            "docs_url": bad,
        }
        page = Page(Provider(**facts)._repr_html_())
        assert "script" not in page.tags
        assert page.text.count(bad) == 4


@every_provider
def test_a_provider_is_data(one):
    """repr names it, and to_dict is what the file says."""
    assert repr(one) == f"<Provider {one.id}: {one.name}>"
    assert one.to_dict() == next(entry for entry in ENTRIES if entry["id"] == one.id)


def test_the_data_given_out_is_a_copy():
    """Whoever changes what to_dict gave changes nothing for others."""
    provider("gmail").to_dict()["endpoint"][0]["host"] = "elsewhere.test"
    provider("gmail").to_dict()["domains"].append("elsewhere.test")
    assert provider("gmail").to_dict()["endpoint"][0]["host"] == "smtp.gmail.com"
    assert "elsewhere.test" not in provider("gmail").to_dict()["domains"]
