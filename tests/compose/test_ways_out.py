"""What a template must not do with what it is given: run code, read files, write files, show what is hidden."""

from __future__ import annotations

from pathlib import Path

import great_tables
import pandas as pd
import pytest

import smtp_lab as lab

FRAME = pd.DataFrame({"a": [1, 2], "d": pd.to_datetime(["2024-01-01", "2024-01-02"])})
ENVIRON = "{.isoformat.__globals__[warnings].sys.modules[os].environ}"


def made(text, **data):
    """The mail of a template with *text* as its page."""
    return lab.render(lab.Template(f"<p>x</p>{text}"), to="ann@example.com", subject="s", **data)


@pytest.mark.parametrize(
    "expression",
    [
        """d.eval("a.map.__globals__['sys'].modules['os'].getcwd()", engine='python')""",
        "d.query('a > 1')",
        "d.to_csv(file)",
        "d.to_pickle(file)",
        "d.a.to_csv(file)",
        "d.values.tofile(file)",
        f"d.style.format('{ENVIRON}')",
        "d.pipe(d.to_csv)",
        "d.a.map('{.__class__}'.format)",
        "d.plot()",
        "path.write_text('x')",
        "path.read_text()",
        "path.unlink()",
        "path.open('w')",
        "figure.savefig(file)",
        "kind(file)",
    ],
)
def test_data_is_read_and_not_run(tmp_path, expression):
    """DataFrames evaluate Python and write files, paths and figures do, too: none of it from here."""
    from matplotlib.figure import Figure

    file = tmp_path / "written"
    data = {"d": FRAME, "file": str(file), "path": file, "figure": Figure(), "kind": type(file)}
    with pytest.raises(lab.InputError):
        made("{{ " + expression + " }}", **data)
    assert not file.exists()


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("d.a.sum()", "3"),
        ("d.head(1).a.max()", "1"),
        ("d.a.mean() | number(1)", "1.5"),
        ("d.a.tolist() | length", "2"),
        ("d.d.max().strftime('%d.%m.')", "02.01."),
        ("d.nlargest(1, 'a').a.item()", "2"),
        ("d | length", "2"),
    ],
)
def test_what_a_mail_needs_of_a_frame_is_there(expression, shown):
    """Sums, largest rows, and dates in a form of their own."""
    text = made("{{ " + expression + " }}", d=FRAME).get_body(("plain",)).get_content()
    assert shown in text


@pytest.mark.parametrize(
    "how", [ENVIRON, "{0.real}", "{[0]}", "{:{}}", "{} {}", "{:>99999999}", ">99999999"]
)
def test_a_format_is_about_the_cell_and_no_more(how):
    """An attribute in a format leads to all there is, a width to all the memory there is."""
    with pytest.raises(lab.InputError, match="format"):
        made("{{ d | table(formats={'a': how}) }}", d=FRAME, how=how)


def test_what_a_style_hides_is_hidden_in_the_text_too():
    """A column or row that does not show in the page is in no part of the mail."""
    frame = pd.DataFrame({"name": ["Ann", "Bob"], "salary": [90_000, 80_000], "p": [0.1234, 0.5]})
    style = frame.style.hide(subset=["salary"], axis="columns").hide(subset=[1], axis="index")
    table = great_tables.GT(frame).cols_hide("salary").fmt_percent("p")
    for styled, form in ((style.format({"p": "{:.1%}"}), "12.3%"), (table, "12.34%")):
        message = made("{{ d | table }}", d=styled)
        parts = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
        assert all("Ann" in part and form in part for part in parts)
        assert not any("90" in part or "salary" in part for part in parts)


class TestFolder:
    """Which files a template's folder gives access to."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "id.txt").write_text("a key")
        (tmp_path / "notes.md").write_text("a note")
        (tmp_path / "mail").mkdir()
        (tmp_path / "frame.html").write_text("<b>a frame</b>")
        (tmp_path / "mail" / "leak.html").symlink_to("/etc/hostname")
        return tmp_path

    @pytest.mark.parametrize("name", [".ssh/id.txt", "notes.md", "mail/leak.html", "../x.html"])
    def test_other_files_are_not_there(self, home, name):
        """What is hidden, of another kind, or a link to elsewhere, is no template."""
        (home / "mail" / "body.html").write_text(f'<p>{{% include "{name}" %}}</p>')
        with pytest.raises(lab.TemplateError):
            lab.render(lab.Template.open(home / "mail"), to="ann@example.com", subject="s")

    def test_a_neighbour_is(self, home):
        """A file that templates share lies beside their folders."""
        (home / "mail" / "body.html").write_text('<p>{% include "frame.html" %}</p>')
        message = lab.render(lab.Template.open(home / "mail"), to="ann@example.com", subject="s")
        assert "a frame" in message.as_string()


@pytest.mark.parametrize("length", [20, 80, 400])
def test_a_long_link_to_unsubscribe_is_not_encoded(length):
    """Mail programs look for the bare link, whatever its length."""
    link = f"https://example.com/unsubscribe?token={'a1' * (length // 2)}"
    made_ = lab.render(
        lab.Template("<p>x</p>"),
        to="ann@example.com",
        subject="s",
        unsubscribe=[link, "leave@example.com"],
    )
    written = made_.as_bytes()
    assert f"<{link}>".encode() in written
    assert b"<mailto:leave@example.com?subject=unsubscribe>" in written
    assert max(map(len, written.splitlines())) < 998


def test_a_link_that_no_line_holds_is_refused():
    """Beyond 900 characters there is no way to write it."""
    link = f"https://example.com/{'a' * 900}"
    with pytest.raises(lab.InputError, match="unsubscribe"):
        lab.render(lab.Template("<p>x</p>"), to="a@example.com", subject="s", unsubscribe=link)
