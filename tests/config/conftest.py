"""Whatever the config module says is wrong in these tests is in the catalogues of the panels."""

from __future__ import annotations

import pytest

from smtp_lab import errors
from smtp_lab.language import told, use_language
from smtp_lab.language.catalogues import texts


@pytest.fixture(autouse=True)
def _every_sentence_is_in_the_catalogues(monkeypatch):
    said: set[str] = set()
    build = errors.InputError.__init__

    def noting(self, *problems):
        said.update(text for one in problems for text in (one.problem, one.fix) if text)
        build(self, *problems)

    monkeypatch.setattr(errors.InputError, "__init__", noting)
    yield
    same = {text for text, translated in texts("de").items() if text == translated}
    use_language("de")
    try:
        unknown = [text for text in said if told(text) == text and text not in same]
    finally:
        use_language(None)
    assert unknown == [], "run python tests/catalogues.py; see tests/sentences.py"
