"""The panel that composes a mail, in a real JupyterLab: data of the notebook, preview, sending, merge."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from accessible import violations
from jupyter import Notebook
from place import Place
from playwright.sync_api import FrameLocator, Locator, expect

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_NUMBERS = count(1)
SETUP = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd
import smtp_lab as lab
sink = lab.Sink(":temporary:").start()
book = lab.ProfileBook.open("{book}")
book.save(sink.profile("team", sender="Ann Example <ann@example.com>"), make_default=True)
book.contacts = [lab.Contact(address="carla@example.org")]
sales = pd.DataFrame({{"region": ["North", "South <b>"], "orders": [1204, 987]}})
figure, axes = plt.subplots(figsize=(4, 2))
axes.bar(sales["region"], sales["orders"])
plt.close(figure)
people = pd.DataFrame({{
    "email": ["ann@example.org", "bob@example.org", "cid@example.org"],
    "title": ["For Ann", "For Bob", "For Cid"], "summary": ["One.", "Two.", "Three."],
}})
broken = people.assign(email=["ann@example.org", "not an address", "ann@example.org"])
"""
TOLD = "print(len(sink.inbox), sorted(to for mail in sink.inbox for to in mail.rcpt_to), [a.name for a in sink.inbox[-1].attachments if not a.inline])"


class Composer(Place):
    """The panel in the second cell of a notebook."""

    def __init__(
        self, notebook: Notebook, show: str = "lab.ComposePanel(sink=sink, book=book)"
    ) -> None:
        number = next(_NUMBERS)
        notebook.write(
            SETUP.format(book=f"compose{number}.toml"), show, TOLD, name=f"compose{number}.ipynb"
        )
        super().__init__(notebook, 1)
        # The first look of a fresh kernel imports what draws and checks.
        expect(self.place.locator(".smtp-lab-frames iframe").first).to_be_attached()

    def part(self, title: str) -> FrameLocator:
        """The inside of a frame of the preview: a frame in a frame."""
        return self.place.frame_locator(f"iframe[title='{title}']").frame_locator("iframe")

    @property
    def mail(self) -> FrameLocator:
        """The HTML of the mail."""
        return self.part("Preview of message 0")

    def shows(self, found: Callable[[FrameLocator], Locator]) -> None:
        """Expect to see what *found* finds in the mail.

        The frame that is looked into may give way to the next in that moment, which the driver
        takes for the end of the page and waits no longer.
        """
        for left in (2, 1, 0):
            try:
                expect(found(self.mail)).to_be_visible()
            except AssertionError as error:
                if not left or "has been closed" not in str(error):
                    raise
            else:
                return

    def choose(self, name: str, start: str, mark: str = " (") -> None:
        """Take the variable, or what else there is to choose, whose label begins with *start*."""
        field = self.field(name)
        label = field.locator("option", has_text=f"{start}{mark}").first.inner_text()
        field.select_option(label)

    def shot(self, name: str) -> None:
        """Keep a picture of the whole panel, however long."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": size["width"], "height": 2600})
        self.page.wait_for_timeout(500)
        self.place.scroll_into_view_if_needed()
        self.place.locator(".smtp-lab-panel").first.screenshot(path=SHOTS / f"compose_{name}.png")
        self.page.set_viewport_size(size)


@pytest.fixture
def composer(notebook: Notebook) -> Composer:
    """The panel on the report, with a sink, a profile, tables and a figure in the notebook."""
    return Composer(notebook)


def test_from_a_frame_and_a_figure_to_the_sink(composer):
    """What is typed and chosen is in the preview, is checked, sent, and shown as received."""
    composer.shows(lambda mail: mail.get_by_role("heading", name="Sales, week 47"))
    expect(composer.said("The checks find nothing.")).to_be_visible()
    composer.field("title *").fill("Monday <b>")
    composer.shows(lambda mail: mail.get_by_role("heading", name="Monday <b>"))
    composer.choose("table", "sales")
    composer.shows(lambda mail: mail.get_by_role("cell", name="South <b>"))
    composer.choose("chart", "figure")
    composer.field("chart_alt").fill("Orders by region")
    composer.shows(lambda mail: mail.get_by_role("img", name="Orders by region"))
    drawn = composer.mail.get_by_role("img", name="Orders by region")
    assert drawn.evaluate("image => image.naturalWidth") > 100
    expect(composer.part("Text part").locator("pre")).to_contain_text("South <b>")
    composer.choose("File from", "sales")
    composer.field("Written as").select_option(".xlsx")
    composer.button("Attach").click()
    expect(composer.said("sales.xlsx")).to_be_visible()
    composer.field("To").fill("carla@example.org")
    composer.button("Send").click()
    expect(composer.said("Accepted by 127.0.0.1")).to_be_visible()
    composer.button("Look at it as received").click()
    expect(composer.said("sales.xlsx (application/vnd.openxml")).to_be_visible()
    composer.shot("sent")
    composer.notebook.rerun(2)
    expect(composer.notebook.output(2)).to_contain_text("1 ['carla@example.org'] ['sales.xlsx']")


def test_a_mistake_is_said_beside_its_field(composer):
    """A missing variable, a bad address, a file that is not there: each where it was typed."""
    title = composer.field("title *")
    expect(title).to_have_attribute("aria-required", "true")
    title.fill("")
    expect(composer.said("report/subject.txt, line 1: 'title' is missing")).to_be_visible()
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(composer.said("This is the mail as it was")).to_be_visible()
    composer.shows(lambda mail: mail.get_by_role("heading", name="Sales, week 47"))
    composer.button("Send").click()
    expect(composer.said("Not sent: correct what is marked.")).to_be_visible()
    title.fill("Again")
    composer.shows(lambda mail: mail.get_by_role("heading", name="Again"))
    expect(title).not_to_have_attribute("aria-invalid", "true")
    composer.field("To").fill("nobody")
    expect(composer.said("'nobody' has no @")).to_be_visible()
    composer.field("Path of the file").fill("nowhere.pdf")
    composer.button("Attach").click()
    expect(composer.said("there is no file nowhere.pdf")).to_be_visible()
    composer.shot("mistakes")


def test_a_template_that_is_typed(composer):
    """Its variables become fields; a slip is told with its line; a loop without end ends."""
    composer.field("Template").select_option("typed here")
    html = composer.field("HTML template")
    html.fill("<p>Dear {{ who }},</p>\n{{ figures }}")
    composer.field("Subject template").fill("For {{ who }}")
    composer.field("who *").fill("Zoë")
    composer.choose("figures: from", "sales")
    composer.shows(lambda mail: mail.get_by_text("Dear Zoë,"))
    composer.shows(lambda mail: mail.get_by_role("cell", name="South <b>"))
    html.fill("<p>\n{% if %}</p>")
    expect(composer.said("typed/body.html, line 2: is no template")).to_be_visible()
    html.fill("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}x")
    expect(composer.said("more than 1,000,000")).to_be_visible()
    composer.shot("typed")


def test_a_mail_for_each_row(composer):
    """Wrong rows are a table, and nothing is sent; right ones go with a bar, none of them twice."""
    composer.choose("Rows from", "broken")
    composer.button("Check the rows").click()
    wrong = composer.place.get_by_role("alert", name="What is wrong with the rows")
    expect(wrong).to_contain_text("not an address")
    expect(wrong.get_by_role("row")).to_have_count(3)
    composer.shot("merge_wrong")
    composer.choose("Rows from", "people")
    composer.field("Journal").fill("compose.journal")
    composer.button("Check the rows").click()
    expect(composer.said("3 mails are ready.")).to_be_visible()
    composer.button("Start").click()
    expect(composer.said("3 of 3 messages were accepted")).to_be_visible()
    composer.shot("merge_sent")
    composer.button("Check the rows").click()
    expect(composer.said("3 mails are ready.")).to_be_visible()
    composer.button("Start").click()
    expect(composer.said("3 of 3 messages were accepted")).to_be_visible()
    composer.notebook.rerun(2)
    expect(composer.notebook.output(2)).to_contain_text(
        "3 ['ann@example.org', 'bob@example.org', 'cid@example.org']"
    )


def test_keyboard_alone_suffices(composer):
    """From the template over a field to the sent mail, without a mouse."""
    keys = composer.page.keyboard
    composer.field("Template").focus()
    keys.type("alert")
    composer.shows(lambda mail: mail.get_by_role("heading", name="Disk of db-1"))
    composer.tab_to(composer.field("title *"))
    keys.press("Control+a")
    keys.type("By hand")
    composer.shows(lambda mail: mail.get_by_role("heading", name="By hand"))
    composer.tab_to(composer.field("To"))
    keys.type("carla@example.org")
    composer.tab_to(composer.button("Send"))
    keys.press("Enter")
    expect(composer.said("Accepted by 127.0.0.1")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("wide", [1280, 700])
def test_axe_finds_nothing_serious(composer, axe, dark, theme, wide):
    """Names, roles and contrast, with a mistake, with a typed template, and after a sending."""
    composer.page.set_viewport_size({"width": wide, "height": 1000})
    composer.notebook.command("apputils:change-theme", theme=theme)
    look = f"{theme.split()[1].lower()}_{wide}"
    composer.shot(f"start_{look}")
    found = {"start": violations(composer.page, axe, ".smtp-lab-panel")}
    composer.place.get_by_role("button", name="desktop").click()
    composer.field("dark").check()
    composer.field("title *").fill("")
    expect(composer.said("'title' is missing")).to_be_visible()
    composer.shot(f"mistake_{look}")
    found["mistake"] = violations(composer.page, axe, ".smtp-lab-panel")
    composer.field("title *").fill("Sent")
    composer.choose("Rows from", "broken")
    composer.button("Check the rows").click()
    expect(composer.said("not an address")).to_be_visible()
    composer.button("Send").click()
    expect(composer.said("Accepted by 127.0.0.1")).to_be_visible()
    composer.button("Show as code").click()
    composer.shot(f"sent_{look}")
    found["sent"] = violations(composer.page, axe, ".smtp-lab-panel")
    assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "de",
            (
                "Verfassen",
                "Vorlage",
                "An",
                "Senden",
                "Dies ist die Mail von vorher",
                "Angenommen von 127.0.0.1",
            ),
        ),
        (
            "ja",
            (
                "作成",
                "テンプレート",
                "宛先",
                "送信",
                "これは直前のメールです",
                "carla@example.org 宛てを",
            ),
        ),
    ],
)
def test_in_other_languages(notebook, language, words):
    """The panel stands in the app between others, in German and in Japanese."""
    tab, template, to, send, before, accepted = words
    composer = Composer(notebook, f"lab.app(book, sink=sink, language={language!r})")
    composer.place.get_by_role("tab", name=tab).click()
    composer.choose(template, "password_reset", ":")
    composer.field("service *").fill("")
    expect(composer.said(before)).to_be_visible()
    composer.field("service *").fill("Example")
    composer.field(to).fill("carla@example.org")
    composer.button(send).click()
    expect(composer.said(accepted)).to_be_visible()
    composer.page.screenshot(path=SHOTS / f"compose_{language}.png")


def test_what_a_mail_says_is_not_in_a_saved_notebook(composer):
    """Page, text part and what was received travel as messages: state of widgets has none of it."""
    composer.button("Send").click()
    expect(composer.said("Accepted by 127.0.0.1")).to_be_visible()
    composer.button("Look at it as received").click()
    expect(composer.said("Received")).to_be_visible()
    saved = composer.notebook.save()
    assert "application/vnd.jupyter.widget-state+json" in saved, "this would prove nothing"
    assert "All regions grew" in saved, "the field has what was typed"
    assert "srcdoc" not in saved
    assert "Tokyo 東京" not in saved
    assert "6771\\\\u4eac" not in saved.casefold()
