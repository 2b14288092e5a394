"""What keeping a message costs, as ratios in one run on one machine.

A coroutine for each connection stores one 4 KiB message after the other, as the sink's protocol
does, with a dialogue of eight lines each; nothing else is done, so this is the archive alone:

* ``list``: a list in memory, the answer in the next turn of the loop;
* ``commit each``: SQLite, one commit a message, in the loop;
* ``alchemy``: our writer, its rows through SQLAlchemy Core in place of the driver;
* ``sqlite`` and ``postgres``: our writer.

``python benchmarks/archive.py growth`` compares the rate at a thousand stored messages with the
rate at a million, each message over a session of its own. PostgreSQL is measured where it is
installed, with a server of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from postgres import Postgres, running

from smtp_lab.archive import Archive, StoredMessage, StoredSession, schema, session_id
from smtp_lab.archive.rows import Known, Rows
from smtp_lab.archive.writer import Writer
from smtp_lab.transcript import Line

ROUNDS = 5
RAW = os.urandom(4096)
SAID = [Line("S", "250 2.1.0 Sender ok", "mail", 1.234567)] * 8


def a_session() -> StoredSession:
    """A session as the sink's protocol has it."""
    return StoredSession(
        session_id(), datetime.now(UTC), "starttls", "127.0.0.1:50123", ehlo="client.example"
    )


def a_message(session: StoredSession, n: int) -> StoredMessage:
    """The n-th message of *session*."""
    session.transcript = {"first": n * 8, "lines": SAID}
    return StoredMessage(
        RAW, "ann@example.com", ("bob@example.org",), datetime.now(UTC), session, lines=n * 8 + 9
    )


class Memory:
    """Keeps messages in a list."""

    def __init__(self, _url: str = "", _synchronous: str = "") -> None:
        self.kept: list[StoredMessage] = []

    async def store(self, message: StoredMessage) -> int:
        """Store a message."""
        self.kept.append(message)
        await asyncio.sleep(0)
        return len(self.kept)

    def close(self) -> None:
        """Close it."""
        self.kept.clear()


class CommitEach:
    """One transaction a message, in the event loop: the pen without the writer."""

    def __init__(self, url: str, synchronous: Any) -> None:
        self.archive = Archive(url, synchronous=synchronous)

    async def store(self, message: StoredMessage) -> int:
        """Store a message."""
        return self.archive.add([message])[0]

    def close(self) -> None:
        """Close it."""
        self.archive.close()


class Ours:
    """The writer of a sink."""

    def __init__(self, url: str, synchronous: Any) -> None:
        self.archive = Archive(url, synchronous=synchronous)
        self.writer = Writer(self.archive)
        self.store = self.writer.store

    def close(self) -> None:
        """Close it."""
        self.writer.close()
        self.archive.close()


class AlchemyPen:
    """Writes the same rows through SQLAlchemy Core."""

    def __init__(self, engine: sa.Engine) -> None:
        self._connection = engine.connect()
        self._known = Known()

    def write(self, messages: Any, sessions: Any, *, wait: bool = True) -> list[int]:  # noqa: ARG002
        """Store all of them in one transaction."""
        c, tables = schema.counters, (schema.sessions, schema.messages, schema.raws)
        do = self._connection.execute
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        octets = sum(len(message.raw) for message in messages)
        new = {"last": c.c.last + len(messages), "messages": c.c.messages + len(messages)}
        do(sa.update(c).values(bytes=c.c.bytes + octets, **new))
        number = do(sa.select(c.c.last)).scalar_one() - len(messages) + 1
        rows = Rows.of(messages, sessions, number, self._known)
        for table, values in zip(tables, (rows.sessions, rows.messages, rows.raws), strict=True):
            if values:
                names = table.c.keys()
                do(sa.insert(table), [dict(zip(names, row, strict=True)) for row in values])
        self._connection.exec_driver_sql("COMMIT")
        return list(range(number, number + len(messages)))

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Alchemy(Ours):
    """The writer of a sink with `AlchemyPen`."""

    def __init__(self, url: str, synchronous: Any) -> None:
        super().__init__(url, synchronous)
        self.archive._pen = AlchemyPen(self.archive._engine)  # noqa: SLF001  # what is compared


def rate(kept: Any, connections: int, count: int, *, own: bool = False) -> tuple[float, float]:
    """Messages a second and microseconds of this process's CPU a message."""

    async def connection(share: int) -> None:
        session = a_session()
        for n in range(share):
            if own:
                session = a_session()
            await kept.store(a_message(session, 0 if own else n))

    async def all_of_them() -> None:
        await asyncio.gather(*[connection(count // connections) for _ in range(connections)])

    begin, cpu = time.perf_counter(), time.process_time()
    asyncio.run(all_of_them())
    return count / (time.perf_counter() - begin), (time.process_time() - cpu) / count * 1e6


@contextlib.contextmanager
def server() -> Iterator[Postgres | None]:
    """A PostgreSQL of this run's own, or None where there is none."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        print("PostgreSQL is not installed: it is left out")
        yield None
        return
    with running() as started:
        yield started


def compare(folder: Path, postgres: Postgres | None) -> None:
    """Print each way of keeping mail beside the list in memory."""
    ways: dict[str, tuple[Callable[[str, Any], Any], str, str]] = {
        "list": (Memory, "sqlite", ""),
        "commit each FULL": (CommitEach, "sqlite", "FULL"),
        "commit each NORMAL": (CommitEach, "sqlite", "NORMAL"),
        "alchemy FULL": (Alchemy, "sqlite", "FULL"),
        "alchemy NORMAL": (Alchemy, "sqlite", "NORMAL"),
        "sqlite FULL": (Ours, "sqlite", "FULL"),
        "sqlite NORMAL": (Ours, "sqlite", "NORMAL"),
    }
    if postgres:
        ways |= {"postgres FULL": (Ours, "postgres", "FULL")}
        ways |= {"postgres NORMAL": (Ours, "postgres", "NORMAL")}
    for connections in (1, 10, 50):
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(ROUNDS):
            for name, (make, engine, synchronous) in ways.items():
                url = f"sqlite:///{folder}/{connections}-{turn}-{name}"
                if engine == "postgres" and postgres:
                    url = postgres.new()
                kept = make(url, synchronous)
                found[name].append(rate(kept, connections, 4000 if connections > 1 else 1500))
                kept.close()
                for file in folder.iterdir():
                    file.unlink()
        print(f"\n{connections} connections, 4 KiB, median of {ROUNDS} (ratios within a round)")
        print(f"{'':<20}{'msg/s':>9}{'/ list':>9}{'/ commit each':>15}{'CPU µs/msg':>12}")
        for name in ways:
            each = "commit each NORMAL" if name.endswith("NORMAL") else "commit each FULL"
            line = f"{name:<20}{statistics.median(r for r, _ in found[name]):9,.0f}"
            for other, width in (("list", 9), (each, 15)):
                pairs = zip(found[name], found[other], strict=True)
                line += f"{statistics.median(a[0] / b[0] for a, b in pairs):{width}.3f}"
            print(line + f"{statistics.median(cpu for _, cpu in found[name]):12.0f}")


def growth(folder: Path, postgres: Postgres | None) -> None:
    """Print the rate at a million stored messages as a share of the rate at a thousand."""
    urls = {"sqlite": lambda name: f"sqlite:///{folder}/{name}"}
    if postgres:
        urls["postgres"] = lambda _: postgres.new()
    for engine, url in urls.items():
        archives = {size: Ours(url(str(size)), "FULL") for size in (1_000, 1_000_000)}
        for size, kept in archives.items():
            begin = time.perf_counter()
            for _ in range(0, size, 1000):
                sessions = [a_session() for _ in range(1000)]
                rows = [a_message(session, 0) for session in sessions]
                for row in rows:
                    row.raw = RAW[:400]
                kept.archive.add(rows)
            print(f"{engine}: {size:,} stored in {time.perf_counter() - begin:.0f} s", flush=True)
        for own in (False, True):
            rounds = [
                {size: rate(kept, 10, 3000, own=own)[0] for size, kept in archives.items()}
                for _ in range(2 * ROUNDS)
            ]
            share = statistics.median(r[1_000_000] / r[1_000] for r in rounds)
            how = "a session for each message" if own else "ten long sessions"
            medians = [statistics.median(r[size] for r in rounds) for size in archives]
            print(
                f"{engine}, {how}: {medians[0]:,.0f}/s at 1,000, {medians[1]:,.0f}/s at 1,000,000: "
                f"{share:.2f} (goal: above 0.8)",
                flush=True,
            )
        for kept in archives.values():
            kept.close()


def main() -> None:
    """Measure what is asked for."""
    # Beside the user's data: the folder for temporary files may lie in memory.
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, server() as postgres:
        (growth if sys.argv[1:] == ["growth"] else compare)(Path(folder), postgres)


if __name__ == "__main__":
    main()
