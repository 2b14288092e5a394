"""The text part that is made from the HTML of a mail, within the bounds of a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from smtp_lab.compose.budget import TooMuchError, budget
from smtp_lab.compose.html import text_of, without_marked

__all__ = ("text_part",)

# What is laid out at once cannot be stopped by the clock; the tables of frames are not part of it.
_MOST_MARKS = 100_000  # beginnings and ends of elements
_MOST_LINKS = 10_000  # a line with ever more of them is copied for each
_LINK = re.compile(r"<a\s", re.IGNORECASE)


def text_part(page: str, tables: Sequence[Callable[[], str]]) -> str:
    """What `smtp_lab.compose.html.text_of` makes of *page*, taken from the budget that is spent.

    Raises:
        InputError: The HTML cannot be read, or a table is too large.
        TooMuchError: It takes too long, or would be too long.
    """

    def counted(as_text: Callable[[], str]) -> Callable[[], str]:
        def made() -> str:
            budget().look()
            text = as_text()
            budget().write(len(text))
            return text

        return made

    budget().look()
    own = without_marked(page)
    if own.count("<") > _MOST_MARKS or sum(1 for _ in _LINK.finditer(own)) > _MOST_LINKS:
        raise TooMuchError("it has too many elements to be made a text")
    text = text_of(page, [counted(one) for one in tables])
    budget().look()
    return text
