"""A folder for an archive that nobody wants to keep."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

__all__ = ("TemporaryFolder",)


class TemporaryFolder:
    """A folder that is removed with the last who holds this object, or at the program's end.

    A forked process has a copy of the object, and leaves the folder alone.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="smtp-lab-"))
        weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
