"""What tests share that is no fixture."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

NO_SKIP = os.environ.get("NO_SKIPPED_TESTS") == "1"


def missing(what: str, how: str) -> NoReturn:
    """Skip the test for want of *what*, or fail where no test may be skipped."""
    reason = f"{what} is not installed; {how}"
    if NO_SKIP:
        pytest.fail(f"{reason} (no test may be skipped here)")
    pytest.skip(reason)


def need(tool: str, how: str) -> str:
    """Give the path of *tool*; without it the test is `missing` something."""
    return shutil.which(tool) or missing(tool, how)
