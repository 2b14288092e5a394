"""Requests over HTTPS: verified, bounded, never redirected, and silent about what is secret."""

from __future__ import annotations

import http.client
import logging
import socket
import traceback

import pytest
from deliver.graph_twin import AUTHTOKEN, FIRST, GraphTwin
from deliver.servers import Server, _ca_path, certificate

from smtp_lab import InputError
from smtp_lab.deliver.http import NoAnswerError, Web, authorities

SECRET = "Bearer sesame-open-sesame-open"


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _ca_path())


def ask(port, *, timeout=5.0, seconds=10.0, path="/x", **more):
    web = Web(timeout)
    try:
        return web.ask(
            "GET",
            f"https://localhost:{port}{path}",
            headers={"Authorization": SECRET},
            seconds=seconds,
            **more,
        )
    finally:
        web.close()


def serving(*lines, hang=False):
    """A server that takes one request and says *lines*."""

    def script(conn):
        conn.encrypt(certificate("localhost", "127.0.0.1"))
        while conn.line():
            pass
        for line in lines:
            conn.sock.sendall(line)
        if hang:
            conn.left = False
            conn.sock.recv(1)

    return Server(script)


@pytest.mark.usefixtures("trusted")
class TestAsking:
    def test_an_answer_is_read(self):
        """Status, headers and body come back; a body that is no JSON object is an empty one."""
        with serving(b"HTTP/1.1 299 Odd\r\nX-A: b\r\nContent-Length: 2\r\n\r\n[]") as server:
            answer = ask(server.port)
        assert (answer.status, answer.reason, answer.headers["x-a"]) == (299, "Odd", "b")
        assert (answer.body, answer.json) == (b"[]", {})
        assert "[]" not in repr(answer)

    def test_a_redirect_is_an_answer(self):
        """Nothing is followed: the token would go along."""
        with serving(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n") as server:
            assert ask(server.port).status == 302
            assert server.connections == 1

    def test_an_answer_without_an_end_is_cut_off(self):
        """More than the limit is no answer."""
        body = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 200_000
        with serving(body) as server, pytest.raises(NoAnswerError, match=r"longer than 1,000 oct"):
            ask(server.port, limit=1_000)

    def test_an_answer_that_drips_ends_with_the_time(self):
        """The whole request has a limit, whatever arrives in between."""

        def script(conn):
            conn.encrypt(certificate("localhost", "127.0.0.1"))
            while conn.line():
                pass
            while True:
                conn.sock.sendall(b"X")

        with Server(script) as server, pytest.raises(NoAnswerError) as lost:
            ask(server.port, seconds=0.5)
        assert lost.value.said

    @pytest.mark.parametrize("hang", [True, False])
    def test_a_lost_answer_may_have_been_heard(self, hang):
        """Silence or a closed connection after the request: it may have been acted upon."""
        with serving(hang=hang) as server, pytest.raises(NoAnswerError) as lost:
            ask(server.port, timeout=0.5)
        assert lost.value.said
        assert lost.value.cause.startswith("TimeoutError:" if hang else "RemoteDisconnected:")

    def test_a_server_that_is_not_there_has_heard_nothing(self):
        """Where nothing listens, nothing was said."""
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with pytest.raises(NoAnswerError, match="ConnectionRefusedError") as lost:
            ask(port)
        assert not lost.value.said

    def test_no_password_comes_from_a_netrc(self, tmp_path, monkeypatch):
        """requests would put one into the request by itself."""
        (tmp_path / ".netrc").write_text("machine localhost login ann password hunter2\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        with GraphTwin() as twin:
            web = Web(5)
            web.ask("GET", f"https://{twin.host}/x", headers={}, seconds=5)
            web.close()
        assert "authorization" not in twin.requests[0].headers

    def test_a_proxy_of_the_environment_is_used(self, monkeypatch):
        """Behind a proxy the request goes through it, and the proxy sees no header of ours."""
        heard = []

        def script(conn):
            while line := conn.line():
                heard.append(line)
            conn.send("HTTP/1.1 403 Forbidden", "")

        with Server(script) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "")
            monkeypatch.setenv("no_proxy", "")
            with pytest.raises(NoAnswerError, match="403") as lost:
                ask(443, path="/secret-path")
        assert heard[0] == b"CONNECT localhost:443 HTTP/1.1" or heard[0].startswith(b"CONNECT ")
        assert not proxy.said("sesame")
        assert not lost.value.said


class TestTrust:
    def test_a_certificate_nobody_vouches_for_is_refused(self, trusted):
        """The name of the failure is the one the diagnosis knows."""
        context = certificate("localhost", signed=False)

        def script(conn):
            conn.encrypt(context)

        with Server(script) as server, pytest.raises(NoAnswerError) as lost:
            ask(server.port)
        assert lost.value.cause.startswith("SSLCertVerificationError: ")
        assert not lost.value.said

    def test_the_lab_s_authority_is_not_trusted_by_itself(self, monkeypatch):
        """Without a variable certifi's authorities count, and these do not know ours."""
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        with GraphTwin() as twin, pytest.raises(NoAnswerError, match="SSLCertVerification"):
            ask(twin.host.partition(":")[2])

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_each_variable_names_the_authorities(self, name, monkeypatch):
        """The usual variables are heard."""
        for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, _ca_path())
        assert authorities() == _ca_path()

    def test_a_file_that_is_not_there_is_a_sentence(self, monkeypatch):
        """The variable is named, not a library's traceback."""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
        with pytest.raises(
            InputError, match=r"^REQUESTS_CA_BUNDLE: /nowhere/ca\.pem cannot be read"
        ):
            Web(5)


@pytest.mark.usefixtures("trusted")
class TestSilence:
    def shown(self, error):
        """A traceback with the local variables of every frame, and of all that lies behind."""
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(told.format())

    @pytest.mark.parametrize("why", ["refused", "silent", "too long"])
    def test_no_failure_holds_a_header_or_the_address(self, why):
        """Neither the text nor the frames of a failure know what was sent."""
        answer = [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9999] if why == "too long" else []
        with serving(*answer, hang=why == "silent") as server:
            port = 1 if why == "refused" else server.port
            web = Web(0.5)
            with pytest.raises(NoAnswerError) as lost:
                web.ask(
                    "PUT",
                    f"https://localhost:{port}/x?authtoken={AUTHTOKEN}",
                    headers=dict.fromkeys(["Authorization"], SECRET),
                    body=b"attached-words",
                    seconds=3,
                    limit=100,
                )
        below = lost.value.with_traceback(lost.tb.tb_next)  # this test's own frame has the words
        text = self.shown(below)
        assert "NoAnswerError" in text
        for secret in ("sesame", AUTHTOKEN, "attached-words"):
            assert secret not in text

    def test_an_interruption_holds_none_either(self, monkeypatch):
        """Ctrl-C in the middle of a request shows no frame of it."""
        web = Web(5)

        def interrupted(*_args, **_kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(web._session, "request", interrupted)
        with pytest.raises(KeyboardInterrupt) as lost:
            web.ask("GET", "https://localhost/", headers={"Authorization": SECRET}, seconds=3)
        assert "sesame" not in self.shown(lost.value.with_traceback(lost.tb.tb_next))

    def test_the_loudest_log_holds_no_header_and_no_secret_address(
        self, caplog, capsys, monkeypatch
    ):
        """At every level of every logger, and with http.client's own printing switched on."""
        monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 9)
        caplog.set_level(logging.DEBUG)
        with GraphTwin() as twin:
            web = Web(5)
            said = {"Authorization": f"Bearer {FIRST}"}
            url = f"https://{twin.host}/v1.0/me/messages"
            assert web.ask("GET", url, headers=said, seconds=5).status == 200
            upload = f"https://{twin.host}/x?authtoken={AUTHTOKEN}"
            web.ask("PUT", upload, headers={}, body=b"x", seconds=5, quiet=True)
            web.close()
        text = caplog.text + "".join(capsys.readouterr())
        assert "GET /v1.0/me/messages" in text  # the log was listened to
        assert FIRST not in text
        assert AUTHTOKEN not in text
