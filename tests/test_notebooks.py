"""What is committed of the notebooks: outputs, and nothing that should not be seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_notebooks():
    """The tests below look at something."""
    assert NOTEBOOKS


@each
def test_every_code_cell_was_run(path):
    """nbval compares nothing in a cell that was never run."""
    cells = [cell for cell in _read(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in cells if not cell["execution_count"]] == []
    assert any(cell["outputs"] for cell in cells)


@each
def test_no_widget_state_is_kept(path):
    """Widget state is where a form's contents would end up."""
    assert "widgets" not in _read(path)["metadata"]


@each
def test_the_outputs_show_no_password(path):
    """The passwords in the source are examples; the outputs hold none of them."""
    outputs = json.dumps([cell.get("outputs", []) for cell in _read(path)["cells"]])
    assert "open sesame" not in outputs
    assert "open barley" not in outputs


@each
def test_a_notebook_stays_small(path):
    """A notebook is read in a diff, so it stays below 200 kB."""
    assert path.stat().st_size < 200_000
