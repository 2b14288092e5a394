"""The sink as a person holds it in a notebook."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smtp_lab.archive import Archive, Retention
from smtp_lab.archive.pen import Synchronous
from smtp_lab.archive.store import LOCK_TIMEOUT
from smtp_lab.config.hiding import hiding
from smtp_lab.config.paths import data_dir, private_dir, tilde
from smtp_lab.errors import InputError, SinkError
from smtp_lab.show import facts_table
from smtp_lab.sink import exposure, running
from smtp_lab.sink.credentials import Credentials
from smtp_lab.sink.limits import Limits
from smtp_lab.sink.ports import HOST
from smtp_lab.sink.rules import Rule
from smtp_lab.sink.running import Running
from smtp_lab.sink.settings import Settings, Users
from smtp_lab.sink.temporary import TemporaryFolder
from smtp_lab.sink.tls import LabAuthority
from smtp_lab.sink.watching import Watcher
from smtp_lab.sink.way_in import connection, port_of

if TYPE_CHECKING:
    import pandas as pd

    from smtp_lab.config import Profile, SmtpConnection
    from smtp_lab.inbox import Captured, Inbox

__all__ = ("Sink",)

TEMPORARY = ":temporary:"

_LEAVING = 0.25  # seconds a client may take to be gone


class Sink:
    """The bundled mail server: takes mail over real SMTP, keeps it, and never passes it on.

    It listens on this machine only, on three doors: ``port`` speaks STARTTLS, ``tls_port`` speaks
    TLS from the first byte, ``plain_port`` speaks no TLS at all. The first two show a certificate
    of the lab's own authority (``ca_file``) and take logins once the connection is encrypted. A
    message is answered with ``250`` only after it is committed to disk.

    In a notebook it runs in a process of its own, which goes on taking mail while a cell is busy,
    and ends with the kernel; elsewhere in a thread.

    A second sink with the same settings, as from a cell that is run again, is the same server on
    the same ports.

    Args:
        archive: Where mail is kept: a path, a URL (``sqlite:////path/mail.sqlite3`` or, shared by a
            team, ``postgresql+psycopg://host/database``), ``":temporary:"`` for one that is gone
            when the sink is, or None for the archive of this user, which outlives the kernel.
        host: The address the two encrypted doors listen on, if not this machine only: that of one
            of its networks, or ``0.0.0.0`` for all. A warning says so, and a login is required. The
            plain door stays on this machine.
        port: Port of the STARTTLS door; 0 takes a free one.
        tls_port: Port of the implicit TLS door; 0 takes a free one.
        plain_port: Port of the plain door; 0 takes a free one.
        doors: Which doors are open, some of ``starttls``, ``implicit`` and ``plain``; by default
            all three.
        users: Passwords (or tokens) by user name; a function that is given a `Login` and says
            within ten seconds whether it may come in; ``any`` for any login. None is the
            same, except beyond this machine and on a JupyterHub, where others are on the same one:
            there a login is made, which `profile` has.
        login_required: Whether mail is refused without a login, or that for each door by its name
            (``starttls``, ``implicit``, ``plain``); by default when *users* are given or made.
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
        rules: Which mail belongs to which mailbox, and which tags it gets; see `Rule`.
        process: Whether it runs in a process of its own; None for that in a notebook only.

    Raises:
        InputError: A value cannot be used.
    """

    @hiding
    def __init__(  # noqa: PLR0913  # each is a setting of the server, all but the first by name
        self,
        archive: str | Path | None = None,
        *,
        host: str | None = None,
        port: int = 0,
        tls_port: int = 0,
        plain_port: int = 0,
        doors: Collection[str] | None = None,
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
        rules: Collection[Rule] = (),
        process: bool | None = None,
    ) -> None:
        self._server: Running | None = None  # first: repr() needs it, whatever fails below
        if archive is not None and not isinstance(archive, str | Path):
            fix = 'give a path, a URL, ":temporary:" or None'
            raise InputError.of("archive", f"is a {type(archive).__name__}", fix)
        # Before anything is opened: a bad value leaves nothing behind.
        settings = Settings.of(
            host=host,
            port=port,
            tls_port=tls_port,
            plain_port=plain_port,
            doors=doors,
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
            rules=rules,
            process=process,
        )
        self._credentials = Credentials(settings.users_or_judge)
        self._watchers: list[Watcher] = []
        self._temporary = TemporaryFolder() if str(archive) == TEMPORARY else None
        if self._temporary is not None:
            archive = self._temporary.path / "mail.sqlite3"
        self.archive = Archive(
            archive if archive is not None else data_dir() / "mail.sqlite3",
            synchronous=synchronous,
            lock_timeout=lock_timeout,
        )
        self._settings = settings.at(self.archive.url, temporary=self._temporary is not None)
        if exposure.on_hub():
            exposure.keep_private(self.archive)

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> Self:
        """Start listening; a sink that runs already is left as it is.

        Returns:
            The sink itself, so that ``sink = Sink().start()`` reads in one line.

        Raises:
            PortInUseError: A port that was asked for is taken.
            SinkError: It cannot be started.
        """
        with running.lock:
            if not self.running:
                self._server = running.find(self._settings) or self._launch()
                for watcher in self._watchers:
                    self._server.watchers.add(watcher)
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
        running.stop_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> Running:
        settings, host = self._settings, self._settings.host
        if not exposure.is_local(host):
            exposure.warn(host, login={"starttls", "implicit"} <= settings.login_required)
        authority = LabAuthority(self._ca_folder)
        server = running.begin(settings, self.archive, authority, self._temporary)
        # The STARTTLS door last: the built-in profile leads to what was announced last.
        doors = [door for door in ("plain", "implicit", "starttls") if door in settings.doors]
        # Without the sink itself, which would never be collected.
        ways = [
            partial(connection, server, d, self._credentials.first, self.ca_file) for d in doors
        ]
        running.introduce(server, [cache(way) for way in ways])
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
        """The address its encrypted doors listen on; of 127.0.0.1, ``::1`` leads to them too."""
        return self._settings.host

    @property
    def port(self) -> int:
        """The port of the STARTTLS door."""
        return port_of(self._live, "starttls")

    @property
    def tls_port(self) -> int:
        """The port of the implicit TLS door."""
        return port_of(self._live, "implicit")

    @property
    def plain_port(self) -> int:
        """The port of the plain door."""
        return port_of(self._live, "plain")

    @property
    def settings(self) -> Settings:
        """What was asked for; its passwords are `Secret`."""
        return self._settings

    @property
    def temporary(self) -> bool:
        """Whether its archive is gone when the sink is."""
        return self._temporary is not None

    @property
    def connected(self) -> int:
        """How many clients are connected now."""
        return self._live.connected

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
                return self._temporary.path / "ca"
        return usual

    @property
    def _live(self) -> Running:
        if self._server is None or not self._server.running:
            why = (self._server and self._server.said) or "The sink is not running"
            raise SinkError(f"{why}; start it with sink.start().")
        return self._server

    def profile(
        self,
        name: str = "lab",
        *,
        sender: str = "smtp_lab <lab@example.com>",
        implicit: bool = False,
    ) -> Profile:
        """A profile that sends to this sink: encrypted, verified, logged in, if a door allows it.

        Args:
            name: What to call it.
            sender: Who sends, as ``Name <address>``.
            implicit: Use the door that speaks TLS from the first byte; by default the first that is
                open of STARTTLS, that one, and plain.

        Raises:
            SinkError: The sink does not run, or that door is not open.
        """
        from smtp_lab.config import Profile

        return Profile(
            name=name,
            sender=sender,
            description="The bundled sink: nothing sent here leaves this machine.",
            connection=self._connection(
                self._live, "implicit" if implicit else self._settings.doors[0]
            ),
        )

    def _connection(self, server: Running, door: str) -> SmtpConnection:
        return connection(server, door, self._credentials.first, self.ca_file)

    @cached_property
    def inbox(self) -> Inbox:
        """What was captured."""
        from smtp_lab.inbox import Inbox

        return Inbox(self.archive)

    def mailbox(self, name: str) -> Inbox:
        """What a rule has put into the mailbox called *name*.

        Raises:
            InputError: That cannot be the name of one.
        """
        from smtp_lab.inbox import Inbox

        return Inbox(self.archive, mailbox=name)

    def on_message(self, callback: Callable[[Captured], object]) -> Watcher:
        """Call *callback* with each message this sink captures from now on, once it is committed.

        It is called in a thread of its own, with one message after the other in their order. An
        exception it raises is logged, and keeps nothing from being captured. A function with the
        name of an earlier one, as from a cell that is run again, takes its place. `stop` waits up
        to five seconds until it was called for all.

        Returns:
            What takes it off: ``.off()``. Used as a decorator, the function's name stands for that,
            and can still be called.

        Raises:
            InputError: It is no function.
            ArchiveError: The archive cannot be read.
        """
        watcher = Watcher(callback, self.archive)
        self._watchers = [w for w in self._watchers if w.active and not watcher.replaces(w)]
        self._watchers.append(watcher)
        if self._server is not None:
            self._server.watchers.add(watcher)
        return watcher

    @property
    def sessions(self) -> pd.DataFrame:
        """Every connection, also those that were refused or left, one row each, oldest first.

        Who has just left is in it: that is waited for, a quarter of a second at most.
        """
        if self._server is not None and self._server.running:
            self._server.settle(_LEAVING)
        return self.inbox.sessions()

    def __repr__(self) -> str:
        if not hasattr(self, "archive"):
            return "<Sink that could not be made>"
        where = tilde(self.archive.name)
        if not self.running:
            return f"<Sink stopped, archive {where}>"
        names = {"starttls": "STARTTLS", "implicit": "TLS", "plain": "plain"}
        opened = self._settings.doors
        doors = ", ".join(f"port {port_of(self._live, d)} {names[d]}" for d in opened)
        return f"<Sink on {self.host}: {doors}, archive {where}>"

    @property
    def _who(self) -> str:
        who = "any name and password" if self._credentials.open else "only the users it was given"
        doors = self._settings.login_required
        if doors >= set(self._settings.doors):
            return f"{who}, required"
        where = " and ".join(door for door in self._settings.doors if door in doors)
        return f"{who}, required at the doors {where}" if doors else f"{who}, not required"

    def _repr_html_(self) -> str:
        state: dict[str, Any] = {"State": "stopped"}
        if self.running:
            local = exposure.is_local(self.host)
            where = "on this machine only" if local else "BEYOND THIS MACHINE"
            state = {"State": f"running, {where}"}
            names = {"starttls": "STARTTLS", "implicit": "Implicit TLS", "plain": "Plain"}
            for door in self._settings.doors:
                host = HOST if door == "plain" else self.host
                state[names[door]] = f"{host}, port {port_of(self._live, door)}"
            state["Login"] = self._who
        state |= {
            "Trust": tilde(self.ca_file),
            "Archive": tilde(self.archive.name),
            "Messages": self.archive.count(),
        }
        return facts_table("Sink", state)
