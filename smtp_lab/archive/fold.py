"""Text as it is searched: what only looks or is typed otherwise becomes the same."""

from __future__ import annotations

import re
import unicodedata

__all__ = ("fold", "fold_lines")

_PIECE = 1_000  # putting combining marks in order takes quadratic time (CPython's unicodedata)
# What shows nothing (Unicode's Default_Ignorable_Code_Point): soft hyphens, joiners, directions.
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def fold(text: str) -> str:
    """Give *text* in one line as it is searched.

    NFKC makes wide and composed letters plain ones, case folding (Unicode, section 5.18) takes
    ``ß`` for ``ss`` and ``Σ`` for ``ς``; what is not seen goes, and blanks become one space.
    """
    if text.isascii():
        return " ".join(text.lower().replace("\0", "\ufffd").split())
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return " ".join(" ".join(map(_folded, _IGNORED.sub("", text).split())).split())


def fold_lines(lines: list[str]) -> str:
    """Each of *lines* as it is searched, in a line of its own; nothing for those that are empty."""
    return "\n".join(filter(None, map(fold, lines)))


def _folded(word: str) -> str:
    if len(word) > _PIECE:
        pieces = (word[at : at + _PIECE] for at in range(0, len(word), _PIECE))
        return "".join(map(_folded, pieces))
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
