"""A template that does too much ends, soon and with a sentence."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

import smtp_lab as lab
from smtp_lab.compose import budget
from smtp_lab.errors import TemplateError

BIG = "b" * 900_000

ENDLESS = {
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a long range": "{% for i in range(999999999) %}x{% endfor %}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "a recursive loop": "{% for x in s recursive %}{{ loop(s) }}{{ loop(s) }}{% endfor %}",
    "a file that includes itself": "{% include 'template/body.html' %}{% include 'template/body.html' %}",
    "a loop that writes": "{% for i in range(9999) %}{{ big }}{% endfor %}",
    "a loop that writes its own text": "{% for i in range(99999) %}" + "x" * 2000 + "{% endfor %}",
    "a variable that is written": "{% set x %}{% for i in range(9999) %}{{ big }}{% endfor %}{% endset %}",
    "lists in one another": "{% set n = namespace(x=[1]) %}{% for i in range(40) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "tuples in one another": "{% set n = namespace(x=(1,)) %}{% for i in range(40) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ n.x }}",
    "dicts in one another": "{% set n = namespace(x=1) %}{% for i in range(40) %}{% set n.x = dict(a=n.x, b={'c': n.x}) %}{% endfor %}{{ n.x }}",
    "namespaces in one another": "{% set n = namespace(x=1) %}{% for i in range(40) %}{% set n.x = namespace(a=n.x, b=n.x) %}{% endfor %}{{ n.x }}",
    "a filler in one another": "{% set n = namespace(x=1) %}{% for i in range(40) %}{% set n.x = [1] | slice(9, n.x) | list %}{% endfor %}{{ n.x }}",
    "a text times a number": "{{ 'a' * 10**9 }}",
    "a list times a number": "{{ ([1] * 10**9) | length }}",
    "a power": "{{ 10 ** (10 ** 9) }}",
    "a product that grows": "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a text that doubles": "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a text that doubles by ~": "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a text that doubles by replace": "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x | replace('a', 'aa') %}{% endfor %}",
    "a method that replaces": "{{ big.replace('b', big) }}",
    "a filter that joins": "{{ [big, big, big] | map('upper') | join(big) }}",
    "a method that joins": "{{ big.join([big, big] | map('upper')) }}",
    "a filter that pads": "{{ 'a' | center(10**9) }}",
    "a method that pads": "{{ 'a'.ljust(10**9) }}",
    "a format that pads": "{{ '%1000000000d' % 1 }}",
    "a format with a star": "{{ '%*d' % (10**9, 1) }}",
    "a format method": "{{ '{:>1000000000}'.format(1) }}",
    "a format method with a variable": "{{ '{:>{w}}'.format(1, w=10**9) }}",
    "a filter that formats": "{{ '%1000000000d' | format(1) }}",
    "a filter that cuts into slices": "{{ [1] | slice(10**9) | list }}",
    "a sum of lists": "{{ [[1], [2]] | sum(start=[]) }}",
    "digits without end": "{{ 1.5 | round(10**9) }}",
}


@pytest.mark.parametrize("html", ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_ends(html):
    """Loops, recursion and growth are told with file and line; memory and time stay small."""
    with pytest.raises(TemplateError) as caught:
        lab.Template(html).fill({"s": [1, 2], "big": BIG})
    assert caught.value.file == "template/body.html"
    assert "template/body.html" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_what_takes_long_ends(monkeypatch):
    """The clock is looked at between the steps of a template."""
    monkeypatch.setattr(budget, "MOST_SECONDS", -1)
    with pytest.raises(TemplateError, match="it takes longer than -1 seconds"):
        lab.Template("\n{% for i in range(1000) %}{% endfor %}").fill({})


@pytest.mark.parametrize(
    "use",
    [
        "{{ big | replace('b', 'c') | length }}",
        "{{ big.upper() | length }}",
        "{{ number // 7 }}",
        "{% set x = number * 2 %}",
        "{% set x = big ~ 'a' %}",
        "{% for i in [1] %}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m() }}",
        "{% block b %}{% endblock %}",
        "{% include 'template/body.txt' %}",
    ],
)
def test_the_clock_is_looked_at_before_whatever_may_take_long(monkeypatch, use):
    """However little is done before, what comes after the end of the time is not begun."""
    now = [0.0]
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def late():
        now[0] = budget.MOST_SECONDS + 1
        return ""

    # The last line is only reached where nothing was looked at.
    template = lab.Template(
        "{% set x = late.property %}\n" + use + "\n{{ never.reached }}", text="{{ 1 }}"
    )
    data = {
        "big": BIG,
        "number": 7**1000,
        "late": type("Late", (), {"property": property(lambda _: late())})(),
    }
    with pytest.raises(TemplateError, match=r"line [12]: it takes longer than 10 seconds"):
        template.fill(data)


@pytest.fixture
def late(monkeypatch):
    """A function a template can call, which takes six seconds of the budget's clock."""
    now = [0.0]
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def late():
        now[0] += 6
        return "x"

    return late


def test_all_parts_have_the_same_time(late):
    """Ten seconds are for the mail, not for each of its parts."""
    template = lab.Template("{{ late() }}", subject="{{ late() }}", text="{{ 'y' }}")
    with pytest.raises(TemplateError, match=r"body\.txt, line 1: it takes longer than 10 seconds"):
        template.fill({"late": late})


def test_all_that_is_made_is_counted():
    """Many values that are each short enough are too much together."""
    html = "{% for i in range(99999) %}{% set x = big | upper %}{% endfor %}"
    with pytest.raises(TemplateError, match="it makes more than 50,000,000 characters and items"):
        lab.Template(html).fill({"big": BIG})


def test_what_is_usual_is_left_alone():
    """Formats, joins and loops of a usual size work as Jinja has them."""
    html = (
        "{{ '%5.2f' % 1 }}|{{ '{:>8,}'.format(123456) }}|{{ '%s and %s' | format('a', 'b') }}|"
        "{{ [1, 2] | map('string') | join(', ') }}|{{ 'x' | center(5) }}|{{ [3, 1] | sum }}|"
        "{{ 2 ** 10 }}|{{ 'ab' * 3 }}|{{ 1 ~ '<' }}|{{ 'aXb'.replace('X', '-') }}|"
        "{% for a in [1, 2] %}{{ loop.index }}/{{ loop.length }} {% endfor %}"
    )
    said = lab.Template(html).fill({}).text
    assert said == " 1.00| 123,456|a and b|1, 2| x |4|1024|ababab|1<|a-b|1/2 2/2\n".lstrip()


def test_each_part_has_a_budget_of_its_own():
    """One mail after another can be filled: nothing of a budget is left behind."""
    template = lab.Template("{% for i in range(90000) %}{% endfor %}x", text="{{ 'y' }}")
    for _ in range(15):
        assert template.fill({}).text == "y"


def test_a_step_cannot_be_given_back():
    """The filter that counts is no way to get more."""
    html = "{% for i in range(99999) %}{{ -100000000 | step }}{% for j in range(99) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="passes through its loops"):
        lab.Template(html).fill({})


def test_all_that_a_row_of_a_merge_asks_has_the_same_time(late):
    """Subject, headers and ways out are filled on the clock of the mail they belong to."""
    with pytest.raises(lab.InputError, match="it takes longer than 10 seconds"):
        lab.render_each(
            lab.Template("<p>{{ late() }}</p>"),
            pd.DataFrame({"email": ["ann@example.com"]}),
            to="email",
            subject="{{ late() }}",
            late=late,
        )


def test_each_row_of_a_merge_has_its_own_time(late):
    """One mail that takes its time takes none of the next one's."""
    frame = pd.DataFrame({"email": ["ann@example.com", "bob@example.com"]})
    template = lab.Template("<p>hello</p>")
    made = lab.render_each(template, frame, to="email", subject="{{ late() }}", late=late)
    assert [message["Subject"] for message in made] == ["x", "x"]


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("{{ x }}" * 128_000, "it has more than 10,000 tags"),
        ("x" * 1_100_000, "it has more than 1,000,000 characters"),
        ("{{ [" + "1," * 100_000 + "] }}", "it has more than 100,000 words in its tags"),
    ],
    ids=["tags", "characters", "words"],
)
def test_a_source_that_is_too_long_is_not_compiled(html, said):
    """A text has the bounds of a file: to compile it would take seconds and memory."""
    with pytest.raises(TemplateError, match=said):
        lab.Template(html).fill({"x": 1})
    with pytest.raises(TemplateError, match=said):
        lab.Template("<p>a</p>", headers={"X-Note": html}).fill({"x": 1})


def test_the_text_part_is_made_on_the_same_clock(monkeypatch):
    """A text that is made from the HTML is a part of the mail as each other."""
    now = [0.0]
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def late():
        now[0] += 11
        return "x"

    with pytest.raises(TemplateError, match=r"body\.html: it takes longer than 10 seconds"):
        lab.Template("<p>{{ late() }}</p>").fill({"late": late})


def test_the_text_part_has_a_bound_of_its_own():
    """A table whose widest cell would make each row of the text wide is told; so are many links."""
    frame = pd.DataFrame({"t": ["y" * 20_000] + ["z"] * 20_000})
    with pytest.raises(lab.InputError, match="table: would have more than 4,000,000 characters"):
        lab.Template("{{ df | table(100000) }}").fill({"df": frame})
    links = "{% for i in range(20000) %}<a href='https://example.com'>x</a>{% endfor %}"
    with pytest.raises(TemplateError, match="it has too many elements to be made a text"):
        lab.Template(links).fill({})
    assert lab.Template(links, text="short").fill({}).text == "short"
    small = pd.DataFrame({"t": ["a"] * 9_000})
    assert lab.Template("{{ df | table(9000) }}").fill({"df": small}).text.count("a") == 9_000


def test_a_table_of_very_many_cells_is_told():
    """The clock is not looked at while a table is made: it must not be too large."""
    frame = pd.DataFrame({"n": range(300_000)})
    with pytest.raises(TemplateError, match="table: shows more than 200,000 cells"):
        lab.Template("{{ df | table(300000) }}").fill({"df": frame})
    assert "more" in lab.Template("{{ df | table(3) }}").fill({"df": frame}).text


def test_a_list_that_grew_is_counted_again():
    """What is known of a list holds as long as nobody has put more into it."""
    one = budget.Budget()
    given = [1] * 200
    one.know(given, 201)
    assert one.known(given) == 201
    given.append(2)
    assert one.known(given) == 0
    assert one.known([1] * 201) == 0
