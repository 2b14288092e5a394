"""The servers that `ingest.py` measures: one process each, ended by the end of its input.

Usage: python benchmarks/servers.py NAME FOLDER, where NAME is ``stock``, ``full``, ``normal``,
``full-asyncio`` or ``normal-asyncio``; or ``busy`` or ``idle`` and then ``thread`` or ``process``,
as ``busy-thread``. It prints the port it listens on.
"""

from __future__ import annotations

import sys
import threading
from typing import Any


def stock() -> None:
    """Run aiosmtpd as it comes, keeping messages in a list."""
    from aiosmtpd.controller import Controller

    class Keeping:
        def __init__(self) -> None:
            self.kept: list[object] = []

        async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802
            self.kept.append(envelope)
            return "250 OK"

    class Anywhere(Controller):
        def _trigger_server(self) -> None:
            """Connect to nothing: the port is known only now."""
            self._factory_invoked.set()
            self.smtpd = object()

    controller = Anywhere(Keeping(), hostname="127.0.0.1", port=0)
    controller.start()
    print(controller.server.sockets[0].getsockname()[1], flush=True)
    sys.stdin.read()


def sink(folder: str, synchronous: str, **settings: Any) -> None:
    """Run the sink, every message on disk."""
    import smtp_lab as lab

    archive = f"{folder}/mail.sqlite3"
    with lab.Sink(archive, synchronous=synchronous, **settings) as running:
        print(running.plain_port, flush=True)
        sys.stdin.read()


def notebook(folder: str, where: str, *, busy: bool) -> None:
    """Stand for a kernel with a sink, in a cell of which Python may be at work."""
    if busy:
        threading.Thread(target=_work, daemon=True).start()
    sink(folder, "FULL", process=where == "process")


def _work() -> None:
    n = 0
    while True:
        n += 1


def main() -> None:
    """Run the server that was asked for."""
    name, folder = sys.argv[1:]
    if name.endswith("-asyncio"):
        sys.modules["uvloop"] = None  # type: ignore[assignment]
    if name == "stock":
        stock()
    elif name.startswith(("busy-", "idle-")):
        notebook(folder, name[5:], busy=name.startswith("busy-"))
    else:
        sink(folder, "NORMAL" if "normal" in name else "FULL")


if __name__ == "__main__":
    main()
