"""A token endpoint that answers as it is told, and a mail server that looks at tokens."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from base64 import b64decode, b64encode, urlsafe_b64encode
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from deliver.servers import Conn, certificate, polite, profile

import smtp_lab as lab

TENANT = "11112222-3333-4444-5555-666677778888"


def jwt(**claims: object) -> str:
    """A token that can be read, with a signature that nobody could check."""
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    texts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "c2lnbmF0dXJl" * 4])


TOKEN = jwt(aud="https://outlook.office365.com", roles=["SMTP.SendAsApp"], tid=TENANT, exp=4e9)
GOOD = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}


@dataclass
class Asked:
    """One request: its path, its form, its headers."""

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]


class TokenEndpoint:
    """Answers over TLS, on loopback, whatever it was given, one after the other.

    Args:
        *answers: Each a pair of status and body (a dict is sent as JSON, a text as HTML), or a
            function of the handler. The last one is repeated.
        tls: Whose certificate; the usual one is for 127.0.0.1 and localhost.
    """

    def __init__(self, *answers: object, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers) or [(200, GOOD)]
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = (tls or certificate("127.0.0.1", "localhost")).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.host = f"localhost:{self._server.server_port}"
        self.url = f"https://{self.host}/token"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def forms(self) -> list[dict[str, str]]:
        """What was posted, without Microsoft's questions where to post."""
        return [asked.form for asked in self.asked if asked.method == "POST"]

    def _handler(endpoint) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self.path.endswith("/.well-known/openid-configuration"):
                    endpoint.note(self, b"")
                    self.say(200, endpoint.configuration(self.path))
                elif "/userrealm/" in self.path:
                    endpoint.note(self, b"")
                    self.say(200, {"account_type": "Managed"})
                else:
                    self.answer(b"")

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def answer(self, body: bytes) -> None:
                endpoint.note(self, body)
                every = endpoint.answers
                found = every.pop(0) if len(every) > 1 else every[0]
                with contextlib.suppress(OSError):
                    found(self) if callable(found) else self.say(*found)

            def say(self, status: int, body: object, **headers: str) -> None:
                is_data = isinstance(body, dict | list)
                data = json.dumps(body).encode() if is_data else str(body).encode()
                self.send_response(status)
                kind = "application/json" if is_data else "text/html"
                for name, value in {"Content-Type": kind, **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler

    def note(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        form = {k: v[0] for k, v in parse_qs(body.decode(), keep_blank_values=True).items()}
        self.asked.append(Asked(handler.command, handler.path, form, dict(handler.headers)))

    def configuration(self, path: str) -> dict[str, str]:
        """Where Microsoft says that things are, for the tenant in *path*."""
        base = f"https://{self.host}/{urlsplit(path).path.split('/')[1]}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }


# --- the mail server's side -----------------------------------------------------------------------


def challenge(**said: str) -> str:
    return "334 " + b64encode(json.dumps(said).encode()).decode()


REFUSED = challenge(status="401", schemes="bearer", scope="https://mail.google.com/")


class Bearer:
    """The reply to AUTH of a mail server that takes tokens, in one line or in two.

    Args:
        *good: The tokens it takes; without any it takes all.
        refusal: What it says to the others before the 535.
    """

    def __init__(self, *good: str, refusal: str = REFUSED) -> None:
        self.good, self.refusal = good, refusal
        self.logins: list[str] = []
        self.after: list[bytes] = []

    def __call__(self, conn: Conn, line: bytes) -> None:
        words = line.split(b" ")
        if len(words) == 2:
            conn.send("334 ")
            words.append(conn.line())
        login = b64decode(words[2]).decode()
        self.logins.append(login)
        token = login.partition("auth=Bearer ")[2].rstrip("\1")
        if not self.good or token in self.good:
            conn.send("235 2.7.0 Accepted")
            return
        if self.refusal:
            conn.send(self.refusal)
            self.after.append(conn.line())
        conn.send("535 5.7.8 Username and Password not accepted")


def takes_tokens(auth: object = None, *, offers: str = "AUTH PLAIN XOAUTH2 OAUTHBEARER", **more):
    """A mail server's script that offers tokens."""
    replies = {"AUTH": auth or Bearer(), **more.pop("replies", {})}
    return polite(tls=certificate(), after=(offers, "8BITMIME"), replies=replies, **more)


def oauth(url: str, /, **changes: object) -> lab.OAuth2:
    given = {
        "user": "ann@example.com",
        "client_id": "app",
        "client_secret": "an application's secret",
        "token_url": url,
        "grant": "client_credentials",
        "scopes": ("mail.send",),
    }
    return lab.OAuth2(**(given | changes))


def account(server: object, url: str, /, **changes: object) -> lab.Profile:
    """A profile for the mail server *server* with tokens of *token_url*."""
    return profile(server, auth=oauth(url, **changes))


def at_microsoft(endpoint: TokenEndpoint, tenant: str = TENANT, path: str = "token") -> str:
    return f"https://{endpoint.host}/{tenant}/oauth2/v2.0/{path}"
