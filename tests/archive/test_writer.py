"""The thread that writes: it answers after the commit, and to everyone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import uuid
from datetime import UTC, datetime

import pytest

from smtp_lab import ArchiveError
from smtp_lab.archive import Archive, StoredMessage, StoredSession
from smtp_lab.archive.writer import Writer


def a_session():
    return StoredSession(uuid.uuid4().hex, datetime.now(UTC), "starttls", "127.0.0.1:9")


def a_message(raw=b"x", mail_from="ann@example.com"):
    return StoredMessage(raw, mail_from, ("bob@example.org",), datetime.now(UTC), a_session())


@pytest.fixture
def archive(tmp_path):
    opened = Archive(tmp_path / "mail.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def writer(archive):
    made = Writer(archive)
    yield made
    made.close()


class Locked:
    """Holds the write lock of an archive from a connection of its own."""

    def __init__(self, archive):
        self.connection = sqlite3.connect(archive.url.database, isolation_level=None)

    def __enter__(self):
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self.connection.execute("COMMIT")
        self.connection.close()


def test_the_answer_comes_after_the_commit(archive, writer):
    """Once the future has its number, a connection of another program sees the message."""
    other = sqlite3.connect(archive.url.database)
    for n in range(20):
        number = writer.put(a_message(b"message %d" % n)).result(10)
        row = other.execute("SELECT raw FROM raws WHERE message_id = ?", (number,)).fetchone()
        assert row == (b"message %d" % n,)
    other.close()


def test_there_is_no_answer_before_the_commit(archive, writer):
    """While the message cannot be committed the future stays open."""
    with Locked(archive):
        future = writer.put(a_message())
        with pytest.raises(TimeoutError):
            future.result(0.3)
        assert archive.count() == 0
    number = future.result(15)
    assert archive.ids() == [number]


def test_what_waits_is_written_in_order(archive, writer):
    """Messages that queue up behind a slow commit keep their order and get their own numbers."""
    with Locked(archive):
        futures = [writer.put(a_message(b"%03d" % n)) for n in range(200)]
    numbers = [future.result(15) for future in futures]
    assert numbers == archive.ids()
    assert [m.raw for m in archive.messages()] == [b"%03d" % n for n in range(200)]


def test_a_session_is_answered_with_nought(archive, writer):
    """A session has no number; its future says that it is stored."""
    session = a_session()
    assert writer.put(session).result(10) == 0
    assert [found.id for found in archive.sessions()] == [session.id]


def test_a_failure_reaches_whoever_waits(archive, writer):
    """What could not be stored is told through the future, and later messages are stored."""
    with sqlite3.connect(archive.url.database) as other:
        other.execute("ALTER TABLE raws RENAME TO hidden")
    failed = writer.put(a_message()).exception(10)
    assert isinstance(failed, ArchiveError)
    assert "cannot be written" in str(failed)
    with other:
        other.execute("ALTER TABLE hidden RENAME TO raws")
    other.close()
    number = writer.put(a_message(b"later")).result(10)
    assert [m.raw for m in archive.messages(only=number)] == [b"later"]
    assert archive.count() == 1


def test_an_unforeseen_failure_reaches_whoever_waits(archive, writer):
    """Also an error that is no ArchiveError is told, and does not end the writer."""
    broken = a_message()
    broken.received_at = "no moment"
    assert isinstance(writer.put(broken).exception(10), TypeError)
    assert writer.put(a_message()).result(10) in archive.ids()


def test_closing_writes_what_waits(archive):
    """close() returns only when everything handed over before is on disk."""
    writer = Writer(archive)
    with Locked(archive):
        futures = [writer.put(a_message()) for _ in range(50)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()
    closing.join(15)
    assert not closing.is_alive()
    assert [future.result(0) for future in futures] == archive.ids()
    assert len(archive.ids()) == 50


def test_closing_ends_the_thread(archive):
    """A closed writer leaves no thread behind."""
    before = threading.active_count()
    writer = Writer(archive)
    assert threading.active_count() == before + 1
    writer.close()
    assert threading.active_count() == before


def test_waiters_that_give_up_do_not_end_the_writer(archive, writer):
    """A cancelled waiter changes nothing: its message is stored, and the next one too."""

    async def give_up():
        waiting = [asyncio.wrap_future(writer.put(a_message())) for _ in range(20)]
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert writer.put(a_message(b"next")).result(10) == archive.last_id()
    assert archive.count() == 21


def test_many_threads_get_their_own_answers(archive, writer):
    """Each of many threads gets the number of its own message."""
    answers = {}

    def work(name):
        answers[name] = [writer.put(a_message(b"%d" % name)).result(20) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = {m.id: m.raw for m in archive.messages()}
    assert len(kept) == 100
    assert all(kept[n] == b"%d" % name for name, found in answers.items() for n in found)


def test_the_queue_is_bounded(archive):
    """When the disk is slow, whoever hands over waits: memory does not fill up."""
    writer = Writer(archive, waiting=3)
    futures = []

    def work():
        futures.extend(writer.put(a_message()) for _ in range(20))

    with Locked(archive):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert len(futures) < 20
    thread.join(15)
    assert all(future.result(15) for future in futures)
    writer.close()
    assert archive.count() == 20
