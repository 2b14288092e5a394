"""Whatever is put into whichever field: the bytes that leave hold what was asked for, or none do."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pandas as pd
import pytest
from compose_page import Page
from hypothesis import given, settings
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab.errors import InputError

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


LIGHT = lab.Template(
    "<html><head><title>{{ title }}</title></head><body><h1>{{ title }}</h1><p>{{ summary }}</p>"
    '{% for link in images.values() %}<p><img src="{{ link }}" alt="{{ chart_alt }}"></p>'
    "{% endfor %}{{ chart | picture(alt) }}"
    "{% if link != 'plain' %}<p><a href='{{ link | url }}'>link</a></p>{% endif %}"
    "<p>{{ t('hello', name=text) }}</p>{{ table }}</body></html>",
    subject="{{ title }}",
    headers={"X-Made": "{{ made }}"},
    texts={"en": {"hello": "Hello {name}"}},
)

# Each of them on its own in a text: controls of C0 and C1, separators, what turns text around,
# half characters, and what is easily taken for syntax.
CONTROLS = [chr(n) for n in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x061C, 0x2028, 0x2029, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2066, 0x2069, 0xD800, 0xDFFF, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F600)]  # fmt: skip
TRICKS = [
    "a\r\nBcc: eve@example.org", "a\nBcc: eve@example.org\n\nbody", "a\r\n\r\n<b>", "a\n.\nQUIT",
    "=?utf-8?q?a=0D=0ABcc:_eve=40example.org?=", "=?utf-8?b?YQ0KQmNjOiBldmVAZXhhbXBsZS5vcmc=?=",
    "=?utf-8?q?=00?=", "=?UTF-8?Q?=E2=80=AE?=", "x =?us-ascii?q?a?= =?us-ascii?q?b?=", "=?utf-8?q?a",
    "=?utf-7?q?+ADw-b+AD4-?=", "=?utf-8*en?q?a=0Ab?=", "Ann <eve@example.org>", '"Ann" <eve@example.org>, b',
    'a" <eve@example.org>, "b', "ann@example.com, eve@example.org", "(comment)", "\\", '"', "'", "<", ">", ";,:@",
    "{{ 7*7 }}", "{% raw %}", "{#", "<script>alert(1)</script>", "</style><script>", "--", "-- \n", ".",
    "\r", "\n", "\t", " ", "", "x" * 2000, "日本" * 500, "a" * 76 + " " + "b" * 998, "From me", "ü" * 80,
]  # fmt: skip
FIELDS = (
    "summary", "title", "subject", "name", "sender", "cc", "header", "file", "image", "alt",
    "cell", "column", "text file", "unsubscribe", "to address", "cc address", "sender address",
    "profile sender", "reply to", "signature", "header name", "reply-to header", "made header",
    "unsubscribe address", "filter alt", "link", "text", "bcc", "csv cell", "csv column",
)  # fmt: skip
EXPECTED = {
    *("to", "cc", "subject", "from", "reply-to", "date", "message-id", "mime-version"),
    *("content-type", "x-made", "list-unsubscribe", "list-unsubscribe-post"),
}


def quoted(name):
    """*name* as RFC 5322 section 3.2.4 has it between quotes: it stays one name."""
    return '"' + re.sub(r'(["\\\\])', r"\\\1", name) + '"'


def frame(column, cell):
    """A table with one *cell*; texts stay as they are, also with half a character in them."""
    return pd.DataFrame([[cell]], columns=pd.Index([column], dtype=object), dtype=object)


def message_with(field, text):
    """A whole message with *text* in *field*, harmless elsewhere, and the profile it goes through."""
    v = dict.fromkeys(FIELDS, "plain") | {field: text}
    headers = {f"X-{v['header name']}": v["header"]}
    if field == "reply-to header":
        headers["Reply-To"] = f"{quoted(text)} <desk@example.com>"
    made = lab.render(
        LIGHT,
        to=[f"{quoted(v['name'])} <{v['to address']}@example.com>"],
        cc=[f"{quoted(v['cc'])} <{v['cc address']}@example.com>"],
        # Without one, sending puts in the profile's.
        sender=f"{quoted(v['sender'])} <{v['sender address']}@example.com>"
        if field in ("sender", "sender address")
        else None,
        subject=v["subject"] if field == "subject" else None,
        title=v["title"],
        summary=v["summary"],
        text=v["text"],
        chart=PNG,
        alt=v["filter alt"],
        chart_alt=v["alt"],
        link=v["link"] if field != "link" else f"https://example.com/{text}",
        made=v["made header"],
        images={v["image"] if field == "image" else "chart": PNG},
        table=frame(v["column"], v["cell"]),
        attachments={
            v["file"]: b"x",
            "t.txt": v["text file"],
            "t.csv": frame(v["csv column"], v["csv cell"]),
        },
        headers=headers,
        unsubscribe=[
            f"https://example.com/{v['unsubscribe']}", f"{v['unsubscribe address']}@example.com"
        ],
    )  # fmt: skip
    if field == "bcc":
        made["Bcc"] = f"{quoted(text)} <d@example.com>"
    return made, lab.Profile(
        name="p",
        sender=f"{quoted(v['profile sender'])} <ann@example.com>",
        reply_to=f"{quoted(v['reply to'])} <desk@example.com>",
        signature=v["signature"],
        connection=lab.SmtpConnection(host="localhost", port=25, security="none"),
    )


def check(field, text):
    """Make it and look at the final bytes, or see that it is refused in a sentence."""
    try:
        outgoing = lab.prepare(*message_with(field, text))
    except (InputError, ValueError) as error:
        # A Bcc is put in by the standard library here, which has sentences of its own.
        assert isinstance(error, InputError) or field == "bcc"  # noqa: PT017
        assert str(error).endswith((".", "?")) or field == "bcc"  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017  # either outcome is right
        return False
    raw = outgoing.raw
    assert raw.count(b"\0") == 0
    assert raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head, _, _ = raw.partition(b"\r\n\r\n")
    names = [n.decode().lower() for n in re.findall(rb"^([!-9;-~]+):", head, re.MULTILINE)]
    assert len(names) == len(set(names))
    own = f"x-{text if field == 'header name' else 'plain'}".lower()
    assert set(names) == EXPECTED | {own}
    read = message_from_bytes(raw, policy=policy.default)
    for name, local in {"To": "to address", "Cc": "cc address", "From": "sender address"}.items():
        (one,) = read[name].addresses
        assert one.domain == "example.com"
        if field != local:
            assert one.username in ("plain", "ann")
    assert [a.addr_spec for a in read["Reply-To"].addresses] == ["desk@example.com"]
    # What the standard library reads of UTF-8 in a header are its octets.
    to = {
        a.addr_spec.encode(errors="surrogateescape").decode()
        for name in ("To", "Cc")
        for a in read[name].addresses
    }
    assert set(outgoing.rcpt_to) == to | ({"d@example.com"} if field == "bcc" else set())
    assert b"d@example.com" not in raw
    kinds = sorted(p.get_content_type() for p in read.walk() if not p.is_multipart())
    assert len(kinds) == 6
    assert kinds[-2:] == ["text/plain", "text/plain"]
    page = Page(read.get_body(("html",)).get_content())
    assert set(dict(page.tags)) <= {
        *("html", "head", "meta", "title", "style", "body", "table", "tbody", "thead", "tr"),
        *("td", "th", "div", "h1", "p", "img", "br", "a"),
    }
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert len(page.all("a")) == (field == "link")
    return True


@pytest.mark.parametrize("field", FIELDS)
def test_every_control_character_in_every_field(field):
    """Before, within and after a text: the headers, the recipients and the parts stay the same."""
    fine = sum(check(field, f"{char}a{char}b{char}") for char in CONTROLS)
    # A header takes almost none of them, a text nearly all.
    assert fine if field in ("summary", "cell", "alt") else True


@pytest.mark.parametrize("field", FIELDS)
def test_every_trick_in_every_field(field):
    """Encoded words, smuggled lines, quotes, commas and tags are text, or are refused."""
    assert sum(check(field, text) for text in TRICKS) > 2


@settings(max_examples=150)
@given(
    st.sampled_from(FIELDS),
    st.lists(
        st.one_of(
            st.sampled_from(CONTROLS),
            st.sampled_from(TRICKS[:26]),
            st.text(max_size=20),
        ),
        max_size=5,
    ).map("".join),
)
def test_anything_in_any_field(field, text):
    """Put together at random, they are no better."""
    check(field, text)


@pytest.mark.parametrize("field", ["subject", "title", "name", "cc", "sender", "header"])
@pytest.mark.parametrize("text", [t for t in TRICKS if re.search(r"=\?[^?]*\?[bqBQ]\?.*\?=", t)])
def test_an_encoded_word_in_a_header_is_refused(field, text):
    """What mail programs would decode to something else is told, not sent."""
    assert not check(field, text)


def test_a_huge_table_is_cut_and_a_huge_mail_is_refused():
    """A million rows make a mail of fifty; who asks for all of them gets a sentence."""
    frame = pd.DataFrame({"n": range(1_000_000)})
    message = lab.render("report", to="b@example.com", title="t", summary="s", table=frame)
    assert "and 999,950 more" in message.get_body(("plain",)).get_content()
    whole = lab.Template("{{ f | table(max_rows=200000) }}", subject="s")
    with pytest.raises(InputError, match="writes more than 4,000,000 characters"):
        lab.render(whole, to="b@example.com", f=frame)


@pytest.mark.parametrize(
    "options",
    [
        {"title": "a\nb"}, {"summary": "\0"}, {"to": "Ann, Bob"}, {"images": {"chart": b"no image"}},
        {"table": [1]}, {"language": "xx"}, {"theme": "xx"}, {"attachments": {"a.csv": 3}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused_is_not_sent(sink, options):
    """One sentence, before any connection is opened."""
    good = {"to": "b@example.com", "title": "t", "summary": "s"}
    with pytest.raises(InputError) as caught:
        lab.send(lab.render("report", **(good | options)), profile=sink.profile())
    assert "\n" not in str(caught.value)
    assert len(sink.inbox) == 0
    assert len(sink.sessions) == 0
