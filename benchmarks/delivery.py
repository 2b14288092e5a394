"""How fast mail gets out, against other programs, as ratios: all of them to the same smtp-sink.

The runs are interleaved, round by round, and each ratio is the median over the rounds: a machine
that is busy for a moment slows all alike. Goals: `send_many` reaches at least 0.6 of smtp-source
and twice the fastest Python library; a single `send` costs at most 1.3 times smtplib's.

Postfix's smtp-sink and smtp-source are needed (Debian: ``apt-get install postfix``); a Python
library that is missing is named and left out. Run it with ``make benchmarks``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import smtp_lab as lab

SENDER, TO = "ann@example.com", "bob@example.org"
HOST = "127.0.0.1"
SOURCE = "smtp-source"


class Bench:
    """What every case needs: the server's port, the message, and how many of them.

    Attributes:
        port: Where smtp-sink listens.
        messages: How many messages a fast case sends in a round.
        connections: How many connections those use that use several.
        message: The message.
        profile: A profile that leads to smtp-sink.
        made: The message as it leaves.
        letters: Many like it, to different people.
        book: A book of its own.
    """

    def __init__(self, port: int, options: argparse.Namespace, folder: Path) -> None:
        self.port, self.messages = port, options.messages
        self.connections, self.size = options.connections, options.size
        connection = lab.SmtpConnection(host=HOST, port=port, security="none")
        self.profile = lab.Profile(name="bench", sender=SENDER, connection=connection)
        self.book = lab.ProfileBook.open(folder / "book.toml")
        empty = len(lab.prepare(_message(""), self.profile).raw)
        self.text = ("x" * 69 + "\n") * max(1, round((self.size - empty) / 71))
        self.message = _message(self.text)
        self.made = lab.prepare(self.message, self.profile)
        # Each to somebody else and with a subject of its own: nothing can be remembered.
        self.letters = [_message(self.text, number) for number in range(self.messages // 2)]

    def smtp_source(self) -> int:
        """Send with Postfix's own client in C, over connections that are kept."""
        command = [_tool(SOURCE), "-s", str(self.connections), "-m", str(self.messages), "-d"]
        command += ["-l", str(len(self.made.raw)), "-f", SENDER, "-t", TO, f"{HOST}:{self.port}"]
        subprocess.run(command, check=True)
        return self.messages

    def send_many(self) -> int:
        """Send messages that were prepared before."""
        return self._send_many([self.made] * self.messages)

    def send_many_whole(self) -> int:
        """Send EmailMessages: checked, copied and written as octets on the way."""
        return self._send_many(self.letters)

    def _send_many(self, messages: list[Any]) -> int:
        sent = lab.send_many(messages, self.profile, connections=self.connections, book=self.book)
        if not sent.ok:
            sys.exit(str(sent))
        return len(sent)

    def smtplib_each(self) -> int:
        """Send octets with smtplib, a connection for each message."""
        count = self.messages // 10
        for _ in range(count):
            with smtplib.SMTP(HOST, self.port, local_hostname="localhost") as client:
                client.sendmail(SENDER, [TO], self.made.raw)
        return count

    def smtplib_kept(self) -> int:
        """Send octets with smtplib over one connection."""
        count = self.messages // 4
        self._over_one(count)
        return count

    def smtplib_threads(self) -> int:
        """Send octets with smtplib in four threads, a connection each."""
        count = self.messages // 8
        threads = [threading.Thread(target=self._over_one, args=(count,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return count * 4

    def _over_one(self, count: int) -> None:
        with smtplib.SMTP(HOST, self.port, local_hostname="localhost") as client:
            for _ in range(count):
                client.sendmail(SENDER, [TO], self.made.raw)

    def letters_kept(self) -> int:
        """Send EmailMessages with smtplib over one connection."""
        count = self.messages // 4
        self._letters_over_one(self.letters[:count])
        return count

    def letters_threads(self) -> int:
        """Send EmailMessages with smtplib in four threads, a connection each."""
        shares = [self.letters[start::4] for start in range(4)]
        threads = [threading.Thread(target=self._letters_over_one, args=(one,)) for one in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(self.letters)

    def _letters_over_one(self, letters: list[EmailMessage]) -> None:
        with smtplib.SMTP(HOST, self.port, local_hostname="localhost") as client:
            for letter in letters:
                client.send_message(letter)

    def aiosmtplib(self) -> int:
        """Send octets with aiosmtplib over connections that are kept."""
        import aiosmtplib

        count = self.messages // 4 // self.connections

        async def over_one() -> None:
            async with aiosmtplib.SMTP(
                hostname=HOST, port=self.port, start_tls=False, local_hostname="localhost"
            ) as client:
                for _ in range(count):
                    await client.sendmail(SENDER, [TO], self.made.raw)

        async def over_all() -> None:
            await asyncio.gather(*(over_one() for _ in range(self.connections)))

        asyncio.run(over_all())
        return count * self.connections

    def redmail(self) -> int:
        """Compose and send with redmail over one connection."""
        from redmail import EmailSender

        count = self.messages // 40
        sender = EmailSender(host=HOST, port=self.port, use_starttls=False)
        with sender:  # it gives nothing to a name behind "as"
            for _ in range(count):
                sender.send(sender=SENDER, receivers=[TO], subject="x", text=self.text)
        return count

    def yagmail(self) -> int:
        """Compose and send with yagmail over one connection."""
        import yagmail

        count = self.messages // 40
        client = yagmail.SMTP(
            SENDER,
            host=HOST,
            port=self.port,
            smtp_starttls=False,
            smtp_ssl=False,
            smtp_skip_login=True,
        )
        for _ in range(count):
            client.send(to=TO, subject="x", contents=self.text)
        client.close()
        return count

    def one_smtplib(self) -> int:
        """Send one EmailMessage over one connection, again and again, with smtplib."""
        count = self.messages // 20
        for _ in range(count):
            with smtplib.SMTP(HOST, self.port, local_hostname="localhost") as client:
                client.send_message(self.message)
        return count

    def one_send(self) -> int:
        """The same with `send`: prepared, checked, and with its transcript."""
        count = self.messages // 20
        for _ in range(count):
            lab.send(self.message, profile=self.profile, book=self.book)
        return count


CASES: dict[str, tuple[Callable[[Bench], int], str]] = {
    SOURCE: (Bench.smtp_source, ""),
    "send_many, prepared": (Bench.send_many, ""),
    "send_many, EmailMessage": (Bench.send_many_whole, ""),
    "smtplib, a connection each": (Bench.smtplib_each, ""),
    "smtplib, one kept": (Bench.smtplib_kept, ""),
    "smtplib, four threads": (Bench.smtplib_threads, ""),
    "smtplib, EmailMessage, kept": (Bench.letters_kept, ""),
    "smtplib, EmailMessage, threads": (Bench.letters_threads, ""),
    "aiosmtplib": (Bench.aiosmtplib, "aiosmtplib"),
    "redmail": (Bench.redmail, "redmail"),
    "yagmail": (Bench.yagmail, "yagmail"),
    "one by one: smtplib": (Bench.one_smtplib, ""),
    "one by one: send": (Bench.one_send, ""),
}
OURS = ("send_many, prepared", "send_many, EmailMessage")
LETTERS = ("smtplib, EmailMessage, kept", "smtplib, EmailMessage, threads")
SINGLE = ("one by one: smtplib", "one by one: send")


def main() -> None:
    """Print messages a second, and the ratios the goals are about."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=8000, help="of a fast case, each round")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--size", type=int, default=4096, help="octets of a message")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for tool in ("smtp-sink", SOURCE):
        if not _tool(tool):
            sys.exit(f"{tool} is not installed; on Debian and Ubuntu: apt-get install postfix")
    here = {name: case for name, (case, needs) in CASES.items() if _installed(needs)}
    for name, (_, needs) in CASES.items():
        if name not in here:
            print(f"left out: {name}; install it with pip install {needs}")
    with tempfile.TemporaryDirectory() as folder, _sink() as port:
        bench = Bench(port, options, Path(folder))
        for case in here.values():
            case(bench)  # the first run imports and compiles
        rounds = [
            {name: _speed(case, bench) for name, case in here.items()}
            for _ in range(options.rounds)
        ]
    print(
        f"\n{options.messages} messages of {len(bench.made.raw)} octets, "
        f"{options.connections} connections, {options.rounds} rounds, {os.cpu_count()} cores\n"
    )
    _show(rounds)


def _show(rounds: list[dict[str, float]]) -> None:
    base = "smtplib, four threads"
    print(f"{'':32}{'messages/s':>12}{'x smtp-source':>16}{'x smtplib x 4':>16}")
    for name in rounds[0]:
        speed = statistics.median(one[name] for one in rounds)
        ratios = "".join(f"{_ratio(rounds, name, other):16.2f}" for other in (SOURCE, base))
        print(f"{name:32}{speed:12,.0f}{ratios}")
    others = [n for n in rounds[0] if n not in (*OURS, *SINGLE, *LETTERS, SOURCE)]
    fastest = max(others, key=lambda name: _ratio(rounds, name, SOURCE))
    quickest = max(LETTERS, key=lambda name: _ratio(rounds, name, SOURCE))
    print()
    for what, ratio, goal in (
        (f"send_many / {SOURCE}", _ratio(rounds, OURS[0], SOURCE), "at least 0.6"),
        (f"send_many / {fastest}", _ratio(rounds, OURS[0], fastest), "at least 2"),
        (f"send_many, EmailMessage / {SOURCE}", _ratio(rounds, OURS[1], SOURCE), "at least 0.6"),
        (f"… / {quickest}", _ratio(rounds, OURS[1], quickest), "at least 2"),
        ("cost of send / smtplib", _ratio(rounds, *SINGLE), "at most 1.3"),
    ):
        print(f"{what:40}{ratio:6.2f}   (goal: {goal})")


def _ratio(rounds: list[dict[str, float]], name: str, base: str) -> float:
    """The median of the ratio inside a round."""
    return statistics.median(one[name] / one[base] for one in rounds)


def _speed(case: Callable[[Bench], int], bench: Bench) -> float:
    gc.collect()
    begin = time.perf_counter()
    count = case(bench)
    return count / (time.perf_counter() - begin)


def _message(text: str, number: int | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = TO if number is None else f"Bob {number} <bob{number}@example.org>"
    message["Subject"] = "x" if number is None else f"Report {number}: all is well"
    message.set_content(text)
    return message


def _tool(name: str) -> str:
    """The path of *name*, which is seldom on the path of a plain user; empty without it."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])) or ""


def _installed(module: str) -> bool:
    return not module or importlib.util.find_spec(module) is not None


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    """Run smtp-sink on a free port of this machine."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([_tool("smtp-sink"), *user, f"{HOST}:{port}", "256"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
