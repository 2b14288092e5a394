"""Tables that were styled by pandas or great_tables."""

from __future__ import annotations

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
    assert [td.get("style") for td in page.all("td")] == [None, None, None, "color: red;"]
    assert "-2.5 €" in page.text
    assert page.all("style") == []
    assert " id=" not in html
    assert html == html_table(styler(formatter={"n": "{:.1f} €"}))


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
