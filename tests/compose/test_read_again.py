"""What a reader gets of ordinary and of odd data: nothing refused that is harmless, nothing lost."""

from __future__ import annotations

import pandas as pd
import pytest

import smtp_lab as lab
from smtp_lab.compose.passive import passive
from smtp_lab.errors import InputError


def filled(source: str, **data):
    """What a template of *source* makes of *data*."""
    return lab.Template(source, subject="s").fill(data)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('{{ "Total: {}".format(5) }}', "Total: 5"),
        ('{{ "{:02d}:{:02d}".format(3, 5) }}', "03:05"),
        ('{{ "Name: {} Age: {}".format("Ann", 5) }}', "Name: Ann Age: 5"),
        ('{{ "Order {:d}: see port 12345".format(7) }}', "Order 7: see port 12345"),
        ('{{ "{:>{w}}|".format("x", w=4) }}', "   x|"),
    ],
)
def test_an_ordinary_format_is_filled(source, shown):
    """Digits and colons outside of the braces are text."""
    assert shown in filled(f"<pre>{source}</pre>").html


@pytest.mark.parametrize(
    "source",
    [
        '{{ "{:99999d}".format(1) }}',
        '{{ "{:{w}}".format(1, w=99999) }}',
        '{{ "{:{}}".format(1, "99999") }}',
    ],
)
def test_a_format_that_is_too_wide_is_refused(source):
    """Also where the width comes from a value."""
    with pytest.raises(InputError, match="pads a value"):
        filled(source)


def test_a_format_of_cells_may_hold_any_number():
    """Only its width is bounded."""
    html = filled(
        "{{ frame|table(formats={'v': '{} of 10000'}) }}", frame=pd.DataFrame({"v": [3]})
    ).html
    assert "3 of 10000" in html


@pytest.mark.parametrize(
    "style",
    [
        "background-image:image-set('http://example.com/a.png' 1x)",
        'background:cross-fade(url("http://example.com/a"), red)',
        "list-style:src('http://example.com/x')",
        "color:red;position:fixed;top:0",
        "background:u\\72l(http://example.com/x)",
    ],
)
def test_a_style_fetches_nothing(style):
    """Whatever function of CSS is to do it; nor does it lie over the page."""
    made = passive(f'<td style="{style.replace(chr(34), "&quot;")}">x</td>')
    assert "example.com" not in made
    assert "fixed" not in made


@pytest.mark.parametrize("name", ["background", "lowsrc", "dynsrc", "attributionsrc"])
def test_an_attribute_fetches_nothing(name):
    """But for the picture of an img, which everybody sees in the template."""
    assert "example.com" not in passive(f'<table {name}="http://example.com/a"><td>x</td></table>')


def test_what_only_looks_stays():
    """Colours, gradients and sizes are what a styled table is made of."""
    style = "background: linear-gradient(90deg, rgba(1, 2, 3, 0.5) 20%, transparent); width: calc(1px + 2px)"
    assert passive(f'<td style="{style}">x</td>') == f'<td style="{style}">x</td>'


def test_a_text_says_what_the_data_says():
    """Signs that are HTML's are decoded once."""
    made = filled(
        "<p>{{ x }}</p>{{ frame|table }}", x="&lt;b&gt; &amp;", frame=pd.DataFrame({"v": ["&lt;x"]})
    )
    assert "&lt;b&gt; &amp;" in made.text
    assert "&lt;x" in made.text


def test_a_styler_changes_no_data():
    """What it was not told to escape is escaped once, what it was told to as well."""
    frame = pd.DataFrame({"v": ["&lt;b&gt;", "Use &amp; here", "<i>"]})
    for style in (frame.style, frame.style.format(escape="html")):
        html = filled("{{ frame|table }}", frame=style).html
        assert "&amp;lt;b&amp;gt;" in html
        assert "Use &amp;amp; here" in html
        assert "&lt;i&gt;" in html


def test_wide_headings_stand_above_their_columns():
    """In the text of a styled table, too."""
    frame = pd.DataFrame({"r": ["a", "b"], "one": [1, 2], "two": [3, 4]})
    text = filled("{{ frame|table }}", frame=frame.groupby("r").agg(["sum", "mean"]).style).text
    heads, names = text.splitlines()[0], text.splitlines()[1]
    second = [at for at in range(len(names)) if names.startswith("sum", at)][1]
    assert heads.index("two") > names.index("mean")
    assert abs(heads.index("two") - second) < 4


def test_small_shares_are_seen():
    """A column of probabilities has the decimals it needs; what calculating leaves does not count."""
    text = filled(
        "{{ frame|table }}", frame=pd.DataFrame({"p": [0.0004, 0.03], "e": [1e-17, 0.25]})
    ).text
    assert "0.0004" in text
    assert "0.0300" in text
    assert "0.25" in text
    assert "0.00 " in text or "0.00\n" in text


def test_whole_numbers_stay_whole_in_a_merge():
    """Also where another row has none."""
    template = lab.Template("{{ qty|default('', true) }} pieces", subject="s")
    rows = [{"to": "a@example.com", "qty": 3}, {"to": "b@example.org", "qty": None}]
    for frame in (rows, pd.DataFrame(rows)):
        first, second = lab.render_each(template, frame, to="to")
        assert "3 pieces" in first.get_body(("plain",)).get_content()
        assert second.get_body(("plain",)).get_content().strip() == "pieces"


def test_what_may_not_be_called_is_named_alone():
    """The sentence quotes none of the data."""
    frame = pd.DataFrame({"salary": [91234, 5]})
    with pytest.raises(InputError, match=r"DataFrame\.groupby cannot be called") as error:
        filled("{{ frame.groupby('salary') }}", frame=frame)
    assert "91234" not in str(error.value)


def test_no_terminal_obeys_a_text():
    """A control character is a sign that can be seen, in both parts; a break in a cell is a blank."""
    made = filled("<p>{{ x }}&#27;[2J</p>", x="a\x1b[31mb\x0bc\x9b")
    for part in (made.html, made.text):
        assert "a\ufffd[31mb c\ufffd" in part
    assert "\x1b" not in made.text


def test_a_picture_that_is_a_link_is_one_in_the_text():
    """With its description, and without brackets of another language."""
    html = '<a href="https://example.com/a?b=1&amp;c=2"><img alt="Logo" src="https://example.com/l.png"></a>'
    assert filled(html).text == "[Logo] <https://example.com/a?b=1&c=2>\n"
    assert (
        filled('<p>x</p><a href="https://example.com/"></a>')
        .text.strip()
        .endswith("<https://example.com/>")
    )
