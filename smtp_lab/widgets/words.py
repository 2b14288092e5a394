"""The words of the panels, in the language of whoever reads them."""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from smtp_lab.language import LANGUAGES, language, use_language

__all__ = ("LANGUAGES", "N_", "_", "language", "n_", "number", "use_language")

CATALOGUES = Path(__file__).parent / "locale"


def _(text: str) -> str:
    """*text* in the `language`."""
    return _catalogue(language()).gettext(text)


def n_(one: str, many: str, count: int) -> str:
    """*one* or *many*, as *count* asks for, in the `language`, with the count put in."""
    return _catalogue(language()).ngettext(one, many, count).format(n=number(count))


def number(count: int) -> str:
    """*count* with its thousands parted as the `language` does it: 24,562 or 24.562."""
    # German parts them with a full stop, as CLDR has it; Japanese with a comma, as English.
    return f"{count:,}".replace(",", "." if language() == "de" else ",")


def N_(text: str) -> str:  # noqa: N802  # the name gettext's tools look for
    """Mark *text* for the catalogues where it cannot be translated yet."""
    return text


@cache
def _catalogue(name: str) -> NullTranslations:
    # Catalogues are kept as text, which people can read and merge, and are compiled here.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with (CATALOGUES / f"{name}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)
