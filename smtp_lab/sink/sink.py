"""The sink as a person holds it in a notebook."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smtp_lab.archive import Archive, Retention
from smtp_lab.archive.pen import Synchronous
from smtp_lab.archive.store import LOCK_TIMEOUT
from smtp_lab.config import BasicAuth, Profile, SmtpConnection
from smtp_lab.config._model import hiding
from smtp_lab.config.builtin import announce, retract
from smtp_lab.config.paths import data_dir, private_dir, tilde
from smtp_lab.errors import InputError, PortInUseError, SinkError
from smtp_lab.inbox import Inbox
from smtp_lab.show import facts_table
from smtp_lab.sink.credentials import Credentials
from smtp_lab.sink.door import DOORS
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.ports import HOST
from smtp_lab.sink.server import Server
from smtp_lab.sink.settings import Settings, Users
from smtp_lab.sink.tls import LabAuthority

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Sink",)

_running: list[Server] = []
_announced: dict[Server, list[SmtpConnection]] = {}
_lock = threading.Lock()

TEMPORARY = ":temporary:"


def _forget(server: Server) -> None:
    _running.remove(server)
    for connection in _announced.pop(server, []):
        retract(connection)


class Sink:
    """The bundled mail server: takes mail over real SMTP, keeps it, and never passes it on.

    It listens on this machine only, on three doors: ``port`` speaks STARTTLS, ``tls_port`` speaks
    TLS from the first byte, ``plain_port`` speaks no TLS at all. The first two show a certificate
    of the lab's own authority (``ca_file``) and take logins once the connection is encrypted. A
    message is answered with ``250`` only after it is committed to disk.

    A second sink with the same settings, as from a cell that is run again, is the same server on
    the same ports.

    Args:
        archive: Where mail is kept: a path, a URL (``sqlite:////path/mail.sqlite3`` or, shared by a
            team, ``postgresql+psycopg://host/database``), ``":temporary:"`` for one that is gone
            when the sink is, or None for the archive of this user, which outlives the kernel.
        port: Port of the STARTTLS door; 0 takes a free one.
        tls_port: Port of the implicit TLS door; 0 takes a free one.
        plain_port: Port of the plain door; 0 takes a free one.
        users: Passwords (or tokens) by user name; a function that is given a `Login` and says
            whether it may come in; None accepts any login.
        login_required: Whether mail is refused without a login, or that for each door by its name
            (``starttls``, ``implicit``, ``plain``); by default when *users* are given.
        max_size: Largest message, in octets; short for ``limits=Limits(message=…)``.
        limits: What one client may ask of it.
        offers: The extensions it offers; by default all it knows.
        without: Extensions it does not offer, such as ``["CHUNKING"]``.
        mechanisms: The SASL mechanisms it offers; by default all it knows.
        synchronous: ``FULL``: what was answered with ``250`` survives a loss of power. ``NORMAL``
            is quicker; it survives the end of the process, but a loss of power may take the last
            moments with it.
        lock_timeout: Seconds to wait for another program that has locked the archive; after that
            mail is answered with ``451``.
        retention: How much is kept; by default all of it in an archive with a name, and the newest
            100,000 messages or 1 GiB in a temporary one.

    Raises:
        InputError: A value cannot be used.
    """

    @hiding
    def __init__(  # noqa: PLR0913  # each is a setting of the server, all but the first by name
        self,
        archive: str | Path | None = None,
        *,
        port: int = 0,
        tls_port: int = 0,
        plain_port: int = 0,
        users: Users = None,
        login_required: bool | Mapping[str, bool] | None = None,
        max_size: int | None = None,
        limits: Limits | None = None,
        offers: Collection[str] | None = None,
        without: Collection[str] = (),
        mechanisms: Collection[str] | None = None,
        synchronous: Synchronous = "FULL",
        lock_timeout: float = LOCK_TIMEOUT,
        retention: Retention | None = None,
    ) -> None:
        self._server: Server | None = None  # first: repr() needs it, whatever fails below
        if archive is not None and not isinstance(archive, str | Path):
            fix = 'give a path, a URL, ":temporary:" or None'
            raise InputError.of("archive", f"is a {type(archive).__name__}", fix)
        # Before anything is opened: a bad value leaves nothing behind.
        settings = Settings.of(
            port=port,
            tls_port=tls_port,
            plain_port=plain_port,
            users=users,
            login_required=login_required,
            max_size=max_size,
            limits=limits,
            offers=offers,
            without=without,
            mechanisms=mechanisms,
            synchronous=synchronous,
            lock_timeout=lock_timeout,
            retention=retention,
        )
        self._credentials = Credentials(users)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if str(archive) == TEMPORARY:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="smtp-lab-", ignore_cleanup_errors=True
            )
            archive = Path(self._temporary.name) / "mail.sqlite3"
        self.archive = Archive(
            archive if archive is not None else data_dir() / "mail.sqlite3",
            synchronous=synchronous,
            lock_timeout=lock_timeout,
        )
        self._settings = settings.at(self.archive.url, temporary=self._temporary is not None)

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> Self:
        """Start listening; a sink that runs already is left as it is.

        Returns:
            The sink itself, so that ``sink = Sink().start()`` reads in one line.

        Raises:
            PortInUseError: A port that was asked for is taken.
        """
        with _lock:
            if not self.running:
                self._server = self._find() or self._launch()
        return self

    def stop(self) -> None:
        """Stop listening; mail on its way is finished and kept. Stopping twice is fine.

        A sink with the same settings is the same server, and stops too.
        """
        if self._server is not None:
            self._server.stop()

    @classmethod
    def stop_all(cls) -> None:
        """Stop every sink of this kernel, also those no variable leads to any more."""
        for server in _running:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _find(self) -> Server | None:
        # Two sinks that were each given a temporary archive never have equal settings.
        return next((s for s in _running if s.settings == self._settings and s.running), None)

    def _launch(self) -> Server:
        for port in filter(None, self._settings.ports.values()):
            if any(port in (s.port, s.tls_port, s.plain_port) for s in _running):
                fix = (
                    "another sink of this kernel has it: call lab.Sink.stop_all() first, "
                    "or leave the port out for a free one"
                )
                raise PortInUseError(HOST, port, fix)
        authority = LabAuthority(self._ca_folder)
        server = Server(
            self._settings,
            self.archive,
            authority,
            on_stop=_forget,
            holding=self._temporary,
        )
        _running.append(server)
        # The STARTTLS door last: the built-in profile leads to what was announced last.
        doors = [self._connection(server, implicit=implicit) for implicit in (True, False)]
        _announced[server] = doors
        for connection in doors:
            announce(connection)
        if self._temporary is not None:
            # Nobody can come back to a temporary archive: the server ends with the sink. Not in
            # this thread, which may be the server's own when the collector runs there.
            weakref.finalize(
                self, lambda: threading.Thread(target=server.stop).start()
            ).atexit = False
        return server

    # --- what it is ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None and self._server.running

    @property
    def host(self) -> str:
        """The address it listens on; ``::1`` on the same ports leads to it too."""
        return HOST

    @property
    def port(self) -> int:
        """The port of the STARTTLS door."""
        return self._live.port

    @property
    def tls_port(self) -> int:
        """The port of the implicit TLS door."""
        return self._live.tls_port

    @property
    def plain_port(self) -> int:
        """The port of the plain door."""
        return self._live.plain_port

    @cached_property
    def ca_file(self) -> Path:
        """The certificate a client must trust, in PEM."""
        return LabAuthority(self._ca_folder).ca_file

    @property
    def _ca_folder(self) -> Path:
        """Where the lab CA is: with the user's data; if that cannot be written, with the mail."""
        usual = data_dir() / "ca"
        if self._temporary is not None and not (usual / "lab-ca.pem").exists():
            try:
                private_dir(usual)
            except OSError:
                return Path(self._temporary.name) / "ca"
        return usual

    @property
    def _live(self) -> Server:
        if self._server is None or not self._server.running:
            raise SinkError("The sink is not running; start it with sink.start().")
        return self._server

    def profile(
        self,
        name: str = "lab",
        *,
        sender: str = "smtp_lab <lab@example.com>",
        implicit: bool = False,
    ) -> Profile:
        """A profile that sends to this sink: encrypted, verified, logged in.

        Args:
            name: What to call it.
            sender: Who sends, as ``Name <address>``.
            implicit: Use the door that speaks TLS from the first byte.
        """
        return Profile(
            name=name,
            sender=sender,
            description="The bundled sink: nothing sent here leaves this machine.",
            connection=self._connection(self._live, implicit=implicit),
        )

    def _connection(self, server: Server, *, implicit: bool) -> SmtpConnection:
        username, password = self._credentials.first
        return SmtpConnection(
            host=HOST,
            port=server.tls_port if implicit else server.port,
            security="implicit" if implicit else "starttls",
            ca_file=tilde(self.ca_file),
            auth=BasicAuth(username=username, password=password),
        )

    @cached_property
    def inbox(self) -> Inbox:
        """What was captured."""
        return Inbox(self.archive)

    @property
    def sessions(self) -> pd.DataFrame:
        """Every connection, also those that were refused or left, one row each, oldest first."""
        return self.inbox.sessions()

    def __repr__(self) -> str:
        if not hasattr(self, "archive"):
            return "<Sink that could not be made>"
        where = tilde(self.archive.name)
        if not self.running:
            return f"<Sink stopped, archive {where}>"
        doors = f"port {self.port} STARTTLS, port {self.tls_port} TLS, port {self.plain_port} plain"
        return f"<Sink on {self.host}: {doors}, archive {where}>"

    @property
    def _who(self) -> str:
        who = "any name and password" if self._credentials.open else "only the users it was given"
        doors = self._settings.login_required
        if len(doors) == len(DOORS):
            return f"{who}, required"
        where = " and ".join(door for door in DOORS if door in doors)
        return f"{who}, required at the doors {where}" if doors else f"{who}, not required"

    def _repr_html_(self) -> str:
        state: dict[str, Any] = {"State": "stopped"}
        if self.running:
            state = {
                "State": "running, on this machine only",
                "STARTTLS": f"{self.host}, port {self.port}",
                "Implicit TLS": f"{self.host}, port {self.tls_port}",
                "Plain": f"{self.host}, port {self.plain_port}",
                "Login": self._who,
            }
        state |= {
            "Trust": tilde(self.ca_file),
            "Archive": tilde(self.archive.name),
            "Messages": self.archive.count(),
        }
        return facts_table("Sink", state)
