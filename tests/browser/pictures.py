"""Take the pictures of the documents anew: ``python tests/browser/pictures.py``; look at them after."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from jupyter import Notebook, find_chromium, lab_server
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


SETUP = """
import pandas as pd
import smtp_lab as lab
sink = lab.Sink(":temporary:").start()
profile = sink.profile("team", sender="Team Example <team@example.com>")
book = lab.ProfileBook.open("pictures.toml")
book.save(profile, make_default=True)
sales = pd.DataFrame({"region": ["North", "South", "West"], "orders": [412, 388, 95],
                      "change": [0.12, -0.04, 0.31]})
lab.send_test(profile, to="ann@example.org")
lab.send(lab.render("report", to="boss@example.com", title="Sales in October",
                    summary="Orders are up in two of three regions.", table=sales,
                    attachments={"sales.csv": sales}), profile=profile)
for name in ("password_reset", "invitation"):
    template = lab.Template.open(name)
    lab.send(lab.render(template, to="bob@example.org", **template.sample), profile=profile)
"""


def first_mail(notebook: Notebook) -> None:
    """The first notebook: the form with its outcome."""
    notebook.page.set_viewport_size({"width": 1180, "height": 1560})  # down to the dialogue
    notebook.open("01_first_mail.ipynb")
    notebook.run_all()
    notebook.command("application:toggle-left-area")
    form = notebook.output(1)
    form.get_by_role("button", name="Send test").click()
    form.get_by_text("Accepted by").wait_for()
    form.get_by_role("button", name="Send test").evaluate("button => button.blur()")
    form.evaluate("form => form.scrollIntoView()")
    notebook.page.wait_for_timeout(300)
    box = notebook.page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").bounding_box()
    notebook.page.screenshot(path=IMAGES / "first_mail.png", clip=box)


def panels(notebook: Notebook) -> None:
    """The tabs of the app: the sink, the inbox with a message, a mail being composed."""
    notebook.write(SETUP, "lab.app(book, sink=sink)", name="pictures.ipynb")
    notebook.command("application:toggle-left-area")
    place, page = notebook.output(1), notebook.page
    place.get_by_role("tab", name="Inbox").click()
    place.get_by_text("Sales in October").first.click()
    place.locator("iframe:visible").first.wait_for()
    page.wait_for_timeout(3000)
    _take(notebook, "inbox")
    place.get_by_role("tab", name="Sink").click()
    page.wait_for_timeout(1500)
    _take(notebook, "sink")
    place.get_by_role("tab", name="Compose").click()
    page.wait_for_timeout(2500)
    _take(notebook, "compose")


def _take(notebook: Notebook, name: str) -> None:
    notebook.output(1).evaluate("output => output.scrollIntoView()")
    notebook.page.wait_for_timeout(300)
    box = notebook.output(1).bounding_box()
    view = notebook.page.viewport_size
    box["height"] = min(box["height"], view["height"] - box["y"] - 30)
    notebook.page.screenshot(path=IMAGES / f"{name}.png", clip=box)


def main() -> None:
    """Walk the first notebook and the app, and keep pictures of what a person sees."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, home = Path(folder) / "notebooks", Path(folder) / "home"
        root.mkdir()
        shutil.copy(ROOT / "notebooks" / "01_first_mail.ipynb", root)
        flags = ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        with lab_server(root, home) as (base, token):
            for take in (first_mail, panels):
                page = browser.new_page(
                    viewport={"width": 1180, "height": 1010}, device_scale_factor=1.5
                )
                take(Notebook(page, base, token, root))
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
