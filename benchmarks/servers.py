"""The servers that `ingest.py` measures: one process each, ended by the end of its input.

Usage: python benchmarks/servers.py NAME FOLDER; prints the port it listens on.
"""

from __future__ import annotations

import sys


def stock(_folder: str) -> None:
    """Aiosmtpd as it comes, keeping messages in a list."""
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


def sink(folder: str, synchronous: str) -> None:
    """The sink, every message on disk."""
    import smtp_lab

    with smtp_lab.Sink(f"{folder}/mail.sqlite3", synchronous=synchronous) as running:
        print(running.plain_port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    if name.endswith("-asyncio"):
        sys.modules["uvloop"] = None  # type: ignore[assignment]
    if name == "stock":
        stock(folder)
    else:
        sink(folder, "NORMAL" if "normal" in name else "FULL")
