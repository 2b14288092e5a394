"""Finding English where another language is spoken."""

from __future__ import annotations

import re

from catalogues import in_the_catalogue

from smtp_lab.language.catalogues import texts

_SHORTEST = 12  # letters; what is shorter may be in a word of another language


def in_english(shown: str) -> list[str]:
    """The parts of *shown* that are English texts of a catalogue, or the longest part of one."""
    said = dict(texts("de"))
    for message in in_the_catalogue("de"):
        if isinstance(message.id, str):
            said[message.id] = message.string
    found = []
    for english, german in said.items():
        part = max(re.split(r"\{\w*\}", english), key=len).strip(" .;:,")
        if len(part) > _SHORTEST and " " in part and part in shown and part not in german:
            found.append(part)
    return sorted(set(found))
