"""Postgrey: a greylist for Postfix."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from real.programs import Program, free_port, need_root, program


class Postgrey:
    """A Postgrey that lets a mail pass when it comes again after a second.

    Args:
        folder: An empty folder; nothing outside is written to.

    Attributes:
        port: Where Postfix asks.
    """

    def __init__(self, folder: Path) -> None:
        need_root()
        self._command = program("postgrey", "postgrey")
        self._folder = folder
        self.port = free_port()
        folder.chmod(0o777)

    def __enter__(self) -> Self:
        self._program = Program(
            *(self._command, f"--inet=127.0.0.1:{self.port}", f"--dbdir={self._folder}"),
            *("--delay=1", "--auto-whitelist-clients=0", "--hostname=mail.example.org"),
            *("--whitelist-clients=/dev/null", "--whitelist-recipients=/dev/null"),
            output=self._folder / "output",
        )
        self._program.wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._program.end()
