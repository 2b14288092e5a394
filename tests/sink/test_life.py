"""How a sink starts, is shared, stops, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sink.talk import Talk, ended, transcript, until

import smtp_lab as lab
from smtp_lab import ArchiveError, InputError, PortInUseError, SinkError
from smtp_lab.sink import running
from smtp_lab.sink.ports import explained

DOORS = [
    (host, door) for host in ("127.0.0.1", "::1") for door in ("starttls", "implicit", "plain")
]
HAS_IPV6 = socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")  # noqa: PTH110


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port, host="127.0.0.1"):
    with contextlib.suppress(OSError), socket.create_connection((host, port), 5):
        return True
    return False


def listening_sockets():
    """The (address, port) of every socket this process listens on, as the system has it."""
    found = set()
    inodes = set()
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        path = Path("/proc/self/net") / name
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            cells = line.split()
            if cells[3] != "0A" or f"socket:[{cells[9]}]" not in inodes:
                continue
            address, port = cells[1].split(":")
            words = [address[i : i + 8] for i in range(0, len(address), 8)]
            packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
            found.add((socket.inet_ntop(family, packed), int(port, 16)))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux")


class TestStarting:
    def test_starting_twice_is_the_same_server(self, new_sink):
        """A sink that runs already is left as it is."""
        sink = new_sink()
        ports = sink.port, sink.tls_port
        threads = threading.active_count()
        assert sink.start() is sink
        assert (sink.port, sink.tls_port) == ports
        assert threading.active_count() == threads

    def test_equal_settings_share_the_server_and_its_ports(self, tmp_path, new_sink):
        """A cell that is run again finds its sink, its ports and its mail again."""
        users = {"ann": "open sesame"}
        first = new_sink(tmp_path / "mail.sqlite3", users=users)
        second = new_sink(f"sqlite:///{tmp_path / 'mail.sqlite3'}", users=dict(users))
        assert (second.port, second.tls_port) == (first.port, first.tls_port)
        lab.send_test(first.profile(), to="bob@example.org")
        assert len(second.inbox) == 1

    @pytest.mark.parametrize(
        "other", [{"users": {"ann": "other"}}, {"max_size": 99}, {"login_required": True}]
    )
    def test_other_settings_are_another_server(self, tmp_path, new_sink, other):
        """What differs in any setting does not share a server."""
        first = new_sink(tmp_path / "mail.sqlite3")
        second = new_sink(tmp_path / "mail.sqlite3", **other)
        assert {first.port, first.tls_port}.isdisjoint({second.port, second.tls_port})

    def test_the_context_manager_starts_and_stops(self, tmp_path):
        """`with Sink() as sink` runs for as long as the block."""
        with lab.Sink(tmp_path / "mail.sqlite3") as sink:
            port = sink.port
            assert sink.running
            assert listens(port)
        assert not sink.running
        assert not listens(port)

    def test_the_context_manager_stops_after_an_error(self, tmp_path):
        """The ports are free also where the block ends with an exception."""
        ports = []

        def work():
            with lab.Sink(tmp_path / "mail.sqlite3") as sink:
                ports.append(sink.port)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            work()
        assert not listens(*ports)

    def test_fixed_ports_are_used(self, new_sink):
        """The ports that were asked for are those it listens on."""
        port, tls_port = free_port(), free_port()
        sink = new_sink(port=port, tls_port=tls_port)
        assert (sink.port, sink.tls_port) == (port, tls_port)
        with Talk(sink) as client:
            assert client.greeting.startswith("220")
        with Talk(sink, implicit=True) as client:
            assert client.greeting.startswith("220")

    def test_a_fixed_port_can_be_taken_again_at_once(self, tmp_path, new_sink):
        """After a stop with clients connected the same port is free without a wait."""
        port = free_port()
        for _ in range(3):
            sink = new_sink(tmp_path / "mail.sqlite3", port=port)
            with Talk(sink) as client:
                client.hello()
                sink.stop()
        assert new_sink(tmp_path / "mail.sqlite3", port=port).port == port


class TestStopping:
    def test_stopping_twice_is_fine(self, new_sink):
        """Stopping what does not run does nothing."""
        sink = new_sink()
        sink.stop()
        sink.stop()
        assert not sink.running

    def test_a_sink_that_never_ran_can_be_stopped(self, tmp_path):
        """Stopping a sink that was not started does nothing."""
        lab.Sink(tmp_path / "mail.sqlite3").stop()

    def test_a_stopped_sink_starts_again_with_its_mail(self, new_sink):
        """Stopping and starting keeps the archive and gives working ports."""
        sink = new_sink()
        lab.send_test(sink.profile(), to="bob@example.org")
        sink.stop()
        assert len(sink.inbox) == 1
        sink.start()
        lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 2

    def test_what_does_not_run_says_so(self, tmp_path):
        """Asking a stopped sink for a port gives a sentence with the way out."""
        sink = lab.Sink(tmp_path / "mail.sqlite3")
        for ask in (lambda: sink.port, lambda: sink.tls_port, sink.profile):
            with pytest.raises(SinkError, match=r"The sink is not running; start it with"):
                ask()
        assert sink.host == "127.0.0.1"
        assert "stopped" in repr(sink)
        assert "stopped" in sink._repr_html_()

    def test_clients_are_told_and_their_sessions_kept(self, new_sink):
        """On stop each client hears 421, and every session is in the archive with its end."""
        sink = new_sink()
        clients = [Talk(sink), Talk(sink), Talk(sink, implicit=True)]
        clients[1].starttls()
        sink.stop()
        for client in clients:
            assert client.reply().startswith("421 4.3.2")
            client.sock.close()
        sessions = sink.archive.sessions()
        assert len(sessions) == 3
        assert all(s.ended_at and "S 421" in transcript(s) for s in sessions)

    def test_a_client_that_reads_nothing_cannot_hold_the_stop(self, new_sink):
        """The sink stops, frees its port and keeps the session of a client that is stuck."""
        sink = new_sink()
        port = sink.port
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", port))
            assert stuck.recv(4)
            stuck.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    stuck.sendall(b"EHLO client.example\r\n" * 1000)
            sink.stop()
        assert not sink.running
        assert not listens(port)
        assert len(sink.archive.sessions()) == 1

    def test_a_handshake_that_never_ends_cannot_hold_the_stop(self, new_sink):
        """A client that connects to the TLS door and says nothing is cut off and recorded."""
        sink = new_sink()
        with socket.create_connection(("127.0.0.1", sink.tls_port)) as silent:
            with Talk(sink, implicit=True):
                pass  # the silent one was accepted before
            sink.stop()
            silent.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(10) == b""
        assert len(sink.archive.sessions()) == 2

    @pytest.mark.parametrize("implicit", [False, True])
    def test_a_client_that_has_just_said_quit_does_not_trip_the_stop(self, new_sink, implicit):
        """A connection that is ending by itself when the sink stops is kept like any other."""
        sink = new_sink()
        clients = [Talk(sink, implicit=implicit) for _ in range(5)]
        for client in clients:
            client.hello() if implicit else client.starttls()
            client.say("QUIT")
        sink.stop()
        for client in clients:
            client.sock.close()
        sessions = sink.archive.sessions()
        assert [transcript(s).endswith("S 221 2.0.0 Bye") for s in sessions] == [True] * 5
        assert all(s.ended_at for s in sessions)

    def test_mail_on_its_way_is_finished(self, new_sink):
        """A message whose end comes shortly after stop() began is answered and kept."""
        sink = new_sink()
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

    def test_every_250_is_kept_when_it_stops_among_senders(self, new_sink):
        """With ten senders at work, whatever was answered with 250 is in the archive, once."""
        sink = new_sink()
        port, accepted, lock = sink.port, [], threading.Lock()
        going = threading.Barrier(11)

        def work(name):
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client = smtplib.SMTP("127.0.0.1", port, timeout=10)
                going.wait(10)
                for n in range(10_000):
                    token = f"{name} {n}"
                    client.sendmail("a@example.com", ["b@example.com"], f"Subject: {token}\n\nx")
                    with lock:
                        accepted.append(token)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        going.wait(10)
        until(lambda: len(accepted) > 50)
        sink.stop()
        for thread in threads:
            thread.join(20)
        kept = [message.subject for message in sink.inbox]
        assert len(accepted) > 50
        assert set(accepted) <= set(kept)
        assert len(set(kept)) == len(kept)
        assert all(session.ended_at for session in sink.archive.sessions())


class TestPortsInUse:
    def test_a_port_of_another_program(self, tmp_path):
        """A taken port gives one sentence with the port and the way out, as an OSError too."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            sink = lab.Sink(tmp_path / "mail.sqlite3", port=port)
            with pytest.raises(PortInUseError) as error:
                sink.start()
        assert str(error.value) == (
            f"Port {port} on 127.0.0.1 is already in use; "
            "stop the program that has it, or leave port out for a free port."
        )
        assert (error.value.host, error.value.port) == ("127.0.0.1", port)
        assert isinstance(error.value, OSError)
        assert not sink.running

    @needs_proc
    def test_nothing_is_left_listening_after_a_failed_start(self, tmp_path):
        """When the second port is taken the first is given back, and no thread stays."""
        before, threads = listening_sockets(), threading.active_count()
        wanted = free_port()
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            sink = lab.Sink(tmp_path / "mail.sqlite3", port=wanted, tls_port=taken)
            with pytest.raises(PortInUseError, match=f"Port {taken} .*leave tls_port out"):
                sink.start()
            assert not listens(wanted)
        assert listening_sockets() == before
        assert threading.active_count() == threads

    def test_a_port_taken_on_ipv6_only(self, tmp_path):
        """A port that is free on 127.0.0.1 and taken on ::1 is in use as well."""
        if not HAS_IPV6:
            pytest.skip("this machine has no IPv6")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
            port = other.getsockname()[1]
            with pytest.raises(PortInUseError):
                lab.Sink(tmp_path / "mail.sqlite3", port=port).start()
        assert not listens(port)

    def test_a_later_start_works(self, tmp_path):
        """Once the port is free the same sink starts on it."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            sink = lab.Sink(tmp_path / "mail.sqlite3", port=port)
            with pytest.raises(PortInUseError):
                sink.start()
        with sink:
            assert sink.port == port
            lab.send_test(sink.profile(), to="bob@example.org")
            assert len(sink.inbox) == 1

    @pytest.mark.parametrize("which", ["port", "tls_port"])
    def test_a_port_of_another_sink_of_this_kernel(self, tmp_path, new_sink, which):
        """The sentence says that it is a sink, and the running one is not disturbed."""
        first = new_sink()
        taken = getattr(first, which)
        with pytest.raises(PortInUseError, match=r"another sink of this kernel has it") as error:
            lab.Sink(tmp_path / "other.sqlite3", port=taken).start()
        assert error.value.port == taken
        assert lab.send_test(first.profile(), to="bob@example.org").ok

    @pytest.mark.parametrize(
        ("number", "wanted"),
        [
            (errno.EACCES, "Port 25 needs administrator rights; give port a number above 1023, or"),
            (errno.EADDRINUSE, "Port 25 on 127.0.0.1 is already in use; stop the program that has"),
            (errno.ENOBUFS, f"Port 25 cannot be opened ({os.strerror(errno.ENOBUFS)}); leave port"),
        ],
    )
    def test_whatever_keeps_a_port_closed_is_a_sentence(self, number, wanted):
        """Each reason the system gives becomes one sentence with the way out."""
        error = explained(OSError(number, os.strerror(number)), 25, "port")
        assert isinstance(error, SinkError | PortInUseError)
        assert str(error).startswith(wanted)
        assert str(error).endswith(".")


class TestBadValues:
    @pytest.mark.parametrize("name", ["port", "tls_port"])
    @pytest.mark.parametrize("value", [-1, 65536, 70000, "587", 25.0, None, True])
    def test_a_port_that_is_none(self, tmp_path, name, value):
        """A bad port is named, with the range, before anything is started."""
        with pytest.raises(InputError) as error:
            lab.Sink(tmp_path / "mail.sqlite3", **{name: value})
        assert str(error.value) == (
            f"{name}: {value!r} is not between 0 and 65535; 0 takes a free port."
        )

    def test_one_port_for_both_doors(self, tmp_path):
        """The two doors cannot share a port."""
        with pytest.raises(InputError, match=r"^tls_port: is 5000, the same as port; give"):
            lab.Sink(tmp_path / "mail.sqlite3", port=5000, tls_port=5000)

    @pytest.mark.parametrize("users", [{}, {"ann": 5}, {"ann": None}, "ann", ["ann"], {5: "x"}])
    def test_users_that_are_none(self, tmp_path, users):
        """Something that is no list of logins gives a sentence for the field users."""
        with pytest.raises(InputError, match=r"^users: .*; give .*\.$"):
            lab.Sink(tmp_path / "mail.sqlite3", users=users)

    @pytest.mark.parametrize("value", [0, -5, "10 MB", 1.5, True])
    def test_a_size_that_is_none(self, tmp_path, value):
        """A bad largest size gives a sentence for the field max_size."""
        with pytest.raises(InputError, match=r"^max_size: .* is no number of octets; give 1"):
            lab.Sink(tmp_path / "mail.sqlite3", max_size=value)

    def test_an_archive_that_cannot_be_opened(self, tmp_path):
        """A bad archive is told when the sink is made, before any port is opened."""
        with pytest.raises(ArchiveError, match="cannot be opened"):
            lab.Sink(tmp_path)

    def test_no_password_shows_in_the_sink(self, new_sink):
        """The passwords of its users are in no text of the sink."""
        sink = new_sink(users={"ann": "open sesame"})
        shown = f"{sink!r}{sink}{sink._repr_html_()}{sink._settings!r}{sink._settings!s}"
        shown += repr(vars(sink)) + repr(vars(sink._server))
        assert "sesame" not in shown


class TestLoopback:
    @needs_proc
    def test_it_listens_on_this_machine_only(self, new_sink):
        """The system knows its sockets on 127.0.0.1 and ::1 and on no other address."""
        before = listening_sockets()
        sink = new_sink()
        mine = listening_sockets() - before
        hosts = ("127.0.0.1", "::1") if HAS_IPV6 else ("127.0.0.1",)
        assert mine == {
            (host, port) for host in hosts for port in (sink.port, sink.tls_port, sink.plain_port)
        }

    @pytest.mark.parametrize(("host", "door"), DOORS)
    def test_all_doors_open_on_both_addresses(self, new_sink, host, door):
        """A client that looks up localhost reaches the same sink by either address."""
        if host == "::1" and not HAS_IPV6:
            pytest.skip("this machine has no IPv6")
        sink = new_sink()
        with Talk(sink, door=door, host=host) as client:
            client.hello()
            assert client.mail(b"hi\r\n").startswith("250")
        assert len(sink.inbox) == 1
        assert sink.inbox[0].session.peer.startswith(f"{host}:")

    @needs_proc
    def test_an_address_of_the_network_is_not_answered(self, new_sink):
        """Through this machine's other addresses nobody gets in."""
        sink = new_sink()
        assert not listens(sink.port, "127.0.0.2")

    def test_the_certificate_fits_every_name_of_this_machine(self, new_sink):
        """localhost, 127.0.0.1 and ::1 are verified with the lab's authority alone."""
        sink = new_sink()
        context = ssl.create_default_context(cafile=str(sink.ca_file))
        for name in ("localhost", "127.0.0.1", "::1"):
            with (
                socket.create_connection(("127.0.0.1", sink.tls_port), 5) as sock,
                context.wrap_socket(sock, server_hostname=name) as secured,
            ):
                assert secured.version() == "TLSv1.3"
        assert stat.S_IMODE((sink.ca_file.parent / "lab-ca-with-key.pem").stat().st_mode) == 0o600


def usage():
    gc.collect()
    return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@needs_proc
class TestLeaks:
    def test_a_cell_run_forty_times_leaks_nothing(self, tmp_path):
        """Making and starting the same sink again and again takes no threads and no ports."""
        seen = []
        for _ in range(40):
            sink = lab.Sink(tmp_path / "mail.sqlite3").start()
            lab.send_test(sink.profile(), to="bob@example.org")
            assert sink.inbox[-1].rcpt_to == ("bob@example.org",)
            seen.append((sink.port, listening_sockets(), *usage()))
        sink.stop()
        assert len(sink.inbox) == 40
        ports, listening, threads, files = zip(*seen, strict=True)
        assert set(ports) == {sink_port := ports[0]}
        assert listening[-1] == listening[0]
        assert ("127.0.0.1", sink_port) in listening[0]
        assert len(set(threads)) == 1
        # SQLite closes the files of a dropped connection when another lets go of its locks.
        assert max(files[20:]) <= max(files[:20])

    def test_stopping_gives_back_everything(self, tmp_path):
        """Twenty sinks started and stopped leave no thread, no file and no port."""
        with lab.Sink(tmp_path / "mail.sqlite3") as sink:
            lab.send_test(sink.profile(), to="bob@example.org")
        sink.archive.close()
        before, listening = usage(), listening_sockets()
        for _ in range(20):
            with lab.Sink(tmp_path / "mail.sqlite3") as sink:
                lab.send_test(sink.profile(), to="bob@example.org")
            sink.archive.close()
        del sink
        assert listening_sockets() == listening
        assert until(lambda: usage() <= before)
        assert running.servers == []

    def test_a_temporary_archive_ends_with_its_last_holder(self):
        """When the last name for it is gone the server stops and the folder is removed."""
        sink = lab.Sink(":temporary:").start()
        folder, port = Path(sink.archive.name).parent, sink.port
        lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 1
        also = sink
        del sink
        gc.collect()
        assert listens(port)
        assert folder.is_dir()
        del also
        gc.collect()
        until(lambda: not folder.exists())
        assert not listens(port)

    def test_a_temporary_archive_survives_a_stop(self):
        """Stopping is not the end: the mail is there for as long as the sink is held."""
        sink = lab.Sink(":temporary:").start()
        lab.send_test(sink.profile(), to="bob@example.org")
        sink.stop()
        gc.collect()
        assert len(sink.inbox) == 1
        sink.start()
        assert len(sink.inbox) == 1
        folder = Path(sink.archive.name).parent
        sink.stop()
        del sink
        gc.collect()
        until(lambda: not folder.exists())

    def test_two_temporary_sinks_have_nothing_in_common(self):
        """Each temporary archive is one of its own."""
        with lab.Sink(":temporary:") as one, lab.Sink(":temporary:") as two:
            lab.send_test(one.profile(), to="bob@example.org")
            assert (len(one.inbox), len(two.inbox)) == (1, 0)
            assert one.port != two.port


HOLDER = """
import sys, time
import smtp_lab as lab
sink = lab.Sink(sys.argv[1], port=int(sys.argv[2])).start()
print(sink.port, flush=True)
time.sleep(120)
"""


class TestKilled:
    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
    def test_a_killed_kernel_frees_its_port_and_loses_no_mail(self, tmp_path, new_sink):
        """After SIGKILL whatever was answered with 250 is there, and the port can be taken."""
        path, port = tmp_path / "mail.sqlite3", free_port()
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, path, str(port)], stdout=subprocess.PIPE, text=True
        ) as holder:
            try:
                assert int(holder.stdout.readline()) == port
                accepted = []
                with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                    for n in range(25):
                        client.sendmail("a@example.com", ["b@example.com"], f"Subject: {n}\n\nx")
                        accepted.append(str(n))
                    holder.send_signal(signal.SIGKILL)
                    holder.wait(10)
                    with contextlib.suppress(OSError, smtplib.SMTPException):
                        client.quit()
            finally:
                holder.kill()
        sink = new_sink(path, port=port)
        assert [message.subject for message in sink.inbox] == accepted
        lab.send_test(sink.profile(), to="bob@example.org")
        assert len(sink.inbox) == 26

    def test_a_program_that_ends_without_stop_keeps_its_mail_and_sessions(self, tmp_path):
        """At the end of a program a running sink is stopped in order, without a word."""
        path = tmp_path / "mail.sqlite3"
        code = (
            "import smtplib, sys, smtp_lab as lab\n"
            "sink = lab.Sink(sys.argv[1]).start()\n"
            "client = smtplib.SMTP('127.0.0.1', sink.port)\n"
            "client.sendmail('a@example.com', ['b@example.com'], 'Subject: x\\n\\n')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        inbox = lab.Inbox.open(path)
        assert len(inbox) == 1
        assert inbox.archive.sessions()[0].ended_at
        inbox.archive.close()

    def test_a_temporary_sink_left_running_at_the_end(self):
        """A program that leaves a temporary sink behind ends at once and cleans up."""
        code = (
            "import smtp_lab as lab\n"
            "sink = lab.Sink(':temporary:').start()\n"
            "print(sink.archive.name)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert not Path(done.stdout.strip()).parent.exists()


class TestDoorsThatDoNotOpen:
    def test_an_error_of_the_loop_is_one_sentence(self, tmp_path, monkeypatch):
        """Whatever keeps the doors closed is told at once, and nothing is left."""

        async def broken(self):
            raise ValueError("no such thing")

        monkeypatch.setattr("smtp_lab.sink.server.Server._open", broken)
        self._fails(tmp_path, r"^The sink could not open its doors \(ValueError: no such thing\);")

    def test_a_loop_that_never_gets_there_is_not_waited_for(self, tmp_path, monkeypatch):
        """After some seconds it is given up, with a sentence."""

        async def stuck(self):
            await asyncio.sleep(60)

        monkeypatch.setattr("smtp_lab.sink.server.Server._open", stuck)
        monkeypatch.setattr("smtp_lab.sink.server._START", 0.2)
        self._fails(
            tmp_path, r"^The sink could not open its doors \(TimeoutError\); start it again"
        )

    def _fails(self, tmp_path, said):
        port, threads = free_port(), threading.active_count()
        sink = lab.Sink(tmp_path / "mail.sqlite3", port=port)
        with pytest.raises(SinkError, match=said) as error:
            sink.start()
        assert str(error.value).endswith(".")
        assert not sink.running
        assert not listens(port)
        assert running.servers == []
        until(lambda: threading.active_count() <= threads)


class TestDoors:
    """Which doors are open, and who came through them."""

    @pytest.mark.parametrize("door", ["starttls", "implicit", "plain"])
    def test_one_alone(self, new_sink, door):
        """Nothing else listens; a profile leads through it; the others' ports are an error."""
        sink = new_sink(doors=[door])
        names = {"starttls": "port", "implicit": "tls_port", "plain": "plain_port"}
        assert lab.send_test(sink.profile(), to="you@example.com").ok
        assert sink.inbox[-1].session.door == door
        for other in set(names) - {door}:
            with pytest.raises(SinkError, match=f"door {other} is not open; {door} is"):
                getattr(sink, names[other])
        assert repr(sink).count("port ") == 1
        assert sink._repr_html_().count(", port ") == 1

    @pytest.mark.parametrize("doors", [[], ["front"], "plain"])
    def test_none_or_unknown(self, tmp_path, doors):
        """There is at least one, by its name, in a list."""
        with pytest.raises(InputError, match="doors: "):
            lab.Sink(tmp_path / "mail.sqlite3", doors=doors)
        assert not (tmp_path / "mail.sqlite3").exists()

    @pytest.mark.parametrize("process", [False, True])
    def test_who_is_connected_now(self, new_sink, process):
        """Counted at all doors, until they have left."""
        sink = new_sink(process=process)
        assert sink.connected == 0
        with Talk(sink), Talk(sink, door="plain"):
            assert sink.connected == 2
        until(lambda: sink.connected == 0)
        sink.stop()
        with pytest.raises(SinkError, match="is not running"):
            _ = sink.connected

    def test_without_a_login_or_encryption_to_offer(self, new_sink):
        """A profile asks for what the sink offers, and no more."""
        for more in ({"mechanisms": []}, {"without": ["AUTH"]}, {"without": ["STARTTLS"]}):
            sink = new_sink(**more)
            assert lab.send_test(sink.profile(), to="you@example.com").ok
            assert not sink.inbox[-1].session.login
