"""What goes wrong in a panel is said in German and in Japanese: no English sentence is left."""

from __future__ import annotations

import socket

import pandas as pd
import pytest
from english import in_english
from inbox.mails import lines, stored
from widgets.panels import everything, press

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.inbox import unsent
from smtp_lab.inbox.checks.rule import SEVERITIES
from smtp_lab.language import told, told_problem, use_language
from smtp_lab.widgets import ComposePanel, SinkPanel, mail_tabs, notebook
from smtp_lab.widgets.mail_preview import MailPreview
from smtp_lab.widgets.merge_box import MergeBox
from smtp_lab.widgets.placed import placed
from smtp_lab.widgets.words import n_

# What many checks find something in.
ODD = lines(
    "From: ann, Bob <bob@example.com>",
    "To:",
    "Subject: RE: BUY THIS NOW!!",
    "Date: soon",
    "Message-ID: 12",
    "Bcc: carla@example.com",
    "List-Unsubscribe: here",
    "List-Unsubscribe-Post: yes",
    "DKIM-Signature: v=1; d=example.com",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/html",
    "",
    '<p style="position:absolute">Dear {{ name }}, <a href="">x</a> <a href="a.html">y</a>',
    '<a href="javascript:x()">z</a> <a href="http://127.0.0.1/">here</a> <a href="http://">q</a>',
    '<form><input type="checkbox"><textarea></textarea></form><video src="a.mp4"></video>',
    '<img src="a.png"><img src="http://example.com/a.gif" width=1><script>x()</script></p>',
    "--b",
    "Content-Type: application/octet-stream",
    'Content-Disposition: attachment; filename="run.exe"',
    "Content-Transfer-Encoding: base64",
    "",
    "é{}",
    "--b--",
)


@pytest.fixture(params=["de", "ja"], autouse=True)
def language(request):
    """The language of the panels."""
    use_language(request.param)
    yield request.param
    use_language(None)


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "mail.sqlite3")
    archive.add([stored(ODD)])
    yield lab.Inbox(archive)
    archive.close()


@pytest.fixture
def space(monkeypatch) -> dict:
    """The variables of a notebook."""
    made: dict = {}
    monkeypatch.setattr(notebook, "_space", lambda: made)
    return made


@pytest.mark.parametrize(
    "query",
    [
        *("form:ann", "nothing:ann", "subject:", "is:nothing", "larger:much", "after:soon"),
        *('"ann', "(ann", "ann)", "ann OR", "OR ann", "ann AND", "()", "a -)", "NOT", '""'),
        *("a " * 300, "(" * 60 + "a", "x" * 5_000),
    ],
)
def test_a_wrong_query_is_told(inbox, query):
    """Where it is wrong, how, and what to write instead."""
    panel = lab.InboxPanel(inbox, every=0)
    panel.query.value = query
    assert panel.work.wait(20)
    with pytest.raises(lab.InputError) as error:
        inbox.search(query)
    said = error.value.problems[0]
    assert panel.note.wrong
    assert told(said.problem) != said.problem
    assert in_english(panel.note.value) == []
    panel.close()


@pytest.mark.parametrize(
    "html",
    [
        *("<p>{{ name", "<p>{{ name }}", "{% for x in %}", "{{ 1 / 0 }}", "{% include 'x' %}"),
        *("{{ 'a'.b.c }}", "{{ range(10000000) }}", "{{ '' | date }}", "{{ 'x' | link }}"),
        *("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", ""),
    ],
)
def test_a_mistake_in_a_template_is_told(html):
    """At its field, with file and line as they are."""
    panel = ComposePanel("report")
    panel.picker.which.value = "/typed"
    panel.picker.html.value = html
    panel.picker.subject.value = "x"
    assert panel.later.wait(60)
    panel.draw()
    shown = [panel.alert.value, panel.picker.note.value]
    shown += [field.note.value for field in panel.fields.fields.values()]
    assert any("smtp-lab-wrong" in one for one in shown)
    assert in_english(" ".join(shown)) == []


def test_what_keeps_a_mail_from_being_made_is_told_where_it_stands():
    """An unknown place says its name; an error of another room is told as well."""
    wrong = lab.InputError.of("attachments", "is a int", "give a dict of contents by name")
    here, fields, rest = placed(wrong, set())
    assert (fields, rest) == ({}, "")
    assert here["attachments"] != wrong.by_field["attachments"]
    assert placed(None, set()) == ({}, {}, "")


@pytest.mark.parametrize("kind", ["path", "absent"])
def test_a_file_that_is_not_there_is_told(kind):
    """The path is empty, or nothing is there."""
    panel = ComposePanel("report")
    panel.attachments.path.value = "" if kind == "path" else "not/there.pdf"
    panel.attachments.add_button.click()
    assert panel.attachments.note.wrong
    assert in_english(panel.attachments.note.value) == []


def test_what_is_wrong_with_rows_is_told(space):
    """Each cell of the table of problems."""
    space["people"] = pd.DataFrame(
        {"email": ["ann", "bob@example.com", "bob@example.com"], "name": ["A", "", "x\ny"]}
    )
    template = lab.Template("<p>{{ name }}</p>", subject="x", sample={"name": "Ann"})
    panel = ComposePanel(template)
    panel.merge.look()
    panel.merge.frame.value = "people"
    press(panel, panel.merge.check_button)
    shown = panel.merge.problems.html
    assert "bob@example.com" in shown
    assert in_english(shown) == []
    assert isinstance(panel.merge, MergeBox)


def test_what_checks_find_is_told(inbox, language):
    """Severities, reasons and fixes, below a preview and in the inbox."""
    message = inbox[-1]
    found = message.check()
    assert len(found) > 20
    assert set(found["severity"]) == set(SEVERITIES)
    for why, fix in zip(found["why"], found["fix"], strict=True):
        assert told(why) != why, why
        assert not fix or told(fix) != fix, fix
    table = mail_tabs.tab(message, "checks", {})["html"]
    assert in_english(table) == []
    preview = MailPreview()
    preview.show(unsent(ODD, "ann@example.com", ["bob@example.com"]))
    assert in_english(preview.findings.html) == []
    assert told_problem(found["why"][0], found["fix"][0]).endswith(
        "." if language == "de" else "。"
    )


def test_what_stands_above_a_message_is_told(inbox, language):
    """Envelope, how it came, files, and the dialogue; an octet is counted as the language does."""
    message = inbox[-1]
    head = mail_tabs.above(message)
    for name in ("Envelope", "Received", "Attachments"):
        assert told(name) in head
        assert f">{name}<" not in head
    assert "octets" not in head
    shown = message.as_html(told)
    assert in_english(shown.partition("<iframe")[0]) == []
    assert in_english(shown.rpartition("</iframe>")[2]) == []
    assert in_english(mail_tabs.tab(message, "transcript", {})["html"]) == []
    one = {"de": "1 Oktett", "ja": "1 オクテット"}
    assert told("1 octet") == n_("{n} octet", "{n} octets", 1) == one[language]


def test_two_messages_that_differ_are_told(inbox):
    """Which of them is which, and the heads of the sections."""
    inbox.archive.add([stored(lines("Subject: other", "", "hello"))])
    shown = inbox[-1].compare(inbox[-2]).as_html(told)
    assert "differs from" not in shown
    assert in_english(shown.partition("<table")[0]) == []


def test_a_port_that_is_taken_is_told():
    """At its field, whoever took it; and what else a form of a sink refuses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        panel = SinkPanel()
        port = taken.getsockname()[1]
        opened, field, _login = panel.form.doors["starttls"]
        assert opened.value
        field.value = str(port)
        panel.form.where.value = "temporary"
        press(panel, panel.start_button)
        note = panel.form.notes["port"]
        assert note.wrong
        assert str(port) in note.value
        assert in_english(everything(panel)) == []
        wrong = lab.PortInUseError("127.0.0.1", port, "give another port")
        assert told(str(wrong)) != str(wrong)
        panel.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [("port", "x"), ("max_size", "much"), ("days", "-1"), ("archive", ""), ("users", "")],
)
def test_a_wrong_setting_of_a_sink_is_told(name, text):
    """Beside the field it is typed in."""
    panel = SinkPanel()
    if name == "port":
        panel.form.doors["starttls"][1].value = text
    elif name == "max_size":
        panel.form.max_size.value = text
    elif name == "days":
        panel.form.kept["days"].value = text
    elif name == "archive":
        panel.form.where.value = "other"
    else:
        panel.form.who.value = "listed"
    press(panel, panel.start_button)
    assert panel.form.notes[name].wrong
    assert in_english(panel.form.notes[name].value) == []
    panel.close()
