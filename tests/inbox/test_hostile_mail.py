"""No mail, however hostile, stops a table, a search, a picture or an export."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from inbox.hostile import ATTACKS

MEGABYTES = 300
SECONDS = 2


@pytest.fixture(scope="module")
def results(request, tmp_path_factory):
    """What became of each attack."""
    if not hasattr(os, "fork"):
        pytest.skip("a child is made by fork, which this system does not have")
    folder, root = tmp_path_factory.mktemp("hostile"), request.config.rootpath
    for number, raw in enumerate(ATTACKS.values()):
        (folder / f"{number:03d}.eml").write_bytes(raw)
    run = subprocess.run(
        [sys.executable, str(root / "tests" / "inbox" / "everything.py"), str(folder)],
        capture_output=True,
        timeout=1800,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert run.returncode == 0, run.stderr.decode()[-3000:]
    return dict(zip(ATTACKS, (folder / f"{n:03d}" for n in range(len(ATTACKS))), strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_everything_survives(results, name):
    """Every public text, table, picture and export ends, and takes no more than a bound of memory.

    All of them together: 300 MB, and ten times the mail itself, which some write four times.

    Seconds are a bound against hanging: ten times what is promised, since a busy machine is slow.
    """
    said = results[name].with_suffix(".json")
    error = results[name].with_suffix(".error")
    assert said.exists(), error.read_text() if error.exists() else "it was ended: it took too long"
    found = json.loads(said.read_text())
    assert {label: took for label, took in found["took"].items() if took > 10 * SECONDS} == {}
    assert found["memory"] < MEGABYTES + 10 * len(ATTACKS[name]) / 2**20
    assert found["outside"] == []
    assert len({name.casefold() for name in found["files"]}) == len(found["files"])
