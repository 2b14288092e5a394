"""The implicit door: TLS from the first byte, and a record of those who did not get through."""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol

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
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP server's always is
        self._transport = self._protocol.beneath = transport
        self._door.open.add(self)
        shaken: asyncio.Future[None] = self._loop.create_future()
        shaken.add_done_callback(self._shaken)
        tls = SSLProtocol(self._loop, self._protocol, self._door.context, shaken, server_side=True)
        transport.set_protocol(tls)
        tls.connection_made(transport)

    def _shaken(self, shaken: asyncio.Future[None]) -> None:
        self._door.open.discard(self)
        reason = shaken.exception()
        # A connection that is lost at once ends the wait without an error.
        if self._transport is not None and (reason or self._protocol.session is None):
            self._protocol.turned_away(self._transport, reason or "the client left")
            self._transport.close()

    async def shut(self, _grace: float) -> None:
        """End the connection: nothing has been said yet."""
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
