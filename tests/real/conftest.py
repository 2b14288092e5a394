"""The real servers: started once, when a test first asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from real.everything import Servers, all_servers


@pytest.fixture(scope="session")
def _servers() -> Iterator[Servers]:
    with all_servers() as servers:
        yield servers


@pytest.fixture
def real(_servers: Servers) -> Servers:
    """The real servers, their logs marked: a test reads what was written since it began."""
    _servers.postfix.begin()
    _servers.dovecot.log.mark()
    _servers.provider.asked.clear()
    return _servers
