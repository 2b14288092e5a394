"""Run the notebooks: ``check`` compares with what is committed, ``renew`` keeps what came out.

Either runs copies in a home folder of their own, so that neither this checkout nor the mail and
profiles of whoever runs it are touched, and no path of a machine gets into an output.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _world(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMTP_LAB_", "XDG_"))}
    no_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return kept | no_keyring | {"HOME": str(home), "USERPROFILE": str(home)}


def check(home: Path, copies: list[Path]) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
    ]
    command += [
        "--nbval-sanitize-with",
        str(ROOT / "tests" / "sanitize.cfg"),
        "--rootdir",
        str(home),
    ]
    command += ["-c", os.devnull, *map(str, copies)]
    return subprocess.call(command, env=_world(home), cwd=home)


def renew(home: Path, copies: list[Path]) -> int:
    os.environ.update(_world(home))
    for original, copy in zip(NOTEBOOKS, copies, strict=True):
        notebook = nbformat.read(copy, as_version=4)
        # Widget state is never kept: what was typed into a form would be in it.
        client = NotebookClient(
            notebook, store_widget_state=False, resources={"metadata": {"path": str(home)}}
        )
        client.execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        title = {"title": notebook.metadata["title"]} if "title" in notebook.metadata else {}
        notebook.metadata = title | {"kernelspec": kernel}
        nbformat.write(notebook, original)
        print(f"renewed {original.relative_to(ROOT)}")  # noqa: T201  # a command line tool
    return 0


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="smtp-lab-notebooks-") as folder:
        home = Path(folder)
        copies = [Path(shutil.copy(path, home)) for path in NOTEBOOKS]
        return {"check": check, "renew": renew}[sys.argv[1]](home, copies)


if __name__ == "__main__":
    sys.exit(main())
