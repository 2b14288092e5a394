"""The servers of this process: which there are, and that a process forked off it has none."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Protocol

from smtp_lab.archive import Archive
from smtp_lab.config.nearby import Lead, announce, retract
from smtp_lab.errors import PortInUseError
from smtp_lab.sink.child import ChildServer
from smtp_lab.sink.server import Server
from smtp_lab.sink.settings import Settings
from smtp_lab.sink.temporary import TemporaryFolder
from smtp_lab.sink.tls import LabAuthority
from smtp_lab.sink.watching import Watchers

__all__ = ("Running", "begin", "find", "introduce", "lock", "servers", "stop_all")


class Running(Protocol):
    """A server, in a thread of this process or in a process of its own."""

    settings: Settings
    port: int
    tls_port: int
    plain_port: int
    said: str
    watchers: Watchers

    @property
    def running(self) -> bool:
        """Whether it takes connections."""

    @property
    def connected(self) -> int:
        """How many clients are connected now."""

    def settle(self, patience: float) -> None:
        """Wait until the session of every client that has left is stored."""

    def stop(self) -> None:
        """End it in order."""

    def forked(self) -> None:
        """Let go of it: this process is a copy of the one it belongs to."""


servers: list[Running] = []
"""All that run."""

lock = threading.Lock()
"""Held by whoever starts one."""

_introduced: dict[Running, Sequence[Lead]] = {}


def find(settings: Settings) -> Running | None:
    """The server that runs with these settings."""
    # Two sinks that were each given a temporary archive never have equal settings.
    return next((s for s in servers if s.settings == settings and s.running), None)


def begin(
    settings: Settings,
    archive: Archive,
    authority: LabAuthority,
    holding: TemporaryFolder | None,
) -> Running:
    """Start a server.

    Raises:
        PortInUseError: A port that was asked for is taken.
        SinkError: It cannot be started.
    """
    for port in filter(None, settings.ports.values()):
        if any(s.running and port in (s.port, s.tls_port, s.plain_port) for s in servers):
            fix = (
                "another sink of this kernel has it: call lab.Sink.stop_all() first, "
                "or leave the port out for a free one"
            )
            raise PortInUseError(settings.host, port, fix)
    kind = ChildServer if settings.process else Server
    server: Running = kind(settings, archive, authority, on_stop=_forget, holding=holding)
    servers.append(server)
    return server


def introduce(server: Running, leads: Sequence[Lead]) -> None:
    """Let the built-in profile lead to *server*, by the last of *leads*."""
    _introduced[server] = leads
    for lead in leads:
        announce(lead)


def stop_all() -> None:
    """Stop every server."""
    for server in tuple(servers):
        server.stop()


def _forget(server: Running) -> None:
    servers.remove(server)
    for lead in _introduced.pop(server, ()):
        retract(lead)


def _after_fork() -> None:
    global lock  # noqa: PLW0603  # whoever held it is not here
    lock = threading.Lock()
    for server in servers:
        server.forked()
    # Kept as they are: what they consist of belongs to the other process, and would be closed.
    _others.extend(servers)
    servers.clear()


_others: list[Running] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
