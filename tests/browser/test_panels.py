"""The panels in a real JupyterLab: by mouse, by keyboard alone, for screen readers, in three languages."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from accessible import violations
from jupyter import Notebook
from place import Place
from playwright.sync_api import Locator, expect

import smtp_lab as lab

pytestmark = pytest.mark.browser

_NUMBERS = count(1)
SETUP = """
import smtp_lab as lab
sink = lab.Sink(":temporary:", users={{"ann": "open sesame"}}).start()
book = lab.ProfileBook.open("{book}")
book.save(sink.profile("team", sender="Ann Example <ann@example.com>"), make_default=True)
book.save(sink.profile("wrong", sender="bob@example.com").with_password("open barley"))
book.contacts = [lab.Contact(address="carla@example.org")]
"""


class Panels(Place):
    """An app in the second cell of a notebook, with a book of its own."""

    def __init__(self, notebook: Notebook, show: str = "lab.app(book)", more: str = "") -> None:
        number = next(_NUMBERS)
        self.book = notebook.root / f"book{number}.toml"
        cells = [SETUP.format(book=self.book.name), show, *([more] if more else [])]
        notebook.write(*cells, name=f"panels{number}.ipynb")
        super().__init__(notebook, 1)
        expect(self.place.locator(".smtp-lab-panel").first).to_be_attached()

    def tab(self, name: str) -> Locator:
        """The tab whose title begins with *name*."""
        return self.place.get_by_role("tab", name=name)

    def card(self, name: str) -> Locator:
        """The card of the profile called *name*."""
        return self.place.locator(f".smtp-lab-cards [data-name='{name}']")


@pytest.fixture
def panels(notebook: Notebook) -> Panels:
    """All panels on a book with a profile that works, the default, and one that does not."""
    return Panels(notebook)


def test_from_a_refusal_to_a_mail_that_arrives(panels):
    """A test is refused, the button leads to the password, which is mended, saved and tried again."""
    panels.card("wrong").click()
    panels.button("Test").click()
    panels.field("Send test to").fill("carla@example.org")
    panels.button("Send test").click()
    expect(panels.said("User name or password was refused")).to_be_visible()
    expect(panels.tab("Profiles (⚠ 1)")).to_be_visible()
    panels.button("Go to the field Password").click()
    password = panels.field("Password")
    expect(password).to_be_focused()
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(panels.said("The last test failed")).to_be_visible()
    password.fill("open sesame")
    password.press("Tab")
    expect(password).not_to_have_attribute("aria-invalid", "true")
    panels.button("Save").click()
    expect(panels.said("Saved as wrong")).to_be_visible()
    panels.button("Send test").click()
    expect(panels.said("Accepted by 127.0.0.1")).to_be_visible()
    expect(panels.tab("Profiles").first).not_to_contain_text("⚠")


def test_a_dialogue_is_gone_through_line_by_line(panels):
    """First, next and back show one line more or less with its meaning; the rest is hidden."""
    panels.tab("Send test").click()
    panels.button("Send test").click()
    panels.button("First line").click()
    expect(panels.said("Line 1 of")).to_be_visible()
    for _ in range(3):
        panels.button("Next").click()
    expect(panels.said("Line 4 of")).to_be_visible()
    meaning = panels.place.locator(".smtp-lab-replay-meaning")
    expect(meaning).to_contain_text("The client says who it is")
    expect(panels.place.get_by_text("AUTH PLAIN ••••••", exact=True)).to_be_hidden()
    panels.button("Back").click()
    expect(panels.said("Line 3 of")).to_be_visible()
    panels.button("All lines").click()
    expect(panels.place.get_by_text("AUTH PLAIN ••••••", exact=True)).to_be_visible()
    panels.place.locator("summary", has_text="Where the time went").click()
    expect(panels.place.get_by_role("img", name="took longest")).to_be_visible()


def test_a_dialogue_is_copied_as_text(panels):
    """What is copied is what print() shows."""
    panels.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panels.tab("Send test").click()
    panels.button("Send test").click()
    panels.button("Copy as text").click()
    expect(panels.said("Copied.")).to_be_visible()
    copied = panels.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Accepted by 127.0.0.1")
    assert "AUTH PLAIN ••••••" in copied


def test_deleting_asks_for_the_next_default(panels):
    """Cancel is where the focus is; deleting the default wants another."""
    panels.card("wrong").click()
    panels.button("Delete").click()
    expect(panels.said("Delete wrong with its secrets, for good?")).to_be_visible()
    expect(panels.button("Cancel")).to_be_focused()
    panels.page.keyboard.press("Enter")
    expect(panels.answer("Delete")).to_be_hidden()
    expect(panels.card("wrong")).to_be_visible()
    panels.card("team").click()
    panels.button("Delete").click()
    panels.field("Next default").select_option("wrong")
    panels.answer("Delete").click()
    expect(panels.said("Deleted team with its secrets, for good.")).to_be_visible()
    expect(panels.card("team")).to_have_count(0)
    assert lab.ProfileBook.open(panels.book).default == "wrong"


def test_two_notebooks_on_one_book_notice_each_other(panels):
    """What another kernel saves is offered to be read; until then nothing is overwritten."""
    panels.tab("Profile form").click()
    panels.field("Reply to").fill("reply@example.com")
    lab.ProfileBook.open(panels.book).delete("wrong")
    expect(panels.said("was changed elsewhere")).to_be_visible()
    panels.button("Save").click()
    expect(panels.said("was changed elsewhere since it was read")).to_be_visible()
    assert "reply@example.com" not in panels.book.read_text()
    panels.button("Reload").click()
    expect(panels.field("Reply to")).to_have_value("reply@example.com")
    panels.button("Save").click()
    expect(panels.said("Saved as team")).to_be_visible()
    kept = lab.ProfileBook.open(panels.book)
    assert list(kept) == ["lab", "team"]
    assert kept["team"].reply_to == "reply@example.com"


def test_a_click_while_a_cell_runs_is_not_lost(notebook):
    """It is carried out, at the latest when the cell is done."""
    panels = Panels(notebook, "lab.SendTestPanel(book=book)", "import time; time.sleep(4)")
    notebook.page.locator(".jp-CodeCell").nth(2).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+Enter")
    panels.button("Send test").click()
    expect(panels.said("Accepted by 127.0.0.1")).to_be_visible()


def test_a_click_does_not_overtake_what_was_typed(notebook):
    """ipywidgets keeps the second letter back until the kernel has dealt with the first."""
    slow = """
import time, ipywidgets
for field in ipywidgets.Widget.widgets.values():
    if getattr(field, "description", "") == "Sender":
        field.observe(lambda change: time.sleep(1), "value")
"""
    panels = Panels(notebook, more=slow)
    panels.card("wrong").click()
    panels.button("Edit").click()
    panels.field("Sender").press("Control+A")
    panels.field("Sender").press_sequentially("carla@example.org")
    panels.button("Save").click()
    expect(panels.said("Saved as wrong")).to_be_visible()
    assert str(lab.ProfileBook.open(panels.book)["wrong"].sender) == "carla@example.org"


def test_what_is_wrong_is_said_while_one_types(panels):
    """The note below the field follows each key, and the fields below do not move."""
    panels.tab("Profile form").click()
    below = panels.field("Security").bounding_box()["y"]
    panels.field("Port").fill("")
    panels.field("Port").press_sequentially("700000")
    expect(panels.said("not between 1 and 65535")).to_be_visible()
    assert panels.field("Security").bounding_box()["y"] == below
    panels.field("Port").press("Backspace")
    panels.field("Port").press("Backspace")
    expect(panels.said("not between 1 and 65535")).to_be_hidden()
    expect(panels.said("Type it again: it was for another server.")).to_be_visible()


def test_a_provider_is_found_by_an_address(panels):
    """Typing an address names the provider, shows its guide, and fills the form in."""
    panels.tab("Profile form").click()
    panels.button("Settings from a provider").click()
    panels.field("Your address").press_sequentially("ann@gmail.com")
    expect(panels.field("Provider")).to_have_value("Gmail / Google Workspace mailbox")
    expect(panels.said("Switch on 2-Step Verification")).to_be_visible()
    panels.button("Fill in").click()
    expect(panels.field("Server")).to_have_value("smtp.gmail.com")
    expect(panels.field("User name")).to_have_value("ann@gmail.com")
    expect(panels.said("the recipient will see")).to_be_visible()


def test_only_what_applies_is_shown(panels):
    """Each kind of connection, login and grant has its own fields, and no other."""
    panels.tab("Profile form").click()
    panels.field("Login").select_option("OAuth 2.0: a token")
    expect(panels.field("Password")).to_have_count(0)
    panels.field("Grant").select_option("service account: a signed JWT")
    expect(panels.field("Private key (PEM)")).to_be_visible()
    expect(panels.field("Client secret")).to_have_count(0)
    panels.field("Grant").select_option("device code: a person types a code")
    expect(panels.field("Device code URL")).to_be_visible()
    expect(panels.button("Log in")).to_be_visible()
    panels.field("Way out").select_option("Microsoft Graph")
    expect(panels.field("Tenant ID")).to_be_visible()
    expect(panels.field("Server")).to_have_count(0)
    panels.field("Way out").select_option("an SMTP server")
    panels.field("Login").select_option("no login")
    expect(panels.field("Mailbox")).to_have_count(0)
    panels.button("More settings").click()
    expect(panels.field("EHLO name")).to_be_visible()


def test_keyboard_alone_suffices(panels):
    """From the cards over the test to the mended password, without a mouse."""
    keys = panels.page.keyboard
    panels.place.get_by_role("listbox").focus()
    keys.press("Home")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    expect(panels.card("wrong")).to_have_attribute("aria-selected", "true")
    for _ in range(3):
        keys.press("Tab")
    expect(panels.button("Test")).to_be_focused()
    keys.press("Enter")
    expect(panels.button("Send test")).to_be_visible()
    panels.tab("Send test").focus()
    panels.tab_to(panels.field("Send test to"))
    keys.type("carla@example.org")
    panels.tab_to(panels.button("Send test"))
    keys.press("Space")
    expect(panels.said("was refused")).to_be_visible()
    panels.tab_to(panels.button("Go to the field Password"))
    keys.press("Enter")
    expect(panels.field("Password")).to_be_focused()
    keys.type("open sesame")
    panels.tab_to(panels.button("Save"))
    keys.press("Enter")
    expect(panels.said("Saved as wrong")).to_be_visible()
    panels.tab("Profile form").focus()
    keys.press("ArrowLeft")
    keys.press("Enter")
    expect(panels.place.get_by_role("listbox")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(panels, axe, dark, theme):
    """Names, roles, contrast: nothing that keeps anyone out, in any panel, in light and dark."""
    panels.notebook.command("apputils:change-theme", theme=theme)
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        panels.page.wait_for_timeout(400)
        shot = f"build/screenshots/panel_{where}_{theme.split()[1].lower()}.png"
        panels.page.screenshot(path=Path(__file__).parents[2] / shot.replace(" ", "_"))
        if wrong := violations(panels.page, axe, ".smtp-lab-app"):
            found[where] = wrong

    for question in ("Duplicate", "Rename", "Delete", "Activities", "Export", "Import"):
        panels.card("wrong").click()
        panels.button(question).first.click()
        look(f"profiles {question}")
    panels.button("Show as code").click()
    panels.card("wrong").click()
    panels.button("Edit").click()
    panels.button("Settings from a provider").click()
    panels.field("Provider").fill("gmail")
    panels.button("More settings").click()
    panels.field("Port").fill("0")
    look("form")
    panels.button("Revert").click()
    panels.button("Doctor").click()
    expect(panels.said("failed at auth")).to_be_visible()
    look("form doctor")
    panels.field("Login").select_option("OAuth 2.0: a token")
    panels.field("Grant").select_option("service account: a signed JWT")
    look("form oauth")
    panels.tab("Send test").click()
    panels.button("Send test").click()
    expect(panels.said("was refused")).to_be_visible()
    panels.place.get_by_text("Where the time went").locator("visible=true").click()
    look("send test")
    panels.button("First line").locator("visible=true").click()
    look("send test replay")
    panels.tab("Many mails").click()
    look("batch")
    assert found == {}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "de",
            (
                "Profilformular",
                "Absender",
                "Verbindungssicherheit",
                "Test senden",
                "Gespeichert",
                "Angenommen von",
            ),
        ),
        (
            "ja",
            (
                "プロファイル フォーム",
                "差出人",
                "接続の保護",
                "テスト送信",
                "保存しました",
                "受け付けました",
            ),
        ),
    ],
)
def test_in_other_languages(notebook, language, words):
    """The panels speak German and Japanese, and work as they do in English."""
    form, sender, security, send, saved, accepted = words
    panels = Panels(notebook, f"lab.app(book, language={language!r})")
    panels.tab(form).click()
    expect(panels.field(sender)).to_have_value("Ann Example <ann@example.com>")
    expect(panels.field(security)).to_be_visible()
    expect(panels.place.get_by_role("region").first).to_have_attribute("lang", language)
    panels.button({"de": "Speichern", "ja": "保存"}[language]).click()
    expect(panels.said(saved)).to_be_visible()
    panels.button(send).click()
    expect(panels.said(accepted)).to_be_visible()


CANARIES = {
    "Password": "canary-a1",
    "Client secret": "canary-b2",
    "Refresh token": "canary-c3",
    "Private key (PEM)": "canary-d4",
    "Secret of the copy": "canary-e5",
    "Profiles": 'SMTP_LAB_PROFILES__TEAM__PASSWORD="canary-f6"',
    "Last address": "http://localhost/?code=canary-g7",
}


def _type(panels: Panels, label: str) -> None:
    field = panels.field(label)
    field.fill(CANARIES[label])
    field.press("Tab")


def test_no_secret_is_in_any_copy_of_the_notebook(panels, tmp_path):
    """Saved with state before and after each is used, its checkpoint, an executed copy, and HTML."""
    panels.card("team").click()
    panels.button("Duplicate").first.click()
    _type(panels, "Secret of the copy")
    panels.answer("Duplicate").click()
    expect(panels.card("team_copied")).to_be_visible()
    panels.button("Import").first.click()
    _type(panels, "Profiles")
    texts = [panels.notebook.save()]
    panels.answer("Import").click()
    panels.tab("Profile form").click()
    _type(panels, "Password")
    texts.append(panels.notebook.save())
    panels.button("Send test").click()
    expect(panels.said("was refused")).to_be_visible()
    panels.field("Login").select_option("OAuth 2.0: a token")
    panels.field("Grant").select_option("refresh token")
    _type(panels, "Client secret")
    _type(panels, "Refresh token")
    panels.field("Grant").select_option("service account: a signed JWT")
    _type(panels, "Private key (PEM)")
    texts.append(panels.notebook.save())
    panels.button("Save").click()
    panels.button("Show as code").click()
    texts.append(panels.notebook.save())
    assert "application/vnd.jupyter.widget-state+json" in texts[-1], "this would prove nothing"
    path = panels.notebook.path
    texts += [one.read_text() for one in (path.parent / ".ipynb_checkpoints").glob("panels*")]
    for form, more in (("html", []), ("notebook", ["--execute"])):
        command = [sys.executable, "-m", "nbconvert", "--to", form, *more, str(path)]
        subprocess.run(
            [*command, "--output-dir", str(tmp_path)], check=True, capture_output=True, timeout=180
        )
    texts += [one.read_text() for one in tmp_path.glob("panels*")]
    assert len(texts) >= 7
    for canary in CANARIES.values():
        secret = "canary-" + canary.partition("canary-")[2][:2]
        assert not any(secret in text for text in texts)
    assert not any("Y2FuYXJ5" in text for text in texts)
    assert "canary" not in panels.book.read_text()
