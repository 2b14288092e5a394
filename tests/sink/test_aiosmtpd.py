"""aiosmtpd's own tests, run against the sink's protocol; what differs, differs on purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import aiosmtpd
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DIFFERS = tomllib.loads((HERE / "aiosmtpd_differs.toml").read_text())["differs"]
# Left out are those of aiosmtpd's command line, of its event loops, and of the PROXY protocol.
MODULES = ("handlers", "lmtp", "server", "smtp", "smtps", "smtpsmuggling", "starttls")


THEIRS = Path(aiosmtpd.__file__).parent / "tests"


def run(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The outcome of each of aiosmtpd's tests with these names, by its name."""
    outcomes = folder / "outcomes.json"
    path = os.pathsep.join([str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "aiosmtpd_suite"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={THEIRS}"]
    done = subprocess.run(
        [*command, *(str(THEIRS / name) for name in names)],
        cwd=folder,
        env=os.environ | {"AIOSMTPD_SUITE": str(outcomes), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: some failed
    return json.loads(outcomes.read_text())


@pytest.fixture(scope="module")
def failed(tmp_path_factory) -> set[str]:
    """aiosmtpd's tests that fail; one that fails by surprise may try again, by itself."""
    folder = tmp_path_factory.mktemp("aiosmtpd")
    outcomes = run(folder, [f"test_{module}.py" for module in MODULES])
    assert len(outcomes) > 350  # they were found
    failing = {name for name, outcome in outcomes.items() if outcome == "failed"}
    known = {name for group in DIFFERS for name in group["tests"]}
    # They wait fixed fractions of a second for things to happen, too short on a busy machine.
    for _ in range(2):
        if surprising := failing - known:
            again = run(folder, sorted(surprising))
            failing -= {name for name, outcome in again.items() if outcome == "passed"}
    return failing


def test_nothing_differs_by_accident(failed):
    """Each of aiosmtpd's tests passes, or is in the table with its reason."""
    assert failed - {name for group in DIFFERS for name in group["tests"]} == set()


def test_what_is_said_to_differ_does(failed):
    """A test in the table that passes has no business there."""
    assert {name for group in DIFFERS for name in group["tests"]} - failed == set()


def test_the_page_says_why():
    """docs/aiosmtpd.md gives each reason and the number of tests it stands for."""
    page = " ".join((ROOT / "docs" / "aiosmtpd.md").read_text().split())
    for group in DIFFERS:
        assert f"| {' '.join(group['why'].split())} | {len(group['tests'])} |" in page
