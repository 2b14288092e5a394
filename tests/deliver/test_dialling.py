"""From a name to a connection: no resolver can make anybody wait without end."""

from __future__ import annotations

import socket
import threading
from email.message import EmailMessage

import pytest
from deliver.servers import profile

import smtp_lab as lab
from smtp_lab.deliver.http import NoAnswerError, Web


@pytest.fixture
def hanging(monkeypatch):
    """A resolver that does not answer before the test is over; gives how many asked in vain."""
    over = threading.Event()
    asked = []

    def hang(*args, **_more):
        asked.append(args)
        if not over.wait(60):
            pytest.fail("nobody gave up waiting")
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


class TestAResolverThatHangs:
    def test_sending_gives_up_within_the_time_of_the_whole(self, hanging):
        """total_timeout holds for the name, too, where it is shorter than any other wait."""
        account = profile(
            587, host="slow.example.com", login=False, total_timeout=0.3, connect_timeout=50
        )
        delivery = lab.send_test(account, to="bob@example.org")
        assert delivery.diagnosis.id == "dns_temporary"
        assert delivery.stage == "connect"
        assert len(hanging) == 1

    def test_sending_gives_up_within_the_time_to_connect(self, hanging):
        """So does connect_timeout."""
        account = profile(587, host="slow.example.com", login=False, connect_timeout=0.3)
        assert lab.send_test(account, to="bob@example.org").diagnosis.id == "dns_temporary"

    def test_a_batch_gives_up(self, hanging):
        """A batch reports what it could not reach."""
        account = profile(587, host="slow.example.com", login=False, connect_timeout=0.3)
        message = EmailMessage()
        message["To"] = "bob@example.org"
        sent = lab.send_many([message], account, retries=0)
        assert sent.diagnosis.id == "dns_temporary"
        assert [outcome.state for outcome in sent] == ["unsent"]

    def test_requests_give_up(self, hanging):
        """Whoever asks a token endpoint or Graph waits as long as it was told to."""
        web = Web(50.0)
        with pytest.raises(NoAnswerError, match=r"name resolution|TimeoutError"):
            web.ask("GET", "https://slow.example.com/", headers={}, seconds=0.3)
        web.close()
        assert len(hanging) == 1
