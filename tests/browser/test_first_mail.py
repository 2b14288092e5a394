"""The first notebook, used as a newcomer uses it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from jupyter import Notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FIRST = Path(__file__).parents[2] / "notebooks" / "01_first_mail.ipynb"
SINK, FORM, SEND, FRAME, PREVIEW = range(5)


@pytest.fixture
def first(notebook: Notebook) -> Notebook:
    """The first notebook, open and run from top to bottom."""
    shutil.copy(FIRST, notebook.root)
    notebook.open(FIRST.name)
    notebook.run_all()
    return notebook


def _fill(notebook: Notebook, label: str, text: str) -> None:
    field = notebook.output(FORM).get_by_label(label, exact=True)
    field = field.and_(notebook.page.locator("input:visible"))
    field.fill(text)
    field.press("Tab")


def test_from_the_form_to_the_preview(first):
    """Fill in the form, press Send test, and see the new row and the preview."""
    form = first.output(FORM)
    _fill(first, "Sender", "Berta Example <berta@example.com>")
    _fill(first, "Send test to", "carla@example.org")
    _fill(first, "Password", "whatever it takes")
    form.get_by_role("button", name="Send test").click()
    expect(form.get_by_role("status").filter(has_text="Accepted by 127.0.0.1")).to_be_visible()
    expect(form.get_by_text("AUTH PLAIN ••••••")).to_be_visible()

    first.rerun(FRAME)
    expect(
        first.output(FRAME).get_by_role("cell", name="berta@example.com", exact=True)
    ).to_be_visible()
    expect(first.output(FRAME).get_by_role("cell", name="[carla@example.org]")).to_be_visible()

    first.rerun(PREVIEW)
    frame = first.output(PREVIEW).locator("iframe")
    assert frame.get_attribute("sandbox") == ""
    inner = frame.content_frame.locator("iframe").content_frame
    expect(inner.get_by_role("heading", name="This is a test mail")).to_be_visible()
    expect(
        first.output(PREVIEW).get_by_text("Berta Example <berta@example.com>").first
    ).to_be_visible()
    form.scroll_into_view_if_needed()


def test_saving_writes_the_profile_without_the_password(first):
    """Save puts the profile into the book and says where; what was typed is in no file."""
    _fill(first, "Profile name", "berta")
    _fill(first, "Password", "canary-9f2c")
    first.output(FORM).get_by_role("button", name="Save").click()
    expect(first.output(FORM).get_by_text("Saved as berta")).to_be_visible()
    book = (first.root / "my_profiles.toml").read_text()
    assert "[profiles.berta]" in book
    assert "canary" not in book


def test_what_was_typed_as_password_is_in_no_saved_notebook(first):
    """Saved with widget state, before and after sending, the notebook has no trace of the password."""
    _fill(first, "Password", "canary-4d1e")
    typed = first.save()
    first.output(FORM).get_by_role("button", name="Send test").click()
    expect(first.output(FORM).get_by_role("status").filter(has_text="Accepted")).to_be_visible()
    sent = first.save()
    assert "application/vnd.jupyter.widget-state+json" in sent, (
        "the state was not saved: this test would prove nothing"
    )
    for text in (typed, sent):
        assert "canary" not in text
        assert "Y2FuYXJ5" not in text  # the same in base64


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Sender", "ann", "'ann' has no @"),
        ("Port", "70000", "70000 is not between 1 and 65535"),
        ("Port", "many", "'many' is not a number"),
        ("Server", "smtp://127.0.0.1", "is a URL"),
        ("Profile name", "my account", "is not a profile name"),
    ],
)
def test_a_bad_value_is_said_beside_its_field(first, label, value, sentence):
    """As soon as the field is left, one sentence stands under it."""
    _fill(first, label, value)
    expect(first.output(FORM).get_by_role("alert").filter(has_text=sentence)).to_be_visible()


def test_an_address_without_at_sends_nothing(first):
    """A bad recipient is refused before any connection, with the field named."""
    _fill(first, "Send test to", "carla")
    first.output(FORM).get_by_role("button", name="Send test").click()
    alerts = first.output(FORM).get_by_role("alert")
    expect(alerts.filter(has_text="'carla' has no @")).to_be_visible()
    expect(first.output(FORM).get_by_text("connecting to")).to_have_count(0)


def test_an_unknown_host_is_explained_and_the_password_asked_again(first):
    """Another server forgets the password; typed again, the failure is explained at the field."""
    form = first.output(FORM)
    _fill(first, "Server", "nowhere.invalid")
    expect(form.get_by_role("alert").filter(has_text="Type it again")).to_be_visible()
    _fill(first, "Password", "some password")
    form.get_by_role("button", name="Send test").click()
    expect(
        form.get_by_role("alert").filter(has_text="The host name does not exist").first
    ).to_be_visible()


def test_running_all_cells_again_is_fine(first):
    """A second run of the whole notebook ends without an error and keeps the same sink."""
    table = first.output(SINK).get_by_role("table", name="Sink")
    expect(table).to_be_visible()
    # Not inner_text: cells out of sight are there but not drawn.
    ports = re.findall(r"port (\d{4,5})", table.text_content())
    assert len(ports) == 3
    first.run_all()
    expect(first.outputs.locator(".jp-RenderedText[data-mime-type*='stderr']")).to_have_count(0)
    # Outputs are drawn anew as their cells end, so the page is given a moment.
    for port in ports:
        expect(table).to_contain_text(port)


def test_after_a_restart_the_mail_is_still_there(first):
    """Restarting the kernel stops the sink and loses no captured mail."""
    first.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    first.wait_idle()
    first.rerun(SINK)
    expect(first.output(SINK).get_by_role("row", name="State")).to_contain_text("running")
    count = int(first.output(SINK).get_by_role("row", name="Messages").inner_text().split()[-1])
    assert count >= 2
