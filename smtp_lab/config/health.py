"""How each profile is doing: its last save, its last test and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from smtp_lab.config.paths import one_writer, write_private

__all__ = ("Health", "HealthFile")


@dataclass(frozen=True, slots=True)
class Health:
    """How a profile is doing. Times are ISO 8601 in UTC; empty where it never happened.

    Attributes:
        saved_at: When it was saved last.
        tested_at: When a test mail was sent last.
        ok: Whether that one was accepted; None when there was none, or when nobody knows because
            the answer to it was lost.
        diagnosis: Id of what went wrong, or empty.
        sentence: The outcome in a sentence.
    """

    saved_at: str = ""
    tested_at: str = ""
    ok: bool | None = None
    diagnosis: str = ""
    sentence: str = ""

    @property
    def warning(self) -> bool:
        """Whether a list should mark the profile: its last test failed, or may have."""
        return bool(self.tested_at) and self.ok is not True

    def __str__(self) -> str:
        if not self.tested_at:
            return "never tested"
        how = {True: "fine", False: "failed", None: "not known"}[self.ok]
        return f"{how} at {self.tested_at}: {self.sentence}"


class HealthFile:
    """Health by profile name, in a file beside the book. It holds no secret and may be deleted.

    Args:
        book: The path of the book.
    """

    def __init__(self, book: Path) -> None:
        self._book = book = Path(os.path.realpath(book))
        self.path = book.with_name(f"{book.stem}.health.json")

    def all(self) -> dict[str, Health]:
        """Every profile's health; a file that cannot be read counts as none."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: Health(**health) for name, health in data.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def get(self, name: str) -> Health:
        """The health of the profile called *name*."""
        return self.all().get(name, Health())

    def saved(self, *names: str) -> None:
        """Note that *names* were saved: what was tested before counts no longer."""
        self._change(
            lambda health: health.update({name: Health(saved_at=_now()) for name in names})
        )

    def tested(
        self, name: str, *, ok: bool | None, diagnosis: str = "", sentence: str = ""
    ) -> None:
        """Note what became of a test mail; *ok* is None where nobody knows."""

        def change(health: dict[str, Health]) -> None:
            before = health.get(name, Health())
            health[name] = replace(
                before, tested_at=_now(), ok=ok, diagnosis=diagnosis, sentence=sentence
            )

        self._change(change)

    def move(self, old: str, new: str | None) -> None:
        """Note that *old* is now called *new*, or is gone."""

        def change(health: dict[str, Health]) -> None:
            found = health.pop(old, None)
            if found is not None and new is not None:
                health[new] = found

        self._change(change)

    def _change(self, change: Callable[[dict[str, Health]], None]) -> None:
        # A note that cannot be kept is no reason to stop what it is about.
        with suppress(OSError), one_writer(self.path):
            if self.path.exists():
                self.path.read_bytes()  # one that may not be read is not replaced
            health = self.all()
            change(health)
            data = {name: asdict(one) for name, one in sorted(health.items())}
            write_private(self.path, json.dumps(data, indent=1).encode(), like=self._book)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
