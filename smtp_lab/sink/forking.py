"""What becomes of a sink in a process that is forked off the one it runs in.

A copy of a listening socket keeps the port, and a client that connects to it waits for ever; a copy
of a client's connection keeps that client from seeing its end. So the copies are let go of.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress

__all__ = ("FORKED", "let_go", "release")

_DESCRIPTORS = "/dev/fd"


FORKED = "The sink runs in the process this one was forked from"


def let_go(descriptors: Iterable[int]) -> None:
    """Let go of this process's copies of what *descriptors* stand for.

    The numbers stay taken, by something harmless: objects that know them may close them once more.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for number in descriptors:
        os.dup2(null, number)
    os.close(null)


def release(*ports: int) -> None:
    """Let go of this process's copies of sockets bound to *ports*, those accepted there, too."""
    found = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  # numbers, and no paths
        with suppress(OSError, ValueError):
            number = int(name)
            sock = socket.socket(fileno=number)
            try:
                bound = sock.getsockname()
            finally:
                sock.detach()
            if sock.family in (socket.AF_INET, socket.AF_INET6) and bound[1] in ports:
                found.append(number)
    let_go(found)
