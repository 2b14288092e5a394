"""A header that names many people: everyone is in it, once, and lines are short."""

from __future__ import annotations

import copy
import pickle
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.compose.addressees import Addressees

NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=90
) | st.sampled_from(
    [
        "Doe, J.",
        'He said "hi"',
        "a\\b",
        "=?utf-8?q?x?=",
        "  two  spaces ",
        "Jörg, M",
        "x" * 300,
        "()",
    ]
)
LOCALS = st.sampled_from(["ann", "a.b", "a,b", "a b", 'q"', "x" * 64])
PEOPLE = st.builds(Address, NAMES, LOCALS, st.just("example.org"))
GROUPS = st.builds(
    Group,
    st.text("abc ,é", min_size=1, max_size=60).filter(str.strip),
    st.lists(PEOPLE, max_size=3),
)


def read(header):
    """What a mail program finds in *header*: names (RFC 2047 section 6.2) and addresses."""
    raw = header.fold(policy=SMTP).encode() + b"\r\nhi\r\n"
    found = getaddresses([message_from_bytes(raw)["To"].replace("\r\n", "")])
    return [(str(make_header(decode_header(name))), spec) for name, spec in found]


@given(st.lists(PEOPLE, min_size=1, max_size=8))
def test_everyone_is_named_once_and_in_order(people):
    """Read back, the header names the same people, whatever they are called."""
    header = Addressees.of("To", people)
    for (name, spec), one in zip(read(header), people, strict=True):
        assert spec == one.addr_spec
        assert name.strip() == one.display_name.strip()
    assert header.addresses == tuple(people)


@given(st.lists(PEOPLE | GROUPS, min_size=1, max_size=5))
def test_groups_keep_their_members(people):
    """Groups stand among single addresses, with their names."""
    header = Addressees.of("To", people)
    raw = header.fold(policy=SMTP).encode() + b"\r\n"
    found = message_from_bytes(raw, policy=SMTP)["To"].groups
    assert [tuple(a.addr_spec for a in g.addresses) for g in found] == [
        tuple(a.addr_spec for a in g.addresses) for g in header.groups
    ]
    for before, after in zip(header.groups, found, strict=True):
        # The standard library reads a blank between two encoded words, against RFC 2047 section 6.2.
        assert "".join((after.display_name or "").split()) == "".join(
            (before.display_name or "").split()
        )


@given(st.lists(PEOPLE, min_size=1, max_size=8))
def test_lines_are_short_and_ascii(people):
    """No line has more than 78 characters, but for one address that does not fit in any."""
    for line in Addressees.of("To", people).fold(policy=SMTP).split("\r\n"):
        assert line.isascii()
        assert len(line) <= 78 or "," not in line.rstrip(",")


def test_with_smtputf8_names_stay_readable():
    """Where UTF-8 is allowed, names and addresses are written as they are."""
    header = Addressees.of("To", [Address("Jörg", "jörg", "example.org")])
    assert header.fold(policy=SMTPUTF8) == "To: Jörg <jörg@example.org>\r\n"
    with pytest.raises(ValueError, match="beyond ASCII"):
        header.fold(policy=SMTP)


def test_an_address_that_fits_in_no_line():
    """A word longer than a line of mail is refused."""
    with pytest.raises(ValueError, match="too long"):
        Addressees.of("To", [Address("", "x" * 2000, "example.org")]).fold(policy=SMTP)


def test_it_is_a_header_like_any_other():
    """EmailMessage takes it, copies keep it, and the library writes it."""
    header = Addressees.of(
        "To", [Address("Jörg", "j", "example.org"), Address("", "b", "example.org")]
    )
    message = EmailMessage()
    message["To"] = header
    message.set_content("hi\n")
    assert message["To"] is header
    for one in (copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert one["To"].groups == header.groups
        assert one.as_bytes(policy=SMTP) == message.as_bytes(policy=SMTP)
    assert b"To: =?utf-8?b?SsO2cmc=?= <j@example.org>, b@example.org\r\n" in message.as_bytes(
        policy=SMTP
    )


@pytest.mark.parametrize("place", ["to", "cc", "bcc"])
def test_twenty_thousand_recipients(place):
    """So many are rendered, placed and written; each stands in the envelope, and in a header or none."""
    to = [f"Jörg {n} <user{n}@example.org>" for n in range(20_000)]
    message = lab.render("report", to=to, subject="x", title="x", summary="y")
    account = lab.Profile(
        name="ann",
        sender="ann@example.com",
        recipients_as=place,
        connection=lab.SmtpConnection(host="127.0.0.1"),
    )
    made = lab.prepare(message, account)
    assert len(made.rcpt_to) == 20_000
    head = made.raw.partition(b"\r\n\r\n")[0]
    assert head.count(b"<user") == (0 if place == "bcc" else 20_000)
    assert max(map(len, head.split(b"\r\n"))) <= 78
    if place != "bcc":
        assert (
            b"\r\n" + place.capitalize().encode() + b": =?utf-8?q?J=C3=B6rg_0?= <user0@"
            in b"\r\n" + head
        )
