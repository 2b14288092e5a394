"""Which names of a template are data, wherever and whenever the template sets them itself."""

from __future__ import annotations

import pytest

import smtp_lab as lab
from smtp_lab.errors import TemplateError

# The page, the names of the data it uses, and those it cannot do without.
ONE_FILE = [
    ("{{ a }}{% set a = 1 %}", "a", "a"),
    ("{% set a = 1 %}{{ a }}", "", ""),
    ("{% set a = a %}", "a", "a"),
    ("{% set a, b = 1, c %}{{ a }}{{ b }}", "c", "c"),
    ("{% set a %}{{ b }}{% endset %}{{ a }}", "b", "b"),
    ("{% set a | upper %}x{% endset %}{{ a }}", "", ""),
    ("{% if x %}{% set a = 1 %}{% endif %}{{ a }}", "a x", "x"),
    ("{% if x %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}", "x", "x"),
    ("{% if x %}{% set a = 1 %}{% elif y %}{% set a = 2 %}{% endif %}{{ a }}", "a x y", "x y"),
    ("{% if x %}{{ a }}{% endif %}{% set a = 1 %}", "a x", "a x"),
    ("{% if x %}{% set a = 1 %}{{ a }}{% endif %}", "x", "x"),
    ("{% for a in l %}{{ a }}{% endfor %}{{ a }}", "a l", "a l"),
    ("{% for i in l %}{% set a = 1 %}{% endfor %}{{ a }}", "a l", "a l"),
    ("{% for i in l %}{{ a }}{% set a = 1 %}{% endfor %}", "a l", "a l"),
    ("{% for i, j in l if i > k %}{{ i }}{{ j }}{{ loop.index }}{% else %}{{ m }}{% endfor %}", "k l m", "k l m"),
    ("{% for l in l %}{{ l }}{% endfor %}", "l", "l"),
    ("{% set a = 1 %}{% for i in [1] %}{{ a }}{% endfor %}", "", ""),
    ("{{ loop }}", "loop", "loop"),
    ("{% macro m(a, b=c) %}{{ a }}{{ b }}{{ d }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}", "c d", "c d"),
    ("{% macro m() %}{% set a = 1 %}{% endmacro %}{{ m() }}{{ a }}", "a", "a"),
    ("{% macro m() %}{{ a }}{% endmacro %}{% set a = 1 %}{{ m() }}", "", ""),
    ("{{ m }}{% macro m() %}{% endmacro %}", "m", "m"),
    ("{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(a) m() %}{{ a }}{{ b }}{% endcall %}", "b", "b"),
    ("{% with a = b, c = a %}{{ a }}{{ c }}{% endwith %}{{ c }}", "a b c", "a b c"),
    ("{% filter replace(a, 'x') %}{{ b }}{% set c = 1 %}{% endfilter %}{{ c }}", "a b c", "a b c"),
    ("{% set n = namespace(x=a) %}{% for i in l %}{% set n.x = i %}{% endfor %}{{ n.x }}", "a l", "a l"),
    ("{% set n.x = 1 %}", "n", "n"),
    ("{% block b %}{{ a }}{% set c = 1 %}{% endblock %}{{ c }}", "a c", "a c"),
    ("{% set a = 1 %}{% block b %}{{ a }}{% endblock %}", "", ""),
    ("{% block b %}{{ a }}{% endblock %}{% set a = 1 %}", "a", "a"),
    ("{% if x %}{% set a = 1 %}{% endif %}{% block b %}{{ a }}{% endblock %}", "a x", "x"),
    ("{% for a in l %}{% block b %}{{ a }}{% endblock %}{% endfor %}", "a l", "a l"),
    ("{% for a in l %}{% block b scoped %}{{ a }}{% endblock %}{% endfor %}", "l", "l"),
    ("{% autoescape false %}{{ a }}{% set b = 1 %}{% endautoescape %}{{ b }}", "a b", "a b"),
    ("{{ a | default('x') }}{{ b if b is defined }}{% if c is defined %}{{ d }}{% endif %}{{ e }}", "a b c d e", "e"),
    ("{% if x %}{{ a }}{% elif b is defined %}{{ c }}{% else %}{{ d }}{% endif %}", "a b c d x", "a x"),
    ("{{ range(3) }}{{ now() }}{{ dict() }}{{ namespace() }}{{ self }}{{ to }}{{ t }}{{ theme }}", "", ""),
    ("{{ a.b[c](d, e=f) | replace(g, h) }}{{ i is divisibleby j }}{{ k ~ l }}{{ m if n else o }}", "a c d f g h i j k l m n o", "a c d f g h i j k l m n o"),
]  # fmt: skip
# The same with files beside the page, by name.
FILES = {
    "base.html": "<i>{{ title }}</i>{% block head %}{{ head }}{% endblock %}{% block body %}{{ body }}{% endblock %}{{ foot }}",
    "sets.html": "{% set a = 1 %}{{ b }}",
    "uses.html": "{{ a }}",
    "macros.html": "{% macro hi(x) %}{{ x }}{{ far }}{% endmacro %}{{ here }}",
    "self.html": "{{ a }}{% if b %}{% include 'self.html' %}{% endif %}",
    "broken.html": "\n{{ ",
}
MANY_FILES = [
    ("{% extends 'base.html' %}", "body foot head title", "body foot head title"),
    ("{% extends 'base.html' %}{% set title = 1 %}{% set foot = x %}", "body head x", "body head x"),
    ("{% extends 'base.html' %}{% block body %}{{ mine }}{% endblock %}{{ never }}", "foot head mine title", "foot head mine title"),
    ("{% extends 'base.html' %}{% block body %}{{ super() }}{{ mine }}{% endblock %}", "body foot head mine title", "body foot head mine title"),
    ("{% extends 'base.html' %}{% block head %}{{ a }}{% endblock %}{% set a = 1 %}", "body foot title", "body foot title"),
    ("{% extends layout %}{% block b %}{{ a }}{% endblock %}{{ c }}", "a c layout", "a c layout"),
    ("{% if x %}{% extends 'base.html' %}{% endif %}{{ a }}", "a body foot head title x", "a body foot head title x"),
    ("{% include 'sets.html' %}{{ a }}", "a b", "a b"),
    ("{% set a = 1 %}{% include 'uses.html' %}", "", ""),
    ("{% include 'uses.html' %}{% set a = 1 %}", "a", "a"),
    ("{% for a in l %}{% include 'uses.html' %}{% endfor %}", "l", "l"),
    ("{% include 'uses.html' without context %}", "", ""),
    ("{% include ['none.html', 'uses.html'] %}", "a", "a"),
    ("{% include 'none.html' ignore missing %}{{ b }}", "b", "b"),
    ("{% include which %}", "which", "which"),
    ("{% include 'self.html' %}", "a b", "a b"),
    ("{% import 'macros.html' as m %}{{ m.hi(a) }}", "a", "a"),
    ("{% import 'macros.html' as m with context %}{{ m.hi(a) }}", "a far here", "a far here"),
    ("{% from 'macros.html' import hi as ho %}{{ ho(1) }}{{ hi }}", "hi", "hi"),
    ("{% if a is defined %}{% include 'uses.html' %}{% endif %}{% include 'uses.html' %}", "a", ""),
    ("{% if q is defined %}{% include 'sets.html' %}{% endif %}{% include 'sets.html' %}", "b q", "b"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("html", "found", "needed"), ONE_FILE)
def test_of_one_file(html, found, needed):
    """What is set before, and where it is seen, is the template's own; all else is data."""
    template = lab.Template(html)
    assert template.variables() == found.split()
    assert template.variables(required=True) == needed.split()


@pytest.mark.parametrize(("html", "found", "needed"), MANY_FILES)
def test_of_many_files(folder, html, found, needed):
    """Files that are extended, included or imported see what Jinja lets them see."""
    template = lab.Template(html, folder=folder)
    assert template.variables() == found.split()
    assert template.variables(required=True) == needed.split()


@pytest.mark.parametrize("value", ["x", ""])
@pytest.mark.parametrize("html", [html for html, *_ in ONE_FILE + MANY_FILES])
def test_nothing_is_missing_where_all_of_them_are_given(folder, html, value):
    """Filled with what is listed, no page asks for more, whatever branch it takes."""
    if "without context" in html or "import" in html or "which" in html or "layout" in html:
        html = "{{ a }}"  # it asks for what nobody can give it, or for a file of that name
    template = lab.Template(html, folder=folder)
    try:
        template.fill(dict.fromkeys(template.variables(), value))
    except TemplateError as error:
        assert error.variable == "", error  # noqa: PT017  # that the values do not fit is no matter


def test_what_is_not_there_names_the_file(folder):
    """A file that is extended and cannot be found, and one that is no template, are told."""
    with pytest.raises(TemplateError, match=r"there is no file 'none\.html'"):
        lab.Template("{% include 'none.html' %}", folder=folder).variables()
    with pytest.raises(TemplateError, match=r"broken\.html, line 2: is no template"):
        lab.Template("{% include 'broken.html' %}", folder=folder).variables()
    with pytest.raises(TemplateError, match=r"line 1: is no template .No filter named 'nofilter'"):
        lab.Template("{{ a | nofilter }}").variables()


def test_a_merge_asks_for_no_column_that_the_template_sets():
    """A word for each of two cases needs no column; one that is used before needs it."""
    rows = [{"email": "ann@example.com", "vip": True}]
    word = "{% if vip %}{% set word = 'Dear' %}{% else %}{% set word = 'Hi' %}{% endif %}{{ word }}"
    (message,) = lab.render_each(lab.Template(word), rows, to="email", subject="s")
    assert message.get_body(("plain",)).get_content() == "Dear\n"
    with pytest.raises(lab.InputError, match="the table has no column 'word'"):
        lab.render_each(lab.Template("{{ word }}" + word), rows, to="email", subject="s")
