"""The pages name tests that are there, and their Python can be read."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import smtp_lab as lab

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = sorted(
    {
        name
        for path in PAGES
        for name in re.findall(r"`(tests/[\w/]+\.py(?:::\w+)*)`", path.read_text(encoding="utf-8"))
    }
)


@cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{item.name}"
                for item in node.body
                if isinstance(item, ast.FunctionDef)
            }
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


@pytest.mark.parametrize("name", NAMED)
def test_every_test_a_page_names_is_there(name):
    """A promise that names its test is held by it."""
    path, _, test = name.partition("::")
    tests = _tests_in(path)
    assert tests, f"{path} has no tests"
    assert not test or test in tests


def test_pages_name_tests():
    """The check above looks at something."""
    assert len(NAMED) > 60


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_links_and_python_of_a_page_are_sound(path):
    """Every linked file is there, and every Python example compiles."""
    text = path.read_text(encoding="utf-8")
    missing = [
        link
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)
        if not (path.parent / link).exists()
    ]
    assert missing == []
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if not block.startswith(">>>"):
            compile(block, str(path), "exec")


def test_the_floors_are_those_that_are_held():
    """CONTRIBUTING draws the floors from the top down as import-linter holds them."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = [
        {room.removeprefix("smtp_lab.") for room in floor.split(" | ")}
        for floor in rules["tool"]["importlinter"]["contracts"][0]["layers"]
    ]
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(cli\n.*?)```", page, re.DOTALL)[1]
    drawn = [
        set(re.split(r" {2,}", line, maxsplit=1)[0].split(" · ")) for line in block.splitlines()
    ]
    # The lowest has two lines in the drawing: what it is about does not fit into one.
    assert [*drawn[:-2], drawn[-2] | drawn[-1]] == held


@pytest.mark.parametrize(
    ("template", "field", "keys"),
    [
        ("report", "sections", {"heading", "text", "table", "chart", "alt"}),
        ("subscription", "tiles", {"label", "value", "change"}),
        ("receipt", "items", {"name", "quantity", "price"}),
    ],
)
def test_the_keys_of_a_templates_list_are_told(template, field, keys):
    """The table of what ships names the keys of each list, and the sample has no others."""
    page = (ROOT / "docs" / "composing.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{template}` |"))
    told = re.search(rf"`{field}` \(of each: (.*?)\)", row)[1]
    assert set(re.findall(r"`(\w+)`", told)) == keys
    assert {key for one in lab.Template.open(template).sample[field] for key in one} <= keys


def test_the_lines_of_the_accounts_page_run_as_written(sink):
    """The example of docs/accounts.md does what it says, up to sending through the real provider."""
    text = (ROOT / "docs" / "accounts.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].splitlines()
    assert lines[-1].startswith("lab.send(")
    names: dict[str, object] = {}
    exec("\n".join(lines[:-1]), names)
    book = names["book"]
    assert book.default == "team"
    assert book.for_activity("password_reset").password.reveal() == "…"
    message = lab.render("report", to="eve@example.net", title="t", summary="s")
    with pytest.raises(lab.InputError, match=r"does not allow eve@example\.net"):
        exec(lines[-1], names | {"message": message})


def test_every_field_of_an_account_is_in_the_table():
    """The page on accounts names each field of each model it speaks of."""
    page = (ROOT / "docs" / "accounts.md").read_text(encoding="utf-8")
    models = (
        *(lab.Profile, lab.SmtpConnection, lab.BasicAuth, lab.OAuth2, lab.GraphConnection),
        *(lab.Policy, lab.Contact),
    )
    fields = {name for model in models for name in model.model_fields} - {
        "type",
        "connection",
        "auth",
    }
    assert sorted(name for name in fields if f"`{name}`" not in page) == []
