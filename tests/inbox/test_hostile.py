"""Mail made to break its reader: everything gives a value, and no markup gets out of its frame."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inbox.mails import captured, lines, page, stored, tags, text_of

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.transcript import printable

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'</iframe></table>"
SHOWN = {
    *("div", "table", "tr", "th", "td", "iframe", "tbody", "thead"),
    *("details", "summary", "ul", "ol", "li", "p", "pre", "code"),
}
UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LARGE = "it is slow only where something is wrong"


def nested(depth: int, kind: str = "mixed", body: bytes = b"deep\n") -> bytes:
    begin = b"".join(
        b'Content-Type: multipart/%s; boundary="b%d"\n\n--b%d\n' % (kind.encode(), n, n)
        for n in range(depth)
    )
    return begin + b"\n" + body


def parts(count: int, each: bytes = b"\nx\n") -> bytes:
    return (
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"".join(b"--b\n" + each for _ in range(count))
        + b"--b--\n"
    )


def part(*headers: str | bytes, body: bytes = b"x") -> bytes:
    return lines(
        "Content-Type: multipart/mixed; boundary=b", "", "--b", *headers, "", body, "--b--"
    )


MAILS = {
    "empty": b"",
    "one octet": b"\x00",
    "NULs": b"\0" * 1000,
    "NUL everywhere": b"Sub\0ject: a\0b\r\nFrom: \0 <a\0@x.test>\r\n\r\n\0",
    "every octet": bytes(range(256)) * 20,
    "line ends only": b"\r\n" * 5000,
    "carriage returns only": b"\r" * 5000,
    "dots": b".\r\n" * 5000,
    "colons": b":" * 5000 + b"\n" + b":\n" * 500,
    "no colon": b"header without colon\n\nbody",
    "mbox line": b"From ann Tue Mar 3\nSubject: x\n\nhi",
    "nesting 50": nested(50),
    "nesting 300": nested(300),
    "nesting 2000": nested(2000),
    "nesting 20000": nested(20_000),
    "nesting alternatives": nested(900, "alternative"),
    "nesting with long body": nested(800, body=b"x\n" * 100_000),
    "messages in messages": b"Content-Type: message/rfc822\n\n" * 5000,
    "messages in messages 500": b"Content-Type: message/rfc822\n\n" * 500 + b"hi",
    "parts 900": parts(900),
    "parts 20000": parts(20_000),
    "parts behind CR": parts(20_000).replace(b"\n", b"\r"),
    "parts without a header": parts(500, b""),
    "same boundary inside": parts(20, b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"),
    "header flood": b"".join(b"X-%d: y\n" % n for n in range(60_000)) + b"\nbody",
    "header flood 1 MB in one": b"Subject: " + b"x" * 1_000_000 + b"\n\nbody",
    "header flood folded": b"Subject: x\n" + b" y\n" * 300_000 + b"\nbody",
    "header without an end": b"X: " + b"y" * 200_000,
    "many of the same": b"To: a@x.test\n" * 7000 + b"\nhi",
    "260 KB of words": b"Subject: " + b"=?utf-8?q?a?=" * 20_000 + b"\n\nbody",
    "100 KB of words": b"Subject: " + b"=?utf-8?q?a?=" * 7_500 + b"\n\nbody",
    "words begun": b"Subject: " + b"=?utf-8?q?" * 9_000 + b"\n\nbody",
    "words spaced": b"Subject: " + b"?= " * 30_000 + b"\n\nbody",
    "20000 addresses": b"To: " + b", ".join(b"a%d@x.test" % n for n in range(20_000)) + b"\n\nhi",
    "5000 addresses": b"To: " + b", ".join(b"a%d@x.test" % n for n in range(5_000)) + b"\n\nhi",
    "addresses of brackets": b"To: " + b"<" * 90_000 + b"\n\nhi",
    "addresses of comments": b"To: " + b"(" * 90_000 + b"\n\nhi",
    "addresses of quotes": b"From: " + b'"' * 90_000 + b"\n\nhi",
    "addresses of routes": b"From: <" + b"@a," * 30_000 + b"\n\nhi",
    "addresses of groups": b"Cc: " + b"a:" * 45_000 + b"\n\nhi",
    "lone surrogates": "Subject: \ud800\udfff\n\n\udc80".encode("utf-8", "surrogatepass"),
    "overlong UTF-8": b"Subject: \xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80\n\n\xc0\xaf",
    "surrogate words": b"Subject: =?utf-16-be?b?2ADYAA==?= =?utf-7?q?+2AA-?=\n\n",
    "zlib charset": lines("Content-Type: text/plain; charset=zlib_codec", "", "x"),
    "bz2 charset": lines("Content-Type: text/plain; charset=bz2", "", "x"),
    "charset of a module": lines("Content-Type: text/plain; charset=os.path", "", "x"),
    "charset of dots": lines("Content-Type: text/plain; charset=../../etc", "", "x"),
    "charset with NUL": lines('Content-Type: text/plain; charset="a\0b"', "", "x"),
    "charset beyond ASCII": lines('Content-Type: text/plain; charset="ü"', "", "x"),
    "charset of 10 KB": lines('Content-Type: text/plain; charset="' + "x" * 10_000 + '"', "", "x"),
    "charset twice encoded": lines("Content-Type: text/plain; charset*=utf-8''%FF%00", "", "x"),
    "charset undefined": lines("Content-Type: text/plain; charset=undefined", "", "x"),
    "charset punycode": lines("Content-Type: text/plain; charset=punycode", "", b"a-" + b"b" * 300_000),
    "charset idna": lines("Content-Type: text/plain; charset=idna", "", b"xn--" + b"b" * 300_000),
    "charset unicode_escape": lines("Content-Type: text/plain; charset=unicode_escape", "", rb"\N{x} \ud800 \x"),
    "semicolons": b'Content-Type: text/plain; x="' + b";" * 90_000 + b"\n\nhi",
    "semicolons in a part": part(b'Content-Type: text/plain; x="' + b";" * 400_000),
    "semicolons behind CR": part(b'X: y\rContent-Type: text/plain; x="' + b";" * 400_000),
    "semicolons folded": part(b'Content-Disposition: x; y="' + b";\r\n " * 200_000),
    "quotes in a part": part(b"Content-Type: text/plain; x=" + b'"\\' * 300_000),
    "parameters": part(b"Content-Type: text/plain" + b"".join(b"; a*%d=b" % n for n in range(40_000))),
    "parameters out of order": part("Content-Disposition: attachment; filename*2=c; filename*0*=a; filename*9=z"),
    "parameter without value": part("Content-Disposition: attachment; filename=; =x; ; filename*="),
    "evil name": part(f"Content-Disposition: attachment; filename=\"{EVIL.replace(chr(34), '')}\""),
    "path name": part('Content-Disposition: attachment; filename="/etc/passwd"'),
    "name with NUL": part("Content-Disposition: attachment; filename*=utf-8''a%00b%0d%0a%1b.exe"),
    "name turned round": part("Content-Disposition: attachment; filename*=utf-8''%E2%80%AEgpj.exe"),
    "name of 100 KB": part('Content-Disposition: attachment; filename="' + "x" * 100_000 + '"'),
    "name in surrogates": part(b'Content-Disposition: attachment; filename="\xff\xfe\xed\xa0\x80"'),
    "Content-ID of markup": part(f"Content-ID: <{EVIL}>", "Content-Type: image/png"),
    "type of markup": part(f"Content-Type: image/{EVIL}; name=x"),
    "type in 8 bit": part(b"Content-Type: \xff\xff/\xff; name=\xff"),
    "type in words": part("Content-Type: =?utf-8?q?text/html?=; name==?utf-8?q?x?="),
    "encoding in 8 bit": part(b"Content-Transfer-Encoding: \xff\xfe", "Content-Type: image/png"),
    "broken base64": part("Content-Type: image/png", "Content-Transfer-Encoding: base64", body=b"=" * 99 + b"A"),
    "broken quoted-printable": part("Content-Type: image/png", "Content-Transfer-Encoding: quoted-printable", body=b"=XX==\n=" * 99),
    "broken uuencode": part("Content-Type: image/png", "Content-Transfer-Encoding: x-uuencode", body=b"begin 644 ../../x\nM~~~~\n\xff\nend"),
    "uuencode without begin": part("Content-Type: image/png", "Content-Transfer-Encoding: uue", body=b"nothing"),
    "multipart in base64": lines("Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: base64", "", "--b", "", "x", "--b--"),
    "evil headers": lines(f"Subject: {EVIL}", f"From: {EVIL} <a@x.test>", f"To: {EVIL}", f"Cc: {EVIL}", f"Reply-To: {EVIL}", f"Date: {EVIL}", f"Message-ID: {EVIL}", f"{EVIL}: x", "", EVIL),
    "evil words": lines("Subject: =?utf-8?b?" + b64encode(EVIL.encode()).decode() + "?=", ""),
    "evil html": lines("Content-Type: text/html", "", EVIL * 10),
    "html that ends the frame": lines("Content-Type: text/html", "", '"></iframe><script>alert(1)</script><iframe srcdoc="'),
    "html of entities": lines("Content-Type: text/html", "", "&quot;&gt;&lt;script&gt;" * 10),
    "html with its own policy": lines("Content-Type: text/html", "", '<meta http-equiv=Content-Security-Policy content="script-src *"><base href=//x.test>'),
    "html never closed": lines("Content-Type: text/html", "", "<!-- <script> <textarea> <title> <svg><![CDATA["),
    "html of cids": lines("Content-Type: text/html", "", "'cid:" * 200_000),
    "lines without measure": b"\n" * 3_000_000,
    "date of digits": b"Date: " + b"9" * 90_000 + b"\n\n",
    "date of zones": b"Date: Tue, 03 Mar 2026 04:05:06 +99999999999999\n\n",
    "date of NULs": b"Date: \0\0\0\n\n",
}  # fmt: skip


def look_at_everything(message):
    """Ask for all there is; give the texts that go into a page."""
    for text in (message.subject, message.sender, message.too_complex):
        assert not UNWANTED.search(text)
    for text in (message.text, message.html):
        assert not UNWANTED.search(text.replace("\n", "").replace("\t", ""))
    assert message.date is None or isinstance(message.date, datetime)
    assert message.size == len(message.raw)
    for name, value in message.headers:
        assert not UNWANTED.search(name + value)
    for name in ("From", "To", "Cc", "Bcc", "X-None"):
        assert not any(UNWANTED.search(address) for address in message.addresses(name))
        assert not UNWANTED.search(message.header(name))
    for attachment in message.attachments:
        assert isinstance(attachment.content, bytes)
        assert not UNWANTED.search(attachment.name + attachment.type + attachment.content_id)
        assert not UNWANTED.search(repr(attachment))
    assert len(message.attachments) <= 1000
    assert len(message.transcript) == 0
    for shown in (repr(message), str(message)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", shown)
    return message._repr_html_(), message.preview().frame, message.preview(plain=True).frame


def check_html(table, *previews):
    """Hold that nothing in *table* is markup but our own, and the frames are tight."""
    found = tags(table)
    assert {tag for tag, _ in found} <= SHOWN
    frames = [attributes for tag, attributes in found if tag == "iframe"]
    assert len(frames) == 1
    allowed = {
        "class",
        "style",
        "aria-label",
        "scope",
        "sandbox",
        "referrerpolicy",
        "title",
        "srcdoc",
        "open",
    }
    assert all(set(attributes) <= allowed for _, attributes in found)
    for preview in previews:
        ((_, frame),) = tags(preview)
        assert set(frame) == {"sandbox", "referrerpolicy", "title", "style", "srcdoc"}
        assert frame["sandbox"] == ""
        inside = page(preview)
        assert inside.startswith(
            '<!doctype html><html><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;;'
        )


@contextmanager
def bounded(seconds=10.0):
    """Fail where the work inside takes more of the processor than any reader would wait."""
    begin = process_time()
    yield
    assert process_time() - begin < seconds, LARGE


@pytest.mark.parametrize("raw", MAILS.values(), ids=MAILS)
def test_no_mail_stops_its_reader(raw):
    """Every property, text and page of a hostile mail gives a value, and the page is tight."""
    with bounded():
        check_html(*look_at_everything(captured(raw)))


@pytest.mark.parametrize("raw", MAILS.values(), ids=MAILS)
def test_the_envelope_is_as_hostile(raw):
    """Envelope and session are shown as text too, whatever a client said."""
    evil = "\0\x1b[2J\u202e" + EVIL
    message = captured(raw[:2000], mail_from=evil, rcpt_to=(evil, evil))
    message.session.login = message.session.tls_version = evil
    table, *previews = message._repr_html_(), message.preview().frame
    check_html(table, *previews)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", repr(message) + str(message))


def test_all_of_them_in_one_table(tmp_path):
    """An inbox full of hostile mail is a table of the promised types, and shows itself."""
    archive = Archive(tmp_path / "mail.sqlite3")
    archive.add([stored(raw, rcpt_to=(EVIL,), mail_from=EVIL) for raw in MAILS.values()])
    inbox = lab.Inbox(archive)
    with bounded(30):
        frame = inbox.to_frame()
    assert len(frame) == len(MAILS) == len(list(inbox))
    assert frame["subject"].dtype == "str"
    assert not frame.drop(columns="date").isna().any(axis=None)
    frame.to_csv(tmp_path / "mail.csv", encoding="utf-8")
    html = inbox._repr_html_()
    assert {tag for tag, _ in tags(html)} <= SHOWN | {"style"}
    assert "<script>alert" not in html
    archive.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nesting 2000", "parts within parts, more than 100 deep"),
        ("nesting with long body", "too many parts within parts for its length"),
        ("parts 20000", "more than 1,000 parts"),
        ("parts behind CR", "more than 1,000 parts"),
        ("header flood", "headers are larger than 100 KiB"),
        ("header flood 1 MB in one", "headers are larger than 100 KiB"),
        ("260 KB of words", "headers are larger than 100 KiB"),
        ("semicolons in a part", "headers of a part are larger than 100 KiB"),
        ("semicolons behind CR", "headers of a part are larger than 100 KiB"),
        ("lines without measure", "more than 750,000 lines"),
    ],
)
def test_what_was_not_read_whole_says_so(name, reason):
    """A mail beyond the bounds is listed and shown with the reason, and raw is all of it."""
    message = captured(MAILS[name])
    assert re.search(reason, message.too_complex)
    assert message.too_complex in str(message)
    assert message.raw == MAILS[name]
    assert message.attachments == []


@pytest.mark.parametrize(
    "name", ["empty", "nesting 50", "parts 900", "100 KB of words", "5000 addresses", "every octet"]
)
def test_what_is_within_the_bounds_is_read(name):
    """The bounds are wide enough for mail that is only large."""
    assert captured(MAILS[name]).too_complex == ""


def test_headers_are_read_where_the_body_is_not():
    """A mail with too many parts still has its subject and its sender."""
    raw = b"Subject: here\nFrom: a@x.test\n" + parts(20_000)
    message = captured(raw)
    assert (message.subject, message.sender) == ("here", "a@x.test")
    assert message.header("Content-Type") == "multipart/mixed; boundary=b"


def test_deep_but_real_mail_is_read():
    """A mail forwarded thirty times keeps its innermost text."""
    assert captured(nested(30, body=b"hello\n" * 2000)).text.startswith("hello\nhello")


def test_twenty_thousand_addresses_are_cut_not_lost():
    """A list of addresses is bounded, and the first are right."""
    found = captured(MAILS["5000 addresses"]).addresses("To")
    assert found[:2] == ["a0@x.test", "a1@x.test"]
    assert len(found) == 1000


def test_a_picture_called_ten_thousand_times():
    """A small mail cannot make a page of gigabytes by calling its picture again and again."""
    message = EmailMessage()
    message.set_content("x")
    message.add_alternative("<img src='cid:pic'>" * 10_000, subtype="html")
    message.get_payload()[1].add_related(b"\x89" * 1_000_000, "image", "png", cid="<pic>")
    shown = captured(message.as_bytes()).preview().frame
    assert len(shown) < 50_000_000
    assert shown.count("data:image/png") > 1


@given(st.binary(max_size=600))
def test_random_bytes(raw):
    """Whatever a client sends, it can be looked at."""
    check_html(*look_at_everything(captured(raw)))


NAMES = ["Subject", "From", "To", "Cc", "Date", "Content-Type", "Content-Disposition", "Content-ID",
         "Content-Transfer-Encoding", "MIME-Version", "X"]  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([
        b"multipart/mixed; boundary=b", b"multipart/related; boundary=b", b"text/html; charset=utf-8",
        b"text/plain", b"message/rfc822", b"message/partial", b"image/png; name=x", b"base64",
        b"quoted-printable", b"uuencode", b"attachment; filename=x", b"inline; filename*=''%FF",
        b"=?utf-8?b?8J+YgA==?=", b"=?x?q?=FF?=", b"<a@x.test>", b"a:;", EVIL.encode(),
    ]),
)  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(NAMES), VALUES).map(lambda x: x[0].encode() + b": " + x[1]),
            st.sampled_from(
                [b"", b"--b", b"--b--", b" folded", EVIL.encode(), b"<img src='cid:x'>"]
            ),
            st.binary(max_size=40),
        ),
        max_size=25,
    ),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)
def test_random_mails(pieces, end):
    """Mail put together at random from what parsers trip over can be looked at."""
    check_html(*look_at_everything(captured(end.join(pieces))))


@given(st.text(max_size=200))
@example("a\u2028b")
def test_any_text_in_a_header_is_text_in_the_page(text):
    """What a header holds is shown as text, and read back as it was."""
    encoded = b64encode(text.encode("utf-8", "replace")).decode()
    message = captured(lines(f"Subject: =?utf-8?b?{encoded}?=", "", "hi"))
    table = message._repr_html_()
    check_html(table, message.preview().frame)
    if message.subject:
        # A browser takes runs of blanks together, and so does the comparison.
        shown = printable(message.subject)  # a separator of lines is none in there
        assert " ".join(shown.split()) in " ".join(text_of(table).split())
