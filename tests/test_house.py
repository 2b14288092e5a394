"""The rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def test_every_test_says_in_a_sentence_what_it_holds():
    """Every test function has a docstring."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("path", sorted((ROOT / "smtp_lab").rglob("*.py")), ids=lambda p: p.name)
def test_modules_and_functions_stay_small(path):
    """No module has more than 400 lines and no function more than 60."""
    source = path.read_text(encoding="utf-8")
    long = [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > 60
    ]
    assert source.count("\n") <= 400
    assert long == []


def test_no_file_names_a_package_index_or_the_path_of_a_machine():
    """The project speaks only of itself."""
    # Put together from pieces, so that this file does not find itself.
    names = ["py" + r"pi\.org", "python" + "hosted", "registry\\.npm" + "js", "deb\\.deb" + "ian"]
    paths = ["/ro" + "ot/", "/ho" + "me/[a-z]", "/wo" + "rk/"]
    banned = re.compile("|".join(names + paths))
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part[:1] == "." or part in ("node_modules", "build")
            for part in path.relative_to(ROOT).parts[:-1]
        )
        and path.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".ipynb", ".json", ".cfg", ".js"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if banned.search(line)
    ]
    assert found == []
