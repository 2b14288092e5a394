"""The rules: each finds what it is for, leaves a good mail alone, and is in the documents."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pandas as pd
import pytest
from inbox.mails import captured, lines
from support import need

import smtp_lab as lab
from smtp_lab.inbox.checks import all_rules

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (10).to_bytes(4) + (10).to_bytes(4)
WIDE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (9000).to_bytes(4) + (10).to_bytes(4)
GIF_WIDE = b"GIF89a" + (9000).to_bytes(2, "little") + b"\x01\x00"
JPEG_WIDE = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10" + (9000).to_bytes(2) + b"\x03"

HEAD = {
    "From": "Ann <ann@example.com>",
    "To": "bob@example.org",
    "Subject": "The minutes of today",
    "Date": "Wed, 04 Mar 2026 06:06:07 +0100",
    "Message-ID": "<1@example.com>",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
}
WORDS = "We met at nine and agreed on the plan for the coming month with everyone in the room."


def raw(body: str | bytes = WORDS, **changes: str | list[str] | None) -> bytes:
    """A good mail with some headers changed, doubled (a list) or left out (None)."""
    head = HEAD | {name.replace("_", "-"): value for name, value in changes.items()}
    written = [
        f"{name}: {value}"
        for name, values in head.items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    ]
    return lines(*written, "") + (body if isinstance(body, bytes) else body.encode()) + b"\r\n"


def html(body: str, text: str | None = None, *files: tuple[bytes, str, str]) -> bytes:
    """A mail with HTML and the text a reader sees of it, and pictures by Content-ID and name."""
    message = EmailMessage()
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        message[name] = HEAD[name]
    seen = re.sub(r"<style.*?</style>|<[^>]*>", " ", body)
    message.set_content(seen if text is None else text)
    message.add_alternative(f"<p>{WORDS}</p>{body}", subtype="html")
    if text is None:
        message.get_payload(0).set_content(f"{WORDS} {seen}")
    for content, cid, name in files:
        message.get_payload(1).add_related(
            content, "image", "png", cid=f"<{cid}>", filename=name, disposition="inline"
        )
    return message.as_bytes(policy=SMTP)


def attached(name: str) -> bytes:
    """A mail with a file called *name*."""
    head = raw(Content_Type="multipart/mixed; boundary=b")[: -len(WORDS) - 2]
    return head + lines(
        *("--b", "Content-Type: text/plain", "", WORDS, "--b"),
        "Content-Type: application/octet-stream",
        f'Content-Disposition: attachment; filename="{name}"',
        *("", "x", "--b--"),
    )


def part(*inside: str | bytes, start: str = "--b", end: str = "--b--", kind: str = "b") -> bytes:
    """A multipart with one part."""
    head = raw(Content_Type=f"multipart/mixed; boundary={kind}")[: -len(WORDS) - 2]
    return head + lines(start, *inside, end)


TNEF = attached("a.bin").replace(b"octet-stream", b"ms-tnef")
SIGNED = "v=1; a=rsa-sha256; d=example.com; s=x; h=from:subject; bh=AAAA; b=AAAA"
UNSUBSCRIBE = {"List_Unsubscribe": "<https://example.com/u>"}
ONE_CLICK = UNSUBSCRIBE | {"List_Unsubscribe_Post": "List-Unsubscribe=One-Click"}

# For each rule, mails it must find something in.
BAD: dict[str, list[bytes]] = {
    "date-missing": [raw(Date=None)],
    "date-invalid": [raw(Date="yesterday"), raw(Date="Wed, 99 Mar 2026 05:06:07 +0000")],
    "date-weekday": [
        raw(Date="Mon, 04 Mar 2026 06:06:07 +0100"),
        raw(Date="wednesday, 05 Mar 2026 06:06:07 +0100"),
    ],
    "date-off": [
        raw(Date="Wed, 04 Mar 2037 05:06:07 +0000"),
        raw(Date="Thu, 1 Jan 1970 00:00:00 +0000"),
    ],
    "from-missing": [raw(From=None)],
    "sender-missing": [raw(From="a@example.com, b@example.com")],
    "message-id-missing": [raw(Message_ID=None)],
    "message-id-invalid": [raw(Message_ID="1@example.com"), raw(Message_ID="<no at>")],
    "subject-missing": [raw(Subject=None), raw(Subject=" ")],
    "to-missing": [raw(To=None)],
    "header-twice": [raw(Subject=["one", "two"]), raw(From=["a@example.com", "b@example.com"])],
    "header-invalid": [lines("From: a@example.com", "this is no header", "Subject: x", "", "y")],
    "header-8bit": [raw(Subject="Grüße"), lines(b"Subject: \xff", "", "x")],
    "encoded-word-misplaced": [
        raw(From='"=?utf-8?q?J=C3=B6rg?=" <j@example.com>'),
        raw(Message_ID="<=?utf-8?q?x?=@example.com>"),
        raw(Content_Type='text/plain; name="=?utf-8?q?x?="'),
    ],
    "encoded-word-broken": [
        raw(Subject="=?no-such-charset?q?x?="),
        raw(Subject="=?utf-8?x?abc?="),
        raw(Subject="=?utf-8?b?%%%?="),
        raw(Subject="=?utf-8?q?two words?="),
    ],
    "encoded-word-long": [raw(Subject=f"=?utf-8?q?{'x' * 80}?=")],
    "address-invalid": [
        raw(To="bob"),
        raw(To="@example.com"),
        raw(To="bob@"),
        raw(Reply_To="a b@example.com"),
        raw(Cc="bob@exa_mple..com"),
        raw(To=f"{'x' * 65}@example.com"),
    ],
    "header-empty": [raw(Cc="")],
    "from-name-address": [raw(From='"help@bank.example" <x@example.com>')],
    "bare-lf": [raw(b"one\ntwo")],
    "bare-cr": [raw(b"one\rtwo")],
    "line-long": [raw("x" * 999)],
    "nul": [raw(b"a\x00b")],
    "mime-version-missing": [raw(MIME_Version=None)],
    "8bit-undeclared": [raw("Grüße"), part("Content-Type: text/plain; charset=utf-8", "", "Grüße")],
    "encoding-unknown": [raw(Content_Transfer_Encoding="rot13")],
    "base64-broken": [
        raw("!!!!", Content_Transfer_Encoding="base64"),
        raw("SGVsbG8", Content_Transfer_Encoding="base64"),
        raw("SGVs\r\nbG8==", Content_Transfer_Encoding="base64"),
    ],
    "quoted-printable-broken": [
        raw("a=ZZ", Content_Transfer_Encoding="quoted-printable"),
        raw("a=3", Content_Transfer_Encoding="Quoted-Printable"),
        raw("x = y", Content_Transfer_Encoding="quoted-printable"),
    ],
    "tnef-attached": [attached("winmail.dat"), TNEF],
    "encoding-on-parts": [
        raw(
            "--b\r\n\r\nx\r\n--b--",
            Content_Type="multipart/mixed; boundary=b",
            Content_Transfer_Encoding="base64",
        )
    ],
    "charset-unknown": [
        raw(Content_Type="text/plain; charset=klingon"),
        raw("+ZeVnLIqe-", Content_Type="text/plain; charset=utf-7"),
    ],
    "charset-wrong": [
        raw("Grüße".encode("latin-1"), Content_Transfer_Encoding="8bit"),
        raw("Grüße", Content_Type="text/plain", Content_Transfer_Encoding="8bit"),
        raw(b"\xff\xff", Content_Type="text/plain; charset=gb2312"),
        raw(b"\xff\xff", Content_Type="text/plain; charset=euc-kr"),
    ],
    "boundary-missing": [
        raw("--b\r\n\r\nx\r\n--b--", Content_Type="multipart/mixed"),
        raw("no parts", Content_Type="multipart/mixed; boundary=b"),
    ],
    "boundary-unclosed": [part("", "x", end="")],
    "boundary-long": [part("", "x", start=f"--{'b' * 71}", end=f"--{'b' * 71}--", kind="b" * 71)],
    "content-type-invalid": [raw(Content_Type="text")],
    "too-complex": [
        raw("x", **{f"X-{n}": "y" * 1000 for n in range(200)}),
        html("<b>" * 600, "x"),
    ],
    "bcc-leaked": [raw(Bcc="eve@example.net")],
    "return-path-present": [raw(Return_Path="<ann@example.com>")],
    "from-not-aligned": [raw(From="ann@example.net")],
    "recipient-unlisted": [raw(To="carl@example.net")],
    "text-missing": [raw("<p>Hello there</p>", Content_Type="text/html")],
    "body-missing": [raw("")],
    "text-differs": [
        html(
            "<p>and more</p>",
            "Your parcel waits at the post office since Tuesday, come and fetch it until Friday",
        )
    ],
    "template-mark": [
        raw("Hello {{ name }}"),
        raw("Thanks.\r\nHi [[first_name]],"),
        raw("Dear {0},"),
        raw("Sehr geehrte Frau %LASTNAME%"),
        raw(Subject="Order %(number)s"),
        raw(Subject="Your order, ##name##"),
        html("<p>{% if x %}</p>"),
        html("<p>You have %d messages</p>"),
        html("<p>Order of %FIRSTNAME%</p>"),
        raw("Hi *|FNAME|*, hello"),
        raw("Dear {first_name},"),
        raw("Dear ${user.name}"),
        html('<a href="https://example.com/%7B%7Bid%7D%7D">x</a>'),
    ],
    "template-mark-text": [
        raw("{% if x %}"),
        raw("You have %d messages"),
        raw("Order of [[name]]"),
        raw("Order of ##name##"),
        raw("In a template write `%s` for a text, and {{ name }} for a name."),
    ],
    "value-missing": [
        raw("Dear ,\r\nthank you"),
        html("<p>Hallo <b></b>,</p>"),
        raw("Your order <no value> is on its way"),
        raw("Dear None,"),
        raw("Hello undefined!"),
        raw("Total: nan"),
        raw("You owe € NaN"),
        raw("[object Object]"),
        html("<table><tr><td>Sum</td><td>nan</td></tr></table>"),
        raw("see https://example.com/undefined/x"),
    ],
    "lorem-ipsum": [raw("Lorem ipsum dolor sit amet")],
    "image-alt-missing": [html('<img src="https://example.com/a.png">')],
    "image-source-missing": [html('<img alt="x">'), html('<img alt="x" src="images/a.png">')],
    "image-cid-missing": [
        html('<img alt="x" src="cid:nowhere">'),
        html("<td background=cid:nowhere>"),
    ],
    "image-unused": [html("<p>x</p>", None, (PNG, "a", "a.png"))],
    "image-large": [
        html('<img alt="x" src="cid:a">', None, (data, "a", "a.png"))
        for data in (WIDE, GIF_WIDE, JPEG_WIDE, PNG + b"x" * 1_000_001)
    ],
    "image-insecure": [html('<img alt="x" src="http://example.com/a.png">')],
    "image-tracking": [html('<img src="https://example.com/t.gif" width="1" height="1">')],
    "link-empty": [html('<a href="#">x</a>'), html('<a href="">x</a>')],
    "link-invalid": [
        html('<a href="/offers">x</a>'),
        html('<a href="https://">x</a>'),
        html('<a href="https://example.com/a b">x</a>'),
        html('<a href="https://[::1">x</a>'),
        html('<a href="https://example.com:x/">x</a>'),
        html('<a href="mailto:">x</a>'),
    ],
    "link-scheme": [html('<a href="javascript:x()">x</a>'), html('<a href="foo:bar">x</a>')],
    "link-private": [
        html('<a href="http://localhost:8000/">x</a>'),
        html('<a href="http://192.168.0.1/">x</a>'),
        html('<a href="https://shop.internal/">x</a>'),
        raw("see http://10.1.2.3/x"),
    ],
    "link-number": [html('<a href="https://8.8.8.8/">x</a>')],
    "link-insecure": [html('<a href="http://example.com/">x</a>')],
    "link-login": [html('<a href="https://bank.example@example.com/">x</a>')],
    "link-shortened": [raw("see https://bit.ly/abc")],
    "link-text-differs": [html('<a href="https://example.net/">www.bank.example</a>')],
    "unsubscribe-missing": [raw(Precedence="bulk"), raw(List_Id="<news.example.com>")],
    "unsubscribe-invalid": [
        raw(List_Unsubscribe="https://example.com/u"),
        raw(List_Unsubscribe="<javascript:x>"),
    ],
    "one-click-invalid": [
        raw(**UNSUBSCRIBE, List_Unsubscribe_Post="yes"),
        raw(
            List_Unsubscribe="<mailto:u@example.com>",
            List_Unsubscribe_Post="List-Unsubscribe=One-Click",
        ),
    ],
    "one-click-missing": [raw(**UNSUBSCRIBE)],
    "one-click-unsigned": [raw(**ONE_CLICK, DKIM_Signature=SIGNED)],
    "gmail-clipping": [html(f"<p>{'word ' * 25_000}</p>")],
    "message-large": [raw("x" * 70 + "\r\n" + ("y" * 900 + "\r\n") * 30_000)],
    "subject-shouts": [raw(Subject="BUY THIS NOW")],
    "subject-marks": [raw(Subject="Now!!")],
    "reply-to-nothing": [raw(Subject="Re: your order")],
    "image-only": [
        raw('<img alt="" src="https://example.com/a.png">', Content_Type="text/html"),
        raw('<img alt="" src="https://example.com/a.png">Buy now', Content_Type="text/html"),
        raw('<img alt="" src="cid:a" width=80 height=40>', Content_Type="text/html"),
    ],
    "html-runs": [
        html("<script>x()</script>"),
        html('<p onclick="x()">y</p>'),
        html('<meta http-equiv="refresh" content="0">'),
    ],
    "attachment-blocked": [attached("setup.exe"), attached("page.pdf.js")],
    "client-breaks": [html('<div style="display:flex">x</div>')],
    "client-plainer": [html('<div style="border-radius:3px">x</div>')],
    "client-partly": [html('<div style="padding:3px">x</div>')],
    "dkim-broken": [raw(DKIM_Signature=SIGNED)],
    "dkim-invalid": [
        raw(DKIM_Signature="nonsense"),
        raw(DKIM_Signature=SIGNED.replace("sha256", "sha1")),
        raw(DKIM_Signature=SIGNED.replace("h=from:", "h=")),
        raw(DKIM_Signature=SIGNED.replace("bh=AAAA", "bh=A")),
    ],
    "dkim-length": [raw(DKIM_Signature=f"{SIGNED}; l=3")],
}

# What a careless pattern would find and must not.
GOOD: dict[str, bytes] = {
    "plain": raw(),
    "html": html(
        '<p>See <a href="https://example.com/a">our page</a>.</p><img alt="" src="https://example.com/a.png">'
    ),
    "group": raw(To="undisclosed-recipients:;, bob@example.org"),
    "quoted": raw(
        To='"bob@home"@example.org, bob@example.org',
        Cc="Grete <grete@b\xfccher.example>".encode("ascii", "ignore").decode(),
    ),
    "encoded": raw(
        Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Wien?=",
        From="=?utf-8?q?J=C3=B6rg?= <ann@example.com>",
    ),
    "percent": raw("It is 50% off, 100 %, 20%d and 3%s, a {0} and {x: 1}, a $5 note."),
    "marks": raw(
        "See [[Main Page]], ## Heading ##, C##, 5%off%, %PATH%, %USERNAME% and [[0, 1], [2, 3]]."
    ),
    "greeting": raw("Bonjour , Bonjour !\r\nHello, dear , friends. Hi {x: 1}"),
    "quoted-printable": raw(
        "a=3D=\r\nb=20=  \r\nGr=c3=bc=C3=9Fe=", Content_Transfer_Encoding="quoted-printable"
    ),
    "base64": raw("SGVs\r\nbG8=", Content_Transfer_Encoding="base64"),
    "large": raw(
        (b"=3D" * 24 + b"=\r\n") * 1_400 + b"x", Content_Transfer_Encoding="quoted-printable"
    ),
    "gb2312": raw(
        "中文镕".encode("gb18030"),
        Content_Type="text/plain; charset=gb2312",
        Content_Transfer_Encoding="8bit",
    ),
    "weekday": raw(Date="Wed, 04 Mar 2026 00:30:00 +0100"),
    "no weekday": raw(Date="4 Mar 2026 06:06:07 +0100"),
    "none": raw(
        "None of us came. Allergies: None\r\nnull and void, undefined behaviour; my nan is well."
    ),
    "words": raw("Anna wrote: Hi nanny, hello Nonette."),
    "code": html("<p>Write this:</p><pre>{{ name }}</pre><code>%(x)s</code>"),
    "cid": html('<img alt="Chart" src="cid:a@b">', None, (PNG, "a@b", "a.png")),
    "cid-quoted": html('<img alt="Chart" src="cid:a%40b">', None, (PNG, "a@b", "a.png")),
    "reply": raw(Subject="Re: The plan", In_Reply_To="<0@example.com>"),
    "unsubscribe": raw(**ONE_CLICK),
    "links": html(
        '<a href="mailto:a@example.com">a@example.com</a> <a href="tel:+4312345">+43 1 2345</a> '
        '<a href="https://www.example.com/x?y=1">example.com</a> <a href="https://example.com/r.pdf">report.pdf</a> '
        '<a href="https://mail.example.co.uk">example.co.uk</a> <a name="top"></a>'
    ),
    "subject": raw(Subject="NATO"),
    "utf8": raw("Grüße", Content_Transfer_Encoding="8bit"),
    "aligned": raw(From="ann@mail.example.com"),
}
ASKED = {
    "dkim-missing", "dkim-unproven", "spf-fails", "spf-open", "dmarc-fails", "dmarc-missing",
    "link-broken", "link-not-tried", "spamassassin",
}  # fmt: skip


def found(mail: bytes, **asked) -> set[str]:
    return set(captured(mail).check(**asked)["rule"])


@pytest.mark.parametrize(
    ("rule", "mail"),
    [(rule, mail) for rule, mails in BAD.items() for mail in mails],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_finds_what_it_is_for(rule, mail):
    """The mail has the fault, and the rule of that name says so with a reason and a way out."""
    rows = captured(mail).check(rules=rule)
    assert set(rows["rule"]) == {rule}
    assert rows["where"].str.len().min() > 0
    assert rows["why"].str.len().min() > 5
    assert rows["fix"].str.len().min() > 2 or rule == "too-complex"


@pytest.mark.parametrize("name", GOOD)
def test_good_mail_is_left_alone(name):
    """What looks like a fault and is none is not reported."""
    assert captured(GOOD[name]).check().to_dict("records") == []


@pytest.mark.parametrize(
    ("html", "files"),
    [
        ('<p>Thanks!</p><p>Best, Ann</p><img alt="x" src="cid:a@b">', [(PNG, "a@b", "a.png")]),
        ('Thanks!<img alt="x" width="120" height="40px" src="https://example.com/a.png">', []),
    ],
)
def test_a_logo_under_a_short_mail_is_no_mail_of_pictures(html, files):
    """People write a word or two, and their programs add a signature with a logo."""
    message = EmailMessage()
    message.set_content(html, subtype="html")
    for content, cid, name in files:
        message.add_related(content, "image", "png", cid=f"<{cid}>", filename=name)
    assert "image-only" not in found(message.as_bytes(policy=SMTP))


def test_a_plain_text_about_templates_is_no_error():
    """Who writes about marks in prose gets warnings; a greeting of a program is an error."""
    about = raw("Use `%s` in C and {{ name }} in Jinja, both say so in ${PLACE}.")
    assert found(about) == {"template-mark-text"}
    assert found(raw("Dear {{ name }},\r\nwelcome")) == {"template-mark"}


def test_every_rule_has_a_case():
    """No rule is without a mail that shows it; those that ask others have tests of their own."""
    assert {rule.name for rule in all_rules()} == set(BAD) | ASKED


def test_the_page_names_every_rule_with_its_severity_and_source():
    """docs/checks.md holds exactly the rules there are."""
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted(
        (rule.name, rule.severity, rule.finds, rule.source) for rule in all_rules()
    )


def test_every_rule_names_its_source_and_says_why_it_matters():
    """A rule without a source or a reason is an opinion."""
    for rule in all_rules():
        assert rule.source, rule.name
        assert rule.look.__doc__, rule.name


def test_a_rule_is_added_by_adding_a_file(tmp_path):
    """What lies in the folder of rules is found; nothing else needs to know."""
    code = """
        import sys
        from smtp_lab.inbox.checks import all_rules, rules
        rules.__path__.append(sys.argv[1])
        assert "no-cats" in {rule.name for rule in all_rules()}
    """
    (tmp_path / "cats.py").write_text(
        textwrap.dedent("""
            from smtp_lab.inbox.checks.rule import Hit, rule

            @rule("no-cats", "note", "There are no cats", "taste")
            def no_cats(mail):
                yield Hit("message", "there are no cats", "add some")
        """)
    )
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], check=True, timeout=60
    )


def test_spamassassin_is_asked_when_wanted():
    """The real program's tests become findings, and only when asked for."""
    need("spamassassin", "on Debian: apt-get install spamassassin")
    spam = raw("XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")
    assert "spamassassin" not in found(spam)
    told = captured(spam).check(rules="spamassassin", spamassassin=True)
    assert any("GTUBE" in why for why in told["why"])


def test_without_spamassassin_it_says_so(monkeypatch):
    """A program that is not there is a finding, no error."""
    monkeypatch.setenv("PATH", "")
    (why,) = captured(raw()).check(rules="spamassassin", spamassassin=True)["why"]
    assert why == "spamassassin is not installed"


class TestTable:
    """The DataFrame and how it shows itself."""

    def test_columns(self):
        """They are there, and are texts, when nothing was found too."""
        for mail in (raw(), raw(Date=None)):
            table = captured(mail).check()
            assert list(table.columns) == ["rule", "severity", "where", "why", "fix"]
            assert set(map(str, table.dtypes)) == {"str"}
            assert isinstance(table, pd.DataFrame)

    def test_the_worst_comes_first(self):
        """Errors, then warnings, then notes."""
        table = captured(raw(Date=None, Subject=None, To=None)).check()
        assert list(dict.fromkeys(table["severity"])) == ["error", "warning", "note"]

    def test_what_is_selected_is_a_plain_frame(self):
        """A part of it is no longer a report."""
        table = captured(raw(Date=None, Subject=None)).check()
        assert type(table[table["severity"] == "error"]) is pd.DataFrame

    def test_text_and_html(self):
        """Both show severity, rule, reason and fix, and nothing of the mail as markup."""
        table = captured(html('<a href="https://example.com/<b>x">y</a>')).check()
        assert "link-invalid" in str(table)
        assert "warnings" in str(captured(raw(Subject=None)).check())
        shown = table._repr_html_()
        assert "<b>" not in shown
        assert "&lt;b&gt;" in shown
        assert str(captured(raw()).check()) == "Nothing found."
        assert captured(raw()).check()._repr_html_() == "<p>Nothing found.</p>"

    def test_many_findings_are_counted(self):
        """Twenty of a kind are shown, the rest is a number."""
        table = captured(html('<img src="https://example.com/a.png">' * 143)).check(
            rules="image-alt-missing"
        )
        assert len(table) == 21
        assert table["why"].iloc[-1] == "and 123 more of this kind"

    def test_of_an_inbox(self, sink):
        """Each row names its message, and the report counts messages."""
        for number in range(3):
            message = EmailMessage()
            message["To"], message["Subject"] = "you@example.com", f"No {number}"
            message.set_content("Dear None,")
            lab.send(message, profile=sink.profile())
        table = sink.inbox.check()
        assert table["id"].dtype == "int64"
        assert sorted(table["id"]) == [1, 2, 3]
        assert set(table["rule"]) == {"value-missing"}
        assert "3 messages (1, 2, 3)" in str(table)
        assert sink.inbox.check(rules="date-*").columns[0] == "id"


# What a shipped template has beyond the styles in its tags makes it better where it is known: for
# phones and the dark, and a line for lists of mail, which is hidden in three further ways.
HARMLESS = {"<style> element", "display:none"}


def broken(message):
    """What clients do not know of the HTML of *message*, all of them taken together."""
    found = message.check(client="all")
    return set(found[found["severity"] != "note"]["why"].str.partition(" is not known")[0])


class TestOwn:
    """What smtp_lab writes itself passes its own rules."""

    def test_the_test_mail(self, sink):
        """send_test sends a mail without a fault, which no common client breaks."""
        lab.send_test(sink.profile(), to="you@example.com")
        assert sink.inbox[-1].check().empty
        assert broken(sink.inbox[-1]) <= HARMLESS

    def test_the_report(self, sink):
        """So does the report template with a table, a chart and a file."""
        table = pd.DataFrame({"place": ["Vienna", "Graz"], "sum": [3, 4]})
        message = lab.render(
            "report",
            to="you@example.com",
            title="The week",
            summary="Sales went up in every place that we look at.",
            table=table,
            images={"chart": PNG},
            attachments={"figures.csv": table},
        )
        lab.send(message, profile=sink.profile())
        assert sink.inbox[-1].check().empty
        assert broken(sink.inbox[-1]) <= HARMLESS


class TestArguments:
    """What cannot be used is said in a sentence."""

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"links": "maybe"}, "'maybe' is not known"),
            ({"client": "pine"}, "'pine' is not known; known are .*outlook"),
            ({"rules": "nonsense"}, "no rule is called 'nonsense'"),
            ({"ip": "here"}, "'here' is no IP address"),
            ({"dns": 3}, "is a int"),
        ],
    )
    def test_refused(self, asked, said):
        """The field, the problem and what is known."""
        with pytest.raises(lab.InputError, match=said):
            captured(raw()).check(**asked)

    def test_rules_by_pattern(self):
        """A star stands for anything, and several may be given."""
        mail = raw(Date=None, Subject=None, Message_ID=None)
        assert found(mail, rules=["date-*", "subject-missing"]) == {
            "date-missing",
            "subject-missing",
        }


class TestClients:
    """Support by mail client, after caniemail.com."""

    MAIL = html(
        "<style>@media (prefers-color-scheme:dark){.a{color:red}} .b:hover{color:blue}</style>"
        '<div style="display:flex">x</div><video></video><img alt="" src="a.webp" style="object-fit:cover">'
    )

    def test_one_client(self):
        """Only rules on clients run, and only that client is named."""
        table = captured(self.MAIL).check(client="outlook.windows")
        assert set(table["rule"]) <= {"client-breaks", "client-plainer", "client-partly"}
        broken = "\n".join(table[table["severity"] == "warning"]["why"])
        assert "display:flex is not known to Outlook (Windows)" in broken
        assert "<video> element" in broken
        assert "Gmail" not in "".join(table["why"])

    def test_a_client_that_knows_it(self):
        """Apple Mail shows what Outlook does not."""
        broken = captured(self.MAIL).check(client="apple-mail", rules="client-breaks")
        assert "display:flex" not in "".join(broken["why"])

    def test_the_usual_ones(self):
        """Without a name the usual clients are looked at, for what breaks only."""
        assert found(html('<div style="display:flex">x</div>')) == {"client-breaks"}
        assert found(html('<div style="border-radius:3px">x</div>')) == set()

    @pytest.mark.parametrize(
        ("body", "feature"),
        [
            ("<style>@import url(x.css);</style>", "@import"),
            ("<style>p{color:red !important}</style>", "!important"),
            ("<style>ul>li{color:red}</style>", "Child combinator"),
            ("<style>a[href]{color:red}</style>", "Attribute selector"),
            ("<style>a{color:red; &:hover{color:blue}}</style>", "Nesting"),
            ("<style>p::before{content:'x'}</style>", "::before"),
            ('<p style="width:calc(3px + 1em)">x</p>', "calc"),
            ('<p style="color:var(--x)">x</p>', "CSS Variables"),
            ('<p style="margin:3vw">x</p>', "vw unit"),
            ('<p style="background:url(x.png)">x</p>', "background-image"),
            ('<img alt="" src="data:image/png;base64,AAAA">', "Base 64"),
            ('<img alt="" src="https://example.com/a.svg?x">', "SVG"),
            ('<form><input type="checkbox"></form>', "checkbox"),
            ('<svg><circle r="3"></circle></svg>', "<svg>"),
        ],
    )
    def test_features_are_recognised(self, body, feature):
        """By tag, attribute, property, value, function, unit, selector or file ending."""
        told = " ".join(captured(html(body)).check(client="all")["why"])
        assert feature.lower() in told.lower()

    def test_the_data_says_where_it_is_from(self):
        """Its licence lies beside it."""
        facts = ROOT / "smtp_lab" / "facts"
        assert "Copyright (c) 2019 HTeuMeuLeu" in (facts / "mail_clients.LICENSE").read_text()
        assert '"source": "https://www.caniemail.com"' in (facts / "mail_clients.json").read_text()
