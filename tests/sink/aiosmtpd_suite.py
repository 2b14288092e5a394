"""A pytest plugin that runs aiosmtpd's own tests against the sink's protocol class.

They ship with aiosmtpd. ``test_aiosmtpd.py`` starts them; to see one fail, say

    AIOSMTPD_SUITE=/tmp/outcomes.json PYTHONPATH=.:tests/sink \
        python -m pytest -p aiosmtpd_suite -c /dev/null --pyargs aiosmtpd.tests.test_smtp -k NAME
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import aiosmtpd.controller
import aiosmtpd.smtp
import pytest

from smtp_lab.sink.login import LoginEsmtp

PATIENCE = 30  # seconds a test may take


def _file_of(package: str, name: str) -> str:
    spec = importlib.util.find_spec(package)
    return str(Path(next(iter(spec.submodule_search_locations))) / name)


# All that they want of setuptools, which new Pythons come without.
sys.modules.setdefault("pkg_resources", SimpleNamespace(resource_filename=_file_of))


class Writer:
    """Stands where aiosmtpd has a stream writer, at which its tests look for the end."""

    def __init__(self, transport):
        self.transport = transport

    def close(self):
        self.transport.close()


class Ours(LoginEsmtp):
    """The sink's protocol without its doors, limits and record, which aiosmtpd knows nothing of.

    The prompts are meant to be set, and the tests are about aiosmtpd's.
    """

    AuthLoginUsernameChallenge = aiosmtpd.smtp.SMTP.AuthLoginUsernameChallenge
    AuthLoginPasswordChallenge = aiosmtpd.smtp.SMTP.AuthLoginPasswordChallenge

    def connection_made(self, transport):
        self._writer = Writer(transport)
        super().connection_made(transport)

    def connection_lost(self, error):
        super().connection_lost(error)
        self._writer.close()


aiosmtpd.smtp.SMTP = aiosmtpd.controller.SMTP = Ours

outcomes: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """End a test that waits for something that never comes."""

    def late(*_):
        raise TimeoutError(f"{item.name} took more than {PATIENCE} s")

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, late)
        signal.alarm(PATIENCE)
        try:
            return (yield)
        finally:
            signal.alarm(0)
    return (yield)


def pytest_runtest_logreport(report):
    """Remember how each test went; what fails in any of its parts has failed."""
    if report.failed or outcomes.get(report.nodeid) != "failed":
        outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish():
    """Leave the outcomes where they are asked for."""
    Path(os.environ["AIOSMTPD_SUITE"]).write_text(json.dumps(outcomes))
