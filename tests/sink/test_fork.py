"""What a process that is forked off a notebook has of its sink: nothing that could do harm."""

from __future__ import annotations

import json
import os
import select
import smtplib
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from archive.made import a_message
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab import ArchiveError, SinkError
from smtp_lab.archive import Archive, forking

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@contextmanager
def forked(work):
    """Run *work* in a forked process, which lives on until the end; gives what it returned.

    It stays until the block ends, with whatever it has inherited.
    """
    answer, told = os.pipe()
    stay, leave = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(leave)
            try:
                said = work()
            except BaseException:  # noqa: BLE001
                said = traceback.format_exc()
            os.write(told, json.dumps(said).encode() + b"\n")
            os.read(stay, 1)
        finally:
            os._exit(0)
    os.close(told)
    os.close(stay)
    try:
        assert select.select([answer], [], [], 60)[0], "the forked process does not answer"
        with os.fdopen(answer) as pipe:
            yield json.loads(pipe.readline())
    finally:
        os.close(leave)
        os.waitpid(pid, 0)


def can_be_bound(port):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            sock.bind(("127.0.0.1", port))
            sock.listen()
            return True
    return False


@pytest.fixture(params=[False, True], ids=["thread", "process"])
def sink(request, new_sink):
    return new_sink(process=request.param)


class TestPorts:
    def test_a_forked_process_never_keeps_the_port(self, new_sink, each_loop):
        """After stop() the ports are free though a forked process lives on."""
        self._stopped_while_a_copy_lives(new_sink())

    def test_nor_that_of_a_sink_in_a_process(self, new_sink):
        """There is nothing of it in the process that is forked, and it stops all the same."""
        self._stopped_while_a_copy_lives(new_sink(process=True))

    def _stopped_while_a_copy_lives(self, sink):
        ports = sink.port, sink.tls_port, sink.plain_port
        with forked(lambda: "there") as said:
            assert said == "there"
            sink.stop()
            assert [can_be_bound(port) for port in ports] == [True] * 3

    def test_a_connection_that_is_open_ends_for_its_client(self, new_sink, each_loop):
        """A client sees the end of its session though a copy of the connection was made."""
        sink = new_sink()
        with Talk(sink) as client, Talk(sink, implicit=True) as secret:
            client.hello()
            with forked(lambda: "there"):
                for one in (client, secret):
                    assert one.say("QUIT").startswith("221")
                    one.sock.settimeout(10)
                    assert one.hung_up()

    def test_the_parent_goes_on_taking_mail(self, sink):
        """A fork disturbs no connection and no message of the process that was forked."""
        with smtplib.SMTP("127.0.0.1", sink.plain_port, timeout=10) as client:
            for n in range(3):
                client.sendmail("a@example.com", ["b@example.com"], f"Subject: {n}\n\nx")
                with forked(lambda: "there"):
                    client.sendmail("a@example.com", ["b@example.com"], f"Subject: {n}\n\ny")
        assert [message.subject for message in sink.inbox] == list("001122")

    def test_the_sink_is_not_that_of_the_forked_process(self, sink):
        """There it does not run, says so in a sentence, and stopping it does nothing."""

        def work():
            running = sink.running
            sink.stop()
            try:
                sink.profile()
            except SinkError as error:
                return [running, str(error), repr(sink)]

        with forked(work) as (running, said, shown):
            assert running is False
            assert said.startswith("The sink runs in the process this one was forked from; start")
            assert said.endswith("sink.start().")
            assert "stopped" in shown
            lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 1

    def test_a_forked_process_can_start_one_of_its_own(self, sink):
        """The same sink, started there, has other ports and the same archive."""

        def work():
            sink.start()
            lab.send_test(sink.profile(), to="bob@example.org")
            port = sink.port
            sink.stop()
            return port

        with forked(work) as port:
            assert isinstance(port, int), port
            assert port != sink.port
            lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 2


class TestMail:
    def test_the_inbox_works_in_both(self, sink):
        """A forked process reads, tags and counts what was captured, and so does its parent."""
        lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox.to_frame()) == 1

        def work():
            frame = sink.inbox.to_frame()
            sink.archive.add_tags(frame["id"], "seen")
            return [len(frame), sink.inbox[-1].subject, len(sink.sessions)]

        with forked(work) as said:
            assert said == [1, sink.inbox[-1].subject, 1]
            assert sink.inbox[-1].tags == ("seen",)
            lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 2

    def test_archives_of_both_engines(self, archive_url):
        """Connections to PostgreSQL and to SQLite are each side's own."""
        archive = Archive(archive_url)
        archive.add([a_message()])

        def work():
            return [*archive.add([a_message()]), *archive.ids()]

        for n in range(2, 6, 2):
            with forked(work) as numbers:
                assert numbers == [n, *range(1, n + 1)]
                assert archive.add([a_message()]) == [n + 1]
        assert archive.ids() == [1, 2, 3, 4, 5]
        archive.close()

    def test_no_lock_is_held_in_the_forked_process(self, archive_url):
        """Whatever threads do at the moment of the fork, the forked process can read and write."""
        archive = Archive(archive_url)
        ending = []

        def work():
            while not ending:
                archive.add([a_message()])
                archive.count()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: archive.count() > 5)
            for _ in range(5):
                with forked(lambda: [archive.count() > 0, len(archive.add([a_message()]))]) as said:
                    assert said == [True, 1]
        finally:
            ending.append(True)
            for thread in threads:
                thread.join(30)
        archive.close()

    def test_one_that_is_in_use_all_the_time_is_told(self, tmp_path, monkeypatch):
        """What could not be closed before the fork is a sentence in the forked process."""
        monkeypatch.setattr(forking, "PATIENCE", 0.05)
        archive = Archive(tmp_path / "mail.sqlite3")

        def work():
            try:
                archive.count()
            except ArchiveError as error:
                return str(error)

        with archive._gate.passed(), forked(work) as said:
            assert said.startswith(f"The archive {archive.name} was in use when this process was")
            assert said.endswith(
                'a process that is started anew, as multiprocessing does with "spawn".'
            )
        assert archive.count() == 0
        archive.close()

    def test_a_temporary_archive_is_left_alone(self):
        """A forked process that ends removes nothing of its parent's."""
        code = (
            "import os, smtp_lab as lab\n"
            "sink = lab.Sink(':temporary:').start()\n"
            "if os.fork() == 0:\n"
            "    del sink\n"
            "    raise SystemExit\n"
            "os.wait()\n"
            "lab.send_test(sink.profile(), to='bob@example.org')\n"
            "print(len(sink.inbox), sink.archive.name)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == ""
        count, name = done.stdout.split()
        assert count == "1"
        assert not Path(name).parent.exists()
