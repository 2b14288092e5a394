"""Where the bundled sink is to take a mail and does not run, a panel says so and starts it."""

from __future__ import annotations

import pytest
from widgets.panels import press

import smtp_lab as lab
from smtp_lab.widgets.sink_offer import SinkOffer


@pytest.fixture
def app(tmp_path, monkeypatch):
    """All panels of somebody who has never used any of it."""
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
    app = lab.app(lab.ProfileBook.open(tmp_path / "fresh.toml"))
    yield app
    if app.desk.sink is not None:
        app.desk.sink.stop()
    app.close()


def _offered(panel) -> bool:
    return (
        "The bundled sink is not running" in panel.result.sentence.value
        and panel.result.fix_button.description == "Start sink"
        and panel.status.value == ""
    )


@pytest.mark.parametrize("name", ["send_test", "form", "compose"])
def test_the_first_click_of_a_newcomer_has_a_way_out(app, name):
    """With nothing but the built-in profile: one sentence, a button, and the mail can be sent."""
    panel = app.panels[name]
    press(panel, panel.send_button)
    assert _offered(panel)
    press(panel, panel.result.fix_button)
    assert app.desk.sink.running
    assert app.panels["sink"].stop_button.disabled is False
    assert panel.manners.target.startswith("smtp-lab-at-sending ")
    assert "now it can be sent" in panel.status.value
    press(panel, panel.send_button)
    assert panel.delivery.ok


@pytest.mark.parametrize("name", ["send_test", "form", "compose"])
def test_a_sink_that_was_stopped_is_started_again(app, name):
    """The authority of the sink is there from before, and nothing listens: it is the same sink."""
    panel, sinks = app.panels[name], app.panels["sink"]
    press(sinks, sinks.start_button)
    sink = app.desk.sink
    press(sinks, sinks.stop_button)
    press(panel, panel.send_button)
    assert _offered(panel)
    press(panel, panel.result.fix_button)
    assert app.desk.sink is sink
    assert sink.running


def test_the_doctor_offers_it_too(app):
    """With and without a certificate from before."""
    form, sinks = app.panels["form"], app.panels["sink"]
    press(form, form.doctor_button)
    assert _offered(form)
    press(sinks, sinks.start_button)
    press(sinks, sinks.stop_button)
    press(form, form.doctor_button)
    assert _offered(form)


def test_alone_it_is_offered_as_well(tmp_path, monkeypatch):
    """Without a Sink panel a sink with the usual settings is started."""
    monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
    panel = lab.SendTestPanel("lab", book=lab.ProfileBook.open(tmp_path / "fresh.toml"))
    press(panel, panel.send_button)
    press(panel, panel.result.fix_button)
    try:
        press(panel, panel.send_button)
        assert panel.delivery.ok
    finally:
        panel.desk.sink.stop()


def test_other_profiles_and_other_failures_are_told_as_they_are(app):
    """What is not the missing sink is not called so."""
    panel = app.panels["send_test"]
    offer = SinkOffer(panel, panel.result, panel.send_button)
    missing = lab.InputError.of("connection.ca_file", "cannot be read", "give another")
    assert offer.fits("lab", missing)
    assert not offer.fits("team", missing)
    assert not offer.fits("lab", lab.InputError.of("to", "is empty", "give one"))
    assert not offer.fits("lab", RuntimeError())


def test_no_button_leads_to_a_field_that_is_locked(app):
    """Of the built-in profile only the recipient of the test can be changed."""
    panel, form = app.panels["send_test"], app.panels["form"]
    app.desk.choose("lab")
    may = [panel.result._may_change, form.result._may_change]
    assert [ask("connection.port") for ask in may] == [False, False]
    assert [ask("to") for ask in may] == [True, True]
