"""Catalogues as they are kept: texts in gettext's format, which people can read and merge."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ("DOMAINS", "LOCALE", "texts")

LOCALE = Path(__file__).parent / "locale"
DOMAINS = ("facts", "sentences")
"""What is said below the panels: what the facts in TOML say, and what the code says."""


@cache
def texts(language: str) -> dict[str, str]:
    """What is said in English, of all domains, with how it is said in *language*."""
    from babel.messages.pofile import read_po

    found: dict[str, str] = {}
    for domain in DOMAINS:
        with (LOCALE / domain / f"{language}.po").open("rb") as file:
            found |= {m.id: m.string for m in read_po(file, locale=language) if m.id and m.string}
    return found
