"""The page of settings says what the models say."""

from __future__ import annotations

import re

import pytest
from settings_docs import PAGE, page

from smtp_lab.config.environment import Overlay
from smtp_lab.config.secret_store import SecretStore
from smtp_lab.config.secrets import SECRET_FIELDS


def test_the_page_is_what_the_models_give():
    """docs/settings.md is up to date; ``python tests/settings_docs.py`` renews it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_field_has_a_meaning():
    """No row is without a meaning."""
    rows = [line for line in page().splitlines() if line.startswith(("| `", "| never"))]
    assert len(rows) > 40
    assert [row for row in rows if not row.split("|")[-2].strip()] == []


@pytest.mark.parametrize(
    "variable", sorted(set(re.findall(r"`(SMTP_LAB_PROFILES__TEAM__[A-Z_]+)`", page())))
)
def test_every_variable_on_the_page_is_heard(variable, monkeypatch):
    """A variable the page names gives a secret, or locks the field it names."""
    monkeypatch.setenv(variable, "given")
    path = variable.removeprefix("SMTP_LAB_").lower().split("__")
    if path[-1] in SECRET_FIELDS:
        assert SecretStore().get("team", "anywhere", path[-1]).reveal() == "given"
    else:
        assert Overlay().variable(*path) == variable
        assert Overlay().over({}) != {}
