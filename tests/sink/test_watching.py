"""Functions that are called with every message a sink has captured."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from archive.made import a_message
from sink.talk import Talk, until

import smtp_lab as lab
from smtp_lab import InputError
from smtp_lab.archive import Archive


@pytest.fixture(params=[False, True], ids=["thread", "process"])
def sink(request, new_sink):
    return new_sink(process=request.param)


def mail(sink, *bodies):
    with Talk(sink) as client:
        client.hello()
        for body in bodies:
            assert client.mail(b"%s\r\n" % str(body).encode()).startswith("250")


class TestCalled:
    def test_with_each_message_in_order_after_its_commit(self, sink):
        """What it gets can be read from the archive, from another connection, at that moment."""
        seen = []

        def note(message):
            other = Archive(sink.archive.url.database)
            seen.append((message.id, message.raw, len(other.messages(only=message.id))))
            other.close()

        mail(sink, "before")
        sink.on_message(note)
        mail(sink, *range(10))
        until(lambda: len(seen) == 10)
        assert seen == [(n + 2, b"%d\r\n" % n, 1) for n in range(10)]

    def test_with_every_one_of_many_senders(self, sink):
        """With ten clients at once none is left out, none is told twice, and the order is kept."""
        seen = []
        sink.on_message(lambda message: seen.append(message.id))
        threads = [threading.Thread(target=mail, args=(sink, *range(20))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        until(lambda: len(seen) >= 200)
        sink.stop()
        assert seen == list(range(1, 201))

    def test_only_with_what_this_sink_captures(self, sink):
        """What another puts into the same archive is not this sink's."""
        seen = []
        sink.on_message(lambda message: seen.append(message.raw))
        for n in range(3):
            sink.archive.add([a_message(b"other")])
            mail(sink, n)
        until(lambda: len(seen) == 3)
        sink.stop()
        assert seen == [b"0\r\n", b"1\r\n", b"2\r\n"]

    def test_also_after_a_stop_and_a_start(self, sink):
        """It belongs to the sink, not to the server that runs just then."""
        seen = []
        sink.stop()
        sink.on_message(lambda message: seen.append(message.raw))
        for n in range(3):
            with sink:
                mail(sink, n)
            assert seen == [b"%d\r\n" % k for k in range(n + 1)]

    def test_stop_waits_until_it_is_through(self, sink):
        """After stop() it was called for all, however slow it is within reason."""
        seen, going = [], threading.Event()

        def slow(message):
            going.wait(0.05)
            seen.append(message.id)

        sink.on_message(slow)
        mail(sink, *range(8))
        sink.stop()
        assert seen == list(range(1, 9))

    def test_a_slow_one_holds_up_nobody(self, sink):
        """While one function is stuck, clients are answered and another function is called."""
        going, seen = threading.Event(), []
        stuck = sink.on_message(lambda _: going.wait(30))
        sink.on_message(lambda message: seen.append(message.id))
        mail(sink, *range(5))
        until(lambda: len(seen) == 5)
        stuck.off()
        going.set()

    def test_it_may_stop_the_sink(self, sink):
        """A function that stops the sink it belongs to does not wait for itself."""
        sink.on_message(lambda _: sink.stop())
        mail(sink, "x")
        until(lambda: not sink.running)


class TestFailing:
    def test_an_error_is_one_sentence_and_stops_nothing(self, sink, caplog):
        """It is logged with the message's number; the next messages are told all the same."""
        seen = []

        @sink.on_message
        def picky(message):
            seen.append(message.id)
            raise {1: ValueError("no\nsuch thing"), 2: SystemExit(3), 3: KeyboardInterrupt()}.get(
                message.id, KeyError("x")
            )

        mail(sink, *range(4))
        until(lambda: len(seen) == 4)
        sink.stop()
        said = [record.getMessage() for record in caplog.records]
        name = picky.name
        assert said == [
            f"{name} failed on message 1: ValueError: no such thing",
            f"{name} failed on message 2: SystemExit: 3",
            f"{name} failed on message 3: KeyboardInterrupt",
            f"{name} failed on message 4: KeyError: 'x'",
        ]

    def test_what_is_no_function(self, sink):
        """Something that cannot be called is told at once."""
        with pytest.raises(InputError, match=r"^callback: is a str; give a function"):
            sink.on_message("print")

    def test_a_message_that_is_gone_is_passed_over(self, new_sink):
        """What retention has let go before it was told of is left out, without a word."""
        sink = new_sink()
        seen, going = [], threading.Event()

        def note(message):
            going.wait(30)
            seen.append(message.raw)

        sink.on_message(note)
        mail(sink, *range(20))
        sink.archive.prune(lab.Retention(count=2))
        going.set()
        until(lambda: len(seen) == 3)
        assert seen == [b"0\r\n", b"18\r\n", b"19\r\n"]


class TestHandle:
    def test_off_takes_it_off(self, sink):
        """After off() it is called no more; twice is fine."""
        seen = []
        handle = sink.on_message(lambda message: seen.append(message.id))
        mail(sink, 1)
        until(lambda: len(seen) == 1)
        handle.off()
        handle.off()
        mail(sink, 2)
        sink.stop()
        assert (seen, handle.active) == ([1], False)

    def test_a_decorated_function_can_still_be_called(self, new_sink):
        """The name that is decorated keeps its words, and works like the function."""
        sink = new_sink()

        @sink.on_message
        def first_word(message):
            """Give the first word."""
            return message.subject.split()[0]

        assert first_word.__doc__ == "Give the first word."
        assert lab.send_test(sink.profile(), to="bob@example.org").ok
        assert first_word(sink.inbox[-1]) == "Test"

    def test_a_cell_that_is_run_again_replaces_its_function(self, sink):
        """A function of the same name takes the place of the earlier; lambdas are all different."""
        seen = []
        cell = "@sink.on_message\ndef note(message): seen.append((n, message.id))"
        for n in range(3):
            exec(cell, {"__name__": "__main__", "sink": sink, "seen": seen, "n": n})
        for _ in range(2):
            sink.on_message(lambda message: seen.append(("any", message.id)))
        mail(sink, "x")
        sink.stop()
        assert sorted(map(str, seen)) == ["('any', 1)", "('any', 1)", "(2, 1)"]

    def test_no_thread_stays_for_it(self, new_sink):
        """Its thread ends when all is told."""
        sink = new_sink()
        seen = []
        before = threading.active_count()
        sink.on_message(lambda message: seen.append(message.id))
        mail(sink, 1, 2)
        until(lambda: len(seen) == 2)
        until(lambda: threading.active_count() == before)

    def test_at_the_end_of_a_program(self, tmp_path):
        """A program that ends right after its last mail has been told of it."""
        code = (
            "import smtplib, sys, smtp_lab as lab\n"
            "sink = lab.Sink(sys.argv[1], process=sys.argv[2] == 'True').start()\n"
            "sink.on_message(lambda message: print(message.subject, flush=True))\n"
            "client = smtplib.SMTP('127.0.0.1', sink.port)\n"
            "for n in range(20):\n"
            "    client.sendmail('a@example.com', ['b@example.com'], f'Subject: {n}\\n\\n')\n"
        )
        for process in (True, False):
            done = subprocess.run(
                [sys.executable, "-c", code, tmp_path / f"{process}.sqlite3", str(process)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.split() == [str(n) for n in range(20)]
