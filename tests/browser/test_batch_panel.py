"""The panel on a batch, pressed as a person presses it: start, stop in the middle, resume."""

from __future__ import annotations

import re

import pytest
from jupyter import Notebook
from playwright.sync_api import Locator, expect

pytestmark = pytest.mark.browser

COUNT = 300
# A server that takes its time, so that there is a middle; it counts what it has accepted.
SERVER = f"""
import asyncio, socket
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from aiosmtpd.controller import Controller
import smtp_lab as lab

class Slow:
    kept = Counter()
    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(0.02)
        self.kept[message_from_bytes(envelope.content)["Subject"]] += 1
        return "250 2.0.0 Ok"

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = Controller(Slow(), hostname="127.0.0.1", port=port)
server.start()

def mail(number):
    message = EmailMessage()
    message["To"], message["Subject"] = "bob@example.org", f"mail {{number}}"
    message.set_content("hi")
    return message

connection = lab.SmtpConnection(host="127.0.0.1", port=port, security="none")
profile = lab.Profile(name="ann", sender="ann@example.com", connection=connection)
batch = lab.Batch([mail(number) for number in range({COUNT})], profile, connections=2)
"""
PANEL, TELL = 1, 2
TOLD = 'print("kept", len(Slow.kept), "twice", sum(n > 1 for n in Slow.kept.values()), "state", batch.outcomes.counts)'


@pytest.fixture
def panel(notebook: Notebook) -> Locator:
    notebook.write(SERVER, "lab.BatchPanel(batch)", TOLD, name="batch.ipynb")
    return notebook.output(PANEL)


def done(panel: Locator) -> int:
    """How many the panel says are done."""
    said = panel.get_by_role("status").first.inner_text()
    found = re.fullmatch(r"(\d+) of 300 done", said)
    assert found, said
    return int(found[1])


def tells(notebook: Notebook, text: str) -> None:
    """Ask the kernel what the server has, and wait for *text*."""
    notebook.rerun(TELL)
    expect(notebook.output(TELL)).to_contain_text(text)


def test_stop_in_the_middle_and_resume(notebook, panel):
    """Stop ends it soon with what was sent told; Resume sends the rest, and nothing twice."""
    start = panel.get_by_role("button", name="Start")
    expect(panel.get_by_role("status").first).to_have_text("0 of 300 done")
    start.click()
    stop = panel.get_by_role("button", name="Stop")
    expect(panel.get_by_role("status").first).to_have_text(re.compile(r"[1-9]\d* of 300 done"))
    stop.click()
    resume = panel.get_by_role("button", name="Resume")
    expect(resume).to_be_enabled()
    expect(panel.get_by_text("stopped after")).to_be_visible()
    before = done(panel)
    assert 0 < before < COUNT
    # Stopped means stopped: nothing more has gone when one looks again.
    for _ in range(2):
        counts = f"{{'accepted': {before}, 'unsent': {COUNT - before}}}"
        tells(notebook, f"kept {before} twice 0 state {counts}")
        assert done(panel) == before

    resume.click()
    expect(panel.get_by_text("300 of 300 messages were accepted")).to_be_visible()
    assert done(panel) == COUNT
    expect(resume).to_be_disabled()
    tells(notebook, f"kept {COUNT} twice 0 state {{'accepted': {COUNT}}}")
    panel.scroll_into_view_if_needed()


def test_the_bar_follows(notebook, panel):
    """The progress bar has a name, moves, and is full in the end."""
    panel.get_by_role("button", name="Start").click()
    bar = panel.locator(".progress-bar")
    expect(bar).not_to_have_attribute("style", re.compile(r"width: 0%"))
    expect(panel.get_by_text("300 of 300 messages were accepted")).to_be_visible()
    expect(bar).to_have_attribute("style", re.compile(r"width: 100%"))
    expect(bar).to_have_class(re.compile("success"))
