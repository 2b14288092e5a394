"""environment.yml says what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
ELSEWHERE = {"playwright": "playwright-python"}  # what conda-forge calls it
BY_PIP = {"dkimpy", "pyspf"}  # come with the project itself, which pip installs


def _split(spec: str) -> tuple[str, str]:
    name = re.match(r"[A-Za-z0-9_.-]+", spec.strip())[0]
    # conda-forge has no extras: what psycopg[binary] adds is in its package.
    floor = re.sub(r"^\[[a-z,]+\]", "", spec.strip()[len(name) :].replace(" ", ""))
    name = name.lower().replace("_", "-")
    return ELSEWHERE.get(name, name), floor


def test_environment_and_project_name_the_same_packages_with_the_same_floors():
    """Both lists hold the same names and floors."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [
        spec for extra in project["project"]["optional-dependencies"].values() for spec in extra
    ]
    wanted = dict(
        map(
            _split,
            [*project["project"]["dependencies"], *extras, *project["dependency-groups"]["test"]],
        )
    )
    assert set(wanted) >= BY_PIP
    wanted = {name: floor for name, floor in wanted.items() if name not in BY_PIP}
    wanted["python"] = project["project"]["requires-python"]
    lines = (ROOT / "environment.yml").read_text().partition("dependencies:")[2].splitlines()
    listed = dict(_split(line[4:]) for line in lines if re.match(r"  - [a-z0-9-]+( |$)", line))
    assert listed.pop("pip") == ""
    assert listed == wanted


def test_constraints_pin_every_dependency_without_an_address():
    """Each requirement has one exact version, and no line says where to get it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", line) for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    groups = project["dependency-groups"]
    needed = [
        *project["project"]["dependencies"],
        *groups["test"],
        *(s for s in groups["dev"] if isinstance(s, str)),
    ]
    assert {
        re.match(r"[A-Za-z0-9_.-]+", spec)[0].lower().replace("_", "-") for spec in needed
    } <= pinned
