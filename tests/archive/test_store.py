"""What an archive keeps, and what it says when it cannot."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from archive.made import WHEN, a_message, a_session, one_sentence, outside
from hypothesis import given
from hypothesis import strategies as st

from smtp_lab import ArchiveError
from smtp_lab.archive import Archive, Retention
from smtp_lab.archive.records import from_micros, micros


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def quiet(sessions):
    """The sessions without what was said in them."""
    return [replace(session, transcript={}) for session in sessions]


class TestRoundTrip:
    def test_every_field_of_a_message_comes_back(self, archive):
        """A message and its session are read exactly as they were written."""
        session = a_session(
            ended_at=WHEN + timedelta(seconds=3),
            door="implicit",
            ehlo="client.example",
            tls_version="TLSv1.3",
            tls_cipher="TLS_AES_256_GCM_SHA384",
            login="ann",
            mechanism="PLAIN",
            login_ok=False,
        )
        message = a_message(
            bytes(range(256)),
            mail_from="",
            rcpt_to=("b@example.org", "a@example.org", "ü@example.org"),
            mail_options=("BODY=8BITMIME", "SIZE=3"),
            session=session,
            lines=4,
        )
        (number,) = archive.add([message])
        (found,) = archive.messages()
        assert found.session == session
        message.id, message.size = number, 256
        assert found == message

    @given(raw=st.binary(max_size=2000))
    def test_any_bytes_are_kept_as_they_are(self, raw, tmp_path_factory):
        """The raw bytes are stored untouched, whatever they are."""
        archive = Archive(tmp_path_factory.getbasetemp() / "bytes.sqlite3")
        (number,) = archive.add([a_message(raw)])
        assert archive.messages(only=number)[0].raw == raw
        archive.close()

    @given(
        st.datetimes(
            min_value=datetime(1971, 1, 1),  # noqa: DTZ001
            max_value=datetime(2200, 1, 1),  # noqa: DTZ001
            timezones=st.just(UTC),
        )
    )
    def test_moments_survive_to_the_microsecond(self, moment):
        """A moment turned into a number and back is the same moment."""
        assert from_micros(micros(moment)) == moment

    def test_messages_are_listed_oldest_first_and_in_pieces(self, archive):
        """`after`, `limit` and `only` choose among messages in the order of their numbers."""
        numbers = archive.add([a_message(b"%d" % n) for n in range(5)])
        assert numbers == sorted(numbers) == archive.ids()
        assert [m.raw for m in archive.messages()] == [b"0", b"1", b"2", b"3", b"4"]
        assert [m.raw for m in archive.messages(after=numbers[1], limit=2)] == [b"2", b"3"]
        assert [m.raw for m in archive.messages(only=numbers[3])] == [b"3"]
        assert archive.messages(only=10_000) == []
        assert (archive.count(), archive.last_id()) == (5, numbers[-1])

    def test_an_empty_archive_answers(self, archive):
        """An archive with nothing in it is no error."""
        assert (archive.count(), archive.last_id()) == (0, 0)
        assert (archive.ids(), archive.messages(), archive.sessions()) == ([], [], [])


class TestFetched:
    def test_what_was_fetched_is_stored_once(self, archive):
        """A message is known by its mailbox and its name there, and a second one is not stored."""
        message = a_message(b"fetched", session=a_session(door="graph", peer="graph.example.com"))
        number = archive.add_fetched(message, "ann", "name/+=" * 40)
        assert archive.add_fetched(message, "ann", "name/+=" * 40) is None
        assert archive.add_fetched(message, "ann", "other") == number + 1
        assert archive.add_fetched(message, "bob", "other") == number + 2
        assert archive.fetched("ann") == {"name/+=" * 40, "other"}
        assert archive.fetched("eve") == frozenset()
        assert archive.count() == 3

    def test_two_that_fetch_at_once_store_it_once(self, archive, archive_url):
        """Also two archives on one database know of one another."""
        others = [Archive(archive_url) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda a: a.add_fetched(a_message(), "ann", "the same"), others))
        assert sorted(number is None for number in found) == [False, True, True, True]
        for other in others:
            other.close()

    def test_what_was_let_go_is_not_fetched_again(self, archive):
        """Retention takes the message, not the memory of it; numbers and sums go on."""
        session = a_session(door="graph", ended_at=WHEN)
        assert archive.add_fetched(a_message(b"fetched", session=session), "ann", "x") == 1
        archive.add([], [session])
        archive.add([a_message()])
        assert archive.prune(Retention(count=1)) == 1
        assert archive.fetched("ann") == {"x"}
        assert archive.add_fetched(a_message(), "ann", "x") is None
        assert archive.add_fetched(a_message(), "ann", "y") == 3
        assert archive.prune(Retention(count=1)) == 1


class TestSessions:
    def test_a_session_is_written_over_not_doubled(self, archive):
        """The same session stored again replaces what was known of it before."""
        session = a_session()
        archive.add([a_message(session=session)])
        session.ended_at, session.login, session.login_ok = WHEN + timedelta(1), "ann", True
        archive.add([], [session])
        assert quiet(archive.sessions()) == [session]
        assert archive.messages()[0].session == session

    def test_two_messages_of_one_session_share_its_row(self, archive):
        """Messages of one connection belong to one session."""
        session = a_session()
        archive.add([a_message(session=session), a_message(session=session)])
        assert archive.count() == 2
        assert quiet(archive.sessions()) == [session]

    def test_lines_are_stored_once_and_read_up_to_a_message(self, archive):
        """A dialogue written piece by piece is read whole, or as far as a message."""

        def line(n):
            return {
                "direction": "C",
                "stage": "data",
                "text": f"ünï → {n}",
                "at": n / 8,
                "tls": True,
            }

        session = a_session()
        first = {"first": 0, "lines": [line(0), line(1)]}
        message = a_message(session=replace(session, transcript=first), lines=3)
        archive.add([message])
        # Line 1 once more, as when a client leaves while its message is written.
        archive.add(
            [], [replace(session, transcript={"first": 1, "lines": [line(1), line(2), line(3)]})]
        )
        (found,) = archive.sessions()
        assert found.transcript == {
            "started_at": WHEN.isoformat(),
            "lines": [line(n) for n in range(4)],
        }
        assert archive.transcript(session, message.lines)["lines"] == [line(n) for n in range(3)]

    def test_sessions_without_a_message_are_kept_in_order(self, archive):
        """Sessions no message came of are listed, oldest first."""
        late, early = a_session(started_at=WHEN + timedelta(hours=1)), a_session()
        archive.add([], [late, early])
        assert quiet(archive.sessions()) == [early, late]


class TestNumbers:
    def test_the_number_of_a_deleted_message_is_not_used_again(self, archive):
        """Ids only go up, also after the newest message is gone."""
        first, last = archive.add([a_message(), a_message()])
        with outside(archive.url) as other:
            other.exec_driver_sql(f"DELETE FROM raws WHERE message_id = {last}")
            other.exec_driver_sql(f"DELETE FROM messages WHERE id = {last}")
        assert archive.ids() == [first]
        assert archive.add([a_message()]) == [last + 1]

    def test_a_transaction_is_stored_whole_or_not_at_all(self, archive):
        """When one message of a transaction cannot be stored, none of it is."""
        bad = a_message(mail_from=object())
        with pytest.raises(ArchiveError) as error:
            archive.add([a_message(), bad], [a_session()])
        one_sentence(error)
        assert archive.count() == 0
        assert archive.sessions() == []
        assert len(archive.add([a_message()])) == 1


class TestBatches:
    def test_none_takes_much_memory(self, archive, monkeypatch):
        """A batch ends before it has too many octets, or too many messages; a large one is alone."""
        monkeypatch.setattr("smtp_lab.archive.reading._OCTETS", 10)
        monkeypatch.setattr("smtp_lab.archive.reading._BATCH", 3)
        archive.add([a_message(b"x" * size) for size in (4, 4, 30, 1, 1, 1, 1)])

        def numbers(**asked):
            return [[one.id for one in batch] for batch in archive.batches(**asked)]

        assert numbers() == [[1, 2], [3], [4, 5, 6], [7]]
        assert numbers(after=4, upto=6) == [[5, 6]]
        assert numbers(among=[7, 2, 4, 99]) == [[2, 4, 7]]
        assert numbers(among=[]) == numbers(mailbox="team") == []


class TestPlace:
    def test_file_and_folder_are_for_the_owner_only(self, tmp_path):
        """A new archive is 0600 in a 0700 folder, whatever the umask, side files too."""
        before = os.umask(0)
        try:
            archive = Archive(tmp_path / "new" / "mail.sqlite3")
            archive.add([a_message()])
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new").iterdir()}
        archive.close()
        assert "mail.sqlite3" in modes
        assert set(modes.values()) == {0o600}

    def test_a_url_and_a_path_name_the_same_archive(self, tmp_path):
        """What is written through the path is read through the URL, under one name."""
        path = tmp_path / "mail.sqlite3"
        by_path, by_url = Archive(path), Archive(f"sqlite:///{path}")
        (number,) = by_path.add([a_message()])
        assert by_url.ids() == [number]
        assert by_path.name == by_url.name == str(path)
        by_path.close()
        by_url.close()

    def test_a_relative_path_and_url_keep_their_file_when_the_folder_changes(
        self, tmp_path, monkeypatch
    ):
        """A relative name is understood once: changing the working folder does not move it."""
        monkeypatch.chdir(tmp_path)
        archive = Archive("sqlite:///mail.sqlite3")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        archive.add([a_message()])
        again = Archive("../mail.sqlite3")
        assert again.count() == 1
        assert archive.name == again.name == str(tmp_path / "mail.sqlite3")
        assert list((tmp_path / "elsewhere").iterdir()) == []
        archive.close()
        again.close()

    @pytest.mark.parametrize("name", ["a?b.sqlite3", "50%20.sqlite3", "a b#c.sqlite3", "ünï@x:1"])
    def test_a_path_is_taken_literally(self, tmp_path, name):
        """Characters that mean something in a URL mean nothing in a path."""
        archive = Archive(tmp_path / name)
        archive.add([a_message()])
        archive.close()
        assert (tmp_path / name).is_file()
        assert Archive(tmp_path / name).count() == 1

    def test_the_tilde_is_the_home_folder(self, tmp_path, monkeypatch):
        """A path that begins with ~ is in the user's home."""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        archive = Archive("~/mail.sqlite3")
        archive.close()
        assert (tmp_path / "mail.sqlite3").is_file()

    def test_an_archive_outlives_its_closing(self, archive):
        """Closing ends the connections; using it again opens new ones."""
        archive.add([a_message()])
        archive.close()
        archive.close()
        assert archive.count() == 1


class TestRefusals:
    def test_a_file_that_is_no_database(self, tmp_path):
        """A file of another kind is refused in a sentence and left as it is."""
        path = tmp_path / "notes.txt"
        path.write_bytes(b"These are notes, not a database. " * 100)
        before = path.read_bytes()
        with pytest.raises(
            ArchiveError, match=r"notes\.txt.*cannot be opened.*not a database"
        ) as e:
            Archive(path)
        one_sentence(e)
        assert path.read_bytes() == before

    def test_a_folder_in_place_of_a_file(self, tmp_path):
        """A folder is refused in a sentence."""
        with pytest.raises(ArchiveError, match=r"cannot be opened.*choose another file") as error:
            Archive(tmp_path)
        assert str(tmp_path) in one_sentence(error)

    def test_a_file_as_the_folder(self, tmp_path):
        """A path that leads through a file is refused in a sentence."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(ArchiveError, match="cannot be opened") as error:
            Archive(tmp_path / "file" / "mail.sqlite3")
        one_sentence(error)

    def test_a_place_nobody_can_write_to(self):
        """A place where no file can be made is refused in a sentence."""
        place = Path("/proc/smtp_lab/mail.sqlite3")
        if not Path("/proc/self").exists():
            place = Path("/dev/null/mail.sqlite3")
        with pytest.raises(ArchiveError, match=r"cannot be opened.*SMTP_LAB_DATA") as error:
            Archive(place)
        one_sentence(error)

    @pytest.mark.parametrize(
        "where", ["nosuchengine://x", "://x", "a\0b", "postgresql+nosuchdriver://u:hunter2@h/x"]
    )
    def test_an_address_that_leads_nowhere(self, where, tmp_path, monkeypatch):
        """A URL nobody can open gives a sentence, without its password."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ArchiveError) as error:
            Archive(where)
        assert "hunter2" not in one_sentence(error)

    @pytest.mark.parametrize("where", [":memory:", "sqlite://", "sqlite:///:memory:"])
    def test_an_archive_in_memory_is_refused(self, where, tmp_path, monkeypatch):
        """Memory is not shared between threads: it is refused before mail is lost in it."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ArchiveError, match=r"memory.*:temporary:") as error:
            Archive(where)
        one_sentence(error)
        assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
from archive.made import a_message
from smtp_lab.archive import Archive, Retention
archive = Archive(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[3])):
    archive.add([a_message(f"{sys.argv[2]} {n}".encode())])
"""


class TestSharing:
    def test_two_processes_writing_at_once_lose_nothing(self, archive_url):
        """Every message of two writing processes is there once."""
        Archive(archive_url).close()
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, archive_url, name, "60"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parent.parent,
            )
            for name in ("one", "two")
        ]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [writer.wait(60) for writer in writers] == [0, 0]
        for writer in writers:
            writer.communicate()
        archive = Archive(archive_url)
        found = sorted(message.raw.decode() for message in archive.messages())
        assert found == sorted(f"{name} {n}" for name in ("one", "two") for n in range(60))
        archive.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="locks end with any handle on POSIX only")
    def test_opened_twice_it_keeps_its_locks(self, tmp_path):
        """Another program that looks in does not take the log from under who has it open.

        SQLite removes its log with the last connection, which it knows by the locks; they end when
        this process closes the file anywhere.
        """
        first = Archive(tmp_path / "mail.sqlite3")
        second = Archive(tmp_path / "mail.sqlite3")
        assert len(first.messages()) == 0
        code = f"from smtp_lab.archive import Archive; Archive({str(first.name)!r}).close()"
        for number in (1, 2):
            subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
            assert (tmp_path / "mail.sqlite3-wal").exists()
            third = Archive(tmp_path / "mail.sqlite3")
            third.add([a_message(b"%d" % number)])
            third.close()
            assert len(first.messages()) == len(second.messages()) == number
        first.close()
        second.close()

    def test_threads_may_write_and_read_at_once(self, archive):
        """One archive is used by many threads, and each sees what is there."""
        threads = [
            threading.Thread(
                target=lambda n=n: [archive.add([a_message(b"%d" % n)]) for _ in "abc"]
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert len(archive.messages()) <= 24
        for thread in threads:
            thread.join()
        found = sorted(m.raw for m in archive.messages())
        assert found == sorted([b"%d" % n for n in range(8)] * 3)

    def test_opening_at_the_same_moment_makes_one_schema(self, archive_url):
        """Many who open a new archive at once all get it."""
        opened, failed = [], []

        def work():
            try:
                opened.append(Archive(archive_url))
            except ArchiveError as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(opened) == 8
        for archive in opened:
            archive.close()


class TestLost:
    def test_a_file_taken_away_loses_nothing_that_comes_after(self, tmp_path):
        """Mail stored after someone deleted the file is in the file that is there then."""
        path = tmp_path / "folder" / "mail.sqlite3"
        archive = Archive(path)
        archive.add([a_message(b"before")])
        for file in path.parent.iterdir():
            file.unlink()
        path.parent.rmdir()
        archive.add([a_message(b"after")])
        archive.close()
        again = Archive(path)
        assert [m.raw for m in again.messages()] == [b"after"]
        again.close()

    def test_reading_makes_no_file(self, tmp_path):
        """Whoever only reads hears that the archive is not there, and no folder is made."""
        path = tmp_path / "typo" / "mail.sqlite3"
        with pytest.raises(ArchiveError) as error:
            Archive(path, create=False)
        assert "is not there" in one_sentence(error)
        assert not path.parent.exists()
