"""The web page of `smtp-lab app`: a real Voilà in a real Chromium, on this machine only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from accessible import install, violations
from jupyter import PATIENCE, SCREENSHOTS
from playwright.sync_api import Browser, Page, expect

import smtp_lab as lab

pytestmark = pytest.mark.browser

SMTP_LAB = str(Path(sys.executable).parent / "smtp-lab")


@dataclass
class Served:
    """A page that is served."""

    url: str
    process: subprocess.Popen
    home: Path

    def kernels(self) -> int:
        """How many kernels there are."""
        return sum("ipykernel_launcher" in " ".join(line) for line in _lines(self.process.pid))


def _lines(pid: int) -> list[list[str]]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            found.append(child.cmdline())
        except psutil.Error:
            continue  # it has just ended
    return found


def _start(home: Path, *options: str) -> Served:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("SMTP_LAB_", "JUPYTER", "XDG_"))
    }
    kept |= {"HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    command = [SMTP_LAB, "app", "--no-browser", "--json", "--port", "0", *options]
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=home, env=kept, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    line = process.stdout.readline()
    assert line, (home / "log.txt").read_text()
    return Served(json.loads(line)["url"], process, home)


def _stop(served: Served) -> None:
    if served.process.poll() is None:
        served.process.send_signal(signal.SIGINT)
    served.process.wait(60)


@pytest.fixture(scope="module")
def served(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One page for all tests that leave it running."""
    home = tmp_path_factory.mktemp("home")
    served = _start(home)
    yield served
    _stop(served)


@pytest.fixture
def visit(chromium: Browser, request) -> Iterator[Callable[..., Page]]:
    """visit(url, …) gives a page with the panels in sight, which asks no other host for anything."""
    pages: list[Page] = []
    strangers: list[str] = []

    def open_page(url: str, query: str = "", width: int = 1280, **more) -> Page:
        base = url.partition("?")[0].rstrip("/")
        context = chromium.new_context(
            viewport={"width": width, "height": 1000}, reduced_motion="reduce", **more
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        ours = (base, base.replace("http", "ws"), "data:", "blob:", "about:")
        page.on("request", lambda r: None if r.url.startswith(ours) else strangers.append(r.url))
        page.goto(url + query)
        expect(page.locator(".smtp-lab-panel:visible")).to_be_visible()
        pages.append(page)
        return page

    yield open_page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for n, page in enumerate(pages):
        if not page.is_closed():
            page.screenshot(path=SCREENSHOTS / f"{request.node.name}_{n}.png")
            _leave(page)
        page.context.close()
    assert strangers == [], "the page asked another host for something"


def _leave(page: Page) -> None:
    """Close it as a person does: it can still say good-bye."""
    with page.expect_event("close"):
        page.close(run_before_unload=True)


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def _until(found: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.2)


def test_a_test_is_sent_and_seen(served, visit):
    """It looks like a page, not like a notebook; a test goes to the sink, which shows its session."""
    page = visit(served.url)
    expect(page).to_have_title("smtp_lab")
    expect(page.get_by_role("heading", name="smtp_lab", exact=True)).to_be_visible()
    assert "import smtp_lab" not in page.content()
    assert "token" not in page.locator("body").inner_text()
    _tab(page, "Send test")
    page.get_by_role("button", name="Send test", exact=True).locator("visible=true").click()
    expect(page.get_by_text("Accepted by 127.0.0.1")).to_be_visible()
    _tab(page, "Sink")
    rows = page.locator(".smtp-lab-sessions tbody tr")
    expect(rows.first).to_contain_text("mail accepted")
    rows.first.click()
    expect(page.get_by_text("AUTH PLAIN ••••••").locator("visible=true")).to_be_visible()


def test_every_visitor_has_a_kernel_and_all_share_the_book(served, visit):
    """Two pages are two kernels; a profile one saves is in the other; who leaves takes his along."""
    _until(lambda: served.kernels() == 0)
    first, second = visit(served.url), visit(served.url)
    assert served.kernels() == 2
    _tab(first, "Sink")
    first.get_by_role("button", name="Connect a client").click()
    first.get_by_label("Profile", exact=True).locator("visible=true").fill("shared")
    first.get_by_role("button", name="Add a profile for it").click()
    expect(first.get_by_text("Saved as shared")).to_be_visible()
    reload = second.get_by_role("button", name="Reload").locator("visible=true")
    reload.click()
    expect(second.locator("[data-name='shared']")).to_be_visible()
    _leave(first)
    _until(lambda: served.kernels() == 1)


def test_the_language_is_chosen_on_the_page(served, visit):
    """A link in the header leads to the same page in German, and that in Japanese."""
    page = visit(served.url)
    for language, form in (("de", "Profilformular"), ("ja", "プロファイル フォーム")):
        page.locator(f".smtp-lab-page-head a[lang='{language}']").click()
        expect(page.get_by_role("tab", name=form)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator(f".smtp-lab-page-head a[lang='{language}']")).to_have_attribute(
            "aria-current", "true"
        )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 700), ("light", 400)])
def test_axe_finds_nothing_serious(served, visit, tmp_path_factory, scheme, width):
    """In light and dark, as the system has it, and nothing is wider than the page."""
    axe = install(tmp_path_factory.mktemp("axe"))
    page = visit(served.url, width=width, color_scheme=scheme)
    expect(page.locator("body")).to_have_attribute(
        "data-jp-theme-light", str(scheme == "light").lower()
    )
    found = {}
    for tab in ("Profiles", "Profile form", "Send test", "Sink"):
        _tab(page, tab)
        page.wait_for_timeout(300)
        page.screenshot(path=SCREENSHOTS / f"page_{tab}_{scheme}_{width}.png".replace(" ", "_"))
        if wrong := violations(page, axe, "body"):
            found[tab] = wrong
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found == {}


def test_nobody_gets_in_without_the_token(served):
    """Without it there is no page, no kernel and no file; the server is on loopback alone."""
    base = served.url.partition("?")[0]
    before = served.kernels()
    for path in ("", "api/kernels", "voila/files/01_first_mail.ipynb"):
        status, url = _get(base + path)
        assert status in (403, 404) or "/login" in url
    assert served.kernels() == before
    children = psutil.Process(served.process.pid).children()
    listening = [
        c.laddr.ip for child in children for c in child.net_connections() if c.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}
    token = served.url.partition("token=")[2]
    assert not any(token in " ".join(line) for line in _lines(served.process.pid))


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.url
    except urllib.error.HTTPError as error:
        return error.code, error.url


def test_ctrl_c_ends_all_of_it(visit, chromium, tmp_path):
    """Server, kernels and sinks are gone, the ports free, and what was captured is kept."""
    served = _start(tmp_path, "--language", "de")
    try:
        page = visit(served.url)
        expect(page.get_by_role("tab", name="Senke")).to_be_visible()
        _tab(page, "Test senden")
        page.get_by_role("button", name="Test senden").locator("visible=true").click()
        expect(page.get_by_text("Angenommen von 127.0.0.1")).to_be_visible()
        family = psutil.Process(served.process.pid).children(recursive=True)
        assert len(family) >= 3
    finally:
        _stop(served)
    assert served.process.returncode == 0
    assert (tmp_path / "log.txt").read_text().endswith("stopped\n")
    _gone, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(served.url, timeout=5)
    data = tmp_path / ".local" / "share" / "smtp_lab" / "mail.sqlite3"
    kept = lab.Inbox.open(data)
    assert len(kept) == 1
    kept.archive.close()


def test_mistakes_are_one_sentence(tmp_path):
    """A language there is not, and a port that is none."""
    for options, said in (
        (["--language", "fr"], "language: 'fr' is not there"),
        (["--port", "70000"], "Port 70000 is not between 0 and 65535."),
    ):
        done = subprocess.run(
            [SMTP_LAB, "app", "--no-browser", *options],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
