"""Mail servers that misbehave, by name; those of one kind that misbehave at a verb are made for it.

A server here is a script for `deliver.servers.Server`. What a verb means and how the end of the
message is called (``.``) is said at `deliver.servers.Polite`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from deliver.servers import Conn, Polite, certificate, huge_reply

Script = Callable[[Conn], None]

VERBS = ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".")


# --- before a word was said ------------------------------------------------------------------------


def hangs_up(conn: Conn) -> None:
    """Takes the connection and closes it."""


def half_a_greeting(conn: Conn) -> None:
    """Closes in the middle of the greeting."""
    conn.sock.sendall(b"220-polite.ex")


def greets_slowly_for_ever(conn: Conn) -> None:
    """Sends a line of its greeting before each wait is over, and never the last one."""
    while True:
        conn.send("220-one moment please")
        time.sleep(0.02)


def garbage(conn: Conn) -> None:
    """Sends octets that are no text, NULs among them."""
    conn.sock.sendall(bytes(range(256)) * 8 + b"\r\n")
    conn.wait_for_the_end()


def garbage_without_end(conn: Conn) -> None:
    """Sends octets that are no text, and never a line end."""
    while True:
        conn.sock.sendall(b"\0\xff\xfe" * 1000)


def http_at_once(conn: Conn) -> None:
    """A web server that does not wait for a request."""
    conn.send("HTTP/1.1 408 Request Timeout", "Connection: close", "", "<html>")


def pop3(conn: Conn) -> None:
    """Speaks POP3."""
    conn.send("+OK POP3 ready <1896.697170952@example.com>")  # RFC 1939 section 7
    conn.wait_for_the_end()


def ftp(conn: Conn) -> None:
    """Speaks FTP, whose greeting has the code of SMTP's (RFC 959)."""
    conn.send("220 FTP server ready")
    while line := conn.line():
        conn.send("530 Please login with USER and PASS" if line else "500 ?")


def tls_only(conn: Conn) -> None:
    """Waits for a TLS handshake, whoever calls."""
    with contextlib.suppress(OSError):
        conn.encrypt(certificate())


def greets_with(text: str) -> Script:
    """Greets with *text*, and hangs up at the first word."""

    def script(conn: Conn) -> None:
        conn.send(text)
        conn.line()

    return script


# --- at a verb ---------------------------------------------------------------------------------------


def at(verb: str, reply: object, **more: object) -> Polite:
    """Polite until *verb*, to which it says *reply* (see `Polite`)."""
    return Polite(tls=certificate(), replies={verb: reply}, **more)


def hangs_up_at(verb: str) -> Polite:
    """Closes the connection instead of a reply to *verb*."""
    return at(verb, None)


def closes_at(verb: str) -> Polite:
    """Says 421 to *verb* and closes, as RFC 5321 section 3.8 has it."""
    return at(verb, lambda conn, _line: conn.send("421 4.3.2 Service shutting down") or False)


def talks_rubbish_at(verb: str) -> Polite:
    """Answers *verb* with a line that is no reply."""
    return at(verb, "what do you mean?")


def garbage_at(verb: str) -> Polite:
    """Answers *verb* with octets that are no text."""
    return at(verb, lambda conn, _line: conn.sock.sendall(bytes(range(256)) + b"\r\n"))


def silent_at(verb: str) -> Polite:
    """Says nothing more from *verb* on."""
    return at(verb, lambda conn, _line: conn.wait_for_the_end() or False)


def drips_at(verb: str) -> Polite:
    """Answers *verb* one octet at a time, each before the wait for it is over."""

    def reply(conn: Conn, _line: bytes) -> None:
        conn.sock.sendall(b"250 ")
        while True:
            conn.sock.sendall(b"x")
            time.sleep(0.02)

    return at(verb, reply)


def never_done_at(verb: str) -> Polite:
    """Answers *verb* with lines that announce another, a few each second, without end."""

    def reply(conn: Conn, _line: bytes) -> None:
        while True:
            conn.send("250-more")
            time.sleep(0.02)

    return at(verb, reply)


def endless_at(verb: str) -> Polite:
    """Answers *verb* with ten megabytes."""
    return at(verb, huge_reply)


def endless_line_at(verb: str) -> Polite:
    """Answers *verb* with a line that has no end."""

    def reply(conn: Conn, _line: bytes) -> None:
        while True:
            conn.sock.sendall(b"250 " + b"x" * 10_000)

    return at(verb, reply)


def out_of_step_at(verb: str) -> Polite:
    """Answers *verb* kindly, with a code that does not belong there."""
    wrong = {"STARTTLS": "250 2.0.0 Ok", "AUTH": "250 2.0.0 Ok", "DATA": "250 2.0.0 Ok"}
    return at(verb, wrong.get(verb, "354 3.0.0 Go on"))


def says(verb: str, text: bytes) -> Polite:
    """Answers *verb* with exactly these octets and a line end."""
    return at(verb, lambda conn, _line: conn.send(text))


# --- around encryption ------------------------------------------------------------------------------


def starttls_then_plain(conn: Conn) -> None:
    """Agrees to STARTTLS and goes on in plain text."""

    def reply(conn: Conn, _line: bytes) -> bool:
        conn.send("220 2.0.0 Go ahead")
        conn.sock.recv(65536)
        conn.send("250 2.0.0 Where were we?")
        conn.sock.recv(65536)
        return False

    at("STARTTLS", reply)(conn)


def gone_in_the_handshake(conn: Conn) -> None:
    """Reads how the client begins TLS, and closes."""
    conn.sock.recv(65536)


def starttls_then_gone(conn: Conn) -> None:
    """Agrees to STARTTLS, reads how the client begins, and closes."""

    def reply(conn: Conn, _line: bytes) -> bool:
        conn.send("220 2.0.0 Go ahead")
        gone_in_the_handshake(conn)
        return False

    at("STARTTLS", reply)(conn)


def starttls_then_silent(conn: Conn) -> None:
    """Agrees to STARTTLS and never answers the handshake."""

    def reply(conn: Conn, _line: bytes) -> bool:
        conn.send("220 2.0.0 Go ahead")
        while conn.sock.recv(65536):
            pass
        return False

    at("STARTTLS", reply)(conn)


def forgets_in_tls(conn: Conn) -> None:
    """Offers AUTH before TLS, and nothing inside it."""
    Polite(tls=certificate(), before=("AUTH PLAIN LOGIN", "8BITMIME"), after=())(conn)


# --- around the login -----------------------------------------------------------------------------


def challenges(*texts: str) -> Polite:
    """Answers AUTH, and each line after it, with the next of *texts*."""

    def reply(conn: Conn, _line: bytes) -> None:
        for text in texts[:-1]:
            conn.send(text)
            conn.line()
        conn.send(texts[-1])

    return at("AUTH", reply, after=("AUTH CRAM-MD5 LOGIN PLAIN",))


def challenges_for_ever(conn: Conn) -> None:
    """Answers every step of a login with another challenge."""

    def reply(conn: Conn, _line: bytes) -> bool:
        conn.send("334 UGFzc3dvcmQ6")
        while (line := conn.line()) and line not in (b"*", b"QUIT"):
            conn.send("334 UGFzc3dvcmQ6")
        conn.send("501 5.7.0 Aborted")
        return line == b"*"

    at("AUTH", reply, after=("AUTH CRAM-MD5 LOGIN PLAIN",))(conn)


# --- around the message --------------------------------------------------------------------------


def gone_after_354(conn: Conn) -> None:
    """Asks for the message and closes."""
    at("DATA", lambda conn, _line: conn.send("354 Go ahead") or False)(conn)


def never_reads(conn: Conn) -> None:
    """Asks for the message and reads nothing of it."""

    def reply(conn: Conn, _line: bytes) -> bool:
        conn.send("354 Go ahead")
        time.sleep(1)
        return False

    at("DATA", reply)(conn)
