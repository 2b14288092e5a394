"""Mistakes in the files beside a template: each is one sentence with file and line."""

from __future__ import annotations

import pytest

import smtp_lab as lab
from smtp_lab.errors import TemplateError

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("sample.toml", "a = 1\nb = = 2", 2, "is no TOML (Invalid value); mend that line."),
        ("sample.toml", "a = [\n1", 2, "is no TOML (Unclosed array); mend that line."),
        ("sample.toml", "a = 1\na = 2", 2, "is no TOML (Cannot overwrite a value); mend that line."),
        ("sample.toml", f"a = {DEEP}", None, "is nested too deeply; make it flatter."),
        ("sample.toml", "a = " + "9" * 5000, None, "cannot be read (Exceeds the limit"),
        ("sample.toml", b"a = '\xff'", None, "is not UTF-8; save it as UTF-8."),
        ("sample.toml", "b = 1\nto = 'x'", 2, "data: 'to' is a name of smtp_lab's own; rename it."),
        ("sample.toml", "b = 1\n[a]\ncolumns = ['x']\nrows = [[1, 2]]", 2, "a: is no table (1 columns passed"),
        ("sample.toml", "b = 1\na = {file = 'none.png'}", 2, "a: there is no file 'none.png'; put it beside the template."),
        ("sample.toml", "a = {file = 3}", 1, "a: 3 is no file name; "),
        ("sample.toml", "a = {file = '../x.png'}", 1, "a: '../x.png' is no file name; "),
        ("sample.toml", "a = {file = '.hidden'}", 1, "a: there is no file '.hidden'; "),
        ("sample.toml", "a = {file = 'out.png'}", 1, "a: there is no file 'out.png'; "),
        ("sample.json", "{\n'a'", 2, "is no JSON (Expecting property name enclosed in double quotes); mend it."),
        ("sample.json", "", 1, "is no JSON (Expecting value); mend it."),
        ("sample.json", "[]", None, "holds no object; begin it with {."),
        ("sample.json", '"x"', None, "holds no object; begin it with {."),
        ("sample.json", DEEP, None, "is nested too deeply; make it flatter."),
        ("sample.json", '{"a": ' + "9" * 5000 + "}", None, "cannot be read (Exceeds the limit"),
        ("sample.json", b'{"a": "\xff"}', None, "is not UTF-8; save it as UTF-8."),
        ("sample.json", '{"b": 1,\n"a": 1,\n"a": 2}', 2, "a: is there twice; give it once."),
        ("sample.json", '{"b": 1,\n"a": {"file": "none.png"}}', 2, "a: there is no file 'none.png'; "),
        ("texts.toml", "[en\na = 'b'", 1, "is no TOML (Expected ']' at the end of a table declaration); mend that line."),
        ("texts.toml", b"[en]\na = '\xff'", None, "is not UTF-8; save it as UTF-8."),
        ("texts.toml", "en = 'x'", 1, "en: is a str; give texts by name."),
        ("texts.toml", "[en]\na = 'b'\nc = 3", 3, "en.c: is a int; give a text."),
        ("texts.toml", "[en]\na = 'b'\n[en.c]\nd = 'e'", 3, "en.c: is a dict; give a text."),
        ("headers.txt", "X-A: b\nnonsense", 2, "is no header; write Name: value."),
        ("headers.txt", "X-A: b\n  X-B: c", 2, "is no header; write Name: value."),
        ("headers.txt", "X-A: b\n\nX-A: c", 3, "X-A is in line 1 already; give it once."),
        ("headers.txt", "X-A: b\r\nx-a: c", 2, "x-a is in line 1 already; give it once."),
        ("headers.txt", "X A: b", 1, "'X A' is no name of a header; use letters and -."),
        ("headers.txt", "X-A: b\nBcc: c", 2, "Bcc is set by smtp_lab itself; leave it out."),
        ("headers.txt", "X-A: b\n\nX-B: {% if %}", 3, "is no template (Expected an expression"),
        ("headers.txt", "X-A: b\nX-B: {{ 'x' | nofilter }}", 2, "is no template (No filter named 'nofilter'"),
        ("headers.txt", b"X-A: \xff", None, "is not UTF-8; save it as UTF-8."),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path, name, text, line, said):
    """The file, the line where there is one, what is wrong and how to mend it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "body.html").write_text("<p>x</p>")
    (folder / ".hidden").write_text("x")
    (tmp_path / "elsewhere.png").write_bytes(b"x")
    (folder / "out.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TemplateError) as caught:
        lab.Template.open(folder)
    where = f"mine/{name}, line {line}" if line else f"mine/{name}"
    assert str(caught.value).startswith(f"{where}: {said}")
    assert (caught.value.file, caught.value.line) == (f"mine/{name}", line)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_headers_are_lines_and_nothing_else_is(tmp_path):
    """A form feed or a line separator in a header begins no other one."""
    (tmp_path / "body.html").write_text("<p>x</p>")
    (tmp_path / "headers.txt").write_bytes(b"X-A: b\r\n\r\nX-B: {{ c }}\r\n")
    assert lab.Template.open(tmp_path).fill({"c": "d"}).headers == {"X-A": "b", "X-B": "d"}
    (tmp_path / "headers.txt").write_text("X-A: b\x0cX-B: c")
    with pytest.raises(lab.InputError, match="X-A: holds a line break or another control"):
        lab.Template.open(tmp_path).fill({})
