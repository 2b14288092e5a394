"""A real PostgreSQL for the tests: a server of their own, gone with them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
from support import missing

HOW = "Debian: apt-get install postgresql"


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=str)
    inpath = shutil.which("initdb")
    if not found and not inpath:
        missing("PostgreSQL", HOW)
    return Path(inpath or found[-1]).parent


def _user() -> dict[str, int]:
    """As whom it runs: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # not there on Windows

    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        missing("the user postgres", HOW)
    return {"user": found.pw_uid, "group": found.pw_gid}


class Postgres:
    """A running server.

    Attributes:
        port: On loopback, where it asks for the password.
        folder: Where its socket is, on which it asks for none.
        password: Of the user lab.
    """

    password = "open sesame & more"

    def __init__(self, folder: Path) -> None:
        self.folder, self._programs, self._user = folder, _programs(), _user()
        if self._user:
            os.chown(folder, self._user["user"], self._user["group"])
        secret = folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", "lab", "-E", "UTF8", "--locale=C.UTF-8",
            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}", "--no-sync",
        )  # fmt: skip
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            # A file: the server would keep a pipe open.
            stdout=(log := (self.folder / "programs.log").open("ab")),
            stderr=subprocess.STDOUT,
            **self._user,
        )
        log.close()
        assert done.returncode == 0, (self.folder / "programs.log").read_text()

    def start(self) -> None:
        settings = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=60"
        )
        data = str(self.folder / "data")
        self._run("pg_ctl", "-D", data, "-l", f"{self.folder}/log", "-w", "-o", settings, "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="lab", dbname=database, autocommit=True
        )

    def new(self) -> str:
        """The URL of a new, empty place for tables, by the socket and without a password.

        A schema: making a database, and removing its thousand files, takes much longer.
        """
        name = f"lab_{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        where = f"host={self.folder}&port={self.port}"
        return f"postgresql+psycopg://lab@/postgres?{where}&options=-csearch_path%3D{name}"

    def tcp(self, url: str, password: str = "") -> str:
        """The same place by its loopback port, with *password* in the URL where it is given."""
        login = f"lab:{quote(password)}" if password else "lab"
        place = url.partition("&options=")[2]
        return f"postgresql+psycopg://{login}@127.0.0.1:{self.port}/postgres?options={place}"


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A server in a folder of its own, which only its user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="smtp-lab-pg-"))
    try:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
