"""A sink in a real Jupyter kernel: it takes mail whatever the kernel is doing."""

from __future__ import annotations

import json
import os
import signal
import smtplib
from pathlib import Path

import pytest
from sink.kernels import alive, kernel
from sink.talk import until
from sink.test_fork import can_be_bound

import smtp_lab as lab

START = """
import json, os, sys, time
import smtp_lab as lab
sink = lab.Sink({archive!r}{more}).start()
def about():
    server = sink._server
    child = server._process.pid if hasattr(server, "_process") else 0
    return dict(port=sink.port, pid=os.getpid(), child=child, archive=sink.archive.name)
"""


@pytest.fixture(scope="module")
def shared():
    with kernel() as running:
        yield running


@pytest.fixture
def in_kernel(shared, tmp_path):
    """A sink in a kernel, stopped at the end; the kernel, what it is, and its archive's inbox."""
    path = tmp_path / "mail.sqlite3"
    shared.run(START.format(archive=str(path), more=""))
    inbox = lab.Inbox.open(path)
    yield shared, shared.ask("about()"), inbox
    shared.run("lab.Sink.stop_all()")
    inbox.archive.close()


def send(port, *subjects):
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        for subject in subjects:
            client.sendmail("a@example.com", ["b@example.com"], f"Subject: {subject}\n\nx")


BUSY = """
while not os.path.exists({flag!r}):
    sum(n * n for n in range(10_000))
print("over")
"""


class TestBusy:
    def test_a_cell_that_runs_long_does_not_stop_capture(self, in_kernel, tmp_path):
        """While the kernel's main thread is busy in Python, mail is greeted, taken and stored."""
        running, about, inbox = in_kernel
        flag = tmp_path / "enough"
        cell = running.begin(BUSY.format(flag=str(flag)))
        send(about["port"], *map(str, range(40)))
        assert [message.subject for message in inbox] == [str(n) for n in range(40)]
        assert running.client.is_alive()
        flag.touch()
        assert running.outcome(cell) == {"text": "over\n", "error": ""}
        assert running.ask("len(sink.inbox)") == 40

    def test_an_interrupt_ends_the_cell_and_not_the_sink(self, in_kernel, tmp_path):
        """Jupyter's interrupt goes to the whole group of the kernel's processes; the sink lives."""
        running, about, inbox = in_kernel
        cell = running.begin(
            "print('begun', flush=True)\n" + BUSY.format(flag=str(tmp_path / "no"))
        )
        send(about["port"], "before")
        running.manager.interrupt_kernel()
        assert running.outcome(cell)["error"] == "KeyboardInterrupt"
        os.killpg(os.getpgid(about["pid"]), signal.SIGINT)
        send(about["port"], "after")
        assert running.ask("[sink.running, about()['child']]") == [True, about["child"]]
        assert [message.subject for message in inbox] == ["before", "after"]


class TestSwitch:
    def test_a_process_in_a_kernel_and_a_thread_when_asked(self, in_kernel, tmp_path):
        """The kernel's default is a process; process=False is a thread, with the same ways."""
        running, about, _ = in_kernel
        assert alive(about["child"])
        where = str(tmp_path / "other.sqlite3")
        running.run(f"other = lab.Sink({where!r}, process=False).start()")
        code = "[type(other._server).__name__, other.running, other.port != sink.port]"
        assert running.ask(code) == ["Server", True, True]
        running.run("other.stop()")

    def test_a_cell_run_again_is_the_same_sink(self, in_kernel, tmp_path):
        """Running the cell once more finds the same process on the same ports."""
        running, about, inbox = in_kernel
        running.run(START.format(archive=inbox.archive.name, more=""))
        assert running.ask("about()") == about

    def test_messages_are_told_in_the_kernel(self, in_kernel):
        """A function given to the sink is called in the kernel with each message, in order."""
        running, about, _ = in_kernel
        running.run("seen = []\n@sink.on_message\ndef note(m): seen.append(m.subject)")
        send(about["port"], *"abc")
        running.run(
            "end = time.time() + 20\nwhile len(seen) < 3 and time.time() < end: time.sleep(0.05)"
        )
        assert running.ask("seen") == ["a", "b", "c"]
        assert running.ask("[note.active, note.off(), note.active]") == [True, None, False]

    def test_a_process_that_dies_is_said_in_the_notebook(self, shared, tmp_path):
        """The sentence stands below the cell that runs just then."""
        shared.run(START.format(archive=str(tmp_path / "mail.sqlite3"), more=""))
        child = shared.ask("about()")["child"]
        cell = shared.begin(
            "end = time.time() + 20\nwhile sink.running and time.time() < end: time.sleep(0.05)\n"
            "time.sleep(0.5)"
        )
        os.kill(child, signal.SIGKILL)
        text = shared.outcome(cell)["text"]
        assert "The sink's process was ended by SIGKILL, and takes no more mail; start it" in text


class TestKilled:
    def test_a_kernel_that_is_killed_frees_the_port(self, tmp_path):
        """Two seconds after SIGKILL the port is free, also with a forked worker left behind."""
        more = "import multiprocessing as m; w = m.get_context('fork').Process(target=time.sleep, args=(90,)); w.start()"
        with kernel() as running:
            running.run(START.format(archive=str(tmp_path / "mail.sqlite3"), more="") + more)
            about, worker = running.ask("about()"), running.ask("w.pid")
            try:
                send(about["port"], "kept")
                os.kill(about["pid"], signal.SIGKILL)
                until(lambda: can_be_bound(about["port"]), 2.0)
                until(lambda: not alive(about["child"]))
            finally:
                os.kill(worker, signal.SIGKILL)
        inbox = lab.Inbox.open(tmp_path / "mail.sqlite3")
        assert [message.subject for message in inbox] == ["kept"]
        inbox.archive.close()

    def test_a_kernel_that_is_shut_down_in_order(self, tmp_path):
        """At the end of a kernel its sink ends in order: no process stays, every session has an end."""
        with kernel() as running:
            running.run(START.format(archive=str(tmp_path / "mail.sqlite3"), more=""))
            about = running.ask("about()")
            client = smtplib.SMTP("127.0.0.1", about["port"], timeout=20)
            running.manager.shutdown_kernel(now=False)
            until(lambda: not alive(about["child"]))
            client.close()
        inbox = lab.Inbox.open(tmp_path / "mail.sqlite3")
        assert [bool(session.ended_at) for session in inbox.archive.sessions()] == [True]
        inbox.archive.close()


class TestHub:
    def test_on_a_jupyterhub_nobody_else_gets_in(self, tmp_path):
        """A login is required and made, the archive is the user's alone, and nothing need be typed."""
        data = tmp_path / "data"
        data.mkdir(mode=0o755)
        (data / "mail.sqlite3").touch(mode=0o644)
        with kernel(JUPYTERHUB_USER="ann", SMTP_LAB_DATA=str(data)) as running:
            running.run("import smtp_lab as lab, json; sink = lab.Sink().start()")
            code = (
                "[lab.send_test(sink.profile(), to='bob@example.org').ok, sink.port, sink.tls_port]"
            )
            ok, port, _ = running.ask(code)
            assert ok is True
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                client.ehlo()
                assert client.mail("eve@example.com")[0] == 530
            modes = {p.name: oct(p.stat().st_mode & 0o777) for p in (data, *data.glob("mail*"))}
            assert modes.pop("data") == "0o700"
            assert set(modes.values()) == {"0o600"}
            shown = running.run("sink") + running.run("display(sink)")
            password = running.ask("sink.profile().connection.auth.password.reveal()")
            assert len(password) > 20
            assert password not in shown
            pid = running.ask("sink._server._process.pid")
            environment = Path(f"/proc/{pid}/environ").read_text()
            assert "JUPYTERHUB" not in environment
            assert json.dumps(password) not in environment
