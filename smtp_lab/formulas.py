"""Texts that a spreadsheet would run when it opens them as cells (OWASP, "CSV Injection")."""

from __future__ import annotations

import re

__all__ = ("guarded", "guarded_for_csv")

# Wide forms count, too.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(f"^[\\s\u200b\ufeff]*[{_SIGNS}\t\r]")
# Where a program that parts cells by something else than commas would begin one; the quotes
# around a text do not keep it from that, as they stand at the beginning of no cell there.
# A whole run at once, with a sign or without: looked for from each place of it, it takes too long.
_INSIDE = {
    separator: re.compile(f'([{others}\t\r\n][\\s{others}"\u200b\ufeff]*)([{_SIGNS}]?)')
    for separator, others in ((",", ";"), ("\t", ",;"))
}


def guarded(text: str) -> str:
    """*text* with an apostrophe before it where it would be a formula; for a sheet's own cells."""
    return f"'{text}" if _FORMULA.match(text) else text


def guarded_for_csv(text: str, separator: str = ",") -> str:
    """*text* with an apostrophe before each formula in it.

    A file of cells parted by commas is opened by some programs as if they were parted by
    semicolons or tabs, one parted by tabs also by commas, and there a cell begins in the middle
    of a text.

    Args:
        text: What stands in a cell.
        separator: What parts the cells, a comma or a tab.
    """
    return guarded(_INSIDE[separator].sub(_parted, text))


def _parted(found: re.Match[str]) -> str:
    return f"{found[1]}'{found[2]}" if found[2] else found[1]
