"""What was answered is kept, at whatever moment the sink is killed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from archive.made import outside
from sink.talk import Talk, until

from smtp_lab.archive import Archive

# Starting Python anew takes most of a second; a fork of one that has read everything takes none.
# What a fork inherits is read-only here: the parent has no thread, connection or archive.
NURSERY = """
import json, os, sys, threading
import smtp_lab as lab
import psycopg, smtp_lab.sink.sink, smtp_lab.inbox
from smtp_lab.archive import writer
# None lives long enough to find out by itself how quick the disk is.
writer._LATE, writer._QUICK = (0.0, 1.0) if sys.argv[3] == "loop" else (1.0, 0.0)
for line in iter(sys.stdin.readline, ""):
    child = os.fork()
    if child == 0:
        sink = lab.Sink(sys.argv[1], synchronous=sys.argv[2]).start()
        print(json.dumps([os.getpid(), sink.port]), flush=True)
        threading.Event().wait()
    os.waitpid(child, 0)
    print("null", flush=True)
"""


class Nursery:
    """Makes sinks on one archive, each in a process of its own, one after the other."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _told(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        assert ready, "the child process says nothing"
        return json.loads(self.process.stdout.readline())

    def sink(self) -> SimpleNamespace:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        pid, port = self._told()
        return SimpleNamespace(pid=pid, port=port)

    def kill(self, sink) -> None:
        os.kill(sink.pid, signal.SIGKILL)
        assert self._told() is None

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def a_mail(name: str, chance: random.Random) -> bytes:
    """A message that says itself whether it is whole."""
    body = chance.randbytes(chance.randint(10, 20_000)).hex().encode()
    lines = [b"  " + body[at : at + 70] for at in range(0, len(body), 70)]
    text = b"\r\n".join([f"Subject: {name}".encode(), b"", *lines, b""])
    return b"X-Whole: " + hashlib.sha256(text).hexdigest().encode() + b"\r\n" + text


def is_whole(raw: bytes) -> bool:
    first, _, text = raw.partition(b"\r\n")
    return first == b"X-Whole: " + hashlib.sha256(text).hexdigest().encode()


def send_on(sink, name: str, seed: int, answered: dict[int, bytes]) -> None:
    """Send one message after the other until the sink is gone; keep what it answered for."""
    chance = random.Random(seed)
    with contextlib.suppress(OSError), Talk(sink) as talk:
        talk.hello()
        for n in range(1000):
            raw = a_mail(f"{name} {n}", chance)
            reply = talk.mail(raw)
            answered[int(re.fullmatch(r"250 .* number (\d+)", reply)[1])] = raw


# PostgreSQL keeps what it committed whoever dies: there it is about our side of the wire only.
@pytest.mark.parametrize(
    ("archive_url", "written_in"),
    [("sqlite", "thread"), ("sqlite", "loop"), ("postgresql", "thread")],
    indirect=["archive_url"],
)
def test_nothing_answered_is_lost_when_the_sink_is_killed(archive_url, written_in, request):
    """After kill -9 at random instants under load all that got 250 is there, whole, by its number."""
    kills = 200 if archive_url.startswith("sqlite") else 30
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    request.node.add_report_section("call", "seed", str(seed))
    Archive(archive_url).close()
    nursery = Nursery(archive_url, "FULL", written_in)
    answered: dict[int, bytes] = {}
    busy = 0
    for kill in range(kills):
        sink = nursery.sink()
        before = len(answered)
        threads = [
            threading.Thread(
                target=send_on, args=(sink, f"{kill} {n}", chance.getrandbits(32), answered)
            )
            for n in range(3)
        ]
        for thread in threads:
            thread.start()
        if kill % 2:  # at a moment of which it is known that mail comes in
            until(lambda: len(answered) > before)  # noqa: B023
        time.sleep(chance.uniform(0, 0.05))
        nursery.kill(sink)
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        busy += len(answered) > before
    nursery.close()
    assert busy > kills / 4  # else it was no load
    archive = Archive(archive_url)
    kept = archive.messages()
    stored = {message.id: message.raw for message in kept}
    lost = [number for number, raw in answered.items() if stored.get(number) != raw]
    assert lost == []
    assert all(is_whole(message.raw) for message in kept)
    assert all(message.session.ehlo == "client.example" for message in kept)
    assert len({message.raw for message in kept}) == len(kept)
    # Numbers without a gap: nothing was half done and left.
    assert [message.id for message in kept] == list(range(1, len(kept) + 1))
    # What led up to each message is there with it; its answer came after the commit.
    for message in random.Random(seed).sample(kept, 20):
        said = archive.transcript(message.session, message.lines)["lines"]
        missing = message.lines - len(said)
        assert missing in (0, 1)
        assert said[missing - 3]["text"].startswith("354")
    with outside(archive.url) as other:
        counted = other.exec_driver_sql("SELECT last, messages, bytes FROM counters").one()
        assert tuple(counted) == (len(kept), len(kept), sum(m.size for m in kept))
        if archive_url.startswith("sqlite"):
            assert other.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    archive.close()
