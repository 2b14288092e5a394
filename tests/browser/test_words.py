"""From a wrong input to a diagnosis, in German and in Japanese: no English sentence is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from english import in_english
from jupyter import Notebook
from playwright.sync_api import Locator, expect

from smtp_lab.language import told, told_problem, use_language
from smtp_lab.widgets.words import _

pytestmark = pytest.mark.browser

SETUP = """
import os
os.environ["SMTP_LAB_LANGUAGE"] = "{language}"
import smtp_lab as lab
sink = lab.Sink(":temporary:", users={{"ann": "open sesame"}}).start()
book = lab.ProfileBook.open("words_{language}.toml")
book.save(sink.profile("wrong", sender="bob@example.com").with_password("open barley"))
"""
SHOW = 'lab.ProfileForm(book["wrong"], book=book, to="carla@example.org")'


@pytest.fixture(params=["de", "ja"])
def language(request) -> Iterator[str]:
    """The language of the panel, and of what this test expects."""
    use_language(request.param)
    yield request.param
    use_language(None)


@pytest.fixture
def form(notebook: Notebook, language: str) -> Locator:
    notebook.write(SETUP.format(language=language), SHOW, name=f"words_{language}.ipynb")
    place = notebook.output(1)
    expect(place.locator(".smtp-lab-panel").first).to_be_attached()
    return place


def field(form: Locator, name: str) -> Locator:
    """The field that is called *name* in English."""
    return form.get_by_label(_(name), exact=True).locator("visible=true").first


def button(form: Locator, name: str) -> Locator:
    """The button that is called *name* in English."""
    return form.get_by_role("button", name=_(name), exact=True)


def english_in(form: Locator) -> list[str]:
    """What is English in the panel, folded or not."""
    return in_english(form.locator(".smtp-lab-panel").first.text_content() or "")


def test_a_wrong_input_is_told_at_its_field(form):
    """What is wrong with a host, a port, an address and a time stands below each."""
    button(form, "More settings").click()
    for name, typed, problem, fix in (
        (
            "Server",
            "smtp://mail",
            "'smtp://mail' is a URL",
            "give the bare name, such as smtp.example.com",
        ),
        (
            "Port",
            "x",
            "'x' is not a number",
            "give the provider's submission port, usually 587 or 465",
        ),
        ("Sender", "ann", "'ann' has no @", "give one address such as ann@example.com"),
        (
            "Timeout for an answer",
            "x",
            "should be a valid number, unable to parse string as a number",
            "",
        ),
    ):
        field(form, name).fill(typed)
        field(form, name).press("Tab")
        expect(form.get_by_text(told_problem(problem, fix)).first).to_be_visible()
    button(form, "Send test").click()
    assert english_in(form) == []
    form.scroll_into_view_if_needed()


def test_advice_and_guide_are_told(form):
    """What is odd about a profile, and how an account with a provider is set up."""
    button(form, "Settings from a provider").click()
    field(form, "Your address").fill("ann@gmail.com")
    field(form, "Your address").press("Tab")
    expect(
        form.get_by_text(
            told(
                "Copy the 16 letters at once: they are shown only this time. The spaces between them do not count."
            )
        )
    ).to_be_visible()
    button(form, "Fill in").click()
    expect(field(form, "Server")).to_have_value("smtp.gmail.com")
    field(form, "Port").fill("25")
    field(form, "Port").press("Tab")
    warned = "port 25 is for mail between servers: blocked on Google Cloud, discouraged on Azure and dropped by most home networks; use 587 or 465"
    expect(form.get_by_text(told(warned))).to_be_visible()
    assert english_in(form) == []


def test_a_refused_test_is_told(form):
    """The outcome, the diagnosis, the dialogue line by line, and where the time went."""
    button(form, "Send test").click()
    expect(form.get_by_text(told("User name or password was refused.")).first).to_be_visible()
    asks = told("The client says who it is and asks which extensions the server has.")
    expect(form.get_by_text(asks).first).to_be_attached()
    assert english_in(form) == []


def test_the_doctor_is_told(form):
    """Each stage, what was seen there, and the dialogue."""
    button(form, "Doctor").click()
    expect(form.get_by_text(told("The server greets as a mail server does.")).first).to_be_visible()
    for details in form.locator("details").all():
        details.evaluate("it => { it.open = true }")
    assert english_in(form) == []
