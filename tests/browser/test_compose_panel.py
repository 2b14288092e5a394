"""The panel on a template, in a real JupyterLab: type, look at both widths, send, see what arrived."""

from __future__ import annotations

import pytest
from jupyter import Notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELL = """
import smtp_lab as lab
sink = lab.Sink(":temporary:").start()
lab.ComposePanel("report", {"title": "From the panel"}, sink=sink)
"""


def test_the_panel_shows_changes_and_sends(notebook: Notebook):
    """What is typed is in the preview; a mistake is told; the button's mail is shown as received."""
    notebook.write(CELL, name="panel.ipynb")
    panel = notebook.output(0)
    frame = panel.locator("iframe[title='Preview']")
    page = frame.content_frame.locator("iframe").content_frame  # a frame in a frame
    expect(page.get_by_role("heading", name="From the panel")).to_be_visible()
    title = panel.get_by_label("title")
    title.fill("Typed <b>")
    title.press("Tab")
    expect(page.get_by_role("heading", name="Typed <b>")).to_be_visible()
    text = panel.locator("iframe[title='Text part']").content_frame.locator("iframe").content_frame
    expect(text.locator("pre")).to_contain_text("Typed <b>")
    panel.get_by_role("button", name="desktop").click()
    expect(frame).to_have_css("width", "800px")
    title.fill("")
    title.press("Tab")
    expect(panel.get_by_role("alert")).to_contain_text("'title' is missing")
    title.fill("Sent")
    title.press("Tab")
    expect(panel.get_by_role("alert")).to_have_count(0)
    panel.get_by_role("button", name="Send to the sink").click()
    expect(panel.get_by_role("row", name="Subject")).to_contain_text("Sent")
    notebook.page.evaluate("() => window.scrollTo(0, 0)")
