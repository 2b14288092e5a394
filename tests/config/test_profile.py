"""What a profile takes, what it refuses, and the sentence for each refusal."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.errors import InputError


def connection(**changes) -> lab.SmtpConnection:
    return lab.SmtpConnection(**({"host": "mx.example.com"} | changes))


def profile(**changes) -> lab.Profile:
    given = {"name": "team", "sender": "Ann <ann@example.com>", "connection": connection()}
    return lab.Profile(**(given | changes))


def refused(build) -> dict[str, str]:
    """The sentences of the refusal, by field."""
    with pytest.raises(InputError) as caught:
        build()
    assert len(caught.value.problems) == len(caught.value.by_field)
    return caught.value.by_field


def test_the_defaults_are_the_safe_ones():
    """A connection that only has a host is encrypted, verified and at the submission port."""
    made = connection()
    assert (made.port, made.security, made.min_tls, made.verify) == (587, "starttls", "1.2", True)
    assert (made.timeout, made.ca_file, made.auth) == (20.0, None, lab.NoAuth())
    assert profile().description == ""
    assert profile().reply_to is None
    assert lab.BasicAuth(username="ann").mechanism == "auto"
    assert lab.BasicAuth(username="ann").password is None


@pytest.mark.parametrize("name", ["a", "Team_2", "_", "9", "x" * 50])
def test_a_name_is_letters_digits_and_underscores(name):
    """A name of 1 to 50 such characters is taken."""
    assert profile(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a-b",
        "a.b",
        "té",
        "\uff41",
        "²",
        "a\n",
        "x" * 51,
        "../x",
        "a]",
        'a"b',
        "a\0",
    ],
)
def test_another_name_is_refused(name):
    """The sentence quotes the name and says which characters there are."""
    sentence = refused(lambda: profile(name=name))["name"]
    assert sentence.endswith(
        "is not a profile name; use 1 to 50 letters (a-z), digits or underscores."
    )
    assert sentence.startswith(repr(name))


@pytest.mark.parametrize(
    ("field", "sender", "words"),
    [
        ("sender", "ann", "'ann' has no @"),
        ("sender", "", "is empty"),
        ("sender", "a@example.com, b@example.com", "is not an address"),
        ("sender", "Ann\r\nBcc: x@example.com <a@example.com>", "control character"),
        ("reply_to", "ann", "'ann' has no @"),
        ("reply_to", "A <a@example.com> <b@example.com>", "not a name and one address"),
    ],
)
def test_sender_and_reply_to_are_one_address_each(field, sender, words):
    """The address rules speak under the name of the field."""
    assert words in refused(lambda: profile(**{field: sender}))[field]


def test_sender_and_reply_to_are_kept_as_typed():
    """Outer spaces go, the display name stays, and an empty reply-to is none."""
    made = profile(sender="  Ann, Sales <ann@example.com> ", reply_to=" Bob <bob@example.com> ")
    assert (made.sender, made.reply_to) == ("Ann, Sales <ann@example.com>", "Bob <bob@example.com>")
    assert made.address == "ann@example.com"
    assert profile(reply_to="  ").reply_to is None
    assert profile(reply_to="").reply_to is None
    assert profile(sender='"a b"@example.com').address == '"a b"@example.com'


def test_a_description_has_a_limit():
    """A thousand characters are taken and one more is counted in the sentence."""
    assert len(profile(description="ä" * 1000).description) == 1000
    assert refused(lambda: profile(description="ä" * 1001)) == {
        "description": "has 1001 characters; keep it to 1000."
    }


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("smtp.example.com", "smtp.example.com"),
        ("  smtp.example.com ", "smtp.example.com"),
        ("smtp.example.com.", "smtp.example.com."),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("mail_1.example.com", "mail_1.example.com"),
        ("münchen.example", "münchen.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("2001:db8::25", "2001:db8::25"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_a_host_is_a_name_or_an_address(host, taken):
    """Names, IPv4 and IPv6 addresses are taken, the latter with or without brackets."""
    assert connection(host=host).host == taken


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", "is empty; give the server's name"),
        ("  ", "is empty; give the server's name"),
        ("smtp://smtp.example.com", "is a URL; give the bare name"),
        ("https://mail.example.com/owa", "is a URL; give the bare name"),
        ("smtp.example.com:587", "holds a port; give it in the field port"),
        ("127.0.0.1:25", "holds a port; give it in the field port"),
        ("[::1]:587", "holds a port; give it in the field port"),
        ("a:b:587", "holds a port; give it in the field port"),
        (":::", "is no host name"),
        ("1:2:zz", "is no host name"),
        ("fe80::1%a b", "is no host name"),
        ("smtp.example.com/x", "is no host name"),
        ("ann@example.com", "is no host name"),
        ("smtp example com", "is no host name"),
        ("smtp..example.com", "is no host name"),
        (".", "is no host name"),
        ("-smtp.example.com", "is no host name"),
        ("smtp-.example.com", "is no host name"),
        ("smtp.example.com\r\nQUIT", "is no host name"),
        ("smtp\0.example.com", "is no host name"),
        ("smtp\x7f.example.com", "is no host name"),
        ("smtp\u202e.example.com", "is no host name"),
        ("<b>", "is no host name"),
        ("a" * 64, "is no host name"),
        (".".join(["a" * 60] * 5), "is no host name"),
    ],
)
def test_another_host_is_refused(host, words):
    """The sentence says whether it was a URL, held a port or was no name at all."""
    sentence = refused(lambda: connection(host=host))["host"]
    assert words in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize(
    ("host", "endpoint"), [("mx.example.com", "mx.example.com:25"), ("::1", "[::1]:25")]
)
def test_the_endpoint_is_host_and_port(host, endpoint):
    """An IPv6 address stands in brackets, so that the port can be told apart."""
    assert connection(host=host, port=25).endpoint == endpoint


@pytest.mark.parametrize(
    ("port", "number"),
    [(587, 587), ("587", 587), (" 465 ", 465), (1, 1), (65535, 65535), ("0025", 25)],
)
def test_a_port_is_a_number_or_its_text(port, number):
    """What a form or a file gives as text becomes a number."""
    taken = connection(port=port).port
    assert taken == number
    assert type(taken) is int


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (0, "0 is not between 1 and 65535"),
        (65536, "65536 is not between 1 and 65535"),
        ("9" * 5000, "is not between 1 and 65535"),
        (-1, "'-1' is not a number"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("smtp", "'smtp' is not a number"),
        ("587.0", "'587.0' is not a number"),
        (587.0, "'587.0' is not a number"),
        ("5_8", "'5_8' is not a number"),
        (True, "'True' is not a number"),
        (None, "'None' is not a number"),
        ([587], "is not a number"),
        ("\uff15\uff18\uff17", "is not a number"),
        ("٢٥", "is not a number"),
        ("²", "is not a number"),
    ],
)
def test_another_port_is_refused(port, words):
    """The sentence says what is wrong and which ports are usual."""
    sentence = refused(lambda: connection(port=port))["port"]
    assert words in sentence
    assert sentence.endswith("; give the provider's submission port, usually 587 or 465.")
    assert len(sentence) < 200


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()))
def test_any_port_is_a_port_or_one_sentence(port):
    """Whatever a port field holds, the answer is a number in range or one sentence for it."""
    try:
        assert 1 <= connection(port=port).port <= 65535
    except InputError as error:
        assert list(error.by_field) == ["port"]  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize("security", ["none", "tls-if-offered", "starttls", "implicit"])
def test_the_four_kinds_of_security(security):
    """Each of the four words of the design is taken."""
    assert connection(security=security).security == security


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (
            "security",
            "ssl",
            "is none of the choices; give 'none', 'tls-if-offered', 'starttls' or 'implicit'.",
        ),
        (
            "security",
            "STARTTLS",
            "is none of the choices; give 'none', 'tls-if-offered', 'starttls' or 'implicit'.",
        ),
        ("min_tls", "1.4", "is none of the choices; give '1.0', '1.1', '1.2' or '1.3'."),
        ("min_tls", 1.2, "is none of the choices; give '1.0', '1.1', '1.2' or '1.3'."),
        ("timeout", 0, "is not between 0 and 600 seconds; 20 suits most servers."),
        ("timeout", -1, "is not between 0 and 600 seconds; 20 suits most servers."),
        ("timeout", 600.1, "is not between 0 and 600 seconds; 20 suits most servers."),
        ("timeout", float("nan"), "is not between 0 and 600 seconds; 20 suits most servers."),
        ("timeout", float("inf"), "is not between 0 and 600 seconds; 20 suits most servers."),
        ("auth", {"type": "oauth9"}, "names an unknown type; give 'none', 'basic', 'oauth2'."),
    ],
)
def test_a_choice_out_of_range_says_what_there_is(field, value, sentence):
    """Choices and limits are named in the sentence."""
    assert refused(lambda: connection(**{field: value})) == {field: sentence}


@pytest.mark.parametrize(
    ("build", "fields"),
    [
        (lambda: connection(timeout="soon"), {"timeout"}),
        (lambda: connection(verify="perhaps"), {"verify"}),
        (lambda: connection(host=25), {"host"}),
        (lambda: connection(auth=3), {"auth"}),
        (lambda: connection(auth={"username": "ann"}), {"auth.type"}),
        (lambda: connection(auth={"type": "basic"}), {"auth.username"}),
        (
            lambda: connection(auth={"type": "basic", "username": "ann", "mechanism": "X"}),
            {"auth.mechanism"},
        ),
        (lambda: profile(connection=3), {"connection"}),
        (lambda: profile(connection={}), {"connection.host"}),
        (
            lambda: profile(connection={"host": "", "port": 0}),
            {"connection.host", "connection.port"},
        ),
        (
            lambda: profile(connection={"host": "h", "auth": {"type": "basic", "username": " "}}),
            {"connection.auth.username"},
        ),
        (lambda: profile(sender=3), {"sender"}),
        (lambda: profile(name=None), {"name"}),
        (lambda: profile(description=3), {"description"}),
        (lambda: profile(description="half \ud83d"), {"description"}),
        (lambda: lab.BasicAuth(username="half \ud83d"), {"username"}),
        (lab.Profile, {"name", "sender", "connection"}),
        (
            lambda: lab.Profile(name="", sender="", connection={"host": ""}),
            {"name", "sender", "connection.host"},
        ),
    ],
)
def test_every_bad_field_is_named_by_its_path(build, fields):
    """All that is wrong is named at once, each field by its dotted name, each with one sentence."""
    sentences = refused(build)
    assert set(sentences) == fields
    assert all(sentence.endswith(".") for sentence in sentences.values())
    assert not any(
        "discriminator" in s or "pydantic" in s or "input" in s.split()[:1]
        for s in sentences.values()
    )


@pytest.mark.parametrize(
    ("build", "field", "meant"),
    [
        (lambda: lab.SmtpConnection(hots="h"), "hots", "host"),
        (lambda: lab.SmtpConnection(host="h", prot=25), "prot", "port"),
        (lambda: lab.SmtpConnection(host="h", verfiy=False), "verfiy", "verify"),
        (lambda: lab.BasicAuth(usrname="ann"), "usrname", "username"),
        (lambda: lab.BasicAuth(username="ann", pasword="x"), "pasword", "password"),
        (
            lambda: lab.Profile(nmae="a", sender="a@example.com", connection=connection()),
            "nmae",
            "name",
        ),
        (lambda: profile(replyto="a@example.com"), "replyto", "reply_to"),
        (lambda: profile(connection={"hots": "h"}), "connection.hots", "host"),
        (
            lambda: profile(
                connection={"host": "h", "auth": {"type": "basic", "user_name": "ann"}}
            ),
            "connection.auth.user_name",
            "username",
        ),
        (lambda: connection().replace(secuirty="none"), "secuirty", "security"),
    ],
)
def test_a_misspelt_field_is_one_sentence(build, field, meant):
    """One slip of the pen is one sentence, with the name that was meant, not also 'missing'."""
    assert refused(build) == {field: f"is not a known field; did you mean {meant!r}?"}


@pytest.mark.parametrize("name", ["zzzzzzzz", "smtp", "basic", "none"])
def test_a_made_up_field_is_told_which_there_are(name):
    """A name like no other gets the list, also when it is the word for a type of ours."""
    assert refused(lambda: profile(**{name: 1})) == {
        name: "is not a known field; known are connection, description, name, recipients_as,"
        " reply_to, save_to_sent, sender, signature."
    }


@pytest.mark.parametrize("username", ["", "  "])
def test_a_login_needs_a_user_name(username):
    """An empty name says that no login is a choice, too."""
    assert refused(lambda: lab.BasicAuth(username=username)) == {
        "username": "is empty; give the login name, or choose no login."
    }


@pytest.mark.parametrize("username", ["a\nb", "a\0b", "a\x7fb", "a\u2028b"])
def test_a_user_name_holds_no_control_character(username):
    """What would break the dialogue is refused, without being repeated."""
    assert refused(lambda: lab.BasicAuth(username=username)) == {
        "username": "holds a control character; type it again."
    }


class TestChanging:
    """Profiles are values: a change is a checked copy."""

    def test_replace_gives_a_changed_copy(self):
        """The copy has the change and all the rest; the old one is as it was."""
        old = profile(description="old", reply_to="b@example.com")
        new = old.replace(description="new")
        assert (new.description, new.reply_to, new.connection) == (
            "new",
            "b@example.com",
            old.connection,
        )
        assert old.description == "old"

    def test_replace_checks_again(self):
        """A change that is not valid is refused, and the old one is as it was."""
        old = connection(port=25)
        assert refused(lambda: old.replace(port=0, host=""))["port"].startswith("0 is not between")
        assert old == connection(port=25)

    def test_nothing_is_changed_in_place(self):
        """Setting a field is refused with the way to do it."""
        made = connection()
        assert refused(lambda: setattr(made, "port", 25)) == {
            "port": "cannot be changed in place; make a copy with replace()."
        }
        assert made.port == 587

    def test_a_password_makes_a_copy_that_knows_it(self):
        """with_password takes a text, a Secret or None and leaves the old profile without."""
        old = profile(connection=connection(auth=lab.BasicAuth(username="ann")))
        for password in ("sesame", lab.Secret("sesame")):
            assert old.with_password(password).password.reveal() == "sesame"
        assert old.password is None
        assert old.with_password("sesame").with_password(None) == old

    def test_without_a_login_there_is_no_password(self):
        """A profile that does not log in stays as it is."""
        made = profile()
        assert made.with_password("sesame") == made
        assert made.password is None


class TestShowing:
    """A profile as data, text and HTML."""

    def test_plain_data_is_short_and_enough(self):
        """to_dict leaves defaults out but for what everyone looks for, and builds the same again."""
        made = profile(connection=connection(auth=lab.BasicAuth(username="ann", password="sesame")))
        assert made.to_dict() == {
            "name": "team",
            "sender": "Ann <ann@example.com>",
            "connection": {
                "type": "smtp",
                "host": "mx.example.com",
                "port": 587,
                "security": "starttls",
                "auth": {"type": "basic", "username": "ann"},
            },
        }
        assert lab.Profile(**made.to_dict()) == made.with_password(None)

    def test_plain_data_has_every_other_field(self):
        """What is not the default is in the data."""
        made = profile(
            description="d",
            reply_to="b@example.com",
            connection=connection(
                min_tls="1.3",
                verify=False,
                ca_file="~/ca.pem",
                timeout=5,
                auth=lab.BasicAuth(username="ann", mechanism="LOGIN"),
            ),
        )
        assert lab.Profile(**made.to_dict()) == made
        assert set(made.to_dict()) == {"name", "sender", "connection", "description", "reply_to"}

    def test_the_text_names_sender_server_and_login(self):
        """str() and login say how mail gets out, in words."""
        assert (
            str(profile())
            == "team: Ann <ann@example.com> through mx.example.com:587 (starttls, no login)"
        )
        login = profile(connection=connection(auth=lab.BasicAuth(username="ann"))).login
        assert login == "starttls, user ann"

    def test_the_html_escapes_what_was_typed(self):
        """A tag in a sender's name is text in the notebook."""

        class Page(HTMLParser):
            tags, text = (), ""

            def handle_starttag(self, tag, attrs):
                self.tags += (tag,)

            def handle_data(self, data):
                self.text += data

        page = Page()
        page.feed(profile(sender='"<script>x</script>" <a@example.com>')._repr_html_())
        assert "script" not in page.tags
        assert "<script>x</script>" in page.text

    def test_the_html_says_when_nothing_is_verified(self):
        """A loosened check is visible."""
        assert "NOT checked" in profile(connection=connection(verify=False))._repr_html_()
        assert "NOT checked" not in profile()._repr_html_()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(None, None), ("", None), ("  ", None), (" ca.pem ", "ca.pem"), (Path("ca.pem"), "ca.pem")],
)
def test_a_certificate_file_is_a_path_or_none(typed, kept):
    """An emptied field is no file, and a Path is as good as a text."""
    assert connection(ca_file=typed).ca_file == kept


def test_the_home_folder_is_found_when_used(monkeypatch, tmp_path):
    """A file under ~ is kept so and found on this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    made = connection(ca_file="~/ca.pem")
    assert made.ca_file == "~/ca.pem"
    assert made.trusted == tmp_path / "ca.pem"
    assert connection().trusted is None


class TestSignature:
    """A few lines below each mail."""

    @pytest.mark.parametrize("text", ["", "-- \nAnn", "tab\there", "ä" * 250, "a\r\nb", "😀"])
    def test_lines_are_taken_as_typed(self, text):
        """Line breaks, tabs and spaces stay; 250 characters are the most."""
        assert profile(signature=text).signature == text

    def test_it_has_a_limit(self):
        """One more than 250 is counted in the sentence."""
        assert refused(lambda: profile(signature="x" * 251)) == {
            "signature": "has 251 characters; keep it to 250."
        }

    @pytest.mark.parametrize("field", ["signature", "description"])
    @pytest.mark.parametrize(
        "bad", ["\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\x0b", "half \ud83d"]
    )
    def test_other_control_characters_are_refused(self, field, bad):
        """What would upset a terminal or a mail is refused, without being repeated."""
        sentence = refused(lambda: profile(**{field: f"a{bad}b"}))[field]
        assert sentence.endswith("type it again.")
        assert sentence.isprintable()


@pytest.mark.parametrize("header", ["to", "cc", "bcc"])
def test_recipients_stand_in_one_of_three_headers(header):
    """to, cc or bcc, and to where nothing is said."""
    assert profile(recipients_as=header).recipients_as == header
    assert profile().recipients_as == "to"


@pytest.mark.parametrize("header", ["To", "", "reply-to", None, 3])
def test_another_header_is_told_the_choices(header):
    """The sentence names the three."""
    assert refused(lambda: profile(recipients_as=header)) == {
        "recipients_as": "is none of the choices; give 'to', 'cc' or 'bcc'."
    }


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_the_oldest_tls_is_a_choice(version):
    """Four versions can be chosen; the broken ones are said to be so."""
    made = profile(connection=connection(min_tls=version))
    assert made.connection.min_tls == version
    assert ("old_tls" in {a.id for a in made.advice()}) == (version in ("1.0", "1.1"))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (" host.example.com ", "host.example.com"),
        ("localhost", "localhost"),
        ("[127.0.0.1]", "[127.0.0.1]"),
        ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ("a", "a"),
        ("x" * 255, "x" * 255),
    ],
)
def test_an_ehlo_name_is_a_name_or_an_address_in_brackets(typed, kept):
    """What RFC 5321 lets a client call itself is taken; emptied it is the machine's own."""
    assert connection(ehlo_name=typed).ehlo_name == kept


@pytest.mark.parametrize(
    "typed",
    ["my host", "a\r\nMAIL FROM:<x>", "a\nb", "-a", "a-", ".a", "a.", "münchen", "[127.0.0.1", "[]", "a_b", "x" * 256, "a\0", "<b>"],
)  # fmt: skip
def test_another_ehlo_name_is_refused(typed):
    """Nothing that could be a command of its own gets into the dialogue."""
    sentence = refused(lambda: connection(ehlo_name=typed))["ehlo_name"]
    assert (
        "is no name for EHLO; give a name such as host.example.com, or leave it empty" in sentence
    )
    assert sentence.isprintable()


def oauth(**changes) -> lab.OAuth2:
    given = {"user": "ann", "client_id": "app", "token_url": "https://login.example.com/token"}
    return lab.OAuth2(**(given | changes))


class TestOAuth2:
    """A login with a token."""

    def test_the_defaults(self):
        """The application itself logs in, with the best mechanism that is offered."""
        made = oauth()
        assert (made.grant, made.mechanism, made.scopes) == ("client_credentials", "auto", ())
        assert (made.auth_url, made.device_url, made.secrets) == (None, None, {})

    @pytest.mark.parametrize(
        ("grant", "more"),
        [
            ("client_credentials", {}),
            ("refresh_token", {"refresh_token": "x"}),
            ("service_account", {"service_account_key": "x"}),
            ("device_code", {"device_url": "https://login.example.com/device"}),
            ("authorization_code", {"auth_url": "https://login.example.com/auth"}),
        ],
    )
    def test_each_grant(self, grant, more):
        """Every grant of the design can be chosen and survives the way through plain data."""
        made = profile(connection=connection(auth=oauth(grant=grant, **more)))
        assert lab.Profile(**made.to_dict()) == made.without_secrets()
        assert made.login == f"starttls, OAuth 2.0 ({grant}), user ann"
        assert made.username == "ann"

    @pytest.mark.parametrize(
        ("grant", "needed"), [("device_code", "device_url"), ("authorization_code", "auth_url")]
    )
    def test_a_grant_with_a_page_needs_its_address(self, grant, needed):
        """The sentence names the grant and the field, by itself and within a profile."""
        sentence = f"grant {grant} needs {needed}; fill in {needed}."
        assert refused(lambda: oauth(grant=grant)) == {"": sentence}
        data = {"type": "oauth2"} | oauth().model_dump() | {"grant": grant}
        within = refused(lambda: profile(connection={"host": "h", "auth": data}))
        assert within == {"connection.auth": sentence}

    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("a b", ("a", "b")),
            ("a, b,c", ("a", "b", "c")),
            ("", ()),
            (["a", "", "b"], ("a", "b")),
            (("https://mail.example.com/.default",), ("https://mail.example.com/.default",)),
        ],
    )
    def test_scopes_are_read_as_providers_write_them(self, typed, kept):
        """One text with spaces or commas, or a list."""
        assert oauth(scopes=typed).scopes == kept

    @pytest.mark.parametrize("typed", [["a b"], ["a,b"], ["a\nb"], 'a "b"', ["\0"], ["ä"], "a\\b"])
    def test_what_is_no_scope_is_refused(self, typed):
        """Only the characters of RFC 6749 go into the request."""
        sentence = refused(lambda: oauth(scopes=typed))["scopes"]
        assert "holds what is no scope; separate scopes by spaces" in sentence
        assert sentence.isprintable()

    @pytest.mark.parametrize("field", ["token_url", "auth_url", "device_url"])
    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("http://login.example.com", "does not begin with https://"),
            ("ftp://login.example.com", "does not begin with https://"),
            ("login.example.com/token", "is no address"),
            ("https://", "is no address"),
            ("https:///x", "is no address"),
            ("https://a b", "is no address"),
            ("https://a\r\nHost: x", "is no address"),
            ("https://[::1", "is no address"),
            ("https://h:99999/", "is no address"),
            ("https://ann@login.example.com/", "holds a user name or password"),
            ("https://ann:sesame@login.example.com/", "holds a user name or password"),
            ("https://login.example.com\\@evil.test/", "holds a user name or password"),
            (3, "is no address"),
        ],
    )
    def test_a_bad_address_is_refused(self, field, typed, words):
        """Secrets are sent there: only https, no name or password in it, nothing to split a line."""
        sentence = refused(lambda: oauth(**{field: typed}))[field]
        assert words in sentence
        assert "sesame" not in sentence
        assert sentence.isprintable()

    @pytest.mark.parametrize(
        "url",
        ["http://localhost:8080/token", "http://127.0.0.1/token", "http://[::1]:1/t", " HTTPS://Login.example.com/t "],
    )  # fmt: skip
    def test_this_machine_may_do_without_tls(self, url):
        """A local twin's token endpoint is fine, and outer spaces go."""
        assert oauth(token_url=url).token_url == url.strip()

    def test_there_must_be_a_token_endpoint(self):
        """Left empty or out, it is one sentence for the field."""
        assert set(refused(lambda: oauth(token_url=""))) == {"token_url"}
        assert refused(lambda: lab.OAuth2(user="a", client_id="c")) == {
            "token_url": "is missing; fill it in."
        }

    @pytest.mark.parametrize("field", ["user", "client_id"])
    def test_user_and_client_are_lines(self, field):
        """Empty ones and control characters are refused, outer spaces go."""
        assert "is empty" in refused(lambda: oauth(**{field: "  "}))[field]
        assert "control character" in refused(lambda: oauth(**{field: "a\1b"}))[field]
        assert getattr(oauth(**{field: " x "}), field) == "x"

    @pytest.mark.parametrize(
        ("grant", "first"),
        [
            ("client_credentials", "client_secret"),
            ("refresh_token", "refresh_token"),
            ("service_account", "service_account_key"),
        ],
    )
    def test_the_secret_it_needs_comes_first(self, grant, first):
        """A form asks for that one before the others."""
        assert oauth(grant=grant).secret_fields[0] == first
        assert set(oauth(grant=grant).secret_fields) == set(lab.OAuth2.SECRETS)


def graph(**changes) -> lab.GraphConnection:
    given = {"user": "ann@example.com", "tenant_id": "example.com", "client_id": "1234-abcd"}
    return lab.GraphConnection(**(given | changes))


class TestGraph:
    """Microsoft Graph instead of a server."""

    @pytest.mark.parametrize(
        ("cloud", "host"),
        [
            ("global", "graph.microsoft.com"),
            ("us-government", "graph.microsoft.us"),
            ("china", "microsoftgraph.chinacloudapi.cn"),
        ],
    )
    def test_each_cloud_has_its_host(self, cloud, host):
        """The endpoint follows the cloud."""
        assert graph(cloud=cloud).endpoint == host

    def test_another_cloud_is_told_the_choices(self):
        """The three clouds are named."""
        assert refused(lambda: graph(cloud="moon")) == {
            "cloud": "is none of the choices; give 'global', 'us-government' or 'china'."
        }

    def test_it_shows_how_it_logs_in(self):
        """As application, or as a person where a password is known."""
        made = profile(connection=graph())
        assert made.login == "Microsoft Graph, global cloud, application, mailbox ann@example.com"
        assert "user and password" in made.with_password("sesame").login
        assert made.username == "ann@example.com"
        assert str(made).startswith("team: Ann <ann@example.com> through graph.microsoft.com (")
        assert "graph.microsoft.com" in made._repr_html_()

    @pytest.mark.parametrize("field", ["tenant_id", "client_id"])
    @pytest.mark.parametrize(
        "bad", ["", " ", "a b", "a/b", "../x", "a\n", "a\0", "<id>", "ä", "-a"]
    )
    def test_ids_are_ids(self, field, bad):
        """They become part of an address: nothing that could change it is taken."""
        sentence = refused(lambda: graph(**{field: bad}))[field]
        assert sentence.isprintable()

    def test_the_mailbox_is_an_address(self):
        """The address rules speak under the field."""
        assert "has no @" in refused(lambda: graph(user="ann"))["user"]

    @pytest.mark.parametrize("timeout", [0, -1, 601, float("nan"), float("inf")])
    def test_the_timeout_has_limits(self, timeout):
        """The same as for a server."""
        assert refused(lambda: graph(timeout=timeout)) == {
            "timeout": "is not between 0 and 600 seconds; 20 suits most servers."
        }

    def test_plain_data_is_short_and_enough(self):
        """to_dict builds the same again, without secrets."""
        made = profile(connection=graph(cloud="china", client_secret="sesame"), save_to_sent=True)
        assert made.to_dict()["connection"] == {
            "type": "graph",
            "user": "ann@example.com",
            "tenant_id": "example.com",
            "client_id": "1234-abcd",
            "cloud": "china",
        }
        assert lab.Profile(**made.to_dict()) == made.without_secrets()


class TestKind:
    """A connection given as data."""

    def test_smtp_is_usual(self):
        """Without a type it goes through a server."""
        assert profile(connection={"host": "h"}).connection == connection(host="h")

    def test_graph_says_so(self):
        """With the type, it is the other kind."""
        data = graph().model_dump()
        assert profile(connection=data).connection == graph()

    def test_another_type_is_told_the_choices(self):
        """Both are named."""
        assert refused(lambda: profile(connection={"type": "pigeon"})) == {
            "connection": "names an unknown type; give 'smtp', 'graph'."
        }

    def test_a_field_of_the_other_kind_is_unknown(self):
        """A host does not belong to Graph."""
        data = graph().model_dump() | {"host": "h"}
        assert set(refused(lambda: profile(connection=data))) == {"connection.host"}


class TestSecretsOfAProfile:
    """with_secrets() and its relatives."""

    def test_only_its_own_are_taken(self):
        """Names that the login does not have are left out, others are replaced or dropped."""
        made = profile(connection=connection(auth=oauth()))
        full = made.with_secrets(client_secret="a", refresh_token=lab.Secret("b"), password="c")
        assert {n: s.reveal() for n, s in full.secrets.items()} == {
            "client_secret": "a",
            "refresh_token": "b",
        }
        assert set(full.with_secrets(client_secret=None).secrets) == {"refresh_token"}
        assert full.without_secrets() == made
        assert full.password is None

    def test_sender_and_login_may_differ(self):
        """The profile shows which of them the recipients will see."""
        made = profile(
            sender="Shop <shop@example.com>",
            connection=connection(auth=lab.BasicAuth(username="robot@example.net")),
        )
        assert (made.address, made.username) == ("shop@example.com", "robot@example.net")
        html = made._repr_html_()
        assert "Recipients see" in html
        assert "robot@example.net" in html
