"""A twin of Microsoft Graph on this machine: real HTTPS, the documented answers, faults on demand.

What it does is taken from learn.microsoft.com/graph: user-sendmail, user-post-messages,
message-post-attachments, attachment-createuploadsession, outlook-large-attachments, message-send,
message-get, user-list-messages, throttling, errors.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from deliver.servers import _ca_path, certificate

import smtp_lab as lab
from smtp_lab.config.connection import CLOUDS
from smtp_lab.deliver.oauth.token import AccessToken

REQUEST = 4 * 1024 * 1024
MEGABYTES_3 = 3_000_000
AUTHTOKEN = "uploadtokenthatnobodymaysee0123456789"
FIRST, SECOND = (
    f"eyJhbGciOiJub25lIn0.{name}-token-nobody-may-see.c2ln" for name in ("first", "second")
)


@dataclass
class Item:
    """A message in a mailbox."""

    id: str
    raw: bytes
    received: datetime
    folder: str = "inbox"
    draft: bool = False
    attachments: list[dict] = field(default_factory=list)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Tokens:
    """Stands in for what gets tokens: the first one, then a fresh one."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens or (FIRST, SECOND))
        self.asked: list[bool] = []

    def __call__(self, fresh: bool, transcript: lab.Transcript) -> AccessToken:
        transcript.add("*", "got a token")
        self.asked.append(fresh)
        return AccessToken.of(lab.Secret(self.left.pop(0)))


class GraphTwin:
    """Graph for ann@example.com and bob@example.com, over HTTPS on a free port.

    Attributes:
        sent: Every message that was taken for sending, with the mailbox it left from.
        requests: Everything that was asked.
        accepted: Tokens that are good.
        faults: What is answered instead: ``(method, end of the path, answer)``, each once; the
            answer is ``(status, headers, body)`` or a function of the handler.
    """

    def __init__(self) -> None:
        self.mailboxes: dict[str, list[Item]] = {"ann@example.com": [], "bob@example.com": []}
        self.without_mailbox = {"ghost@example.com"}
        self.may_read = self.may_send = True
        self.accepted = {FIRST, SECOND}
        self.sent: list[tuple[str, Item]] = []
        self.requests: list[Request] = []
        self.faults: list[tuple[str, str, object]] = []
        self.uploads: dict[str, tuple[Item, dict, bytearray]] = {}
        self.clock = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
        self._count = 0
        twin = self

        class Handler(_Handler):
            graph = twin

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = certificate("localhost", "127.0.0.1").wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.host = f"localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def fault(self, method: str, end: str, status, headers=None, body=b"") -> None:
        answer = status if callable(status) else (status, headers or {}, body)
        self.faults.append((method, end, answer))

    def put(self, user: str, raw: bytes, **more: object) -> Item:
        """Lay a message into a mailbox."""
        self._count += 1
        self.clock += timedelta(seconds=1)
        # As long as real ones, and with what must be quoted in a path.
        item = Item(f"AAMk{self._count:04}/+{'x' * 110}=", raw, self.clock, **more)
        self.mailboxes[user].append(item)
        return item

    def asked(self, end: str = "") -> list[str]:
        """The requests whose path ends so, as ``METHOD path``."""
        return [
            f"{r.method} {r.path}" for r in self.requests if r.path.partition("?")[0].endswith(end)
        ]

    def deliver(self, user: str, item: Item) -> None:
        """Send: Bcc taken out, a copy in Sent Items, Return-Path where it arrives."""
        self.sent.append((user, item))
        message = message_from_bytes(item.raw, policy=default)
        fields = re.split(rb"\r\n(?![ \t])", item.raw.partition(b"\r\n\r\n")[0])
        kept = [f for f in fields if not f.lower().startswith(b"bcc:")]
        body = item.raw.partition(b"\r\n\r\n")[2]
        raw = b"Return-Path: " + user.encode() + b"\r\n" + b"\r\n".join(kept) + b"\r\n\r\n" + body
        self.put(user, item.raw, folder="sentitems")
        for address in recipients_of(message):
            if address in self.mailboxes:
                self.put(address, raw)


def recipients_of(message) -> list[str]:
    values = [str(v) for name in ("To", "Cc", "Bcc") for v in message.get_all(name, [])]
    return [address for _, address in getaddresses(values) if address]


def error(status: int, code: str, message: str = "It is so.", inner: str = "") -> tuple:
    about = {"date": "2026-01-31T12:00:00", "request-id": "r-1", "client-request-id": "c-1"}
    if inner:
        about["code"] = inner
    body = json.dumps({"error": {"code": code, "message": message, "innerError": about}}).encode()
    return status, {"Content-Type": "application/json"}, body


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that hang up, or trust nobody, are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    graph: GraphTwin
    timeout = 15
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        graph = self.graph
        graph.requests.append(request)
        for fault in graph.faults:
            if fault[0] == self.command and self.path.partition("?")[0].endswith(fault[1]):
                graph.faults.remove(fault)
                if callable(fault[2]):
                    fault[2](self)
                    return
                self._say(*fault[2])
                return
        self._say(*self._answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # http.server wants these names

    def _say(self, status: int, headers: dict, body: bytes) -> None:
        self.send_response(status)
        self.send_header("request-id", f"request-{len(self.graph.requests)}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, request: Request) -> tuple:  # noqa: C901, PLR0911  # one for each kind
        path = urlsplit(request.path)
        if path.path.startswith("/upload/"):
            return self._upload(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.graph.accepted:
            status, headers, body = error(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
            )
            return (
                status,
                headers
                | {
                    "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.example.com"'
                },
                body,
            )
        if len(request.body) > REQUEST:
            return error(
                413, "RequestEntityTooLarge", "The maximum request length supported is 4MB."
            )
        found = re.fullmatch(r"/v1\.0/(?:me|users/([^/]+))/(.+)", path.path)
        user = unquote(found[1] or "ann@example.com")
        if user in self.graph.without_mailbox:
            return error(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        if user not in self.graph.mailboxes:
            return error(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")
        steps = [unquote(step) for step in found[2].split("/")]
        allowed = self.graph.may_read if request.method == "GET" else self.graph.may_send
        if not allowed:
            return error(
                403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
            )
        match request.method, steps:
            case "POST", ["sendMail"]:
                return self._send_mail(user, request)
            case "POST", ["messages"]:
                return self._draft(user, request)
            case "GET", ["messages"]:
                return self._list(user, "", path.query)
            case "GET", ["mailFolders", folder, "messages"]:
                return self._list(user, folder, path.query)
            case method, ["messages", name, *rest]:
                item = next((i for i in self.graph.mailboxes[user] if i.id == name), None)
                if item is None:
                    return error(
                        404, "ErrorItemNotFound", "The specified object was not found in the store."
                    )
                return self._item(user, item, method, rest, request)
        return error(400, "BadRequest", "Resource not found for the segment.")

    def _mime(self, user: str, request: Request) -> bytes | tuple:
        if request.headers.get("content-type") != "text/plain":
            return error(400, "BadRequest", "Unable to read JSON request payload.")
        try:
            raw = base64.b64decode(request.body, validate=True)
        except ValueError:
            return error(
                400,
                "ErrorMimeContentInvalidBase64String",
                "Invalid base64 string for MIME content.",
            )
        message = message_from_bytes(raw, policy=default)
        sender = message["From"].addresses[0].addr_spec
        if sender != user:
            return error(
                403,
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.",
            )
        return raw

    def _send_mail(self, user: str, request: Request) -> tuple:
        raw = self._mime(user, request)
        if isinstance(raw, tuple):
            return raw
        if not recipients_of(message_from_bytes(raw, policy=default)):
            return error(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
        self.graph.deliver(user, Item("", raw, self.graph.clock))
        return 202, {}, b""

    def _draft(self, user: str, request: Request) -> tuple:
        raw = self._mime(user, request)
        if isinstance(raw, tuple):
            return raw
        item = self.graph.put(user, raw, folder="drafts", draft=True)
        return 201, {"Content-Type": "application/json"}, json.dumps({"id": item.id}).encode()

    def _item(self, user, item, method, rest, request) -> tuple:  # noqa: PLR0911  # one for each kind
        graph = self.graph
        match method, rest:
            case "GET", ["$value"]:
                return 200, {"Content-Type": "text/plain"}, item.raw
            case "DELETE", []:
                graph.mailboxes[user].remove(item)
                return 204, {}, b""
            case "POST", ["send"]:
                graph.mailboxes[user].remove(item)
                graph.deliver(user, item)
                return 202, {}, b""
            case "POST", ["attachments"]:
                about = json.loads(request.body)
                about["content"] = base64.b64decode(about.pop("contentBytes"), validate=True)
                item.attachments.append(about)
                return 201, {}, b"{}"
            case "POST", ["attachments", "createUploadSession"]:
                about = json.loads(request.body)["AttachmentItem"]
                if about["size"] < MEGABYTES_3:
                    return error(
                        400,
                        "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
                        "The attachment is too small.",
                    )
                name = f"s{len(graph.uploads)}"
                graph.uploads[name] = (item, about, bytearray())
                answer = {
                    "uploadUrl": f"https://{graph.host}/upload/AttachmentSessions('{name}')?authtoken={AUTHTOKEN}",
                    "expirationDateTime": "2026-02-01T00:00:00Z",
                    "nextExpectedRanges": ["0-"],
                }
                return 201, {}, json.dumps(answer).encode()
        return error(405, "MethodNotAllowed")

    def _upload(self, request: Request) -> tuple:
        if "authorization" in request.headers or AUTHTOKEN not in request.path:
            return error(401, "InvalidAuthenticationToken", "No token belongs here.")
        item, about, content = self.graph.uploads[
            re.search(r"\('(\w+)'\)", unquote(request.path))[1]
        ]
        first, last, total = map(
            int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", request.headers["content-range"]).groups()
        )
        if first != len(content) or last - first + 1 != len(request.body) or total != about["size"]:
            return error(416, "ErrorInvalidRange", "The range is not the expected one.")
        content += request.body
        if len(content) < total:
            # In this answer the key begins with a capital, and the range has no end.
            return 200, {}, json.dumps({"NextExpectedRanges": [str(len(content))]}).encode()
        item.attachments.append(about | {"content": bytes(content)})
        return 201, {"Location": f"https://{self.graph.host}/attachments('1')"}, b""

    def _list(self, user: str, folder: str, query: str) -> tuple:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        found = [i for i in self.graph.mailboxes[user] if not folder or i.folder == folder]
        if since := re.fullmatch(r"receivedDateTime ge (\S+)", asked.get("$filter", "")):
            found = [i for i in found if i.received >= datetime.fromisoformat(since[1])]
        found.sort(key=lambda i: i.received, reverse=asked.get("$orderby", "").endswith(" desc"))
        top, skip = int(asked.get("$top", 10)), int(asked.get("$skip", 0))
        page: dict = {
            "value": [
                {
                    "id": i.id,
                    "receivedDateTime": i.received.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "isDraft": i.draft,
                }
                for i in found[skip : skip + top]
            ]
        }
        if skip + top < len(found):
            rest = re.sub(r"&\$skip=\d+", "", query)
            page["@odata.nextLink"] = (
                f"https://{self.graph.host}{self.path.partition('?')[0]}?{rest}&$skip={skip + top}"
            )
        return 200, {"Content-Type": "application/json"}, json.dumps(page).encode()


# --- profiles for it ------------------------------------------------------------------------------


def profile(**changes: object) -> lab.Profile:
    """A profile for ann's mailbox; the application acts for itself."""
    values = {
        "user": "ann@example.com",
        "tenant_id": "t",
        "client_id": "c",
        "client_secret": "open sesame",
        "timeout": 5,
    }
    connection = lab.GraphConnection(**(values | changes))
    return lab.Profile(name="ann", sender="Ann Example <ann@example.com>", connection=connection)


def trust(monkeypatch, twin: GraphTwin, *, tokens: Tokens | None = None) -> Tokens:
    """Let the global cloud be *twin*, whose authority is trusted, with tokens at hand."""
    given = tokens or Tokens()
    monkeypatch.setitem(CLOUDS, "global", twin.host)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())
    monkeypatch.setattr("smtp_lab.deliver.tokens.graph_tokens", lambda *_: given)
    return given
