"""A twin of an identity provider: gives tokens (RFC 6749), and says whether one is good (RFC 7662)."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote_plus

SCOPE = "mail.send"
GOOD = "good-" + "t0ken." * 200  # as long as those of the large providers
EXPIRED = "expired-token"
WRONG_SCOPE = "token-for-the-calendar"
OF_ANOTHER = "token-of-bob"

_KNOWN: dict[str, dict[str, object]] = {
    GOOD: {"active": True, "email": "ann@example.com", "scope": SCOPE},
    EXPIRED: {"active": False},
    WRONG_SCOPE: {"active": True, "email": "ann@example.com", "scope": "calendar.read"},
    OF_ANOTHER: {"active": True, "email": "bob@example.org", "scope": SCOPE},
}


class IdentityProvider:
    """Answers on loopback, in plain http.

    A client gets the token that `gives` has under its client_id, whatever its secret is; a token
    that is not `known` is one that is not active.

    Attributes:
        introspection_url: Where a server asks about a token.
        token_url: Where a client gets one.
        asked: The tokens that were asked about.
        known: What it says of each token.
        gives: Token by client_id.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known: dict[str, dict[str, object]] = {**_KNOWN}
        self.gives: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        base = f"http://127.0.0.1:{self._server.server_port}"
        self.introspection_url, self.token_url = f"{base}/introspect", f"{base}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
                code, said = provider._answer(self.path, form, self.headers.get("Authorization"))
                body = json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: the line would be lost among those of the tests."""

        return Handler

    def _answer(
        self, path: str, form: dict[str, str], basic: str | None
    ) -> tuple[int, dict[str, object]]:
        if path == "/introspect":
            self.asked.append(form["token"])
            return 200, self.known.get(form["token"], {"active": False})
        # RFC 6749 section 2.3.1: the client's name stands in the form or in HTTP Basic.
        given = b64decode(basic.partition(" ")[2]).decode() if basic else form.get("client_id", "")
        token = self.gives.get(unquote_plus(given.partition(":")[0]))
        if token is None:
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
