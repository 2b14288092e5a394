"""The panels speak English, German and Japanese, and no text is missing."""

from __future__ import annotations

import ast
import re

import pytest
from catalogues import HOUSE, KEYWORDS, in_the_catalogue, in_the_code

import smtp_lab as lab
from smtp_lab.widgets import words
from smtp_lab.widgets.profile_form import ProfileForm

# What is the same in both languages.
SAME = {
    "de": {"China", "Client", "Cloud", "Codes ({n})", "HTML", "Journal", "Links ({n})"}
    | {"Microsoft Graph", "Name", "Pause", "Port", "Region", "Server", "Text"},
    "ja": {"HTML", "Microsoft Graph"},
}


@pytest.fixture(autouse=True)
def _no_language(monkeypatch):
    for name in ("SMTP_LAB_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    words.use_language(None)


def _ids(catalogue) -> set:
    return {message.id for message in catalogue if message.id}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_text_is_missing(language):
    """Each catalogue has every text of the panels, translated, and none that is gone."""
    catalogue = in_the_catalogue(language)
    assert _ids(catalogue) == _ids(in_the_code())
    assert [m.id for m in catalogue if m.id and (m.fuzzy or not all(_strings(m)))] == []


@pytest.mark.parametrize("language", SAME)
def test_nothing_is_left_in_english_by_accident(language):
    """A translation that is the English text is one of a listed few."""
    same = {message.id for message in in_the_catalogue(language) if message.id == message.string}
    assert same - {""} <= SAME[language]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_translation_has_the_same_gaps(language):
    """What is put into a text is put into its translation."""
    for message in in_the_catalogue(language):
        wanted = _gaps(message.id[0] if isinstance(message.id, tuple) else message.id)
        assert all(_gaps(text) == wanted for text in _strings(message)), message.id


def test_the_language_is_a_setting_then_the_locale_then_english(monkeypatch):
    """The setting goes before the locale; a language nobody translated is English."""
    assert words.language() == "en"
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert words.language() == "ja"
    monkeypatch.setenv("SMTP_LAB_LANGUAGE", "de")
    assert words.language() == "de"
    monkeypatch.setenv("SMTP_LAB_LANGUAGE", "xx")
    assert words.language() == "en"
    words.use_language("ja")
    assert words.language() == "ja"


def test_a_language_that_is_not_there_is_one_sentence():
    """app(language=...) names those there are."""
    with pytest.raises(lab.InputError, match="give one of en, de, ja"):
        lab.app(language="fr")


@pytest.mark.parametrize(
    ("language", "labels"),
    [("de", ("Absender", "Passwort", "Port")), ("ja", ("差出人", "パスワード", "ポート"))],
)
def test_fields_are_called_what_administrators_know(language, labels):
    """Names of fields are those of mail programs in that language."""
    words.use_language(language)
    form = ProfileForm()
    shown = {form.fields[key].description for key in form.rows}
    assert set(labels) <= shown


def test_numbers_go_with_their_words():
    """One field and several are said differently where the language does so."""
    words.use_language("de")
    assert words.n_("{n} profile", "{n} profiles", 1) == "1 Profil"
    assert words.n_("{n} profile", "{n} profiles", 3) == "3 Profile"
    words.use_language("ja")
    assert words.n_("{n} profile", "{n} profiles", 3) == "プロファイル 3 件"


def _strings(message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def _gaps(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text or ""))


def test_on_a_page_of_voila_the_address_says_the_language(monkeypatch):
    """?language= goes before the settings there, where it names one; elsewhere it means nothing."""
    monkeypatch.setenv("SMTP_LAB_LANGUAGE", "de")
    monkeypatch.setenv("QUERY_STRING", "token=x&language=ja")
    assert words.language() == "de"
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert words.language() == "ja"
    monkeypatch.setenv("QUERY_STRING", "language=fr")
    assert words.language() == "de"


def test_no_text_is_marked_inside_an_f_string():
    """What collects the texts does not look into f-strings: such a text would be in no catalogue."""
    hidden = [
        f"{file.name}:{call.lineno}: {ast.unparse(call)}"
        for file in HOUSE.rglob("*.py")
        for text in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for call in _marked(text)
    ]
    assert hidden == []


def test_every_text_that_is_marked_is_collected():
    """Each text given to _() or n_() anywhere is one of those that are to be translated."""
    collected = {text for one in _ids(in_the_code()) for text in ([one], one)[type(one) is tuple]}
    marked = {
        text.value
        for file in HOUSE.rglob("*.py")
        for call in _marked(ast.parse(file.read_text(encoding="utf-8")))
        for text in call.args
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    }
    assert len(marked) > 100
    assert marked <= collected


def test_thousands_are_parted_as_the_language_does_it():
    """German has a full stop where English and Japanese have a comma."""
    shown = {}
    for name in words.LANGUAGES:
        words.use_language(name)
        shown[name] = words.n_("{n} message found.", "{n} messages found.", 24562)
    assert shown["en"] == "24,562 messages found."
    assert "24.562" in shown["de"]
    assert "24,562" in shown["ja"]


def _marked(tree: ast.AST) -> list[ast.Call]:
    """Every call of _(), n_() or N_() in *tree*."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [one for one in calls if getattr(one.func, "id", "") in KEYWORDS]
