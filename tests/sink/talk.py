"""A client that says exactly what a test tells it to, over a bare socket."""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64encode
from typing import Self


def b64(data: bytes | str) -> bytes:
    return b64encode(data.encode() if isinstance(data, str) else data)


def plain(user: str, password: str) -> bytes:
    """What AUTH PLAIN says."""
    return b64(f"\0{user}\0{password}")


def until(found, seconds: float = 10.0):
    """Give what *found* gives as soon as it is true; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)
    return value


class Talk:
    """One connection to a sink.

    Args:
        sink: A running sink.
        implicit: Use the door that speaks TLS from the first byte.
        door: Or that of this name.
        host: Where to connect to.
    """

    def __init__(
        self, sink, *, implicit: bool = False, door: str = "", host: str = "127.0.0.1"
    ) -> None:
        self.sink = sink
        door = door or ("implicit" if implicit else "starttls")
        names = {"starttls": "port", "implicit": "tls_port", "plain": "plain_port"}
        port = getattr(sink, names[door])
        self.sock: socket.socket = socket.create_connection((host, port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        if door == "implicit":
            self._wrap()
        self.greeting = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def _wrap(self) -> None:
        context = ssl.create_default_context(cafile=str(self.sink.ca_file))
        self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> str:
        while b"\n" not in self._buffer:
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionError(f"the sink hung up after {self._buffer!r}")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        assert line.endswith(b"\r"), f"a line without CR: {line!r}"
        return line[:-1].decode()

    def reply(self) -> str:
        """The next reply, its lines joined."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def say(self, line: bytes | str) -> str:
        """Send one line, give the reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def hello(self) -> str:
        return self.say("EHLO client.example")

    def starttls(self) -> str:
        """Encrypt and greet again; give the answer to that EHLO."""
        self.hello()
        assert self.say("STARTTLS").startswith("220")
        self._wrap()
        return self.hello()

    def log_in(self, user: str = "ann", password: str = "open sesame") -> None:
        reply = self.say(b"AUTH PLAIN " + plain(user, password))
        assert reply.startswith("235"), reply

    def envelope(self, sender: str = "ann@example.com", to: str = "bob@example.org") -> None:
        assert self.say(f"MAIL FROM:<{sender}>").startswith("250")
        assert self.say(f"RCPT TO:<{to}>").startswith("250")

    def mail(self, wire: bytes) -> str:
        """Send *wire*, the message with its dots stuffed, and its end; give the answer."""
        self.envelope()
        assert self.say("DATA").startswith("354")
        self.send(wire + b".\r\n")
        return self.reply()

    def hung_up(self) -> bool:
        """Whether the sink closes the connection without a word."""
        try:
            return self._buffer == b"" and self.sock.recv(1) == b""
        except ConnectionError:
            return True


def transcript(session) -> str:
    """All that is kept of what was said in a stored session."""
    return "\n".join(f"{x['direction']} {x['text']}" for x in session.transcript["lines"])


def ended(sink, count: int = 1):
    """The sessions of *sink* once *count* of them have ended."""
    return until(
        lambda: (
            [s for s in sink.archive.sessions() if s.ended_at]
            if sum(bool(s.ended_at) for s in sink.archive.sessions()) >= count
            else None
        )
    )
