"""What a captured message says, decoded; and how it is shown."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from inbox.mails import WHEN, captured, lines, page, tags, text_of

from smtp_lab.inbox import Attachment

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def header(*values: str | bytes, name: str = "Subject") -> str:
    """The decoded header *name* of a message whose lines are *values*."""
    return captured(lines(*values, "")).header(name)


class TestEnvelope:
    def test_what_came_over_the_wire_is_there(self):
        """Raw bytes, envelope, session and time are those of the archive."""
        message = captured(
            b"Subject: x\r\n\r\nhi", id=7, mail_from="", rcpt_to=("a@x.test", "b@x.test")
        )
        assert (message.id, message.size, message.received_at) == (7, 16, WHEN)
        assert message.raw == b"Subject: x\r\n\r\nhi"
        assert (message.mail_from, message.rcpt_to) == ("", ("a@x.test", "b@x.test"))
        assert message.session.login == "ann"
        assert len(message.transcript) == 0

    def test_headers_do_not_change_the_envelope(self):
        """From and To are the message's business, not the envelope's."""
        message = captured(
            lines("From: boss@x.test", "To: all@x.test", "Return-Path: <r@x.test>", "")
        )
        assert message.mail_from == "ann@example.com"
        assert message.rcpt_to == ("bob@example.org",)


WORDS = {
    "q": ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    "b": ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
    "underscores": ("=?utf-8?q?a_b=5Fc?=", "a b_c"),
    "two words": ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
    "word and text": ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
    "unseparated": ("x=?utf-8?q?a?=y", "xay"),
    "latin-1": ("=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße"),
    "euro": ("=?iso-8859-15?q?=A4?=", "€"),
    "japanese": ("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
    "chinese": ("=?gb2312?b?1tDOxA==?=", "中文"),
    "russian": ("=?koi8-r?b?8NLJ18XU?=", "Привет"),
    "language": ("=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    "unknown charset": ("=?x-nowhere?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    "wrong charset": ("=?utf-8?q?Gr=FC=DFe?=", "Grüße"),
    "no padding": ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
    "broken base64": ("=?utf-8?b?R?=", "=?utf-8?b?R?="),
    "no end": ("=?utf-8?q?abc", "=?utf-8?q?abc"),
    "not a kind": ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
    "line break inside": ("=?utf-8?q?x=0D=0ABcc=3A_evil?=", "x Bcc: evil"),
    "NUL inside": ("=?utf-8?q?a=00b?=", "a\ufffdb"),
    "codec that unpacks": ("=?zlib_codec?q?x=C3=BC?=", "xü"),
    "chinese beyond its charset": ("=?gb2312?b?1tDOxOlG?=", "中文镕"),
    "japanese of Windows": ("=?shift_jis?b?h0D7/A==?=", "①髙"),
    "unknown-8bit": ("=?unknown-8bit?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    "utf-7": ("=?utf-7?q?+ADw-script+AD4-?=", "+ADw-script+AD4-"),
}


class TestHeaders:
    @pytest.mark.parametrize(("written", "meant"), WORDS.values(), ids=WORDS)
    def test_encoded_words(self, written, meant):
        """RFC 2047 words are decoded; what is no word stays as it is."""
        assert header(f"Subject: {written}") == meant

    @pytest.mark.parametrize(
        ("octets", "meant"),
        [
            ("Grüße".encode(), "Grüße"),
            ("Grüße".encode("latin-1"), "Grüße"),
            (b"\xff\xfe\x00", "ÿþ\ufffd"),
            ("日本".encode(), "日本"),
        ],
    )
    def test_eight_bit_headers(self, octets, meant):
        """Headers that were never encoded are read as UTF-8, else as Windows-1252."""
        assert header(b"Subject: " + octets) == meant

    def test_folded_headers_are_unfolded(self):
        """A header over several lines is one line."""
        assert header("Subject: a", " b", "\tc") == "a b c"
        assert header("Subject: =?utf-8?q?a?=", " =?utf-8?q?b?=") == "ab"

    def test_a_header_that_is_missing_is_empty(self):
        """Nothing is None where a text is promised."""
        message = captured(b"")
        assert (message.subject, message.sender, message.text, message.html) == ("", "", "", "")
        assert (message.header("X-None"), message.addresses("To")) == ("", [])
        assert (message.date, message.headers, message.attachments) == (None, [], [])

    def test_the_first_of_two_counts_and_both_are_listed(self):
        """header() gives the first, headers all of them in order and as written."""
        message = captured(lines("subject: one", "X: 1", "SUBJECT: two", ""))
        assert message.subject == "one"
        assert message.headers == [("subject", "one"), ("X", "1"), ("SUBJECT", "two")]

    @pytest.mark.parametrize(
        ("value", "wanted"),
        [
            ("Ann <ann@example.com>", ["Ann <ann@example.com>"]),
            ("ann@example.com", ["ann@example.com"]),
            (
                '"Example, Ann" <ann@example.com>, b@x.test',
                ["Example, Ann <ann@example.com>", "b@x.test"],
            ),
            ("=?utf-8?q?J=C3=BCrgen?= <j@x.test>", ["Jürgen <j@x.test>"]),
            ("Friends: a@x.test, b@x.test;", ["a@x.test", "b@x.test"]),
            ("no address here", ["no address here"]),
            ("", []),
        ],
    )
    def test_addresses(self, value, wanted):
        """Addresses are listed with their names; what is none is shown as it is."""
        found = captured(lines(f"To: {value}", "")).addresses("To")
        if value != "no address here":
            assert found == wanted
        else:
            assert found

    def test_addresses_of_several_headers(self):
        """A second To is read too."""
        assert captured(lines("To: a@x.test", "to: b@x.test", "")).addresses("TO") == [
            "a@x.test",
            "b@x.test",
        ]

    @pytest.mark.parametrize(
        ("value", "moment"),
        [
            ("Tue, 03 Mar 2026 04:05:06 +0100", datetime(2026, 3, 3, 3, 5, 6, tzinfo=UTC)),
            ("3 Mar 2026 04:05:06 GMT", datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)),
            ("Tue, 03 Mar 2026 04:05:06 -0000", datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)),
            ("Tue, 03 Mar 2026 04:05:06 +0100 (CET)", datetime(2026, 3, 3, 3, 5, 6, tzinfo=UTC)),
            ("Tue, 32 Mar 2026 04:05:06 +0100", None),
            ("Tue, 03 Foo 2026 04:05:06", None),
            ("yesterday", None),
            ("", None),
            ("Fri, 31 Dec 9999 23:59:59 -0500", None),
        ],
    )
    def test_dates(self, value, moment):
        """A date is a moment in UTC, or None where it is none."""
        assert captured(lines(f"Date: {value}", "")).date == moment


def text_part(charset: str, octets: bytes, encoding: str = "8bit") -> bytes:
    return lines(f"Content-Type: text/plain; charset={charset}",
                 f"Content-Transfer-Encoding: {encoding}", "", octets)  # fmt: skip


class TestBodies:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (text_part("utf-8", "Grüße".encode()), "Grüße\n"),
            (text_part("iso-8859-1", "Grüße".encode("latin-1")), "Grüße\n"),
            (text_part('"Windows-1252"', "€".encode("cp1252")), "€\n"),
            (text_part("x-nowhere", "Grüße".encode()), "Grüße\n"),
            (text_part("us-ascii", "Grüße".encode()), "Grüße\n"),
            (text_part("utf-8", "Grüße".encode("latin-1")), "Grüße\n"),
            (text_part("utf-8", b"Gr=C3=BC=C3=9Fe=", "quoted-printable"), "Grüße"),
            (text_part("utf-8", b64encode("Grüße".encode()), "base64"), "Grüße"),
            (text_part("utf-8", b"R3LD\r\nvMOf ZQ", "BASE64"), "Grüße"),
            (text_part("utf-8", b"as it is", "x-unknown"), "as it is\n"),
            (text_part("zlib_codec", b"hi"), "hi\n"),
            (text_part("punycode", b"abc-def"), "abc-def\n"),
            (text_part("unknown-8bit", b"\xfc"), "ü\n"),
            (text_part("unknown-8bit", "grüß".encode()), "grüß\n"),
            (text_part("x-unknown", "grüß".encode()), "grüß\n"),
            (text_part("gb2312", "中文镕".encode("gb18030")), "中文镕\n"),
            (text_part("GBK", "中文镕㐀".encode("gb18030")), "中文镕㐀\n"),
            (text_part("x-gbk", "中文".encode("gb18030")), "中文\n"),
            (text_part("shift_jis", "①髙".encode("cp932")), "①髙\n"),
            (text_part("x-sjis", "①髙".encode("cp932")), "①髙\n"),
            (text_part("euc-kr", "똠방각하".encode("cp949")), "똠방각하\n"),
            (text_part("ks_c_5601-1987", "똠".encode("cp949")), "똠\n"),
            (text_part("windows-949", "똠".encode("cp949")), "똠\n"),
            (text_part("euc-jp", b"\xad\xa1\xc6\xfc"), "①日\n"),
            (text_part("iso-2022-jp", b"\x1b$B-!F|\x1b(B ok"), "①日 ok\n"),
            (text_part("iso-2022-jp", b"\x1b$B-!\x1b(I12\x1b(Jx"), "①ｱｲx\n"),
            (text_part("big5", "㗎中".encode("big5hkscs")), "㗎中\n"),
            (text_part("big5", "中€".encode("cp950")), "中€\n"),
            (text_part("windows-874", "ก€".encode("cp874")), "ก€\n"),
            (text_part("x-mac-cyrillic", "Ж".encode("mac_cyrillic")), "Ж\n"),
            (text_part("iso-8859-9", b"\x80 \xfd"), "€ ı\n"),
            (text_part("gb2312", "中文字".encode("gbk") + b"\xff"), "中文字\ufffd\n"),
            (text_part("utf-8", "Привет".encode() + b"\xff"), "Привет\ufffd\n"),
            (text_part("iso-2022-jp", b"\x1b$B-!F|F|\x7f\x7f\x1b(B"), "①日日\ufffd\ufffd\n"),
            (text_part("utf-16", "hi".encode("utf-16")[:-1]), None),
            (b"no headers at all", None),
            (b"\r\nonly a body\r\n", "only a body\n"),
            (lines("", "a", "b"), "a\nb\n"),
            (b"Subject: x\n\nbare\nline ends\n", "bare\nline ends\n"),
        ],
    )
    def test_texts_are_decoded(self, raw, text):
        """Whatever charset and encoding are named or not, the text is read."""
        found = captured(raw).text
        assert isinstance(found, str)
        if text is not None:
            assert found == text

    def test_broken_base64_gives_something(self):
        """Base64 that is cut or holds other characters still gives its bytes."""
        good = b64encode(b"x" * 100)
        assert (
            captured(text_part("utf-8", b"!" + good[:50] + b"*" + good[50:], "base64")).text
            == "x" * 100
        )
        assert captured(text_part("utf-8", good[:-3], "base64")).text

    def test_text_and_html_are_told_apart(self):
        """Of the alternatives each is found, wherever it is nested."""
        raw = lines(
            "Content-Type: multipart/mixed; boundary=a", "",
            "--a", "Content-Type: multipart/related; boundary=b", "",
            "--b", "Content-Type: multipart/alternative; boundary=c", "",
            "--c", "", "the text", "--c", "Content-Type: text/html; charset=utf-8", "",
            "<b>ü</b>", "--c--", "--b--",
            "--a", "Content-Type: text/plain; name=notes.txt", "", "notes", "--a--",
        )  # fmt: skip
        message = captured(raw)
        assert message.text == "the text"
        assert message.html == "<b>ü</b>"
        assert [(a.name, a.content) for a in message.attachments] == [("notes.txt", b"notes")]
        assert message.too_complex == ""

    def test_a_message_in_the_message_is_a_file(self):
        """What was forwarded as a file is not taken for what the sender wrote."""
        inner = lines("Subject: inner", "Content-Type: text/plain", "", "inner text")
        raw = lines(
            "Content-Type: multipart/mixed; boundary=a", "",
            "--a", "Content-Type: text/html", "", "<b>outer</b>",
            "--a", "Content-Type: message/rfc822", "", inner, "--a--",
        )  # fmt: skip
        message = captured(raw)
        assert (message.subject, message.text, message.html) == ("", "", "<b>outer</b>")
        assert [(a.type, a.content) for a in message.attachments] == [("message/rfc822", inner)]
        assert [a.name for a in message.attachments] == ["inner.eml"]
        assert [part.name for part in message.parts] == ["", "", "inner.eml"]

    @pytest.mark.parametrize(
        "raw",
        [
            lines("Content-Type: multipart/mixed", "", "--a", "", "x", "--a--"),
            lines("Content-Type: multipart/mixed; boundary=", "", "x"),
            lines("Content-Type: multipart/mixed; boundary=a", "", "no boundary here"),
            lines("Content-Type: multipart/mixed; boundary=a", "", "--a", "", "never ends"),
            lines("Content-Type: multipart/mixed; boundary=a"),
            lines("Content-Type: text", "", "x"),
            lines("Content-Type: /", "", "x"),
            lines("Content-Type: multipart/mixed; boundary=" + "a" * 5000, "", "x"),
            lines(
                "Content-Type: multipart/digest; boundary=a",
                "",
                "--a",
                "",
                "Subject: x",
                "",
                "--a--",
            ),
            lines(
                "Content-Type: message/delivery-status", "", "Final-Recipient: x", "", "Action: y"
            ),
        ],
    )
    def test_broken_structures_give_values(self, raw):
        """A structure that does not hold together is no error."""
        message = captured(raw)
        assert isinstance(message.text, str)
        assert isinstance(message.attachments, list)
        assert message.preview()


def attachment(*headers: str | bytes, content: bytes = b"x") -> Attachment:
    raw = lines(
        "Content-Type: multipart/mixed; boundary=a", "", "--a", "", "hi", "--a", *headers, "", content, "--a--"
    )  # fmt: skip
    (found,) = captured(raw).attachments
    return found


class TestAttachments:
    @pytest.mark.parametrize(
        ("lines_of_part", "name"),
        [
            (['Content-Disposition: attachment; filename="a b.pdf"'], "a b.pdf"),
            (
                ["Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf"],
                "Grüße.pdf",
            ),
            (
                ["Content-Disposition: attachment; filename*0=Gru; filename*1=esse.pdf"],
                "Gruesse.pdf",
            ),
            (
                ["Content-Disposition: attachment; filename*0*=utf-8''Gr%C3; filename*1*=%BC.pdf"],
                "Grü.pdf",
            ),
            (['Content-Disposition: attachment; filename="=?utf-8?q?Gr=C3=BC?="'], "Grü"),
            (["Content-Disposition: attachment; filename*=x-nowhere''a%FF"], None),
            (["Content-Type: application/pdf; name=n.pdf"], "n.pdf"),
            (["Content-Disposition: attachment"], ""),
            (['Content-Disposition: attachment; filename="../../etc/passwd"'], "../../etc/passwd"),
            (['Content-Disposition: attachment; filename="a', ' b.pdf"'], "a b.pdf"),
            ([b'Content-Disposition: attachment; filename="Gr\xc3\xbc.pdf"'], "Grü.pdf"),
            (["Content-Disposition: attachment; filename*=utf-8''a%00%0d%0ab"], None),
        ],
    )
    def test_names_are_decoded(self, lines_of_part, name):
        """RFC 2231, encoded words, continuations and the old name parameter are read."""
        found = attachment(*lines_of_part)
        assert isinstance(found.name, str)
        assert "\0" not in found.name
        assert "\n" not in found.name
        if name is not None:
            assert found.name == name

    def test_contents_are_decoded(self):
        """An attachment's bytes are what the sender attached."""
        found = attachment(
            "Content-Type: image/png; name=x.png",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment; filename=x.png",
            content=b64encode(PNG),
        )
        assert (found.type, found.content) == ("image/png", PNG)
        assert repr(found) == "<Attachment 'x.png' image/png 264 octets>"
        assert not found.inline

    def test_a_text_without_a_name_is_no_attachment(self):
        """Text parts are attachments when they say so or have a name."""
        assert captured(lines("", "hi")).attachments == []
        assert attachment("Content-Type: text/plain; name=a.txt").type == "text/plain"
        assert attachment("Content-Disposition: ATTACHMENT").content == b"x"

    def test_pictures_of_the_html_are_inline(self):
        """A part that the HTML calls by its Content-ID belongs to it."""
        found = attachment("Content-Type: image/png", "Content-ID: <pic@x.test>")
        assert (found.content_id, found.inline) == ("pic@x.test", True)
        found = attachment(
            "Content-Type: image/png", "Content-ID: <p>", "Content-Disposition: attachment"
        )
        assert not found.inline


def with_picture(
    html: str, *, kind: str = "image/png", cid: str = "<pic>", content: bytes = PNG
) -> bytes:
    return lines(
        "Content-Type: multipart/related; boundary=a", "", "--a", "Content-Type: text/html", "", html,
        "--a", f"Content-Type: {kind}", f"Content-ID: {cid}", "Content-Transfer-Encoding: base64", "",
        b64encode(content), "--a--",
    )  # fmt: skip


class TestPreview:
    @pytest.mark.parametrize(
        "html",
        ['<img src="cid:pic">', "<img src='CID:pic'>", "<p style='background:url(cid:pic)'>"],
    )
    def test_pictures_are_put_into_the_page(self, html):
        """A picture the HTML calls is inside the frame as data: nothing is fetched."""
        shown = page(captured(with_picture(html)).preview().frame)
        assert f"data:image/png;base64,{b64encode(PNG).decode()}" in shown
        assert "cid:" not in shown.lower()

    @pytest.mark.parametrize("kind", ["text/html", "application/pdf", "image/x-odd"])
    def test_only_pictures_are_put_into_the_page(self, kind):
        """A part of another type stays outside, whatever the HTML calls it."""
        shown = page(captured(with_picture('<img src="cid:pic">', kind=kind)).preview().frame)
        assert "data:" not in shown.partition("<body>")[2]
        assert "cid:pic" in shown

    def test_the_source_stays_as_it_was(self):
        """Only the preview has the pictures in it; html is what was sent."""
        message = captured(with_picture('<img src="cid:pic">'))
        message.preview()
        assert message.html == '<img src="cid:pic">'

    def test_the_frame_runs_and_fetches_nothing(self):
        """The frame is sandboxed, and its first word is the policy."""
        ((_, frame),) = tags(
            captured(lines("Content-Type: text/html", "", "<b>x</b>")).preview().frame
        )
        assert frame["sandbox"] == ""
        assert frame["referrerpolicy"] == "no-referrer"
        inside = tags(frame["srcdoc"])
        assert [tag for tag, _ in inside[:4]] == ["html", "head", "meta", "meta"]
        assert inside[3][1]["http-equiv"] == "Content-Security-Policy"
        policy = dict(p.strip().split(" ", 1) for p in inside[3][1]["content"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["img-src"] == "data:"
        assert policy["form-action"] == "'none'"
        assert "script-src" not in policy

    def test_text_is_shown_as_text(self):
        """A message without HTML is shown as it was typed."""
        shown = page(captured(lines("", "<b>a</b>  &amp;", "b")).preview().frame)
        assert "&lt;b&gt;a&lt;/b&gt;  &amp;amp;\nb" in shown
        assert text_of(shown.partition("<body>")[2]).startswith("<b>a</b>  &amp;\nb")

    def test_plain_shows_the_text_beside_the_html(self):
        """With plain=True the text part is shown."""
        raw = lines(
            "Content-Type: multipart/alternative; boundary=a", "", "--a", "", "the text",
            "--a", "Content-Type: text/html", "", "<i>the html</i>", "--a--",
        )  # fmt: skip
        message = captured(raw)
        assert "the html" in page(message.preview().frame)
        assert "the text" in page(message.preview(plain=True).frame)
        assert "the html" not in message.preview(plain=True).frame

    def test_a_message_without_a_body_says_so(self):
        """Nothing to show is shown as that."""
        assert "(no text)" in page(captured(b"Subject: x\r\n\r\n").preview().frame)

    def test_the_height_is_the_callers(self):
        """The frame is as high as asked."""
        assert "height:99px" in captured(b"").preview(height=99).frame


class TestShowing:
    RAW = lines(
        "From: Ann <ann@example.com>", "To: bob@example.org", "Subject: Hello",
        "Content-Type: multipart/mixed; boundary=a", "", "--a", "", "the text", "--a",
        "Content-Type: application/pdf", "Content-Disposition: attachment; filename=a.pdf", "", "x", "--a--",
    )  # fmt: skip

    def test_in_a_terminal(self):
        """str() has the headers that matter, envelope, size, encryption, login, files and the text."""
        shown = str(captured(self.RAW, id=3))
        assert shown.splitlines()[:4] == [
            "From: Ann <ann@example.com>",
            "To: bob@example.org",
            "Subject: Hello",
            "Envelope: ann@example.com → bob@example.org",
        ]
        assert "Received: 2026-03-04 05:06:07 UTC, " in shown
        assert "TLSv1.3, login ann" in shown
        assert "Attachments: a.pdf (application/pdf, 1 octet)" in shown
        assert shown.endswith("\n\nthe text")
        wanted = "<Captured 3: 'Hello' from ann@example.com to bob@example.org>"
        assert repr(captured(self.RAW, id=3)) == wanted

    def test_the_null_sender_is_shown_as_such(self):
        """An empty envelope sender is <>, in text and escaped in HTML."""
        message = captured(b"", mail_from="")
        assert "from <> to" in repr(message)
        assert "Envelope: <> →" in str(message)
        assert "&lt;&gt; →" in message._repr_html_()

    def test_in_a_notebook(self):
        """The table of headers stands above the frame, and every value is escaped."""
        evil = "<img src=x onerror=alert(1)>"
        raw = lines(f"Subject: {evil}", f"From: {evil}", f"To: {evil}", f"Date: {evil}", "", "hi")
        message = captured(raw, rcpt_to=(evil,), mail_from=evil)
        html = message._repr_html_()
        assert {tag for tag, _ in tags(html)} <= {"div", "table", "tr", "th", "td", "iframe"}
        assert evil in text_of(html)

    def test_control_characters_do_not_reach_a_terminal(self):
        """Escape sequences and turned text are made visible in str and repr."""
        raw = "Subject: a\x1b[2Jb\u202ec\r\n\r\n\x1b]0;evil\x07\u2066".encode()
        message = captured(raw, rcpt_to=("a\x1b[2J@x.test",))
        for shown in (str(message), repr(message)):
            assert "\x1b" not in shown
            assert "\u202e" not in shown
            assert "\x07" not in shown


def test_a_named_body_is_the_body():
    """A sender that gives its HTML body a name but no disposition still has a body."""
    mail = captured(b"Content-Type: text/html; name=page.html\r\n\r\n<p>here</p>\r\n")
    assert mail.html.strip() == "<p>here</p>"
    assert mail.attachments == []


def test_a_huge_body_is_shortened_in_the_preview_only():
    """A preview ends up in a notebook, so it holds a million characters; the message has all."""
    mail = captured(b"Content-Type: text/html\r\n\r\n" + b"<" * 3_000_000)
    assert len(mail.html) >= 3_000_000
    assert len(mail.preview().frame) < 5_000_000
    assert "Shortened here" in mail.preview()._repr_html_()


def test_names_that_turn_text_around_are_made_visible():
    """A right-to-left override in a file name or a subject is shown, not obeyed."""
    name = "photo\u202egpj.exe".encode()
    mail = captured(
        b"Subject: a\xe2\x80\xaeb\r\nContent-Type: application/octet-stream\r\n"
        b'Content-Disposition: attachment; filename="' + name + b'"\r\n\r\nx\r\n'
    )
    assert mail.attachments[0].name == "photo\\u202egpj.exe"
    assert "\u202e" not in mail._repr_html_()


class TestBeyond:
    """What a message says beyond its text."""

    def test_headers_as_they_were_written(self):
        """Octets behind the colon, folds and all, whatever they mean."""
        raw = b"Subject: =?utf-8?q?a?=\r\n b\r\nX: \xff\r\n\r\n"
        assert captured(raw).raw_headers == [("Subject", b"=?utf-8?q?a?=\r\n b"), ("X", b"\xff")]

    def test_the_tree_of_parts(self):
        """A line for each part, deeper ones further in."""
        inner = "Content-Type: multipart/alternative; boundary=c"
        raw = lines(
            "Content-Type: multipart/mixed; boundary=b", "", "--b", inner, "", "--c", "", "hi", "--c",
            "Content-Type: text/html", "", "<p>hi</p>", "--c--", "--b",
            "Content-Disposition: attachment; filename=a.pdf", "", "x", "--b--",
        )  # fmt: skip
        assert captured(raw).tree.splitlines() == [
            "0 multipart/mixed",
            "  1 multipart/alternative",
            "    1.1 text/plain, text, 2 octets",
            "    1.2 text/html, html, 9 octets",
            "  2 text/plain, attachment, a.pdf, 1 octets",
        ]
        assert captured(b"\r\nhi").tree == "1 text/plain, text, 2 octets"

    @pytest.mark.parametrize(("size", "clipped"), [(102 * 1024, False), (102 * 1024 + 1, True)])
    def test_what_gmail_clips(self, size, clipped):
        """HTML of more than 102 KiB is cut off, counted as it is decoded."""
        assert captured(b"Content-Type: text/html\n\n" + b"x" * size).clipped is clipped
        assert captured(b"\n" + b"x" * size).clipped is False

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"Subject: x\r\n\r\nhi\r\n", []),
            (b"Subject: x\r\n\r\nhi\n", ["line 3: 1 lines end in LF alone"]),
            (b"Content-Type: multipart/mixed\r\n\r\nhi\r\n", ["message: multipart/mixed names no boundary"]),
            (b"Content-Type: text/plain; charset=x-none\r\n\r\nhi\r\n", ["message: charset 'x-none' is not known"]),
            (b"Content-Transfer-Encoding: magic\r\n\r\nhi\r\n", ["message: 'magic' is no transfer encoding"]),
            (b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n", ["message: '!' is no letter of base64"]),
            (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=x-none\r\n\r\n\r\n--b--\r\n", ["part 1: charset 'x-none' is not known"]),
        ],
    )  # fmt: skip
    def test_defects_in_plain_words(self, raw, said):
        """What is broken is told, part by part."""
        assert captured(raw).defects == said

    @pytest.mark.parametrize(
        ("html", "found"),
        [
            ('<a href="http://example.com/">x</a>', [("http://example.com/", "x")]),
            ("<A HREF='a?b&amp;c'><b>x</b> y</A>", [("a?b&c", "x y")]),
            ("<a class=c href=a>x<a href=b>y", [("a", "x"), ("b", "y")]),
            ('<a data-href="no" href = "yes">x</a>', [("yes", "x")]),
            ('<a href="#top">x</a><a name=y>z</a>', []),
            ('<!-- <a href="no">x</a> --><script>"<a href=no>"</script>', []),
            ('<a href="x"><img alt=""></a>', [("x", "")]),
            ('<a href="javascript:alert(1)">x</a>', [("javascript:alert(1)", "x")]),
            (
                (
                    '<!--[if mso]><v:roundrect arcsize="9%" href="https://example.com/go">'
                    "<center>Go</center></v:roundrect><![endif]-->"
                    '<!--[if !mso]><!--><a href="https://example.com/go">Go!</a><!--<![endif]-->'
                ),
                [("https://example.com/go", "Go"), ("https://example.com/go", "Go!")],
            ),
            (
                (
                    '<head><base href="https://example.com/news/"></head><a href="7.html">x</a>'
                    '<a href="mailto:a@example.com">y</a><a href="{{ url }}">z</a><a href="#b">b</a>'
                ),
                [
                    ("https://example.com/news/7.html", "x"),
                    ("mailto:a@example.com", "y"),
                    ("{{ url }}", "z"),
                ],
            ),
            ('<base href="https://[x"><a href="a">x</a>', [("a", "x")]),
        ],
    )
    def test_links_in_html(self, html, found):
        """Where it leads and what the reader sees; nothing is judged, nothing opened."""
        links = captured(lines("Content-Type: text/html", "", html)).links
        assert [(link.url, link.text) for link in links] == found

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("see http://example.com/a.", ["http://example.com/a"]),
            ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
            ("<http://example.com>, www.example.org!", ["http://example.com", "www.example.org"]),
            ("mailto:ann@example.com?subject=x", ["mailto:ann@example.com?subject=x"]),
            ("example.com and a@example.com", []),
            ("詳細はhttps://example.com/a をご覧", ["https://example.com/a"]),
            ("请访问https://example.com/x", ["https://example.com/x"]),
            ("（https://example.com/b）です", ["https://example.com/b"]),
            (
                "「https://example.com/b」を、https://example.com/c。次",
                ["https://example.com/b", "https://example.com/c"],
            ),
            ("https://example.com/日本", ["https://example.com/日本"]),
            ("_https://example.com/y_", ["https://example.com/y"]),
            ("xhttps://example.com/y", []),
        ],
    )
    def test_links_in_text(self, text, found):
        """Addresses end where the sentence goes on."""
        assert [link.url for link in captured(lines("", text)).links] == found

    def test_codes_in_either_body(self):
        """A code that stands in the HTML alone is found beside a text that holds none."""
        raw = lines(
            *("Content-Type: multipart/alternative; boundary=b", ""),
            *("--b", "", "Your mail program shows no HTML."),
            *(
                "--b",
                "Content-Type: text/html",
                "",
                "<p>Your login code:</p><b>482913</b>",
                "--b--",
            ),
        )
        assert [code.code for code in captured(raw).codes] == ["482913"]

    @pytest.mark.parametrize(
        ("html", "words"),
        [
            ("<p>quarterly\r\nreport</p>", "quarterly report"),
            ("<p>a\r\n\r\n b</p><p>c</p>", "a b\nc"),
            ("<pre>a\r\nb</pre>c\r\nd", "a\nb\nc d"),
            ("a<br>b\n<b>c</b>\nd", "a\nb c d"),
        ],
    )
    def test_a_line_end_in_html_is_a_blank(self, html, words):
        """As browsers show it; in preformatted text it ends a line."""
        assert captured(lines("Content-Type: text/html", "", html)).words_of_html == words
