"""The thread that writes: it answers after the commit, and to everyone."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from pathlib import Path

import pytest
from archive.made import a_message, a_session, locked, outside
from sink.talk import until

from smtp_lab import ArchiveError
from smtp_lab.archive import Archive
from smtp_lab.archive import writer as writer_module
from smtp_lab.archive.writer import Writer


@pytest.fixture(autouse=True, params=["thread", "loop"])
def written_in(request, monkeypatch):
    """Where a writer writes what comes from an event loop, the disk being slow or quick."""
    pace = (1.0, 0.0) if request.param == "thread" else (0.0, 1.0)
    monkeypatch.setattr(writer_module, "_LATE", pace[0])
    monkeypatch.setattr(writer_module, "_QUICK", pace[1])
    return request.param


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def writer(archive):
    made = Writer(archive)
    yield made
    made.close()


def test_the_answer_comes_after_the_commit(archive, writer):
    """Once the future has its number, a connection of another program sees the message."""
    with outside(archive.url) as other:
        for n in range(20):
            number = writer.put(a_message(b"message %d" % n)).result(10)
            found = other.exec_driver_sql(f"SELECT raw FROM raws WHERE message_id = {number}")
            assert bytes(found.scalar_one()) == b"message %d" % n


def test_there_is_no_answer_before_the_commit(archive, writer):
    """While the message cannot be committed the future stays open."""
    with locked(archive):
        future = writer.put(a_message())
        with pytest.raises(TimeoutError):
            future.result(0.3)
        assert archive.count() == 0
    number = future.result(15)
    assert archive.ids() == [number]


def test_what_waits_is_written_in_order(archive, writer):
    """Messages that queue up behind a slow commit keep their order and get their own numbers."""
    with locked(archive):
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
    with outside(archive.url) as other:
        other.exec_driver_sql("ALTER TABLE raws RENAME TO hidden")
    failed = writer.put(a_message()).exception(10)
    assert isinstance(failed, ArchiveError)
    assert "cannot be written" in str(failed)
    with outside(archive.url) as other:
        other.exec_driver_sql("ALTER TABLE hidden RENAME TO raws")
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
    with locked(archive):
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


def test_a_closed_writer_says_so(archive):
    """Nobody waits for a writer that has ended; a session it is told of is dropped."""
    writer = Writer(archive)
    writer.close()
    with pytest.raises(ArchiveError, match="written no more"):
        writer.put(a_message())
    with pytest.raises(ArchiveError, match="written no more"):
        asyncio.run(writer.store(a_message()))
    writer.note(a_session())
    assert (archive.count(), archive.sessions()) == (0, [])


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

    with locked(archive):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert len(futures) < 20
    thread.join(15)
    assert all(future.result(15) for future in futures)
    writer.close()
    assert archive.count() == 20


def test_one_bad_item_keeps_nobody_else_out(archive, writer):
    """Of a group of which one message cannot be stored, all the others are."""
    with locked(archive):
        futures = [
            writer.put(a_message(b"%d" % n, mail_from=object() if n == 7 else "ann@example.com"))
            for n in range(20)
        ]
        ended = writer.put(a_session())
    assert isinstance(futures[7].exception(15), ArchiveError)
    good = [future for n, future in enumerate(futures) if n != 7]
    assert [future.result(15) for future in good] == archive.ids()
    assert ended.result(15) == 0
    wanted = [b"%d" % n for n in range(20) if n != 7]
    assert [m.raw for m in archive.messages()] == wanted


class TestInAnEventLoop:
    def test_each_gets_its_own_answer(self, archive, writer):
        """Many coroutines store at once; each gets the number of its own message."""

        async def all_of_them():
            return await asyncio.gather(*[writer.store(a_message(b"%d" % n)) for n in range(100)])

        numbers = asyncio.run(all_of_them())
        kept = {m.id: m.raw for m in archive.messages()}
        assert {number: b"%d" % n for n, number in enumerate(numbers)} == kept

    def test_who_brings_too_much_waits_and_the_loop_goes_on(self, archive):
        """A full queue holds up those who store, not the event loop, and takes no more memory."""
        writer = Writer(archive, waiting=3)
        most = ticks = 0

        async def work():
            nonlocal most, ticks
            tasks = [asyncio.create_task(writer.store(a_message(b"%d" % n))) for n in range(40)]
            with locked(archive):
                while ticks < 50:
                    await asyncio.sleep(0.002)
                    ticks += 1
                    most = max(most, len(writer._jobs))
                assert not any(task.done() for task in tasks)
            return await asyncio.wait_for(asyncio.gather(*tasks), 30)

        numbers = asyncio.run(work())
        assert sorted(numbers) == archive.ids() == list(range(1, 41))
        assert most == 3
        writer.close()

    def test_large_messages_are_bounded_by_their_octets(self, archive, monkeypatch):
        """A few large messages fill the queue as many small ones do."""
        monkeypatch.setattr(writer_module, "_WAITING_BYTES", 3_000_000)
        writer = Writer(archive)
        with locked(archive):
            answers = []
            assert writer.offer(a_message(), answers.append)
            until(lambda: not writer._jobs)  # taken by the thread, which now waits for the lock
            taken = [writer.offer(a_message(b"x" * 1_000_000), answers.append) for _ in range(9)]
            assert taken == [True] * 3 + [False] * 6
        writer.close()
        assert len(answers) == archive.count() == 4

    def test_an_error_is_raised_where_it_is_awaited(self, archive, writer):
        """A message that cannot be stored raises in the coroutine that brought it."""
        with pytest.raises(ArchiveError, match="cannot be written"):
            asyncio.run(writer.store(a_message(mail_from=object())))
        assert archive.count() == 0

    def test_who_stumbles_over_an_answer_keeps_it_from_nobody(self, archive, writer, caplog):
        """The others of the group are answered, and the log has the fault."""

        async def work():
            loop = asyncio.get_running_loop()
            writer.offer(a_message(), lambda _: 1 / 0, loop)
            return await writer.store(a_message())

        assert asyncio.run(work()) == 2
        assert "ZeroDivisionError" in caplog.text

    def test_a_loop_that_has_ended_holds_nobody_up(self, archive, writer):
        """An answer nobody can be given any more ends neither the writer nor the message."""

        async def leave():
            assert writer.offer(a_message(), lambda _: None, asyncio.get_running_loop())

        with locked(archive):
            asyncio.run(leave())
        assert writer.put(a_message()).result(15) == 2


def test_ended_sessions_are_taken_beyond_the_bound_and_dropped_in_the_end(archive, caplog):
    """Nobody waits with a session that ended: ten times the bound is kept, the rest is counted."""
    writer = Writer(archive, waiting=2)
    with locked(archive):
        writer.note(a_session())
        until(lambda: not writer._jobs)  # taken by the thread, which now waits for the lock
        for _ in range(49):
            writer.note(a_session())
        assert not writer.offer(a_message(), lambda _: None)
    writer.close()
    stored = len(archive.sessions())
    assert stored == 21
    dropped = re.findall(r"(\d+) sessions were not kept", caplog.text)
    assert sum(map(int, dropped)) == 50 - stored


def test_a_session_that_cannot_be_stored_is_in_the_log(archive, caplog):
    """Nobody waits for a session that ended, so the log says what became of it."""
    writer = Writer(archive)
    writer.note(a_session(ehlo=object()))
    writer.close()
    assert "a session could not be stored: The archive" in caplog.text


class TestWhoWrites:
    """On SQLite it may be the event loop; the measured pace decides."""

    @pytest.fixture
    def archive_url(self, tmp_path):
        return f"sqlite:///{tmp_path}/mail.sqlite3"

    @pytest.fixture
    def written(self, archive, monkeypatch):
        """The thread and the number of messages of each commit."""
        commits, add = [], archive.add

        def note(messages, *rest, **how):
            numbers = add(messages, *rest, **how)
            commits.append((threading.current_thread().name, len(messages)))
            return numbers

        monkeypatch.setattr(archive, "add", note)
        return commits

    def test_the_loop_or_the_thread(self, writer, written, written_in):
        """Where the disk is quick the loop writes by itself, in one transaction a turn."""

        async def some():
            await asyncio.gather(*[writer.store(a_message()) for _ in range(10)])

        asyncio.run(some())
        name = "MainThread" if written_in == "loop" else "smtp-lab-writer"
        assert {thread for thread, _ in written} == {name}
        assert sum(count for _, count in written) == 10
        if written_in == "loop":
            assert len(written) == 1

    def test_a_lock_is_waited_for_in_the_thread(self, archive, writer, written):
        """What another program's lock keeps out goes to the thread, and the loop goes on."""
        ticks = 0

        async def work():
            nonlocal ticks
            with locked(archive):
                storing = asyncio.create_task(writer.store(a_message()))
                while ticks < 30:
                    await asyncio.sleep(0.01)
                    ticks += 1
                assert not storing.done()
            return await asyncio.wait_for(storing, 15)

        assert asyncio.run(work()) == 1
        assert written == [("smtp-lab-writer", 1)]

    def test_a_failure_in_the_loop_is_the_threads_to_deal_with(self, archive, writer, written):
        """One that cannot be stored keeps nobody else out, and all are told."""

        async def work():
            names = [object() if n == 3 else "ann@example.com" for n in range(8)]
            storing = [writer.store(a_message(mail_from=name)) for name in names]
            return await asyncio.gather(*storing, return_exceptions=True)

        outcomes = asyncio.run(work())
        assert isinstance(outcomes.pop(3), ArchiveError)
        assert outcomes == archive.ids() == list(range(1, 8))

    def test_large_messages_are_the_threads(self, archive, writer, written):
        """So many octets at once would keep a loop from its other clients."""
        raw = bytes(range(256)) * 4_000
        assert asyncio.run(writer.store(a_message(raw))) == 1
        assert written == [("smtp-lab-writer", 1)]
        assert archive.messages()[0].raw == raw

    def test_the_log_does_not_grow_for_ever(self, archive, writer, monkeypatch):
        """What a loop has written is moved into the file by the thread from time to time."""
        monkeypatch.setattr(writer_module, "_LOG_BYTES", 2**24)

        async def work():
            for _ in range(1_000):
                await writer.store(a_message(b"x" * 100_000))

        asyncio.run(work())
        log = Path(f"{archive.url.database}-wal")
        assert log.stat().st_size < 5 * 2**24  # of more than 6 that were written

    def test_the_log_is_moved_while_the_loop_goes_on(self, archive, writer, monkeypatch):
        """The thread begins to move the log, and meanwhile the loop still writes."""
        monkeypatch.setattr(writer_module, "_LOG_BYTES", 50_000)
        monkeypatch.setattr(writer_module, "_QUICK", 10.0)
        moving, go_on, move = threading.Event(), threading.Event(), archive.move_log

        def slowly():
            moving.set()
            assert go_on.wait(10)
            move()

        monkeypatch.setattr(archive, "move_log", slowly)

        async def work():
            for _ in range(10):
                await writer.store(a_message(b"x" * 10_000))
            assert await asyncio.to_thread(moving.wait, 10)
            number = await asyncio.wait_for(writer.store(a_message(b"meanwhile")), 10)
            go_on.set()
            return number

        file = Path(archive.url.database)
        before = file.stat().st_size
        assert asyncio.run(work()) == 11
        until(lambda: file.stat().st_size > before + 50_000)

    def test_a_group_waits_for_what_is_about_to_come(self, archive, written, monkeypatch):
        """While others are in the middle of a message the commit waits, so that all share one."""
        monkeypatch.setattr(writer_module, "_MORE", 10.0)
        monkeypatch.setattr(writer_module, "_LATE", 0.0)
        monkeypatch.setattr(writer_module, "_QUICK", 1.0)
        coming = [True] * 3
        writer = Writer(archive, more=lambda: bool(coming))

        async def late():
            while coming:
                await asyncio.sleep(0.01)
                coming.pop()
                await asyncio.sleep(0)
                yield asyncio.create_task(writer.store(a_message()))

        async def work():
            first = asyncio.create_task(writer.store(a_message()))
            tasks = [first, *[task async for task in late()]]
            return await asyncio.gather(*tasks)

        assert sorted(asyncio.run(work())) == [1, 2, 3, 4]
        assert written[0][1] >= 3
        writer.close()

    def test_sessions_alone_wait_for_a_message(self, archive, written, monkeypatch):
        """Nobody waits for them: the next message takes them along into its transaction."""
        monkeypatch.setattr(writer_module, "_MORE", 10.0)
        monkeypatch.setattr(writer_module, "_LATE", 0.0)
        monkeypatch.setattr(writer_module, "_QUICK", 1.0)
        writer = Writer(archive, more=lambda: False)

        async def work():
            session = asyncio.create_task(writer.store(a_session()))
            await asyncio.sleep(0.05)
            assert not session.done()
            assert await writer.store(a_message()) == 1
            await session

        asyncio.run(asyncio.wait_for(work(), 8))
        assert [count for _, count in written] == [1]  # messages, with the session in one
        writer.close()

    def test_a_group_does_not_wait_for_ever(self, archive):
        """Who is always about to send something keeps nobody's message from being stored."""
        writer = Writer(archive, more=lambda: True)
        assert asyncio.run(asyncio.wait_for(writer.store(a_message()), 10)) == 1
        writer.close()

    def test_a_loop_that_ends_in_its_turn_leaves_it_to_others(self, archive, writer, written_in):
        """A message that a loop was about to write is written when the next one comes."""
        loop = asyncio.new_event_loop()

        async def offer():
            assert writer.offer(a_message(b"first"), lambda _: None, loop)

        loop.run_until_complete(offer())
        loop.close()
        assert writer.put(a_message(b"second")).result(15) == 2
        assert [m.raw for m in archive.messages()] == [b"first", b"second"]


class TestThePace:
    """How quick the disk is, is found out by using it."""

    @pytest.fixture(autouse=True)
    def written_in(self):
        """As it is."""

    @pytest.mark.parametrize(("takes", "thread"), [(0.0, "MainThread"), (0.05, "smtp-lab-writer")])
    def test_it_is_measured(self, tmp_path, monkeypatch, takes, thread):
        """After a while a quick disk is written in the loop; a slow one is not waited for there."""
        archive = Archive(tmp_path / "mail.sqlite3")
        monkeypatch.setattr(writer_module, "_QUICK", 0.03)
        monkeypatch.setattr(writer_module, "_LATE", 0.05)
        writer, add, threads = Writer(archive), archive.add, []

        def slow(*what, **how):
            threads.append(threading.current_thread().name)
            time.sleep(takes)
            return add(*what, **how)

        monkeypatch.setattr(archive, "add", slow)

        async def work():
            for _ in range(60):
                await writer.store(a_message())

        asyncio.run(work())
        writer.close()
        archive.close()
        assert threads[0] == "smtp-lab-writer"
        assert threads[-1] == thread
