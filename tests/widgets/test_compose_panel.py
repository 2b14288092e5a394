"""The panel that composes a mail, without a kernel or a browser, against a real sink."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from widgets.panels import book_of, everything, press

import smtp_lab as lab
from smtp_lab.compose.filters import now
from smtp_lab.compose.template import _ROOT
from smtp_lab.errors import InputError
from smtp_lab.widgets import ComposePanel, notebook
from smtp_lab.widgets.later import Later
from smtp_lab.widgets.template_picker import ABOUT
from smtp_lab.widgets.typed import kind_for, read, written

HELLO = lab.Template(
    "<p>Dear {{ name }}, {{ count + 1 }}{% if urgent %}!{% endif %}</p>{{ table }}",
    subject="For {{ name }}",
    sample={"name": "Ann", "count": 2, "urgent": False},
)
TABLE = pd.DataFrame({"a": [1]})
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"


@pytest.fixture
def space(monkeypatch) -> dict:
    """The variables of a notebook."""
    made: dict = {"_hidden": TABLE, "number": 3, "plt": sys.modules["sys"]}
    monkeypatch.setattr(notebook, "_space", lambda: made)
    return made


@pytest.fixture
def book(sink, tmp_path) -> lab.ProfileBook:
    """A book with two profiles that lead to the sink."""
    return book_of(tmp_path, sink, "team", "other")


def shown(panel: ComposePanel) -> str:
    """What the preview shows, once everything typed is in it."""
    assert panel.later.wait(60)
    return panel.view.page.html


def typed(panel: ComposePanel, **values: object) -> str:
    """Type *values* into the fields of these variables, and look."""
    for name, value in values.items():
        panel.fields.fields[name].put(value)
    return shown(panel)


class TestPreview:
    """What is seen of a mail while it is made."""

    def test_it_follows_the_data(self):
        """Subject, page and text change with a field, and what was given is used."""
        panel = ComposePanel(HELLO, {"table": TABLE})
        assert set(panel.fields.fields) == {"name", "count", "urgent", "table"}
        assert "For Ann" in shown(panel)
        assert "Dear Ann, 3" in panel.view.captured.text
        typed(panel, name="<Bob>", count="9", urgent=True)
        assert "<td>For &lt;Bob&gt;</td>" in panel.view.page.html
        assert "Dear <Bob>, 10!" in panel.view.captured.text
        assert panel.view.page.html.count("<iframe sandbox") == 2
        assert panel.alert.value == ""

    def test_phone_and_desktop_light_and_dark(self):
        """The frames are as wide as the screen that is chosen, and as dark."""
        panel = ComposePanel("report")
        assert "width:375px" in shown(panel)
        panel.view.width.value = "desktop"
        assert "width:700px" in panel.view.page.html
        assert "color-scheme:dark" not in panel.view.page.html
        panel.view.dark.value = True
        assert "color-scheme:dark" in panel.view.page.html

    def test_what_is_missing_is_told_at_its_field(self):
        """File, line and variable; the last good preview stays, and says that it is the last."""
        panel = ComposePanel(HELLO, {"table": TABLE})
        shown(panel)
        typed(panel, name="")
        field = panel.fields.fields["name"]
        assert field.note.wrong
        assert "template/subject.txt, line 1: &#x27;name&#x27; is missing" in field.note.value
        assert "as it was" in panel.alert.value
        assert "For Ann" in panel.view.page.html
        typed(panel, name="Zoë")
        assert not field.note.wrong
        assert panel.alert.value == ""

    def test_typing_is_not_waited_for_at_every_key(self, mocker):
        """Many keys in a row are one look, at what stands there last."""
        panel = ComposePanel(HELLO, {"table": TABLE})
        shown(panel)
        look = mocker.spy(panel.view, "show")
        for end in range(1, 30):
            panel.fields.fields["name"].put("x" * end)
        assert f"For {'x' * 29}" in shown(panel)
        assert look.call_count < 10

    def test_findings_are_a_short_list(self):
        """Counts by severity in a line, each with rule and reason below it."""
        bad = lab.Template("<p>x</p><script>1</script>", subject="s", name="bad")
        panel = ComposePanel(bad)
        shown(panel)
        assert "<summary" in panel.view.findings.html
        assert "warning" in panel.view.findings.html or "error" in panel.view.findings.html
        assert "find nothing" in (shown(ComposePanel("alert")) and _found("alert"))

    def test_a_loop_without_end_ends_and_is_told(self):
        """It is a sentence beside the preview, and the panel goes on."""
        panel = ComposePanel(
            lab.Template(
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
            )
        )
        shown(panel)
        assert "more than 1,000,000" in panel.alert.value

    def test_text_of_a_mail_is_in_no_state_of_a_widget(self, sink):
        """The page, its text and what came back are messages; only typed fields are kept."""
        panel = ComposePanel("report", {"table": pd.DataFrame({"a": ["canary"]})}, sink=sink)
        assert "canary" in shown(panel)
        press(panel, panel.send_button)
        panel.show_received()
        assert "canary" in panel.received.html
        state = everything(panel)
        assert "canary" not in state
        assert "srcdoc" not in state

    def test_a_page_that_is_opened_later_gets_it(self, mocker):
        """A view that says it is ready is sent what there is."""
        panel = ComposePanel("report")
        shown(panel)
        send = mocker.patch.object(panel.view.page, "send")
        panel.view.page._handle_custom_msg({"type": "ready"}, [])
        send.assert_called_once_with({"type": "html", "html": panel.view.page.html})


def _found(template: str) -> str:
    panel = ComposePanel(template)
    shown(panel)
    return panel.view.findings.html


class TestTemplates:
    """Which one, in which language."""

    def test_each_that_ships_is_offered_with_what_it_is_for(self):
        """Ten names with a description each, a path, and one that is typed."""
        panel = ComposePanel()
        assert set(ABOUT) == set(lab.templates())
        assert len(panel.picker.which.options) == len(lab.templates()) + 2
        for name in lab.templates():
            panel.picker.which.value = name
            shown(panel)
            assert panel.alert.value == ""
            assert list(panel.fields.fields) == sorted(
                panel.fields.fields,
                key=lambda n, name=name: n not in lab.Template.open(name).variables(required=True),
            )

    def test_language_and_theme_are_chosen(self):
        """A template with texts offers its languages; a theme only where it changes anything."""
        panel = ComposePanel("password_reset")
        assert [tag for _, tag in panel.picker.language.options] == ["en", "de", "ja"]
        panel.picker.language.value = "de"
        assert "Neues Passwort" in shown(panel)
        panel.picker.theme.value = "forest"
        shown(panel)
        assert "#1d6b46" in panel.view.captured.html
        assert ComposePanel(HELLO).picker.theme.layout.display == "none"

    def test_a_folder_of_ones_own(self, tmp_path):
        """It is read again as it changes; what is not there is said at the path."""
        folder = tmp_path / "monday"
        panel = ComposePanel()
        panel.picker.which.value = "/folder"
        shown(panel)
        assert "the path is empty" in panel.picker.note.value
        panel.picker.folder.value = str(folder)
        shown(panel)
        assert "is no template" in panel.picker.note.value
        folder.mkdir()
        (folder / "body.html").write_text("<p>Dear {{ who }}</p>")
        (folder / "subject.txt").write_text("Monday")
        panel.look()
        panel.picker.folder.value = f"{folder}/"
        shown(panel)
        assert not panel.picker.note.wrong
        assert list(panel.fields.fields) == ["who"]
        typed(panel, who="Ann")
        assert "Dear Ann" in panel.view.captured.text
        (folder / "body.html").write_text("<p>Hello {{ who }}</p>")
        typed(panel, who="Bob")
        assert "Hello Bob" in panel.view.captured.text

    def test_a_template_that_is_typed(self, space):
        """Fields appear with its variables, and keep what was typed into them."""
        space["frame"] = TABLE
        panel = ComposePanel()
        panel.picker.which.value = "/typed"
        shown(panel)
        assert "type the HTML" in panel.picker.note.value
        panel.picker.html.value = "<p>{{ who }}</p>{{ t1 }}"
        panel.fields.fields["t1"].source.value = "frame"
        typed(panel, who="Ann")
        assert "Ann" in panel.view.captured.html
        panel.picker.html.value = "<p>{{ who }}{{ more | default('') }}</p>{{ t1 }}"
        shown(panel)
        assert panel.fields.fields["who"].value == "Ann"
        assert panel.fields.fields["t1"].value is TABLE
        panel.picker.html.value = "<p>{{ who }</p>"
        shown(panel)
        assert "typed/body.html, line 1: is no template" in panel.picker.note.value

    @pytest.mark.parametrize("where", ["nobody", 3, "./nowhere"])
    def test_an_unknown_one_is_refused(self, where):
        """As by render."""
        with pytest.raises(InputError):
            ComposePanel(where)


class TestFields:
    """What can be typed."""

    @pytest.mark.parametrize(
        "value",
        [
            True, 3, 2.5, "a line", "x" * 80, "a\nb", date(2026, 1, 2), ["a", "b"], {"a": [1, "ü"]},
            datetime(2026, 1, 2, 3, 4, tzinfo=UTC), [{"name": "Tea", "price": 8.5}, {"name": "Pot"}],
        ],
        ids=str,
    )  # fmt: skip
    def test_a_value_comes_back_as_it_went_in(self, value):
        """Whatever kind it is of."""
        kind = kind_for(value)
        assert read(kind, "v", written(kind, value)) == value

    @pytest.mark.parametrize("value", [TABLE, b"x", object(), [object()], [TABLE]])
    def test_the_rest_cannot_be_typed(self, value):
        """It is taken from the notebook."""
        assert kind_for(value) == "object"

    @pytest.mark.parametrize(
        ("kind", "text", "words"),
        [
            ("whole", "1.5", "is no whole number"), ("number", "nan", "is no number"),
            ("number", "abc", "is no number"), ("moment", "tomorrow", "is no date with a time"),
            ("data", "[1,\n2", "is no JSON (line 2"),
        ],
    )  # fmt: skip
    def test_what_is_none_is_one_sentence(self, kind, text, words):
        """With the field's name and an example."""
        with pytest.raises(InputError) as caught:
            read(kind, "v", text)
        assert str(caught.value).startswith(f"v: {words}")
        assert "; give" in str(caught.value)

    def test_required_ones_come_first_and_are_marked(self):
        """An asterisk and a class that becomes aria-required."""
        panel = ComposePanel("report")
        first, second, *rest = panel.fields.fields.values()
        assert {first.name, second.name} == {"title", "summary"}
        assert first.input.description.endswith(" *")
        assert "smtp-lab-required" in first._dom_classes
        assert not any("smtp-lab-required" in field._dom_classes for field in rest)

    def test_what_is_typed_wrong_is_said_at_each_field(self):
        """All of them at once."""
        panel = ComposePanel("receipt")
        typed(panel, total="a lot", tax="some", items="[")
        for name in ("total", "tax", "items"):
            assert panel.fields.fields[name].note.wrong

    def test_a_frame_and_a_figure_are_taken_by_name(self, space):
        """What a mail can show is offered, and nothing else; what is gone is told."""
        figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1))
        space |= {
            "frame": TABLE, "styled": TABLE.style, "figure": figure, "png": PNG, "facts": {"a": 1},
            "names": ["a"], "text": "x", "octets": b"x", "kind": pd.DataFrame,
        }  # fmt: skip
        panel = ComposePanel("report")
        chart = panel.fields.fields["chart"].source
        names = {value for _, value in chart.options} - {"given", ""}
        assert names == {"frame", "styled", "figure", "png", "facts", "names"}
        assert ("frame (DataFrame 1 x 1)", "frame") in chart.options
        panel.fields.fields["table"].source.value = "frame"
        chart.value = "figure"
        shown(panel)
        (picture,) = panel.view.captured.attachments
        assert picture.type == "image/png"
        del space["figure"]
        panel.changed()
        shown(panel)
        assert "the notebook has no figure any more" in panel.fields.fields["chart"].note.value

    def test_look_again_finds_what_is_new_and_draws_again(self, space):
        """A figure that was changed meanwhile is another picture."""
        figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1))
        panel = ComposePanel("report")
        space["figure"] = figure
        panel.look_button.click()
        panel.fields.fields["chart"].source.value = "figure"
        shown(panel)
        before = panel.view.captured.attachments[0].content
        figure.set_facecolor("red")
        panel.look_button.click()
        shown(panel)
        assert panel.view.captured.attachments[0].content != before

    def test_a_variable_that_lets_nobody_look_is_left_out(self, space):
        """An object that raises at every question is no reason to fail."""

        class Hostile:
            def __getattr__(self, name):
                raise RuntimeError(name)

        space["hostile"] = Hostile()
        assert notebook.offered() == {}


class TestFiles:
    """What goes with the mail."""

    def test_a_path_and_a_frame(self, space, sink, tmp_path):
        """Both arrive under their names; one can be taken out again."""
        space["frame"] = TABLE
        (tmp_path / "terms.txt").write_text("Terms")
        panel = ComposePanel("report", sink=sink)
        panel.attachments.path.value = str(tmp_path / "terms.txt")
        panel.attachments.add_button.click()
        panel.attachments.source.value = "frame"
        assert [value for _, value in panel.attachments.form.options] == [".csv", ".xlsx", ".json"]
        panel.attachments.add_button.click()
        panel.attachments.form.value = ".xlsx"
        panel.attachments.add_button.click()
        panel.attachments.list.children[1].children[1].click()
        press(panel, panel.send_button)
        files = {file.name: file for file in sink.inbox[-1].attachments if not file.inline}
        assert set(files) == {"terms.txt", "frame.xlsx"}
        assert files["terms.txt"].content.strip() == b"Terms"
        assert files["frame.xlsx"].content[:2] == b"PK"

    def test_what_cannot_be_attached_is_said(self, space, tmp_path):
        """No path, no file, twice, a file that went away, a variable that did."""
        space["frame"] = TABLE
        panel = ComposePanel("report")
        box = panel.attachments
        box.add_button.click()
        assert "the path is empty" in box.note.value
        box.path.value = str(tmp_path / "none.txt")
        box.add_button.click()
        assert "there is no file" in box.note.value
        file = tmp_path / "a.txt"
        file.write_text("x")
        box.path.value = str(file)
        box.add_button.click()
        box.path.value = str(file)
        box.add_button.click()
        assert "a.txt is there already" in box.note.value
        file.unlink()
        panel.changed()
        shown(panel)
        assert "cannot be read" in box.note.value


class TestSending:
    """To the sink, or through a profile."""

    def test_to_the_sink_and_as_received(self, sink, book):
        """The very message a script would have sent; what arrived is shown when asked for."""
        panel = ComposePanel(
            "report", {"title": "From <b>"}, sink=sink, to="you@example.com", book=book
        )
        press(panel, panel.send_button)
        assert panel.delivery.ok
        assert sink.inbox[-1].subject == "From <b>"
        assert "Accepted by" in panel.result.sentence.value
        assert panel.received_button.layout.display == ""
        panel.received_button.click()
        assert "From &lt;b&gt;" in panel.received.html

    def test_through_a_profile(self, sink, book):
        """Its sender and its own address where no other is given; another one can be chosen."""
        panel = ComposePanel("report", profile="other", book=book)
        press(panel, panel.send_button)
        assert sink.inbox[-1].mail_from == "other@example.com"
        assert sink.inbox[-1].rcpt_to == ("other@example.com",)
        panel.through.value = "team"
        panel.recipient.input.value = "a@example.com, B <b@example.com>"
        panel.subject.value = "Mine"
        press(panel, panel.send_button)
        assert sink.inbox[-1].rcpt_to == ("a@example.com", "b@example.com")
        assert sink.inbox[-1].subject == "Mine"
        given = ComposePanel("report", profile=book["other"])
        press(given, given.send_button)
        assert sink.inbox[-1].mail_from == "other@example.com"

    @pytest.mark.parametrize("to", ["you", "you@example.org"])
    def test_a_recipient_that_cannot_be_is_said_at_its_field(self, sink, book, to):
        """No address, or one that policy forbids: nothing is sent, and the preview goes on."""
        book.policy = lab.Policy(approved_domains="example.com")
        panel = ComposePanel("report", book=book, to=to)
        assert "Sales, week 47" in shown(panel)
        press(panel, panel.send_button)
        assert panel.recipient.note.wrong
        assert panel.delivery is None
        assert len(sink.inbox) == 0

    def test_suggestions_go_by_the_policy(self, book):
        """As in the panel that sends a test."""
        book.contacts = [lab.Contact(address="ann@example.com")]
        assert ComposePanel(book=book).recipient.input.options == ("ann@example.com",)
        book.policy = lab.Policy(suggestions="none")
        assert ComposePanel(book=book).recipient.input.options == ()

    def test_a_refusal_is_an_outcome(self, book):
        """With its diagnosis, as of a test."""
        book.save(book["team"].with_password("open barley"))
        panel = ComposePanel("report", book=book, profile="team")
        press(panel, panel.send_button)
        assert not panel.delivery.ok
        assert "was refused" in panel.result.sentence.value
        assert panel.received_button.layout.display == "none"

    @pytest.mark.parametrize(
        ("field", "text", "words"),
        [("subject", "=?utf-8?q?a?=", "encoded word"), ("subject", "a\x07b", "control character")],
    )
    def test_what_cannot_be_sent_is_told(self, sink, field, text, words):
        """A sentence at the field, and nothing arrives."""
        panel = ComposePanel("report", sink=sink)
        getattr(panel, field).value = text
        press(panel, panel.send_button)
        assert words in panel.subject_note.value
        assert "Not sent" in panel.status.value
        assert len(sink.inbox) == 0

    def test_a_sink_that_is_not_running_is_told(self, sink):
        """The mail is shown all the same; sending says what to do, and does it."""
        sink.stop()
        panel = ComposePanel("report", sink=sink)
        assert "Sales, week 47" in shown(panel)
        press(panel, panel.send_button)
        assert "The bundled sink is not running" in panel.result.sentence.value
        press(panel, panel.result.fix_button)
        assert sink.running
        press(panel, panel.send_button)
        assert panel.delivery.ok

    def test_an_error_nobody_foresaw_is_said(self, sink, monkeypatch):
        """Whatever is raised while it is made or sent, the panel goes on."""
        panel = ComposePanel("report", sink=sink)
        shown(panel)
        monkeypatch.setattr("smtp_lab.widgets.letter.prepare", lambda *_: 1 / 0)
        monkeypatch.setattr("smtp_lab.widgets.letter.send", lambda *_, **__: 1 / 0)
        panel.changed()
        shown(panel)
        assert "ZeroDivisionError" in panel.alert.value
        press(panel, panel.send_button)
        assert "ZeroDivisionError" in panel.status.value
        assert not panel.send_button.disabled

    def test_beside_others_it_follows_the_desk(self, sink, book):
        """The sink at hand comes first; another profile at hand is taken where there is none."""
        app = lab.app(book, sink=sink)
        panel = app.panels["compose"]
        assert panel.through.value == panel.SINK
        panel.desk.use_sink(None)
        assert panel.through.value == "team"
        panel.desk.choose("other")
        assert panel.through.value == "other"


class TestMerge:
    """A mail for each row."""

    PEOPLE = pd.DataFrame({
        "email": ["a@example.com", "b@example.com"], "title": ["A", "B"], "summary": ["One", "Two"],
        "who": ["Ann", "Bob"],
    })  # fmt: skip

    @pytest.fixture
    def panel(self, space, sink, book) -> ComposePanel:
        space["people"] = self.PEOPLE
        return ComposePanel("report", book=book, profile="team")

    def test_rows_are_checked_then_sent(self, panel, sink):
        """With a bar; samples go to nobody, what was typed goes to all."""
        panel.merge.frame.value = "people"
        assert panel.merge.to.value == "email"
        panel.merge.name.value = "who"
        panel.fields.fields["note"].put("For all")
        press(panel, panel.merge.check_button)
        assert "2 mails are ready." in panel.merge.problems.html
        assert len(sink.inbox) == 0
        (bar,) = panel.merge.place.children
        bar.button.click()
        assert panel.merge.batch.joined(20)
        assert sorted(mail.subject for mail in sink.inbox) == ["A", "B"]
        assert "Ann <a@example.com>" in [mail.header("To") for mail in sink.inbox]
        for mail in sink.inbox:
            assert "For all" in mail.text
            assert "Tokyo" not in mail.text
        assert panel.desk.batch is panel.merge.batch

    def test_what_is_wrong_with_rows_is_a_table(self, panel, space):
        """Row, column, problem and what to do, escaped; nothing is ready."""
        space["people"] = self.PEOPLE.assign(email=["a@example.com", "<b>"], title=["", "B"])
        panel.merge.frame.value = "people"
        press(panel, panel.merge.check_button)
        html = panel.merge.problems.html
        assert html.count("<tr>") == 3
        assert "<td>1</td><td>email</td>" in html
        assert "<b>" not in html
        assert "<td>0</td><td>title</td><td>is empty</td>" in html
        assert panel.merge.batch is None

    @pytest.mark.parametrize(
        ("column", "words"), [("", "no column is chosen"), ("title", "has no @")]
    )
    def test_a_column_that_has_no_addresses(self, panel, column, words):
        """It is told as a row is."""
        panel.merge.frame.value = "people"
        panel.merge.to.value = column
        press(panel, panel.merge.check_button)
        assert words in panel.merge.problems.html

    def test_a_change_makes_it_unready(self, panel):
        """What is no longer what the panel says is not sent."""
        panel.merge.frame.value = "people"
        press(panel, panel.merge.check_button)
        assert panel.merge.place.children
        typed(panel, note="Another")
        assert panel.merge.batch is None
        assert not panel.merge.place.children

    def test_a_journal_resumes_and_sends_nothing_twice(self, panel, sink, space, tmp_path):
        """Another panel, as after a restart, sends only what is new."""

        def run(made: ComposePanel) -> None:
            made.merge.frame.value = "people"
            made.merge.key.value = "email"
            made.merge.journal.value = str(tmp_path / "monday.journal")
            press(made, made.merge.check_button)
            made.merge.place.children[0].button.click()
            assert made.merge.batch.joined(20)

        run(panel)
        space["people"] = pd.concat([
            self.PEOPLE, self.PEOPLE.head(1).assign(email="c@example.com"),
        ])  # fmt: skip
        again = ComposePanel("report", book=panel.desk.book, profile="team")
        run(again)
        assert again.merge.batch.outcomes.ok
        to = [address for mail in sink.inbox for address in mail.rcpt_to]
        assert sorted(to) == ["a@example.com", "b@example.com", "c@example.com"]

    def test_a_word_of_render_each_is_told(self, space, book):
        """A variable called as one of its arguments is to be a column."""
        space["people"] = self.PEOPLE
        panel = ComposePanel(HELLO, {"name": "Ann", "table": TABLE}, book=book)
        panel.merge.frame.value = "people"
        press(panel, panel.merge.check_button)
        assert "give it as a column of the table" in panel.merge.problems.html


class TestCode:
    """Show as code gives lines that run and send the same."""

    def test_one_mail(self, sink, book, space, tmp_path):
        """Template, data, file, language and theme."""
        space["frame"] = TABLE
        (tmp_path / "a.txt").write_text("x")
        panel = ComposePanel("report", profile="other", book=book, to="you@example.com")
        panel.fields.fields["table"].source.value = "frame"
        panel.picker.language.value = "de"
        panel.picker.theme.value = "paper"
        panel.attachments.path.value = str(tmp_path / "a.txt")
        panel.attachments.add_button.click()
        exec(panel.code(), {"frame": TABLE})
        press(panel, panel.send_button)
        by_code, by_panel = sink.inbox
        assert by_code.compare(by_panel)
        assert by_code.rcpt_to == ("you@example.com",)

    @pytest.mark.parametrize("name", lab.templates())
    def test_each_template_that_ships(self, sink, book, space, monkeypatch, name):
        """Dates, lists and samples too."""
        del space
        moment = now()  # stands in an invitation
        monkeypatch.setitem(_ROOT.globals, "now", lambda: moment)
        panel = ComposePanel(name, profile="team", book=book)
        exec(panel.code(), {})
        press(panel, panel.send_button)
        by_code, by_panel = sink.inbox
        assert by_code.compare(by_panel, ignore=["X-Nothing"])

    def test_a_typed_template_to_the_sink(self, sink, book):
        """The sink of the lines is one of their own where the notebook has no name for it."""
        panel = ComposePanel("report", sink=sink, book=book)
        panel.picker.which.value = "/typed"
        panel.picker.html.value = "<p>{{ a }}</p>"
        panel.picker.subject.value = "S"
        typed(panel, a="x")
        assert "sink = lab.Sink().start()" in panel.code()
        exec(panel.code().replace("sink = lab.Sink().start()", ""), {"sink": sink})
        assert sink.inbox[-1].subject == "S"

    def test_a_mail_for_each_row(self, sink, book, space):
        """render_each and send_many with what was typed, without samples."""
        space["people"] = TestMerge.PEOPLE
        panel = ComposePanel("report", book=book, profile="team")
        panel.merge.frame.value = "people"
        panel.fields.fields["note"].put("For all")
        exec(panel.code(), {"people": TestMerge.PEOPLE})
        assert sorted(mail.subject for mail in sink.inbox) == ["A", "B"]
        assert all("For all" in mail.text for mail in sink.inbox)

    def test_a_password_is_not_in_it(self, sink, space):
        """A profile that was given is built with a question for its secret."""
        del space
        code = ComposePanel("report", profile=sink.profile("given")).code()
        assert "getpass" in code
        assert "open sesame" not in code


def test_what_is_asked_for_while_it_runs_is_done_after_it():
    """The last state is always seen, and many questions are one look."""
    seen: list[int] = []
    state = 0
    later = Later(lambda: seen.append(state))
    later.ask()
    assert later.wait(10)
    state = 1
    for _ in range(5):
        later.ask()
    assert later.wait(10)
    assert seen[-1] == 1
    assert len(seen) <= 6
