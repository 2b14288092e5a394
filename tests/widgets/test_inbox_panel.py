"""The panel on an inbox: what it sends to the page, what it does, and what it says."""

from __future__ import annotations

import threading
import zipfile

import pytest
from inbox.mails import lines, stored
from sink.talk import until
from widgets.panels import everything, press, put_into_page, take_from_page

import smtp_lab as lab
from smtp_lab.archive import Archive, StoredSession
from smtp_lab.archive.language import FIELDS
from smtp_lab.inbox.listing import PAGE
from smtp_lab.widgets.search_help import TERMS

CANARY = "canary subject"
MIXED = lines(
    "From: Ann <ann@example.com>",
    f"Subject: {CANARY} <b>",
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/html",
    "",
    '<p>Your code is 123456 <a href="http://example.com/x">here</a><script>owned()</script></p>',
    "--b",
    "Content-Type: application/pdf",
    'Content-Disposition: attachment; filename="../../evil.pdf"',
    "",
    "%PDF canary",
    "--b--",
)


class Page:
    """What a page does with one widget: it hears what is sent, and sends what a person does."""

    def __init__(self, widget) -> None:
        self.widget, self.heard, self.buffers = widget, [], []
        widget.send = self._hear
        self.say(type="ready")

    def _hear(self, content, buffers=None):
        self.heard.append(content)
        self.buffers += buffers or []

    def say(self, **content):
        self.widget._handle_custom_msg(content, [])

    def last(self, kind):
        return [content for content in self.heard if content["type"] == kind][-1]

    def rows(self):
        return [row["id"] for row in self.last("page")["rows"]]

    def choose(self, *numbers):
        self.say(type="choose", numbers=list(numbers), at=numbers[-1])

    def tab(self, name, **asked):
        before = len(self.heard)
        self.say(type="tab", mail=self.last("message")["mail"], tab=name, key=name, **asked)
        until(lambda: len(self.heard) > before)
        return self.last("tab")


def watchers():
    """The threads that look at an inbox."""
    return [one for one in threading.enumerate() if one.name == "smtp-lab-inbox"]


@pytest.fixture
def inbox(tmp_path):
    archive = Archive(tmp_path / "mail.sqlite3")
    archive.add([stored(lines(f"Subject: number {n}", "", "hello")) for n in range(1, 60)])
    archive.add([stored(MIXED)])
    yield lab.Inbox(archive)
    archive.close()


@pytest.fixture
def panel(inbox):
    made = lab.InboxPanel(inbox, every=0)
    yield made
    made.close()


@pytest.fixture
def listed(panel):
    return Page(panel.list)


@pytest.fixture
def read(panel):
    return Page(panel.view)


def search(panel, query):
    panel.query.value = query
    assert panel.work.wait(20)


def test_a_page_of_the_newest_is_shown(panel, listed):
    """Fifty rows of sixty, the newest above, and where one is; turning shows the others."""
    assert listed.rows() == list(range(60, 10, -1))
    assert listed.last("page")["where"] == "1 to 50 of 60"
    listed.say(type="page", to="older")
    assert listed.rows() == list(range(10, 0, -1))
    listed.say(type="page", to="newer")
    assert listed.rows()[0] == 60
    listed.say(type="page", to="oldest")
    assert len(listed.rows()) == 60 % PAGE


def test_what_a_row_says(panel, listed):
    """Text as text, a moment for the page to show, and a mark for a file."""
    row = listed.last("page")["rows"][0]
    assert row["subject"] == f"{CANARY} <b>"
    assert row["from"] == "Ann <ann@example.com>"
    assert row["utc"] == "2026-03-04 05:06:07 UTC"
    assert row["marks"] == [("files", "1 file")]


def test_checks_mark_what_they_find(panel, listed):
    """A look checks some messages of the page, a few at a time, and marks them."""
    panel.look()
    marks = listed.last("marks")
    assert panel.list.numbers.index(marks["id"]) < 5
    assert any("found" in text for _sign, text in marks["marks"])


def test_new_mail_appears_by_itself(inbox):
    """While it is in a page the panel follows; what is chosen stays so; closed, it looks no more."""
    panel = lab.InboxPanel(inbox, every=0.05)
    page = Page(panel.list)
    put_into_page(panel)
    page.choose(3)
    inbox.archive.add([stored(lines("Subject: new", ""))])
    until(lambda: page.rows()[0] == 61)
    assert panel.chosen == [3]
    assert "chosen" not in page.last("page")
    (watcher,) = watchers()
    panel.close()
    watcher.join(10)
    assert not watcher.is_alive()


def test_an_older_page_stays_still(panel, listed, inbox):
    """Mail that comes in moves no row of a page that one has turned to."""
    listed.say(type="page", to="older")
    inbox.archive.add([stored(lines("Subject: new", ""))])
    panel.look()
    assert listed.rows() == list(range(10, 0, -1))
    assert listed.last("page")["where"] == "52 to 61 of 61"


def test_without_a_page_nobody_looks(inbox):
    """A panel that no page shows leaves the archive alone, until one shows it again."""
    panel = lab.InboxPanel(inbox, every=0.05)
    assert watchers() == []
    page = Page(panel.list)
    put_into_page(panel, "one")
    put_into_page(panel, "two")
    take_from_page(panel, "one")
    (watcher,) = watchers()
    take_from_page(panel, "two")
    watcher.join(10)
    assert not watcher.is_alive()
    inbox.archive.add([stored(lines("Subject: new", ""))])
    put_into_page(panel, "three")
    until(lambda: page.rows()[0] == 61)
    panel.close()


def test_a_search_narrows_the_list(panel, listed):
    """What is typed is searched for; a mistake is said beside it as text, and the list stays."""
    search(panel, 'subject:"number 7"')
    assert listed.rows() == [7]
    assert "1 message found." in panel.status.value
    search(panel, "form:<b>")
    assert "there is no field form:" in panel.note.value
    assert "<b>" not in panel.note.value
    assert listed.rows() == [7]
    search(panel, "")
    assert len(listed.rows()) == PAGE
    assert "alert" not in panel.note.value


def test_sessions_without_a_message_are_shown(panel, read, inbox):
    """They are counted below the list, and shown with what was said."""
    when = stored().received_at
    line = {"direction": "S", "stage": "auth", "text": "535 <no>", "at": 0.1, "tls": True}
    gone = StoredSession("f" * 32, when, "plain", "127.0.0.1:9", ended_at=when)
    gone.transcript = {"lines": [line]}
    inbox.archive.add([], sessions=[gone])
    search(panel, "is:refused")
    assert panel.sessions_line.value == "1 session without a message"
    panel.sessions_button.click()
    assert "535 &lt;no&gt;" in read.last("message")["head"]


def test_the_help_names_every_field():
    """Whatever can be asked for is in the help."""
    told = " ".join(term for term, _meaning in TERMS)
    assert [name for name in FIELDS if f"{name}:" not in told] == []


def test_a_message_is_read_tab_by_tab(panel, listed, read):
    """Each tab is made when it is asked for; nothing of the mail is markup outside the frame."""
    listed.choose(60)
    shown = read.last("message")
    assert f"{CANARY} &lt;b&gt;" in shown["head"]
    assert "123456" in shown["below"]
    assert "http://example.com/x" in shown["below"]
    assert not [content for content in read.heard if content["type"] == "tab"]
    assert 'sandbox=""' in read.tab("html", width="phone")["html"]
    assert "width:375px" in read.last("tab")["html"]
    assert "color-scheme:dark" in read.tab("html", dark=True)["html"]
    assert "There is no text part" in read.tab("text")["html"]
    assert read.tab("source")["text"].startswith("From: Ann <ann@example.com>\nSubject: canary")
    assert "application/pdf" in read.tab("parts")["html"]
    assert f"{CANARY} &lt;b&gt;" in read.tab("headers")["html"]
    assert "SMTP dialogue" in read.tab("transcript")["html"]
    assert "severity" in read.tab("checks")["html"]
    told = [content.get("html", "") for content in read.heard if content["type"] == "tab"]
    assert not any("<script>owned" in html for html in told)


def test_a_long_source_comes_in_pieces(panel, listed, read, inbox):
    """A piece ends with a line, the next goes on there, and together they are all of it."""
    raw = lines("Subject: long", "", *["é" * 40] * 2_000)
    inbox.archive.add([stored(raw)])
    panel.look()
    listed.choose(61)
    text, at = "", 0
    while True:
        piece = read.tab("source", **{"from": at})
        text += piece["text"]
        at = piece.get("next", 0)
        if not at:
            break
        assert "Show more" in piece["more"]
    assert text == raw.decode().replace("\r\n", "\n")


def test_what_was_asked_of_another_message_is_not_answered(panel, listed, read):
    """An answer that comes late would show one mail as another."""
    listed.choose(60)
    before = len(read.heard)
    read.say(type="tab", mail=59, tab="text", key="text")
    read.say(type="tab", mail=60, tab="nonsense", key="text")
    read.say(type="file", mail=60, file=99)
    assert len(read.heard) == before


def test_attachments_are_kept_under_safe_names(panel, listed, read, tmp_path):
    """A button gives the bytes and a name that leads nowhere; all are saved to a folder."""
    listed.choose(60)
    assert [file["label"] for file in read.last("message")["files"]] == [
        "evil.pdf (11 octets)",
        f"message_60.eml ({len(MIXED)} octets)",
    ]
    read.say(type="file", mail=60, file=0)
    assert read.last("file")["name"] == "evil.pdf"
    assert read.buffers == [b"%PDF canary"]
    read.say(type="file", mail=60, file=-1)
    assert read.buffers[-1] == MIXED
    panel.actions.save_button.click()
    panel.actions.drawer.children[0].children[1].value = str(tmp_path / "files")
    press(panel, panel.actions.drawer.yes)
    assert "1 file" in panel.status.value
    assert [file.name for file in (tmp_path / "files").iterdir()] == ["evil.pdf"]


def test_tags_are_put_on_taken_away_and_filtered_by(panel, listed, inbox):
    """On all that is chosen; the filter offers what there is."""
    listed.choose(5, 6)
    panel.actions.tag_button.click()
    assert "Type a tag first" in panel.status.value
    panel.actions.tag.value = "seen"
    press(panel, panel.actions.tag_button)
    assert "Tagged 2 messages." in panel.status.value
    assert inbox.get(5).tags == ("seen",)
    panel.tag_filter.value = "seen"
    assert panel.work.wait(20)
    assert listed.rows() == [6, 5]
    press(panel, panel.actions.untag_button)
    assert inbox.get(5).tags == ()


def test_two_messages_are_compared(panel, listed, read):
    """The older one with the newer one; with one there is nothing to compare."""
    listed.choose(5)
    assert panel.actions.compare_button.disabled
    listed.choose(6, 5)
    press(panel, panel.actions.compare_button)
    assert "message 6 (+) differs from message 5 (-)" in read.last("message")["head"]


@pytest.mark.parametrize("kind", ["zip", "mbox", "csv", "xlsx", "json", "parquet"])
def test_what_was_found_is_exported(panel, tmp_path, kind):
    """Into a folder that is made, and nothing is written over; the file is named."""
    search(panel, 'subject:"number 5"')
    for count in (1, 2):
        panel.actions.export_button.click()
        as_kind, folder = panel.actions.drawer.children[0].children[1:3]
        as_kind.value, folder.value = kind, str(tmp_path / "out")
        press(panel, panel.actions.drawer.yes)
        files = sorted((tmp_path / "out").iterdir())
        assert len(files) == count
        assert any(str(file) in panel.status.value for file in files)
    if kind == "zip":
        with zipfile.ZipFile(files[0]) as made:
            assert len(made.namelist()) == 11 + 1


def test_deleting_asks_and_names_the_number(panel, listed, read, inbox):
    """The chosen ones go, what comes in meanwhile does not, and the preview is empty then."""
    listed.choose(59, 60)
    listed.say(type="delete")
    assert "Delete 2 messages, for good?" in panel.actions.drawer.children[0].children[0].value
    press(panel, panel.actions.drawer.yes)
    assert listed.rows()[0] == 58
    assert read.last("message")["mail"] == 0
    assert panel.chosen == []
    panel.actions.clear_button.click()
    asked = panel.actions.drawer.children[0].children[0].value
    assert "Delete all mail, 58 messages, for good?" in asked
    inbox.archive.add([stored(lines("Subject: new", ""))])
    press(panel, panel.actions.drawer.yes)
    assert inbox.numbers() == [61]
    assert listed.rows() == [61]
    assert "Deleted 58 messages." in panel.status.value


def test_clearing_a_search_takes_what_was_found(panel, inbox):
    """The question says so, and the rest stays."""
    search(panel, 'subject:"number 5"')
    panel.actions.clear_button.click()
    asked = panel.actions.drawer.children[0].children[0].value
    assert "Delete the 11 messages the search found, for good?" in asked
    press(panel, panel.actions.drawer.yes)
    assert len(inbox) == 49


def test_a_message_is_released_to_whom_it_may_go(panel, listed, tmp_path):
    """Through a profile, to recipients that are allowed by name; others are refused in a sentence."""
    with lab.Sink(":temporary:", process=False) as sink:
        panel.desk._book = lab.ProfileBook.open(tmp_path / "book.toml")
        panel.desk.book.save(sink.profile("team"), make_default=True)
        listed.choose(60)
        panel.actions.release_button.click()
        _profile, to, allow = panel.actions.drawer.children[0].children[1:4]
        to.value = "bob@example.org"
        press(panel, panel.actions.drawer.yes)
        assert "not allowed" in panel.status.value
        allow.value = "@example.org"
        press(panel, panel.actions.drawer.yes)
        assert "Accepted by" in panel.status.value
        assert sink.inbox[-1].raw == MIXED


def test_the_same_as_code(panel, listed, inbox):
    """The lines do what the panel shows."""
    panel.code_button.click()
    assert "inbox.to_frame()" in panel.code_view.text
    search(panel, "hello")
    listed.choose(7)
    known: dict = {}
    exec(panel.code_view.text, known)  # the lines are the point
    assert known["message"].subject == "number 7"
    assert len(known["found"]) == 59
    listed.choose(7, 8)
    exec(panel.code_view.text, known)
    assert [message.id for message in known["messages"]] == [7, 8]


def test_no_mail_is_in_the_state_of_any_widget(panel, listed, read):
    """A saved notebook holds what the widgets hold: no subject, no text, no address of mail."""
    listed.choose(59, 60)
    for name in ("html", "text", "source", "headers"):
        read.tab(name)
    press(panel, panel.actions.compare_button)
    panel.actions.delete_button.click()
    assert CANARY in str(listed.heard)
    state = everything(panel)
    assert "smtp-lab-drawer" in state, "this would prove nothing"
    for secret in (CANARY, "ann@example.com", "bob@example.org", "evil.pdf", "123456"):
        assert secret not in state


def test_a_message_that_is_gone_is_told(panel, listed, inbox):
    """In one sentence; the list goes on."""
    inbox.clear([7])
    listed.choose(7)
    assert "number 7 is not in" in panel.status.value


def test_an_archive_that_cannot_be_read_is_told(monkeypatch, tmp_path):
    """The panel says so in a sentence and shows the mail when it can be read again."""
    (tmp_path / "data").write_text("no folder")
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
    panel = lab.InboxPanel(every=0)
    assert "cannot be opened" in panel.status.value
    (tmp_path / "data").unlink()
    panel.look()
    assert len(panel.listing) == 0
    assert panel.status.value == ""
    panel.close()


def test_a_panel_alone_shows_the_archive_of_this_user(monkeypatch, tmp_path):
    """It is that of a sink without a name; a sink on the desk goes before it."""
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path))
    with lab.Sink(process=False) as sink, lab.Sink(":temporary:", process=False) as other:
        lab.send_test(sink.profile(), to="bob@example.org")
        panel = lab.InboxPanel(every=0)
        assert len(panel.listing) == 1
        panel.desk.use_sink(other)
        assert panel.work.wait(20)
        assert len(panel.listing) == 0
        panel.close()


def test_the_app_has_an_inbox(tmp_path):
    """A tab of its own, on the sink that is given."""
    with lab.Sink(":temporary:", process=False) as sink:
        lab.send_test(sink.profile(), to="bob@example.org")
        app = lab.app(lab.ProfileBook.open(tmp_path / "book.toml"), sink=sink)
        assert app.desk.sink is sink
        assert len(app.panels["inbox"].listing) == 1
        app.panels["inbox"].close()
