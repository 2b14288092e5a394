"""A sink in a process of its own: the same object, and one that ends with whoever started it."""

from __future__ import annotations

import logging
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from archive.made import locked
from sink.kernels import Holder, alive
from sink.talk import Talk, ended, plain, until
from sink.test_fork import can_be_bound
from sink.test_life import free_port, listens

import smtp_lab as lab
from smtp_lab import PortInUseError, SinkError

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")

PASSWORD = "open sesame & more"


def send(port, *subjects):
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        for subject in subjects:
            client.sendmail("a@example.com", ["b@example.com"], f"Subject: {subject}\n\nx")


@pytest.fixture(params=[False, True], ids=["thread", "process"])
def new(request, new_sink):
    """Makes running sinks, in a thread and in a process in turn."""
    return lambda *args, **settings: new_sink(*args, process=request.param, **settings)


class TestSameObject:
    def test_mail_goes_in_and_comes_out(self, new):
        """Ports, profile, TLS, logins, inbox, sessions, archive and transcript are all there."""
        sink = new(users={"ann": PASSWORD})
        for implicit in (False, True):
            delivery = lab.send_test(sink.profile(implicit=implicit), to="bob@example.org")
            assert delivery.ok
        assert sink.inbox.to_frame()["login"].tolist() == ["ann", "ann"]
        assert "AUTH PLAIN ••••••" in str(sink.inbox[-1].transcript)
        assert (len(sink.sessions), sink.archive.count()) == (2, 2)
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", "guess")).startswith("535")
        assert [s.login_ok for s in ended(sink, 3)] == [True, True, False]
        assert len(sink.sessions) == 3

    def test_who_has_left_is_in_the_table_at_once(self, new):
        """Asked for as soon as a client has gone, the sessions hold its own."""
        sink = new()
        for n in range(1, 16):
            with Talk(sink) as client:
                client.hello()
            assert len(sink.sessions) == n
        with Talk(sink) as client:
            client.hello()
            assert len(sink.sessions) == 15  # one that stays is not waited for

    def test_it_stops_and_starts_again(self, new, tmp_path):
        """After a stop nothing listens; a new start goes on with the same mail."""
        port = free_port()
        sink = new(tmp_path / "mail.sqlite3", port=port)
        for n in range(1, 4):
            lab.send_test(sink.profile(), to="bob@example.org")
            assert sink.start() is sink
            sink.stop()
            sink.stop()
            assert not sink.running
            assert not listens(port)
            assert len(sink.inbox) == n
            with sink:
                assert sink.port == port
            with pytest.raises(SinkError, match=r"^The sink is not running; start it with"):
                sink.port  # noqa: B018
            sink.start()

    def test_a_cell_run_again_finds_its_server(self, new, tmp_path):
        """Equal settings lead to the same ports, also of a process."""
        first = new(tmp_path / "mail.sqlite3", users={"ann": PASSWORD})
        second = new(tmp_path / "mail.sqlite3", users={"ann": PASSWORD})
        assert (second.port, second.tls_port) == (first.port, first.tls_port)
        first.stop()
        assert not second.running

    def test_every_setting_gets_there(self, new):
        """Limits, offers, mechanisms and rules hold wherever the server runs."""
        sink = new(
            limits=lab.Limits(recipients=1),
            without=["CHUNKING"],
            mechanisms=["PLAIN"],
            login_required={"plain": True},
            rules=[lab.Rule(recipient="*@example.org", mailbox="org", tags="x")],
        )
        with Talk(sink) as client:
            assert "CHUNKING" not in client.starttls()
            client.envelope()
            assert client.say("RCPT TO:<c@example.org>").startswith("452")
            assert client.say("RSET").startswith("250")
            assert client.mail(b"hi\r\n").startswith("250")
        with Talk(sink, door="plain") as client:
            assert "AUTH PLAIN\n" in client.hello()
            assert client.say("MAIL FROM:<a@example.com>").startswith("530")
        assert (sink.inbox[0].mailboxes, sink.inbox[0].tags) == (("org",), ("x",))

    def test_mail_on_its_way_is_finished(self, new):
        """stop() drains: a message whose end comes a moment later is answered and kept."""
        sink = new()
        with Talk(sink) as client:
            client.hello()
            client.envelope()
            client.say("DATA")
            client.send(b"first half, ")
            stopping = threading.Thread(target=sink.stop)
            stopping.start()
            time.sleep(0.2)
            client.send(b"second half\r\n.\r\n")
            assert client.reply().startswith("250")
            stopping.join(20)
        assert [m.raw for m in sink.archive.messages()] == [b"first half, second half\r\n"]
        assert ended(sink)

    def test_a_port_that_is_taken(self, new, tmp_path):
        """One sentence in the process that asked, and nothing is left."""
        with pytest.raises(PortInUseError) as error, Holder(tmp_path / "a", "thread") as holder:
            new(port=holder.port)
        assert str(error.value) == (
            f"Port {holder.port} on 127.0.0.1 is already in use; "
            "stop the program that has it, or leave port out for a free port."
        )

    def test_a_temporary_archive_ends_with_its_last_holder(self, request):
        """When nobody holds the sink the server ends and the folder is gone."""
        for process in (False, True):
            sink = lab.Sink(":temporary:", process=process).start()
            folder, port = Path(sink.archive.name).parent, sink.port
            lab.send_test(sink.profile(), to="bob@example.org")
            assert len(sink.inbox) == 1
            del sink
            until(lambda folder=folder: not folder.exists())
            until(lambda port=port: not listens(port))

    def test_trouble_is_logged_here(self, new, caplog):
        """What goes wrong in the server is a record of this process's logging."""
        sink = new(lock_timeout=0.1)
        with locked(sink.archive), Talk(sink) as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("451")
        records = until(lambda: [r for r in caplog.records if r.name == "smtp_lab.sink"])
        assert (records[0].levelno, records[0].getMessage()[:48]) == (
            logging.ERROR,
            "a message was refused: The archive " + sink.archive.name[:13],
        )


class TestLogins:
    @pytest.mark.parametrize("door", ["starttls", "implicit"])
    def test_a_function_decides_over_the_pipe(self, new, door):
        """It is asked here, with a way to compare; the client's password stays where it came."""
        seen = []

        def judge(login):
            seen.append((login.username, login.mechanism, login.proves("guess"), os.getpid()))
            return login.proves(PASSWORD)

        sink = new(users=judge)
        with Talk(sink, door=door) as client:
            client.starttls() if door == "starttls" else client.hello()
            assert client.say(b"AUTH PLAIN " + plain("eve", "guessed")).startswith("535")
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("235")
            assert client.mail(b"hi\r\n").startswith("250")
        assert seen == [("eve", "PLAIN", False, os.getpid()), ("ann", "PLAIN", False, os.getpid())]
        assert sink.inbox[0].session.login == "ann"

    def test_one_that_fails_is_told_here(self, new, caplog):
        """The client may try again later, the log has the traceback, and mail goes on."""

        def judge(login):
            raise RuntimeError("the directory is away")

        sink = new(users=judge, login_required=False)
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("454 4.7.0")
            assert client.mail(b"hi\r\n").startswith("250")
        assert "the directory is away" in caplog.text
        assert PASSWORD not in caplog.text

    def test_one_that_takes_its_time_keeps_nobody_waiting(self, new):
        """While a function ponders, others are greeted, log in and send."""
        going = threading.Event()

        def judge(login):
            return login.username != "slow" or going.wait(30)

        sink = new(users=judge)
        with Talk(sink, implicit=True) as slow, Talk(sink, implicit=True) as quick:
            slow.hello()
            slow.send(b"AUTH PLAIN " + plain("slow", "x") + b"\r\n")
            quick.hello()
            quick.log_in()
            assert quick.mail(b"hi\r\n").startswith("250")
            going.set()
            assert slow.reply().startswith("235")

    def test_one_that_never_decides(self, new_sink, monkeypatch, caplog):
        """After some seconds the client hears that it may try again, and the log says why."""
        monkeypatch.setattr("smtp_lab.sink.credentials._PATIENCE", 0.2)
        going = threading.Event()
        sink = new_sink(users=lambda _: going.wait(30))
        with Talk(sink, implicit=True) as client:
            client.hello()
            assert client.say(b"AUTH PLAIN " + plain("ann", PASSWORD)).startswith("454 4.7.0")
        going.set()
        assert "took too long" in caplog.text


class TestSecrets:
    def test_none_is_on_a_command_line_or_in_an_environment(self, new_sink, monkeypatch, postgres):
        """What others may see of the process holds no password, and nothing of a hub."""
        for name in ("SMTP_LAB_PROFILES__TEAM__PASSWORD", "JPY_API_TOKEN"):
            monkeypatch.setenv(name, PASSWORD)
        url = postgres.tcp(postgres.new(), postgres.password)
        sink = new_sink(url, users={"ann": PASSWORD}, process=True)
        pid = sink._server._process.pid
        seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert b"sesame" not in seen
        assert b"postgresql" not in seen
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        shown = repr(vars(sink)) + repr(vars(sink._server)) + repr(sink._settings)
        assert "sesame" not in shown

    def test_it_loads_only_what_it_needs(self):
        """A start is quick: no table, no widget, no model of an account is loaded for it."""
        code = "import json, sys, smtp_lab.sink.inside; print(json.dumps(sorted(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        loaded = set(__import__("json").loads(done.stdout))
        heavy = {"pandas", "numpy", "ipywidgets", "IPython", "pydantic", "email_validator", "click"}
        heavy |= {"msal", "requests", "jinja2", "smtp_lab.inbox", "smtp_lab.deliver"}
        assert loaded & heavy == set()


class TestItsEnd:
    @pytest.mark.parametrize("mode", ["thread", "process"])
    def test_killed_with_minus_nine_the_port_is_free(self, tmp_path, mode):
        """Two seconds after SIGKILL the ports can be taken, mail is there, and no process stays."""
        with Holder(tmp_path / "mail.sqlite3", mode) as holder:
            send(holder.port, "1", "2", "3")
            holder.signal(signal.SIGKILL)
            for port in (holder.port, holder.tls_port, holder.plain_port):
                until(lambda port=port: can_be_bound(port), 2.0)
            until(lambda: not alive(holder.child))
        inbox = lab.Inbox.open(tmp_path / "mail.sqlite3")
        assert [message.subject for message in inbox] == ["1", "2", "3"]
        inbox.archive.close()

    @pytest.mark.parametrize("mode", ["thread", "process"])
    def test_killed_while_a_worker_lives(self, tmp_path, mode):
        """A forked worker that outlives the kernel keeps neither port nor process."""
        more = (
            "import multiprocessing as m\n"
            "worker = m.get_context('fork').Process(target=time.sleep, args=(60,))\n"
            "worker.start()\n"
            "print('worker', worker.pid, file=open(sys.argv[1] + '.worker', 'w'), flush=True)\n"
        )
        with Holder(tmp_path / "mail.sqlite3", mode, more) as holder:
            worker = int((tmp_path / "mail.sqlite3.worker").read_text().split()[1])
            try:
                assert alive(worker)
                holder.signal(signal.SIGKILL)
                until(lambda: can_be_bound(holder.port), 2.0)
                until(lambda: not alive(holder.child))
                assert alive(worker)
            finally:
                os.kill(worker, signal.SIGKILL)

    def test_a_copy_of_the_pipe_does_not_keep_it(self, tmp_path):
        """Where somebody else has kept the pipe open, the process notices its new parent."""
        more = (
            "import subprocess\n"
            "pipe = server._process.stdin.fileno()\n"
            "other = subprocess.Popen(['sleep', '60'], pass_fds=[pipe], stdout=subprocess.DEVNULL)\n"
            "print(other.pid, file=open(sys.argv[1] + '.other', 'w'), flush=True)\n"
        )
        with Holder(tmp_path / "mail.sqlite3", "process", more) as holder:
            other = int((tmp_path / "mail.sqlite3.other").read_text())
            try:
                holder.signal(signal.SIGKILL)
                until(lambda: not alive(holder.child))
                assert alive(other)
                assert can_be_bound(holder.port)
            finally:
                os.kill(other, signal.SIGKILL)

    def test_a_temporary_archive_goes_with_a_kernel_that_is_killed(self):
        """The process removes what nobody else is there to remove."""
        with Holder(":temporary:") as holder:
            folder = Path(holder.archive).parent
            send(holder.port, "1")
            assert folder.is_dir()
            holder.signal(signal.SIGKILL)
            until(lambda: not folder.exists())

    def test_a_program_that_ends_without_stop(self, tmp_path):
        """At the end of a program the process is stopped in order, without a word."""
        code = (
            "import smtplib, sys, smtp_lab as lab\n"
            "sink = lab.Sink(sys.argv[1], process=True).start()\n"
            "client = smtplib.SMTP('127.0.0.1', sink.port)\n"
            "client.sendmail('a@example.com', ['b@example.com'], 'Subject: x\\n\\n')\n"
            "print(sink._server._process.pid)\n"
        )
        path = tmp_path / "mail.sqlite3"
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert not alive(int(done.stdout))
        inbox = lab.Inbox.open(path)
        assert len(inbox) == 1
        assert inbox.archive.sessions()[0].ended_at
        inbox.archive.close()

    def test_a_parent_that_does_nothing_at_all(self, tmp_path):
        """While its kernel stands still, not even listening, the process takes mail."""
        with Holder(tmp_path / "mail.sqlite3") as holder:
            holder.signal(signal.SIGSTOP)
            try:
                send(holder.port, *map(str, range(50)))
            finally:
                holder.signal(signal.SIGCONT)
        inbox = lab.Inbox.open(tmp_path / "mail.sqlite3")
        assert len(inbox) == 50
        inbox.archive.close()


class TestDiesByItself:
    @pytest.mark.parametrize(
        ("number", "how"),
        [(signal.SIGKILL, "was ended by SIGKILL"), (signal.SIGTERM, "has ended by itself")],
    )
    def test_it_is_noticed_and_said(self, new_sink, caplog, number, how):
        """One sentence in the log and one for whoever asks; a new start works, on the same port."""
        port = free_port()
        sink = new_sink(process=True, port=port)
        lab.send_test(sink.profile(), to="bob@example.org")
        os.kill(sink._server._process.pid, number)
        until(lambda: not sink.running)
        until(lambda: how in caplog.text)
        assert [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR] == [
            f"The sink's process {how}, and takes no more mail; start it again with sink.start()"
        ]
        with pytest.raises(SinkError) as error:
            sink.profile()
        assert str(error.value) == f"The sink's process {how}; start it with sink.start()."
        assert "stopped" in repr(sink)
        sink.stop()
        sink.start()
        assert sink.port == port
        lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 2

    def test_a_term_is_orderly(self, new_sink):
        """Ended by SIGTERM the process says good-bye to its clients and keeps their sessions."""
        sink = new_sink(process=True)
        with Talk(sink) as client:
            client.hello()
            os.kill(sink._server._process.pid, signal.SIGTERM)
            assert client.reply().startswith("421 4.3.2")
        assert ended(sink)

    def test_an_interrupt_is_not_for_it(self, new_sink):
        """SIGINT, as for a cell that runs, does not end it."""
        sink = new_sink(process=True)
        os.kill(sink._server._process.pid, signal.SIGINT)
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        assert sink.running


class TestNotStarted:
    @pytest.mark.parametrize("program", ["/nowhere/python", None, "false"])
    def test_no_interpreter(self, new_sink, monkeypatch, program):
        """Where no process can be had one sentence says so, and what to do."""
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(SinkError, match=r"^The sink's process .*; Sink\(process=False\) runs"):
            new_sink(process=True)

    def test_one_that_never_gets_ready(self, new_sink, monkeypatch, tmp_path):
        """It is not waited for without end, and not left behind."""
        monkeypatch.setattr("smtp_lab.sink.child._START", 0.5)
        monkeypatch.setattr("smtp_lab.sink.child._CODE", "import time; time.sleep(60)")
        before = threading.active_count()
        with pytest.raises(SinkError, match="did not start within 0 s; Sink"):
            new_sink(process=True)
        until(lambda: threading.active_count() <= before)

    def test_what_is_neither_yes_nor_no(self, tmp_path):
        """The switch takes True, False and None."""
        with pytest.raises(lab.InputError, match=r"^process: says neither yes nor no; give True"):
            lab.Sink(tmp_path / "mail.sqlite3", process="thread")
