"""What every test gets: folders of its own, no stray settings, and sinks that end with the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgres import Postgres, running

import smtp_lab as lab
from smtp_lab.config.secret_store import KERNEL

settings.register_profile("default", deadline=None, max_examples=100)
settings.load_profile("default")


@pytest.fixture(scope="session")
def lab_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the lab CA of this run: making an authority takes a moment."""
    return tmp_path_factory.mktemp("lab-data")


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, lab_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("SMTP_LAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SMTP_LAB_DATA", str(lab_data))
    monkeypatch.setenv("SMTP_LAB_CONFIG", str(tmp_path / "book.toml"))
    # Where keyring is installed, no test touches the keyring of whoever runs it.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    yield
    KERNEL.clear()
    # What earlier tests saved or sent must not slow the next one down.
    (lab_data / "throttle.sqlite3").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run's own."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an archive that is not there yet, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mail.sqlite3'}"
    url: str = request.getfixturevalue("postgres").new()
    return url


@pytest.fixture
def new_sink(tmp_path: Path) -> Iterator[Callable[..., lab.Sink]]:
    """new_sink(**settings) gives a running sink with an archive of its own."""
    made: list[lab.Sink] = []

    def make(archive: str | Path | None = None, **settings: object) -> lab.Sink:
        where = archive if archive is not None else tmp_path / f"mail{len(made)}.sqlite3"
        made.append(lab.Sink(where, **settings).start())
        return made[-1]

    yield make
    for sink in made:
        sink.stop()
        sink.archive.close()


@pytest.fixture
def sink(new_sink: Callable[..., lab.Sink]) -> lab.Sink:
    """A running sink that knows one user, ann, whose password is "open sesame"."""
    return new_sink(users={"ann": "open sesame"})
