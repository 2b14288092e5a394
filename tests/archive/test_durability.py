"""Synced before it is answered; a full disk and a lock are told apart and got over."""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from archive.made import locked, outside
from sink.talk import Talk
from support import missing, need

import smtp_lab as lab
from smtp_lab.archive import Archive

CHILD = """
import hashlib, json, pathlib, sqlite3, sys
import smtp_lab as lab
folder = pathlib.Path(sys.argv[1])
sink = lab.Sink(folder / "mail.sqlite3", synchronous=sys.argv[2]).start()
print(json.dumps(sink.port), flush=True)
for line in iter(sys.stdin.readline, ""):
    answer = None
    if line == "make room\\n":
        (folder / "ballast").unlink()
    elif line == "what is there\\n":
        db = sqlite3.connect(folder / "mail.sqlite3")
        answer = {
            "kept": {m.id: hashlib.sha256(m.raw).hexdigest() for m in sink.archive.messages()},
            "integrity": db.execute("PRAGMA integrity_check").fetchone()[0],
        }
    print(json.dumps(answer), flush=True)
sink.stop()
"""


class Child:
    """A sink in a process of its own, with what comes before its command line."""

    def __init__(self, before: list[str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", CHILD, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        self.port = self._told()

    def _told(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        assert ready, "the child process says nothing"
        line = self.process.stdout.readline()
        assert line, "the child process ended"
        return json.loads(line)

    def say(self, line: str):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._told()

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


def event(line: str) -> str:
    """What a line of the system's record tells: written, synced, 354 said, 250 said, or nothing."""
    call = re.match(
        r"\d+ +(?:<\.\.\. )?(pwrite64|fdatasync|fsync|sendto|sendmsg|write)\b(.*)", line
    )
    if call is None:
        return ""
    name, rest = call.groups()
    begun, done = "resumed>" not in line, "<unfinished" not in line
    if name == "pwrite64":
        return "w" if begun and "mail.sqlite3-wal" in rest else ""
    if name in ("fdatasync", "fsync"):
        # One that is resumed says no file: there is only one file it can be then.
        return "s" if done and ("-wal" in rest or not begun) else ""
    if begun and '"354 ' in rest:
        return "3"
    return "2" if begun and "kept as number" in rest else ""


class TestSynced:
    def events(self, tmp_path, synchronous, clients=1):
        """What a sink wrote, synced and sent, in the order it was done, by the system's record."""
        strace = need("strace", "Debian: apt-get install strace")
        record = tmp_path / "record"
        calls = "trace=pwrite64,fdatasync,fsync,sendto,sendmsg,write"
        before = [strace, "-f", "-qq", "-y", "-s", "80", "-e", calls, "-o", str(record)]
        probe = subprocess.run([*before, "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            missing("the right to trace a process", probe.stderr.decode().strip())
        child = Child(before, str(tmp_path), synchronous)
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(self.send, [child.port] * clients))
        child.close()
        return "".join(map(event, record.read_text().splitlines()))

    @staticmethod
    def send(port):
        """Send twenty messages, each of which is taken."""
        with Talk(SimpleNamespace(port=port)) as talk:
            talk.hello()
            for n in range(20):
                assert talk.mail(b"x" * 70 + b"\r\n%d\r\n" % n).startswith("250")

    @pytest.mark.parametrize("process", ["812", "12354"])
    def test_the_number_of_a_thread_is_no_reply(self, process):
        """What is read from the record are calls: a thread whose number ends in 354 says nothing."""
        lines = [
            'sendto(9<TCP:[127.0.0.1:25]>, "354 Go on", 9, 0, NULL, 0 <unfinished ...>',
            'pwrite64(7</tmp/mail.sqlite3-wal>, "", 24, 0) = 24',
            "fdatasync(7</tmp/mail.sqlite3-wal> <unfinished ...>",
            "<... fdatasync resumed>) = 0",
            'sendto(9<TCP:[127.0.0.1:25]>, "250 2.0.0 OK: kept as number 1", 30, 0) = 30',
        ]
        assert "".join(event(f"{process} {line}") for line in lines) == "3ws2"

    def test_the_log_is_synced_after_its_last_write_and_before_the_answer(self, tmp_path):
        """Between 354 and 250 the message is written to the log, and then the log is synced."""
        events = self.events(tmp_path, "FULL")
        dialogues = re.findall("3([ws]*)2", events)
        assert len(dialogues) == 20, events
        assert [said for said in dialogues if not re.fullmatch("[ws]*w+s+", said)] == []

    def test_normal_does_not_wait_for_the_disk(self, tmp_path):
        """The same look sees no sync where none was asked for: it can tell the two apart."""
        dialogues = re.findall("3([ws]*)2", self.events(tmp_path, "NORMAL"))
        assert len(dialogues) == 20
        assert [said for said in dialogues if "w" not in said or "s" in said] == []

    def test_postgresql_is_asked_for_the_same(self, postgres):
        """FULL waits for PostgreSQL's log to be on disk, whatever its own default; NORMAL not."""
        url = postgres.new()
        with outside(url) as other:
            other.exec_driver_sql("ALTER ROLE lab SET synchronous_commit = off")
        try:
            for synchronous, wanted in (("FULL", "on"), ("NORMAL", "off")):
                archive = Archive(url, synchronous=synchronous)
                found = archive._pen._open().execute("SHOW synchronous_commit").fetchone()
                assert found == (wanted,)
                archive.close()
        finally:
            with outside(url) as other:
                other.exec_driver_sql("ALTER ROLE lab RESET synchronous_commit")

    @pytest.mark.parametrize(("synchronous", "wanted"), [("FULL", 2), ("NORMAL", 1)])
    def test_sqlite_is_asked_for_it_on_the_connection_that_writes(
        self, tmp_path, synchronous, wanted
    ):
        """The setting reaches the connection of the pen, and the log is a write-ahead log."""
        archive = Archive(tmp_path / "mail.sqlite3", synchronous=synchronous)
        connection = archive._pen._open()
        assert connection.execute("PRAGMA synchronous").fetchone() == (wanted,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        archive.close()


class TestFull:
    def small_disk(self, folder: Path, size: str) -> list[str]:
        """What to run a command with so that *folder* is a disk of *size* for it alone."""
        unshare = shutil.which("unshare")
        mount = f'mount -t tmpfs -o size={size},mode=700 tmpfs "{folder}" && exec "$@"'
        for how in (["-m"], ["-rm"]):
            before = [unshare or "unshare", *how, "sh", "-c", mount, "sh"]
            if unshare and subprocess.run([*before, "true"], capture_output=True).returncode == 0:  # noqa: PLW1510
                return before
        return missing("the right to mount a small disk", "run as root, or allow user namespaces")

    def test_a_full_disk_is_answered_452_and_got_over(self, tmp_path):
        """Mail is refused with 452 4.3.1 while there is no room, and taken again when there is."""
        disk = tmp_path / "disk"
        disk.mkdir()
        before = self.small_disk(disk, "4m")
        before[-2] = before[-2].replace(
            "exec", f'head -c 1500000 /dev/zero > "{disk}/ballast" && exec'
        )
        child = Child(before, str(disk), "FULL")
        answered = {}
        with Talk(SimpleNamespace(port=child.port)) as talk:

            def mail(size):
                raw = b"\r\n".join([os.urandom(35).hex().encode()] * (size // 72)) + b"\r\n"
                reply = talk.mail(raw)
                if number := re.match(r"250 .* number (\d+)", reply):
                    answered[number[1]] = hashlib.sha256(raw).hexdigest()
                return reply

            talk.hello()
            replies = [mail(100_000) for _ in range(60)]
            refused = [reply for reply in replies if not reply.startswith("250 ")]
            assert len(answered) >= 5
            assert len(refused) > 10
            assert {reply[:9] for reply in refused} == {"452 4.3.1"}
            child.say("make room")
            assert [mail(50_000)[:3] for _ in range(5)] == ["250"] * 5
        found = child.say("what is there")
        child.close()
        assert found == {"kept": answered, "integrity": "ok"}

    def test_a_full_disk_of_postgresql_is_told_apart(self, postgres, new_sink):
        """What the server says of a full disk (53100) is 452 4.3.1 too."""
        sink = new_sink(postgres.new())
        with outside(sink.archive.url) as other:
            other.exec_driver_sql(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END$$"
            )
            other.exec_driver_sql(
                "CREATE TRIGGER always_full BEFORE INSERT ON raws EXECUTE FUNCTION full_disk()"
            )
            with Talk(sink) as talk:
                talk.hello()
                assert talk.mail(b"one\r\n").startswith("452 4.3.1")
                other.exec_driver_sql("DROP TRIGGER always_full ON raws")
                assert talk.mail(b"two\r\n").startswith("250")
        assert [message.raw for message in sink.archive.messages()] == [b"two\r\n"]


class TestLocked:
    def test_a_lock_is_waited_for_and_then_said(self, archive_url, new_sink, caplog):
        """While another program holds the archive mail is answered 451; afterwards it is taken."""
        sink = new_sink(archive_url, lock_timeout=0.2)
        with Talk(sink) as talk:
            talk.hello()
            with locked(sink.archive):
                assert talk.mail(b"one\r\n").startswith("451 4.3.0")
            assert talk.mail(b"two\r\n").startswith("250")
        assert [message.raw for message in sink.archive.messages()] == [b"two\r\n"]
        assert "has locked it" in caplog.text

    def test_the_program_that_holds_the_lock_is_named(self, tmp_path):
        """On Linux the sentence says which process it is."""
        if not Path("/proc/locks").exists():
            pytest.skip("only Linux tells who holds a lock")
        archive = Archive(tmp_path / "mail.sqlite3", lock_timeout=0.1)
        code = (
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "mail.sqlite3"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(lab.ArchiveUnavailableError, match=rf"process {holder.pid} \(\w+") as e:
            archive.add([], [])
        assert str(e.value).endswith("choose another.")
        holder.communicate(b"\n", timeout=30)
        assert archive.add([], []) == []
        archive.close()


class TestStopping:
    # For SQLite there is tests/sink/test_life.py.
    @pytest.mark.parametrize("archive_url", ["postgresql"], indirect=True)
    def test_all_that_was_answered_while_it_stops_is_there(self, archive_url, new_sink):
        """Twenty clients send while the sink stops: every 250 is in the archive."""
        sink = new_sink(archive_url)
        answered, started = [], threading.Barrier(21)

        def send(name):
            with Talk(sink) as talk:
                talk.hello()
                started.wait(30)
                for n in range(10_000):
                    raw = b"%d %d\r\n" % (name, n)
                    try:
                        reply = talk.mail(raw)
                    except (OSError, AssertionError):
                        return
                    if not reply.startswith("250"):
                        return
                    answered.append(raw)

        threads = [threading.Thread(target=send, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        started.wait(30)
        while len(answered) < 100:
            assert any(thread.is_alive() for thread in threads)
        sink.stop()
        for thread in threads:
            thread.join(30)
        kept = [message.raw for message in sink.archive.messages()]
        assert set(answered) <= set(kept)
        assert len(set(kept)) == len(kept)
