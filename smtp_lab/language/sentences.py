"""A finished English sentence in the language of whoever reads it.

Below the panels everything is English: people search the web for what an exception says. A panel
gives what it shows to `told`, which finds the sentence in the catalogues. Those with values in them
stand there with gaps, ``{host} is a URL``; what fills a gap is told as well, where it is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from smtp_lab.language.catalogues import texts
from smtp_lab.language.choice import language

__all__ = ("told", "told_problem")

_GAP = re.compile(r"\{(\w+)\}")
_SENTENCE_ENDS = re.compile(r"(?<=[.?!]) ")
_FIELD = re.compile(r"([a-z_][\w.]*): (.+)", re.DOTALL)
_ENDS = ("?", "\N{FULLWIDTH QUESTION MARK}", "。")
_WORDS = {"about", "failed", "listed", "refused", "stage", "state", "title", "what", "words"}
"""Gaps that are filled with one word of ours; elsewhere a single word is a name or a number."""
_VALUES = {"tally": r"[\d,]+", "source": "[^()]+", "places": r"[\d.,… ]+"} | dict.fromkeys(
    ("code", "keyword", "security", "size"), r"\S+"
)
"""What fits a gap, where that is not anything."""
_NAMES = {"source", "element", "programs"}
"""Gaps that are filled with names, which are never told."""
_WORDS_OF_ITS_OWN = 4  # letters outside the gaps
_LONGEST = 4_000  # characters; what is longer is no sentence of ours
_LONGEST_PROBLEM = 400  # characters of a problem that are shown
_BETWEEN = {"ja": ("", "。", "。")}
"""What stands between sentences, between a problem and its fix, and at the end."""


def told(text: str, name: str | None = None) -> str:
    """*text* in a language; as it is, where it is in no catalogue.

    Args:
        text: English, as the rooms below the panels say it: one or more sentences, or a part of
            one that stands alone.
        name: One of `LANGUAGES`, for what is read by somebody else than whoever sits at the
            panels; by default the `language` of these.
    """
    name = name or language()
    if name == "en" or not text:
        return text
    if len(text) > _LONGEST:
        return text
    book = _book(name)
    found = book.known(text)
    if found is None:
        parts = _SENTENCE_ENDS.split(text)
        return " ".join(book.known(part) or part for part in parts)
    return found


def told_problem(problem: str, fix: str = "") -> str:
    """The sentence that a problem and its fix make, in the `language`."""
    _between, semicolon, stop = _between_of(language())
    if len(problem) > _LONGEST_PROBLEM:  # with what was typed in it
        problem = f"{problem[: _LONGEST_PROBLEM // 2]} … {problem[-_LONGEST_PROBLEM // 2 :]}"
    sentence = f"{told(problem)}{f'{semicolon}{told(fix)}' if fix else ''}"
    return sentence if sentence.endswith(_ENDS) else f"{sentence}{stop}"


def _between_of(name: str) -> tuple[str, str, str]:
    return _BETWEEN.get(name, (" ", "; ", "."))


@dataclass(frozen=True, slots=True)
class _Template:
    """A sentence with gaps.

    Attributes:
        pattern: What fits it.
        needle: The longest part that is no gap: what does not hold it need not be tried.
        says: The translation.
        loose: Whether it has next to no words of its own, so that it fits nearly anything: it
            counts where the longest value is known.
    """

    pattern: re.Pattern[str]
    needle: str
    says: str
    loose: bool

    @classmethod
    def of(cls, text: str, says: str) -> _Template:
        pieces = _GAP.split(text)
        fixed, names = pieces[::2], pieces[1::2]
        letters = re.findall(r"[^\W\d_]", "".join(fixed))
        loose = len(letters) < _WORDS_OF_ITS_OWN and not fixed[0][:1].isalpha()
        pattern = re.escape(fixed[0])
        for name, after in zip(names, fixed[1:], strict=True):
            pattern += f"(?P<{name}>{_VALUES.get(name, '.+?')}){re.escape(after)}"
        return cls(re.compile(pattern, re.DOTALL), max(fixed, key=len), says, loose)


def _put_into(text: str, values: dict[str, str]) -> str:
    """*text* with its gaps filled; other braces in it are only braces."""
    return _GAP.sub(lambda gap: values[gap[1]], text)


class _Book:
    """The texts of one language, to be found by what is said in English."""

    def __init__(self, name: str) -> None:
        self._between, self._semicolon, self._stop = _between_of(name)
        self._texts = texts(name)
        with_gaps = [text for text in self._texts if _GAP.search(text)]
        # What has more words of its own says more: it is tried first.
        with_gaps.sort(key=lambda text: -len(_GAP.sub("", text)))
        self._templates = [_Template.of(text, self._texts[text]) for text in with_gaps]

    def known(self, text: str) -> str | None:
        """*text* told, or None where nothing in the catalogues is like it."""
        return self._known(text, {})

    def _known(self, text: str, seen: dict[str, str | None]) -> str | None:
        if text not in seen:
            seen[text] = None  # a sentence is no part of itself
            seen[text] = (
                self._texts.get(text)
                or self._in_two(text, seen)
                or self._filled(text, seen)
                or self._clauses(text, seen)
                or self._listed(text, seen)
            )
        return seen[text]

    def _in_two(self, text: str, seen: dict[str, str | None]) -> str | None:
        """One sentence after another, each of them known."""
        for end in reversed(list(_SENTENCE_ENDS.finditer(text))):
            first = self._known(text[: end.start()], seen)
            if first and (rest := self._known(text[end.end() :], seen)):
                return f"{first}{self._between}{rest}"
        return None

    def _filled(self, text: str, seen: dict[str, str | None]) -> str | None:
        """A sentence with values in it, best one all of whose longer values are known."""
        partly = None
        for template in self._templates:
            match = template.pattern.fullmatch(text) if template.needle in text else None
            if match is None:
                continue
            given = match.groupdict()
            values = {
                name: self._known(value, seen) if " " in value or name in _WORDS else None
                for name, value in given.items()
            }
            said = [name for name in values if name not in _NAMES]
            if template.loose and not values[max(said, key=lambda one: len(given[one]))]:
                continue
            filled = {name: values[name] or value for name, value in given.items()}
            found = _put_into(template.says, filled)
            if all(values[name] or " " not in given[name] for name in said):
                return found
            partly = partly or found
        return partly

    def _clauses(self, text: str, seen: dict[str, str | None]) -> str | None:
        """A problem and its fix, as `smtp_lab.errors.Problem` puts them together."""
        if text.endswith("."):
            found = self._known(text[:-1], seen)
            return f"{found}{self._stop}" if found else None
        for end in re.finditer("; ", text):
            first = self._known(text[: end.start()], seen)
            if first and (rest := self._known(text[end.end() :], seen)):
                return f"{first}{self._semicolon}{rest}"
        if match := _FIELD.fullmatch(text):
            found = self._known(match[2], seen)
            return f"{match[1]}: {found}" if found else None
        return None

    def _listed(self, text: str, seen: dict[str, str | None]) -> str | None:
        """Several things with commas between them, each of them known."""
        parts = [self._known(part, seen) for part in text.split(", ")]
        known = [part for part in parts if part]
        return ", ".join(known) if len(known) == len(parts) > 1 else None


@cache
def _book(name: str) -> _Book:
    return _Book(name)
