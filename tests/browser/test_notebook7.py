"""The panels in Notebook 7, which has JupyterLab's engine and a face of its own."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest
from jupyter import PATIENCE, SCREENSHOTS, serve
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

CELL = """
import smtp_lab as lab
lab.app(lab.ProfileBook.open("book.toml"), sink=lab.Sink(":temporary:").start())
"""


def _await_kernel(page: Page, kernels: str) -> None:
    """Wait until there is a kernel that has nothing to do, as the server sees it."""
    end = time.monotonic() + PATIENCE / 1000
    while [one["execution_state"] for one in page.request.get(kernels).json()] != ["idle"]:
        assert time.monotonic() < end, "the kernel did not start"
        page.wait_for_timeout(500)


def test_the_panels_work(chromium: Browser, tmp_path: Path):
    """A cell is run by hand, a test is sent, and its session is in the tab of the sink."""
    root, home = tmp_path / "notebooks", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, root / "panels.ipynb")
    with serve("notebook", root, home) as (base, token):
        context = chromium.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        strangers: list[str] = []
        ours = (base, base.replace("http", "ws"), "data:", "blob:", "about:")
        page.on("request", lambda r: None if r.url.startswith(ours) else strangers.append(r.url))
        page.goto(f"{base}/notebooks/panels.ipynb?token={token}")
        cell = page.locator(".jp-CodeCell .cm-content").first
        cell.click()
        _await_kernel(page, f"{base}/api/kernels?token={token}")
        page.keyboard.press("Shift+Enter")
        page.get_by_role("tab", name="Send test").click()
        page.get_by_role("button", name="Send test", exact=True).locator("visible=true").click()
        expect(page.get_by_text("Accepted by 127.0.0.1")).to_be_visible()
        page.get_by_role("tab", name="Sink").click()
        row = page.locator(".smtp-lab-sessions tbody tr").first
        expect(row).to_contain_text("mail accepted")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "notebook7.png")
        context.close()
        assert strangers == []
