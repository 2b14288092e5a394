"""What is done twice in a real JupyterLab: cells that are run again, and buttons that are pressed."""

from __future__ import annotations

import pytest
from jupyter import Notebook
from place import Place
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import threading, time
import smtp_lab as lab
sink = lab.Sink(":temporary:").start()
book = lab.ProfileBook.open("again.toml")
book.save(sink.profile("team", sender="ann@example.com"), make_default=True)
"""
COUNT = """
names = ("smtp-lab-watch", "smtp-lab-sink-panel", "smtp-lab-inbox")
for _ in range(100):
    found = sorted(t.name for t in threading.enumerate() if t.name in names)
    if len(found) <= 3:
        break
    time.sleep(0.2)
print("watching:", len(found), "mails:", len(sink.inbox))
"""


@pytest.fixture
def app(notebook: Notebook) -> Place:
    """All panels, and a cell below that counts who looks."""
    notebook.write(SETUP, "lab.app(book, sink=sink)", COUNT, name="again.ipynb")
    place = Place(notebook, 1)
    expect(place.place.locator(".smtp-lab-panel").first).to_be_attached()
    return place


def test_a_cell_that_is_run_again_leaves_nobody_looking(app):
    """Five times later there are as many who look as at first."""
    app.notebook.rerun(2)
    expect(app.notebook.output(2)).to_contain_text("watching: 3")
    for _ in range(5):
        app.notebook.rerun(1)
        expect(app.place.locator(".smtp-lab-panel").first).to_be_attached()
    app.notebook.rerun(2)
    expect(app.notebook.output(2)).to_contain_text("watching: 3")


def test_a_double_click_sends_one_mail(app):
    """Also where it is two clicks as quick as that."""
    app.place.get_by_role("tab", name="Send test").click()
    button = app.button("Send test")
    button.dblclick()
    expect(app.said("Accepted by")).to_be_visible()
    app.page.wait_for_timeout(1000)
    app.notebook.rerun(2)
    expect(app.notebook.output(2)).to_contain_text("mails: 1")


def test_the_focus_goes_to_what_comes_next(app):
    """After New it is in the form, after Stop sink on Start sink, and back."""
    app.button("New").click()
    expect(app.field("Profile name")).to_be_focused()
    app.place.get_by_role("tab", name="Sink").click()
    app.button("Stop sink").click()
    expect(app.button("Start sink")).to_be_focused()
    app.page.keyboard.press("Enter")
    expect(app.button("Stop sink")).to_be_focused()
