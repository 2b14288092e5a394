"""No mail, however hostile, stops a table, a search, a picture or an export."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inbox.hostile import ATTACKS, LARGE, MOST, PAGES

MEGABYTES = 300
SECONDS = 2
MAILS = {
    **ATTACKS,
    **{
        f"page: {name}": b"From: a@example.com\nContent-Type: text/html; charset=utf-8\n\n"
        + html.encode("utf-8", "replace")
        for name, html in PAGES.items()
    },
    **{f"large: {name}": raw for name, raw in LARGE.items()},
}


@pytest.fixture(scope="module")
def results(request, tmp_path_factory):
    """What became of each mail."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux tells a process what it has held at the most")
    folder, root = tmp_path_factory.mktemp("hostile"), request.config.rootpath
    for number, raw in enumerate(MAILS.values()):
        (folder / f"{number:03d}.eml").write_bytes(raw)
    run = subprocess.run(
        [sys.executable, str(root / "tests" / "inbox" / "everything.py"), str(folder)],
        capture_output=True,
        timeout=1800,
        check=False,
        # What the C library keeps for the next act is not what this one holds.
        env=os.environ | {"PYTHONPATH": str(root), "MALLOC_MMAP_THRESHOLD_": "1048576"},
    )
    assert run.returncode == 0, run.stderr.decode()[-3000:]
    for path in folder.glob("*.eml"):
        path.unlink()
    return dict(zip(MAILS, (folder / f"{n:03d}" for n in range(len(MAILS))), strict=True))


@pytest.mark.parametrize("name", MAILS)
def test_everything_survives(results, name):
    """Every public text, table, picture, check and export ends within 300 MB of memory.

    So it does with as large a mail as a sink takes by default. What is promised is 2 seconds too:
    here it is ten times that, of the processor, since a busy machine is slow.
    """
    said, error = results[name].with_suffix(".json"), results[name].with_suffix(".error")
    assert said.exists(), error.read_text() if error.exists() else "it was ended: it took too long"
    found = json.loads(said.read_text())
    acts = found["acts"]
    assert {act: each["took"] for act, each in acts.items() if each["took"] > 10 * SECONDS} == {}
    assert {act: each["memory"] for act, each in acts.items() if each["memory"] > MEGABYTES} == {}
    assert found["outside"] == []
    assert len({name.casefold() for name in found["files"]}) == len(found["files"])


def test_the_large_ones_are_large():
    """They are as large as a sink takes by default, or all but."""
    assert {name for name, raw in LARGE.items() if not 0.5 * MOST < len(raw) <= MOST} == set()
