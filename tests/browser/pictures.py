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


def main() -> None:
    """Walk the first notebook and keep a picture of the form with its outcome."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, home = Path(folder) / "notebooks", Path(folder) / "home"
        root.mkdir()
        shutil.copy(ROOT / "notebooks" / "01_first_mail.ipynb", root)
        flags = ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        with lab_server(root, home) as (base, token):
            page = browser.new_page(
                viewport={"width": 1180, "height": 1010}, device_scale_factor=1.5
            )
            notebook = Notebook(page, base, token, root)
            notebook.open("01_first_mail.ipynb")
            notebook.run_all()
            notebook.command("application:toggle-left-area")
            form = notebook.output(1)
            form.get_by_role("button", name="Send test").click()
            form.get_by_text("Accepted by").wait_for()
            form.get_by_role("button", name="Send test").evaluate("button => button.blur()")
            form.evaluate("form => form.scrollIntoView()")
            page.wait_for_timeout(300)
            box = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").bounding_box()
            page.screenshot(path=IMAGES / "first_mail.png", clip=box)
        browser.close()


if __name__ == "__main__":
    main()
