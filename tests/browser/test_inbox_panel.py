"""The inbox panel in a real JupyterLab: read, searched, followed, by keyboard alone, and attacked."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from accessible import violations
from jupyter import Notebook
from place import Place
from playwright.sync_api import Locator, expect
from test_preview_attacks import ATTACKS, Canary

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
CANARY = "canary-subject-7"
_NUMBERS = count(1)

SETUP = """
import smtplib
from email.message import EmailMessage
import smtp_lab as lab

sink = lab.Sink(":temporary:", users={"ann": "open sesame"}, login_required=False).start()
inbox = sink.inbox

def put(subject, text="hello", html="", sender="Ann Example <ann@example.com>", files=()):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "bob@example.org", subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content in files:
        message.add_attachment(content, "application", "octet-stream", filename=name)
    put_raw(message.as_bytes())

def put_raw(raw, sender="ann@example.com"):
    with smtplib.SMTP("127.0.0.1", sink.plain_port) as client:
        client.sendmail(sender, ["bob@example.org"], raw)
"""
SOME = """
put("Weekly report", "Numbers are below.", "<h1>Weekly report</h1><p>Numbers are <b>below</b>.</p>",
    files=[("report.csv", b"a,b"), ("chart.png", b"png")])
put("Your code", "Your verification code is 482913. See https://example.com/confirm")
put("Re: lunch", sender="Carla <carla@example.org>")
inbox.tag("subject:lunch", ["private"])
"""


class InboxPage(Place):
    """A panel in a cell of a notebook."""

    def __init__(
        self, notebook: Notebook, setup: str, show: str = "lab.InboxPanel(inbox)", more: str = ""
    ) -> None:
        cells = [SETUP, setup, show, more]
        notebook.write(*cells, name=f"inbox{next(_NUMBERS)}.ipynb")
        super().__init__(notebook, 2)
        self.more = notebook.output(3)
        self.grid = self.place.get_by_role("grid")
        expect(self.grid).to_be_visible()

    def run(self, code: str) -> None:
        """Run *code* in the last cell."""
        cell = self.page.locator(".jp-CodeCell").nth(3).locator(".cm-content")
        cell.fill(code)
        self.notebook.rerun(3)

    def row(self, text: str) -> Locator:
        """The row of the message with *text* in it."""
        return self.grid.locator("tbody tr", has_text=text)

    def tab(self, name: str) -> Locator:
        """The tab of the message called *name*."""
        return self.place.get_by_role("tab", name=name, exact=True)

    @property
    def shown(self) -> Locator:
        """What the tab in front shows."""
        return self.place.get_by_role("tabpanel").locator("visible=true")

    def search(self, query: str) -> None:
        """Type *query* and press Enter."""
        field = self.place.get_by_label("Search", exact=True)
        field.fill(query)
        field.press("Enter")

    def picture(self, name: str) -> None:
        """Keep a picture of the panel."""
        self.page.wait_for_timeout(300)
        self.place.screenshot(path=SCREENSHOTS / f"inbox_{name}.png")


@pytest.fixture
def inbox(notebook: Notebook) -> InboxPage:
    """A panel on an inbox with three messages, which are listed."""
    page = InboxPage(notebook, SOME)
    expect(page.grid.locator("tbody tr")).to_have_count(3)
    return page


@pytest.fixture
def canary() -> Iterator[Canary]:
    server = Canary()
    yield server
    server.stop()


def test_a_message_is_chosen_read_and_its_files_kept(inbox):
    """A row is clicked, each tab shows the mail in its way, and a file is downloaded."""
    row = inbox.row("Weekly report")
    expect(row).to_contain_text("bob@example.org")
    expect(row.get_by_role("img", name="2 files")).to_be_visible()
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")
    mail = inbox.shown.frame_locator("iframe").frame_locator("iframe")
    expect(mail.locator("h1")).to_have_text("Weekly report")
    inbox.picture("html")
    inbox.place.get_by_label("Width").select_option("phone")
    expect(inbox.shown.locator("iframe")).to_have_css("width", "375px")
    inbox.place.get_by_label("dark").check()
    expect(inbox.shown.locator("iframe")).to_have_css("color-scheme", "dark")
    for name, text in {
        "Text": "Numbers are below.",
        "Source": "Content-Type: multipart/mixed",
        "Parts": "multipart/alternative",
        "Headers": "MIME-Version",
        "Transcript": "The client says who it is",
        "Checks": "severity",
    }.items():
        inbox.tab(name).click()
        expect(inbox.shown.get_by_text(text).first).to_be_visible()
        inbox.picture(name.lower())
    with inbox.page.expect_download() as caught:
        inbox.button("⬇ report.csv (3 octets)").click()
    assert caught.value.suggested_filename == "report.csv"
    assert Path(caught.value.path()).read_bytes() == b"a,b"
    inbox.row("Your code").click()
    expect(inbox.said("482913")).to_be_visible()


def test_a_search_and_what_is_wrong_with_one(inbox):
    """What is found is all that is shown; a mistake is one sentence beside the field."""
    inbox.search("subject:report has:attachment")
    expect(inbox.grid.locator("tbody tr")).to_have_count(1)
    expect(inbox.said("1 message found.")).to_be_visible()
    inbox.search("form:ann")
    expect(inbox.said("there is no field form:; did you mean from:?")).to_be_visible()
    expect(inbox.grid.locator("tbody tr")).to_have_count(1)
    inbox.button("What can be asked for").click()
    expect(inbox.said("a date, a time in UTC, or an age")).to_be_visible()
    inbox.picture("search")
    inbox.search("")
    expect(inbox.grid.locator("tbody tr")).to_have_count(3)
    inbox.place.get_by_label("Tag", exact=True).select_option("private")
    expect(inbox.grid.locator("tbody tr")).to_have_count(1)
    expect(inbox.row("lunch")).to_contain_text("private")


def test_a_refused_session_is_found(notebook):
    """What was refused is often what one looks for, and there is no message then."""
    login = (
        "import ssl\nclient = smtplib.SMTP('127.0.0.1', sink.port)\n"
        "client.starttls(context=ssl._create_unverified_context())\n"
        "try:\n    client.login('ann', 'wrong')\nexcept smtplib.SMTPException:\n    client.quit()"
    )
    inbox = InboxPage(notebook, f"{SOME}\n{login}")
    inbox.search("is:refused login:ann")
    expect(inbox.said("1 session without a message")).to_be_visible()
    inbox.button("Show them").click()
    inbox.place.locator("summary", has_text="535").click()
    expect(inbox.said("AUTH")).to_be_visible()
    inbox.picture("sessions")


def test_new_mail_appears_and_nothing_jumps(inbox):
    """It is there without a click; what is chosen stays chosen and stays shown."""
    inbox.row("Weekly report").click()
    inbox.tab("Text").click()
    expect(inbox.shown).to_contain_text("Numbers are below.")
    inbox.run("for n in range(60):\n    put(f'late {n}')")
    expect(inbox.row("late 59")).to_be_visible()
    expect(inbox.said("1 to 50 of 63")).to_be_visible()
    expect(inbox.shown).to_contain_text("Numbers are below.")
    inbox.button("Older").click()
    expect(inbox.row("Weekly report")).to_have_attribute("aria-selected", "true")
    before = inbox.row("late 3").bounding_box()
    inbox.run("put('the very last')")
    expect(inbox.said("52 to 64 of 64")).to_be_visible()
    after = inbox.row("late 3").bounding_box()
    assert after["y"] - inbox.grid.bounding_box()["y"] > 0
    expect(inbox.grid.locator("tbody tr").first).to_contain_text("late 9")
    assert before["height"] == after["height"]


def test_keyboard_alone_suffices(inbox):
    """Choosing, reading, tagging and deleting without a mouse."""
    keys = inbox.page.keyboard
    inbox.grid.focus()
    keys.press("ArrowDown")
    expect(inbox.row("lunch")).to_have_attribute("aria-selected", "true")
    here = inbox.grid.get_attribute("aria-activedescendant")
    expect(inbox.page.locator(f"#{here}")).to_contain_text("lunch")
    keys.press("End")
    expect(inbox.row("Weekly report")).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    expect(inbox.row("Your code")).to_have_attribute("aria-selected", "true")
    keys.press("Shift+ArrowDown")
    expect(inbox.grid.locator("tbody tr[aria-selected=true]")).to_have_count(2)
    keys.press("Home")
    expect(inbox.grid.locator("tbody tr[aria-selected=true]")).to_have_count(1)
    expect(inbox.said("Re: lunch")).to_be_visible()
    keys.press("Enter")
    expect(inbox.tab("HTML")).to_be_focused()
    keys.press("ArrowRight")
    expect(inbox.tab("Text")).to_be_focused()
    expect(inbox.shown).to_contain_text("hello")
    inbox.grid.focus()
    inbox.tab_to(inbox.place.get_by_placeholder("a tag"), most=30)
    keys.type("seen")
    inbox.tab_to(inbox.button("Add tag"), most=30)
    keys.press("Enter")
    expect(inbox.said("Tagged 1 message.")).to_be_visible()
    expect(inbox.row("lunch")).to_contain_text("seen")
    inbox.grid.focus()
    keys.press("Delete")
    expect(inbox.said("Delete 1 message, for good?")).to_be_visible()
    expect(inbox.button("Cancel")).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("Enter")
    expect(inbox.row("lunch")).to_have_count(0)
    expect(inbox.grid).to_be_focused()


def test_what_was_typed_while_a_cell_runs_is_there_before_the_click(inbox):
    """ipywidgets keeps the second letter back until the kernel has seen the first; a click is not."""
    inbox.row("Weekly report").click()
    expect(inbox.row("Weekly report")).to_have_attribute("aria-selected", "true")
    cell = inbox.page.locator(".jp-CodeCell").nth(3).locator(".cm-content")
    cell.fill("import time; time.sleep(3)")
    cell.press("Control+Enter")
    inbox.row("Your code").click()
    inbox.place.get_by_placeholder("a tag").press_sequentially("seen", delay=30)
    inbox.button("Add tag").click()
    expect(inbox.said("Tagged 1 message.")).to_be_visible()
    expect(inbox.row("Your code")).to_contain_text("seen")
    expect(inbox.row("Weekly report")).not_to_contain_text("seen")


def test_two_messages_are_compared(inbox):
    """The second is chosen with Ctrl; what differs is shown."""
    inbox.row("Weekly report").click()
    expect(inbox.button("Compare")).to_be_disabled()
    inbox.row("Your code").click(modifiers=["Control"])
    inbox.button("Compare").click()
    expect(inbox.said("message 2 (+) differs from message 1 (-)")).to_be_visible()
    inbox.picture("compare")


def test_clearing_names_the_number_and_asks(inbox):
    """Cancel has the focus and keeps all; after Delete the list is empty."""
    inbox.button("Delete all").click()
    expect(inbox.said("Delete all mail, 3 messages, for good?")).to_be_visible()
    expect(inbox.button("Cancel")).to_be_focused()
    inbox.picture("clear")
    inbox.page.keyboard.press("Enter")
    # The page still shows the first question until the kernel has put it away.
    expect(inbox.answer("Delete")).to_have_count(0)
    expect(inbox.grid.locator("tbody tr")).to_have_count(3)
    inbox.button("Delete all").click()
    inbox.answer("Delete").click()
    expect(inbox.said("Deleted 3 messages.")).to_be_visible()
    expect(inbox.said("No mail yet.")).to_be_visible()


def test_what_was_found_is_exported(inbox):
    """To a folder that is named, in a file that is told."""
    inbox.search("subject:report")
    expect(inbox.said("1 message found.")).to_be_visible()
    inbox.button("Export").click()
    expect(inbox.said("Export 1 message")).to_be_visible()
    inbox.picture("export")
    inbox.answer("Export").click()
    expect(inbox.said("exported/mail_")).to_be_visible()
    assert [file.suffix for file in (inbox.notebook.root / "exported").iterdir()] == [".zip"]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(inbox, axe, dark, theme):
    """Names, roles, contrast: in the list, in each tab, and in each question."""
    inbox.notebook.command("apputils:change-theme", theme=theme)
    shade = theme.split()[1].lower()
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        inbox.picture(f"axe_{where}_{shade}".replace(" ", "_"))
        if wrong := violations(inbox.page, axe, ".jp-OutputArea .smtp-lab-panel"):
            found[where] = wrong

    inbox.row("Weekly report").click()
    for name in ("HTML", "Text", "Source", "Parts", "Headers", "Transcript", "Checks"):
        inbox.tab(name).click()
        expect(inbox.shown).not_to_have_text("Loading …")
        look(name)
    for question in ("Save attachments", "Release", "Delete", "Export", "Delete all"):
        inbox.button(question).first.click()
        look(question)
        inbox.button("Cancel").click()
    inbox.button("What can be asked for").click()
    inbox.button("Show as code").click()
    inbox.search("form:ann")
    expect(inbox.said("there is no field")).to_be_visible()
    look("search")
    inbox.page.set_viewport_size({"width": 700, "height": 1000})
    inbox.notebook.command("application:toggle-left-area")
    look("narrow")
    assert found == {}


def test_hostile_mail_does_nothing(notebook, canary):
    """Scripts, trackers and markup in every header: nothing runs, nothing is asked for."""
    html = "<h1>Greetings</h1>" + "".join(a.format(url=canary.url) for a in ATTACKS.values())
    bait = f"<img src={canary.url}/header onerror=top.owned()><script>top.owned()</script>"
    raw = (
        f'From: "{bait}" <ann@example.com>\r\nTo: "{bait}" <bob@example.org>\r\n'
        f"Subject: hostile {bait} $\\href{{javascript:top.owned()}}{{x}}$\r\nX-Bait: {bait}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
        f'--b\r\nContent-Type: text/html; name="{canary.url}<img src=x onerror=top.owned()>.html"\r\n'
        f"Content-Disposition: attachment\r\n\r\n<script>top.owned()</script>\r\n--b--\r\n"
    )
    kept = base64.b64encode(raw.encode()).decode()
    setup = (
        f"import base64\nput_raw(base64.b64decode({kept!r}))\nput('plain')\n"
        "inbox.tag([1], ['<img src=x onerror=top.owned()>'])"
    )
    inbox = InboxPage(notebook, setup)
    inbox.page.evaluate("() => { window.owned = () => { window.pwned = new Error().stack } }")
    dialogs: list[str] = []
    asked: list[str] = []
    ours = inbox.page.url.partition("/lab/")[0]
    inbox.page.on("request", lambda one: one.url.startswith(ours) or asked.append(one.url))
    inbox.page.on("requestfailed", lambda one: one.url in asked and asked.remove(one.url))
    inbox.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    inbox.row("hostile").click()
    mail = inbox.shown.frame_locator("iframe").frame_locator("iframe")
    expect(mail.locator("h1").first).to_have_text("Greetings")
    inbox.page.wait_for_timeout(1_000)
    for _ in range(100):  # what the browser keeps from leaving is told a moment later
        if any(url.startswith(canary.url) for url in asked):
            inbox.page.wait_for_timeout(100)
    for name in ("Text", "Source", "Parts", "Headers", "Transcript", "Checks"):
        inbox.tab(name).click()
        expect(inbox.shown).not_to_have_text("Loading …")
    inbox.picture("hostile")
    inbox.row("plain").click(modifiers=["Control"])
    inbox.button("Compare").click()
    expect(inbox.said("differs from")).to_be_visible()
    inbox.page.wait_for_timeout(500)
    assert canary.asked == []
    assert dialogs == []
    assert inbox.page.evaluate("window.pwned") is None
    expect(inbox.place.locator("script, img")).to_have_count(0)


def test_a_hundred_thousand_messages(notebook):
    """The panel is there, turns its pages and searches; the page holds one page of rows."""
    path = notebook.root / "many.sqlite3"
    script = Path(__file__).parent / "many_mails.py"
    made = subprocess.Popen([sys.executable, str(script), str(path), "100000"])
    try:
        assert made.wait(100) == 0
    finally:
        made.kill()
    inbox = InboxPage(notebook, "inbox = lab.Inbox.open('many.sqlite3')")
    expect(inbox.said("1 to 50 of 100,000")).to_be_visible()
    expect(inbox.grid.locator("tbody tr")).to_have_count(50)
    expect(inbox.grid).to_have_attribute("aria-rowcount", "100001")
    inbox.button("Older").click()
    expect(inbox.said("51 to 100 of 100,000")).to_be_visible()
    inbox.button("Oldest").click()
    expect(inbox.said("99,951 to 100,000 of 100,000")).to_be_visible()
    inbox.search("subject:needle")
    expect(inbox.said("1 to 50 of 10,000")).to_be_visible()
    inbox.row("needle").first.click()
    expect(inbox.shown.locator("iframe")).to_be_visible()
    expect(inbox.grid.locator("tbody tr")).to_have_count(50)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ("Posteingang", "Betreff", "Kopfzeilen", "Alle löschen", "Abbrechen")),
        ("ja", ("受信トレイ", "件名", "ヘッダー", "すべて削除", "キャンセル")),
    ],
)
def test_in_other_languages(notebook, language, words):
    """The panel speaks German and Japanese, beside the others."""
    title, subject, headers, clear, cancel = words
    show = f"lab.app(lab.ProfileBook.open('empty.toml'), sink=sink, language={language!r})"
    notebook.write(SETUP, SOME, show, name=f"inbox_{language}.ipynb")
    place = notebook.output(2)
    place.get_by_role("tab", name=title).click()
    expect(place.get_by_role("columnheader", name=subject)).to_be_visible()
    place.get_by_role("grid").locator("tbody tr").first.click()
    place.get_by_role("tab", name=headers, exact=True).click()
    expect(place.get_by_text("MIME-Version").first).to_be_visible()
    place.get_by_role("button", name=clear, exact=True).click()
    expect(place.get_by_role("button", name=cancel, exact=True)).to_be_focused()
    place.screenshot(path=SCREENSHOTS / f"inbox_{language}.png")


def test_a_saved_notebook_holds_no_mail(notebook):
    """Neither what was listed nor what was read, although the state of widgets is saved."""
    # The canary is put together in the kernel: the cell itself must not hold it.
    whole = f"'-'.join({CANARY.split('-')!r})"
    inbox = InboxPage(notebook, f"put({whole}, text={whole}, files=[({whole} + '.txt', b'x')])")
    inbox.row(CANARY).click()
    for name in ("Text", "Source", "Headers", "Transcript", "Checks"):
        inbox.tab(name).click()
        expect(inbox.shown).not_to_have_text("Loading …")
    expect(inbox.button(f"⬇ {CANARY}.txt (1 octet)")).to_be_visible()
    inbox.button("Show as code").click()
    text = inbox.notebook.save()
    assert "application/vnd.jupyter.widget-state+json" in json.loads(text)["metadata"]["widgets"]
    assert "smtp-lab-mails" in text, "this would prove nothing"
    assert CANARY not in text
    # The cell that sends mail has the address; nothing else has.
    assert text.count("ann@example.com") == SETUP.count("ann@example.com")
