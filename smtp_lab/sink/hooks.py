"""What a sink answers in places where aiosmtpd asks a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtp_lab.sink.log import legible

if TYPE_CHECKING:
    from smtp_lab.sink.protocol import LabProtocol

__all__ = ("Hooks",)


class Hooks:
    """aiosmtpd's hooks that change what is recorded or said."""

    async def handle_EHLO(
        self, server: LabProtocol, session: Any, _envelope: Any, hostname: str, _said: list[str]
    ) -> list[str]:
        """Remember who the client says it is, and list what this door offers."""
        session.host_name = hostname
        server.record.ehlo = legible(hostname)
        listed = [server.hostname, *server.door.keywords(encrypted=server.log.tls)]
        return [f"250-{line}" for line in listed[:-1]] + [f"250 {listed[-1]}"]

    async def handle_HELO(
        self, server: LabProtocol, session: Any, _envelope: Any, hostname: str
    ) -> str:
        """Remember who the client says it is."""
        session.host_name = hostname
        server.record.ehlo = legible(hostname)
        return f"250 {server.hostname}"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:
        """Say good-bye."""
        return "221 2.0.0 Bye"
