"""What is empty, exact, or there twice, in a mail and in a mail for each row."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

import smtp_lab as lab


def made(text, **data):
    """The text of a mail whose page is *text*."""
    message = lab.render(lab.Template(f"<p>{text}</p>"), to="ann@example.com", subject="s", **data)
    return message.get_body(("plain",)).get_content()


@pytest.mark.parametrize("expression", ["x", "x | number", "x | number(2)", "x | date"])
@pytest.mark.parametrize("value", [None, float("nan"), pd.NaT, pd.NA], ids=str)
def test_what_is_empty_is_never_written(expression, value):
    """Not as nan in an amount, nor as NaT in a date."""
    with pytest.raises(lab.InputError, match="is empty"):
        made("{{ " + expression + " }}", x=value)


def test_an_amount_is_exact():
    """A Decimal is written digit by digit, and a whole number of a frame as a whole number."""
    assert "12,345,678,901,234,567,890.12" in made(
        "{{ x | number }}", x=Decimal("12345678901234567890.12")
    )
    frame = pd.DataFrame({"n": [12345]})
    assert made("{{ d.n.max() | number }}", d=frame).strip() == "12,345"


PEOPLE = pd.DataFrame(
    {"email": ["a@example.com"], "n": ["{secret}"], "secret": ["S3"], "gap": [None]}
)


def names(attachments):
    """The names of the files of the only row."""
    (message,) = lab.render_each(
        lab.Template("<p>x</p>"), PEOPLE, to="email", subject="s", attachments=attachments
    )
    return [part.get_filename() for part in message.iter_attachments()]


def test_what_a_cell_says_is_not_filled_in_again():
    """Braces in the data are braces."""
    assert names({"r {n}.txt": "x"}) == ["r {secret}.txt"]


@pytest.mark.parametrize(
    ("attachments", "said"),
    [
        ({"r {nope}.txt": "x"}, "no column 'nope'"),
        ({"r {gap}.txt": "x"}, "gap is empty"),
        ({"r {secret}.txt": "1", "r S3.txt": "2"}, "two files are called"),
        (lambda _row: ["one/data.csv", "two/data.csv"], "two files are called"),
    ],
)
def test_a_file_is_never_lost_or_named_by_half(attachments, said):
    """A column that is not there, an empty one, and one name for two files are told with the row."""
    with pytest.raises(lab.InputError, match=said):
        names(attachments)
