"""Tables that were styled by pandas or great_tables."""

from __future__ import annotations

import re

import great_tables
import pandas as pd
import pytest
from compose_page import Page

import smtp_lab as lab
from smtp_lab.compose.tables import html_table, text_table
from smtp_lab.errors import InputError

EVIL = "<script>x</script>"
FRAME = pd.DataFrame({EVIL: [EVIL, "a & b"], "n": [1.5, -2.5]}, index=[EVIL, "v"])


def styler(**formats):
    made = FRAME.style.map(lambda v: "color:red" if v < 0 else "", subset=["n"]).set_caption(EVIL)
    return made.format(**formats) if formats else made


@pytest.mark.parametrize(
    "table",
    [styler(), styler(formatter={"n": "{:.1f} €"}), styler(escape="html"), FRAME.style.format_index(str.upper)],
    ids=["plain", "formatted", "escaped", "index"],
)  # fmt: skip
def test_a_styler_is_escaped_once(table):
    """Its cells, names and caption are text, whatever it was told about escaping."""
    page = Page(html_table(table))
    assert page.all("script") == []
    assert EVIL.upper() in page.text.upper()
    assert "a & b" in page.text
    assert "&amp;" not in page.text


LINK = '<a href="https://evil.example">Pay here</a>'


@pytest.mark.parametrize(
    "table",
    [
        FRAME.style.concat(pd.DataFrame({EVIL: [LINK], "n": [1.0]}, index=["s"]).style),
        FRAME.rename_axis(LINK).style,
        pd.DataFrame([[1]], columns=pd.Index(["c"], name=LINK)).style,
        pd.DataFrame({"a": ["x"]}).style.set_td_classes(pd.DataFrame({"a": [f'">{LINK}']})),
    ],
    ids=["concatenated", "name of the index", "name of the columns", "classes"],
)
def test_no_data_of_a_styler_becomes_a_tag(table):
    """Wherever it stands: in rows that were put below, in names, in classes of cells."""
    html = html_table(table)
    assert Page(html).all("a") == []
    assert html == html_table(table)


def test_a_styler_keeps_its_styles_and_formats():
    """Styles stand in the tags; no style sheet and no id is left, and made again it is the same."""
    html = html_table(styler(formatter={"n": "{:.1f} €"}))
    page = Page(html)
    styles = [td["style"] for td in page.all("td")]
    assert ["color: red;" in style for style in styles] == [False, False, False, True]
    assert all(style.startswith("padding: 6px 12px;text-align: right;") for style in styles)
    assert "-2.5 €" in page.text
    assert page.all("style") == []
    assert " id=" not in html
    assert html == html_table(styler(formatter={"n": "{:.1f} €"}))


ACTIVE = (
    '<b onclick="x()">T</b><a href="java\nscript:x">l</a><script>x()</script><img src=x onerror=x()>'
    '<iframe src="https://evil.example"></iframe><form action="x"><button>Buy</button></form>'
    '<svg onload=x()><circle r="3"/><foreignObject>y</foreignObject></svg><meta http-equiv=refresh>'
    '<p style="color:red;background:url(https://evil.example/x);width:expression(x())">styled</p>'
    '<!--[if mso]><script>x()</script><![endif]--><a href="https://example.com">good</a>'
)
QUIET = re.compile(
    r"on\w+=|script|iframe|<form|button|evil|expression|<!--|http-equiv|foreign", re.IGNORECASE
)


@pytest.mark.parametrize(
    "table",
    [
        FRAME[["n"]].reset_index(drop=True).style.set_table_attributes('onclick="x()" style="width:50%"'),
        FRAME[["n"]].reset_index(drop=True).style.map(lambda _: "color:red;width:expression(x())"),
        great_tables.GT(FRAME[["n"]]).tab_header(great_tables.html(ACTIVE)),
        great_tables.GT(FRAME[["n"]]).tab_source_note(great_tables.md("[m](javascript:x) " + ACTIVE)),
    ],
    ids=["attributes", "styles", "header", "note"],
)  # fmt: skip
def test_nothing_active_is_left(table):
    """Handlers, scripts, forms, frames and what a style would fetch go; text and look stay."""
    html = html_table(table)
    assert not QUIET.search(html)
    assert "-2.5" in html
    assert "color: red" in html or "width: 50%" in html
    if "good" in html:
        assert {a.get("href") for a in Page(html).all("a")} == {None, "https://example.com"}
        assert {"T", "styled", "Buy"} <= set(re.findall(r"[A-Za-z]+", Page(html).visible))
        assert len(Page(html).all("circle")) == 1


def test_an_address_stays_a_link_that_leads_where_it_says():
    """What hyperlinks="html" makes is kept, and a cell cannot say one thing and lead elsewhere."""
    frame = pd.DataFrame({"u": ["https://example.com/x", LINK]})
    page = Page(html_table(frame.style.format(hyperlinks="html")))
    assert page.all("a") == [{"href": "https://example.com/x", "target": "_blank"}]


def test_a_styler_has_the_last_word():
    """It looks as it does in a notebook, but where it says otherwise itself."""
    own = FRAME.style.set_table_styles([{"selector": "td", "props": "padding:0"}])
    for cell in Page(html_table(own.set_properties(**{"text-align": "left"}))).all("td"):
        said = dict(one.split(":") for one in cell["style"].replace(" ", "").strip(";").split(";"))
        assert (said["padding"], said["text-align"]) == ("0", "left")


def test_a_great_table_is_taken_as_it_is():
    """Its styles are in the tags, its cells escaped."""
    table = great_tables.GT(FRAME).tab_header("Title").fmt_number("n", decimals=1)
    page = Page(html_table(table))
    assert page.all("script") == page.all("style") == []
    assert "Title" in page.text
    assert EVIL in page.text
    assert all("style" in td for td in page.all("td"))


@pytest.mark.parametrize("table", [FRAME.style, great_tables.GT(FRAME)], ids=["styler", "gt"])
def test_the_text_is_that_of_the_page(table):
    """A terminal gets the aligned table, with what the page shows and nothing more."""
    shown = text_table(table)
    heads, *rows = (line.split("  ") for line in shown.splitlines())
    assert {EVIL, "n"} <= {cell.strip() for cell in heads}
    assert len(rows) == len(FRAME)
    assert "a & b" in shown
    filled = lab.Template("{{ f }}").fill({"f": table})
    assert filled.text.strip("\n") == shown
    assert 'class="styled"' in filled.html


def test_a_styled_table_that_is_huge_is_refused():
    """It is not cut, so it has a limit."""
    with pytest.raises(InputError, match="is styled and has 1,001 rows; style its head"):
        html_table(pd.DataFrame({"a": range(1001)}).style)


def test_a_styler_that_fails_is_a_sentence():
    """What its functions raise is told in one line."""
    with pytest.raises(InputError, match=r"cannot be drawn .*look at it in the notebook first"):
        html_table(FRAME.style.format({"n": "{:d}"}))
