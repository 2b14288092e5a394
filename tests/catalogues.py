"""Bring the catalogues up to date with code and facts: ``python tests/catalogues.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from sentences import sentences

from smtp_lab.facts import load
from smtp_lab.inbox.checks.options import client_data
from smtp_lab.language.catalogues import DOMAINS, LOCALE

HOUSE = Path(__file__).parent.parent / "smtp_lab"
WIDGETS = HOUSE / "widgets"
KEYWORDS = {"_": None, "N_": None, "n_": (1, 2)}

# What of the facts is shown to people: by file, the paths to it. "*" is every name or number.
FACTS = {
    "failures": ("error.*.meaning", "error.*.remedy"),
    "dialogue": (
        *("command.*", "mechanism.*.text", "prompt.*", "parameter.*.text", "reply.*"),
        *("extension.*.text", "request.*", "status.*"),
    ),
    "codes": ("class.*", "enhanced.*", "http.*", "oauth.*.text"),
    "providers": (
        *("provider.*.guide.*", "provider.*.dated.*.fact", "provider.*.limits.*"),
        *("provider.*.username", "provider.*.password", "provider.*.from_rule"),
        "provider.*.precondition",
    ),
}


def in_the_code() -> Catalog:
    """Every text of the panels that is marked for translation."""
    found = Catalog()
    for _file, _line, message, _comments, _context in extract_from_dir(
        WIDGETS, [("**.py", "python")], keywords=KEYWORDS
    ):
        found.add(message)
    return found


def below_the_panels(domain: str) -> Catalog:
    """Every text of the facts, or every sentence that code below the panels says."""
    found = Catalog()
    for text in sorted(in_the_facts() if domain == "facts" else sentences(HOUSE)):
        found.add(text)
    return found


def in_the_facts() -> set[str]:
    """Every text of the facts that people are shown and that has a word in it."""
    texts = {
        text
        for name, paths in FACTS.items()
        for path in paths
        for text in _at(load(name), path.split("."))
    }
    texts |= set(_of_clients())
    return {text for text in texts if re.search(r"[a-z]{2}", text)}


def _of_clients() -> Iterator[str]:
    """What the usual checks quote of a mail client that lacks what a mail is built on."""
    for feature in client_data()["features"].values():
        for numbers in feature["not"].values() if feature["breaks"] else ():
            notes = (feature["notes"].get(number, "") for number in numbers.split())
            yield from (note.rstrip(".") for note in notes)


def _at(facts: Any, path: list[str]) -> Iterator[str]:
    if not path:
        if isinstance(facts, str):
            yield facts
        return
    first, *rest = path
    if isinstance(facts, list):
        children = facts if first == "*" else []
    else:
        children = facts.values() if first == "*" else [facts[first]] if first in facts else []
    for child in children:
        yield from _at(child, rest)


def in_the_catalogue(language: str, folder: Path = WIDGETS / "locale") -> Catalog:
    """The catalogue of *language* as it is committed."""
    with (folder / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def bring_up_to_date(folder: Path, wanted: Catalog) -> None:
    """Add what is new, take away what is gone, and leave translations as they are."""
    for path in sorted(folder.glob("*.po")):
        catalogue = in_the_catalogue(path.stem, folder)
        catalogue.update(deepcopy(wanted), no_fuzzy_matching=True)  # which takes over its messages
        catalogue.obsolete.clear()
        if path.stem == "en":  # what the code says is English
            for message in catalogue:
                message.string = message.id
        with path.open("wb") as file:
            write_po(
                file, catalogue, no_location=True, omit_header=True, sort_output=True, width=100
            )
        header = (
            f'msgid ""\nmsgstr ""\n"Language: {path.stem}\\n"\n'
            '"Content-Type: text/plain; charset=utf-8\\n"\n'
            f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
        )
        path.write_text(header + path.read_text(encoding="utf-8").lstrip(), encoding="utf-8")


def main() -> None:
    """Bring every catalogue up to date."""
    bring_up_to_date(WIDGETS / "locale", in_the_code())
    for domain in DOMAINS:
        bring_up_to_date(LOCALE / domain, below_the_panels(domain))


if __name__ == "__main__":
    main()
