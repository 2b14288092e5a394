"""What tests share that is no fixture."""

from __future__ import annotations

import os
import shutil

import pytest

NO_SKIP = os.environ.get("SMTP_LAB_NO_SKIP") == "1"


def need(tool: str, how: str) -> str:
    """Give the path of *tool*; without it skip the test, or fail where no test may be skipped."""
    found = shutil.which(tool)
    if found:
        return found
    reason = f"{tool} is not installed; {how}"
    if NO_SKIP:
        pytest.fail(f"{reason} (no test may be skipped here)")
    pytest.skip(reason)
