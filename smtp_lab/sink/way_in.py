"""The settings of a client that sends to a sink."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from smtp_lab.config.paths import tilde
from smtp_lab.errors import SinkError
from smtp_lab.sink.door import PORTS
from smtp_lab.sink.exposure import client_host
from smtp_lab.sink.ports import HOST

if TYPE_CHECKING:
    from smtp_lab.config import Secret, SmtpConnection
    from smtp_lab.sink.running import Running

__all__ = ("connection", "port_of")


def port_of(server: Running, door: str) -> int:
    """The port of *door*.

    Raises:
        SinkError: That door is not open.
    """
    port: int = getattr(server, PORTS[door])
    if not port:
        opened = " and ".join(server.settings.doors)
        raise SinkError(f"The sink's door {door} is not open; {opened} is: give doors= to change.")
    return port


def connection(
    server: Running, door: str, login: tuple[str, Secret], ca_file: Path
) -> SmtpConnection:
    """How a client on this machine gets in by *door*: encrypted and logged in where it can be.

    Args:
        server: The sink.
        door: One of its doors.
        login: A user name and a password that work.
        ca_file: The certificate to trust.

    Raises:
        SinkError: That door is not open.
    """
    from smtp_lab.config import BasicAuth, NoAuth, SmtpConnection

    settings = server.settings
    port = port_of(server, door)
    bare = door == "plain" or (door == "starttls" and "STARTTLS" not in settings.offers)
    # The STARTTLS door takes no login before the connection is encrypted.
    takes_login = "AUTH" in settings.offers and settings.mechanisms
    if not takes_login or (bare and door == "starttls"):
        auth: BasicAuth | NoAuth = NoAuth()
    else:
        auth = BasicAuth(username=login[0], password=login[1])
    host = HOST if door == "plain" else client_host(settings.host)
    if bare:
        return SmtpConnection(host=host, port=port, security="none", auth=auth)
    return SmtpConnection(
        host=host,
        port=port,
        security="implicit" if door == "implicit" else "starttls",
        ca_file=tilde(ca_file),
        auth=auth,
    )
