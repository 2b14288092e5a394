"""Messages from templates: escaped where it is HTML, whole where it is text, and safe to send."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import jinja2
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SecurityError

import smtp_lab as lab
from smtp_lab.compose.filters import show
from smtp_lab.compose.sandbox import Sandbox
from smtp_lab.errors import InputError

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF"
GIF = b"GIF89a\1\0\1\0"
EVIL = "<script>alert('1')</script> & \"x\""

DATA = {"report": {"title": "Monday", "summary": "All is well."}}


# Every tag the report is made of; data makes no other.
_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "table",
    "br",
    "tbody",
    "tr",
    "td",
    "div",
    "h1",
    "p",
}


def report(**changes) -> EmailMessage:
    return lab.render("report", **({"to": "b@example.com"} | DATA["report"] | changes))


def text_of(message: EmailMessage) -> str:
    return message.get_body(("plain",)).get_content()


def html_of(message: EmailMessage) -> str:
    return message.get_body(("html",)).get_content()


def sent(message: EmailMessage) -> EmailMessage:
    """The message as the other side reads it from the wire."""
    return message_from_bytes(message.as_bytes(policy=policy.SMTP), policy=policy.default)


def tree(part: EmailMessage) -> object:
    if part.is_multipart():
        return {part.get_content_type(): [tree(inner) for inner in part.iter_parts()]}
    return part.get_content_type()


class Page(HTMLParser):
    """The tags with their attributes, and the text, of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def refused(build) -> InputError:
    with pytest.raises(InputError) as caught:
        build()
    assert str(caught.value).endswith(".")
    assert len(caught.value.problems) == 1
    return caught.value


class TestEscaping:
    """A value is a text, wherever it goes."""

    def test_values_are_escaped_in_html_only(self):
        """A tag in a value is shown as it is typed, in both parts, and is no tag."""
        message = sent(report(title="T", summary=EVIL))
        assert EVIL in text_of(message)
        assert EVIL in Page(html_of(message)).text
        assert Page(html_of(message)).all("script") == []

    def test_the_subject_is_not_html(self):
        """What stands in the title stands unescaped in the subject."""
        assert report(title="Q&A <today>")["Subject"] == "Q&A <today>"

    def test_a_value_does_not_leave_its_attribute(self):
        """A quote in a value used as an attribute makes no new attribute."""
        message = report(images={"chart": PNG}, chart_alt='" onerror="alert(1)')
        (image,) = Page(html_of(message)).all("img")
        assert image["alt"] == '" onerror="alert(1)'
        assert "onerror" not in image

    def test_a_value_is_not_a_template(self):
        """Braces in a value are shown, not run."""
        message = report(summary="{{ 7 * 7 }} {% raw %} {{ to.__class__ }}")
        assert "{{ 7 * 7 }} {% raw %} {{ to.__class__ }}" in text_of(message)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    def test_any_text_goes_through_the_wire(self, summary):
        """Whatever a value holds, both parts can be sent, and no tag comes of it."""
        message = sent(report(summary=summary))
        assert set(dict(Page(html_of(message)).tags)) <= _TAGS

    def test_half_a_character_is_refused(self):
        """A lone surrogate, which no mail can carry, is a sentence and not an encoder's traceback."""
        assert "body.html: cannot be filled" in str(refused(lambda: report(summary="half \ud83d")))

    def test_wrong_data_is_refused(self):
        """A value of the wrong kind is a sentence that names the part."""
        error = refused(lambda: report(table=[1, 2]))
        assert "_base/parts.html, line " in str(error)
        assert "table: is a list; give a DataFrame" in str(error)


def _sandbox() -> Sandbox:
    return Sandbox(jinja2.BaseLoader(), show)


class TestSandbox:
    """A template reaches what it was given, and nothing behind it."""

    @pytest.mark.parametrize(
        "source",
        [
            "{{ x.__class__ }}",
            "{{ x.__class__.__mro__ }}",
            "{{ ''.__class__.__base__.__subclasses__() }}",
            "{{ x | attr('__class__') }}",
            "{{ '{0.__class__}'.format(x) }}",
            "{{ '{x.__class__}'.format_map({'x': x}) }}",
            "{{ self.__init__ }}",
            "{{ f.__globals__ }}",
            "{{ f.__code__ }}",
            "{{ x.append(1) }}",
            "{{ d.update({'a': 2}) }}",
        ],
    )
    def test_what_lies_behind_a_value_is_refused(self, source):
        """Dunder attributes, internals of functions and changes of the data raise."""

        def function():
            """Something with a __globals__."""

        data = {"x": [1], "d": {"a": 1}, "f": function}
        with pytest.raises(SecurityError):
            _sandbox().from_string(source).render(data)
        assert (data["x"], data["d"]) == ([1], {"a": 1})

    @pytest.mark.parametrize("name", ["lipsum", "cycler", "joiner"])
    def test_no_way_out_is_left_open(self, name):
        """The functions that lead out of a sandbox are not there."""
        with pytest.raises(jinja2.UndefinedError):
            _sandbox().from_string(f"{{{{ {name} }}}}").render()

    def test_an_unknown_name_is_no_empty_text(self):
        """A misspelt variable raises wherever it is used."""
        for source in (
            "{{ x }}",
            "{{ x.y }}",
            "{% if x %}{% endif %}",
            "{% for a in x %}{% endfor %}",
        ):
            with pytest.raises(jinja2.UndefinedError):
                _sandbox().from_string(source).render()


class TestHeaders:
    """To, Cc, From and Subject."""

    def test_names_and_addresses_are_in_the_headers(self):
        """Each header holds the addresses with their names, encoded as a mail needs it."""
        message = sent(
            report(
                to=['"Zoë, Sales" <z@example.com>', "b@example.com"],
                cc="c@example.com, D <d@example.com>",
                sender="Ann Example <a@example.com>",
            )
        )
        names = [(a.display_name, a.addr_spec) for a in message["To"].addresses]
        assert names == [("Zoë, Sales", "z@example.com"), ("", "b@example.com")]
        assert [a.addr_spec for a in message["Cc"].addresses] == ["c@example.com", "d@example.com"]
        assert str(message["From"]) == "Ann Example <a@example.com>"

    def test_what_was_not_given_is_not_there(self):
        """Without sender and cc there is no From and no Cc: the profile sets the one."""
        message = report()
        assert set(message.keys()) == {"To", "Subject", "MIME-Version", "Content-Type"}
        assert "Cc" not in report(cc=[])

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"to": "b"}, "to"),
            ({"to": []}, "to"),
            ({"cc": "c@"}, "cc"),
            ({"sender": "Ann"}, "sender"),
        ],
    )
    def test_a_bad_address_is_refused_by_its_field(self, changes, field):
        """The sentence names the argument."""
        assert list(refused(lambda: report(**changes)).by_field) == [field]

    def test_a_subject_given_is_taken_before_the_template_s(self):
        """subject= wins, without outer spaces, in any language and length."""
        assert report(subject="  Other ")["Subject"] == "Other"
        for subject in ("Zahlen für 日本 & Zoë", "long " * 60 + "end", "日本" * 100):
            assert sent(report(subject=subject))["Subject"] == subject

    @pytest.mark.parametrize(
        "subject",
        [
            "a\r\nBcc: x@example.com",
            "a\nb",
            "a\rb",
            "a\0b",
            "a\tb",
            "a\x0bb",
            "a\x1b[2Jb",
            "a\x7fb",
            "a\x85b",
            "a\x9bb",
            "a\u2028b",
            "a\u2029b",
            "\ud83d",
        ],
    )
    def test_a_subject_has_one_line(self, subject):
        """No header can be smuggled in by a subject, given or made by the template."""
        assert list(refused(lambda: report(subject=subject)).by_field) == ["subject"]
        assert refused(lambda: report(title=subject))

    @given(st.text())
    def test_any_subject_is_one_header_or_one_sentence(self, subject):
        """Whatever the subject, the message has the headers it had, or there is none."""
        try:
            message = report(subject=subject)
        except InputError as error:
            assert list(error.by_field) == ["subject"]  # noqa: PT017  # either outcome is right
        else:
            assert sent(message).keys() == report().keys()


class TestParts:
    """The tree of parts."""

    def test_text_and_html_are_alternatives(self):
        """Without pictures and files there are the two parts, the simple one first."""
        assert tree(sent(report())) == {"multipart/alternative": ["text/plain", "text/html"]}

    def test_pictures_are_beside_their_html(self):
        """Each picture is related to the HTML part, inside the alternative."""
        assert tree(sent(report(images={"chart": PNG, "photo": JPEG}))) == {
            "multipart/alternative": [
                "text/plain",
                {"multipart/related": ["text/html", "image/png", "image/jpeg"]},
            ]
        }

    def test_files_are_around_it_all(self):
        """Attachments make the whole mixed, after what is read."""
        assert tree(
            sent(report(images={"chart": GIF}, attachments={"a.txt": "x", "b.bin": b"y"}))
        ) == {
            "multipart/mixed": [
                {
                    "multipart/alternative": [
                        "text/plain",
                        {"multipart/related": ["text/html", "image/gif"]},
                    ]
                },
                "text/plain",
                "application/octet-stream",
            ]
        }

    def test_a_picture_is_found_by_its_content_id(self):
        """The src of the HTML leads to the part with the picture's very bytes."""
        message = sent(report(images={"chart": PNG}))
        (image,) = Page(html_of(message)).all("img")
        parts = {part["Content-ID"]: part for part in message.walk() if part["Content-ID"]}
        part = parts[f"<{image['src'].removeprefix('cid:')}>"]
        assert part.get_content() == PNG
        assert (part.get_content_disposition(), part.get_filename()) == ("inline", "chart.png")
        assert image["alt"] == "Chart: Monday"

    def test_each_message_has_its_own_content_ids(self):
        """Two mails in one client do not show each other's pictures."""
        first, second = (
            Page(html_of(report(images={"chart": PNG}))).all("img")[0]["src"] for _ in "ab"
        )
        assert first != second

    def test_a_picture_can_be_a_path(self, tmp_path):
        """A path is read; bytes of any kind are taken."""
        path = tmp_path / "chart.png"
        path.write_bytes(PNG)
        for content in (path, bytearray(PNG), memoryview(PNG)):
            parts = [p for p in sent(report(images={"chart": content})).walk() if p["Content-ID"]]
            assert [part.get_content() for part in parts] == [PNG]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"<svg onload='alert(1)'>", "is no PNG, JPEG, GIF or WebP"),
            (b"", "is no PNG, JPEG, GIF or WebP"),
            ("chart.png", "is no PNG, JPEG, GIF or WebP"),
            (3, "is a int; give bytes, a text"),
            (None, "is a NoneType"),
        ],
    )
    def test_what_is_no_picture_is_refused(self, content, words):
        """The sentence names the picture, whatever its name claims."""
        error = refused(lambda: report(images={"chart": content}))
        assert list(error.by_field) == ["images['chart']"]
        assert words in str(error)


class TestAttachments:
    """Files beside the mail."""

    @staticmethod
    def attach(name, content):
        (part,) = sent(report(attachments={name: content})).iter_attachments()
        assert part.get_content_disposition() == "attachment"
        assert part.get_filename() == name
        content = part.get_content()
        if isinstance(content, str):  # the line end of a text on the wire is CRLF
            content = content.replace("\r\n", "\n")
        return part.get_content_type(), content

    @pytest.mark.parametrize(
        ("name", "content", "kind", "received"),
        [
            ("a.bin", b"\0\1\xff", "application/octet-stream", b"\0\1\xff"),
            ("a", b"x", "application/octet-stream", b"x"),
            ("a.pdf", b"%PDF", "application/pdf", b"%PDF"),
            ("a.png", bytearray(PNG), "image/png", PNG),
            ("a.txt", "ü\nx\n", "text/plain", "ü\nx\n"),
            ("a.html", "<b>ü</b>\n", "text/html", "<b>ü</b>\n"),
            ("a.json", '{"ü": 1}', "application/json", '{"ü": 1}'.encode()),
            ("a.xyz-unknown", "text", "application/octet-stream", b"text"),
            ("a.csv.gz", b"\x1f\x8b", "application/octet-stream", b"\x1f\x8b"),
            ("a.txt.xz", b"\xfd7z", "application/octet-stream", b"\xfd7z"),
            ("a.eml", b"Subject: x\r\n\r\ny", "application/octet-stream", b"Subject: x\r\n\r\ny"),
            ("Zahlen für Zoë.txt", "x\n", "text/plain", "x\n"),
            ('a"b;c.txt', "x\n", "text/plain", "x\n"),
            ("x" * 200 + ".txt", "x\n", "text/plain", "x\n"),
        ],
    )
    def test_bytes_and_texts_arrive_with_their_kind(self, name, content, kind, received):
        """Name, kind and content are on the other side what they were on this."""
        assert self.attach(name, content) == (kind, received)

    def test_a_path_is_read(self, tmp_path):
        """The name for the recipient is the one given, the bytes are the file's."""
        path = tmp_path / "secret-project.dat"
        path.write_bytes(b"a\r\nb\nc\0")
        assert self.attach("figures.dat", path)[1] == b"a\r\nb\nc\0"
        path.write_bytes(b"a;b\n")
        assert self.attach("figures.pdf", path) == ("application/pdf", b"a;b\n")

    def test_a_frame_becomes_csv(self):
        """A DataFrame arrives as CSV without row numbers, in UTF-8."""
        frame = pd.DataFrame({"Stück": [1, 2], "note": ["a,b", None]}, index=[7, 9])
        kind, text = self.attach("figures.csv", frame)
        assert kind == "text/csv"
        assert text == 'Stück,note\n1,"a,b"\n2,\n'

    @pytest.mark.parametrize(
        "name",
        [
            "", " ", ".", "..", "...", "a/b.txt", "../a.txt", "/etc/passwd", "a\\b.txt", "..\\a.txt",
            "a\r\nX: y.txt", "a\nb", "a\0b", "a\tb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b",
            "\u202egpj.exe", "\u2066a\u2069", "\ud83d.txt",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("field", ["attachments", "images"])
    def test_an_evil_file_name_is_refused(self, field, name):
        """No path, no control character and nothing that turns a name around reaches a recipient."""
        error = refused(lambda: report(**{field: {name: PNG}}))
        assert list(error.by_field) == [field]
        assert "is no file name; give a bare name" in str(error)
        assert str(error).isprintable()

    @pytest.mark.parametrize("content", [3, None, ["x"], {"a": 1}])
    def test_what_is_no_content_is_refused(self, content):
        """The sentence names the file and what it was given."""
        error = refused(lambda: report(attachments={"a.txt": content}))
        assert list(error.by_field) == ["attachments['a.txt']"]
        assert type(content).__name__ in str(error)

    def test_a_file_that_is_not_there_is_a_sentence(self, tmp_path):
        """An unreadable path is named with the reason."""
        error = refused(lambda: report(attachments={"a.txt": tmp_path / "none.txt"}))
        assert "none.txt cannot be read (No such file or directory)" in str(error)
        assert "cannot be read" in str(refused(lambda: report(images={"chart": tmp_path})))


def test_a_table_is_in_both_parts():
    """A frame given as table is an HTML table in one part and an aligned text in the other."""
    message = sent(report(table=pd.DataFrame({"<b>": [1000, 2], "note": [EVIL, None]})))
    page = Page(html_of(message))
    assert "<b>" in page.text
    assert EVIL in page.text
    assert page.all("b") == page.all("script") == []
    assert [row.split(maxsplit=1) for row in text_of(message).splitlines()[-2:]] == [
        ["1,000", EVIL],
        ["2"],
    ]
