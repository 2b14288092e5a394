"""Bring the catalogues of the panels up to date with the code: ``python tests/catalogues.py``."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WIDGETS = Path(__file__).parent.parent / "smtp_lab" / "widgets"
KEYWORDS = {"_": None, "N_": None, "n_": (1, 2)}


def in_the_code() -> Catalog:
    """Every text of the panels that is marked for translation."""
    found = Catalog()
    for _file, _line, message, _comments, _context in extract_from_dir(
        WIDGETS, [("**.py", "python")], keywords=KEYWORDS
    ):
        found.add(message)
    return found


def in_the_catalogue(language: str) -> Catalog:
    """The catalogue of *language* as it is committed."""
    with (WIDGETS / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Add what is new, take away what is gone, and leave translations as they are."""
    for path in sorted((WIDGETS / "locale").glob("*.po")):
        catalogue = in_the_catalogue(path.stem)
        catalogue.update(in_the_code(), no_fuzzy_matching=True)
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


if __name__ == "__main__":
    main()
