"""What the rooms below the panels say is found again in the catalogues, with its values in it."""

from __future__ import annotations

import pytest
from english import in_english

from smtp_lab.config import provider, providers
from smtp_lab.deliver.unknown import explain_unknown
from smtp_lab.facts import load
from smtp_lab.language import told, told_problem, use_language
from smtp_lab.transcript import Transcript, explain
from smtp_lab.transcript.line import Line

LANGUAGES = ("de", "ja")


@pytest.fixture(params=LANGUAGES)
def language(request):
    use_language(request.param)
    yield request.param
    use_language(None)


@pytest.fixture
def german():
    use_language("de")
    yield
    use_language(None)


def test_english_is_left_as_it_is():
    """Where the panels speak English nothing is looked up."""
    use_language("en")
    try:
        assert told("is empty") == "is empty"
        assert told_problem("is empty", "fill it in") == "is empty; fill it in."
    finally:
        use_language(None)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("is empty", "ist leer"),
        ("'a@b c' is a URL", "'a@b c' ist eine URL"),
        ("'x; y' is a URL", "'x; y' ist eine URL"),
        (
            "port 993 is for reading mail (IMAP), not for sending; use 587 or 465",
            "Port 993 ist zum Lesen von Mail (IMAP), nicht zum Senden; benutzen Sie 587 oder 465",
        ),
        ("Retry later.", "Versuchen Sie es später erneut."),
        (
            "Retry later. User name or password was refused.",
            "Versuchen Sie es später erneut. Benutzername oder Passwort wurde abgelehnt.",
        ),
        ("name: is missing; fill it in.", "name: fehlt; füllen Sie es aus."),
        (
            "4 messages to h:25, stopped after 1.50 s: 3 accepted, 1 unsent.",
            "4 Nachrichten an h:25, angehalten nach 1.50 s: 3 angenommen, 1 nicht gesendet.",
        ),
        ("token is logged in.", "token ist angemeldet."),
        ("No such sentence is anywhere", "No such sentence is anywhere"),
        ("", ""),
    ],
)
def test_sentences_with_values_are_found(german, english, expected):
    """A value stands in the translation as it stood in the sentence, whatever is in it."""
    assert told(english) == expected


def test_what_is_in_no_catalogue_stays_between_what_is(german):
    """Of several sentences those that are known are told."""
    assert told("Retry later. 550 go away.") == "Versuchen Sie es später erneut. 550 go away."


def test_very_long_text_is_left_alone(german):
    """What is longer than any sentence of ours is not searched through."""
    text = "Retry later. " * 1000
    assert told(text) == text


def test_a_problem_and_its_fix_make_a_sentence_of_that_language(language):
    """The two are joined as the language does it, and end with its full stop."""
    expected = {
        "de": "ist leer; geben Sie einen Text an.",
        "ja": "空です。テキストを指定してください。",
    }
    assert told_problem("is empty", "give a text") == expected[language]
    assert told_problem("'a' is not known", "did you mean 'b'?").endswith(
        "?" if language == "de" else "か?"
    )


def test_every_diagnosis_is_told(language):
    """Each pattern's meaning and remedy is found, alone and one after the other."""
    for entry in load("failures")["error"]:
        for text in (entry["meaning"], entry["remedy"]):
            assert told(text) != text
        both = f"{entry['meaning']} {entry['remedy']}"
        assert told(both).replace(" ", "").endswith(told(entry["remedy"]).replace(" ", ""))


def test_a_failure_that_is_not_in_the_book_is_told(german):
    """What only the code tells is put together from the catalogues."""
    meaning, _remedy, _again = explain_unknown("reply", "557 5.2.2 the moon is full")
    assert told(meaning) == (
        "Diese Antwort steht nicht im Verzeichnis; ihrem Code 557 nach sagt sie: Der Server lehnt ab; "
        "eine Wiederholung hilft nicht. 5.2.2: endgültig abgelehnt; das Postfach ist voll."
    )


def _lines() -> list[tuple[Line, Line | None]]:
    facts = load("dialogue")
    ehlo = Line("S", "250-mail.example.com", "ehlo", 0.0, tls=False)
    said = [Line("C", f"{verb} x", "mail", 0.0, tls=False) for verb in facts["command"]]
    said += [Line("C", f"AUTH {name} x", "auth", 0.0, tls=False) for name in facts["mechanism"]]
    said += [
        Line("C", f"MAIL FROM:<a@example.com> {name}=1", "mail", 0.0, tls=False)
        for name in facts["parameter"]
    ]
    said += [
        Line("S", f"{code[:3]} 5.1.1 no", code[4:] or "x", 0.0, tls=False)
        for code in facts["reply"]
        if len(code) > 2
    ]
    said += [Line("S", "334 VXNlcm5hbWU6", "auth", 0.0, tls=False)]
    after = [
        Line("S", f"250 {name}", "ehlo", 0.0, tls=False)
        for name in (*facts["extension"], "XFOO", "FOO")
    ]
    return [(line, None) for line in said] + [(line, ehlo) for line in after]


def test_every_line_of_a_dialogue_is_told(language):
    """Commands, replies with their codes, parameters, mechanisms and extensions."""
    for line, before in _lines():
        meaning = explain(line, before)
        assert meaning, line.text
        assert told(meaning) != meaning, meaning
        assert in_english(told(meaning)) == [], meaning


def test_a_dialogue_as_html_speaks_the_language(german):
    """Heads, captions and meanings of the table are told."""
    transcript = Transcript([Line("C", "QUIT", "quit", 0.0, tls=False)])
    shown = transcript.as_html(told)
    assert "Der Client verabschiedet sich." in shown
    assert "what it means" not in shown
    assert "Es verging keine Zeit." in transcript.waterfall().as_html(told)


def test_every_guide_is_told(language):
    """The guide of each provider, its dates and its limits."""
    for one in providers():
        shown = one.guide().as_html(told)
        assert in_english(shown) == [], one.id
        for step in one.guide().steps:
            assert told(step) != step, step


def test_advice_is_told_with_the_facts_in_it(german):
    """What a fact says inside an advice is told as well."""
    profile = provider("gmail").profile("x", user="ann@gmail.com").replace(sender="bob@example.com")
    shown = [told(one.text) for one in profile.advice()]
    assert any("App-Passwort mit 16 Buchstaben" in one for one in shown)
    assert any(one.startswith("der Empfänger sieht bob@example.com") for one in shown)
    assert [in_english(one) for one in shown if in_english(one)] == []
