"""The implicit door: TLS from the first byte, and a record of those who did not get through."""

from __future__ import annotations

import asyncio
import math
from asyncio.sslproto import SSLProtocol
from typing import cast

from smtp_lab.sink.door import Door
from smtp_lab.sink.protocol import LabProtocol

__all__ = ("Doorman",)


class Doorman(asyncio.Protocol):
    """Encrypts one connection before the sink's protocol sees it.

    asyncio's own ``ssl=`` does the same, but drops a connection whose handshake fails without a
    word; that someone spoke plain SMTP here, or did not trust the certificate, is worth a row.
    """

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door, self._loop = door, loop
        self._protocol = LabProtocol(door, loop)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake; a connection that succeeds goes on with `LabProtocol`."""
        transport = cast(asyncio.Transport, transport)
        self._transport = self._protocol.beneath = transport
        if not self._protocol.enter(transport):
            self._protocol.turned_away("too many connections")
            transport.abort()
            return
        self._door.open.add(self)
        assert self._door.context is not None  # noqa: S101  # that is what this door is about
        shaken: asyncio.Future[None] = self._loop.create_future()
        shaken.add_done_callback(self._shaken)
        tls = SSLProtocol(
            self._loop,
            self._protocol,
            self._door.context,
            shaken,
            server_side=True,
            ssl_handshake_timeout=min(60, math.ceil(self._door.limits.idle)),
        )
        transport.set_protocol(tls)
        tls.connection_made(transport)

    def _shaken(self, shaken: asyncio.Future[None]) -> None:
        self._door.open.discard(self)
        reason = shaken.exception()
        # A connection that is lost at once ends the wait without an error.
        if self._transport is not None and (reason or self._protocol.session is None):
            self._protocol.turned_away(f"the TLS handshake failed: {reason or 'the client left'}")
            self._transport.close()

    async def shut(self, _grace: float) -> None:
        """End the connection: nothing has been said yet."""
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
