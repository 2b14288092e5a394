"""A limit on saves and tests, so that the test button is no port scanner."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from functools import partial

import pytest

import smtp_lab as lab
from smtp_lab.config import throttle as module
from smtp_lab.config.nearby import announce, retract
from smtp_lab.config.throttle import ENDPOINTS, LIMITS, WINDOW, Throttle
from smtp_lab.errors import InputError


def profile(host="mx.example.com", port=587) -> lab.Profile:
    connection = lab.SmtpConnection(host=host, port=port)
    return lab.Profile(name="team", sender="ann@example.com", connection=connection)


GRAPH = profile().replace(
    connection=lab.GraphConnection(user="ann@example.com", tenant_id="t", client_id="c")
)


@pytest.fixture
def throttle(tmp_path):
    """A throttle of its own."""
    return Throttle(tmp_path / "deep" / "throttle.sqlite3")


@pytest.fixture
def clock(monkeypatch):
    """clock[0] is the time."""

    class Clock(list):
        def time(self):
            return self[0]

    made = Clock([1_000_000.25])
    monkeypatch.setattr(module, "time", made)
    return made


def count(throttle, action="test", one=None, most=100) -> int:
    """How often it lets through at once."""
    for n in range(most):
        try:
            throttle.take(action, one or profile())
        except InputError:
            return n
    return most


def sentence(throttle, action="test", one=None) -> str:
    with pytest.raises(InputError) as caught:
        throttle.take(action, one or profile())
    return caught.value.by_field[action]


class TestCounting:
    """What counts, and against which limit."""

    @pytest.mark.parametrize("action", LIMITS)
    def test_a_host_has_a_limit_for_each_action(self, throttle, action):
        """Saves and tests are counted apart, by host whatever the port."""
        assert count(throttle, action) == LIMITS[action]
        assert count(throttle, action, profile(port=465)) == 0
        other = next(iter(set(LIMITS) - {action}))
        assert count(throttle, other) == LIMITS[other]

    def test_another_host_has_its_own(self, throttle):
        """One busy server does not stop another."""
        count(throttle)
        assert count(throttle, one=profile("mx.example.org")) == LIMITS["test"]

    @pytest.mark.parametrize("host", ["MX.Example.COM", "mx.example.com.", "Mx.example.com."])
    def test_a_host_is_the_same_however_it_is_written(self, throttle, host):
        """Capitals and a final dot are no way round the limit."""
        count(throttle)
        assert count(throttle, one=profile(host)) == 0

    def test_ipv6_and_graph_are_counted_too(self, throttle):
        """Each kind of connection has a host."""
        assert count(throttle, one=profile("::1")) == LIMITS["test"]
        assert count(throttle, one=profile("2001:db8::1")) == LIMITS["test"]
        assert count(throttle, one=GRAPH) == LIMITS["test"]

    def test_many_ports_are_a_scan(self, throttle):
        """Ten different endpoints in a minute are enough, on one host or on many."""
        assert sum(count(throttle, one=profile(port=p), most=1) for p in range(1, 30)) == ENDPOINTS
        assert "10 different servers within a minute are enough" in sentence(
            throttle, one=profile("other.test")
        )

    def test_what_is_known_goes_on_during_a_scan(self, throttle):
        """The servers already tried can be tried again."""
        for n in range(ENDPOINTS):
            throttle.take("save", profile(f"h{n}.test"))
        throttle.take("test", profile("h3.test"))

    def test_the_sink_is_exempt(self, throttle):
        """A sink that was announced takes as many as there are, until it ends."""
        sink = profile("127.0.0.1", 4711)
        lead = partial(getattr, sink, "connection")
        announce(lead)
        assert count(throttle, one=sink) == 100
        retract(lead)
        assert count(throttle, one=sink) == LIMITS["test"]

    def test_so_is_a_sink_of_another_process(self, throttle):
        """Where the built-in profile leads to, ``smtp-lab sink`` listens: it is exempt, too."""
        there = lab.ProfileBook.open()["lab"]
        assert count(throttle, one=there) == 100
        by_name = there.replace(connection=there.connection.replace(host="localhost"))
        assert count(throttle, one=by_name) == 100

    def test_another_port_of_this_machine_is_not(self, throttle):
        """Only the sink's own port is exempt: the rest of this machine is not to be scanned."""
        lead = partial(getattr, profile("127.0.0.1", 4711), "connection")
        announce(lead)
        assert count(throttle, one=profile("127.0.0.1", 4712)) == LIMITS["test"]
        retract(lead)

    def test_the_book_counts_saves(self):
        """save() asks the throttle, and a refused save changes nothing."""
        book = lab.ProfileBook.open()
        for n in range(LIMITS["save"]):
            book.save(profile().replace(description=str(n)))
        with pytest.raises(InputError, match="30 saves of mx"):
            book.save(profile().replace(description="one more"))
        assert book["team"].description == "29"
        assert lab.ProfileBook.open()["team"].description == "29"


class TestTime:
    """The window moves, and the sentence says when it goes on."""

    def test_the_sentence_says_when(self, throttle, clock):
        """After the seconds that are named it goes on, and not a second before."""
        count(throttle)
        clock[0] += 12.4
        said = sentence(throttle)
        wait = int(re.search(r"wait (\d+) seconds", said)[1])
        assert "10 tests of mx.example.com within a minute are enough" in said
        assert wait == 48
        clock[0] += wait - 1
        assert sentence(throttle).endswith("wait 1 second.")
        clock[0] += 1
        throttle.take("test", profile())

    def test_a_refusal_does_not_count(self, throttle, clock):
        """Pressing the button again and again does not make the wait longer."""
        count(throttle)
        for _ in range(20):
            clock[0] += 2
            sentence(throttle)
        clock[0] += WINDOW - 40
        assert count(throttle) == LIMITS["test"]

    def test_the_wait_for_other_servers_is_the_real_one(self, throttle, clock):
        """A server tried twice counts until its last try is over, and the sentence knows."""
        for n in range(ENDPOINTS):
            throttle.take("test", profile(f"h{n}.test"))
        clock[0] += 30
        for n in range(ENDPOINTS):
            throttle.take("test", profile(f"h{n}.test"))
        said = sentence(throttle, one=profile("new.test"))
        clock[0] += int(re.search(r"wait (\d+) seconds", said)[1])
        throttle.take("test", profile("new.test"))

    def test_a_clock_set_back_locks_nobody_out(self, throttle, clock):
        """Entries from what is now the future are dropped."""
        count(throttle)
        clock[0] -= 86_400
        assert count(throttle) == LIMITS["test"]

    def test_the_window_moves(self, throttle, clock):
        """Each count ends a minute after it was made."""
        for _ in range(LIMITS["test"]):
            throttle.take("test", profile())
            clock[0] += 5
        clock[0] += 12
        assert count(throttle) == 1


PROGRAM = """
import sys
from pathlib import Path
import smtp_lab as lab
from smtp_lab.config.throttle import Throttle
from smtp_lab.errors import InputError
one = lab.Profile(name="team", sender="a@example.com", connection=lab.SmtpConnection(host="mx.example.com"))
throttle, done = Throttle(Path(sys.argv[1])), 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    try:
        throttle.take("test", one)
        done += 1
    except InputError as error:
        assert "within a minute" in str(error), error
print(done, flush=True)
"""


class TestProcesses:
    """The count is the user's, not the kernel's."""

    def start(self, path):
        started = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout.readline() == "ready\n"
        return started

    def test_a_new_process_remembers(self, throttle):
        """A restart of the kernel is no way round the limit."""
        for _ in range(4):
            throttle.take("test", profile())
        assert self.start(throttle.path).communicate("go\n")[0] == "6\n"
        assert count(throttle) == 0

    def test_several_at_once_count_right(self, throttle):
        """Processes that press the button at the same time share one limit exactly."""
        together = [self.start(throttle.path) for _ in range(3)]
        for one in together:
            one.stdin.write("go\n")
            one.stdin.flush()
        done = [int(one.communicate()[0]) for one in together]
        assert sum(done) == LIMITS["test"]


class TestFile:
    """Where the count is kept."""

    def test_it_is_private(self, throttle):
        """File and folder are their owner's alone."""
        throttle.take("test", profile())
        assert stat.S_IMODE(throttle.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(throttle.path.parent.stat().st_mode) == 0o700

    def test_it_holds_no_more_than_the_last_minute(self, throttle, clock):
        """No history of servers is kept."""
        throttle.take("test", profile("secret-host.test"))
        clock[0] += 61
        throttle.take("test", profile())
        with throttle._open() as database:
            hosts = database.execute("SELECT host FROM done").fetchall()
        database.close()
        assert hosts == [("mx.example.com",)]

    def test_a_spoilt_file_is_a_sentence(self, throttle):
        """Where it cannot be counted, nothing is let through, and the sentence names the file."""
        throttle.path.parent.mkdir()
        throttle.path.write_bytes(b"no database " * 100)
        with pytest.raises(InputError, match=r"of no use .*delete the file"):
            throttle.take("test", profile())

    def test_a_folder_that_cannot_be_made_is_a_sentence(self, tmp_path):
        """The setting for the folder is named."""
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="SMTP_LAB_DATA"):
            Throttle(tmp_path / "file" / "throttle.sqlite3").take("test", profile())

    def test_it_is_in_the_data_folder(self, monkeypatch, tmp_path):
        """SMTP_LAB_DATA says where."""
        monkeypatch.setenv("SMTP_LAB_DATA", str(tmp_path / "data"))
        assert Throttle().path == tmp_path / "data" / "throttle.sqlite3"
