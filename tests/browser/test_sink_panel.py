"""The panel on the sink in a real JupyterLab: by mouse and keyboard, with real clients of the sink."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from itertools import count
from pathlib import Path

import pytest
from accessible import violations
from jupyter import Notebook
from place import Place
from playwright.sync_api import Locator, expect

pytestmark = pytest.mark.browser

_NUMBERS = count(1)
SETUP = """
import smtp_lab as lab
book = lab.ProfileBook.open("{book}")
panel = {show}
panel
"""
FIND = "s = panel.desk.sink; print(*([s.port, s.plain_port, s.ca_file] if s else []))"
# Run once with the others, it does nothing yet.
END = "ended = 'ended' in globals() and (panel.desk.sink.stop(), panel.close())"


class SinkTab(Place):
    """A panel on the sink in the first cell of a notebook."""

    def __init__(self, notebook: Notebook, show: str = "lab.SinkPanel(book=book)") -> None:
        number = next(_NUMBERS)
        book = notebook.root / f"sinkbook{number}.toml"
        cell = SETUP.format(book=book.name, show=show)
        notebook.write(cell, FIND, END, name=f"sink{number}.ipynb")
        super().__init__(notebook, 0)
        expect(self.place.locator(".smtp-lab-panel").first).to_be_attached()

    def rows(self) -> Locator:
        """The sessions in the table."""
        return self.place.locator(".smtp-lab-sessions tbody tr")

    def start(self, archive: str = "temporary: gone with the sink") -> None:
        """Start the sink with an archive of its own."""
        self.field("Archive").select_option(archive)
        self.button("Start sink").click()
        expect(self.said("The sink is running.")).to_be_visible()

    def where(self) -> tuple[int, int, str]:
        """The ports of the STARTTLS and the plain door, and the CA file."""
        self.notebook.rerun(1)
        wanted = re.compile(r"(\d+) (\d+) (\S+lab-ca\.pem)")
        expect(self.notebook.output(1)).to_contain_text(wanted)
        port, plain, ca_file = wanted.search(self.notebook.output(1).inner_text()).groups()
        return int(port), int(plain), ca_file

    def finish(self) -> None:
        """End the sink and what looks at it."""
        self.notebook.rerun(2)


@pytest.fixture
def tab(notebook: Notebook):
    """The panel alone, without a sink."""
    tab = SinkTab(notebook)
    yield tab
    tab.finish()


def _send(port: int, ca_file: str, user: str, password: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=ca_file))
        smtp.login(user, password)
        smtp.sendmail("ann@example.com", ["you@example.com"], "Subject: Hello\n\nHi.\n")


def test_from_start_to_stop(tab):
    """Started with one user; a mail and a bad login are sessions with their dialogue; stopped."""
    tab.field("Who may log in").select_option("only these users")
    tab.field("User name").fill("ann")
    password = tab.field("Password")
    password.fill("canary-61")
    password.press("Tab")
    tab.start()
    port, _plain, ca_file = tab.where()
    expect(tab.said(str(port))).to_be_visible()
    _send(port, ca_file, "ann", "canary-61")
    expect(tab.rows()).to_have_count(1)
    expect(tab.rows().first).to_contain_text("mail accepted")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        _send(port, ca_file, "ann", "canary-62")
    expect(tab.rows()).to_have_count(2)
    expect(tab.rows().first).to_contain_text("login refused: 535")
    numbers = tab.place.locator(".smtp-lab-numbers")
    expect(numbers).to_contain_text(re.compile(r"Messages\s*1.*Sessions\s*2.*Refused\s*1"))
    tab.rows().first.click()
    expect(tab.said("AUTH PLAIN ••••••")).to_be_visible()
    expect(tab.place.locator(".smtp-lab-replay tr", has_text="535").first).to_be_visible()
    tab.button("First line").click()
    expect(tab.said("Line 1 of")).to_be_visible()
    tab.button("Show as code").click()
    saved = tab.notebook.save()
    assert "application/vnd.jupyter.widget-state+json" in saved, "this would prove nothing"
    assert "canary-6" not in saved
    tab.button("Stop sink").click()
    expect(tab.said("The sink is stopped.")).to_be_visible()
    with pytest.raises(OSError, match=r"refused"):
        socket.create_connection(("127.0.0.1", port), 5)
    assert "canary-6" not in tab.notebook.save()


def test_a_taken_port(tab):
    """It is a sentence at the field, which gets the focus; with another port it starts."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        tab.field("Port").first.fill(str(taken))
        tab.field("Archive").select_option("temporary: gone with the sink")
        tab.button("Start sink").click()
        expect(tab.said(f"Port {taken} is already in use")).to_be_visible()
        field = tab.field("Port").first
        expect(field).to_have_attribute("aria-invalid", "true")
        field.fill("0")
        expect(field).not_to_have_attribute("aria-invalid", "true")
        tab.start()


def test_keyboard_alone_suffices(tab):
    """Start, the newest session, its dialogue and Stop, without a mouse."""
    keys = tab.page.keyboard
    tab.field("Archive").select_option("temporary: gone with the sink")
    tab.tab_to(tab.button("Start sink"), back=True, most=60)
    keys.press("Enter")
    expect(tab.said("The sink is running.")).to_be_visible()
    _port, plain, _ca = tab.where()
    for name in ("one.example.com", "two.example.com"):
        with smtplib.SMTP("127.0.0.1", plain, timeout=20) as smtp:
            smtp.ehlo(name)
    expect(tab.rows()).to_have_count(2)
    expect(tab.rows().first).to_contain_text("left without mail")
    tab.button("Stop sink").focus()
    tab.tab_to(tab.rows().first, most=60)
    keys.press("ArrowDown")
    expect(tab.rows().nth(1)).to_have_attribute("aria-selected", "true")
    expect(tab.said("EHLO one.example.com")).to_be_visible()
    expect(tab.rows().nth(1)).to_be_focused()
    tab.tab_to(tab.button("Stop sink"), back=True, most=60)
    keys.press("Space")
    expect(tab.said("The sink is stopped.")).to_be_visible()


def test_a_profile_and_settings_for_others(notebook):
    """Beside other panels: settings to copy, and a profile for the sink through which a test goes."""
    tab = SinkTab(notebook, 'lab.app(book, sink=lab.Sink(":temporary:").start())')
    tab.place.get_by_role("tab", name="Sink").click()
    tab.button("Connect a client").click()
    tab.field("Settings for").select_option("Django")
    expect(tab.said("EMAIL_HOST_USER")).to_be_visible()
    tab.field("Profile").fill("local")
    tab.button("Add a profile for it").click()
    expect(tab.said("Saved as local")).to_be_visible()
    tab.place.get_by_role("tab", name="Send test").click()
    tab.button("Send test").click()
    expect(tab.said("Accepted by 127.0.0.1")).to_be_visible()
    tab.place.get_by_role("tab", name="Sink").click()
    expect(tab.rows().first).to_contain_text("mail accepted")
    notebook.rerun(2)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(tab, axe, theme):
    """With all there is to see, in light and dark, wide and narrow."""
    tab.notebook.command("apputils:change-theme", theme=theme)
    name = theme.split()[1].lower()
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        tab.page.wait_for_timeout(400)
        shot = Path(__file__).parents[2] / f"build/screenshots/sink_{where}_{name}.png"
        tab.page.screenshot(path=shot)
        if wrong := violations(tab.page, axe, ".smtp-lab-panel"):
            found[where] = wrong

    tab.field("Who may log in").select_option("only these users")
    tab.field("Port").first.fill("many")
    tab.button("Start sink").click()
    expect(tab.said("is no whole number")).to_be_visible()
    look("settings")
    tab.field("Port").first.fill("0")
    tab.field("Who may log in").select_option("any name and password")
    tab.start()
    port, _plain, ca_file = tab.where()
    _send(port, ca_file, "ann", "open sesame")
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.recv(1000)
    expect(tab.rows()).to_have_count(2)
    tab.rows().last.click()
    expect(tab.said("All lines")).to_be_visible()
    look("sessions")
    tab.button("Connect a client").click()
    look("connect")
    tab.page.set_viewport_size({"width": 700, "height": 1000})
    look("narrow")
    tab.page.set_viewport_size({"width": 1280, "height": 1000})
    tab.notebook.command("apputils:change-theme", theme="JupyterLab Light")
    assert found == {}


@pytest.mark.parametrize(
    ("language", "archive", "start", "running"),
    [
        ("de", "temporär: mit der Senke weg", "Senke starten", "Die Senke läuft."),
        ("ja", "一時的: シンクとともに消えます", "シンクを開始", "シンクは実行中です。"),
    ],
)
def test_in_other_languages(notebook, language, archive, start, running):
    """The panel speaks German and Japanese, and works as it does in English."""
    show = f"lab.app(book, panels=['sink'], language={language!r})"
    tab = SinkTab(notebook, show)
    tab.place.locator("select").filter(has_text=archive).select_option(archive)
    tab.button(start).click()
    expect(tab.said(running)).to_be_visible()
    expect(tab.place.get_by_role("region").first).to_have_attribute("lang", language)
    notebook.rerun(2)
