"""Whatever goes wrong while a mail is composed comes as one sentence that says where."""

from __future__ import annotations

import pandas as pd
import pytest

import smtp_lab as lab
from smtp_lab.errors import InputError, TemplateError

FRAME = pd.DataFrame({"email": ["ann@example.com", "bob@example.org"], "name": ["Ann", "Bob"]})
PAGE = lab.Template("<p>hello</p>")


class BadToldError(Exception):
    """Cannot even say what it is."""

    def __str__(self):
        raise RuntimeError("no words")


RAISED = [
    ArithmeticError("words"),
    AssertionError("words"),
    AttributeError("words"),
    BadToldError(),
    BlockingIOError("words"),
    BufferError("words"),
    ConnectionError("words"),
    EOFError(),
    Exception("words\n  and more"),
    ExceptionGroup("words", [ValueError(1)]),
    FileNotFoundError(2, "words", "/nowhere"),
    FloatingPointError("words"),
    ImportError("words"),
    IndexError("words"),
    KeyError("words"),
    LookupError("words"),
    MemoryError(),
    ModuleNotFoundError("words"),
    NameError("words"),
    NotImplementedError(),
    OSError("words"),
    OverflowError("words"),
    PermissionError("words"),
    RecursionError("words"),
    ReferenceError("words"),
    RuntimeError("words"),
    StopAsyncIteration("words"),
    StopIteration("words"),
    SyntaxError("words"),
    SystemError("words"),
    TimeoutError("words"),
    TypeError("words"),
    UnboundLocalError("words"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "words"),
    UserWarning("words"),
    ValueError("words" * 1000),
    ZeroDivisionError("words"),
]


def raising(kind):
    """An error like *kind*, new each time."""

    def fail(*_args, **_kwargs):
        raise type(kind)(*kind.args)

    return fail


def thing(kind):
    """An object whose every way to be looked at raises."""
    fail = raising(kind)
    names = ("__str__", "__html__", "__iter__", "__call__", "__len__", "__add__", "__getitem__")
    return type("Thing", (), dict.fromkeys(names, fail) | {"property": property(fail)})()


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: type(kind).__name__)
@pytest.mark.parametrize(
    "use",
    [
        "{{ x }}",
        "{{ x.property }}",
        "{{ x['k'] + 1 }}",
        "{{ x() }}",
        "{{ x | length }}",
        "{{ x | string }}",
        "{{ x | list }}",
        "{{ x + 1 }}",
        "{% for y in x %}{{ y }}{% endfor %}",
        "{% if x %}{% endif %}",
        "{{ [1] | map('replace', x, '') | list }}",
        "{{ x | date }}",
    ],
)
def test_an_object_that_raises_is_told_with_its_line(use, kind):
    """Of any kind, from any use of the data: file, line and what it says, on one line."""
    with pytest.raises(TemplateError) as caught:
        lab.Template(f"<p>\n\n{use}</p>", name="mine").fill({"x": thing(kind)})
    said = str(caught.value)
    assert said.startswith("mine/body.html, line 3")
    assert said.endswith(".")
    assert "\n" not in said
    assert len(said) < 500


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: type(kind).__name__)
def test_what_the_caller_s_functions_raise_is_told_with_the_row(kind):
    """The row, the argument and the error; the error itself is the cause."""
    fail = raising(kind)
    for arguments, field in (
        ({"attachments": fail}, "attachments"),
        ({"attachments": {"a.txt": fail}}, "attachments['a.txt']"),
        ({"unsubscribe": fail}, "unsubscribe"),
    ):
        with pytest.raises(InputError) as caught:
            lab.render_each(PAGE, FRAME, to="email", subject="s", **arguments)
        first, second = map(str, caught.value.problems)
        assert first.startswith(f"rows[0].{field}: the function failed ({type(kind).__name__}")
        assert second.startswith(f"rows[1].{field}: ")
        assert type(caught.value.__cause__) is type(kind)


def test_what_ends_a_program_is_not_held_up():
    """A stop from the keyboard is one, wherever it comes from."""
    for kind in (KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(kind)):
            PAGE.fill({}) and lab.Template("{{ x() }}").fill({"x": raising(kind)})
        with pytest.raises(type(kind)):
            lab.render_each(PAGE, FRAME, to="email", subject="s", unsubscribe=raising(kind))


def test_a_function_may_say_itself_what_is_wrong():
    """An InputError of a function is told as it is, with the row."""

    def fail(row):
        raise InputError.of("number", "is no number", "give one")

    with pytest.raises(InputError, match=r"rows\[0\].number: is no number; give one"):
        lab.render_each(PAGE, FRAME, to="email", subject="s", attachments=fail)


def test_a_header_names_its_own_line():
    """What fails in the third line of the headers is told with that line."""
    headers = {"X-A": "a", "X-B": "b", "X-C": "{{ nobody }}"}
    with pytest.raises(TemplateError) as caught:
        lab.Template("x", headers=headers).fill({})
    assert str(caught.value) == (
        "template/headers.txt, line 3: 'nobody' is missing; give it by name, nobody=…."
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to": ["email"]}, "to: is a list; name one column."),
        ({"to": None}, "to: is a NoneType; name one column."),
        ({"name": ["name"]}, "name: is a list; name one column."),
        ({"key": 3}, "key: is a int; name one column."),
        ({"subject": 3}, "subject: is a int; give a text."),
        ({"headers": 3}, "headers: is a int; give them by name: "),
        ({"headers": {"X-A": 3}}, "headers['X-A']: is a int; give a text."),
        ({"attachments": 3}, "attachments: is a int; name a column, or give contents by name."),
        ({"unsubscribe": 3}, "unsubscribe: is a int; give an https link, "),
        ({"unsubscribe": [3]}, "unsubscribe: is a int; give a text."),
        ({"images": 3}, "images: is a int; give them by name"),
        ({"profile": 3}, "profile: is a int; give a Profile"),
        ({"book": 3}, "book: is a int; open one with"),
        ({"theme": 3}, "theme: is a int; give a name or a dict."),
        ({"dkim": 3}, "dkim: is a int; give a lab.DkimKey."),
        ({"language": ["en"]}, "rows[0].language: ['en'] is not known; "),
        ({"frame": (1 / 0 for _ in "x")}, "frame: cannot be read (division by zero)"),
        ({"frame": [{"email": thing(ValueError("words"))}]}, "rows[0].email: a Thing has no text (words)"),
        ({"name": "name", "frame": [{"email": "ann@example.com", "name": thing(ValueError("words"))}]}, "rows[0].name: a Thing has no text (words)"),
        ({"key": "k", "frame": [{"email": "ann@example.com", "k": thing(OSError("words"))}]}, "rows[0].k: a Thing has no text (words)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_argument_of_another_kind_is_one_sentence(change, said):
    """The argument is named, once where it is the same for all rows."""
    with pytest.raises(InputError) as caught:
        lab.render_each(
            **({"template": PAGE, "frame": FRAME, "to": "email", "subject": "s"} | change)
        )
    assert str(caught.value.problems[0]).startswith(said)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: lab.render(PAGE, to="ann@example.com", images=3), "images: is a int"),
        (lambda: lab.render(PAGE, to="ann@example.com", language=["en"]), "language: ['en'] is not known"),
        (lambda: lab.Template("x", headers=3), "headers: is a int; give a dict"),
        (lambda: lab.Template("x", headers={"A": 3}), "headers['A']: is a int; give a text"),
        (lambda: lab.Template("x", headers={"A": "b\nC: d"}), "headers['A']: holds a line break"),
        (lambda: lab.Template("x", headers={"A": "b", "a": "c"}), "template/headers.txt, line 2: a is in line 1 already"),
        (lambda: lab.Template("x", headers={"Subject": "b"}), "line 1: Subject is set by smtp_lab itself"),
        (lambda: lab.Template("x", texts=3), "texts: is a int; give a dict"),
        (lambda: lab.Template("x", texts={"en": 3}), "texts.en: is a int; give texts by name"),
        (lambda: lab.Template("x", texts={"en": {"a": 3}}), "texts.en.a: is a int; give a text"),
        (lambda: lab.Template("x", texts={3: {}}), "texts: 3 is no name; name it by a text"),
        (lambda: lab.Template("x", sample=3), "sample: is a int; give a dict"),
        (lambda: lab.Template("x", folder=3), "folder: is a int; give the path of one"),
        (lambda: PAGE.fill(3), "data: is a int; give a dict"),
        (lambda: PAGE.fill({3: 4}), "data: 3 is no name; name it by a text"),
        (lambda: PAGE.preview(language=3), "language: 3 is not known"),
    ],
)  # fmt: skip
def test_what_a_template_is_given_is_looked_at(make, said):
    """Whatever is of the wrong kind is named."""
    with pytest.raises(InputError) as caught:
        make()
    assert said in str(caught.value)
