"""Which part of a message is what, and how parameters, charsets and contents are read."""

from __future__ import annotations

import re
import warnings
from base64 import b64encode
from email.message import EmailMessage

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbox.mails import captured, lines, page, stored

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.inbox.parts import walk

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def mixed(*parts: bytes, kind: str = "mixed") -> bytes:
    body = b"".join(b"--b\r\n" + part for part in parts)
    return lines(f"Content-Type: multipart/{kind}; boundary=b", "") + body + b"--b--\r\n"


def through(tmp_path, raw: bytes):
    """The message as it comes back from an archive on disk."""
    archive = Archive(tmp_path / "mail.sqlite3")
    archive.add([stored(raw)])
    message = lab.Inbox(archive)[-1]
    archive.close()
    return message


def names(message) -> list[tuple[str, str]]:
    return [(a.name, a.type) for a in message.attachments]


class TestRoles:
    def test_an_invitation_is_a_file(self):
        """A text that is neither plain nor HTML is listed, named or not."""
        raw = mixed(
            lines("", "come"),
            lines("Content-Type: text/html", "", "<p>come</p>"),
            lines("Content-Type: text/calendar; method=REQUEST", "", "BEGIN:VCALENDAR"),
            kind="alternative",
        )
        message = captured(raw)
        assert (message.text, message.html) == ("come", "<p>come</p>")
        assert names(message) == [("", "text/calendar")]
        assert message.attachments[0].content == b"BEGIN:VCALENDAR"

    def test_a_bounce_has_all_three_of_its_parts(self):
        """The words are the text; the report and the message that bounced are files."""
        bounced = lines("Subject: lost", "", "hello")
        raw = mixed(
            lines("", "could not be delivered"),
            lines(
                "Content-Type: message/delivery-status", "", "Action: failed", "", "Status: 5.1.1"
            ),
            lines("Content-Type: message/rfc822", "", bounced),
            kind="report",
        )
        message = captured(raw)
        assert message.text == "could not be delivered"
        assert [(a.type, a.content) for a in message.attachments] == [
            ("message/delivery-status", b"Action: failed\r\n\r\nStatus: 5.1.1"),
            ("message/rfc822", bounced),
        ]

    def test_a_digest_is_a_row_of_messages(self):
        """In a digest a part without a type is a message, and each is a file."""
        inner = lines("Subject: one", "", "first")
        message = captured(mixed(lines("", inner), lines("", inner), kind="digest"))
        assert names(message) == [("one.eml", "message/rfc822")] * 2
        assert message.text == ""

    @pytest.mark.parametrize(
        ("subject", "name"),
        [
            ("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße.eml"),
            ("Subject: and/or \\ not", "and_or _ not.eml"),
            ("Subject:", ""),
            ("X: y", ""),
        ],
    )
    def test_an_attached_message_is_called_after_its_subject(self, subject, name):
        """Where it has no name of its own; a slash in it leads nowhere."""
        for head in ("Content-Type: message/rfc822", "Content-Type: MESSAGE/RFC822; name="):
            message = captured(mixed(lines(head, "", subject, "", "x")))
            assert names(message) == [(name, "message/rfc822")]

    def test_a_forwarded_message_in_base64_is_decoded(self):
        """Some programs encode the message they forward; it comes out as it was."""
        inner = "Subject: grüße\r\n\r\nhello\r\n".encode()
        part = lines(
            'Content-Type: message/rfc822; name="mail.eml"', "Content-Transfer-Encoding: base64", "",
            b64encode(inner),
        )  # fmt: skip
        (found,) = captured(mixed(lines("", "see"), part)).attachments
        assert (found.name, found.content) == ("mail.eml", inner)

    def test_a_second_text_is_a_file(self):
        """The first of the plain texts is the body; a later one is listed, not lost."""
        message = captured(mixed(lines("", "the body"), lines("", "-- ", "a footer")))
        assert message.text == "the body"
        assert [a.content for a in message.attachments] == [b"-- \r\na footer"]

    def test_an_empty_text_is_neither_body_nor_file(self):
        """A text of blanks gives way to one with words, and is not listed."""
        message = captured(mixed(lines("", ""), lines("", "words"), lines("", " ")))
        assert (message.text, message.attachments) == ("words", [])
        assert captured(lines("", "", "")).text == "\n\n"

    def test_html_that_is_attached_is_not_the_body(self):
        """A page sent as a file does not replace what the sender wrote."""
        page_part = lines("Content-Type: text/html; name=page.html", "", "<i>page</i>")
        message = captured(mixed(page_part, lines("Content-Type: text/html", "", "<b>body</b>")))
        assert message.html == "<b>body</b>"
        assert names(message) == [("page.html", "text/html")]

    def test_what_the_standard_library_writes_is_read_back(self, tmp_path):
        """Text, HTML, its picture and files of several types come back from an archive on disk."""
        written = EmailMessage()
        written["Subject"] = "Grüße"
        written.set_content("der Text\n")
        written.add_alternative("<img src='cid:p'>\n", subtype="html")
        written.get_payload()[1].add_related(b"\x89", "image", "png", cid="<p>")
        written.add_attachment(b"\0\1", "application", "pdf", filename="Über.pdf")
        forwarded = EmailMessage()
        forwarded.set_content("inner")
        written.add_attachment(forwarded)
        raw = written.as_bytes()
        message = through(tmp_path, raw)
        assert message.raw == raw
        assert (message.subject, message.text) == ("Grüße", "der Text\n")
        assert names(message) == [
            ("", "image/png"), ("Über.pdf", "application/pdf"), ("", "message/rfc822"),
        ]  # fmt: skip
        assert [a.inline for a in message.attachments] == [True, False, False]
        assert b"inner" in message.attachments[2].content

    @given(st.lists(st.sampled_from(["plain", "html", "csv"]), min_size=1, max_size=12))
    def test_nothing_is_lost(self, kinds):
        """Every part is a body or a file, whatever order they come in."""
        parts = [lines(f"Content-Type: text/{kind}", "", f"n{n}") for n, kind in enumerate(kinds)]
        message = captured(mixed(*parts))
        shown = [message.text, message.html, *(a.content.decode() for a in message.attachments)]
        assert sorted(filter(None, shown)) == sorted(f"n{n}" for n in range(len(kinds)))


class TestParameters:
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ('attachment; filename="C:\\\\dir\\\\a.txt"', "C:\\dir\\a.txt"),
            ('attachment; filename="C:\\dir\\a.txt"', "C:\\dir\\a.txt"),
            ('attachment; filename="say \\"hi\\".txt"', 'say "hi".txt'),
            ('attachment; filename="a;b=c.txt"; size=3', "a;b=c.txt"),
            ("attachment; filename=my file.txt; size=3", "my file.txt"),
            ("attachment; size=3;filename = a.txt ", "a.txt"),
            ("ATTACHMENT; FILENAME=a.txt", "a.txt"),
            ('attachment; filename="never closed', "never closed"),
            ("attachment; filename=x; filename=y", "x"),
            ("attachment; filename=plain.txt; filename*=utf-8''%C3%BCber.txt", "über.txt"),
            ("attachment; filename*=utf-8'de'%C3%BCber.txt; filename=plain.txt", "über.txt"),
            ("attachment; filename*=%41.txt", "A.txt"),
            ("attachment; filename*=utf7''+ADw-b+AD4-", "+ADw-b+AD4-"),
            ("attachment; filename*=''%FCber.txt", "über.txt"),
            ("attachment; filename*1*=%BC.txt; filename*0*=utf-8''%C3", "ü.txt"),
            ("attachment; filename*0*=utf-8''a%20; filename*1=b%20.txt", "a b%20.txt"),
            ("attachment; filename*0==?utf-8?q?; filename*1=a?=", "a"),
            ("attachment; filename*9999=x", ""),
            ("attachment; name=x", ""),
            (";;;=;==; ;filename=a.txt", "a.txt"),
        ],
    )
    def test_names(self, value, name):
        """Quotes, blanks, paths and RFC 2231 are read as mail programs write them."""
        part = lines(f"Content-Disposition: {value}", "Content-Type: application/pdf", "", "x")
        (found,) = captured(part).attachments
        assert found.name == name

    def test_a_name_beyond_ascii_that_was_never_encoded(self):
        """Eight-bit names are UTF-8, else Windows-1252, and continue over pieces."""
        for octets in ("Grüße.pdf".encode(), "Grüße.pdf".encode("latin-1")):
            part = lines(b'Content-Type: application/pdf; name="' + octets + b'"', "", "x")
            assert captured(part).attachments[0].name == "Grüße.pdf"
        pieces = b"Content-Disposition: a; filename*0=Gr\xc3; filename*1=\xbc.pdf"
        assert captured(lines(pieces, "", "x")).attachments[0].name == "Grü.pdf"

    def test_a_boundary_with_a_comment_beside_it_or_in_pieces(self):
        """The boundary is found however its parameter is written."""
        for written in (
            'BOUNDARY="b"',
            "x=y; boundary = b",
            "boundary*0=; boundary*1=b",
            "boundary*=us-ascii''b",
        ):
            raw = lines(f"Content-Type: multipart/mixed; {written}", "", "--b", "", "hi", "--b--")
            assert captured(raw).text == "hi", written

    @given(st.text(max_size=60), st.text(alphabet="filename*0123'\"\\;=% \r\n\t", max_size=80))
    def test_any_parameter_gives_a_name(self, text, noise):
        """Whatever stands behind the type, the name is one printable line."""
        value = f"Content-Disposition: attachment; filename={text}{noise}"
        raw = value.encode("utf-8", "replace") + b"\n\nx"
        message = captured(raw)
        for found in message.attachments:
            assert not CONTROLS.search(found.name + found.type + found.content_id)


class TestCharsets:
    @pytest.mark.parametrize("charset", ["charset*=utf-8''utf-8", "charset*0=utf-; charset*1=8"])
    def test_a_charset_in_the_manner_of_rfc_2231(self, charset):
        """A charset may be written as any parameter may."""
        assert captured(lines(f"Content-Type: text/plain; {charset}", "", "ü")).text == "ü\n"

    def test_a_charset_with_a_comment(self):
        """The comment RFC 2045 allows is no part of the name."""
        part = lines("Content-Type: text/plain; charset=iso-8859-15 (Euro)", "", b"\xa4")
        assert captured(part).text == "€\n"

    @pytest.mark.parametrize("charset", ["utf-7", "utf7", "U7", "unicode-1-1-utf-7", "UTF_7"])
    def test_no_spelling_of_utf_7_is_read(self, charset):
        """UTF-7 hides markup behind plain letters; it stays as it was written."""
        part = lines(f"Content-Type: text/plain; charset={charset}", "", "+ADw-b+AD4-")
        assert captured(part).text == "+ADw-b+AD4-\n"

    @pytest.mark.parametrize(
        "charset", ["unicode_escape", "raw_unicode_escape", "idna", "punycode", '"a\0b"', "rot13", "hex"]
    )  # fmt: skip
    @pytest.mark.parametrize("octets", [rb"\q \ud800 xn--a", "ü\\q".encode()])
    def test_python_codecs_are_no_charsets(self, charset, octets):
        """A codec that Python has and mail has not is not used, and warns of nothing."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            part = lines(f"Content-Type: text/plain; charset={charset}", "", octets)
            assert captured(part).text == octets.decode() + "\n"
            encoded = b64encode(octets).decode()
            if not set('"\0') & set(charset):
                subject = captured(lines(f"Subject: =?{charset}?b?{encoded}?=", "")).subject
                assert subject == octets.decode()

    def test_quotation_marks_of_windows(self):
        """What says it is Latin-1 and holds Windows' quotation marks is read as browsers read it."""
        part = lines(
            "Content-Type: text/plain; charset=iso-8859-1", "", b"\x93Gr\xfc\xdfe\x94 \x80"
        )
        assert captured(part).text == "\u201cGrüße\u201d €\n"

    def test_a_character_cut_between_two_words(self):
        """Encoded words that cut a character in two are put together first."""
        cut = "=?utf-8?b?" + b64encode(b"Gr\xc3").decode() + "?="
        rest = "=?UTF-8?q?=BC=C3=9Fe?="
        assert captured(lines(f"Subject: {cut}", f" {rest}", "")).subject == "Grüße"

    def test_one_broken_word_does_not_spoil_its_neighbours(self):
        """Of words that are no good together each is read by itself."""
        subject = captured(lines("Subject: =?utf-8?q?=C3=BC?= =?utf-8?q?=FC?= x", "")).subject
        assert subject == "üü x"

    def test_words_of_two_charsets(self):
        """Neighbours in different charsets are each read in their own, without the blank between."""
        subject = captured(
            lines("Subject: a =?utf-8?q?=C3=BC?= =?iso-8859-1?q?=FC?= b", "")
        ).subject
        assert subject == "a üü b"

    def test_a_body_has_one_kind_of_line_end(self):
        """Text comes with newlines, whatever ended the lines on the wire; raw keeps them."""
        message = captured(b"Content-Type: text/plain\r\n\r\na\r\nb\rc\n\td\x00\x1b")
        assert message.text == "a\nb\nc\n\td\ufffd\ufffd"

    def test_no_control_character_comes_out_of_a_header(self):
        """Headers are one line without tabs, also where words or folds hide them."""
        raw = lines("Subject: a\tb\x7f=?utf-8?q?=09=0D=1B=C2=85?=", "\tc", "X: a\x0bb\x0cc", "")
        message = captured(raw)
        assert message.subject.startswith("a b\ufffd")
        assert all(not CONTROLS.search(name + value) for name, value in message.headers)


class TestContents:
    @pytest.mark.parametrize("cut", range(9))
    def test_base64_that_was_cut_short(self, cut):
        """What came through whole is decoded, wherever it was cut."""
        whole = b"0123456789" * 3
        encoded = b64encode(whole)
        part = lines("Content-Type: a/b", "Content-Transfer-Encoding: base64", "")
        (found,) = captured(part + encoded[: len(encoded) - cut]).attachments
        assert whole.startswith(found.content)
        assert len(found.content) >= len(whole) - cut

    def test_a_footer_behind_base64(self):
        """What a mailing list appended in plain text is not decoded with it."""
        encoded = b64encode(b"hello").decode()
        part = lines("Content-Transfer-Encoding: base64 (really)", "", encoded, "-- ", "The list!")
        assert captured(part).text == "hello"

    def test_uuencode(self):
        """Files of the old days are decoded; what has no beginning is left as it is."""
        start = "Content-Type: a/b", "Content-Transfer-Encoding: X-UUENCODE", ""
        part = lines(*start, "begin 644 a.txt", "#0V%T", "~~~", "`", "end")
        assert captured(part).attachments[0].content == b"Cat"
        assert captured(lines(*start, "#0V%T")).attachments[0].content == b"#0V%T\r\n"

    @given(
        st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "uue", "8bit", ""])
    )
    def test_any_content_in_any_encoding(self, octets, encoding):
        """Whatever the octets, there is a content, and 8bit leaves it as it is."""
        head = lines("Content-Type: a/b", f"Content-Transfer-Encoding: {encoding}", "")
        (found,) = captured(head + octets).attachments
        if encoding in ("8bit", ""):
            assert found.content == octets


class TestPictures:
    @pytest.mark.parametrize(
        "html",
        [
            "<img src=cid:a&amp;b@x.test>", "<img src='cid:a%26b%40x.test'>",
            '<img src = "cid:a&amp;b%40x.test">', "<p style='background: url( cid:a&amp;b@x.test )'>",
        ],
    )  # fmt: skip
    def test_every_way_to_call_a_picture(self, html):
        """Unquoted, escaped for HTML or for a URL (RFC 2392): the picture is found."""
        raw = mixed(
            lines("Content-Type: text/html", "", html),
            lines("Content-Type: image/svg+xml", "Content-ID: <a&b@x.test>", "", "<svg/>"),
            kind="related",
        )
        shown = page(captured(raw).preview().frame)
        assert f"data:image/svg+xml;base64,{b64encode(b'<svg/>').decode()}" in shown
        assert "cid:" not in shown


class TestNumbers:
    def test_a_number_from_a_table_finds_its_message(self, tmp_path):
        """get() and indexing take the numbers as a DataFrame has them."""
        archive = Archive(tmp_path / "mail.sqlite3")
        archive.add([stored(lines("Subject: one", ""))])
        inbox = lab.Inbox(archive)
        number = inbox.to_frame()["id"].iloc[0]
        assert isinstance(number, np.integer)
        assert inbox.get(number).subject == inbox[number - 1].subject == "one"
        with pytest.raises(lab.InputError, match="no whole number"):
            inbox.get("1")
        archive.close()


def test_walking_keeps_the_order():
    """Parts come in the order they stand in, whatever their depth."""
    inner = mixed(lines("", "2"), lines("", "3")).replace(b"boundary=b", b"boundary=c")
    inner = inner.replace(b"--b", b"--c")
    message = captured(mixed(lines("", "1"), inner, lines("", "4")))
    found = [part.content.strip() for part in walk(message._parsed[0])]
    assert found == [b"1", b"2", b"3", b"4"]
