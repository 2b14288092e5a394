"""The message as Graph must have it: its headers say who gets it, and what is too large is parted."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses

import pytest
from deliver.graph_twin import profile, recipients_of
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab import InputError
from smtp_lab.deliver.graph.mime import addressed, parted
from smtp_lab.deliver.outgoing import Outgoing, prepare

TO = "bob@example.org"


def a_message(body="hi\n", **headers):
    message = EmailMessage()
    for name, value in ({"To": TO, "Subject": "x"} | headers).items():
        if value is not None:
            message[name] = value
    message.set_content(body)
    return message


def outgoing_of(message, to=None, **changes):
    return prepare(message, profile().replace(**changes), to)


def headers_of(raw):
    return message_from_bytes(raw, policy=default)


class TestRecipients:
    def test_bcc_is_put_back_and_nothing_else_changes(self):
        """Who is in no header becomes Bcc; the rest is what SMTP would have sent."""
        outgoing = outgoing_of(a_message(Bcc="eve@example.net, Max <max@example.net>"))
        raw = addressed(outgoing)
        assert b"Bcc:" not in outgoing.raw
        assert raw.replace(b"\r\nBcc: eve@example.net,\r\n max@example.net", b"") == outgoing.raw
        assert recipients_of(headers_of(raw)) == list(outgoing.rcpt_to)

    def test_without_hidden_recipients_the_bytes_are_those_of_smtp(self):
        """The same bytes as for SMTP where the headers name everyone already."""
        outgoing = outgoing_of(a_message(Cc="Eve <EVE@Example.net>"))
        assert addressed(outgoing) == outgoing.raw

    def test_recipients_as_bcc(self):
        """With bcc everyone is in Bcc, and To names nobody."""
        raw = addressed(outgoing_of(a_message(Cc="eve@example.net"), recipients_as="bcc"))
        assert headers_of(raw)["To"] == "undisclosed-recipients:;"
        assert recipients_of(headers_of(raw)) == [TO, "eve@example.net"]

    def test_somebody_in_the_headers_who_is_no_recipient_is_refused(self):
        """Graph would send to them: that is said, not done."""
        with pytest.raises(InputError, match=r"would get the mail too: eve@example\.net; make"):
            addressed(outgoing_of(a_message(Cc="eve@example.net"), (TO,)))

    def test_a_redirected_mail_goes_to_nobody_else(self):
        """The headers that name others are kept, but as headers nobody sends to."""
        outgoing = outgoing_of(a_message(Cc="Eve <eve@example.net>", Bcc="max@example.net"))
        raw = addressed(outgoing.to(("staging@example.com",)), redirected=True)
        assert recipients_of(headers_of(raw)) == ["staging@example.com"]
        assert headers_of(raw)["X-Original-To"] == TO
        assert headers_of(raw)["X-Original-Cc"] == "Eve <eve@example.net>"
        assert b"max@example.net" not in raw

    def test_a_redirected_mail_that_names_its_target_is_left_alone(self):
        """Where the headers name nobody else, nothing is moved."""
        outgoing = outgoing_of(a_message(To="staging@example.com"))
        raw = addressed(outgoing.to(("staging@example.com",)), redirected=True)
        assert raw == outgoing.raw

    def test_addresses_beyond_ascii(self):
        """A domain in letters is the same as one in punycode; a local part stays as it is."""
        outgoing = outgoing_of(a_message(To="jörg@bücher.example", Bcc="ann@bücher.example"))
        raw = addressed(outgoing)
        assert b"Bcc: ann@xn--bcher-kva.example" in raw
        assert addressed(outgoing_of(a_message(To="x@bücher.example"))).count(b"Bcc") == 0

    @pytest.mark.parametrize(
        "to",
        ["Doe, Ann <ann@example.org>", "ann@example.org bob@example.org", "<ann@example.org"],
    )
    def test_a_header_that_programs_read_differently_is_refused(self, to):
        """Who gets mail is not left to a guess about an odd header."""
        raw = f"From: a@example.com\r\nTo: {to}\r\n\r\nx\r\n".encode()
        outgoing = Outgoing("a@example.com", ("ann@example.org",), raw, "<1@example.com>")
        with pytest.raises(InputError, match=r"^to: "):
            addressed(outgoing)

    @given(
        headers=st.fixed_dictionaries(
            {
                name: st.lists(
                    st.sampled_from(
                        [
                            ("a", "example.com"),
                            ("B", "Example.org"),
                            ("q. q", "example.net"),
                            ("jörg", "example.com"),
                            ("c", "bücher.example"),
                            ("x+y", "sub.example.org"),
                        ]
                    ),
                    max_size=3,
                    unique=True,
                )
                for name in ("To", "Cc", "Bcc")
            }
        ),
        names=st.sampled_from(["", "Ann", "Doe, Ann", "Grüße; <you>", "a@example.edu", "日本 語"]),
        shape=st.sampled_from(["to", "cc", "bcc"]),
    )
    def test_the_headers_name_the_envelope_and_nobody_else(self, headers, names, shape):
        """Whoever is written to, as whatever: the finished headers are the envelope."""
        message = EmailMessage()
        for name, addresses in headers.items():
            if addresses:
                message[name] = [Address(names, *one) for one in addresses]
        message["Subject"] = "Grüße"
        message.set_content("x")
        if not any(headers.values()):
            return
        outgoing = prepare(message, profile().replace(recipients_as=shape))
        raw = addressed(outgoing)
        found = recipients_of(headers_of(raw))

        def key(address):
            local, _, domain = address.rpartition("@")
            return f"{local}@{domain.encode('idna').decode()}".casefold()

        assert {key(a) for a in found} == {key(a) for a in outgoing.rcpt_to}


def big(*sizes, html=None, kind=("application", "pdf")):
    message = a_message("the text\n")
    if html:
        message.add_alternative(html, subtype="html")
    for number, size in enumerate(sizes):
        content = bytes([number + 1]) * size
        message.add_attachment(
            content, maintype=kind[0], subtype=kind[1], filename=f"ä{number}.pdf"
        )
    return outgoing_of(message).raw


class TestParting:
    def test_only_as_much_as_needed_is_taken_out(self):
        """The largest attachments go first; what is small enough stays where it is."""
        raw = big(1_000, 900_000, 500_000)
        rest, files = parted(raw, 800_000)
        assert [(f.name, f.kind, len(f.content)) for f in files] == [
            ("ä1.pdf", "application/pdf", 900_000)
        ]
        assert len(rest) <= 800_000
        names = [part.get_filename() for part in headers_of(rest).iter_attachments()]
        assert names == ["ä0.pdf", "ä2.pdf"]

    def test_what_is_kept_is_kept_octet_for_octet(self):
        """Every line that stays is a line of the original, in its order."""
        raw = big(100, 50_000)
        rest, files = parted(raw, 40_000)
        start, end = rest.split(b"\r\n--", 1)[0], rest[-200:]
        assert raw.startswith(start)
        assert raw.endswith(end[-30:])
        assert len(files) == 1
        lines = iter(raw.split(b"\r\n"))
        assert all(line in lines for line in rest.split(b"\r\n"))

    @given(
        st.lists(st.integers(0, 3000), max_size=5),
        st.integers(2_000, 9_000),
        st.booleans(),
    )
    def test_nothing_is_lost(self, sizes, limit, related):
        """What is left and what was taken out together are all attachments, and the text stays."""
        raw = big(*sizes, html="<p>html</p>" if related else None)
        rest, files = parted(raw, limit)
        kept = [p.get_content() for p in headers_of(rest).iter_attachments()]
        kept = [content for content in kept if isinstance(content, bytes)]
        assert sorted([*kept, *(f.content for f in files)]) == sorted(
            bytes([n + 1]) * size for n, size in enumerate(sizes)
        )
        assert headers_of(rest).get_body(("plain",)).get_content().split() == ["the", "text"]
        assert len(rest) <= max(limit, len(raw) if not files else limit)
        if len(raw) <= limit:
            assert rest == raw

    def test_a_picture_of_the_html_keeps_its_id(self):
        """An inline picture is taken out as one, with the id its HTML calls."""
        message = a_message()
        message.add_alternative('<img src="cid:chart@x">', subtype="html")
        html = message.get_payload()[1]
        html.add_related(b"\x89PNG" * 2_000, "image", "png", cid="<chart@x>")
        _, (file,) = parted(outgoing_of(message).raw, 4_000)
        assert (file.content_id, file.inline, file.kind) == ("chart@x", True, "image/png")
        assert file.name == "attachment.png"
        assert file.content == b"\x89PNG" * 2_000

    def test_a_multipart_never_ends_up_empty(self):
        """Where nothing but files was, an empty text stays, since a multipart needs a part."""
        message = EmailMessage()
        message["To"] = TO
        message.make_mixed()
        message.add_attachment(b"x" * 5_000, maintype="image", subtype="png", filename="a.png")
        rest, files = parted(outgoing_of(message).raw, 2_000)
        (only,) = headers_of(rest).iter_parts()
        assert only.get_content_type() == "text/plain"
        assert len(files) == 1

    def test_a_mail_in_the_mail_is_a_file(self):
        """An attached message is uploaded as it stands."""
        message = a_message()
        inner = a_message("x" * 60 + "\n", Subject="inner")
        inner.set_content("y\n" * 3_000)
        message.add_attachment(inner)
        _, (file,) = parted(outgoing_of(message).raw, 2_000)
        assert (file.kind, file.name) == ("message/rfc822", "message.eml")
        assert headers_of(file.content)["Subject"] == "inner"

    def test_a_signed_message_is_left_whole(self):
        """A part under a signature cannot be taken out: the signature would break."""
        signed = big(5_000).replace(b"multipart/mixed", b"multipart/signed", 1)
        with pytest.raises(InputError, match="signed or encrypted must be smaller"):
            parted(signed, 3_000)

    def test_a_long_text_is_refused_with_its_size(self):
        """A text that is too long by itself cannot travel as an attachment."""
        raw = outgoing_of(a_message("long line\n" * 10_000)).raw
        with pytest.raises(InputError, match=r"has 1\d\d,\d{3} octets .* takes 50,000 in one"):
            parted(raw, 50_000)

    @pytest.mark.parametrize(
        "raw",
        [
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\nno part at all\r\n",
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--ab\r\n\r\ny",
            b"Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n",
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nX: 1\r\n\r\nx\r\n--a",
            b"no header",
            b"",
        ],
    )
    def test_a_broken_message_comes_back_as_it_was(self, raw):
        """What cannot be parted is not changed."""
        assert parted(raw, 1_000_000) == (raw, ())

    def test_names_are_those_of_other_parsers(self):
        """The names come out as the standard library reads them."""
        _, files = parted(big(5_000, 4_000), 1_000)
        assert {f.name for f in files} == {"ä0.pdf", "ä1.pdf"}
        assert getaddresses(["x"])  # the parser that is compared against above is there
        assert re.fullmatch(r"ä\d\.pdf", files[0].name)
