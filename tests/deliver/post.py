"""A mail server that remembers what it accepted, serves many at once, and errs when told to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import Self

OFFERS = ("PIPELINING", "8BITMIME", "SIZE 10000000", "SMTPUTF8", "DSN")

CUT = "hang up"
RESET = "reset the connection"
TAKE_AND_CUT = "accept the message, and hang up instead of saying so"
SILENT = "say nothing until the client leaves"


@dataclass
class Event:
    """Something a client said.

    Attributes:
        verb: EHLO, AUTH, MAIL, RCPT, DATA, BODY (when 354 was said), ``.`` or another command.
        line: The whole command; for ``.`` the message.
        connection: Which connection, counted from 1.
        count: How many messages were accepted on it.
        to: The recipients so far.
    """

    verb: str
    line: bytes
    connection: int
    count: int
    to: tuple[str, ...] = ()


@dataclass
class Talk:
    """The state of one connection."""

    number: int
    sock: socket.socket
    count: int = 0
    sender: str | None = None
    to: list[str] = field(default_factory=list)
    rest: bytes = b""


class Post:
    """A server; *twist* gives, for an `Event`, what to do instead of the usual.

    A text is said as the reply (several lines with CR LF between them); CUT, RESET, TAKE_AND_CUT
    and SILENT are acts; None means the usual.

    Attributes:
        kept: Each accepted message as (Message-ID, recipients, octets).
        heard: Every command.
        logins: Whether each login was right.
        pieces: How many octets came at a time.
        connections: How many there were.
        most: The most there were at once.
    """

    def __init__(
        self,
        twist: Callable[[Event], str | None] | None = None,
        *,
        offers: tuple[str, ...] = OFFERS,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        password: str | None = None,
    ) -> None:
        self._twist = twist or (lambda _event: None)
        self._offers, self._tls, self._implicit, self._password = offers, tls, implicit, password
        self.kept: list[tuple[str, tuple[str, ...], bytes]] = []
        self.heard: list[bytes] = []
        self.logins: list[bool] = []
        self.pieces: list[int] = []
        self.connections = self.most = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.05)
        self._ending = False
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        for sock in tuple(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    @property
    def copies(self) -> Counter[tuple[str, str]]:
        """How often each message was accepted for each recipient."""
        return Counter((name, to) for name, recipients, _ in self.kept for to in recipients)

    def said(self, verb: bytes) -> int:
        """How often clients said *verb*."""
        return sum(line.upper().startswith(verb) for line in self.heard)

    def _accept(self) -> None:
        while not self._ending:
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                sock.settimeout(20)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talk = Talk(self.connections, sock)
                thread = threading.Thread(target=self._serve, args=(talk,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, talk: Talk) -> None:
        self._open.add(talk.sock)
        self.most = max(self.most, len(self._open))
        try:
            if self._implicit:
                self._encrypt(talk)
            if self._do(talk, "CONNECT", b"", "220 post.example ESMTP"):
                while (line := self._line(talk)) is not None and self._command(talk, line):
                    pass
        except OSError:
            pass
        finally:
            self._open.discard(talk.sock)
            talk.sock.close()

    def _encrypt(self, talk: Talk) -> None:
        self._open.discard(talk.sock)
        talk.sock = self._tls.wrap_socket(talk.sock, server_side=True)
        self._open.add(talk.sock)

    def _line(self, talk: Talk) -> bytes | None:
        while b"\n" not in talk.rest:
            piece = talk.sock.recv(65536)
            if not piece:
                return None
            self.pieces.append(len(piece))
            talk.rest += piece
        line, _, talk.rest = talk.rest.partition(b"\n")
        return line.rstrip(b"\r")

    def _do(self, talk: Talk, verb: str, line: bytes, usual: str) -> bool:
        """Say the usual or what the twist wants; False ends the conversation."""
        event = Event(verb, line, talk.number, talk.count, tuple(talk.to))
        return self._act(talk, verb, line, self._twist(event) or usual)

    def _act(self, talk: Talk, verb: str, line: bytes, said: str) -> bool:
        if said == RESET:
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if said == SILENT:
            with contextlib.suppress(OSError):
                while talk.sock.recv(65536):
                    pass
        accepted = said[:1] == "2" or said == TAKE_AND_CUT
        if verb == "MAIL" and accepted:
            talk.sender, talk.to = line.decode(), []
        elif verb == "RCPT" and accepted:
            talk.to.append(line.decode().partition("<")[2].partition(">")[0])
        elif verb == ".":
            if accepted and talk.to:
                name = BytesHeaderParser().parsebytes(line)["Message-ID"] or ""
                self.kept.append((str(name).strip(), tuple(talk.to), line))
                talk.count += 1
            talk.sender, talk.to = None, []
        if said in (CUT, RESET, TAKE_AND_CUT, SILENT):
            return False
        talk.sock.sendall(said.encode() + b"\r\n")
        return not said.startswith("421")

    def _command(self, talk: Talk, line: bytes) -> bool:
        self.heard.append(line)
        verb = line.split(b" ")[0].split(b":")[0].decode("latin-1").upper()
        if verb == "DATA":
            return self._data(talk, line)
        if verb == "STARTTLS":
            talk.sock.sendall(b"220 2.0.0 Go ahead\r\n")
            self._encrypt(talk)
            return True
        if verb == "RSET":
            talk.sender, talk.to = None, []
        usual = {
            "EHLO": self._offered(talk),
            "MAIL": "250 2.1.0 Ok" if talk.sender is None else "503 5.5.1 Nested",
            "RCPT": "250 2.1.5 Ok" if talk.sender is not None else "503 5.5.1 MAIL first",
            "QUIT": "221 2.0.0 Bye",
        }.get(verb, "250 2.0.0 Ok")
        if verb == "AUTH":
            known = b64decode(line.split()[2]).endswith(b"\0" + self._password.encode())
            self.logins.append(known)
            usual = "235 2.7.0 Welcome" if known else "535 5.7.8 Error: authentication failed"
        return self._do(talk, verb, line, usual) and verb != "QUIT"

    def _offered(self, talk: Talk) -> str:
        offers = self._offers
        if self._tls and not self._implicit and not isinstance(talk.sock, ssl.SSLSocket):
            offers = ("STARTTLS",)
        elif self._password is not None:
            offers = (*offers, "AUTH PLAIN")
        lines = ["post.example", *offers]
        return "\r\n".join([*(f"250-{text}" for text in lines[:-1]), f"250 {lines[-1]}"])

    def _data(self, talk: Talk, line: bytes) -> bool:
        event = Event("DATA", line, talk.number, talk.count, tuple(talk.to))
        usual = "354 Go ahead" if talk.to else "554 5.5.1 No valid recipients"
        said = self._twist(event) or usual
        if not said.startswith("354"):
            return self._act(talk, "DATA", line, said)
        talk.sock.sendall(said.encode() + b"\r\n")
        begun = self._twist(Event("BODY", line, talk.number, talk.count, tuple(talk.to)))
        if begun is not None:
            talk.sock.recv(1)  # it has begun to come
            self._act(talk, "BODY", line, begun)
            return False
        data = b"\r\n" + talk.rest  # so that a dot at the very start is like any other
        while (end := data.find(b"\r\n.\r\n")) < 0:
            if not (piece := talk.sock.recv(1_000_000)):
                return False
            self.pieces.append(len(piece))
            data += piece
        talk.rest = data[end + 5 :]
        message = data[: end + 2].replace(b"\r\n.", b"\r\n")[2:]
        usual = "250 2.0.0 Ok: queued" if talk.to else "554 5.5.1 No valid recipients"
        return self._do(talk, ".", message, usual)


def hold_against(outcomes, post: Post) -> None:
    """Hold what is reported against what *post* keeps: nothing lost, nothing doubled, no lie."""
    copies = post.copies
    for outcome in outcomes:
        for recipient, state in zip(outcome.recipients, outcome.states, strict=True):
            count = copies.pop((outcome.message_id, recipient.address), 0)
            allowed = {"accepted": (1,), "unknown": (0, 1)}.get(state, (0,))
            assert count in allowed, (outcome.sentence, count)
            assert recipient.accepted == (state == "accepted")
    assert copies == {}
