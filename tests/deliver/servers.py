"""Mail servers that do as a script says, well or badly, over real sockets and real TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import smtp_lab as lab

PASSWORD = "open sesame"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def certificate(*names: str, expired: bool = False, signed: bool = True) -> ssl.SSLContext:
    """A server's TLS context for *names*; not *signed* means that nobody knows who signed it."""
    past = datetime.now(UTC) - timedelta(days=2)
    maker = authority() if signed else trustme.CA()
    begun = {"not_before": past - timedelta(days=2)} if expired else {}
    issued = maker.issue_cert(
        *(names or ("127.0.0.1",)), not_after=past if expired else None, **begun
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def self_signed(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that nobody but itself vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "self.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Conn:
    """The server's end of one connection; whatever the client says is kept in `heard`."""

    def __init__(self, sock: socket.socket, heard: list[bytes]) -> None:
        self.sock, self.heard = sock, heard
        self.sock.settimeout(10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.secured = False
        self.left = False
        self._buffer = b""

    def send(self, *lines: bytes | str) -> None:
        said = [line.encode() if isinstance(line, str) else line for line in lines]
        self.sock.sendall(b"".join(line + b"\r\n" for line in said))

    def line(self) -> bytes:
        """The client's next line; empty when it has left, an error when asked again."""
        while b"\n" not in self._buffer:
            piece = self.sock.recv(65536)
            if not piece and self.left:
                raise ConnectionError("the client has left")
            if not piece:
                self.left = True
                return b""
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.heard.append(line.rstrip(b"\r"))
        return self.heard[-1]

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.secured = True

    def wait_for_the_end(self) -> None:
        """Say nothing more until the client leaves."""
        while self.line():
            pass


class Server:
    """Runs *script*, a function of a `Conn`, for each connection.

    Attributes:
        heard: Every line any client said, after decryption.
        connections: How many there were.
    """

    def __init__(self, script, host: str = "127.0.0.1") -> None:
        self._script = script
        self.heard: list[bytes] = []
        self.connections = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # so that accept() does not wait on
        self._thread.join(15)
        self._listener.close()

    def _run(self) -> None:
        while not self._ending:
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                conn = Conn(sock, self.heard)
                try:
                    self._script(conn)
                finally:
                    conn.sock.close()

    @property
    def verbs(self) -> list[str]:
        """The first word of each line, in capitals."""
        return [line.split(b" ")[0].decode("latin-1").upper() for line in self.heard]

    def said(self, text: bytes | str) -> bool:
        """Whether a client said *text*, as it stands or in base64."""
        wanted = text.encode() if isinstance(text, str) else text
        for line in self.heard:
            for word in (line, *line.split()):
                with contextlib.suppress(ValueError):
                    if wanted in word or wanted in b64decode(word + b"=" * (-len(word) % 4)):
                        return True
        return False


class Polite:
    """A script for a whole conversation.

    Args:
        greeting: The first line.
        tls: Offered as STARTTLS, or spoken from the first byte when *implicit*.
        implicit: Speak TLS from the first byte.
        before: Extensions named before TLS (STARTTLS is added), and all there are without TLS.
        after: Extensions named inside TLS.
        replies: Instead of the usual reply to a verb: a text; a function of the Conn and the line,
            which ends the conversation by giving False; or None to hang up. The end of data has the
            name ``.``.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        greeting: str = "220 polite.example ESMTP",
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        before: tuple[str, ...] = ("SIZE 10000000", "8BITMIME"),
        after: tuple[str, ...] = ("SIZE 10000000", "8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN"),
        replies: dict[str, object] | None = None,
    ) -> None:
        self.greeting, self.tls, self.implicit = greeting, tls, implicit
        self.before, self.after, self.replies = before, after, replies or {}

    def __call__(self, conn: Conn) -> None:
        if self.implicit:
            conn.encrypt(self.tls)
        conn.send(self.greeting)
        going = True
        while going and (line := conn.line()):
            verb = line.split(b" ")[0].decode("latin-1").upper()
            going = self._answer(conn, line, verb)

    def _answer(self, conn: Conn, line: bytes, verb: str) -> bool:
        """Say what belongs to *verb*; False ends the conversation."""
        if verb in self.replies:
            reply = self.replies[verb]
            if callable(reply):
                return reply(conn, line) is not False
            if reply is not None:
                conn.send(str(reply))
            return reply is not None
        usual = getattr(self, f"_{verb.lower()}" if verb.isalpha() else f"_end{verb[1:]}", None)
        if usual is not None:
            return usual(conn, line)
        conn.send("250 2.1.0 Ok")
        return True

    def _ehlo(self, conn: Conn, _line: bytes) -> bool:
        offers = self.before if not conn.secured else self.after
        if self.tls and not conn.secured:
            offers = (*offers, "STARTTLS")
        lines = ["polite.example", *offers]
        conn.send(*(f"250-{text}" for text in lines[:-1]), f"250 {lines[-1]}")
        return True

    def _starttls(self, conn: Conn, _line: bytes) -> bool:
        conn.send("220 Go ahead" if self.tls else "502 5.5.1 What?")
        if self.tls:
            conn.encrypt(self.tls)
        return True

    def _auth(self, conn: Conn, line: bytes) -> bool:
        if line.upper() == b"AUTH LOGIN":
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                conn.send(prompt)
                conn.line()
        conn.send("235 2.7.0 Welcome")
        return True

    def _data(self, conn: Conn, line: bytes) -> bool:
        conn.send("354 Go ahead")
        while conn.line() != b".":
            pass
        return self._answer(conn, line, ".")

    def _end(self, conn: Conn, _line: bytes) -> bool:
        conn.send("250 2.0.0 Ok: queued as 12345")
        return True

    def _quit(self, conn: Conn, _line: bytes) -> bool:
        conn.send("221 2.0.0 Bye")
        return False


polite = Polite


# --- servers that misbehave ---------------------------------------------------------------------


def endless_greeting(conn: Conn) -> None:
    """Never comes to the end of its greeting."""
    while True:
        conn.send("220-and another thing")


def endless_line(conn: Conn) -> None:
    """Greets with a line that has no end."""
    while True:
        conn.sock.sendall(b"220 " + b"x" * 10_000)


def drip(conn: Conn) -> None:
    """Greets one octet at a time, each soon enough for a wait to begin again."""
    for octet in b"220 " + b"x" * 1000:
        conn.sock.sendall(bytes([octet]))
        time.sleep(0.02)


def silent(conn: Conn) -> None:
    """Takes the connection and never says a word."""
    conn.wait_for_the_end()


def ssh(conn: Conn) -> None:
    conn.send("SSH-2.0-OpenSSH_9.6")
    conn.wait_for_the_end()


def http(conn: Conn) -> None:
    conn.line()
    conn.send("HTTP/1.1 400 Bad Request", "Connection: close", "")


def huge_reply(conn: Conn, _line: bytes) -> None:
    """Ten megabytes of reply."""
    for _ in range(1000):
        conn.sock.sendall(b"250-" + b"x" * 96 + b"\r\n" + (b"250-" + b"y" * 96 + b"\r\n") * 99)
    conn.send("250 that was all")


# --- profiles for them ----------------------------------------------------------------------------


@cache
def _ca_path() -> str:
    path = Path(_folder().name) / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


@cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()  # removed at the end of the run


def profile(server: Server | int, *, login: bool = True, **connection: object) -> lab.Profile:
    """A profile for *server* that trusts `authority` and logs in as ann."""
    values = {
        "host": "127.0.0.1",
        "port": server if isinstance(server, int) else server.port,
        "security": "starttls",
        "ca_file": _ca_path(),
        "timeout": 5,
        "auth": lab.BasicAuth(username="ann", password=PASSWORD) if login else lab.NoAuth(),
    }
    if connection.pop("mechanism", None) == "LOGIN":
        values["auth"] = lab.BasicAuth(username="ann", password=PASSWORD, mechanism="LOGIN")
    return lab.Profile(
        name="ann",
        sender="Ann Example <ann@example.com>",
        connection=lab.SmtpConnection(**(values | connection)),
    )
