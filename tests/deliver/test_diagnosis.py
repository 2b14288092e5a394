"""Every failure in the book is known by its samples, and what is not in the book is not made up."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import tomllib
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from types import SimpleNamespace
from typing import get_args

import msal
import pytest
import requests
from deliver.servers import Server, certificate, polite, profile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import smtp_lab as lab
from smtp_lab.deliver.causes import of_body
from smtp_lab.facts import load

ENTRIES = tomllib.loads(files("smtp_lab.facts").joinpath("failures.toml").read_text("utf-8"))[
    "error"
]
SAMPLES = [
    pytest.param(entry, sample, id=f"{entry['id']}-{number}")
    for entry in ENTRIES
    for number, sample in enumerate(entry["samples"])
]


def asked_of(entry):
    """The arguments under which the samples of *entry* must be known."""
    provider = entry["providers"][0]
    return {
        "on": entry["on"],
        "provider": None if provider == "*" else provider,
        "port": entry.get("when_port", [None])[0],
    }


def fields_of(model, before=""):
    """Every field of *model* and of the models in it, by its dotted name."""
    found = set()
    for name, field in model.model_fields.items():
        found.add(before + name)
        for inner in models_in(field.annotation):
            found |= fields_of(inner, f"{before}{name}.")
    return found


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


class TestTheBook:
    @pytest.mark.parametrize(("entry", "sample"), SAMPLES)
    def test_a_sample_is_known_by_its_entry(self, entry, sample):
        """Each sample is diagnosed by the entry it stands in, with all that entry says."""
        found = lab.diagnose(sample, **asked_of(entry))
        assert found.id == entry["id"]
        assert found.known
        assert (found.meaning, found.remedy) == (entry["meaning"], entry["remedy"])
        assert found.temporary is entry["temporary"]
        assert found.stage == entry["where"]
        assert found.sources == tuple(entry["source"])
        assert found.raw == sample

    @pytest.mark.parametrize(
        "entry", [pytest.param(e, id=f"{n}-{e['id']}") for n, e in enumerate(ENTRIES)]
    )
    def test_an_entry_is_complete(self, entry):
        """An entry has samples, sources, a sentence for what happened and one for what to do."""
        assert entry["samples"]
        assert entry["source"]
        assert entry["providers"]
        assert entry["on"] in ("reply", "exception", "sasl", "oauth", "graph")
        for text in (entry["meaning"], entry["remedy"]):
            assert text == text.strip()
            assert text.endswith((".", ")", "?"))

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
    def test_the_field_is_one_of_a_form(self, entry):
        """The field to look at is one of the profile, the recipients, or none."""
        found = lab.diagnose(entry["samples"][0], **asked_of(entry))
        assert found.field in {"", "to", *fields_of(lab.Profile)}

    def test_an_entry_is_found_by_its_name(self):
        """Within what one provider may say, no id stands for two different explanations."""
        keys = Counter((e["id"], provider, e["on"]) for e in ENTRIES for provider in e["providers"])
        assert [key for key, count in keys.items() if count > 1] == []


class TestHonesty:
    @pytest.mark.parametrize(
        ("text", "said", "temporary"),
        [
            ("299 something odd", "accepts", False),
            ("399 something odd", "waits for more", False),
        ],
    )
    def test_a_reply_that_is_not_in_the_book(self, text, said, temporary):
        """An unknown reply is called unknown, and explained by the class of its code only."""
        found = lab.diagnose(text)
        assert (found.id, found.known, found.stage, found.field) == ("unknown", False, "", "")
        assert "not in the book" in found.meaning
        assert said in found.meaning
        assert found.temporary is temporary
        assert found.sources == ()
        assert found.raw == text

    @pytest.mark.parametrize(
        ("text", "words", "temporary"),
        [
            ("299 2.7.99 odd", "2.7.99: success; about security or policy", False),
            ("399 odd", "waits for more", False),
        ],
    )
    def test_an_enhanced_code_is_explained_as_well(self, text, words, temporary):
        """The finer code of an unknown reply is told too."""
        found = lab.diagnose(text)
        assert found.id == "unknown"
        assert words in found.meaning
        assert found.temporary is temporary

    @pytest.mark.parametrize(
        ("on", "text", "words", "temporary"),
        [
            ("graph", "418 teapot: x", "418 it says: the server refuses this request", False),
            ("graph", "508 LoopDetected: x", "508 it says: the server failed", True),
            ("graph", "409 Conflict: x", "it contradicts something", False),
            ("oauth", "invalid_target: no", "the resource that was asked for", False),
            ("oauth", "AADSTS99999: odd", "Microsoft's error 99999", False),
            ("exception", "OSError: [Errno 28] No space left on device", "ENOSPC", False),
            ("exception", "SSLError: [SSL: TLSV1_ALERT_INTERNAL_ERROR] x", "INTERNAL_ERROR", False),
        ],
    )
    def test_every_kind_is_explained_by_its_code(self, on, text, words, temporary):
        """HTTP status, OAuth error, errno and OpenSSL's name are told where no pattern fits."""
        found = lab.diagnose(text, on=on)
        assert (found.id, found.raw) == ("unknown", text)
        assert "not in the book" in found.meaning
        assert words in found.meaning
        assert found.temporary is temporary

    @pytest.mark.parametrize("code", sorted(load("codes")["oauth"]))
    def test_every_error_of_oauth_is_known_or_explained(self, code):
        """An error of RFC 6749 and its kin has a pattern or at least a meaning."""
        found = lab.diagnose({"error": code})
        assert found.known or load("codes")["oauth"][code]["text"] in found.meaning

    @pytest.mark.parametrize("text", ["", "no code at all", "99", "6000 x", "abc 550 5.1.1"])
    def test_a_text_that_is_no_reply(self, text):
        """What is no reply gets no explanation by a code."""
        found = lab.diagnose(text)
        assert found.meaning == "This failure is not in the book."

    def test_a_kind_of_text_is_matched_with_its_own_kind_only(self):
        """A reply's text is not taken for an exception's, nor the other way round."""
        refused = "ConnectionRefusedError: [Errno 111] Connection refused"
        assert lab.diagnose("535 5.7.8 no", on="exception").id == "unknown"
        assert lab.diagnose(refused, on="reply").id == "unknown"

    def test_a_port_decides_where_it_matters(self):
        """A time-out means something else on port 25."""
        text = "TimeoutError: timed out"
        assert lab.diagnose(text, on="exception", port=25).id == "port25_blocked"
        assert lab.diagnose(text, on="exception", port=587).id == "connect_timeout"
        assert lab.diagnose(text, on="exception").id == "connect_timeout"

    def test_the_provider_that_is_named_comes_first(self):
        """A reply that more than one may send is explained by whoever is named."""
        named = {e["providers"][0] for e in ENTRIES if e["on"] == "reply"} - {"*"}
        ids = {lab.diagnose("535 5.7.8 no", provider=name).id for name in named}
        assert "bad_credentials" in ids
        assert lab.diagnose("535 5.7.8 no").id == "bad_credentials"

    @given(st.text(max_size=300), st.sampled_from(["reply", "exception", "sasl", "oauth", "graph"]))
    def test_any_text_gives_a_diagnosis(self, text, kind):
        """Whatever is asked about, there is an answer that keeps the text and shows it escaped."""
        found = lab.diagnose(text, on=kind)
        assert found.raw == text
        assert found.meaning
        assert found.remedy
        assert found.to_dict()["id"] == found.id
        assert "<script" not in found._repr_html_().lower()

    def test_a_long_hostile_text_is_answered_soon(self):
        """No pattern of the book takes time that grows without measure."""
        for text in ("550 " + "a" * 20_000, "550 " + "5.7.1 " * 4000, "535 " + "(" * 20_000):
            assert lab.diagnose(text).raw == text


def raised(action):
    with pytest.raises((OSError, ValueError)) as error:
        action()
    return error.value


class TestExceptions:
    def test_a_name_nobody_has(self):
        """A host that does not exist."""
        error = raised(lambda: socket.create_connection(("no-such-host.invalid", 587), 5))
        assert lab.diagnose(error).id in ("dns_not_found", "dns_temporary")

    def test_a_name_that_is_none(self):
        """A host with an empty label."""
        error = raised(lambda: socket.create_connection(("smtp..example.com", 587), 5))
        assert lab.diagnose(error).id in ("host_bad_label", "dns_not_found")

    def test_a_port_nobody_listens_on(self):
        """A refused connection."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = raised(lambda: smtplib.SMTP("127.0.0.1", port, timeout=5))
        found = lab.diagnose(error, port=port)
        assert (found.id, found.field) == ("conn_refused", "connection.port")

    def test_a_port_that_is_taken(self):
        """A port that cannot be listened on."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            error = raised(lambda: socket.create_server(taken.getsockname()))
        assert lab.diagnose(error).id == "address_in_use"

    def test_a_server_that_says_nothing(self):
        """A time-out while smtplib waits for the greeting."""
        with Server(lambda conn: conn.wait_for_the_end()) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=0.2))
        assert lab.diagnose(error).id in ("greeting_timeout", "connect_timeout")

    def test_a_server_that_hangs_up(self):
        """A connection that ends before the greeting."""
        with Server(lambda conn: None) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id in ("disconnected", "conn_reset")

    def test_a_server_of_another_kind(self):
        """A greeting that is no SMTP."""
        with Server(lambda conn: conn.send("SSH-2.0-OpenSSH_9.6")) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id == "not_smtp"

    def test_a_greeting_that_refuses(self):
        """A refusal with a code is a reply, whatever exception carries it."""
        with Server(lambda conn: conn.send("421 4.7.0 Try later")) as server:
            error = raised(lambda: smtplib.SMTP("127.0.0.1", server.port, timeout=5))
        found = lab.diagnose(error)
        assert found.raw == "421 4.7.0 Try later"
        assert found.temporary

    def test_a_certificate_nobody_knows(self):
        """A failed verification, as ssl raises it."""
        with Server(lambda conn: conn.encrypt(certificate(signed=False))) as server:
            context = ssl.create_default_context()
            error = raised(
                lambda: smtplib.SMTP_SSL("127.0.0.1", server.port, context=context, timeout=5)
            )
        assert isinstance(error, ssl.SSLCertVerificationError)
        assert lab.diagnose(error).id == "tls_unknown_ca"

    def test_tls_to_a_plain_port(self):
        """TLS spoken to a server that greets in plain text."""
        with Server(lambda conn: conn.send("220 hello")) as server:
            error = raised(lambda: smtplib.SMTP_SSL("127.0.0.1", server.port, timeout=5))
        assert lab.diagnose(error).id == "tls_to_plain_port"

    def test_smtplibs_own_refusals(self, sink):
        """What smtplib finds out by itself is known too."""
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            error = raised(lambda: client.login("ann", "x"))
            assert lab.diagnose(error).id == "auth_not_offered"
            error = raised(lambda: client.sendmail("a@example.com", ["b@example.com"], "x"))
            assert lab.diagnose(error).id == "auth_required"
            error = raised(lambda: client.docmd("NOOP", "a\r\nb"))
            assert lab.diagnose(error).id == "newline_in_address"
            client.starttls()
            error = raised(lambda: client.login("ann", "wrong"))
            assert isinstance(error, smtplib.SMTPAuthenticationError)
            assert lab.diagnose(error).id == "bad_credentials"
        assert lab.diagnose(raised(client.noop)).id == "not_connected"
        error = raised(lambda: smtplib.SMTP("127.0.0.1", sink.port, timeout=0))
        assert lab.diagnose(error).id == "timeout_zero"

    def test_refused_recipients(self):
        """The first refusal speaks for the recipients; without any there is nobody to send to."""
        error = smtplib.SMTPRecipientsRefused({"b@example.org": (550, b"5.1.1 User unknown")})
        assert lab.diagnose(error).raw == "550 5.1.1 User unknown"
        assert lab.diagnose(error).id == "user_unknown"
        assert lab.diagnose(smtplib.SMTPRecipientsRefused({})).id == "no_recipients"

    def test_a_reply_that_is_not_utf_8(self):
        """A reply in another encoding is diagnosed all the same."""
        error = smtplib.SMTPDataError(554, b"5.7.1 abgelehnt f\xfcr immer: spam")
        assert lab.diagnose(error).id == "spam_rejected"

    def test_a_reply_without_an_end_is_smtplibs_complaint(self):
        """smtplib's "Line too long." is not taken for a server's reply about the message."""
        own = smtplib.SMTPResponseException(500, "Line too long.")
        assert lab.diagnose(own).id == "reply_line_too_long"
        said = smtplib.SMTPDataError(500, b"Line too long (see RFC5321 4.5.3.1.6)")
        assert lab.diagnose(said).id == "line_too_long"

    def test_a_refused_hello(self):
        """A refusal of EHLO and HELO is known by what was refused, unless its text says more."""
        said = smtplib.SMTPHeloError(550, b"bad helo")
        assert lab.diagnose(said).id == "helo_refused"
        finer = smtplib.SMTPHeloError(421, b"4.7.0 Try again later, closing connection. (EHLO) x")
        assert lab.diagnose(finer, provider="gmail").id == "gmail_relay_closing"

    @pytest.mark.parametrize(
        ("error", "wanted"),
        [
            (smtplib.SMTPSenderRefused(552, b"5.3.4 Message size exceeds fixed limit", "a@example.com"), "size_exceeded_mail"),
            (smtplib.SMTPDataError(452, b"4.3.1 Insufficient system storage"), "insufficient_storage"),
            (smtplib.SMTPConnectError(-1, b"HTTP/1.1 400"), "not_smtp"),
            (smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."), "starttls_not_offered"),
            (smtplib.SMTPException("No suitable authentication method found."), "auth_no_common_mech"),
            (TimeoutError("timed out"), "connect_timeout"),
            (TimeoutError(), "connect_timeout"),
            (TimeoutError(110, "Connection timed out"), "connect_timeout"),
            (ConnectionRefusedError(111, "Connection refused"), "conn_refused"),
            (ConnectionResetError(104, "Connection reset by peer"), "conn_reset"),
            (BrokenPipeError(32, "Broken pipe"), "conn_reset"),
            (OSError(113, "No route to host"), "network_unreachable"),
            (OSError(101, "Network is unreachable"), "network_unreachable"),
            (PermissionError(13, "Permission denied"), "local_firewall"),
            (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "dns_not_found"),
            (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "dns_temporary"),
            (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"), "dns_failed"),
            (socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype"), "dns_bad_port"),
            (ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)"), "tls_unexpected_eof"),
            (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"), "tls_unexpected_eof"),
            (UnicodeEncodeError("ascii", "p\xe4ss", 1, 2, "ordinal not in range(128)"), "password_not_ascii"),
        ],
        ids=lambda value: value if isinstance(value, str) else type(value).__name__,
    )  # fmt: skip
    def test_the_usual_exceptions(self, error, wanted):
        """Each class as Python raises it."""
        assert lab.diagnose(error).id == wanted

    @pytest.mark.parametrize("name", sorted(n for n in dir(socket) if n.startswith("EAI_")))
    def test_every_failure_of_a_name_is_known(self, name):
        """Whatever getaddrinfo answers on this system, there is an entry for it."""
        error = socket.gaierror(getattr(socket, name), "whatever the C library says")
        assert lab.diagnose(error).id.startswith("dns_")


def chained(outer, inner):
    """*outer* raised because of *inner*."""
    outer.__cause__ = inner
    return outer


class TestChains:
    def test_what_is_behind_an_exception_is_looked_at(self):
        """An exception nobody knows is explained by its cause, its context or a member."""
        inner = ConnectionRefusedError(111, "Connection refused")
        assert lab.diagnose(chained(RuntimeError("it failed"), inner)).id == "conn_refused"
        group = ExceptionGroup("two", [ValueError("no"), chained(KeyError("x"), inner)])
        assert lab.diagnose(group).id == "conn_refused"
        with pytest.raises(RuntimeError) as caught:  # noqa: PT012
            try:
                raise inner
            except OSError:
                raise RuntimeError("while that was handled")  # noqa: B904
        assert lab.diagnose(caught.value).id == "conn_refused"

    def test_the_outermost_that_is_known_is_explained(self):
        """What went wrong last counts before what led to it."""
        outer = smtplib.SMTPServerDisconnected("Connection unexpectedly closed: timed out")
        assert lab.diagnose(chained(outer, TimeoutError("timed out"))).id == "greeting_timeout"

    def test_a_context_that_was_put_aside_counts_for_nothing(self):
        """`raise … from None` means what it says."""
        with pytest.raises(RuntimeError) as caught:  # noqa: PT012
            try:
                raise ConnectionRefusedError(111, "Connection refused")
            except OSError:
                raise RuntimeError("quite another thing") from None
        assert lab.diagnose(caught.value).id == "unknown"
        assert lab.diagnose(caught.value).raw == "RuntimeError: quite another thing"

    def test_a_chain_without_end(self):
        """Exceptions that point at one another are looked at once each."""
        first, second = RuntimeError("a"), RuntimeError("b")
        first.__cause__, second.__cause__ = second, first
        assert lab.diagnose(first).id == "unknown"

    def test_a_subclass_is_known_as_what_it_is(self):
        """A library's own kind of a well-known exception is known by that."""

        class TheirError(TimeoutError):
            pass

        assert lab.diagnose(TheirError("timed out")).id == "connect_timeout"

    def test_an_exception_about_a_delivery_gives_its_diagnosis(self):
        """A DeliveryError is explained by the very diagnosis of its delivery."""
        with Server(polite(tls=certificate(), replies={"AUTH": "535 5.7.8 no"})) as server:
            mail = lab.render("test_mail", to="bob@example.org", **TEST_MAIL)
            with pytest.raises(lab.DeliveryError) as caught:
                lab.send(mail, profile=profile(server))
        found = lab.diagnose(chained(RuntimeError("report failed"), caught.value))
        assert found is caught.value.delivery.diagnosis
        assert found.id == "bad_credentials"

    def test_an_input_error_names_its_field(self):
        """An error of this package is explained by itself."""
        error = lab.InputError.of("connection.port", "is 99999", "give 587")
        found = lab.diagnose(error)
        assert (found.id, found.field) == ("input", "connection.port")
        assert found.meaning == "connection.port: is 99999; give 587."


TEST_MAIL = {
    "account": "ann", "host": "127.0.0.1", "port": 1, "security": "starttls", "login": "ann",
    "mechanism": "auto", "verified": True, "sender": "ann@example.com", "sent_at": datetime.now(UTC),
}  # fmt: skip


class TestRequests:
    """requests and urllib3 wrap what went wrong several times over."""

    @pytest.fixture
    def session(self):
        with requests.Session() as session:
            session.trust_env = False
            yield session

    def test_a_port_nobody_listens_on(self, session):
        """The refused connection comes out, not the wrapping."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = raised(lambda: session.get(f"http://127.0.0.1:{port}/token", timeout=5))
        assert isinstance(error, requests.ConnectionError)
        assert lab.diagnose(error).id == "conn_refused"

    def test_a_name_nobody_has(self, session):
        """The name that was not found comes out."""
        error = raised(lambda: session.get("http://no-such-host.invalid/token", timeout=5))
        assert lab.diagnose(error).id in ("dns_not_found", "dns_temporary")

    def test_a_certificate_nobody_knows(self, session):
        """The failed verification comes out."""
        with Server(lambda conn: conn.encrypt(certificate(signed=False))) as server:
            error = raised(lambda: session.get(f"https://127.0.0.1:{server.port}/", timeout=5))
        assert isinstance(error, requests.exceptions.SSLError)
        assert lab.diagnose(error).id == "tls_unknown_ca"

    def test_a_server_that_does_not_answer(self, session):
        """A request that was taken and not answered is told apart from a failed connection."""

        def take_and_wait(conn):
            while not conn.left:
                conn.line()

        with Server(take_and_wait) as server:
            error = raised(lambda: session.get(f"http://127.0.0.1:{server.port}/", timeout=0.2))
        assert isinstance(error, requests.exceptions.ReadTimeout)
        assert lab.diagnose(error).id == "http_read_timeout"

    def test_a_server_that_hangs_up(self, session):
        """A connection that ends without an answer."""
        with Server(lambda conn: conn.line()) as server:
            error = raised(lambda: session.get(f"http://127.0.0.1:{server.port}/", timeout=5))
        assert lab.diagnose(error).id == "conn_reset"

    def test_a_proxy_that_is_not_there(self, session):
        """A proxy that fails is not mistaken for the server that was asked."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = raised(
            lambda: session.get("https://mx.example.com/", proxies={"https": proxy}, timeout=5)
        )
        assert isinstance(error, requests.exceptions.ProxyError)
        assert lab.diagnose(error).id == "proxy_failed"

    @pytest.mark.parametrize("url", ["login.example.com/token", "htps://x.example.com", "https://"])
    def test_an_address_that_is_none(self, session, url):
        """An address that requests cannot use."""
        assert lab.diagnose(raised(lambda: session.get(url, timeout=5))).id == "http_bad_url"

    def test_an_answer_that_is_no_json(self, session):
        """A web page where a token was expected."""
        page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
        with Server(lambda conn: (conn.line(), conn.sock.sendall(page))) as server:
            answer = session.get(f"http://127.0.0.1:{server.port}/", timeout=5)
        assert lab.diagnose(raised(answer.json)).id == "http_not_json"

    @pytest.mark.parametrize(
        ("status", "body", "wanted"),
        [
            (401, {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed, the token is expired."}}, "graph_token_expired"),
            (400, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}, "aadsts7000215"),
            (503, "<html>busy</html>", "graph_unavailable"),
            (418, "", "unknown"),
        ],
    )  # fmt: skip
    def test_a_status_with_a_body(self, session, status, body, wanted):
        """raise_for_status() is explained by the body and, without one, by the status."""
        sent = body if isinstance(body, str) else json.dumps(body)
        head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(sent)}\r\nConnection: close\r\n\r\n"
        with Server(
            lambda conn: (conn.line(), conn.sock.sendall((head + sent).encode()))
        ) as server:
            answer = session.get(f"http://127.0.0.1:{server.port}/", timeout=5)
        found = lab.diagnose(raised(answer.raise_for_status))
        assert found.id == wanted
        if wanted == "unknown":
            assert "418" in found.meaning


class Http:
    """What msal is given to reach the network: every request gets the same answer."""

    def __init__(self, status, body):
        self.answer = SimpleNamespace(
            status_code=status, text=json.dumps(body), headers={}, raise_for_status=lambda: None
        )

    def post(self, url, **_):
        return self.answer

    def get(self, url, **_):
        tenant = "https://login.microsoftonline.com/contoso.example"
        config = {
            "authorization_endpoint": f"{tenant}/authorize",
            "token_endpoint": f"{tenant}/token",
            "issuer": tenant,
        }
        text = json.dumps(config) if self.answer.status_code == 401 else self.answer.text
        return SimpleNamespace(
            status_code=200 if self.answer.status_code == 401 else self.answer.status_code,
            text=text, headers={}, raise_for_status=lambda: None,
        )  # fmt: skip

    def close(self):
        pass


class TestWebServices:
    def app(self, http):
        return msal.ConfidentialClientApplication(
            "11111111-2222-3333-4444-555555555555",
            authority="https://login.microsoftonline.com/contoso.example",
            client_credential="not the secret",
            http_client=http,
            instance_discovery=False,
        )

    def test_what_msal_returns(self):
        """The mapping of a refused token is explained by Microsoft's number in it."""
        body = {
            "error": "invalid_client",
            "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: 1",
            "error_codes": [7000215],
        }
        app = self.app(Http(401, body))
        found = lab.diagnose(app.acquire_token_for_client(["https://graph.microsoft.com/.default"]))
        assert found.id == "aadsts7000215"
        assert found.field == "connection.auth.client_secret"

    def test_what_msal_raises(self):
        """A tenant that does not exist is explained, by the number behind the exception."""
        body = {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."}
        with pytest.raises(ValueError, match="authority") as caught:
            self.app(Http(400, body))
        assert lab.diagnose(caught.value).id == "aadsts90002"
        assert lab.diagnose(ValueError(str(caught.value))).id == "msal_authority"

    def test_msals_own_exception(self):
        """An answer that MSAL remembers is an exception without a text."""
        error = msal.exceptions.MsalServiceError(
            error="invalid_grant", error_description="AADSTS70008: expired"
        )
        assert lab.diagnose(error).id == "aadsts70008"

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            ({"error": "invalid_client"}, "google_invalid_client"),
            ({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, "google_token_revoked"),
            ({"error": {"code": "ErrorSendAsDenied", "message": "no"}}, "graph_send_as_denied"),
            ({"error": {"code": "ErrorAccessDenied", "message": "no"}}, "graph_access_denied"),
            ({"error": {"code": "UnknownError", "message": "", "innerError": {"code": "MailboxNotEnabledForRESTAPI"}}}, "graph_no_mailbox"),
            ({"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}, "sasl_token_invalid"),
            ({"status": "insufficient_scope"}, "sasl_scope"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_a_body_says_itself_what_it_is(self, body, wanted):
        """As mapping, as JSON, and a challenge as base64 with and without its code."""
        text = json.dumps(body)
        assert lab.diagnose(body).id == wanted
        assert lab.diagnose(text).id == wanted
        assert lab.diagnose(f"  {text}\n".encode()).id == wanted
        if wanted.startswith("sasl"):
            coded = b64encode(text.encode()).decode()
            assert lab.diagnose(coded).id == lab.diagnose(f"334 {coded}").id == wanted

    def test_a_token_in_an_answer_is_not_kept(self):
        """Of an answer only what explains it is in the diagnosis."""
        token = "eyJhbGciOiJub25lIn0.e30."
        for body in (
            {"access_token": token, "expires_in": 3600},
            {"error": "invalid_scope", "access_token": token, "id_token": token},
            {"status": "400", "access_token": token},
        ):
            found = lab.diagnose(body)
            assert token not in f"{found!r}{found}{found._repr_html_()}"

    @given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(
        st.sampled_from(["error", "code", "message", "innerError", "status", "x"]), inner)))  # fmt: skip
    def test_any_body_gives_a_diagnosis(self, body):
        """Whatever an answer holds, it is explained or called unknown."""
        data = body if isinstance(body, dict) else {"error": body}
        assert of_body(data).kind in ("oauth", "graph", "sasl")
        assert lab.diagnose(data).meaning
        assert lab.diagnose(json.dumps(data)).meaning


class TestPasted:
    """What a person has at hand: the last line of a traceback, a reply of several lines."""

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')", "bad_credentials"),
            ("SMTPAuthenticationError: (535, b'5.7.8 one\\n5.7.8 two authentication failed')", "bad_credentials"),
            ("smtplib.SMTPRecipientsRefused: {'b@example.org': (550, b'5.1.1 User unknown')}", "user_unknown"),
            ("ConnectionRefusedError: [Errno 111] Connection refused", "conn_refused"),
            ("socket.gaierror: [Errno -2] Name or service not known", "dns_not_found"),
            ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)", "tls_expired"),
            ("smtplib.SMTPServerDisconnected: Connection unexpectedly closed", "disconnected"),
            ("535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8 https://support.google.com/mail/?p=BadCredentials", "bad_credentials"),
            ("401 InvalidAuthenticationToken: Access token is empty.", "graph_token_malformed"),
            ("AADSTS50126: Error validating credentials", "aadsts50126"),
        ],
        ids=lambda value: "" if " " in value else value,
    )  # fmt: skip
    def test_what_kind_it_is_need_not_be_said(self, text, wanted):
        """The kind is seen from the text, and the text is kept."""
        assert lab.diagnose(text).id == wanted

    @given(st.text(max_size=300))
    def test_any_text_is_of_some_kind(self, text):
        """Whatever is pasted gets an answer."""
        assert lab.diagnose(text).meaning


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        self.text += data


class TestShowing:
    def test_the_notebook_shows_all_of_it(self):
        """Meaning, remedy, field, whether to retry, the text and the sources."""
        found = lab.diagnose("535 5.7.8 Error: authentication failed")
        page = Page(found._repr_html_())
        for text in (found.meaning, found.remedy, found.field, found.raw, *found.sources):
            assert text in page.text
        assert "Trying again as it is will not help." in page.text
        assert "Trying again can help." in Page(lab.diagnose("421 4.3.2 x")._repr_html_()).text

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
    def test_a_source_is_a_link_only_if_it_is_an_address(self, entry):
        """Addresses are links that open apart; everything else is text."""
        found = lab.diagnose(entry["samples"][0], **asked_of(entry))
        html = found._repr_html_()
        addresses = [s for s in found.sources if s.startswith("http") and " " not in s]
        assert Page(html).links == addresses
        assert html.count("noopener noreferrer") == len(addresses)

    def test_a_hostile_text_is_text(self):
        """Nothing a server said is markup or a link."""
        found = lab.diagnose("550 5.1.1 <script>alert(1)</script> javascript:alert(1)")
        found = type(found)(
            **(
                found.to_dict()
                | {"sources": ("javascript:alert(1)", 'https://x.example" onclick="x')}
            )
        )
        page = Page(found._repr_html_())
        assert "script" not in page.tags
        assert page.links == []
        assert "<script>alert(1)</script>" in page.text

    def test_the_terminal_shows_meaning_and_remedy(self):
        """str() is the sentence that the README promises."""
        found = lab.diagnose("535 5.7.8 Error: authentication failed")
        assert str(found) == f"{found.meaning} {found.remedy}"


class TestProvider:
    def test_the_server_says_which_providers_patterns_come_first(self, monkeypatch):
        """A reply of a known provider's server is explained by that provider's entry."""
        monkeypatch.setattr(
            "smtp_lab.deliver.dialogue.provider_at", lambda host: lab.provider("yahoo")
        )
        replies = {"AUTH": "535 5.7.0 (#AUTH005) Too many bad auth attempts."}
        with Server(polite(tls=certificate(), replies=replies)) as server:
            delivery = lab.send_test(profile(server), to="bob@example.org")
        assert delivery.diagnosis.id == "yahoo_too_many"

    def test_a_server_of_nobody_in_particular(self):
        """Without a provider the entries for everyone come first."""
        with Server(polite(tls=certificate(), replies={"AUTH": "535 5.7.8 no"})) as server:
            delivery = lab.send_test(profile(server), to="bob@example.org")
        assert delivery.diagnosis.id == "bad_credentials"
