"""Which language is spoken to whoever reads."""

from __future__ import annotations

import locale
import os
from urllib.parse import parse_qs

from smtp_lab.errors import InputError

__all__ = ("LANGUAGES", "language", "use_language")

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
    if name is not None and name not in list(LANGUAGES):  # which may be anything
        fix = f"give one of {', '.join(LANGUAGES)}"
        raise InputError.of("language", f"{name!r} is not there", fix)
    _chosen[:] = [name] if name else []
