"""Real Jupyter kernels, and programs that hold a sink until they are killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Self

from jupyter_client.manager import KernelManager

HOLDER = """
import sys, json, time
import smtp_lab as lab
sink = lab.Sink(sys.argv[1], process=sys.argv[2] == "process").start()
server = sink._server
pid = server._process.pid if hasattr(server, "_process") else 0
print(json.dumps({"port": sink.port, "tls_port": sink.tls_port, "plain_port": sink.plain_port,
                  "child": pid, "archive": sink.archive.name}), flush=True)
exec(sys.argv[3]) if len(sys.argv) > 3 else None
print("done", flush=True)
time.sleep(120)
"""


class Holder:
    """A program that holds a sink.

    Args:
        where: The archive of the sink.
        mode: ``thread`` or ``process``.
        more: Python that it runs then.
    """

    def __init__(self, where: object, mode: str = "process", more: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(where), mode, more],
            stdout=subprocess.PIPE,
            text=True,
        )
        vars(self).update(json.loads(self.process.stdout.readline()))
        assert self.process.stdout.readline() == "done\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def alive(pid: int) -> bool:
    """Whether there is such a process, one that has ended and was not buried left out."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Kernel:
    """A Jupyter kernel as a notebook has it."""

    def __init__(self, **environment: str) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(env=os.environ | environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, code: str) -> str:
        """Send a cell; give its number."""
        number: str = self.client.execute(code)
        return number

    def outcome(self, number: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a cell has ended; give what it printed, and its error."""
        end = time.monotonic() + seconds
        found: dict[str, Any] = {"text": "", "error": ""}
        while True:
            with contextlib.suppress(queue.Empty):
                message = self.client.get_iopub_msg(timeout=1)
                if message["parent_header"].get("msg_id") == number:
                    content = message["content"]
                    match message["msg_type"]:
                        case "stream":
                            found["text"] += content["text"]
                        case "execute_result":
                            found["text"] += content["data"]["text/plain"]
                        case "error":
                            found["error"] = content["ename"]
                        case "status" if content["execution_state"] == "idle":
                            return found
            assert time.monotonic() < end, f"the cell did not end: {found}"

    def run(self, code: str) -> str:
        """Run a cell, which must not fail; give what it printed."""
        outcome = self.outcome(self.begin(code))
        assert not outcome["error"], outcome
        text: str = outcome["text"]
        return text

    def ask(self, code: str) -> Any:
        """The value of an expression."""
        return json.loads(self.run(f"import json; print(json.dumps({code}))"))

    def end(self) -> None:
        """End it, however it is doing."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def kernel(**environment: str) -> Iterator[Kernel]:
    """A kernel for a while."""
    running = Kernel(**environment)
    try:
        yield running
    finally:
        running.end()
