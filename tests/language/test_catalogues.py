"""What is said below the panels is in the catalogues, translated whole, with its codes as they are."""

from __future__ import annotations

import re

import pytest
from catalogues import below_the_panels, in_the_catalogue

from smtp_lab.language.catalogues import DOMAINS, LOCALE

LANGUAGES = ("de", "ja")
EVERY = [(domain, language) for domain in DOMAINS for language in LANGUAGES]
# What is the same in both languages: names of things, and texts that are nothing else.
SAME = {
    *("Message-ID", "OAuth 2.0", "{keyword}: {fact}", "{name}: {fact}"),
    *("requests: Proxies, https://requests.readthedocs.io/", "{about} ok: {text}"),
    *("{about} ?: {text}", "{about} BAD: {text}"),
}
SAME_IN = {
    "de": {"Name", "Server", "Client", "Token", "Version", "name", "server", "client", "token"}
    | {"version", "{code}: {refused}.", "{code}: {refused}; {said}.", "{tally} {state}"}
    | {"{fact} ({source}).", "Links ({places})"},
    "ja": set(),
}
# Words in capitals that are English and no names, and so are translated.
PLAIN = {"AND", "ID", "NICHT", "NOT", "OR", "OS", "VALUE"}


@pytest.mark.parametrize(("domain", "language"), EVERY)
def test_no_text_is_missing(domain, language):
    """Each catalogue has every text of the facts or the code, translated, and none that is gone."""
    wanted = {message.id for message in below_the_panels(domain) if message.id}
    there = texts(domain, language)
    assert {message.id for message in there} == wanted, (
        "run python tests/catalogues.py, and translate what is new"
    )
    assert [m.id for m in there if m.fuzzy or not m.string.strip()] == []


@pytest.mark.parametrize(("domain", "language"), EVERY)
def test_what_is_put_into_a_text_is_put_into_its_translation(domain, language):
    """Gaps, codes, commands, addresses and names of options are in both, as they are."""
    wrong = {}
    for message in texts(domain, language):
        ours, theirs = fixed(message.id), fixed(message.string)
        added = {one for one in theirs - ours if one.lower() not in message.id.lower()}
        if lost_or_added := (ours - theirs) | added:
            wrong[message.id] = lost_or_added
    assert wrong == {}


@pytest.mark.parametrize(("domain", "language"), EVERY)
def test_nothing_is_left_in_english_by_accident(domain, language):
    """A translation that is the English text is one of a listed few."""
    same = {message.id for message in texts(domain, language) if message.id == message.string}
    assert same <= SAME | SAME_IN[language]


@pytest.mark.parametrize("domain", DOMAINS)
def test_japanese_is_written_in_japanese(domain):
    """A Japanese text has Japanese letters, and its sentences end as they do there."""
    for message in texts(domain, "ja"):
        if message.string in (message.id, "{endpoint} ({security})", "profiles: {problem}"):
            continue
        assert re.search(r"[ぁ-んァ-ヶ一-龠]|[。、]", message.string), message.id
        if message.id.endswith(".") and not message.id.endswith(("...", "SG....", "…")):
            assert message.string.endswith(("。", "。)", "。」")), message.id


def texts(domain: str, language: str) -> list:
    """The messages of a catalogue, without its head."""
    return [message for message in in_the_catalogue(language, LOCALE / domain) if message.id]


def fixed(text: str) -> set[str]:
    """What stands in *text* that no translation changes."""
    text = re.sub(r"(?<=\d)[.,](?=\d{3}\b)", "", text)  # thousands are parted differently
    found = set(re.findall(r"\{[\w-]+\}|https?://[^\s()、。;]*[\w/=]", text))
    text = re.sub(r"https?://\S+", " ", text)
    found |= set(
        re.findall(r"(?<![\w{.])[A-Za-z]*\w*[_@]\w+(?:\.\w+)*|\w+\(\)|--\w+", text, re.ASCII)
    )
    found |= set(
        re.findall(
            r"(?<![\w.{])(?:[A-Z]{2,}[A-Z0-9]*|\d\.\d+\.\d+|\d{3,})(?![\w}])", text, re.ASCII
        )
    )
    return found - PLAIN
