"""What a preview says beside its frames: what was blocked, links as text, sizes and colours."""

from __future__ import annotations

import pytest
from inbox.mails import captured, lines, page, tags, text_of

import smtp_lab as lab

URL = "https://t.example.com/x"
LINK = f'<a href="{URL}">here</a>'


def of(html: str, **asked):
    return captured(lines("Content-Type: text/html; charset=utf-8", "", html)).preview(**asked)


@pytest.mark.parametrize(
    ("html", "told"),
    [
        (f'<img src="{URL}">', "remote images: 1 (t.example.com)"),
        ('<img src="//t.example.com/x">', "remote images: 1 (t.example.com)"),
        (f'<img srcset="{URL} 2x, {URL} 3x">', "remote images: 2 (t.example.com)"),
        (f'<table background="{URL}">', "remote images: 1 (t.example.com)"),
        (f'<svg><image href="{URL}"/></svg>', "remote images: 1 (t.example.com)"),
        (f'<p style="background:url({URL})">', "files that styles load: 1 (t.example.com)"),
        (
            f"<style>@font-face{{src:url('{URL}')}}</style>",
            "files that styles load: 1 (t.example.com)",
        ),
        (f"<style>@import '{URL}';</style>", "imported styles: 1"),
        (f'<link rel="stylesheet" href="{URL}">', "linked files and hints: 1 (t.example.com)"),
        ("<script>x()</script>", "scripts: 1"),
        ('<p onclick="x()">', "event handlers: 1 (<p>)"),
        (f'<form action="{URL}">', "forms: 1 (t.example.com)"),
        (f'<iframe src="{URL}"></iframe>', "frames and objects: 1 (t.example.com)"),
        (f'<object data="{URL}"></object>', "frames and objects: 1 (t.example.com)"),
        (f'<video src="{URL}"></video>', "sounds and films: 1 (t.example.com)"),
        (f'<base href="{URL}">', "base addresses: 1 (t.example.com)"),
        (f'<meta http-equiv="Refresh" content="0;{URL}">', "reloads and redirects: 1"),
        ('<a href="java\tscript:x()">', "links of an odd kind: 1 (javascript:)"),
        ('<a href="data:text/html,x">', "links of an odd kind: 1 (data:)"),
    ],
)
def test_what_was_blocked_is_told(html, told):
    """Each kind with its count and the hosts it would have gone to."""
    preview = of(html)
    assert told in map(str, preview.blocked)
    assert told in text_of(preview._repr_html_())
    assert f"Blocked: {told}" in str(preview)


@pytest.mark.parametrize(
    "html",
    [
        "<p>x</p>",
        LINK,
        '<a href="mailto:a@example.com">x</a>',
        '<img src="cid:a">',
        '<img src="data:,">',
    ],
)
def test_a_harmless_mail_has_nothing_blocked(html):
    """Links to the web and pictures it carries are no reason to worry anybody."""
    preview = of(html)
    assert preview.blocked == ()
    assert "Blocked" not in preview._repr_html_()


def test_links_are_listed_as_text():
    """Text and address of each, once, and nothing to click outside the frame."""
    preview = of(f'{LINK}{LINK}<a href="javascript:&quot;<b>"><i>run</i> me</a>')
    assert preview.links == (("here", URL), ("run me", 'javascript:"<b>'))
    shown = preview._repr_html_()
    assert {tag for tag, _ in tags(shown)} == {
        "div",
        "iframe",
        "details",
        "summary",
        "ul",
        "ol",
        "li",
        "code",
    }
    assert f"here → {URL}" in text_of(shown)
    assert 'run me → javascript:"<b>' in text_of(shown)


def test_many_links_are_counted():
    """Fifty are listed; a mail with thousands does not fill the notebook."""
    preview = of("".join(f'<a href="{URL}{n}">{n}</a>' for n in range(5_000)))
    assert len(preview.links) == 5_000
    assert "and 4,950 more" in preview._repr_html_()
    assert len(preview._repr_html_().partition("</iframe>")[2]) < 20_000


def test_the_text_is_beside_the_html():
    """Folded, as text, shortened when it is long."""
    raw = lines(
        *(
            "Content-Type: multipart/alternative; boundary=b",
            "",
            "--b",
            "",
            "The <b>text</b>\x1b[2J",
        ),
        *("--b", "Content-Type: text/html", "", "<p>The html</p>", "--b--"),
    )
    shown = captured(raw).preview()._repr_html_()
    assert "<summary>Plain text</summary>" in shown
    assert "The &lt;b&gt;text&lt;/b&gt;" in shown
    assert "\x1b" not in shown
    assert "Plain text" not in captured(raw).preview(plain=True)._repr_html_()


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, "width:100%;height:420px"),
        ({"width": "phone"}, "width:375px;height:667px"),
        ({"width": "desktop"}, "width:960px;height:600px"),
        ({"width": 500, "height": 300}, "width:500px;height:300px"),
        ({"width": "phone", "height": 100}, "width:375px;height:100px"),
    ],
)
def test_sizes(asked, size):
    """A name or a number of pixels."""
    assert size in of("<p>x</p>", **asked).frame


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": "watch"}, "'watch' is not known"),
        ({"width": -1}, "width: -1 is out of bounds"),
        ({"height": 10**9}, "height: 1000000000 is out of bounds"),
    ],
)
def test_sizes_that_are_none(asked, said):
    """A sentence with the field."""
    with pytest.raises(lab.InputError, match=said):
        of("<p>x</p>", **asked)


def test_dark_and_light_are_said_to_both_frames():
    """Neither follows the notebook's own colours: what is asked for is shown."""
    for dark, scheme, other in ((True, "dark", "light"), (False, "light", "dark")):
        preview = of("<p>x</p>", dark=dark)
        assert f"color-scheme:{other}" not in preview.frame
        assert preview.frame.count(f"color-scheme:{scheme}") == 4
        assert f":root{{color-scheme:{scheme}}}" in page(preview.frame)


def test_hints_to_connect_lose_their_name():
    """No policy governs them: <link> could load nothing, but look a host up or connect to it."""
    inside = page(of('<LINK rel="preconnect" href="//t.example.com"><lInk/rel=dns-prefetch>').frame)
    assert "link" not in {tag for tag, _ in tags(inside)}
    assert inside.index("x-dns-prefetch-control") < inside.index("<body>")


@pytest.mark.parametrize(
    "html",
    [
        "<p>Words</p>" + "<div>" * 10_000,
        "<p>Words</p>" + "<b>x</b>" * 60_000,
        f"<p>Words</p><style>{'a{' * 1_000}</style>",
        f'<p>Words</p><p style="x:{"(" * 10_000}">',
        f"<p>Words</p><svg><style>{'<g>' * 10_000}</style></svg>",
    ],
)
def test_what_no_browser_bears_is_shown_as_text(html):
    """Its words are there, and a note says why no more is."""
    preview = of(html)
    assert "Words" in text_of(page(preview.frame))
    assert "<svg" not in page(preview.frame)
    assert preview.notes[0].startswith("Too complex to be shown as HTML: ")
    assert preview.notes[0] in preview._repr_html_()


def test_styles_for_dark_colours_are_used_or_not():
    """Only what stands in a style is answered; a text about styles stays as it is."""
    style = "@media (prefers-color-scheme: dark){a{b:c}} @media ( Prefers-Color-Scheme:light ){}"
    html = f"<p>(prefers-color-scheme: dark)</p><style>{style}</style><STYLE>{style}"
    light, dark = (page(of(html, dark=dark).frame) for dark in (False, True))
    for shown, first, second in ((light, "max", "min"), (dark, "min", "max")):
        assert shown.count("(prefers-color-scheme: dark)") == 1
        assert (
            shown.count(f"@media ({first}-width:0){{a{{b:c}}}} @media ({second}-width:0){{}}") == 2
        )


def test_a_long_body_is_cut_and_says_so():
    """20 MB of HTML stay out of the notebook."""
    preview = of("<p>" + "many words " * 2_000_000)
    assert len(preview._repr_html_()) < 25_000_000
    assert "Shortened here" in preview._repr_html_()
