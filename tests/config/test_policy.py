"""To whom mail may go, through what, and whose addresses are offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.errors import InputError

ANN = lab.Contact(address="ann@example.com", name="Ann", groups=("sales", "berlin"))
BOB = lab.Contact(address="bob@example.org", groups=("sales",))
EVE = lab.Contact(address="eve@example.test", groups=("board",))
SOLO = lab.Contact(address="solo@example.com")


def profile(sender="ann@example.com", **changes) -> lab.Profile:
    connection = lab.SmtpConnection(**({"host": "mx.example.com"} | changes))
    return lab.Profile(name="team", sender=sender, connection=connection)


GRAPH = profile().replace(
    connection=lab.GraphConnection(user="ann@example.com", tenant_id="t", client_id="c")
)


class TestDomains:
    """Approved recipient domains."""

    @pytest.mark.parametrize(
        "given",
        [
            "example.com, Example.ORG",
            "example.com,example.org",
            " @example.com  .example.org ,, example.com",
            "example.com\nexample.org",
            ["example.com", " EXAMPLE.org "],
            ("@example.com", "example.org", "example.com", ""),
        ],
    )
    def test_they_are_read_as_people_write_them(self, given):
        """A text with commas or spaces and a list give the same, in small letters, once each."""
        assert lab.Policy(approved_domains=given).approved_domains == ("example.com", "example.org")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ("example.com, exa mple_/x", "'mple_/x' is no domain; give one such as example.com"),
            ("*.example.com", "'*.example.com' is no domain"),
            ("ann@example.com", "'ann@example.com' is no domain"),
            ("https://example.com", "is no domain"),
            (["example.com\r\nRCPT TO:<x>"], "is no domain"),
            (["a..b"], "is no domain"),
            (3, "approved_domains: "),
        ],
    )
    def test_what_is_no_domain_is_a_sentence(self, given, words):
        """The domain is named in one line."""
        with pytest.raises(InputError) as caught:
            lab.Policy(approved_domains=given)
        assert words in str(caught.value)
        assert str(caught.value).isprintable()

    def test_without_any_all_are_approved(self):
        """An empty list is no rule."""
        assert lab.Policy().check(profile(), ["x@example.net"]) == ("x@example.net",)
        assert lab.Policy(approved_domains="").approved_domains == ()

    @pytest.mark.parametrize(
        ("address", "goes"),
        [
            ("a@example.com", True),
            ("a@EXAMPLE.Com", True),
            ("a@sub.example.com", True),
            ("a@deep.sub.example.com", True),
            ("a@notexample.com", False),
            ("a@example.com.evil.test", False),
            ("a@example.org", False),
            ('"x@example.com"@example.org', False),
            ('"x@example.org"@example.com', True),
            ("a@com", False),
        ],
    )
    def test_a_domain_and_those_below_it_are_approved(self, address, goes):
        """Whole labels count, from the right, in any case."""
        policy = lab.Policy(approved_domains="example.com")
        assert policy.refused([address]) == (() if goes else (address,))

    def test_letters_and_punycode_are_the_same_domain(self):
        """A domain is one name, however it is written; a final dot changes nothing."""
        policy = lab.Policy(approved_domains="bücher.example, xn--mller-kva.example, example.com.")
        assert (
            policy.refused(["a@xn--bcher-kva.example", "a@müller.example", "a@example.com"]) == ()
        )

    def test_every_refused_address_is_named(self):
        """One sentence names them all, and what is approved."""
        policy = lab.Policy(approved_domains="example.com, example.test")
        with pytest.raises(InputError) as caught:
            policy.check(profile(), ["a@example.com", "b@example.org", "c@example.net", "d@x.test"])
        (problem,) = caught.value.problems
        assert problem.field == "to"
        assert problem.problem == "policy does not allow b@example.org, c@example.net, d@x.test"
        assert "example.com, example.test" in problem.fix

    def test_contacts_are_exempt(self):
        """Who stands in the book may get mail, however the address is capitalised."""
        policy = lab.Policy(approved_domains="example.com")
        to = ["Bob@Example.ORG", "eve@example.test", "new@example.org"]
        assert policy.refused(to, [BOB, EVE]) == ("new@example.org",)
        assert policy.check(profile(), to[:2], [BOB, EVE]) == tuple(to[:2])

    @given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,3}", fullmatch=True), st.data())
    def test_a_domain_is_approved_only_with_its_parents(self, domain, data):
        """Approved is exactly what equals an approved domain or ends with a dot and it."""
        approved = data.draw(
            st.sampled_from(
                [domain, domain.partition(".")[2], f"x.{domain}", domain[1:].lstrip(".") or "x"]
            )
        )
        policy = lab.Policy(approved_domains=[approved])
        goes = f".{domain}".endswith(f".{approved}")
        assert policy.refused([f"a@{domain}"]) == (() if goes else (f"a@{domain}",))


class TestEncryptedOnly:
    """Only encrypted and verified connections, on the submission ports."""

    POLICY = lab.Policy(encrypted_only=True)

    @pytest.mark.parametrize(
        "one",
        [
            profile(),
            profile(port=2525),
            profile(port=465, security="implicit"),
            profile(host="127.0.0.1", port=49152),
            GRAPH,
        ],
        ids=["587", "2525", "465", "sink", "graph"],
    )
    def test_what_is_sound_goes(self, one):
        """The usual ports with TLS, a sink of this machine on any port, and Graph are fine."""
        assert self.POLICY.check(one, ["a@example.com"]) == ("a@example.com",)

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"security": "none"}, {"connection.security"}),
            ({"security": "tls-if-offered"}, {"connection.security"}),
            ({"verify": False}, {"connection.verify"}),
            ({"port": 25}, {"connection.port"}),
            ({"port": 26, "security": "none", "verify": False}, {"connection.port", "connection.security", "connection.verify"}),
            ({"host": "127.0.0.1", "security": "none"}, {"connection.security"}),
            ({"host": "127.0.0.1", "verify": False}, {"connection.verify"}),
            ({"host": "127.example.com", "port": 49152}, {"connection.port"}),
        ],
    )  # fmt: skip
    def test_everything_that_is_not_is_named(self, changes, fields):
        """Each field that the policy does not allow gets its sentence."""
        with pytest.raises(InputError) as caught:
            self.POLICY.check(profile(**changes), ["a@example.com"])
        assert set(caught.value.by_field) == fields
        assert all("policy" in sentence for sentence in caught.value.by_field.values())
        assert lab.Policy().check(profile(**changes), ["a@example.com"])

    def test_it_is_said_together_with_the_recipients(self):
        """One refusal names the connection and the addresses."""
        policy = lab.Policy(encrypted_only=True, approved_domains="example.com")
        with pytest.raises(InputError) as caught:
            policy.check(profile(port=25), ["a@example.org"])
        assert set(caught.value.by_field) == {"connection.port", "to"}


class TestRedirect:
    """Staging: all mail goes to one address."""

    def test_all_mail_goes_there(self):
        """Whoever was meant, the one address is where it goes, and none is refused."""
        policy = lab.Policy(redirect_all_to=" staging@example.net ", approved_domains="example.com")
        to = ["a@example.com", "b@example.org"]
        assert policy.check(profile(), to) == ("staging@example.net",)
        assert policy.refused(to) == ()

    def test_the_connection_is_held_to_the_rules_all_the_same(self):
        """A redirect does not open a plain connection."""
        policy = lab.Policy(redirect_all_to="staging@example.net", encrypted_only=True)
        with pytest.raises(InputError, match="policy wants encryption"):
            policy.check(profile(security="none"), ["a@example.com"])

    @pytest.mark.parametrize("given", [None, "", "  "])
    def test_empty_is_none(self, given):
        """An emptied field is no redirect."""
        assert lab.Policy(redirect_all_to=given).redirect_all_to is None

    @pytest.mark.parametrize("given", ["staging", "a@example.com, b@example.com", "a@b\r\nx"])
    def test_it_is_one_address(self, given):
        """What is no address is a sentence for the field."""
        with pytest.raises(InputError) as caught:
            lab.Policy(redirect_all_to=given)
        assert list(caught.value.by_field) == ["redirect_all_to"]


class TestSuggestions:
    """Whom a form offers."""

    ALL = (ANN, BOB, EVE, SOLO)

    @pytest.mark.parametrize(
        ("kind", "sender", "offered"),
        [
            ("all", "ann@example.com", (ANN, BOB, EVE, SOLO)),
            ("all", "nobody@example.com", (ANN, BOB, EVE, SOLO)),
            ("same group", "Ann <ANN@example.com>", (ANN, BOB)),
            ("same group", "eve@example.test", (EVE,)),
            ("same group", "solo@example.com", ()),
            ("same group", "nobody@example.com", ()),
            ("none", "ann@example.com", ()),
        ],
    )
    def test_all_those_of_the_same_group_or_none(self, kind, sender, offered):
        """The setting decides, by the groups of the sender's own contact."""
        policy = lab.Policy(suggestions=kind)
        assert policy.suggest(profile(sender), iter(self.ALL)) == offered

    def test_another_word_is_told_the_choices(self):
        """The three choices are named."""
        with pytest.raises(InputError, match="'all', 'same group' or 'none'"):
            lab.Policy(suggestions="some")

    def test_the_book_suggests(self):
        """book.suggest() joins policy, contacts and profile."""
        book = lab.ProfileBook.open()
        book.contacts = list(self.ALL)
        book.policy = lab.Policy(suggestions="same group")
        book.save(profile())
        assert lab.ProfileBook.open().suggest("team") == (ANN, BOB)
        assert book.contacts == self.ALL


class TestInTheBook:
    """Policy and contacts are kept in the file."""

    def test_they_survive(self):
        """What was set is there when the book is opened again, and gone when it was emptied."""
        book = lab.ProfileBook.open()
        policy = lab.Policy(
            approved_domains="example.com", encrypted_only=True, redirect_all_to="a@example.com",
            suggestions="none",
        )  # fmt: skip
        book.policy, book.contacts = policy, (ANN, SOLO)
        again = lab.ProfileBook.open()
        assert (again.policy, again.contacts) == (policy, (ANN, SOLO))
        book.policy, book.contacts = lab.Policy(), ()
        assert lab.ProfileBook.open().policy == lab.Policy()
        assert "policy" not in book.path.read_text(encoding="utf-8")
        assert "contacts" not in book.path.read_text(encoding="utf-8")

    def test_comments_beside_them_stay(self, tmp_path):
        """A change of one rule leaves the other lines."""
        path = tmp_path / "mine.toml"
        text = '[policy] # rules\napproved_domains = ["example.com"] # ours\nencrypted_only = true # yes\n'
        path.write_text(text, encoding="utf-8")
        book = lab.ProfileBook.open(path)
        book.policy = book.policy.replace(encrypted_only=False, suggestions="none")
        after = path.read_text(encoding="utf-8")
        assert '[policy] # rules\napproved_domains = ["example.com"] # ours\n' in after
        assert "encrypted_only" not in after

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ("[policy]\nencrypted = true\n", 2, ["policy.encrypted", "did you mean 'encrypted_only'"]),
            ("[policy]\n\nencrypted_only = 7\n", 3, ["policy.encrypted_only"]),
            ('[policy]\napproved_domains = ["a b"]\n', 2, ["'a b' is no domain"]),
            ("policy = 3\n", 1, ["policy: is not a table"]),
            ('[[contacts]]\naddress = "a@example.com"\n[[contacts]]\naddress = "b"\n', 4, ["contacts.1.address", "'b' has no @"]),
            ('[[contacts]]\nadress = "a@example.com"\n', 2, ["did you mean 'address'"]),
            ("contacts = 3\n", 1, ["is not a list of tables; write each as [[contacts]]"]),
            ("contacts = [3]\n", 1, ["is not a list of tables"]),
        ],
    )  # fmt: skip
    def test_what_is_wrong_in_the_file_names_its_line(self, tmp_path, text, line, words):
        """File, line and field are in the sentence."""
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            lab.ProfileBook.open(path)
        assert caught.value.line == line
        assert all(word in str(caught.value) for word in words)


def test_names_that_look_alike_are_not_approved():
    """Under IDNA 2008 straße and strasse are two domains; punycode is the same name."""
    policy = lab.Policy(approved_domains="strasse.example, bücher.example")
    assert policy.refused(["a@straße.example"]) == ("a@straße.example",)
    assert policy.refused(["a@xn--bcher-kva.example", "a@BÜCHER.example"]) == ()


def test_contacts_that_look_alike_are_not_approved():
    """A contact ß is not ss; the letters A to Z have no case, and punycode is the same name."""
    policy = lab.Policy(approved_domains="example.com")
    contacts = [
        lab.Contact(address="mass@strasse.example"),
        lab.Contact(address="a@bücher.example"),
    ]
    alike = ("maß@strasse.example", "mass@straße.example")
    assert policy.refused(alike, contacts) == alike
    assert policy.refused(["MASS@Strasse.example", "A@xn--bcher-kva.example"], contacts) == ()
