"""Replies to many clients, sent one right after the other."""

from __future__ import annotations

import asyncio

__all__ = ("Together",)


class Together:
    """What is to be said in one turn of the event loop.

    To wake a client that waits costs several times as much as to write to it. Clients of one
    program that are told in one go wake it once; told while the sink is at work for others, they
    wake it each time.

    Args:
        loop: Whose turns.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[asyncio.Transport, bytes] = {}

    def add(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write *data* to *transport* before the loop waits for anything."""
        if not self._waiting:
            self._loop.call_soon(self._send_all)
        if transport in self._waiting:
            data = self._waiting[transport] + data
        self._waiting[transport] = data

    def send(self, transport: asyncio.Transport) -> None:
        """Write what waits for *transport* now."""
        if data := self._waiting.pop(transport, None):
            transport.write(data)

    def forget(self, transport: asyncio.Transport) -> None:
        """Drop what waits for *transport*, which is gone."""
        self._waiting.pop(transport, None)

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for transport, data in waiting.items():
            if not transport.is_closing():  # one that is would raise, and the others go without
                transport.write(data)
