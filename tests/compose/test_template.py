"""The object a template is: where it comes from, what it needs, what it says when it cannot."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from compose_page import Page

import smtp_lab as lab
from smtp_lab.errors import InputError, TemplateError, UnknownNameError

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def folder(path: Path, **parts: str) -> Path:
    """A template in *path*; ``body_html`` stands for body.html."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in parts.items():
        (path / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return path


class TestSources:
    """Strings, folders, files, and what ships."""

    def test_a_string_in_a_notebook_is_enough(self):
        """A few paragraphs become a page with a language and an encoding, and a text."""
        filled = lab.Template("<p>Dear {{ name }},</p>", subject="For {{ name }}").fill(
            {"name": "Zoë"}
        )
        assert filled.subject == "For Zoë"
        assert filled.text == "Dear Zoë,\n"
        assert filled.html.startswith(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        )

    def test_a_page_is_left_as_it_is(self):
        """What is a page already gets no second one around it."""
        html = "<!doctype html><html><body><p>x</p></body></html>"
        assert lab.Template(html).fill({}).html == html

    def test_a_text_alone_makes_a_mail_without_html(self):
        """No HTML is made up."""
        message = lab.render(
            lab.Template(text="Hello {{ x }}\n"), to="b@example.com", subject="s", x="&"
        )
        assert message.get_content_type() == "text/plain"
        assert message.get_content() == "Hello &\n"

    def test_a_folder_has_all_parts(self, tmp_path):
        """Subject, both bodies, style, headers, texts and sample are found by their names."""
        path = folder(
            tmp_path / "welcome",
            subject_txt="Hi {{ name }}\n",
            body_html="<html><body><p class='a'>{{ t('hello', name=name) }}</p></body></html>",
            body_txt="{{ t('hello', name=name) }} in text\n",
            style_css=".a { color: #123456 } @media (x) { #b{#c:d} }",
            headers_txt="X-Kind: welcome {{ name }}\n\nX-Other: y\n",
            texts_toml='[en]\nhello = "Hello {name}"\n[de]\nhello = "Hallo {name}"\n',
            sample_toml='name = "Ann"\n',
        )
        template = lab.Template.open(path)
        assert (template.name, template.languages) == ("welcome", ["en", "de"])
        preview = template.preview(language="de")
        assert (preview.subject, preview.text) == ("Hi Ann", "Hallo Ann in text\n")
        assert preview.headers == {"X-Kind": "welcome Ann", "X-Other": "y"}
        assert Page(preview.html).all("p") == [{"class": "a", "style": "color: #123456;"}]
        message = lab.render(path, to="b@example.com", name="Bob")
        assert message["X-Kind"] == "welcome Bob"

    def test_a_text_with_a_slash_is_a_folder_too(self, tmp_path, monkeypatch):
        """Relative paths lead from where one is."""
        folder(tmp_path / "mails" / "hi", body_html="<p>hi</p>", sample_json='{"a": 1}')
        monkeypatch.chdir(tmp_path)
        template = lab.Template.open("mails/hi")
        assert template.sample == {"a": 1}
        assert lab.Template.open(tmp_path / "mails" / "hi" / "body.html").fill({}).text == "hi\n"

    def test_a_template_extends_what_ships_and_what_lies_beside_it(self, tmp_path):
        """Blocks of the shipped base and macros of a sibling folder can be used."""
        folder(tmp_path / "shared", parts_html="{% macro hi(x) %}<b>Hi {{ x }}</b>{% endmacro %}")
        path = folder(
            tmp_path / "mine",
            body_html='{% extends "_base/body.html" %}\n{% from "shared/parts.html" import hi %}\n'
            "{% block content %}<h1>T</h1>{{ hi(name) }}{{ parts.facts([('a', 1)]) }}{% endblock %}",
        )
        template = lab.Template.open(path)
        assert template.variables() == ["name"]
        page = Page(template.fill({"name": "<Bob>"}, theme="forest").html)
        assert "Hi <Bob>" in page.text
        assert {k: v for k, v in page.all("td")[1].items() if k == "class"} == {"class": "inside"}

    def test_a_base_of_ones_own_comes_first(self, tmp_path):
        """A folder called _base beside the template takes the place of the shipped one."""
        folder(
            tmp_path / "_base",
            body_html="<html><body>own {% block content %}{% endblock %}</body></html>",
        )
        path = folder(
            tmp_path / "mine",
            body_html='{% extends "_base/body.html" %}{% block content %}x{% endblock %}',
        )
        assert lab.Template.open(path).fill({}).text == "own x\n"

    def test_a_template_cannot_leave_its_folder(self, tmp_path):
        """No path leads up."""
        (tmp_path / "secret.txt").write_text("secret")
        path = folder(tmp_path / "a" / "mine", body_html='{% include "../../secret.txt" %}')
        with pytest.raises(TemplateError, match="there is no file"):
            lab.Template.open(path).fill({})

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda p: lab.Template(), "html: is empty; give the HTML"),
            (lambda p: lab.Template(3), "body.html: is a int"),
            (lambda p: lab.Template("x", subject=b"x"), "subject.txt: is a bytes"),
            (lambda p: lab.Template("x", name="../x"), "name: '../x' is no name"),
            (lambda p: lab.Template.open(3), "template: is a int; give a name"),
            (lambda p: lab.Template.open("a\0b"), "template: holds a NUL"),
            (lambda p: lab.Template.open("/" + "a" * 5000), "cannot be read (File name too long); check the path"),
            (lambda p: lab.Template.open("~nobody-is-called-so/x"), "cannot be read (Could not determine home"),
            (lambda p: lab.Template.open(p / "none"), "none is no template; give a folder"),
            (lambda p: lab.Template.open(folder(p / "e", sample_toml="")), "has no body.html"),
            (lambda p: lab.Template.open(folder(p / "m", body_html="", sample_toml="a = [\n1")), "m/sample.toml"),
            (lambda p: lab.Template.open(folder(p / "j", body_html="", sample_json="{\n'a'")), "j/sample.json, line 2: is no JSON"),
            (lambda p: lab.Template.open(folder(p / "k", body_html="", sample_json="[]")), "holds no object"),
            (lambda p: lab.Template("x", headers={"": "y"}), "template/headers.txt, line 1: is no header"),
            (lambda p: lab.Template("x", headers={"A": "{% if %}"}), "template/headers.txt, line 1: is no template"),
        ],
    )  # fmt: skip
    def test_what_is_no_template_is_a_sentence(self, tmp_path, make, words):
        """Whatever is wrong with it is told with its place."""
        with pytest.raises(InputError) as caught:
            make(tmp_path)
        assert words in str(caught.value)

    def test_a_file_that_is_no_utf8_is_a_sentence(self, tmp_path):
        """An old encoding is told, not guessed."""
        path = folder(tmp_path / "old")
        (path / "body.html").write_bytes("Grüße".encode("latin-1"))
        with pytest.raises(TemplateError, match=r"old/body.html: is not UTF-8; save it as UTF-8"):
            lab.Template.open(path)


class TestVariables:
    """What a template needs."""

    def test_all_and_required(self):
        """Optional is what is asked about or has a default, and what depends on that."""
        template = lab.Template(
            "{{ a }}{{ b | default('x') }}{% if c is defined %}{{ c }}{{ d }}{% endif %}"
            "{% for e in f %}{{ e }}{% endfor %}{% set g = 1 %}{{ g }}{{ to }}{{ images.x }}"
            "{{ h.i if h is defined else '' }}",
            subject="{{ s }}",
            headers={"X-A": "{{ y }}"},
        )
        assert template.variables() == ["a", "b", "c", "d", "f", "h", "s", "y"]
        assert template.variables(required=True) == ["a", "f", "s", "y"]

    def test_a_broken_template_is_told_by_its_line(self):
        """The variables of what cannot be read are not known."""
        with pytest.raises(TemplateError) as caught:
            lab.Template("a\n\n{% for %}").variables()
        assert (caught.value.file, caught.value.line) == ("template/body.html", 3)

    @pytest.mark.parametrize(
        "name", ["to", "t", "theme", "sender", "images", "language", "subject", "cc"]
    )
    def test_names_that_are_taken_are_no_data(self, name):
        """Data cannot take the place of what a template always has."""
        with pytest.raises(InputError, match=f"'{name}' is a name of smtp_lab's own"):
            lab.Template("x").fill({name: 1})


class TestErrors:
    """What cannot be filled names file, line and variable."""

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("{{ nobody }}", "'nobody' is missing; give it by name, nobody=…"),
            ("{{ data.nobody }}", "has no attribute 'nobody'"),
            ("{{ data['x']['y'] }}", "has no attribute 'x'"),
            ("{{ text + 1 }}", "cannot be filled (can only concatenate str"),
            ("{{ 1 / 0 }}", "cannot be filled (division by zero)"),
            ("{{ text | nofilter }}", "is no template (No filter named 'nofilter'"),
            ("{{ text.__class__ }}", "templates may not do that"),
            ("{{ none }}", "a value: is empty (None); give it a value"),
            ("{{ nan }}", "a value: is empty (nan)"),
            ("{{ text | picture('alt') }}", "picture: is no PNG, JPEG, GIF or WebP"),
            ("{{ png }}", "picture: has no alternative text; write {{ name | picture("),
            ("{{ png | picture }}", "picture: has no alternative text"),
            ("{{ png | picture(' ') }}", "picture: has no alternative text"),
            ("{{ png | picture('x', width=0) }}", "picture: 0 is no width"),
            ("{{ frame | table(max_rows=-1) }}", "max_rows: -1 is no number of rows"),
            ("{{ frame | table(formats={'z': '.1f'}) }}", "formats: the table has no column 'z'; it has a"),
            ("{{ frame | table(formats={'a': '.9q'}) }}", "formats['a']: '.9q' does not fit a int"),
            ("{{ t('hm') }}", "has no text 'hm'"),
            ("{{ text | url }}", "link: 'x' is no link"),
            ("{{ text | date }}", "date: 'x' is no date"),
            ("{% include 'none.html' %}", "there is no file 'none.html'"),
            ("{% extends 'none/body.html' %}", "there is no file 'none/body.html'"),
        ],
    )  # fmt: skip
    def test_the_line_is_named(self, line, words):
        """File, line and reason are in the sentence, whatever Python or Jinja said."""
        data = {
            "data": {},
            "text": "x",
            "png": PNG,
            "frame": pd.DataFrame({"a": [1]}),
            "nan": float("nan"),
        }
        with pytest.raises(TemplateError) as caught:
            lab.Template(f"<p>\n\n{line}</p>", name="mine").fill(data)
        assert (caught.value.file, caught.value.line) == ("mine/body.html", 3)
        assert str(caught.value).startswith("mine/body.html, line 3")
        assert words in str(caught.value)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)

    def test_a_picture_without_alternative_text_is_refused(self):
        """Who does not see it must be told what it shows; mere decoration says so."""
        with pytest.raises(InputError, match="shows a picture without alternative text"):
            lab.Template("<img src='cid:x'>").fill({})
        assert lab.Template("<img src='cid:x' alt=''>").fill({}).html

    def test_a_nul_in_the_data_is_refused(self):
        """No mail can hold one."""
        with pytest.raises(InputError, match="would hold a NUL"):
            lab.Template("{{ x }}").fill({"x": "a\0b"})


class TestStyles:
    """CSS moves into the tags, and is never taken for anything else."""

    CSS = "@media print{#a{#b:c}}.x{color:red}@media (max-width:9px){.x{color:blue}}/* {%x%} {# */"

    def test_braces_of_css_are_left_alone(self):
        """What Jinja would take for a comment or a statement is a rule."""
        filled = lab.Template(f"<style>{self.CSS}</style><p class=x>{{{{ y }}}}</p>").fill(
            {"y": "{#"}
        )
        assert "@media (max-width:9px)" in filled.html.replace("max-width: 9px", "max-width:9px")
        assert 'style="color: red;"' in filled.html
        assert filled.text == "{#\n"

    def test_statements_and_variables_work_inside_styles(self):
        """A blank after {% makes it a statement, as nobody writes CSS."""
        html = "<style>{% if on %}.x{color:{{ c }}}{% endif %}</style><p class=x>y</p>"
        assert 'style="color: green;"' in lab.Template(html).fill({"on": True, "c": "green"}).html
        assert (
            "style=" not in Page(lab.Template(html).fill({"on": False, "c": ""}).html).all("p")[0]
        )

    def test_styles_that_do_not_end_are_read_once(self):
        """A hundred thousand beginnings are read as fast as one; what is a template stays one."""
        html = "<style>" * 100_000 + "{{ x }}"
        assert lab.Template(text=html).fill({"x": "y"}).text.endswith("<style>y")
        both = "<style>{#a</STYLE>{{ x }}<Style media=x>{%b{{ x }}</style><style"
        assert lab.Template(text=both).fill({"x": "y"}).text == both.replace("{{ x }}", "y")

    def test_lines_are_still_counted(self):
        """What is kept from Jinja changes no line."""
        with pytest.raises(TemplateError) as caught:
            lab.Template("<style>\n{#a\n</style>\n{{ x }}").fill({})
        assert caught.value.line == 4

    def test_nothing_is_fetched(self):
        """A stylesheet or picture of another host stays where it is."""
        html = (
            '<html><head><link rel="stylesheet" href="http://127.0.0.1:9/x.css"></head>'
            "<body><style>@import url(http://127.0.0.1:9/y.css); p{color:red}</style><p>x</p></body></html>"
        )
        assert 'style="color: red;"' in lab.Template(html).fill({}).html


class TestText:
    """The text part that is made from the HTML."""

    def test_tables_stay_tables(self):
        """Columns are aligned, numbers to the right, and wide signs count twice."""
        frame = pd.DataFrame({"town": ["東京", "Ulm"], "n": [1000, 2]})
        text = lab.Template("<p>a</p>{{ f }}<p>b</p>").fill({"f": frame}).text
        assert text == "a\n\ntown      n\n----  -----\n東京  1,000\nUlm       2\n\nb\n"

    def test_links_pictures_and_lists(self):
        """Where a link leads and what a picture shows is in the text."""
        html = (
            "<p>See <a href='https://example.com/x'>here</a></p><ul><li>one</li><li>two</li></ul>"
            "{{ p | picture('a chart') }}<div style='display:none'>hidden</div><p align='center'>end</p>"
        )
        text = lab.Template(html).fill({"p": PNG}).text
        assert "See here <https://example.com/x>" in text
        assert "* one\n" in text
        assert "[a chart]" in text
        assert "hidden" not in text
        assert text.endswith("\nend\n")

    def test_a_cell_cannot_pass_for_a_table(self):
        """What marks tables on the way is nothing that data can hold."""
        evil = "<!--smtp_lab table 0-->x<!--end-->"
        filled = lab.Template("{{ f }}{{ e }}").fill({"f": pd.DataFrame({"a": [evil]}), "e": evil})
        assert filled.text.count("<!--smtp_lab table 0-->x<!--end-->") == 2
        assert "<!--" not in filled.html.replace("&lt;!--", "")

    @pytest.mark.parametrize("number", ["0", "7", "9" * 5000])
    def test_a_comment_that_looks_like_a_mark_is_a_comment(self, number):
        """Whoever writes the template or its data can number no table of ours."""
        html = f"<p>a</p><!--smtp_lab table {number}--><p>b</p><!--end-->"
        frame = pd.DataFrame({"n": [1]})
        filled = lab.Template(html + "{{ f }}{{ e | safe }}").fill({"f": frame, "e": html})
        assert filled.text == "a\n\nb\n\nn\n-\n1\n\na\n\nb\n"
        assert filled.html.count(f"<!--smtp_lab table {number}-->") == 2
        assert filled.html.count("<!--") == 4

    @pytest.mark.parametrize("deep", [10, 260, 600, 1002, 3000])
    @pytest.mark.parametrize("tags", [["div"], ["span"], ["ul", "li"], ["table", "tr", "td"]])
    def test_no_text_is_lost_in_the_depth(self, tags, deep):
        """All of it is there, or one sentence says that it cannot be."""
        times = deep // len(tags)
        ends = "".join(f"</{tag}>" for tag in reversed(tags)) * times
        html = "".join(f"<{tag}>" for tag in tags) * times + "within" + ends + "<p>after</p>"
        if deep > 900:  # Python itself goes no deeper; between these two it depends on who calls
            with pytest.raises(InputError) as caught:
                lab.Template(html).fill({})
            assert str(caught.value) == (
                "body.html: is nested too deeply to be made a text; write the text part yourself."
            )
            assert lab.Template(html, text="mine").fill({}).text == "mine"
        else:
            assert lab.Template(html).fill({}).text.split()[-2:] == ["within", "after"]

    def test_a_table_of_text_that_would_be_huge_is_refused(self):
        """Every cell is as wide as the widest: many rows beside a long word are too much."""
        html = "<table>" + "<tr><td>x<td>y</tr>" * 5000 + "<tr><td>{{ x }}<td>y</table>"
        with pytest.raises(InputError, match=r"body\.html: is too large to be made a text; write"):
            lab.Template(html).fill({"x": "w" * 100_000})


class TestLanguage:
    """Numbers, dates and texts in the mail's language."""

    def test_numbers_and_dates_follow_it(self):
        """Signs, months and yes and no are those of the language."""
        html = "{{ n | number }} {{ x | number(1) }} {{ d | date }} {{ f }}"
        data = {
            "n": 12345, "x": 1.25, "d": date(2026, 1, 2),
            "f": pd.DataFrame({"a": [1234.5], "b": [True]}),
        }  # fmt: skip
        said = {tag: lab.Template(html).fill(data, language=tag).text for tag in ("en", "de", "ja")}
        assert said["en"].startswith("12,345 1.2 January 2, 2026")
        assert said["de"].startswith("12.345 1,2 2. Januar 2026")
        assert "1.234,50  ja" in said["de"]
        assert "2026年1月2日" in said["ja"]
        assert "はい" in said["ja"]

    @pytest.mark.parametrize(
        ("tag", "number", "day"),
        [
            ("fr", "1\u202f234\u202f567,5", "2 janvier 2026"),
            ("pt-BR", "1.234.567,5", "2 de janeiro de 2026"),
            ("en-IN", "12,34,567.5", "2 January 2026"),
            ("de-AT", "1.234.567,5", "2. Jänner 2026"),
        ],
    )
    def test_a_template_of_ones_own_speaks_any_language(self, tag, number, day):
        """Numbers and dates are written as there; the page says its language."""
        template = lab.Template("{{ n | number(1) }}|{{ d | date }}", subject="s {{ n | said }}")
        filled = template.fill({"n": 1234567.5, "d": date(2026, 1, 2)}, language=tag)
        assert f"{number}|{day}" in filled.html
        assert f'lang="{tag}"' in filled.html
        assert filled.subject == f"s {number}"

    @pytest.mark.parametrize(
        ("frame", "words"),
        [
            (
                pd.DataFrame({"a": [True]}),
                "no words for yes and no in 'fr'; give the column a format",
            ),
            (
                pd.DataFrame({"a": range(60)}),
                "no words for rows that are not shown in 'fr'; raise max",
            ),
            (pd.DataFrame({"a": []}), "no words for an empty table in 'fr'; leave the table out"),
        ],
    )
    def test_a_word_nobody_wrote_is_told(self, frame, words):
        """Where a table needs one of ours, the sentence says what to do without it."""
        with pytest.raises(InputError, match=words):
            lab.Template("{{ f }}").fill({"f": frame}, language="fr")

    def test_texts_decide_which_languages_a_template_speaks(self):
        """Those it has, and their kin: Austrian has the German texts. Another is told which."""
        template = lab.Template("{{ t('a') }}", texts={"de": {"a": "Hallo"}})
        assert template.languages == ["de"]
        assert template.fill({}, language="de-AT").text == "Hallo\n"
        for tag in ("en", "fr"):
            with pytest.raises(InputError, match="is not known; template template has de"):
                template.fill({}, language=tag)

    def test_a_number_or_a_date_is_said_with_what_it_has(self):
        """The filter said: decimals as they are, words for dates and truth, a text as it is."""
        html = "{{ a | said }}|{{ b | said }}|{{ c | said }}|{{ d | said }}|{{ e | said }}"
        data = {"a": 1234.5, "b": 93.0, "c": date(2026, 1, 2), "d": True, "e": "93 %"}
        text = lab.Template(html).fill(data, language="de").text
        assert text == "1.234,5|93|2. Januar 2026|ja|93 %\n"

    @pytest.mark.parametrize("tag", ["xx", "", "en-GB-x", "root", 'en"><script>', 3, None])
    def test_an_unknown_language_is_told(self, tag):
        """One sentence says which there are."""
        with pytest.raises(InputError, match=r"is not known; .*en, de, ja"):
            lab.Template("x").fill({}, language=tag)

    def test_texts_escape_their_values(self):
        """A value in a text is text; only what is marked as HTML stays HTML."""
        texts = {"en": {"a": "Dear {name} & all"}}
        template = lab.Template("{{ t('a', name=x) }}|{{ t('a', name=x | e) }}", texts=texts)
        page = Page(template.fill({"x": "<b>"}).html)
        assert page.visible.strip() == "Dear <b> & all|Dear <b> & all"
        assert page.all("b") == []

    def test_a_text_without_its_value_is_told(self):
        """A blank that is not filled is an error, not a brace in a mail."""
        with pytest.raises(TemplateError, match="the text 'a' needs 'name'"):
            lab.Template("{{ t('a') }}", texts={"en": {"a": "Dear {name}"}}).fill({})


@pytest.mark.parametrize("to", [3, "ann@example.com", None, {"ann@example.com"}], ids=str)
def test_recipients_are_a_list(to):
    """A text would be a list of its letters."""
    with pytest.raises(InputError) as caught:
        lab.Template("{{ to[0] }}").fill({}, to=to)
    assert str(caught.value) == f"to: is a {type(to).__name__}; give a list of addresses."


def test_what_is_nested_too_deeply_is_told():
    """The reader of templates gives up at a depth no template needs."""
    with pytest.raises(TemplateError) as caught:
        lab.Template("{{ " + "(" * 300 + "1" + ")" * 300 + " }}").fill({})
    assert "it is nested too deeply, or calls itself without end" in str(caught.value)


def test_a_preview_shows_itself_and_fetches_nothing():
    """In a notebook it is a sandboxed frame with its pictures inside; in a terminal it is text."""
    preview = lab.Template.open("report").preview(summary="<script>x</script>")
    html = preview._repr_html_()
    assert '<iframe sandbox=""' in html
    assert "default-src" in html
    assert "data:image/png;base64," in html
    assert "cid:" not in html
    assert Page(html).all("script") == []
    assert str(preview).startswith("Subject: Sales, week 47\n\nSales, week 47\n")
    assert repr(preview) == "<Preview of template report: 'Sales, week 47'>"


def test_a_name_nobody_knows_is_a_key_error():
    """As everywhere in this package."""
    with pytest.raises(UnknownNameError):
        lab.Template.open("nobody")
    with pytest.raises(KeyError):
        lab.Template.open("nobody")
