"""Many write to one archive: numbers, order, and a server that comes and goes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from archive.made import a_message, a_session, locked, one_sentence
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab.archive import Archive
from smtp_lab.archive.writer import Writer

WRITER = """
import sys
from archive.made import a_message
from smtp_lab.archive import Archive
from smtp_lab.archive.writer import Writer
writer = Writer(Archive(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for group in range(40):
    answers = [writer.put(a_message(f"{sys.argv[2]} {group} {n}".encode())) for n in range(5)]
    print(*[answer.result(60) for answer in answers], flush=True)
writer.close()
"""


class TestOrder:
    def test_whoever_has_seen_a_number_has_seen_all_below_it(self, archive_url):
        """Three processes write; a reader that asks for what is new never misses one."""
        archive = Archive(archive_url)
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, archive_url, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parent.parent,
            )
            for name in ("one", "two", "three")
        ]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        seen, looks = [], 0
        end = time.monotonic() + 60
        while len(seen) < 600 and time.monotonic() < end:
            new = [message.id for message in archive.messages(after=seen[-1] if seen else 0)]
            # Without a gap: none below the last of them can come any more.
            assert new == list(range(len(seen) + 1, len(seen) + len(new) + 1))
            seen += new
            looks += bool(new)
        assert len(seen) == 600
        assert looks > 2  # else it was no race
        told = []
        for writer in writers:
            said, _ = writer.communicate(timeout=60)
            numbers = [int(number) for number in said.split()]
            assert numbers == sorted(numbers)  # each writer's own keep the order they were given in
            told += numbers
        assert sorted(told) == seen
        archive.close()

    def test_a_transaction_that_fails_leaves_no_gap(self, archive_url):
        """A number is used once its message is committed, not before."""
        archive = Archive(archive_url)
        assert archive.add([a_message(), a_message()]) == [1, 2]
        with pytest.raises(lab.ArchiveError):
            archive.add([a_message(), a_message(mail_from=object())])
        assert archive.add([a_message()]) == [3]
        archive.close()

    def test_a_stalled_writer_hides_no_message(self, archive_url):
        """Who holds the lock for long holds up the others; none of them overtakes it."""
        slow, quick = Archive(archive_url), Archive(archive_url)
        writer = Writer(quick)
        with locked(slow):
            answer = writer.put(a_message(b"quick"))
            assert slow.messages() == []
            with pytest.raises(TimeoutError):
                answer.result(0.3)
        assert answer.result(15) == 1
        writer.close()
        slow.close()
        quick.close()

    def test_two_sinks_feed_one_archive(self, archive_url, new_sink):
        """Mail of two sinks is one inbox, in the order it was answered in."""
        sinks = [new_sink(archive_url, max_size=size) for size in (1000, 2000)]
        assert sinks[0].port != sinks[1].port
        for n in range(6):
            with Talk(sinks[n % 2]) as talk:
                talk.hello()
                assert talk.mail(b"%d\r\n" % n) == f"250 2.0.0 Ok: kept as number {n + 1}"
        for sink in sinks:
            assert [message.raw for message in sink.inbox] == [b"%d\r\n" % n for n in range(6)]


class TestPostgres:
    def test_a_server_that_is_started_anew_is_found_again(self, postgres, new_sink, caplog):
        """While PostgreSQL is down mail is answered 451; when it is back, 250, in one session."""
        sink = new_sink(postgres.new())
        with Talk(sink) as talk:
            talk.hello()
            assert talk.mail(b"one\r\n").startswith("250")
            postgres.stop("fast")
            try:
                assert talk.mail(b"lost\r\n").startswith("451 4.3.0")
            finally:
                postgres.start()
            assert talk.mail(b"two\r\n").startswith("250")
            postgres.stop("immediate")  # as after a loss of power: nothing is said to anyone
            postgres.start()
            assert talk.mail(b"three\r\n").startswith("250")
        kept = [message.raw for message in sink.archive.messages()]
        assert kept == [b"one\r\n", b"two\r\n", b"three\r\n"]
        assert "its server does not answer" in caplog.text

    def test_a_password_is_in_no_text(self, postgres):
        """The URL's password is in no name, repr or error, wherever in the URL it stands."""
        url = postgres.new()
        archive = Archive(postgres.tcp(url, postgres.password))
        archive.add([a_message()])
        shown = [repr(archive), archive.name, str(archive.url), repr(archive.url)]
        shown.append(repr(lab.Inbox(archive)))
        archive.close()
        for wrong in (
            postgres.tcp(url, "hunter2"),
            postgres.tcp(url) + "&password=hunter2",
            f"postgresql+psycopg://lab:hunter2@127.0.0.1:{postgres.port}/lab?nosuch=1",
            f"postgresql+nosuchdriver://lab:hunter2@127.0.0.1:{postgres.port}/lab",
            "postgresql+psycopg://lab:hunter2@127.0.0.1:port/lab",
        ):
            for opening in (Archive, lab.Inbox.open, lab.Sink):
                with pytest.raises(lab.ArchiveError) as error:
                    opening(wrong)
                shown.append(one_sentence(error))
                # The first frame is this one, which holds it as whoever typed it does.
                frames = list(traceback.walk_tb(error.tb))[1:]
                shown += [repr(value) for frame, _ in frames for value in frame.f_locals.values()]
                assert error.value.__suppress_context__ or error.value.__context__ is None
        text = " ".join(shown)
        assert postgres.password not in text
        assert "hunter2" not in text
        assert "lets you in" in text

    def test_the_password_may_come_from_elsewhere(self, postgres, monkeypatch, tmp_path):
        """Without one in the URL, PGPASSWORD and the password file are asked, as by any program."""
        url = postgres.tcp(postgres.new())
        with pytest.raises(lab.ArchiveUnavailableError, match="no password supplied"):
            Archive(url)
        with monkeypatch.context() as patch:
            patch.setenv("PGPASSWORD", postgres.password)
            archive = Archive(url)
            assert archive.add([a_message()]) == [1]
            archive.close()
        file = tmp_path / "pgpass"
        file.write_text(f"127.0.0.1:{postgres.port}:*:lab:{postgres.password}\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
        archive = Archive(url.replace("+psycopg", ""))
        assert archive.count() == 1
        archive.close()

    def test_nobody_there(self):
        """A server that does not answer is a sentence, and one wait."""
        with pytest.raises(lab.ArchiveUnavailableError, match=r"does not answer.*see that it runs"):
            Archive("postgresql://lab@127.0.0.1:9/lab")

    def test_mysql_is_no_archive(self):
        """An engine nobody tested is refused before anything is tried."""
        with pytest.raises(lab.ArchiveError, match=r"cannot be opened with mysql.*postgresql"):
            Archive("mysql+pymysql://u:hunter2@h/x")

    def test_a_sink_keeps_its_sessions_there(self, postgres, new_sink):
        """Frames, transcript and sessions are read from PostgreSQL as from a file."""
        sink = new_sink(postgres.new())
        lab.send_test(sink.profile(), to="bob@example.org")
        assert sink.inbox.to_frame()["rcpt_to"].tolist() == [["bob@example.org"]]
        assert "354" in str(sink.inbox[-1].transcript)
        until(lambda: sink.sessions["ended_at"].notna().all())
        assert sink.sessions["last_reply"].str.startswith("221").all()

    def test_text_postgresql_cannot_hold_keeps_nobody_else_out(self, postgres):
        """A NUL, which PostgreSQL's text cannot have, fails its own message only."""
        archive = Archive(postgres.new())
        writer = Writer(archive)
        with locked(archive):
            answers = [
                writer.put(a_message(b"%d" % n, mail_from="\0" if n == 3 else "ann@example.com"))
                for n in range(6)
            ]
        assert isinstance(answers[3].exception(15), lab.ArchiveError)
        assert [a.result(15) for n, a in enumerate(answers) if n != 3] == [1, 2, 3, 4, 5]
        writer.close()
        archive.close()


def test_two_writers_both_get_their_turn(archive_url):
    """Of two that write all the time neither waits for the other to stop."""
    archives = [Archive(archive_url) for _ in range(2)]
    done, stop = [0, 0], threading.Event()

    def work(which):
        session = a_session()
        while not stop.is_set():
            archives[which].add([a_message(session=session)])
            done[which] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: min(done) >= 50, seconds=30)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert archives[0].count() == sum(done)
    for archive in archives:
        archive.close()
