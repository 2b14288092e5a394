"""The words of the panels, in the language of whoever reads them."""

from __future__ import annotations

import io
import locale
import os
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from urllib.parse import parse_qs

from smtp_lab.errors import InputError

__all__ = ("LANGUAGES", "N_", "_", "language", "n_", "use_language")

CATALOGUES = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch", "ja": "日本語"}
"""The languages there are catalogues for, each by its own name."""

_chosen: list[str] = []


def language() -> str:
    """The language of the panels: what was chosen, else that of the environment, else English.

    On a page that Voilà serves, ``?language=`` in its address goes before all others.
    ``SMTP_LAB_LANGUAGE`` goes before the locale, which is what ``LANGUAGE``, ``LC_ALL``,
    ``LC_MESSAGES`` and ``LANG`` say, in the order gettext has.
    """
    if _chosen:
        return _chosen[-1]
    # As CGI has it (RFC 3875, 4.1.7); Voilà gives it to the kernel of each visitor.
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila/"):
        asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("language", [""])[0]
        if asked in LANGUAGES:
            return asked
    names = ("SMTP_LAB_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    wanted = next(filter(None, map(os.environ.get, names)), None) or locale.getlocale()[0] or ""
    for part in wanted.split(":"):
        if (short := part[:2].lower()) in LANGUAGES:
            return short
    return "en"


def use_language(name: str | None) -> None:
    """Make panels that are built from now on speak the language *name*; None asks the environment.

    Raises:
        InputError: There is no catalogue for it.
    """
    if name is not None and name not in LANGUAGES:
        fix = f"give one of {', '.join(LANGUAGES)}"
        raise InputError.of("language", f"{name!r} is not there", fix)
    _chosen[:] = [name] if name else []


def _(text: str) -> str:
    """*text* in the `language`."""
    return _catalogue(language()).gettext(text)


def n_(one: str, many: str, count: int) -> str:
    """*one* or *many*, as *count* asks for, in the `language`, with the count put in."""
    return _catalogue(language()).ngettext(one, many, count).format(n=f"{count:,}")


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
