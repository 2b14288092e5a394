"""Addresses as people type them: taken, or refused in a sentence that names them."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab.config.address import (
    _PLAIN,
    _is_plain,
    _why_not,
    check_address,
    check_addresses,
    parse_addresses,
    parse_sender,
)
from smtp_lab.errors import InputError

GOOD = [
    "ann@example.com",
    "ann+tag@example.com",
    "ann.b.c@mail.example.org",
    "o'brien@example.com",
    "a@b.test",
    "ann@test",
    "ann@localhost",
    "ann@x.invalid",
    "ann@printer.local",
    "ann@example",
    "ann@[127.0.0.1]",
    "ann@[IPv6:::1]",
    "ann@xn--mnchen-3ya.example",
    "ann@münchen.example",
    "jörg@example.com",
    "用户@例子.test",
    '"a b"@example.com',
    '"a@b"@example.com',
    '"a\\"b"@example.com',
    "!#$%&'*+-/=?^_`{|}~@example.com",
    "x" * 64 + "@example.com",
    "ann@" + "a" * 63 + ".example.com",
]
BAD = [
    ("", "is empty"),
    ("   ", "is empty"),
    ("ann", "has no @"),
    ("ann at example.com", "has no @"),
    ("ann@", "after the @"),
    ("@example.com", "before the @"),
    ("@", "is not an address"),
    ("a@b@example.com", "is not an address"),
    ("a b@example.com", "SPACE"),
    ("ann@exa mple.com", "SPACE"),
    (".ann@example.com", "period"),
    ("ann.@example.com", "period"),
    ("a..b@example.com", "period"),
    ("ann@.test", "period"),
    ("ann@example..com", "period"),
    ("ann@example.com.", "period"),
    ("ann@-x.example.com", "hyphen"),
    ("ann@x-.example.com", "hyphen"),
    ("<ann@example.com>", "angle brackets"),
    ("Ann <ann@example.com>", "is not an address"),
    ("mailto:ann@example.com", "':'"),
    ("ann@example.com,bob@example.com", "is not an address"),
    ("ann@example.com;bob@example.com", "is not an address"),
    ("ann@[999.1.1.1]", "is not an address"),
    ("ann@[x]", "is not an address"),
    ('"ann@example.com', "is not an address"),
    ("ann@" + "a" * 64 + ".example.com", "is not an address"),
    ("ann@" + ".".join(["a" * 60] * 5), "is not an address"),
    ("ann\u202e@example.com", "control character"),
    ("ann@exam\u202eple.com", "control character"),
    ("ann@example.com\n", "control character"),
    ("ann@example.com\r\nRCPT TO:<x@example.com>", "control character"),
    ("ann\0@example.com", "control character"),
    ("\tann@example.com", "control character"),
    ("ann\x7f@example.com", "control character"),
    ("ann\x85@example.com", "control character"),
    ("ann\u2028@example.com", "control character"),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_address_is_given_back(text):
    """An address by the rules, also one of a lab, is taken as it stands, without outer spaces."""
    assert check_address(text) == text
    assert check_address(f"  {text} ") == text


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_bad_address_is_refused_in_a_sentence(text, words):
    """The sentence names the field, says what is wrong and gives an example."""
    with pytest.raises(InputError) as caught:
        check_address(text, "reply_to")
    (problem,) = caught.value.problems
    assert problem.field == "reply_to"
    assert words in problem.problem
    assert "ann@example.com" in problem.fix
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@example.com", "", "ann@example.com"),
        ("  ann@example.com  ", "", "ann@example.com"),
        ("<ann@example.com>", "", "ann@example.com"),
        ("Ann <ann@example.com>", "Ann", "ann@example.com"),
        ("Ann Example<ann@example.com>", "Ann Example", "ann@example.com"),
        ("Ann < ann@example.com >", "Ann", "ann@example.com"),
        ("Ann, Sales <ann@example.com>", "Ann, Sales", "ann@example.com"),
        ('"Ann, Sales" <ann@example.com>', "Ann, Sales", "ann@example.com"),
        ('"Ann \\"the boss\\" B" <ann@example.com>', 'Ann "the boss" B', "ann@example.com"),
        ('"a <b> c" <ann@example.com>', "a <b> c", "ann@example.com"),
        ('"a\\\\b" <ann@example.com>', "a\\b", "ann@example.com"),
        ('"" <ann@example.com>', "", "ann@example.com"),
        ("Ann (work) <ann@example.com>", "Ann (work)", "ann@example.com"),
        ("Zoë Müller <zoe@example.com>", "Zoë Müller", "zoe@example.com"),
        ("日本 <jörg@münchen.example>", "日本", "jörg@münchen.example"),
        ('"a b"@example.com', "", '"a b"@example.com'),
        ('Ann <"a b"@example.com>', "Ann", '"a b"@example.com'),
        ('Ann <"a\\"b"@example.com>', "Ann", '"a\\"b"@example.com'),
        ("Lab <ann@[127.0.0.1]>", "Lab", "ann@[127.0.0.1]"),
    ],
)
def test_a_sender_is_a_name_and_an_address(text, name, address):
    """Name and address are taken apart, with or without quotes and brackets."""
    sender = parse_sender(text)
    assert (sender.display_name, sender.addr_spec) == (name, address)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("Ann", "has no @"),
        ("Ann <>", "is empty"),
        ("Ann <ann>", "has no @"),
        ("Ann ann@example.com", "is not an address"),
        ("a@example.com, b@example.com", "is not an address"),
        ("a@example.com b@example.com", "is not an address"),
        ("Ann <a@example.com>, Bob <b@example.com>", "is not a name and one address"),
        ("Ann <a@example.com> <b@example.com>", "is not a name and one address"),
        ("Ann <a@example.com> Bob", "is not a name and one address"),
        ("Ann <a@example.com", "is not a name and one address"),
        ("Ann a@example.com>", "is not a name and one address"),
        ('"Ann <a@example.com>', "is not a name and one address"),
        ("Ann <a@exa mple.com>", "is not an address"),
        ("Ann\r\nBcc: b@example.com <a@example.com>", "control character"),
        ("Ann\n<a@example.com>", "control character"),
        ("Ann\0 <a@example.com>", "control character"),
        ("Ann\x1b[2J <a@example.com>", "control character"),
        ("Ann\x9b <a@example.com>", "control character"),
    ],
)
def test_a_bad_sender_is_refused_in_a_sentence(text, words):
    """No address, two of them, or a control character: one sentence for the field."""
    with pytest.raises(InputError) as caught:
        parse_sender(text, "sender")
    (problem,) = caught.value.problems
    assert problem.field == "sender"
    assert words in problem.problem
    assert problem.fix
    assert str(caught.value).isprintable()


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf"]), max_size=40).map(
        str.strip
    )
)
def test_any_name_goes_into_a_header_and_comes_out_again(name):
    """A display name is quoted or encoded so that the header carries it unchanged."""
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    sender = parse_sender(f"{quoted} <ann@example.com>")
    message = EmailMessage()
    message["From"] = sender
    assert sender == Address(name, "ann", "example.com")
    assert message["From"].addresses[0].addr_spec == "ann@example.com"
    assert len(message["From"].addresses) == 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_an_address_or_one_sentence(text):
    """Whatever is typed, the answer is an Address or an InputError in one printable line."""
    for read in (parse_sender, check_address, check_addresses):
        said = ""
        try:
            read(text)
        except InputError as error:
            said = str(error)
        assert "\n" not in said
        assert "\x1b" not in said


@pytest.mark.parametrize(
    ("to", "addresses"),
    [
        ("a@example.com", ("a@example.com",)),
        ("a@example.com, b@example.com", ("a@example.com", "b@example.com")),
        ("a@example.com,b@example.com,", ("a@example.com", "b@example.com")),
        (["a@example.com", "b@example.com"], ("a@example.com", "b@example.com")),
        (("b@example.com", "a@example.com"), ("b@example.com", "a@example.com")),
        (
            ["a@example.com, b@example.com", "c@example.com"],
            ("a@example.com", "b@example.com", "c@example.com"),
        ),
        ("a@example.com, Ann <a@example.com>, a@example.com", ("a@example.com",)),
        (["b@example.com", "a@example.com", "b@example.com"], ("b@example.com", "a@example.com")),
        ('"Ann, Sales" <a@example.com>, b@example.com', ("a@example.com", "b@example.com")),
        ('"a,b"@example.com, c@example.com', ('"a,b"@example.com', "c@example.com")),
        ('Ann <"x, y"@example.com>', ('"x, y"@example.com',)),
    ],
)
def test_addresses_are_listed_once_each_in_order(to, addresses):
    """One text, a text with commas and a list all give the bare addresses without repeats."""
    assert check_addresses(to) == addresses


@pytest.mark.parametrize(
    ("to", "bad"),
    [
        ("bad, a@example.com, worse", ["'bad'", "'worse'"]),
        (["x", "a@example.com", "y@", "z@@example.com"], ["'x'", "'y@'", "'z@@example.com'"]),
        ("a@example.com; b@example.com", ["'a@example.com; b@example.com'"]),
        ("", ["is empty"]),
        (",", ["','"]),
        ([], ["names nobody"]),
        (["a@example.com", ""], ["is empty"]),
        (["a@example.com\r\nb@example.com"], ["control character"]),
        ([None, "a@example.com", float("nan")], ["NoneType", "float"]),
        (b"a@example.com", ["is a bytes, not a text"]),
    ],
)
def test_every_bad_address_is_named(to, bad):
    """One refusal lists all that is wrong, so that it is mended in one go."""
    with pytest.raises(InputError) as caught:
        check_addresses(to, "cc")
    for words in bad:
        assert words in str(caught.value)
    assert {problem.field for problem in caught.value.problems} == {"cc"}
    assert all(words in caught.value.by_field["cc"] for words in bad)


def test_display_names_are_kept_for_headers():
    """parse_addresses keeps the names that the envelope does not need."""
    ann, bob = parse_addresses('"Ann, Sales" <a@example.com>, b@example.com')
    assert (ann.display_name, ann.addr_spec) == ("Ann, Sales", "a@example.com")
    assert (bob.display_name, bob.addr_spec) == ("", "b@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com, Bob <bob@example.org>",
        "ann@example.com; Bob <bob@example.org>",
        "Bob, ann@example.com <bob@example.org>",
    ],
)
def test_a_second_address_is_no_name(text):
    """Nobody is dropped into a display name."""
    with pytest.raises(InputError, match="more than one address"):
        parse_sender(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Ann "The Boss" Example <ann@example.com>', "Ann The Boss Example"),
        ('"Ann" Example <ann@example.com>', "Ann Example"),
        ('"Example, Ann" <ann@example.com>', "Example, Ann"),
        ('"a@b.example, c" <ann@example.com>', "a@b.example, c"),
        ("ann@example.com <bob@example.org>", "ann@example.com"),
    ],
)
def test_words_may_be_bare_or_in_quotes(text, name):
    """A phrase of RFC 5322 section 3.2.5."""
    assert parse_sender(text).display_name == name


PIECES = st.lists(
    st.sampled_from([*"aZ09.-_+@", "ann", "example", "xn--", ".com", "x" * 62]), max_size=9
)


class TestShortWays:
    @given(PIECES.map("".join) | st.from_regex(_PLAIN, fullmatch=True))
    def test_what_is_taken_at_a_glance_is_an_address(self, text):
        """The pattern for plain addresses lets nothing through that email-validator refuses."""
        if _is_plain(text):
            assert _why_not(text) == ""
            assert parse_sender(text).addr_spec == text
            assert check_addresses([text, text]) == (text,)

    @pytest.mark.parametrize(
        "text",
        [
            " " * 300_000 + "x",
            "a" + " " * 300_000 + "b",
            "@" * 300_000,
            "<" * 300_000,
            '"' * 300_001,
        ],
    )
    def test_long_text_is_refused_at_once(self, text):
        """Nothing is read again and again that is too long for a line of mail."""
        for refuse in (check_address, check_addresses, parse_sender):
            with pytest.raises(InputError) as error:
                refuse(text)
            assert len(str(error.value)) < 200

    def test_a_name_of_999_characters_is_read(self):
        """The bound is the length of a line."""
        name = "x" * (1_000 - len(" <a@example.com>"))
        assert parse_sender(f"{name} <a@example.com>").display_name == name
