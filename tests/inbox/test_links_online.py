"""Links are tried at public addresses only, and at the address that was checked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from inbox.mails import captured

from smtp_lab.inbox.checks.asking import LINKS, REDIRECTS, Asker, is_public
from smtp_lab.inbox.checks.options import Options
from smtp_lab.inbox.checks.run import check_many


@pytest.fixture
def web() -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """An HTTP server on loopback, and what was asked of it: verb, path, Host."""
    asked: list[tuple[str, str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append((self.command, self.path, self.headers["Host"]))
            name, _, number = self.path.strip("/").partition("-")
            if name == "to":
                self.send_response(302)
                self.send_header("Location", f"/to-{int(number) + 1}")
            elif name == "inside":
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/latest")
            elif name == "nohead" and self.command == "HEAD":
                self.send_response(405)
            else:
                self.send_response(404 if name == "gone" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD  # noqa: N815  # the name http.server asks for

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def asker(**changes) -> Asker:
    """One for which shop.example is on loopback, and only that address is public."""
    known = {"shop.example": ["127.0.0.1"], "both.example": ["127.0.0.1", "10.0.0.1"]}
    settings = {
        "resolve": lambda host, port: known.get(host, [host]),
        "allowed": lambda address: address == "127.0.0.1",
        "ports": None,
    }
    return Asker(**(settings | changes))


def test_what_works_and_what_does_not(web):
    """A status below 400 is fine; the host is named although the address is connected to."""
    port, asked = web
    tried = asker()
    assert tried.ask(f"http://shop.example:{port}/fine#top").status == 200
    assert tried.ask(f"http://shop.example:{port}/gone").status == 404
    assert asked[0] == ("HEAD", "/fine", f"shop.example:{port}")
    assert [verb for verb, path, _ in asked if path == "/gone"] == ["HEAD", "GET"]


def test_a_server_without_head(web):
    """GET is tried before the link is called broken."""
    port, _ = web
    assert asker().ask(f"http://shop.example:{port}/nohead").status == 200


def test_each_is_asked_once(web):
    """A thousand mails with the same link ask once."""
    port, asked = web
    tried = asker()
    for _ in range(5):
        tried.ask(f"http://shop.example:{port}/fine")
    assert len(asked) == 1


def test_redirects_end(web):
    """A loop of redirects is followed so far only."""
    port, asked = web
    answer = asker().ask(f"http://shop.example:{port}/to-0")
    assert answer.problem == f"there are more than {REDIRECTS} redirects"
    assert len(asked) == REDIRECTS + 1


def test_a_redirect_inside_is_not_followed(web):
    """The target of a redirect is checked like the link itself."""
    port, asked = web
    answer = asker().ask(f"http://shop.example:{port}/inside")
    assert not answer.asked
    assert "private network" in answer.problem
    assert len(asked) == 1


def test_one_private_address_is_enough(web):
    """A host with a public and a private address is not asked."""
    port, asked = web
    assert not asker().ask(f"http://both.example:{port}/fine").asked
    assert asked == []


def test_the_checked_address_is_connected_to(web):
    """Names are resolved once: an answer that changes afterwards changes nothing."""
    port, asked = web
    answers = iter([["127.0.0.1"]])
    tried = asker(resolve=lambda host, port: next(answers))
    assert tried.ask(f"http://shop.example:{port}/fine").status == 200
    assert len(asked) == 1


def test_odd_ports_are_not_asked():
    """A link is no port scanner."""
    answer = Asker(resolve=lambda host, port: ["192.0.2.1"]).ask("http://shop.example:22/")
    assert (answer.asked, answer.problem) == (False, "port 22 is not one of the web")


def test_so_many_and_no_more(web):
    """After a hundred, links are named and not tried."""
    port, asked = web
    tried = asker()
    for number in range(LINKS + 1):
        answer = tried.ask(f"http://shop.example:{port}/fine?{number}")
    assert not answer.asked
    assert len(asked) == LINKS


def test_trouble_is_an_answer(web):
    """No host, no server, odd addresses: each says what happened, none raises."""
    tried = Asker(resolve=lambda host, port: ["127.0.0.1"], allowed=lambda a: True, ports=None)
    assert tried.ask("http://shop.example:1/").problem == "nothing answers there"
    assert tried.ask(f"https://shop.example:{web[0]}/").problem == "its certificate is not trusted"
    for url in (
        "http://",
        "http://[::1",
        "http://a:b/",
        "ftp://x/",
        "http://" + "x" * 300,
        "http://\ud800/",
    ):
        assert tried.ask(url).problem, url


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("192.0.2.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("2001:0:1::1", False),
        ("2606:4700::5efe:a00:1", False),
        ("ff02::1", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address, public):
    """Private ones in every disguise are not: mapped, NAT64, 6to4, Teredo, ISATAP."""
    assert is_public(address) is public


def test_in_a_check(web):
    """A broken link is an error, one that was not tried a note, and without asking nothing is tried."""
    port, asked = web
    body = (
        f'<a href="http://shop.example:{port}/gone">x</a><a href="http://shop.example:{port}/fine">x</a>'
        '<a href="http://10.0.0.1/">x</a>'
    )
    message = captured(f"Content-Type: text/html\r\n\r\n{body}")
    assert message.check(rules=["link-broken", "link-not-tried"]).empty
    assert asked == []
    options = Options(rules=("link-broken", "link-not-tried"), asker=asker())
    found = list(check_many([message], options))
    assert [(row.rule, row.severity) for row in found] == [
        ("link-broken", "error"),
        ("link-not-tried", "note"),
    ]
    assert "the answer is 404" in found[0].why
