"""One JupyterLab and one Chromium for all browser tests; a fresh page for each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessible import install
from jupyter import PATIENCE, SCREENSHOTS, Notebook, find_chromium, lab_server
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support import missing

WITH_STATE = {
    "@jupyterlab/notebook-extension:tracker": {},
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
}

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        missing("Chromium", "on Debian: apt-get install chromium, or set SMTP_LAB_CHROMIUM")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=quiet + ["--no-sandbox"] * root
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    root, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    # The state of widgets is saved: the hardest case for a form that must keep secrets out of it.
    with lab_server(root, home, WITH_STATE) as (base, token):
        yield base, token, root


@pytest.fixture
def page(
    chromium: Browser, server: tuple[str, str, Path], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A page that asks no other host for anything, which is checked at the end."""
    base = server[0]
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1000}, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    strangers: list[str] = []
    ours = (base, base.replace("http", "ws"), "data:", "blob:", "about:")
    page.on(
        "request", lambda asked: None if asked.url.startswith(ours) else strangers.append(asked.url)
    )
    # A request that the page's own policy stopped, or the rule that drawings of an SVG come from the
    # same origin, never left it.
    page.on(
        "requestfailed",
        lambda asked: (
            any(why in (asked.failure or "").lower() for why in ("csp", "origin"))
            and asked.url in strangers
            and strangers.remove(asked.url)
        ),
    )
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w-]+", "_", request.node.name)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    stumbled = page.get_by_text("Something went wrong that should not").count()
    context.close()
    assert not stumbled, "an error that nobody expected"
    assert strangers == [], "the page asked another host for something"


@pytest.fixture
def notebook(page: Page, server: tuple[str, str, Path]) -> Iterator[Notebook]:
    """A notebook in the page; the kernels it leaves behind are ended, so that none slows the next."""
    base, token, root = server
    yield Notebook(page, base, token, root)
    kernels = page.context.request.get(f"{base}/api/kernels?token={token}").json()
    for kernel in kernels:
        page.context.request.delete(f"{base}/api/kernels/{kernel['id']}?token={token}")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    return install(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def dark(notebook: Notebook) -> Iterator[None]:
    """The dark theme for one test."""
    yield
    notebook.command("apputils:change-theme", theme="JupyterLab Light")
